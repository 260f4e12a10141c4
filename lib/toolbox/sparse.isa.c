/* Sparse queries against sparse points: 16 queries lie side by side in a table of the columns that
 * they use; a point streams its entries past it. Each entry costs one load of a table row; entries
 * of columns that no query uses meet a row of zeros. Sums run over ascending columns.
 */
#include "toolbox/panels.h"

#if defined(HONE_HAVE_AVX2)
#include <immintrin.h>
#endif

enum { L = HONE_LANES, T = HONE_SPARSE_TILE };

float HONE_KERNEL(hone_sparse_norm)(const float *value, int64_t count)
{
#if defined(HONE_HAVE_AVX2)
    __m128 sum = _mm_setzero_ps();
    for (int64_t t = 0; t < count; t++) {
        const __m128 v = _mm_set_ss(value[t]);
        sum = _mm_fmadd_ss(v, v, sum);
    }
    return _mm_cvtss_f32(sum);
#else
    float sum = 0;
    for (int64_t t = 0; t < count; t++)
        sum += value[t] * value[t];
    return sum;
#endif
}

/* Inner products of one point with the tile's queries, or sums of |q - v| - |q|. */
static inline __attribute__((always_inline)) void stream(bool manhattan, const float *table,
                                                         const int32_t *map, const int32_t *column,
                                                         const float *value, int64_t count,
                                                         float *sum)
{
#if defined(HONE_HAVE_AVX2)
    const __m256 sign = _mm256_set1_ps(-0.0f);
    __m256 a = _mm256_setzero_ps(), b = _mm256_setzero_ps();
    for (int64_t t = 0; t < count; t++) {
        const float *row = table + (int64_t)map[column[t]] * T;
        const __m256 v = _mm256_set1_ps(value[t]);
        const __m256 p = _mm256_loadu_ps(row), q = _mm256_loadu_ps(row + 8);
        if (manhattan) {
            const __m256 gp = _mm256_andnot_ps(sign, _mm256_sub_ps(p, v));
            const __m256 gq = _mm256_andnot_ps(sign, _mm256_sub_ps(q, v));
            a = _mm256_add_ps(a, _mm256_sub_ps(gp, _mm256_andnot_ps(sign, p)));
            b = _mm256_add_ps(b, _mm256_sub_ps(gq, _mm256_andnot_ps(sign, q)));
        } else {
            a = _mm256_fmadd_ps(p, v, a);
            b = _mm256_fmadd_ps(q, v, b);
        }
    }
    _mm256_storeu_ps(sum, a);
    _mm256_storeu_ps(sum + 8, b);
#else
    for (int i = 0; i < T; i++)
        sum[i] = 0;
    for (int64_t t = 0; t < count; t++) {
        const float *row = table + (int64_t)map[column[t]] * T, v = value[t];
        for (int i = 0; i < T; i++)
            sum[i] +=
                manhattan ? __builtin_fabsf(row[i] - v) - __builtin_fabsf(row[i]) : row[i] * v;
    }
#endif
}

static inline float finished(hone_measure measure, float sum, float qnorm, float xnorm)
{
    if (measure == HONE_INNER)
        return sum;
    const float d = measure == HONE_SQUARE ? (qnorm + xnorm) - 2 * sum : qnorm + sum;
    return d > 0 ? d : 0;
}

void HONE_KERNEL(hone_sparse_tile)(hone_measure measure, const float *table, int64_t used,
                                   const int32_t *map, const float *qnorm, int64_t rows,
                                   const hone_panels *panels, int64_t first, int64_t count,
                                   float *out, int64_t stride)
{
    float norm[T], sum[L][T];
    for (int i = 0; i < T; i++)
        norm[i] = measure == HONE_SQUARE && i < rows ? qnorm[i] : 0;
    for (int64_t u = 0; measure == HONE_MANHATTAN && u < used; u++)
        for (int i = 0; i < T; i++)
            norm[i] += __builtin_fabsf(table[u * T + i]);
    for (int64_t p = first; p < first + count; p++) {
        const int64_t left = panels->n - p * L, points = left < L ? left : L;
        for (int64_t l = 0; l < points; l++) {
            const int64_t from = panels->begin[p * L + l], to = panels->end[p * L + l];
            if (measure == HONE_MANHATTAN)
                stream(true, table, map, panels->column + from, panels->value + from, to - from,
                       sum[l]);
            else
                stream(false, table, map, panels->column + from, panels->value + from, to - from,
                       sum[l]);
        }
        for (int64_t l = points; l < L; l++)
            for (int i = 0; i < T; i++)
                sum[l][i] = 0;
        for (int64_t i = 0; i < rows; i++)
            for (int l = 0; l < L; l++)
                out[i * stride + (p - first) * L + l] =
                    finished(measure, sum[l][i], norm[i], panels->norm[p * L + l]);
    }
}
