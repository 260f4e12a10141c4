/* Dense rows of neighbouring cells: products with a vector, and whether each cell is a number. */
#include <string.h>

#include "toolbox/rows.h"

/* Vectors never cross a call: everything below is inlined. */
#pragma GCC diagnostic ignored "-Wpsabi"

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 4, TOGETHER = 4 };

typedef double double_vector __attribute__((vector_size(32), aligned(8), may_alias));
typedef float half_vector __attribute__((vector_size(16), aligned(4), may_alias));

INLINE double_vector wide_f32(const float *v)
{
    half_vector cells;
    memcpy(&cells, v, sizeof cells);
    return __builtin_convertvector(cells, double_vector);
}

INLINE double_vector wide_f64(const double *v)
{
    return *(const double_vector *)v;
}

/* (v[0] + v[2]) + (v[1] + v[3]) of four vectors at once. */
INLINE double_vector totals(const double_vector v[TOGETHER])
{
    double_vector half[2];
    for (int k = 0; k < 2; k++)
        half[k] = __builtin_shufflevector(v[2 * k], v[2 * k + 1], 0, 1, 4, 5) +
                  __builtin_shufflevector(v[2 * k], v[2 * k + 1], 2, 3, 6, 7);
    return __builtin_shufflevector(half[0], half[1], 0, 2, 4, 6) +
           __builtin_shufflevector(half[0], half[1], 1, 3, 5, 7);
}

/* Rows beside each other: their cells come from memory at the same time. Each has four sums, of
 * columns j % 4, as hone_row_dot has; the last few rows are taken twice over. */
#define DOTS(type, suffix)                                                                         \
    INLINE double_vector dots_##suffix(const type *const *row, const double *w, int64_t n)         \
    {                                                                                              \
        double_vector sum[TOGETHER] = {0};                                                         \
        const int64_t vectors = n / LANES * LANES;                                                 \
        for (int64_t j = 0; j < vectors; j += LANES) {                                             \
            const double_vector right = *(const double_vector *)(w + j);                           \
            for (int r = 0; r < TOGETHER; r++)                                                     \
                sum[r] += wide_##suffix(row[r] + j) * right;                                       \
        }                                                                                          \
        for (int r = 0; r < TOGETHER; r++)                                                         \
            for (int64_t j = vectors; j < n; j++)                                                  \
                sum[r][j % LANES] += (double)row[r][j] * w[j];                                     \
        return totals(sum);                                                                        \
    }                                                                                              \
    void HONE_KERNEL(hone_dots_##suffix)(const hone_matrix *x, int64_t first, int64_t count,       \
                                         const double *w, double *out, int64_t stride)             \
    {                                                                                              \
        for (int64_t i = 0; i < count; i += TOGETHER) {                                            \
            const type *row[TOGETHER];                                                             \
            const int64_t some = count - i < TOGETHER ? count - i : TOGETHER;                      \
            for (int64_t r = 0; r < TOGETHER; r++)                                                 \
                row[r] = (const type *)x->values +                                                 \
                         hone_row_id(x, first + i + (r < some ? r : 0)) * x->row_stride;           \
            const double_vector sum = dots_##suffix(row, w, x->stored_cols);                       \
            for (int64_t r = 0; r < some; r++)                                                     \
                out[(i + r) * stride] = sum[r];                                                    \
        }                                                                                          \
    }
DOTS(float, f32)
DOTS(double, f64)

/* A cell less itself is 0 unless it is missing or infinite; without a branch, so that it is
 * vectors. */
#define FINITE(type, word, suffix)                                                                 \
    bool HONE_KERNEL(hone_finite_##suffix)(const type *v, int64_t n)                               \
    {                                                                                              \
        word odd = 0;                                                                              \
        for (int64_t j = 0; j < n; j++)                                                            \
            odd |= v[j] - v[j] != 0;                                                               \
        return !odd;                                                                               \
    }
FINITE(float, int32_t, f32)
FINITE(double, int64_t, f64)
