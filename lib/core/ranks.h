/* Statistics of a sorted order: the area under a ROC curve and a weighted median. */
#ifndef HONE_CORE_RANKS_H
#define HONE_CORE_RANKS_H

#include <stdbool.h>
#include <stdint.h>

/* Area under the ROC curve of `values` for label == k against the rest, of weighted rows; ties
 * count half. `order` is room for 3 n. Sets `undefined` and gives 0.5 when one side weighs nothing.
 */
double hone_rank_area(const double *values, const int32_t *label, int32_t k, const double *weight,
                      int64_t n, int64_t *order, bool *undefined);

enum { HONE_RANKS_TOGETHER = 8 }; /* classes: a line of memory */

/* The areas of classes [k, k + count), count <= HONE_RANKS_TOGETHER, of rows that weigh the same:
 * score is n x outputs, `room` for (HONE_RANKS_TOGETHER + 1) n. Costs little more than a pass where
 * most rows have a class's least score, as where few classes have votes. */
void hone_count_areas(const double *score, int64_t outputs, const int32_t *label, int64_t n,
                      int64_t k, int64_t count, int64_t *room, double *areas, bool *undefined);

/* The mean of the lower and upper weighted median. Without weights in O(n), and reorders values. */
double hone_weighted_median(double *values, const double *weight, int64_t n, int64_t *order,
                            bool *undefined);

#endif
