/* The call: validation, refusals, budgets, models, messages. */
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
#include "train_world.h"

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
        cmocka_unit_test(a_budget_scales_the_fidelity_or_takes_a_prefix_of_the_training_rows),
        cmocka_unit_test(the_saved_model_is_fitted_on_all_rows_unless_told_otherwise),
        cmocka_unit_test(a_failed_training_leaves_no_file),
        cmocka_unit_test(a_constant_model_can_be_saved_and_loaded),
        cmocka_unit_test(a_warm_start_needs_a_model_of_the_same_kind),
        cmocka_unit_test(the_log_of_a_run_is_this),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
