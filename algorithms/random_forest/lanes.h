/* Kernels of growing a tree: several features of a node side by side, one in each lane, sorted by a
 * network or counted in bins, then scanned for their best boundaries together; and the parting of a
 * node's rows. */
#ifndef HONE_RANDOM_FOREST_LANES_H
#define HONE_RANDOM_FOREST_LANES_H

#include "forest.h"
#include "toolbox/isa.h"

#define ALWAYS static inline __attribute__((always_inline))

enum { LANES = 8, SORT_MOST = 128, CODE_MIDDLE = 32768 };

/* Of a node in `votes`: in keys, in the words of a histogram. */
enum { KEY_WEIGHT = 255, WORD_WEIGHT = 65535 };

/* Element (i, l) of an array of steps is [i * width + l]; where classes are not counted the width
 * is LANES, but for bins. Unused lanes have the columns of the first. */
typedef struct lanes {
    int width; /* 4 or LANES */
    int used;  /* lanes with a feature of their own */
    /* the node */
    const uint32_t *row;
    int64_t m;
    const double *cell;      /* m x 2: weight, and moment */
    const uint32_t *vote;    /* m; in their place: weight << 16 | moment */
    const int32_t *label;    /* m; NULL: moments */
    int64_t classes, stride; /* stride: classes, rounded up */
    double weight, moment;   /* totals; counting classes: weight, and sum of squares */
    double *total;           /* stride: of each class, then zeros */
    double min_weight, min_rows;
    int32_t least; /* min_weight, as votes */
    /* the features */
    const uint8_t *coarse[LANES]; /* codes of row 0; NULL: `fine` */
    const uint16_t *fine[LANES];
    const uint64_t
        *mark[LANES]; /* random cuts: by row of the node, bit `bit` is the code; or NULL */
    int bit[LANES];
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
    uint32_t *tally;    /* votes: by bin, then so far */
    float *guess;
    uint16_t *code; /* rows x LANES, whatever `width`: random cuts */
    uint32_t low[LANES], high[LANES];
    /* the answer: the best boundary is after step `at`, a row or a bin; -1: there is none */
    double score[LANES];
    int64_t at[LANES];
    uint32_t cut[LANES], above[LANES]; /* the codes next to it */
    bool varies[LANES];                /* more than one code; bins: some boundary is allowed */
    /* random cuts: what is on the left of each */
    double left_rows[LANES], left_weight[LANES];
    double left_moment[LANES]; /* counting classes: sum of squares */
    double left_share[LANES];  /* counting classes: sum of weight x total of its class */
} lanes;

/* Nodes of up to SORT_MOST rows. */
HONE_DECLARE(void, forest_lanes_sorted, (lanes * s));
/* Nodes of any size, moments only. */
HONE_DECLARE(void, forest_lanes_binned, (lanes * s));
/* Nodes of any size, classes only, one feature: lanes are classes. */
HONE_DECLARE(void, forest_lanes_counted, (lanes * s));
/* Votes of up to KEY_WEIGHT in all; of up to WORD_WEIGHT, where one row may be a side. A lane whose
 * best is not the best of all lanes may have no answer. */
HONE_DECLARE(void, forest_votes_sorted, (lanes * s));
HONE_DECLARE(void, forest_votes_binned, (lanes * s));

/* Random cuts, nodes of any size: codes, the lowest and the highest; then what codes up to `cut`
 * have on the left. Of the lanes in use. */
HONE_DECLARE(void, forest_cuts_span, (lanes * s));
HONE_DECLARE(void, forest_cuts_sums, (lanes * s));

/* Rows of a node on their way to two sides. */
typedef struct parting {
    int64_t m;
    uint32_t *row, *spare_row;
    double *cell, *spare_cell; /* m x 2; NULL: votes */
    uint32_t *vote, *spare_vote;
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
