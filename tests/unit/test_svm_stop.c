/* Kernel rows that are made as they are asked for, in a run that is told to stop meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "algorithms/svm/gram.h"
#include "algorithms/svm/pairs.h"
#include "svm_world.h"

enum { N = 600, D = 8, ENOUGH = 5 };

typedef struct world {
    posed posed;
    solver s;
    hone_stop stop; /* what the run is told after ENOUGH rows */
    int made, asked;
} world;

/* More rows are needed than ENOUGH. */
static void open_world(world *w, hone_stop stop)
{
    const svm_params params = defaults(&(table){.classes = 2});
    posed *o = &w->posed;
    w->stop = stop;
    w->made = w->asked = 0;
    pose(o, N, D, &params, 0.2, false);
    assert_int_equal(solver_open(&w->s, &o->p, o->arena, NULL), HONE_OK);
    assert_non_null(w->s.rows);
}

/* In place of lazy_fill. */
static bool fill(void *context, int64_t i)
{
    world *w = context;
    w->asked++;
    if (w->made == ENOUGH)
        atomic_store(&w->posed.storage.stop, w->stop);
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
    assert_true(w.posed.p.converged && w.asked > 10 * ENOUGH);
    hone_arena_close(w.posed.arena);
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
        assert_true(w.posed.p.alpha[i] >= 0 && w.posed.p.alpha[i] <= w.posed.p.bound[i]);
        sum += w.posed.p.sign[i] * w.posed.p.alpha[i], all += w.posed.p.alpha[i];
    }
    assert_true(all > 0 && fabs(sum) <= 1e-9 * all && !w.posed.p.converged);
    hone_arena_close(w.posed.arena);
}

static void no_row_is_made_after_a_run_was_abandoned(void **state)
{
    (void)state;
    world w;
    open_world(&w, HONE_CANCEL);
    assert_int_equal(run(&w), HONE_STOPPED);
    assert_int_equal(w.made, ENOUGH);
    assert_int_equal(w.asked, ENOUGH + 1);
    hone_arena_close(w.posed.arena);
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
