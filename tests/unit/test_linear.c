/* Logistic regression: the optimum is right, and it is the same one however the data come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "linear_world.h"

#include "toolbox/random.h"

static world W, V;

/* The objective at the fit's answer lies within `within` of the optimum, relative. */
static void near_optimum(const world *w, const logistic_params *p, bool weighted, double within)
{
    hone_fitted *f = world_fit(w, NULL, p, weighted, 2, 0);
    const logistic_state *s = f->state;
    const long double best = world_optimum(w, p, weighted);
    const long double got = world_objective(w, p, weighted, s->coef, s->intercept);
    if (!((got - best) / best <= (long double)within))
        fail_msg("n %d d %d c %d: %.17Lg is not %.17Lg", (int)w->n, (int)w->d, (int)w->c, got,
                 best);
    assert_true(s->converged);
    hone_fitted_free(f);
}

static void it_ends_at_the_optimum_of_twenty_problems(void **state)
{
    (void)state;
    static const struct {
        int64_t n, d, c;
        double condition, C;
        int penalty;
    } cases[] = {
        {50, 3, 2, 1, 1, PENALTY_L2},      {200, 10, 2, 1, 100, PENALTY_L2},
        {300, 5, 2, 1e4, 1, PENALTY_L2},   {300, 5, 2, 1e8, 1, PENALTY_L2},
        {300, 5, 2, 1e8, 1e6, PENALTY_L2}, {400, 6, 2, 1e8, 1, PENALTY_NONE},
        {400, 12, 2, 1, 1, PENALTY_NONE},  {37, 1, 2, 1, 1, PENALTY_L2},
        {20, 40, 2, 1, 1, PENALTY_L2},     {500, 7, 2, 1, 1e-4, PENALTY_L2},
        {60, 3, 3, 1, 1, PENALTY_L2},      {150, 6, 4, 1, 10, PENALTY_L2},
        {200, 4, 3, 1e4, 1, PENALTY_L2},   {200, 4, 3, 1e8, 1, PENALTY_L2},
        {200, 4, 3, 1e8, 1e6, PENALTY_L2}, {250, 4, 3, 1, 1, PENALTY_NONE},
        {100, 3, 6, 1, 0.01, PENALTY_L2},  {80, 9, 5, 1, 1, PENALTY_L2},
        {600, 9, 2, 1e2, 1e3, PENALTY_L2}, {300, 8, 2, 1e8, 1e3, PENALTY_L2},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        logistic_params p = world_params();
        p.C = cases[k].C, p.penalty = cases[k].penalty, p.tol = 1e-9;
        world_make(&W, cases[k].n, cases[k].d, cases[k].c, cases[k].condition, k + 1);
        near_optimum(&W, &p, k % 2 == 1, 1e-9);
        p.tol = 1e-4;
        near_optimum(&W, &p, k % 2 == 1, 1e-8);
        p.tol = 0;
        near_optimum(&W, &p, k % 2 == 1, 1e-9);
    }
}

/* Columns become sums of one another: what differs by the condition is no longer a column's scale
 * but how alike columns are. */
static void mix_columns(world *w, uint64_t seed)
{
    hone_stream s = hone_stream_of(seed, 6, 7);
    double mirror[400], square = 0;
    for (int64_t j = 0; j < w->d; j++)
        mirror[j] = hone_uniform(&s) - 0.5, square += mirror[j] * mirror[j];
    for (int64_t i = 0; i < w->n; i++) {
        double *const x = w->x + i * w->d, dot = 0;
        for (int64_t j = 0; j < w->d; j++)
            dot += x[j] * mirror[j];
        for (int64_t j = 0; j < w->d; j++)
            x[j] -= 2 * dot / square * mirror[j];
    }
}

