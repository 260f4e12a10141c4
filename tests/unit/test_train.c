/* The call: validation, limits, cancel, models, reproducibility. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "call.h"
#include "toolbox/random.h"
#include "toolbox/run.h"
#include "toys.h"

enum { N = 150, D = 4 };

/* Three overlapping groups; the amount depends on the first column. */
static hone_dataset *data(hone_task task, hone_dataset_options *more)
{
    static double x[N * D];
    static int32_t label[N];
    static double amount[N];
    hone_stream s = hone_stream_of(7, 0, 0);
    for (int i = 0; i < N; i++) {
        label[i] = i % 3;
        for (int j = 0; j < D; j++)
            x[i * D + j] = hone_uniform(&s) * 4 + (j == i % 3 ? 2 : 0);
        amount[i] = 100 + 2 * x[i * D] + hone_uniform(&s);
    }
    hone_dataset_options options = more ? *more : (hone_dataset_options){0};
    options.size = sizeof options, options.task = task;
    const hone_vector y = task == HONE_CLASSIFICATION ? (hone_vector){label, HONE_I32, 1, NULL, 0}
                                                      : (hone_vector){amount, HONE_F64, 1, NULL, 0};
    hone_dataset *d = NULL;
    hone_error error = {0};
    if (hone_dataset_dense(x, HONE_F64, N, D, D, 1, y, &options, &d, &error))
        fail_msg("%s: %s", error.path, error.message);
    return d;
}

static hone_config *config(const char *json)
{
    return config_with((const hone_algorithm *const[]){&toy_centroid, &toy_slow, NULL}, json);
}

static hone_status train_on(hone_dataset *d, const char *json, uint64_t seed,
                            const hone_options *options, hone_result **result, hone_error *error)
{
    hone_config *c = config(json);
    const hone_status status = hone_train_full(c, d, seed, options, result, error);
    hone_config_free(c);
    return status;
}

/* A training that must succeed. */
static hone_result *trained(hone_dataset *d, const char *json, uint64_t seed,
                            const hone_options *options)
{
    return train_well(d, config(json), seed, options);
}

#define OPTIONS(...) (&(hone_options){.size = sizeof(hone_options), __VA_ARGS__})
#define CENTROID "{\"model\": \"centroid\", \"prep:scale\": \"standard\"}"

static double number(const hone_result *r, const char *name)
{
    return hone_result_number(r, name, -1);
}

/* The part of the JSON that is under the promise. */
static size_t record_length(const char *json)
{
    return (size_t)(strstr(json, "\"model_path\"") - json);
}

static void assert_same(const hone_result *a, const hone_result *b)
{
    const char *x = hone_result_json(a), *y = hone_result_json(b);
    assert_int_equal(record_length(x), record_length(y));
    assert_memory_equal(x, y, record_length(x));
}

/* ---- validation ---- */

static void every_validation_gives_a_finite_loss_over_its_rows(void **state)
{
    (void)state;
    const int64_t rows[] = {0, 5, 7, 100};
    const hone_options cases[] = {
        {.size = sizeof(hone_options)},
        {.size = sizeof(hone_options), .holdout = 0.4},
        {.size = sizeof(hone_options), .validation = HONE_VALIDATE_FOLDS, .folds = 3},
        {.size = sizeof(hone_options),
         .validation = HONE_VALIDATE_ROWS,
         .valid_rows = rows,
         .n_valid_rows = 4},
        {.size = sizeof(hone_options), .validation = HONE_VALIDATE_OOB},
        {.size = sizeof(hone_options), .validation = HONE_VALIDATE_NONE}};
    const double judged[] = {38, 60, 150, 4, 100, 150}, fitted[] = {112, 90, 100, 146, 150, 150};
    for (int task = 1; task <= 2; task++)
        for (int k = 0; k < 6; k++) {
            hone_dataset *d = data((hone_task)task, NULL);
            hone_result *r = trained(d, CENTROID, 1, &cases[k]);
            assert_true(isfinite(hone_result_loss(r)));
            assert_true(fabs(number(r, "judged_rows") - judged[k]) <= 2);
            assert_true(fabs(number(r, "trained_rows") - fitted[k]) <= 2);
            assert_int_equal(hone_result_end(r), HONE_END_OK);
            if (task == HONE_CLASSIFICATION)
                assert_true(hone_result_loss(r) == -number(r, "accuracy"));
            else
                assert_true(hone_result_loss(r) == number(r, "rmse") && hone_result_loss(r) < 1);
            hone_result_free(r);
            hone_dataset_free(d);
        }
}

