/* Logistic regression beyond its optimum: what the state says, warm starts, early stopping, models
 * of one class against the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "linear_world.h"

static world W, V;

static double total_weight(const world *w, bool weighted)
{
    double sum = 0;
    for (int64_t i = 0; i < w->n; i++)
        sum += weighted ? w->weight[i] : 1;
    return sum;
}

static const logistic_state *state_of(const hone_fitted *f)
{
    return f->state;
}

static void the_objective_is_that_of_the_coefficients(void **state)
{
    (void)state;
    static const struct {
        int64_t n, d, c;
        int penalty, max_iter;
    } cases[] = {
        {300, 8, 2, PENALTY_L2, 200},         {300, 8, 2, PENALTY_L2, 1},
        {300, 8, 2, PENALTY_L2, 2},           {300, 8, 2, PENALTY_L1, 200},
        {200, 6, 4, PENALTY_ELASTICNET, 200}, {200, 6, 4, PENALTY_NONE, 3},
        {30, 190, 2, PENALTY_L2, 200},        {30, 190, 2, PENALTY_L2, 2},
        {100, 30, 6, PENALTY_L2, 2},          {100, 60, 6, PENALTY_L1, 2},
        {100, 60, 6, PENALTY_L1, 200},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        for (double tol = 1e-2; tol > 1e-9; tol *= 1e-3) {
            logistic_params p = world_params();
            p.penalty = cases[k].penalty, p.max_iter = cases[k].max_iter, p.tol = tol, p.C = 0.5;
            const bool weighted = k % 2;
            world_make(&W, cases[k].n, cases[k].d, cases[k].c, 1, k + 1);
            hone_fitted *f = world_fit(&W, NULL, &p, weighted, 2, 0);
            const logistic_state *s = f->state;
            const double C = p.penalty == PENALTY_NONE ? 1 : p.C;
            const double want = (double)world_objective(&W, &p, weighted, s->coef, s->intercept) /
                                (C * total_weight(&W, weighted));
            if (!(fabs(s->objective - want) <= 1e-6 * want))
                fail_msg("case %d, tol %g: %.12g is not %.12g", (int)k, tol, s->objective, want);
            assert_true(s->converged || s->iterations >= p.max_iter);
            hone_fitted_free(f);
        }
}

/* In scaled columns, by differences of the objective along the columns. */
static void the_gradient_is_that_of_the_coefficients(void **state)
{
    (void)state;
    for (int64_t max_iter = 1; max_iter < 4; max_iter++) {
        logistic_params p = world_params();
        p.max_iter = max_iter, p.tol = 1e-12;
        world_make(&W, 400, 6, 2, 1, 9);
        hone_fitted *f = world_fit(&W, NULL, &p, false, 2, 0);
        logistic_state s = *state_of(f);
        double w[6], most = 0;
        for (int64_t j = 0; j < W.d; j++) {
            double mean = 0, square = 0;
            for (int64_t i = 0; i < W.n; i++)
                mean += W.x[i * W.d + j] / (double)W.n;
            for (int64_t i = 0; i < W.n; i++)
                square += (W.x[i * W.d + j] - mean) * (W.x[i * W.d + j] - mean) / (double)W.n;
            const double step = 1e-6 / sqrt(square);
            long double F[2];
            for (int side = 0; side < 2; side++) {
                memcpy(w, s.coef, sizeof w);
                w[j] += side ? step : -step;
                const double b = s.intercept[0] - (side ? step : -step) * mean;
                F[side] = world_objective(&W, &p, false, w, &b);
            }
            most = fmax(most, fabs((double)(F[1] - F[0])) / 2e-6 / (p.C * (double)W.n));
        }
        if (!(fabs(s.gradient - most) <= 1e-2 * most + 2e-7))
            fail_msg("%d steps: %g is not %g", (int)max_iter, s.gradient, most);
        hone_fitted_free(f);
    }
}

