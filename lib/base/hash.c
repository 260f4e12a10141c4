#include "base/hash.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hone_hash(uint64_t seed, const void *bytes, size_t size)
{
    return XXH3_64bits_withSeed(bytes, size, seed);
}

uint64_t hone_hash_text(uint64_t seed, const char *text)
{
    return hone_hash(seed, text, strlen(text) + 1);
}
