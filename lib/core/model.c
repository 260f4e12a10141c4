/* Models: made once, shared by reference count, read by any number of threads. */
#include "core/model.h"

#include <string.h>

#include "core/catalog.h"
#include "core/record.h"
#include "core/schema.h"
#include "data/vector.h"
#include "toolbox/rows.h"

/* ---- life ---- */

hone_model *hone_model_empty(int64_t cap)
{
    hone_model *m = hone_alloc(sizeof *m);
    if (!m)
        return NULL;
    atomic_init(&m->references, 1);
    m->account.cap = cap;
    m->memory = hone_arena_open(&m->account);
    if (m->memory)
        return m;
    hone_free(m);
    return NULL;
}

/* The constant model stands in for another one, whose preprocessing it does not need. */
static void look_at_nothing(hone_model *m)
{
    m->pipeline.steps = 0;
    m->pipeline.one_hot = false;
    m->config = "{\"model\":\"constant\"}";
}

static hone_status fill(hone_model *m, const hone_model_parts *parts, hone_error *error)
{
    const hone_dataset *d = parts->dataset;
    hone_schema schema = hone_dataset_schema(d);
    schema.sparse = parts->pipeline->sparse;
    if (parts->column)
        schema.column = parts->column;
    m->task = parts->fitted->shape.task;
    m->fingerprint = d->fingerprint;
    m->trained_rows = parts->trained_rows;
    m->config_hash = parts->config_hash;
    m->config = hone_arena_text(m->memory, parts->config);
    m->run = hone_arena_text(m->memory, parts->run_part);
    m->target_name = hone_arena_text(m->memory, d->target_name ? d->target_name : "target");
    if (!m->config || !m->run || !m->target_name ||
        !hone_schema_copy(&schema, m->memory, &m->schema) ||
        (m->task == HONE_CLASSIFICATION && !hone_values_copy(&d->classes, m->memory, &m->classes)))
        return hone_no_memory(error);
    HONE_TRY(hone_pipeline_copy(parts->pipeline, m->memory, &m->pipeline, error));
    m->fitted = parts->fitted;
    if (m->fitted->algorithm == &hone_constant)
        look_at_nothing(m);
    return hone_record_write(m, parts->record, error);
}

hone_status hone_model_new(const hone_model_parts *parts, hone_model **model, hone_error *error)
{
    *model = NULL;
    hone_model *m = hone_model_empty(0);
    if (!m)
        return hone_no_memory(error);
    const hone_status status = fill(m, parts, error);
    if (status) {
        m->fitted = NULL;
        hone_model_free(m);
        return status;
    }
    *model = m;
    return HONE_OK;
}

hone_model *hone_model_retain(const hone_model *model)
{
    hone_model *m = (hone_model *)(uintptr_t)model;
    if (m)
        atomic_fetch_add_explicit(&m->references, 1, memory_order_relaxed);
    return m;
}

void hone_model_free(hone_model *m)
{
    if (!m || atomic_fetch_sub_explicit(&m->references, 1, memory_order_acq_rel) != 1)
        return;
    hone_fitted_free(m->fitted);
    hone_arena_close(m->memory);
    hone_free(m);
}

/* ---- what it is ---- */

const char *hone_model_algorithm(const hone_model *m)
{
    return m ? m->fitted->algorithm->name : NULL;
}

hone_task hone_model_task(const hone_model *m)
{
    return m ? m->task : (hone_task)0;
}

int64_t hone_model_features(const hone_model *m)
{
    return m ? m->schema.cols : 0;
}

const char *hone_model_feature_name(const hone_model *m, int64_t j)
{
    return m && m->schema.column && j >= 0 && j < m->schema.cols ? m->schema.column[j].name : NULL;
}

int64_t hone_model_outputs(const hone_model *m)
{
    return m ? m->fitted->shape.outputs : 0;
}

const char *hone_model_class(const hone_model *m, int64_t k)
{
    return m && k >= 0 && k < m->classes.count ? m->classes.text[k] : NULL;
}

bool hone_model_has_probabilities(const hone_model *m)
{
    const hone_algorithm *a = m ? m->fitted->algorithm : NULL;
    return m && m->task == HONE_CLASSIFICATION &&
           (!a->scores || a->scores(m->fitted->params) == HONE_PROBABILITY);
}

const char *hone_model_record(const hone_model *m)
{
    return m ? m->record : NULL;
}

int64_t hone_model_level(const hone_model *m, int64_t j, const char *text)
{
    if (j < 0 || j >= hone_model_features(m) || !text || !hone_schema_levels(&m->schema, j))
        return -1;
    return hone_values_find(&m->schema.column[j].levels, text);
}

hone_status hone_model_read(const hone_model *m, const char *file, const hone_read_options *options,
                            hone_dataset **dataset, hone_error *error)
{
    if (!m)
        return hone_fail(error, HONE_BAD_ARGUMENT, "model", "is NULL");
    hone_schema schema = m->schema;
    schema.task = m->task;
    schema.class_kind = m->classes.kind;
    return hone_dataset_read_as(file, options, &schema, dataset, error);
}

