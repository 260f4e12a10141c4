#include "solve.h"

#include <float.h>
#include <string.h>

#include "coordinates.h"
#include "exact.h"
#include "gram.h"
#include "interior.h"
#include "pairs.h"
#include "subproblem.h"
#include "working.h"

enum {
    LAZY = 1024, /* rows of a problem of classes up to which kernel rows are made as they are
                    needed, */
    SMALL = 4096 /* and up to which all are: pairs move on the whole problem; else working sets */
};

/* Pairs between two looks at whether float32 values still lead anywhere: so many, and a row's
 * share.
 */
enum { STRETCH = 1 << 20, STRETCH_PER_ROW = 64 };

/* Support vectors whose decisions are looked at. */
enum { LOOKS = 32 };

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

/* Half a margin, or a tenth of what targets differ by: what rounding may move decisions by. */
static double find_leeway(const problem *p)
{
    double mean = 0, spread = 0;
    if (p->m == p->n)
        return p->nu > 0 ? INFINITY : 0.5; /* coefficients of nu-SVC are at most 1 */
    for (int64_t i = 0; i < p->n; i++)
        mean += p->linear[i] / (double)p->n;
    for (int64_t i = 0; i < p->n; i++)
        spread += (p->linear[i] - mean) * (p->linear[i] - mean) / (double)p->n;
    return 0.1 * sqrt(spread);
}

/* Decisions of support vectors, LOOKS of them, by kernel values in float32: how far they are from
 * slopes, which are in double. */
static bool measure_values(const problem *p, hone_arena *scratch, double *worst)
{
    const int64_t panels = hone_panel_count(p->n), step = p->n / LOOKS + 1;
    float *value = HONE_RAW(scratch, float, panels, HONE_LANES);
    int32_t *map;
    hone_queries one;
    *worst = 0;
    if (!value || !hone_queries_new(p->panels, NULL, 0, 1, scratch, &one) ||
        !hone_map_new(p->panels, scratch, &map))
        return false;
    for (int64_t i = 0, next = 0; i < p->n; i++) {
        if (i < next || !(p->alpha[i] > 0))
            continue;
        double sum = 0;
        hone_queries_pick(p->panels, &i, 1, p->kernel->isa, &one);
        kernel_block(p->kernel, &one, p->panels, 0, panels, map, value, panels * HONE_LANES);
        for (int64_t v = 0; v < p->m; v++)
            sum += p->sign[v] * p->alpha[v] * (double)value[row_of(p, v)];
        *worst = fmax(*worst, fabs(sum - p->g[i]));
        next = i + step;
    }
    return true;
}

/* Models keep kernels in float32. Whether that moves decisions by more than they can bear, whatever
 * the certificate says of those in double. */
