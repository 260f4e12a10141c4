/* Chains of steps: planned and fitted once per table and training rows, applied in one pass.
 *
 * Fitted states and prepared tables are shared objects of the dataset's cache. A state is keyed by
 * the rows that it learned from; a table by what the states say, so that two folds whose states
 * are equal share one table.
 */
#include "core/pipeline.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "core/prep/columns.h"
#include "core/prep/dense.h"
#include "core/prep/known.h"
#include "core/state.h"
#include "data/vector.h"
#include "toolbox/rows.h"

const hone_transform *const hone_transforms[] = {&hone_impute, &hone_encode, &hone_scale, NULL};

/* A block of a table: rows of about CELLS cells, a few milliseconds. */
enum { CELLS = 1 << 20, LEAST = 64, MOST = 4096, AT_ONCE = 512 };

static const hone_shape *result(const hone_pipeline *p)
{
    return &p->shape[p->steps];
}

/* ---- values of one column through the chain ---- */

/* A code that is none, or of a level that is not known, becomes one above the last. */
static void admit_codes(const hone_pipeline *p, int64_t j, int64_t count, double *v)
{
    const hone_known *k = p->known;
    const int32_t levels = p->shape[0].levels[j];
    const int64_t given = k ? k->start[j + 1] - k->start[j] : levels;
    for (int64_t i = 0; given && i < count; i++) {
        if (isnan(v[i]))
            continue;
        const bool code = v[i] >= 0 && v[i] < (double)given && v[i] == floor(v[i]);
        v[i] = !code ? levels : k ? k->code[k->start[j] + (int64_t)v[i]] : v[i];
    }
}

static void read_column(const hone_pipeline *p, const hone_matrix *x, int64_t j, int64_t first,
                        int64_t count, double *v)
{
    const int64_t at = j * x->col_stride;
    for (int64_t i = 0; i < count; i++) {
        const int64_t k = hone_row_id(x, first + i) * x->row_stride + at;
        v[i] = x->dtype == HONE_F64 ? ((const double *)x->values)[k]
                                    : (double)((const float *)x->values)[k];
    }
    if (p->shape[0].levels)
        admit_codes(p, j, count, v);
}

/* Where column j of the result comes from: from[k] is a column before step k. */
static void trace(const hone_pipeline *p, int64_t j, int64_t from[HONE_STEPS + 1])
{
    from[p->steps] = j;
    for (int k = p->steps; k-- > 0;)
        from[k] = p->transform[k]->source(&p->shape[k], p->state[k], from[k + 1]);
}

int64_t hone_pipeline_source(const hone_pipeline *p, int64_t j)
{
    int64_t from[HONE_STEPS + 1];
    trace(p, j, from);
    return from[0];
}

static void chain_column(const hone_pipeline *p, const hone_matrix *x, int64_t j, int64_t first,
                         int64_t count, double *v)
{
    int64_t from[HONE_STEPS + 1];
    trace(p, j, from);
    read_column(p, x, from[0], first, count, v);
    for (int k = 0; k < p->steps; k++)
        p->transform[k]->apply(&p->shape[k], &p->prep, p->state[k], from[k + 1], v, count);
}

void hone_step_column(const hone_step_job *job, int64_t j, int64_t first, int64_t count,
                      double *values)
{
    chain_column(job->before, &job->x, j, first, count, values);
}

/* ---- a whole table ---- */

typedef struct table_context {
    const hone_pipeline *pipeline;
    const hone_matrix *in;
    const hone_matrix *out;
    int64_t chunk;  /* rows of a block */
    double *values; /* of `out`: float32 would make them depend on how the caller stores his */
    bool holes;     /* no step fills missing cells: the module takes them */
} table_context;

static hone_status bad_value(const hone_pipeline *p, double v, int64_t row, int64_t j,
                             hone_error *error)
{
    char path[64];
    snprintf(path, sizeof path, "data.x[%lld,%lld]", (long long)row,
             (long long)hone_pipeline_source(p, j));
    return hone_fail(error, HONE_BAD_DATA, path, "is %g after preprocessing; must be finite", v);
}

static hone_status write_chunk(const table_context *c, int64_t first, int64_t count, int64_t j,
                               double *v, hone_error *error)
{
    const int64_t stored = c->out->stored_cols;
    chain_column(c->pipeline, c->in, j, first, count, v);
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(v[i]) && !(c->holes && isnan(v[i])))
            return bad_value(c->pipeline, v[i], first + i, j, error);
        c->values[(first + i) * stored + j] = v[i];
    }
    return HONE_OK;
}

