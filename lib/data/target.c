/* The target: task, classes or amounts, and weights. */
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "data/draft.h"
#include "data/values.h"
#include "data/vector.h"
#include "data/words.h"

/* Whole numbers with at most so many distinct values are classes. */
enum { FEW = 20 };
/* With more, they are amounts when more than this share of the rows is distinct. */
#define MANY 0.05

enum { BLOCK = 1024 };

/* What a numeric target says about itself. */
typedef struct amounts {
    bool whole;
    bool large; /* they would be whole, but some lie at 2^53 or beyond, where neighbours merge */
    const double *value; /* the caller's where they lie side by side */
} amounts;

static hone_status lend_amounts(const hone_draft *draft, const hone_vector *y, amounts *a,
                                hone_error *error)
{
    const int64_t n = draft->dataset->table.rows;
    if (y->dtype == HONE_F64 && y->stride <= 1 && y->stride >= 0 && !y->valid) {
        a->value = y->values;
        return HONE_OK;
    }
    double *value = HONE_RAW(draft->scratch, double, n, 1);
    if (!value)
        return hone_no_memory(error);
    for (int64_t first = 0; first < n; first += BLOCK)
        hone_vector_numbers(y, first, n - first < BLOCK ? n - first : BLOCK, value + first);
    a->value = value;
    return HONE_OK;
}

static hone_status read_amounts(hone_draft *draft, const hone_vector *y, amounts *a,
                                hone_error *error)
{
    const int64_t n = draft->dataset->table.rows;
    HONE_TRY(lend_amounts(draft, y, a, error));
    a->whole = a->large = true;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(a->value[i])) {
            char path[96];
            hone_place_element(path, "data.y", i);
            return hone_fail(error, HONE_BAD_DATA, path,
                             isnan(a->value[i]) ? "the target is missing"
                                                : "the target is infinite");
        }
        a->whole &= a->value[i] == nearbyint(a->value[i]) && fabs(a->value[i]) < 0x1p53;
        a->large &= a->value[i] == nearbyint(a->value[i]);
    }
    a->whole |= hone_dtype_whole(y->dtype);
    a->large &= !a->whole;
    return HONE_OK;
}

static hone_status encode(hone_draft *draft, const hone_vector *y, int64_t most, hone_values *out,
                          int32_t **label, hone_error *error)
{
    hone_dataset *d = draft->dataset;
    int64_t missing, at;
    const hone_encoding encoding = {.values = y,
                                    .rows = d->table.rows,
                                    .level = draft->word,
                                    .levels = draft->words,
                                    .most = most};
    *label = HONE_RAW(d->memory, int32_t, d->table.rows, 1);
    if (!*label)
        return hone_no_memory(error);
    const hone_status status =
        hone_values_encode(&encoding, d->memory, *label, out, &missing, &at, error);
    char path[96];
    hone_place_element(path, "data.y", at);
    if (status)
        return at < 0 ? status : hone_fail_at(error, status, path);
    for (int64_t i = 0; missing && i < d->table.rows; i++)
        if ((*label)[i] < 0) {
            hone_place_element(path, "data.y", i);
            return hone_fail(error, HONE_BAD_DATA, path, "the target is missing");
        }
    return HONE_OK;
}

static bool is_text(const hone_draft *draft, const hone_vector *y)
{
    return y->dtype == HONE_TEXT || draft->word;
}

static hone_status classify(hone_draft *draft, const hone_vector *y, hone_error *error)
{
    int32_t *label;
    hone_dataset *d = draft->dataset;
    HONE_TRY(encode(draft, y, 0, &d->classes, &label, error));
    if (!draft->options.task && is_text(draft, y) &&
        hone_words_are_many(d->classes.count, d->table.rows))
        return hone_fail(error, HONE_BAD_DATA, "data.y",
                         "%lld different words in %lld rows are no classes; check the target, or "
                         "set task to classification",
                         (long long)d->classes.count, (long long)d->table.rows);
    d->label = label;
    d->task = HONE_CLASSIFICATION;
    return HONE_OK;
}

