#include "core/ranks.h"

#include <float.h>
#include <math.h>
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

static int64_t *sort_keys(const uint64_t *key, int64_t *from, int64_t *to, int64_t n)
{
    return (n < FEW ? merge_sort : radix_sort)(key, from, to, n);
}

/* Rows by value, equal values by row, in `order`, which has room for 3 n elements. */
static const int64_t *sort_rows(const double *values, int64_t *order, int64_t n)
{
    uint64_t *const key = (uint64_t *)order + 2 * n;
    for (int64_t i = 0; i < n; i++) {
        key[i] = key_of(values[i]);
        order[i] = i;
    }
    return sort_keys(key, order, order + n, n);
}

/* Weight below a value: of the rest, of class k; and of pairs in order. */
typedef struct area {
    double rest, own, pairs;
} area;

static void step(area *a, const double side[2])
{
    a->pairs += side[true] * (a->rest + side[false] / 2);
    a->rest += side[false];
    a->own += side[true];
}

/* Rows of the least value, most of them where a class has no vote, need no order. */
double hone_rank_area(const double *values, const int32_t *label, int32_t k, const double *weight,
                      int64_t n, int64_t *order, bool *undefined)
{
    area a = {0};
    uint64_t *const key = (uint64_t *)order + 2 * n;
    double least = INFINITY, side[2] = {0}; /* of equal values: the rest, class k */
    int64_t others = 0;
    for (int64_t i = 0; i < n; i++)
        least = values[i] < least ? values[i] : least;
    for (int64_t i = 0; i < n; i++) {
        if (values[i] == least) {
            side[label[i] == k] += weight ? weight[i] : 1;
        } else {
            key[i] = key_of(values[i]);
            order[others++] = i;
        }
    }
    step(&a, side);
    const int64_t *sorted = sort_keys(key, order, order + n, others);
    for (int64_t i = 0; i < others; step(&a, side)) {
        side[false] = side[true] = 0;
        const double v = values[sorted[i]];
        for (; i < others && values[sorted[i]] == v; i++)
            side[label[sorted[i]] == k] += weight ? weight[sorted[i]] : 1;
    }
    if (a.rest > 0 && a.own > 0)
        return a.pairs / (a.rest * a.own);
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
    const int64_t *sorted = sort_rows(values, order, n);
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
        const double w = weight ? weight[sorted[i]] : 1;
        seen += w;
        if (!found && w > 0 && seen >= mass / 2) {
            low = values[sorted[i]];
            found = true;
            if (seen > mass / 2)
                return low;
            continue;
        }
        if (found && w > 0)
            return (low + values[sorted[i]]) / 2;
    }
    return low;
}
