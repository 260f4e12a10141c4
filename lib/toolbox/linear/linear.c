/* From a penalised linear problem to its solver and back: rows without weight leave, the loss
 * becomes a mean, columns are scaled.
 */
#include "toolbox/linear/linear.h"

#include <math.h>
#include <string.h>

#include "toolbox/bound.h"
#include "toolbox/linear/solver.h"
#include "toolbox/linear/tile.h"
#include "toolbox/rows.h"

/* A larger penalty counts as this, and its coordinate as 0. */
static const double MOST_PENALTY = 1e100;
/* With the squared hinge a smaller one counts as this: where all rows keep their margin it is all
 * that is left to minimise, and what it adds to a pivot has to show in doubles. */
static const double LEAST_PENALTY = 1e-13;
/* What doubles tell of an objective. */
static const double LEAST_TOL = 1e-14;
enum { MOST_FACTORED = 3000, PRODUCTS = 20, LONE_PRODUCTS = 100, EPOCHS = 2000, SCATTERED = 4 };
enum { MOST_LED = 1000 }; /* coordinates of a fit that begins from a shared Hessian */

double hone_solver_penalty(const hone_solver *s, const double *v)
{
    double sum = 0;
    for (int64_t i = 0; i < s->all; i++)
        sum += s->ridge[i % s->size] * v[i] * v[i] / 2 + s->lasso[i % s->size] * fabs(v[i]);
    return sum;
}

double hone_solver_gradient(const hone_solver *s, const double *v, const double *g)
{
    double most = 0;
    for (int64_t i = 0; i < s->all; i++) {
        const double lasso = s->lasso[i % s->size];
        const double size = v[i] > 0   ? fabs(g[i] + lasso)
                            : v[i] < 0 ? fabs(g[i] - lasso)
                                       : fmax(fabs(g[i]) - lasso, 0);
        most = fmax(most, size);
    }
    return most;
}

bool hone_solver_separates(const hone_solver *s, double F)
{
    const hone_linear *p = s->problem;
    const double border = log(2);
    if (p->l1 > 0 || p->l2 > 0 || F > p->tol * border ||
        (p->loss != HONE_LOGISTIC && p->loss != HONE_SOFTMAX))
        return false;
    double lightest = INFINITY;
    for (int64_t i = 0; i < s->rows.x.rows; i++)
        lightest = fmin(lightest, s->rows.weight[i]);
    return F < lightest * border / 2; /* half: F is a sum of floats */
}

/* What is left of a coordinate under a penalty that was cut is far too large in the column's own
 * units, where the optimum is nearer to 0 than any change of the objective can tell. */
static void drop_cut(const hone_solver *s)
{
    for (int64_t i = 0; i < s->all; i++)
        if (s->ridge[i % s->size] >= MOST_PENALTY || s->lasso[i % s->size] >= MOST_PENALTY)
            s->v[i] = 0;
}

/* Coefficients of the given columns. A constant added to all intercepts of a softmax changes
 * nothing: their mean is made 0. */
static void leave(const hone_solver *s)
{
    const int64_t cols = s->problem->job->x.cols, outputs = s->rows.outputs;
    double mean = 0;
    drop_cut(s);
    for (int64_t k = 0; k < outputs; k++) {
        hone_design_leave(s->rows.design, cols, s->v + k * s->size, s->w + k * (cols + 1));
        mean += s->w[k * (cols + 1) + cols] / (double)outputs;
    }
    for (int64_t k = 0; k < outputs && outputs > 1; k++)
        s->w[k * (cols + 1) + cols] -= mean;
}

double hone_solver_loss_at_zero(const hone_solver *s)
{
    return s->rows.loss == HONE_SOFTMAX    ? log((double)s->rows.outputs)
           : s->rows.loss == HONE_LOGISTIC ? log(2)
                                           : 1;
}

