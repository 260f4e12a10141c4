#include "core/ranks.h"

#include <float.h>

#include "core/prep/columns.h"

/* In-place heap sort of `order` by value: no allocation, no recursion, O(n log n) always. */
static void sink(const double *values, int64_t *order, int64_t at, int64_t n)
{
    const int64_t moved = order[at];
    for (int64_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && values[order[child + 1]] > values[order[child]])
            child++;
        if (values[order[child]] <= values[moved])
            break;
        order[at] = order[child];
    }
    order[at] = moved;
}

static void sort_order(const double *values, int64_t *order, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    for (int64_t i = n / 2; i-- > 0;)
        sink(values, order, i, n);
    for (int64_t end = n - 1; end > 0; end--) {
        const int64_t largest = order[0];
        order[0] = order[end];
        order[end] = largest;
        sink(values, order, 0, end);
    }
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
    const int64_t middle = (n - 1) / 2;
    hone_part_at(values, n, middle);
    if (n % 2)
        return values[middle];
    double next = values[middle + 1];
    for (int64_t i = middle + 2; i < n; i++)
        next = values[i] < next ? values[i] : next;
    return (values[middle] + next) / 2;
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
