#include "gamma.h"

#include "toolbox/rows.h"

enum { ROWS = 512 };

/* Share of the mean below which a standard deviation is rounding. */
#define ROUNDING 1e-12

/* The mean of f(value) over all elements, in blocks of rows. */
typedef struct average {
    const hone_matrix *x;
    bool square; /* f is (value - mean)^2, else the value */
    double mean;
    double *sum; /* per block */
} average;

static hone_status add_block(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    const average *a = context;
    const int64_t d = a->x->cols, first = block * ROWS, left = a->x->rows - first;
    const double cells = (double)a->x->rows * (double)d;
    double *value = HONE_RAW(scratch, double, d, 1), sum = 0;
    int32_t *column = HONE_RAW(scratch, int32_t, d, 1);
    if (!value || !column)
        return hone_no_memory(error);
    for (int64_t i = 0; i < (left < ROWS ? left : ROWS); i++) {
        const int64_t count = hone_row_entries(a->x, first + i, column, value);
        for (int64_t k = 0; k < count; k++) {
            const double v = value[k] - a->mean;
            sum += a->square ? v * v / cells : v / cells;
        }
        sum += a->square ? (double)(d - count) * (a->mean * a->mean / cells)
                         : -(double)(d - count) * (a->mean / cells);
    }
    a->sum[block] = sum;
    return HONE_OK;
}

static hone_status take_average(const hone_fit_job *job, average *a, double *mean,
                                hone_error *error)
{
    const int64_t blocks = (job->x.rows + ROWS - 1) / ROWS;
    a->sum = HONE_NEW(job->scratch, double, blocks, 1);
    if (!a->sum)
        return hone_no_memory(error);
    HONE_TRY(hone_for_blocks(job->run, blocks, add_block, a, error));
    *mean = 0;
    for (int64_t b = 0; b < blocks; b++)
        *mean += a->sum[b];
    return HONE_OK;
}

hone_status svm_gamma(const hone_fit_job *job, const svm_params *params, double *gamma,
                      hone_error *error)
{
    const double d = (double)job->x.cols;
    *gamma = params->gamma.number;
    if (params->kernel == SVM_LINEAR)
        *gamma = 1;
    if (params->kernel == SVM_LINEAR || params->gamma.word < 0)
        return HONE_OK;
    *gamma = d > 0 ? 1 / d : 1;
    if (params->gamma.word == SVM_AUTO || d == 0)
        return HONE_OK;
    average a = {.x = &job->x};
    double variance = 0;
    HONE_TRY(take_average(job, &a, &a.mean, error));
    a.square = true;
    HONE_TRY(take_average(job, &a, &variance, error));
    *gamma = sqrt(variance) > ROUNDING * fabs(a.mean) ? 1 / (d * variance) : 1;
    return HONE_OK;
}
