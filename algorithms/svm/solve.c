#include "solve.h"

#include <string.h>

#include "coordinates.h"
#include "exact.h"
#include "subproblem.h"
#include "working.h"

enum {
    SMALL = 3072, /* variables of a problem that is solved on its whole kernel matrix */
    QUERIES = 96  /* kernel rows computed together */
};

/* Share of tol that leaves room for the rounding of float32 kernel values. */
#define NEAR 0.9375

bool solve_is_small(int64_t n, int64_t m)
{
    return m <= SMALL && m == n;
}

/* ---- the end: intercept, objective, certificate ---- */

/* What the variables of one sign (0: of both) say. */
typedef struct verdict {
    double gap,
        level; /* level: the mean slope of free ones, else the middle of what bounds allow */
} verdict;

static verdict judge(const problem *p, int sign)
{
    double sum = 0, up_least = INFINITY, low_most = -INFINITY;
    double least = INFINITY, most = -INFINITY; /* among those at a bound */
    int64_t free = 0;
    for (int64_t v = 0; v < p->m; v++) {
        const bool up = smo_up(p->sign[v], p->alpha[v], p->bound[v]);
        const bool low = smo_low(p->sign[v], p->alpha[v], p->bound[v]);
        const double f = slope(p, v);
        if (sign && p->sign[v] != sign)
            continue;
        if (up)
            up_least = fmin(up_least, f);
        if (low)
            low_most = fmax(low_most, f);
        if (up && low) {
            sum += f;
            free++;
        } else if (up) {
            least = fmin(least, f);
        } else if (low) {
            most = fmax(most, f);
        }
    }
    const bool both = !isinf(up_least) && !isinf(low_most);
    const double middle = isinf(least) ? most : isinf(most) ? least : (least + most) / 2;
    return (verdict){both ? fmax(low_most - up_least, 0) : 0, free            ? sum / (double)free
                                                              : isinf(middle) ? 0
                                                                              : middle};
}

static void finish(problem *p)
{
    p->objective = 0;
    for (int64_t v = 0; v < p->m; v++)
        p->objective +=
            p->alpha[v] / p->kernel->scale * (p->sign[v] * slope(p, v) + p->linear[v]) / 2;
    if (p->nu > 0) {
        const verdict plus = judge(p, 1), minus = judge(p, -1);
        p->gap = fmax(plus.gap, minus.gap);
        p->rho = (plus.level + minus.level) / 2;
        p->level = (plus.level - minus.level) / 2;
    } else {
        const verdict all = judge(p, 0);
        p->gap = all.gap;
        p->rho = all.level;
    }
    p->converged = p->gap < p->tol && !p->doubtful;
}

/* nu: the sums that stay are dealt to the first variables of each sign. */
static void deal(problem *p)
{
    double sum[2] = {0, 0}, all = 0;
    for (int64_t v = 0; v < p->m; v++) {
        sum[p->sign[v] > 0] += p->bound[v];
        all += v < p->n ? p->bound[v] : 0;
    }
    const double each = fmin(p->nu * all / 2, fmin(sum[0], sum[1]));
    double left[2] = {each, each};
    for (int64_t v = 0; v < p->m; v++) {
        double *rest = &left[p->sign[v] > 0];
        p->alpha[v] = fmin(p->bound[v], *rest);
        *rest -= p->alpha[v];
    }
}

/* ---- small problems ---- */

typedef struct gram {
    const problem *p;
    smo *s;
    int64_t step; /* rows of a block */
} gram;

/* Multiply-adds of a block: a few milliseconds. */
#define BLOCK_WORK 1e8

static int64_t rows_of_block(const problem *p)
{
    const hone_panels *x = p->panels;
    const double d = x->x ? (double)x->d : (double)(x->end[p->n - 1] - x->begin[0]) / (double)p->n;
    const double rows = BLOCK_WORK / ((double)p->n * (d + 1));
    return rows < QUERIES ? (int64_t)(rows / HONE_LANES + 1) * HONE_LANES : QUERIES;
}

/* The rows of a block from their own panels on, and what is symmetric to them below. */
static void gram_rows(const gram *g, int64_t block, hone_queries *q, int32_t *map)
{
    const problem *p = g->p;
    const int64_t first = block * g->step, n = p->n, stride = g->s->stride;
    const int64_t count = n - first < g->step ? n - first : g->step;
    const int64_t from = first / HONE_LANES, all = hone_panel_count(n);
    float *K = g->s->K;
    int64_t id[QUERIES];
    for (int64_t i = 0; i < count; i++)
        id[i] = first + i;
    hone_queries_pick(p->panels, id, count, p->kernel->isa, q);
    kernel_block(p->kernel, q, p->panels, from, all - from, map, K + first * stride + first,
                 stride);
    for (int64_t j = first + count; j < n; j += HONE_LANES) {
        const int64_t end = j + HONE_LANES < n ? j + HONE_LANES : n;
        for (int64_t i = first; i < first + count; i++)
            for (int64_t k = j; k < end; k++)
                K[k * stride + i] = K[i * stride + k];
    }
}

static hone_status gram_block(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    const gram *g = context;
    hone_queries q;
    int32_t *map;
    if (hone_stopping(g->p->run) != HONE_GO)
        return HONE_OK;
    if (!hone_queries_new(g->p->panels, NULL, 0, g->step, scratch, &q) ||
        !hone_map_new(g->p->panels, scratch, &map))
        return hone_no_memory(error);
    gram_rows(g, block, &q, map);
    return HONE_OK;
}

