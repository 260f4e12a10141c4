/* log2 from additions, multiplications and one division in a fixed order: the same bits on every
 * machine, which no C library promises. x = 2^e m with m in [sqrt(1/2), sqrt(2)); log m as the
 * series 2 atanh((m - 1) / (m + 1)), odd terms to the 21st: relative error below 1e-15. */
#ifndef HONE_RANDOM_FOREST_LOGARITHM_H
#define HONE_RANDOM_FOREST_LOGARITHM_H

#include <stdint.h>
#include <string.h>

/* x: positive, finite, normal. */
static inline double forest_log2(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int64_t e = (int64_t)(bits >> 52) - 1023;
    bits = (bits & UINT64_C(0xfffffffffffff)) | UINT64_C(0x3ff0000000000000);
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        e++;
    }
    const double t = (m - 1) / (m + 1), u = t * t;
    double sum = 1.0 / 21;
    for (int k = 19; k > 0; k -= 2)
        sum = sum * u + 1.0 / k;
    return (double)e + 2 * t * sum * 1.4426950408889634;
}

/* x log2 x of the integers below TABLED, for weights that are counts. */
enum { TABLED = 4096 };

static inline void forest_tabulate(double *table)
{
    table[0] = 0;
    for (int x = 1; x < TABLED; x++)
        table[x] = x * forest_log2(x);
}

/* x: an integer, not negative. */
static inline double forest_x_log_x(const double *table, double x)
{
    return x < TABLED ? table[(int)x] : x * forest_log2(x);
}

#endif
