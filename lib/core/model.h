/* What a model is made of. Immutable once made; shared by reference count. */
#ifndef HONE_CORE_MODEL_H
#define HONE_CORE_MODEL_H

#include "core/pipeline.h"
#include "core/trial.h"
#include "hone/model.h"

struct hone_model {
    _Atomic int64_t references;
    hone_arena *memory; /* schema, classes, pipeline, record */
    hone_schema schema; /* raw columns */
    hone_task task;
    hone_values classes;
    const char *target_name;
    hone_pipeline pipeline;
    hone_fitted *fitted;
    const char *config; /* canonical JSON */
    uint64_t config_hash;
    const char *record; /* JSON object, under "same bits" */
    const char *run;    /* JSON object: times, host, random part; not under "same bits" */
};

/* What a training hands over. Everything but `fitted` is copied. */
typedef struct hone_model_parts {
    const hone_dataset *dataset; /* its schema, classes and target name */
    const hone_pipeline *pipeline;
    hone_fitted *fitted;           /* belongs to the model on success, to the caller on failure */
    const char *config;            /* canonical JSON of fitted->params and the preprocessing */
    uint64_t config_hash;          /* of the configuration that was given */
    const char *record, *run_part; /* JSON objects */
} hone_model_parts;
hone_status hone_model_new(const hone_model_parts *parts, hone_model **model, hone_error *error);

/* Prepares rows (aligned to the schema) through the pipeline: `out` views `arena` or the input. */
hone_status hone_model_transform(const hone_model *model, const hone_matrix *table,
                                 const hone_run *run, hone_arena *arena, hone_matrix *out,
                                 hone_error *error);

/* Scores of a raw table in the model's schema, target scaling undone. */
hone_status hone_model_scores(const hone_model *model, const hone_matrix *table,
                              const hone_run *run, double *score, hone_error *error);

#endif
