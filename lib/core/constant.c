/* The answer that looks at no column: shares of the classes, or the mean of the target.
 *
 * Stands in for a model that was stopped before its first usable state, and is the baseline that
 * others are measured against. Cost: one pass over the labels.
 */
#include "core/catalog.h"

typedef struct constant_params {
    int unused;
} constant_params;

typedef struct constant_state {
    double *value; /* outputs */
} constant_state;

static const hone_param parameters[] = {{0}};
static const hone_field fields[] = {
    HONE_ARRAY(constant_state, value, HONE_C, HONE_ONE, HONE_IS_FINITE), {0}};

/* A running mean: the sum of large targets could overflow. */
static hone_status fit(const hone_fit_job *job, void *state, hone_error *error)
{
    constant_state *s = state;
    s->value = HONE_NEW(job->keep, double, job->shape.outputs, 1);
    if (!s->value)
        return hone_no_memory(error);
    double total = 0;
    for (int64_t i = 0; i < job->x.rows; i++) {
        const double w = job->weight ? job->weight[i] : 1;
        total += w;
        if (job->label)
            s->value[job->label[i]] += w;
        else if (total > 0)
            s->value[0] += (w / total) * job->target[i] - (w / total) * s->value[0];
    }
    for (int64_t k = 0; job->label && k < job->shape.outputs; k++)
        s->value[k] /= total;
    return HONE_OK;
}

static hone_status predict(const hone_predict_job *job, hone_error *error)
{
    (void)error;
    const constant_state *s = job->state;
    const int64_t c = job->shape.outputs;
    for (int64_t i = 0; i < job->x.rows; i++)
        for (int64_t k = 0; k < c; k++)
            job->score[i * c + k] = s->value[k];
    return HONE_OK;
}

const hone_algorithm hone_constant = {
    .abi = HONE_ABI,
    .name = "constant",
    .summary = "Predicts the shares of the classes, or the mean of the target.",
    .tasks = HONE_CLASSIFICATION | HONE_REGRESSION,
    .takes = HONE_TAKES_MISSING | HONE_TAKES_CATEGORIES | HONE_TAKES_SPARSE | HONE_TAKES_WEIGHTS,
    .params_size = sizeof(constant_params),
    .state_size = sizeof(constant_state),
    .params = parameters,
    .state = fields,
    .fit = fit,
    .predict = predict,
};
