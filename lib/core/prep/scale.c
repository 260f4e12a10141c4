/* Numeric columns on a common scale: standard, minmax, robust (median and quartiles), quantile
 * (ranks, uniform on [0, 1]). Categorical and indicator columns stay as they are. Definitions are
 * scikit-learn's; a constant column is centred and not stretched.
 *
 * Sparse data are never centred: standard divides by the deviation (zeros counted), every other
 * method by the largest magnitude.
 */
#include <float.h>
#include <math.h>

#include "core/prep/columns.h"

enum { MOST_QUANTILES = 1000 };

typedef struct scale_state {
    int64_t n_quantiles;
    double *center, *scale; /* stored */
    double *quantile;       /* stored x n_quantiles, ascending in a row; quantile method only */
} scale_state;

/* clang-format off */
static const hone_field STATE[] = {
    HONE_COUNT(scale_state, n_quantiles),
    HONE_ARRAY(scale_state, center, HONE_D, HONE_ONE, HONE_IS_FINITE),
    HONE_ARRAY(scale_state, scale, HONE_D, HONE_ONE, HONE_IS_FINITE),
    HONE_ARRAY(scale_state, quantile, HONE_D, HONE_N(scale_state, n_quantiles, 0), HONE_IS_FINITE),
    {0},
};
/* clang-format on */

static bool present(const hone_shape *in, bool sparse, unsigned takes,
                    const hone_prep_params *params)
{
    (void)in, (void)sparse, (void)takes;
    return params->scale != HONE_SCALE_NONE;
}

static bool numeric(const hone_shape *in, int64_t j)
{
    return !in->levels || !in->levels[j];
}

/* A spread that is nothing stretches nothing; one beyond what a double holds is the largest. */
static double stretch(double spread)
{
    return spread > 0 ? fmin(spread, DBL_MAX) : 1;
}

static void fit_quantiles(double *values, int64_t n, int64_t count, double *quantile)
{
    hone_sort_values(values, n);
    for (int64_t q = 0; q < count; q++)
        quantile[q] =
            hone_sorted_quantile(values, n, count > 1 ? (double)q / (double)(count - 1) : 0);
    for (int64_t q = 1; q < count; q++)
        quantile[q] = fmax(quantile[q], quantile[q - 1]);
}

typedef struct fit_context {
    int method;
    const hone_shape *in;
    scale_state *state;
} fit_context;

static hone_status fit_column(void *context, int64_t j, double *values, int64_t n,
                              hone_arena *scratch, hone_error *error)
{
    (void)scratch, (void)error;
    const fit_context *c = context;
    scale_state *s = c->state;
    s->scale[j] = 1;
    if (!numeric(c->in, j) || !n) {
        for (int64_t q = 0; q < s->n_quantiles; q++)
            s->quantile[j * s->n_quantiles + q] = 0;
        return HONE_OK;
    }
    if (c->method == HONE_SCALE_QUANTILE) {
        fit_quantiles(values, n, s->n_quantiles, s->quantile + j * s->n_quantiles);
    } else if (c->method == HONE_SCALE_ROBUST) {
        s->center[j] = hone_quantile_of(values, n, 0.5);
        const double low = hone_quantile_of(values, n, 0.25);
        s->scale[j] = stretch(hone_quantile_of(values, n, 0.75) - low);
    } else {
        const hone_moments m = hone_moments_of(values, n, 0);
        const bool standard = c->method == HONE_SCALE_STANDARD;
        s->center[j] = standard ? m.mean : m.low;
        s->scale[j] = stretch(standard ? m.deviation : m.high - m.low);
    }
    return HONE_OK;
}

static double stored_value(const hone_matrix *x, int64_t k)
{
    return x->dtype == HONE_F64 ? ((const double *)x->values)[k]
                                : (double)((const float *)x->values)[k];
}

/* What two passes over the stored values leave of each column. */
typedef struct sums {
    double *mean, *squares, *rest, *most;
    int64_t *stored;
} sums;

static void sum_columns(const hone_matrix *x, const sums *s)
{
    const double n = (double)x->rows;
    for (int64_t i = 0; i < x->rows; i++) {
        const int64_t r = hone_row_id(x, i);
        for (int64_t k = x->row_start[r]; k < x->row_start[r + 1]; k++) {
            const double v = stored_value(x, k);
            const int32_t j = x->column[k];
            s->mean[j] += v / n;
            s->most[j] = fmax(s->most[j], fabs(v));
            s->stored[j]++;
        }
    }
    for (int64_t i = 0; i < x->rows; i++) {
        const int64_t r = hone_row_id(x, i);
        for (int64_t k = x->row_start[r]; k < x->row_start[r + 1]; k++) {
            const int32_t j = x->column[k];
            const double e = stored_value(x, k) - s->mean[j];
            s->squares[j] += e * e;
            s->rest[j] += e;
        }
    }
}

