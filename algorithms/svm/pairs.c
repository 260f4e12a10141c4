#include "pairs.h"

#include <string.h>

#include "rows.h"
#include "subproblem.h"

enum {
    LOOK = 1024, /* pairs between two looks at what still moves */
    LEAST = 512, /* rows of a part from which on it may have one too */
    PART = 2,    /* at most this part of the rows is worth gathering */
    ROWS = 64    /* of a block */
};

hone_status pairs_open(pairs *a, problem *p, const whole *all, int64_t least, hone_arena *scratch,
                       hone_error *error)
{
    *a = (pairs){.p = p, .least = least, .most = p->n, .scratch = scratch};
    if (!subproblem_make(&a->s, p->m, p->nu > 0, scratch))
        return hone_no_memory(error);
    if (all) {
        a->all = *all;
        a->s.K = all->value, a->s.stride = all->stride;
    }
    return HONE_OK;
}

/* ---- what still moves ---- */

/* The slopes between which variables of a sign can move. */
typedef struct reach {
    double least, most;
} reach;

/* By sign; with nu pairs stay within one, else both are the same. Gives the gap. */
static double find_reach(const problem *p, reach of[2])
{
    of[0] = of[1] = (reach){INFINITY, -INFINITY};
    for (int64_t v = 0; v < p->m; v++) {
        reach *r = &of[p->nu > 0 && p->sign[v] > 0];
        const double f = slope(p, v);
        if (smo_up(p->sign[v], p->alpha[v], p->bound[v]) && f < r->least)
            r->least = f;
        if (smo_low(p->sign[v], p->alpha[v], p->bound[v]) && f > r->most)
            r->most = f;
    }
    if (!(p->nu > 0))
        of[1] = of[0];
    return fmax(of[0].most - of[0].least, of[1].most - of[1].least);
}

/* Whether some other variable could move against it. */
static bool moves(const problem *p, const reach of[2], int64_t v)
{
    const reach *r = &of[p->sign[v] > 0];
    const double f = slope(p, v);
    return (f <= r->most && smo_up(p->sign[v], p->alpha[v], p->bound[v])) ||
           (f >= r->least && smo_low(p->sign[v], p->alpha[v], p->bound[v]));
}

/* ---- a part ---- */

static hone_status open_part(pairs *a, hone_error *error)
{
    const problem *p = a->p;
    problem *q = &a->part;
    hone_arena *scratch = a->scratch;
    const int64_t n = a->most / PART, stride = subproblem_stride(n);
    *q = (problem){.n = n, .m = n, .nu = p->nu};
    a->less = HONE_NEW(scratch, pairs, 1, 1);
    q->sign = HONE_RAW(scratch, signed char, n, 1);
    q->linear = HONE_RAW(scratch, double, n, 1);
    q->bound = HONE_RAW(scratch, double, n, 1);
    q->alpha = HONE_RAW(scratch, double, n, 1);
    q->g = HONE_NEW(scratch, double, hone_panel_count(n), HONE_LANES);
    a->began = HONE_RAW(scratch, double, n, 1);
    a->row = HONE_RAW(scratch, int64_t, a->most, 1);
    a->weight = HONE_NEW(scratch, double, a->most, 1);
    a->changed = HONE_RAW(scratch, int64_t, a->most, 1);
    const whole values = {HONE_RAW(scratch, float, n, stride), stride};
    if (!a->less || !q->sign || !q->linear || !q->bound || !q->alpha || !q->g || !a->began ||
        !a->row || !a->weight || !a->changed || !values.value ||
        !hone_panel_room_new(p->panels, n, scratch, &a->room))
        return hone_no_memory(error);
    return pairs_open(a->less, q, &values, LEAST, scratch, error);
}

/* All but kernel values. */
static void gather_variables(pairs *a, int64_t count)
{
    const problem *p = a->p;
    problem *q = &a->part;
    const problem own = *q;
    *q = *p;
    q->n = q->m = count;
    q->x = NULL, q->row = NULL, q->shared = NULL, q->distances = NULL;
    q->sign = own.sign, q->linear = own.linear, q->bound = own.bound;
    q->alpha = own.alpha, q->g = own.g;
    hone_panels_pick(p->panels, a->row, count, &a->room, &a->panels);
    q->panels = &a->panels;
    for (int64_t i = 0; i < count; i++) {
        const int64_t r = a->row[i];
        q->sign[i] = p->sign[r], q->linear[i] = p->linear[r], q->bound[i] = p->bound[r];
        q->alpha[i] = a->began[i] = p->alpha[r];
        q->g[i] = p->g[r];
    }
}

