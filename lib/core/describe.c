/* A model for readers: the columns that its module sees by name, its classes, the numbers of its
 * state and the outputs that need no rows.
 *
 * Names of one-hot columns are found by sending every level through the steps: a result that one
 * level alone reaches is called after it.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/model.h"
#include "core/state.h"

typedef struct writer {
    const hone_model *model;
    hone_text *text;
    char **column; /* logical columns of the module, quoted */
} writer;

static const hone_shape *seen(const hone_model *m)
{
    return &m->pipeline.shape[m->pipeline.steps];
}

/* ---- names of columns ---- */

enum { NONE = -1, SEVERAL = -2 };

/* from[l]: the raw code that alone becomes level l of column j; the number of raw levels stands for
 * a missing cell, where nothing else becomes that level. */
static void codes_of(const hone_model *m, int64_t j, double *probe, int32_t levels, int32_t raw,
                     int32_t *from)
{
    double *const codes = probe + raw + 1;
    for (int32_t k = 0; k < raw; k++)
        probe[k] = k;
    probe[raw] = NAN;
    const hone_step_job job = {.before = &m->pipeline,
                               .x = {.values = probe,
                                     .dtype = HONE_F64,
                                     .rows = raw + 1,
                                     .cols = m->schema.cols,
                                     .stored_cols = m->schema.cols,
                                     .row_stride = 1}};
    hone_step_column(&job, j, 0, raw + 1, codes);
    for (int32_t l = 0; l < levels; l++)
        from[l] = NONE;
    for (int32_t k = 0; k < raw; k++)
        if (codes[k] >= 0 && codes[k] < levels)
            from[(int32_t)codes[k]] = from[(int32_t)codes[k]] == NONE ? k : SEVERAL;
    if (codes[raw] >= 0 && codes[raw] < levels && from[(int32_t)codes[raw]] == NONE)
        from[(int32_t)codes[raw]] = raw;
}

static bool name_column(const hone_model *m, int64_t source, const char *level, char **out,
                        hone_arena *arena)
{
    char number[32];
    const char *name = hone_model_feature_name(m, source);
    if (!name) {
        snprintf(number, sizeof number, "x%lld", (long long)source);
        name = number;
    }
    hone_text whole = {0}, quoted = {0};
    hone_text_add(&whole, name);
    if (level) {
        hone_text_add(&whole, "=");
        hone_text_add(&whole, level);
    }
    hone_text_quoted(&quoted, whole.failed ? "" : whole.bytes);
    *out = whole.failed || quoted.failed ? NULL : hone_arena_text(arena, quoted.bytes);
    hone_text_drop(&whole);
    hone_text_drop(&quoted);
    return *out != NULL;
}

static hone_status name_levels(const hone_model *m, int64_t j, int64_t source, int32_t levels,
                               char **out, hone_arena *arena, hone_error *error)
{
    const int32_t raw = m->pipeline.shape[0].levels ? m->pipeline.shape[0].levels[source] : 0;
    double *probe = HONE_NEW(arena, double, raw + 1, 2);
    int32_t *from = HONE_NEW(arena, int32_t, levels, 1);
    if (!probe || !from)
        return hone_no_memory(error);
    codes_of(m, j, probe, levels, raw, from);
    for (int32_t l = 0; l < levels; l++) {
        const char *const level = !raw || from[l] == raw ? "missing"
                                  : from[l] < 0          ? "other"
                                                : m->schema.column[source].levels.text[from[l]];
        if (!name_column(m, source, level, out + l, arena))
            return hone_no_memory(error);
    }
    return HONE_OK;
}

static hone_status name_columns(const hone_model *m, char **out, hone_arena *arena,
                                hone_error *error)
{
    const hone_pipeline *p = &m->pipeline;
    const hone_shape *last = seen(m);
    for (int64_t j = 0; j < last->stored; j++) {
        const int64_t source = hone_pipeline_source(p, j);
        const int32_t levels = p->one_hot ? last->levels[j] : 0;
        char **const to = out + (p->one_hot ? p->first[j] : j);
        if (levels)
            HONE_TRY(name_levels(m, j, source, levels, to, arena, error));
        else if (!name_column(m, source, NULL, to, arena))
            return hone_no_memory(error);
    }
    return HONE_OK;
}

/* ---- values ---- */

static void number(hone_text *t, double v)
{
    if (isfinite(v))
        hone_text_number(t, v);
    else
        hone_text_add(t, "null");
}

static void write_row(const writer *w, const hone_output *o, const double *values, int64_t cols)
{
    const bool named = o->cols.of == HONE_FEATURES && cols == seen(w->model)->features;
    const bool alone = o->cols.of == HONE_PLAIN && cols == 1;
    hone_text_add(w->text, alone ? "" : named ? "{" : "[");
    for (int64_t j = 0; j < cols; j++) {
        hone_text_add(w->text, j ? "," : "");
        if (named)
            hone_text_format(w->text, "%s:", w->column[j]);
        number(w->text, values[j]);
    }
    hone_text_add(w->text, alone ? "" : named ? "}" : "]");
}

