/* Linear regression: the optimum of its objective, however it is reached. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "algorithms/linear_regression/linear_regression.h"
#include "core/params.h"
#include "core/trial.h"
#include "dense.h"
#include "toolbox/random.h"

extern const hone_algorithm hone_linear_regression;

enum { N = 300, D = 12, WIDE = 250, VERY_WIDE = 3200 };

static double X[N * VERY_WIDE], Y[N], WEIGHT[N];

/* Values of columns of very different size, a level far from 0 and a sparse rule with noise. */
static void fill(int64_t d, double condition, double level)
{
    hone_stream s = hone_stream_of(9, (uint64_t)d, 2);
    for (int64_t i = 0; i < N; i++) {
        Y[i] = level + hone_uniform(&s);
        WEIGHT[i] = (double)hone_below(&s, 3);
        for (int64_t j = 0; j < d; j++) {
            const double scale = pow(condition, -(double)j / (double)(d - 1));
            const double x = 2 * hone_uniform(&s) - 1;
            X[i * d + j] = scale * (x + 3);
            Y[i] += j % 3 ? 0 : x * (1 + (double)j);
        }
    }
}

static linear_params defaults(void)
{
    linear_params p;
    for (const hone_param *row = hone_linear_regression.params; row->name; row++)
        hone_param_default(row, &p);
    return p;
}

static hone_fitted *fit_in(hone_cache *cache, const hone_matrix *x, const linear_params *p,
                           int threads)
{
    hone_simple_run storage;
    const hone_run *run = hone_run_simple(&storage, threads);
    const hone_trial trial = {.algorithm = &hone_linear_regression,
                              .params = p,
                              .table = *x,
                              .table_id = 1,
                              .target = Y,
                              .weight = WEIGHT,
                              .labels_id = 2,
                              .shape = {x->cols, 1, x->stored_cols, NULL, HONE_REGRESSION},
                              .seed = 7,
                              .run = run};
    hone_fitted *fitted = NULL;
    hone_error error = {0};
    if (hone_trial_fit(&trial, cache, &fitted, NULL, &error))
        fail_msg("%s: %s", error.path, error.message);
    return fitted;
}

static hone_fitted *fit(const hone_matrix *x, const linear_params *p, int threads)
{
    hone_cache *cache = hone_cache_open(0);
    hone_fitted *f = fit_in(cache, x, p, threads);
    hone_cache_close(cache);
    return f;
}

static hone_matrix dense(int64_t d)
{
    return dense_of(HONE_F64, X, N, d);
}

static double values[N * VERY_WIDE];
static int32_t column[N * VERY_WIDE];
static int64_t row_start[N + 1];

/* One in ten of what `fill` made, as sparse rows. */
static hone_matrix sparse(int64_t d)
{
    hone_stream s = hone_stream_of(1, 2, 3);
    int64_t count = 0;
    for (int64_t i = 0; i < N; i++) {
        for (int64_t j = 0; j < d; j++) {
            X[i * d + j] *= hone_below(&s, 10) == 0;
            if (X[i * d + j] != 0)
                values[count] = X[i * d + j], column[count++] = (int32_t)j;
        }
        row_start[i + 1] = count;
    }
    return (hone_matrix){values, HONE_CSR, HONE_F64, N,    d,         d,     0,
                         0,      NULL,     NULL,     NULL, row_start, column};
}

static long double residual(const linear_state *s, int64_t d, int64_t i)
{
    long double z = (long double)s->intercept - (long double)Y[i];
    for (int64_t j = 0; j < d; j++)
        z += (long double)s->coef[j] * (long double)X[i * d + j];
    return z;
}

/* Conditions of optimality, relative to the size of what has to cancel. */
static void at_optimum(const hone_fitted *f, const linear_params *p, int64_t d, double within)
{
    const linear_state *s = f->state;
    const double alpha = p->penalty == LINEAR_NONE ? 0 : p->alpha;
    const double share = p->penalty == LINEAR_L1           ? 1
                         : p->penalty == LINEAR_ELASTICNET ? p->l1_ratio
                                                           : 0;
    if (!s->converged)
        fail_msg("penalty %d of %d columns: gap %g after %d", p->penalty, (int)d, s->gap,
                 (int)s->iterations);
    long double away_from[N], objective = 0, total = 0;
    for (int64_t i = 0; i < N; i++) {
        away_from[i] = residual(s, d, i);
        objective += (long double)WEIGHT[i] * away_from[i] * away_from[i] / 2;
        total += (long double)WEIGHT[i];
    }
    for (int64_t j = 0; j < d; j++)
        objective += (long double)(alpha * ((1 - share) * s->coef[j] * s->coef[j] / 2 +
                                            share * fabs(s->coef[j])));
    objective /= total;
    if (!(fabs(s->objective - (double)objective) <= 1e-8 * (double)objective + 1e-12))
        fail_msg("the objective is %.12g, not %.12g", s->objective, (double)objective);
    for (int64_t j = 0; j <= d; j++) {
        long double g = 0, size = (long double)(alpha * share);
        for (int64_t i = 0; i < N; i++) {
            const long double x = j < d ? (long double)X[i * d + j] : 1;
            const long double part = (long double)WEIGHT[i] * away_from[i] * x;
            g += part, size += fabsl(part);
        }
        const double w = j < d ? s->coef[j] : 0, lasso = j < d ? alpha * share : 0;
        if (j < d)
            g += (long double)(alpha * (1 - share) * w);
        const long double away = w > 0   ? fabsl(g + (long double)lasso)
                                 : w < 0 ? fabsl(g - (long double)lasso)
                                         : fmaxl(fabsl(g) - (long double)lasso, 0);
        if (!(away <= (long double)within * size))
            fail_msg("penalty %d, coordinate %d: %Lg of %Lg", p->penalty, (int)j, away, size);
    }
}

