/* The same bits at any number of threads, beside other trainings and in a list. */
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

#include "train_world.h"

static void any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    const int threads[] = {1, 2, 3, 7};
    hone_result *first = NULL;
    for (int k = 0; k < 4; k++) {
        hone_dataset *d = data(HONE_REGRESSION, NULL);
        hone_result *r = trained(
            d, CENTROID, 9,
            OPTIONS(.threads = threads[k], .validation = HONE_VALIDATE_FOLDS, .keep_model = true));
        assert_true(number(r, "threads") == threads[k]);
        if (first) {
            assert_same(first, r);
            hone_result_free(r);
        } else {
            first = r;
        }
        hone_dataset_free(d);
    }
    hone_result_free(first);
}

static void a_limit_that_is_not_reached_changes_no_bit(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_REGRESSION, NULL);
    hone_result *a = trained(d, CENTROID, 9, NULL);
    hone_result *b = trained(d, CENTROID, 9, OPTIONS(.deadline = 1e6));
    hone_result *c = trained(d, CENTROID, 9, OPTIONS(.work_limit = INT64_C(1) << 60));
    assert_same(a, b);
    assert_same(a, c);
    hone_result_free(a);
    hone_result_free(b);
    hone_result_free(c);
    hone_dataset_free(d);
}

typedef struct concurrent {
    hone_dataset *dataset;
    uint64_t seed;
    hone_result *result;
} concurrent;

static void *train_one(void *context)
{
    concurrent *c = context;
    c->result = trained(c->dataset, CENTROID, c->seed, OPTIONS(.threads = 1));
    return NULL;
}

static void eight_trainings_at_once_equal_the_serial_ones(void **state)
{
    (void)state;
    hone_dataset *shared = data(HONE_REGRESSION, NULL);
    concurrent c[8];
    pthread_t thread[8];
    for (int i = 0; i < 8; i++) {
        c[i] = (concurrent){shared, (uint64_t)i / 2, NULL};
        pthread_create(&thread[i], NULL, train_one, &c[i]);
    }
    for (int i = 0; i < 8; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < 8; i++) {
        hone_dataset *alone = data(HONE_REGRESSION, NULL);
        hone_result *r = trained(alone, CENTROID, c[i].seed, NULL);
        assert_same(r, c[i].result);
        hone_result_free(r);
        hone_result_free(c[i].result);
        hone_dataset_free(alone);
    }
    hone_dataset_free(shared);
}

/* ---- many ---- */

enum { MANY = 12 };

typedef struct seen {
    int calls;
    bool by_trial[MANY];
    pthread_t caller;
    int32_t cancel;
    int cancel_after;
    int lines;
    double fraction;
} seen;

static void note_done(void *context, int64_t trial, const hone_result *r)
{
    seen *s = context;
    assert_true(pthread_equal(pthread_self(), s->caller));
    assert_false(s->by_trial[trial]);
    assert_non_null(hone_result_json(r));
    s->by_trial[trial] = true;
    if (++s->calls == s->cancel_after)
        s->cancel = 1;
}

static void count_lines(void *context, int level, const char *line)
{
    seen *s = context;
    assert_true(pthread_equal(pthread_self(), s->caller));
    assert_true(level >= HONE_WARNING && level <= HONE_DEBUG && *line);
    s->lines++;
}

static void note_progress(void *context, const char *stage, double fraction, double eta)
{
    seen *s = context;
    assert_true(fraction >= s->fraction && fraction <= 1 && eta >= 0 && *stage);
    s->fraction = fraction;
}

static void many_trials_give_what_single_calls_give(void **state)
{
    (void)state;
    const char *json[] = {CENTROID, "{\"model\": \"centroid\", \"limit\": 90}",
                          "{\"model\": \"centroid\", \"limit\": 1000000000}",
                          "{\"model\": \"nosuch\"}"};
    hone_config *configs[MANY];
    uint64_t seeds[MANY];
    for (int i = 0; i < MANY; i++) {
        hone_error error;
        if (i % 4 == 3)
            assert_int_equal(hone_config_new(&configs[i], &error), HONE_OK);
        else
            configs[i] = config(json[i % 4]);
        seeds[i] = (uint64_t)i / 4;
    }
    for (int threads = 1; threads <= 5; threads += 2) {
        hone_dataset *d = data(HONE_CLASSIFICATION, NULL);
        hone_result *results[MANY];
        seen s = {.caller = pthread_self()};
        hone_error error = {0};
        const hone_options options = {.size = sizeof options,
                                      .threads = threads,
                                      .log = count_lines,
                                      .progress = note_progress,
                                      .context = &s};
        assert_int_equal(hone_train_many((const hone_config *const *)configs, seeds, MANY, d,
                                         &options, note_done, results, &error),
                         HONE_OK);
        assert_int_equal(s.calls, MANY);
        assert_true(s.lines > MANY && s.fraction == 1);
        for (int i = 0; i < MANY; i++) {
            hone_result *single = NULL;
            const hone_status status =
                hone_train_full(configs[i], d, seeds[i], NULL, &single, &error);
            assert_int_equal(hone_result_status(results[i], &error), status);
            if (status)
                assert_string_equal(error.path, "config.model");
            else
                assert_same(single, results[i]);
            hone_result_free(single);
            hone_result_free(results[i]);
        }
        hone_dataset_free(d);
    }
    for (int i = 0; i < MANY; i++)
        hone_config_free(configs[i]);
}

static void many_trials_can_be_cancelled(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_CLASSIFICATION, NULL);
    hone_config *c = config(SLOW(30, 1));
    const hone_config *configs[MANY];
    for (int i = 0; i < MANY; i++)
        configs[i] = c;
    for (int threads = 1; threads <= 2; threads++) {
        seen s = {.caller = pthread_self(), .cancel_after = 3};
        hone_result *results[MANY];
        hone_error error;
        const hone_options options = {
            .size = sizeof options, .threads = threads, .cancel = &s.cancel, .context = &s};
        assert_int_equal(
            hone_train_many(configs, NULL, MANY, d, &options, note_done, results, &error),
            HONE_STOPPED);
        assert_true(s.calls >= 3 && s.calls < MANY);
        int given = 0;
        for (int i = 0; i < MANY; i++) {
            given += results[i] != NULL;
            assert_true((results[i] != NULL) == s.by_trial[i]);
            hone_result_free(results[i]);
        }
        assert_int_equal(given, s.calls);
    }
    hone_config_free(c);
    hone_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(a_limit_that_is_not_reached_changes_no_bit),
        cmocka_unit_test(eight_trainings_at_once_equal_the_serial_ones),
        cmocka_unit_test(many_trials_give_what_single_calls_give),
        cmocka_unit_test(many_trials_can_be_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
