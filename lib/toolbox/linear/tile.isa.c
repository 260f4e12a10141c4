/* The kernels of tile.h for one instruction set: one body, twice. */
#include "toolbox/linear/tile.h"

#include <math.h>
#include <string.h>

/* Vectors never cross a call: everything below is inlined. */
#pragma GCC diagnostic ignored "-Wpsabi"

#define INLINE static inline __attribute__((always_inline))

/* 32 bytes, at any address. Without AVX the compiler makes two halves of each. */
typedef float float_vector __attribute__((vector_size(32), aligned(4), may_alias));
typedef double double_vector __attribute__((vector_size(32), aligned(8), may_alias));
typedef int32_t float_bits __attribute__((vector_size(32)));
typedef int64_t double_bits __attribute__((vector_size(32)));
typedef float half_vector __attribute__((vector_size(16), aligned(4), may_alias));

/* c += v, four or eight doubles. */
INLINE void add_f32(double *c, float_vector v)
{
    half_vector low, high;
    memcpy(&low, &v, sizeof low);
    memcpy(&high, (const char *)&v + sizeof low, sizeof high);
    *(double_vector *)c += __builtin_convertvector(low, double_vector);
    *(double_vector *)(c + 4) += __builtin_convertvector(high, double_vector);
}

INLINE void add_f64(double *c, double_vector v)
{
    *(double_vector *)c += v;
}

/* Lanes of `a` where the comparison held, of `b` elsewhere. */
INLINE float_vector choose_f32(float_bits held, float_vector a, float_vector b)
{
    return (float_vector)((held & (float_bits)a) | (~held & (float_bits)b));
}

INLINE double_vector choose_f64(double_bits held, double_vector a, double_vector b)
{
    return (double_vector)((held & (double_bits)a) | (~held & (double_bits)b));
}

/* exp(v) for v <= 0: 2^k times a Taylor polynomial on |v - k ln 2| <= ln 2 / 2; 0 far below. */
INLINE float_vector exp_f32(float_vector v)
{
    const float_vector low = (float_vector){0} - 87.0f;
    v = choose_f32(v > low, v, low);
    const float_vector shifted = v * 1.44269504f + 12582912.0f; /* 1.5 * 2^23 rounds */
    const float_vector k = shifted - 12582912.0f;
    const float_vector f = (v - k * 0.693359375f) + k * 2.12194440e-4f;
    float_vector p = f * (1.0f / 5040) + 1.0f / 720;
    p = p * f + 1.0f / 120;
    p = p * f + 1.0f / 24;
    p = p * f + 1.0f / 6;
    p = p * f + 0.5f;
    p = p * f + 1.0f;
    p = p * f + 1.0f;
    return p * (float_vector)(((float_bits)shifted << 23) + (127 << 23));
}

INLINE double_vector exp_f64(double_vector v)
{
    const double_vector low = (double_vector){0} - 708.0;
    v = choose_f64(v > low, v, low);
    const double_vector shifted = v * 1.4426950408889634 + 6755399441055744.0; /* 1.5 * 2^52 */
    const double_vector k = shifted - 6755399441055744.0;
    const double_vector f = (v - k * 0.693145751953125) - k * 1.42860682030941723212e-6;
    double_vector p = f * (1.0 / 6227020800) + 1.0 / 479001600;
    static const double inverse[] = {1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320,
                                     1.0 / 5040,     1.0 / 720,     1.0 / 120,    1.0 / 24,
                                     1.0 / 6,        0.5,           1.0,          1.0};
    for (int i = 0; i < 12; i++)
        p = p * f + inverse[i];
    return p * (double_vector)(((double_bits)shifted << 52) + (INT64_C(1023) << 52));
}

/* log(1 + e) for 0 <= e <= 1: 2 atanh(e / (2 + e)) by its series. */
INLINE float_vector log1p_f32(float_vector e)
{
    const float_vector u = e / (2 + e), v = u * u;
    float_vector p = (float_vector){0} + 1.0f / 17;
    for (int k = 15; k > 0; k -= 2)
        p = p * v + 1.0f / (float)k;
    return 2 * u * p;
}

INLINE double_vector log1p_f64(double_vector e)
{
    const double_vector u = e / (2 + e), v = u * u;
    double_vector p = (double_vector){0} + 1.0 / 35;
    for (int k = 33; k > 0; k -= 2)
        p = p * v + 1.0 / k;
    return 2 * u * p;
}

#define real float
#define vector float_vector
#define bits float_bits
#define WIDTH 8
#define T(name) HONE_GLUE(name, f32)
#include "toolbox/linear/tile.inc.h"
#undef real
#undef vector
#undef bits
#undef WIDTH
#undef T
#define real double
#define vector double_vector
#define bits double_bits
#define WIDTH 4
#define T(name) HONE_GLUE(name, f64)
#include "toolbox/linear/tile.inc.h"

void HONE_KERNEL(hone_tile_likely)(int64_t rows, int64_t k, int64_t kp, double *z)
{
    double all;
    for (int64_t i = 0; i < rows; i++)
        likely_f64(k, kp, z + i * kp, &all);
}

void HONE_KERNEL(hone_tile_odds)(int64_t rows, const double *z, double *out)
{
    for (int64_t i = 0; i < rows; i += 4) {
        double_vector t = {0};
        const int64_t some = rows - i < 4 ? rows - i : 4;
        memcpy(&t, z + i, (size_t)some * sizeof *z);
        const double_bits positive = t > 0;
        const double_vector e = exp_f64(choose_f64(positive, -t, t)), one = 1 / (1 + e);
        const double_vector likely = choose_f64(positive, one, e * one);
        const double_vector other = choose_f64(positive, e * one, one);
        for (int64_t l = 0; l < some; l++)
            out[2 * (i + l)] = other[l], out[2 * (i + l) + 1] = likely[l];
    }
}

