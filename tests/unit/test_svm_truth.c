/* Solutions of the support vector machine against a plain solver of the same dual problem. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "algorithms/svm/exact.h"
#include "svm_world.h"
#include "toolbox/random.h"

/* ---- the same problem, solved plainly in double ---- */

/* A dual problem of m variables over n rows, as in algorithms/svm/solve.h. */
typedef struct dual {
    int64_t n, m;
    double *K, *sign, *linear, *bound, *alpha, *f;
} dual;

static double cost_of(const table *t, const svm_params *p, int64_t i)
{
    double c = p->C * (t->w ? t->w[i] : 1);
    if (p->class_weight == SVM_BALANCED) {
        double all = 0, own = 0;
        for (int64_t j = 0; j < t->n; j++) {
            all += t->w ? t->w[j] : 1;
            own += t->label[j] == t->label[i] ? t->w ? t->w[j] : 1 : 0;
        }
        c *= all / ((double)t->classes * own);
    }
    return c;
}

static dual dual_of(const table *t, const svm_params *p, double gamma)
{
    const int64_t n = t->n, m = t->classes ? n : 2 * n;
    dual q = {.n = n, .m = m};
    q.K = calloc((size_t)(n * n), sizeof(double));
    q.sign = calloc((size_t)m * 5, sizeof(double));
    q.linear = q.sign + m, q.bound = q.sign + 2 * m, q.alpha = q.sign + 3 * m;
    q.f = q.sign + 4 * m;
    for (int64_t i = 0; i < n * n; i++)
        q.K[i] = plain_kernel(p, gamma, t->x + i / n * t->d, t->x + i % n * t->d, t->d);
    for (int64_t v = 0; v < m; v++) {
        const int64_t i = v % n;
        q.sign[v] = t->classes ? (t->label[i] == 0 ? 1 : -1) : v < n ? 1 : -1;
        q.linear[v] = t->classes ? -1 : p->epsilon - q.sign[v] * t->y[i];
        q.bound[v] = cost_of(t, p, i);
    }
    return q;
}

static void free_dual(dual *q)
{
    free(q->K), free(q->sign);
}

static bool can_rise(const dual *q, int64_t v)
{
    return q->sign[v] > 0 ? q->alpha[v] < q->bound[v] : q->alpha[v] > 0;
}

static bool can_fall(const dual *q, int64_t v)
{
    return q->sign[v] > 0 ? q->alpha[v] > 0 : q->alpha[v] < q->bound[v];
}

static void fill_slopes(dual *q)
{
    for (int64_t v = 0; v < q->m; v++) {
        q->f[v] = q->sign[v] * q->linear[v];
        for (int64_t u = 0; u < q->m; u++)
            q->f[v] += q->sign[u] * q->alpha[u] * q->K[v % q->n * q->n + u % q->n];
    }
}

/* The KKT gap; `i` and `j` get the pair that violates most. */
static double gap_of(const dual *q, int64_t *i, int64_t *j)
{
    double least = INFINITY, most = -INFINITY;
    for (int64_t v = 0; v < q->m; v++) {
        if (can_rise(q, v) && q->f[v] < least)
            least = q->f[v], *i = v;
        if (can_fall(q, v) && q->f[v] > most)
            most = q->f[v], *j = v;
    }
    return most - least;
}

static double objective_of(const dual *q)
{
    double sum = 0;
    for (int64_t v = 0; v < q->m; v++)
        sum += q->alpha[v] * (q->sign[v] * q->f[v] + q->linear[v]) / 2;
    return sum;
}

/* Most violating pairs, nothing clever. */
static double solve_plainly(dual *q, double tol)
{
    int64_t i = 0, j = 0;
    fill_slopes(q);
    for (int64_t step = 0; step < 3000000 && gap_of(q, &i, &j) > tol; step++) {
        const double *ki = q->K + i % q->n * q->n, *kj = q->K + j % q->n * q->n;
        const double curve = ki[i % q->n] + kj[j % q->n] - 2 * ki[j % q->n];
        const double up = q->sign[i] > 0 ? q->bound[i] - q->alpha[i] : q->alpha[i];
        const double down = q->sign[j] > 0 ? q->alpha[j] : q->bound[j] - q->alpha[j];
        const double wanted = (q->f[j] - q->f[i]) / fmax(curve, 1e-12);
        const double delta = fmin(wanted, fmin(up, down));
        q->alpha[i] += q->sign[i] * delta;
        q->alpha[j] -= q->sign[j] * delta;
        if (delta == up)
            q->alpha[i] = q->sign[i] > 0 ? q->bound[i] : 0;
        if (delta == down)
            q->alpha[j] = q->sign[j] > 0 ? 0 : q->bound[j];
        for (int64_t v = 0; v < q->m; v++)
            q->f[v] += delta * (ki[v % q->n] - kj[v % q->n]);
    }
    return objective_of(q);
}