static void columns_that_are_alike_end_at_the_optimum_too(void **state)
{
    (void)state;
    static const struct {
        int64_t n, d, c;
        double condition, C;
        int penalty;
    } cases[] = {{300, 5, 2, 1e8, 1, PENALTY_L2},    {300, 5, 2, 1e8, 1e6, PENALTY_L2},
                 {200, 4, 3, 1e8, 1, PENALTY_L2},    {200, 4, 3, 1e8, 1e6, PENALTY_L2},
                 {900, 20, 2, 1e8, 1e3, PENALTY_L2}, {40, 190, 2, 1e8, 10, PENALTY_L2},
                 {100, 30, 6, 1e8, 10, PENALTY_L2},  {400, 6, 2, 1e6, 1, PENALTY_NONE},
                 {250, 4, 3, 1e6, 1, PENALTY_NONE},  {400, 6, 2, 1e8, 1e10, PENALTY_L2}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        logistic_params p = world_params();
        p.C = cases[k].C, p.penalty = cases[k].penalty;
        world_make(&W, cases[k].n, cases[k].d, cases[k].c, cases[k].condition, k + 1);
        mix_columns(&W, k);
        p.tol = 1e-9;
        near_optimum(&W, &p, k % 2 == 1, 1e-8);
        p.tol = 1e-4;
        near_optimum(&W, &p, k % 2 == 1, 1e-6);
    }
}

/* Wide enough for products with the Hessian instead of its factors; dense and as sparse rows. */
static void wide_problems_end_at_the_optimum_too(void **state)
{
    (void)state;
    static double values[MOST];
    static int64_t row_start[1001];
    static int32_t column[MOST];
    static const struct {
        int64_t n, d, c;
        double C;
        int penalty;
    } cases[] = {{20, 200, 2, 1, PENALTY_L2},
                 {40, 190, 2, 100, PENALTY_L2},
                 {100, 30, 6, 1, PENALTY_L2},
                 {400, 60, 3, 10, PENALTY_NONE},
                 {50, 99, 4, 1e6, PENALTY_L2}}; /* separated: curvatures of 1e-6 */
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        logistic_params p = world_params();
        p.C = cases[k].C, p.penalty = cases[k].penalty, p.tol = 1e-9;
        world_make(&W, cases[k].n, cases[k].d, cases[k].c, 1, k + 50);
        near_optimum(&W, &p, k % 2 == 1, 1e-8);
        hone_stream s = hone_stream_of(k, 4, 5);
        int64_t count = 0;
        for (int64_t i = 0; i < W.n; i++) {
            row_start[i] = count;
            for (int64_t j = 0; j < W.d; j++) {
                double *const x = W.x + i * W.d + j;
                *x = hone_below(&s, 8) ? 0 : *x * (1 + (double)j);
                if (*x != 0)
                    values[count] = *x, column[count++] = (int32_t)j;
            }
        }
        row_start[W.n] = count;
        const hone_matrix csr = {values, HONE_CSR, HONE_F64, W.n,  W.d,       W.d,   0,
                                 0,      NULL,     NULL,     NULL, row_start, column};
        p.penalty = PENALTY_L2;
        const long double best = world_optimum(&W, &p, true);
        hone_fitted *one = world_fit(&W, &csr, &p, true, 1, 0);
        hone_fitted *two = world_fit(&W, &csr, &p, true, 2, 0);
        const logistic_state *a = one->state, *b = two->state;
        const long double got = world_objective(&W, &p, true, a->coef, a->intercept);
        if (!((got - best) / best <= 1e-8L))
            fail_msg("sparse %d: %.17Lg is not %.17Lg", (int)k, got, best);
        assert_memory_equal(a->coef, b->coef, (size_t)(a->n_rows * W.d) * sizeof(double));
        hone_fitted_free(one);
        hone_fitted_free(two);
    }
}

/* Row i changes places with row j. */
static void swap_rows(world *w, int64_t i, int64_t j)
{
    for (int64_t k = 0; k < w->d; k++) {
        const double x = w->x[i * w->d + k];
        w->x[i * w->d + k] = w->x[j * w->d + k], w->x[j * w->d + k] = x;
    }
    const int32_t label = w->label[i];
    const double weight = w->weight[i];
    w->label[i] = w->label[j], w->label[j] = label;
    w->weight[i] = w->weight[j], w->weight[j] = weight;
}

