/* Register tiles of 12 queries x 16 points, and exp of a row.
 *
 * Sums run over the dimensions in ascending order with one accumulator per pair, so a pair's bits
 * do not depend on its place. AVX2 takes the tile as two halves of 6 x 16 (12 accumulators),
 * AVX-512 whole; the portable body adds in the same order without fused products.
 */
#include <string.h>

#include "toolbox/panels.h"

#if defined(HONE_HAVE_AVX2)
#include <immintrin.h>
#endif

/* Dimensions per pass: a panel's part and a tile's part stay in the first-level cache. */
enum { DEPTH = 256, L = HONE_LANES, T = HONE_TILE };

/* One tile against one panel over `depth` dimensions. */
typedef struct pass {
    const float *q, *x;
    int64_t depth;
    bool first, last; /* start from zero; apply the norms */
    const float *qnorm, *xnorm;
    float *out;
    int64_t stride;
} pass;

#if defined(HONE_HAVE_AVX512)

#define ROWS T
typedef __m512 vector;
enum { PARTS = 1, WIDTH = 16 };

static inline vector zero(void)
{
    return _mm512_setzero_ps();
}

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

static inline vector step(hone_measure measure, vector q, vector x, vector sum)
{
    if (measure == HONE_INNER || measure == HONE_SQUARE)
        return _mm512_fmadd_ps(q, x, sum);
    const vector gap = _mm512_abs_ps(_mm512_sub_ps(q, x));
    return measure == HONE_MANHATTAN ? _mm512_add_ps(sum, gap) : _mm512_max_ps(sum, gap);
}

static inline vector square(vector sum, vector qnorm, vector xnorm)
{
    const vector d = _mm512_fnmadd_ps(_mm512_set1_ps(2), sum, _mm512_add_ps(qnorm, xnorm));
    return _mm512_max_ps(d, _mm512_setzero_ps());
}

#elif defined(HONE_HAVE_AVX2)

#define ROWS 6
typedef __m256 vector;
enum { PARTS = 2, WIDTH = 8 };

static inline vector zero(void)
{
    return _mm256_setzero_ps();
}

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

static inline vector step(hone_measure measure, vector q, vector x, vector sum)
{
    if (measure == HONE_INNER || measure == HONE_SQUARE)
        return _mm256_fmadd_ps(q, x, sum);
    const vector gap = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), _mm256_sub_ps(q, x));
    return measure == HONE_MANHATTAN ? _mm256_add_ps(sum, gap) : _mm256_max_ps(sum, gap);
}

static inline vector square(vector sum, vector qnorm, vector xnorm)
{
    const vector d = _mm256_fnmadd_ps(_mm256_set1_ps(2), sum, _mm256_add_ps(qnorm, xnorm));
    return _mm256_max_ps(d, _mm256_setzero_ps());
}

#else

#define ROWS 4
typedef float vector;
enum { PARTS = 16, WIDTH = 1 };

static inline vector zero(void)
{
    return 0;
}

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

static inline vector step(hone_measure measure, vector q, vector x, vector sum)
{
    if (measure == HONE_INNER || measure == HONE_SQUARE)
        return sum + q * x;
    const vector gap = __builtin_fabsf(q - x);
    return measure == HONE_MANHATTAN ? sum + gap : sum > gap ? sum : gap;
}

static inline vector square(vector sum, vector qnorm, vector xnorm)
{
    const vector d = (qnorm + xnorm) - 2 * sum;
    return d > 0 ? d : 0;
}

#endif

/* ROWS queries from row `r` of the tile against the panel. */
static inline __attribute__((always_inline)) void part(hone_measure measure, const pass *p, int r)
{
    vector sum[ROWS][PARTS];
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < PARTS; j++)
            sum[i][j] = p->first ? zero() : load(p->out + (r + i) * p->stride + j * WIDTH);
    const float *q = p->q + r, *x = p->x;
    for (int64_t k = 0; k < p->depth; k++, q += T, x += L) {
        vector point[PARTS];
        for (int j = 0; j < PARTS; j++)
            point[j] = load(x + j * WIDTH);
        for (int i = 0; i < ROWS; i++) {
            const vector query = every(q[i]);
            for (int j = 0; j < PARTS; j++)
                sum[i][j] = step(measure, query, point[j], sum[i][j]);
        }
    }
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < PARTS; j++) {
            vector v = sum[i][j];
            if (measure == HONE_SQUARE && p->last)
                v = square(v, every(p->qnorm[r + i]), load(p->xnorm + j * WIDTH));
            store(p->out + (r + i) * p->stride + j * WIDTH, v);
        }
}

#define TILE(name, measure)                                                                        \
    static void name(const pass *p, int rows)                                                      \
    {                                                                                              \
        for (int r = 0; r < rows; r += ROWS)                                                       \
            part(measure, p, r);                                                                   \
    }
