/* The loss of a fit as a quadratic in its coordinates. The squared loss is one: once this is known,
 * a penalty costs nothing that depends on the number of rows. Others are near it: linear.h, lead.
 *
 * mean loss at v = loss + g'(v - origin) + (v - origin)' H (v - origin) / 2
 */
#ifndef HONE_TOOLBOX_LINEAR_GRAM_H
#define HONE_TOOLBOX_LINEAR_GRAM_H

#include "toolbox/linear/pass.h"

typedef struct hone_gram {
    int64_t size, stride;
    bool exact, thin; /* sums in double; h of some rows only */
    double loss;
    double *origin, *g; /* size */
    double *h;          /* size x stride, lower triangle */
} hone_gram;

/* Room for its arrays. */
hone_status hone_gram_open(hone_gram *gram, int64_t size, int64_t stride, hone_arena *keep,
                           hone_error *error);

/* Of the training rows with the job's targets and weights, all of them positive. */
hone_status hone_gram_of_fit(hone_shared *shared, bool intercept, const hone_gram **gram,
                             hone_error *error);
/* Of other rows, in job->keep. */
hone_status hone_gram_build(const hone_fit_job *job, const hone_rows_loss *rows, hone_gram *gram,
                            hone_error *error);

/* Mean loss at v, gradient and, in rows of `stride`, the lower triangle of the Hessian (NULL: not
 * wanted). */
double hone_gram_at(const hone_gram *gram, const double *v, double *g, double *h, int64_t stride);

#endif
