/* One fit of one algorithm on given rows of one prepared table: identities, arenas, cache. It knows
 * no dataset, configuration or preprocessing; unit tests of algorithms start here. */
#ifndef HONE_CORE_TRIAL_H
#define HONE_CORE_TRIAL_H

#include "base/arena.h"
#include "data/cache.h"
#include "toolbox/run.h"

typedef struct hone_trial {
    const hone_algorithm *algorithm;
    const void *params;
    hone_shape shape;
    hone_matrix table; /* every row, prepared */
    uint64_t table_id;
    const int64_t *rows;  /* training rows of the table, ascending; NULL: all */
    int64_t n_rows;       /* ignored when rows is NULL */
    const int32_t *label; /* by row of the table; NULL when regressing */
    const double *target, *weight;
    uint64_t labels_id;   /* hash of label or target and weight */
    const int64_t *valid; /* validation rows of the table, for early stopping; NULL: none */
    int64_t n_valid;
    hone_matrix other; /* or rows of another table, prepared alike; rows = 0: none */
    const int32_t *other_label;
    const double *other_target, *other_weight;
    int64_t siblings;          /* 0 means 1 */
    const void *const *family; /* params of the siblings; NULL: not known */
    bool passing;              /* predicts while the door is open, then nobody keeps it */
    double times;              /* of a pilot, else 0 */
    bool more;                 /* trials of this call on the same table */
    uint64_t seed;
    const hone_run *run; /* its account pays */
    const void *warm_params, *warm_state;
    bool warm_start;                      /* or begin from, and leave, solutions in the cache */
    bool warm_same_rows, warm_same_table; /* of warm_state */
} hone_trial;

/* A fitted algorithm: params, state, and the memory they live in. */
typedef struct hone_fitted {
    const hone_algorithm *algorithm;
    hone_shape shape;
    void *params, *state;
    uint64_t seed;
    hone_account account;
    hone_arena *keep;
} hone_fitted;

/* `fitted` is NULL on failure. `shared_seconds` (may be NULL): time spent on what trials share. */
hone_status hone_trial_fit(const hone_trial *trial, hone_cache *cache, hone_fitted **fitted,
                           double *shared_seconds, hone_error *error);

/* The same, and the trial's door to the cache stays open, for predictions on rows of the table: the
 * caller releases `shared`. What it refers to lives in `arena`. On failure it is closed. */
hone_status hone_trial_fit_open(const hone_trial *trial, hone_cache *cache, hone_arena *arena,
                                hone_shared *shared, hone_fitted **fitted, hone_error *error);

/* An empty one around params (copied) with a zeroed state, for load. */
hone_fitted *hone_fitted_new(const hone_algorithm *algorithm, const hone_shape *shape,
                             const void *params, int64_t cap);
void hone_fitted_free(hone_fitted *fitted);

/* Scores of the rows of `x`, in blocks on the run's threads where the module does not do it. */
hone_status hone_fitted_predict(const hone_fitted *fitted, const hone_matrix *x,
                                const hone_run *run, hone_shared *shared, double *score,
                                hone_error *error);

/* Hash of the params that make a fit: all members (`selects` false), or none of the `selects`. */
uint64_t hone_params_identity(const hone_algorithm *algorithm, const void *params, hone_task task,
                              uint64_t seed, bool with_selects);

#endif