static void the_loss_of_folds_is_their_mean(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_REGRESSION, NULL);
    hone_result *r =
        trained(d, CENTROID, 3, OPTIONS(.validation = HONE_VALIDATE_FOLDS, .folds = 4));
    double sum = 0;
    for (int f = 0; f < 4; f++)
        sum += hone_result_number(r, "rmse", f);
    assert_true(hone_result_loss(r) == sum / 4);
    assert_true(isnan(hone_result_number(r, "rmse", 4)));
    hone_result_free(r);
    hone_dataset_free(d);
}

static void validation_rows_of_their_own_are_judged_in_the_classes_of_the_training(void **state)
{
    (void)state;
    hone_dataset *valid = data(HONE_CLASSIFICATION, NULL);
    hone_dataset *d = data(HONE_CLASSIFICATION, &(hone_dataset_options){.valid = valid});
    hone_result *own = trained(d, CENTROID, 1, NULL);
    hone_result *none = trained(valid, CENTROID, 1, OPTIONS(.validation = HONE_VALIDATE_NONE));
    assert_int_equal((int)number(own, "trained_rows"), N);
    assert_true(hone_result_loss(own) == hone_result_loss(none));
    hone_error error;
    double scores[N * 3];
    hone_result *r;
    for (int v = HONE_VALIDATE_AUTO + 1; v <= HONE_VALIDATE_NONE; v++) {
        const int64_t row = 0;
        hone_options o = {.size = sizeof o, .validation = (hone_validation)v};
        if (v == HONE_VALIDATE_ROWS)
            o.valid_rows = &row, o.n_valid_rows = 1;
        assert_int_equal(train_on(d, CENTROID, 1, &o, &r, &error), HONE_BAD_ARGUMENT);
        assert_string_equal(error.path, "options.validation");
    }
    assert_int_equal(train_on(d, CENTROID, 1, OPTIONS(.out_of_fold = scores), &r, &error),
                     HONE_BAD_ARGUMENT);
    assert_string_equal(error.path, "options.out_of_fold");
    hone_result_free(own);
    hone_result_free(none);
    hone_dataset_free(d);
    hone_dataset_free(valid);
}

static void a_scaled_target_is_undone_before_the_loss(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_REGRESSION, NULL);
    double loss[2];
    for (int k = 0; k < 2; k++) {
        double *scores = calloc(N, sizeof *scores);
        hone_result *r = trained(d,
                                 k ? "{\"model\": \"centroid\", \"prep:target\": \"standard\"}"
                                   : "{\"model\": \"centroid\", \"prep:target\": \"none\"}",
                                 1, OPTIONS(.out_of_fold = scores));
        loss[k] = hone_result_loss(r);
        for (int i = 0; i < N; i++)
            assert_true(isnan(scores[i]) || fabs(scores[i] - 106) < 20);
        hone_result_free(r);
        free(scores);
    }
    assert_true(fabs(loss[0] - loss[1]) < 1e-9);
    hone_dataset_free(d);
}

static void out_of_fold_holds_every_row_of_a_fold_and_nothing_else(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_CLASSIFICATION, NULL);
    double scores[N * 3];
    hone_result_free(
        trained(d, CENTROID, 1,
                OPTIONS(.validation = HONE_VALIDATE_FOLDS, .folds = 5, .out_of_fold = scores)));
    for (int i = 0; i < N * 3; i++)
        assert_true(isfinite(scores[i]));
    const int64_t rows[] = {3, 149};
    hone_result_free(trained(d, CENTROID, 1,
                             OPTIONS(.validation = HONE_VALIDATE_ROWS, .valid_rows = rows,
                                     .n_valid_rows = 2, .out_of_fold = scores)));
    for (int i = 0; i < N; i++)
        assert_true(isnan(scores[i * 3]) == (i != 3 && i != 149));
    hone_dataset_free(d);
}