static hone_status regress(hone_draft *draft, const amounts *a, hone_error *error)
{
    hone_dataset *d = draft->dataset;
    double *target = draft->lasting ? (double *)(uintptr_t)a->value
                                    : HONE_RAW(d->memory, double, d->table.rows, 1);
    if (!target)
        return hone_no_memory(error);
    for (int64_t i = 0; i < d->table.rows; i++)
        if (fabs(a->value[i]) > HONE_LARGEST_AMOUNT) {
            char path[96];
            hone_place_element(path, "data.y", i);
            return hone_fail(error, HONE_BAD_DATA, path,
                             "%g is too large for a target: at most %g, of either sign",
                             a->value[i], HONE_LARGEST_AMOUNT);
        }
    for (int64_t i = 0; i < d->table.rows; i++)
        target[i] = a->value[i] + 0.0; /* -0 is 0 */
    d->target = target;
    d->task = HONE_REGRESSION;
    return HONE_OK;
}

/* Whole numbers without a task: by the number of distinct values. */
static hone_status infer(hone_draft *draft, const hone_vector *y, const amounts *a,
                         hone_error *error)
{
    hone_dataset *d = draft->dataset;
    const int64_t n = d->table.rows, many = (int64_t)(MANY * (double)n);
    hone_values classes;
    int32_t *label;
    HONE_TRY(encode(draft, y, many > FEW ? many : FEW, &classes, &label, error));
    if (classes.count <= FEW) {
        d->classes = classes;
        d->label = label;
        d->task = HONE_CLASSIFICATION;
        return HONE_OK;
    }
    if ((double)classes.count > MANY * (double)n)
        return regress(draft, a, error);
    return hone_fail(error, HONE_BAD_DATA, "data.y",
                     "%lld different whole numbers in %lld rows (%.2g %%) can be classes or "
                     "amounts; set task to classification or regression",
                     (long long)classes.count, (long long)n,
                     100.0 * (double)classes.count / (double)n);
}

static hone_status numbers(hone_draft *draft, const hone_vector *y, hone_error *error)
{
    amounts a = {0};
    HONE_TRY(read_amounts(draft, y, &a, error));
    const hone_task asked = draft->options.task;
    if (a.large && asked != HONE_REGRESSION)
        return hone_fail(
            error, HONE_BAD_DATA, "data.y",
            "whole numbers of 2^53 and more are not told apart; set task to regression, or "
            "give labels as text (a column of a file: --categorical)");
    if (asked == HONE_REGRESSION || (!asked && !a.whole))
        return regress(draft, &a, error);
    if (a.whole)
        return asked ? classify(draft, y, error) : infer(draft, y, &a, error);
    int64_t i = 0;
    while (a.value[i] == nearbyint(a.value[i]) && fabs(a.value[i]) <= 0x1p53)
        i++;
    char path[96];
    hone_place_element(path, "data.y", i);
    return hone_fail(error, HONE_BAD_DATA, path, "%.17g is no whole number, so it is no class",
                     a.value[i]);
}

static hone_status read_target(hone_draft *draft, const hone_vector *y, hone_error *error)
{
    HONE_TRY(hone_vector_check(y, draft->dataset->table.rows, "data.y", error));
    const hone_task asked = draft->options.task;
    if (is_text(draft, y) && asked == HONE_REGRESSION)
        return hone_fail(error, HONE_BAD_DATA, "data.y",
                         "the target is text, but regression needs numbers");
    if (is_text(draft, y) || (y->dtype == HONE_BOOLEAN && asked != HONE_REGRESSION))
        return classify(draft, y, error);
    return numbers(draft, y, error);
}

/* ---- weights ---- */

static hone_status bad_class_weight(const hone_class_weight *w, const char *why, hone_error *error)
{
    return hone_fail(error, HONE_BAD_ARGUMENT, "options.class_weight", "\"%.60s\": %g: %s",
                     w->label ? w->label : "", w->weight, why);
}

