/* Points in double, from the data as they were given. */
#ifndef HONE_SVM_POINT_H
#define HONE_SVM_POINT_H

#include "solve.h"

/* A point as its entries that are not 0, less what is taken off its columns. */
typedef struct point {
    int32_t *column;
    double *value;
    int64_t count;
    double norm; /* square, or absolute sum for absolute distances */
} point;

/* Room for one; false: no memory. */
bool point_new(const problem *p, hone_arena *scratch, point *to);

/* Finds what is taken off the columns, before the first point is read; false: no memory. Distances
 * stay where points are moved: dense ones by the centre, but columns in which most rows have one
 * value, such as one-hot ones, by that value. Points are short then, and hardly longer than around
 * the centre. */
bool point_shift(problem *p, hone_arena *scratch);

/* Point i of the problem. */
void point_read(const problem *p, int64_t i, point *to);

/* Its row in the table. */
static inline int64_t point_row(const problem *p, int64_t i)
{
    return p->row ? p->row[i] : i;
}

#endif
