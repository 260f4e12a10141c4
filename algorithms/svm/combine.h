/* Sums of kernel values times coefficients, for many rows at once. */
#ifndef HONE_SVM_COMBINE_H
#define HONE_SVM_COMBINE_H

#include "toolbox/isa.h"

/* Doubles that a row of coefficients is padded to. */
enum { COMBINE_PAD = 4 };

/* `values`: a row per query, `stride` floats apart; sums are taken vector by vector in one order,
 * so a query's bits do not depend on the others. */

/* sum[r * sum_stride] += sum over v < count of values[r][v] coef[v]; count a multiple of 16. */
HONE_DECLARE(void, svm_combine_one,
             (const float *values, int64_t stride, int64_t rows, const double *coef, int64_t count,
              double *sum, int64_t sum_stride));

/* sum[r * sum_stride + j] += sum over v < count of values[r][v] coef[v * cols + j] for j < cols, a
 * multiple of COMBINE_PAD. */
HONE_DECLARE(void, svm_combine_many,
             (const float *values, int64_t stride, int64_t rows, const double *coef, int64_t cols,
              int64_t count, double *sum, int64_t sum_stride));

#endif
