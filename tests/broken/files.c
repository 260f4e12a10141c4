#include "broken.h"

/* Remembers something that its table does not name. */
typedef struct secret_state {
    honest_state listed;
    double secret;
} secret_state;

static hone_status fit_secretly(const hone_fit_job *job, void *state, hone_error *error)
{
    ((secret_state *)state)->secret = 1;
    return honest_fit(job, state, error);
}

static hone_status predict_secretly(const hone_predict_job *job, hone_error *error)
{
    HONE_TRY(honest_predict(job, error));
    const secret_state *s = job->state;
    for (int64_t i = 0; i < job->x.rows * job->shape.outputs; i++)
        job->score[i] += s->secret;
    return HONE_OK;
}

static const hone_algorithm forgetful = {
    .abi = HONE_ABI,
    .name = "forgetful",
    .summary = "A module of the tests.",
    .tasks = HONE_CLASSIFICATION | HONE_REGRESSION,
    .takes = HONEST_TAKES,
    .params_size = sizeof(honest_params),
    .state_size = sizeof(secret_state),
    .params = honest_table,
    .state = honest_fields,
    .fit = fit_secretly,
    .predict = predict_secretly,
    .scores = honest_scores,
};

const twin broken_files[] = {{&forgetful, "same_bits"}, {0}};
