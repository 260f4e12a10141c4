/* Columns that hold one value in most rows: levels of one-hot columns, and numeric columns of two
 * values. Private to design.c.
 */
#ifndef HONE_TOOLBOX_LINEAR_MARKS_H
#define HONE_TOOLBOX_LINEAR_MARKS_H

#include "toolbox/linear/design.h"

/* A column in memory whose cells become marks. */
typedef struct hone_marked {
    int32_t stored, levels; /* levels 0: of two values */
    int64_t column;         /* logical, of the first level */
    int64_t coordinate;     /* of the first level */
    int64_t common;         /* the level that most rows have and that is no mark; -1: none */
    double usual, other;    /* of two values */
} hone_marked;

typedef struct hone_marks {
    const hone_matrix *x;
    hone_marked *of; /* in order of memory */
    int64_t count, coordinates;
    int64_t blocks;
    int64_t *before; /* blocks + 1: marks of the blocks before */
} hone_marks;

/* Rows are cut into `blocks`; where block b begins. */
static inline int64_t hone_marks_block(const hone_marks *m, int64_t b)
{
    return m->x->rows * b / m->blocks;
}

/* Finds them in dense or one-hot rows: one pass. `common` values other than 0 need an intercept.
 * In job->scratch. */
hone_status hone_marks_find(const hone_fit_job *job, bool intercept, int64_t blocks,
                            hone_marks *marks, hone_error *error);
/* Fills the design's mark_start and mark for the rows of block b; their room is
 * before[blocks] + 1 marks. */
hone_status hone_marks_fill(const hone_marks *marks, int64_t b, hone_design *design,
                            hone_arena *scratch, hone_error *error);

/* Columns `stored` of rows [first, first + rows) of dense or one-hot rows, as they lie there. */
void hone_stored_tile(const hone_matrix *x, int64_t first, int64_t rows, int64_t count,
                      const int32_t *stored, double *out, int64_t stride);

#endif
