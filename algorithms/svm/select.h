/* Which variables to work on next. */
#ifndef HONE_SVM_SELECT_H
#define HONE_SVM_SELECT_H

#include "hone/algorithm.h"

/* A variable and how much it wants to move: the smaller the key the more. */
typedef struct wish {
    double key;
    int64_t variable;
} wish;

/* Puts the `k` smallest of `n` wishes, ties to the lower variable, in front; in linear expected
 * time (quickselect with keyed random pivots), in no promised order. */
void select_least(wish *wishes, int64_t n, int64_t k);

/* The best of a pass over variables in ascending order: at least the `k` smallest that were added.
 * One that is not below `bar` need not be added. */
typedef struct wishes {
    wish *at;
    int64_t n, k, room;
    double bar;
} wishes;

/* Room for any k <= `most`; false: no memory. */
bool wishes_new(wishes *w, int64_t most, hone_arena *arena);
void wishes_begin(wishes *w, int64_t k);
void wishes_add(wishes *w, double key, int64_t variable);
/* The least key, or INFINITY. */
double wishes_least(const wishes *w);

#endif
