#include "interior.h"

#include <float.h>
#include <string.h>

#include "point.h"
#include "smo.h"
#include "toolbox/linalg.h"

enum {
    TILE = 128, /* rows that enter the matrix together */
    MOST = 200, /* steps */
    IDLE = 5    /* of them that bring little are the end */
};

/* Share of the way to the next bound. */
#define NEARLY 0.995
/* Shares of the diagonal that keep the matrix definite in double. */
#define LEAST_RIDGE 1e-15
#define MOST_RIDGE 1e-11
/* Share of tol at which the gap is small enough for all that comes after. */
#define ENOUGH 0.25
/* Share of the largest bound below which a variable takes no part: it goes to the end that its
 * slope asks for when all others are there. */
#define NOTHING 1e-24
/* More than any penalty of a column that is not 0 in the end. */
#define MOST_PENALTY 0x1p400

/* Columns are centred and divided by what is left of them, so that those of any size and place are
 * alike. The intercept is the last of the d columns; its entries are 1. Multipliers: `low` of alpha
 * >= 0, `high` of alpha <= bound. */
typedef struct interior {
    problem *p;
    int64_t d;
    double *mean, *inverse;             /* d - 1: of the columns; 0 where all rows are alike */
    double *penalty;                    /* d: of w^2 / 2 in these columns; the intercept's is 0 */
    double least_bound;                 /* of variables that take part */
    double *alpha, *slack, *low, *high; /* m; slack = bound - alpha */
    double *rho;                        /* m: what the slopes are to change by, but for w */
    double *dalpha, *dlow, *dhigh;      /* m: the step */
    double *value, *dvalue;             /* n: x w, and by the step */
    double *pull, *mass;                /* n: weights of rows in a sum, and in the matrix */
    double *w, *dw, *rest;              /* d; rest: what w is away from that of alpha */
    double *matrix, ridge;              /* d x d; what its diagonal gets more */
    double *tile;                       /* TILE x d */
    point at;                           /* a row as it was read */
    double *best, *g;                   /* m, n: alpha and p->g of the least gap so far, */
    double least;                       /* and that gap */
    bool told;                          /* they are of w, which p->w has */
} interior;

int64_t interior_patience(const problem *p)
{
    const double d = (double)p->x->cols + 1;
    const bool can = p->kernel->type == SVM_LINEAR && p->nu == 0 && p->panels->unit == 1 &&
                     p->x->cols <= INTERIOR_COLUMNS;
    const double pairs = fmax((double)p->m, 3000 + 5 * d * d);
    return can && pairs < (double)p->max_iter ? (int64_t)pairs : p->max_iter;
}

double interior_bytes(double n, double m, double d)
{
    return 72 * m + 40 * n + 8 * (d + 1) * (d + 1 + TILE + 9) + 0x1p16;
}

static bool make_room(interior *a, problem *p, hone_arena *scratch)
{
    const int64_t d = p->x->cols + 1;
    *a = (interior){.p = p, .d = d, .least = INFINITY, .ridge = LEAST_RIDGE};
    double **const of_m[] = {&a->alpha, &a->slack,  &a->low,  &a->high, &a->rho,
                             &a->dlow,  &a->dalpha, &a->best, &a->dhigh};
    double **const of_n[] = {&a->value, &a->dvalue, &a->pull, &a->mass, &a->g};
    double **const of_d[] = {&a->w, &a->dw, &a->rest, &a->mean, &a->inverse, &a->penalty};
    bool good = true;
    for (size_t k = 0; k < sizeof of_m / sizeof *of_m; k++)
        good &= (*of_m[k] = HONE_NEW(scratch, double, p->m, 1)) != NULL;
    for (size_t k = 0; k < sizeof of_n / sizeof *of_n; k++)
        good &= (*of_n[k] = HONE_NEW(scratch, double, p->n, 1)) != NULL;
    for (size_t k = 0; k < sizeof of_d / sizeof *of_d; k++)
        good &= (*of_d[k] = HONE_NEW(scratch, double, d, 1)) != NULL;
    a->matrix = HONE_RAW(scratch, double, d, d);
    a->tile = HONE_RAW(scratch, double, TILE, d);
    return good && a->matrix && a->tile && point_new(p, scratch, &a->at);
}

