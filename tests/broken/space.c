#include "broken.h"

/* Refuses what a search may ask of small data. */
static hone_status fit_choosy(const hone_fit_job *job, void *state, hone_error *error)
{
    const honest_params *p = job->params;
    if (p->sweeps > 10 * job->x.rows)
        return hone_fail(error, HONE_BAD_DATA, "data", "too few rows for so many sweeps");
    return honest_fit(job, state, error);
}

static const hone_algorithm choosy = HONEST("choosy", HONEST_TAKES, fit_choosy, honest_predict);

const twin broken_space[] = {{&choosy, "too few rows"}, {0}};