static hone_status outgrows_values(const problem *p, hone_arena *scratch, bool *outgrows,
                                   hone_error *error)
{
    double square = 0, worst;
    const double leeway = find_leeway(p);
    for (int64_t v = 0; v < p->m; v++)
        square += p->alpha[v] * p->alpha[v];
    *outgrows = false;
    if (p->kernel->type == SVM_LINEAR ||
        (double)(p->kernel->degree + 1) * (double)FLT_EPSILON * sqrt(square) <= leeway)
        return HONE_OK;
    if (!measure_values(p, scratch, &worst))
        return hone_no_memory(error);
    *outgrows = worst > leeway;
    return HONE_OK;
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

static hone_status lacks_row(const solver *s, hone_error *error)
{
    return s->rows->status == HONE_STOPPED
               ? hone_fail(error, HONE_STOPPED, "run", "the caller asked to stop")
               : hone_no_memory(error);
}

/* K: NULL when its rows are to be made as they are asked for. */
static hone_status open_pairs(solver *s, const whole *K, hone_arena *scratch, hone_error *error)
{
    problem *p = s->p;
    s->pairs = HONE_NEW(scratch, pairs, 1, 1);
    if (!s->pairs)
        return hone_no_memory(error);
    HONE_TRY(pairs_open(s->pairs, p, K, LAZY + 1, scratch, error));
    if (K)
        return HONE_OK;
    s->rows = HONE_NEW(scratch, lazy, 1, 1);
    if (!s->rows)
        return hone_no_memory(error);
    HONE_TRY(lazy_open(s->rows, p, scratch, error));
    smo *t = &s->pairs->s;
    t->K = s->rows->K, t->stride = s->rows->stride;
    t->there = s->rows->there, t->source = s->rows, t->fill = lazy_fill;
    return HONE_OK;
}

/* A row was not made because the run is to finish. */
static bool finishes(const solver *s)
{
    return s->rows->status == HONE_STOPPED && effort_stopping(s->p->effort) == HONE_FINISH;
}

/* What the pairs have so far is enough for a run that is to finish. */
static hone_status run_small(const solver *s, hone_error *error)
{
    HONE_TRY(pairs_run(s->pairs, error));
    return s->pairs->s.lacks && !finishes(s) ? lacks_row(s, error) : HONE_OK;
}

/* The g of an alpha that is not 0; not `done` when the run is to finish before. */
static hone_status start_small(const solver *s, bool *done, hone_error *error)
{
    const problem *p = s->p;
    void (*add)(double *, int64_t, const float *const *, const double *, int64_t) =
        HONE_PICK(p->kernel->isa, svm_update);
    *done = true;
    for (int64_t v = 0; v < p->m && *done; v++) {
        const float *row = p->alpha[v] > 0 ? smo_row(&s->pairs->s, v) : NULL;
        if (row)
            add(p->g, hone_panel_count(p->n) * HONE_LANES, &row,
                &(double){p->sign[v] * p->alpha[v]}, 1);
        else if (p->alpha[v] > 0)
            *done = false;
    }
    return *done || finishes(s) ? HONE_OK : lacks_row(s, error);
}

/* Where values come from decides time only: their bits are the same. */
hone_status solver_open(solver *s, problem *p, hone_arena *scratch, hone_error *error)
{
    *s = (solver){.p = p, .scratch = scratch, .ready = effort_stopping(p->effort) == HONE_GO};
    if (!s->ready)
        return HONE_OK;
    const whole *K = NULL;
    whole own = {0};
    if (p->shared)
        HONE_TRY(gram_shared(p, &K, scratch, error));
    const bool small = p->m == p->n && solve_is_small(p->stands, p->stands);
    if (!K && small && p->stands > LAZY) {
        HONE_TRY(gram_make(p, &own, &s->ready, scratch, error));
        K = &own;
    }
    if (small)
        return s->ready ? open_pairs(s, K, scratch, error) : HONE_OK;
    return working_open(&s->working, p, K, scratch, error);
}

static bool goes_on(const problem *p)
{
    return p->iterations < p->max_iter && effort_stopping(p->effort) == HONE_GO;
}

static double gap_of(const problem *p)
{
    return p->nu > 0 ? fmax(judge(p, 1).gap, judge(p, -1).gap) : judge(p, 0).gap;
}

/* Until the gap, as float32 kernel values have it, is below `share` of tol. */
static hone_status stretch(solver *s, double share, hone_error *error)
{
    problem *p = s->p;
    const double tol = p->tol;
    p->tol = share * tol;
    const hone_status status = s->working ? working_run(s->working, error) : run_small(s, error);
    p->tol = tol;
    return status;
}

/* The same, but for where such values move slopes by more than the gap that is left. */
static hone_status attempt(solver *s, double share, hone_error *error)
{
    problem *p = s->p;
    const int64_t all = p->max_iter;
    double moved = 0;
    for (bool more = true; more;) {
        const int64_t most = STRETCH + STRETCH_PER_ROW * p->n;
        const int64_t some = most < all - p->iterations ? p->iterations + most : all;
        p->max_iter = some;
        const hone_status status = stretch(s, share, error);
        p->max_iter = all;
        if (status)
            return status;
        const double gap = gap_of(p);
        more = p->iterations >= some && goes_on(p) && gap >= share * p->tol;
        if (more)
            HONE_TRY(exact_error(p, &moved, s->scratch, error));
        more = more && moved <= gap;
    }
    return HONE_OK;
}

/* The first attempt. Linear kernels leave it, when it takes long, for interior points, and go on
 * from there. */
static hone_status attempt_first(solver *s, hone_error *error)
{
    problem *p = s->p;
    const int64_t all = p->max_iter, most = interior_patience(p);
    const int64_t some = most < all - p->iterations ? p->iterations + most : all;
    p->max_iter = some;
    const hone_status status = attempt(s, NEAR, error);
    p->max_iter = all;
    if (status || p->iterations < some || !goes_on(p) || gap_of(p) < NEAR * p->tol)
        return status;
    HONE_TRY(interior_run(p, s->scratch, error));
    return p->told ? HONE_OK : attempt(s, NEAR, error);
}

/* Pairs with kernel values in double. */
static hone_status end_exactly(solver *s, exact_base *base, hone_error *error)
{
    problem *p = s->p;
    bool done;
    base->moved = INFINITY;
    HONE_TRY(exact_gradient(p, base, s->scratch, &done, error));
    HONE_TRY(exact_pairs(p, s->scratch, error));
    HONE_TRY(exact_gradient(p, base, s->scratch, &done, error));
    p->doubtful = !done;
    return HONE_OK;
}

/* Iterative refinement: the gradient in double, and float32 values for the way on from there only.
 */
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
    /* errors of other kernels grow with the norm of a row: a few rows do not tell */
    exact_base base = {.moved = kernel_is_exponential(p->kernel) ? moved : INFINITY};
    while (p->doubtful && goes_on(p)) {
        bool done;
        HONE_TRY(exact_gradient(p, &base, s->scratch, &done, error));
        const double gap = gap_of(p);
        if (!done || gap < p->tol) {
            p->doubtful = !done;
            return HONE_OK;
        }
        if (gap > last / 4)
            return end_exactly(s, &base, error);
        last = gap;
        HONE_TRY(attempt(s, 0.5, error));
        HONE_TRY(exact_drift(p, &base, &moved, s->scratch, error));
        p->doubtful = !(moved <= p->tol / 16 && gap_of(p) < 0.5 * p->tol);
    }
    return HONE_OK;
}

