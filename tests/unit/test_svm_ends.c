/* The support vector machine on data that other solvers do not survive, and how its fits end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "svm_world.h"

static void assert_valid(const table *t, const svm_params *p)
{
    fitted f;
    fit(&f, t, p, (how){.threads = 2});
    const hone_matrix x = matrix_of(t);
    double *score = scores(&f, &x);
    for (int64_t i = 0; i < t->n * f.f->shape.outputs; i++)
        assert_true(isfinite(score[i]));
    assert_true(isfinite(f.s->gap) && isfinite(f.s->objective));
    free(score);
    hone_fitted_free(f.f);
}

static void degenerate_data_end_with_a_valid_model(void **state)
{
    (void)state;
    for (int type = SVM_LINEAR; type <= SVM_LAPLACIAN; type++)
        for (int what = 0; what < 9; what++) {
            table t = clouds(what == 0 ? 1 : 60, 2, what == 6 ? 0 : 3, 13);
            svm_params p = defaults(&t);
            p.kernel = type, p.C = what == 5 || what == 8 ? 1e8 : 10, p.max_iter = 20000;
            for (int64_t i = 0; i < t.n; i++) {
                if (what == 1)
                    t.label[i] = 2; /* one class of three */
                if (what == 2)
                    t.x[2 * i] = t.x[2 * i + 1] = 1; /* one point, every label */
                if (what == 3)
                    t.x[2 * i] *= 1e30;
                if (what == 4)
                    t.label[i] = t.label[i] == 1 ? 0 : t.label[i]; /* a class without rows */
                if (what == 6)
                    t.y[i] = i % 2 ? 1e30 : -1e30;
                if (what == 7)
                    t.x[2 * i] *= 1e300;
                if (what == 8 && i % 2) { /* its twin, of another class */
                    t.x[2 * i] = t.x[2 * i - 2], t.x[2 * i + 1] = t.x[2 * i - 1];
                    t.label[i] = (t.label[i - 1] + 1) % 3;
                }
            }
            assert_valid(&t, &p);
            free_table(&t);
        }
}

static void a_class_without_rows_is_never_predicted(void **state)
{
    (void)state;
    table t = clouds(90, 3, 4, 14);
    for (int64_t i = 0; i < t.n; i++)
        t.label[i] = t.label[i] == 0 || t.label[i] == 2 ? 3 : t.label[i];
    svm_params p = defaults(&t);
    fitted f;
    fit(&f, &t, &p, (how){0});
    const hone_matrix x = matrix_of(&t);
    double *score = scores(&f, &x);
    for (int64_t i = 0; i < t.n; i++)
        assert_true(best_class(score + 4 * i, 4) % 2 == 1);
    free(score);
    hone_fitted_free(f.f);
    free_table(&t);
}

static void max_iter_ends_the_fit_and_says_so(void **state)
{
    (void)state;
    table t = clouds(300, 3, 2, 15);
    svm_params p = defaults(&t);
    p.max_iter = 10;
    fitted f;
    fit(&f, &t, &p, (how){0});
    assert_int_equal(f.s->iterations, 10);
    assert_int_equal(f.s->converged, 0);
    assert_true(f.s->gap > p.tol);
    hone_fitted_free(f.f);
    free_table(&t);
}

/* Calibrated: among rows of a fresh sample told p, a share of about p is of the class. */
/* A limit may end a fit at its first row. */
static void a_pair_that_was_stopped_at_once_goes_to_its_larger_class(void **state)
{
    (void)state;
    for (int32_t larger = 0; larger < 3; larger++) {
        table t = clouds(300, 4, 3, 8);
        for (int64_t i = 0; i < t.n; i += 2)
            t.label[i] = larger;
        const svm_params p = defaults(&t);
        fitted f;
        fit(&f, &t, &p, (how){.threads = 1, .stopped = true});
        const hone_matrix x = matrix_of(&t);
        atomic_store(&f.storage.stop, HONE_GO);
        double *score = scores(&f, &x);
        for (int64_t i = 0; i < t.n; i++)
            assert_int_equal(best_class(score + i * 3, 3), larger);
        assert_true(!f.s->converged && f.s->n_sv == 0);
        free(score);
        hone_fitted_free(f.f);
        free_table(&t);
    }
}

