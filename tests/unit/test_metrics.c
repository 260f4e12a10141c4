/* Metrics against scikit-learn 1.9.1 (sklearn.metrics of the same rows, with and without weights).
 */
#include <string.h>

#include "base/arena.h"
#include "core/metrics.h"
#include "core/ranks.h"
#include "near.h"

enum { N = 24 };
static const double P[] = {
    0.148, 0.534, 0.318, 0.734, 0.104, 0.162, 0.233, 0.562, 0.205, 0.163, 0.381, 0.456,
    0.078, 0.588, 0.334, 0.609, 0.187, 0.204, 0.609, 0.187, 0.204, 0.16,  0.464, 0.376,
    0.019, 0.308, 0.673, 0.541, 0.369, 0.09,  0.253, 0.259, 0.488, 0.753, 0.212, 0.035,
    0.429, 0.02,  0.551, 0.531, 0.266, 0.203, 0.243, 0.204, 0.553, 0.131, 0.638, 0.231,
    0.238, 0.536, 0.226, 0.071, 0.167, 0.762, 0.361, 0.02,  0.619, 0.008, 0.218, 0.774,
    0.073, 0.824, 0.103, 0.032, 0.771, 0.197, 0.867, 0.077, 0.056, 0.563, 0.206, 0.231};
static const int32_t Y[] = {2, 0, 1, 0, 0, 0, 1, 1, 2, 1, 1, 2, 1, 2, 0, 0, 0, 1, 2, 0, 2, 1, 2, 2};
static const double W[] = {1, 3, 0, 0, 0, 0, 0, 3, 1, 3, 0, 0, 0, 0, 2, 0, 3, 0, 1, 2, 2, 0, 1, 0};
static const double T[] = {3.82,  0.53,  -2.12, -1.9,  -0.4,  -4.08, -3.9,  0.03,
                           -3.16, -2.76, 0.03,  3.04,  -5.61, 2.57,  -2.8,  0.81,
                           -2.74, -2.62, -2.83, -2.55, 2.03,  -6.23, -3.29, -0.07};
static const double Q[] = {3.45,  1,     -0.27, -2.16, 0.88,  -5.12, -3.17, 0.6,
                           -2.58, -4.58, 0.99,  0.7,   -6.95, 3.62,  -2.81, 2.05,
                           -1.71, -1.44, -2.47, -2.93, 1.4,   -6.55, -2.29, -1.07};

typedef struct expected {
    const char *name;
    double plain, weighted;
} expected;

static const expected CLASSES[] = {
    {"accuracy", 0.2916666666666667, 0.36363636363636365},
    {"balanced_accuracy", 0.2916666666666667, 0.37777777777777777},
    {"f1_macro", 0.2916666666666667, 0.36209150326797385},
    {"f1_weighted", 0.2916666666666667, 0.360427807486631},
    {"mcc", -0.0625, 0.05079595451729729},
    {"log_loss", 1.6583700329367315, 1.4756598099820002},
    {"roc_auc", 0.4348958333333333, 0.5465277777777778},
};

static const expected AMOUNTS[] = {
    {"rmse", 1.063290882120222, 0.89042890584461409},
    {"mse", 1.1305875000000001, 0.79286363636363655},
    {"mae", 0.90875000000000006, 0.72818181818181837},
    {"median_absolute_error", 0.97999999999999998, 0.56999999999999995},
    {"r2", 0.83284090559063606, 0.8136800065565899},
    {"mape", 3.1868195721260029, 2.927445907873734},
};

static double value_of(const char *name, hone_task task, const hone_judged *judged, bool *undefined)
{
    const hone_metric *metric = NULL;
    assert_int_equal(hone_metric_find(name, task, &metric, NULL), HONE_OK);
    hone_arena *scratch = hone_arena_open(NULL);
    hone_judged whole = *judged;
    bool no_memory = !hone_judged_say(&whole, scratch);
    *undefined = false;
    const double value = metric->value(&whole, scratch, undefined, &no_memory);
    assert_false(no_memory);
    hone_arena_close(scratch);
    return value;
}

