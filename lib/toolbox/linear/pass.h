/* One pass over the rows of a linear fit: loss, gradient and Hessian at given coordinates.
 *
 * Coordinates v are outputs x size, output by output (design.h). The loss is the weighted mean, so
 * numbers are of the order of 1 whatever n and C are. Rows are cut into chunks by n and the size of
 * the result alone; partial results are added in chunk order: the same bits at any number of
 * threads.
 */
#ifndef HONE_TOOLBOX_LINEAR_PASS_H
#define HONE_TOOLBOX_LINEAR_PASS_H

#include "toolbox/linear/design.h"

typedef enum hone_loss { HONE_LOGISTIC, HONE_SOFTMAX, HONE_SQUARED, HONE_SQUARED_HINGE } hone_loss;

/* Which second derivatives: none, those within each output, or all. */
typedef enum hone_curvature { HONE_SLOPE, HONE_WITHIN_OUTPUTS, HONE_FULL } hone_curvature;

typedef struct hone_rows_loss {
    hone_matrix x;
    const hone_design *design;
    hone_loss loss;
    int64_t outputs;      /* 1 unless softmax */
    const int32_t *label; /* softmax */
    const double *y;      /* otherwise: -1 or 1, or the target */
    const double *weight; /* sum 1 */
    const hone_run *run;
} hone_rows_loss;

/* Divides positive weights by their sum, which may be beyond the range of numbers. */
void hone_mean_weights(double *weight, int64_t rows);

/* Room for passes, made once per fit. */
typedef struct hone_pass hone_pass;
hone_pass *hone_pass_open(const hone_rows_loss *rows, hone_curvature most, hone_arena *scratch);
/* Leading dimension of a full Hessian, or of each output's block. */
int64_t hone_pass_stride(const hone_pass *pass);
/* Bytes of a pass of this shape. */
int64_t hone_pass_bytes(int64_t rows, int64_t size, int64_t outputs, hone_curvature most);

/* Later passes look at every k-th tile alone, at least `rows` rows in all, and give the mean over
 * those, a problem near the whole one; how many rows that is. 0: too few rows or too little weight
 * for that; nothing changes. `rows` 0: at all again. */
int64_t hone_pass_sample(hone_pass *pass, int64_t rows);

/* Later Hessians over all rows are the mean over every k-th tile, at least `rows` rows: near the
 * whole one where no few rows decide a coordinate. Losses and gradients stay those of all rows.
 * `rows` 0, or too many for that: of all rows. */
void hone_pass_thin(hone_pass *pass, int64_t rows);
/* Whether a Hessian made now is of some rows only, unlike the gradient beside it. */
bool hone_pass_is_thin(const hone_pass *pass);

/* Mean loss at v, its gradient g (outputs x size) and, lower triangle, h: (outputs * size) rows for
 * HONE_FULL, outputs blocks of `size` rows for HONE_WITHIN_OUTPUTS. `exact`: in double from the
 * data, not in float from the panel. */
hone_status hone_pass_run(hone_pass *pass, const double *v, bool exact, hone_curvature wanted,
                          double *loss, double *g, double *h, hone_error *error);

/* After a pass that was opened with `hone_pass_keep`, from its coordinates: out = Hessian of the
 * mean loss times d, in float; the mean curvature of each output. */
bool hone_pass_keep(hone_pass *pass, hone_arena *scratch);
hone_status hone_pass_product(hone_pass *pass, const double *d, double *out, hone_error *error);
void hone_pass_curvature(const hone_pass *pass, double *mean);

#endif
