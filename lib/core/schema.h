/* Schemas and value sets in a model's own memory. */
#ifndef HONE_CORE_SCHEMA_H
#define HONE_CORE_SCHEMA_H

#include "data/dataset.h"

/* Deep copies; false: no memory. */
bool hone_values_copy(const hone_values *from, hone_arena *keep, hone_values *to);
bool hone_schema_copy(const hone_schema *from, hone_arena *keep, hone_schema *to);

/* Levels of column j; 0: numeric. */
int32_t hone_schema_levels(const hone_schema *schema, int64_t j);

/* The shape of raw rows, without task and outputs: levels live in `keep`, NULL when all columns are
 * numeric. */
hone_status hone_schema_shape(const hone_schema *schema, hone_arena *keep, hone_shape *shape,
                              hone_error *error);

#endif
