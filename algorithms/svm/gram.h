/* Whole kernel matrices, and the distances behind them, which trials share. */
#ifndef HONE_SVM_GRAM_H
#define HONE_SVM_GRAM_H

#include "solve.h"

/* A matrix takes at most this part of what trials may share: there are folds. */
enum { GRAM_SHARES = 4 };

/* Entries of a row from which on a distance is sooner gathered than measured. */
enum { GRAM_LONG = 48 };

/* K of all points, in memory of `scratch`, from p->distances where they are there; `ready`: not
 * stopped before the end. */
hone_status gram_make(const problem *p, whole *K, bool *ready, hone_arena *scratch,
                      hone_error *error);

/* The same, each row when it is first asked for, and all of them when many were. */
typedef struct lazy {
    const problem *p;
    float *K;
    int64_t stride, count; /* rows that are there, */
    bool *there;           /* and which */
    hone_queries one;
    int32_t *map;
    hone_arena *scratch;
    hone_status status; /* of the first row that could not be made */
} lazy;

hone_status lazy_open(lazy *l, const problem *p, hone_arena *scratch, hone_error *error);
/* Makes row `i` of a lazy, which is not there; false: l->status says why. */
bool lazy_fill(void *source, int64_t i);

/* K of the training rows, the same for every C, tol and set of labels, from distances (or inner
 * products) that all kernels of a kind share. NULL in the first fit on these rows, which may be the
 * only one unless p->more, where it takes too much memory, for linear kernels and when the run
 * stops. p->shared must be there. */
hone_status gram_shared(const problem *p, const whole **K, hone_arena *scratch, hone_error *error);

/* The distances of all training rows, from which the kernel matrices of pairs of classes are
 * gathered. NULL where they take too much memory, where rows are so short that measuring anew is
 * quicker, and when the run stops. */
hone_status gram_distances(const hone_fit_job *job, const kernel *k, const hone_panels *panels,
                           const whole **distances, hone_error *error);

/* K[k][i] = K[i][k] for i in [first, end) and k in [from, to), all of them multiples of 16. */
HONE_DECLARE(void, svm_mirror,
             (float *K, int64_t stride, int64_t first, int64_t end, int64_t from, int64_t to));

/* Whether gathering a stored distance is quicker than measuring it. */
bool gram_is_long(const hone_panels *panels);

#endif