/* ---- rows ---- */

static bool takes_part(const interior *a, int64_t v)
{
    return a->p->bound[v] >= a->least_bound;
}

static void read_row(interior *a, int64_t i, double *to)
{
    const int64_t cols = a->d - 1;
    point_read(a->p, i, &a->at);
    for (int64_t k = 0; k < cols; k++)
        to[k] = -a->mean[k] * a->inverse[k];
    for (int64_t t = 0; t < a->at.count; t++) {
        const int32_t k = a->at.column[t];
        to[k] = (a->at.value[t] - a->mean[k]) * a->inverse[k];
    }
    to[cols] = 1;
}

/* The means of the columns, and their largest distances from them, as powers of two. */
static void measure_columns(interior *a)
{
    const problem *p = a->p;
    const int64_t n = p->n, cols = a->d - 1;
    double *far = a->dw;
    for (int64_t i = 0; i < n; i++) {
        point_read(p, i, &a->at);
        for (int64_t t = 0; t < a->at.count; t++)
            a->mean[a->at.column[t]] += a->at.value[t] / (double)n;
    }
    for (int64_t k = 0; k < cols; k++)
        a->inverse[k] = 1;
    for (int64_t i = 0; i < n; i++) {
        read_row(a, i, a->tile);
        for (int64_t k = 0; k < cols; k++)
            far[k] = fmax(far[k], fabs(a->tile[k]));
    }
    for (int64_t k = 0; k < cols; k++) {
        const bool constant = far[k] <= 16 * DBL_EPSILON * fabs(a->mean[k]);
        const double unit = constant ? 1 : ldexp(1, ilogb(far[k]));
        const double penalty = sqrt(p->kernel->scale) / unit;
        a->inverse[k] = constant ? 0 : 1 / unit;
        a->penalty[k] = fmin(penalty * penalty, MOST_PENALTY);
    }
}

static bool goes_on(const interior *a)
{
    return effort_stopping(a->p->effort) == HONE_GO;
}

/* to[i] = row i times w; not all of them when the run stops. */
static void rows_times(interior *a, const double *w, double *to)
{
    for (int64_t i = 0; i < a->p->n && (i % TILE || goes_on(a)); i++) {
        read_row(a, i, a->tile);
        double sum = 0;
        for (int64_t k = 0; k < a->d; k++)
            sum += a->tile[k] * w[k];
        to[i] = sum;
    }
}

/* sum += the rows weighed by `pull`; `mass`, too: the matrix += products of rows weighed by it. Not
 * all of them when the run stops. */
static void add_rows(interior *a, const double *pull, const double *mass, double *sum)
{
    const int64_t n = a->p->n, d = a->d;
    for (int64_t first = 0; first < n && goes_on(a); first += TILE) {
        const int64_t count = n - first < TILE ? n - first : TILE;
        for (int64_t i = 0; i < count; i++) {
            double *row = a->tile + i * d;
            read_row(a, first + i, row);
            for (int64_t k = 0; k < d; k++)
                sum[k] += pull[first + i] * row[k];
            const double root = mass ? sqrt(mass[first + i]) : 0;
            for (int64_t k = 0; k < d && mass; k++)
                row[k] *= root;
        }
        if (mass)
            hone_syrk(count, d, 1, a->tile, d, a->matrix, d);
    }
}

/* The weights by row of numbers by variable. */
static void by_row(const interior *a, const double *of, double *to)
{
    const problem *p = a->p;
    memset(to, 0, (size_t)p->n * sizeof *to);
    for (int64_t v = 0; v < p->m; v++)
        to[row_of(p, v)] += p->sign[v] * of[v];
}

/* ---- a step ---- */

/* 1 / (what a unit of alpha v changes its own slope by, along the path). */
static double ease(const interior *a, int64_t v)
{
    return takes_part(a, v) ? 1 / (a->low[v] / a->alpha[v] + a->high[v] / a->slack[v]) : 0;
}

static double slope_here(const interior *a, int64_t v)
{
    const problem *p = a->p;
    return p->sign[v] * a->value[row_of(p, v)] + p->linear[v];
}

static double slope_left(const interior *a, int64_t v)
{
    return slope_here(a, v) - a->low[v] + a->high[v];
}

