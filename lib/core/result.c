/* The numbers of a result by name. */
#include "core/result.h"

#include <math.h>
#include <string.h>

#include "core/trial.h"
#include "hone/model.h"

/* Beside the metrics of the task and the scalars of the module's state. */
static const hone_number_name facts[] = {
    {"loss", HONE_NUMBER_FACT},
    {"trained_rows", HONE_NUMBER_FACT},
    {"judged_rows", HONE_NUMBER_FACT},
    {"partial", HONE_NUMBER_FACT},
    {"constant", HONE_NUMBER_FACT},
    {"work", HONE_NUMBER_TIMING},
    {"fit_seconds", HONE_NUMBER_TIMING},
    {"predict_seconds", HONE_NUMBER_TIMING},
    {"shared_seconds", HONE_NUMBER_TIMING},
    {"seconds", HONE_NUMBER_TIMING},
    {"peak_bytes", HONE_NUMBER_TIMING},
    {"model_bytes", HONE_NUMBER_TIMING},
    {"threads", HONE_NUMBER_TIMING},
};
enum { FACTS = sizeof facts / sizeof *facts };

static int32_t count_names(const hone_algorithm *a, hone_task task)
{
    int32_t n = FACTS;
    for (const hone_metric *m = hone_metrics; m->name; m++)
        n += m->task == task;
    for (const hone_field *f = a->state; f->name; f++)
        n += !f->is_array;
    return n;
}

static bool add_name(hone_result *r, const char *name, hone_number_kind kind)
{
    char *copy = hone_arena_text(r->memory, name);
    r->name[r->names++] = (hone_number_name){copy, kind};
    return copy != NULL;
}

static bool fill_names(hone_result *r, const hone_algorithm *a, hone_task task)
{
    bool good = true;
    for (int32_t i = 0; i < FACTS; i++)
        good &= add_name(r, facts[i].name, facts[i].kind);
    for (const hone_metric *m = hone_metrics; m->name; m++)
        if (m->task == task)
            good &= add_name(r, m->name, HONE_NUMBER_METRIC);
    for (const hone_field *f = a->state; f->name; f++)
        if (!f->is_array)
            good &= add_name(r, f->name, HONE_NUMBER_STATE);
    return good;
}

static hone_result *empty(void)
{
    hone_result *r = hone_alloc(sizeof *r);
    if (!r)
        return NULL;
    r->loss = NAN;
    r->memory = hone_arena_open(NULL);
    if (r->memory)
        return r;
    hone_free(r);
    return NULL;
}

hone_result *hone_result_new(const hone_algorithm *a, hone_task task, int32_t folds)
{
    hone_result *r = empty();
    if (!r)
        return NULL;
    const int32_t names = count_names(a, task);
    r->planned = folds;
    r->name = HONE_NEW(r->memory, hone_number_name, names, 1);
    r->value = HONE_RAW(r->memory, double, 1 + folds, names);
    if (!r->name || !r->value || !fill_names(r, a, task)) {
        hone_result_free(r);
        return NULL;
    }
    for (int64_t i = 0; i < (int64_t)(1 + folds) * names; i++)
        r->value[i] = NAN;
    return r;
}

hone_result *hone_result_failed(hone_status status, const hone_error *error)
{
    hone_result *r = empty();
    if (!r)
        return NULL;
    r->status = status;
    r->error = *error;
    r->end = status == HONE_STOPPED     ? HONE_END_CANCELLED
             : status == HONE_NO_MEMORY ? HONE_END_MEMORY
                                        : HONE_END_OK;
    hone_text text = {0};
    hone_text_add(&text, "{\"status\":\"failed\",\"error\":{\"status\":");
    hone_text_quoted(&text, hone_status_name(status));
    hone_text_add(&text, ",\"path\":");
    hone_text_quoted(&text, error->path);
    hone_text_add(&text, ",\"message\":");
    hone_text_quoted(&text, error->message);
    hone_text_add(&text, "}}");
    r->json = hone_text_take(&text);
    if (r->json)
        return r;
    hone_result_free(r);
    return NULL;
}

