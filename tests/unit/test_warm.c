/* Warm starts from what earlier trials left: which solution is taken, that results agree with cold
 * ones, and that nobody else sees them. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "hone/algorithm.h"
#include "toolbox/random.h"

enum { N = 600, D = 12 };

/* ---- a module that says where it began ---- */

typedef struct starter_params {
    double C;
    int kind;
} starter_params;

typedef struct starter_state {
    double from, C; /* from: 0: cold */
    int64_t same_rows;
} starter_state;

static const char *const KINDS[] = {"round", "square", NULL};
static const hone_param starter_table[] = {
    HONE_REAL_PARAM(starter_params, C, .help = "A number.", .default_value = 1,
                    .legal = {0, 1e6, HONE_OPEN_LOW}, .tune = {1e-4, 1e4}, .log = true),
    HONE_CHOICE_PARAM(starter_params, kind, KINDS, .help = "A word."),
    {0}};
static const hone_field starter_fields[] = {HONE_NUMBER(starter_state, from),
                                            HONE_NUMBER(starter_state, C),
                                            HONE_COUNT(starter_state, same_rows),
                                            {0}};

static hone_status fit_starter(const hone_fit_job *job, void *state, hone_error *error)
{
    (void)error;
    const starter_params *p = job->params, *begun = job->warm_params;
    const starter_state *warm = job->warm_state;
    starter_state *s = state;
    assert_true(!warm == !begun && (!warm || warm->C == begun->C));
    *s = (starter_state){warm ? warm->C : 0, p->C, job->warm_same_rows};
    hone_work(job->run, 10);
    return HONE_OK;
}

static hone_status predict_starter(const hone_predict_job *job, hone_error *error)
{
    (void)error;
    memset(job->score, 0, (size_t)(job->x.rows * job->shape.outputs) * sizeof *job->score);
    return HONE_OK;
}

static const hone_algorithm starter = {.abi = HONE_ABI,
                                       .name = "starter",
                                       .summary = "Says where it began.",
                                       .tasks = HONE_CLASSIFICATION | HONE_REGRESSION,
                                       .takes = HONE_STARTS_WARM,
                                       .params_size = sizeof(starter_params),
                                       .state_size = sizeof(starter_state),
                                       .params = starter_table,
                                       .state = starter_fields,
                                       .fit = fit_starter,
                                       .predict = predict_starter};

/* ---- trials ---- */

static hone_dataset *data(hone_task task, int64_t cache_bytes)
{
    static double x[N * D], y[N];
    hone_stream s = hone_stream_of(1, 0, 0);
    for (int i = 0; i < N; i++) {
        double z = 0;
        for (int j = 0; j < D; j++) {
            x[i * D + j] = hone_uniform(&s) * (j + 1);
            z += (x[i * D + j] / (j + 1) - 0.5) * (j % 3 - 1) * 4;
        }
        z += hone_uniform(&s) - 0.5;
        y[i] = task == HONE_REGRESSION ? z : z > 0.4 ? 2 : z > -0.4 ? 1 : 0;
    }
    const hone_dataset_options options = {
        .size = sizeof options, .task = task, .cache_bytes = cache_bytes};
    hone_dataset *d = NULL;
    hone_error error;
    assert_int_equal(hone_dataset_dense(x, HONE_F64, N, D, D, 1,
                                        (hone_vector){y, HONE_F64, 1, NULL, 0}, &options, &d,
                                        &error),
                     HONE_OK);
    return d;
}

static hone_config *config(const char *json)
{
    return config_with((const hone_algorithm *const[]){&starter, NULL}, json);
}

static hone_result *trained(hone_dataset *d, const char *json, hone_options o)
{
    o.size = sizeof o;
    return train_well(d, config(json), 3, &o);
}

#define WARM_START ((hone_options){.warm_start = true})
#define WARM(...) ((hone_options){.warm_start = true, __VA_ARGS__})
#define STARTER(c) "{\"model\": \"starter\", \"C\": " #c "}"
#define SQUARE(c) "{\"model\": \"starter\", \"kind\": \"square\", \"C\": " #c "}"

static double began(hone_dataset *d, const char *json, hone_options o)
{
    hone_result *r = trained(d, json, o);
    const double from = hone_result_number(r, "from", -1);
    assert_true(hone_result_number(r, "same_rows", -1) == (from > 0));
    hone_result_free(r);
    return from;
}

