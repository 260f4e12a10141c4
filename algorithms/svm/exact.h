/* Kernel values in double, from the data as they were given: what decides whether a solution found
 * with float32 values holds, and what solves those that float32 cannot carry.
 */
#ifndef HONE_SVM_EXACT_H
#define HONE_SVM_EXACT_H

#include "solve.h"

/* Whether float32 kernel values moved slopes by a good part of `tol`: by a bound, and where that
 * is not enough as seen on a few rows. Never when data were divided to keep squares finite: there
 * are no such values then. */
hone_status exact_matters(const problem *p, bool *matters, hone_arena *scratch, hone_error *error);

/* p->g anew, from alpha; unchanged when the run stops meanwhile. Cost: n d for each row whose alpha
 * is not 0. */
hone_status exact_gradient(problem *p, hone_arena *scratch, bool *done, hone_error *error);

/* Goes on from alpha and a g in double, pair by pair with kernel rows in double, until the gap is
 * below `tol`, `max_iter` or a stop. */
hone_status exact_pairs(problem *p, hone_arena *scratch, hone_error *error);

/* ---- kernel (exact.isa.c) ---- */

/* Points side by side. */
enum { EXACT_LANES = 32 };

/* sum[l] = inner product (or, `manhattan`, absolute distance) of `count` entries of one point with
 * lane l of table[column][EXACT_LANES]; for the distance `sum` starts at the lane's own. */
HONE_DECLARE(void, svm_exact_sums,
             (const int32_t *column, const double *value, int64_t count, const double *table,
              bool manhattan, double *sum));

#endif
