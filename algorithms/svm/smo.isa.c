/* The passes of an SMO iteration and the update of a gradient by kernel rows. Ties go to the lowest
 * index; sums have one fixed order. */
#include "smo.h"

#if defined(HONE_HAVE_AVX2)
#include <immintrin.h>
#endif

#define TINY 1e-12f /* least curvature */

#if defined(HONE_HAVE_AVX512)

/* Floats that are asked for ahead: rows come from memory, and no hardware looks beyond a page. */
enum { AHEAD = 512 };

static inline __m512d widen(const float *at)
{
    return _mm512_cvtps_pd(_mm256_loadu_ps(at));
}

void HONE_KERNEL(svm_move)(const smo *s, double delta, const float *ki, const float *kj,
                           smo_ends *ends)
{
    const __m512d step = _mm512_set1_pd(delta), infinite = _mm512_set1_pd(INFINITY);
    __m512d least[2] = {infinite, infinite};
    __m512d most[2] = {_mm512_set1_pd(-INFINITY), _mm512_set1_pd(-INFINITY)};
    __m512i at[2] = {_mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7),
                     _mm512_setr_epi64(8, 9, 10, 11, 12, 13, 14, 15)};
    __m512i first[2] = {at[0], at[1]};
    for (int64_t t = 0; t < s->q; t += 16) {
        const unsigned up = s->up[t / 16], low = s->low[t / 16];
        _mm_prefetch((const char *)(kj + t + AHEAD), _MM_HINT_T0);
        for (int h = 0; h < 2; h++) {
            const int64_t u = t + 8 * h;
            const __m512d difference = _mm512_sub_pd(widen(ki + u), widen(kj + u));
            const __m512d f = _mm512_fmadd_pd(step, difference, _mm512_loadu_pd(s->f + u));
            _mm512_storeu_pd(s->f + u, f);
            const __mmask8 rises = (__mmask8)(up >> (8 * h)), falls = (__mmask8)(low >> (8 * h));
            const __mmask8 better = _mm512_mask_cmp_pd_mask(rises, f, least[h], _CMP_LT_OQ);
            least[h] = _mm512_mask_mov_pd(least[h], better, f);
            first[h] = _mm512_mask_mov_epi64(first[h], better, at[h]);
            at[h] = _mm512_add_epi64(at[h], _mm512_set1_epi64(16));
            most[h] = _mm512_mask_max_pd(most[h], falls, most[h], f);
        }
    }
    ends->least = _mm512_reduce_min_pd(_mm512_min_pd(least[0], least[1]));
    ends->most = _mm512_reduce_max_pd(_mm512_max_pd(most[0], most[1]));
    __m512i found = _mm512_set1_epi64(INT64_MAX);
    for (int h = 0; h < 2; h++) {
        const __mmask8 best = _mm512_cmp_pd_mask(least[h], _mm512_set1_pd(ends->least), _CMP_EQ_OQ);
        found = _mm512_mask_min_epi64(found, best, found, first[h]);
    }
    ends->i = _mm512_reduce_min_epi64(found);
}

static inline __attribute__((always_inline)) int64_t
find(const smo *s, double least, const float *ki, float diagonal, bool even)
{
    const __m512d from = _mm512_set1_pd(least);
    const __m512 own = _mm512_set1_ps(diagonal), two = _mm512_set1_ps(2);
    const __m512 twice = _mm512_add_ps(own, own);
    __m512 best = _mm512_setzero_ps();
    __m512i first = _mm512_set1_epi32(-1);
    __m512i at = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (int64_t t = 0; t < s->q; t += 16) {
        _mm_prefetch((const char *)(ki + t + AHEAD), _MM_HINT_T0);
        const __m256 a = _mm512_cvtpd_ps(_mm512_sub_pd(_mm512_loadu_pd(s->f + t), from));
        const __m256 b = _mm512_cvtpd_ps(_mm512_sub_pd(_mm512_loadu_pd(s->f + t + 8), from));
        const __m512 gap = _mm512_insertf32x8(_mm512_castps256_ps512(a), b, 1);
        const __m512 self = even ? twice : _mm512_add_ps(own, _mm512_loadu_ps(s->diagonal + t));
        const __m512 curve = _mm512_max_ps(_mm512_fnmadd_ps(two, _mm512_loadu_ps(ki + t), self),
                                           _mm512_set1_ps(TINY));
        const __m512 positive = _mm512_maskz_max_ps(s->low[t / 16], gap, _mm512_setzero_ps());
        const __m512 gain = _mm512_div_ps(_mm512_mul_ps(positive, positive), curve);
        const __mmask16 better = _mm512_cmp_ps_mask(gain, best, _CMP_GT_OQ);
        best = _mm512_mask_mov_ps(best, better, gain);
        first = _mm512_mask_mov_epi32(first, better, at);
        at = _mm512_add_epi32(at, _mm512_set1_epi32(16));
    }
    const float most = _mm512_reduce_max_ps(best);
    const __mmask16 equal = _mm512_cmp_ps_mask(best, _mm512_set1_ps(most), _CMP_EQ_OQ);
    return most > 0 ? _mm512_mask_reduce_min_epi32(equal, first) : -1;
}