static hone_status table_block(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    (void)scratch;
    const table_context *c = context;
    double v[AT_ONCE];
    const int64_t next = (block + 1) * c->chunk, end = next < c->in->rows ? next : c->in->rows;
    for (int64_t first = block * c->chunk; first < end; first += AT_ONCE)
        for (int64_t j = 0; j < c->out->stored_cols; j++)
            HONE_TRY(
                write_chunk(c, first, first + AT_ONCE < end ? AT_ONCE : end - first, j, v, error));
    return HONE_OK;
}

/* Layout of the result on some storage. */
static void lay_out(const hone_pipeline *p, hone_matrix *m)
{
    const hone_shape *s = result(p);
    m->cols = s->features;
    m->stored_cols = s->stored;
    m->levels = s->levels;
    m->layout = p->sparse ? HONE_CSR : p->one_hot ? HONE_ONE_HOT : HONE_DENSE;
    m->first = p->first;
}

static hone_status write_dense(const hone_pipeline *p, const hone_matrix *in, const hone_run *run,
                               hone_arena *arena, hone_matrix *out, hone_error *error)
{
    const int64_t stored = result(p)->stored;
    double *values = HONE_RAW(arena, double, in->rows, stored);
    if (!values)
        return hone_no_memory(error);
    *out = (hone_matrix){.values = values,
                         .dtype = HONE_F64,
                         .rows = in->rows,
                         .row_stride = stored,
                         .col_stride = 1};
    lay_out(p, out);
    const int64_t fit = CELLS / (stored + 1), chunk = fit < LEAST ? LEAST : fit > MOST ? MOST : fit;
    table_context c = {p, in, out, chunk, values, p->transform[0] != &hone_impute};
    return hone_for_blocks(run, (in->rows + chunk - 1) / chunk, table_block, &c, error);
}

/* The same pattern of entries with new values: only steps that keep zeros apply to sparse data. */
static hone_status write_sparse(const hone_pipeline *p, const hone_matrix *in, hone_arena *arena,
                                hone_matrix *out, hone_error *error)
{
    int64_t storage = 0;
    for (int64_t i = 0; i < in->rows; i++) {
        const int64_t end = in->row_start[hone_row_id(in, i) + 1];
        storage = end > storage ? end : storage;
    }
    double *values = HONE_RAW(arena, double, storage, 1);
    if (!values)
        return hone_no_memory(error);
    for (int64_t i = 0; i < in->rows; i++) {
        const int64_t r = hone_row_id(in, i);
        for (int64_t k = in->row_start[r]; k < in->row_start[r + 1]; k++) {
            double v = in->dtype == HONE_F64 ? ((const double *)in->values)[k]
                                             : (double)((const float *)in->values)[k];
            for (int s = 0; s < p->steps; s++)
                p->transform[s]->apply(&p->shape[s], &p->prep, p->state[s], in->column[k], &v, 1);
            if (!isfinite(v))
                return bad_value(p, v, i, in->column[k], error);
            values[k] = v;
        }
    }
    *out = *in;
    out->values = values;
    out->dtype = HONE_F64;
    return HONE_OK;
}

static hone_status write_table(const hone_pipeline *p, const hone_matrix *in, const hone_run *run,
                               hone_arena *arena, hone_matrix *out, hone_error *error)
{
    return p->sparse ? write_sparse(p, in, arena, out, error)
                     : write_dense(p, in, run, arena, out, error);
}

/* Nothing is left to do: numbers, of which none is missing, would only be imputed. */
static bool idle(const hone_pipeline *p, const hone_matrix *in, const hone_run *run)
{
    if (p->known)
        return false;
    return !p->steps ||
           (p->steps == 1 && p->transform[0] == &hone_impute && !p->one_hot && !p->sparse &&
            !p->shape[0].levels && p->shape[1].stored == p->shape[0].stored &&
            (in->finite || hone_rows_finite(hone_run_isa(run), in)));
}

hone_status hone_pipeline_apply(const hone_pipeline *p, const hone_matrix *in, const hone_run *run,
                                hone_arena *arena, hone_matrix *out, hone_error *error)
{
    hone_matrix dense;
    if (!p->sparse && in->layout == HONE_CSR) {
        HONE_TRY(hone_dense_copy(in, arena, &dense, error));
        in = &dense;
    }
    if (!idle(p, in, run))
        return write_table(p, in, run, arena, out, error);
    *out = *in;
    out->levels = p->shape[0].levels;
    return HONE_OK;
}

/* ---- shapes ---- */

