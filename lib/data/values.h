/* Distinct values, sorted and encoded: how classes and levels come to be. */
#ifndef HONE_DATA_VALUES_H
#define HONE_DATA_VALUES_H

#include "data/dataset.h"

/* What a vector's values are, before they are encoded. */
typedef struct hone_encoding {
    const hone_vector *values;
    int64_t rows;
    bool numbers_in_text;     /* "3", "3.0" and 3 are one value when every text is such a number */
    const char *const *level; /* `values` are codes of these texts (NULL: missing); NULL: they are
                                 the values themselves */
    int64_t levels;
    int64_t most; /* more distinct values than this: stop with `overflow`; 0: no limit */
} hone_encoding;

/* code[i] in [0, out->count) in sorted order, -1 missing; levels that do not occur are left out.
 * `at` is set to the element that was refused.
 *
 * @return HONE_BAD_DATA without a path: the caller knows the place (infinity, integer above
 *         INT64_MAX, code outside the levels, text that is no UTF-8, more than 2^31 - 1 values) */
hone_status hone_values_encode(const hone_encoding *encoding, hone_arena *keep, int32_t *code,
                               hone_values *out, int64_t *missing, int64_t *at, hone_error *error);

/* The set of those values of `from` that are `there`, as if it had been made of them alone:
 * `numbers_in_text` as it was encoded with. */
hone_status hone_values_part(const hone_values *from, const bool *there, bool numbers_in_text,
                             hone_arena *keep, hone_arena *scratch, hone_values *out,
                             hone_error *error);

/* Code in `to` of value k of `from`; -1: none. */
int64_t hone_values_match(const hone_values *from, int64_t k, const hone_values *to);
/* Value k as a number; NaN: a text that is none. */
double hone_values_number(const hone_values *values, int64_t k);
/* Chains kind, count and texts into a hash. */
uint64_t hone_values_hash(const hone_values *values, uint64_t seed);

#endif
