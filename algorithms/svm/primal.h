/* A linear machine with squared errors, solved in its primal. */
#ifndef HONE_SVM_PRIMAL_H
#define HONE_SVM_PRIMAL_H

#include "svm.h"

/* One model for each pair of classes or each class against the rest:
 *
 *   min over w, b   |w|^2 / 2 + C sum_i weight_i max(0, 1 - y_i (x_i w + b))^2
 *
 * The state gets the plane of each. */
hone_status svm_primal(const hone_fit_job *job, svm_state *state, hone_error *error);

/* Bytes that it never exceeds. */
double svm_primal_bound(const hone_fit_job *job);

#endif
