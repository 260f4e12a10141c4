/* The training rows of a linear fit by column, in the coordinates of its design: for sums and
 * steps along a column. The intercept's column is empty.
 */
#ifndef HONE_TOOLBOX_LINEAR_COLUMNS_H
#define HONE_TOOLBOX_LINEAR_COLUMNS_H

#include "toolbox/linear/design.h"

typedef struct hone_columns {
    int64_t *start; /* size + 1 */
    int32_t *row;   /* ascending within a column */
    double *value;
} hone_columns;

/* Of the training rows, shared by trials. */
hone_status hone_columns_of_rows(hone_shared *shared, bool intercept, const hone_columns **columns,
                                 hone_error *error);
/* Of other rows, in job->keep: only x, run, keep and scratch of the job count. */
hone_status hone_columns_build(const hone_fit_job *job, const hone_design *design,
                               hone_columns *columns, hone_error *error);

/* Column j times a (rows). Four sums, so that an addition need not wait for the one before it. */
static inline double hone_column_dot(const hone_columns *c, int64_t j, const double *a)
{
    const int64_t end = c->start[j + 1];
    double sum[4] = {0};
    int64_t k = c->start[j];
    for (; k + 4 <= end; k += 4)
        for (int q = 0; q < 4; q++)
            sum[q] += c->value[k + q] * a[c->row[k + q]];
    for (; k < end; k++)
        sum[0] += c->value[k] * a[c->row[k]];
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

/* Column blocks of about equal entries: the first column of block b of `blocks`. */
int64_t hone_columns_block(const hone_columns *columns, int64_t size, int64_t b, int64_t blocks);

#endif
