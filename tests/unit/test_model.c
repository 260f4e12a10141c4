/* Models in memory: predictions of datasets, arrays and predictors, outputs, sharing. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "toy.h"

enum { MOST = TOY_ROWS * 8 };

/* Calls `body` for every module, task and kind of data. */
static void for_all_models(void (*body)(const hone_model *m, hone_dataset *d))
{
    static double x[TOY_ROWS * TOY_COLS];
    for (int k = 0; toy_module(k); k++)
        for (hone_task task = HONE_CLASSIFICATION; task <= HONE_REGRESSION; task++)
            for (int kind = 0; kind < 3; kind++) {
                hone_dataset *d = kind == 0   ? toy_data(task)
                                  : kind == 1 ? toy_numbers(x, task)
                                              : toy_sparse(task);
                hone_model *m = toy_model(toy_module(k), d, toy_config(toy_module(k)));
                if (m)
                    body(m, d);
                hone_model_free(m);
                hone_dataset_free(d);
            }
}

/* The rows of a dataset as the doubles that predictors take. */
static double *as_rows(const hone_dataset *d)
{
    static double x[TOY_ROWS * 40];
    for (int64_t i = 0; i < TOY_ROWS; i++)
        for (int64_t j = 0; j < d->table.cols; j++) {
            x[i * d->table.cols + j] = 0;
            if (d->table.layout == HONE_DENSE) {
                const int64_t at = i * d->table.row_stride + j * d->table.col_stride;
                x[i * d->table.cols + j] = d->table.dtype == HONE_F64
                                               ? ((const double *)d->table.values)[at]
                                               : (double)((const float *)d->table.values)[at];
            }
        }
    for (int64_t i = 0; d->table.layout == HONE_CSR && i < TOY_ROWS; i++)
        for (int64_t k = d->table.row_start[i]; k < d->table.row_start[i + 1]; k++)
            x[i * d->table.cols + d->table.column[k]] = (double)((const float *)d->table.values)[k];
    return x;
}

static void same_answers(const hone_model *m, hone_dataset *d)
{
    const int64_t c = hone_model_outputs(m), cols = hone_model_features(m);
    const double *x = as_rows(d);
    double of_data[MOST], of_array[MOST], of_rows[MOST];
    assert_int_equal(hone_model_predict(m, d, HONE_SCORES, NULL, of_data, NULL), HONE_OK);
    assert_int_equal(hone_model_predict_dense(m, x, HONE_F64, TOY_ROWS, cols, cols, 1, HONE_SCORES,
                                              NULL, of_array, NULL),
                     HONE_OK);
    hone_predictor *p;
    assert_int_equal(hone_predictor_new(m, 16, &p, NULL), HONE_OK);
    for (int64_t i = 0; i < TOY_ROWS; i += 16) {
        const int64_t count = i + 16 < TOY_ROWS ? 16 : TOY_ROWS - i;
        assert_int_equal(
            hone_predictor_run(p, x + i * cols, count, HONE_SCORES, of_rows + i * c, NULL),
            HONE_OK);
    }
    hone_predictor_free(p);
    for (int64_t k = 0; k < TOY_ROWS * c; k++) {
        assert_true(isfinite(of_data[k]));
        if (d->table.dtype == HONE_F64) {
            assert_memory_equal(&of_data[k], &of_array[k], sizeof(double));
            assert_true(fabs(of_array[k] - of_rows[k]) <= 1e-9 * (1 + fabs(of_rows[k])));
        } else {
            assert_true(fabs(of_data[k] - of_array[k]) <= 1e-4 * (1 + fabs(of_data[k])));
        }
    }
}

static void datasets_arrays_and_predictors_give_the_same_answers(void **state)
{
    (void)state;
    for_all_models(same_answers);
}

static void labels_follow_scores(const hone_model *m, hone_dataset *d)
{
    double score[MOST], label[TOY_ROWS];
    const int64_t c = hone_model_outputs(m);
    assert_int_equal(hone_model_predict(m, d, HONE_SCORES, NULL, score, NULL), HONE_OK);
    assert_int_equal(hone_model_predict(m, d, HONE_LABELS, NULL, label, NULL), HONE_OK);
    for (int64_t i = 0; i < TOY_ROWS; i++) {
        int64_t best = 0;
        for (int64_t k = 1; k < c; k++)
            best = score[i * c + k] > score[i * c + best] ? k : best;
        assert_true(label[i] == (hone_model_task(m) == HONE_REGRESSION ? score[i] : (double)best));
    }
    hone_error error;
    double probability[MOST];
    const hone_status status =
        hone_model_predict(m, d, HONE_PROBABILITIES, NULL, probability, &error);
    if (!hone_model_has_probabilities(m)) {
        assert_int_equal(status, HONE_UNSUPPORTED);
        return;
    }
    assert_int_equal(status, HONE_OK);
    for (int64_t i = 0; i < TOY_ROWS; i++) {
        double sum = 0;
        for (int64_t k = 0; k < c; k++)
            sum += probability[i * c + k];
        assert_true(fabs(sum - 1) < 1e-9);
    }
}