static void every_penalty_ends_at_its_conditions(void **state)
{
    (void)state;
    static const double conditions[] = {1, 1e8};
    for (int c = 0; c < 2; c++)
        for (int penalty = LINEAR_L2; penalty <= LINEAR_NONE; penalty++)
            for (double alpha = 1e-6; alpha < 1e4; alpha *= 1e3) {
                linear_params p = defaults();
                p.penalty = penalty, p.alpha = alpha, p.tol = 1e-12;
                fill(D, conditions[c], 1000);
                const hone_matrix x = dense(D);
                hone_fitted *f = fit(&x, &p, 2);
                at_optimum(f, &p, D, 1e-5);
                hone_fitted_free(f);
            }
}

static void more_columns_than_rows_end_at_their_conditions(void **state)
{
    (void)state;
    for (int penalty = LINEAR_L2; penalty <= LINEAR_ELASTICNET; penalty++) {
        linear_params p = defaults();
        p.penalty = penalty, p.alpha = 20, p.tol = 1e-12;
        fill(WIDE, 1, 0);
        const hone_matrix x = dense(WIDE);
        hone_fitted *f = fit(&x, &p, 2);
        at_optimum(f, &p, WIDE, 1e-4);
        hone_fitted_free(f);
    }
}

static void sparse_rows_end_at_their_conditions(void **state)
{
    (void)state;
    for (int64_t d = D; d <= WIDE; d += WIDE - D)
        for (int penalty = LINEAR_L2; penalty <= LINEAR_ELASTICNET; penalty++) {
            fill(d, 1, 5);
            const hone_matrix x = sparse(d);
            linear_params p = defaults();
            p.penalty = penalty, p.tol = 1e-12;
            hone_fitted *one = fit(&x, &p, 1), *two = fit(&x, &p, 2);
            at_optimum(one, &p, d, 1e-4);
            const linear_state *a = one->state, *b = two->state;
            assert_memory_equal(a->coef, b->coef, (size_t)d * sizeof(double));
            hone_fitted_free(one);
            hone_fitted_free(two);
        }
}

/* Beyond what is factored: working sets over dense and sparse columns. */
static void very_wide_lassos_end_at_their_conditions(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++)
        for (int penalty = LINEAR_L1; penalty <= LINEAR_ELASTICNET; penalty++) {
            linear_params p = defaults();
            p.penalty = penalty, p.alpha = kind ? 400000 : 500000, p.tol = 1e-10;
            fill(VERY_WIDE, 1, 5);
            const hone_matrix x = kind ? sparse(VERY_WIDE) : dense(VERY_WIDE);
            hone_fitted *one = fit(&x, &p, 1), *two = fit(&x, &p, 2);
            at_optimum(one, &p, VERY_WIDE, 1e-4);
            const linear_state *a = one->state, *b = two->state;
            int64_t support = 0;
            for (int64_t j = 0; j < VERY_WIDE; j++)
                support += a->coef[j] != 0;
            assert_in_range(support, 5, penalty == LINEAR_L1 ? N : VERY_WIDE - 1);
            assert_memory_equal(a->coef, b->coef, VERY_WIDE * sizeof(double));
            hone_fitted_free(one);
            hone_fitted_free(two);
        }
}

static void a_path_through_one_cache_gives_the_bits_of_single_fits(void **state)
{
    (void)state;
    fill(D, 100, 50);
    const hone_matrix x = dense(D);
    hone_cache *cache = hone_cache_open(1 << 24);
    for (int penalty = LINEAR_L2; penalty <= LINEAR_NONE; penalty++)
        for (double alpha = 0.01; alpha < 100; alpha *= 10) {
            linear_params p = defaults();
            p.penalty = penalty, p.alpha = alpha;
            hone_fitted *shared = fit_in(cache, &x, &p, 2), *alone = fit(&x, &p, 3);
            const linear_state *a = shared->state, *b = alone->state;
            assert_memory_equal(a->coef, b->coef, D * sizeof(double));
            assert_true(a->intercept == b->intercept);
            hone_fitted_free(shared);
            hone_fitted_free(alone);
        }
    hone_cache_close(cache);
}

static void hopeless_data_end_finite(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++)
        for (int penalty = LINEAR_L2; penalty <= LINEAR_NONE; penalty++) {
            linear_params p = defaults();
            p.penalty = penalty;
            fill(D, 1, 0);
            for (int64_t i = 0; i < N; i++) {
                double *const row = X + i * D;
                if (kind == 0) /* constant, twice the same */
                    row[0] = 7, row[1] = row[2];
                else if (kind == 1) /* huge and tiny */
                    row[0] *= 1e200, row[1] *= 1e-200, Y[i] *= 1e100;
                else if (kind == 2) /* a constant target */
                    Y[i] = 3;
                else /* one row counts */
                    WEIGHT[i] = i == 4;
            }
            const hone_matrix x = dense(D);
            hone_fitted *f = fit(&x, &p, 2);
            const linear_state *s = f->state;
            for (int64_t j = 0; j < D; j++)
                assert_true(isfinite(s->coef[j]));
            if (kind == 2)
                for (int64_t j = 0; j < D; j++)
                    assert_true(fabs(s->coef[j]) < 1e-6);
            hone_fitted_free(f);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_penalty_ends_at_its_conditions),
        cmocka_unit_test(more_columns_than_rows_end_at_their_conditions),
        cmocka_unit_test(sparse_rows_end_at_their_conditions),
        cmocka_unit_test(very_wide_lassos_end_at_their_conditions),
        cmocka_unit_test(a_path_through_one_cache_gives_the_bits_of_single_fits),
        cmocka_unit_test(hopeless_data_end_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