/* Dense with a factor, dense with products, working sets: nothing to do from the optimum. */
static void a_warm_start_ends_where_a_cold_one_does_in_fewer_steps(void **state)
{
    (void)state;
    static const struct {
        int64_t n, d, c;
        int penalty;
    } cases[] = {{400, 8, 2, PENALTY_L2},  {300, 5, 4, PENALTY_L2},  {40, 190, 2, PENALTY_L2},
                 {100, 30, 6, PENALTY_L2}, {300, 12, 3, PENALTY_L1}, {100, 60, 6, PENALTY_L1}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        hone_simple_run storage;
        logistic_params p = world_params(), near = p;
        p.penalty = near.penalty = cases[k].penalty, p.tol = near.tol = 1e-10, near.C = 1.05;
        world_make(&W, cases[k].n, cases[k].d, cases[k].c, 1, k + 1);
        hone_fitted *other = world_fit(&W, NULL, &p, true, 2, 0);
        hone_fitted *cold = world_fit(&W, NULL, &near, true, 2, 0);
        hone_trial trial = world_trial(&W, NULL, &near, true, hone_run_simple(&storage, 2));
        trial.warm_params = other->params, trial.warm_state = other->state;
        hone_fitted *warm = world_fit_trial(&trial);
        assert_true(fabs(state_of(warm)->objective - state_of(cold)->objective) <=
                    1e-8 * state_of(cold)->objective);
        trial.warm_params = cold->params, trial.warm_state = cold->state;
        hone_fitted *again = world_fit_trial(&trial);
        if (state_of(warm)->iterations > state_of(cold)->iterations ||
            state_of(again)->iterations >= state_of(cold)->iterations)
            fail_msg("case %d: %d cold, %d warm, %d again", (int)k, (int)state_of(cold)->iterations,
                     (int)state_of(warm)->iterations, (int)state_of(again)->iterations);
        hone_fitted_free(other), hone_fitted_free(cold);
        hone_fitted_free(warm), hone_fitted_free(again);
    }
}

/* Four of five rows, then all of them: the same coordinates change a little, the answer does not.
 */
static void a_fold_is_a_warm_start_for_all_rows(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        enum { ALL = 500, TRAIN = 400 };
        int64_t train[TRAIN];
        hone_simple_run cold_run, fold_run, warm_run;
        logistic_params p = world_params();
        p.tol = 1e-10, p.penalty = kind == 1 ? PENALTY_L1 : PENALTY_L2;
        p.multi_class = kind == 3 ? MULTI_CLASS_OVR : MULTI_CLASS_MULTINOMIAL;
        world_make(&W, ALL, 9, kind < 2 ? 2 : 4, 1e3, (uint64_t)kind + 1);
        for (int64_t i = 0; i < TRAIN; i++)
            train[i] = i + i / 4;
        hone_trial trial = world_trial(&W, NULL, &p, true, hone_run_simple(&cold_run, 2));
        hone_fitted *cold = world_fit_trial(&trial);
        trial.rows = train, trial.n_rows = TRAIN, trial.run = hone_run_simple(&fold_run, 2);
        hone_fitted *fold = world_fit_trial(&trial);
        trial.rows = NULL, trial.run = hone_run_simple(&warm_run, 2);
        trial.warm_params = fold->params, trial.warm_state = fold->state;
        hone_fitted *warm = world_fit_trial(&trial);
        assert_true(state_of(warm)->converged);
        assert_true(fabs(state_of(warm)->objective - state_of(cold)->objective) <=
                    1e-9 * state_of(cold)->objective);
        assert_true(atomic_load(&warm_run.work) <= atomic_load(&cold_run.work));
        hone_fitted_free(cold), hone_fitted_free(fold), hone_fitted_free(warm);
    }
}

/* Columns that tell the class: without a penalty there is no optimum, and the fit ends when all
 * rows are on their sides and nothing is left to gain. Where one row is on the wrong side it goes
 * on. */
