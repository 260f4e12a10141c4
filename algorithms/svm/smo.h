/* Sequential minimal optimisation on a dense subproblem whose kernel matrix is at hand:
 * second-order pairs (Fan, Chen and Lin, JMLR 2005), kernel in float32, everything else in double.
 *
 *     min  1/2 a'Qa + p'a,   Q_uv = y_u y_v K_uv,   y'a fixed,   0 <= a_v <= bound_v
 *
 * f_v = y_v (Qa + p)_v; a pair moves y_i a_i up and y_j a_j down by delta. Optimal when
 * max f over `low` - min f over `up` <= 0. Two passes over q numbers an iteration. With nu the sums
 * over y = 1 and y = -1 are fixed one by one: pairs and gaps are those within a sign.
 */
#ifndef HONE_SVM_SMO_H
#define HONE_SVM_SMO_H

#include <stdbool.h>

#include "effort.h"
#include "toolbox/isa.h"

/* Arrays of q numbers, q a multiple of 16, `stride` floats between rows of K; what lies
 * beyond the true variables moves nowhere and has zero kernel values. */
typedef struct smo {
    int64_t q, stride;
    const float *K;
    float *diagonal;
    double *f, *alpha, *bound;
    signed char *sign;
    uint16_t *up, *low; /* q / 16: a bit for each variable that may move up (down) */
    uint16_t *other_up,
        *other_low; /* nu: the same for y = -1, and up, low for y = 1 alone; else NULL */
    double tiny;    /* least curvature of a pair */
    bool even;      /* the diagonal is one number */
    double gap;     /* at the end */
    bool lacks;     /* at the end: a row that could not be made */
    /* Where rows of K are made as they are asked for: false when that fails. */
    bool (*fill)(void *source, int64_t row);
    void *source;
    const bool *there; /* NULL: all rows are */
} smo;

/* Least curvature of a pair before the kernel is scaled, as in LIBSVM. */
#define SMO_TINY 1e-12

/* Row `i` of K; NULL: it could not be made. */
static inline const float *smo_row(const smo *s, int64_t i)
{
    return !s->there || s->there[i] || s->fill(s->source, i) ? s->K + i * s->stride : NULL;
}

/* Pairs until the gap is below max(least, share * first gap), `most` pairs, a stop of the run or a
 * row that could not be made; gives the number of pairs. */
int64_t smo_solve(smo *s, double least, double share, int64_t most, effort *spent, hone_isa isa);

/* Sets the bits of one variable in up and low (or their others); none where it is `still`. */
void smo_set_ends(smo *s, int64_t v, bool still);

/* Whether a variable may move up or down. */
static inline bool smo_up(int sign, double alpha, double bound)
{
    return sign > 0 ? alpha < bound : alpha > 0;
}

static inline bool smo_low(int sign, double alpha, double bound)
{
    return sign > 0 ? alpha > 0 : alpha < bound;
}

/* ---- kernels (smo.isa.c) ---- */

/* f += delta (ki - kj); gives the least f of those that may move up and its first index (0 where
 * there is none: the value is INFINITY), and the largest f of those that may move down. */
typedef struct smo_ends {
    int64_t i;
    double least, most;
} smo_ends;

HONE_DECLARE(void, svm_move,
             (const smo *s, double delta, const float *ki, const float *kj, smo_ends *ends));
/* The first index of the largest (f - least)^2 / curvature among those with f > least that may move
 * down; -1: none. */
HONE_DECLARE(int64_t, svm_partner, (const smo *s, double least, const float *ki, float diagonal));
/* g[t] += sum over rows of weight[r] * row[r][t], rows in order. */
HONE_DECLARE(void, svm_update,
             (double *g, int64_t n, const float *const *row, const double *weight, int64_t rows));
/* out[lane] += sum over k of w[k] x[k][lane] of one panel. */
HONE_DECLARE(void, svm_panel_product, (const float *x, int64_t d, const double *w, double *out));

#endif
