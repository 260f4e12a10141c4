/* A small module that keeps every contract, and the clay that its broken twins are made of.
 *
 * Scores are linear in the row: nearest centroids for classes (Euclidean distance without the
 * row's own norm), ridge regression by Gauss and Seidel for amounts. */
#ifndef TESTS_HONEST_H
#define TESTS_HONEST_H

#include "hone/algorithm.h"

typedef struct honest_params {
    double alpha;   /* ridge */
    int64_t sweeps; /* of the solver */
    bool centre;
    double shift; /* only with centre */
    hone_amount depth;
} honest_params;

typedef struct honest_state {
    int64_t converged, rows;
    double *weight; /* outputs x features */
    double *bias;   /* outputs */
} honest_state;

extern const hone_param honest_table[];
extern const hone_field honest_fields[];

hone_status honest_fit(const hone_fit_job *job, void *state, hone_error *error);
hone_status honest_predict(const hone_predict_job *job, hone_error *error);
/* The score of one row as the module defines it. */
double honest_score(const hone_predict_job *job, const double *row, int64_t k);

/* clang-format off */
#define HONEST(name_, takes_, fit_, predict_)                                                      \
    {.abi = HONE_ABI, .name = name_, .summary = "A module of the tests.",                          \
     .tasks = HONE_CLASSIFICATION | HONE_REGRESSION, .takes = takes_,                              \
     .params_size = sizeof(honest_params), .state_size = sizeof(honest_state),                     \
     .params = honest_table, .state = honest_fields, .fit = fit_, .predict = predict_,             \
     .scores = honest_scores}
/* clang-format on */
#define HONEST_TAKES                                                                               \
    (HONE_TAKES_WEIGHTS | HONE_WEIGHTS_COUNT | HONE_LIKES_SCALED | HONE_LIKES_SCALED_TARGET)

hone_scores honest_scores(const void *params);

extern const hone_algorithm hone_honest;

#endif