/* Enough rows to begin with a sample of them, and orders, columns and weights that mislead it. */
static void many_rows_end_at_the_optimum_however_they_lie(void **state)
{
    (void)state;
    enum { ROWS = 9000, CHUNK = 2250, TILE = 256 };
    for (int kind = 0; kind < 6; kind++) {
        logistic_params p = world_params();
        world_make(&W, ROWS, 4, kind == 5 ? 3 : 2, 1, (uint64_t)kind + 1);
        for (int64_t i = 0, to = 0; i < W.n && (kind == 1 || kind == 5); i++) /* by class */
            if (W.label[i] == 0)
                swap_rows(&W, i, to++);
        for (int64_t i = 0; i < W.n; i++) {
            const bool in_sample = i % CHUNK < TILE;
            if (kind == 2) /* a column that hardly any tile knows */
                W.x[i * W.d] = i % CHUNK > 2000 ? W.x[i * W.d] : 3;
            if (kind == 3) /* tiles that are separated */
                W.label[i] = in_sample ? W.x[i * W.d + 1] > W.x[1] : W.label[i];
            if (kind == 4)
                W.weight[i] = in_sample ? 1e-9 : 1;
        }
        p.penalty = kind % 2 ? PENALTY_L2 : PENALTY_NONE;
        p.C = 3, p.tol = 1e-9;
        near_optimum(&W, &p, kind == 4, 1e-10);
        p.tol = 1e-4;
        near_optimum(&W, &p, kind == 4, 1e-7);
    }
}

static void assert_near_states(const hone_fitted *a, const hone_fitted *b, double within)
{
    const logistic_state *s = a->state, *t = b->state;
    assert_int_equal(s->n_rows, t->n_rows);
    for (int64_t i = 0; i < s->n_rows * a->shape.features; i++)
        assert_true(fabs(s->coef[i] - t->coef[i]) <= within * (1 + fabs(s->coef[i])));
    for (int64_t i = 0; i < s->n_rows; i++)
        assert_true(fabs(s->intercept[i] - t->intercept[i]) <=
                    within * (1 + fabs(s->intercept[i])));
}

static void assert_near_objectives(const hone_fitted *a, const hone_fitted *b)
{
    const logistic_state *s = a->state, *t = b->state;
    assert_true(s->converged && t->converged);
    assert_true(fabs(s->objective - t->objective) <= 1e-12 * t->objective);
}

static void a_weight_is_a_number_of_copies(void **state)
{
    (void)state;
    for (int64_t c = 2; c <= 3; c++) {
        logistic_params p = world_params();
        p.tol = 1e-12;
        world_make(&W, 150, 4, c, 1, 5);
        W.weight[3] = W.weight[7] = 0, W.x[3 * 4] = 1e30;
        V = W, V.n = 0;
        for (int64_t i = 0; i < W.n; i++)
            for (int k = 0; k < (int)W.weight[i]; k++, V.n++) {
                memcpy(V.x + V.n * 4, W.x + i * 4, 4 * sizeof(double));
                V.label[V.n] = W.label[i];
            }
        hone_fitted *a = world_fit(&W, NULL, &p, true, 1, 0);
        hone_fitted *b = world_fit(&V, NULL, &p, false, 1, 0);
        assert_near_states(a, b, 1e-6);
        hone_fitted_free(a);
        hone_fitted_free(b);
    }
}

/* C times a weight counts, up to the ends of what either may be. */
static void weights_of_any_size_are_shares_of_C(void **state)
{
    (void)state;
    for (int balanced = 0; balanced < 2; balanced++)
        for (double size = 1e-290; size < 1e300; size *= 1e145) {
            logistic_params p = world_params(), q = p;
            p.class_weight = q.class_weight = balanced;
            p.tol = q.tol = 1e-12;
            p.C = 1 / size;
            world_make(&W, 150, 4, 3, 1, 5);
            V = W;
            for (int64_t i = 0; i < W.n; i++)
                W.weight[i] *= size;
            hone_fitted *a = world_fit(&W, NULL, &p, true, 1, 0);
            hone_fitted *b = world_fit(&V, NULL, &q, true, 1, 0);
            assert_near_states(a, b, 1e-6);
            hone_fitted_free(a);
            hone_fitted_free(b);
        }
    logistic_params p = world_params();
    p.C = 1e12;
    world_make(&W, 150, 4, 2, 1, 5);
    for (int64_t i = 0; i < W.n; i++)
        W.weight[i] *= 1e300;
    hone_fitted *f = world_fit(&W, NULL, &p, true, 1, 0);
    const logistic_state *s = f->state;
    assert_true(s->converged && s->objective < log(2));
    hone_fitted_free(f);
}

