/* One training inside: what was asked, what it became, and the model at hand.
 *
 * plan.c checks and prepares, fold.c fits and judges one fold, train.c leads, messages.c talks to
 * the caller, result.c keeps the numbers, report.c writes them down, many.c runs a list.
 */
#ifndef HONE_CORE_TRAINING_H
#define HONE_CORE_TRAINING_H

#include "core/config.h"
#include "core/metrics.h"
#include "core/model.h"
#include "core/pipeline.h"
#include "core/result.h"
#include "data/split.h"
#include "hone/train.h"

/* Rows of the dataset; train.row NULL: all of them. valid.row NULL: none of them. */
typedef struct hone_split {
    hone_rows train, valid;
} hone_split;

/* Validation rows that are not rows of the dataset, in its columns and classes. */
typedef struct hone_foreign {
    hone_matrix table; /* rows = 0: none */
    const int32_t *label;
    const double *target, *weight;
} hone_foreign;

/* A value that the data made different from what was asked. */
typedef struct hone_adjusted {
    const struct hone_adjusted *next;
    const char *key;
    double used;
    bool flag; /* `used` is true or false */
} hone_adjusted;

/* A fitted model with what is needed to keep it. {0}: none. */
typedef struct hone_candidate {
    hone_arena *memory; /* of the pipeline, the columns and the text */
    hone_pipeline pipeline;
    const hone_column_info *column; /* with the levels that it knows; NULL: the dataset's */
    hone_fitted *fitted;
    const char *config; /* canonical JSON of what was fitted */
    int64_t rows;       /* that it was fitted on */
    bool refit;         /* on all rows, after the validation */
    bool constant;
} hone_candidate;

void hone_candidate_drop(hone_candidate *candidate);

/* A training with a part of its rows, of which much more is to be told than its loss. */
typedef struct hone_pilot {
    double share;    /* of the training rows, besides the budget */
    double times;    /* the rows of the training that is to come, over the pilot's own */
    double prepared; /* filled: seconds that making the first fold's table took; 0: it was there */
    double growth;   /* filled: bytes more for `times` as many rows; NaN: the module does not say */
    double steps;    /* filled: that a fit takes at most; infinite: no end */
} hone_pilot;

/* The part of the whole that is at work: [from, from + span]. */
typedef struct hone_stage {
    char name[32];
    double from, span, shown;
    int64_t told; /* time of the last call */
} hone_stage;

/* Trials that differ in `selects` alone. */
typedef struct hone_family {
    int64_t size;              /* >= 1 */
    const void *const *params; /* size; NULL: not known */
    bool more;                 /* trials of this call are of the same algorithm and preparation */
} hone_family;

typedef struct hone_training {
    hone_dataset *dataset;
    hone_options options; /* checked, with defaults in place of 0 */
    uint64_t seed, split_seed;
    hone_family family;
    bool only_loss;            /* nobody reads the other metrics */
    bool keep;                 /* somebody wants the model */
    int64_t started, deadline; /* of the clock; 0: none */

    hone_arena *arena;
    hone_resolved resolved; /* params as the run takes them: budget applied */
    bool prefix;            /* the budget takes rows instead */
    hone_pilot *pilot;      /* NULL: the whole training */
    const hone_metric *metric;
    hone_validation validation; /* never AUTO: ROWS with `foreign` for the dataset's own */
    int32_t folds;
    hone_split *split;
    hone_rows all; /* what a refit takes; count 0: there is none */
    hone_foreign foreign;
    const hone_adjusted *adjusted; /* newest first */

    hone_account account;
    _Atomic int stop, judge_stop;
    _Atomic int64_t work, polled;
    hone_run run;     /* of fits */
    hone_run judging; /* of predictions: only cancel stops it */
    hone_listener listener;
    hone_stage stage;
    hone_candidate candidate;
    hone_result *result;
} hone_training;

/* ---- plan.c ---- */

/* Refuses an option: `rule` is the whole message, or follows "is <value>; must". */
hone_status hone_option_refuse(hone_error *error, const char *name, const char *rule);
hone_status hone_option_outside(hone_error *error, const char *name, double value,
                                const char *rule);

/* Copies what the caller's struct has, fills defaults, checks every value that needs no dataset. */
hone_status hone_options_read(const hone_options *given, hone_options *options, hone_error *error);

/* Opens a training: resolves, checks and splits; nothing is fitted. Closed also after a failure. */
hone_status hone_training_open(hone_training *t, const hone_config *config, hone_error *error);
void hone_training_close(hone_training *t);

/* Whether the module's scores under these params are probabilities. */
bool hone_gives_probabilities(const hone_algorithm *algorithm, const void *params, hone_task task);

/* ---- fold.c ---- */

/* Fits fold `f` and judges it into row f of the result. `keep` receives the model; NULL: none.
 * HONE_STOPPED when the caller stopped the run. */
hone_status hone_fold_run(hone_training *t, int32_t f, hone_candidate *keep, hone_error *error);
/* Fits all rows. HONE_STOPPED also when a limit ended the fit. */
hone_status hone_fold_refit(hone_training *t, hone_candidate *keep, hone_error *error);

/* Of the saved state. */
double hone_fitted_bytes(const hone_fitted *fitted);

/* ---- messages.c ---- */

void hone_training_listen(hone_training *t);
/* Begins a stage: the part [from, to] of the unit `unit` (each fold, then the refit). */
void hone_training_stage(hone_training *t, const char *name, int32_t unit, double from, double to);
HONE_PRINTF(3, 4)
void hone_training_log(const hone_training *t, hone_level level, const char *format, ...);
/* The plan, before work starts. */
void hone_training_announce(const hone_training *t);

/* ---- train.c ---- */

/* The whole of a call; `options` are checked. `family` NULL: it stands alone. */
hone_status hone_training_call(const hone_config *config, hone_dataset *dataset, uint64_t seed,
                               const hone_options *options, const hone_family *family,
                               bool only_loss, hone_result **result, hone_error *error);
/* The loss alone, with a part of the training rows. */
hone_status hone_training_pilot(const hone_config *config, hone_dataset *dataset, uint64_t seed,
                                const hone_options *options, hone_pilot *pilot,
                                hone_result **result, hone_error *error);

/* ---- report.c ---- */

extern const char *const hone_end_names[], *const hone_validation_names[], *const hone_isa_names[];

/* JSON objects under promise 1, and about this run of it; NULL: no memory. The caller frees. */
char *hone_report_record(const hone_training *t);
char *hone_report_run(const hone_training *t);
/* Both in one object, for the caller. */
char *hone_report_result(const hone_training *t);

#endif
