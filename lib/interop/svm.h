/* An svm model as exporters see it: dense vectors in double, members by the names of its table. */
#ifndef HONE_INTEROP_SVM_H
#define HONE_INTEROP_SVM_H

#include "core/model.h"

typedef struct hone_svm_view {
    const char *kernel;
    double gamma, coef0, degree, unit;
    int64_t vectors, d, pairs, coefs;
    int64_t classes;               /* 0: regression */
    double *vector;                /* vectors x d: (value - centre) / unit */
    double *centre;                /* d */
    double *intercept;             /* pairs */
    double *coef;                  /* vectors x coefs */
    const int64_t *class_start;    /* classes + 1 */
    double *sigmoid_a, *sigmoid_b; /* pairs; NULL: no probabilities */
    const int64_t *turn;           /* order in which classes win ties; NULL: ascending */
} hone_svm_view;

/* In `arena`. NO_MEMORY. */
hone_status hone_svm_view_of(const hone_model *model, hone_arena *arena, hone_svm_view *view,
                             hone_error *error);

/* Number of the pair (a, b), a < b, in the order (0, 1), (0, 2), .., (1, 2), .. */
int64_t hone_svm_pair(int64_t a, int64_t b, int64_t classes);

/* Coefficient of vector i in the decision of pair p. */
double hone_svm_coefficient(const hone_svm_view *view, int64_t i, int64_t p);

#endif