void solver_balance(problem *p)
{
    double sum = 0;
    for (int64_t v = 0; v < p->m; v++)
        sum += p->sign[v] * p->alpha[v];
    for (int64_t v = 0; v < p->m && sum != 0; v++)
        if (p->sign[v] * sum > 0) {
            const double take = fmin(p->alpha[v], fabs(sum));
            p->alpha[v] -= take;
            sum -= p->sign[v] * take;
        }
}

/* g of the alpha that the attempts begin at; not `done` when the run stops before. */
static hone_status start(solver *s, bool begun, bool *done, hone_error *error)
{
    problem *p = s->p;
    const bool descends = s->working && p->nu == 0 && p->m == p->n && working_is_linear(s->working);
    *done = true;
    if (descends)
        HONE_TRY(coordinates_run(p, s->scratch, error));
    if (s->working && (begun || descends))
        return working_start(s->working, done, error);
    return begun ? start_small(s, done, error) : HONE_OK;
}

/* What a run that was stopped at once has: the solution that it was to begin at, or none. */
static void leave_at_begin(problem *p, bool begun)
{
    if (begun && p->nu == 0) {
        p->objective = 0, p->gap = UNKNOWN_GAP, p->converged = false;
        return;
    }
    memset(p->alpha, 0, (size_t)p->m * sizeof *p->alpha);
    finish(p);
}

/* From p->alpha, which is 0 unless it is `begun`. */
static hone_status run(solver *s, bool begun, hone_error *error)
{
    problem *p = s->p;
    const size_t bytes = (size_t)hone_panel_count(p->n) * HONE_LANES * sizeof *p->g;
    bool started = s->ready;
    memset(p->g, 0, bytes);
    p->iterations = 0;
    p->doubtful = true;
    p->told = false;
    if (started)
        HONE_TRY(start(s, begun, &started, error));
    if (started) {
        bool outgrows;
        HONE_TRY(attempt_first(s, error));
        p->doubtful = !p->told;
        if (!p->told)
            HONE_TRY(refine(s, error));
        finish(p);
        HONE_TRY(outgrows_values(p, s->scratch, &outgrows, error));
        p->converged = p->converged && !outgrows;
    } else {
        memset(p->g, 0, bytes);
        leave_at_begin(p, begun);
    }
    return effort_stopping(p->effort) == HONE_CANCEL
               ? hone_fail(error, HONE_STOPPED, "run", "the caller asked to stop")
               : HONE_OK;
}

hone_status solver_run(solver *s, hone_error *error)
{
    problem *p = s->p;
    memset(p->alpha, 0, (size_t)p->m * sizeof *p->alpha);
    if (p->nu > 0)
        deal(p);
    return run(s, p->nu > 0, error);
}

hone_status solver_resume(solver *s, hone_error *error)
{
    return run(s, true, error);
}
