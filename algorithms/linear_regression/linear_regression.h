/* Tables of this module. README.md has the formulas. */
#ifndef LINEAR_REGRESSION_H
#define LINEAR_REGRESSION_H

#include "hone/algorithm.h"

enum { LINEAR_L2, LINEAR_L1, LINEAR_ELASTICNET, LINEAR_NONE };

typedef struct linear_params {
    double alpha, l1_ratio, tol;
    int64_t max_iter;
    int penalty;
    bool fit_intercept;
} linear_params;

typedef struct linear_state {
    int64_t converged, iterations, dampings;
    double objective, gap, gradient;
    double *coef; /* features */
    double intercept;
} linear_state;

#endif