/* The mean product of a bound's distance and its multiplier, after `share` of the step. */
static double mean_product(const interior *a, double share)
{
    double sum = 0, count = 0;
    for (int64_t v = 0; v < a->p->m; v++)
        if (takes_part(a, v)) {
            const double move = share * a->dalpha[v];
            sum += (a->alpha[v] + move) * (a->low[v] + share * a->dlow[v]) +
                   (a->slack[v] - move) * (a->high[v] + share * a->dhigh[v]);
            count += 2;
        }
    return count > 0 ? sum / count : 0;
}

/* The most of the step that leaves all above 0; NaN: it is no step. */
static double longest(const interior *a)
{
    double most = 1;
    for (int64_t v = 0; v < a->p->m; v++) {
        if (!takes_part(a, v))
            continue;
        const double shares[] = {-a->dalpha[v] / a->alpha[v], a->dalpha[v] / a->slack[v],
                                 -a->dlow[v] / a->low[v], -a->dhigh[v] / a->high[v]};
        for (int k = 0; k < 4; k++)
            if (!(shares[k] <= most)) /* what is no number stays */
                most = shares[k];
    }
    return 1 / most;
}

/* What the products of variable v are to change by: to 0, or to `aim` where the step that aimed at
 * 0 would have ended beside. */
static void products_left(const interior *a, int64_t v, double aim, double *low, double *high)
{
    const double beside = aim > 0 ? a->dalpha[v] : 0;
    *low = aim - a->alpha[v] * a->low[v] - beside * a->dlow[v];
    *high = aim - a->slack[v] * a->high[v] + beside * a->dhigh[v];
}

/* rho, and the right-hand side in dw. */
static void aim_at(interior *a, double aim)
{
    const problem *p = a->p;
    memset(a->pull, 0, (size_t)p->n * sizeof *a->pull);
    for (int64_t v = 0; v < p->m; v++) {
        if (!takes_part(a, v))
            continue;
        double low, high;
        products_left(a, v, aim, &low, &high);
        a->rho[v] = -slope_left(a, v) + low / a->alpha[v] - high / a->slack[v];
        a->pull[row_of(p, v)] += p->sign[v] * ease(a, v) * a->rho[v];
        a->dlow[v] = low, a->dhigh[v] = high;
    }
    for (int64_t k = 0; k < a->d; k++)
        a->dw[k] = -a->rest[k];
}

/* From the right-hand side to the step. */
static void find_step(interior *a)
{
    const problem *p = a->p;
    hone_cholesky_solve(a->matrix, a->d, a->dw, 1);
    rows_times(a, a->dw, a->dvalue);
    for (int64_t v = 0; v < p->m; v++) {
        if (!takes_part(a, v))
            continue;
        a->dalpha[v] = ease(a, v) * (a->rho[v] - p->sign[v] * a->dvalue[row_of(p, v)]);
        a->dlow[v] = (a->dlow[v] - a->low[v] * a->dalpha[v]) / a->alpha[v];
        a->dhigh[v] = (a->dhigh[v] + a->high[v] * a->dalpha[v]) / a->slack[v];
    }
}

/* The matrix of this step, and `rest`. */
static void fill_matrix(interior *a)
{
    const problem *p = a->p;
    const int64_t d = a->d;
    memset(a->matrix, 0, (size_t)(d * d) * sizeof *a->matrix);
    memset(a->mass, 0, (size_t)p->n * sizeof *a->mass);
    memset(a->rest, 0, (size_t)d * sizeof *a->rest);
    for (int64_t v = 0; v < p->m; v++)
        a->mass[row_of(p, v)] += ease(a, v);
    by_row(a, a->alpha, a->pull);
    add_rows(a, a->pull, a->mass, a->rest);
    for (int64_t k = 0; k < d; k++)
        a->rest[k] = a->penalty[k] * a->w[k] - a->rest[k];
    for (int64_t k = 0; k < d; k++) /* a little more where columns depend on others */
        a->matrix[k * d + k] = (a->matrix[k * d + k] + a->penalty[k]) * (1 + a->ridge);
}