static void labels_are_the_largest_scores_and_probabilities_add_up(void **state)
{
    (void)state;
    for_all_models(labels_follow_scores);
}

static void a_model_says_what_it_is(void **state)
{
    (void)state;
    hone_dataset *d = toy_data(HONE_CLASSIFICATION);
    hone_model *m = toy_model(&toy_forest, d, "{}");
    assert_string_equal(hone_model_algorithm(m), "toy_forest");
    assert_int_equal(hone_model_task(m), HONE_CLASSIFICATION);
    assert_int_equal(hone_model_features(m), TOY_COLS);
    assert_string_equal(hone_model_feature_name(m, 3), "colour");
    assert_null(hone_model_feature_name(m, TOY_COLS));
    assert_int_equal(hone_model_outputs(m), 3);
    assert_string_equal(hone_model_class(m, 1), "middle");
    assert_null(hone_model_class(m, 3));
    assert_int_equal(hone_model_level(m, 3, "blue"), 0);
    assert_int_equal(hone_model_level(m, 3, "pink"), -1);
    assert_int_equal(hone_model_level(m, 0, "blue"), -1);
    assert_int_equal(hone_model_level(m, 4, "true"), 1);
    assert_non_null(strstr(hone_model_record(m), "\"training\":{\"loss\":-0.9"));
    assert_non_null(strstr(hone_model_record(m), "\"seed\":\"18446744073709551557\""));
    hone_model *again = hone_model_retain(m);
    hone_model_free(m);
    hone_dataset_free(d);
    assert_string_equal(hone_model_class(again, 2), "\xc3\xbc"
                                                    "ber");
    hone_model_free(again);
}

/* ---- what callers get wrong ---- */

static void refuse_rows(const hone_model *m, double *x, hone_status status, const char *path)
{
    hone_error error;
    double out = 7;
    assert_int_equal(hone_model_predict_dense(m, x, HONE_F64, 1, TOY_COLS, TOY_COLS, 1, HONE_LABELS,
                                              NULL, &out, &error),
                     status);
    if (status)
        assert_string_equal(error.path, path);
    assert_true((out == 7) == (status != HONE_OK));
    hone_predictor *p;
    assert_int_equal(hone_predictor_new(m, 1, &p, NULL), HONE_OK);
    assert_int_equal(hone_predictor_run(p, x, 1, HONE_LABELS, &out, NULL), status);
    hone_predictor_free(p);
}

static void wrong_cells_are_refused_and_odd_ones_taken(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        hone_dataset *d = toy_data(HONE_CLASSIFICATION);
        hone_model *m = toy_model(toy_modules[k], d, "{}");
        double good[TOY_COLS] = {1, 0, 3, 2, 1};
        refuse_rows(m, good, HONE_OK, "");
        double missing[TOY_COLS] = {NAN, NAN, NAN, NAN, NAN};
        refuse_rows(m, missing, HONE_OK, "");
        double unknown[TOY_COLS] = {1, 0, 3, -1, 2};
        refuse_rows(m, unknown, HONE_OK, "");
        double infinite[TOY_COLS] = {1, -INFINITY, 3, 2, 1};
        refuse_rows(m, infinite, HONE_BAD_DATA, "data.x[0,1]");
        double half[TOY_COLS] = {1, 0, 3, 0.5, 1};
        refuse_rows(m, half, HONE_BAD_DATA, "data.x[0,3]");
        double above[TOY_COLS] = {1, 0, 3, 2, 3};
        refuse_rows(m, above, HONE_BAD_DATA, "data.x[0,4]");
        hone_model_free(m);
        hone_dataset_free(d);
    }
}