/* A row for each class has its name; the only row of two classes speaks of the second. */
static void write_values(const writer *w, const hone_output *o, const double *values, int64_t rows,
                         int64_t cols)
{
    const hone_model *m = w->model;
    const int64_t classes = m->task == HONE_CLASSIFICATION ? m->classes.count : 0;
    if (o->rows.of == HONE_PLAIN && rows == 1) {
        write_row(w, o, values, cols);
        return;
    }
    const bool second = classes == 2 && rows == 1, named = second || rows == classes;
    hone_text_add(w->text, named ? "{" : "[");
    for (int64_t i = 0; i < rows; i++) {
        hone_text_add(w->text, i ? "," : "");
        if (named) {
            hone_text_quoted(w->text, m->classes.text[i + second]);
            hone_text_add(w->text, ":");
        }
        write_row(w, o, values + i * cols, cols);
    }
    hone_text_add(w->text, named ? "}" : "]");
}

static hone_status write_output(const writer *w, const hone_output *o, hone_error *error)
{
    hone_text_format(w->text, "\"%s\":{\"help\":", o->name);
    hone_text_quoted(w->text, o->help);
    const bool by_row = o->rows.of == HONE_PLAIN && o->rows.plus == 0;
    if (o->needs_x || o->needs_training || by_row) {
        hone_text_format(w->text, ",\"needs\":\"%s\"}",
                         o->needs_training ? "training data" : "rows");
        return HONE_OK;
    }
    double *values;
    int64_t rows, cols;
    HONE_TRY(hone_model_output(w->model, o->name, NULL, NULL, &values, &rows, &cols, error));
    hone_text_add(w->text, ",\"values\":");
    write_values(w, o, values, rows, cols);
    hone_text_add(w->text, "}");
    hone_free(values);
    return HONE_OK;
}

static void write_state(const writer *w)
{
    const hone_fitted *f = w->model->fitted;
    hone_text_add(w->text, ",\"state\":{");
    const char *separator = "";
    for (const hone_field *field = f->algorithm->state; field->name; field++) {
        if (field->is_array)
            continue;
        hone_text_format(w->text, "%s\"%s\":", separator, field->name);
        separator = ",";
        if (field->dtype == HONE_I64)
            hone_text_integer(w->text, *(const int64_t *)hone_field_values(field, f->state));
        else
            number(w->text, *(const double *)hone_field_values(field, f->state));
    }
    hone_text_add(w->text, "}");
}

static hone_status write_all(writer *w, hone_arena *arena, hone_error *error)
{
    const hone_model *m = w->model;
    const int64_t columns = seen(m)->features;
    w->column = HONE_NEW(arena, char *, columns, 1);
    if (!w->column)
        return hone_no_memory(error);
    HONE_TRY(name_columns(m, w->column, arena, error));
    hone_text_format(w->text, "{\"model\":\"%s\",\"task\":\"%s\"", m->fitted->algorithm->name,
                     m->task == HONE_CLASSIFICATION ? "classification" : "regression");
    for (int64_t k = 0; m->task == HONE_CLASSIFICATION && k < m->classes.count; k++) {
        hone_text_add(w->text, k ? "," : ",\"classes\":[");
        hone_text_quoted(w->text, m->classes.text[k]);
    }
    hone_text_add(w->text, m->task == HONE_CLASSIFICATION ? "],\"columns\":[" : ",\"columns\":[");
    for (int64_t j = 0; j < columns; j++)
        hone_text_format(w->text, "%s%s", j ? "," : "", w->column[j]);
    hone_text_add(w->text, "]");
    write_state(w);
    hone_text_add(w->text, ",\"outputs\":{");
    for (const hone_output *o = m->fitted->algorithm->outputs; o && o->name; o++) {
        HONE_TRY(write_output(w, o, error));
        hone_text_add(w->text, ",");
    }
    HONE_TRY(write_output(w, &hone_prepared_output, error));
    hone_text_add(w->text, "}}");
    return HONE_OK;
}

hone_status hone_model_describe(const hone_model *m, char **json, hone_error *error)
{
    if (!m || !json)
        return hone_fail(error, HONE_BAD_ARGUMENT, "model", "an argument is NULL");
    *json = NULL;
    hone_arena *arena = hone_arena_open(NULL);
    if (!arena)
        return hone_no_memory(error);
    hone_text text = {0};
    writer w = {.model = m, .text = &text};
    const hone_status status = write_all(&w, arena, error);
    hone_arena_close(arena);
    if (status)
        hone_text_drop(&text);
    else
        *json = hone_text_take(&text);
    return status ? status : *json ? HONE_OK : hone_no_memory(error);
}
