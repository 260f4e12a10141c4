#include "broken.h"

/* Cannot do what its table offers. */
static hone_status fit_within_reason(const hone_fit_job *job, void *state, hone_error *error)
{
    const honest_params *p = job->params;
    if (p->alpha >= 10)
        return hone_fail(error, HONE_BAD_CONFIG, "config.choosy:alpha", "must be below 10");
    return honest_fit(job, state, error);
}

/* Believes that its ridge cannot be tiny. */
static hone_status fit_dividing(const hone_fit_job *job, void *state, hone_error *error)
{
    HONE_TRY(honest_fit(job, state, error));
    const honest_params *p = job->params;
    honest_state *s = state;
    s->bias[0] /= p->alpha * p->alpha > 0 ? 1 : 0;
    return HONE_OK;
}

static const hone_algorithm choosy =
    HONEST("choosy", HONEST_TAKES, fit_within_reason, honest_predict);
static const hone_algorithm dividing =
    HONEST("dividing", HONEST_TAKES, fit_dividing, honest_predict);

const twin broken_tables[] = {{&choosy, "legal value"}, {&dividing, "legal value"}, {0}};