/* Where a fit begins it also ends when no time is left. */
static void a_fit_that_begins_warm_and_is_stopped_at_once_keeps_its_beginning(void **state)
{
    (void)state;
    for (int kind = 0; kind < 6; kind++) {
        table t = clouds(200, 3, kind % 3 == 2 ? 0 : 2 + kind % 3, 8);
        svm_params p = defaults(&t);
        p.kernel = kind < 3 ? SVM_RBF : SVM_LINEAR;
        fitted before, after;
        fit(&before, &t, &p, (how){.threads = 1});
        fit(&after, &t, &p, (how){.threads = 1, .warm = &before, .stopped = true});
        assert_true(before.s->converged && !after.s->converged && isfinite(after.s->gap));
        const hone_matrix x = matrix_of(&t);
        atomic_store(&after.storage.stop, HONE_GO);
        double *a = scores(&before, &x), *b = scores(&after, &x);
        for (int64_t i = 0; i < t.n * before.f->shape.outputs; i++)
            assert_true(fabs(a[i] - b[i]) <= 1e-9 * (1 + fabs(a[i])));
        free(a), free(b);
        hone_fitted_free(before.f), hone_fitted_free(after.f);
        free_table(&t);
    }
}

/* 45 pairs of classes, each small enough to be solved beside others. */
static void a_work_limit_ends_pairs_of_classes_early_and_alike_on_any_threads(void **state)
{
    (void)state;
    table t = clouds(1000, 6, 10, 8);
    for (int probability = 0; probability < 2; probability++) {
        svm_params p = defaults(&t);
        p.C = 1000, p.probability = probability;
        fitted full, one, two, least;
        fit(&full, &t, &p, (how){.threads = 2});
        const int64_t all = atomic_load(&full.storage.work);
        fit(&one, &t, &p, (how){.threads = 1, .work_limit = all / 2});
        fit(&two, &t, &p, (how){.threads = 3, .work_limit = all / 2});
        fit(&least, &t, &p, (how){.threads = 2, .work_limit = 1});
        assert_same(&one, &two);
        assert_int_equal(atomic_load(&one.storage.work), atomic_load(&two.storage.work));
        assert_true(full.s->converged && !one.s->converged);
        assert_true(atomic_load(&one.storage.work) < all * 3 / 4);
        assert_true(one.s->iterations > full.s->iterations / 4);
        assert_true(atomic_load(&least.storage.work) < all / 4);
        hone_fitted_free(full.f), hone_fitted_free(one.f);
        hone_fitted_free(two.f), hone_fitted_free(least.f);
    }
    free_table(&t);
}

static void probabilities_are_consistent_and_calibrated(void **state)
{
    (void)state;
    for (int64_t k = 2; k <= 4; k++) {
        table t = clouds(k == 2 ? 1600 : 700, 3, k, 16), z = clouds(4000, 3, k, 17);
        svm_params p = defaults(&t);
        p.probability = true;
        fitted f;
        fit(&f, &t, &p, (how){.threads = 2});
        const hone_matrix x = matrix_of(&z);
        double *score = scores(&f, &x), told = 0, loss = 0, chance = 0;
        int64_t right = 0;
        for (int64_t i = 0; i < z.n; i++) {
            double sum = 0;
            for (int64_t c = 0; c < k; c++) {
                assert_true(score[i * k + c] > 0 && score[i * k + c] < 1);
                sum += score[i * k + c];
            }
            assert_true(fabs(sum - 1) < 1e-9);
            const int64_t best = best_class(score + i * k, k);
            told += score[i * k + best] / (double)z.n;
            right += best == z.label[i];
            loss -= log(score[i * k + z.label[i]]) / (double)z.n;
            chance += log((double)k) / (double)z.n;
        }
        assert_true(fabs(told - (double)right / (double)z.n) < 0.03);
        assert_true(loss < 0.75 * chance);
        free(score);
        hone_fitted_free(f.f);
        free_table(&t), free_table(&z);
    }
}