/* ---- scores ---- */

hone_matrix hone_matrix_slice(const hone_matrix *x, int64_t first, int64_t count)
{
    hone_matrix part = *x;
    part.rows = count;
    if (x->row)
        part.row = x->row + first;
    else if (x->layout == HONE_CSR)
        part.row_start = x->row_start + first;
    else
        part.values =
            (const char *)x->values + first * x->row_stride * (int64_t)hone_dtype_size(x->dtype);
    return part;
}

void hone_model_unscale(const hone_model *m, double *score, int64_t count)
{
    const double mean = m->pipeline.target_mean, scale = m->pipeline.target_scale;
    if (m->task != HONE_REGRESSION || (mean == 0 && scale == 1))
        return;
    for (int64_t i = 0; i < count; i++)
        score[i] = mean + scale * score[i];
}

/* Absent entries are zeros, and only they. */
static hone_status to_sparse(const hone_matrix *x, hone_arena *arena, hone_matrix *out,
                             hone_error *error)
{
    int64_t *start = HONE_NEW(arena, int64_t, x->rows + 1, 1);
    if (!start)
        return hone_no_memory(error);
    for (int64_t i = 0; i < x->rows; i++) {
        start[i + 1] = start[i];
        for (int64_t j = 0; j < x->cols; j++)
            start[i + 1] += hone_element(x, i, j) != 0;
    }
    double *values = HONE_RAW(arena, double, start[x->rows], 1);
    int32_t *column = HONE_RAW(arena, int32_t, start[x->rows], 1);
    if (!values || !column)
        return hone_no_memory(error);
    for (int64_t i = 0, k = 0; i < x->rows; i++)
        for (int64_t j = 0; j < x->cols; j++) {
            const double v = hone_element(x, i, j);
            if (v != 0) {
                values[k] = v;
                column[k++] = (int32_t)j;
            }
        }
    *out = (hone_matrix){.values = values,
                         .layout = HONE_CSR,
                         .dtype = HONE_F64,
                         .rows = x->rows,
                         .cols = x->cols,
                         .stored_cols = x->cols,
                         .row_start = start,
                         .column = column};
    return HONE_OK;
}

/* Rows of a slice as a matrix of their own: what is made per entry is then as long as the slice. */
static hone_status rebase(const hone_matrix *x, hone_arena *arena, hone_matrix *out,
                          hone_error *error)
{
    int64_t *start = HONE_RAW(arena, int64_t, x->rows + 1, 1);
    if (!start)
        return hone_no_memory(error);
    const int64_t base = x->row_start[0];
    for (int64_t i = 0; i <= x->rows; i++)
        start[i] = x->row_start[i] - base;
    *out = *x;
    out->row_start = start;
    out->column = x->column + base;
    out->values = (const char *)x->values + base * (int64_t)hone_dtype_size(x->dtype);
    return HONE_OK;
}

hone_status hone_model_transform(const hone_model *m, const hone_matrix *table, const hone_run *run,
                                 hone_arena *arena, hone_matrix *out, hone_error *error)
{
    hone_matrix x = *table;
    const bool sparse = table->layout == HONE_CSR;
    if (m->pipeline.sparse && !sparse)
        HONE_TRY(to_sparse(table, arena, &x, error));
    else if (m->pipeline.sparse && !table->row && table->row_start[0])
        HONE_TRY(rebase(table, arena, &x, error));
    return hone_pipeline_apply(&m->pipeline, &x, run, arena, out, error);
}

/* Prepared rows of a chunk and their scores take 32 MiB at most: a function of the model alone, as
 * bits must be. */
int64_t hone_model_chunk(const hone_model *m)
{
    enum { BYTES = 1 << 25, LEAST = 1024, MOST = 1 << 16 };
    const int64_t cells = m->pipeline.shape[m->pipeline.steps].stored + m->fitted->shape.outputs;
    int64_t rows = MOST;
    while (rows > LEAST && rows * cells > BYTES / (int64_t)sizeof(double))
        rows /= 2;
    return rows;
}

hone_status hone_model_scores(const hone_model *m, const hone_matrix *table, const hone_run *run,
                              double *score, hone_error *error)
{
    const int64_t chunk = hone_model_chunk(m), outputs = m->fitted->shape.outputs;
    hone_arena *arena = hone_arena_open(run->account);
    if (!arena)
        return hone_no_memory(error);
    hone_status status = HONE_OK;
    for (int64_t i = 0; i < table->rows && !status; i += chunk) {
        const int64_t count = i + chunk < table->rows ? chunk : table->rows - i;
        const hone_matrix raw = hone_matrix_slice(table, i, count);
        hone_matrix x;
        status = hone_model_transform(m, &raw, run, arena, &x, error);
        if (!status)
            status = hone_fitted_predict(m->fitted, &x, run, NULL, score + i * outputs, error);
        hone_arena_reset(arena);
    }
    hone_arena_close(arena);
    if (!status)
        hone_model_unscale(m, score, table->rows * outputs);
    return status;
}