static void the_unknown_level_is_minus_one_or_one_above_the_last(void **state)
{
    (void)state;
    hone_dataset *d = toy_data(HONE_REGRESSION);
    for (int k = 0; k < 2; k++) {
        hone_model *m = toy_model(toy_modules[k], d, "{}");
        const double x[2][TOY_COLS] = {{1, 0, 3, -1, 1}, {1, 0, 3, 4, 1}};
        double out[2];
        assert_int_equal(hone_model_predict_dense(m, x, HONE_F64, 2, TOY_COLS, TOY_COLS, 1,
                                                  HONE_SCORES, NULL, out, NULL),
                         HONE_OK);
        assert_true(out[0] == out[1]);
        hone_model_free(m);
    }
    hone_dataset_free(d);
}

static void calls_that_break_the_contract_are_errors(void **state)
{
    (void)state;
    hone_dataset *d = toy_data(HONE_CLASSIFICATION);
    hone_model *m = toy_model(&toy_forest, d, "{}");
    double x[TOY_COLS] = {0}, out[8];
    assert_int_equal(
        hone_model_predict_dense(m, x, HONE_F64, 1, 4, 4, 1, HONE_LABELS, NULL, out, NULL),
        HONE_BAD_DATA);
    assert_int_equal(hone_model_predict_dense(m, x, HONE_I32, 1, TOY_COLS, TOY_COLS, 1, HONE_LABELS,
                                              NULL, out, NULL),
                     HONE_BAD_ARGUMENT);
    assert_int_equal(hone_model_predict(NULL, d, HONE_LABELS, NULL, out, NULL), HONE_BAD_ARGUMENT);
    assert_int_equal(hone_model_predict(m, d, (hone_what)9, NULL, out, NULL), HONE_BAD_ARGUMENT);
    hone_predictor *p;
    assert_int_equal(hone_predictor_new(m, 0, &p, NULL), HONE_BAD_ARGUMENT);
    assert_int_equal(hone_predictor_new(m, 1, &p, NULL), HONE_OK);
    assert_int_equal(hone_predictor_run(p, x, 2, HONE_LABELS, out, NULL), HONE_BAD_ARGUMENT);
    hone_predictor_free(p);
    const int32_t cancel = 1;
    const hone_predict_options o = {.size = sizeof o, .cancel = &cancel};
    double many[TOY_ROWS];
    assert_int_equal(hone_model_predict(m, d, HONE_LABELS, &o, many, NULL), HONE_STOPPED);
    const hone_predict_options capped = {.size = sizeof capped, .memory_cap = 1000};
    assert_int_equal(hone_model_predict(m, d, HONE_LABELS, &capped, many, NULL), HONE_NO_MEMORY);
    hone_model_free(m);
    hone_dataset_free(d);
}

/* ---- the first trees ---- */

static void the_first_trees_answer_as_if_there_were_no_others(void **state)
{
    (void)state;
    hone_dataset *d = toy_data(HONE_CLASSIFICATION);
    hone_model *many = toy_model(&toy_forest, d, "{\"n_trees\":5}");
    hone_model *two = toy_model(&toy_forest, d, "{\"n_trees\":2}");
    const hone_predict_options first = {.size = sizeof first, .trees = 2};
    const hone_predict_options all = {.size = sizeof all, .trees = 5};
    const char *const names[] = {"accuracy", NULL};
    double a[MOST], b[MOST];
    const size_t bytes = sizeof(double) * 3 * TOY_ROWS;
    assert_int_equal(hone_model_predict(many, d, HONE_SCORES, &first, a, NULL), HONE_OK);
    assert_int_equal(hone_model_predict(two, d, HONE_SCORES, NULL, b, NULL), HONE_OK);
    assert_memory_equal(a, b, bytes);
    assert_int_equal(hone_model_evaluate(many, d, names, &first, a, NULL), HONE_OK);
    assert_int_equal(hone_model_evaluate(two, d, names, NULL, b, NULL), HONE_OK);
    assert_true(a[0] == b[0]);
    assert_int_equal(hone_model_predict(many, d, HONE_SCORES, &all, a, NULL), HONE_OK);
    assert_int_equal(hone_model_predict(many, d, HONE_SCORES, NULL, b, NULL), HONE_OK);
    assert_memory_equal(a, b, bytes);
    hone_model_free(many);
    hone_model_free(two);
    hone_dataset_free(d);
}

