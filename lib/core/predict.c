/* Predictions of a model for datasets and arrays. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/metrics.h"
#include "core/model.h"
#include "core/schema.h"
#include "core/state.h"
#include "toolbox/rows.h"

/* ---- the run of a call ---- */

/* Below this many rows a team of threads costs more than it gives. */
enum { FEW_ROWS = 256 };

/* Members beyond the caller's `size` mean: not given. */
static hone_predict_options given(const hone_predict_options *o)
{
    hone_predict_options own = {0};
    if (o)
        memcpy(&own, o, o->size < sizeof own ? o->size : sizeof own);
    return own;
}

static hone_status check_trees(const hone_model *m, int64_t trees, hone_error *error)
{
    const hone_fitted *f = m->fitted;
    const int64_t all = hone_extent_length(f->algorithm->members, &f->shape, f->state);
    if (trees && !all)
        return hone_fail(error, HONE_UNSUPPORTED, "options.trees", "this %s model has no trees",
                         hone_model_algorithm(m));
    if (trees < 0 || trees > all)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.trees",
                         "is %lld; the model has %lld trees", (long long)trees, (long long)all);
    return HONE_OK;
}

hone_status hone_predict_run(const hone_model *m, hone_predict_call *call,
                             const hone_predict_options *options, int64_t rows, hone_error *error)
{
    const hone_predict_options o = given(options);
    HONE_TRY(hone_threads_check(o.threads, "options.threads", error));
    HONE_TRY(check_trees(m, o.trees, error));
    hone_run_simple(&call->storage, rows < FEW_ROWS ? 1 : o.threads);
    call->storage.account.cap = o.memory_cap;
    call->storage.run.cancel = o.cancel;
    call->storage.run.members = o.trees;
    call->listener = (hone_listener){.context = o.context, .poll = o.poll};
    call->storage.run.listener = &call->listener;
    return HONE_OK;
}

/* ---- what is asked for ---- */

hone_status hone_model_answers(const hone_model *m, hone_what what, hone_error *error)
{
    if (what == HONE_LABELS || what == HONE_SCORES)
        return HONE_OK;
    if (what != HONE_PROBABILITIES)
        return hone_fail(error, HONE_BAD_ARGUMENT, "what", "is no hone_what: %d", (int)what);
    if (m->task == HONE_REGRESSION)
        return hone_fail(error, HONE_UNSUPPORTED, "what", "a regression has no probabilities");
    if (!hone_model_has_probabilities(m))
        return hone_fail(error, HONE_UNSUPPORTED, "what",
                         "this %s model gives margins, not probabilities; ask for scores",
                         hone_model_algorithm(m));
    return HONE_OK;
}

int64_t hone_model_width(const hone_model *m, hone_what what)
{
    return what == HONE_LABELS ? 1 : m->fitted->shape.outputs;
}

void hone_model_convert(const hone_model *m, hone_what what, const double *score, int64_t rows,
                        double *out)
{
    const int64_t c = m->fitted->shape.outputs;
    if (what == HONE_LABELS && m->task == HONE_CLASSIFICATION)
        for (int64_t i = 0; i < rows; i++)
            out[i] = hone_argmax(score + i * c, c);
    else
        memcpy(out, score, (size_t)(rows * c) * sizeof *out);
}

/* ---- tables ---- */

/* Rows [first, first + count). Labels need scores; all else is the scores themselves. `raw`: what
 * the caller's array holds was not looked at. */
static hone_status answer_part(const hone_model *m, const hone_matrix *table, bool raw,
                               int64_t first, int64_t count, hone_what what, const hone_run *run,
                               hone_arena *scratch, double *out, hone_error *error)
{
    hone_matrix part = hone_matrix_slice(table, first, count);
    if (raw)
        HONE_TRY(hone_model_admit(m, &part, first, run, scratch, error));
    if (what != HONE_LABELS || m->task == HONE_REGRESSION)
        return hone_model_scores(m, &part, run, out, error);
    double *score = HONE_RAW(scratch, double, count, m->fitted->shape.outputs);
    if (!score)
        return hone_no_memory(error);
    HONE_TRY(hone_model_scores(m, &part, run, score, error));
    hone_model_convert(m, what, score, count, out);
    return HONE_OK;
}