static void separated_classes_end_the_fit_without_a_penalty(void **state)
{
    (void)state;
    static const struct {
        int64_t n, d, c;
    } cases[] = {{600, 8, 2}, {60, 150, 2}, {400, 12, 5}, {300, 33, 12}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        for (int crossed = 0; crossed < 2; crossed++) {
            logistic_params p = world_params();
            p.penalty = PENALTY_NONE, p.max_iter = 1000;
            world_make(&W, cases[k].n, cases[k].d, cases[k].c, 1, k + 1);
            for (int64_t i = 0; i < W.n; i++)
                for (int64_t c = 0; c < W.c && c < W.d; c++)
                    W.x[i * W.d + c] += W.label[i] == c ? 40 : 0;
            if (crossed) { /* two equal rows of two classes */
                memcpy(W.x + W.d, W.x, (size_t)W.d * sizeof *W.x);
                W.label[0] = 0, W.label[1] = 1;
            }
            hone_fitted *f = world_fit(&W, NULL, &p, false, 1, 0);
            const logistic_state *s = state_of(f);
            assert_true(s->converged);
            assert_true(s->iterations < 40);
            if (crossed)
                assert_true(s->objective > 1.9 * log(2) / (double)W.n);
            else
                assert_true(s->objective <= p.tol * log(2));
            hone_fitted_free(f);
        }
}

/* More steps never end higher; a model of few steps says that it has not converged. */
static void max_iter_bounds_the_steps(void **state)
{
    (void)state;
    static const struct {
        int64_t n, d, c;
        int penalty;
    } cases[] = {{9000, 8, 2, PENALTY_L2},
                 {400, 8, 3, PENALTY_L1},
                 {40, 190, 2, PENALTY_L2},
                 {100, 30, 6, PENALTY_L2},
                 {100, 60, 6, PENALTY_L1}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        double before = INFINITY;
        logistic_params p = world_params();
        p.penalty = cases[k].penalty, p.tol = 1e-12;
        world_make(&W, cases[k].n, cases[k].d, cases[k].c, 1, k + 1);
        for (p.max_iter = 1; p.max_iter <= 6; p.max_iter++) {
            hone_fitted *f = world_fit(&W, NULL, &p, false, 2, 0);
            const logistic_state *s = state_of(f);
            assert_true(s->iterations <= p.max_iter);
            assert_true(s->objective <= before * (1 + 1e-6));
            assert_true(s->converged || s->iterations == p.max_iter || p.max_iter > 3);
            before = s->objective;
            hone_fitted_free(f);
        }
    }
}

/* A limit of operations ends the same fit at the same place, whatever the number of threads. */
static void a_work_limit_ends_with_the_coefficients_at_hand(void **state)
{
    (void)state;
    static const struct {
        int64_t n, d, c;
        int penalty;
    } cases[] = {{9000, 8, 2, PENALTY_L2},
                 {3000, 8, 3, PENALTY_L1},
                 {100, 150, 2, PENALTY_L2},
                 {900, 20, 6, PENALTY_L2},
                 {100, 60, 6, PENALTY_L1}};
    int partial = 0;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        logistic_params p = world_params();
        p.penalty = cases[k].penalty, p.tol = 1e-12;
        world_make(&W, cases[k].n, cases[k].d, cases[k].c, 1, k + 1);
        hone_fitted *whole = world_fit(&W, NULL, &p, false, 2, 0);
        for (int64_t limit = 1000; limit < 100000000; limit *= 4) {
            hone_fitted *f[2] = {NULL, NULL};
            for (int t = 0; t < 2; t++) {
                hone_simple_run storage;
                const hone_run *run = hone_run_simple(&storage, t ? 3 : 1);
                storage.run.work_limit = limit;
                hone_cache *cache = hone_cache_open(0);
                const hone_trial trial = world_trial(&W, NULL, &p, false, run);
                const hone_status status = hone_trial_fit(&trial, cache, &f[t], NULL, NULL);
                assert_true(status == HONE_OK || status == HONE_STOPPED);
                hone_cache_close(cache);
            }
            assert_true(!f[0] == !f[1]);
            if (f[0]) {
                const logistic_state *a = f[0]->state, *b = f[1]->state;
                const size_t size = (size_t)(a->n_rows * W.d) * sizeof(double);
                assert_memory_equal(a->coef, b->coef, size);
                assert_true(a->objective == b->objective && a->iterations == b->iterations);
                assert_true(isfinite(a->objective) && a->objective <= 20);
                assert_true(a->iterations <= state_of(whole)->iterations);
                partial += !a->converged;
            }
            hone_fitted_free(f[0]), hone_fitted_free(f[1]);
        }
        hone_fitted_free(whole);
    }
    assert_true(partial > 5);
}

static double loss_on_the_last(const world *w, const hone_fitted *f, int64_t first)
{
    static double score[4000];
    hone_simple_run storage;
    hone_matrix x = world_dense(w);
    assert_int_equal(hone_fitted_predict(f, &x, hone_run_simple(&storage, 1), NULL, score, NULL),
                     HONE_OK);
    double sum = 0;
    for (int64_t i = first; i < w->n; i++)
        sum -= log(score[i * w->c + w->label[i]]);
    return sum / (double)(w->n - first);
}