/* Logical columns of the result: one-hot columns stand for their levels. */
static hone_status finish_shape(hone_pipeline *p, hone_arena *keep, hone_error *error)
{
    hone_shape *s = &p->shape[p->steps];
    p->one_hot = false;
    for (int k = 0; k < p->steps; k++)
        p->one_hot |= p->transform[k] == &hone_encode && p->prep.encode == HONE_ENCODE_ONE_HOT;
    if (!p->one_hot)
        return HONE_OK;
    int64_t *first = HONE_NEW(keep, int64_t, s->stored + 1, 1);
    if (!first)
        return hone_no_memory(error);
    for (int64_t j = 0; j < s->stored; j++)
        first[j + 1] = first[j] + (s->levels[j] ? s->levels[j] : 1);
    p->first = first;
    s->features = first[s->stored];
    return HONE_OK;
}

hone_status hone_pipeline_reshape(hone_pipeline *p, hone_arena *keep, hone_error *error)
{
    for (int k = 0; k < p->steps; k++) {
        const hone_transform *t = p->transform[k];
        if (t->check)
            HONE_TRY(t->check(&p->shape[k], &p->prep, p->state[k], error));
        HONE_TRY(t->shape(&p->shape[k], &p->prep, p->state[k], keep, &p->shape[k + 1], error));
    }
    return finish_shape(p, keep, error);
}

/* ---- copy ---- */

static hone_status copy_state(const hone_transform *t, const hone_shape *in, const void *from,
                              hone_arena *keep, void **to, hone_error *error)
{
    *to = hone_arena_alloc(keep, 1, 1, t->state_size);
    if (!*to)
        return hone_no_memory(error);
    memcpy(*to, from, t->state_size);
    for (const hone_field *f = t->state; f->name; f++) {
        if (!f->is_array)
            continue;
        const int64_t rows = hone_field_rows(f, in, from), cols = hone_field_cols(f, in, from);
        const size_t size = hone_dtype_size(f->dtype);
        void *copy = hone_arena_alloc_raw(keep, rows, cols, size);
        if (!copy)
            return hone_no_memory(error);
        memcpy(copy, hone_field_values(f, from), (size_t)(rows * cols) * size);
        memcpy((char *)*to + f->offset, &copy, sizeof copy);
    }
    return HONE_OK;
}

hone_status hone_pipeline_copy(const hone_pipeline *from, hone_arena *keep, hone_pipeline *to,
                               hone_error *error)
{
    *to = *from;
    to->known = NULL;
    if (from->shape[0].levels) {
        int32_t *levels = HONE_RAW(keep, int32_t, from->shape[0].stored, 1);
        if (!levels)
            return hone_no_memory(error);
        memcpy(levels, from->shape[0].levels, (size_t)from->shape[0].stored * sizeof *levels);
        to->shape[0].levels = levels;
    }
    for (int k = 0; k < from->steps; k++)
        HONE_TRY(copy_state(from->transform[k], &from->shape[k], from->state[k], keep,
                            &to->state[k], error));
    return hone_pipeline_reshape(to, keep, error);
}

/* ---- fitting, shared by trials ---- */

/* What the builders of shared objects are told. */
typedef struct prep_plan {
    const hone_dataset *dataset;
    hone_matrix table; /* the dataset's, or a dense copy */
    uint64_t table_id;
    unsigned takes;
    hone_prep_params prep;
    const int64_t *rows;
    int64_t n_rows;
    const hone_pipeline *pipeline; /* for the table */
} prep_plan;

static hone_matrix training_rows(const prep_plan *p)
{
    hone_matrix x = p->table;
    if (p->rows) {
        x.row = p->rows;
        x.rows = p->n_rows;
    }
    return x;
}

static hone_status fit_steps(const hone_fit_job *job, const int64_t key[HONE_KEY], void *object,
                             hone_error *error)
{
    (void)key;
    const prep_plan *plan = job->params;
    const hone_matrix *table = &plan->table;
    hone_pipeline *p = object;
    *p =
        (hone_pipeline){.prep = plan->prep, .sparse = table->layout == HONE_CSR, .target_scale = 1};
    const hone_matrix x = training_rows(plan);
    HONE_TRY(hone_known_levels(plan->dataset, &x, job->keep, job->scratch, &p->known, error));
    const int32_t *levels = p->known ? p->known->levels : table->levels;
    p->shape[0] = (hone_shape){table->cols, 0, table->cols, levels, 0};
    for (int i = 0; hone_transforms[i]; i++) {
        const hone_transform *t = hone_transforms[i];
        const hone_shape *in = &p->shape[p->steps];
        if (!t->present(in, p->sparse, plan->takes, &p->prep))
            continue;
        void *state = hone_arena_alloc(job->keep, 1, 1, t->state_size);
        if (!state)
            return hone_no_memory(error);
        const hone_step_job step = {p, x, job->run, job->keep, job->scratch};
        HONE_TRY(t->fit(&step, &p->prep, state, error));
        HONE_TRY(t->shape(in, &p->prep, state, job->keep, &p->shape[p->steps + 1], error));
        p->transform[p->steps] = t;
        p->state[p->steps++] = state;
    }
    if (levels && !p->known) {
        int32_t *own = HONE_RAW(job->keep, int32_t, table->cols, 1);
        if (!own)
            return hone_no_memory(error);
        memcpy(own, levels, (size_t)table->cols * sizeof *own);
        p->shape[0].levels = own;
    }
    return finish_shape(p, job->keep, error);
}

