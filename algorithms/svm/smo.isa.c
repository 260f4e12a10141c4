/* The passes of an SMO iteration and the update of a gradient by kernel rows. Ties go to the lowest
 * index; sums have one fixed order. */
#include "smo.h"

#if defined(HONE_HAVE_AVX2)
#include <immintrin.h>
#endif

#define TINY 1e-12f /* least curvature */

#if defined(HONE_HAVE_AVX2)

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
    __m256d least[2] = {infinite, infinite};
    __m256d most[2] = {_mm256_set1_pd(-INFINITY), _mm256_set1_pd(-INFINITY)};
    __m256d at[2] = {_mm256_setr_pd(0, 1, 2, 3), _mm256_setr_pd(4, 5, 6, 7)};
    __m256d first[2] = {at[0], at[1]};
    for (int64_t t = 0; t < s->q; t += 8)
        for (int h = 0; h < 2; h++) {
            const int64_t u = t + 4 * h;
            const __m256d difference = _mm256_sub_pd(_mm256_cvtps_pd(_mm_loadu_ps(ki + u)),
                                                     _mm256_cvtps_pd(_mm_loadu_ps(kj + u)));
            const __m256d f = _mm256_fmadd_pd(step, difference, _mm256_loadu_pd(s->f + u));
            _mm256_storeu_pd(s->f + u, f);
            const __m256d up = _mm256_add_pd(f, _mm256_cvtps_pd(_mm_loadu_ps(s->up + u)));
            const __m256d low = _mm256_add_pd(f, _mm256_cvtps_pd(_mm_loadu_ps(s->low + u)));
            const __m256d better = _mm256_cmp_pd(up, least[h], _CMP_LT_OQ);
            least[h] = _mm256_min_pd(up, least[h]);
            first[h] = _mm256_blendv_pd(first[h], at[h], better);
            at[h] = _mm256_add_pd(at[h], _mm256_set1_pd(8));
            most[h] = _mm256_max_pd(low, most[h]);
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
    __m256 best = _mm256_setzero_ps();
    __m256i first = _mm256_set1_epi32(-1), at = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    for (int64_t t = 0; t < s->q; t += 8) {
        const __m128 a = _mm256_cvtpd_ps(_mm256_sub_pd(_mm256_loadu_pd(s->f + t), from));
        const __m128 b = _mm256_cvtpd_ps(_mm256_sub_pd(_mm256_loadu_pd(s->f + t + 4), from));
        const __m256 gap = _mm256_add_ps(_mm256_set_m128(b, a), _mm256_loadu_ps(s->low + t));
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

void HONE_KERNEL(svm_move)(const smo *s, double delta, const float *ki, const float *kj,
                           smo_ends *ends)
{
    *ends = (smo_ends){.i = 0, .least = INFINITY, .most = -INFINITY};
    for (int64_t t = 0; t < s->q; t++) {
        s->f[t] += delta * ((double)ki[t] - (double)kj[t]);
        const double up = s->f[t] + (double)s->up[t], low = s->f[t] + (double)s->low[t];
        if (up < ends->least) {
            ends->least = up;
            ends->i = t;
        }
        ends->most = low > ends->most ? low : ends->most;
    }
}

int64_t HONE_KERNEL(svm_partner)(const smo *s, double least, const float *ki, float diagonal)
{
    float best = 0;
    int64_t found = -1;
    for (int64_t t = 0; t < s->q; t++) {
        const float gap = (float)(s->f[t] - least) + s->low[t];
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