/* The dual at a fitted binary or regression model. */
static void load_model(dual *q, const svm_state *s)
{
    memset(q->alpha, 0, (size_t)q->m * sizeof(double));
    for (int64_t i = 0; i < s->n_sv; i++) {
        const int64_t r = s->support[i];
        if (q->m == q->n)
            q->alpha[r] = q->sign[r] * s->coef[i];
        else
            q->alpha[s->coef[i] > 0 ? r : r + q->n] = fabs(s->coef[i]);
    }
    fill_slopes(q);
}

/* ---- truth ---- */

/* Objective and KKT gap of a fit, both recomputed in double, against the plain solver. Float32
 * kernel values may move the gap by a part of `tol`; what they move further is solved in double. */
static void compare(const table *t, const svm_params *p)
{
    fitted f;
    fit(&f, t, p, (how){.threads = 2});
    assert_int_equal(f.s->converged, 1);
    dual q = dual_of(t, p, f.s->gamma);
    const double right = solve_plainly(&q, 1e-7);
    int64_t i = 0, j = 0;
    load_model(&q, f.s);
    const double gap = gap_of(&q, &i, &j), got = objective_of(&q);
    double balance = 0, all = 0, diagonal = 0;
    for (int64_t v = 0; v < q.m; v++) {
        assert_true(q.alpha[v] >= 0 && q.alpha[v] <= q.bound[v] * (1 + 1e-12));
        balance += q.sign[v] * q.alpha[v];
        all += q.alpha[v];
        diagonal = fmax(diagonal, q.K[v % q.n * (q.n + 1)]);
    }
    assert_true(fabs(balance) <= 1e-12 * all);
    assert_true(gap < 1.5 * p->tol + 1e-14 * all * diagonal);
    assert_true(fabs(got - right) <= 1e-6 * fabs(right));
    assert_true(fabs(f.s->objective - got) <= 1e-6 * fabs(got) + 1e-5 * all);
    hone_fitted_free(f.f);
    free_dual(&q);
}

static void the_objective_is_the_optimum_over_c_and_gamma(void **state)
{
    (void)state;
    table t = clouds(120, 4, 2, 1);
    svm_params p = defaults(&t);
    const double gammas[] = {1e-4, 1e-2, 1, 30};
    p.tol = 1e-6;
    for (double C = 1e-3; C < 2e5; C *= 100)
        for (size_t g = 0; g < sizeof gammas / sizeof *gammas; g++) {
            p.C = C, p.gamma = number(gammas[g]);
            compare(&t, &p);
        }
    free_table(&t);
}

/* nu-SVC equals C-SVC with the C that its level implies; here found from the coefficients. */
static void nu_bounds_the_shares_and_gives_a_c_machine(void **state)
{
    (void)state;
    for (int z = 0; z < 2; z++) {
        const int64_t n = z ? 1700 : 300;
        table t = clouds(n, 3, 2, 20);
        svm_params p = defaults(&t);
        p.formulation = SVM_FORMULATION_NU, p.nu = 0.3, p.tol = 1e-6;
        fitted a, b;
        fit(&a, &t, &p, (how){.threads = 2});
        assert_int_equal(a.s->converged, 1);
        double most = 0;
        int64_t bounded = 0;
        for (int64_t i = 0; i < a.s->n_sv; i++)
            most = fmax(most, fabs(a.s->coef[i]));
        for (int64_t i = 0; i < a.s->n_sv; i++)
            bounded += fabs(a.s->coef[i]) >= most * (1 - 1e-9);
        assert_true((double)bounded <= 0.3 * (double)n && 0.3 * (double)n <= (double)a.s->n_sv);
        p.formulation = SVM_FORMULATION_C, p.C = most;
        fit(&b, &t, &p, (how){.threads = 2});
        const hone_matrix x = matrix_of(&t);
        double *u = scores(&a, &x), *v = scores(&b, &x);
        for (int64_t i = 0; i < 2 * n; i++)
            assert_true(fabs(u[i] - v[i]) < 3e-5 * most);
        free(u), free(v);
        hone_fitted_free(a.f), hone_fitted_free(b.f);
        free_table(&t);
    }
}

