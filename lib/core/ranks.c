#include "core/ranks.h"

#include <float.h>
#include <string.h>

#include "core/prep/columns.h"

enum { DIGIT = 11, DIGITS = 6, BINS = 1 << DIGIT, FEW = 4096 };

/* Ascending as an integer where the value ascends. */
static uint64_t key_of(double value)
{
    uint64_t bits;
    value += 0.0; /* -0 is 0 */
    memcpy(&bits, &value, sizeof bits);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

/* Few rows, by merging runs of doubling length; gives where the result is, `from` or `to`. */
static int64_t *merge_sort(const uint64_t *key, int64_t *from, int64_t *to, int64_t n)
{
    for (int64_t run = 1; run < n; run *= 2) {
        for (int64_t low = 0; low < n; low += 2 * run) {
            const int64_t middle = low + run < n ? low + run : n;
            const int64_t high = middle + run < n ? middle + run : n;
            int64_t a = low, b = middle;
            for (int64_t i = low; i < high; i++)
                to[i] = b >= high || (a < middle && key[from[a]] <= key[from[b]]) ? from[a++]
                                                                                  : from[b++];
        }
        int64_t *const other = from;
        from = to, to = other;
    }
    return from;
}

/* Digit by digit from the lowest; digits that all values share cost nothing. O(n). */
static int64_t *radix_sort(const uint64_t *key, int64_t *from, int64_t *to, int64_t n)
{
    for (int digit = 0; digit < DIGITS; digit++) {
        int64_t start[BINS + 1] = {0};
        const int shift = digit * DIGIT;
        for (int64_t i = 0; i < n; i++)
            start[(key[from[i]] >> shift & (BINS - 1)) + 1]++;
        if (n && start[(key[from[0]] >> shift & (BINS - 1)) + 1] == n)
            continue;
        for (int b = 0; b < BINS; b++)
            start[b + 1] += start[b];
        for (int64_t i = 0; i < n; i++)
            to[start[key[from[i]] >> shift & (BINS - 1)]++] = from[i];
        int64_t *const other = from;
        from = to, to = other;
    }
    return from;
}

/* Sorts `order` by value, equal values by row. Rows of the least value, most of them where a class
 * has no vote, are only set apart. Room for 3 n elements: the answer is in the first n. */
static void sort_order(const double *values, int64_t *order, int64_t n)
{
    uint64_t *const key = (uint64_t *)order + 2 * n;
    uint64_t least = UINT64_MAX;
    for (int64_t i = 0; i < n; i++) {
        key[i] = key_of(values[i]);
        least = key[i] < least ? key[i] : least;
    }
    int64_t equal = 0, others = 0;
    for (int64_t i = 0; i < n; i++) {
        if (key[i] == least)
            order[equal++] = i;
        else
            order[n + others++] = i;
    }
    int64_t *const to = order + equal;
    const int64_t *sorted = (others < FEW ? merge_sort : radix_sort)(key, order + n, to, others);
    if (sorted != to)
        memcpy(to, sorted, (size_t)others * sizeof *to);
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
