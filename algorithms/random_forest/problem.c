/* Hyperparameters and data turned into what growing needs.
 *
 * Weights and targets become integers in doubles, so that every sum is exact: weights that are
 * whole numbers stay as they are, others are rounded to weight_unit; targets, taken from the middle
 * of their range, to target_unit. The units are powers of two, as small as sums below 2^52 allow:
 * the rounding error of a sum of n terms is below n^2 2^-52 of the largest term. A forest does not
 * know the scale of its weights and targets: where products with it could leave the range of a
 * double, it is taken out first.
 */
#include <float.h>
#include <math.h>

#include "fit.h"
#include "logarithm.h"

static const double MOST = 0x1p52;
static const double FEEBLE = 0x1p-200;

static int64_t limit_of(hone_amount a)
{
    return a.word < 0 ? (int64_t)a.number : INT64_MAX;
}

/* A count, or a fraction of `rows` rounded up. */
static int64_t rows_of(hone_amount a, int64_t rows)
{
    return a.integral ? (int64_t)a.number : (int64_t)ceil(a.number * (double)rows);
}

int64_t forest_draws(const forest_params *p, int64_t rows)
{
    if (!p->bootstrap)
        return 0;
    if (p->max_samples.word >= 0)
        return rows;
    if (p->max_samples.integral)
        return p->max_samples.number < (double)rows ? (int64_t)p->max_samples.number : rows;
    const int64_t draws = (int64_t)round(p->max_samples.number * (double)rows);
    return draws > 1 ? draws : 1;
}

static hone_status adjust(const hone_fit_job *job, const char *name, hone_amount a, int64_t most,
                          hone_error *error)
{
    const bool above = a.word < 0 && a.integral && a.number > (double)most;
    return above ? hone_adjust(job->run, name, (double)most, error) : HONE_OK;
}

hone_status forest_adjust(const hone_fit_job *job, const forest_params *p, hone_error *error)
{
    HONE_TRY(adjust(job, "max_features", p->max_features, job->x.cols, error));
    return p->bootstrap ? adjust(job, "max_samples", p->max_samples, job->x.rows, error) : HONE_OK;
}

void forest_limits(const forest_params *p, int64_t rows, int gain_shift, limits *out)
{
    const int64_t rows_to_split = rows_of(p->min_samples_split, rows);
    *out = (limits){.max_depth = limit_of(p->max_depth),
                    .min_split = rows_to_split > 2 ? rows_to_split : 2,
                    .max_leaves = p->max_leaf_nodes.word < 0 ? limit_of(p->max_leaf_nodes) : 0,
                    .min_gain = ldexp(p->min_impurity_decrease - DBL_EPSILON, -gain_shift),
                    .ccp_alpha = ldexp(p->ccp_alpha, -gain_shift)};
}

static int64_t features_of(const forest_params *p, int64_t d)
{
    const double all = (double)d, count = p->max_features.number;
    double wanted = all;
    switch (p->max_features.word) {
    case FEATURES_AUTO:
        wanted = floor(pow(all, p->max_features_exponent) + 1e-9);
        break;
    case FEATURES_SQRT:
        wanted = floor(sqrt(all));
        break;
    case FEATURES_LOG2:
        wanted = floor(log2(all));
        break;
    case FEATURES_ALL:
        break;
    default:
        wanted = p->max_features.integral ? count : floor(count * all);
    }
    return wanted < 1 ? 1 : wanted > all ? d : (int64_t)wanted;
}

/* ---- integers ---- */

/* The power of two by which terms of at most `most` may be multiplied when `sum` of them add up. */
static double scale_for(double sum)
{
    int e;
    frexp(MOST / sum, &e);
    return ldexp(1, e - 1 > 1000 ? 1000 : e - 1);
}

static bool whole(const double *w, int64_t n, double draws)
{
    double sum = 0, most = 0;
    for (int64_t i = 0; i < n; i++) {
        if (w[i] != floor(w[i]))
            return false;
        sum += w[i], most = w[i] > most ? w[i] : most;
    }
    return sum < MOST && most * draws < MOST;
}

