/* Sums of bytes for `bound` of a module: doubles, which do not overflow. */
#ifndef HONE_TOOLBOX_BOUND_H
#define HONE_TOOLBOX_BOUND_H

#include "hone/algorithm.h"

/* Memory comes in chunks: what an allocation may cost beyond its size. */
enum { HONE_CHUNK_BYTES = 1 << 17 };

static inline int64_t hone_bytes_of(double bytes)
{
    return bytes < 0x1p62 ? (int64_t)bytes : INT64_C(1) << 62;
}

/* Numbers that stand in the rows of a view: entries of sparse rows, else all cells. */
static inline double hone_entries_of(const hone_matrix *x)
{
    if (x->layout != HONE_CSR)
        return (double)x->rows * (double)x->cols;
    double entries = 0;
    for (int64_t i = 0; i < x->rows; i++) {
        const int64_t r = x->row ? x->row[i] : i;
        entries += (double)(x->row_start[r + 1] - x->row_start[r]);
    }
    return entries;
}

#endif