static void a_trial_begins_from_the_nearest_solution_of_its_rows(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_CLASSIFICATION, 0);
    const uint64_t other = 99;
    assert_true(began(d, STARTER(0.01), WARM_START) == 0);
    assert_true(began(d, STARTER(100), WARM_START) == 0.01);
    assert_true(began(d, STARTER(0.5), WARM_START) == 0.01);
    assert_true(began(d, STARTER(30), WARM_START) == 100);
    assert_true(began(d, STARTER(30), WARM_START) == 30);
    assert_true(began(d, SQUARE(29), WARM_START) == 30);
    assert_true(began(d, SQUARE(0.01), WARM_START) == 29); /* 0.44 of the range; a word is 1 */
    assert_true(began(d, SQUARE(1e-4), WARM_START) == 0.01);
    /* other rows, and those who did not ask */
    assert_true(began(d, STARTER(100), WARM(.split_seed = &other)) == 0);
    assert_true(began(d, STARTER(100), (hone_options){0}) == 0);
    assert_true(began(d, STARTER(101), (hone_options){0}) == 0);
    assert_true(began(d, STARTER(100.5), WARM_START) == 100);
    hone_dataset_free(d);
}

static void nothing_is_left_by_who_did_not_ask_or_did_not_end(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_CLASSIFICATION, 0);
    assert_true(began(d, STARTER(1), (hone_options){0}) == 0);
    hone_result *cut = trained(d, STARTER(2), WARM(.work_limit = 5));
    assert_int_equal(hone_result_end(cut), HONE_END_WORK_LIMIT);
    hone_result_free(cut);
    assert_true(began(d, STARTER(3), WARM_START) == 0);
    hone_dataset_free(d);
    d = data(HONE_CLASSIFICATION, -1); /* nothing is kept */
    assert_true(began(d, STARTER(1), WARM_START) == 0);
    assert_true(began(d, STARTER(1), WARM_START) == 0);
    hone_dataset_free(d);
}

/* Each fold has rows of its own. */
static void folds_begin_from_their_own(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_REGRESSION, 0);
    const hone_options o = WARM(.validation = HONE_VALIDATE_FOLDS, .folds = 3);
    for (int k = 0; k < 2; k++) {
        hone_result *r = trained(d, k ? STARTER(2) : STARTER(1), o);
        for (int f = 0; f < 3; f++)
            assert_true(hone_result_number(r, "from", f) == k);
        hone_result_free(r);
    }
    hone_dataset_free(d);
}

/* ---- the linear models ---- */

static const char *const paths[][5] = {
    {"{\"model\": \"logistic_regression\", \"C\": 0.1}",
     "{\"model\": \"logistic_regression\", \"C\": 0.2}",
     "{\"model\": \"logistic_regression\", \"C\": 0.2, \"multi_class\": \"ovr\"}",
     "{\"model\": \"logistic_regression\", \"C\": 0.3, \"penalty\": \"l1\"}",
     "{\"model\": \"logistic_regression\", \"C\": 0.3, \"fit_intercept\": false}"},
    {"{\"model\": \"linear_regression\", \"alpha\": 0.1}",
     "{\"model\": \"linear_regression\", \"alpha\": 0.2, \"penalty\": \"l1\"}",
     "{\"model\": \"linear_regression\", \"alpha\": 0.3, \"penalty\": \"elasticnet\"}",
     "{\"model\": \"linear_regression\", \"penalty\": \"none\"}",
     "{\"model\": \"linear_regression\", \"alpha\": 0.3, \"fit_intercept\": false}"}};
static const hone_task tasks[] = {HONE_CLASSIFICATION, HONE_REGRESSION};

static void warm_results_agree_with_cold_ones_and_cold_ones_have_the_same_bits(void **state)
{
    (void)state;
    for (int t = 0; t < 2; t++) {
        hone_dataset *d = data(tasks[t], 0);
        for (int k = 0; k < 5; k++) {
            const char *metric = t ? "rmse" : "log_loss";
            hone_dataset *fresh = data(tasks[t], 0);
            hone_result *cold = trained(fresh, paths[t][k], (hone_options){.metric = metric});
            hone_result *warm = trained(d, paths[t][k], WARM(.metric = metric));
            hone_result *again = trained(d, paths[t][k], (hone_options){.metric = metric});
            const double loss = hone_result_loss(cold);
            if (fabs(hone_result_loss(warm) - loss) > 1e-3 * loss)
                fail_msg("%s: %.17g, cold %.17g", paths[t][k], hone_result_loss(warm), loss);
            assert_true(hone_result_number(warm, "converged", -1) == 1);
            assert_non_null(strstr(hone_result_json(warm), "\"warm_start\":true"));
            assert_non_null(strstr(hone_result_json(again), "\"warm_start\":false"));
            assert_true(hone_result_loss(again) == loss);
            assert_true(hone_result_number(again, "objective", -1) ==
                        hone_result_number(cold, "objective", -1));
            hone_result_free(cold);
            hone_result_free(warm);
            hone_result_free(again);
            hone_dataset_free(fresh);
        }
        hone_dataset_free(d);
    }
}

/* ---- starts that are worse than none ---- */