static void take_step(interior *a, double share)
{
    const problem *p = a->p;
    for (int64_t v = 0; v < p->m; v++)
        if (takes_part(a, v)) {
            a->alpha[v] += share * a->dalpha[v];
            a->slack[v] -= share * a->dalpha[v];
            a->low[v] += share * a->dlow[v];
            a->high[v] += share * a->dhigh[v];
        }
    for (int64_t k = 0; k < a->d; k++)
        a->w[k] += share * a->dw[k];
    for (int64_t i = 0; i < p->n; i++)
        a->value[i] += share * a->dvalue[i];
}

static bool factor(interior *a)
{
    for (; a->ridge < MOST_RIDGE; a->ridge *= 10) {
        fill_matrix(a);
        effort_add(a->p->effort, a->p->n * a->d * (a->d / 2 + 6));
        if (!goes_on(a))
            return false;
        if (hone_cholesky_inside(a->matrix, a->d) < 0)
            return true;
    }
    return false;
}

/* `moved`: numbers were good enough for a step, and the run did not stop. */
static void step(interior *a, bool *moved)
{
    const double before = mean_product(a, 0);
    *moved = before > 0 && isfinite(before) && factor(a);
    if (!*moved)
        return;
    aim_at(a, 0);
    add_rows(a, a->pull, NULL, a->dw);
    find_step(a);
    const double left = mean_product(a, longest(a)) / before;
    aim_at(a, left * left * left * before);
    add_rows(a, a->pull, NULL, a->dw);
    find_step(a);
    const double share = NEARLY * longest(a);
    *moved = share > 1e-8 && goes_on(a);
    if (*moved)
        take_step(a, share);
}

/* ---- its end ---- */

/* alpha with what is next to a bound on it, and the sum of y alpha as it must be, into p->alpha. */
static void round_off(const interior *a)
{
    problem *p = a->p;
    double sum = 0, room = 0;
    int64_t free = -1;
    for (int64_t v = 0; v < p->m; v++) {
        const bool part = takes_part(a, v);
        const bool at_low = part ? a->alpha[v] < a->low[v] : slope_here(a, v) >= 0;
        const bool at_high = part ? a->slack[v] < a->high[v] : true;
        p->alpha[v] = at_low ? 0 : at_high ? p->bound[v] : a->alpha[v];
        sum += p->sign[v] * p->alpha[v];
        const double away = fmin(p->alpha[v], p->bound[v] - p->alpha[v]);
        if (away > room)
            room = away, free = v;
    }
    if (room > fabs(sum))
        p->alpha[free] -= p->sign[free] * sum;
    else
        solver_balance(p);
}

/* p->g from w, whose intercept is left out, and the gap. */
static double measure_gap(interior *a, const double *w)
{
    problem *p = a->p;
    const double intercept = w[a->d - 1];
    double moved = -intercept, up = INFINITY, low = -INFINITY;
    for (int64_t k = 0; k < a->d - 1; k++)
        moved += w[k] * a->mean[k] * a->inverse[k];
    rows_times(a, w, p->g);
    effort_add(p->effort, p->n * a->d);
    for (int64_t i = 0; i < p->n; i++)
        p->g[i] += moved;
    for (int64_t v = 0; v < p->m; v++) {
        if (smo_up(p->sign[v], p->alpha[v], p->bound[v]))
            up = fmin(up, slope(p, v));
        if (smo_low(p->sign[v], p->alpha[v], p->bound[v]))
            low = fmax(low, slope(p, v));
    }
    return low - up;
}

/* The w of p->alpha into dw. */
static void sum_up(interior *a)
{
    memset(a->dw, 0, (size_t)a->d * sizeof *a->dw);
    by_row(a, a->p->alpha, a->pull);
    add_rows(a, a->pull, NULL, a->dw);
    effort_add(a->p->effort, a->p->n * a->d);
    for (int64_t k = 0; k < a->d - 1; k++)
        a->dw[k] /= a->penalty[k];
    a->dw[a->d - 1] = 0;
}

/* Whether the least change of alpha in double could move slopes by more than the gap may be. */
static bool outgrows_double(const interior *a)
{
    double square = 0;
    for (int64_t v = 0; v < a->p->m; v++)
        square += a->p->alpha[v] * a->p->alpha[v];
    return DBL_EPSILON * sqrt(square) > a->p->tol / 64;
}