/* Least squares begin with the mean of the target. */
static void begin_at_mean(hone_solver *s)
{
    const hone_design *d = s->rows.design;
    if (s->rows.loss != HONE_SQUARED || !d->intercept)
        return;
    if (s->gram)
        s->v[d->numeric] = s->gram->origin[d->numeric];
    for (int64_t i = 0; i < s->rows.x.rows && !s->gram; i++)
        s->v[d->numeric] += s->rows.weight[i] * s->rows.y[i];
}

bool hone_solver_begins_anew(hone_solver *s, double F, bool stuck)
{
    const bool far = s->rows.loss != HONE_SQUARED && !(F <= hone_solver_loss_at_zero(s));
    if (!s->begun || !(far || stuck) || hone_stopping(s->rows.run) != HONE_GO)
        return false;
    s->begun = false;
    memset(s->v, 0, (size_t)s->all * sizeof *s->v);
    begin_at_mean(s);
    return true;
}

bool hone_solver_ends(hone_solver *s)
{
    const hone_linear *p = s->problem;
    s->fit->iterations++;
    hone_progress(s->rows.run, fmin(1, (double)s->fit->iterations / (double)p->max_iter));
    if (p->enough) {
        leave(s);
        if (p->enough(p->context, s->w))
            return true;
    }
    return hone_stopping(s->rows.run) != HONE_GO;
}

/* ---- rows and weights ---- */

static int64_t entries_of(const hone_matrix *x)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < x->rows; i++)
        sum += hone_row_weight(x, i);
    return sum;
}

static double weight_of(const hone_linear *p, int64_t i)
{
    return p->weight ? p->weight[i] : 1;
}

/* A row of weight 0 is as if it were absent, also for the scales of the columns. */
static hone_status keep_weighted(const hone_linear *p, hone_fit_job *job, hone_rows_loss *rows,
                                 hone_error *error)
{
    const int64_t n = job->x.rows;
    int64_t m = p->weight ? 0 : n;
    for (int64_t i = 0; i < n && p->weight; i++)
        m += p->weight[i] > 0;
    rows->label = p->label, rows->y = p->y;
    if (m == n)
        return HONE_OK;
    int64_t *id = HONE_RAW(job->scratch, int64_t, m, 1);
    int32_t *label = p->label ? HONE_RAW(job->scratch, int32_t, m, 1) : NULL;
    double *y = p->y ? HONE_RAW(job->scratch, double, m, 1) : NULL;
    if (!id || (p->label && !label) || (p->y && !y))
        return hone_no_memory(error);
    for (int64_t i = 0, at = 0; i < n; i++) {
        if (!(p->weight[i] > 0))
            continue;
        id[at] = hone_row_id(&job->x, i);
        if (label)
            label[at] = p->label[i];
        if (y)
            y[at] = p->y[i];
        at++;
    }
    rows->label = label, rows->y = y;
    job->x.row = id, job->x.rows = m;
    return HONE_OK;
}

/* Weights of the rows that are left, with a sum of 1. */
static hone_status weigh(const hone_linear *p, hone_solver *s, hone_error *error)
{
    const int64_t n = p->job->x.rows, m = s->rows.x.rows;
    double *weight = HONE_RAW(p->job->scratch, double, m, 1);
    if (!weight)
        return hone_no_memory(error);
    for (int64_t i = 0, at = 0; i < n; i++)
        if (weight_of(p, i) > 0)
            weight[at++] = weight_of(p, i);
    hone_mean_weights(weight, m);
    s->rows.weight = weight;
    return HONE_OK;
}

/* Penalties of a coordinate, in the units of a mean loss. */
static void set_penalties(hone_solver *s)
{
    const hone_linear *p = s->problem;
    const hone_design *d = s->rows.design;
    double total = p->weight ? 0 : (double)p->job->x.rows;
    const double least = p->loss == HONE_SQUARED_HINGE && p->l2 > 0 ? LEAST_PENALTY : 0;
    for (int64_t i = 0; i < p->job->x.rows && p->weight; i++)
        total += p->weight[i];
    for (int64_t j = 0; j < d->size; j++) {
        if (d->column[j] < 0)
            continue;
        s->ridge[j] = fmin(p->l2 / total / d->scale[j] / d->scale[j], MOST_PENALTY);
        s->ridge[j] = fmax(s->ridge[j], least);
        s->lasso[j] = fmin(p->l1 / total / fabs(d->scale[j]), MOST_PENALTY);
    }
}

