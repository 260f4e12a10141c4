/* Elements of the caller's vectors, whatever their type, stride and validity bitmap. */
#ifndef HONE_DATA_VECTOR_H
#define HONE_DATA_VECTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "hone/dataset.h"

/* Bytes of one element; 0: no such type. */
size_t hone_dtype_size(hone_dtype dtype);
/* Floating point of any width. */
bool hone_dtype_real(hone_dtype dtype);
/* Whole numbers: every integer type and booleans. */
bool hone_dtype_whole(hone_dtype dtype);
/* Whether float32 holds every value of the type. */
bool hone_dtype_fits_f32(hone_dtype dtype);

/* A vector that can be read: known type, aligned. `rows` elements must not overflow the address
 * space. BAD_ARGUMENT else, at `path`. */
hone_status hone_vector_check(const hone_vector *v, int64_t rows, const char *path,
                              hone_error *error);

/* The bitmap says that element i is absent. (NaN and a NULL text are missing too.) */
bool hone_vector_absent(const hone_vector *v, int64_t i);
/* Elements [first, first + count) as numbers; missing is NaN. Not for text. */
void hone_vector_numbers(const hone_vector *v, int64_t first, int64_t count, double *out);
/* Element of a whole type; false: missing, or above INT64_MAX (`*overflow` is set). */
bool hone_vector_integer(const hone_vector *v, int64_t i, int64_t *out, bool *overflow);
/* Element of a text vector; NULL: missing. */
const char *hone_vector_text(const hone_vector *v, int64_t i);

#endif
