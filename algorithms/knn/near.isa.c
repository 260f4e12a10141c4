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

enum { INNER, GAPS, LARGEST, DIFFERENT, PLACES, POWERS };

/* Sums stay in registers only where every index of theirs is a constant. */
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 16")
#endif

#if defined(HONE_HAVE_AVX512)

#define ROWS TILE
typedef __m512 vector;
typedef int32_t integer __attribute__((vector_size(64)));
typedef uint32_t natural __attribute__((vector_size(64)));
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

static inline vector minus(vector a, vector b)
{
    return _mm512_sub_ps(a, b);
}

static inline vector larger(vector a, vector b)
{
    return _mm512_max_ps(a, b);
}

static inline vector over(vector a, vector b)
{
    return _mm512_div_ps(a, b);
}

static inline vector apart(vector q, vector x)
{
    return _mm512_abs_ps(_mm512_sub_ps(q, x));
}

/* |q - x|, at most 1; NaN where either is. */
static inline vector gap_of(vector q, vector x)
{
    return _mm512_min_ps(every(1), apart(q, x));
}

/* `v` where `gap` is a number, else 0. */
static inline vector where_number(vector gap, vector v)
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(gap, gap, _CMP_ORD_Q), v);
}

static inline vector step(int kind, vector q, vector x, vector sum)
{
    if (kind == INNER)
        return _mm512_fmadd_ps(q, x, sum);
    if (kind == DIFFERENT)
        return _mm512_mask_add_ps(sum, _mm512_cmp_ps_mask(q, x, _CMP_NEQ_OQ), sum, every(1));
    const vector gap = apart(q, x);
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
typedef int32_t integer __attribute__((vector_size(32)));
typedef uint32_t natural __attribute__((vector_size(32)));
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

static inline vector minus(vector a, vector b)
{
    return _mm256_sub_ps(a, b);
}

static inline vector larger(vector a, vector b)
{
    return _mm256_max_ps(a, b);
}

static inline vector over(vector a, vector b)
{
    return _mm256_div_ps(a, b);
}

static inline vector apart(vector q, vector x)
{
    return _mm256_andnot_ps(every(-0.0f), _mm256_sub_ps(q, x));
}

static inline vector gap_of(vector q, vector x)
{
    return _mm256_min_ps(every(1), apart(q, x));
}

static inline vector where_number(vector gap, vector v)
{
    return _mm256_and_ps(_mm256_cmp_ps(gap, gap, _CMP_ORD_Q), v);
}

static inline vector step(int kind, vector q, vector x, vector sum)
{
    if (kind == INNER)
        return _mm256_fmadd_ps(q, x, sum);
    if (kind == DIFFERENT)
        return _mm256_add_ps(sum, _mm256_and_ps(_mm256_cmp_ps(q, x, _CMP_NEQ_OQ), every(1)));
    const vector gap = apart(q, x);
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
typedef int32_t integer;
typedef uint32_t natural;
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

static inline vector minus(vector a, vector b)
{
    return a - b;
}

static inline vector larger(vector a, vector b)
{
    return a > b ? a : b;
}

static inline vector over(vector a, vector b)
{
    return a / b;
}

static inline vector apart(vector q, vector x)
{
    return __builtin_fabsf(q - x);
}

static inline vector gap_of(vector q, vector x)
{
    const vector gap = apart(q, x);
    return gap > 1 ? 1 : gap;
}

static inline vector where_number(vector gap, vector v)
{
    return gap == gap ? v : 0;
}

static inline vector step(int kind, vector q, vector x, vector sum)
{
    if (kind == INNER)
        return sum + q * x;
    if (kind == DIFFERENT)
        return sum + (float)(q != x);
    const vector gap = apart(q, x);
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

#include "toolbox/power.inc.h"

/* Another column of a sum; of PLACES the columns that are there are counted. */
static inline __attribute__((always_inline)) void take(int kind, const knn_points *p, vector q,
                                                       vector x, vector *sum, vector *count)
{
    if (kind == POWERS) {
        *sum = plus(*sum, hone_raised(apart(q, x), &p->power));
    } else if (kind == PLACES) {
        const vector gap = gap_of(q, x);
        *sum = plus(*sum, where_number(gap, gap));
        *count = plus(*count, where_number(gap, every(1)));
    } else {
        *sum = step(kind, q, x, *sum);
    }
}

static inline bool starts_late(int kind)
{
    return kind == LARGEST || kind == PLACES || kind == POWERS;
}

/* The value of a sum whose start is not in it yet; a mean of no columns is 1. */
static inline __attribute__((always_inline)) vector value_of(int kind, const knn_points *p,
                                                             vector sum, vector count, vector start)
{
    if (kind == POWERS)
        sum = hone_raised(sum, &p->root);
    if (kind == PLACES) {
        const vector none = larger(minus(every(1), count), every(0));
        sum = over(plus(sum, none), plus(count, none));
    }
    return starts_late(kind) ? plus(sum, start) : sum;
}

/* What one query keeps of a panel. */
static __attribute__((noinline)) void keep(knn_tile *t, int i, const float *values, unsigned mask,
                                           int32_t first)
{
    const int64_t at = i * t->room;
    int32_t used = t->used[i];
    for (; mask; mask &= mask - 1, used++) {
        const int lane = __builtin_ctz(mask);
        t->values[at + used] = values[lane];
        t->points[at + used] = first + lane;
    }
    t->used[i] = used;
    t->most = used > t->most ? used : t->most;
}

/* ROWS queries from row `r` against a panel; `panel` is its number. */
static inline __attribute__((always_inline)) void part(int kind, const knn_points *p,
                                                       const float *x, const float *start,
                                                       int64_t panel, knn_tile *t, int r)
{
    const int64_t d = p->rule.d;
    vector sum[ROWS][PARTS], count[ROWS][PARTS];
    UNROLLED
    for (int i = 0; i < ROWS; i++)
        UNROLLED
    for (int j = 0; j < PARTS; j++) {
        sum[i][j] = starts_late(kind) ? every(0) : load(start + j * WIDTH);
        count[i][j] = every(0);
    }
    const float *q = t->q + r;
    for (int64_t k = 0; k < d; k++, q += TILE, x += LANES) {
        vector point[PARTS];
        UNROLLED
        for (int j = 0; j < PARTS; j++)
            point[j] = load(x + j * WIDTH);
        UNROLLED
        for (int i = 0; i < ROWS; i++) {
            const vector query = every(q[i]);
            UNROLLED
            for (int j = 0; j < PARTS; j++)
                take(kind, p, query, point[j], &sum[i][j], &count[i][j]);
        }
    }
    unsigned any = 0, mask[ROWS];
    UNROLLED
    for (int i = 0; i < ROWS; i++) {
        mask[i] = 0;
        UNROLLED
        for (int j = 0; j < PARTS; j++) {
            sum[i][j] = value_of(kind, p, sum[i][j], count[i][j], load(start + j * WIDTH));
            mask[i] |= bits(passing(sum[i][j], t->bound[r + i])) << (j * WIDTH);
        }
        any |= mask[i];
    }
    if (!any)
        return;
    UNROLLED
    for (int i = 0; i < ROWS; i++)
        if (mask[i]) {
            float values[LANES];
            UNROLLED
            for (int j = 0; j < PARTS; j++)
                store(values + j * WIDTH, sum[i][j]);
            keep(t, r + i, values, mask[i], (int32_t)(panel * LANES));
        }
}

/* One query against TOGETHER panels: sums of several panels hide the latency of a step. */
enum { TOGETHER = 4 };

static inline __attribute__((always_inline)) void
alone(int kind, const knn_points *p, const float *x, const float *start, int64_t panel, knn_tile *t)
{
    const int64_t d = p->rule.d;
    vector sum[TOGETHER][PARTS], count[TOGETHER][PARTS];
    UNROLLED
    for (int i = 0; i < TOGETHER; i++)
        UNROLLED
    for (int j = 0; j < PARTS; j++) {
        sum[i][j] = starts_late(kind) ? every(0) : load(start + i * LANES + j * WIDTH);
        count[i][j] = every(0);
    }
    for (int64_t k = 0; k < d; k++) {
        const vector query = every(t->q[k * TILE]);
        UNROLLED
        for (int i = 0; i < TOGETHER; i++)
            UNROLLED
        for (int j = 0; j < PARTS; j++)
            take(kind, p, query, load(x + (i * d + k) * LANES + j * WIDTH), &sum[i][j],
                 &count[i][j]);
    }
    UNROLLED
    for (int i = 0; i < TOGETHER; i++) {
        unsigned mask = 0;
        UNROLLED
        for (int j = 0; j < PARTS; j++) {
            sum[i][j] =
                value_of(kind, p, sum[i][j], count[i][j], load(start + i * LANES + j * WIDTH));
            mask |= bits(passing(sum[i][j], t->bound[0])) << (j * WIDTH);
        }
        if (mask) {
            float values[LANES];
            UNROLLED
            for (int j = 0; j < PARTS; j++)
                store(values + j * WIDTH, sum[i][j]);
            keep(t, 0, values, mask, (int32_t)((panel + i) * LANES));
        }
    }
}

#define MEET(name, kind)                                                                           \
    static int64_t name(const knn_points *p, int64_t first, int64_t count, knn_tile *t)            \
    {                                                                                              \
        const int64_t d = p->rule.d;                                                               \
        const float *x = p->x + first * d * LANES, *start = p->start + first * LANES;              \
        int64_t done = 0;                                                                          \
        for (; t->rows == 1 && done + TOGETHER <= count && t->most + TOGETHER * LANES <= t->room;  \
             done += TOGETHER)                                                                     \
            alone(kind, p, x + done * d * LANES, start + done * LANES, first + done, t);           \
        for (; done < count && t->most + LANES <= t->room; done++)                                 \
            for (int r = 0; r < t->rows; r += ROWS)                                                \
                part(kind, p, x + done * d * LANES, start + done * LANES, first + done, t, r);     \
        return done;                                                                               \
    }
MEET(meet_inner, INNER)
MEET(meet_gaps, GAPS)
MEET(meet_largest, LARGEST)
MEET(meet_different, DIFFERENT)
MEET(meet_places, PLACES)
MEET(meet_powers, POWERS)

int64_t HONE_KERNEL(knn_near)(const knn_points *p, int64_t first, int64_t count, knn_tile *t)
{
    switch (p->rule.metric) {
    case MANHATTAN:
        return meet_gaps(p, first, count, t);
    case CHEBYSHEV:
        return meet_largest(p, first, count, t);
    case HAMMING:
        return meet_different(p, first, count, t);
    case GOWER:
        return meet_places(p, first, count, t);
    case MINKOWSKI:
        return meet_powers(p, first, count, t);
    default:
        return meet_inner(p, first, count, t);
    }
}

/* ---- the k-th ---- */

static int64_t count_within(const float *v, int64_t n, float bound)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i += WIDTH)
        count += __builtin_popcount(bits(passing(load(v + i), bound)));
    return count;
}

/* Bisection by counting has no branch that depends on a value; its steps are few, and bounded. */
float HONE_KERNEL(knn_kth)(const float *v, int64_t n, int64_t k, int64_t spare)
{
    enum { STEPS = 40 };
    float low = v[0], high = v[0];
    for (int64_t i = 1; i < n; i++) {
        low = v[i] < low ? v[i] : low;
        high = v[i] > high && v[i] < INFINITY ? v[i] : high;
    }
    if (count_within(v, n, low) >= k)
        return low;
    for (int step = 0; step < STEPS; step++) {
        const float middle = low / 2 + high / 2;
        if (!(middle > low && middle < high))
            break;
        const int64_t count = count_within(v, n, middle);
        if (count < k) {
            low = middle;
        } else {
            high = middle;
            if (count <= k + spare)
                break;
        }
    }
    return high;
}

/* ---- boxes ---- */

static inline __attribute__((always_inline)) void
reach(int kind, int64_t d, const float *box, const float *low, const float *high, float *out)
{
    vector sum[PARTS];
    for (int j = 0; j < PARTS; j++)
        sum[j] = every(0);
    for (int64_t k = 0; k < d; k++, box += 2, low += LANES, high += LANES)
        for (int j = 0; j < PARTS; j++) {
            const vector under = minus(every(box[0]), load(high + j * WIDTH));
            const vector over = minus(load(low + j * WIDTH), every(box[1]));
            const vector gap = larger(larger(under, over), every(0));
            sum[j] = kind == INNER  ? step(INNER, gap, gap, sum[j])
                     : kind == GAPS ? plus(sum[j], gap)
                                    : larger(sum[j], gap);
        }
    for (int j = 0; j < PARTS; j++)
        store(out + j * WIDTH, sum[j]);
}

void HONE_KERNEL(knn_reach)(const knn_points *p, const float *box, const knn_tile *t, float *out)
{
    const int64_t d = p->rule.d;
    if (p->rule.metric == MANHATTAN)
        reach(GAPS, d, box, t->low, t->high, out);
    else if (p->rule.metric == CHEBYSHEV)
        reach(LARGEST, d, box, t->low, t->high, out);
    else
        reach(INNER, d, box, t->low, t->high, out);
}
