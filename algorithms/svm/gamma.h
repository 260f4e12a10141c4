#ifndef HONE_SVM_GAMMA_H
#define HONE_SVM_GAMMA_H

#include "svm.h"

/* The number behind gamma: "scale" is 1 / (d var(x)) over all elements of the training rows, "auto"
 * 1 / d, as in scikit-learn. */
hone_status svm_gamma(const hone_fit_job *job, const svm_params *params, double *gamma,
                      hone_error *error);

#endif
