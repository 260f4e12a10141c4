/* Loss, gradient and products with the Hessian over sparse rows, in double: rows forward, columns
 * back. Coordinates are outputs x size, output by output.
 */
#ifndef HONE_TOOLBOX_LINEAR_SPARSE_H
#define HONE_TOOLBOX_LINEAR_SPARSE_H

#include "toolbox/linear/columns.h"
#include "toolbox/linear/pass.h"

typedef struct hone_sparse hone_sparse;

hone_sparse *hone_sparse_open(const hone_rows_loss *rows, const hone_columns *columns,
                              hone_arena *scratch);
/* Mean loss at v and its gradient; the curvature at v is kept for what follows. */
hone_status hone_sparse_slope(hone_sparse *sparse, const double *v, double *loss, double *g,
                              hone_error *error);
/* out = Hessian of the mean loss times d. */
hone_status hone_sparse_product(hone_sparse *sparse, const double *d, double *out,
                                hone_error *error);
/* Mean curvature of each output: the diagonal of the Hessian for columns of mean square 1. */
void hone_sparse_curvature(const hone_sparse *sparse, double *mean);

#endif