static void the_order_of_rows_does_not_matter(void **state)
{
    (void)state;
    logistic_params p = world_params();
    p.tol = 1e-12;
    world_make(&W, 500, 6, 3, 100, 5);
    V = W;
    int64_t order[500];
    for (int64_t i = 0; i < W.n; i++)
        order[i] = i;
    hone_stream s = hone_stream_of(1, 2, 3);
    hone_shuffle(&s, order, W.n);
    for (int64_t i = 0; i < W.n; i++) {
        memcpy(V.x + i * 6, W.x + order[i] * 6, 6 * sizeof(double));
        V.label[i] = W.label[order[i]], V.weight[i] = W.weight[order[i]];
    }
    hone_fitted *a = world_fit(&W, NULL, &p, true, 1, 0), *b = world_fit(&V, NULL, &p, true, 1, 0);
    assert_near_states(a, b, 1e-6);
    hone_fitted_free(a);
    hone_fitted_free(b);
}

static void bits_do_not_depend_on_the_number_of_threads(void **state)
{
    (void)state;
    for (int64_t c = 2; c <= 4; c++) {
        logistic_params p = world_params();
        p.penalty = c == 3 ? PENALTY_L1 : PENALTY_L2;
        world_make(&W, 15000, 12, c, 1, 5);
        hone_fitted *one = world_fit(&W, NULL, &p, true, 1, 0);
        static const int threads[] = {2, 3, 7};
        for (int k = 0; k < 3; k++) {
            hone_fitted *many = world_fit(&W, NULL, &p, true, threads[k], 0);
            const logistic_state *s = one->state, *t = many->state;
            assert_memory_equal(s->coef, t->coef, (size_t)(s->n_rows * W.d) * sizeof(double));
            assert_memory_equal(s->intercept, t->intercept, (size_t)s->n_rows * sizeof(double));
            hone_fitted_free(many);
        }
        hone_fitted_free(one);
    }
}

/* What a fit of another penalty left in the cache saves time and changes no bit. */
static void a_fit_is_the_same_after_others(void **state)
{
    (void)state;
    static const double C[] = {1e-4, 1, 1e4};
    hone_simple_run storage;
    const hone_run *run = hone_run_simple(&storage, 2);
    for (int64_t c = 2; c <= 3; c++) {
        world_make(&W, 9000, 6, c, 1, 5);
        hone_cache *cache = hone_cache_open(1 << 26);
        for (int k = 0; k < 9; k++) {
            logistic_params p = world_params();
            p.C = C[k % 3], p.penalty = k / 3;
            const hone_trial trial = world_trial(&W, NULL, &p, true, run);
            hone_fitted *after = NULL, *alone = world_fit_trial(&trial);
            assert_int_equal(hone_trial_fit(&trial, cache, &after, NULL, NULL), HONE_OK);
            const logistic_state *s = after->state, *t = alone->state;
            assert_int_equal(s->iterations, t->iterations);
            assert_memory_equal(s->coef, t->coef, (size_t)(s->n_rows * W.d) * sizeof(double));
            assert_memory_equal(s->intercept, t->intercept, (size_t)s->n_rows * sizeof(double));
            hone_fitted_free(after);
            hone_fitted_free(alone);
        }
        hone_cache_stats stats = {.size = sizeof stats};
        hone_cache_read_stats(cache, &stats);
        assert_int_equal(stats.misses, 2); /* coordinates and where to begin */
        hone_cache_close(cache);
    }
}

