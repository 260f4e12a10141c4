#include "toolbox/rows.h"

#include <math.h>
#include <string.h>

static inline double at(const hone_matrix *x, int64_t k)
{
    return x->dtype == HONE_F64 ? ((const double *)x->values)[k]
                                : (double)((const float *)x->values)[k];
}

/* Logical column of a one-hot cell, or -1: nothing is set. */
static inline int64_t hot(const hone_matrix *x, int64_t j, double code)
{
    return code >= 0 && code < x->levels[j] ? x->first[j] + (int64_t)code : -1;
}

/* Neighbouring cells in a loop of their own, which compilers make vectors of. */
#define COPY(type, source)                                                                         \
    {                                                                                              \
        const source *from = (const source *)x->values + base;                                     \
        for (int64_t j = 0; j < n && step == 1; j++)                                               \
            out[j] = (type)from[j];                                                                \
        for (int64_t j = 0; j < n && step != 1; j++)                                               \
            out[j] = (type)from[j * step];                                                         \
    }

#define ROWS(suffix, type)                                                                         \
    static void expand_##suffix(const hone_matrix *x, int64_t r, type *out)                        \
    {                                                                                              \
        memset(out, 0, (size_t)x->cols * sizeof *out);                                             \
        if (x->layout == HONE_CSR) {                                                               \
            for (int64_t k = x->row_start[r]; k < x->row_start[r + 1]; k++)                        \
                out[x->column[k]] = (type)at(x, k);                                                \
            return;                                                                                \
        }                                                                                          \
        for (int64_t j = 0; j < x->stored_cols; j++) {                                             \
            const double v = at(x, r * x->row_stride + j * x->col_stride);                         \
            const int64_t to = x->levels[j] ? hot(x, j, v) : x->first[j];                          \
            if (to >= 0)                                                                           \
                out[to] = x->levels[j] ? 1 : (type)v;                                              \
        }                                                                                          \
    }                                                                                              \
    static void copy_##suffix(const hone_matrix *x, int64_t r, type *out)                          \
    {                                                                                              \
        const int64_t base = r * x->row_stride, step = x->col_stride, n = x->cols;                 \
        if (x->dtype == HONE_F64)                                                                  \
            COPY(type, double)                                                                     \
        else                                                                                       \
            COPY(type, float)                                                                      \
    }                                                                                              \
    void hone_rows_##suffix(const hone_matrix *x, int64_t first, int64_t count, type *out,         \
                            int64_t stride)                                                        \
    {                                                                                              \
        for (int64_t i = 0; i < count; i++) {                                                      \
            const int64_t r = hone_row_id(x, first + i);                                           \
            if (x->layout == HONE_DENSE)                                                           \
                copy_##suffix(x, r, out + i * stride);                                             \
            else                                                                                   \
                expand_##suffix(x, r, out + i * stride);                                           \
        }                                                                                          \
    }

ROWS(f32, float)
ROWS(f64, double)

const double *hone_row_f64(const hone_matrix *x, int64_t i, double *buffer)
{
    if (x->layout == HONE_DENSE && x->dtype == HONE_F64 && x->col_stride == 1)
        return (const double *)x->values + hone_row_id(x, i) * x->row_stride;
    hone_rows_f64(x, i, 1, buffer, x->cols);
    return buffer;
}

/* Four sums, so that an addition need not wait for the one before it. */
#define DOT(type, name)                                                                            \
    static double name(const type *v, const double *w, int64_t n)                                  \
    {                                                                                              \
        double sum[4] = {0};                                                                       \
        int64_t j = 0;                                                                             \
        for (; j + 4 <= n; j += 4)                                                                 \
            for (int k = 0; k < 4; k++)                                                            \
                sum[k] += (double)v[j + k] * w[j + k];                                             \
        for (; j < n; j++)                                                                         \
            sum[j % 4] += (double)v[j] * w[j];                                                     \
        return (sum[0] + sum[2]) + (sum[1] + sum[3]);                                              \
    }
DOT(float, dot_f32)
DOT(double, dot_f64)

