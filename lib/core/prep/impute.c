/* Missing cells: a number takes a statistic of its column, and a column that had holes among the
 * training rows gets an indicator; a category gets a level of its own for "missing" when it had
 * holes among the training rows, else the most frequent level.
 *
 * The indicator is a categorical column with the single level 0, "missing": one-hot it is one 0/1
 * column, and it is not scaled. A level that training did not know moves behind the new level.
 * Fit: O(n d), most_frequent of numbers O(n d log n). The step is fitted also when nothing is
 * missing: rows to predict may be.
 */
#include <math.h>

#include "core/prep/columns.h"
#include "core/prep/medians.h"

typedef struct impute_state {
    int64_t n_flags;
    double *fill;   /* stored */
    uint8_t *level; /* stored: 1: "missing" is a level of this categorical column */
    int32_t *flag;  /* n_flags: columns with an indicator, ascending */
} impute_state;

/* clang-format off */
static const hone_field STATE[] = {
    HONE_COUNT(impute_state, n_flags),
    HONE_ARRAY(impute_state, fill, HONE_D, HONE_ONE, HONE_IS_FINITE),
    HONE_ARRAY(impute_state, level, HONE_D, HONE_ONE, HONE_IN(0, HONE_BELOW(2))),
    HONE_ARRAY(impute_state, flag, HONE_N(impute_state, n_flags, 0), HONE_ONE, HONE_IN(0, HONE_D)),
    {0},
};
/* clang-format on */

static bool present(const hone_shape *in, bool sparse, unsigned takes,
                    const hone_prep_params *params)
{
    (void)in, (void)params;
    return !sparse && !(takes & HONE_TAKES_MISSING);
}

static int32_t levels_of(const hone_shape *in, int64_t j)
{
    return in->levels ? in->levels[j] : 0;
}

/* The most frequent value, the smallest of equally frequent ones; sorts. */
static double mode(double *values, int64_t n)
{
    hone_sort_values(values, n);
    double best = values[0];
    int64_t most = 0;
    for (int64_t i = 0, from = 0; i < n; i++) {
        if (values[i] != values[from])
            from = i;
        if (i - from + 1 > most) {
            most = i - from + 1;
            best = values[i];
        }
    }
    return best;
}

static double statistic(int method, double *values, int64_t n)
{
    if (!n)
        return 0;
    switch (method) {
    case HONE_IMPUTE_MEAN:
        return hone_moments_of(values, n, 0).mean;
    case HONE_IMPUTE_MEDIAN:
        return hone_quantile_of(values, n, 0.5);
    default:
        return mode(values, n);
    }
}

/* The most frequent code of 0..levels, the smallest of equally frequent ones. */
static hone_status frequent_code(const double *codes, int64_t n, int32_t levels,
                                 hone_arena *scratch, double *code, hone_error *error)
{
    int64_t *count = HONE_NEW(scratch, int64_t, levels + 1, 1);
    if (!count)
        return hone_no_memory(error);
    for (int64_t i = 0; i < n; i++)
        count[(int32_t)codes[i]]++;
    int32_t best = 0;
    for (int32_t k = 1; k <= levels; k++)
        best = count[k] > count[best] ? k : best;
    *code = best;
    return HONE_OK;
}

typedef struct fit_context {
    const hone_step_job *job;
    const hone_prep_params *params;
    const hone_shape *in;
    impute_state *state;
    uint8_t *holes; /* stored: the column has missing cells */
} fit_context;

static hone_status fit_column(void *context, int64_t j, double *values, int64_t kept,
                              hone_arena *scratch, hone_error *error)
{
    const fit_context *c = context;
    const int64_t n = c->job->x.rows;
    const int32_t levels = levels_of(c->in, j);
    c->holes[j] = kept < n;
    c->state->level[j] = levels && kept < n;
    if (levels)
        return frequent_code(values, kept, levels, scratch, &c->state->fill[j], error);
    c->state->fill[j] = statistic(c->params->impute, values, kept);
    return HONE_OK;
}

