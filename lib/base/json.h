/* JSON in: a scanner of our own (size, depth, number of keys, grammar, UTF-8, duplicates) in front
 * of cJSON, which holds the tree. The scanner hands numbers to cJSON as marked strings, so that
 * cJSON never converts one; afterwards each number node has its exact source text in `valuestring`
 * and the correctly rounded double in `valuedouble`. */
#ifndef HONE_BASE_JSON_H
#define HONE_BASE_JSON_H

#include <cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hone/error.h"

typedef struct hone_json_limits {
    size_t bytes, depth, keys, string;
} hone_json_limits;

/* 1 MiB, 32 deep, 4,096 keys, strings of 64 KiB. */
extern const hone_json_limits HONE_JSON_LIMITS;

/* Parses exactly `length` bytes.
 *
 * @param limits  NULL: HONE_JSON_LIMITS
 * @return HONE_BAD_CONFIG with path "<path>:<line>:<column>", or "<path>.<key>" for a key that
 *         stands twice; HONE_NO_MEMORY. Free with cJSON_Delete. */
hone_status hone_json_parse(const char *text, size_t length, const hone_json_limits *limits,
                            const char *path, cJSON **tree, hone_error *error);

/* The member `key` of an object, or NULL. */
const cJSON *hone_json_get(const cJSON *object, const char *key);

/* The text of a member of the outermost object as it was written, in text that is known to be a
 * JSON object; NULL: no such member. */
const char *hone_json_member(const char *text, const char *key, size_t *length);

bool hone_json_is_number(const cJSON *node);
/* The double of a number node. */
bool hone_json_number(const cJSON *node, double *value);
/* A number node that is exactly an int64 (10 and 10.0 are), or a decimal string of one. */
bool hone_json_integer(const cJSON *node, int64_t *value);
/* The same for 0 .. 2^64 - 1. */
bool hone_json_unsigned(const cJSON *node, uint64_t *value);

#endif
