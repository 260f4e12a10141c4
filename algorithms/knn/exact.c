/* Ranks in double: the truth that every faster way must agree with, bit for bit. */
#include <float.h>

#include "knn.h"

/* Values of a query beyond these count as these: their squares and powers stay finite, and no gap
 * to a training value changes in double. */
#define VALUE_MOST 0x1p400
#define POWER_MOST 0x1p45
#define GOWER_MOST 0x1p1022

/* Below this squared norm a row is a zero row to the cosine. */
#define NORM_LEAST 0x1p-400

/* ---- units ---- */

static double larger(double a, double v)
{
    return fabs(v) > a ? fabs(v) : a;
}

static double largest_of(const knn_state *s, int64_t d)
{
    double largest = 0;
    for (int64_t t = 0; t < s->n_narrow * d; t++)
        largest = larger(largest, (double)s->narrow[t]);
    for (int64_t t = 0; t < s->n_wide * d; t++)
        largest = larger(largest, s->wide[t]);
    for (int64_t t = 0; t < s->n_thin; t++)
        largest = larger(largest, (double)s->sparse_thin[t]);
    for (int64_t t = 0; t < s->n_thick; t++)
        largest = larger(largest, s->sparse_thick[t]);
    return largest;
}

/* Powers need values near 1, gower gaps that are finite; all else only values whose squares are far
 * from the ends. */
static double unit_of(double largest, int metric)
{
    int exponent = 0;
    if (metric == GOWER)
        return largest < GOWER_MOST ? 1 : 4;
    if (largest == 0 || metric == HAMMING ||
        (metric != MINKOWSKI && largest >= 0x1p-20 && largest <= STORED_MOST / 4))
        return 1;
    frexp(largest, &exponent);
    return fmin(ldexp(1, exponent < -900 ? -900 : exponent > 1023 ? 1023 : exponent), UNIT_MOST);
}

/* ---- one row ---- */

static inline __attribute__((always_inline)) double add(int metric, double p, double sum, double a,
                                                        double b)
{
    const double gap = fabs(a - b);
    switch (metric) {
    case EUCLIDEAN:
        return sum + (a - b) * (a - b);
    case MANHATTAN:
        return sum + gap;
    case CHEBYSHEV:
        return gap > sum ? gap : sum;
    case MINKOWSKI:
        return sum + pow(gap, p);
    case COSINE:
        return sum + a * b;
    default:
        return sum + (a != b);
    }
}

#define DENSE(name, type)                                                                          \
    static inline __attribute__((always_inline)) double name##_sum(                                \
        int metric, double p, const double *q, const type *x, double inverse, int64_t d)           \
    {                                                                                              \
        double sum = 0;                                                                            \
        for (int64_t k = 0; k < d; k++)                                                            \
            sum = add(metric, p, sum, q[k], (double)x[k] * inverse);                               \
        return sum;                                                                                \
    }                                                                                              \
    static double name(const knn_rule *r, const double *q, const type *x)                          \
    {                                                                                              \
        switch (r->metric) {                                                                       \
        case EUCLIDEAN:                                                                            \
            return name##_sum(EUCLIDEAN, 0, q, x, r->inverse, r->d);                               \
        case MANHATTAN:                                                                            \
            return name##_sum(MANHATTAN, 0, q, x, r->inverse, r->d);                               \
        case CHEBYSHEV:                                                                            \
            return name##_sum(CHEBYSHEV, 0, q, x, r->inverse, r->d);                               \
        case COSINE:                                                                               \
            return name##_sum(COSINE, 0, q, x, r->inverse, r->d);                                  \
        case HAMMING:                                                                              \
            return name##_sum(HAMMING, 0, q, x, r->inverse, r->d);                                 \
        default:                                                                                   \
            return name##_sum(MINKOWSKI, r->p, q, x, r->inverse, r->d);                            \
        }                                                                                          \
    }

DENSE(narrow, float)
DENSE(wide, double)