/* Chunk by chunk: the memory does not grow with the number of rows. */
static hone_status answer(const hone_model *m, const hone_matrix *table, bool raw, hone_what what,
                          const hone_run *run, double *out, hone_error *error)
{
    const int64_t chunk = hone_model_chunk(m), width = hone_model_width(m, what);
    hone_arena *scratch = hone_arena_open(run->account);
    hone_status status = scratch ? HONE_OK : hone_no_memory(error);
    for (int64_t i = 0; i < table->rows && !status; i += chunk) {
        const int64_t count = i + chunk < table->rows ? chunk : table->rows - i;
        status = answer_part(m, table, raw, i, count, what, run, scratch, out + i * width, error);
        hone_arena_reset(scratch);
    }
    hone_arena_close(scratch);
    return status;
}

hone_status hone_model_predict(const hone_model *m, const hone_dataset *dataset, hone_what what,
                               const hone_predict_options *options, double *out, hone_error *error)
{
    if (!m || !dataset || !out)
        return hone_fail(error, HONE_BAD_ARGUMENT, "predict", "an argument is NULL");
    HONE_TRY(hone_model_answers(m, what, error));
    hone_predict_call call;
    const hone_run *run = &call.storage.run;
    HONE_TRY(hone_predict_run(m, &call, options, dataset->table.rows, error));
    hone_arena *arena = hone_arena_open(run->account);
    if (!arena)
        return hone_no_memory(error);
    hone_matrix table;
    hone_status status = hone_dataset_align(dataset, &m->schema, arena, &table, error);
    if (!status)
        status = answer(m, &table, false, what, run, out, error);
    hone_arena_close(arena);
    return status;
}

/* ---- arrays ---- */

static hone_status bad_cell(const hone_model *m, int64_t i, int64_t j, double v, hone_error *error)
{
    char path[64];
    snprintf(path, sizeof path, "data.x[%lld,%lld]", (long long)i, (long long)j);
    if (!isfinite(v))
        return hone_fail(error, HONE_BAD_DATA, path, "is infinite");
    return hone_fail(error, HONE_BAD_DATA, path,
                     "is %g; a categorical column holds codes below %d, or -1: an unknown level", v,
                     (int)hone_schema_levels(&m->schema, j));
}

/* Codes of a row into `out`: NaN is missing, -1 and L are the unknown level. */
static hone_status admit_row(const hone_model *m, const hone_matrix *x, int64_t i, int64_t number,
                             double *out, hone_error *error)
{
    for (int64_t j = 0; j < x->cols; j++) {
        const double v = hone_element(x, i, j);
        if (isinf(v))
            return bad_cell(m, number, j, v, error);
        const int32_t levels = hone_schema_levels(&m->schema, j);
        if (levels && !isnan(v) && (v != floor(v) || v < -1 || v > levels))
            return bad_cell(m, number, j, v, error);
        if (out)
            out[j] = levels && v < 0 ? levels : v;
    }
    return HONE_OK;
}

hone_status hone_model_admit(const hone_model *m, hone_matrix *x, int64_t first,
                             const hone_run *run, hone_arena *arena, hone_error *error)
{
    const bool categories = m->pipeline.shape[0].levels != NULL;
    if (!categories && (x->finite = hone_rows_finite(hone_run_isa(run), x)))
        return HONE_OK;
    double *copy = categories ? HONE_RAW(arena, double, x->rows, x->cols) : NULL;
    if (categories && !copy)
        return hone_no_memory(error);
    for (int64_t i = 0; i < x->rows; i++)
        HONE_TRY(admit_row(m, x, i, first + i, copy ? copy + i * x->cols : NULL, error));
    if (copy) {
        x->values = copy;
        x->dtype = HONE_F64;
        x->row_stride = x->cols;
        x->col_stride = 1;
    }
    return HONE_OK;
}

static hone_status check_array(const hone_model *m, const void *x, hone_dtype dtype, int64_t rows,
                               int64_t cols, hone_error *error)
{
    if (rows < 0 || (rows && !x))
        return hone_fail(error, HONE_BAD_ARGUMENT, "data.x", "no rows are there");
    if (dtype != HONE_F32 && dtype != HONE_F64)
        return hone_fail(error, HONE_BAD_ARGUMENT, "data.x", "must be float32 or float64");
    if (cols != m->schema.cols)
        return hone_fail(error, HONE_BAD_DATA, "data.x", "has %lld columns; the model takes %lld",
                         (long long)cols, (long long)m->schema.cols);
    return HONE_OK;
}

