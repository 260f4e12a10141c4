/* What a training gives: a table of named numbers, one row a fold and one for the whole. */
#ifndef HONE_CORE_RESULT_H
#define HONE_CORE_RESULT_H

#include "base/text.h"
#include "core/metrics.h"
#include "hone/train.h"

/* METRIC and STATE and FACT are the same at every run of the same call; TIMING is not. */
typedef enum hone_number_kind {
    HONE_NUMBER_METRIC,
    HONE_NUMBER_STATE,
    HONE_NUMBER_FACT,
    HONE_NUMBER_TIMING
} hone_number_kind;

typedef struct hone_number_name {
    const char *name;
    hone_number_kind kind;
} hone_number_name;

struct hone_result {
    hone_arena *memory;
    hone_status status;
    hone_error error;
    hone_end end;
    bool warm; /* may have begun from another solution */
    double loss;
    int32_t folds; /* that were finished and count */
    int32_t names, planned;
    hone_number_name *name;
    double *value; /* (1 + planned) x names: the whole, then each fold; NaN: none */
    char *json;
    char *path;
    hone_model *model;
};

/* NULL: no memory. */
hone_result *hone_result_new(const hone_algorithm *algorithm, hone_task task, int32_t folds);
/* One that says how the call failed. */
hone_result *hone_result_failed(hone_status status, const hone_error *error);

/* fold -1: the whole. A name that the table does not have is a bug. */
void hone_result_put(hone_result *result, const char *name, int32_t fold, double value);
/* Also of a fold that does not count. */
double hone_result_get(const hone_result *result, const char *name, int32_t fold);
/* Reads counts and numbers of a fitted state into a row. */
void hone_result_put_state(hone_result *result, int32_t fold, const hone_algorithm *algorithm,
                           const void *state);
/* Fills the whole from the finished folds: means; sums of seconds and rows; the least `converged`.
 */
void hone_result_summarise(hone_result *result);

#endif
