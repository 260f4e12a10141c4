/* The twins: for each contract, modules with one defect that it must find. */
#ifndef TESTS_BROKEN_H
#define TESTS_BROKEN_H

#include "honest.h"

typedef struct twin {
    const hone_algorithm *module;
    const char *because; /* stands in the reason */
} twin;

/* Each ends with {0}. */
extern const twin broken_degenerate[], broken_files[], broken_learns[], broken_permutations[],
    broken_seeds[], broken_tables[], broken_threads[], broken_views[], broken_weights[],
    broken_wide[];

#endif