static hone_status fit_sparse(const hone_step_job *job, int method, scale_state *s,
                              hone_error *error)
{
    const hone_matrix *x = &job->x;
    hone_arena *scratch = job->scratch;
    const sums c = {.mean = HONE_NEW(scratch, double, x->cols, 1),
                    .squares = HONE_NEW(scratch, double, x->cols, 1),
                    .rest = HONE_NEW(scratch, double, x->cols, 1),
                    .most = HONE_NEW(scratch, double, x->cols, 1),
                    .stored = HONE_NEW(scratch, int64_t, x->cols, 1)};
    if (!c.mean || !c.squares || !c.rest || !c.most || !c.stored)
        return hone_no_memory(error);
    sum_columns(x, &c);
    for (int64_t j = 0; j < x->cols; j++) {
        const double zeros = (double)(x->rows - c.stored[j]), mean = c.mean[j];
        const double squares = c.squares[j] + zeros * mean * mean, rest = c.rest[j] - zeros * mean;
        const bool standard = method == HONE_SCALE_STANDARD && isfinite(squares);
        s->scale[j] =
            stretch(standard ? hone_deviation(squares, rest, mean, (double)x->rows) : c.most[j]);
    }
    return HONE_OK;
}

static hone_status fit(const hone_step_job *job, const hone_prep_params *params, void *state,
                       hone_error *error)
{
    const hone_shape *in = &job->before->shape[job->before->steps];
    const int64_t n = job->x.rows;
    scale_state *s = state;
    if (params->scale == HONE_SCALE_QUANTILE && !job->before->sparse)
        s->n_quantiles = n < MOST_QUANTILES ? n : MOST_QUANTILES;
    s->center = HONE_NEW(job->keep, double, in->stored, 1);
    s->scale = HONE_NEW(job->keep, double, in->stored, 1);
    /* may be large: its pages are touched column by column, between looks at the clock */
    s->quantile = HONE_RAW(job->keep, double, in->stored, s->n_quantiles);
    if (!s->center || !s->scale || !s->quantile)
        return hone_no_memory(error);
    if (job->before->sparse)
        return fit_sparse(job, params->scale, s, error);
    fit_context c = {params->scale, in, s};
    return hone_visit_columns(job, in->stored, NULL, fit_column, &c, error);
}

static bool still(const hone_shape *in, bool missing, const hone_prep_params *params,
                  const void *state)
{
    (void)in, (void)missing, (void)params, (void)state;
    return false;
}

static hone_status shape(const hone_shape *in, const hone_prep_params *params, const void *state,
                         hone_arena *keep, hone_shape *out, hone_error *error)
{
    (void)params, (void)state, (void)keep, (void)error;
    *out = *in;
    return HONE_OK;
}

static int64_t source(const hone_shape *in, const void *state, int64_t j)
{
    (void)in, (void)state;
    return j;
}

/* First element of q that is above v (`strictly`), or at least v. */
static int64_t first_above(const double *q, int64_t n, double v, bool strictly)
{
    int64_t low = 0, high = n;
    while (low < high) {
        const int64_t mid = (low + high) / 2;
        if (strictly ? q[mid] <= v : q[mid] < v)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Position of v among ascending q: linear between neighbours, from the left and from the right,
 * averaged, so that a run of equal quantiles maps to its middle. */
static double position(double v, const double *q, int64_t n)
{
    if (v <= q[0])
        return 0;
    if (v >= q[n - 1])
        return 1;
    const int64_t above = first_above(q, n, v, true), low = first_above(q, n, v, false);
    const double last = (double)(n - 1);
    if (q[low] == v)
        return ((double)low + (double)(above - 1)) / 2 / last;
    const double step = (v - q[low - 1]) / (q[low] - q[low - 1]);
    return ((double)(low - 1) + step) / last;
}

static void apply(const hone_shape *in, const hone_prep_params *params, const void *state,
                  int64_t j, double *v, int64_t n)
{
    (void)params;
    const scale_state *s = state;
    if (!numeric(in, j))
        return;
    if (s->n_quantiles) {
        const double *q = s->quantile + j * s->n_quantiles;
        for (int64_t i = 0; i < n; i++)
            v[i] = isnan(v[i]) ? v[i] : position(v[i], q, s->n_quantiles);
        return;
    }
    const double center = s->center[j], scale = s->scale[j];
    for (int64_t i = 0; i < n; i++) {
        const double distance = v[i] - center;
        v[i] = isinf(distance) ? v[i] / scale - center / scale : distance / scale;
    }
}

static hone_status check(const hone_shape *in, const hone_prep_params *params, const void *state,
                         hone_error *error)
{
    (void)params;
    const scale_state *s = state;
    for (int64_t j = 0; j < in->stored; j++) {
        if (!(s->scale[j] > 0))
            return hone_fail(error, HONE_CORRUPT, "pipeline.scale.scale",
                             "must be above 0, got %g in column %lld", s->scale[j], (long long)j);
        const double *q = s->quantile + j * s->n_quantiles;
        for (int64_t k = 1; k < s->n_quantiles; k++)
            if (q[k] < q[k - 1])
                return hone_fail(error, HONE_CORRUPT, "pipeline.scale.quantile",
                                 "must ascend in column %lld", (long long)j);
    }
    return HONE_OK;
}

const hone_transform hone_scale = {
    .name = "scale",
    .state_size = sizeof(scale_state),
    .state = STATE,
    .present = present,
    .fit = fit,
    .still = still,
    .shape = shape,
    .source = source,
    .apply = apply,
    .check = check,
};
