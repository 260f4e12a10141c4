#include "broken.h"

/* Adds up over as many parts as there are threads. */
static hone_status fit_in_parts(const hone_fit_job *job, void *state, hone_error *error)
{
    HONE_TRY(honest_fit(job, state, error));
    honest_state *s = state;
    const int parts = hone_threads(job->run);
    double total = 0;
    for (int p = 0; p < parts; p++) {
        double part = 0;
        for (int64_t i = p; i < job->x.rows; i += parts)
            part += 1 / (double)(i + 1);
        total += part;
    }
    s->bias[0] += total;
    return HONE_OK;
}

static const hone_algorithm in_parts =
    HONEST("in_parts", HONEST_TAKES, fit_in_parts, honest_predict);

const twin broken_threads[] = {{&in_parts, "same_outcome"}, {0}};
