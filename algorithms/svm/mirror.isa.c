/* What a symmetric matrix has below its diagonal from what it has above, in squares of 8. */
#include "gram.h"

#if defined(HONE_HAVE_AVX2)

#include <immintrin.h>

enum { SIDE = 8 };

/* to[c][r] = from[r][c] */
static inline void turn(const float *from, float *to, int64_t stride)
{
    __m256 row[SIDE], pair[SIDE], four[SIDE];
    for (int r = 0; r < SIDE; r++)
        row[r] = _mm256_loadu_ps(from + r * stride);
    for (int r = 0; r < SIDE; r += 2) {
        pair[r] = _mm256_unpacklo_ps(row[r], row[r + 1]);
        pair[r + 1] = _mm256_unpackhi_ps(row[r], row[r + 1]);
    }
    for (int h = 0; h < SIDE; h += 4)
        for (int r = 0; r < 2; r++) {
            four[h + 2 * r] = _mm256_shuffle_ps(pair[h + r], pair[h + 2 + r], 0x44);
            four[h + 2 * r + 1] = _mm256_shuffle_ps(pair[h + r], pair[h + 2 + r], 0xee);
        }
    for (int c = 0; c < SIDE / 2; c++) {
        _mm256_storeu_ps(to + c * stride, _mm256_permute2f128_ps(four[c], four[c + 4], 0x20));
        _mm256_storeu_ps(to + (c + 4) * stride, _mm256_permute2f128_ps(four[c], four[c + 4], 0x31));
    }
}

void HONE_KERNEL(svm_mirror)(float *K, int64_t stride, int64_t first, int64_t end, int64_t from,
                             int64_t to)
{
    for (int64_t k = from; k < to; k += SIDE)
        for (int64_t i = first; i < end; i += SIDE)
            turn(K + i * stride + k, K + k * stride + i, stride);
}

#else

void HONE_KERNEL(svm_mirror)(float *K, int64_t stride, int64_t first, int64_t end, int64_t from,
                             int64_t to)
{
    for (int64_t i = first; i < end; i++)
        for (int64_t k = from; k < to; k++)
            K[k * stride + i] = K[i * stride + k];
}

#endif
