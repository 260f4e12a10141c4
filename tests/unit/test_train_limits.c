/* Deadlines, work limits, caps, cutoffs and callers that end a training. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "toolbox/run.h"
#include "train_world.h"

static double seconds_since(int64_t start)
{
    return (double)(hone_clock() - start) * 1e-9;
}

static void a_deadline_keeps_the_best_state_so_far(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_CLASSIFICATION, NULL);
    for (int k = 0; k < 3; k++) {
        /* one fit with a state; folds; no state yet */
        const hone_options options = {.size = sizeof options,
                                      .deadline = 0.05,
                                      .validation =
                                          k == 1 ? HONE_VALIDATE_FOLDS : HONE_VALIDATE_AUTO};
        const int64_t start = hone_clock();
        hone_result *r = trained(d, k == 2 ? SLOW(100000, 100000) : SLOW(100000, 1), 1, &options);
        assert_true(seconds_since(start) < 1);
        assert_int_equal(hone_result_end(r), HONE_END_DEADLINE);
        assert_true(isfinite(hone_result_loss(r)) && hone_result_loss(r) < -0.2);
        assert_true((number(r, "constant") == 1) == (k == 2));
        assert_non_null(strstr(hone_result_json(r), "\"status\":\"deadline\""));
        hone_result_free(r);
    }
    hone_dataset_free(d);
}

static void folds_that_a_deadline_cut_do_not_count_beside_whole_ones(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_CLASSIFICATION, NULL);
    hone_result *r = trained(d, SLOW(40, 1), 1,
                             OPTIONS(.deadline = 0.15, .validation = HONE_VALIDATE_FOLDS,
                                     .folds = 50, .keep_model = true));
    assert_int_equal(hone_result_end(r), HONE_END_DEADLINE);
    assert_true(hone_result_number(r, "iterations", 0) == 40);
    assert_true(isnan(hone_result_number(r, "iterations", 20)));
    assert_non_null(hone_result_model(r));
    assert_non_null(strstr(hone_result_json(r), "\"refit\":false"));
    hone_result_free(r);
    hone_dataset_free(d);
}

static void a_work_limit_stops_at_the_same_place_on_any_threads(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_CLASSIFICATION, NULL);
    for (int threads = 1; threads <= 7; threads += 3) {
        hone_result *r =
            trained(d, SLOW(1000, 1), 1, OPTIONS(.work_limit = 20000, .threads = threads));
        assert_int_equal(hone_result_end(r), HONE_END_WORK_LIMIT);
        assert_true(hone_result_number(r, "iterations", 0) == 20);
        hone_result_free(r);
    }
    hone_dataset_free(d);
}

static void a_work_limit_stops_at_the_same_place_with_a_cold_and_a_warm_cache(void **state)
{
    (void)state;
    hone_dataset *warm = data(HONE_CLASSIFICATION, NULL);
    const char *json = "{\"model\": \"slow\", \"steps\": 9, \"share\": true}";
    hone_result_free(trained(warm, json, 1, NULL));
    for (int64_t limit = 4000; limit <= 16000; limit += 2000) {
        hone_dataset *cold = data(HONE_CLASSIFICATION, NULL);
        hone_result *a = trained(cold, json, 1, OPTIONS(.work_limit = limit));
        hone_result *b = trained(warm, json, 1, OPTIONS(.work_limit = limit));
        assert_int_equal(hone_result_end(a), limit <= 14000 ? HONE_END_WORK_LIMIT : HONE_END_OK);
        assert_true(number(a, "constant") == (limit <= 5000));
        assert_same(a, b);
        hone_result_free(a);
        hone_result_free(b);
        hone_dataset_free(cold);
    }
    hone_dataset_free(warm);
}

typedef struct stopper {
    int32_t cancel;
    int calls;
} stopper;

static void *stop_soon(void *context)
{
    usleep(30000);
    __atomic_store_n(&((stopper *)context)->cancel, 1, __ATOMIC_RELAXED);
    return NULL;
}

static bool stop_at_second_poll(void *context)
{
    return ++((stopper *)context)->calls >= 2;
}

static void cancel_and_poll_stop_a_run(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_CLASSIFICATION, NULL);
    for (int k = 0; k < 2; k++) {
        stopper s = {0};
        pthread_t thread;
        const hone_options options = {.size = sizeof options,
                                      .cancel = k ? NULL : &s.cancel,
                                      .poll = k ? stop_at_second_poll : NULL,
                                      .context = &s};
        if (!k)
            pthread_create(&thread, NULL, stop_soon, &s);
        hone_result *r = NULL;
        hone_error error;
        const int64_t start = hone_clock();
        assert_int_equal(train_on(d, SLOW(100000, 1), 1, &options, &r, &error), HONE_STOPPED);
        assert_true(seconds_since(start) < 1);
        assert_null(r);
        if (!k)
            pthread_join(thread, NULL);
    }
    hone_dataset_free(d);
}

static void a_cancel_after_a_fold_gives_the_folds_that_were_finished(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_CLASSIFICATION, NULL);
    stopper s = {0};
    pthread_t thread;
    pthread_create(&thread, NULL, stop_soon, &s);
    hone_result *r = trained(d, SLOW(5, 1), 1,
                             OPTIONS(.validation = HONE_VALIDATE_FOLDS, .folds = 50,
                                     .cancel = &s.cancel, .keep_model = true));
    pthread_join(thread, NULL);
    assert_int_equal(hone_result_end(r), HONE_END_CANCELLED);
    assert_true(isfinite(hone_result_loss(r)));
    assert_non_null(hone_result_model(r));
    hone_result_free(r);
    hone_dataset_free(d);
}

