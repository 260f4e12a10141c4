#include "core/trial.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "core/catalog.h"
#include "core/params.h"
#include "core/solution.h"
#include "core/state.h"

uint64_t hone_params_identity(const hone_algorithm *a, const void *params, hone_task task,
                              uint64_t seed, bool with_selects)
{
    uint64_t h = hone_hash_text(seed, a->name);
    for (const hone_param *p = a->params; p->name; p++) {
        if (p->tasks && !(p->tasks & (unsigned)task))
            continue;
        if (with_selects || !p->selects)
            h = hone_param_hash(p, params, h);
    }
    return h;
}

hone_fitted *hone_fitted_new(const hone_algorithm *a, const hone_shape *shape, const void *params,
                             int64_t cap)
{
    hone_fitted *f = hone_alloc(sizeof *f);
    if (!f)
        return NULL;
    f->algorithm = a;
    f->shape = *shape;
    f->account.cap = cap;
    f->keep = hone_arena_open(&f->account);
    int32_t *levels = NULL;
    if (f->keep) {
        f->params = hone_arena_alloc(f->keep, 1, 1, a->params_size);
        f->state = hone_arena_alloc(f->keep, 1, 1, a->state_size);
        levels = shape->levels ? HONE_NEW(f->keep, int32_t, shape->stored, 1) : NULL;
    }
    if (!f->params || !f->state || (shape->levels && !levels)) {
        hone_fitted_free(f);
        return NULL;
    }
    memcpy(f->params, params, a->params_size);
    if (levels)
        memcpy(levels, shape->levels, (size_t)shape->stored * sizeof *levels);
    f->shape.levels = levels;
    return f;
}

void hone_fitted_free(hone_fitted *f)
{
    if (!f)
        return;
    hone_arena_close(f->keep);
    hone_free(f);
}

/* Labels, target and weights of the rows of a view. */
typedef struct answers {
    int32_t *label;
    double *target, *weight;
} answers;

static bool gather(const hone_trial *t, const int64_t *rows, int64_t n, hone_arena *arena,
                   answers *out)
{
    out->label = t->label ? HONE_RAW(arena, int32_t, n, 1) : NULL;
    out->target = t->target ? HONE_RAW(arena, double, n, 1) : NULL;
    out->weight = t->weight ? HONE_RAW(arena, double, n, 1) : NULL;
    if ((t->label && !out->label) || (t->target && !out->target) || (t->weight && !out->weight))
        return false;
    for (int64_t i = 0; i < n; i++) {
        const int64_t r = rows ? rows[i] : i;
        if (t->label)
            out->label[i] = t->label[r];
        if (t->target)
            out->target[i] = t->target[r];
        if (t->weight)
            out->weight[i] = t->weight[r];
    }
    return true;
}

/* A shared fit cannot depend on what its key leaves out. */
static void reset_selects(const hone_algorithm *a, void *params)
{
    for (const hone_param *p = a->params; p->name; p++)
        if (p->selects)
            hone_param_default(p, params);
}

/* What shared fits may see: labels of the training rows, params with each `selects` at default. */
static hone_status open_door(const hone_trial *t, hone_cache *cache, hone_arena *arena,
                             hone_shared *s, hone_error *error)
{
    hone_matrix x = t->table;
    if (t->rows)
        x.rows = t->n_rows, x.row = t->rows;
    *s = (hone_shared){.cache = cache, .table = t->table, .account = t->run->account};
    answers train;
    void *family = hone_arena_alloc(arena, 1, 1, t->algorithm->params_size);
    if (!family || !gather(t, t->rows, x.rows, arena, &train))
        return hone_no_memory(error);
    memcpy(family, t->params, t->algorithm->params_size);
    reset_selects(t->algorithm, family);
    s->job = (hone_fit_job){.x = x,
                            .label = train.label,
                            .target = train.target,
                            .weight = train.weight,
                            .shape = t->shape,
                            .params = family,
                            .seed = t->seed,
                            .siblings = 1,
                            .run = t->run};
    s->identity.table = t->table_id;
    s->identity.rows =
        t->rows ? hone_hash(t->table_id, t->rows, (size_t)t->n_rows * 8) : t->table_id;
    s->identity.split = hone_hash(s->identity.rows, &t->n_valid, t->valid ? sizeof t->n_valid : 0);
    if (t->valid) {
        s->job.valid_x = t->table;
        s->job.valid_x.row = t->valid, s->job.valid_x.rows = t->n_valid;
        s->identity.split = hone_hash(s->identity.split, t->valid, (size_t)t->n_valid * 8);
    }
    const uint64_t rows_and_labels[] = {s->identity.rows, t->labels_id};
    s->identity.fit =
        hone_hash(hone_params_identity(t->algorithm, t->params, t->shape.task, t->seed, false),
                  rows_and_labels, sizeof rows_and_labels);
    return HONE_OK;
}