hone_status hone_model_predict_dense(const hone_model *m, const void *x, hone_dtype dtype,
                                     int64_t rows, int64_t cols, int64_t row_stride,
                                     int64_t col_stride, hone_what what,
                                     const hone_predict_options *options, double *out,
                                     hone_error *error)
{
    if (!m || !out)
        return hone_fail(error, HONE_BAD_ARGUMENT, "predict", "an argument is NULL");
    HONE_TRY(hone_model_answers(m, what, error));
    HONE_TRY(check_array(m, x, dtype, rows, cols, error));
    hone_predict_call call;
    HONE_TRY(hone_predict_run(m, &call, options, rows, error));
    const hone_matrix table = {.values = x,
                               .dtype = dtype,
                               .rows = rows,
                               .cols = cols,
                               .stored_cols = cols,
                               .row_stride = row_stride,
                               .col_stride = col_stride};
    return answer(m, &table, true, what, &call.storage.run, out, error);
}

/* ---- evaluation ---- */

static hone_status judge(const hone_model *m, const hone_dataset *d, const hone_run *run,
                         hone_arena *arena, hone_judged *judged, hone_error *error)
{
    const int64_t rows = d->table.rows, c = m->fitted->shape.outputs;
    double *score = HONE_RAW(arena, double, rows, c), *target = NULL;
    int32_t *label = NULL;
    if (m->task == HONE_CLASSIFICATION)
        label = HONE_RAW(arena, int32_t, rows, 1);
    else
        target = HONE_RAW(arena, double, rows, 1);
    if (!score || (!label && !target))
        return hone_no_memory(error);
    if (label)
        hone_dataset_recode(d, &m->classes, label);
    else
        HONE_TRY(hone_dataset_amounts(d, target, error));
    hone_matrix table;
    HONE_TRY(hone_dataset_align(d, &m->schema, arena, &table, error));
    HONE_TRY(hone_model_scores(m, &table, run, score, error));
    *judged = (hone_judged){.rows = rows,
                            .outputs = c,
                            .score = score,
                            .label = label,
                            .target = target,
                            .weight = d->weight};
    return hone_judged_say(judged, arena) ? HONE_OK : hone_no_memory(error);
}

static hone_status find_metrics(const hone_model *m, const char *const *names, hone_error *error)
{
    for (; *names; names++) {
        const hone_metric *metric;
        HONE_TRY(hone_metric_find(*names, m->task, &metric, error));
        if (metric->needs == HONE_NEEDS_PROBABILITIES && !hone_model_has_probabilities(m))
            return hone_fail(error, HONE_UNSUPPORTED, "options.metric",
                             "%s needs probabilities, and this %s model gives margins",
                             metric->name, hone_model_algorithm(m));
    }
    return HONE_OK;
}

static hone_status evaluate(const hone_model *m, const hone_dataset *d, const char *const *names,
                            const hone_predict_options *o, const hone_run *run, hone_arena *arena,
                            double *values, hone_error *error)
{
    hone_judged judged;
    HONE_TRY(judge(m, d, run, arena, &judged, error));
    if (judged.label)
        hone_warn_labels(d, judged.label, "evaluated rows", o->log, o->context);
    for (int k = 0; names[k]; k++) {
        const hone_metric *metric;
        HONE_TRY(hone_metric_find(names[k], m->task, &metric, error));
        bool undefined = false, no_memory = false;
        values[k] = metric->value(&judged, arena, &undefined, &no_memory);
        if (no_memory)
            return hone_no_memory(error);
    }
    return HONE_OK;
}

hone_status hone_model_evaluate(const hone_model *m, const hone_dataset *dataset,
                                const char *const *names, const hone_predict_options *options,
                                double *values, hone_error *error)
{
    if (!m || !dataset || !names || !values)
        return hone_fail(error, HONE_BAD_ARGUMENT, "evaluate", "an argument is NULL");
    HONE_TRY(find_metrics(m, names, error));
    if (!dataset->task)
        return hone_fail(error, HONE_BAD_DATA, "data.y", "the dataset has no target");
    hone_predict_call call;
    const hone_run *run = &call.storage.run;
    HONE_TRY(hone_predict_run(m, &call, options, dataset->table.rows, error));
    hone_arena *arena = hone_arena_open(run->account);
    if (!arena)
        return hone_no_memory(error);
    const hone_predict_options o = given(options);
    const hone_status status = evaluate(m, dataset, names, &o, run, arena, values, error);
    hone_arena_close(arena);
    return status;
}