static void a_metric_of_probabilities_switches_them_on_or_is_refused(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_CLASSIFICATION, NULL);
    hone_result *r = trained(d, CENTROID, 1, OPTIONS(.metric = "log_loss", .keep_model = true));
    assert_true(hone_result_loss(r) > 0);
    assert_non_null(strstr(hone_result_json(r), "\"adjusted\":{\"centroid:probability\":true"));
    assert_non_null(strstr(hone_result_json(r), "\"centroid:probability\": true"));
    assert_true(hone_model_has_probabilities(hone_result_model(r)));
    hone_result_free(r);
    r = trained(d, CENTROID, 1, NULL);
    assert_true(isnan(number(r, "log_loss"))); /* margins */
    hone_result_free(r);
    hone_error error;
    assert_int_equal(train_on(d, CENTROID, 1, OPTIONS(.metric = "rmse"), &r, &error),
                     HONE_BAD_ARGUMENT);
    assert_string_equal(error.path, "options.metric");
    hone_dataset_free(d);
}

/* ---- what is refused ---- */

static void options_that_make_no_sense_are_refused_by_name(void **state)
{
    (void)state;
    const int64_t rows[] = {5, 5};
    const struct {
        hone_options options;
        const char *path;
    } cases[] = {
        {{.size = sizeof(hone_options), .threads = -1}, "options.threads"},
        {{.size = sizeof(hone_options), .budget = 1.5}, "options.budget"},
        {{.size = sizeof(hone_options), .budget = NAN}, "options.budget"},
        {{.size = sizeof(hone_options), .deadline = -1}, "options.deadline"},
        {{.size = sizeof(hone_options), .memory_cap = -1}, "options.memory_cap"},
        {{.size = sizeof(hone_options), .work_limit = -1}, "options.work_limit"},
        {{.size = sizeof(hone_options), .cutoff = &(const double){NAN}}, "options.cutoff"},
        {{.size = sizeof(hone_options), .holdout = 1}, "options.holdout"},
        {{.size = sizeof(hone_options), .folds = 3}, "options.folds"},
        {{.size = sizeof(hone_options), .validation = HONE_VALIDATE_FOLDS, .folds = INT32_MAX},
         "options.folds"},
        {{.size = sizeof(hone_options), .validation = (hone_validation)9}, "options.validation"},
        {{.size = sizeof(hone_options), .validation = HONE_VALIDATE_ROWS}, "options.valid_rows"},
        {{.size = sizeof(hone_options),
          .validation = HONE_VALIDATE_ROWS,
          .valid_rows = rows,
          .n_valid_rows = 2},
         "options.valid_rows[1]"},
        {{.size = sizeof(hone_options), .metric = "speed"}, "options.metric"},
        {{.size = 0}, "options.size"},
    };
    hone_dataset *d = data(HONE_CLASSIFICATION, NULL);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        hone_error error = {0};
        hone_result *r = (hone_result *)1;
        assert_int_equal(train_on(d, CENTROID, 1, &cases[k].options, &r, &error),
                         HONE_BAD_ARGUMENT);
        assert_string_equal(error.path, cases[k].path);
        assert_null(r);
    }
    hone_dataset_free(d);
}

static void a_model_without_out_of_bag_rows_refuses_that_validation(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_CLASSIFICATION, NULL);
    hone_error error;
    hone_result *r;
    assert_int_equal(train_on(d, "{\"model\": \"slow\"}", 1,
                              OPTIONS(.validation = HONE_VALIDATE_OOB), &r, &error),
                     HONE_UNSUPPORTED);
    assert_string_equal(error.path, "options.validation");
    hone_dataset_free(d);
}