static void compare(const expected *all, int count, hone_task task, hone_judged judged)
{
    bool undefined;
    for (int i = 0; i < count; i++) {
        judged.weight = NULL;
        assert_near(value_of(all[i].name, task, &judged, &undefined), all[i].plain, 1e-12);
        judged.weight = W;
        assert_near(value_of(all[i].name, task, &judged, &undefined), all[i].weighted, 1e-12);
    }
}

static void classification_metrics_are_those_of_scikit_learn(void **state)
{
    (void)state;
    compare(CLASSES, sizeof CLASSES / sizeof *CLASSES, HONE_CLASSIFICATION,
            (hone_judged){.rows = N, .outputs = 3, .score = P, .label = Y});
}

static void regression_metrics_are_those_of_scikit_learn(void **state)
{
    (void)state;
    compare(AMOUNTS, sizeof AMOUNTS / sizeof *AMOUNTS, HONE_REGRESSION,
            (hone_judged){.rows = N, .outputs = 1, .score = Q, .target = T});
}

/* Only their ratios count: sums and products of huge and tiny ones are finite. */
static void weights_of_any_size_give_the_same_metrics(void **state)
{
    (void)state;
    static const int exponents[] = {1000, 300, -300, -1060};
    hone_judged classes = {.rows = N, .outputs = 3, .score = P, .label = Y};
    hone_judged amounts = {.rows = N, .outputs = 1, .score = Q, .target = T};
    double far[N];
    bool undefined;
    for (int e = 0; e < 4; e++) {
        for (int i = 0; i < N; i++)
            far[i] = ldexp(W[i], exponents[e]);
        for (const hone_metric *m = hone_metrics; m->name; m++) {
            hone_judged j = m->task == HONE_REGRESSION ? amounts : classes;
            j.weight = W;
            const double near_one = value_of(m->name, m->task, &j, &undefined);
            j.weight = far;
            assert_true(value_of(m->name, m->task, &j, &undefined) == near_one);
        }
    }
}

/* One class among the rows, a constant target, a target of zero, values whose squares overflow. */
static void a_metric_that_is_not_defined_is_finite_and_says_so(void **state)
{
    (void)state;
    const int32_t one[] = {0, 0};
    const double p[] = {0.9, 0.1, 0.2, 0.8}, constant[] = {2, 2}, zero[] = {0, 0}, q[] = {1, 3},
                 huge[] = {1e300, -1e300};
    bool undefined;
    const hone_judged classes = {.rows = 2, .outputs = 2, .score = p, .label = one};
    assert_near(value_of("roc_auc", HONE_CLASSIFICATION, &classes, &undefined), 0.5, 0);
    assert_true(undefined);
    const hone_judged same = {.rows = 2, .outputs = 1, .score = q, .target = constant};
    assert_near(value_of("r2", HONE_REGRESSION, &same, &undefined), 0, 0);
    assert_true(undefined);
    const hone_judged nothing = {.rows = 2, .outputs = 1, .score = q, .target = zero};
    assert_true(isfinite(value_of("mape", HONE_REGRESSION, &nothing, &undefined)));
    assert_true(undefined);
    for (const hone_metric *m = hone_metrics; m->name; m++)
        if (m->task == HONE_REGRESSION) {
            const hone_judged wide = {.rows = 2, .outputs = 1, .score = huge, .target = q};
            assert_true(isfinite(value_of(m->name, HONE_REGRESSION, &wide, &undefined)));
        }
}

