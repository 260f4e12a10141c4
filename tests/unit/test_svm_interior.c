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
#include "svm_world.h"

enum { N = 300, D = 7 };

static void weigh(posed *w)
{
    for (int64_t v = 0; v < w->p.m; v++)
        w->p.bound[v] *= v % N % 7 == 3 ? 0 : 1 + (double)(v % N % 3);
}

static svm_params linear_with(double C)
{
    svm_params params = defaults(&(table){.classes = 2});
    params.kernel = SVM_LINEAR, params.C = C;
    return params;
}

/* Bounds of three sizes, some of them 0. */
static void open_world(posed *w, bool regress, bool sparse, double C)
{
    const svm_params params = linear_with(C);
    if (regress)
        pose_targets(w, N, D, &params, sparse);
    else
        pose(w, N, D, &params, 1, sparse);
    weigh(w);
}

/* The gap of p->alpha as LIBSVM defines it, and the objective, all anew; p->alpha is feasible. */
static double plain_gap(const posed *w, double *objective)
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
            posed a, b;
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
            posed w;
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
        posed w;
        double objective;
        open_world(&w, false, false, costs[k]);
        double *x = w.values;
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

/* Columns of sizes from 1e-6 to 1e9, far from 0: slopes of alpha are lost in double, those of w are
 * not. The primal objective is as low as the dual one is high. */
static void columns_far_apart_in_size_are_solved_for_w(void **state)
{
    (void)state;
    static const double size[D] = {1e6, 1e-6, 1e9, 1, 1e3, 1e9, 1e-3};
    for (int kind = 0; kind < 4; kind++) {
        const double C = kind & 1 ? 100 : 1;
        const svm_params params = linear_with(C);
        posed w;
        open_world(&w, false, kind & 2, C);
        for (int64_t i = 0; i < N * D; i++)
            w.values[i] = (w.values[i] + 10) * size[i % D];
        pose_again(&w, &params, 1);
        weigh(&w);
        problem *p = &w.p;
        assert_int_equal(interior_run(p, w.arena, NULL), HONE_OK);
        assert_true(p->told && p->iterations < 200);
        double above = 0, sum[D] = {0}, all = 0, up = INFINITY, low = -INFINITY;
        for (int64_t i = 0; i < N; i++) {
            const bool more = p->alpha[i]<p->bound[i], less = p->alpha[i]> 0;
            double f = -p->sign[i];
            for (int k = 0; k < D; k++) {
                f += p->w[k] * w.values[i * D + k];
                sum[k] += p->sign[i] * p->alpha[i] / w.kernel.scale *
                          (w.values[i * D + k] / size[k] - 11);
            }
            if (p->sign[i] > 0 ? more : less)
                up = fmin(up, f);
            if (p->sign[i] > 0 ? less : more)
                low = fmax(low, f);
            all += p->alpha[i] / w.kernel.scale;
        }
        assert_true(low - up < p->tol);
        for (int64_t i = 0; i < N; i++) {
            double f = -(up + low) / 2;
            for (int k = 0; k < D; k++)
                f += p->w[k] * w.values[i * D + k];
            above += p->bound[i] / w.kernel.scale * fmax(0, 1 - p->sign[i] * f);
        }
        for (int k = 0; k < D; k++)
            above += (p->w[k] * p->w[k] + sum[k] * sum[k] * size[k] * size[k]) / 2;
        assert_true(above - all <= 2 * p->tol * all);
        hone_arena_close(w.arena);
    }
}

/* A bound that is nothing beside others has its variable at an end. */
static void bounds_that_are_nothing_beside_others_do_no_harm(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        posed w;
        double objective;
        open_world(&w, kind, false, 1);
        for (int64_t v = 0; v < w.p.m; v++)
            w.p.bound[v] *= v % 3 == 1 ? 1e-300 : 1;
        assert_int_equal(interior_run(&w.p, w.arena, NULL), HONE_OK);
        assert_true(plain_gap(&w, &objective) < w.p.tol && w.p.iterations < 100);
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
            posed w;
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
        posed w;
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
    posed w;
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
        cmocka_unit_test(columns_far_apart_in_size_are_solved_for_w),
        cmocka_unit_test(bounds_that_are_nothing_beside_others_do_no_harm),
        cmocka_unit_test(numbers_at_the_ends_of_double_leave_a_solution),
        cmocka_unit_test(a_run_that_stops_keeps_what_there_was),
        cmocka_unit_test(a_fit_ends_for_any_cost),
        cmocka_unit_test(a_work_limit_ends_at_one_place),
        cmocka_unit_test(what_was_stopped_before_it_began_has_not_converged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