static void one_row_needs_no_validation(void **state)
{
    (void)state;
    const double x[] = {1, 2}, y[] = {3.5};
    hone_dataset *d;
    hone_error error;
    const hone_dataset_options options = {.size = sizeof options, .task = HONE_REGRESSION};
    assert_int_equal(hone_dataset_dense(x, HONE_F64, 1, 2, 2, 1,
                                        (hone_vector){y, HONE_F64, 1, NULL, 0}, &options, &d,
                                        &error),
                     HONE_OK);
    hone_result *r;
    assert_int_equal(train_on(d, CENTROID, 1, NULL, &r, &error), HONE_BAD_DATA);
    r = trained(d, CENTROID, 1, OPTIONS(.validation = HONE_VALIDATE_NONE));
    assert_true(fabs(hone_result_loss(r)) < 1e-9);
    hone_result_free(r);
    hone_dataset_free(d);
}

static void values_that_the_data_change_are_listed_and_strict_runs_refuse_them(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_CLASSIFICATION, NULL);
    const char *json = "{\"model\": \"centroid\", \"limit\": 1000, \"slow:steps\": 3}";
    hone_result *r = trained(d, json, 1, NULL);
    assert_non_null(strstr(hone_result_json(r), "\"adjusted\":{\"centroid:limit\":112}"));
    assert_non_null(strstr(hone_result_json(r), "\"inactive\":{\"slow:steps\":"));
    hone_result_free(r);
    hone_error error;
    assert_int_equal(train_on(d, json, 1, OPTIONS(.strict = true), &r, &error), HONE_BAD_CONFIG);
    assert_string_equal(error.path, "config.slow:steps");
    assert_int_equal(train_on(d, "{\"model\": \"centroid\", \"limit\": 1000}", 1,
                              OPTIONS(.strict = true), &r, &error),
                     HONE_BAD_CONFIG);
    assert_string_equal(error.path, "config.centroid:limit");
    hone_dataset_free(d);
}

/* ---- limits ---- */

#define SLOW(steps, first) "{\"model\": \"slow\", \"steps\": " #steps ", \"first\": " #first "}"

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

/* ---- budget ---- */

static void a_budget_scales_the_fidelity_or_takes_a_prefix_of_the_training_rows(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_CLASSIFICATION, NULL);
    hone_result *r = trained(d, SLOW(20, 1), 1, OPTIONS(.budget = 0.25));
    assert_true(number(r, "iterations") == 5);
    assert_true(number(r, "trained_rows") > 100);
    assert_non_null(strstr(hone_result_json(r), "\"slow:steps\": 5"));
    hone_result_free(r);
    r = trained(d, CENTROID, 1, OPTIONS(.budget = 0.25, .keep_model = true));
    assert_true(hone_result_number(r, "trained_rows", 0) == 28);
    assert_true(number(r, "judged_rows") >= 37);  /* validation rows never change */
    assert_true(number(r, "trained_rows") == 38); /* of the refit: a quarter of all */
    hone_result_free(r);
    hone_dataset_free(d);
}

/* ---- models ---- */

static int files_in(const char *directory)
{
    DIR *dir = opendir(directory);
    int n = 0;
    for (struct dirent *e; dir && (e = readdir(dir));)
        n += e->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return n;
}

static void the_saved_model_is_fitted_on_all_rows_unless_told_otherwise(void **state)
{
    (void)state;
    char directory[] = "/tmp/hone-train-XXXXXX";
    assert_non_null(mkdtemp(directory));
    hone_dataset *d = data(HONE_CLASSIFICATION, NULL);
    for (int k = 0; k < 3; k++) {
        const hone_options options = {.size = sizeof options,
                                      .model_dir = directory,
                                      .no_refit = k == 1,
                                      .validation =
                                          k == 2 ? HONE_VALIDATE_NONE : HONE_VALIDATE_AUTO};
        hone_result *r = trained(d, CENTROID, 1, &options);
        assert_true(number(r, "trained_rows") == (k == 1 ? 112 : N));
        assert_non_null(strstr(hone_result_json(r), k == 0 ? "\"refit\":true" : "\"refit\":false"));
        const hone_algorithm *const own[] = {&toy_centroid, NULL};
        const hone_load_options load = {.size = sizeof load, .algorithms = own};
        hone_model *model = NULL;
        hone_error error = {0};
        if (hone_model_load(hone_result_model_path(r), &load, &model, &error))
            fail_msg("%s: %s", error.path, error.message);
        double a[N], b[N];
        assert_int_equal(hone_model_predict(model, d, HONE_LABELS, NULL, a, &error), HONE_OK);
        assert_int_equal(hone_model_predict(hone_result_model(r), d, HONE_LABELS, NULL, b, &error),
                         HONE_OK);
        assert_memory_equal(a, b, sizeof a);
        assert_int_equal(unlink(hone_result_model_path(r)), 0);
        hone_model_free(model);
        hone_result_free(r);
    }
    assert_int_equal(files_in(directory), 0);
    rmdir(directory);
    hone_dataset_free(d);
}

