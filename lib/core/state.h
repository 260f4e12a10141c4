/* A fitted state as bytes and back, from its table. */
#ifndef HONE_CORE_STATE_H
#define HONE_CORE_STATE_H

#include "hone/algorithm.h"

/* What an extent means for this state. */
int64_t hone_extent_length(hone_extent extent, const hone_shape *shape, const void *state);

/* Rows and columns of an array field under this state; 1 x 1 for a count or number. */
int64_t hone_field_rows(const hone_field *field, const hone_shape *shape, const void *state);
int64_t hone_field_cols(const hone_field *field, const hone_shape *shape, const void *state);
/* Its first element. */
const void *hone_field_values(const hone_field *field, const void *state);

/* Bytes of the state (fields one after the other, each padded to 8), written to `out` when it is
 * not NULL. */
size_t hone_state_save(const hone_field *fields, const hone_shape *shape, const void *state,
                       unsigned char *out);

/* The same state in memory of `keep`. `copy` is zeroed; what the table does not list stays so. */
hone_status hone_state_copy(const hone_field *fields, const hone_shape *shape, const void *state,
                            hone_arena *keep, void *copy, hone_error *error);

/* Reads exactly `size` bytes and applies every rule. `state` is zeroed. Nothing is allocated before
 * the bytes that fill it are known to be there. */
hone_status hone_state_load(const hone_field *fields, const hone_shape *shape,
                            const unsigned char *in, size_t size, hone_arena *keep, void *state,
                            hone_error *error);

/* What hone_state_load would say of the values of a state in memory. */
hone_status hone_state_check(const hone_field *fields, const hone_shape *shape, const void *state,
                             hone_error *error);

#endif
