/* Training rows as float32 panels, and how far a value computed from them can be off.
 *
 * With u = 2^-24, a sum of d products in float is off by at most (d + 1) u times the sum of their
 * magnitudes; storing moves a row by u times its norm. What both make of a squared distance is
 * bounded by C (|q|^2 + |x|^2), C = 2 (d + 12) u: one part belongs to the point, one to the query.
 * (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1.) Products too small
 * for float add at most FLOOR a dimension. The gaps that gower averages are at most 1, and so is
 * the magnitude that their errors are proportional to.
 *
 * Minkowski: a gap that is off by a share of itself and of what was stored, and powers that are off
 * by a share of theirs, are a vector of gaps that is off by a vector whose p-norm is at most
 * (d + 24) u (|q| + |x|), where |.| is the p-norm; the root of the sum is off by no more
 * (Minkowski's inequality). Powers that are too small for float add what `power_floor` says.
 */
#include "knn.h"

#define FLOOR 0x1p-90
#define HALF_ULP 0x1p-24

/* Sums of more dimensions have no useful bound. */
enum { MOST_DIMENSIONS = 1 << 18 };

/* Codes of more levels are not exact in float. */
enum { MOST_LEVELS = 1 << 23 };

static double unit_error(const knn_rule *r)
{
    switch (r->metric) {
    case EUCLIDEAN:
    case COSINE:
        return 2 * (double)(r->terms + 12) * HALF_ULP;
    case MANHATTAN:
        return (double)(r->terms + 12) * HALF_ULP;
    case CHEBYSHEV:
        return 12 * HALF_ULP;
    case GOWER:
        return (double)(r->terms + 12) * HALF_ULP;
    case MINKOWSKI:
        return (double)(r->terms + 24) * HALF_ULP;
    default:
        return 0;
    }
}

/* A power below 2^-125 counts as at most 2^-124: the p-norm of that in every dimension. */
static double power_floor(const knn_rule *r)
{
    return r->metric == MINKOWSKI
               ? pow((double)(r->terms + 1) * ldexp(1, -124 - KNN_LIFT), 1 / r->p)
               : 0;
}

/* The magnitude that errors are proportional to, of `count` stored values: step between them. A
 * p-norm is at most the Euclidean one, times d^(1/p - 1/2) where p < 2 (Hoelder). */
static double magnitude(const knn_rule *r, const float *x, int64_t count, int64_t step)
{
    double sum = 0;
    for (int64_t k = 0; k < count; k++) {
        const double v = (double)x[k * step];
        if (r->metric == EUCLIDEAN || r->metric == MINKOWSKI)
            sum += v * v;
        else if (r->metric == MANHATTAN)
            sum += fabs(v);
        else if (r->metric == CHEBYSHEV)
            sum = fabs(v) > sum ? fabs(v) : sum;
    }
    if (r->metric == MINKOWSKI)
        return sqrt(sum) * pow((double)r->d, fmax(0, 1 / r->p - 0.5));
    return r->metric == COSINE || r->metric == GOWER ? 1 : sum;
}

static float down(double v)
{
    return nextafterf((float)v, -INFINITY);
}

static float up(double v)
{
    return nextafterf((float)v, INFINITY);
}

/* ---- centre ---- */

/* The mean, on a grid so coarse that whole numbers stay whole. */
static void find_centre(const knn_rule *r, double *centre, double *deviation)
{
    const knn_state *s = r->s;
    const int64_t n = s->n_rows, d = r->d;
    const double share = r->inverse / (double)n;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < d; k++)
            centre[k] += knn_value(s, d, i, k) * share;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < d; k++) {
            const double far = fabs(knn_value(s, d, i, k) * r->inverse - centre[k]);
            deviation[k] = far > deviation[k] ? far : deviation[k];
        }
    for (int64_t k = 0; k < d; k++) {
        const double grid = deviation[k] > 0 ? ldexp(1, ilogb(deviation[k])) : 0;
        if (grid > 0)
            centre[k] = rint(centre[k] / grid) * grid;
    }
}

/* ---- panels ---- */

/* Where a value lies, so that gower's part of a column is the gap between two places, at most 1. */
static double gower_place(const knn_rule *r, int64_t k, double v)
{
    if (isnan(v) || (r->levels && r->levels[k]))
        return v;
    if (r->range[k] == 0)
        return v == r->low[k] ? 0 : 2;
    const double place = (v - r->low[k]) / r->range[k];
    return place < -1 ? -1 : place > 2 ? 2 : place;
}

/* `scale`: of a cosine, one over the row's norm. */
static double place_of(const knn_points *p, int64_t k, double v, double scale)
{
    switch (p->rule.metric) {
    case COSINE:
        return v * scale;
    case GOWER:
        return gower_place(&p->rule, k, v);
    default:
        return p->centre ? v - p->centre[k] : v;
    }
}

