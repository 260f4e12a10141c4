/* Whole kernel matrices of small problems, and the distances behind them, which trials share. */
#ifndef HONE_SVM_GRAM_H
#define HONE_SVM_GRAM_H

#include "solve.h"

/* K (n rows of `stride` floats) of all points; `ready`: not stopped before the end. */
hone_status gram_fill(const problem *p, float *K, int64_t stride, bool *ready, hone_arena *scratch,
                      hone_error *error);

/* The same by way of the training rows' distances (or inner products), which every gamma, C and
 * degree has in common: the same bits. p->shared must be there. */
hone_status gram_derive(const problem *p, float *K, int64_t stride, bool *ready, hone_error *error);

#endif
