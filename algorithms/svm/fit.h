#ifndef HONE_SVM_FIT_H
#define HONE_SVM_FIT_H

#include "svm.h"

hone_status svm_fit(const hone_fit_job *job, void *state, hone_error *error);
int64_t svm_bound(const hone_fit_job *job);
double svm_growth(const hone_fit_job *job, const void *state, double times);
double svm_steps(const hone_fit_job *job);
hone_status svm_predict(const hone_predict_job *job, hone_error *error);
hone_status svm_prepare(const hone_shape *shape, const void *params, void *state, hone_arena *keep,
                        hone_error *error);

extern const hone_output svm_outputs[];

/* Number of the pair of classes (a, b), a < b, among k classes. */
static inline int64_t svm_pair(int64_t a, int64_t b, int64_t k)
{
    return a * k - a * (a + 1) / 2 + b - a - 1;
}

#endif