static hone_status make_table(const hone_fit_job *job, const int64_t key[HONE_KEY], void *object,
                              hone_error *error)
{
    (void)key;
    const prep_plan *plan = job->params;
    return write_table(plan->pipeline, &plan->table, job->run, job->keep, object, error);
}

static hone_status make_dense(const hone_fit_job *job, const int64_t key[HONE_KEY], void *object,
                              hone_error *error)
{
    (void)key;
    const prep_plan *plan = job->params;
    return hone_dense_copy(&plan->table, job->keep, object, error);
}

static const hone_recipe STEPS = {"prep.steps/1", HONE_OF_ROWS, sizeof(hone_pipeline), fit_steps};
static const hone_recipe TABLE = {"prep.table/1", HONE_OF_TABLE, sizeof(hone_matrix), make_table};
static const hone_recipe DENSE = {"prep.dense/1", HONE_OF_TABLE, sizeof(hone_matrix), make_dense};

static uint64_t hash_state(const hone_transform *t, const hone_shape *in, const void *state,
                           uint64_t h)
{
    h = hone_hash_text(h, t->name);
    for (const hone_field *f = t->state; f->name; f++) {
        const size_t bytes =
            (size_t)(hone_field_rows(f, in, state) * hone_field_cols(f, in, state)) *
            hone_dtype_size(f->dtype);
        h = hone_hash(h, hone_field_values(f, state), bytes);
    }
    return h;
}

/* Of what decides a table: not the target's scaling. Field by field: padding never counts. */
static uint64_t hash_prep(const hone_prep_params *p, uint64_t h)
{
    const int64_t fields[] = {p->impute, p->indicator, p->encode, p->max_levels, p->scale};
    return hone_hash(h, fields, sizeof fields);
}

/* Whether the result has other values than the dataset's table, and what identifies it. */
static bool changes(const hone_pipeline *p, const prep_plan *plan, uint64_t *id)
{
    const hone_known *known = p->known;
    bool any = known != NULL;
    *id = plan->table_id;
    if (known)
        *id = hone_hash(*id, known->code,
                        (size_t)known->start[plan->table.cols] * sizeof *known->code);
    for (int k = 0; k < p->steps; k++) {
        if (p->transform[k]->still(&p->shape[k], plan->dataset->missing, &p->prep, p->state[k]))
            continue;
        any = true;
        *id = hash_state(p->transform[k], &p->shape[k], p->state[k], *id);
    }
    if (any)
        *id = hash_prep(&p->prep, *id);
    const int layout[] = {p->one_hot, p->prep.encode};
    if (p->shape[0].levels)
        *id = hone_hash(*id, layout, sizeof layout);
    return any;
}

/* Sparse rows for a module that takes none: dense ones in their place. */
static hone_status spread(prep_plan *plan, const hone_algorithm *a, hone_shared *shared,
                          hone_error *error)
{
    static const int64_t no_key[HONE_KEY] = {0};
    const void *dense;
    if (!hone_dense_needed(plan->dataset, plan->takes))
        return HONE_OK;
    HONE_TRY(hone_dense_check(plan->dataset, a, plan->takes, shared->account, error));
    HONE_TRY(hone_derive_as(shared, &DENSE, plan->table_id, no_key, plan, &dense, error));
    plan->table = *(const hone_matrix *)dense;
    plan->table_id = hone_hash_text(plan->table_id, DENSE.name);
    return HONE_OK;
}

