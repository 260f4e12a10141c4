#include "core/prep/columns.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { SMALL = 24, MOST_ROUNDS = 64 };
enum { TOGETHER = 4, AT_ONCE = 512 }; /* columns and rows that are read together */
/* Of a selection among many: rows of the sample, and how far from the rank in it to look. */
enum { LARGE = 8192, SAMPLE = 512, REACH = 40 };

/* Missing cells leave. */
static int64_t squeeze(double *values, int64_t n)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++) {
        const double v = values[i];
        values[kept] = v;
        kept += v == v;
    }
    return kept;
}

int64_t hone_present_values(const hone_step_job *job, int64_t j, double *values)
{
    hone_step_column(job, j, 0, job->x.rows, values);
    return squeeze(values, job->x.rows);
}

typedef struct visit {
    const hone_step_job *job;
    int64_t cols;
    const bool *skip;
    void *context;
    hone_visitor *see;
} visit;

/* Neighbouring columns are read together, some rows of each at a time: they share cache lines. */
static hone_status visit_block(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    const visit *v = context;
    const int64_t n = v->job->x.rows, from = block * TOGETHER;
    const int64_t most = v->cols - from < TOGETHER ? v->cols - from : TOGETHER;
    int64_t col[TOGETHER], count = 0;
    for (int64_t j = from; j < from + most; j++)
        if (!v->skip || !v->skip[j])
            col[count++] = j;
    double *values = HONE_RAW(scratch, double, count, n);
    if (!values)
        return hone_no_memory(error);
    for (int64_t first = 0; first < n; first += AT_ONCE)
        for (int64_t k = 0; k < count; k++)
            hone_step_column(v->job, col[k], first, n - first < AT_ONCE ? n - first : AT_ONCE,
                             values + k * n + first);
    for (int64_t k = 0; k < count; k++)
        HONE_TRY(
            v->see(v->context, col[k], values + k * n, squeeze(values + k * n, n), scratch, error));
    return HONE_OK;
}

hone_status hone_visit_columns(const hone_step_job *job, int64_t cols, const bool *skip,
                               hone_visitor *see, void *context, hone_error *error)
{
    visit v = {job, cols, skip, context, see};
    return hone_for_blocks(job->run, (cols + TOGETHER - 1) / TOGETHER, visit_block, &v, error);
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

/* Moves what lies between two values of a sample around rank k to the front. Gives their number,
 * and how many are below them; 0: ranks k and k + 1 are not both among them, nothing has moved. Two
 * passes without a branch that depends on a value. */
static int64_t narrow(double *v, int64_t n, int64_t k, int64_t *below)
{
    double sample[SAMPLE];
    for (int64_t i = 0; i < SAMPLE; i++)
        sample[i] = v[i * (n / SAMPLE)];
    hone_sort_values(sample, SAMPLE);
    const int64_t at = (int64_t)((double)k / (double)n * SAMPLE);
    const double low = at < REACH ? -INFINITY : sample[at - REACH];
    const double high = at + REACH >= SAMPLE ? INFINITY : sample[at + REACH];
    int64_t less = 0, inside = 0;
    for (int64_t i = 0; i < n; i++) {
        less += v[i] < low;
        inside += v[i] <= high;
    }
    inside -= less;
    if (k < less || k + 1 >= less + inside)
        return 0;
    for (int64_t i = 0, to = 0; i < n; i++) {
        const double value = v[i];
        v[i] = v[to];
        v[to] = value;
        to += (value >= low) & (value <= high);
    }
    *below = less;
    return inside;
}

void hone_pair_at(double *values, int64_t n, int64_t k, double pair[2])
{
    int64_t less = 0, inside = n >= LARGE ? narrow(values, n, k, &less) : 0;
    if (inside)
        n = inside, k -= less;
    hone_part_at(values, n, k);
    pair[0] = pair[1] = values[k];
    if (k + 1 < n)
        pair[1] = values[k + 1];
    for (int64_t i = k + 2; i < n; i++)
        pair[1] = values[i] < pair[1] ? values[i] : pair[1];
}

double hone_quantile_of(double *values, int64_t n, double q)
{
    const double at = q * (double)(n - 1);
    const int64_t below = (int64_t)at < n - 1 ? (int64_t)at : n - 1;
    double pair[2];
    hone_pair_at(values, n, below, pair);
    return below == n - 1 ? pair[0] : between(pair[0], pair[1], at - (double)below);
}

static double largest(const double *values, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs(values[i]));
    return most;
}

double hone_deviation(double squares, double rest, double mean, double all)
{
    const double variance = fmax(0, (squares - rest * rest / all) / all);
    const double noise = all * DBL_EPSILON * variance + pow(all * mean * DBL_EPSILON, 2);
    return variance <= noise ? 0 : sqrt(variance);
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
    m.mean = (mean + rest / all) * unit;
    m.deviation = hone_deviation(squares, rest, mean, all) * unit;
    return m;
}