TILE(inner_tile, HONE_INNER)
TILE(square_tile, HONE_SQUARE)
TILE(manhattan_tile, HONE_MANHATTAN)
TILE(chebyshev_tile, HONE_CHEBYSHEV)

typedef void (*tile_body)(const pass *p, int rows);

/* All tiles against one panel; a tile that is not full goes through `spare`. */
static void against(tile_body body, const hone_queries *q, pass p, float *out, int64_t stride,
                    int64_t from)
{
    _Alignas(64) float spare[T * L];
    const int64_t tiles = (q->m + T - 1) / T, d = q->d;
    for (int64_t t = 0; t < tiles; t++) {
        const int rows = (int)(q->m - t * T < T ? q->m - t * T : T);
        float *to = out + t * T * stride;
        p.q = q->x + (t * d + from) * T;
        p.qnorm = q->norm + t * T;
        p.out = rows < T ? spare : to;
        p.stride = rows < T ? L : stride;
        for (int i = 0; rows < T && !p.first && i < rows; i++)
            memcpy(spare + i * L, to + i * stride, sizeof(float) * L);
        body(&p, rows);
        for (int i = 0; rows < T && i < rows; i++)
            memcpy(to + i * stride, spare + i * L, sizeof(float) * L);
    }
}

/* One query alone against `P` panels: as many sums as hide the latency of a step. */
static inline __attribute__((always_inline)) void alone(hone_measure measure, const hone_queries *q,
                                                        const float *x, const float *xnorm,
                                                        float *out, int P)
{
    const int64_t d = q->d;
    vector sum[4][PARTS];
    for (int p = 0; p < P; p++)
        for (int j = 0; j < PARTS; j++)
            sum[p][j] = zero();
    for (int64_t k = 0; k < d; k++) {
        const vector query = every(q->x[k * T]);
        for (int p = 0; p < P; p++)
            for (int j = 0; j < PARTS; j++)
                sum[p][j] = step(measure, query, load(x + (p * d + k) * L + j * WIDTH), sum[p][j]);
    }
    for (int p = 0; p < P; p++)
        for (int j = 0; j < PARTS; j++) {
            vector v = sum[p][j];
            if (measure == HONE_SQUARE)
                v = square(v, every(q->norm[0]), load(xnorm + p * L + j * WIDTH));
            store(out + p * L + j * WIDTH, v);
        }
}

#define ALONE(name, measure)                                                                       \
    static void name(const hone_queries *q, const hone_panels *panels, int64_t first,              \
                     int64_t count, float *out)                                                    \
    {                                                                                              \
        const float *x = panels->x + first * panels->d * L, *norm = panels->norm + first * L;      \
        int64_t p = 0;                                                                             \
        for (; p + 4 <= count; p += 4)                                                             \
            alone(measure, q, x + p * panels->d * L, norm + p * L, out + p * L, 4);                \
        for (; p < count; p++)                                                                     \
            alone(measure, q, x + p * panels->d * L, norm + p * L, out + p * L, 1);                \
    }
ALONE(inner_alone, HONE_INNER)
ALONE(square_alone, HONE_SQUARE)
ALONE(manhattan_alone, HONE_MANHATTAN)
ALONE(chebyshev_alone, HONE_CHEBYSHEV)

typedef void (*alone_body)(const hone_queries *q, const hone_panels *panels, int64_t first,
                           int64_t count, float *out);

void HONE_KERNEL(hone_measure_tiles)(hone_measure measure, const hone_queries *q,
                                     const hone_panels *panels, int64_t first, int64_t count,
                                     float *out, int64_t stride)
{
    static const tile_body bodies[] = {inner_tile, square_tile, manhattan_tile, chebyshev_tile};
    static const alone_body lone[] = {inner_alone, square_alone, manhattan_alone, chebyshev_alone};
    const int64_t d = panels->d;
    if (q->m == 1) {
        lone[measure](q, panels, first, count, out);
        return;
    }
    for (int64_t p = 0; p < count; p++)
        for (int64_t from = 0; from < (d ? d : 1); from += DEPTH) {
            const int64_t depth = d - from < DEPTH ? d - from : DEPTH;
            const pass one = {.x = panels->x + ((first + p) * d + from) * L,
                              .depth = depth,
                              .first = from == 0,
                              .last = from + depth == d,
                              .xnorm = panels->norm + (first + p) * L};
            against(bodies[measure], q, one, out + p * L, stride, from);
        }
}

void HONE_KERNEL(hone_panel_norms)(const float *x, int64_t d, float *norm)
{
    for (int j = 0; j < PARTS; j++) {
        vector sum = zero();
        for (int64_t k = 0; k < d; k++) {
            const vector v = load(x + k * L + j * WIDTH);
            sum = step(HONE_INNER, v, v, sum);
        }
        store(norm + j * WIDTH, sum);
    }
}