int64_t HONE_KERNEL(svm_partner)(const smo *s, double least, const float *ki, float diagonal)
{
    return s->even ? find(s, least, ki, diagonal, true) : find(s, least, ki, diagonal, false);
}

#elif defined(HONE_HAVE_AVX2)

/* Lanes of four bits. */
static inline __m256d lanes_of(unsigned bits)
{
    const __m256i each = _mm256_setr_epi64x(1, 2, 4, 8);
    const __m256i own = _mm256_and_si256(_mm256_set1_epi64x(bits), each);
    return _mm256_castsi256_pd(_mm256_cmpeq_epi64(own, each));
}

/* The better of two lanes' finds: smaller value, then smaller index. */
static void reduce(__m256d value, __m256d index, smo_ends *ends)
{
    double v[4], i[4];
    _mm256_storeu_pd(v, value);
    _mm256_storeu_pd(i, index);
    for (int l = 0; l < 4; l++)
        if (v[l] < ends->least || (v[l] == ends->least && (int64_t)i[l] < ends->i)) {
            ends->least = v[l];
            ends->i = (int64_t)i[l];
        }
}

void HONE_KERNEL(svm_move)(const smo *s, double delta, const float *ki, const float *kj,
                           smo_ends *ends)
{
    const __m256d step = _mm256_set1_pd(delta), infinite = _mm256_set1_pd(INFINITY);
    const __m256d lowest = _mm256_set1_pd(-INFINITY);
    __m256d least[2] = {infinite, infinite}, most[2] = {lowest, lowest};
    __m256d at[2] = {_mm256_setr_pd(0, 1, 2, 3), _mm256_setr_pd(4, 5, 6, 7)};
    __m256d first[2] = {at[0], at[1]};
    for (int64_t t = 0; t < s->q; t += 8)
        for (int h = 0; h < 2; h++) {
            const int64_t u = t + 4 * h;
            const __m256d difference = _mm256_sub_pd(_mm256_cvtps_pd(_mm_loadu_ps(ki + u)),
                                                     _mm256_cvtps_pd(_mm_loadu_ps(kj + u)));
            const __m256d f = _mm256_fmadd_pd(step, difference, _mm256_loadu_pd(s->f + u));
            _mm256_storeu_pd(s->f + u, f);
            const __m256d rises = lanes_of((unsigned)s->up[t / 16] >> u % 16);
            const __m256d falls = lanes_of((unsigned)s->low[t / 16] >> u % 16);
            const __m256d up = _mm256_blendv_pd(infinite, f, rises);
            const __m256d better = _mm256_cmp_pd(up, least[h], _CMP_LT_OQ);
            least[h] = _mm256_min_pd(up, least[h]);
            first[h] = _mm256_blendv_pd(first[h], at[h], better);
            at[h] = _mm256_add_pd(at[h], _mm256_set1_pd(8));
            most[h] = _mm256_max_pd(_mm256_blendv_pd(lowest, f, falls), most[h]);
        }
    *ends = (smo_ends){.i = 0, .least = INFINITY, .most = -INFINITY};
    reduce(least[0], first[0], ends);
    reduce(least[1], first[1], ends);
    double m[4];
    _mm256_storeu_pd(m, _mm256_max_pd(most[0], most[1]));
    for (int l = 0; l < 4; l++)
        ends->most = m[l] > ends->most ? m[l] : ends->most;
}

int64_t HONE_KERNEL(svm_partner)(const smo *s, double least, const float *ki, float diagonal)
{
    const __m256d from = _mm256_set1_pd(least);
    const __m256 own = _mm256_set1_ps(diagonal), two = _mm256_set1_ps(2);
    const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    __m256 best = _mm256_setzero_ps();
    __m256i first = _mm256_set1_epi32(-1), at = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    for (int64_t t = 0; t < s->q; t += 8) {
        const __m256i low = _mm256_set1_epi32(s->low[t / 16] >> t % 16);
        const __m256i falls = _mm256_cmpeq_epi32(_mm256_and_si256(low, bits), bits);
        const __m128 a = _mm256_cvtpd_ps(_mm256_sub_pd(_mm256_loadu_pd(s->f + t), from));
        const __m128 b = _mm256_cvtpd_ps(_mm256_sub_pd(_mm256_loadu_pd(s->f + t + 4), from));
        const __m256 gap = _mm256_and_ps(_mm256_set_m128(b, a), _mm256_castsi256_ps(falls));
        const __m256 self = _mm256_add_ps(own, _mm256_loadu_ps(s->diagonal + t));
        const __m256 curve = _mm256_max_ps(_mm256_fnmadd_ps(two, _mm256_loadu_ps(ki + t), self),
                                           _mm256_set1_ps(TINY));
        const __m256 positive = _mm256_max_ps(gap, _mm256_setzero_ps());
        const __m256 gain = _mm256_div_ps(_mm256_mul_ps(positive, positive), curve);
        const __m256 better = _mm256_cmp_ps(gain, best, _CMP_GT_OQ);
        best = _mm256_blendv_ps(best, gain, better);
        first = _mm256_blendv_epi8(first, at, _mm256_castps_si256(better));
        at = _mm256_add_epi32(at, _mm256_set1_epi32(8));
    }
    float v[8];
    int32_t i[8];
    _mm256_storeu_ps(v, best);
    _mm256_storeu_si256((__m256i *)i, first);
    int32_t found = -1;
    float most = 0;
    for (int l = 0; l < 8; l++)
        if (v[l] > most || (v[l] == most && i[l] >= 0 && i[l] < found)) {
            most = v[l];
            found = i[l];
        }
    return found;
}

