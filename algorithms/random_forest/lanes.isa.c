/* Kernels of the split search, eight features at a time.
 *
 * sorted: keys code << 8 | row go through Batcher's odd-even merge sort (1968), whose comparators
 * are minima and maxima of whole runs; keys differ, so every network gives the same order.
 * binned: one histogram per feature, filled in one pass over the rows.
 * Then prefix sums and scores, all lanes at once: O(steps) divisions of vectors. Everything that is
 * added is an integer in a double; nothing is fused: the same bits on every instruction set.
 */
#include <string.h>

#include "lanes.h"

typedef double quad __attribute__((vector_size(32)));
typedef int64_t quad_mask __attribute__((vector_size(32)));

enum { QUADS = LANES / 4, AHEAD = 16 };

/* ---- sorting ---- */

static inline void fill_keys(lanes *s)
{
    for (int l = 0; l < LANES; l++) {
        int32_t *key = s->key + l;
        if (s->coarse[l]) {
            for (int64_t i = 0; i < s->m; i++)
                key[i * LANES] =
                    (int32_t)(s->coarse[l][s->row[i] * s->coarse_stride] << 8 | (int32_t)i);
        } else {
            for (int64_t i = 0; i < s->m; i++)
                key[i * LANES] =
                    (int32_t)(s->fine[l][s->row[i] * s->fine_stride] << 8 | (int32_t)i);
        }
    }
}

static inline void exchange(int32_t *restrict a, int32_t *restrict b, int64_t n)
{
    for (int64_t i = 0; i < n * LANES; i += LANES)
        for (int64_t l = i; l < i + LANES; l++) {
            const int32_t x = a[l], y = b[l];
            a[l] = x < y ? x : y;
            b[l] = x < y ? y : x;
        }
}

/* Comparators beyond row m would meet keys larger than all others: left out. A run of comparators
 * is either inside one block of 2 p rows or leaves it as a whole. */
static inline void sort_keys(int32_t *key, int64_t m)
{
    for (int64_t p = 1; p < m; p *= 2)
        for (int64_t k = p; k > 0; k /= 2)
            for (int64_t j = k % p; j + k < m; j += 2 * k) {
                const int64_t left = m - j - k;
                if ((j & -2 * p) == ((j + k) & -2 * p))
                    exchange(key + j * LANES, key + (j + k) * LANES, left < k ? left : k);
            }
}

/* A boundary must not part rows of equal code. */
static inline void bar_equal(lanes *s)
{
    for (int64_t i = 0; i < (s->m - 1) * LANES; i++)
        s->barred[i] = (s->key[i] ^ s->key[i + LANES]) < 256 ? NAN : 0.0;
}

static inline void spread_moments(lanes *s)
{
    for (int64_t i = 0; i < s->m * LANES; i++) {
        const double *cell = s->cell + 2 * (s->key[i] & 255);
        s->a[i] = cell[0];
        s->b[i] = cell[1];
    }
}

/* sum of squares on the left: (L + w)^2 - L^2; on the right: - 2 T w + that. */
static inline void spread_counts(lanes *s)
{
    for (int64_t i = 0; i < s->m; i++)
        for (int64_t l = 0; l < LANES; l++) {
            const int64_t r = s->key[i * LANES + l] & 255, at = i * LANES + l;
            const double w = s->cell[2 * r];
            double *left = s->count + l * s->classes + s->label[r];
            s->a[at] = w;
            s->b[at] = w * (2 * *left + w);
            s->c[at] = s->cell[2 * r + 1];
            *left += w;
        }
    for (int64_t i = 0; i < s->m; i++)
        for (int64_t l = 0; l < LANES; l++)
            s->count[l * s->classes + s->label[i]] = 0;
}

/* ---- scanning ---- */

/* Steps [0, last): after each from `first` on a boundary may be. `rows`: c counts rows. */
static inline __attribute__((always_inline)) void scan(lanes *s, int64_t first, int64_t last,
                                                       bool counts, bool barred, bool rows)
{
    const double tw = s->weight, ts = s->moment, least = s->min_weight, m = (double)s->m;
    for (int q = 0; q < QUADS; q++) {
        quad w = {0}, v = {0}, u = {0}, best = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
        quad_mask at = {-1, -1, -1, -1};
        for (int64_t i = 0; i < last; i++) {
            const int64_t k = i * LANES + q * 4;
            w += *(const quad *)(s->a + k);
            v += *(const quad *)(s->b + k);
            if (counts || rows)
                u += *(const quad *)(s->c + k);
            if (i < first)
                continue;
            const quad right = tw - w;
            const quad d = v * tw - ts * w;
            quad score =
                counts ? (v * right + (ts - 2 * u + v) * w) / (w * right) : d * d / (w * right);
            if (barred)
                score += *(const quad *)(s->barred + k);
            quad_mask ok = (w >= least) & (right >= least);
            if (rows)
                ok &= (u >= s->min_rows) & (m - u >= s->min_rows);
            ok &= score > best; /* never when NaN */
            best = (quad)(((quad_mask)score & ok) | ((quad_mask)best & ~ok));
            at = ((quad_mask){i, i, i, i} & ok) | (at & ~ok);
        }
        memcpy(s->score + q * 4, &best, sizeof best);
        memcpy(s->at + q * 4, &at, sizeof at);
    }
}

void HONE_KERNEL(forest_lanes_sorted)(lanes *s)
{
    fill_keys(s);
    sort_keys(s->key, s->m);
    bar_equal(s);
    const int64_t first = (int64_t)s->min_rows - 1, last = s->m - (int64_t)s->min_rows;
    if (s->label) {
        spread_counts(s);
        scan(s, first, last, true, true, false);
    } else {
        spread_moments(s);
        scan(s, first, last, false, true, false);
    }
}

/* ---- bins ---- */

/* An empty bin repeats the score before it, and 0 / 0 at either end never wins. */
void HONE_KERNEL(forest_lanes_binned)(lanes *s)
{
    const bool rows = s->min_rows > 1;
    const size_t size = (size_t)(s->bins * LANES) * sizeof(double);
    memset(s->a, 0, size);
    memset(s->b, 0, size);
    if (rows)
        memset(s->c, 0, size);
    for (int64_t i = 0; i < s->m; i++) {
        const int64_t r = s->row[i] * s->coarse_stride;
        const double w = s->cell[2 * i], v = s->cell[2 * i + 1];
        __builtin_prefetch(s->coarse[0] +
                           s->row[i + AHEAD < s->m ? i + AHEAD : i] * s->coarse_stride);
        for (int l = 0; l < LANES; l++) {
            const int64_t k = s->coarse[l][r] * LANES + l;
            s->a[k] += w;
            s->b[k] += v;
            if (rows)
                s->c[k] += 1;
        }
    }
    if (rows)
        scan(s, 0, s->bins - 1, false, false, true);
    else
        scan(s, 0, s->bins - 1, false, false, false);
}