static hone_status gather_block(void *context, int64_t block, hone_arena *scratch,
                                hone_error *error)
{
    (void)scratch, (void)error;
    const pairs *a = context;
    const whole *to = &a->less->all;
    const int64_t n = a->part.n, first = block * ROWS, end = first + ROWS < n ? first + ROWS : n;
    const int64_t width = hone_panel_count(n) * HONE_LANES;
    for (int64_t i = first; i < end; i++) {
        const float *from = a->all.value + a->row[i] * a->all.stride;
        float *row = (float *)to->value + i * to->stride;
        for (int64_t j = 0; j < n; j++)
            row[j] = from[a->row[j]];
        memset(row + n, 0, (size_t)(width - n) * sizeof *row);
    }
    return HONE_OK;
}

static hone_status gather_values(pairs *a, hone_error *error)
{
    const int64_t blocks = (a->part.n + ROWS - 1) / ROWS;
    if (!a->p->effort->inside)
        return hone_for_blocks(a->p->effort->run, blocks, gather_block, a, error);
    for (int64_t b = 0; b < blocks; b++)
        HONE_TRY(gather_block(a, b, NULL, error));
    return HONE_OK;
}

/* Takes the part's alpha, and brings all of g up to date with it. */
static hone_status take_back(pairs *a, hone_error *error)
{
    problem *p = a->p;
    const problem *q = &a->part;
    int64_t count = 0, done;
    rows r;
    for (int64_t i = 0; i < q->n; i++) {
        p->alpha[a->row[i]] = q->alpha[i];
        const double change = q->sign[i] * (q->alpha[i] - a->began[i]);
        if (change != 0) {
            a->weight[count] = change;
            a->changed[count++] = a->row[i];
        }
    }
    p->iterations = q->iterations;
    if (!rows_open(&r, p, &a->all, a->scratch))
        return hone_no_memory(error);
    return rows_update(&r, p->g, a->changed, a->weight, count, &done, error);
}

/* Solves what still moves, where that is little enough; `ran`: it was, and pairs moved. */
static hone_status run_part(pairs *a, bool *ran, hone_error *error)
{
    problem *p = a->p;
    const int64_t before = p->iterations, most = p->n / PART;
    reach of[2];
    int64_t count = 0;
    *ran = false;
    if (!(find_reach(p, of) >= p->tol))
        return HONE_OK;
    for (int64_t v = 0; v < p->n && count <= most; v++)
        count += moves(p, of, v);
    if (count > most)
        return HONE_OK;
    if (!a->less)
        HONE_TRY(open_part(a, error));
    count = 0;
    for (int64_t v = 0; v < p->n; v++)
        if (moves(p, of, v))
            a->row[count++] = v;
    gather_variables(a, count);
    HONE_TRY(gather_values(a, error));
    HONE_TRY(pairs_run(a->less, error));
    HONE_TRY(take_back(a, error));
    *ran = p->iterations > before;
    return HONE_OK;
}

/* ---- pairs ---- */

/* At most so many; false: there is no need or no way to go on. */
static bool move_pairs(pairs *a, int64_t most)
{
    problem *p = a->p;
    a->s.q = hone_panel_count(p->m) * HONE_LANES;
    for (int64_t v = 0; v < p->m; v++)
        subproblem_load(&a->s, v, p, v);
    subproblem_pad(&a->s, p->m);
    const int64_t moved = smo_solve(&a->s, p->tol, 0, most, p->effort, p->kernel->isa);
    p->iterations += moved;
    for (int64_t v = 0; v < p->m; v++) {
        p->alpha[v] = a->s.alpha[v];
        p->g[v] = a->s.f[v] - p->sign[v] * p->linear[v];
    }
    return moved == most;
}

hone_status pairs_run(pairs *a, hone_error *error)
{
    problem *p = a->p;
    if (!a->all.value || p->n < a->least) {
        move_pairs(a, p->max_iter - p->iterations);
        return HONE_OK;
    }
    for (bool more = true; more && p->iterations < p->max_iter;) {
        const int64_t left = p->max_iter - p->iterations, most = LOOK < left ? LOOK : left;
        bool ran;
        HONE_TRY(run_part(a, &ran, error));
        /* so few pairs that the solver itself does not look at the clock */
        more = (ran || move_pairs(a, most)) && effort_stopping(p->effort) == HONE_GO;
    }
    return HONE_OK;
}
