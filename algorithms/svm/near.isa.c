/* Squared distances of points that lie close together, far from the centre: what is left of
 * |q|^2 + |x|^2 - 2 q x there is its rounding. */
#include "kernel.h"

/* Part of both squared norms below which a distance is summed from differences. */
#define NEAR 0.0625f

#if defined(HONE_HAVE_AVX2)

#include <immintrin.h>

/* Distances of a panel, where they lie below their bounds, from differences: of all lanes when of
 * any. */
static inline void mend(const float *q, float square, const float *x, const float *norm, int64_t d,
                        float *to)
{
    enum { W = 8, V = HONE_LANES / W };
    __m256 near[V], sum[V];
    int any = 0;
    for (int v = 0; v < V; v++) {
        const __m256 both = _mm256_add_ps(_mm256_set1_ps(square), _mm256_loadu_ps(norm + v * W));
        const __m256 bound = _mm256_mul_ps(_mm256_set1_ps(NEAR), both);
        near[v] = _mm256_cmp_ps(_mm256_loadu_ps(to + v * W), bound, _CMP_LT_OQ);
        sum[v] = _mm256_setzero_ps();
        any |= _mm256_movemask_ps(near[v]);
    }
    if (!any)
        return;
    for (int64_t k = 0; k < d; k++)
        for (int v = 0; v < V; v++) {
            const __m256 gap = _mm256_sub_ps(_mm256_set1_ps(q[k * HONE_TILE]),
                                             _mm256_loadu_ps(x + k * HONE_LANES + v * W));
            sum[v] = _mm256_fmadd_ps(gap, gap, sum[v]);
        }
    for (int v = 0; v < V; v++)
        _mm256_storeu_ps(to + v * W,
                         _mm256_blendv_ps(_mm256_loadu_ps(to + v * W), sum[v], near[v]));
}

#else

static inline void mend(const float *q, float square, const float *x, const float *norm, int64_t d,
                        float *to)
{
    for (int l = 0; l < HONE_LANES; l++) {
        if (!(to[l] < NEAR * (square + norm[l])))
            continue;
        float sum = 0;
        for (int64_t k = 0; k < d; k++) {
            const float gap = q[k * HONE_TILE] - x[k * HONE_LANES + l];
            sum += gap * gap;
        }
        to[l] = sum;
    }
}

#endif

void HONE_KERNEL(svm_near)(const hone_queries *queries, const hone_panels *panels, int64_t first,
                           int64_t count, float *out, int64_t stride)
{
    const int64_t d = panels->d;
    for (int64_t i = 0; i < queries->m; i++) {
        const float *q = queries->x + i / HONE_TILE * d * HONE_TILE + i % HONE_TILE;
        for (int64_t p = 0; p < count; p++)
            mend(q, queries->norm[i], panels->x + (first + p) * d * HONE_LANES,
                 panels->norm + (first + p) * HONE_LANES, d, out + i * stride + p * HONE_LANES);
    }
}