void HONE_KERNEL(hone_tile_norms)(const float *q, int64_t d, float *norm)
{
    for (int i = 0; i < T; i++) {
        _Alignas(64) float sums[L] = {0};
        vector sum = zero();
        for (int64_t k = 0; k < d; k++) {
            const vector v = every(q[k * T + i]);
            sum = step(HONE_INNER, v, v, sum);
        }
        store(sums, sum);
        norm[i] = sums[0];
    }
}

/* exp(x) - less = 2^n (exp(r) - 1) + (2^n - less), |r| <= ln 2 / 2: nothing cancels when `less` is
 * 1. The polynomial is Cephes' (Moshier). */
#define LOG2E 1.44269504088896341f
#define LN2_HIGH 0.693359375f
#define LN2_LOW -2.12194440e-4f
#define LOWEST -86.64f

#if defined(HONE_HAVE_AVX512)

void HONE_KERNEL(hone_exp_kernel)(float *v, int64_t n, float scale, float less)
{
    for (int64_t i = 0; i < n; i += WIDTH) {
        const __m512 x = _mm512_mul_ps(_mm512_loadu_ps(v + i), every(scale));
        const __m512 y = _mm512_max_ps(x, every(LOWEST));
        const __m512 whole = _mm512_roundscale_ps(_mm512_mul_ps(y, every(LOG2E)), 0);
        const __m512 r =
            _mm512_fnmadd_ps(whole, every(LN2_LOW), _mm512_fnmadd_ps(whole, every(LN2_HIGH), y));
        __m512 p = every(1.9875691500e-4f);
        p = _mm512_fmadd_ps(p, r, every(1.3981999507e-3f));
        p = _mm512_fmadd_ps(p, r, every(8.3334519073e-3f));
        p = _mm512_fmadd_ps(p, r, every(4.1665795894e-2f));
        p = _mm512_fmadd_ps(p, r, every(1.6666665459e-1f));
        p = _mm512_fmadd_ps(p, r, every(5.0000001201e-1f));
        p = _mm512_fmadd_ps(p, _mm512_mul_ps(r, r), r);
        const __mmask16 low = _mm512_cmp_ps_mask(x, every(LOWEST), _CMP_LT_OQ);
        const __m512 power = _mm512_maskz_scalef_ps(~low, every(1), whole);
        _mm512_storeu_ps(v + i, _mm512_fmadd_ps(power, p, _mm512_sub_ps(power, every(less))));
    }
}

#elif defined(HONE_HAVE_AVX2)

void HONE_KERNEL(hone_exp_kernel)(float *v, int64_t n, float scale, float less)
{
    for (int64_t i = 0; i < n; i += WIDTH) {
        const __m256 x = _mm256_mul_ps(_mm256_loadu_ps(v + i), every(scale));
        const __m256 y = _mm256_max_ps(x, every(LOWEST));
        const __m256 whole = _mm256_round_ps(_mm256_mul_ps(y, every(LOG2E)),
                                             _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        const __m256 r =
            _mm256_fnmadd_ps(whole, every(LN2_LOW), _mm256_fnmadd_ps(whole, every(LN2_HIGH), y));
        __m256 p = every(1.9875691500e-4f);
        p = _mm256_fmadd_ps(p, r, every(1.3981999507e-3f));
        p = _mm256_fmadd_ps(p, r, every(8.3334519073e-3f));
        p = _mm256_fmadd_ps(p, r, every(4.1665795894e-2f));
        p = _mm256_fmadd_ps(p, r, every(1.6666665459e-1f));
        p = _mm256_fmadd_ps(p, r, every(5.0000001201e-1f));
        p = _mm256_fmadd_ps(p, _mm256_mul_ps(r, r), r);
        const __m256i exponent =
            _mm256_add_epi32(_mm256_cvtps_epi32(whole), _mm256_set1_epi32(127));
        const __m256 low = _mm256_cmp_ps(x, every(LOWEST), _CMP_LT_OQ);
        const __m256 power =
            _mm256_andnot_ps(low, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
        _mm256_storeu_ps(v + i, _mm256_fmadd_ps(power, p, _mm256_sub_ps(power, every(less))));
    }
}

#else

void HONE_KERNEL(hone_exp_kernel)(float *v, int64_t n, float scale, float less)
{
    const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    for (int64_t i = 0; i < n; i++) {
        const float x = v[i] * scale, y = x > LOWEST ? x : LOWEST;
        const float whole = (y * LOG2E + shift) - shift;
        const float r = (y - whole * LN2_HIGH) - whole * LN2_LOW;
        float p = 1.9875691500e-4f;
        p = p * r + 1.3981999507e-3f;
        p = p * r + 8.3334519073e-3f;
        p = p * r + 4.1665795894e-2f;
        p = p * r + 1.6666665459e-1f;
        p = p * r + 5.0000001201e-1f;
        p = p * (r * r) + r;
        const uint32_t bits = (uint32_t)((int32_t)whole + 127) << 23;
        float power;
        memcpy(&power, &bits, sizeof power);
        if (x < LOWEST)
            power = 0;
        v[i] = power * p + (power - less);
    }
}

#endif