static void nu_regression_has_its_share_outside_the_tube(void **state)
{
    (void)state;
    table t = clouds(400, 2, 0, 21);
    svm_params p = defaults(&t);
    p.formulation = SVM_FORMULATION_NU, p.nu = 0.2, p.tol = 1e-5;
    fitted a, b;
    fit(&a, &t, &p, (how){0});
    assert_int_equal(a.s->converged, 1);
    assert_true(a.s->n_sv >= 80 && a.s->n_sv < 160);
    const hone_matrix x = matrix_of(&t);
    double *u = scores(&a, &x), tube = 0;
    int64_t free_ones = 0; /* all at one distance: the epsilon that nu chose */
    for (int64_t i = 0; i < a.s->n_sv; i++)
        if (fabs(a.s->coef[i]) < 0.999) {
            tube += fabs(t.y[a.s->support[i]] - u[a.s->support[i]]);
            free_ones++;
        }
    p.formulation = SVM_FORMULATION_C, p.epsilon = tube / (double)free_ones;
    fit(&b, &t, &p, (how){0});
    double *v = scores(&b, &x);
    for (int64_t i = 0; i < t.n; i++)
        assert_true(fabs(u[i] - v[i]) < 1e-3);
    free(u), free(v);
    hone_fitted_free(a.f), hone_fitted_free(b.f);
    free_table(&t);
}

static void every_kernel_reaches_the_optimum(void **state)
{
    (void)state;
    table t = clouds(100, 3, 2, 2);
    svm_params p = defaults(&t);
    p.tol = 1e-5;
    const int kernels[] = {SVM_LINEAR, SVM_POLY, SVM_RBF, SVM_LAPLACIAN};
    for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++) {
        p.kernel = kernels[k], p.coef0 = 0.5, p.degree = 2;
        compare(&t, &p);
    }
    free_table(&t);
}

static void working_sets_reach_the_optimum(void **state)
{
    (void)state;
    table t = clouds(1700, 5, 2, 3);
    svm_params p = defaults(&t);
    p.tol = 1e-4;
    compare(&t, &p);
    free_table(&t);
}

static void regression_reaches_the_optimum(void **state)
{
    (void)state;
    table t = clouds(150, 2, 0, 4);
    svm_params p = defaults(&t);
    p.tol = 1e-6;
    for (double C = 0.01; C < 200; C *= 100) {
        p.C = C;
        compare(&t, &p);
    }
    free_table(&t);
}

static void weights_and_balance_scale_the_bounds(void **state)
{
    (void)state;
    table t = clouds(150, 3, 2, 5);
    t.w = calloc(150, sizeof *t.w);
    for (int i = 0; i < 150; i++)
        t.w[i] = i % 5 ? 0.5 + i % 3 : 0;
    svm_params p = defaults(&t);
    p.tol = 1e-6, p.class_weight = SVM_BALANCED;
    compare(&t, &p);
    free_table(&t);
}

static void exponentials_in_double_are_those_of_the_c_library(void **state)
{
    (void)state;
    hone_isa isa;
    assert_int_equal(hone_isa_of(HONE_ISA_AUTO, &isa, NULL), HONE_OK);
    for (double from = 1e-9; from < 1e3; from *= 1.01) {
        double best[EXACT_LANES], plain[EXACT_LANES];
        for (int l = 0; l < EXACT_LANES; l++)
            best[l] = plain[l] = l ? -from * (1 + l / 37.0) : -0.0;
        HONE_PICK(isa, svm_exact_exp)(best);
        svm_exact_exp_portable(plain);
        for (int l = 0; l < EXACT_LANES; l++) {
            const double right = exp(fmax(l ? -from * (1 + l / 37.0) : 0, -700));
            assert_true(fabs(best[l] - right) <= 1e-15 * right);
            assert_true(fabs(plain[l] - right) <= 1e-15 * right);
        }
    }
}

static void a_warm_start_ends_at_the_same_optimum(void **state)
{
    (void)state;
    for (int z = 0; z < 4; z++)
        for (int k = SVM_LINEAR; k <= SVM_LAPLACIAN; k += k == SVM_RBF ? 2 : 1) { /* definite */
            table t = clouds(z % 2 ? 1500 : 300, 4, z / 2 ? 3 : 0, 13);
            svm_params p = defaults(&t);
            p.kernel = k;
            fitted first, cold, warm;
            fit(&first, &t, &p, (how){0});
            p.C = 2, p.tol = 1e-4;
            fit(&cold, &t, &p, (how){0});
            fit(&warm, &t, &p, (how){.warm = &first});
            assert_true(warm.s->converged >= cold.s->converged);
            if (cold.s->converged)
                assert_true(fabs(warm.s->objective - cold.s->objective) <=
                            1e-5 * fabs(cold.s->objective));
            if (k == SVM_RBF)
                assert_true(warm.s->iterations < cold.s->iterations);
            hone_fitted_free(first.f), hone_fitted_free(cold.f), hone_fitted_free(warm.f);
            free_table(&t);
        }
}