/* ---- what a module does wrong ---- */

HONE_PRINTF(4, 5)
static hone_status blame(const hone_algorithm *a, hone_status status, hone_error *error,
                         const char *format, ...)
{
    char place[sizeof error->path], message[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    hone_print(message, sizeof message, format, arguments);
    va_end(arguments);
    snprintf(place, sizeof place, "algorithm.%s", a->name);
    return hone_fail(error, status, place, "%s", message);
}

/* It may forget to say why it fails, or return what is no status. */
static hone_status told(const hone_algorithm *a, const char *call, hone_status status,
                        const hone_error *said, hone_error *error)
{
    const bool known = strcmp(hone_status_name(status), "UNKNOWN") != 0;
    if (status && known && *said->message && error)
        *error = *said;
    if (!status || (known && *said->message))
        return status;
    return blame(a, known ? status : HONE_INTERNAL, error, "%s failed without saying why", call);
}

/* Whether it is none of the build's, which tests hold to the rules. */
static bool is_foreign(const hone_algorithm *a)
{
    return hone_catalog_find(NULL, a->name) != a;
}

/* A state that would not load is none, whatever its loss. */
static hone_status check_state(const hone_fitted *f, hone_error *error)
{
    const hone_algorithm *a = f->algorithm;
    hone_error why = {0};
    hone_status status = hone_state_check(a->state, &f->shape, f->state, &why);
    if (!status && a->check)
        status = a->check(&f->shape, f->params, f->state, &why);
    return status ? blame(a, HONE_INTERNAL, error, "fit left a state that breaks its rules: %s: %s",
                          why.path, why.message)
                  : HONE_OK;
}

static hone_status check_scores(const hone_fitted *f, const double *score, int64_t rows,
                                hone_error *error)
{
    const int64_t outputs = f->shape.outputs;
    for (int64_t k = 0; k < rows * outputs; k++)
        if (isnan(score[k]))
            return blame(f->algorithm, HONE_INTERNAL, error,
                         "predict gave row %lld a score that is not a number",
                         (long long)(k / outputs));
    return HONE_OK;
}

static hone_status fit(const hone_trial *t, hone_fitted *f, hone_shared *s, hone_arena *scratch,
                       hone_error *error)
{
    const hone_algorithm *a = t->algorithm;
    hone_fit_job job = s->job;
    job.params = f->params, job.keep = f->keep, job.scratch = scratch, job.shared = s;
    job.siblings = t->siblings > 1 ? t->siblings : 1, job.family = t->family;
    job.passing = t->passing, job.times = t->times, job.more = t->more;
    job.valid_x = (hone_matrix){0};
    job.warm_params = t->warm_params, job.warm_state = t->warm_state;
    job.warm_same_rows = t->warm_same_rows, job.warm_same_table = t->warm_same_table;
    if (t->valid) {
        answers valid;
        if (!gather(t, t->valid, t->n_valid, scratch, &valid))
            return hone_no_memory(error);
        job.valid_x = t->table;
        job.valid_x.row = t->valid, job.valid_x.rows = t->n_valid;
        job.valid_label = valid.label, job.valid_target = valid.target;
        job.valid_weight = valid.weight;
    } else if (t->other.rows) {
        job.valid_x = t->other, job.valid_label = t->other_label;
        job.valid_target = t->other_target, job.valid_weight = t->other_weight;
    }
    hone_error said = {0};
    HONE_TRY(told(a, "fit", a->fit(&job, f->state, &said), &said, error));
    if (is_foreign(a))
        HONE_TRY(check_state(f, error));
    return a->prepare ? a->prepare(&f->shape, f->params, f->state, f->keep, error) : HONE_OK;
}

/* The model's memory counts against the trial: its arena draws on the trial's account while the fit
 * runs, and on its own afterwards. */
static hone_status fit_in_account(const hone_trial *t, hone_fitted *f, hone_shared *s,
                                  hone_error *error)
{
    hone_account *account = t->run->account;
    hone_arena *keep = f->keep;
    f->keep = hone_arena_open(account);
    hone_arena *scratch = hone_arena_open(account);
    const hone_status status =
        scratch && f->keep ? fit(t, f, s, scratch, error) : hone_no_memory(error);
    hone_arena_close(scratch);
    if (f->keep)
        hone_arena_adopt(f->keep, &f->account, keep);
    else
        f->keep = keep;
    return status;
}

/* Solutions belong to the cache: the trial's account does not see them. */
static hone_status fit_from_nearest(const hone_trial *t, hone_fitted *f, hone_shared *s,
                                    hone_error *error)
{
    hone_shared solutions = {.cache = s->cache, .identity = s->identity, .job = s->job};
    hone_trial from = *t;
    hone_status status = hone_solution_find(&solutions, &from, error);
    if (!status)
        status = fit_in_account(&from, f, s, error);
    if (!status)
        status = hone_solution_leave(&solutions, t, f, error);
    hone_shared_release(&solutions);
    return status;
}

hone_status hone_trial_fit_open(const hone_trial *t, hone_cache *cache, hone_arena *arena,
                                hone_shared *s, hone_fitted **fitted, hone_error *error)
{
    *fitted = NULL;
    HONE_TRY(open_door(t, cache, arena, s, error));
    hone_fitted *f = hone_fitted_new(t->algorithm, &t->shape, t->params, 0);
    if (!f)
        return hone_no_memory(error);
    f->seed = t->seed;
    const hone_status status = t->warm_start && t->algorithm->takes & HONE_STARTS_WARM
                                   ? fit_from_nearest(t, f, s, error)
                                   : fit_in_account(t, f, s, error);
    if (status) {
        hone_shared_release(s);
        hone_fitted_free(f);
        return status;
    }
    *fitted = f;
    return HONE_OK;
}

hone_status hone_trial_fit(const hone_trial *t, hone_cache *cache, hone_fitted **fitted,
                           double *shared_seconds, hone_error *error)
{
    *fitted = NULL;
    hone_arena *arena = hone_arena_open(t->run->account);
    if (!arena)
        return hone_no_memory(error);
    hone_shared s = {0};
    const hone_status status = hone_trial_fit_open(t, cache, arena, &s, fitted, error);
    if (!status)
        hone_shared_release(&s);
    if (shared_seconds)
        *shared_seconds = s.seconds;
    hone_arena_close(arena);
    return status;
}

hone_status hone_fitted_predict(const hone_fitted *f, const hone_matrix *x, const hone_run *run,
                                hone_shared *shared, double *score, hone_error *error)
{
    hone_arena *own = run->call_scratch;
    hone_arena *scratch = own ? own : hone_arena_open(run->account);
    if (!scratch)
        return hone_no_memory(error);
    const int64_t members = hone_extent_length(f->algorithm->members, &f->shape, f->state);
    const hone_predict_job job = {
        .x = *x,
        .shape = f->shape,
        .params = f->params,
        .state = f->state,
        .score = score,
        .run = run,
        .shared = shared,
        .scratch = scratch,
        .members = run->members ? run->members : members,
    };
    hone_error said = {0};
    hone_status status =
        told(f->algorithm, "predict", f->algorithm->predict(&job, &said), &said, error);
    if (!status && is_foreign(f->algorithm))
        status = check_scores(f, score, x->rows, error);
    if (own)
        hone_arena_reset(own);
    else
        hone_arena_close(scratch);
    return status;
}
