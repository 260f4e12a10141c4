#include "broken.h"

/* Takes sparse data, and makes them dense. */
static hone_status fit_dense(const hone_fit_job *job, void *state, hone_error *error)
{
    if (!HONE_RAW(job->scratch, double, job->x.rows, job->x.cols))
        return hone_no_memory(error);
    return honest_fit(job, state, error);
}

static const hone_algorithm dense = HONEST("dense", HONE_TAKES_SPARSE, fit_dense, honest_predict);

const twin broken_wide[] = {{&dense, "NO_MEMORY"}, {0}};
