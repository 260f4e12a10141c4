/* The call: validation, limits, cancel, models, reproducibility. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "hone/hone.h"
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
    hone_config *c = NULL;
    hone_error error = {0};
    if (hone_config_new(&c, &error) || hone_config_use(c, &toy_centroid, &error) ||
        hone_config_use(c, &toy_slow, &error) ||
        hone_config_parse(c, json, strlen(json), &error))
        fail_msg("%s: %s", error.path, error.message);
    return c;
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
    hone_result *r = NULL;
    hone_error error = {0};
    if (train_on(d, json, seed, options, &r, &error))
        fail_msg("%s: %s", error.path, error.message);
    return r;
}

#define OPTIONS(...) (&(hone_options){.size = sizeof(hone_options), __VA_ARGS__})
#define CENTROID "{\"model\": \"centroid\", \"prep:scale\": \"standard\"}"

static double number(const hone_result *r, const char *name)
{
    return hone_result_number(r, name, -1);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_validation_gives_a_finite_loss_over_its_rows),
        cmocka_unit_test(the_loss_of_folds_is_their_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