/* Warm starts along C: what still moves is little at first, and more once the first of it came to
 * rest. Each fit begins where the one before ended. */
static void a_path_over_c_ends_at_the_optimum_of_each(void **state)
{
    (void)state;
    table t = clouds(4000, 2, 2, 3);
    for (int64_t i = 0; i < t.n; i += 12)
        t.label[i] = 1 - t.label[i];
    svm_params p = defaults(&t);
    p.gamma = number(0.144), p.tol = 1e-3;
    fitted last, warm, cold;
    fit(&last, &t, &p, (how){0});
    for (int k = 0; k < 3; k++) {
        p.C *= 3.6;
        fit(&cold, &t, &p, (how){0});
        fit(&warm, &t, &p, (how){.warm = &last});
        assert_int_equal(cold.s->converged, 1);
        assert_int_equal(warm.s->converged, 1);
        assert_true(fabs(warm.s->objective - cold.s->objective) <= 1e-6 * fabs(cold.s->objective));
        hone_fitted_free(cold.f), hone_fitted_free(last.f);
        last = warm;
    }
    hone_fitted_free(last.f);
    free_table(&t);
}

/* |a|^2 + |b|^2 - 2 ab in float32 would be wrong by some hundredths. */
static void kernel_values_of_close_points_far_from_the_centre_are_true(void **state)
{
    (void)state;
    enum { ROWS = 50, COLS = 7 };
    table t = new_table(ROWS, COLS, 2);
    hone_stream s = hone_stream_of(9, ROWS, COLS);
    for (int64_t i = 0; i < ROWS * COLS; i++)
        t.x[i] = (i / COLS % 2 ? 250 : -250) + 0.3 * hone_uniform(&s);
    const hone_isa isas[] = {HONE_ISA_PORTABLE, HONE_ISA_AUTO};
    svm_params p = defaults(&t);
    for (size_t k = 0; k < 2; k++) {
        hone_simple_run storage;
        const hone_run *run = hone_run_simple(&storage, 1);
        const hone_isa isa = isas[k] == HONE_ISA_AUTO ? hone_run_isa(run) : isas[k];
        hone_arena *arena = hone_arena_open(&storage.account);
        const hone_matrix x = matrix_of(&t);
        hone_panels panels;
        hone_queries q;
        int64_t id[ROWS];
        float value[ROWS][64];
        for (int64_t i = 0; i < ROWS; i++)
            id[i] = i;
        assert_int_equal(hone_panels_make(&x, true, run, arena, arena, &panels, NULL), HONE_OK);
        assert_true(hone_queries_new(&panels, NULL, 0, ROWS, arena, &q));
        hone_queries_pick(&panels, id, ROWS, isa, &q);
        const kernel rbf = kernel_of(&p, 2, &panels, isa);
        kernel_block(&rbf, &q, &panels, 0, hone_panel_count(ROWS), NULL, value[0], 64);
        for (int64_t i = 0; i < ROWS; i++)
            for (int64_t j = 0; j < ROWS; j++) {
                const double k_ij = plain_kernel(&p, 2, t.x + i * COLS, t.x + j * COLS, COLS);
                assert_true(fabs((double)value[i][j] + (double)rbf.less - k_ij) < 2e-4);
                assert_true(value[i][j] == value[j][i]);
            }
        hone_arena_close(arena);
    }
    free_table(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_objective_is_the_optimum_over_c_and_gamma),
        cmocka_unit_test(nu_bounds_the_shares_and_gives_a_c_machine),
        cmocka_unit_test(nu_regression_has_its_share_outside_the_tube),
        cmocka_unit_test(every_kernel_reaches_the_optimum),
        cmocka_unit_test(working_sets_reach_the_optimum),
        cmocka_unit_test(regression_reaches_the_optimum),
        cmocka_unit_test(weights_and_balance_scale_the_bounds),
        cmocka_unit_test(exponentials_in_double_are_those_of_the_c_library),
        cmocka_unit_test(a_warm_start_ends_at_the_same_optimum),
        cmocka_unit_test(a_path_over_c_ends_at_the_optimum_of_each),
        cmocka_unit_test(kernel_values_of_close_points_far_from_the_centre_are_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
