/* Categories for modules that take numbers: one-hot (a layout over the codes, nothing is expanded),
 * or the code itself as a number.
 *
 * A column with more than max_levels levels keeps the max_levels - 1 most frequent ones of the
 * training rows (ties: the first); all others, and levels that training did not know, share the
 * last code. In a column that is not cut, an unknown level is no level: all zeros.
 */
#include <math.h>
#include <string.h>

#include "core/prep/columns.h"

typedef struct encode_state {
    int64_t n_codes;
    int64_t *start; /* stored + 1: codes of column j are code[start[j]] ...; none: not cut */
    int32_t *code;  /* n_codes: new code of an old one */
} encode_state;

/* clang-format off */
static const hone_field STATE[] = {
    HONE_COUNT(encode_state, n_codes),
    HONE_ARRAY(encode_state, start, HONE_D_PLUS(1), HONE_ONE,
               HONE_STARTS(HONE_N(encode_state, n_codes, 0))),
    HONE_ARRAY(encode_state, code, HONE_N(encode_state, n_codes, 0), HONE_ONE,
               HONE_IN(0, HONE_BELOW(INT32_MAX))),
    {0},
};
/* clang-format on */

static bool present(const hone_shape *in, bool sparse, unsigned takes,
                    const hone_prep_params *params)
{
    (void)params;
    if (sparse || (takes & HONE_TAKES_CATEGORIES) || !in->levels)
        return false;
    for (int64_t j = 0; j < in->stored; j++)
        if (in->levels[j])
            return true;
    return false;
}

static bool cut(const hone_shape *in, const hone_prep_params *params, int64_t j)
{
    return params->encode == HONE_ENCODE_ONE_HOT && in->levels[j] > params->max_levels;
}

/* The `keep` most frequent levels get 0 .. keep - 1 in their old order, the others `keep`. */
static void rank_levels(const int64_t *count, int32_t levels, int32_t keep, int32_t *code)
{
    for (int32_t k = 0; k < levels; k++)
        code[k] = keep;
    for (int32_t r = 0; r < keep; r++) {
        int32_t best = -1;
        for (int32_t k = 0; k < levels; k++)
            if (code[k] == keep && (best < 0 || count[k] > count[best]))
                best = k;
        code[best] = 0;
    }
    for (int32_t k = 0, next = 0; k < levels; k++)
        if (code[k] == 0)
            code[k] = next++;
}

static hone_status fit_column(const hone_step_job *job, const hone_shape *in, int32_t keep,
                              int64_t j, int32_t *code, hone_error *error)
{
    const int64_t n = job->x.rows;
    const int32_t levels = in->levels[j];
    double *values = HONE_RAW(job->scratch, double, n, 1);
    int64_t *count = HONE_NEW(job->scratch, int64_t, levels, 1);
    if (!values || !count)
        return hone_no_memory(error);
    const int64_t kept = hone_present_values(job, j, values);
    for (int64_t i = 0; i < kept; i++)
        if (values[i] >= 0 && values[i] < levels)
            count[(int64_t)values[i]]++;
    rank_levels(count, levels, keep, code);
    return HONE_OK;
}

static hone_status fit(const hone_step_job *job, const hone_prep_params *params, void *state,
                       hone_error *error)
{
    const hone_shape *in = &job->before->shape[job->before->steps];
    encode_state *s = state;
    s->start = HONE_NEW(job->keep, int64_t, in->stored + 1, 1);
    if (!s->start)
        return hone_no_memory(error);
    for (int64_t j = 0; j < in->stored; j++)
        s->start[j + 1] = s->start[j] + (cut(in, params, j) ? in->levels[j] : 0);
    s->n_codes = s->start[in->stored];
    s->code = HONE_NEW(job->keep, int32_t, s->n_codes, 1);
    if (!s->code)
        return hone_no_memory(error);
    for (int64_t j = 0; j < in->stored; j++)
        if (cut(in, params, j))
            HONE_TRY(fit_column(job, in, (int32_t)params->max_levels - 1, j, s->code + s->start[j],
                                error));
    return HONE_OK;
}

static bool still(const hone_shape *in, bool missing, const hone_prep_params *params,
                  const void *state)
{
    (void)in, (void)missing, (void)params;
    return ((const encode_state *)state)->n_codes == 0;
}

static hone_status shape(const hone_shape *in, const hone_prep_params *params, const void *state,
                         hone_arena *keep, hone_shape *out, hone_error *error)
{
    (void)state;
    int32_t *levels = HONE_NEW(keep, int32_t, in->stored, 1);
    if (!levels)
        return hone_no_memory(error);
    for (int64_t j = 0; j < in->stored; j++)
        levels[j] = params->encode == HONE_ENCODE_ORDINAL ? 0
                    : cut(in, params, j)                  ? (int32_t)params->max_levels
                                                          : in->levels[j];
    *out = *in;
    out->levels = levels;
    return HONE_OK;
}

static int64_t source(const hone_shape *in, const void *state, int64_t j)
{
    (void)in, (void)state;
    return j;
}

static void apply(const hone_shape *in, const hone_prep_params *params, const void *state,
                  int64_t j, double *v, int64_t n)
{
    const encode_state *s = state;
    if (!cut(in, params, j))
        return;
    const int32_t *code = s->code + s->start[j];
    for (int64_t i = 0; i < n; i++)
        if (v[i] >= 0)
            v[i] = v[i] < in->levels[j] ? code[(int64_t)v[i]] : (double)(params->max_levels - 1);
}

static hone_status check(const hone_shape *in, const hone_prep_params *params, const void *state,
                         hone_error *error)
{
    const encode_state *s = state;
    for (int64_t j = 0; j < in->stored; j++) {
        const int64_t wanted = cut(in, params, j) ? in->levels[j] : 0;
        if (s->start[j + 1] - s->start[j] != wanted)
            return hone_fail(error, HONE_CORRUPT, "pipeline.encode.start",
                             "column %lld must have %lld codes, has %lld", (long long)j,
                             (long long)wanted, (long long)(s->start[j + 1] - s->start[j]));
        for (int64_t k = s->start[j]; k < s->start[j + 1]; k++)
            if (s->code[k] >= params->max_levels)
                return hone_fail(error, HONE_CORRUPT, "pipeline.encode.code",
                                 "code %d is not below %lld", s->code[k],
                                 (long long)params->max_levels);
    }
    return HONE_OK;
}

const hone_transform hone_encode = {
    .name = "encode",
    .state_size = sizeof(encode_state),
    .state = STATE,
    .present = present,
    .fit = fit,
    .still = still,
    .shape = shape,
    .source = source,
    .apply = apply,
    .check = check,
};
