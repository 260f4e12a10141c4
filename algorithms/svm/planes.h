/* Linear machines as planes: w and the intercept of each, in double, whatever solved it.
 *
 * Coefficients of support vectors grow with C and cancel in w, so that vectors in float32 would
 * lose its digits; and a row costs its entries times the machines, however many vectors there were.
 */
#ifndef HONE_SVM_PLANES_H
#define HONE_SVM_PLANES_H

#include "svm.h"
#include "toolbox/isa.h"

/* The entries of sparse planes by column: a row meets those of its own columns only. */
typedef struct planes planes;

/* w[0 .. d) and the intercept w[d] of machine i; gives the number of its pair. */
typedef int64_t planes_maker(const void *context, int64_t i, double *w);

/* Planes and intercepts of `count` machines, by ascending pairs, into the state, whose n_pairs and
 * intercepts are there; pairs without a machine get w = 0. Those of sparse rows are sparse where
 * most entries are 0; `make` is called twice a machine then. NO_MEMORY. */
hone_status planes_keep(const hone_fit_job *job, int64_t count, planes_maker *make,
                        const void *context, svm_state *s, hone_error *error);

/* w = factor times the sum of coef[i] times row[i] (or i, when NULL) of x, kept finite. */
void planes_sum(const hone_matrix *x, const int64_t *row, const double *coef, int64_t n,
                double factor, double *w);

/* Sparse planes by column; NULL when they are dense. false: no memory. */
bool planes_prepare(const svm_state *s, int64_t d, hone_arena *keep, planes **to);

/* Decisions of `rows` rows: decision[r * n_pairs + pair]. NO_MEMORY. */
hone_status planes_decide(const svm_state *s, const planes *by_column, const hone_matrix *x,
                          int64_t first, int64_t rows, hone_isa isa, hone_arena *scratch,
                          double *decision, hone_error *error);

/* Bytes of `count` planes in a state and while they are made, from above. */
double planes_bytes(double count, double d);

#endif