/* Whether the primal objective at w is above the dual one at p->alpha, whose w is dw, by no more
 * than slopes that are off by tol make up. */
static bool meets_dual(const interior *a)
{
    const problem *p = a->p;
    double sum = 0, above = 0;
    for (int64_t k = 0; k < a->d - 1; k++)
        above += a->penalty[k] * (a->w[k] * a->w[k] + a->dw[k] * a->dw[k]) / 2;
    for (int64_t v = 0; v < p->m; v++) {
        above += p->bound[v] * fmax(-slope_here(a, v), 0) + p->linear[v] * p->alpha[v];
        sum += p->alpha[v];
    }
    return above <= p->tol * sum;
}

/* In the middle of the box, multipliers that make up for what the slopes lack. */
static void begin(interior *a)
{
    const problem *p = a->p;
    double large = 1, most = 0;
    for (int64_t v = 0; v < p->m; v++) {
        large = fmax(large, fabs(p->linear[v]));
        most = fmax(most, p->bound[v]);
    }
    a->least_bound = fmax(most * NOTHING, DBL_MIN);
    for (int64_t v = 0; v < p->m; v++) {
        a->alpha[v] = a->slack[v] = p->bound[v] / 2;
        a->low[v] = fmax(p->linear[v], 0) + large;
        a->high[v] = fmax(a->low[v] - p->linear[v], large);
    }
}

/* Whether slopes are as good as met, so that the gap is worth a look. */
static bool is_near(const interior *a)
{
    for (int64_t v = 0; v < a->p->m; v++)
        if (takes_part(a, v) && !(fabs(slope_left(a, v)) < a->p->tol))
            return false;
    return true;
}

/* Keeps p->alpha and p->g where their gap is the least so far. */
static void keep(interior *a, double gap)
{
    const problem *p = a->p;
    if (!(gap < a->least) || !goes_on(a))
        return;
    a->least = gap;
    memcpy(a->best, p->alpha, (size_t)p->m * sizeof *a->best);
    memcpy(a->g, p->g, (size_t)p->n * sizeof *a->g);
}

/* Slopes from alpha; where double cannot tell those, from w, if it is as good as an optimum. */
static void certify(interior *a)
{
    sum_up(a);
    keep(a, measure_gap(a, a->dw));
    if (a->least < ENOUGH * a->p->tol || !a->p->w || !outgrows_double(a) || !meets_dual(a))
        return;
    const double gap = measure_gap(a, a->w);
    a->told = gap < ENOUGH * a->p->tol && goes_on(a);
    if (!a->told)
        return;
    a->least = INFINITY;
    keep(a, gap);
    for (int64_t k = 0; k < a->d - 1; k++)
        a->p->w[k] = a->w[k] * a->inverse[k];
}

static void run_steps(interior *a)
{
    problem *p = a->p;
    int64_t idle = 0;
    bool moved = true;
    for (int64_t k = 0; k < MOST && idle < IDLE && a->least >= ENOUGH * p->tol; k++) {
        const double before = mean_product(a, 0);
        if (p->iterations >= p->max_iter)
            break;
        step(a, &moved);
        if (!moved || !isfinite(mean_product(a, 0)))
            break;
        p->iterations++;
        idle = mean_product(a, 0) > 0.999 * before ? idle + 1 : 0;
        if (is_near(a)) {
            round_off(a);
            certify(a);
        }
    }
}

hone_status interior_run(problem *p, hone_arena *scratch, hone_error *error)
{
    interior a;
    HONE_TRY(hone_linalg_ready(error));
    if (!make_room(&a, p, scratch) || !point_shift(p, scratch))
        return hone_no_memory(error);
    measure_columns(&a);
    memcpy(a.best, p->alpha, (size_t)p->m * sizeof *a.best);
    memcpy(a.g, p->g, (size_t)p->n * sizeof *a.g);
    sum_up(&a);
    keep(&a, measure_gap(&a, a.dw));
    begin(&a);
    run_steps(&a);
    memcpy(p->alpha, a.best, (size_t)p->m * sizeof *a.best);
    memcpy(p->g, a.g, (size_t)p->n * sizeof *a.g);
    p->told = a.told;
    return HONE_OK;
}