static void trees_that_are_not_there_are_refused(void **state)
{
    (void)state;
    hone_dataset *d = toy_data(HONE_REGRESSION);
    hone_model *m = toy_model(&toy_forest, d, "{\"n_trees\":5}");
    hone_model *other = toy_model(&toy_centroid, d, "{}");
    double out[MOST], *values;
    int64_t rows, cols;
    hone_error error;
    for (int64_t trees = -1; trees < 7; trees += 7) {
        const hone_predict_options o = {.size = sizeof o, .trees = trees};
        assert_int_equal(hone_model_predict(m, d, HONE_SCORES, &o, out, &error), HONE_BAD_ARGUMENT);
        assert_string_equal(error.path, "options.trees");
    }
    const hone_predict_options one = {.size = sizeof one, .trees = 1};
    assert_int_equal(hone_model_output(m, "uses", NULL, &one, &values, &rows, &cols, &error),
                     HONE_BAD_ARGUMENT);
    assert_int_equal(hone_model_predict(other, d, HONE_SCORES, &one, out, &error),
                     HONE_UNSUPPORTED);
    assert_string_equal(error.path, "options.trees");
    hone_model_free(m);
    hone_model_free(other);
    hone_dataset_free(d);
}

/* ---- outputs and metrics ---- */

static void outputs_and_members_of_the_state_are_told_by_name(void **state)
{
    (void)state;
    hone_dataset *d = toy_data(HONE_REGRESSION), *other = toy_data(HONE_CLASSIFICATION);
    hone_model *m =
        toy_model(&toy_forest, d, "{\"n_trees\":2,\"depth\":2,\"prep:target\":\"standard\"}");
    double *v;
    int64_t rows, cols;
    hone_error error;
    assert_int_equal(hone_model_output(m, "leaf", d, NULL, &v, &rows, &cols, NULL), HONE_OK);
    assert_int_equal(rows, TOY_ROWS);
    assert_int_equal(cols, 2);
    assert_true(v[0] >= 3 && v[0] < 7 && v[1] >= 10 && v[1] < 14);
    hone_text_free((char *)v);
    assert_int_equal(hone_model_output(m, "uses", NULL, NULL, &v, &rows, &cols, NULL), HONE_OK);
    assert_true(rows == 1 && cols == TOY_COLS && v[0] + v[1] + v[2] + v[3] + v[4] == 14);
    hone_text_free((char *)v);
    assert_int_equal(hone_model_output(m, "training_mean", d, NULL, &v, &rows, &cols, NULL),
                     HONE_OK);
    assert_true(fabs(v[0]) < 1e-12);
    hone_text_free((char *)v);
    assert_int_equal(hone_model_output(m, "n_nodes", NULL, NULL, &v, &rows, &cols, NULL), HONE_OK);
    assert_true(rows == 1 && cols == 1 && v[0] == 14);
    hone_text_free((char *)v);
    assert_int_equal(hone_model_output(m, "start", NULL, NULL, &v, &rows, &cols, NULL), HONE_OK);
    assert_true(rows == 3 && cols == 1 && v[2] == 14);
    hone_text_free((char *)v);
    assert_int_equal(hone_model_output(m, "leaf", NULL, NULL, &v, &rows, &cols, NULL),
                     HONE_BAD_ARGUMENT);
    assert_int_equal(hone_model_output(m, "training_mean", other, NULL, &v, &rows, &cols, NULL),
                     HONE_BAD_DATA);
    assert_int_equal(hone_model_output(m, "coef", NULL, NULL, &v, &rows, &cols, &error),
                     HONE_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "leaf, uses, training_mean, prepared, n_trees"));
    hone_model_free(m);
    hone_dataset_free(other);
    hone_dataset_free(d);
}

static void a_description_names_columns_and_classes(void **state)
{
    (void)state;
    for (int task = 0; task < 2; task++) {
        hone_dataset *d = toy_data(task ? HONE_REGRESSION : HONE_CLASSIFICATION);
        hone_model *m = toy_model(&toy_forest, d, "{\"n_trees\":2}");
        char *json = NULL;
        assert_int_equal(hone_model_describe(m, &json, NULL), HONE_OK);
        assert_non_null(strstr(json, "\"model\":\"toy_forest\""));
        assert_true(!strstr(json, "\"classes\":[\"low \\\"bar\\\"\",\"middle\"") == (task == 1));
        assert_non_null(strstr(json, "\"columns\":[\""));
        assert_non_null(strstr(json, "\"state\":{\"n_trees\":2,\"n_nodes\":"));
        assert_non_null(
            strstr(json, "\"leaf\":{\"help\":\"Leaf of each tree.\",\"needs\":\"rows\"}"));
        assert_non_null(strstr(json, "\"needs\":\"training data\"}"));
        assert_non_null(
            strstr(json, "\"uses\":{\"help\":\"Nodes of each column.\",\"values\":{\""));
        assert_non_null(strstr(json, "\"colour\":"));
        hone_text_free(json);
        assert_int_equal(hone_model_describe(NULL, &json, NULL), HONE_BAD_ARGUMENT);
        hone_model_free(m);
        hone_dataset_free(d);
    }
}

