/* What one hyperparameter table is good for: defaults, ranges, values in and out of the module's
 * params struct, hashes. */
#ifndef HONE_CORE_PARAMS_H
#define HONE_CORE_PARAMS_H

#include "base/text.h"
#include "hone/algorithm.h"

/* Writes the default of one row, or of all rows of a table that apply to `task`. */
void hone_param_default(const hone_param *p, void *params);
void hone_params_default(const hone_param *table, hone_task task, void *params);

bool hone_range_given(hone_range range);
bool hone_range_has(hone_range range, double value);

/* Chains the value's bytes into a hash (member by member: padding never counts). */
uint64_t hone_param_hash(const hone_param *p, const void *params, uint64_t seed);

#endif
