/* From a grown tree to its part of the state: what `selects` hyperparameters leave of it. */
#ifndef HONE_RANDOM_FOREST_CUT_H
#define HONE_RANDOM_FOREST_CUT_H

#include "grow.h"

typedef struct limits {
    int64_t max_depth, min_split, max_leaves;
    double min_gain, ccp_alpha; /* as gains of the problem are */
} limits;

/* A tree as it goes into the state; numbers of rows and sets count from the tree's first. A leaf of
 * one class needs no row of shares: its payload is -1 - class. */
typedef struct cut_tree {
    int64_t n_nodes, n_rows, n_entries, n_sets, n_words;
    int32_t *child, *feature, *payload;
    double *threshold;
    uint8_t *side;
    int64_t *row_end, *set_end;
    entry *entry; /* shares */
    uint32_t *words;
    double *importance; /* features; sums to 1, or 0 without a split */
} cut_tree;

hone_status forest_cut(const problem *p, const tree *full, const limits *stop, hone_arena *keep,
                       hone_arena *scratch, cut_tree *out, hone_error *error);

#endif
