/* Rows of any view: the only place that knows layouts and element types. */
#ifndef HONE_TOOLBOX_ROWS_H
#define HONE_TOOLBOX_ROWS_H

#include "toolbox/isa.h"

/* Rows [first, first + count) as a dense row-major tile, `out` with `stride` >= x->cols elements a
 * row; one-hot and sparse rows are expanded. */
void hone_rows_f32(const hone_matrix *x, int64_t first, int64_t count, float *out, int64_t stride);
void hone_rows_f64(const hone_matrix *x, int64_t first, int64_t count, double *out, int64_t stride);

/* Row i times w (cols): sparse and one-hot rows cost their non-zeros. */
double hone_row_dot(const hone_matrix *x, int64_t i, const double *w);
/* out[i * stride] = the same of row first + i, to the bit in every set. */
void hone_rows_dot(hone_isa isa, const hone_matrix *x, int64_t first, int64_t count,
                   const double *w, double *out, int64_t stride);
/* w += scale * row i. */
void hone_row_axpy(const hone_matrix *x, int64_t i, double scale, double *w);
/* The entries of row i that may differ from 0, in ascending columns; gives their number. Room for
 * hone_row_room(x, i) of them. */
int64_t hone_row_entries(const hone_matrix *x, int64_t i, int32_t *column, double *value);
int64_t hone_row_room(const hone_matrix *x, int64_t i);
/* Element (i, j) of the stored matrix as it lies there: a code in a categorical column, NaN when
 * missing. Dense and one-hot layouts; slow: for set-up, not for kernels. */
double hone_element(const hone_matrix *x, int64_t i, int64_t j);
/* No cell of a dense matrix is missing or infinite. */
bool hone_rows_finite(hone_isa isa, const hone_matrix *x);
/* Non-zeros that a pass over row i touches: cols when dense. */
int64_t hone_row_weight(const hone_matrix *x, int64_t i);

/* Of rows whose cells lie beside each other. */
/* clang-format off */
HONE_DECLARE(void, hone_dots_f32, (const hone_matrix *x, int64_t first, int64_t count, const double *w,
             double *out, int64_t stride));
HONE_DECLARE(void, hone_dots_f64, (const hone_matrix *x, int64_t first, int64_t count, const double *w,
             double *out, int64_t stride));
HONE_DECLARE(bool, hone_finite_f32, (const float *v, int64_t n));
HONE_DECLARE(bool, hone_finite_f64, (const double *v, int64_t n));
/* clang-format on */

#endif
