/* Kernel rows that are made as they are asked for, in a run that is told to stop meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "algorithms/svm/gram.h"
#include "algorithms/svm/pairs.h"
#include "core/params.h"
#include "core/trial.h"
#include "dense.h"
#include "toolbox/random.h"

extern const hone_algorithm hone_svm;

enum { N = 600, D = 8, ENOUGH = 5 };

typedef struct world {
    hone_simple_run storage;
    hone_arena *arena;
    hone_matrix x;
    hone_panels panels;
    kernel kernel;
    effort effort;
    problem p;
    solver s;
    hone_stop stop; /* what the run is told after ENOUGH rows */
    int made, asked;
} world;

/* Two clouds that overlap: more rows are needed than ENOUGH. */
static void make_points(world *w)
{
    double *values = HONE_NEW(w->arena, double, N, D);
    signed char *sign = HONE_NEW(w->arena, signed char, N, 1);
    assert_true(values && sign);
    hone_stream s = hone_stream_of(3, N, D);
    for (int64_t i = 0; i < N; i++) {
        sign[i] = i % 2 ? 1 : -1;
        for (int64_t k = 0; k < D; k++)
            values[i * D + k] = hone_uniform(&s) * 4 + (k ? 0 : sign[i]);
    }
    w->x = dense_of(HONE_F64, values, N, D);
    w->p.sign = sign;
}

static void open_world(world *w, hone_stop stop)
{
    const hone_run *run = hone_run_simple(&w->storage, 1);
    svm_params params;
    w->stop = stop;
    w->made = w->asked = 0;
    w->arena = hone_arena_open(&w->storage.account);
    assert_non_null(w->arena);
    w->p = (problem){0};
    w->effort = (effort){.run = run};
    make_points(w);
    assert_int_equal(hone_panels_make(&w->x, true, run, w->arena, w->arena, &w->panels, NULL),
                     HONE_OK);
    memset(&params, 0, sizeof params);
    hone_params_default(hone_svm.params, HONE_CLASSIFICATION, &params);
    w->kernel = kernel_of(&params, 0.2, &w->panels, hone_run_isa(run));
    problem *p = &w->p;
    p->panels = &w->panels, p->x = &w->x, p->kernel = &w->kernel, p->effort = &w->effort;
    p->n = p->m = N, p->tol = 1e-3, p->max_iter = 1 << 20;
    p->linear = HONE_NEW(w->arena, double, N, 1);
    p->bound = HONE_NEW(w->arena, double, N, 1);
    p->alpha = HONE_NEW(w->arena, double, N, 1);
    p->g = HONE_NEW(w->arena, double, N + HONE_LANES, 1);
    assert_true(p->linear && p->bound && p->alpha && p->g);
    for (int64_t i = 0; i < N; i++)
        p->linear[i] = -1, p->bound[i] = w->kernel.scale;
    assert_int_equal(solver_open(&w->s, p, w->arena, NULL), HONE_OK);
    assert_non_null(w->s.rows);
}

/* In place of lazy_fill. */
static bool fill(void *context, int64_t i)
{
    world *w = context;
    w->asked++;
    if (w->made == ENOUGH)
        atomic_store(&w->storage.stop, w->stop);
    const bool there = lazy_fill(w->s.rows, i);
    w->made += there;
    return there;
}

static hone_status run(world *w)
{
    hone_error error;
    w->s.pairs->s.source = w, w->s.pairs->s.fill = fill;
    return solver_run(&w->s, &error);
}

static void without_a_stop_many_rows_are_asked_for(void **state)
{
    (void)state;
    world w;
    open_world(&w, HONE_GO);
    assert_int_equal(run(&w), HONE_OK);
    assert_true(w.p.converged && w.asked > 10 * ENOUGH);
    hone_arena_close(w.arena);
}

/* What the pairs have so far is a model. */
static void no_row_is_made_after_a_run_was_told_to_finish(void **state)
{
    (void)state;
    world w;
    open_world(&w, HONE_FINISH);
    assert_int_equal(run(&w), HONE_OK);
    assert_int_equal(w.made, ENOUGH);
    assert_int_equal(w.asked, ENOUGH + 1);
    double sum = 0, all = 0;
    for (int64_t i = 0; i < N; i++) {
        assert_true(w.p.alpha[i] >= 0 && w.p.alpha[i] <= w.p.bound[i]);
        sum += w.p.sign[i] * w.p.alpha[i], all += w.p.alpha[i];
    }
    assert_true(all > 0 && fabs(sum) <= 1e-9 * all && !w.p.converged);
    hone_arena_close(w.arena);
}

static void no_row_is_made_after_a_run_was_abandoned(void **state)
{
    (void)state;
    world w;
    open_world(&w, HONE_CANCEL);
    assert_int_equal(run(&w), HONE_STOPPED);
    assert_int_equal(w.made, ENOUGH);
    assert_int_equal(w.asked, ENOUGH + 1);
    hone_arena_close(w.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_stop_many_rows_are_asked_for),
        cmocka_unit_test(no_row_is_made_after_a_run_was_told_to_finish),
        cmocka_unit_test(no_row_is_made_after_a_run_was_abandoned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