/* Few rows, many columns and hardly a penalty: the loss elsewhere falls, then rises. */
static void early_stopping_keeps_the_best_step_on_other_rows(void **state)
{
    (void)state;
    for (int64_t c = 2; c <= 3; c++) {
        enum { TRAIN = 60, ALL = 400 };
        int64_t train[TRAIN], valid[ALL - TRAIN];
        hone_simple_run storage;
        logistic_params p = world_params();
        p.C = 1e5, p.tol = 1e-12;
        world_make(&W, ALL, 20, c, 1, 4);
        for (int64_t i = 0; i < ALL; i++)
            if (i < TRAIN)
                train[i] = i;
            else
                valid[i - TRAIN] = i;
        hone_trial trial = world_trial(&W, NULL, &p, false, hone_run_simple(&storage, 2));
        trial.rows = train, trial.n_rows = TRAIN;
        trial.valid = valid, trial.n_valid = ALL - TRAIN;
        hone_fitted *whole = world_fit_trial(&trial);
        double least = 1e9;
        p.early_stopping = true, p.n_iter_no_change = 100; /* the same steps, to their end */
        for (p.max_iter = 1; p.max_iter <= 12; p.max_iter++) {
            hone_fitted *f = world_fit_trial(&trial);
            least = fmin(least, loss_on_the_last(&W, f, TRAIN));
            hone_fitted_free(f);
        }
        p.n_iter_no_change = 3, p.max_iter = 200;
        hone_fitted *stopped = world_fit_trial(&trial);
        assert_true(state_of(stopped)->iterations < state_of(whole)->iterations);
        assert_true(loss_on_the_last(&W, stopped, TRAIN) < loss_on_the_last(&W, whole, TRAIN));
        assert_true(fabs(loss_on_the_last(&W, stopped, TRAIN) - least) < 1e-6);
        hone_fitted_free(whole), hone_fitted_free(stopped);
    }
}

static void one_against_the_rest_is_a_model_of_two_classes_each(void **state)
{
    (void)state;
    enum { CLASSES = 4, COLS = 6, ROWS = 300 };
    static double score[ROWS * CLASSES];
    logistic_params p = world_params();
    p.multi_class = MULTI_CLASS_OVR, p.tol = 1e-10;
    world_make(&W, ROWS, COLS, CLASSES, 1, 3);
    hone_fitted *f = world_fit(&W, NULL, &p, true, 2, 0);
    for (int32_t k = 0; k < CLASSES; k++) {
        V = W, V.c = 2;
        for (int64_t i = 0; i < V.n; i++)
            V.label[i] = W.label[i] == k;
        hone_fitted *two = world_fit(&V, NULL, &p, true, 2, 0);
        assert_memory_equal(state_of(f)->coef + k * COLS, state_of(two)->coef,
                            COLS * sizeof(double));
        assert_memory_equal(state_of(f)->intercept + k, state_of(two)->intercept, sizeof(double));
        hone_fitted_free(two);
    }
    hone_simple_run storage;
    hone_matrix x = world_dense(&W);
    assert_int_equal(hone_fitted_predict(f, &x, hone_run_simple(&storage, 2), NULL, score, NULL),
                     HONE_OK);
    for (int64_t i = 0; i < W.n; i++) {
        double own[CLASSES], sum = 0, all = 0;
        for (int64_t k = 0; k < CLASSES; k++) {
            double z = state_of(f)->intercept[k];
            for (int64_t j = 0; j < COLS; j++)
                z += state_of(f)->coef[k * COLS + j] * W.x[i * COLS + j];
            sum += own[k] = 1 / (1 + exp(-z));
        }
        for (int64_t k = 0; k < CLASSES; k++) {
            assert_true(fabs(score[i * CLASSES + k] - own[k] / sum) < 1e-12);
            all += score[i * CLASSES + k];
        }
        assert_true(fabs(all - 1) < 1e-12);
    }
    hone_fitted_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_objective_is_that_of_the_coefficients),
        cmocka_unit_test(the_gradient_is_that_of_the_coefficients),
        cmocka_unit_test(a_warm_start_ends_where_a_cold_one_does_in_fewer_steps),
        cmocka_unit_test(a_fold_is_a_warm_start_for_all_rows),
        cmocka_unit_test(separated_classes_end_the_fit_without_a_penalty),
        cmocka_unit_test(max_iter_bounds_the_steps),
        cmocka_unit_test(a_work_limit_ends_with_the_coefficients_at_hand),
        cmocka_unit_test(early_stopping_keeps_the_best_step_on_other_rows),
        cmocka_unit_test(one_against_the_rest_is_a_model_of_two_classes_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
