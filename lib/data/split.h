/* Row lists: holdouts, folds, prefixes. Seeded, sorted ascending, independent of threads. */
#ifndef HONE_DATA_SPLIT_H
#define HONE_DATA_SPLIT_H

#include "hone/algorithm.h"

typedef struct hone_rows {
    int64_t *row; /* ascending */
    int64_t count;
} hone_rows;

/* A stratified holdout (plain when label is NULL): at least one row on each side; a class with one
 * row goes to the training side. Needs rows >= 2. */
hone_status hone_split_holdout(int64_t rows, const int32_t *label, int64_t classes, double fraction,
                               uint64_t seed, hone_arena *arena, hone_rows *train, hone_rows *valid,
                               hone_error *error);

/* BAD_ARGUMENT path options.folds unless `k` folds of so many rows are possible. */
hone_status hone_split_check_folds(int64_t rows, int32_t k, hone_error *error);

/* Stratified k folds: valid[f] and train[f] for f in [0, k). BAD_ARGUMENT when k > rows. */
hone_status hone_split_folds(int64_t rows, const int32_t *label, int64_t classes, int32_t k,
                             uint64_t seed, hone_arena *arena, hone_rows *train, hone_rows *valid,
                             hone_error *error);

/* Given validation rows; the rest trains. BAD_ARGUMENT path options.valid_rows[i] when not
 * ascending, out of range, or nothing is left to train on. */
hone_status hone_split_given(int64_t rows, const int64_t *valid_rows, int64_t count,
                             hone_arena *arena, hone_rows *train, hone_rows *valid,
                             hone_error *error);

/* The first ceil(fraction * count) of one seeded stratified order of `from`, at least two per class
 * that has two: a larger fraction contains a smaller one. */
hone_status hone_split_prefix(const hone_rows *from, const int32_t *label, int64_t classes,
                              double fraction, uint64_t seed, hone_arena *arena, hone_rows *prefix,
                              hone_error *error);

#endif