static void a_class_that_the_model_does_not_know_counts_as_wrong(void **state)
{
    (void)state;
    const int32_t label[] = {0, -1};
    const double p[] = {0.9, 0.1, 0.2, 0.8};
    bool undefined;
    const hone_judged judged = {.rows = 2, .outputs = 2, .score = p, .label = label};
    assert_near(value_of("accuracy", HONE_CLASSIFICATION, &judged, &undefined), 0.5, 0);
    assert_near(value_of("balanced_accuracy", HONE_CLASSIFICATION, &judged, &undefined), 0.5, 0);
    assert_true(value_of("log_loss", HONE_CLASSIFICATION, &judged, &undefined) > 17);
}

/* Pairs of a row of the class and another one: 1 where the first is larger, half for a tie. */
static double plain_area(const double *v, const int32_t *label, int32_t k, const double *weight,
                         int64_t n)
{
    double won = 0, all = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n && label[i] == k; j++)
            if (label[j] != k) {
                const double pair = (weight ? weight[i] : 1) * (weight ? weight[j] : 1);
                won += pair * (v[i] > v[j] ? 1 : v[i] == v[j] ? 0.5 : 0);
                all += pair;
            }
    return won / all;
}

/* The mean of the least value with at least half of the weight at or below it and the largest with
 * at least half at or above it; values without weight do not count. */
static double plain_median(const double *v, const double *weight, int64_t n)
{
    double low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        double below = 0, above = 0, all = 0;
        for (int64_t j = 0; j < n; j++) {
            const double w = weight ? weight[j] : 1;
            below += v[j] <= v[i] ? w : 0;
            above += v[j] >= v[i] ? w : 0;
            all += w;
        }
        if (!weight || weight[i] > 0) {
            low = below >= all / 2 ? fmin(low, v[i]) : low;
            high = above >= all / 2 ? fmax(high, v[i]) : high;
        }
    }
    return (low + high) / 2;
}

/* Sorted, reversed, tied, all equal and random values; weights of which some are 0. */
static void ranks_are_those_of_the_plain_definition(void **state)
{
    (void)state;
    enum { MOST_ROWS = 6000, STEP = 5900 }; /* many are sorted by digits, few by merging */
    static double v[MOST_ROWS], w[MOST_ROWS];
    static int32_t label[MOST_ROWS];
    static int64_t order[(HONE_RANKS_TOGETHER + 1) * MOST_ROWS];
    uint64_t random = 1;
    for (int kind = 0; kind < 5; kind++)
        for (int64_t n = 2; n <= MOST_ROWS; n += n < 20 ? 1 : n < 90 ? 7 : STEP)
            for (int weighted = 0; weighted < 2; weighted++) {
                for (int64_t i = 0; i < n; i++) {
                    random = random * 6364136223846793005u + 1442695040888963407u;
                    const double orders[] = {(double)i, (double)-i, (double)(random >> 40 & 3), 2,
                                             (double)(random >> 20)};
                    v[i] = orders[kind], w[i] = (double)(random >> 50 & 3);
                    label[i] = i == 0 ? 1 : i == 1 ? 0 : (random >> 60 & 3) == 0;
                }
                double area = -1;
                w[0] = w[1] = 1;
                const double *const weight = weighted ? w : NULL;
                bool undefined = false;
                if (weighted)
                    assert_near(hone_rank_area(v, label, 1, weight, n, order, &undefined),
                                plain_area(v, label, 1, weight, n), 1e-12);
                else
                    hone_count_areas(v, 1, label, n, 0, 1, order, &area, &undefined);
                if (!weighted)
                    assert_true(area == plain_area(v, label, 0, NULL, n));
                assert_near(hone_weighted_median(v, weight, n, order, &undefined),
                            plain_median(v, weight, n), 0);
                assert_false(undefined);
            }
}

/* Votes of few classes, of all, ties, a class that no row has and labels of none; more classes than
 * are looked at together, few rows and many. */
