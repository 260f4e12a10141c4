/* Eight features of a node side by side, one in each lane: sorted by a network or counted in bins,
 * then scanned for their best boundaries together. */
#ifndef HONE_RANDOM_FOREST_LANES_H
#define HONE_RANDOM_FOREST_LANES_H

#include "forest.h"
#include "toolbox/isa.h"

enum { LANES = 8, SORT_MOST = 128 };

/* Element (i, l) of an array of steps is [i * LANES + l]. Unused lanes repeat the first. */
typedef struct lanes {
    /* the node */
    const uint32_t *row;
    int64_t m;
    const double *cell;   /* m x 2: weight, and moment or weight x the total of its class */
    const int32_t *label; /* m; NULL: moments */
    int64_t classes;
    double weight, moment; /* totals; counting classes: weight, and sum of squares */
    double min_weight, min_rows;
    /* the features */
    const uint8_t *coarse[LANES]; /* codes of row 0; NULL: `fine` */
    const uint16_t *fine[LANES];
    int64_t coarse_stride, fine_stride;
    int64_t bins;
    /* scratch, by step: a sorted row or a bin */
    int32_t *key;
    double *a, *b, *c; /* weight; moment or growth of squares; rows or weight x class total */
    double *barred;    /* NaN: no boundary here */
    double *count;     /* LANES x classes, zero between calls */
    /* the answer: the best boundary is after step `at`; -1: there is none */
    double score[LANES];
    int64_t at[LANES];
} lanes;

/* Nodes of up to SORT_MOST rows. `at` counts sorted rows; key >> 8 is the code there. */
HONE_DECLARE(void, forest_lanes_sorted, (lanes * s));
/* Nodes of any size, moments only. `at` is a bin. */
HONE_DECLARE(void, forest_lanes_binned, (lanes * s));

#endif
