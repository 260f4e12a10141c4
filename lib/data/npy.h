/* NumPy arrays in memory. */
#ifndef HONE_DATA_NPY_H
#define HONE_DATA_NPY_H

#include "data/read.h"

/* One or two dimensions; element (i, j) at values[i * row_stride + j * col_stride]. */
typedef struct hone_array {
    void *values; /* inside the bytes it was made from */
    hone_dtype dtype;
    int64_t rows, cols; /* one dimension: cols is 1 */
    int64_t row_stride, col_stride;
    bool flat; /* one dimension */
} hone_array;

/* Reads the header and makes the elements usable where they lie: bytes of the other order are
 * swapped, elements at odd addresses moved, text (dtype HONE_TEXT) decoded into `memory`.
 *
 * @param name  for messages
 * @return HONE_BAD_DATA, HONE_UNSUPPORTED an element type that no table has, HONE_NO_MEMORY */
hone_status hone_npy_parse(const char *name, unsigned char *bytes, int64_t size, hone_arena *memory,
                           hone_array *array, hone_error *error);

/* A dataset on `x` with the columns that the options ask for; `y` and `weight` may be NULL. */
hone_status hone_array_dataset(hone_reading *r, const hone_array *x, const hone_array *y,
                               const hone_array *weight, hone_dataset **dataset, hone_error *error);

/* Makes the dataset the owner of the memory behind `x` when its table lies there. Returns whether
 * it does. */
bool hone_array_give(const hone_array *x, hone_dataset *dataset, void (*release)(void *owner),
                     void *owner);

#endif