static void areas_of_many_classes_are_those_of_the_plain_definition(void **state)
{
    (void)state;
    enum { MOST_ROWS = 5000, MOST_CLASSES = 19, STEP = 4700 };
    static double score[MOST_ROWS * MOST_CLASSES], column[MOST_ROWS];
    static int32_t label[MOST_ROWS];
    static int64_t room[(HONE_RANKS_TOGETHER + 1) * MOST_ROWS];
    uint64_t random = 1;
    for (int kind = 0; kind < 4; kind++)
        for (int64_t n = 3; n <= MOST_ROWS; n += n < 20 ? 1 : n < 300 ? 70 : STEP)
            for (int64_t k = 0; k < MOST_CLASSES; k += kind % 2 ? 8 : 7) {
                for (int64_t i = 0; i < n; i++) {
                    label[i] =
                        (int32_t)((i * 7 + i / 3) % MOST_CLASSES) - 1; /* the last class: none */
                    for (int64_t c = 0; c < MOST_CLASSES; c++) {
                        random = random * 6364136223846793005u + 1442695040888963407u;
                        const double kinds[] = {random >> 61 ? 0 : (double)(random >> 55 & 7) / 8,
                                                (double)(random >> 20) - 0x1p43, (double)(c % 3),
                                                (double)(random >> 62) - 1.5};
                        score[i * MOST_CLASSES + c] = kinds[kind];
                    }
                }
                const int64_t most = kind % 2 ? 8 : 7,
                              count = MOST_CLASSES - k < most ? MOST_CLASSES - k : most;
                double got[HONE_RANKS_TOGETHER];
                bool undefined = false, odd = false;
                hone_count_areas(score, MOST_CLASSES, label, n, k, count, room, got, &undefined);
                for (int64_t c = k; c < k + count; c++) {
                    for (int64_t i = 0; i < n; i++)
                        column[i] = score[i * MOST_CLASSES + c];
                    const double area = plain_area(column, label, (int32_t)c, NULL, n);
                    odd |= isnan(area);
                    assert_true(got[c - k] == (isnan(area) ? 0.5 : area));
                }
                assert_int_equal(undefined, odd);
            }
}

/* The first of the largest, whatever the number of scores. */
static void the_class_that_is_said_has_the_first_of_the_largest_scores(void **state)
{
    (void)state;
    double score[23];
    for (int n = 1; n <= 23; n++)
        for (int at = 0; at < n; at++) {
            for (int k = 0; k < n; k++)
                score[k] = k == at || k == n - 1 ? 0.5 : k % 3 - 3;
            assert_int_equal(hone_argmax(score, n), at);
            for (int k = 0; k < n; k++)
                score[k] = k < at ? -1 : -0.0;
            score[n - 1] = 0; /* is equal */
            assert_int_equal(hone_argmax(score, n), at);
        }
}

static void an_unknown_metric_is_refused_with_the_list(void **state)
{
    (void)state;
    const hone_metric *metric;
    hone_error error;
    assert_int_equal(hone_metric_find("acuracy", HONE_CLASSIFICATION, &metric, &error),
                     HONE_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "balanced_accuracy"));
    assert_non_null(strstr(error.message, "acuracy"));
    assert_int_equal(hone_metric_find("rmse", HONE_CLASSIFICATION, &metric, &error),
                     HONE_BAD_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classification_metrics_are_those_of_scikit_learn),
        cmocka_unit_test(regression_metrics_are_those_of_scikit_learn),
        cmocka_unit_test(weights_of_any_size_give_the_same_metrics),
        cmocka_unit_test(a_metric_that_is_not_defined_is_finite_and_says_so),
        cmocka_unit_test(a_class_that_the_model_does_not_know_counts_as_wrong),
        cmocka_unit_test(ranks_are_those_of_the_plain_definition),
        cmocka_unit_test(areas_of_many_classes_are_those_of_the_plain_definition),
        cmocka_unit_test(the_class_that_is_said_has_the_first_of_the_largest_scores),
        cmocka_unit_test(an_unknown_metric_is_refused_with_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
