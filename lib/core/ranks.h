/* Statistics of a sorted order: the area under a ROC curve and a weighted median. */
#ifndef HONE_CORE_RANKS_H
#define HONE_CORE_RANKS_H

#include <stdbool.h>
#include <stdint.h>

/* Area under the ROC curve of `values` for label == k against the rest; ties count half. `order`
 * is room for 3 n. Sets `undefined` and gives 0.5 when one side weighs nothing. */
double hone_rank_area(const double *values, const int32_t *label, int32_t k, const double *weight,
                      int64_t n, int64_t *order, bool *undefined);

/* The mean of the lower and upper weighted median. Without weights in O(n), and reorders values. */
double hone_weighted_median(double *values, const double *weight, int64_t n, int64_t *order,
                            bool *undefined);

#endif
