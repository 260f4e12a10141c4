/* A first solution for linear kernels: dual coordinate descent on one vector of coefficients.
 *
 * Single alphas move, so that y'a = 0 cannot hold on the way: it is a penalty with a multiplier
 * (which is the intercept), brought up to date after each pass over the rows. Passes shrink as in
 * LIBLINEAR (Hsieh et al., ICML 2008). The alphas are feasible in the end; the working sets go on
 * from there to the gap that was asked for.
 */
#ifndef HONE_SVM_COORDINATES_H
#define HONE_SVM_COORDINATES_H

#include "solve.h"

/* Classification with a linear kernel, formulation c. Moves p->alpha, 0 or feasible. Cost: entries
 * of the rows a pass. */
hone_status coordinates_run(problem *p, hone_arena *scratch, hone_error *error);

#endif
