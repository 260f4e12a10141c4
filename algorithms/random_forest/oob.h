/* Out-of-bag answers: of each row, from the trees whose bag it is not in. */
#ifndef HONE_RANDOM_FOREST_OOB_H
#define HONE_RANDOM_FOREST_OOB_H

#include "fit.h"

/* Watches the loss on rows out of the bag while trees are added. */
typedef struct watch {
    const problem *p;
    double *score;   /* rows x outputs, sums over trees */
    int32_t *trees;  /* rows: how many trees answered */
    uint32_t *count; /* rows: the bag at hand */
    double *loss;    /* per block of rows */
    double *judged;  /* the same: weight of the rows that some tree judges */
    const cut_tree *tree;
    double best;
    int64_t best_trees, seen;
} watch;

hone_status forest_watch_open(const problem *p, watch *w, hone_error *error);

/* Takes tree number `seen` into account. `enough`: no improvement for n_iter_no_change trees. */
hone_status forest_watch(watch *w, const cut_tree *next, bool *enough, hone_error *error);

#endif
