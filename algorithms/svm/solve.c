#include "solve.h"

#include <string.h>

#include "coordinates.h"
#include "exact.h"
#include "gram.h"
#include "subproblem.h"
#include "working.h"

/* Variables of a problem that is solved on its whole kernel matrix; and where the distances behind
 * it are shared. */
enum { SMALL = 3072, SMALL_SHARED = 6144 };

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

static hone_status open_small(solver *s, hone_arena *scratch, hone_error *error)
{
    s->whole = HONE_NEW(scratch, smo, 1, 1);
    if (!s->whole || !subproblem_make(s->whole, s->p->n, s->p->nu > 0, scratch))
        return hone_no_memory(error);
    return s->p->shared ? gram_derive(s->p, s->whole->K, s->whole->stride, &s->ready, error)
                        : gram_fill(s->p, s->whole->K, s->whole->stride, &s->ready, scratch, error);
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
    if (p->shared && !(p->m == p->n && p->n <= SMALL_SHARED && p->kernel->type != SVM_LINEAR))
        p->shared = NULL;
    if (p->shared || solve_is_small(p->n, p->m))
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
    double last = INFINITY, moved;
    HONE_TRY(exact_error(p, &moved, s->scratch, error));
    p->doubtful = moved > EXACT_DOUBT * p->tol;
    if (p->doubtful && moved <= p->tol / 8) {
        HONE_TRY(attempt(s, 0.5, error)); /* both ends of the gap moved, rows not seen by more */
        p->doubtful = !(gap_of(p) < 0.5 * p->tol);
    }
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