/* Weights by a power of two, the largest from 1 up to 2, when that one is far from 1. */
static hone_status unscale(const double **weight, int64_t n, hone_arena *arena, hone_error *error)
{
    const double *w = *weight;
    double most = 0;
    int e;
    for (int64_t i = 0; w && i < n; i++)
        most = w[i] > most ? w[i] : most;
    if (!w || (most > FEEBLE && most < 1 / FEEBLE))
        return HONE_OK;
    double *to = HONE_RAW(arena, double, n, 1);
    if (!to)
        return hone_no_memory(error);
    frexp(most, &e);
    for (int64_t i = 0; i < n; i++)
        to[i] = w[i] > 0 ? fmax(ldexp(w[i], 1 - e), DBL_MIN) : 0;
    *weight = to;
    return HONE_OK;
}

/* Weights of rows, with the factors of balanced classes. */
static hone_status real_weights(const hone_fit_job *job, const forest_params *p,
                                const double *given, hone_arena *arena, const double **weight,
                                hone_error *error)
{
    const int64_t n = job->x.rows, c = job->shape.outputs;
    *weight = given;
    if (!job->label || p->class_weight == WEIGHTS_NONE)
        return HONE_OK;
    const bool each_bag = p->class_weight == WEIGHTS_BALANCED_SUBSAMPLE && p->bootstrap;
    int64_t kinds = 0;
    double *w = HONE_RAW(arena, double, n, 1);
    int64_t *count = HONE_NEW(arena, int64_t, c, 1);
    if (!w || !count)
        return hone_no_memory(error);
    for (int64_t i = 0; i < n; i++)
        kinds += count[job->label[i]]++ == 0;
    for (int64_t i = 0; i < n; i++)
        w[i] = (given ? given[i] : 1) *
               (each_bag ? 1 : (double)n / ((double)kinds * (double)count[job->label[i]]));
    *weight = w;
    return HONE_OK;
}

static hone_status quantise_weights(problem *o, const double *w, hone_arena *arena, double *weights,
                                    hone_error *error)
{
    const int64_t n = o->rows;
    double *to = HONE_RAW(arena, double, n, 1), most = 1, draws = o->draws ? (double)o->draws : 1;
    if (!to)
        return hone_no_memory(error);
    o->weight_unit = 1;
    if (w && !whole(w, n, draws)) {
        for (int64_t i = 0; i < n; i++)
            most = i && most > w[i] ? most : w[i];
        const double scale = scale_for(most * (o->draws > n ? draws : (double)n));
        o->weight_unit = 1 / scale;
    }
    double sum = 0;
    most = 0;
    for (int64_t i = 0; i < n; i++) {
        to[i] = w ? forest_whole(w[i] / o->weight_unit) : 1;
        sum += to[i], most = to[i] > most ? to[i] : most;
    }
    *weights = o->draws ? most * draws : sum;
    o->weight = to;
    return HONE_OK;
}

/* The middle of what counts of the targets, and how far they go from there. */
static double widest_target(const problem *o, const double *target, double *centre)
{
    const double *w = o->job->weight;
    double low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < o->rows; i++) {
        const bool counts = !w || w[i] > 0;
        low = counts && target[i] < low ? target[i] : low;
        high = counts && target[i] > high ? target[i] : high;
    }
    *centre = o->kind == RATE ? 0 : low / 2 + high / 2;
    return o->kind == RATE ? high : high / 2 - low / 2;
}

/* Targets by a power of two, the widest from 1/2 up to 1, when that one is far from 1. */
static hone_status unscale_targets(problem *o, hone_arena *arena, hone_error *error)
{
    const hone_fit_job *job = o->job;
    o->target = job->target;
    if (job->label)
        return HONE_OK;
    const double widest = widest_target(o, job->target, &o->centre);
    if (!(widest > 0) || (widest > FEEBLE && widest < 1 / FEEBLE))
        return HONE_OK;
    double *to = HONE_RAW(arena, double, o->rows, 1);
    if (!to)
        return hone_no_memory(error);
    frexp(widest, &o->shift);
    for (int64_t i = 0; i < o->rows; i++)
        to[i] = !job->weight || job->weight[i] > 0 ? ldexp(job->target[i], -o->shift) : 0;
    o->target = to;
    o->gain_shift = o->kind == MOMENT ? 2 * o->shift : o->shift;
    return HONE_OK;
}

