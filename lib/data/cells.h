/* Columns of any type into one float table: what `dense` (when it converts) and `columns` share. */
#ifndef HONE_DATA_CELLS_H
#define HONE_DATA_CELLS_H

#include "data/draft.h"

/* Where the columns come from: a list, or an array of one type. */
typedef struct hone_cells {
    const hone_column *column; /* NULL: the array */
    const void *x;
    hone_dtype dtype;
    int64_t row_stride, col_stride;
    const bool *categorical;
} hone_cells;

/* Fills the draft's table, row-major: float32 when that is exact for the type of an array, or for
 * every value of a list, else float64. */
hone_status hone_cells_fill(hone_draft *draft, const hone_cells *cells, hone_error *error);

#endif
