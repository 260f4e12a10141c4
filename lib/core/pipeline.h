/* Preprocessing: the steps between a dataset's table and what an algorithm takes.
 *
 * A step is a state table and three functions, and works column by column: each column that it
 * gives comes from one column that it takes. So a chain of steps is applied in one pass, without a
 * table between them. Fitted on training rows only; saved in the model.
 */
#ifndef HONE_CORE_PIPELINE_H
#define HONE_CORE_PIPELINE_H

#include "core/config.h"
#include "data/dataset.h"
#include "toolbox/run.h"

struct hone_pipeline;

/* Training rows as columns: the values of one column as the steps before this one leave them. */
typedef struct hone_step_job {
    const struct hone_pipeline *before; /* its last shape is what this step takes */
    hone_matrix x;                      /* training rows in the dataset's schema */
    const hone_run *run;
    hone_arena *keep, *scratch;
} hone_step_job;

typedef struct hone_transform {
    const char *name; /* "impute", "encode", "scale" */
    size_t state_size;
    const hone_field *state; /* lengths may name HONE_FEATURES: the stored columns it takes */
    /* Whether the step is part of the chain for columns of this shape. */
    bool (*present)(const hone_shape *in, bool sparse, unsigned takes,
                    const hone_prep_params *params);
    hone_status (*fit)(const hone_step_job *job, const hone_prep_params *params, void *state,
                       hone_error *error);
    /* Whether apply would change no value of the table it was fitted for (`missing`: any cell of
     * the whole dataset, not of a fold: two folds must not differ in their steps). */
    bool (*still)(const hone_shape *in, bool missing, const hone_prep_params *params,
                  const void *state);
    /* Stored columns and levels that it gives; levels (never NULL) live in `keep`. */
    hone_status (*shape)(const hone_shape *in, const hone_prep_params *params, const void *state,
                         hone_arena *keep, hone_shape *out, hone_error *error);
    /* The column that stored column `j` of the result comes from. */
    int64_t (*source)(const hone_shape *in, const void *state, int64_t j);
    /* Turns `n` values of that column into those of column `j`, in place. */
    void (*apply)(const hone_shape *in, const hone_prep_params *params, const void *state,
                  int64_t j, double *values, int64_t n);
    /* After load: what the rows of the state table cannot say. May be NULL. */
    hone_status (*check)(const hone_shape *in, const hone_prep_params *params, const void *state,
                         hone_error *error);
} hone_transform;

/* impute, encode, scale; NULL-terminated. */
extern const hone_transform *const hone_transforms[];
extern const hone_transform hone_impute, hone_encode, hone_scale;

enum { HONE_STEPS = 3 };

/* The levels that training rows hold, where others of the table's rows hold more: those look to a
 * model like levels that nobody ever saw. */
typedef struct hone_known {
    const hone_column_info *column; /* the dataset's, with these levels alone */
    const int32_t *levels;          /* cols: how many */
    const int64_t *start;           /* cols + 1: codes of column j are code[start[j]] ... */
    const int32_t *code;            /* of a level of the dataset; levels[j]: not known */
} hone_known;

/* The steps that are in force for one table and algorithm, with their fitted state. */
typedef struct hone_pipeline {
    hone_prep_params prep;
    bool sparse; /* rows are sparse, also those it was fitted on */
    int steps;
    const hone_transform *transform[HONE_STEPS];
    void *state[HONE_STEPS];
    const hone_known *known; /* rows come in the codes of the dataset that it was fitted on, which
                                become those of these levels; NULL: codes are those of shape[0] */
    /* Before each step, and after the last. shape[0].features = shape[0].stored: raw columns;
     * the last one's `features` are logical (one-hot expanded) and are what the algorithm sees. */
    hone_shape shape[HONE_STEPS + 1];
    bool one_hot;                     /* the result has HONE_ONE_HOT layout */
    const int64_t *first;             /* one-hot: stored + 1 logical column numbers */
    double target_mean, target_scale; /* prediction = mean + scale * score; 0 and 1: as it is */
} hone_pipeline;

/* A dataset's table as one algorithm takes it: every row, steps fitted on the training rows. */
typedef struct hone_prepared {
    hone_pipeline pipeline; /* states live in the shared objects */
    hone_matrix table;
    hone_shape shape;
    uint64_t
        table_id; /* dataset and the chain of steps; rows only where a step learned from them */
} hone_prepared;

/* Prepares a dataset for a module under `params`. What it makes are shared objects of the dataset's
 * cache, pinned by `shared` until the caller releases it. A chain that changes nothing leaves the
 * table as it is. Rows of weight 0 teach it nothing; other weights do not count here.
 *
 * @param rows    training rows, ascending; NULL: all
 * @param shared  with cache, account and job.run set; the rest is filled here
 * Sparse rows for a module that takes none are a dense copy, a shared object too.
 *
 * @return HONE_UNSUPPORTED, HONE_NO_MEMORY path data: sparse rows whose dense copy is too large
 */
hone_status hone_prepare(const hone_dataset *dataset, const hone_algorithm *algorithm,
                         const void *params, const hone_prep_params *prep, const int64_t *rows,
                         int64_t n_rows, hone_shared *shared, hone_prepared *prepared,
                         hone_error *error);

/* Fills target_mean and target_scale from the training rows when prep:target says so; then the
 * model learns (y - mean) / scale: `scaled` gets one value per row of the dataset (the dataset's
 * own memory when nothing is scaled). */
hone_status hone_prepare_target(const hone_dataset *dataset, const hone_prep_params *prep,
                                const int64_t *rows, int64_t n_rows, hone_arena *arena,
                                hone_pipeline *pipeline, const double **scaled, hone_error *error);

/* A deep copy into a model's memory: its rows come in the codes of shape[0], which are those of
 * known->column where there is one. */
hone_status hone_pipeline_copy(const hone_pipeline *from, hone_arena *keep, hone_pipeline *to,
                               hone_error *error);

/* Rows in the dataset's schema -> rows as the algorithm takes them, one copy at most, allocated
 * from `arena` alone. `out` views `arena` or `in`. Sparse rows become dense where the pipeline's
 * are.
 *
 * @return HONE_BAD_DATA path data.x[row,column]: a value that the algorithm cannot take */
hone_status hone_pipeline_apply(const hone_pipeline *pipeline, const hone_matrix *in,
                                const hone_run *run, hone_arena *arena, hone_matrix *out,
                                hone_error *error);

/* After load: with prep, sparse, steps, transform[], state[] and shape[0] set, runs each step's
 * check and fills the rest. */
hone_status hone_pipeline_reshape(hone_pipeline *pipeline, hone_arena *keep, hone_error *error);

/* The raw column that stored column `j` of the result comes from. */
int64_t hone_pipeline_source(const hone_pipeline *pipeline, int64_t j);

/* For steps: `count` values from row `first` of the job's training rows, of stored column `j` as
 * the step takes it. */
void hone_step_column(const hone_step_job *job, int64_t j, int64_t first, int64_t count,
                      double *values);

#endif