/* `ready`: not stopped before the end. */
static hone_status fill_gram(const problem *p, smo *s, bool *ready, hone_arena *scratch,
                             hone_error *error)
{
    gram g = {p, s, rows_of_block(p)};
    const int64_t blocks = (p->n + g.step - 1) / g.step;
    if (!p->inside) {
        HONE_TRY(hone_for_blocks(p->run, blocks, gram_block, &g, error));
        *ready = hone_stopping(p->run) == HONE_GO;
        return HONE_OK;
    }
    *ready = true;
    hone_queries q;
    int32_t *map;
    if (!hone_queries_new(p->panels, NULL, 0, g.step, scratch, &q) ||
        !hone_map_new(p->panels, scratch, &map))
        return hone_no_memory(error);
    for (int64_t b = 0; b < blocks && *ready; b++) {
        gram_rows(&g, b, &q, map);
        *ready = hone_stopping(p->run) == HONE_GO;
    }
    return HONE_OK;
}

static hone_status open_small(solver *s, hone_arena *scratch, hone_error *error)
{
    s->whole = HONE_NEW(scratch, smo, 1, 1);
    if (!s->whole || !subproblem_make(s->whole, s->p->n, s->p->nu > 0, scratch))
        return hone_no_memory(error);
    return fill_gram(s->p, s->whole, &s->ready, scratch, error);
}

/* From alpha and the g that belongs to it. */
static void run_small(problem *p, smo *s)
{
    for (int64_t v = 0; v < p->m; v++)
        subproblem_load(s, v, p, v);
    subproblem_pad(s, p->m);
    s->inside = p->inside;
    p->iterations += smo_solve(s, p->tol, 0, p->max_iter - p->iterations, p->run, p->kernel->isa);
    for (int64_t v = 0; v < p->m; v++) {
        p->alpha[v] = s->alpha[v];
        p->g[v] = s->f[v] - p->sign[v] * p->linear[v];
    }
}

static void start_small(problem *p, const smo *s)
{
    void (*add)(double *, int64_t, const float *const *, const double *, int64_t) =
        HONE_PICK(p->kernel->isa, svm_update);
    for (int64_t v = 0; v < p->m; v++)
        if (p->alpha[v] > 0)
            add(p->g, s->q, &(const float *){s->K + v * s->stride},
                &(double){p->sign[v] * p->alpha[v]}, 1);
}

hone_status solver_open(solver *s, problem *p, hone_arena *scratch, hone_error *error)
{
    *s = (solver){.p = p, .scratch = scratch};
    if (solve_is_small(p->n, p->m))
        return open_small(s, scratch, error);
    return working_open(&s->working, p, scratch, error);
}

static bool goes_on(const problem *p)
{
    return p->iterations < p->max_iter && hone_stopping(p->run) == HONE_GO;
}

/* Until the gap, as float32 kernel values have it, is below `share` of tol. */
static hone_status attempt(solver *s, double share, hone_error *error)
{
    problem *p = s->p;
    const double tol = p->tol;
    hone_status status = HONE_OK;
    p->tol = share * tol;
    if (s->working)
        status = working_run(s->working, error);
    else
        run_small(p, s->whole);
    p->tol = tol;
    return status;
}

static double gap_of(const problem *p)
{
    return p->nu > 0 ? fmax(judge(p, 1).gap, judge(p, -1).gap) : judge(p, 0).gap;
}

/* Iterative refinement: the gradient in double, and float32 values for the way on from there only.
 * Where that no longer helps, pairs with kernel values in double. */
static hone_status refine(solver *s, hone_error *error)
{
    problem *p = s->p;
    double last = INFINITY;
    HONE_TRY(exact_matters(p, &p->doubtful, s->scratch, error));
    while (p->doubtful && goes_on(p)) {
        bool done;
        HONE_TRY(exact_gradient(p, s->scratch, &done, error));
        const double gap = gap_of(p);
        if (!done || gap < p->tol) {
            p->doubtful = !done;
            return HONE_OK;
        }
        if (gap > last / 4) {
            HONE_TRY(exact_pairs(p, s->scratch, error));
            return exact_gradient(p, s->scratch, &done, error);
        }
        last = gap;
        HONE_TRY(attempt(s, 0.5, error));
    }
    return HONE_OK;
}

hone_status solver_run(solver *s, hone_error *error)
{
    problem *p = s->p;
    memset(p->alpha, 0, (size_t)p->m * sizeof *p->alpha);
    memset(p->g, 0, (size_t)hone_panel_count(p->n) * HONE_LANES * sizeof *p->g);
    p->iterations = 0;
    if (s->ready || s->working) {
        if (p->nu > 0)
            deal(p);
        const bool descends =
            s->working && p->nu == 0 && p->m == p->n && working_is_linear(s->working);
        if (descends)
            HONE_TRY(coordinates_run(p, s->scratch, error));
        if ((p->nu > 0 && s->working) || descends)
            HONE_TRY(working_start(s->working, error));
        else if (p->nu > 0)
            start_small(p, s->whole);
        HONE_TRY(attempt(s, NEAR, error));
        HONE_TRY(refine(s, error));
    }
    if (hone_stopping(p->run) == HONE_ABANDON)
        return hone_fail(error, HONE_STOPPED, "run", "the caller asked to stop");
    finish(p);
    return HONE_OK;
}