static void probabilities_survive_tiny_classes(void **state)
{
    (void)state;
    table t = clouds(40, 2, 4, 18);
    for (int64_t i = 0; i < t.n; i++)
        t.label[i] = i == 0 ? 1 : i < 4 ? 0 : 3; /* one row, three rows, none, the rest */
    svm_params p = defaults(&t);
    p.probability = true;
    fitted f;
    fit(&f, &t, &p, (how){0});
    const hone_matrix x = matrix_of(&t);
    double *score = scores(&f, &x);
    for (int64_t i = 0; i < t.n; i++) {
        assert_true(best_class(score + 4 * i, 4) != 2);
        for (int64_t c = 0; c < 4; c++)
            assert_true(isfinite(score[4 * i + c]));
    }
    free(score);
    hone_fitted_free(f.f);
    free_table(&t);
}

/* One row far from all others does not move them to one point. */
static void an_outlier_leaves_the_other_rows_apart(void **state)
{
    (void)state;
    table t = clouds(300, 4, 2, 9);
    svm_params p = defaults(&t);
    p.gamma = number(0.25);
    int64_t right[2] = {0, 0};
    for (int far = 0; far < 2; far++) {
        t.x[0] = far ? 1e30 : t.x[0];
        fitted f;
        fit(&f, &t, &p, (how){.threads = 1});
        const hone_matrix x = matrix_of(&t);
        double *score = scores(&f, &x);
        for (int64_t i = 1; i < t.n; i++)
            right[far] += best_class(score + 2 * i, 2) == t.label[i];
        free(score);
        hone_fitted_free(f.f);
    }
    assert_true(right[0] > 250 && right[1] >= right[0] - 2);
    free_table(&t);
}

/* Values of 1e30 without any difference, or with one that float32 does not see. */
static void kernels_that_hardly_curve_take_few_pairs(void **state)
{
    (void)state;
    for (int kind = 0; kind < 12; kind++) {
        table t = clouds(60, 2, kind % 2 ? 0 : 2, 18);
        svm_params p = defaults(&t);
        p.kernel = SVM_POLY, p.degree = 5, p.coef0 = kind / 2 % 2 ? 1e6 : -1e6, p.C = 1e-2;
        p.formulation = kind / 4 % 2 ? SVM_FORMULATION_NU : SVM_FORMULATION_C;
        for (int64_t i = 0; i < t.n; i++)
            if (kind < 8)
                t.x[2 * i] = t.x[2 * i + 1] = 1.1;
        p.gamma = number(kind < 8 ? 1 : 1e-3), p.max_iter = 200000;
        fitted f;
        fit(&f, &t, &p, (how){.threads = 1});
        assert_true(f.s->iterations < p.max_iter / 2);
        if (kind < 8)
            assert_true(f.s->gap < p.tol && f.s->iterations < 1000);
        hone_fitted_free(f.f);
        free_table(&t);
    }
}

static void powers_beyond_double_leave_finite_scores(void **state)
{
    (void)state;
    for (int kind = 0; kind < 16; kind++) {
        table t = clouds(60, 2, kind % 2 ? 0 : 2, 20);
        svm_params p = defaults(&t);
        p.kernel = SVM_POLY, p.degree = 20 - kind / 8, p.coef0 = 1, p.gamma = number(1e12);
        p.formulation = kind / 2 % 2 ? SVM_FORMULATION_NU : SVM_FORMULATION_C;
        p.C = kind / 4 % 2 ? 1e12 : 1e-6, p.max_iter = 100000;
        for (int64_t i = 0; i < 2 * t.n; i++)
            t.x[i] *= 50;
        assert_valid(&t, &p);
        free_table(&t);
    }
}