static void a_model_is_evaluated_by_the_names_of_metrics(void **state)
{
    (void)state;
    hone_dataset *d = toy_data(HONE_CLASSIFICATION);
    hone_model *forest = toy_model(&toy_forest, d, "{}");
    hone_model *centroid = toy_model(&toy_centroid, d, "{}");
    const char *const names[] = {"accuracy", "error", NULL}, *const loss[] = {"log_loss", NULL},
                      *const none[] = {"beauty", NULL};
    double v[2], label[TOY_ROWS], right = 0;
    assert_int_equal(hone_model_evaluate(centroid, d, names, NULL, v, NULL), HONE_OK);
    assert_int_equal(hone_model_predict(centroid, d, HONE_LABELS, NULL, label, NULL), HONE_OK);
    for (int i = 0; i < TOY_ROWS; i++)
        right += (int)label[i] == d->label[i];
    assert_true(fabs(v[0] - right / TOY_ROWS) < 1e-12 && fabs(v[0] + v[1] - 1) < 1e-12);
    assert_int_equal(hone_model_evaluate(forest, d, loss, NULL, v, NULL), HONE_OK);
    assert_int_equal(hone_model_evaluate(centroid, d, loss, NULL, v, NULL), HONE_UNSUPPORTED);
    assert_int_equal(hone_model_evaluate(forest, d, none, NULL, v, NULL), HONE_BAD_ARGUMENT);
    hone_model_free(forest);
    hone_model_free(centroid);
    hone_dataset_free(d);
}

static void the_constant_model_is_saved_without_the_preprocessing_of_another(void **state)
{
    (void)state;
    hone_dataset *d = toy_data(HONE_CLASSIFICATION);
    hone_model *m = toy_model(&toy_centroid, d, "{}");
    const int64_t params[8] = {0};
    assert_true(hone_constant.params_size <= sizeof params);
    hone_fitted *fitted = hone_fitted_new(&hone_constant, &m->fitted->shape, params, 0);
    double *value = HONE_NEW(fitted->keep, double, 3, 1);
    value[1] = 1;
    memcpy(fitted->state, &value, sizeof value);
    const hone_model_parts parts = {.dataset = d,
                                    .pipeline = &m->pipeline,
                                    .fitted = fitted,
                                    .config = "{}",
                                    .record = "{}",
                                    .run_part = "{}"};
    hone_model *constant, *loaded;
    assert_int_equal(hone_model_new(&parts, &constant, NULL), HONE_OK);
    char *bytes;
    size_t size;
    assert_int_equal(hone_model_bytes(constant, &bytes, &size, NULL), HONE_OK);
    assert_int_equal(toy_load(bytes, size, &loaded, NULL), HONE_OK);
    double label[TOY_ROWS];
    assert_int_equal(hone_model_predict(loaded, d, HONE_LABELS, NULL, label, NULL), HONE_OK);
    assert_true(label[0] == 1);
    hone_text_free(bytes);
    hone_model_free(loaded);
    hone_model_free(constant);
    hone_model_free(m);
    hone_dataset_free(d);
}

/* ---- predictors ---- */

static void count_allocations(const hone_model *m, hone_dataset *d)
{
    const double *x = as_rows(d);
    const int64_t cols = hone_model_features(m);
    double out[MOST];
    hone_predictor *p;
    assert_int_equal(hone_predictor_new(m, 32, &p, NULL), HONE_OK);
    const long before = hone_alloc_count();
    for (int64_t rows = 1; rows <= 32; rows++)
        for (int64_t i = 0; i + rows <= TOY_ROWS; i += rows)
            assert_int_equal(hone_predictor_run(p, x + i * cols, rows, HONE_SCORES, out, NULL),
                             HONE_OK);
    if (hone_alloc_count() != before)
        fail_msg("%s: %ld allocations", hone_model_algorithm(m), hone_alloc_count() - before);
    hone_predictor_free(p);
}

static void a_predictor_allocates_nothing(void **state)
{
    (void)state;
    for_all_models(count_allocations);
}

