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
            int64_t i = low;
            while (a < middle && b < high) {
                const bool left = key[from[a]] <= key[from[b]];
                to[i++] = left ? from[a] : from[b];
                a += left, b += !left;
            }
            while (a < middle)
                to[i++] = from[a++];
            while (b < high)
                to[i++] = from[b++];
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

static double least_of(const double *v, int64_t n)
{
    double least[4] = {INFINITY, INFINITY, INFINITY, INFINITY};
    for (int64_t i = 0; i < n; i++)
        least[i % 4] = v[i] < least[i % 4] ? v[i] : least[i % 4];
    return fmin(fmin(least[0], least[1]), fmin(least[2], least[3]));
}

/* Sums over rows row[0 .. n) of class k and of the rest. */
static void weigh(const int64_t *row, int64_t n, const int32_t *label, int32_t k,
                  const double *weight, double side[2])
{
    int64_t count = 0;
    double own = 0, rest = 0;
    for (int64_t i = 0; i < n && !weight; i++)
        count += label[row[i]] == k;
    for (int64_t i = 0; i < n && weight; i++) {
        const double w = weight[row[i]];
        own += label[row[i]] == k ? w : 0;
        rest += label[row[i]] == k ? 0 : w;
    }
    side[true] = weight ? own : (double)count;
    side[false] = weight ? rest : (double)(n - count);
}

/* Rows of the least value, most of them where a class has no vote, need no order. */
double hone_rank_area(const double *values, const int32_t *label, int32_t k, const double *weight,
                      int64_t n, int64_t *order, bool *undefined)
{
    area a = {0};
    uint64_t *const key = (uint64_t *)order + 2 * n;
    const double least = least_of(values, n);
    double side[2]; /* of equal values: the rest, class k */
    int64_t equal = 0, others = 0;
    for (int64_t i = 0; i < n; i++) {
        const bool same = values[i] == least;
        key[i] = key_of(values[i]);
        order[equal] = order[n + others] = i;
        equal += same, others += !same;
    }
    weigh(order, equal, label, k, weight, side);
    step(&a, side);
    const int64_t *sorted = sort_keys(key, order + n, order, others);
    for (int64_t i = 0, end; i < others; i = end) {
        for (end = i + 1; end < others && key[sorted[end]] == key[sorted[i]];)
            end++;
        weigh(sorted + i, end - i, label, k, weight, side);
        step(&a, side);
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