/* weight x target, from targets rounded where weights are whole, else rounded as a product. */
static hone_status quantise_targets(problem *o, double weights, hone_arena *arena,
                                    hone_error *error)
{
    const hone_fit_job *job = o->job;
    const int64_t n = o->rows;
    double *to = HONE_RAW(arena, double, n, 1);
    if (!to)
        return hone_no_memory(error);
    o->moment = to;
    o->target_unit = o->weight_unit;
    if (job->label) {
        for (int64_t i = 0; i < n; i++)
            to[i] = o->weight[i] * job->label[i];
        return HONE_OK;
    }
    const double widest = widest_target(o, o->target, &o->centre);
    const double scale = widest > 0 ? scale_for(widest * weights * o->weight_unit) : 1;
    o->target_unit = 1 / scale;
    for (int64_t i = 0; i < n; i++) {
        const double y = o->weight[i] > 0 ? o->target[i] - o->centre : 0;
        to[i] = o->weight_unit == 1 ? o->weight[i] * rint(y * scale)
                                    : rint(o->weight[i] * o->weight_unit * y * scale);
    }
    return HONE_OK;
}

static statistic kind_of(const hone_fit_job *job, const forest_params *p)
{
    if (job->label)
        return p->criterion != GINI ? LOGS : job->shape.outputs == 2 ? MOMENT : COUNTS;
    return p->criterion == ABSOLUTE_ERROR ? MEDIAN : p->criterion == POISSON ? RATE : MOMENT;
}

static hone_status check_rates(const hone_fit_job *job, hone_error *error)
{
    double sum = 0;
    for (int64_t i = 0; i < job->x.rows; i++) {
        if (job->weight && job->weight[i] == 0)
            continue;
        if (job->target[i] < 0)
            return hone_fail(error, HONE_BAD_DATA, "data.target",
                             "criterion poisson needs targets >= 0, row %lld is %g", (long long)i,
                             job->target[i]);
        sum += job->target[i];
    }
    return sum > 0 ? HONE_OK
                   : hone_fail(error, HONE_BAD_DATA, "data.target",
                               "criterion poisson needs a target above 0");
}

hone_status forest_problem(const hone_fit_job *job, const forest_params *p, hone_arena *arena,
                           problem *o, hone_error *error)
{
    const int64_t n = job->x.rows;
    *o = (problem){.job = job,
                   .params = p,
                   .kind = kind_of(job, p),
                   .rows = n,
                   .classes = job->label ? job->shape.outputs : 0,
                   .width = 2,
                   .draws = forest_draws(p, n),
                   .features = features_of(p, job->x.cols),
                   .min_leaf = rows_of(p->min_samples_leaf, n),
                   .min_leaf_share = p->min_weight_fraction_leaf};
    HONE_TRY(unscale_targets(o, arena, error));
    limits stop;
    forest_limits(p, n, o->gain_shift, &stop);
    o->max_depth = stop.max_depth, o->min_split = stop.min_split;
    o->min_gain = stop.min_gain;
    if (o->kind == COUNTS || o->kind == LOGS)
        o->width = 1 + o->classes;
    if (o->kind == LOGS) {
        double *table = HONE_RAW(arena, double, TABLED, 1);
        if (!table)
            return hone_no_memory(error);
        forest_tabulate(table);
        o->x_log_x = table;
    }
    if (o->kind == RATE)
        HONE_TRY(check_rates(job, error));
    const int64_t bins = p->max_bins.word < 0 ? (int64_t)p->max_bins.number : 0;
    HONE_TRY(forest_panel(job->shared, bins, &o->panel, error));
    const double *w;
    double weights = 0;
    o->given = job->weight;
    HONE_TRY(unscale(&o->given, n, arena, error));
    HONE_TRY(real_weights(job, p, o->given, arena, &w, error));
    if (p->class_weight == WEIGHTS_BALANCED_SUBSAMPLE && p->bootstrap) {
        double most = 0;
        for (int64_t i = 0; i < n; i++)
            most = w[i] > most ? w[i] : most;
        o->raw_weight = w;
        o->weight_unit = o->target_unit =
            1 / scale_for(most * (double)(o->draws > n ? o->draws : n));
        return HONE_OK;
    }
    HONE_TRY(quantise_weights(o, w, arena, &weights, error));
    return o->width == 2 && o->kind != COUNTS && o->kind != LOGS
               ? quantise_targets(o, weights, arena, error)
               : HONE_OK;
}