/* A certificate in double is of no use where decisions in float32 have lost their digits. */
static void a_fit_that_converged_decides_as_its_coefficients_say(void **state)
{
    (void)state;
    static const double costs[] = {1, 1e4, 1e6, 1e8};
    int lost = 0;
    for (int kind = 0; kind < 8; kind++) {
        table t = clouds(160, 3, kind / 4 ? 0 : 2, 22);
        svm_params p = defaults(&t);
        p.kernel = kind / 4 ? SVM_RBF : SVM_SIGMOID, p.coef0 = 1;
        p.C = costs[kind % 4], p.gamma = number(0.1), p.max_iter = 1000000;
        fitted f;
        fit(&f, &t, &p, (how){.threads = 1});
        const hone_matrix x = matrix_of(&t);
        double *score = scores(&f, &x), worst = 0;
        for (int64_t i = 0; i < t.n; i++) {
            double sum = f.s->intercept[0];
            for (int64_t v = 0; v < f.s->n_sv; v++)
                sum +=
                    f.s->coef[v] * plain_kernel(&p, 0.1, t.x + 3 * f.s->support[v], t.x + 3 * i, 3);
            worst = fmax(worst, fabs(sum - score[kind / 4 ? i : 2 * i]));
        }
        assert_true(!f.s->converged || worst <= 1.5);
        lost += worst > 1.5;
        free(score);
        hone_fitted_free(f.f);
        free_table(&t);
    }
    assert_true(lost > 0);
}

/* A nu that the classes do not allow may leave no distance between the slopes of both. */
static void every_nu_of_few_coefficients_converges(void **state)
{
    (void)state;
    for (int k = 1; k <= 10; k++) {
        table t = clouds(200, 3, 2, 23);
        for (int64_t i = 0; i < t.n; i++)
            t.label[i] = i % 3 == 0;
        svm_params p = defaults(&t);
        p.formulation = SVM_FORMULATION_NU, p.nu = 0.1 * k, p.gamma = number(0.02), p.tol = 1e-6;
        fitted f;
        fit(&f, &t, &p, (how){.threads = 1});
        assert_true(f.s->converged);
        hone_fitted_free(f.f);
        free_table(&t);
    }
}

static void gamma_scale_of_columns_that_are_one_number_is_1(void **state)
{
    (void)state;
    static const double values[] = {0, 0.1, 1.25, 1e9 + 0.1};
    for (int k = 0; k < 4; k++) {
        table t = clouds(400, 5, 2, 19);
        svm_params p = defaults(&t);
        for (int64_t i = 0; i < t.n * t.d; i++)
            t.x[i] = values[k];
        fitted f;
        fit(&f, &t, &p, (how){.threads = 1});
        assert_true(f.s->gamma == 1);
        hone_fitted_free(f.f);
        free_table(&t);
    }
}

/* Scores of every row, with equal weights. */
static double *weighted_scores(table *t, const svm_params *p, double weight, fitted *f)
{
    t->w = malloc((size_t)t->n * sizeof *t->w);
    for (int64_t i = 0; i < t->n; i++)
        t->w[i] = weight;
    fit(f, t, p, (how){.threads = 2});
    free(t->w);
    t->w = NULL;
    const hone_matrix x = matrix_of(t);
    return scores(f, &x);
}

static void assert_near(const double *a, const double *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        assert_true(fabs(a[i] - b[i]) <= 1e-5 * (1 + fabs(b[i])));
}

/* With nu only ratios of weights count; otherwise they multiply C, and the sigmoid knows ratios. */
static void equal_weights_of_any_size_are_a_factor_of_C(void **state)
{
    (void)state;
    static const double weights[] = {1e-305, 1e-9, 1e9, 1e300};
    for (int what = 0; what < 6; what++)
        for (size_t k = 0; k < sizeof weights / sizeof *weights; k++) {
            table t = clouds(150, 3, 3, 16);
            svm_params p = defaults(&t);
            p.tol = 1e-8, p.probability = what % 3 > 0, p.class_weight = what / 3;
            const bool nu = what % 3 == 1;
            p.formulation = nu ? SVM_FORMULATION_NU : SVM_FORMULATION_C;
            p.C = nu ? 1 : fmin(fmax(1 / weights[k], 1e-9), 1e9);
            fitted f, one;
            double *score = weighted_scores(&t, &p, weights[k], &f);
            if (nu || (weights[k] > 1e-10 && weights[k] < 1e10)) {
                p.C = 1;
                double *expected = weighted_scores(&t, &p, 1, &one);
                assert_near(score, expected, 3 * t.n);
                assert_true(f.s->converged);
                free(expected);
                hone_fitted_free(one.f);
            }
            assert_true(isfinite(f.s->gap) && isfinite(f.s->objective));
            free(score);
            hone_fitted_free(f.f);
            free_table(&t);
        }
}

