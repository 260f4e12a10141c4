/* Powers of positive floats, many at once: (x / 2^before)^p 2^after as exp2(p log2 x).
 *
 * p is cut in two, so that its product with an exponent is exact: what is off by a rounding is only
 * what lies between powers of two. The result is off by at most (2 p + 4) 2^-24 of itself. Where x
 * is 0 or below 2^-126 it counts as something below 2^-126, and a result below 2^-125 as something
 * between 2^-126 and 2^-124. The caller keeps results below 2^127.
 */
#ifndef HONE_TOOLBOX_POWER_H
#define HONE_TOOLBOX_POWER_H

#include <string.h>

#include "toolbox/isa.h"

typedef struct hone_power {
    float head, tail, whole; /* p in its first 12 bits, the rest of it, all of it */
    int32_t before, after;
} hone_power;

static inline hone_power hone_power_of(double p, int32_t before, int32_t after)
{
    hone_power power = {.head = (float)p, .whole = (float)p, .before = before, .after = after};
    uint32_t bits;
    memcpy(&bits, &power.head, sizeof bits);
    bits &= UINT32_C(0xfffff000);
    memcpy(&power.head, &bits, sizeof bits);
    power.tail = (float)(p - (double)power.head);
    return power;
}

/* Of n floats, a multiple of 16, in place; 0 < p <= 32. */
HONE_DECLARE(void, hone_power_kernel, (float *x, int64_t n, const hone_power *power));

#endif
