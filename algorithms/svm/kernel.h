/* Kernel functions on blocks of float32 distances.
 *
 * A value is kept as K / scale with a power of two `scale` that bounds the kernel on the data, so
 * that float32 never overflows: a dual problem with K and C is the one with K / scale and
 * C scale. Where rbf and laplacian values lie near 1, K - 1 is kept: the coefficients sum to 0, so
 * that nothing changes but the rounding, which is then relative to the differences that count.
 */
#ifndef HONE_SVM_KERNEL_H
#define HONE_SVM_KERNEL_H

#include "svm.h"
#include "toolbox/panels.h"

typedef struct kernel {
    int type;
    int64_t degree;
    float gamma, coef0; /* in units of the panels, and of `scale` for poly and linear */
    float less;         /* 1: values are K - 1 */
    double scale;
    double full_gamma, full_coef0; /* as given: for values in double */
    hone_isa isa;
} kernel;

static inline bool kernel_is_exponential(const kernel *k)
{
    return k->type == SVM_RBF || k->type == SVM_LAPLACIAN;
}

/* The kernel of these parameters on these points; `gamma` is the number itself. */
kernel kernel_of(const svm_params *params, double gamma, const hone_panels *panels, hone_isa isa);

/* out[i * stride + j] = K / scale of query i and point 16 first + j; `map` as in
 * hone_measure_block. */
void kernel_block(const kernel *kernel, const hone_queries *queries, const hone_panels *panels,
                  int64_t first, int64_t count, int32_t *map, float *out, int64_t stride);

/* The same in two steps: inner products or distances; and values from `n` of them, a multiple
 * of 16, perhaps in their place. */
void kernel_distances(const kernel *kernel, const hone_queries *queries, const hone_panels *panels,
                      int64_t first, int64_t count, int32_t *map, float *out, int64_t stride);
void kernel_values(const kernel *kernel, const float *distance, int64_t n, float *out);

/* A value in double, from an inner product (rbf: and the sum of both squared norms) or an absolute
 * distance of the given data. */
double kernel_exact(const kernel *kernel, double product, double norms);

/* Squared distances of dense points, as hone_measure_block gives them, anew where both points lie
 * far closer together than to the centre; symmetric like all others. */
HONE_DECLARE(void, svm_near,
             (const hone_queries *queries, const hone_panels *panels, int64_t first, int64_t count,
              float *out, int64_t stride));

/* Of a linear kernel: K / scale per inner product of rows as they were given. */
static inline double kernel_product(const kernel *k, const hone_panels *panels)
{
    return (double)k->gamma / panels->unit / panels->unit;
}

/* K / scale of point i with itself. */
float kernel_self(const kernel *kernel, const hone_panels *panels, int64_t i);

#endif
