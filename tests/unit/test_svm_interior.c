/* Interior points on linear kernels, certified by plain loops in double. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "algorithms/svm/exact.h"
#include "algorithms/svm/interior.h"
#include "core/params.h"
#include "core/trial.h"
#include "dense.h"
#include "svm_world.h"
#include "toolbox/random.h"

enum { N = 300, D = 7 };

typedef struct world {
    hone_simple_run storage;
    hone_arena *arena;
    hone_matrix x;
    hone_panels panels;
    kernel kernel;
    effort effort;
    problem p;
    const double *values;
} world;

static void make_points(world *w, bool regress, bool sparse)
{
    double *values = HONE_NEW(w->arena, double, N, D);
    int64_t *start = HONE_NEW(w->arena, int64_t, N + 1, 1);
    int32_t *column = HONE_NEW(w->arena, int32_t, N, D);
    assert_true(values && start && column);
    hone_stream s = hone_stream_of(3, N, D);
    for (int64_t i = 0; i < N; i++) {
        start[i + 1] = (i + 1) * D;
        for (int64_t k = 0; k < D; k++) {
            values[i * D + k] = hone_uniform(&s) * 4 + (k || regress ? 0.1 : i % 2 ? 1 : -1);
            column[i * D + k] = (int32_t)k;
        }
    }
    w->values = values;
    w->x = dense_of(HONE_F64, values, N, D);
    if (sparse)
        w->x = (hone_matrix){.values = values,
                             .layout = HONE_CSR,
                             .dtype = HONE_F64,
                             .rows = N,
                             .cols = D,
                             .stored_cols = D,
                             .row_start = start,
                             .column = column};
}

static void make_variables(world *w, bool regress, double C)
{
    problem *p = &w->p;
    for (int64_t v = 0; v < p->m; v++) {
        const int64_t i = v % N;
        const double *x = w->values + i * D, z = x[0] - 2 * x[1] + sin(3 * (double)i);
        p->sign[v] = regress ? (v < N ? 1 : -1) : i % 2 ? 1 : -1;
        p->linear[v] = regress ? 0.1 - p->sign[v] * z : -1;
        p->bound[v] = i % 7 == 3 ? 0 : C * w->kernel.scale * (1 + (double)(i % 3));
    }
}

static void open_world(world *w, bool regress, bool sparse, double C)
{
    const hone_run *run = hone_run_simple(&w->storage, 1);
    svm_params params;
    w->arena = hone_arena_open(&w->storage.account);
    assert_non_null(w->arena);
    w->p = (problem){0};
    w->effort = (effort){.run = run};
    make_points(w, regress, sparse);
    assert_int_equal(hone_panels_make(&w->x, false, run, w->arena, w->arena, &w->panels, NULL),
                     HONE_OK);
    memset(&params, 0, sizeof params);
    hone_params_default(hone_svm.params, HONE_CLASSIFICATION, &params);
    params.kernel = SVM_LINEAR;
    w->kernel = kernel_of(&params, 1, &w->panels, hone_run_isa(run));
    problem *p = &w->p;
    p->panels = &w->panels, p->x = &w->x, p->kernel = &w->kernel, p->effort = &w->effort;
    p->n = N, p->m = regress ? 2 * N : N, p->tol = 1e-3, p->max_iter = 1 << 20;
    p->sign = HONE_NEW(w->arena, signed char, p->m, 1);
    p->linear = HONE_NEW(w->arena, double, p->m, 1);
    p->bound = HONE_NEW(w->arena, double, p->m, 1);
    p->alpha = HONE_NEW(w->arena, double, p->m, 1);
    p->g = HONE_NEW(w->arena, double, N + HONE_LANES, 1);
    assert_true(p->sign && p->linear && p->bound && p->alpha && p->g);
    make_variables(w, regress, C);
}

/* The gap of p->alpha as LIBSVM defines it, and the objective, all anew; p->alpha is feasible. */
static double plain_gap(const world *w, double *objective)
{
    const problem *p = &w->p;
    double sum[D] = {0}, balance = 0, all = 0, up = INFINITY, low = -INFINITY;
    *objective = 0;
    for (int64_t v = 0; v < p->m; v++) {
        assert_true(p->alpha[v] >= 0 && p->alpha[v] <= p->bound[v]);
        balance += p->sign[v] * p->alpha[v], all += p->alpha[v];
        *objective += p->linear[v] * p->alpha[v];
        for (int k = 0; k < D; k++)
            sum[k] += p->sign[v] * p->alpha[v] * w->values[v % N * D + k];
    }
    assert_true(fabs(balance) <= 1e-12 * all);
    for (int k = 0; k < D; k++)
        *objective += sum[k] * sum[k] / 2 / w->kernel.scale;
    for (int64_t v = 0; v < p->m; v++) {
        double f = p->sign[v] * p->linear[v];
        for (int k = 0; k < D; k++)
            f += sum[k] * w->values[v % N * D + k] / w->kernel.scale;
        const bool more = p->alpha[v]<p->bound[v], less = p->alpha[v]> 0;
        if (p->sign[v] > 0 ? more : less)
            up = fmin(up, f);
        if (p->sign[v] > 0 ? less : more)
            low = fmax(low, f);
    }
    return low - up;
}