static void folds_stop_when_the_cutoff_is_out_of_reach(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_CLASSIFICATION, NULL);
    const hone_options whole = {
        .size = sizeof whole, .validation = HONE_VALIDATE_FOLDS, .folds = 5, .keep_model = true};
    hone_result *r = trained(d, CENTROID, 1, &whole);
    double best = 0;
    int expected = 5;
    const double cutoff = -0.97;
    for (int f = 4; f >= 0; f--) {
        best = 0;
        for (int g = 0; g <= f; g++)
            best += hone_result_number(r, "loss", g) / 5;
        best -= (4 - f) / 5.;
        if (best >= cutoff)
            expected = f + 1;
    }
    assert_true(expected < 5); /* the test needs data that are hard enough */
    hone_result_free(r);
    hone_options limited = whole;
    limited.cutoff = &cutoff;
    r = trained(d, CENTROID, 1, &limited);
    assert_int_equal(hone_result_end(r), HONE_END_CUTOFF);
    assert_true(isnan(hone_result_number(r, "loss", expected)));
    assert_false(isnan(hone_result_number(r, "loss", expected - 1)));
    assert_null(hone_result_model(r));
    hone_result_free(r);
    const double easy = -0.01;
    limited.cutoff = &easy;
    r = trained(d, CENTROID, 1, &limited);
    assert_int_equal(hone_result_end(r), HONE_END_OK);
    assert_non_null(hone_result_model(r));
    hone_result_free(r);
    hone_dataset_free(d);
}

typedef struct jury {
    int32_t calls, last, folds;
    double loss[8];
} jury;

static bool hear(void *context, int32_t done, int32_t folds, double loss)
{
    jury *j = context;
    assert_int_equal(done, j->calls + 1);
    j->folds = folds;
    j->loss[j->calls++] = loss;
    return done == j->last;
}

static void folds_are_told_as_they_are_judged_and_the_caller_may_end_there(void **state)
{
    (void)state;
    char folder[] = "/tmp/hone-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    hone_dataset *d = data(HONE_CLASSIFICATION, NULL);
    jury all = {0}, some = {.last = 2}, one = {0};
    hone_options o = {.size = sizeof o,
                      .validation = HONE_VALIDATE_FOLDS,
                      .folds = 5,
                      .judged = hear,
                      .context = &all};
    hone_result *r = trained(d, CENTROID, 1, &o);
    assert_int_equal(all.calls, 5);
    assert_int_equal(all.folds, 5);
    assert_true(all.loss[0] == hone_result_number(r, "loss", 0));
    assert_float_equal(all.loss[4], hone_result_loss(r), 1e-15);
    hone_result_free(r);
    o.context = &some, o.model_dir = folder, o.keep_model = true;
    r = trained(d, CENTROID, 1, &o);
    assert_int_equal(some.calls, 2);
    assert_int_equal(hone_result_end(r), HONE_END_CUTOFF);
    assert_float_equal(hone_result_loss(r), all.loss[1], 1e-15);
    assert_null(hone_result_model(r));
    assert_null(strstr(hone_result_json(r), "\"cutoff\":"));
    assert_int_equal(rmdir(folder), 0);
    hone_result_free(r);
    r = trained(d, CENTROID, 1,
                &((hone_options){.size = sizeof o, .judged = hear, .context = &one}));
    assert_int_equal(one.calls, 1);
    assert_true(one.folds == 1 && one.loss[0] == hone_result_loss(r));
    hone_result_free(r);
    hone_dataset_free(d);
}

static void a_memory_cap_is_kept_or_refused_and_harms_nothing(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_CLASSIFICATION, NULL);
    hone_result *r = trained(d, CENTROID, 1, NULL);
    const double peak = number(r, "peak_bytes"), loss = hone_result_loss(r);
    hone_result_free(r);
    int refused = 0;
    for (int k = 1; k <= 100; k++) {
        hone_error error;
        const hone_status status =
            train_on(d, CENTROID, 1, OPTIONS(.memory_cap = (int64_t)(peak * k / 100), .threads = 1),
                     &r, &error);
        assert_true(status == HONE_OK || status == HONE_NO_MEMORY);
        refused += status != HONE_OK;
        if (!status)
            assert_true(hone_result_loss(r) == loss);
        hone_result_free(r);
    }
    assert_true(refused > 50 && refused < 100);
    hone_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadline_keeps_the_best_state_so_far),
        cmocka_unit_test(folds_that_a_deadline_cut_do_not_count_beside_whole_ones),
        cmocka_unit_test(a_work_limit_stops_at_the_same_place_on_any_threads),
        cmocka_unit_test(a_work_limit_stops_at_the_same_place_with_a_cold_and_a_warm_cache),
        cmocka_unit_test(cancel_and_poll_stop_a_run),
        cmocka_unit_test(a_cancel_after_a_fold_gives_the_folds_that_were_finished),
        cmocka_unit_test(folds_stop_when_the_cutoff_is_out_of_reach),
        cmocka_unit_test(folds_are_told_as_they_are_judged_and_the_caller_may_end_there),
        cmocka_unit_test(a_memory_cap_is_kept_or_refused_and_harms_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
