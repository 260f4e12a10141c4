/* A table of doubles or floats, row by row and without gaps. */
#ifndef HONE_TESTS_DENSE_H
#define HONE_TESTS_DENSE_H

#include "hone/algorithm.h"

/* Borrows rows x cols `values`. */
static inline hone_matrix dense_of(hone_dtype dtype, const void *values, int64_t rows, int64_t cols)
{
    return (hone_matrix){.values = values,
                         .layout = HONE_DENSE,
                         .dtype = dtype,
                         .rows = rows,
                         .cols = cols,
                         .stored_cols = cols,
                         .row_stride = cols,
                         .col_stride = 1};
}

#endif
