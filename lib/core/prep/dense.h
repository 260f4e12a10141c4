/* Sparse rows as dense ones, for modules that take no others. */
#ifndef HONE_CORE_PREP_DENSE_H
#define HONE_CORE_PREP_DENSE_H

#include "base/arena.h"
#include "data/dataset.h"

/* Bytes that the copy of a dataset may take where no memory cap says how many. */
#define HONE_DENSE_MOST (INT64_C(4) << 30)

/* Whether a module that takes `takes` gets the rows as a dense copy. */
bool hone_dense_needed(const hone_dataset *dataset, unsigned takes);

/* Of the copy, in the element type that the rows have. */
int64_t hone_dense_bytes(const hone_matrix *x);

/* @return HONE_NO_MEMORY, HONE_UNSUPPORTED path data: the copy is larger than the cap of `account`,
 * or without one than HONE_DENSE_MOST */
hone_status hone_dense_check(const hone_dataset *dataset, const hone_algorithm *algorithm,
                             unsigned takes, const hone_account *account, hone_error *error);

/* O(cells). */
hone_status hone_dense_copy(const hone_matrix *x, hone_arena *arena, hone_matrix *out,
                            hone_error *error);

#endif
