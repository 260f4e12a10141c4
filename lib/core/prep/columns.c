#include "core/prep/columns.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { SMALL = 24, MOST_ROUNDS = 64 };

int64_t hone_present_values(const hone_step_job *job, int64_t j, double *values)
{
    const int64_t n = job->x.rows;
    hone_step_column(job, j, 0, n, values);
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++)
        if (!isnan(values[i]))
            values[kept++] = values[i];
    return kept;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void hone_sort_values(double *values, int64_t n)
{
    qsort(values, (size_t)n, sizeof *values, ascending);
}

static double between(double a, double b, double t)
{
    if (isinf(b - a))
        return a * (1 - t) + b * t;
    return t < 0.5 ? a + (b - a) * t : b - (b - a) * (1 - t);
}

double hone_sorted_quantile(const double *sorted, int64_t n, double q)
{
    const double at = q * (double)(n - 1);
    const int64_t below = (int64_t)at;
    if (below >= n - 1)
        return sorted[n - 1];
    return between(sorted[below], sorted[below + 1], at - (double)below);
}

static double middle_of(double a, double b, double c)
{
    const double low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

/* Hoare's selection. The pivot is a median of three medians of three; should it be a bad
 * one too often, the part that is left is sorted. */
void hone_part_at(double *v, int64_t n, int64_t k)
{
    int64_t low = 0, high = n - 1;
    for (int rounds = 0; high - low > SMALL; rounds++) {
        if (rounds == MOST_ROUNDS)
            break;
        const int64_t step = (high - low) / 8;
        const double *p = v + low;
        const double pivot = middle_of(middle_of(p[0], p[step], p[2 * step]),
                                       middle_of(p[3 * step], p[4 * step], p[5 * step]),
                                       middle_of(p[6 * step], p[7 * step], p[8 * step]));
        int64_t i = low, j = high;
        while (i <= j) {
            while (v[i] < pivot)
                i++;
            while (v[j] > pivot)
                j--;
            if (i <= j) {
                const double moved = v[i];
                v[i++] = v[j];
                v[j--] = moved;
            }
        }
        if (k <= j)
            high = j;
        else if (k >= i)
            low = i;
        else
            return;
    }
    hone_sort_values(v + low, high - low + 1);
}

double hone_quantile_of(double *values, int64_t n, double q)
{
    const double at = q * (double)(n - 1);
    const int64_t below = (int64_t)at < n - 1 ? (int64_t)at : n - 1;
    hone_part_at(values, n, below);
    if (below == n - 1)
        return values[below];
    double next = values[below + 1];
    for (int64_t i = below + 2; i < n; i++)
        next = values[i] < next ? values[i] : next;
    return between(values[below], next, at - (double)below);
}

static double largest(const double *values, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs(values[i]));
    return most;
}

hone_moments hone_moments_of(const double *values, int64_t n, int64_t zeros)
{
    const double all = (double)(n + zeros);
    /* Squares of values beyond 1e150 overflow: they are measured in units of 2^600. */
    const double unit = largest(values, n) > 1e150 ? 0x1p600 : 1;
    hone_moments m = {.low = zeros ? 0 : DBL_MAX, .high = zeros ? 0 : -DBL_MAX};
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += values[i] / unit;
        m.low = fmin(m.low, values[i]);
        m.high = fmax(m.high, values[i]);
    }
    const double mean = sum / all;
    double squares = 0, rest = 0;
    for (int64_t i = 0; i < n; i++) {
        const double e = values[i] / unit - mean;
        squares += e * e;
        rest += e;
    }
    squares += (double)zeros * mean * mean;
    rest -= (double)zeros * mean;
    const double variance = fmax(0, (squares - rest * rest / all) / all);
    const double noise = all * DBL_EPSILON * variance + pow(all * mean * DBL_EPSILON, 2);
    m.mean = mean * unit;
    m.deviation = variance <= noise ? 0 : sqrt(variance) * unit;
    return m;
}