/* Division, so that a gap of the whole range counts as 1 and no more. */
static double gower_at(const knn_rule *r, const double *q, int64_t row)
{
    double sum = 0;
    int64_t both = 0;
    for (int64_t k = 0; k < r->d; k++) {
        const double a = q[k], b = knn_value(r->s, r->d, row, k) * r->inverse;
        if (isnan(a) || isnan(b))
            continue;
        both++;
        sum += r->range[k] == 0 ? a != b : fmin(fabs(a - b) / r->range[k], 1);
    }
    return both ? sum / (double)both : 1;
}

/* The next column that either row has, and its values; the others are 0 in both. */
typedef struct merging {
    const knn_rule *r;
    const knn_query *q;
    int64_t t, end, u;
} merging;

static inline merging merge_of(const knn_rule *r, const knn_query *q, int64_t row)
{
    return (merging){r, q, r->s->sparse_start[row], r->s->sparse_start[row + 1], 0};
}

static inline bool next_of(merging *m, double *a, double *b)
{
    const knn_state *s = m->r->s;
    if (m->t == m->end && m->u == m->q->count)
        return false;
    const int64_t here = m->t < m->end ? s->sparse_column[m->t] : INT64_MAX;
    const int64_t there = m->u < m->q->count ? m->q->column[m->u] : INT64_MAX;
    *a = *b = 0;
    if (there <= here)
        *a = m->q->value[m->u++];
    if (here <= there) {
        *b = knn_entry(s, m->t) * m->r->inverse;
        m->t++;
    }
    return true;
}

/* Columns ascend: what is left out adds 0 to the dense sum. */
static double sparse(const knn_rule *r, const knn_query *q, int64_t row)
{
    double sum = 0, a, b;
    for (merging m = merge_of(r, q, row); next_of(&m, &a, &b);)
        sum = add(r->metric, r->p, sum, a, b);
    return sum;
}

int64_t knn_gaps(const knn_rule *r, const knn_query *q, int64_t row, double most, float *gaps)
{
    int64_t n = 0;
    double a, b;
    for (merging m = merge_of(r, q, row); next_of(&m, &a, &b); n++)
        gaps[n] = (float)fmin(fabs(a - b), most);
    return n;
}

double knn_rank(const knn_rule *r, const knn_query *q, int64_t row)
{
    const knn_state *s = r->s;
    double sum;
    if (r->metric == GOWER)
        return gower_at(r, q->value, row);
    if (s->n_sparse)
        sum = sparse(r, q, row);
    else if (s->n_narrow)
        sum = narrow(r, q->value, s->narrow + row * r->d);
    else
        sum = wide(r, q->value, s->wide + row * r->d);
    if (r->metric != COSINE)
        return sum;
    if (q->norm == 0 || r->norm[row] == 0)
        return 1;
    const double gap = 1 - sum / sqrt(q->norm * r->norm[row]);
    return gap > 0 ? gap : 0;
}

double knn_root(const knn_rule *r, double rank)
{
    switch (r->metric) {
    case EUCLIDEAN:
        return sqrt(rank);
    case MINKOWSKI:
        return pow(rank, 1 / r->p);
    case HAMMING:
        return r->d ? rank / (double)r->d : 0;
    default:
        return rank;
    }
}

double knn_distance(const knn_rule *r, double rank)
{
    const bool scaled = r->metric != COSINE && r->metric != HAMMING && r->metric != GOWER;
    return fmin(knn_root(r, rank) * (scaled ? r->unit : 1), DBL_MAX);
}

/* ---- rules and queries ---- */

static double norm_of(const double *value, int64_t count)
{
    double sum = 0;
    for (int64_t k = 0; k < count; k++)
        sum += value[k] * value[k];
    return sum < NORM_LEAST ? 0 : sum;
}

static double row_norm(const knn_rule *r, int64_t i)
{
    const knn_state *s = r->s;
    const int64_t from = s->n_sparse ? s->sparse_start[i] : 0;
    const int64_t to = s->n_sparse ? s->sparse_start[i + 1] : r->d;
    double sum = 0;
    for (int64_t t = from; t < to; t++) {
        const double v = s->n_sparse ? knn_entry(s, t) : knn_value(s, r->d, i, t);
        sum += v * r->inverse * (v * r->inverse);
    }
    return sum < NORM_LEAST ? 0 : sum;
}

