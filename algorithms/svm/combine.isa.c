/* Kernel values by coefficients: a dot product per row, or a register tile of 4 rows x 12 columns.
 * Kernel values are float32, products and sums double. */
#include "combine.h"

#if defined(HONE_HAVE_AVX2)

#include <immintrin.h>

static double total(__m256d v)
{
    const __m128d half = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
    return _mm_cvtsd_f64(_mm_add_sd(half, _mm_unpackhi_pd(half, half)));
}

void HONE_KERNEL(svm_combine_one)(const float *values, int64_t stride, int64_t rows,
                                  const double *coef, int64_t count, double *sum,
                                  int64_t sum_stride)
{
    enum { P = 4 };
    for (int64_t r = 0; r < rows; r++) {
        __m256d part[P] = {_mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(),
                           _mm256_setzero_pd()};
        for (int64_t v = 0; v < count; v += 4 * P)
            for (int p = 0; p < P; p++)
                part[p] =
                    _mm256_fmadd_pd(_mm256_cvtps_pd(_mm_loadu_ps(values + r * stride + v + 4 * p)),
                                    _mm256_loadu_pd(coef + v + 4 * p), part[p]);
        sum[r * sum_stride] +=
            total(_mm256_add_pd(_mm256_add_pd(part[0], part[1]), _mm256_add_pd(part[2], part[3])));
    }
}

/* `R` rows by `V` vectors of columns. */
static inline __attribute__((always_inline)) void tile(const float *values, int64_t stride,
                                                       const double *coef, int64_t cols,
                                                       int64_t count, double *sum,
                                                       int64_t sum_stride, int R, int V)
{
    __m256d part[4][3];
    for (int r = 0; r < R; r++)
        for (int j = 0; j < V; j++)
            part[r][j] = _mm256_loadu_pd(sum + r * sum_stride + 4 * j);
    for (int64_t v = 0; v < count; v++) {
        __m256d c[3];
        for (int j = 0; j < V; j++)
            c[j] = _mm256_loadu_pd(coef + v * cols + 4 * j);
        for (int r = 0; r < R; r++) {
            const __m256d k = _mm256_set1_pd((double)values[r * stride + v]);
            for (int j = 0; j < V; j++)
                part[r][j] = _mm256_fmadd_pd(k, c[j], part[r][j]);
        }
    }
    for (int r = 0; r < R; r++)
        for (int j = 0; j < V; j++)
            _mm256_storeu_pd(sum + r * sum_stride + 4 * j, part[r][j]);
}

#define TILES(name, R)                                                                             \
    static void name(const float *values, int64_t stride, const double *coef, int64_t cols,        \
                     int64_t count, double *sum, int64_t sum_stride)                               \
    {                                                                                              \
        int64_t j = 0;                                                                             \
        for (; j + 12 <= cols; j += 12)                                                            \
            tile(values, stride, coef + j, cols, count, sum + j, sum_stride, R, 3);                \
        if (cols - j == 8)                                                                         \
            tile(values, stride, coef + j, cols, count, sum + j, sum_stride, R, 2);                \
        else if (cols - j == 4)                                                                    \
            tile(values, stride, coef + j, cols, count, sum + j, sum_stride, R, 1);                \
    }
TILES(four_rows, 4)
TILES(one_row, 1)

void HONE_KERNEL(svm_combine_many)(const float *values, int64_t stride, int64_t rows,
                                   const double *coef, int64_t cols, int64_t count, double *sum,
                                   int64_t sum_stride)
{
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4)
        four_rows(values + r * stride, stride, coef, cols, count, sum + r * sum_stride, sum_stride);
    for (; r < rows; r++)
        one_row(values + r * stride, stride, coef, cols, count, sum + r * sum_stride, sum_stride);
}

#else

void HONE_KERNEL(svm_combine_one)(const float *values, int64_t stride, int64_t rows,
                                  const double *coef, int64_t count, double *sum,
                                  int64_t sum_stride)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t v = 0; v < count; v++)
            sum[r * sum_stride] += (double)values[r * stride + v] * coef[v];
}

void HONE_KERNEL(svm_combine_many)(const float *values, int64_t stride, int64_t rows,
                                   const double *coef, int64_t cols, int64_t count, double *sum,
                                   int64_t sum_stride)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t v = 0; v < count; v++)
            for (int64_t j = 0; j < cols; j++)
                sum[r * sum_stride + j] += (double)values[r * stride + v] * coef[v * cols + j];
}

#endif