void HONE_KERNEL(hone_tile_measure)(int64_t rows, int64_t d, const double *x, const double *first,
                                    double *low, double *high, double *sum, double *squares)
{
    for (int64_t j = 0; j < d; j += 4) {
        double_vector least = *(double_vector *)(low + j), most = *(double_vector *)(high + j);
        double_vector total = {0}, square = {0};
        const double_vector middle = *(const double_vector *)(first + j);
        for (int64_t i = 0; i < rows; i++) {
            const double_vector v = *(const double_vector *)(x + i * d + j), away = v - middle;
            least = choose_f64(v < least, v, least);
            most = choose_f64(v > most, v, most);
            total += away;
            square += away * away;
        }
        *(double_vector *)(low + j) = least, *(double_vector *)(high + j) = most;
        *(double_vector *)(sum + j) += total, *(double_vector *)(squares + j) += square;
    }
}

/* Four floats as doubles. */
INLINE double_vector widen(const float *x)
{
    half_vector v;
    memcpy(&v, x, sizeof v);
    return __builtin_convertvector(v, double_vector);
}

/* Cell j of a row, and four from there on, as doubles. */
INLINE double cell(const bool floats, const void *row, int64_t j)
{
    return floats ? (double)((const float *)row)[j] : ((const double *)row)[j];
}

INLINE double_vector cells(const bool floats, const void *row, int64_t j)
{
    return floats ? widen((const float *)row + j)
                  : *(const double_vector *)((const double *)row + j);
}

INLINE void measure_rows(const bool floats, int64_t rows, int64_t d, const void *const *x,
                         const double *first, double *low, double *high, double *sum,
                         double *squares)
{
    int64_t j = 0;
    for (; j + 4 <= d; j += 4) {
        double_vector least = *(double_vector *)(low + j), most = *(double_vector *)(high + j);
        double_vector total = {0}, square = {0};
        const double_vector middle = *(const double_vector *)(first + j);
        for (int64_t i = 0; i < rows; i++) {
            const double_vector v = cells(floats, x[i], j), away = v - middle;
            least = choose_f64(v < least, v, least);
            most = choose_f64(v > most, v, most);
            total += away;
            square += away * away;
        }
        *(double_vector *)(low + j) = least, *(double_vector *)(high + j) = most;
        *(double_vector *)(sum + j) += total, *(double_vector *)(squares + j) += square;
    }
    for (; j < d; j++) {
        double total = 0, square = 0;
        for (int64_t i = 0; i < rows; i++) {
            const double v = cell(floats, x[i], j), away = v - first[j];
            low[j] = v < low[j] ? v : low[j];
            high[j] = v > high[j] ? v : high[j];
            total += away;
            square += away * away;
        }
        sum[j] += total, squares[j] += square;
    }
}

void HONE_KERNEL(hone_tile_measure_rows)(bool floats, int64_t rows, int64_t d, const void *const *x,
                                         const double *first, double *low, double *high,
                                         double *sum, double *squares)
{
    if (floats)
        measure_rows(true, rows, d, x, first, low, high, sum, squares);
    else
        measure_rows(false, rows, d, x, first, low, high, sum, squares);
}

INLINE void take(const bool floats, int64_t rows, int64_t d, const void *const *x,
                 const double *shift, const double *inverse, int64_t base, float *out, int64_t ldo)
{
    for (int64_t i = 0; i < rows; i++, out += ldo) {
        int64_t j = 0;
        for (; j + 4 <= d; j += 4) {
            const double_vector v = (cells(floats, x[i], j) - *(const double_vector *)(shift + j)) *
                                    *(const double_vector *)(inverse + j);
            *(half_vector *)(out + j) = __builtin_convertvector(v, half_vector);
        }
        for (; j < d; j++)
            out[j] = (float)((cell(floats, x[i], j) - shift[j]) * inverse[j]);
        for (; j < ldo; j++)
            out[j] = j < base;
    }
}

void HONE_KERNEL(hone_tile_take)(bool floats, int64_t rows, int64_t d, const void *const *x,
                                 const double *shift, const double *inverse, int64_t base,
                                 float *out, int64_t ldo)
{
    if (floats)
        take(true, rows, d, x, shift, inverse, base, out, ldo);
    else
        take(false, rows, d, x, shift, inverse, base, out, ldo);
}

void HONE_KERNEL(hone_tile_enter_f64)(int64_t rows, int64_t d, const double *x, const double *shift,
                                      const double *inverse, double *out)
{
    for (int64_t i = 0; i < rows; i++, x += d, out += d)
        for (int64_t j = 0; j < d; j += 4)
            *(double_vector *)(out + j) =
                (*(const double_vector *)(x + j) - *(const double_vector *)(shift + j)) *
                *(const double_vector *)(inverse + j);
}

void HONE_KERNEL(hone_tile_enter_f32)(int64_t rows, int64_t d, const double *x, const double *shift,
                                      const double *inverse, float *out)
{
    for (int64_t i = 0; i < rows; i++, x += d, out += d)
        for (int64_t j = 0; j < d; j += 4) {
            const double_vector v =
                (*(const double_vector *)(x + j) - *(const double_vector *)(shift + j)) *
                *(const double_vector *)(inverse + j);
            *(half_vector *)(out + j) = __builtin_convertvector(v, half_vector);
        }
}
