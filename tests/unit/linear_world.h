/* Random classification problems for tests of linear models, and a slow, plain solver for them. */
#ifndef HONE_TESTS_LINEAR_WORLD_H
#define HONE_TESTS_LINEAR_WORLD_H

#include "algorithms/logistic_regression/logistic.h"
#include "core/trial.h"

enum { MOST = 200000 };

typedef struct world {
    int64_t n, d, c;
    double x[MOST]; /* n x d */
    int32_t label[MOST];
    double weight[MOST];
} world;

/* n x d values, labels of c classes by a random linear rule with noise. Column j is scaled by
 * condition^(-j / (d - 1)) and moved. */
void world_make(world *w, int64_t n, int64_t d, int64_t c, double condition, uint64_t seed);

logistic_params world_params(void);

/* Fits with the given matrix (NULL: w->x dense) and threads; weights when `weighted`. Fails the
 * test on an error. */
hone_fitted *world_fit(const world *w, const hone_matrix *x, const logistic_params *p,
                       bool weighted, int threads, int isa);
/* The same in two steps, for trials with something more. */
hone_trial world_trial(const world *w, const hone_matrix *x, const logistic_params *p,
                       bool weighted, const hone_run *run);
hone_fitted *world_fit_trial(const hone_trial *trial);
hone_matrix world_dense(const world *w);

/* C sum(weight * loss) + penalty at coefficients `coef` (rows x d) and `intercept`, in long double.
 * rows is 1 for two classes. */
long double world_objective(const world *w, const logistic_params *p, bool weighted,
                            const double *coef, const double *intercept);
/* The least of it for an l2 penalty or none, by Newton's method in long double. */
long double world_optimum(const world *w, const logistic_params *p, bool weighted);

#endif
