/* Distances that are no product of matrices: column by column, so that no table of rows x points x
 * columns is ever made. */
#include "interop/onnx.h"

/* Column k of what each pair of rows adds, rows x n. */
static const char *gap_of(hone_onnx *g, const char *x, int64_t k, const char *column,
                          hone_onnx_gap gap, const char *power)
{
    const char *own = hone_onnx_columns(g, x, &k, 1);
    if (gap == GAP_DIFFER) {
        const char *same = hone_onnx_call(g, "Equal", own, column);
        return hone_onnx_cast(g, hone_onnx_call(g, "Not", same, NULL), ONNX_DOUBLE);
    }
    const char *apart = hone_onnx_call(g, "Abs", hone_onnx_call(g, "Sub", own, column), NULL);
    return gap == GAP_POWERS ? hone_onnx_call(g, "Pow", apart, power) : apart;
}

const char *hone_onnx_gaps(hone_onnx *g, const char *x, const double *points, int64_t n, int64_t d,
                           hone_onnx_gap gap, double power)
{
    double *column = HONE_RAW(g->arena, double, n, 1);
    if (!column)
        return NULL;
    const char *p = gap == GAP_POWERS ? hone_onnx_number(g, power) : NULL;
    const char *sum = NULL;
    for (int64_t k = 0; k < d; k++) {
        for (int64_t i = 0; i < n; i++)
            column[i] = points[i * d + k];
        const char *one = gap_of(g, x, k, hone_onnx_doubles(g, column, 1, n), gap, p);
        sum = sum ? hone_onnx_call(g, gap == GAP_LARGEST ? "Max" : "Add", sum, one) : one;
    }
    return sum;
}