float knn_stored(const knn_points *p, int64_t row, int64_t k, double scale)
{
    return (float)place_of(p, k, knn_value(p->rule.s, p->rule.d, row, k) * p->rule.inverse, scale);
}

/* What is stored of a row has magnitude m. */
static void bracket(const knn_points *p, int64_t t, double m)
{
    const knn_rule *r = &p->rule;
    const double slack = unit_error(r) * m;
    const double start = r->metric == COSINE ? 2 : r->metric == EUCLIDEAN ? m : 0;
    p->slack[t] = slack > 0 ? up(slack) : 0;
    p->start[t] = r->metric == HAMMING ? 0 : down(start - (double)p->slack[t]);
}

static double scale_of(const knn_rule *r, int64_t row)
{
    return r->metric == COSINE && r->norm[row] > 0 ? 1 / sqrt(r->norm[row]) : 0;
}

/* `place`: room for a row. */
static void fill_point(const knn_points *p, int64_t t, int64_t row, float *place)
{
    const knn_rule *r = &p->rule;
    float *to = p->x + t / LANES * r->d * LANES + t % LANES;
    const double scale = scale_of(r, row);
    for (int64_t k = 0; k < r->d; k++)
        place[k] = knn_stored(p, row, k, scale);
    for (int64_t k = 0; k < r->d; k++)
        to[k * LANES] = place[k];
    bracket(p, t, magnitude(r, place, r->d, 1));
}

static hone_status fill_index(knn_points *p, hone_arena *keep, hone_error *error)
{
    const knn_rule *r = &p->rule;
    const knn_state *s = r->s;
    float *place = HONE_RAW(keep, float, r->terms, 1);
    if (!place || !knn_index_new(s, r->d, keep, &p->index))
        return hone_no_memory(error);
    for (int64_t i = 0; i < s->n_rows; i++) {
        const int64_t first = s->sparse_start[i], count = s->sparse_start[i + 1] - first;
        const double scale = scale_of(r, i);
        for (int64_t u = 0; u < count; u++)
            place[u] = (float)place_of(p, u, knn_entry(s, first + u) * r->inverse, scale);
        bracket(p, i, magnitude(r, place, count, 1));
        knn_index_put(&p->index, s, i, place);
    }
    return HONE_OK;
}

/* Metrics that have a kernel: of sparse rows those whose sums are of products. Equality can be told
 * from float values only where they are exact, and powers are kept only of values that a unit can
 * bring near 1. */
static bool is_filtered(const knn_rule *r)
{
    if (r->terms > MOST_DIMENSIONS || (r->metric == MINKOWSKI && r->unit >= UNIT_MOST))
        return false;
    if (r->s->n_sparse)
        return r->metric == EUCLIDEAN || r->metric == COSINE;
    for (int64_t k = 0; r->levels && k < r->d; k++)
        if (r->levels[k] > MOST_LEVELS)
            return false;
    return r->metric == GOWER ? r->unit == 1 : r->metric != HAMMING || r->s->n_narrow;
}

static hone_status fill_panels(knn_points *p, int algorithm, int64_t neighbors, hone_arena *keep,
                               hone_error *error)
{
    const int64_t d = p->rule.d, n = p->rule.s->n_rows, lanes = p->panels * LANES;
    float *place = HONE_RAW(keep, float, d, 1);
    p->centre = HONE_NEW(keep, double, d, 2);
    p->x = HONE_RAW(keep, float, lanes, d > 2 ? d : 2);
    if (!place || !p->centre || !p->x)
        return hone_no_memory(error);
    if (p->rule.metric < COSINE)
        find_centre(&p->rule, p->centre, p->centre + d);
    HONE_TRY(knn_tree_order(p, algorithm, keep, error));
    for (int64_t t = 0; t < n; t++)
        fill_point(p, t, p->id[t], place);
    for (int64_t t = n; t < lanes; t++) {
        p->start[t] = INFINITY;
        for (int64_t k = 0; k < d; k++)
            p->x[(t / LANES * d + k) * LANES + t % LANES] = 0;
    }
    return knn_tree_finish(p, algorithm, neighbors, keep, error);
}

