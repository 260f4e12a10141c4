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

#define INLINED static inline __attribute__((always_inline))

/* Of row x, or of x itself where there are no keys by row. */
INLINED uint64_t key_at(const uint64_t *key, int64_t x)
{
    return key ? key[x] : (uint64_t)x;
}

/* Few of them, by merging runs of doubling length; gives where the result is, `from` or `to`. */
INLINED int64_t *merge_sort(const uint64_t *key, int64_t *from, int64_t *to, int64_t n)
{
    for (int64_t run = 1; run < n; run *= 2) {
        for (int64_t low = 0; low < n; low += 2 * run) {
            const int64_t middle = low + run < n ? low + run : n;
            const int64_t high = middle + run < n ? middle + run : n;
            int64_t a = low, b = middle;
            int64_t i = low;
            while (a < middle && b < high) {
                const bool left = key_at(key, from[a]) <= key_at(key, from[b]);
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
INLINED int64_t *radix_sort(const uint64_t *key, int64_t *from, int64_t *to, int64_t n)
{
    for (int digit = 0; digit < DIGITS; digit++) {
        int64_t start[BINS + 1] = {0};
        const int shift = digit * DIGIT;
        for (int64_t i = 0; i < n; i++)
            start[(key_at(key, from[i]) >> shift & (BINS - 1)) + 1]++;
        if (n && start[(key_at(key, from[0]) >> shift & (BINS - 1)) + 1] == n)
            continue;
        for (int b = 0; b < BINS; b++)
            start[b + 1] += start[b];
        for (int64_t i = 0; i < n; i++)
            to[start[key_at(key, from[i]) >> shift & (BINS - 1)]++] = from[i];
        int64_t *const other = from;
        from = to, to = other;
    }
    return from;
}

/* Rows by their keys. */
static int64_t *sort_by(const uint64_t *key, int64_t *from, int64_t *to, int64_t n)
{
    return n < FEW ? merge_sort(key, from, to, n) : radix_sort(key, from, to, n);
}

static int64_t *sort_keys(int64_t *from, int64_t *to, int64_t n)
{
    return n < FEW ? merge_sort(NULL, from, to, n) : radix_sort(NULL, from, to, n);
}

/* Rows by value, equal values by row, in `order`, which has room for 3 n elements. */
static const int64_t *sort_rows(const double *values, int64_t *order, int64_t n)
{
    uint64_t *const key = (uint64_t *)order + 2 * n;
    for (int64_t i = 0; i < n; i++) {
        key[i] = key_of(values[i]);
        order[i] = i;
    }
    return sort_by(key, order, order + n, n);
}

/* ---- areas of weighted rows ---- */

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

/* Sums over rows row[0 .. n) of class k and of the rest. */
static void weigh(const int64_t *row, int64_t n, const int32_t *label, int32_t k,
                  const double *weight, double side[2])
{
    side[false] = side[true] = 0;
    for (int64_t i = 0; i < n; i++)
        side[label[row[i]] == k] += weight[row[i]];
}

static double least_of(const double *v, int64_t n)
{
    double least = INFINITY;
    for (int64_t i = 0; i < n; i++)
        least = v[i] < least ? v[i] : least;
    return least;
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
    const int64_t *sorted = sort_by(key, order + n, order, others);
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

/* ---- areas of counted rows ---- */

/* Keys of the rows above the least score of each of some classes, in the n places of the class: its
 * own rows from the front, the others from the end. */
typedef struct sides {
    int64_t *key;
    int64_t own[HONE_RANKS_TOGETHER], rest[HONE_RANKS_TOGETHER];
} sides;

INLINED void sift(const double *score, int64_t outputs, const int32_t *label, int64_t n, int64_t k,
                  int64_t count, sides *s)
{
    double least[HONE_RANKS_TOGETHER];
    for (int c = 0; c < HONE_RANKS_TOGETHER; c++)
        least[c] = INFINITY, s->own[c] = s->rest[c] = 0;
    score += k;
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < count; c++)
            least[c] = score[i * outputs + c] < least[c] ? score[i * outputs + c] : least[c];
    for (int64_t i = 0; i < n; i++, score += outputs) {
        int64_t above[HONE_RANKS_TOGETHER], some = 0;
        for (int64_t c = 0; c < count; c++) {
            above[some] = c;
            some += score[c] > least[c];
        }
        for (int64_t t = 0; t < some; t++) {
            const int64_t c = above[t];
            const bool own = label[i] == k + c;
            s->key[c * n + (own ? s->own[c] : n - 1 - s->rest[c])] = (int64_t)key_of(score[c]);
            s->own[c] += own, s->rest[c] += !own;
        }
    }
}

/* How many of n ascending keys are below one. */
static int64_t below(const int64_t *sorted, int64_t n, uint64_t key)
{
    const int64_t *at = sorted;
    for (; n > 1; n -= n / 2)
        at += (uint64_t)at[n / 2 - 1] < key ? n / 2 : 0;
    return at - sorted + (n == 1 && (uint64_t)*at < key);
}

/* Twice the number of pairs of one of `own` and one of `rest` in which the first is above, a tie
 * counting as half of one. `room`: for n. */
static int64_t pairs_of(int64_t *own, int64_t n, const int64_t *rest, int64_t others, int64_t *room)
{
    const int64_t *sorted = sort_keys(own, room, n);
    int64_t *const end = sorted == own ? room : own, pairs = 0; /* of the run of equal ones */
    for (int64_t i = n - 1; i >= 0; i--)
        end[i] = i + 1 < n && sorted[i + 1] == sorted[i] ? end[i + 1] : i + 1;
    for (int64_t i = 0; i < others; i++) {
        const int64_t at = below(sorted, n, (uint64_t)rest[i]);
        pairs += 2 * n - at - (at < n && sorted[at] == rest[i] ? end[at] : at);
    }
    return pairs;
}

void hone_count_areas(const double *score, int64_t outputs, const int32_t *label, int64_t n,
                      int64_t k, int64_t count, int64_t *room, double *areas, bool *undefined)
{
    sides s = {.key = room};
    if (count == HONE_RANKS_TOGETHER) /* a constant, for vectors */
        sift(score, outputs, label, n, k, HONE_RANKS_TOGETHER, &s);
    else
        sift(score, outputs, label, n, k, count, &s);
    for (int64_t c = 0; c < count; c++) {
        const int64_t own = s.own[c], rest = s.rest[c];
        int64_t *const key = room + c * n, *const more = room + HONE_RANKS_TOGETHER * n, all = 0;
        for (int64_t i = 0; i < n; i++)
            all += label[i] == k + c;
        const int64_t least =
            (all + own) * (n - all - rest); /* pairs with the least score, twice */
        const int64_t pairs = pairs_of(key, own, key + n - rest, rest, more) + least;
        const bool defined = all > 0 && all < n;
        *undefined |= !defined;
        areas[c] = defined ? (double)pairs / 2 / ((double)all * (double)(n - all)) : 0.5;
    }
}

/* ---- median ---- */

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