#else

static bool has(const uint16_t *of, int64_t t)
{
    return of[t / 16] >> t % 16 & 1;
}

void HONE_KERNEL(svm_move)(const smo *s, double delta, const float *ki, const float *kj,
                           smo_ends *ends)
{
    *ends = (smo_ends){.i = 0, .least = INFINITY, .most = -INFINITY};
    for (int64_t t = 0; t < s->q; t++) {
        const double f = s->f[t] += delta * ((double)ki[t] - (double)kj[t]);
        if (has(s->up, t) && f < ends->least) {
            ends->least = f;
            ends->i = t;
        }
        if (has(s->low, t) && f > ends->most)
            ends->most = f;
    }
}

int64_t HONE_KERNEL(svm_partner)(const smo *s, double least, const float *ki, float diagonal)
{
    float best = 0;
    int64_t found = -1;
    for (int64_t t = 0; t < s->q; t++) {
        const float gap = has(s->low, t) ? (float)(s->f[t] - least) : 0;
        const float self = diagonal + s->diagonal[t], curve = self - 2 * ki[t];
        const float positive = gap > 0 ? gap : 0;
        const float gain = positive * positive / (curve > TINY ? curve : TINY);
        if (gain > best) {
            best = gain;
            found = t;
        }
    }
    return found;
}

#endif

#if defined(HONE_HAVE_AVX2)

#if defined(HONE_HAVE_AVX512)

typedef __m512d doubles;
enum { D = 8 };

static inline doubles every(double v)
{
    return _mm512_set1_pd(v);
}

static inline doubles load(const double *p)
{
    return _mm512_loadu_pd(p);
}

static inline void store(double *p, doubles v)
{
    _mm512_storeu_pd(p, v);
}

/* sum + weight * row[0 .. D) */
static inline doubles add(doubles weight, const float *row, doubles sum)
{
    return _mm512_fmadd_pd(weight, _mm512_cvtps_pd(_mm256_loadu_ps(row)), sum);
}

#else

typedef __m256d doubles;
enum { D = 4 };

static inline doubles every(double v)
{
    return _mm256_set1_pd(v);
}

static inline doubles load(const double *p)
{
    return _mm256_loadu_pd(p);
}

static inline void store(double *p, doubles v)
{
    _mm256_storeu_pd(p, v);
}

static inline doubles add(doubles weight, const float *row, doubles sum)
{
    return _mm256_fmadd_pd(weight, _mm256_cvtps_pd(_mm_loadu_ps(row)), sum);
}

#endif

void HONE_KERNEL(svm_update)(double *g, int64_t n, const float *const *row, const double *weight,
                             int64_t rows)
{
    enum { R = 8 };
    int64_t r = 0;
    for (; r + R <= rows; r += R) {
        doubles w[R];
        const float *from[R];
        for (int z = 0; z < R; z++) {
            w[z] = every(weight[r + z]);
            from[z] = row[r + z];
        }
        for (int64_t t = 0; t < n; t += D) {
            doubles sum = load(g + t);
            for (int z = 0; z < R; z++)
                sum = add(w[z], from[z] + t, sum);
            store(g + t, sum);
        }
    }
    for (; r < rows; r++)
        for (int64_t t = 0; t < n; t += D)
            store(g + t, add(every(weight[r]), row[r] + t, load(g + t)));
}

#else

void HONE_KERNEL(svm_update)(double *g, int64_t n, const float *const *row, const double *weight,
                             int64_t rows)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t t = 0; t < n; t++)
            g[t] += weight[r] * (double)row[r][t];
}

#endif

/* Loops that compilers turn into vectors. */
void HONE_KERNEL(svm_panel_product)(const float *x, int64_t d, const double *w, double *out)
{
    double sum[16] = {0};
    for (int64_t k = 0; k < d; k++)
        for (int l = 0; l < 16; l++)
            sum[l] += w[k] * (double)x[k * 16 + l];
    for (int l = 0; l < 16; l++)
        out[l] += sum[l];
}