static hone_status fit(const hone_step_job *job, const hone_prep_params *params, void *state,
                       hone_error *error)
{
    const hone_shape *in = &job->before->shape[job->before->steps];
    const int64_t d = in->stored;
    impute_state *s = state;
    s->fill = HONE_NEW(job->keep, double, d, 1);
    s->level = HONE_NEW(job->keep, uint8_t, d, 1);
    s->flag = HONE_NEW(job->keep, int32_t, d, 1);
    uint8_t *holes = HONE_NEW(job->scratch, uint8_t, d, 1);
    bool *done = HONE_NEW(job->scratch, bool, d, 1);
    if (!s->fill || !s->level || !s->flag || !holes || !done)
        return hone_no_memory(error);
    if (params->impute == HONE_IMPUTE_MEDIAN)
        HONE_TRY(hone_medians(job, in->levels, s->fill, holes, done, error));
    if (params->impute == HONE_IMPUTE_MEAN)
        HONE_TRY(hone_means(job, in->levels, s->fill, done, error));
    fit_context c = {job, params, in, s, holes};
    HONE_TRY(hone_visit_columns(job, d, done, fit_column, &c, error));
    for (int64_t j = 0; j < d; j++)
        if (holes[j] && params->indicator && !levels_of(in, j))
            s->flag[s->n_flags++] = (int32_t)j;
    return HONE_OK;
}

static bool still(const hone_shape *in, bool missing, const hone_prep_params *params,
                  const void *state)
{
    (void)in, (void)params, (void)state;
    return !missing;
}

static hone_status shape(const hone_shape *in, const hone_prep_params *params, const void *state,
                         hone_arena *keep, hone_shape *out, hone_error *error)
{
    (void)params;
    const impute_state *s = state;
    const int64_t d = in->stored + s->n_flags;
    int32_t *levels = HONE_NEW(keep, int32_t, d, 1);
    if (!levels)
        return hone_no_memory(error);
    for (int64_t j = 0; j < in->stored; j++)
        levels[j] = levels_of(in, j) + s->level[j];
    for (int64_t j = in->stored; j < d; j++)
        levels[j] = 1;
    *out = *in;
    out->features = out->stored = d;
    out->levels = levels;
    return HONE_OK;
}

static int64_t source(const hone_shape *in, const void *state, int64_t j)
{
    const impute_state *s = state;
    return j < in->stored ? j : s->flag[j - in->stored];
}

static void apply(const hone_shape *in, const hone_prep_params *params, const void *state,
                  int64_t j, double *v, int64_t n)
{
    (void)params;
    const impute_state *s = state;
    if (j >= in->stored) {
        for (int64_t i = 0; i < n; i++)
            v[i] = isnan(v[i]) ? 0 : 1;
        return;
    }
    const double missing = s->level[j] ? levels_of(in, j) : s->fill[j];
    for (int64_t i = 0; i < n; i++) {
        if (s->level[j] && v[i] >= missing)
            v[i] = missing + 1;
        if (isnan(v[i]))
            v[i] = missing;
    }
}

static hone_status check(const hone_shape *in, const hone_prep_params *params, const void *state,
                         hone_error *error)
{
    (void)params;
    const impute_state *s = state;
    for (int64_t j = 0; j < in->stored; j++)
        if (s->level[j] && !levels_of(in, j))
            return hone_fail(error, HONE_CORRUPT, "pipeline.impute.level",
                             "column %lld is a number and cannot have a level for missing",
                             (long long)j);
    for (int64_t f = 0; f < s->n_flags; f++)
        if (levels_of(in, s->flag[f]))
            return hone_fail(error, HONE_CORRUPT, "pipeline.impute.flag",
                             "column %d is a category and cannot have an indicator", s->flag[f]);
    return HONE_OK;
}

const hone_transform hone_impute = {
    .name = "impute",
    .state_size = sizeof(impute_state),
    .state = STATE,
    .present = present,
    .fit = fit,
    .still = still,
    .shape = shape,
    .source = source,
    .apply = apply,
    .check = check,
};