static void solutions_are_those_of_pairs_in_double(void **state)
{
    (void)state;
    static const double costs[] = {1e-3, 1, 10};
    for (int kind = 0; kind < 4; kind++)
        for (int k = 0; k < 3; k++) {
            const bool regress = kind & 1, sparse = kind & 2;
            world a, b;
            double found, truth;
            open_world(&a, regress, sparse, costs[k]);
            open_world(&b, regress, sparse, costs[k]);
            assert_int_equal(interior_run(&a.p, a.arena, NULL), HONE_OK);
            assert_true(plain_gap(&a, &found) < a.p.tol / 2);
            assert_in_range(a.p.iterations, 2, 60);
            b.p.tol = 1e-5;
            exact_base base = {.moved = INFINITY};
            bool done;
            for (int64_t i = 0; i < N; i++)
                b.p.g[i] = 0;
            assert_int_equal(exact_gradient(&b.p, &base, b.arena, &done, NULL), HONE_OK);
            assert_int_equal(exact_pairs(&b.p, b.arena, NULL), HONE_OK);
            assert_true(plain_gap(&b, &truth) < 1e-4);
            assert_true(fabs(found - truth) <= 1e-6 * fabs(truth));
            hone_arena_close(a.arena);
            hone_arena_close(b.arena);
        }
}

/* Pairs would need millions of steps. */
static void a_large_cost_takes_no_more_steps(void **state)
{
    (void)state;
    static const double costs[] = {1e4, 1e6, 1e8};
    for (int kind = 0; kind < 2; kind++)
        for (int k = 0; k < 3; k++) {
            world w;
            double objective;
            open_world(&w, kind, false, costs[k]);
            assert_int_equal(interior_run(&w.p, w.arena, NULL), HONE_OK);
            assert_true(plain_gap(&w, &objective) < w.p.tol);
            assert_in_range(w.p.iterations, 2, 200);
            hone_arena_close(w.arena);
        }
}

/* The last column is the sum of the others. */
static void columns_that_depend_on_others_are_no_harm(void **state)
{
    (void)state;
    static const double costs[] = {1, 1e8};
    for (int k = 0; k < 2; k++) {
        world w;
        double objective;
        open_world(&w, false, false, costs[k]);
        double *x = (double *)w.values;
        for (int64_t i = 0; i < N; i++) {
            x[i * D + D - 1] = 0;
            for (int c = 0; c < D - 1; c++)
                x[i * D + D - 1] += x[i * D + c];
        }
        assert_int_equal(interior_run(&w.p, w.arena, NULL), HONE_OK);
        assert_true(plain_gap(&w, &objective) < w.p.tol);
        hone_arena_close(w.arena);
    }
}

/* What double cannot hold ends the steps; alpha stays feasible, and its gap is what it says. */
static void numbers_at_the_ends_of_double_leave_a_solution(void **state)
{
    (void)state;
    static const double first[] = {1e-310, 0x1p1000, 1e-300}, target[] = {1, 1e12, 1e300};
    for (int kind = 0; kind < 2; kind++)
        for (int k = 0; k < 3; k++) {
            world w;
            open_world(&w, kind, false, 1);
            w.p.bound[0] = first[k];
            w.p.linear[1] *= target[k];
            assert_int_equal(interior_run(&w.p, w.arena, NULL), HONE_OK);
            for (int64_t v = 0; v < w.p.m; v++)
                assert_true(w.p.alpha[v] >= 0 && w.p.alpha[v] <= w.p.bound[v]);
            for (int64_t i = 0; i < N; i++)
                assert_true(isfinite(w.p.g[i]));
            hone_arena_close(w.arena);
        }
}

