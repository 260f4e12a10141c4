#include "solve.h"

#include <string.h>

#include "subproblem.h"
#include "working.h"

enum {
    SMALL = 1536, /* variables of a problem that is solved on its whole kernel matrix */
    QUERIES = 96  /* kernel rows computed together */
};

bool solve_is_small(int64_t n, int64_t m)
{
    return m <= SMALL && m == n;
}

/* ---- the end: intercept, objective, certificate ---- */

/* LIBSVM's rho: the mean slope of free variables, else the middle of what the bounds allow. */
static double intercept(const problem *p)
{
    double sum = 0, least = INFINITY, most = -INFINITY;
    int64_t free = 0;
    for (int64_t v = 0; v < p->m; v++) {
        const bool up = smo_up(p->sign[v], p->alpha[v], p->bound[v]);
        const bool low = smo_low(p->sign[v], p->alpha[v], p->bound[v]);
        const double f = slope(p, v);
        if (up && low) {
            sum += f;
            free++;
        } else if (up) {
            least = fmin(least, f);
        } else if (low) {
            most = fmax(most, f);
        }
    }
    if (free)
        return sum / (double)free;
    if (isinf(least) && isinf(most))
        return 0;
    return isinf(least) ? most : isinf(most) ? least : (least + most) / 2;
}

static void finish(problem *p)
{
    double least = INFINITY, most = -INFINITY;
    p->objective = 0;
    for (int64_t v = 0; v < p->m; v++) {
        const double f = slope(p, v);
        if (smo_up(p->sign[v], p->alpha[v], p->bound[v]))
            least = fmin(least, f);
        if (smo_low(p->sign[v], p->alpha[v], p->bound[v]))
            most = fmax(most, f);
        p->objective += p->alpha[v] / p->kernel->scale * (p->sign[v] * f + p->linear[v]) / 2;
    }
    p->gap = isinf(least) || isinf(most) ? 0 : fmax(most - least, 0);
    p->rho = intercept(p);
    p->converged = p->gap < p->tol;
}

/* ---- small problems ---- */

typedef struct gram {
    const problem *p;
    smo *s;
} gram;

static void gram_rows(const problem *p, smo *s, int64_t block, hone_queries *q, int32_t *map)
{
    const int64_t first = block * QUERIES;
    const int64_t count = p->n - first < QUERIES ? p->n - first : QUERIES;
    int64_t id[QUERIES];
    for (int64_t i = 0; i < count; i++)
        id[i] = first + i;
    hone_queries_pick(p->panels, id, count, p->kernel->isa, q);
    kernel_block(p->kernel, q, p->panels, 0, hone_panel_count(p->n), map, s->K + first * s->stride,
                 s->stride);
}

static hone_status gram_block(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    const gram *g = context;
    hone_queries q;
    int32_t *map;
    if (!hone_queries_new(g->p->panels, NULL, 0, QUERIES, scratch, &q) ||
        !hone_map_new(g->p->panels, scratch, &map))
        return hone_no_memory(error);
    gram_rows(g->p, g->s, block, &q, map);
    return HONE_OK;
}

static hone_status fill_gram(const problem *p, smo *s, hone_arena *scratch, hone_error *error)
{
    const int64_t blocks = (p->n + QUERIES - 1) / QUERIES;
    gram g = {p, s};
    if (!p->inside)
        return hone_for_blocks(p->run, blocks, gram_block, &g, error);
    hone_queries q;
    int32_t *map;
    if (!hone_queries_new(p->panels, NULL, 0, QUERIES, scratch, &q) ||
        !hone_map_new(p->panels, scratch, &map))
        return hone_no_memory(error);
    for (int64_t b = 0; b < blocks; b++)
        gram_rows(p, s, b, &q, map);
    return HONE_OK;
}

static hone_status open_small(solver *s, hone_arena *scratch, hone_error *error)
{
    s->whole = HONE_NEW(scratch, smo, 1, 1);
    if (!s->whole || !subproblem_make(s->whole, s->p->n, scratch))
        return hone_no_memory(error);
    return fill_gram(s->p, s->whole, scratch, error);
}

static void run_small(problem *p, smo *s)
{
    for (int64_t v = 0; v < p->m; v++)
        subproblem_load(s, v, p, v);
    subproblem_pad(s, p->m);
    p->iterations = smo_solve(s, p->tol, 0, p->max_iter, p->run, p->kernel->isa);
    for (int64_t v = 0; v < p->m; v++) {
        p->alpha[v] = s->alpha[v];
        p->g[v] = s->f[v] - p->sign[v] * p->linear[v];
    }
}

hone_status solver_open(solver *s, problem *p, hone_arena *scratch, hone_error *error)
{
    *s = (solver){.p = p};
    if (solve_is_small(p->n, p->m))
        return open_small(s, scratch, error);
    return working_open(&s->working, p, scratch, error);
}

hone_status solver_run(solver *s, hone_error *error)
{
    problem *p = s->p;
    memset(p->alpha, 0, (size_t)p->m * sizeof *p->alpha);
    memset(p->g, 0, (size_t)hone_panel_count(p->n) * HONE_LANES * sizeof *p->g);
    p->iterations = 0;
    if (s->whole)
        run_small(p, s->whole);
    else
        HONE_TRY(working_run(s->working, error));
    if (hone_stopping(p->run) == HONE_ABANDON)
        return hone_fail(error, HONE_STOPPED, "run", "the caller asked to stop");
    finish(p);
    return HONE_OK;
}
