#include "broken.h"

/* Takes every float64 matrix for row-major. */
static hone_status fit_row_major(const hone_fit_job *job, void *state, hone_error *error)
{
    hone_fit_job own = *job;
    if (own.x.layout == HONE_DENSE && own.x.dtype == HONE_F64)
        own.x.row_stride = own.x.cols, own.x.col_stride = 1;
    return honest_fit(&own, state, error);
}

/* Takes the entries of a sparse row for its first columns. */
static hone_status fit_first_entries(const hone_fit_job *job, void *state, hone_error *error)
{
    hone_fit_job own = *job;
    if (own.x.layout == HONE_CSR) {
        int64_t rows = 0; /* of the storage */
        for (int64_t i = 0; i < job->x.rows; i++)
            rows = hone_row_id(&job->x, i) >= rows ? hone_row_id(&job->x, i) + 1 : rows;
        int32_t *column = HONE_NEW(job->scratch, int32_t, job->x.row_start[rows], 1);
        if (!column)
            return hone_no_memory(error);
        for (int64_t i = 0; i < rows; i++)
            for (int64_t k = job->x.row_start[i]; k < job->x.row_start[i + 1]; k++)
                column[k] = (int32_t)(k - job->x.row_start[i]);
        own.x.column = column;
    }
    return honest_fit(&own, state, error);
}

static const hone_algorithm row_major =
    HONEST("row_major", HONE_TAKES_WEIGHTS, fit_row_major, honest_predict);
static const hone_algorithm first_entries =
    HONEST("first_entries", HONE_TAKES_SPARSE, fit_first_entries, honest_predict);

const twin broken_views[] = {{&row_major, "same_outcome"}, {&first_entries, "sparse"}, {0}};
