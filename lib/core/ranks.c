#include "core/ranks.h"

#include <float.h>
#include <string.h>

#include "core/prep/columns.h"

enum { DIGIT = 11, DIGITS = 6, BINS = 1 << DIGIT };

/* Ascending as an integer where the value ascends. */
static uint64_t key_of(double value)
{
    uint64_t bits;
    value += 0.0; /* -0 is 0 */
    memcpy(&bits, &value, sizeof bits);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

/* Radix sort of `order` by value, digit by digit from the lowest, equal values by row; digits that
 * all values share cost nothing. O(n). Room for 3 n elements in `order`: the answer is in the first
 * n. */
static void sort_order(const double *values, int64_t *order, int64_t n)
{
    uint64_t *const key = (uint64_t *)order + 2 * n;
    int64_t *from = order, *to = order + n;
    for (int64_t i = 0; i < n; i++)
        order[i] = i, key[i] = key_of(values[i]);
    for (int digit = 0; digit < DIGITS; digit++) {
        int64_t start[BINS + 1] = {0};
        const int shift = digit * DIGIT;
        for (int64_t i = 0; i < n; i++)
            start[(key[i] >> shift & (BINS - 1)) + 1]++;
        if (n && start[(key[0] >> shift & (BINS - 1)) + 1] == n)
            continue;
        for (int b = 0; b < BINS; b++)
            start[b + 1] += start[b];
        for (int64_t i = 0; i < n; i++)
            to[start[key[from[i]] >> shift & (BINS - 1)]++] = from[i];
        int64_t *const other = from;
        from = to, to = other;
    }
    if (from != order)
        memcpy(order, from, (size_t)n * sizeof *order);
}

double hone_rank_area(const double *values, const int32_t *label, int32_t k, const double *weight,
                      int64_t n, int64_t *order, bool *undefined)
{
    sort_order(values, order, n);
    double below = 0, inside = 0, area = 0; /* weight of the rest so far, of class k, pairs */
    for (int64_t i = 0; i < n;) {
        double rest = 0, own = 0;
        const double v = values[order[i]];
        do {
            const double w = weight ? weight[order[i]] : 1;
            if (label[order[i]] == k)
                own += w;
            else
                rest += w;
            i++;
        } while (i < n && values[order[i]] == v);
        area += own * (below + rest / 2);
        below += rest;
        inside += own;
    }
    if (below > 0 && inside > 0)
        return area / (below * inside);
    *undefined = true;
    return 0.5;
}

static double plain_median(double *values, int64_t n)
{
    double pair[2];
    hone_pair_at(values, n, (n - 1) / 2, pair);
    return n % 2 ? pair[0] : (pair[0] + pair[1]) / 2;
}

double hone_weighted_median(double *values, const double *weight, int64_t n, int64_t *order,
                            bool *undefined)
{
    if (!weight && n > 0)
        return plain_median(values, n);
    sort_order(values, order, n);
    double mass = 0;
    for (int64_t i = 0; i < n; i++)
        mass += weight ? weight[i] : 1;
    if (!(mass > 0)) {
        *undefined = true;
        return DBL_MAX;
    }
    double low = 0, seen = 0;
    bool found = false;
    for (int64_t i = 0; i < n; i++) {
        const double w = weight ? weight[order[i]] : 1;
        seen += w;
        if (!found && w > 0 && seen >= mass / 2) {
            low = values[order[i]];
            found = true;
            if (seen > mass / 2)
                return low;
            continue;
        }
        if (found && w > 0)
            return (low + values[order[i]]) / 2;
    }
    return low;
}
