#include "broken.h"

/* Another model at each fit, as if each had met other kernels. */
static hone_status fit_elsewhere(const hone_fit_job *job, void *state, hone_error *error)
{
    static double fits;
    HONE_TRY(honest_fit(job, state, error));
    honest_state *s = state;
    s->bias[0] = s->bias[0] * (1 + 0.01 * fits) + fits;
    fits++;
    return HONE_OK;
}

static const hone_algorithm elsewhere =
    HONEST("elsewhere", HONEST_TAKES, fit_elsewhere, honest_predict);

const twin broken_paths[] = {{&elsewhere, "apart"}, {0}};
