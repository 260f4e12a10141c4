/* JSON in: a scanner of our own (limits, duplicates, grammar, UTF-8) in front of cJSON, which holds
 * the tree; numbers are read by Hone from the text, exactly. */
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

/* Parses exactly `length` bytes. Every number node holds its exact source text in `valuestring`
 * replaced form: use hone_json_number and hone_json_integer, never valuedouble.
 *
 * @return HONE_BAD_CONFIG with path "<path>:<line>:<column>", HONE_NO_MEMORY. Free with
 *         cJSON_Delete. */
hone_status hone_json_parse(const char *text, size_t length, const hone_json_limits *limits,
                            const char *path, cJSON **tree, hone_error *error);

bool hone_json_is_number(const cJSON *node);
/* Exact double of a number node. */
bool hone_json_number(const cJSON *node, double *value);
/* A number node that is exactly an int64 (10 and 10.0 are), or a decimal string of one. */
bool hone_json_integer(const cJSON *node, int64_t *value);
/* The same for 0 .. 2^64 - 1. */
bool hone_json_unsigned(const cJSON *node, uint64_t *value);

#endif