/* Training rows of weight 0 teach nothing, as if they were absent: `rows` leaves them out. */
static hone_status leave_out(const hone_dataset *dataset, const int64_t **rows, int64_t *n_rows,
                             hone_arena *arena, hone_error *error)
{
    const double *weight = dataset->weight;
    const int64_t count = *rows ? *n_rows : dataset->table.rows;
    int64_t kept = 0;
    for (int64_t i = 0; weight && i < count; i++)
        kept += weight[*rows ? (*rows)[i] : i] > 0;
    if (!kept || kept == count)
        return HONE_OK;
    int64_t *row = HONE_RAW(arena, int64_t, kept, 1);
    if (!row)
        return hone_no_memory(error);
    for (int64_t i = 0, k = 0; i < count; i++) {
        const int64_t r = *rows ? (*rows)[i] : i;
        if (weight[r] > 0)
            row[k++] = r;
    }
    *rows = row, *n_rows = kept;
    return HONE_OK;
}

/* The chain of steps, fitted on the plan's rows or found in the cache. */
static hone_status learn_steps(prep_plan *plan, hone_shared *shared, const void **steps,
                               hone_error *error)
{
    static const int64_t no_key[HONE_KEY] = {0};
    hone_arena *arena = hone_arena_open(shared->account);
    if (!arena)
        return hone_no_memory(error);
    hone_status status = leave_out(plan->dataset, &plan->rows, &plan->n_rows, arena, error);
    if (!status) {
        uint64_t id = plan->rows ? hone_hash(plan->table_id, plan->rows,
                                             (size_t)plan->n_rows * sizeof *plan->rows)
                                 : plan->table_id;
        id = hone_hash(hash_prep(&plan->prep, id), &plan->takes, sizeof plan->takes);
        status = hone_derive_as(shared, &STEPS, id, no_key, plan, steps, error);
    }
    plan->rows = NULL;
    hone_arena_close(arena);
    return status;
}

hone_status hone_prepare(const hone_dataset *dataset, const hone_algorithm *algorithm,
                         const void *params, const hone_prep_params *prep, const int64_t *rows,
                         int64_t n_rows, hone_shared *shared, hone_prepared *prepared,
                         hone_error *error)
{
    static const int64_t no_key[HONE_KEY] = {0};
    prep_plan plan = {.dataset = dataset,
                      .table = dataset->table,
                      .table_id = dataset->table_id,
                      .takes = hone_takes_under(algorithm, dataset->task, params),
                      .prep = *prep,
                      .rows = rows,
                      .n_rows = n_rows};
    HONE_TRY(spread(&plan, algorithm, shared, error));
    shared->table = plan.table;
    shared->job.x = training_rows(&plan);
    const void *object;
    HONE_TRY(learn_steps(&plan, shared, &object, error));
    prepared->pipeline = *(const hone_pipeline *)object;
    const hone_pipeline *p = plan.pipeline = &prepared->pipeline;
    prepared->pipeline.prep.target = prep->target;
    if (changes(p, &plan, &prepared->table_id)) {
        HONE_TRY(hone_derive_as(shared, &TABLE, prepared->table_id, no_key, &plan, &object, error));
        prepared->table = *(const hone_matrix *)object;
    } else {
        prepared->table = plan.table;
    }
    lay_out(p, &prepared->table);
    prepared->shape = *result(p);
    prepared->shape.task = dataset->task;
    prepared->shape.outputs = dataset->task == HONE_CLASSIFICATION ? dataset->classes.count : 1;
    return HONE_OK;
}

/* ---- the target ---- */

hone_status hone_prepare_target(const hone_dataset *dataset, const hone_prep_params *prep,
                                const int64_t *rows, int64_t n_rows, hone_arena *arena,
                                hone_pipeline *pipeline, const double **scaled, hone_error *error)
{
    pipeline->target_mean = 0, pipeline->target_scale = 1;
    *scaled = dataset->target;
    if (dataset->task != HONE_REGRESSION || prep->target != HONE_TARGET_STANDARD)
        return HONE_OK;
    const int64_t n = dataset->table.rows;
    int64_t count = rows ? n_rows : n;
    double *y = HONE_RAW(arena, double, n, 1);
    if (!y)
        return hone_no_memory(error);
    HONE_TRY(leave_out(dataset, &rows, &count, arena, error));
    for (int64_t i = 0; i < count; i++)
        y[i] = dataset->target[rows ? rows[i] : i];
    const hone_moments m = hone_moments_of(y, count, 0);
    pipeline->target_mean = m.mean;
    pipeline->target_scale = m.deviation > 0 && isfinite(m.deviation) ? m.deviation : 1;
    for (int64_t i = 0; i < n; i++)
        y[i] = (dataset->target[i] - m.mean) / pipeline->target_scale;
    *scaled = y;
    return HONE_OK;
}