static void a_failed_training_leaves_no_file(void **state)
{
    (void)state;
    char directory[] = "/tmp/hone-train-XXXXXX";
    assert_non_null(mkdtemp(directory));
    hone_dataset *d = data(HONE_CLASSIFICATION, NULL);
    hone_error error;
    hone_result *r;
    assert_int_equal(train_on(d, "{\"model\": \"centroid\", \"limit\": 1000}", 1,
                              OPTIONS(.strict = true, .model_dir = directory), &r, &error),
                     HONE_BAD_CONFIG);
    assert_int_equal(files_in(directory), 0);
    rmdir(directory);
    assert_int_equal(train_on(d, CENTROID, 1, OPTIONS(.model_dir = "/proc/nowhere"), &r, &error),
                     HONE_IO);
    hone_dataset_free(d);
}

static void a_constant_model_can_be_saved_and_loaded(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_REGRESSION, NULL);
    hone_result *r =
        trained(d, SLOW(100000, 100000), 1, OPTIONS(.deadline = 0.01, .keep_model = true));
    char *bytes;
    size_t size;
    hone_error error = {0};
    hone_model *model = NULL;
    assert_int_equal(hone_model_bytes(hone_result_model(r), &bytes, &size, &error), HONE_OK);
    if (hone_model_load_bytes(bytes, size, NULL, &model, &error))
        fail_msg("%s: %s", error.path, error.message);
    assert_string_equal(hone_model_algorithm(model), "constant");
    hone_text_free(bytes);
    hone_model_free(model);
    hone_result_free(r);
    hone_dataset_free(d);
}

static void a_warm_start_needs_a_model_of_the_same_kind(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_CLASSIFICATION, NULL);
    hone_result *first = trained(d, CENTROID, 1, OPTIONS(.keep_model = true));
    hone_result *r = trained(d, CENTROID, 1, OPTIONS(.warm_from = hone_result_model(first)));
    assert_non_null(strstr(hone_result_json(r), "\"warm_start\":true"));
    hone_result_free(r);
    hone_error error;
    assert_int_equal(
        train_on(d, SLOW(1, 1), 1, OPTIONS(.warm_from = hone_result_model(first)), &r, &error),
        HONE_BAD_ARGUMENT);
    assert_string_equal(error.path, "options.warm_from");
    hone_result_free(first);
    hone_dataset_free(d);
}

/* ---- same bits ---- */

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

/* ---- messages ---- */

static void collect(void *context, int level, const char *line)
{
    char *all = context;
    const size_t used = strlen(all);
    snprintf(all + used, 4096 - used, "%d %s\n", level, line);
}

static void the_log_of_a_run_is_this(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_CLASSIFICATION, NULL);
    char all[4096] = "";
    hone_result_free(trained(
        d, "{\"model\": \"centroid\", \"limit\": 101, \"slow:steps\": 3}", 1,
        OPTIONS(.log = collect, .context = all, .validation = HONE_VALIDATE_FOLDS, .folds = 3)));
    assert_string_equal(all, "2 centroid on 150 rows and 4 columns, classification\n"
                             "2 validation: 3 folds\n"
                             "3 slow:steps is inactive: model is centroid\n"
                             "3 default: centroid:probability, prep:impute, prep:indicator, "
                             "prep:encode, prep:max_levels, prep:scale\n"
                             "3 centroid:limit adjusted to 100\n"
                             "2 fold 1 of 3: accuracy 0.82\n"
                             "2 fold 2 of 3: accuracy 0.78\n"
                             "2 fold 3 of 3: accuracy 0.66\n"
                             "2 loss -0.7533333333333334\n");
    hone_dataset_free(d);
}