/* Multiply-adds decide between a factored Hessian and products with it: of a Newton step, and of
 * about PRODUCTS passes (LONE_PRODUCTS with one output, where a pass has no tile to fill registers
 * with; EPOCHS with an l1 penalty), whose scattered sums cost SCATTERED times as much. */
static bool factors(const hone_solver *s, bool lasso)
{
    const hone_matrix *x = &s->rows.x;
    const hone_design *d = s->rows.design;
    const double outputs = (double)s->rows.outputs, all = (double)s->all;
    if (all > MOST_FACTORED)
        return false;
    const double touched = hone_design_touched(d), n = (double)d->rows;
    const double bent = (double)hone_newton_rows(d, s->rows.outputs);
    const double step =
        bent * outputs * (outputs + 1) / 2 * touched * touched / 2 + all * all * all / 3;
    const double entries = x->layout == HONE_CSR ? SCATTERED * (double)entries_of(x) : n * touched;
    const int passes = lasso ? EPOCHS : outputs > 1 ? PRODUCTS : LONE_PRODUCTS;
    return step <= passes * 2 * entries * outputs;
}

/* What products over sparse rows and coordinate descent need. */
static hone_status open_columns(hone_solver *s, hone_fit_job *job, bool shared, hone_error *error)
{
    s->size = s->rows.design->size, s->all = s->size * s->rows.outputs;
    if ((job->x.layout != HONE_CSR && s->problem->l1 == 0) || factors(s, s->problem->l1 > 0))
        return HONE_OK;
    if (shared)
        return hone_columns_of_rows(job->shared, s->problem->intercept, &s->columns, error);
    hone_columns *own = HONE_NEW(job->scratch, hone_columns, 1, 1);
    if (!own)
        return hone_no_memory(error);
    s->columns = own;
    job->keep = job->scratch;
    return hone_columns_build(job, s->rows.design, own, error);
}

/* The squared loss needs the rows once, and with the job's own targets once for all penalties. */
static hone_status open_gram(hone_solver *s, hone_fit_job *job, bool shared, hone_error *error)
{
    const hone_linear *p = s->problem;
    const bool wanted = p->loss == HONE_SQUARED && factors(s, p->l1 > 0);
    if (wanted && shared && p->y == job->target)
        return hone_gram_of_fit(job->shared, p->intercept, &s->gram, error);
    HONE_TRY(weigh(p, s, error));
    if (!wanted)
        return HONE_OK;
    hone_gram *own = HONE_NEW(job->scratch, hone_gram, 1, 1);
    if (!own)
        return hone_no_memory(error);
    s->gram = own;
    job->keep = job->scratch;
    return hone_gram_build(job, &s->rows, own, error);
}

/* A fit that is told where to begin, or watched from the start on, begins as told. */
static hone_status open_lead(hone_solver *s, const hone_fit_job *job, bool all, hone_error *error)
{
    const hone_linear *p = s->problem;
    if (!p->lead || !all || p->start || p->enough || s->all > MOST_LED || !factors(s, false))
        return HONE_OK;
    const int64_t key[HONE_KEY] = {p->lead_key};
    const void *object = NULL;
    HONE_TRY(hone_derive(job->shared, p->lead, key, &object, error));
    s->lead = object;
    return HONE_OK;
}