/* The kernel ends a process that makes a system call in this mode, but for read, write and exit. */
static void predict_without_system_calls(const hone_model *m, hone_dataset *d)
{
    const double *x = as_rows(d);
    hone_predictor *p;
    assert_int_equal(hone_predictor_new(m, 4, &p, NULL), HONE_OK);
    const pid_t child = fork();
    if (child == 0) {
        double out[MOST];
        for (int k = 1; k < SIGRTMIN; k++)
            signal(k, SIG_DFL); /* a crash ends the child instead of starting its next test */
        int failures = prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) ? 99 : 0;
        for (int64_t i = 0; i + 4 <= TOY_ROWS && !failures; i += 4)
            failures += hone_predictor_run(p, x + i * hone_model_features(m), 4, HONE_SCORES, out,
                                           NULL) != HONE_OK;
        syscall(SYS_exit, failures);
    }
    int status;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 99))
        fail_msg("%s: ended with %d", hone_model_algorithm(m), status);
    hone_predictor_free(p);
}

static void a_predictor_makes_no_system_call(void **state)
{
    (void)state;
    for_all_models(predict_without_system_calls);
}

typedef struct worker {
    pthread_t thread;
    const hone_model *model;
    hone_dataset *data;
    const double *expected;
    int wrong;
} worker;

static void *work(void *context)
{
    worker *w = context;
    const int64_t c = hone_model_outputs(w->model);
    double out[MOST];
    for (int round = 0; round < 10; round++) {
        hone_model *own = hone_model_retain(w->model);
        w->wrong += hone_model_predict(own, w->data, HONE_SCORES, NULL, out, NULL) != HONE_OK;
        w->wrong += memcmp(out, w->expected, (size_t)(TOY_ROWS * c) * sizeof *out) != 0;
        hone_model_free(own);
    }
    return NULL;
}

static void share(const hone_model *m, hone_dataset *d)
{
    double expected[MOST];
    assert_int_equal(hone_model_predict(m, d, HONE_SCORES, NULL, expected, NULL), HONE_OK);
    worker w[8];
    for (int k = 0; k < 8; k++) {
        w[k] = (worker){.model = m, .data = d, .expected = expected};
        assert_int_equal(pthread_create(&w[k].thread, NULL, work, &w[k]), 0);
    }
    for (int k = 0; k < 8; k++) {
        pthread_join(w[k].thread, NULL);
        assert_int_equal(w[k].wrong, 0);
    }
}

static void eight_threads_share_a_model(void **state)
{
    (void)state;
    for_all_models(share);
}

static void an_allocation_that_fails_is_reported(void **state)
{
    (void)state;
    hone_dataset *d = toy_data(HONE_CLASSIFICATION);
    hone_model *m = toy_model(&toy_centroid, d, "{}");
    double out[MOST];
    for (int sticky = 0; sticky < 2; sticky++)
        for (long n = 0;; n++) {
            hone_alloc_fail_after(n, sticky);
            hone_predictor *p = NULL;
            const hone_status made = hone_predictor_new(m, 4, &p, NULL);
            const hone_status status = hone_model_predict(m, d, HONE_SCORES, NULL, out, NULL);
            hone_alloc_fail_after(-1, false);
            hone_predictor_free(p);
            assert_true(status == HONE_OK || status == HONE_NO_MEMORY);
            assert_true(made == HONE_OK || made == HONE_NO_MEMORY);
            if (!status && !made)
                break;
        }
    hone_model_free(m);
    hone_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datasets_arrays_and_predictors_give_the_same_answers),
        cmocka_unit_test(labels_are_the_largest_scores_and_probabilities_add_up),
        cmocka_unit_test(a_model_says_what_it_is),
        cmocka_unit_test(wrong_cells_are_refused_and_odd_ones_taken),
        cmocka_unit_test(the_unknown_level_is_minus_one_or_one_above_the_last),
        cmocka_unit_test(calls_that_break_the_contract_are_errors),
        cmocka_unit_test(the_first_trees_answer_as_if_there_were_no_others),
        cmocka_unit_test(trees_that_are_not_there_are_refused),
        cmocka_unit_test(outputs_and_members_of_the_state_are_told_by_name),
        cmocka_unit_test(a_description_names_columns_and_classes),
        cmocka_unit_test(a_model_is_evaluated_by_the_names_of_metrics),
        cmocka_unit_test(the_constant_model_is_saved_without_the_preprocessing_of_another),
        cmocka_unit_test(a_predictor_allocates_nothing),
        cmocka_unit_test(a_predictor_makes_no_system_call),
        cmocka_unit_test(eight_threads_share_a_model),
        cmocka_unit_test(an_allocation_that_fails_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
