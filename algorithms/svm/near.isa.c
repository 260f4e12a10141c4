/* Squared distances of points that lie close together, far from the centre: what is left of
 * |q|^2 + |x|^2 - 2 q x there is its rounding. */
#include "kernel.h"

/* Part of both squared norms below which a distance is summed from differences. */
#define NEAR 0.0625f

/* As many as there are lanes; of few the other lanes are for nothing. */
static void differences(const float *q, const float *x, int64_t d, float *sum)
{
    for (int l = 0; l < HONE_LANES; l++)
        sum[l] = 0;
    for (int64_t k = 0; k < d; k++)
        for (int l = 0; l < HONE_LANES; l++) {
            const float gap = q[k * HONE_TILE] - x[k * HONE_LANES + l];
            sum[l] += gap * gap;
        }
}

void HONE_KERNEL(svm_near)(const hone_queries *queries, const hone_panels *panels, int64_t first,
                           int64_t count, float *out, int64_t stride)
{
    const int64_t d = panels->d;
    for (int64_t i = 0; i < queries->m; i++) {
        const float *q = queries->x + i / HONE_TILE * d * HONE_TILE + i % HONE_TILE;
        for (int64_t p = 0; p < count; p++) {
            float *to = out + i * stride + p * HONE_LANES, bound[HONE_LANES], sum[HONE_LANES];
            const float *norm = panels->norm + (first + p) * HONE_LANES;
            int near = 0;
            for (int l = 0; l < HONE_LANES; l++) {
                bound[l] = NEAR * (queries->norm[i] + norm[l]);
                near |= to[l] < bound[l];
            }
            if (!near)
                continue;
            differences(q, panels->x + (first + p) * d * HONE_LANES, d, sum);
            for (int l = 0; l < HONE_LANES; l++)
                to[l] = to[l] < bound[l] ? sum[l] : to[l];
        }
    }
}