static void the_portable_path_agrees_with_the_fast_one(void **state)
{
    (void)state;
    for (int64_t c = 2; c <= 3; c++) {
        logistic_params p = world_params();
        p.tol = 1e-12;
        world_make(&W, 700, 11, c, 1, 9);
        hone_fitted *a = world_fit(&W, NULL, &p, false, 1, 0);
        hone_fitted *b = world_fit(&W, NULL, &p, false, 1, HONE_ISA_PORTABLE);
        assert_near_states(a, b, 1e-6);
        hone_fitted_free(a);
        hone_fitted_free(b);
    }
}

/* Codes of two columns, and the same as sparse and as dense columns of 0 and 1. */
static void one_hot_sparse_and_dense_rows_give_one_optimum(void **state)
{
    (void)state;
    enum { N = 900, LEVELS_A = 5, LEVELS_B = 3, COLS = 1 + LEVELS_A + LEVELS_B };
    static double codes[N * 3], dense[N * COLS], values[N * 3];
    static int64_t row_start[N + 1], first[] = {0, 5, 6, 9};
    static int32_t column[N * 3], levels[] = {LEVELS_A, 0, LEVELS_B};
    for (int64_t c = 2; c <= 3; c++) {
        world_make(&W, N, 3, c, 1, 77);
        hone_stream s = hone_stream_of(3, 4, 5);
        int64_t k = 0;
        memset(dense, 0, sizeof dense);
        for (int64_t i = 0; i < N; i++) {
            const int64_t a = (int64_t)hone_below(&s, LEVELS_A + 1);
            const int64_t b = (int64_t)hone_below(&s, LEVELS_B);
            codes[i * 3] = a < LEVELS_A ? (double)a : NAN;
            codes[i * 3 + 1] = W.x[i * 3], codes[i * 3 + 2] = (double)b;
            row_start[i] = k;
            if (a < LEVELS_A)
                dense[i * COLS + a] = values[k] = 1, column[k++] = (int32_t)a;
            dense[i * COLS + 5] = values[k] = W.x[i * 3], column[k++] = 5;
            dense[i * COLS + 6 + b] = values[k] = 1, column[k++] = (int32_t)(6 + b);
        }
        row_start[N] = k;
        const hone_matrix hot = {codes, HONE_ONE_HOT, HONE_F64, N,     COLS, 3,   3,
                                 1,     NULL,         levels,   first, NULL, NULL};
        const hone_matrix csr = {values, HONE_CSR, HONE_F64, N,    COLS,      COLS,  0,
                                 0,      NULL,     NULL,     NULL, row_start, column};
        const hone_matrix full = {dense, HONE_DENSE, HONE_F64, N,    COLS, COLS, COLS,
                                  1,     NULL,       NULL,     NULL, NULL, NULL};
        logistic_params p = world_params();
        p.tol = 1e-12;
        for (p.penalty = PENALTY_L2; p.penalty <= PENALTY_ELASTICNET; p.penalty++) {
            hone_fitted *a = world_fit(&W, &hot, &p, true, 2, 0);
            hone_fitted *b = world_fit(&W, &csr, &p, true, 2, 0);
            hone_fitted *d = world_fit(&W, &full, &p, true, 2, 0);
            assert_near_objectives(a, d);
            assert_near_objectives(b, d);
            if (c == 2 || p.penalty != PENALTY_L1) { /* l1 shifts along a full set of levels */
                assert_near_states(a, d, 1e-5);
                assert_near_states(b, d, 1e-5);
            }
            hone_fitted_free(a);
            hone_fitted_free(b);
            hone_fitted_free(d);
        }
    }
}

/* |g_j| <= 1 where a coefficient is 0, g_j = -sign elsewhere, with g of C * sum(loss); gives the
 * number of zeros. */
