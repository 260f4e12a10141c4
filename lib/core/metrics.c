/* Metrics by name. Definitions are scikit-learn's, with sample weights; where one is not defined on
 * the rows at hand, the worst finite value stands for it and `undefined` is set.
 */
#include "core/metrics.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/ranks.h"
#include "hone/model.h"

/* The largest first, in vectors, then where it is. */
int32_t hone_argmax(const double *score, int64_t outputs)
{
    double most[4] = {score[0], score[0], score[0], score[0]};
    int64_t k = 0;
    for (; k + 4 <= outputs; k += 4)
        for (int l = 0; l < 4; l++)
            most[l] = score[k + l] > most[l] ? score[k + l] : most[l];
    for (; k < outputs; k++)
        most[0] = score[k] > most[0] ? score[k] : most[0];
    for (int l = 1; l < 4; l++)
        most[0] = most[l] > most[0] ? most[l] : most[0];
    for (k = 0; k < outputs && score[k] != most[0];)
        k++;
    return k < outputs ? (int32_t)k : 0;
}

static double weight_of(const hone_judged *j, int64_t i)
{
    return j->weight ? j->weight[i] : 1;
}

/* Weighted counts by class; class `outputs` stands for labels that the model does not know. */
struct hone_tally {
    int64_t classes;
    double *hits, *truth, *said; /* classes */
    double mass;
};

/* Only ratios of weights count: products of two stay in range when the largest is near 1. */
static bool scale_weights(hone_judged *j, hone_arena *arena)
{
    double largest = 0;
    for (int64_t i = 0; j->weight && i < j->rows; i++)
        largest = j->weight[i] > largest ? j->weight[i] : largest;
    if (largest == 0 || (largest < 0x1p200 && largest > 0x1p-200))
        return true;
    double *weight = HONE_RAW(arena, double, j->rows, 1);
    const int exponent = ilogb(largest);
    for (int64_t i = 0; weight && i < j->rows; i++)
        weight[i] = ldexp(j->weight[i], -exponent);
    j->weight = weight;
    return weight != NULL;
}

bool hone_judged_say(hone_judged *j, hone_arena *arena)
{
    if (!scale_weights(j, arena))
        return false;
    if (!j->label)
        return true;
    const int64_t c = j->outputs + 1;
    int32_t *all = HONE_RAW(arena, int32_t, j->rows, 1);
    hone_tally *t = HONE_NEW(arena, hone_tally, 1, 1);
    double *counts = HONE_NEW(arena, double, c, 3);
    if (!all || !t || !counts)
        return false;
    *t = (hone_tally){c, counts, counts + c, counts + 2 * c, 0};
    for (int64_t i = 0; i < j->rows; i++) {
        const double w = weight_of(j, i);
        const int32_t said = all[i] = hone_argmax(j->score + i * j->outputs, j->outputs);
        const int64_t truth = j->label[i] < 0 ? j->outputs : j->label[i];
        t->truth[truth] += w;
        t->said[said] += w;
        t->hits[said] += truth == said ? w : 0;
        t->mass += w;
    }
    j->said = all;
    j->tally = t;
    return true;
}

static double finite(double v)
{
    return isfinite(v) ? v : v < 0 ? -DBL_MAX : DBL_MAX;
}

/* Weighted mean of term(i); the rows weigh something, or the mean is undefined and `worst`.
 * Inlined, so that a row costs no call. */
typedef double (*row_term)(const hone_judged *, int64_t);

static inline __attribute__((always_inline)) double mean_of(const hone_judged *j, row_term term,
                                                            double worst, bool *undefined)
{
    double sum = 0, mass = 0;
    for (int64_t i = 0; i < j->rows; i++) {
        const double w = weight_of(j, i);
        if (w > 0) {
            sum += w * term(j, i);
            mass += w;
        }
    }
    if (mass > 0)
        return finite(sum / mass);
    *undefined = true;
    return worst;
}

/* ---- classification, by label ---- */

static double hit(const hone_judged *j, int64_t i)
{
    return j->said[i] == j->label[i];
}

static double accuracy(const hone_judged *j, hone_arena *scratch, bool *undefined, bool *no_memory)
{
    (void)scratch, (void)no_memory;
    return mean_of(j, hit, 0, undefined);
}

static double error_rate(const hone_judged *j, hone_arena *scratch, bool *undefined,
                         bool *no_memory)
{
    return 1 - accuracy(j, scratch, undefined, no_memory);
}

static double balanced_accuracy(const hone_judged *j, hone_arena *scratch, bool *undefined,
                                bool *no_memory)
{
    (void)scratch, (void)no_memory;
    const hone_tally *t = j->tally;
    double sum = 0, classes = 0;
    for (int64_t k = 0; k < t->classes; k++)
        if (t->truth[k] > 0) {
            sum += t->hits[k] / t->truth[k];
            classes++;
        }
    *undefined = classes == 0;
    return classes > 0 ? sum / classes : 0;
}

