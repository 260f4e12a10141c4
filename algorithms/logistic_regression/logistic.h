/* What the files of this module share. */
#ifndef LOGISTIC_H
#define LOGISTIC_H

#include "toolbox/linear/tile.h"

enum { PENALTY_L2, PENALTY_L1, PENALTY_ELASTICNET, PENALTY_NONE };
enum { MULTI_CLASS_MULTINOMIAL, MULTI_CLASS_OVR };
enum { CLASS_WEIGHT_NONE, CLASS_WEIGHT_BALANCED };

typedef struct logistic_params {
    double C, l1_ratio, tol;
    int64_t max_iter, n_iter_no_change;
    int penalty, multi_class, class_weight;
    bool fit_intercept, early_stopping;
} logistic_params;

typedef struct logistic_state {
    int64_t n_rows; /* of coef: 1 for two classes, else a class each */
    int64_t converged, iterations, dampings;
    double objective, gap, gradient; /* of the worst class with one-vs-rest */
    double *coef;                    /* n_rows x features */
    double *intercept;               /* n_rows */
} logistic_state;

/* Probabilities of `count` rows of x from row `first` on, given coef and intercepts.
 * room: count x hone_lanes(classes). */
void logistic_probabilities(const logistic_state *state, const hone_matrix *x, int64_t first,
                            int64_t count, int64_t classes, bool ovr, hone_isa isa, double *room,
                            double *out);

hone_status logistic_fit(const hone_fit_job *job, void *state, hone_error *error);
hone_status logistic_predict(const hone_predict_job *job, hone_error *error);

/* Early stopping: remembers the coefficients with the least loss on the validation rows. */
typedef struct early {
    const hone_fit_job *job;
    int64_t rows, cols, patience, stale; /* rows x (cols + 1) coefficients */
    int32_t positive;                    /* one-vs-rest: the class of this model; -1: all classes */
    double least;
    double *best; /* rows x (cols + 1) */
    double *coef; /* rows x cols, for the prediction */
    double *intercept, *room, *probability;
} early;

bool early_open(early *e, const hone_fit_job *job, int64_t rows, int32_t positive);
bool early_enough(void *context, const double *w);

#endif
