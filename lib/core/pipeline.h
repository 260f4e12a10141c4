/* Preprocessing: the steps between a dataset's table and what an algorithm takes. Each step is two
 * tables and two functions, like an algorithm. Fitted on training rows only; saved in the model. */
#ifndef HONE_CORE_PIPELINE_H
#define HONE_CORE_PIPELINE_H

#include "data/dataset.h"
#include "toolbox/run.h"

typedef struct hone_transform_job {
    hone_matrix x; /* fit: the training rows; apply: any rows */
    const void *params;
    const hone_run *run;
    hone_arena *keep, *scratch; /* apply: what `out` views lives in keep */
} hone_transform_job;

typedef struct hone_transform {
    const char *name; /* "scale" */
    size_t params_size, state_size;
    const hone_param *params; /* prep:<name> */
    const hone_field *state;
    /* Whether the step would change anything: looks at params, column types and `missing` of the
     * whole dataset, never at a fold: two folds must not differ in their steps. */
    bool (*needed)(const hone_matrix *schema, bool missing, unsigned takes, const void *params);
    /* NULL: the step learns nothing from rows; its table is then the same for all folds. */
    hone_status (*fit)(const hone_transform_job *job, void *state, hone_error *error);
    hone_status (*apply)(const hone_transform_job *job, const hone_shape *in, const void *state,
                         hone_matrix *out, hone_error *error);
    /* Shape of what apply gives; used before rows exist (load, predictor). Levels live in `keep`.
     */
    hone_status (*shape)(const hone_shape *in, const void *params, const void *state,
                         hone_arena *keep, hone_shape *out, hone_error *error);
    hone_status (*check)(const hone_shape *in, const void *params, const void *state,
                         hone_error *error);
} hone_transform;

/* impute, encode, scale; NULL-terminated. */
extern const hone_transform *const hone_transforms[];

enum { HONE_STEPS = 4 };

/* The steps that are in force for one table and algorithm, with their params and fitted state. */
typedef struct hone_pipeline {
    int steps;
    const hone_transform *transform[HONE_STEPS];
    void *params[HONE_STEPS], *state[HONE_STEPS];
    hone_shape shape[HONE_STEPS + 1]; /* before each step, and after the last */
    bool standard_target;             /* prep:target: prediction = mean + scale * score */
    double target_mean, target_scale;
} hone_pipeline;

/* A dataset's table as one algorithm takes it: every row, steps fitted on the training rows. */
typedef struct hone_prepared {
    hone_pipeline pipeline; /* params and states live in the shared objects */
    hone_matrix table;
    hone_shape shape;
    uint64_t
        table_id; /* dataset and the chain of steps; rows only where a step learned from them */
} hone_prepared;

/* Prepares a dataset. What it makes are shared objects of the dataset's cache, pinned by `shared`
 * until the caller releases it. Steps that the data do not need leave no trace.
 *
 * @param rows    training rows, ascending; NULL: all
 * @param shared  with cache, account and job.run set; the rest is filled here
 * @return HONE_UNSUPPORTED path data: sparse data for a module that takes none */
struct hone_prep_params;
hone_status hone_prepare(const hone_dataset *dataset, const hone_algorithm *algorithm,
                         const struct hone_prep_params *prep, const int64_t *rows, int64_t n_rows,
                         hone_shared *shared, hone_prepared *prepared, hone_error *error);

/* Mean and scale of the target over the training rows when prep:target says so; then the model
 * learns (y - mean) / scale. `scaled` gets one value per row of the dataset. */
hone_status hone_prepare_target(const hone_dataset *dataset, const struct hone_prep_params *prep,
                                const int64_t *rows, int64_t n_rows, hone_arena *arena,
                                hone_pipeline *pipeline, const double **scaled, hone_error *error);

/* A deep copy into a model's memory. */
hone_status hone_pipeline_copy(const hone_pipeline *from, hone_arena *keep, hone_pipeline *to,
                               hone_error *error);

/* Rows in the dataset's schema -> rows as the algorithm takes them. `out` views `arena` or `in`. */
hone_status hone_pipeline_apply(const hone_pipeline *pipeline, const hone_matrix *in,
                                const hone_run *run, hone_arena *arena, hone_matrix *out,
                                hone_error *error);

/* After load: runs each step's check and fills shape[1..steps] from shape[0]. */
hone_status hone_pipeline_reshape(hone_pipeline *pipeline, hone_arena *keep, hone_error *error);

#endif