static double f1(const hone_judged *j, bool weighted, bool *undefined)
{
    const hone_tally *t = j->tally;
    double sum = 0, mass = 0;
    for (int64_t k = 0; k < t->classes; k++) {
        const double both = t->truth[k] + t->said[k];
        if (both <= 0)
            continue;
        const double w = weighted ? t->truth[k] : 1;
        sum += w * 2 * t->hits[k] / both;
        mass += w;
    }
    *undefined = mass == 0;
    return mass > 0 ? sum / mass : 0;
}

static double f1_macro(const hone_judged *j, hone_arena *scratch, bool *undefined, bool *no_memory)
{
    (void)scratch, (void)no_memory;
    return f1(j, false, undefined);
}

static double f1_weighted(const hone_judged *j, hone_arena *scratch, bool *undefined,
                          bool *no_memory)
{
    (void)scratch, (void)no_memory;
    return f1(j, true, undefined);
}

/* Covariance of truth and prediction over their deviations (Gorodkin, 2004); 0 when one of them is
 * constant, as in scikit-learn. */
static double matthews(const hone_judged *j, hone_arena *scratch, bool *undefined, bool *no_memory)
{
    (void)scratch, (void)no_memory;
    const hone_tally *t = j->tally;
    double hits = 0, both = 0, truth = 0, said = 0;
    for (int64_t k = 0; k < t->classes; k++) {
        hits += t->hits[k];
        both += t->truth[k] * t->said[k];
        truth += t->truth[k] * t->truth[k];
        said += t->said[k] * t->said[k];
    }
    const double square = t->mass * t->mass;
    const double below = sqrt(square - truth) * sqrt(square - said);
    *undefined = !(below > 0);
    return below > 0 ? (hits * t->mass - both) / below : 0;
}

/* ---- classification, by probability and score ---- */

static double surprise(const hone_judged *j, int64_t i)
{
    const double least = 1e-15, *p = j->score + i * j->outputs;
    const double said = j->label[i] < 0 ? 0 : p[j->label[i]];
    return -log(fmin(fmax(said, least), 1));
}

static double log_loss(const hone_judged *j, hone_arena *scratch, bool *undefined, bool *no_memory)
{
    (void)scratch, (void)no_memory;
    return mean_of(j, surprise, -log(1e-15), undefined);
}

/* Scores of classes [k, k + count), class by class. */
static void columns(const hone_judged *j, int64_t k, int64_t count, double *values)
{
    for (int64_t i = 0; i < j->rows; i++)
        for (int64_t c = 0; c < count; c++)
            values[c * j->rows + i] = j->score[i * j->outputs + k + c];
}

/* Mean of the areas of the classes; of two the second alone. Rows that weigh the same are counted,
 * which needs no order of them. */
static double roc_auc(const hone_judged *j, hone_arena *scratch, bool *undefined, bool *no_memory)
{
    const int64_t first = j->outputs == 2, n = j->rows, together = HONE_RANKS_TOGETHER;
    double *values = HONE_RAW(scratch, double, j->weight ? n : 0, together), sum = 0;
    int64_t *room = HONE_RAW(scratch, int64_t, n, together + 1);
    if ((*no_memory = !values || !room))
        return 0.5;
    for (int64_t k = first; k < j->outputs; k += together) {
        const int64_t count = j->outputs - k < together ? j->outputs - k : together;
        double area[HONE_RANKS_TOGETHER];
        if (j->weight)
            columns(j, k, count, values);
        else
            hone_count_areas(j->score, j->outputs, j->label, n, k, count, room, area, undefined);
        for (int64_t c = 0; c < count; c++)
            sum += j->weight ? hone_rank_area(values + c * n, j->label, (int32_t)(k + c), j->weight,
                                              n, room, undefined)
                             : area[c];
    }
    return sum / (double)(j->outputs - first);
}

/* ---- regression ---- */

static double square(const hone_judged *j, int64_t i)
{
    const double e = j->score[i] - j->target[i];
    return e * e;
}

static double distance(const hone_judged *j, int64_t i)
{
    return fabs(j->score[i] - j->target[i]);
}

static double share(const hone_judged *j, int64_t i)
{
    return distance(j, i) / fmax(fabs(j->target[i]), DBL_EPSILON);
}

static double mse(const hone_judged *j, hone_arena *scratch, bool *undefined, bool *no_memory)
{
    (void)scratch, (void)no_memory;
    return mean_of(j, square, DBL_MAX, undefined);
}

static double rmse(const hone_judged *j, hone_arena *scratch, bool *undefined, bool *no_memory)
{
    return sqrt(mse(j, scratch, undefined, no_memory));
}

static double mae(const hone_judged *j, hone_arena *scratch, bool *undefined, bool *no_memory)
{
    (void)scratch, (void)no_memory;
    return mean_of(j, distance, DBL_MAX, undefined);
}