static int32_t find(const hone_result *r, const char *name)
{
    for (int32_t i = 0; i < r->names; i++)
        if (!strcmp(r->name[i].name, name))
            return i;
    return -1;
}

void hone_result_put(hone_result *r, const char *name, int32_t fold, double value)
{
    r->value[(int64_t)(fold + 1) * r->names + find(r, name)] = value;
}

double hone_result_get(const hone_result *r, const char *name, int32_t fold)
{
    const int32_t i = find(r, name);
    return i < 0 ? NAN : r->value[(int64_t)(fold + 1) * r->names + i];
}

void hone_result_put_state(hone_result *r, int32_t fold, const hone_algorithm *a, const void *state)
{
    for (const hone_field *f = a->state; f->name; f++) {
        const int32_t i = f->is_array ? -1 : find(r, f->name);
        if (i < 0 || r->name[i].kind != HONE_NUMBER_STATE)
            continue;
        const char *at = (const char *)state + f->offset;
        const double value = f->dtype == HONE_I64 ? (double)*(const int64_t *)(const void *)at
                                                  : *(const double *)(const void *)at;
        r->value[(int64_t)(fold + 1) * r->names + i] = value;
    }
}

static double sum(const hone_result *r, int32_t i)
{
    double total = 0;
    for (int32_t f = 1; f <= r->folds; f++)
        total += r->value[(int64_t)f * r->names + i];
    return total;
}

/* NaN when a fold has no such number; losses may be as large as a double can be. */
static double mean(const hone_result *r, int32_t i)
{
    const double m = sum(r, i) / r->folds;
    if (!isinf(m))
        return m;
    double safe = 0;
    for (int32_t f = 1; f <= r->folds; f++)
        safe += r->value[(int64_t)f * r->names + i] / r->folds;
    return safe;
}

static double least(const hone_result *r, int32_t i, double sign)
{
    double best = NAN;
    for (int32_t f = 1; f <= r->folds; f++)
        best = fmax(best, -sign * r->value[(int64_t)f * r->names + i]);
    return -sign * best;
}

void hone_result_summarise(hone_result *r)
{
    for (int32_t i = 0; i < r->names; i++) {
        const hone_number_name *n = &r->name[i];
        const bool flag = !strcmp(n->name, "partial") || !strcmp(n->name, "constant");
        double whole = mean(r, i);
        if (n->kind == HONE_NUMBER_TIMING || !strcmp(n->name, "judged_rows"))
            whole = sum(r, i);
        else if (!strcmp(n->name, "converged"))
            whole = least(r, i, 1);
        else if (flag)
            whole = least(r, i, -1);
        if (isnan(r->value[i]))
            r->value[i] = whole;
    }
}

/* ---- for the caller ---- */

hone_status hone_result_status(const hone_result *r, hone_error *error)
{
    if (!r)
        return hone_fail(error, HONE_BAD_ARGUMENT, "result", "NULL; a result is needed");
    if (r->status && error)
        *error = r->error;
    return r->status;
}

hone_end hone_result_end(const hone_result *r)
{
    return r ? r->end : HONE_END_OK;
}

double hone_result_loss(const hone_result *r)
{
    return r ? r->loss : NAN;
}

double hone_result_number(const hone_result *r, const char *name, int32_t fold)
{
    return r && name && fold >= -1 && fold < r->folds ? hone_result_get(r, name, fold) : NAN;
}

const char *hone_result_json(const hone_result *r)
{
    return r ? r->json : NULL;
}

const char *hone_result_model_path(const hone_result *r)
{
    return r ? r->path : NULL;
}

const hone_model *hone_result_model(const hone_result *r)
{
    return r ? r->model : NULL;
}

void hone_result_free(hone_result *r)
{
    if (!r)
        return;
    hone_model_free(r->model);
    hone_text_free(r->path);
    hone_text_free(r->json);
    hone_arena_close(r->memory);
    hone_free(r);
}