/* ---- memory ---- */

static void any_allocation_may_fail(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_CLASSIFICATION, NULL);
    hone_config *c = config(CENTROID);
    const hone_config *configs[] = {c, c, c};
    const hone_options options = {.size = sizeof options,
                                  .threads = 1,
                                  .keep_model = true,
                                  .validation = HONE_VALIDATE_FOLDS,
                                  .folds = 2};
    for (int many = 0; many < 2; many++) {
        long n = 0;
        for (bool failed = true; failed; n++) {
            hone_result *r[3] = {NULL};
            hone_error error = {0};
            const long before = hone_alloc_count();
            hone_alloc_fail_after(n, false);
            const hone_status status =
                many ? hone_train_many(configs, NULL, 3, d, &options, NULL, r, &error)
                     : hone_train_full(c, d, 1, &options, r, &error);
            hone_alloc_fail_after(-1, false);
            failed = hone_alloc_count() - before > n;
            assert_true(status == HONE_OK || status == HONE_NO_MEMORY);
            for (int i = 0; i < 3; i++)
                hone_result_free(r[i]);
        }
        assert_true(n > 50);
    }
    hone_config_free(c);
    hone_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_validation_gives_a_finite_loss_over_its_rows),
        cmocka_unit_test(the_loss_of_folds_is_their_mean),
        cmocka_unit_test(validation_rows_of_their_own_are_judged_in_the_classes_of_the_training),
        cmocka_unit_test(a_scaled_target_is_undone_before_the_loss),
        cmocka_unit_test(out_of_fold_holds_every_row_of_a_fold_and_nothing_else),
        cmocka_unit_test(a_metric_of_probabilities_switches_them_on_or_is_refused),
        cmocka_unit_test(options_that_make_no_sense_are_refused_by_name),
        cmocka_unit_test(a_model_without_out_of_bag_rows_refuses_that_validation),
        cmocka_unit_test(one_row_needs_no_validation),
        cmocka_unit_test(values_that_the_data_change_are_listed_and_strict_runs_refuse_them),
        cmocka_unit_test(a_deadline_keeps_the_best_state_so_far),
        cmocka_unit_test(folds_that_a_deadline_cut_do_not_count_beside_whole_ones),
        cmocka_unit_test(a_work_limit_stops_at_the_same_place_on_any_threads),
        cmocka_unit_test(a_work_limit_stops_at_the_same_place_with_a_cold_and_a_warm_cache),
        cmocka_unit_test(cancel_and_poll_stop_a_run),
        cmocka_unit_test(a_cancel_after_a_fold_gives_the_folds_that_were_finished),
        cmocka_unit_test(folds_stop_when_the_cutoff_is_out_of_reach),
        cmocka_unit_test(folds_are_told_as_they_are_judged_and_the_caller_may_end_there),
        cmocka_unit_test(a_memory_cap_is_kept_or_refused_and_harms_nothing),
        cmocka_unit_test(a_budget_scales_the_fidelity_or_takes_a_prefix_of_the_training_rows),
        cmocka_unit_test(the_saved_model_is_fitted_on_all_rows_unless_told_otherwise),
        cmocka_unit_test(a_failed_training_leaves_no_file),
        cmocka_unit_test(a_constant_model_can_be_saved_and_loaded),
        cmocka_unit_test(a_warm_start_needs_a_model_of_the_same_kind),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(a_limit_that_is_not_reached_changes_no_bit),
        cmocka_unit_test(eight_trainings_at_once_equal_the_serial_ones),
        cmocka_unit_test(many_trials_give_what_single_calls_give),
        cmocka_unit_test(many_trials_can_be_cancelled),
        cmocka_unit_test(the_log_of_a_run_is_this),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
