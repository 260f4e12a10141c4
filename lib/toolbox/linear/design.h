/* The rows of a linear fit in the coordinates that its solver works in: numeric columns centred and
 * scaled, a column of ones for the intercept, then columns of two values, most of them the same:
 * levels of one-hot columns, and dense columns that are alike. Of those only the cells that differ
 * from the common value are kept, as marks.
 * The change of coordinates is exact, so the optimum is that of the given data; only the condition
 * of the problem changes.
 *
 * v = w * scale, intercept' = intercept + sum(w * shift): hone_design_enter and _leave.
 */
#ifndef HONE_TOOLBOX_LINEAR_DESIGN_H
#define HONE_TOOLBOX_LINEAR_DESIGN_H

#include "hone/derived.h"
#include "toolbox/isa.h"

typedef struct hone_design {
    int64_t rows;
    int64_t size;    /* coordinates of one output */
    int64_t numeric; /* the first ones; then the intercept if there is one */
    int64_t base;    /* numeric + intercept: coordinates of the panel */
    int64_t stride;  /* of the panel: base, padded */
    bool intercept;
    bool dense;            /* not sparse rows */
    double *shift, *scale; /* size; of marks the common value, and from there to the other one */
    double *inverse;       /* numeric, padded: 1 / scale */
    int64_t *column;       /* size: logical column; -1: the intercept */
    int32_t *stored;       /* numeric: column in memory */
    float *panel; /* scaled rows, rows x stride; NULL for sparse rows, and for dense ones without
                     marks whose cells lie beside each other: tiles are made on the way, with the
                     same bits */
    int64_t *mark_start; /* rows + 1; NULL: no marks */
    int32_t *mark;       /* coordinates that are 1, ascending within a row */
} hone_design;

/* Coordinates that a row touches, on average. */
static inline double hone_design_touched(const hone_design *d)
{
    const double marks = d->mark ? (double)d->mark_start[d->rows] : 0;
    return (double)d->base + (d->rows ? marks / (double)d->rows : 0);
}

/* Of the training rows, shared by trials. */
hone_status hone_design_of_rows(hone_shared *shared, bool intercept, const hone_design **design,
                                hone_error *error);
/* Of other rows, in job->keep: only x, run, keep and scratch of the job count. */
hone_status hone_design_build(const hone_fit_job *job, bool intercept, hone_design *design,
                              hone_error *error);

/* Scaled rows [first, first + rows) of the panel; `buffer` has rows x stride elements. */
const float *hone_design_tile_f32(const hone_design *design, const hone_matrix *x, hone_isa isa,
                                  int64_t first, int64_t rows, float *buffer);
/* The same from the data themselves, in double. */
const double *hone_design_tile_f64(const hone_design *design, const hone_matrix *x, hone_isa isa,
                                   int64_t first, int64_t rows, double *buffer);

/* Between coefficients w (cols, then the intercept) and coordinates v (size). */
void hone_design_enter(const hone_design *design, int64_t cols, const double *w, double *v);
void hone_design_leave(const hone_design *design, int64_t cols, const double *v, double *w);

#endif
