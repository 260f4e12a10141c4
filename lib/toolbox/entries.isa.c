/* Four cells at a time, as long as each is an entry. */
#include "toolbox/entries.h"

/* Vectors never cross a call. */
#pragma GCC diagnostic ignored "-Wpsabi"

typedef uint64_t word_vector __attribute__((vector_size(32), aligned(8), may_alias));

#define EXPONENT UINT64_C(0x7ff0000000000000)

int64_t HONE_KERNEL(hone_entries)(int64_t n, const double *value, uint64_t place,
                                  uint64_t (*pair)[2])
{
    word_vector at = {place, place + 1, place + 2, place + 3};
    int64_t k = 0;
    for (; k + 4 <= n; k += 4, at += 4) {
        const word_vector bits = *(const word_vector *)(value + k);
        const word_vector odd =
            (word_vector)((bits & EXPONENT) == EXPONENT) | (word_vector)((bits << 1) == 0);
        if (odd[0] | odd[1] | odd[2] | odd[3])
            break;
        uint64_t *const to = pair[k];
        for (int l = 0; l < 4; l++)
            to[2 * l] = at[l], to[2 * l + 1] = bits[l];
    }
    return k;
}
