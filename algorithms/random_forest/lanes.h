/* Kernels of growing a tree: several features of a node side by side, one in each lane, sorted by a
 * network or counted in bins, then scanned for their best boundaries together; and the parting of a
 * node's rows. */
#ifndef HONE_RANDOM_FOREST_LANES_H
#define HONE_RANDOM_FOREST_LANES_H

#include "forest.h"
#include "toolbox/isa.h"

enum { LANES = 8, SORT_MOST = 128 };

/* Element (i, l) of an array of steps is [i * width + l]. Unused lanes repeat the first. */
typedef struct lanes {
    int width; /* 4 or LANES */
    /* the node */
    const uint32_t *row;
    int64_t m;
    const double *cell;      /* m x 2: weight, and moment */
    const int32_t *label;    /* m; NULL: moments */
    int64_t classes, stride; /* stride: classes, rounded up */
    double weight, moment;   /* totals; counting classes: weight, and sum of squares */
    double *total;           /* stride: of each class, then zeros */
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
    uint64_t *packed;  /* in place of `pairs`, for weights below 2^32 and classes 0 and 1 */
    bool pack;
    double *pairs;      /* bins x LANES x 2: weight and moment */
    double *count;      /* LANES x classes, zero between calls */
    int32_t *by_class;  /* bins x stride */
    int32_t *left, *in; /* stride; bins: rows */
    /* the answer: the best boundary is after step `at`; -1: there is none */
    double score[LANES];
    int64_t at[LANES];
    bool varies[LANES];  /* sorted: more than one code */
    int64_t next[LANES]; /* binned, counted: the next bin that has rows */
} lanes;

/* Nodes of up to SORT_MOST rows. `at` counts sorted rows; key >> 8 is the code there. */
HONE_DECLARE(void, forest_lanes_sorted, (lanes * s));
/* Nodes of any size, moments only. `at` is a bin. */
HONE_DECLARE(void, forest_lanes_binned, (lanes * s));
/* Nodes of any size, classes only, one feature: lanes are classes. `at` is a bin. */
HONE_DECLARE(void, forest_lanes_counted, (lanes * s));

/* Rows of a node on their way to two sides. */
typedef struct parting {
    int64_t m;
    uint32_t *row, *spare_row;
    double *cell, *spare_cell;    /* m x 2 */
    int32_t *label, *spare_label; /* NULL: none */
    const uint8_t *coarse;        /* the codes: of row r at [r * stride] */
    const uint16_t *fine;         /* in place of `coarse`, unless NULL */
    int64_t stride;
    const uint8_t *left; /* by code: 1 goes left; NULL: codes up to `cut`, and `also` */
    uint32_t cut, also;
    uint32_t above; /* with `edge`: rows of code `cut` or `above` go there too */
    uint32_t *edge; /* NULL: not wanted */
    int64_t edges;
} parting;

/* Left rows first, both sides in their order. Gives the number of left rows. */
HONE_DECLARE(int64_t, forest_part, (parting * p));

#endif
