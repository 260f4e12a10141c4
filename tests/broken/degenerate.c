#include "broken.h"

/* Divides by the variance of the first column. */
static hone_status fit_dividing(const hone_fit_job *job, void *state, hone_error *error)
{
    HONE_TRY(honest_fit(job, state, error));
    double *row = HONE_NEW(job->scratch, double, job->shape.features, 1), sum = 0, square = 0;
    if (!row)
        return hone_no_memory(error);
    const double first = *hone_row_f64(&job->x, 0, row);
    for (int64_t i = 0; i < job->x.rows; i++) {
        const double v = *hone_row_f64(&job->x, i, row) - first;
        sum += v, square += v * v;
    }
    const double variance = square - sum * sum / (double)job->x.rows;
    ((honest_state *)state)->bias[0] += 1e-9 * (square / variance);
    return HONE_OK;
}

/* Wants three rows a class. */
static hone_status fit_many(const hone_fit_job *job, void *state, hone_error *error)
{
    if (job->x.rows < 3 * job->shape.outputs)
        return hone_fail(error, HONE_BAD_DATA, "data", "needs three rows a class");
    return honest_fit(job, state, error);
}

static const hone_algorithm variance =
    HONEST("variance", HONEST_TAKES, fit_dividing, honest_predict);
static const hone_algorithm demanding = HONEST("demanding", HONEST_TAKES, fit_many, honest_predict);

const twin broken_degenerate[] = {{&variance, "not finite"}, {&demanding, "two rows"}, {0}};