/* Ranges of the numbers that are there; 0 for categories. */
static hone_status find_ranges(knn_rule *r, const hone_shape *shape, hone_arena *arena,
                               hone_error *error)
{
    const int64_t d = r->d;
    double *low = HONE_RAW(arena, double, d, 1), *range = HONE_NEW(arena, double, d, 1);
    if (!low || !range)
        return hone_no_memory(error);
    for (int64_t k = 0; k < d; k++)
        low[k] = INFINITY, range[k] = -INFINITY;
    for (int64_t i = 0; i < r->s->n_rows; i++)
        for (int64_t k = 0; k < d; k++) {
            const double v = knn_value(r->s, d, i, k) * r->inverse;
            low[k] = v < low[k] ? v : low[k];
            range[k] = v > range[k] ? v : range[k];
        }
    for (int64_t k = 0; k < d; k++)
        range[k] = (shape->levels && shape->levels[k]) || low[k] > range[k] ? 0 : range[k] - low[k];
    r->low = low, r->range = range, r->levels = shape->levels;
    return HONE_OK;
}

hone_status knn_rule_make(const knn_state *s, const knn_params *params, const hone_shape *shape,
                          hone_arena *arena, knn_rule *rule, hone_error *error)
{
    const int64_t d = shape->features;
    *rule = (knn_rule){.s = s, .metric = params->metric, .p = params->p, .d = d};
    if (rule->metric == MINKOWSKI && rule->p == 1)
        rule->metric = MANHATTAN;
    if (rule->metric == MINKOWSKI && rule->p == 2)
        rule->metric = EUCLIDEAN;
    rule->unit = unit_of(largest_of(s, d), rule->metric);
    rule->inverse = 1 / rule->unit;
    rule->terms = s->n_sparse ? 0 : d;
    for (int64_t i = 0; i < s->n_sparse; i++) {
        const int64_t entries = s->sparse_start[i + 1] - s->sparse_start[i];
        rule->terms = entries > rule->terms ? entries : rule->terms;
    }
    if (rule->metric == GOWER)
        return find_ranges(rule, shape, arena, error);
    if (rule->metric != COSINE)
        return HONE_OK;
    double *norm = HONE_RAW(arena, double, s->n_rows, 1);
    if (!norm)
        return hone_no_memory(error);
    for (int64_t i = 0; i < s->n_rows; i++)
        norm[i] = row_norm(rule, i);
    rule->norm = norm;
    return HONE_OK;
}

bool knn_query_new(const knn_rule *r, const hone_matrix *x, hone_arena *arena, knn_query *q)
{
    int64_t room = r->d;
    if (r->s->n_sparse) {
        room = 0;
        for (int64_t i = 0; i < x->rows; i++) {
            const int64_t count = hone_row_room(x, i);
            room = count > room ? count : room;
        }
    }
    *q = (knn_query){.value = HONE_RAW(arena, double, room, 1), .room = room};
    q->column = r->s->n_sparse ? HONE_RAW(arena, int32_t, room, 1) : NULL;
    return q->value && (q->column || !r->s->n_sparse);
}

/* A code that is none is one above the last: an unknown level, which differs from all. */
static double code_of(double v, int32_t levels)
{
    return isnan(v) || (v >= 0 && v < levels && v == floor(v)) ? v : levels;
}

void knn_query_read(const knn_rule *r, const hone_matrix *x, int64_t i, double *buffer,
                    knn_query *q)
{
    const double most = r->metric == MINKOWSKI ? POWER_MOST
                        : r->metric == HAMMING ? DBL_MAX
                        : r->metric == GOWER   ? GOWER_MOST
                                               : VALUE_MOST;
    const double *from = q->value;
    q->count = r->d;
    if (r->s->n_sparse)
        q->count = hone_row_entries(x, i, q->column, q->value);
    else
        from = hone_row_f64(x, i, buffer);
    for (int64_t k = 0; k < q->count; k++) {
        const int32_t levels = r->levels ? r->levels[k] : 0;
        const double v = (levels ? code_of(from[k], levels) : from[k]) * r->inverse;
        q->value[k] = v > most ? most : v < -most ? -most : v;
    }
    q->norm = r->metric == COSINE ? norm_of(q->value, q->count) : 0;
}