/* Four classes that lie apart, on columns far from 0. Intercepts of a softmax make up for that
 * together; of models that stand alone each has to. */
static hone_dataset *apart(void)
{
    enum { ROWS = 56, COLS = 18 };
    static double x[ROWS * COLS], y[ROWS];
    hone_stream s = hone_stream_of(4, 0, 0);
    for (int i = 0; i < ROWS; i++) {
        y[i] = i % 4;
        for (int j = 0; j < COLS; j++)
            x[i * COLS + j] = 1000 + hone_uniform(&s) + (j % 4 == i % 4 ? 0.5 : 0);
    }
    const hone_dataset_options options = {.size = sizeof options, .task = HONE_CLASSIFICATION};
    hone_dataset *d = NULL;
    hone_error error;
    assert_int_equal(hone_dataset_dense(x, HONE_F64, ROWS, COLS, COLS, 1,
                                        (hone_vector){y, HONE_F64, 1, NULL, 0}, &options, &d,
                                        &error),
                     HONE_OK);
    return d;
}

#define FAR(more) "{\"model\": \"logistic_regression\", \"prep:scale\": \"none\", " more "}"

static const char *const far[] = {
    FAR("\"C\": 4e3, \"penalty\": \"l1\""),
    FAR("\"C\": 0.3, \"penalty\": \"l1\", \"multi_class\": \"ovr\""),
    FAR("\"penalty\": \"none\""),
    FAR("\"penalty\": \"none\", \"multi_class\": \"ovr\""),
    FAR("\"C\": 1.5, \"multi_class\": \"ovr\""),
    FAR("\"C\": 1e4"),
    FAR("\"C\": 0.01, \"early_stopping\": true"),
    FAR("\"C\": 1e-4, \"penalty\": \"l1\", \"multi_class\": \"ovr\""),
    FAR("\"C\": 100, \"multi_class\": \"ovr\", \"class_weight\": \"balanced\""),
};

static void a_start_that_is_worse_than_none_is_left(void **state)
{
    (void)state;
    hone_dataset *d = apart(), *fresh = apart();
    for (int k = 0; k < (int)(sizeof far / sizeof *far); k++) {
        hone_result *warm = trained(d, far[k], WARM(.metric = "log_loss"));
        hone_result *cold = trained(fresh, far[k], (hone_options){.metric = "log_loss"});
        const double loss = hone_result_loss(cold), now = hone_result_loss(warm);
        const double aim = hone_result_number(cold, "objective", -1);
        if (fabs(hone_result_number(warm, "objective", -1) - aim) > 1e-4 * aim ||
            fabs(now - loss) > 0.01 * fmax(1, loss))
            fail_msg("%s: objective %.17g, cold %.17g; loss %.17g, cold %.17g", far[k],
                     hone_result_number(warm, "objective", -1), aim, now, loss);
        assert_true(hone_result_number(warm, "converged", -1) ==
                    hone_result_number(cold, "converged", -1));
        hone_result_free(warm);
        hone_result_free(cold);
    }
    hone_dataset_free(d);
    hone_dataset_free(fresh);
}

/* The same penalty again is where it already is. */
static void a_warm_start_spares_iterations(void **state)
{
    (void)state;
    for (int t = 0; t < 2; t++) {
        const char *const l1[] = {"{\"model\": \"logistic_regression\", \"C\": 5}",
                                  "{\"model\": \"linear_regression\", \"penalty\": \"l1\"}"};
        hone_dataset *d = data(tasks[t], 0);
        double steps[2];
        for (int k = 0; k < 2; k++) {
            hone_result *r = trained(d, l1[t], WARM_START);
            steps[k] = hone_result_number(r, "iterations", -1);
            hone_result_free(r);
        }
        if (!(steps[1] < steps[0]))
            fail_msg("%s: %g steps, then %g", l1[t], steps[0], steps[1]);
        hone_dataset_free(d);
    }
}

/* What was found or left is the cache's, so a cap gives one verdict. */
static void a_memory_cap_does_not_count_solutions(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_CLASSIFICATION, 0);
    hone_result *first = trained(d, STARTER(1), (hone_options){0});
    const hone_options tight =
        WARM(.memory_cap = (int64_t)hone_result_number(first, "peak_bytes", -1));
    hone_result_free(first);
    assert_true(began(d, STARTER(1), tight) == 0);
    assert_true(began(d, STARTER(2), tight) == 1);
    hone_dataset_free(d);
}

