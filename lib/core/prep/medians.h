/* Medians and means of many columns in one pass over the rows. */
#ifndef HONE_CORE_PREP_MEDIANS_H
#define HONE_CORE_PREP_MEDIANS_H

#include "core/pipeline.h"

/* Of the numeric columns (levels NULL or 0) of the first step's training rows: the median of what
 * is not missing, the one that hone_quantile_of gives, and whether a cell is missing. `done` is set
 * for the columns that it has dealt with: none of few rows or where the neighbour of a cell lies
 * below it, else all but those that the sample misleads about. */
hone_status hone_medians(const hone_step_job *job, const int32_t *levels, double *median,
                         uint8_t *holes, bool *done, hone_error *error);
/* The means that hone_moments_of gives, bit for bit; of columns without a missing cell alone, which
 * are those that are done. */
hone_status hone_means(const hone_step_job *job, const int32_t *levels, double *mean, bool *done,
                       hone_error *error);

#endif
