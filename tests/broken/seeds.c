#include "broken.h"

/* Counts its fits. */
static hone_status fit_counting(const hone_fit_job *job, void *state, hone_error *error)
{
    static int64_t fits;
    HONE_TRY(honest_fit(job, state, error));
    ((honest_state *)state)->bias[0] += 1e-9 * (double)fits++;
    return HONE_OK;
}

/* Uses one bit of the seed. */
static hone_status fit_tossing(const hone_fit_job *job, void *state, hone_error *error)
{
    HONE_TRY(honest_fit(job, state, error));
    ((honest_state *)state)->bias[0] += 1e-6 * (double)(job->seed & 1);
    return HONE_OK;
}

static const hone_algorithm counting =
    HONEST("counting", HONEST_TAKES, fit_counting, honest_predict);
static const hone_algorithm tossing = HONEST("tossing", HONEST_TAKES, fit_tossing, honest_predict);

const twin broken_seeds[] = {{&counting, "same_outcome"}, {&tossing, "different"}, {0}};
