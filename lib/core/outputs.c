/* What a fitted model can tell besides predictions: the outputs of its module, every member of its
 * state by name, and rows as the module sees them. */
#include <string.h>

#include "base/text.h"
#include "core/model.h"
#include "core/state.h"
#include "toolbox/rows.h"

typedef struct asked {
    const hone_model *model;
    const hone_output *output;
    const hone_dataset *dataset;
    const hone_run *run;
    int64_t rows, cols;
} asked;

static double *make_room(int64_t rows, int64_t cols)
{
    size_t bytes;
    if (__builtin_mul_overflow((size_t)rows, (size_t)cols, &bytes) ||
        __builtin_mul_overflow(bytes, sizeof(double), &bytes))
        return NULL;
    return hone_alloc(bytes);
}

/* ---- members of the state ---- */

static double as_double(hone_dtype dtype, const void *values, int64_t k)
{
    switch (dtype) {
    case HONE_F32:
        return ((const float *)values)[k];
    case HONE_F64:
        return ((const double *)values)[k];
    case HONE_U8:
        return ((const uint8_t *)values)[k];
    case HONE_U16:
        return ((const uint16_t *)values)[k];
    case HONE_U32:
        return ((const uint32_t *)values)[k];
    case HONE_I32:
        return ((const int32_t *)values)[k];
    default:
        return (double)((const int64_t *)values)[k];
    }
}

static hone_status tell_field(const hone_fitted *f, const hone_field *field, double **values,
                              int64_t *rows, int64_t *cols, hone_error *error)
{
    *rows = hone_field_rows(field, &f->shape, f->state);
    *cols = hone_field_cols(field, &f->shape, f->state);
    *values = make_room(*rows, *cols);
    if (!*values)
        return hone_no_memory(error);
    for (int64_t k = 0; k < *rows * *cols; k++)
        (*values)[k] = as_double(field->dtype, hone_field_values(field, f->state), k);
    return HONE_OK;
}

/* ---- outputs of the module ---- */

/* Labels and targets as the fit saw them. */
static hone_status training_answers(const asked *q, hone_arena *arena, hone_output_job *job,
                                    hone_error *error)
{
    const hone_pipeline *p = &q->model->pipeline;
    const hone_dataset *d = q->dataset;
    if (d->fingerprint != q->model->fingerprint ||
        (q->model->trained_rows && q->model->trained_rows != d->table.rows))
        return hone_fail(error, HONE_BAD_DATA, "data",
                         "%s needs the dataset that the model was fitted on, all of its rows",
                         q->output->name);
    job->label = d->label;
    job->weight = d->weight;
    if (!d->target)
        return HONE_OK;
    double *target = HONE_RAW(arena, double, d->table.rows, 1);
    if (!target)
        return hone_no_memory(error);
    for (int64_t i = 0; i < d->table.rows; i++)
        target[i] = (d->target[i] - p->target_mean) / p->target_scale;
    job->target = target;
    return HONE_OK;
}

static hone_status compute(const asked *q, const hone_matrix *table, hone_arena *arena, double *out,
                           hone_error *error)
{
    const hone_fitted *f = q->model->fitted;
    hone_output_job job = {.shape = f->shape,
                           .params = f->params,
                           .state = f->state,
                           .seed = f->seed,
                           .run = q->run,
                           .scratch = arena};
    if (table)
        HONE_TRY(hone_model_transform(q->model, table, q->run, arena, &job.x, error));
    if (q->output->needs_training)
        HONE_TRY(training_answers(q, arena, &job, error));
    HONE_TRY(q->output->compute(&job, out, error));
    /* The one output that holds scores of rows. */
    if (!strcmp(q->output->name, "oob_score"))
        hone_model_unscale(q->model, out, q->rows * q->cols);
    return HONE_OK;
}

/* Whatever is told row by row is computed in chunks, as predictions are. */
static hone_status compute_rows(const asked *q, const hone_matrix *table, hone_arena *arena,
                                double *out, hone_error *error)
{
    const int64_t chunk = hone_model_chunk(q->model);
    for (int64_t i = 0; i < table->rows; i += chunk) {
        const int64_t count = i + chunk < table->rows ? chunk : table->rows - i;
        const hone_matrix part = hone_matrix_slice(table, i, count);
        HONE_TRY(compute(q, &part, arena, out + i * q->cols, error));
        hone_arena_reset(arena);
    }
    return HONE_OK;
}

static bool by_row(const hone_output *o)
{
    return o->rows.of == HONE_PLAIN && o->rows.plus == 0;
}

