#include "broken.h"

/* Learns from the first half of the rows. */
static hone_status fit_half(const hone_fit_job *job, void *state, hone_error *error)
{
    hone_fit_job own = *job;
    own.x.rows = (own.x.rows + 1) / 2;
    return honest_fit(&own, state, error);
}

/* Has eyes for the first column. */
static hone_status fit_first_column(const hone_fit_job *job, void *state, hone_error *error)
{
    HONE_TRY(honest_fit(job, state, error));
    honest_state *s = state;
    const int64_t d = job->shape.features;
    for (int64_t k = 0; k < job->shape.outputs; k++)
        for (int64_t j = 0; j < d; j++)
            s->weight[k * d + j] *= j == 0 ? 1 : 1e-3;
    return HONE_OK;
}

static const hone_algorithm half = HONEST("half", HONEST_TAKES, fit_half, honest_predict);
static const hone_algorithm narrow =
    HONEST("narrow", HONEST_TAKES, fit_first_column, honest_predict);

const twin broken_permutations[] = {{&half, "order 2"}, {&narrow, "order 3"}, {0}};
