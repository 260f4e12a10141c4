/* What a training tells its caller while it runs: log lines, progress with an estimate of what is
 * left, poll, adjusted values. Lines carry no times, so that equal calls log equal lines. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/params.h"
#include "core/prep/dense.h"
#include "core/training.h"
#include "toolbox/rows.h"

enum { TELL_NANOSECONDS = 20000000, LINE = 512 };

void hone_training_log(const hone_training *t, hone_level level, const char *format, ...)
{
    if (!t->options.log)
        return;
    char line[LINE];
    va_list arguments;
    va_start(arguments, format);
    hone_print(line, sizeof line, format, arguments);
    va_end(arguments);
    hone_text_mend(line);
    t->options.log(t->options.context, level, line);
}

/* ---- from the run ---- */

static void pass_log(void *context, int level, const char *line)
{
    const hone_training *t = context;
    if (t->options.log)
        t->options.log(t->options.context, level, line);
}

static void tell(hone_training *t, double fraction, bool always)
{
    hone_stage *s = &t->stage;
    const int64_t now = hone_clock();
    const double inside = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
    const double whole = s->from + s->span * inside;
    if (whole > s->shown)
        s->shown = whole;
    if (!t->options.progress || (!always && now - s->told < TELL_NANOSECONDS))
        return;
    s->told = now;
    const double elapsed = (double)(now - t->started) * 1e-9;
    const double left = s->shown > 0 ? elapsed * (1 - s->shown) / s->shown : 0;
    t->options.progress(t->options.context, s->name, s->shown, left);
}

static void pass_progress(void *context, double fraction)
{
    tell(context, fraction, false);
}

static bool pass_poll(void *context)
{
    const hone_training *t = context;
    return t->options.poll && t->options.poll(t->options.context);
}

static bool is_flag(const hone_algorithm *algorithm, const char *name)
{
    const hone_param *p = algorithm->params;
    while (p->name && strcmp(p->name, name) != 0)
        p++;
    return p->name && p->kind == HONE_BOOL;
}

/* The first fold that adjusts a value says to what; the others only had fewer or more rows. */
static hone_status note_adjusted(void *context, const char *name, double used, hone_error *error)
{
    hone_training *t = context;
    char key[96];
    snprintf(key, sizeof key, "%s:%s", t->resolved.algorithm->name, name);
    const bool flag = is_flag(t->resolved.algorithm, name);
    char value[HONE_NUMBER_SIZE];
    if (flag)
        strcpy(value, used != 0 ? "true" : "false");
    else
        hone_number_text(used, value);
    if (t->options.strict) {
        char path[96];
        hone_text_join(path, sizeof path, "config.", key, "");
        return hone_fail(error, HONE_BAD_CONFIG, path,
                         "this run needs %s here; a strict run does not adjust", value);
    }
    for (const hone_adjusted *a = t->adjusted; a; a = a->next)
        if (!strcmp(a->key, key))
            return HONE_OK;
    hone_adjusted *a = HONE_NEW(t->arena, hone_adjusted, 1, 1);
    char *copy = hone_arena_text(t->arena, key);
    if (!a || !copy)
        return hone_no_memory(error);
    *a = (hone_adjusted){t->adjusted, copy, used, flag};
    t->adjusted = a;
    hone_training_log(t, HONE_DEBUG, "%s adjusted to %s", key, value);
    return HONE_OK;
}

void hone_training_listen(hone_training *t)
{
    t->listener = (hone_listener){.context = t,
                                  .log = pass_log,
                                  .progress = pass_progress,
                                  .poll = pass_poll,
                                  .adjust = note_adjusted};
}

/* ---- stages ---- */

void hone_training_stage(hone_training *t, const char *name, int32_t unit, double from, double to)
{
    const double units = t->folds + (t->all.count > 0);
    hone_stage *s = &t->stage;
    if (t->folds > 1 && unit < t->folds)
        snprintf(s->name, sizeof s->name, "%s fold %d/%d", name, (int)unit + 1, (int)t->folds);
    else
        snprintf(s->name, sizeof s->name, "%s", name);
    s->from = (unit + from) / units;
    s->span = (to - from) / units;
    tell(t, 0, true);
}

static void announce_keys(const hone_training *t)
{
    const hone_resolved *r = &t->resolved;
    for (int64_t i = 0; i < r->inactive; i++)
        hone_training_log(t, HONE_DEBUG, "%s is inactive: %s", r->inactive_key[i],
                          r->inactive_why[i]);
    hone_text text = {0};
    for (int64_t i = 0; i < r->defaulted; i++)
        hone_text_format(&text, "%s%s", i ? ", " : "", r->defaulted_key[i]);
    if (r->defaulted && !text.failed)
        hone_training_log(t, HONE_DEBUG, "default: %s", text.bytes);
    hone_text_drop(&text);
}

/* Whether column `j` has no value in the rows that train a fold. */
static bool is_empty(const hone_dataset *d, const hone_rows *train, int64_t j)
{
    if (d->column[j].missing < train->count || d->table.layout == HONE_CSR)
        return false;
    hone_matrix x = d->table;
    x.row = train->row;
    for (int64_t i = 0; i < train->count; i++)
        if (!isnan(hone_element(&x, i, j)))
            return false;
    return true;
}

static void warn_of_empty_columns(const hone_training *t)
{
    const hone_dataset *d = t->dataset;
    for (int64_t j = 0; d->column && j < d->table.cols; j++)
        for (int32_t f = 0; f < t->folds; f++)
            if (is_empty(d, &t->split[f].train, j)) {
                hone_training_log(t, HONE_WARNING,
                                  "column \"%s\" has no value in the rows that train",
                                  d->column[j].name);
                break;
            }
}

static void announce_dense(const hone_training *t)
{
    const hone_algorithm *a = t->resolved.algorithm;
    const hone_dataset *d = t->dataset;
    const unsigned takes = hone_takes_under(a, d->task, t->resolved.params);
    if (hone_dense_needed(d, takes))
        hone_training_log(t, HONE_INFO, "%s gets sparse rows as a dense copy: %lld bytes", a->name,
                          (long long)hone_dense_bytes(&d->table));
}

void hone_training_announce(const hone_training *t)
{
    if (!t->options.log)
        return;
    const hone_dataset *d = t->dataset;
    hone_training_log(t, HONE_INFO, "%s on %lld rows and %lld columns, %s",
                      t->resolved.algorithm->name, (long long)d->table.rows,
                      (long long)d->table.stored_cols,
                      d->task == HONE_CLASSIFICATION ? "classification" : "regression");
    if (t->folds > 1)
        hone_training_log(t, HONE_INFO, "validation: %d folds", (int)t->folds);
    else if (t->split[0].valid.row || t->foreign.table.rows)
        hone_training_log(
            t, HONE_INFO, "validation: %lld rows (%s), %lld train",
            (long long)(t->split[0].valid.row ? t->split[0].valid.count : t->foreign.table.rows),
            t->foreign.table.rows ? "dataset" : hone_validation_names[t->validation],
            (long long)t->split[0].train.count);
    else
        hone_training_log(t, HONE_INFO, "validation: %s", hone_validation_names[t->validation]);
    announce_dense(t);
    announce_keys(t);
    warn_of_empty_columns(t);
}