static hone_status fill(asked *q, hone_arena *arena, double **values, hone_error *error)
{
    const hone_output *o = q->output;
    const hone_fitted *f = q->model->fitted;
    hone_arena *own = hone_arena_open(q->run->account);
    if (!own)
        return hone_no_memory(error);
    hone_matrix table;
    hone_status status = HONE_OK;
    if (q->dataset)
        status = hone_dataset_align(q->dataset, &q->model->schema, own, &table, error);
    q->rows = by_row(o) ? q->dataset->table.rows : hone_extent_length(o->rows, &f->shape, f->state);
    q->cols = hone_extent_length(o->cols, &f->shape, f->state);
    if (!status) {
        *values = make_room(q->rows, q->cols);
        if (!*values)
            status = hone_no_memory(error);
        else if (by_row(o) && !o->needs_training)
            status = compute_rows(q, &table, arena, *values, error);
        else
            status = compute(q, q->dataset ? &table : NULL, arena, *values, error);
    }
    hone_arena_close(own);
    return status;
}

static hone_status tell_output(asked *q, double **values, int64_t *rows, int64_t *cols,
                               hone_error *error)
{
    const hone_output *o = q->output;
    if ((o->needs_x || o->needs_training || by_row(o)) && !q->dataset)
        return hone_fail(error, HONE_BAD_ARGUMENT, "dataset", "%s needs %s", o->name,
                         o->needs_training ? "the training data" : "rows");
    hone_arena *arena = hone_arena_open(q->run->account);
    if (!arena)
        return hone_no_memory(error);
    *values = NULL;
    const hone_status status = fill(q, arena, values, error);
    hone_arena_close(arena);
    *rows = q->rows;
    *cols = q->cols;
    if (status) {
        hone_free(*values);
        *values = NULL;
    }
    return status;
}

static hone_status prepared(const hone_output_job *job, double *out, hone_error *error)
{
    const int64_t d = job->shape.features;
    if (job->x.cols != d)
        return hone_fail(error, HONE_UNSUPPORTED, "output",
                         "the constant model looks at no column: there is nothing to prepare");
    double *buffer = HONE_RAW(job->scratch, double, d, 1);
    if (!buffer)
        return hone_no_memory(error);
    for (int64_t i = 0; i < job->x.rows; i++)
        memcpy(out + i * d, hone_row_f64(&job->x, i, buffer), (size_t)d * sizeof *out);
    return HONE_OK;
}

const hone_output hone_prepared_output = {
    .name = "prepared",
    .help = "Rows as the module sees them: imputed, encoded, scaled.",
    .rows = {HONE_PLAIN, 0, 0},
    .cols = HONE_D,
    .needs_x = true,
    .compute = prepared,
};

static hone_status unknown(const hone_algorithm *a, const char *name, hone_error *error)
{
    hone_text list = {0};
    for (const hone_output *o = a->outputs; o && o->name; o++)
        hone_text_format(&list, "%s, ", o->name);
    hone_text_add(&list, hone_prepared_output.name);
    for (const hone_field *f = a->state; f->name; f++)
        hone_text_format(&list, ", %s", f->name);
    const hone_status status =
        hone_fail(error, HONE_BAD_ARGUMENT, "output", "%s has no '%.40s'; it has: %.250s", a->name,
                  name, list.failed ? "" : list.bytes);
    hone_text_drop(&list);
    return status;
}

static const hone_output *find_output(const hone_algorithm *a, const char *name)
{
    for (const hone_output *o = a->outputs; o && o->name; o++)
        if (!strcmp(o->name, name))
            return o;
    return strcmp(hone_prepared_output.name, name) ? NULL : &hone_prepared_output;
}

hone_status hone_model_output(const hone_model *m, const char *name, const hone_dataset *dataset,
                              const hone_predict_options *options, double **values, int64_t *rows,
                              int64_t *cols, hone_error *error)
{
    if (!m || !name || !values || !rows || !cols)
        return hone_fail(error, HONE_BAD_ARGUMENT, "output", "an argument is NULL");
    const hone_algorithm *a = m->fitted->algorithm;
    const hone_output *o = find_output(a, name);
    hone_predict_call call;
    const hone_run *run = &call.storage.run;
    HONE_TRY(hone_predict_run(m, &call, options, dataset ? dataset->table.rows : 0, error));
    if (run->members)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.trees",
                         "outputs are those of all trees");
    if (o) {
        asked q = {m, o, o->needs_x || o->needs_training || by_row(o) ? dataset : NULL, run, 0, 0};
        return tell_output(&q, values, rows, cols, error);
    }
    for (const hone_field *f = a->state; f->name; f++)
        if (!strcmp(f->name, name))
            return tell_field(m->fitted, f, values, rows, cols, error);
    return unknown(a, name, error);
}
