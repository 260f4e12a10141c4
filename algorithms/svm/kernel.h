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
    hone_isa isa;
} kernel;

/* The kernel of these parameters on these points; `gamma` is the number itself. */
kernel kernel_of(const svm_params *params, double gamma, const hone_panels *panels, hone_isa isa);

/* out[i * stride + j] = K / scale of query i and point 16 first + j; `map` as in
 * hone_measure_block. */
void kernel_block(const kernel *kernel, const hone_queries *queries, const hone_panels *panels,
                  int64_t first, int64_t count, int32_t *map, float *out, int64_t stride);

/* K / scale of point i with itself. */
float kernel_self(const kernel *kernel, const hone_panels *panels, int64_t i);

#endif
