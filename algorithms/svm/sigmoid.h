/* Probabilities from decisions: Platt's sigmoid per pair of classes, pairs coupled.
 *
 * p(first class | d) = 1 / (1 + exp(a d + b)), fitted by Newton's method on out-of-fold decisions
 * (Lin, Lin and Weng, 2007); classes by Wu, Lin and Weng (JMLR 2004, second approach). The folds
 * are solved with the kernel values of the fit: no further ones are computed but for rows that only
 * a fold needs.
 */
#ifndef HONE_SVM_SIGMOID_H
#define HONE_SVM_SIGMOID_H

#include "solve.h"

typedef struct sigmoid {
    double a, b;
} sigmoid;

enum { SIGMOID_FOLDS = 5 };

/* The folds of n rows: each class is spread over them, in a fixed shuffled order, so that seeds do
 * not change a model. `order`: room for n. */
void sigmoid_deal(const signed char *sign, int64_t n, int64_t *order, int32_t *fold);

/* Decisions of every row by a model fitted without the row's fold. */
hone_status sigmoid_decisions(solver *s, double *decision, hone_arena *scratch, hone_error *error);

/* Only ratios of weights count, and a unit of the decisions makes no difference; both arrays are
 * worked on in place. */
sigmoid sigmoid_fit(double *decision, const signed char *sign, double *weight, int64_t n);

double sigmoid_at(double a, double b, double decision);

/* p[c] of k classes from r[a * k + b] = p(a | a or b), strictly inside (0, 1); `room`: k * k + k.
 */
void sigmoid_couple(const double *r, int64_t k, double *room, double *p);

#endif