hone_status knn_points_make(const knn_state *s, const knn_params *params, const hone_shape *shape,
                            int64_t neighbors, hone_arena *keep, knn_points *p, hone_error *error)
{
    *p = (knn_points){0};
    HONE_TRY(knn_rule_make(s, params, shape, keep, &p->rule, error));
    p->power = hone_power_of(p->rule.p, 0, KNN_LIFT);
    p->root = hone_power_of(1 / p->rule.p, KNN_LIFT, 0);
    p->filtered = is_filtered(&p->rule);
    if (!p->filtered)
        return HONE_OK;
    p->panels = (s->n_rows + LANES - 1) / LANES;
    const int64_t lanes = p->panels * LANES;
    p->start = HONE_RAW(keep, float, lanes, 1);
    p->slack = HONE_NEW(keep, float, lanes, 1);
    p->id = HONE_NEW(keep, int32_t, lanes, 1);
    if (!p->start || !p->slack || !p->id)
        return hone_no_memory(error);
    for (int64_t t = 0; t < s->n_rows; t++)
        p->id[t] = (int32_t)t;
    return s->n_sparse ? fill_index(p, keep, error)
                       : fill_panels(p, params->algorithm, neighbors, keep, error);
}

static hone_status make_new(const knn_state *s, const knn_params *params, const hone_shape *shape,
                            hone_arena *keep, const knn_points **points, hone_error *error)
{
    knn_points *p = HONE_NEW(keep, knn_points, 1, 1);
    *points = p;
    return p ? knn_points_make(s, params, shape, s->neighbors, keep, p, error)
             : hone_no_memory(error);
}

hone_status knn_points_of(const knn_state *s, const knn_params *params, const hone_shape *shape,
                          const hone_run *run, hone_arena *scratch, const knn_points **points,
                          hone_error *error)
{
    *points = s->points;
    if (s->points)
        return HONE_OK;
    knn_state *own = HONE_NEW(scratch, knn_state, 1, 1);
    if (!own)
        return hone_no_memory(error);
    const hone_fit_job given = {.x = s->given, .run = run, .keep = scratch, .scratch = scratch};
    HONE_TRY(knn_copy_rows(&given, own, error));
    own->neighbors = s->neighbors;
    return make_new(own, params, shape, scratch, points, error);
}

hone_status knn_prepare(const hone_shape *shape, const void *params, void *state, hone_arena *keep,
                        hone_error *error)
{
    knn_state *s = state;
    if (s->later)
        return HONE_OK;
    return make_new(s, params, shape, keep, &s->points, error);
}

/* ---- queries ---- */

knn_spot knn_spot_of(const knn_points *p, const knn_query *query, float *q, int64_t step)
{
    const knn_rule *r = &p->rule;
    const bool cosine = r->metric == COSINE;
    const double scale = query->norm > 0 ? 1 / sqrt(query->norm) : 0;
    const double most = r->metric == MINKOWSKI ? POWER_QUERY_MOST : QUERY_MOST;
    knn_spot spot = {0};
    for (int64_t k = 0; k < query->count; k++) {
        const double v = place_of(p, k, query->value[k], scale);
        const float f = (float)(v > most ? most : v < -most ? -most : v);
        spot.plain |=
            (r->metric != GOWER && !(fabs(v) <= most)) || (r->metric == HAMMING && (double)f != v);
        q[k * step] = f;
    }
    const double m = magnitude(r, q, query->count, step);
    if (r->metric != HAMMING)
        spot.e = up(unit_error(r) * m + FLOOR * (double)r->d + power_floor(r));
    spot.base = r->metric == EUCLIDEAN ? m : 0;
    for (int64_t k = 0; k < query->count && (cosine || r->metric == EUCLIDEAN); k++)
        q[k * step] *= -2;
    return spot;
}

float knn_bound_of(const knn_points *p, const knn_spot *spot, double rank)
{
    const double scale = p->rule.metric == COSINE ? 2 : 1;
    const double value = p->rule.metric == MINKOWSKI ? knn_root(&p->rule, rank) : scale * rank;
    return up(value - spot->base + (double)spot->e);
}

/* ---- sparse rows ---- */

/* Powers of gaps in float, each of the gap or of 4 when that is less, are off by (3 p + 6) 2^-24 of
 * themselves, gaps rounded to float included, but for those below 2^-92. */
bool knn_beyond(const knn_points *p, const knn_query *q, int64_t row, double rank,
                void (*raise)(float *, int64_t, const hone_power *), float *gaps)
{
    const knn_rule *r = &p->rule;
    const int64_t n = knn_gaps(r, q, row, POWER_QUERY_MOST, gaps);
    double sum = 0;
    for (int64_t t = n; t < n + LANES; t++)
        gaps[t] = 1;
    raise(gaps, (n + LANES - 1) / LANES * LANES, &p->power);
    for (int64_t t = 0; t < n; t++)
        sum += (double)gaps[t];
    const double share = (3 * r->p + 6) * HALF_ULP + (double)n * 0x1p-50;
    return (sum - (double)n * 0x1p-92) * (1 - share) > ldexp(rank, KNN_LIFT);
}
