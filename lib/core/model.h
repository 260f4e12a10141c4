/* What a model is made of. Immutable once made; shared by reference count. */
#ifndef HONE_CORE_MODEL_H
#define HONE_CORE_MODEL_H

#include "core/pipeline.h"
#include "core/trial.h"
#include "hone/model.h"

struct hone_model {
    _Atomic int64_t references;
    hone_account account; /* pays for `memory`; a load caps it */
    hone_arena *memory;   /* schema, classes, pipeline, record */
    hone_schema schema;   /* raw columns */
    hone_task task;
    hone_values classes;
    const char *target_name;
    hone_pipeline pipeline;
    hone_fitted *fitted;
    uint64_t fingerprint; /* of the dataset; 0: not known */
    int64_t trained_rows; /* 0: not known */
    const char *config;   /* canonical JSON */
    uint64_t config_hash;
    const char *record; /* JSON object, under "same bits" */
    const char *run;    /* JSON object: times, host, random part; not under "same bits" */
};

/* What a training hands over. Everything but `fitted` is copied. */
typedef struct hone_model_parts {
    const hone_dataset *dataset;    /* its schema, classes and target name */
    const hone_column_info *column; /* in place of those of the schema; NULL: as they are */
    const hone_pipeline *pipeline;
    hone_fitted *fitted;           /* belongs to the model on success, to the caller on failure */
    int64_t trained_rows;          /* of the dataset, that `fitted` was fitted on */
    const char *config;            /* canonical JSON of fitted->params and the preprocessing */
    uint64_t config_hash;          /* of the configuration that was given */
    const char *record, *run_part; /* JSON objects; the first is "training" in the model's record */
} hone_model_parts;
hone_status hone_model_new(const hone_model_parts *parts, hone_model **model, hone_error *error);

/* One without content, for load. `cap`: of its memory; 0: none. */
hone_model *hone_model_empty(int64_t cap);

/* Prepares rows (aligned to the schema) through the pipeline: `out` views `arena` or the input.
 * Dense rows for a model of sparse data, and sparse ones for a model of dense data, change their
 * layout here. */
hone_status hone_model_transform(const hone_model *model, const hone_matrix *table,
                                 const hone_run *run, hone_arena *arena, hone_matrix *out,
                                 hone_error *error);

/* The output "prepared" that every model has: what hone_model_transform gives, in full. */
extern const hone_output hone_prepared_output;

/* Scores of a raw table in the model's schema, target scaling undone. Rows are taken in chunks, so
 * that memory is bounded whatever the number of rows. */
hone_status hone_model_scores(const hone_model *model, const hone_matrix *table,
                              const hone_run *run, double *score, hone_error *error);

/* Rows that are prepared and predicted at a time. */
int64_t hone_model_chunk(const hone_model *model);

/* score = mean + scale * score, where the target was scaled. */
void hone_model_unscale(const hone_model *model, double *score, int64_t count);

/* Rows of a caller's array (`x` dense, without row list): infinities are refused, and a code that
 * is none becomes the unknown level. `x` is replaced by a copy in `arena` only where a column is
 * categorical. `first`: number of its first row, for errors. */
hone_status hone_model_admit(const hone_model *model, hone_matrix *x, int64_t first,
                             const hone_run *run, hone_arena *arena, hone_error *error);

/* Whether the model can answer `what`: UNSUPPORTED, BAD_ARGUMENT. */
hone_status hone_model_answers(const hone_model *model, hone_what what, hone_error *error);
/* Numbers of `what` per row. */
int64_t hone_model_width(const hone_model *model, hone_what what);
/* Scores of `rows` rows to what was asked for. */
void hone_model_convert(const hone_model *model, hone_what what, const double *score, int64_t rows,
                        double *out);

/* The run of one call of predict and its kin: call->storage.run. */
typedef struct hone_predict_call {
    hone_simple_run storage;
    hone_listener listener;
} hone_predict_call;
hone_status hone_predict_run(const hone_model *model, hone_predict_call *call,
                             const hone_predict_options *options, int64_t rows, hone_error *error);

/* The first `count` rows from row `first` of a view. */
hone_matrix hone_matrix_slice(const hone_matrix *x, int64_t first, int64_t count);

#endif
