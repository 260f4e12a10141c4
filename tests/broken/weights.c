#include "broken.h"

/* Takes weights and does not look at them. */
static hone_status fit_heedless(const hone_fit_job *job, void *state, hone_error *error)
{
    hone_fit_job own = *job;
    own.weight = NULL;
    return honest_fit(&own, state, error);
}

static const hone_algorithm heedless =
    HONEST("heedless", HONEST_TAKES, fit_heedless, honest_predict);

const twin broken_weights[] = {{&heedless, "copies"}, {0}};
