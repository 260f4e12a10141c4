/* Kernels on tiles of at most HONE_TILE rows of a linear model's data: products, losses and their
 * derivatives, and Hessians. Each in float and in double; sums leave a tile in double.
 *
 * x  rows x d, leading dimension ld, padded with zeros to a multiple of HONE_LANES
 * z  margins, rows x kp    r  dloss/dz    h  d2loss/dz2    s  weights    all of the kernel's type
 */
#ifndef HONE_TOOLBOX_LINEAR_TILE_H
#define HONE_TOOLBOX_LINEAR_TILE_H

#include "toolbox/isa.h"

enum { HONE_TILE = 256, HONE_LANES = 8 };

static inline int64_t hone_lanes(int64_t d)
{
    return (d + HONE_LANES - 1) / HONE_LANES * HONE_LANES;
}

/* clang-format off */
#define HONE_TILE_KERNELS(type, t)                                                                 \
    /* c (m x n, double) += a' b for a (rows x m), b (rows x n); n a multiple of HONE_LANES.       \
     * `lower`: only what lies on or below the diagonal has to be right. */                        \
    HONE_DECLARE(void, hone_tile_atb_##t, (int64_t rows, int64_t m, const type *a, int64_t lda,    \
                 int64_t n, const type *b, int64_t ldb, double *c, int64_t ldc, bool lower));      \
    /* z (rows x n) = x (rows x d) w (d x n) */                                                    \
    HONE_DECLARE(void, hone_tile_forward_##t, (int64_t rows, int64_t d, const type *x, int64_t ld, \
                 int64_t n, const type *w, type *z));                                              \
    /* z (rows) = x w; d a multiple of HONE_LANES */                                               \
    HONE_DECLARE(void, hone_tile_dot_##t, (int64_t rows, int64_t d, const type *x, int64_t ld,     \
                 const type *w, type *z));                                                         \
    /* g (d, double) += x' r */                                                                    \
    HONE_DECLARE(void, hone_tile_back_##t, (int64_t rows, int64_t d, const type *x, int64_t ld,    \
                 const type *r, double *g));                                                       \
    /* out (rows x d, leading dimension ldo) = diag(h) x */                                        \
    HONE_DECLARE(void, hone_tile_scale_##t, (int64_t rows, int64_t d, const type *x, int64_t ld,   \
                 const type *h, int64_t step, type *out, int64_t ldo));                            \
    /* Sums of losses; fill r and h. Room for a multiple of HONE_LANES rows. y is -1 or 1, or the  \
     * target. */                                                                                  \
    HONE_DECLARE(double, hone_tile_logistic_##t, (int64_t rows, const type *z, const type *y,      \
                 const type *s, type *r, type *h));                                                \
    HONE_DECLARE(double, hone_tile_hinge_##t, (int64_t rows, const type *z, const type *y,         \
                 const type *s, type *r, type *h));                                                \
    HONE_DECLARE(double, hone_tile_squared_##t, (int64_t rows, const type *z, const type *y,       \
                 const type *s, type *r, type *h));                                                \
    /* k classes in rows of kp: z becomes the probabilities (0 in the padding), r = s (p - y). */  \
    HONE_DECLARE(double, hone_tile_softmax_##t, (int64_t rows, int64_t k, int64_t kp, type *z,     \
                 const int32_t *label, const type *s, type *r));                                   \
    /* r = the softmax's second derivative at probabilities q times z; r may be z. */              \
    HONE_DECLARE(void, hone_tile_bend_##t, (int64_t rows, int64_t kp, const type *q, const type *s,\
                 const type *z, type *r));
/* clang-format on */

HONE_TILE_KERNELS(float, f32)
HONE_TILE_KERNELS(double, f64)

/* clang-format off */
/* Margins of k classes, in rows of kp (a multiple of HONE_LANES), become their softmax. */
HONE_DECLARE(void, hone_tile_likely, (int64_t rows, int64_t k, int64_t kp, double *z));
/* out (rows x 2): the probabilities of the first and the second class at the second's margin z. */
HONE_DECLARE(void, hone_tile_odds, (int64_t rows, const double *z, double *out));
/* Rows of d columns, a multiple of HONE_LANES. Column statistics of a tile: least and largest value,
 * sums of x - first and of its squares are taken further. */
HONE_DECLARE(void, hone_tile_measure, (int64_t rows, int64_t d, const double *x, const double *first,
             double *low, double *high, double *sum, double *squares));
/* The same of rows as they lie, of floats or doubles, cells beside each other; d is any number. */
HONE_DECLARE(void, hone_tile_measure_rows, (bool floats, int64_t rows, int64_t d,
             const void *const *x, const double *first, double *low, double *high, double *sum,
             double *squares));
/* out (leading dimension ldo, a multiple of HONE_LANES) = (x - shift) * inverse of the first d
 * columns of such rows, then 1 up to `base`, then 0. */
HONE_DECLARE(void, hone_tile_take, (bool floats, int64_t rows, int64_t d, const void *const *x,
             const double *shift, const double *inverse, int64_t base, float *out, int64_t ldo));
/* out = (x - shift) * inverse; out may be x. */
HONE_DECLARE(void, hone_tile_enter_f64, (int64_t rows, int64_t d, const double *x,
             const double *shift, const double *inverse, double *out));
HONE_DECLARE(void, hone_tile_enter_f32, (int64_t rows, int64_t d, const double *x,
             const double *shift, const double *inverse, float *out));
/* clang-format on */

#endif
