/* Rows on their way down the trees: what prediction and outputs share. */
#ifndef HONE_RANDOM_FOREST_WALK_H
#define HONE_RANDOM_FOREST_WALK_H

#include "forest.h"

/* Rows as the walk reads them: numbers as they are, a category as the bits of an integer: its
 * code, or the largest for what is missing or no level. */
typedef struct walk_rows {
    int64_t count, stride;
    double *value; /* count x stride */
    float *above;  /* the same, each rounded up to a float */
    bool holes;    /* some number is missing */
} walk_rows;

enum { WALK_LANES = 2048 };

/* Rows [first, first + count) of `x`, in `scratch`. */
hone_status forest_walk_rows(const hone_shape *shape, const hone_matrix *x, int64_t first,
                             int64_t count, hone_arena *scratch, walk_rows *out, hone_error *error);

/* Room for `count` rows of `x`; false: no memory. Then any rows of it, as often as wanted. */
bool forest_walk_room(const hone_matrix *x, int64_t count, hone_arena *scratch, walk_rows *out);
void forest_walk_load(const hone_shape *shape, const hone_matrix *x, const int64_t *row,
                      int64_t count, walk_rows *to);

/* Takes over what was written to column `j` of `value`. */
void forest_walk_column(walk_rows *rows, int64_t j);

/* The leaves that the rows reach in trees [first, first + trees), counted from the forest's first
 * node: leaf[t * count + i]; trees * count <= WALK_LANES. */
void forest_walk(const forest_state *s, const walk_rows *rows, int64_t first, int64_t trees,
                 uint32_t *leaf);

/* The same for some of the rows and tree `t`. */
void forest_walk_some(const forest_state *s, const walk_rows *rows, const uint16_t *pick,
                      int64_t count, int64_t t, uint32_t *leaf);

/* Adds the answer of leaf `i`: shares of classes, or the one value. */
void forest_add_leaf(const forest_state *s, int64_t i, double *score);

/* Rows that one block of `x` should have, up to WALK_LANES. */
int64_t forest_walk_block(const hone_matrix *x, const hone_run *run);

#endif
