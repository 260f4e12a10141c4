/* Kernel values in double, from the data as they were given: what decides whether a solution found
 * with float32 values holds, and what solves those that float32 cannot carry.
 */
#ifndef HONE_SVM_EXACT_H
#define HONE_SVM_EXACT_H

#include "solve.h"

/* Share of tol that float32 kernel values may move a slope by without a second look. */
#define EXACT_DOUBT (1.0 / 64)

/* How far float32 kernel values moved slopes: 0 where a bound says that it is less than the share
 * above, else the largest on a few rows. 0 also when data were divided to keep squares finite:
 * there are no values in double then. */
hone_status exact_error(problem *p, double *largest, hone_arena *scratch, hone_error *error);

/* An alpha and what is known of its g in double: nothing, where the pointers are NULL. */
typedef struct exact_base {
    double *alpha, *g;
    bool *known;  /* n */
    double moved; /* what float32 moved slopes by, as far as is known; INFINITY: look at all */
} exact_base;

/* p->g anew, from alpha, for support vectors and the rows that can decide the gap: those whose
 * slopes lie within 16 times `moved` of its ends. Not done when the run stops meanwhile; `base` is
 * then of no more use. Cost: n d for each support vector and row that is new to the base, and for
 * each alpha that changed since. */
hone_status exact_gradient(problem *p, exact_base *base, hone_arena *scratch, bool *done,
                           hone_error *error);

/* How far the float32 changes of g since `base` was made moved slopes of rows that it knows, as
 * measured on some of them; INFINITY where others have come near. Cost: changed alphas x some rows
 * x d. */
hone_status exact_drift(const problem *p, const exact_base *base, double *largest,
                        hone_arena *scratch, hone_error *error);

/* Goes on from alpha and a g in double, pair by pair with kernel rows in double, until the gap is
 * below `tol` or rounding, a quarter of what `max_iter` leaves is spent, or a stop. */
hone_status exact_pairs(problem *p, hone_arena *scratch, hone_error *error);

/* ---- kernel (exact.isa.c) ---- */

/* Points side by side. */
enum { EXACT_LANES = 32 };

/* sum[l] = inner product (or, `manhattan`, absolute distance) of `count` entries of one point with
 * lane l of table[column][EXACT_LANES]; for the distance `sum` starts at the lane's own. */
HONE_DECLARE(void, svm_exact_sums,
             (const int32_t *column, const double *value, int64_t count, const double *table,
              bool manhattan, double *sum));
/* v = exp(v) of EXACT_LANES numbers <= 0, not below exp(-700). */
HONE_DECLARE(void, svm_exact_exp, (double *v));

#endif