void hone_rows_dot(hone_isa isa, const hone_matrix *x, int64_t first, int64_t count,
                   const double *w, double *out, int64_t stride)
{
    if (x->layout == HONE_DENSE && x->col_stride == 1) {
        if (x->dtype == HONE_F64)
            HONE_PICK(isa, hone_dots_f64)(x, first, count, w, out, stride);
        else
            HONE_PICK(isa, hone_dots_f32)(x, first, count, w, out, stride);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        out[i * stride] = hone_row_dot(x, first + i, w);
}

bool hone_rows_finite(hone_isa isa, const hone_matrix *x)
{
    const bool beside = x->col_stride == 1;
    for (int64_t i = 0; i < x->rows; i++) {
        const int64_t row = hone_row_id(x, i) * x->row_stride;
        if (beside &&
            !(x->dtype == HONE_F64
                  ? HONE_PICK(isa, hone_finite_f64)((const double *)x->values + row, x->stored_cols)
                  : HONE_PICK(isa, hone_finite_f32)((const float *)x->values + row,
                                                    x->stored_cols)))
            return false;
        for (int64_t j = 0; j < x->stored_cols && !beside; j++)
            if (!isfinite(at(x, row + j * x->col_stride)))
                return false;
    }
    return true;
}

double hone_row_dot(const hone_matrix *x, int64_t i, const double *w)
{
    const int64_t r = hone_row_id(x, i);
    double sum = 0;
    if (x->layout == HONE_DENSE && x->col_stride == 1)
        return x->dtype == HONE_F64
                   ? dot_f64((const double *)x->values + r * x->row_stride, w, x->stored_cols)
                   : dot_f32((const float *)x->values + r * x->row_stride, w, x->stored_cols);
    if (x->layout == HONE_CSR) {
        for (int64_t k = x->row_start[r]; k < x->row_start[r + 1]; k++)
            sum += at(x, k) * w[x->column[k]];
        return sum;
    }
    for (int64_t j = 0; j < x->stored_cols; j++) {
        const double v = at(x, r * x->row_stride + j * x->col_stride);
        if (x->layout == HONE_DENSE) {
            sum += v * w[j];
            continue;
        }
        const int64_t to = x->levels[j] ? hot(x, j, v) : x->first[j];
        if (to >= 0)
            sum += x->levels[j] ? w[to] : v * w[to];
    }
    return sum;
}

void hone_row_axpy(const hone_matrix *x, int64_t i, double scale, double *w)
{
    const int64_t r = hone_row_id(x, i);
    if (x->layout == HONE_CSR) {
        for (int64_t k = x->row_start[r]; k < x->row_start[r + 1]; k++)
            w[x->column[k]] += scale * at(x, k);
        return;
    }
    for (int64_t j = 0; j < x->stored_cols; j++) {
        const double v = at(x, r * x->row_stride + j * x->col_stride);
        if (x->layout == HONE_DENSE) {
            w[j] += scale * v;
            continue;
        }
        const int64_t to = x->levels[j] ? hot(x, j, v) : x->first[j];
        if (to >= 0)
            w[to] += x->levels[j] ? scale : scale * v;
    }
}

double hone_element(const hone_matrix *x, int64_t i, int64_t j)
{
    return at(x, hone_row_id(x, i) * x->row_stride + j * x->col_stride);
}

int64_t hone_row_weight(const hone_matrix *x, int64_t i)
{
    if (x->layout != HONE_CSR)
        return x->stored_cols;
    const int64_t r = hone_row_id(x, i);
    return x->row_start[r + 1] - x->row_start[r];
}

int64_t hone_row_room(const hone_matrix *x, int64_t i)
{
    return x->layout == HONE_CSR ? hone_row_weight(x, i) : x->stored_cols;
}

int64_t hone_row_entries(const hone_matrix *x, int64_t i, int32_t *column, double *value)
{
    const int64_t r = hone_row_id(x, i);
    int64_t count = 0;
    if (x->layout == HONE_CSR) {
        for (int64_t k = x->row_start[r]; k < x->row_start[r + 1]; k++) {
            column[count] = x->column[k];
            value[count++] = at(x, k);
        }
        return count;
    }
    for (int64_t j = 0; j < x->stored_cols; j++) {
        const double v = at(x, r * x->row_stride + j * x->col_stride);
        const bool coded = x->layout == HONE_ONE_HOT && x->levels[j];
        const int64_t to = coded ? hot(x, j, v) : x->layout == HONE_ONE_HOT ? x->first[j] : j;
        if (to < 0 || (!coded && v == 0))
            continue;
        column[count] = (int32_t)to;
        value[count++] = coded ? 1 : v;
    }
    return count;
}