static hone_status open_solver(const hone_linear *p, hone_solver *s, hone_error *error)
{
    hone_fit_job job = *p->job;
    hone_arena *scratch = job.scratch;
    s->rows = (hone_rows_loss){.loss = p->loss, .outputs = p->outputs, .run = job.run};
    HONE_TRY(keep_weighted(p, &job, &s->rows, error));
    s->rows.x = job.x;
    const bool all = job.x.rows == p->job->x.rows;
    if (all) {
        HONE_TRY(hone_design_of_rows(job.shared, p->intercept, &s->rows.design, error));
    } else {
        hone_design *own = HONE_NEW(scratch, hone_design, 1, 1);
        if (!own)
            return hone_no_memory(error);
        job.keep = scratch;
        HONE_TRY(hone_design_build(&job, p->intercept, own, error));
        s->rows.design = own;
    }
    HONE_TRY(open_columns(s, &job, all, error));
    HONE_TRY(open_gram(s, &job, all, error));
    HONE_TRY(open_lead(s, &job, all, error));
    s->ridge = HONE_NEW(scratch, double, s->size, 1);
    s->lasso = HONE_NEW(scratch, double, s->size, 1);
    s->v = HONE_NEW(scratch, double, s->all, 1);
    s->w = HONE_NEW(scratch, double, p->outputs, job.x.cols + 1);
    if (!s->ridge || !s->lasso || !s->v || !s->w)
        return hone_no_memory(error);
    set_penalties(s);
    begin_at_mean(s);
    s->begun = p->start != NULL;
    for (int64_t k = 0; k < p->outputs && s->begun; k++)
        hone_design_enter(s->rows.design, job.x.cols, p->start + k * (job.x.cols + 1),
                          s->v + k * s->size);
    return HONE_OK;
}

hone_status hone_linear_solve(const hone_linear *given, hone_linear_fit *fit, hone_error *error)
{
    *fit = (hone_linear_fit){0};
    hone_linear problem = *given;
    problem.tol = fmax(given->tol, LEAST_TOL);
    hone_solver s = {.problem = &problem, .fit = fit};
    HONE_TRY(open_solver(&problem, &s, error));
    if (factors(&s, problem.l1 > 0))
        HONE_TRY(hone_newton(&s, error));
    else
        HONE_TRY(problem.l1 > 0 ? hone_descent(&s, error) : hone_conjugate(&s, error));
    leave(&s);
    fit->w = s.w;
    for (int64_t i = 0; i < problem.outputs * (problem.job->x.cols + 1); i++)
        if (!isfinite(fit->w[i]))
            return hone_fail(error, HONE_INTERNAL, "linear", "a coefficient is not finite");
    return HONE_OK;
}

hone_status hone_linear_lead(const hone_linear *problem, hone_gram *lead, hone_error *error)
{
    hone_linear moderate = *problem;
    hone_linear_fit fit = {0};
    moderate.l1 = 0, moderate.l2 = 1, moderate.lead = NULL;
    hone_solver s = {.problem = &moderate, .fit = &fit};
    HONE_TRY(open_solver(&moderate, &s, error));
    return hone_newton_lead(&s, lead, problem->job->keep, error);
}

/* ---- memory ---- */

int64_t hone_linear_bound(const hone_fit_job *job, int64_t outputs)
{
    const double n = (double)job->x.rows, o = (double)outputs, size = (double)job->x.cols + 1;
    const double all = o * size, stored = (double)job->x.stored_cols + 1;
    const bool sparse = job->x.layout == HONE_CSR;
    const double design = sparse ? 0 : (n + 64) * 4 * (2 * stored + HONE_LANES) + 2048 * stored;
    const double columns = (sparse ? hone_entries_of(&job->x) : n * stored) * 24 + 0x1p20;
    const double rows = n * (96 + 40 * (o + HONE_LANES)) + 0x1p16;
    const double pass = (double)hone_pass_bytes(job->x.rows, job->x.cols + 1, outputs, HONE_FULL);
    const double square = all <= MOST_FACTORED ? 24 * all * (all + 2 * HONE_LANES) : 0x1p25;
    const double vectors = all * 8 * 48 + size * 8 * 64;
    return hone_bytes_of(1.1 * (2 * design + columns + rows + 3 * pass + square + vectors) +
                         (64 + hone_threads(job->run)) * HONE_CHUNK_BYTES);
}
