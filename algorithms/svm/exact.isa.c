/* One point against 32 in double: loops that compilers turn into vectors. */
#include <string.h>

#include "exact.h"

void HONE_KERNEL(svm_exact_sums)(const int32_t *column, const double *value, int64_t count,
                                 const double *table, bool manhattan, double *sum)
{
    double part[EXACT_LANES];
    memcpy(part, sum, sizeof part);
    for (int64_t t = 0; t < count; t++) {
        const double *at = table + (int64_t)column[t] * EXACT_LANES, v = value[t];
        if (manhattan)
            for (int l = 0; l < EXACT_LANES; l++)
                part[l] += fabs(at[l] - v) - fabs(at[l]);
        else
            for (int l = 0; l < EXACT_LANES; l++)
                part[l] += at[l] * v;
    }
    memcpy(sum, part, sizeof part);
}

/* exp(v) for v in [-700, 0], within 2 ulp: a power of two and a series for what is left of it. */
static inline double exponential(double v)
{
    const double shifted = v * 0x1.71547652b82fep0 + 0x1.8p52, n = shifted - 0x1.8p52;
    const double r = (v - n * 0x1.62e42fefa38p-1) - n * 0x1.ef35793c7673p-45;
    double sum = 1.0 / 479001600;
    static const double OVER[] = {1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320,
                                  1.0 / 5040,     1.0 / 720,     1.0 / 120,    1.0 / 24,
                                  1.0 / 6,        1.0 / 2,       1.0,          1.0};
    for (int k = 0; k < 12; k++)
        sum = sum * r + OVER[k];
    uint64_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

void HONE_KERNEL(svm_exact_exp)(double *v)
{
    for (int l = 0; l < EXACT_LANES; l++)
        v[l] = exponential(v[l] > -700 ? v[l] : -700);
}
