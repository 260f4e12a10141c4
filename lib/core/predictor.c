/* A thread's own predictor: every byte that a call needs is reserved when it is made, so that a
 * call asks nobody for anything. How much that is, a first call on made-up rows tells. */
#include <string.h>

#include "core/model.h"

/* The prepared rows, scratch of the module's predict, scratch of blocks. */
enum { TABLE, CALL, BLOCK, ARENAS };

struct hone_predictor {
    hone_model *model;
    int64_t rows;
    hone_simple_run storage;
    hone_account account[ARENAS];
    hone_arena *arena[ARENAS];
    double *score; /* rows x outputs */
};

static hone_status predict(hone_predictor *p, const double *x, int64_t rows, hone_error *error)
{
    const int64_t cols = p->model->schema.cols;
    hone_matrix raw = {.values = x,
                       .dtype = HONE_F64,
                       .rows = rows,
                       .cols = cols,
                       .stored_cols = cols,
                       .row_stride = cols,
                       .col_stride = 1},
                table;
    const hone_run *run = &p->storage.run;
    hone_status status = hone_model_admit(p->model, &raw, 0, run, p->arena[TABLE], error);
    if (!status)
        status = hone_model_transform(p->model, &raw, run, p->arena[TABLE], &table, error);
    if (!status)
        status = hone_fitted_predict(p->model->fitted, &table, run, NULL, p->score, error);
    hone_arena_reset(p->arena[TABLE]);
    hone_model_unscale(p->model, p->score, status ? 0 : rows);
    return status;
}

/* Arenas with a first chunk of at least `bytes` each. */
static bool open_arenas(hone_predictor *p, const int64_t bytes[ARENAS])
{
    for (int k = 0; k < ARENAS; k++) {
        hone_arena_close(p->arena[k]);
        p->arena[k] = hone_arena_open(&p->account[k]);
        if (!p->arena[k] || !hone_arena_reserve(p->arena[k], bytes[k]))
            return false;
    }
    p->storage.run.call_scratch = p->arena[CALL];
    p->storage.run.block_scratch = p->arena[BLOCK];
    return true;
}

/* Ones: entries that a sparse model keeps, and codes that a categorical column may hold. */
static hone_status rehearse(hone_predictor *p, hone_error *error)
{
    const int64_t count = p->rows * p->model->schema.cols;
    double *x = hone_alloc((size_t)count * sizeof *x);
    if (!x)
        return hone_no_memory(error);
    for (int64_t k = 0; k < count; k++)
        x[k] = 1;
    const hone_status status = predict(p, x, p->rows, error);
    hone_free(x);
    return status;
}

static hone_status fill(hone_predictor *p, hone_error *error)
{
    static const int64_t first[ARENAS] = {1, 1, 1};
    const int64_t outputs = p->model->fitted->shape.outputs;
    int64_t count;
    if (__builtin_mul_overflow(p->rows, outputs + p->model->schema.cols, &count) ||
        count > INT64_MAX / 64)
        return hone_no_memory(error);
    p->score = hone_alloc((size_t)(p->rows * outputs) * sizeof *p->score);
    if (!p->score || !open_arenas(p, first))
        return hone_no_memory(error);
    HONE_TRY(rehearse(p, error));
    int64_t needed[ARENAS];
    for (int k = 0; k < ARENAS; k++) /* a margin for memory that depends on the values */
        needed[k] = atomic_load(&p->account[k].peak) / 4 * 5;
    return open_arenas(p, needed) ? HONE_OK : hone_no_memory(error);
}

hone_status hone_predictor_new(const hone_model *model, int64_t rows, hone_predictor **predictor,
                               hone_error *error)
{
    if (!model || !predictor || rows < 1)
        return hone_fail(error, HONE_BAD_ARGUMENT, "predictor", "needs a model and rows >= 1");
    *predictor = NULL;
    hone_predictor *p = hone_alloc(sizeof *p);
    if (!p)
        return hone_no_memory(error);
    p->model = hone_model_retain(model);
    p->rows = rows;
    hone_run_simple(&p->storage, 1);
    const hone_status status = fill(p, error);
    if (status)
        hone_predictor_free(p);
    else
        *predictor = p;
    return status;
}

hone_status hone_predictor_run(hone_predictor *p, const double *x, int64_t rows, hone_what what,
                               double *out, hone_error *error)
{
    if (!p || !x || !out || rows < 0 || rows > p->rows)
        return hone_fail(error, HONE_BAD_ARGUMENT, "predictor", "takes up to %lld rows at a time",
                         p ? (long long)p->rows : 0LL);
    HONE_TRY(hone_model_answers(p->model, what, error));
    HONE_TRY(predict(p, x, rows, error));
    hone_model_convert(p->model, what, p->score, rows, out);
    return HONE_OK;
}

void hone_predictor_free(hone_predictor *p)
{
    if (!p)
        return;
    for (int k = 0; k < ARENAS; k++)
        hone_arena_close(p->arena[k]);
    hone_free(p->score);
    hone_model_free(p->model);
    hone_free(p);
}
