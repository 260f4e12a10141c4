#include "broken.h"

/* Takes the mean of the first column over all rows of the table. */
static hone_status fit_peeping(const hone_fit_job *job, void *state, hone_error *error)
{
    honest_state *s = state;
    hone_matrix all = job->x;
    double *row = HONE_NEW(job->scratch, double, job->shape.features, 1), mean = 0;
    if (!row)
        return hone_no_memory(error);
    all.rows = hone_row_id(&job->x, job->x.rows - 1) + 1, all.row = NULL;
    for (int64_t i = 0; i < all.rows; i++)
        mean += hone_row_f64(&all, i, row)[0] / (double)all.rows;
    HONE_TRY(honest_fit(job, state, error));
    s->bias[0] += mean;
    return HONE_OK;
}

static const hone_algorithm peeping = HONEST("peeping", HONEST_TAKES, fit_peeping, honest_predict);

const twin broken_leakage[] = {{&peeping, "other bits"}, {0}};
