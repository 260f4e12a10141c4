/* What steps share: columns of training rows, order statistics, moments that do not overflow. */
#ifndef HONE_CORE_PREP_COLUMNS_H
#define HONE_CORE_PREP_COLUMNS_H

#include "core/pipeline.h"

/* Column `j` of the training rows into `values` (x.rows), without its missing cells; returns how
 * many are left. */
int64_t hone_present_values(const hone_step_job *job, int64_t j, double *values);

/* Calls `see` for each of the first `cols` columns but those in `skip` (NULL: none), in any order
 * and on the run's threads, with the column's values that are not missing. They may be changed. */
typedef hone_status hone_visitor(void *context, int64_t j, double *values, int64_t kept,
                                 hone_arena *scratch, hone_error *error);
hone_status hone_visit_columns(const hone_step_job *job, int64_t cols, const bool *skip,
                               hone_visitor *see, void *context, hone_error *error);

void hone_sort_values(double *values, int64_t n);
/* Selection: afterwards values[k] is what sorting puts there, nothing before it is larger and
 * nothing behind it smaller. O(n). */
void hone_part_at(double *values, int64_t n, int64_t k);
/* What sorting puts at k and behind it (at the end: twice the last); reorders. O(n). */
void hone_pair_at(double *values, int64_t n, int64_t k, double pair[2]);
/* The quantile that sorting would give, by selection: O(n); reorders. */
double hone_quantile_of(double *values, int64_t n, double q);
/* Linear interpolation between order statistics of sorted values, q in [0, 1] (NumPy's default). */
double hone_sorted_quantile(const double *sorted, int64_t n, double q);

typedef struct hone_moments {
    double mean, deviation; /* population standard deviation; 0 for a constant column */
    double low, high;
} hone_moments;
/* From the sums of squares and of what is left after a rounded mean was taken off `all` values.
 * Rounding noise in a constant column counts as constant (scikit-learn's rule). */
double hone_deviation(double squares, double rest, double mean, double all);
/* Of n >= 1 finite values plus `zeros` more that are 0; two passes. */
hone_moments hone_moments_of(const double *values, int64_t n, int64_t zeros);

#endif
