/* A register tile of 12 queries x 16 points that keeps only what may be near.
 *
 * Sums run over the dimensions in ascending order from the point's `start`. A value is compared
 * with its query's bound while it is in its register; few pass, and only those are stored. AVX2
 * takes the tile as two halves of 6 x 16 (12 accumulators), AVX-512 whole.
 */
#include "knn.h"

#if defined(HONE_HAVE_AVX2)
#include <immintrin.h>
#endif

enum { INNER, GAPS, LARGEST, DIFFERENT };

#if defined(HONE_HAVE_AVX512)

#define ROWS TILE
typedef __m512 vector;
enum { PARTS = 1, WIDTH = 16 };

static inline vector load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void store(float *p, vector v)
{
    _mm512_storeu_ps(p, v);
}

static inline vector every(float v)
{
    return _mm512_set1_ps(v);
}

static inline vector plus(vector a, vector b)
{
    return _mm512_add_ps(a, b);
}

static inline vector step(int kind, vector q, vector x, vector sum)
{
    if (kind == INNER)
        return _mm512_fmadd_ps(q, x, sum);
    if (kind == DIFFERENT)
        return _mm512_mask_add_ps(sum, _mm512_cmp_ps_mask(q, x, _CMP_NEQ_OQ), sum, every(1));
    const vector gap = _mm512_abs_ps(_mm512_sub_ps(q, x));
    return kind == GAPS ? _mm512_add_ps(sum, gap) : _mm512_max_ps(sum, gap);
}

typedef unsigned within;

static inline within passing(vector v, float bound)
{
    return _mm512_cmp_ps_mask(v, every(bound), _CMP_LE_OQ);
}

static inline unsigned bits(within w)
{
    return w;
}

#elif defined(HONE_HAVE_AVX2)

#define ROWS 6
typedef __m256 vector;
enum { PARTS = 2, WIDTH = 8 };

static inline vector load(const float *p)
{
    return _mm256_loadu_ps(p);
}

static inline void store(float *p, vector v)
{
    _mm256_storeu_ps(p, v);
}

static inline vector every(float v)
{
    return _mm256_set1_ps(v);
}

static inline vector plus(vector a, vector b)
{
    return _mm256_add_ps(a, b);
}

static inline vector step(int kind, vector q, vector x, vector sum)
{
    if (kind == INNER)
        return _mm256_fmadd_ps(q, x, sum);
    if (kind == DIFFERENT)
        return _mm256_add_ps(sum, _mm256_and_ps(_mm256_cmp_ps(q, x, _CMP_NEQ_OQ), every(1)));
    const vector gap = _mm256_andnot_ps(every(-0.0f), _mm256_sub_ps(q, x));
    return kind == GAPS ? _mm256_add_ps(sum, gap) : _mm256_max_ps(sum, gap);
}

typedef __m256 within;

static inline within passing(vector v, float bound)
{
    return _mm256_cmp_ps(v, every(bound), _CMP_LE_OQ);
}

static inline unsigned bits(within w)
{
    return (unsigned)_mm256_movemask_ps(w);
}

#else

#define ROWS 4
typedef float vector;
enum { PARTS = 16, WIDTH = 1 };

static inline vector load(const float *p)
{
    return *p;
}

static inline void store(float *p, vector v)
{
    *p = v;
}

static inline vector every(float v)
{
    return v;
}

static inline vector plus(vector a, vector b)
{
    return a + b;
}

static inline vector step(int kind, vector q, vector x, vector sum)
{
    if (kind == INNER)
        return sum + q * x;
    if (kind == DIFFERENT)
        return sum + (float)(q != x);
    const vector gap = __builtin_fabsf(q - x);
    return kind == GAPS ? sum + gap : sum > gap ? sum : gap;
}

typedef unsigned within;

static inline within passing(vector v, float bound)
{
    return v <= bound;
}

static inline unsigned bits(within w)
{
    return w;
}

#endif

/* What one query keeps of a panel. */
static void keep(knn_tile *t, int i, const float *values, unsigned mask, int32_t first)
{
    const int64_t at = i * t->room;
    for (; mask; mask &= mask - 1) {
        const int lane = __builtin_ctz(mask);
        t->values[at + t->used[i]] = values[lane];
        t->points[at + t->used[i]++] = first + lane;
    }
}

/* ROWS queries from row `r` against a panel; `panel` is its number. */
static inline __attribute__((always_inline)) void
part(int kind, int64_t d, const float *x, const float *start, int64_t panel, knn_tile *t, int r)
{
    vector sum[ROWS][PARTS];
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < PARTS; j++)
            sum[i][j] = kind == LARGEST ? every(0) : load(start + j * WIDTH);
    const float *q = t->q + r;
    for (int64_t k = 0; k < d; k++, q += TILE, x += LANES) {
        vector point[PARTS];
        for (int j = 0; j < PARTS; j++)
            point[j] = load(x + j * WIDTH);
        for (int i = 0; i < ROWS; i++) {
            const vector query = every(q[i]);
            for (int j = 0; j < PARTS; j++)
                sum[i][j] = step(kind, query, point[j], sum[i][j]);
        }
    }
    unsigned any = 0;
    unsigned mask[ROWS];
    for (int i = 0; i < ROWS; i++) {
        mask[i] = 0;
        for (int j = 0; j < PARTS; j++) {
            if (kind == LARGEST)
                sum[i][j] = plus(sum[i][j], load(start + j * WIDTH));
            mask[i] |= bits(passing(sum[i][j], t->bound[r + i])) << (j * WIDTH);
        }
        any |= mask[i];
    }
    if (!any)
        return;
    for (int i = 0; i < ROWS; i++) {
        float values[LANES];
        if (!mask[i])
            continue;
        for (int j = 0; j < PARTS; j++)
            store(values + j * WIDTH, sum[i][j]);
        keep(t, r + i, values, mask[i], (int32_t)(panel * LANES));
    }
}

static bool has_room(const knn_tile *t)
{
    int32_t most = 0;
    for (int i = 0; i < TILE; i++)
        most = t->used[i] > most ? t->used[i] : most;
    return most + LANES <= t->room;
}

#define MEET(name, kind)                                                                           \
    static int64_t name(const knn_points *p, int64_t first, int64_t count, knn_tile *t)            \
    {                                                                                              \
        const int64_t d = p->rule.d;                                                               \
        int64_t done = 0;                                                                          \
        for (; done < count && has_room(t); done++) {                                              \
            const int64_t panel = first + done;                                                    \
            for (int r = 0; r < t->rows; r += ROWS)                                                \
                part(kind, d, p->x + panel * d * LANES, p->start + panel * LANES, panel, t, r);    \
        }                                                                                          \
        return done;                                                                               \
    }
MEET(meet_inner, INNER)
MEET(meet_gaps, GAPS)
MEET(meet_largest, LARGEST)
MEET(meet_different, DIFFERENT)

int64_t HONE_KERNEL(knn_near)(const knn_points *p, int64_t first, int64_t count, knn_tile *t)
{
    switch (p->rule.metric) {
    case MANHATTAN:
        return meet_gaps(p, first, count, t);
    case CHEBYSHEV:
        return meet_largest(p, first, count, t);
    case HAMMING:
        return meet_different(p, first, count, t);
    default:
        return meet_inner(p, first, count, t);
    }
}