hone_status hone_class_factors(const hone_dataset *d, const hone_dataset_options *o,
                               hone_arena *arena, double **factor, hone_error *error)
{
    *factor = NULL;
    if (!o->n_class_weights)
        return HONE_OK;
    if (d->task != HONE_CLASSIFICATION)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.class_weight",
                         "there are no classes: the target %s",
                         d->task ? "is regressed" : "is missing");
    double *found = HONE_NEW(arena, double, d->classes.count, 1);
    if (!found)
        return hone_no_memory(error);
    for (int64_t i = 0; i < o->n_class_weights; i++) {
        const hone_class_weight *w = &o->class_weight[i];
        const int64_t k = w->label ? hone_values_find(&d->classes, w->label) : -1;
        if (k < 0)
            return bad_class_weight(w, "no class is called so", error);
        if (!(w->weight > 0) || isinf(w->weight))
            return bad_class_weight(w, "weights of classes are finite and above 0", error);
        if (found[k] > 0)
            return bad_class_weight(w, "the class is weighed twice", error);
        found[k] = w->weight;
    }
    for (int64_t k = 0; k < d->classes.count; k++)
        found[k] = found[k] > 0 ? found[k] : 1;
    *factor = found;
    return HONE_OK;
}

static hone_status take_weights(const hone_vector *w, int64_t n, double *weight, hone_error *error)
{
    HONE_TRY(hone_vector_check(w, n, "data.weight", error));
    if (w->dtype == HONE_TEXT)
        return hone_fail(error, HONE_BAD_DATA, "data.weight", "weights are numbers, not text");
    hone_vector_numbers(w, 0, n, weight);
    for (int64_t i = 0; i < n; i++)
        if (!(weight[i] >= 0) || isinf(weight[i])) {
            char path[96];
            hone_place_element(path, "data.weight", i);
            return hone_fail(error, HONE_BAD_DATA, path,
                             "%g is no weight: weights are finite and not negative", weight[i]);
        }
    return HONE_OK;
}

/* Weights that are all 1 say nothing and are not kept. */
static hone_status read_weight(hone_draft *draft, hone_error *error)
{
    hone_dataset *d = draft->dataset;
    const hone_vector *w = &draft->options.weight;
    const int64_t n = d->table.rows;
    double *factor, sum = 0;
    bool ones = true;
    HONE_TRY(hone_class_factors(d, &draft->options, draft->scratch, &factor, error));
    if (!w->values && !factor)
        return HONE_OK;
    double *weight = HONE_RAW(d->memory, double, n, 1);
    if (!weight)
        return hone_no_memory(error);
    if (w->values)
        HONE_TRY(take_weights(w, n, weight, error));
    for (int64_t i = 0; i < n; i++) {
        weight[i] = ((w->values ? weight[i] : 1) + 0.0) * (factor ? factor[d->label[i]] : 1);
        ones &= weight[i] == 1;
        sum += weight[i];
    }
    if (!(sum > 0) || isinf(sum))
        return hone_fail(error, HONE_BAD_DATA, "data.weight",
                         "the weights sum to %g; the sum must be positive and finite", sum);
    d->weight = ones ? NULL : weight;
    return HONE_OK;
}

static uint64_t hash_labels(const hone_dataset *d)
{
    const size_t n = (size_t)d->table.rows;
    uint64_t h = hone_hash_text((uint64_t)d->task, d->target_name);
    if (d->label) {
        h = hone_values_hash(&d->classes, h);
        h = hone_hash(h, d->label, n * sizeof *d->label);
    }
    if (d->target)
        h = hone_hash(h, d->target, n * sizeof *d->target);
    if (d->weight)
        h = hone_hash(h + 1, d->weight, n * sizeof *d->weight);
    return h;
}

hone_status hone_draft_target(hone_draft *draft, const hone_vector *y, hone_error *error)
{
    hone_dataset *d = draft->dataset;
    if (y->values)
        HONE_TRY(read_target(draft, y, error));
    HONE_TRY(read_weight(draft, error));
    d->labels_id = hash_labels(d);
    if (d->task == HONE_CLASSIFICATION)
        hone_draft_log(draft, HONE_INFO, "task: classification, %lld classes%s",
                       (long long)d->classes.count, draft->options.task ? "" : " (inferred)");
    else if (d->task)
        hone_draft_log(draft, HONE_INFO, "task: regression%s",
                       draft->options.task ? "" : " (inferred)");
    return HONE_OK;
}