static void one_beginning_is_enough(void **state)
{
    (void)state;
    hone_dataset *d = data(HONE_CLASSIFICATION, 0);
    hone_result *first = trained(d, STARTER(1), (hone_options){.keep_model = true}), *r;
    hone_config *c = config(STARTER(1));
    const hone_options both = {
        .size = sizeof both, .warm_start = true, .warm_from = hone_result_model(first)};
    hone_error error;
    assert_int_equal(hone_train_full(c, d, 3, &both, &r, &error), HONE_BAD_ARGUMENT);
    assert_string_equal(error.path, "options.warm_start");
    hone_config_free(c);
    hone_result_free(first);
    hone_dataset_free(d);
}

#define MACHINE(tol) "{\"model\": \"svm\", \"C\": 100, \"tol\": " #tol "}"

static double pairs_moved(hone_dataset *d, const char *json, hone_options o)
{
    hone_result *r = trained(d, json, o);
    assert_true(hone_result_number(r, "converged", -1) == 1);
    const double moved = hone_result_number(r, "iterations", -1);
    hone_result_free(r);
    return moved;
}

/* All rows begin at all of its vectors, those of a holdout at some. */
static void a_vector_machine_goes_on_where_a_rougher_one_of_the_table_ended(void **state)
{
    (void)state;
    for (int task = 0; task < 2; task++) {
        const hone_task kind = task ? HONE_REGRESSION : HONE_CLASSIFICATION;
        hone_dataset *d = data(kind, -1);
        hone_result *first = trained(d, MACHINE(0.02), (hone_options){.keep_model = true});
        const hone_model *rough = hone_result_model(first);
        const hone_options all = {.validation = HONE_VALIDATE_NONE};
        hone_options from_all = all;
        from_all.warm_from = rough;
        const double cold = pairs_moved(d, MACHINE(0.0001), all);
        assert_true(pairs_moved(d, MACHINE(0.0001), from_all) < 0.9 * cold);
        const double held = pairs_moved(d, MACHINE(0.0001), (hone_options){0});
        assert_true(pairs_moved(d, MACHINE(0.0001), (hone_options){.warm_from = rough}) <
                    0.9 * held);
        hone_result_free(first);
        /* a model of some of the rows is no beginning */
        first = trained(d, MACHINE(0.02), (hone_options){.keep_model = true, .no_refit = true});
        assert_true(pairs_moved(d, MACHINE(0.0001),
                                (hone_options){.validation = HONE_VALIDATE_NONE,
                                               .warm_from = hone_result_model(first)}) == cold);
        hone_result_free(first);
        hone_dataset_free(d);
    }
}

/* ---- records ---- */

static hone_replayed replayed(const char *file, hone_dataset *d)
{
    hone_replayed count = {.size = sizeof count};
    hone_error error;
    if (hone_replay(file, d, NULL, &count, &error))
        fail_msg("%s: %s", error.path, error.message);
    return count;
}

/* Trials of modules that begin warm are close, the others the same. */
static void a_search_that_began_warm_is_replayed_cold(void **state)
{
    (void)state;
    char journal[] = "/tmp/hone-warm-XXXXXX";
    const int fd = mkstemp(journal);
    assert_true(fd >= 0 && !close(fd) && !unlink(journal));
    hone_dataset *d = data(HONE_CLASSIFICATION, 0);
    const char *const models[] = {"logistic_regression", "knn", NULL};
    const hone_space_options space = {.size = sizeof space, .models = models};
    hone_options each = {.size = sizeof each, .warm_start = true, .metric = "log_loss"};
    const hone_tune_options o = {
        .size = sizeof o, .trials = 24, .journal = journal, .space = &space, .train = &each};
    hone_tuned tuned = {.size = sizeof tuned};
    hone_result *best = NULL;
    hone_error error;
    if (hone_tune(d, 5, &o, &tuned, &best, &error))
        fail_msg("%s: %s", error.path, error.message);
    hone_result_free(best);
    const hone_replayed count = replayed(journal, d);
    assert_true(count.same >= 1 && count.close >= 1);
    assert_true(count.same + count.close == 24);
    each.warm_start = false;
    assert_int_not_equal(hone_tune(d, 5, &o, &tuned, &best, &error), HONE_OK);
    unlink(journal);
    hone_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trial_begins_from_the_nearest_solution_of_its_rows),
        cmocka_unit_test(nothing_is_left_by_who_did_not_ask_or_did_not_end),
        cmocka_unit_test(folds_begin_from_their_own),
        cmocka_unit_test(warm_results_agree_with_cold_ones_and_cold_ones_have_the_same_bits),
        cmocka_unit_test(a_start_that_is_worse_than_none_is_left),
        cmocka_unit_test(a_warm_start_spares_iterations),
        cmocka_unit_test(a_memory_cap_does_not_count_solutions),
        cmocka_unit_test(one_beginning_is_enough),
        cmocka_unit_test(a_vector_machine_goes_on_where_a_rougher_one_of_the_table_ended),
        cmocka_unit_test(a_search_that_began_warm_is_replayed_cold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