/* The alpha that was there is as good as any after a stop. */
static void a_run_that_stops_keeps_what_there_was(void **state)
{
    (void)state;
    static const hone_stop stops[] = {HONE_FINISH, HONE_CANCEL};
    for (int k = 0; k < 2; k++) {
        world w;
        open_world(&w, false, false, 1);
        w.p.alpha[0] = w.p.alpha[1] = 0.25;
        atomic_store(&w.storage.stop, stops[k]);
        assert_int_equal(interior_run(&w.p, w.arena, NULL), HONE_OK);
        for (int64_t v = 0; v < w.p.m; v++)
            assert_true(w.p.alpha[v] == (v < 2 ? 0.25 : 0));
        assert_int_equal(w.p.iterations, 0);
        hone_arena_close(w.arena);
    }
}

/* Cost of the plane as it was kept, which no more than `tol` a row parts from that of the dual. */
static double cost_of(const fitted *f, const table *t, double C)
{
    double cost = 0;
    for (int64_t j = 0; j < t->d; j++)
        cost += f->s->plane[j] * f->s->plane[j] / 2;
    for (int64_t i = 0; i < t->n; i++) {
        double z = f->s->intercept[0];
        for (int64_t j = 0; j < t->d; j++)
            z += f->s->plane[j] * t->x[i * t->d + j];
        cost += C * fmax(0, 1 - (t->label[i] == 0 ? z : -z));
    }
    return cost;
}

/* Where pairs take long the fit goes on by interior points; others than linear kernels never. */
static void a_fit_ends_for_any_cost(void **state)
{
    (void)state;
    table t = clouds(400, 6, 2, 5);
    svm_params p = defaults(&t);
    p.kernel = SVM_LINEAR;
    for (p.C = 1; p.C < 1e9; p.C *= 100) {
        fitted one, seven;
        fit(&one, &t, &p, (how){.threads = 1});
        fit(&seven, &t, &p, (how){.threads = 7});
        assert_same(&one, &seven);
        assert_true(one.s->gap < p.tol && one.s->iterations < 100000);
        assert_int_equal(one.s->converged, 1);
        assert_true(cost_of(&one, &t, p.C) <= -one.s->objective + p.C * (double)t.n * p.tol);
        hone_fitted_free(one.f);
        hone_fitted_free(seven.f);
    }
    free_table(&t);
    world w;
    open_world(&w, false, false, 1);
    assert_true(interior_patience(&w.p) < w.p.max_iter);
    w.kernel.type = SVM_POLY;
    assert_int_equal(interior_patience(&w.p), w.p.max_iter);
    w.kernel.type = SVM_LINEAR, w.p.nu = 0.5;
    assert_int_equal(interior_patience(&w.p), w.p.max_iter);
    hone_arena_close(w.arena);
}

/* Pairs of classes side by side, with more columns than a factor has in a tile. */
static void a_work_limit_ends_at_one_place(void **state)
{
    (void)state;
    table t = clouds(240, 150, 4, 7);
    svm_params p = defaults(&t);
    p.kernel = SVM_LINEAR, p.C = 1e4, p.tol = 1e-6;
    for (int64_t limit = 100000; limit < INT64_C(1) << 32; limit *= 8) {
        fitted one, three;
        fit(&one, &t, &p, (how){.threads = 1, .work_limit = limit});
        fit(&three, &t, &p, (how){.threads = 3, .work_limit = limit});
        assert_same(&one, &three);
        hone_fitted_free(one.f);
        hone_fitted_free(three.f);
    }
    free_table(&t);
}

/* nu has no alpha that is feasible before it begins. */
static void what_was_stopped_before_it_began_has_not_converged(void **state)
{
    (void)state;
    for (int64_t classes = 0; classes < 4; classes += 3)
        for (int formulation = SVM_FORMULATION_C; formulation <= SVM_FORMULATION_NU;
             formulation++) {
            table t = clouds(120, 3, classes, 9);
            svm_params p = defaults(&t);
            p.kernel = SVM_LINEAR, p.formulation = formulation;
            fitted f;
            fit(&f, &t, &p, (how){.threads = 1, .stopped = true});
            assert_false(f.s->converged);
            hone_fitted_free(f.f);
            free_table(&t);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solutions_are_those_of_pairs_in_double),
        cmocka_unit_test(a_large_cost_takes_no_more_steps),
        cmocka_unit_test(columns_that_depend_on_others_are_no_harm),
        cmocka_unit_test(numbers_at_the_ends_of_double_leave_a_solution),
        cmocka_unit_test(a_run_that_stops_keeps_what_there_was),
        cmocka_unit_test(a_fit_ends_for_any_cost),
        cmocka_unit_test(a_work_limit_ends_at_one_place),
        cmocka_unit_test(what_was_stopped_before_it_began_has_not_converged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
