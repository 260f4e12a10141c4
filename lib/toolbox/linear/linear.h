/* Penalised linear models:
 *
 *   min over w, b   sum_i weight_i loss(y_i, x_i w + b) + l2 / 2 |w|^2 + l1 |w|_1
 *
 * with the intercepts b unpenalised. The solver follows from the shape; the optimum does not depend
 * on it. Shared by logistic and linear regression and by linear support vector machines.
 */
#ifndef HONE_TOOLBOX_LINEAR_H
#define HONE_TOOLBOX_LINEAR_H

#include "toolbox/linear/gram.h"

typedef struct hone_linear {
    const hone_fit_job *job; /* x, run, shared, scratch */
    hone_loss loss;
    int64_t outputs;      /* classes of a softmax; 1 otherwise */
    const int32_t *label; /* softmax */
    const double *y;      /* otherwise: -1 or 1, or the target */
    const double *weight; /* rows, >= 0, positive in sum; NULL: 1 each */
    double l1, l2;
    bool intercept;
    double tol; /* of the objective, relative; 0: as far as doubles tell */
    int64_t max_iter;
    const double *start; /* outputs x (cols + 1) to begin from; NULL: 0 */
    /* For a hone_gram made by hone_linear_lead of the same rows, labels and weights but for a
     * factor. The fit begins there where that serves. NULL: none. */
    const hone_recipe *lead;
    int64_t lead_key; /* key[0] of it */
    /* After each iteration, with its coefficients: true ends the fit. NULL: never. */
    bool (*enough)(void *context, const double *w);
    void *context;
} hone_linear;

typedef struct hone_linear_fit {
    double *w; /* outputs x (cols + 1), intercept last; in job->scratch */
    bool converged;
    int64_t iterations, dampings;
    double objective; /* at w, of the weighted mean loss with its share of the penalty */
    double gap;       /* decrease of the objective that the last quadratic model foresaw */
    double gradient;  /* largest entry of the (sub)gradient at w, in scaled columns */
} hone_linear_fit;

/* The mean loss about a point near the optimum of a moderate penalty, in job->keep: with it the
 * first step of a fit, whatever its penalty, costs no pass over the rows. What `problem` says of
 * penalties does not count; all weights are positive. */
hone_status hone_linear_lead(const hone_linear *problem, hone_gram *lead, hone_error *error);

/* HONE_STOPPED when cancelled, or when told to finish before a first iteration. */
hone_status hone_linear_solve(const hone_linear *given, hone_linear_fit *fit, hone_error *error);

/* Bytes that hone_linear_solve of this job and the arrays of its caller never exceed. */
int64_t hone_linear_bound(const hone_fit_job *job, int64_t outputs);

#endif
