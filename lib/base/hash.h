/* Content hashes: XXH3, 64 bits, chained by seed. Stable for ever: they stand in model files. */
#ifndef HONE_BASE_HASH_H
#define HONE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hone_hash(uint64_t seed, const void *bytes, size_t size);
uint64_t hone_hash_text(uint64_t seed, const char *text);

#endif
