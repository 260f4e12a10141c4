/** hone/data.h - views of memory. A view owns nothing and copies nothing. */
#ifndef HONE_DATA_H
#define HONE_DATA_H

#include <stdbool.h>
#include <stdint.h>

/** Element types. A matrix of an algorithm holds HONE_F32 or HONE_F64; a dataset is made from any.
 * Numbers are part of the model file: append only. */
typedef enum hone_dtype {
    HONE_F32 = 1,
    HONE_F64,
    HONE_U8,
    HONE_U16,
    HONE_U32,
    HONE_I32,
    HONE_I64,
    HONE_I8,
    HONE_I16,
    HONE_U64,
    HONE_BOOLEAN, /**< one byte, 0 or 1 */
    HONE_TEXT,    /**< const char *, UTF-8; NULL is missing */
    HONE_F16      /**< IEEE 754 half precision; a dataset holds it as float32 */
} hone_dtype;

typedef enum hone_task { HONE_CLASSIFICATION = 1, HONE_REGRESSION = 2 } hone_task;

typedef enum hone_layout { HONE_DENSE, HONE_CSR, HONE_ONE_HOT } hone_layout;

/** A read-only matrix. Row i of the view is row `row[i]` of the storage, so that a fold, a
 * bootstrap or a budget prefix is a view and not a copy. Only toolbox verbs look at `values`.
 *
 * Dense:    element (i, j) is values[row[i] * row_stride + j * col_stride]; NaN is missing.
 * CSR:      row r holds values[k] in column[k] for k in [row_start[r], row_start[r + 1]).
 * One-hot:  dense storage; a column with levels[j] = L > 0 holds a code in [0, L) and stands for
 *           L columns of 0 and 1 (a code that is missing or outside: all 0); `first[j]` is its
 *           first logical column.
 */
typedef struct hone_matrix {
    const void *values;
    hone_layout layout;
    hone_dtype dtype;         /**< of `values`: HONE_F32 or HONE_F64 */
    int64_t rows, cols;       /**< logical */
    int64_t stored_cols;      /**< columns in memory; = cols unless one-hot */
    int64_t row_stride;       /**< dense, in elements */
    int64_t col_stride;       /**< dense, in elements */
    const int64_t *row;       /**< row numbers in the storage; NULL: i */
    const int32_t *levels;    /**< stored_cols: 0 numeric, L categorical; NULL: all numeric */
    const int64_t *first;     /**< one-hot: stored_cols + 1 logical column numbers */
    const int64_t *row_start; /**< CSR: offsets into `column` and `values` */
    const int32_t *column;    /**< CSR: ascending within a row */
    bool finite;              /**< it is known that no cell is missing or infinite */
} hone_matrix;

/** Row of the storage that is row `i` of the view: the index into what is shared by a table. */
static inline int64_t hone_row_id(const hone_matrix *x, int64_t i)
{
    return x->row ? x->row[i] : i;
}

/** Levels of stored column `j`; 0: numeric. */
static inline int32_t hone_levels(const hone_matrix *x, int64_t j)
{
    return x->levels ? x->levels[j] : 0;
}

#endif