/* Half of the rows count twice as much as the others, and some nothing beside them. */
static void huge_weights_keep_their_ratios(void **state)
{
    (void)state;
    static const double sizes[] = {5e11, 1e15, 1e300};
    table t = clouds(120, 3, 2, 21);
    svm_params p = defaults(&t);
    p.gamma = number(2);
    for (int64_t i = 0; i < 40; i++) {
        memcpy(t.x + 3 * i, t.x + 3 * (i + 80), 3 * sizeof *t.x);
        t.label[i] = 1 - t.label[i + 80];
    }
    double *score[3];
    for (int k = 0; k < 3; k++) {
        fitted f;
        t.w = malloc((size_t)t.n * sizeof *t.w);
        for (int64_t i = 0; i < t.n; i++)
            t.w[i] = i == 50 ? 1 : sizes[k] * (i % 2 ? 2 : 1);
        fit(&f, &t, &p, (how){.threads = 1});
        const hone_matrix x = matrix_of(&t);
        score[k] = scores(&f, &x);
        assert_int_equal(f.s->converged, k == 0);
        hone_fitted_free(f.f);
        free(t.w);
        t.w = NULL;
    }
    for (int64_t i = 0; i < 2 * t.n; i++)
        for (int k = 1; k < 3; k++)
            assert_true(fabs(score[k][i] - score[0][i]) <= 0.02 * (1 + fabs(score[0][i])));
    free(score[0]), free(score[1]), free(score[2]);
    free_table(&t);
}

/* Costs without end: a kernel that tells all rows apart needs none of them; where classes overlap
 * the solution is that of a cost in reach, and says so. */
static void huge_weights_end_soon_and_predict(void **state)
{
    (void)state;
    for (int what = 0; what < 4; what++) {
        table t = clouds(200, 3, 2, 17);
        svm_params p = defaults(&t);
        p.probability = what % 2, p.gamma = number(2);
        if (what / 2) /* twins of both classes */
            for (int64_t i = 0; i < 40; i++) {
                memcpy(t.x + 3 * i, t.x + 3 * (i + 100), 3 * sizeof *t.x);
                t.label[i] = 1 - t.label[i + 100];
            }
        fitted f;
        double *score = weighted_scores(&t, &p, 1e300, &f);
        int64_t right = 0;
        for (int64_t i = 0; i < t.n; i++)
            right += best_class(score + 2 * i, 2) == t.label[i];
        assert_true(right >= (what == 3 ? 100 : 150));
        assert_true(f.s->iterations < 2000000);
        assert_int_equal(f.s->converged, what / 2 == 0);
        free(score);
        hone_fitted_free(f.f);
        free_table(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_outlier_leaves_the_other_rows_apart),
        cmocka_unit_test(degenerate_data_end_with_a_valid_model),
        cmocka_unit_test(a_class_without_rows_is_never_predicted),
        cmocka_unit_test(max_iter_ends_the_fit_and_says_so),
        cmocka_unit_test(a_pair_that_was_stopped_at_once_goes_to_its_larger_class),
        cmocka_unit_test(a_fit_that_begins_warm_and_is_stopped_at_once_keeps_its_beginning),
        cmocka_unit_test(a_work_limit_ends_pairs_of_classes_early_and_alike_on_any_threads),
        cmocka_unit_test(probabilities_are_consistent_and_calibrated),
        cmocka_unit_test(probabilities_survive_tiny_classes),
        cmocka_unit_test(kernels_that_hardly_curve_take_few_pairs),
        cmocka_unit_test(powers_beyond_double_leave_finite_scores),
        cmocka_unit_test(a_fit_that_converged_decides_as_its_coefficients_say),
        cmocka_unit_test(every_nu_of_few_coefficients_converges),
        cmocka_unit_test(gamma_scale_of_columns_that_are_one_number_is_1),
        cmocka_unit_test(equal_weights_of_any_size_are_a_factor_of_C),
        cmocka_unit_test(huge_weights_keep_their_ratios),
        cmocka_unit_test(huge_weights_end_soon_and_predict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