static double mape(const hone_judged *j, hone_arena *scratch, bool *undefined, bool *no_memory)
{
    (void)scratch, (void)no_memory;
    for (int64_t i = 0; i < j->rows; i++)
        *undefined |= fabs(j->target[i]) < DBL_EPSILON;
    return mean_of(j, share, DBL_MAX, undefined);
}

static double own_target(const hone_judged *j, int64_t i)
{
    return j->target[i];
}

/* 1 - residual / total sum of squares; a constant target: 1 when met exactly, else 0. */
static double r2(const hone_judged *j, hone_arena *scratch, bool *undefined, bool *no_memory)
{
    (void)scratch, (void)no_memory;
    const double mean = mean_of(j, own_target, 0, undefined);
    double rest = 0, total = 0;
    for (int64_t i = 0; i < j->rows; i++) {
        const double e = j->target[i] - mean;
        rest += weight_of(j, i) * square(j, i);
        total += weight_of(j, i) * e * e;
    }
    if (total > 0)
        return isfinite(rest / total) ? 1 - rest / total : -DBL_MAX;
    *undefined = true;
    return 0;
}

static double median_absolute_error(const hone_judged *j, hone_arena *scratch, bool *undefined,
                                    bool *no_memory)
{
    double *values = HONE_RAW(scratch, double, j->rows, 1);
    int64_t *order = HONE_RAW(scratch, int64_t, j->rows, 3);
    if ((*no_memory = !values || !order))
        return DBL_MAX;
    for (int64_t i = 0; i < j->rows; i++)
        values[i] = distance(j, i);
    return finite(hone_weighted_median(values, j->weight, j->rows, order, undefined));
}

/* ---- the table ---- */

#define CLASSES HONE_CLASSIFICATION
#define AMOUNTS HONE_REGRESSION

/* The first of a task is its default. */
const hone_metric hone_metrics[] = {
    {"accuracy", CLASSES, HONE_NEEDS_LABELS, true, "Share of rows with the right class.", accuracy},
    {"error", CLASSES, HONE_NEEDS_LABELS, false, "Share of rows with a wrong class.", error_rate},
    {"balanced_accuracy", CLASSES, HONE_NEEDS_LABELS, true,
     "Mean over the classes of the share of their rows that are right.", balanced_accuracy},
    {"f1_macro", CLASSES, HONE_NEEDS_LABELS, true, "Mean F1 of the classes.", f1_macro},
    {"f1_weighted", CLASSES, HONE_NEEDS_LABELS, true,
     "Mean F1 of the classes, weighted by their rows.", f1_weighted},
    {"mcc", CLASSES, HONE_NEEDS_LABELS, true, "Matthews correlation coefficient.", matthews},
    {"log_loss", CLASSES, HONE_NEEDS_PROBABILITIES, false,
     "Mean negative logarithm of the right class's probability, clipped at 1e-15.", log_loss},
    {"roc_auc", CLASSES, HONE_NEEDS_SCORES, true,
     "Area under the ROC curve; more than two classes: mean of one against the rest.", roc_auc},
    {"rmse", AMOUNTS, HONE_NEEDS_LABELS, false, "Root of the mean squared error.", rmse},
    {"mse", AMOUNTS, HONE_NEEDS_LABELS, false, "Mean squared error.", mse},
    {"mae", AMOUNTS, HONE_NEEDS_LABELS, false, "Mean absolute error.", mae},
    {"median_absolute_error", AMOUNTS, HONE_NEEDS_LABELS, false, "Median absolute error.",
     median_absolute_error},
    {"r2", AMOUNTS, HONE_NEEDS_LABELS, true, "Coefficient of determination.", r2},
    {"mape", AMOUNTS, HONE_NEEDS_LABELS, false, "Mean absolute error relative to the target.",
     mape},
    {0},
};

static hone_status unknown(const char *name, hone_task task, hone_error *error)
{
    char list[256] = "";
    for (const hone_metric *m = hone_metrics; m->name; m++)
        if (m->task == task) {
            strncat(list, *list ? ", " : "", sizeof list - strlen(list) - 1);
            strncat(list, m->name, sizeof list - strlen(list) - 1);
        }
    return hone_fail(error, HONE_BAD_ARGUMENT, "options.metric", "must be one of %s for %s, got %s",
                     list, task == CLASSES ? "classification" : "regression", name);
}

hone_status hone_metric_find(const char *name, hone_task task, const hone_metric **metric,
                             hone_error *error)
{
    for (const hone_metric *m = hone_metrics; m->name; m++)
        if (m->task == task && (!name || !strcmp(m->name, name))) {
            *metric = m;
            return HONE_OK;
        }
    return unknown(name, task, error);
}

double hone_metric_loss(const hone_metric *metric, double value)
{
    return metric->greater_is_better ? -value : value;
}

double hone_metric_as_loss(const char *name, hone_task task, double value)
{
    const hone_metric *metric;
    return name && !hone_metric_find(name, task, &metric, NULL) ? hone_metric_loss(metric, value)
                                                                : NAN;
}