static int64_t at_conditions(const double *x, const world *w, const logistic_params *p,
                             const logistic_state *s)
{
    static double z[500 * 4], g[4 * 4000];
    const int64_t d = w->d, rows = s->n_rows;
    int64_t zeros = 0;
    assert_true(s->converged && w->n <= 500 && rows * (d + 1) <= 4 * 4000);
    memset(g, 0, sizeof g);
    for (int64_t i = 0; i < w->n; i++) {
        double sum = rows == 1 ? 1 : 0;
        for (int64_t k = 0; k < rows; k++) {
            z[i * rows + k] = s->intercept[k];
            for (int64_t j = 0; j < d; j++)
                z[i * rows + k] += s->coef[k * d + j] * x[i * d + j];
            sum += exp(z[i * rows + k]);
        }
        for (int64_t k = 0; k < rows; k++) {
            const int32_t own = rows == 1 ? 1 : (int32_t)k;
            const double r = p->C * (exp(z[i * rows + k]) / sum - (w->label[i] == own));
            for (int64_t j = 0; j <= d; j++)
                g[k * (d + 1) + j] += r * (j < d ? x[i * d + j] : 1);
        }
    }
    for (int64_t k = 0; k < rows; k++) {
        assert_true(fabs(g[k * (d + 1) + d]) < 1e-3);
        for (int64_t j = 0; j < d; j++) {
            const double slope = g[k * (d + 1) + j], v = s->coef[k * d + j];
            zeros += v == 0;
            if (v == 0 ? fabs(slope) > 1 + 1e-3 : fabs(slope + (v > 0 ? 1 : -1)) > 1e-3)
                fail_msg("coefficient %d of %d is %g, slope %g", (int)j, (int)k, v, slope);
        }
    }
    return zeros;
}

static void an_l1_penalty_ends_at_its_conditions(void **state)
{
    (void)state;
    for (int64_t c = 2; c <= 3; c++) {
        logistic_params p = world_params();
        p.penalty = PENALTY_L1, p.tol = 1e-12, p.C = 0.1;
        world_make(&W, 400, 12, c, 1, 3);
        hone_fitted *f = world_fit(&W, NULL, &p, false, 2, 0);
        const int64_t all = ((const logistic_state *)f->state)->n_rows * 12;
        assert_in_range(at_conditions(W.x, &W, &p, f->state), 1, all - 1);
        hone_fitted_free(f);
    }
}

/* Beyond what is factored: working sets; several classes take turns. */
static void an_l1_penalty_over_many_columns_ends_at_its_conditions(void **state)
{
    (void)state;
    enum { ROWS = 150, LONG = 3200 };
    static double x[ROWS * LONG];
    hone_stream s = hone_stream_of(8, 1, 2);
    for (int64_t c = 2; c <= 3; c++) {
        logistic_params p = world_params();
        p.penalty = PENALTY_L1, p.tol = 1e-10, p.C = 0.3;
        world_make(&W, ROWS, 6, c, 1, 3);
        for (int64_t i = 0; i < ROWS; i++)
            for (int64_t j = 0; j < LONG; j++)
                x[i * LONG + j] = j < 6 ? W.x[i * 6 + j] : hone_uniform(&s) - 0.5;
        V = W, V.d = LONG;
        const hone_matrix wide = {x, HONE_DENSE, HONE_F64, ROWS, LONG, LONG, LONG,
                                  1, NULL,       NULL,     NULL, NULL, NULL};
        hone_fitted *one = world_fit(&V, &wide, &p, false, 1, 0);
        hone_fitted *two = world_fit(&V, &wide, &p, false, 2, 0);
        const logistic_state *a = one->state, *b = two->state;
        assert_memory_equal(a->coef, b->coef, (size_t)(a->n_rows * LONG) * sizeof(double));
        assert_in_range(at_conditions(x, &V, &p, a), a->n_rows * (LONG - 400),
                        a->n_rows * LONG - 1);
        hone_fitted_free(one);
        hone_fitted_free(two);
    }
}

/* A column that is too small for its penalty has no coefficient to speak of: the objective in the
 * columns' own units is the one that the state tells, penalty included. */
