/* Linear kernels by interior points: what pairs of variables take millions of steps for when C is
 * large, some thirty to sixty Newton steps do, about as many for any C up to 1e9.
 *
 * Mehrotra's predictor and corrector on the dual problem. The kernel matrix has no more rank than
 * the table has columns, so a step solves a system of the order of the columns and the intercept
 * (Ferris and Munson, SIAM J. Optimization 13, 2002). Variables then go to the bound that they are
 * next to, which makes the certificate the one of every other way.
 */
#ifndef HONE_SVM_INTERIOR_H
#define HONE_SVM_INTERIOR_H

#include "solve.h"

/* Most columns. */
enum { INTERIOR_COLUMNS = 512 };

/* Pairs that take as long as this would: `max_iter` where it cannot be used. */
int64_t interior_patience(const problem *p);

/* p->alpha and p->g, in double, of the solution with the least gap that was met. Those that there
 * were stay where they were as good, or the run stops before the first. Cost: a step takes
 * n d^2 / 2, by one thread; also inside blocks. */
hone_status interior_run(problem *p, hone_arena *scratch, hone_error *error);

/* Bytes of interior_run for n rows, m variables and d columns, from above. */
double interior_bytes(double n, double m, double d);

#endif
