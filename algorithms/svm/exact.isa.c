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