static void a_tiny_column_does_not_hide_a_huge_penalty(void **state)
{
    (void)state;
    for (int penalty = PENALTY_L2; penalty <= PENALTY_ELASTICNET; penalty++)
        for (int64_t c = 2; c <= 3; c++)
            for (int all = 0; all < 2; all++) {
                logistic_params p = world_params();
                p.penalty = penalty, p.tol = 1e-9;
                world_make(&W, 200, 4, c, 1, 3);
                for (int64_t i = 0; i < W.n * W.d; i++)
                    W.x[i] *= all || i % W.d == 2 ? 1e-300 : 1;
                hone_fitted *f = world_fit(&W, NULL, &p, false, 2, 0);
                const logistic_state *s = f->state;
                const double want =
                    (double)world_objective(&W, &p, false, s->coef, s->intercept) / (double)W.n;
                assert_true(s->converged);
                if (!isfinite(want) || !(fabs(s->objective - want) <= 1e-6 * want))
                    fail_msg("penalty %d: %.12g is not %.12g", penalty, s->objective, want);
                hone_fitted_free(f);
            }
}

static void hopeless_data_end_finite(void **state)
{
    (void)state;
    for (int kind = 0; kind < 8; kind++)
        for (int penalty = PENALTY_L2; penalty <= PENALTY_NONE; penalty++)
            for (int64_t c = 2; c <= 3; c++) {
                logistic_params p = world_params();
                p.penalty = penalty;
                world_make(&W, kind == 0 ? 1 : kind == 1 ? 6 : 60, kind == 1 ? 20 : 4, c, 1, 3);
                for (int64_t i = 0; i < W.n; i++) {
                    double *x = W.x + i * W.d;
                    if (kind == 2) /* separable */
                        x[0] = W.label[i];
                    else if (kind == 3) /* one class present */
                        W.label[i] = 0;
                    else if (kind == 4) /* a class without rows */
                        W.label[i] %= (int32_t)c - 1;
                    else if (kind == 5) /* constant and collinear */
                        x[1] = 7, x[2] = 2 * x[0];
                    else if (kind == 6) /* huge */
                        x[1] *= 1e30, x[2] = i % 2 ? 1e300 : -1e300, x[3] *= 1e-300;
                    else if (kind == 7) /* all weights in one class */
                        W.weight[i] = W.label[i] == 1;
                }
                if (kind == 7)
                    W.label[0] = 1, W.weight[0] = 1;
                hone_fitted *f = world_fit(&W, NULL, &p, true, 2, 0);
                const logistic_state *s = f->state;
                for (int64_t i = 0; i < s->n_rows * W.d; i++)
                    assert_true(isfinite(s->coef[i]));
                double score[60 * 3];
                hone_simple_run storage;
                hone_matrix x = world_dense(&W);
                assert_int_equal(
                    hone_fitted_predict(f, &x, hone_run_simple(&storage, 1), NULL, score, NULL),
                    HONE_OK);
                for (int64_t i = 0; i < W.n * c; i++)
                    assert_true(score[i] >= 0 && score[i] <= 1);
                hone_fitted_free(f);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_ends_at_the_optimum_of_twenty_problems),
        cmocka_unit_test(columns_that_are_alike_end_at_the_optimum_too),
        cmocka_unit_test(many_rows_end_at_the_optimum_however_they_lie),
        cmocka_unit_test(wide_problems_end_at_the_optimum_too),
        cmocka_unit_test(a_weight_is_a_number_of_copies),
        cmocka_unit_test(weights_of_any_size_are_shares_of_C),
        cmocka_unit_test(the_order_of_rows_does_not_matter),
        cmocka_unit_test(a_fit_is_the_same_after_others),
        cmocka_unit_test(bits_do_not_depend_on_the_number_of_threads),
        cmocka_unit_test(the_portable_path_agrees_with_the_fast_one),
        cmocka_unit_test(one_hot_sparse_and_dense_rows_give_one_optimum),
        cmocka_unit_test(an_l1_penalty_ends_at_its_conditions),
        cmocka_unit_test(an_l1_penalty_over_many_columns_ends_at_its_conditions),
        cmocka_unit_test(a_tiny_column_does_not_hide_a_huge_penalty),
        cmocka_unit_test(hopeless_data_end_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
