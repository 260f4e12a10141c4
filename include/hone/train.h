/** hone/train.h - the call. Structs that the caller lays out begin with `size`; results are opaque.
 */
#ifndef HONE_TRAIN_H
#define HONE_TRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hone/config.h"
#include "hone/dataset.h"
#include "hone/error.h"
#include "hone/model.h"

typedef struct hone_result hone_result;

typedef enum hone_validation {
    HONE_VALIDATE_AUTO = 0, /**< the dataset's validation rows, else a holdout of a quarter */
    HONE_VALIDATE_HOLDOUT,
    HONE_VALIDATE_FOLDS,
    HONE_VALIDATE_ROWS, /**< options.valid_rows */
    HONE_VALIDATE_OOB,  /**< out-of-bag rows; models that have them; `bootstrap` is adjusted to true
                         */
    HONE_VALIDATE_NONE  /**< training loss */
} hone_validation;

typedef enum hone_isa { HONE_ISA_AUTO, HONE_ISA_PORTABLE, HONE_ISA_AVX2, HONE_ISA_AVX512 } hone_isa;

/** Which models are saved. */
typedef enum hone_keep {
    HONE_KEEP_DEFAULT = 0, /**< all of single trainings, the best of a list or a search */
    HONE_KEEP_ALL,
    HONE_KEEP_BEST,
    HONE_KEEP_NONE
} hone_keep;

/** The largest team of threads. */
enum { HONE_MOST_THREADS = 512 };

/** {.size = sizeof(hone_options)} is the default; 0 and NULL always mean "not given". */
typedef struct hone_options {
    size_t size;
    int threads;          /**< at most HONE_MOST_THREADS; 0: min of omp_get_max_threads(), CPU
                               affinity and cgroup quota */
    hone_isa isa;         /**< kernels; for tests and comparisons across machines */
    double budget;        /**< (0, 1]: scales the fidelity */
    bool native_fidelity; /**< the budget scales the module's own fidelity, not rows */
    hone_validation validation;
    double holdout;            /**< fraction; 0: 0.25 */
    int32_t folds;             /**< k; 0: 5 */
    const int64_t *valid_rows; /**< ascending */
    int64_t n_valid_rows;
    const uint64_t *split_seed;  /**< NULL: the seed of the call */
    const char *metric;          /**< NULL: "accuracy" or "rmse" */
    double deadline;             /**< seconds from the call */
    int64_t memory_cap;          /**< bytes that the trial allocates */
    int64_t work_limit;          /**< operations (hone_work): a deterministic deadline */
    const double *cutoff;        /**< stop when the loss cannot get below, and keep no model; a
                                      pointer, since 0 is a loss */
    const int32_t *cancel;       /**< read atomically; any value but 0 stops */
    bool (*poll)(void *context); /**< on the calling thread only, about every 50 ms; true stops */
    void (*log)(void *context, int level, const char *line);
    void (*progress)(void *context, const char *stage, double fraction, double eta_seconds);
    void *context;
    bool strict;                 /**< refuse inactive keys and adjusted values */
    const char *model_dir;       /**< save the model there */
    bool no_refit;               /**< keep the validation model instead of fitting all rows again */
    bool keep_model;             /**< hone_result_model gives a model even without model_dir */
    const hone_model *warm_from; /**< the model that the fit begins from; named in the record */
    double *out_of_fold;         /**< rows x outputs scores of validation rows, NaN elsewhere */
    hone_keep keep;              /**< what model_dir and keep_model are for */
    bool race;     /**< lists and searches: the best loss so far is the cutoff of each trial that
                        begins; which trials it cuts short depends on what finished first */
    bool unjudged; /**< HONE_VALIDATE_NONE without the training loss, which is NaN then: for callers
                        that want the model alone */
    bool warm_start; /**< fits of modules that can begin from the nearest solution, of the same
                        rows, that an earlier trial with this option left in the dataset's cache.
                        Results then depend on what ran before, within the solver's tolerance; the
                        record says `warm_start` */
    /** After each of the `folds` parts of the validation: how many are done, and the mean of their
     * losses. True ends the training there as a cutoff does. On the calling thread; of single
     * trainings only. */
    bool (*judged)(void *context, int32_t done, int32_t folds, double loss);
    /** Read atomically; any value but 0 ends the call as a deadline that passes then, with the best
     * so far and HONE_END_CANCELLED. A list begins no further trial (their results are NULL), a
     * search ends as after its `seconds`; both still train the model that they keep. */
    const int32_t *finish;
} hone_options;

/** How a run ended. */
typedef enum hone_end {
    HONE_END_OK,
    HONE_END_DEADLINE, /**< best model so far */
    HONE_END_CUTOFF,   /**< of the cutoff or of options.judged: mean of the finished folds */
    HONE_END_WORK_LIMIT,
    HONE_END_CANCELLED,
    HONE_END_MEMORY
} hone_end;

HONE_BEGIN

/** Trains what `config` names on `dataset` and gives the loss: the metric turned so that smaller is
 * better (negative accuracy, rmse), always finite.
 *
 * @param model_dir  directory for the model file; NULL: not saved
 * @param loss       written on success only
 * @return HONE_BAD_CONFIG (config.<key>), HONE_BAD_DATA (data...), HONE_UNSUPPORTED,
 *         HONE_NO_MEMORY, HONE_IO (the model directory)
 *
 * Threads: any number of calls at once on one dataset. Same configuration, data and seed: same
 * bits, at any number of threads.
 */
HONE_API hone_status hone_train(const hone_config *config, hone_dataset *dataset, uint64_t seed,
                                const char *model_dir, double *loss, hone_error *error);

/** The full form.
 *
 * @param result  freed with hone_result_free; NULL on failure
 */
HONE_API hone_status hone_train_full(const hone_config *config, hone_dataset *dataset,
                                     uint64_t seed, const hone_options *options,
                                     hone_result **result, hone_error *error);

/** `n` configurations at once, ordered for the most sharing; result i is bit for bit what
 * hone_train_full of i gives. A trial that fails says so in its result; the call fails only for its
 * own arguments, no memory, or cancel; then the results that were finished are given, the others
 * are NULL. With a model directory the best trial alone (ties: the first) is trained once more at
 * the end and saved, unless `keep` says otherwise; its result then takes the place of the first.
 *
 * @param seeds    n, or NULL: 0 for all
 * @param done     called on the calling thread as results come; may be NULL
 * @param results  n pointers, each freed with hone_result_free
 */
HONE_API hone_status hone_train_many(const hone_config *const *configs, const uint64_t *seeds,
                                     int64_t n, hone_dataset *dataset, const hone_options *options,
                                     void (*done)(void *context, int64_t trial,
                                                  const hone_result *result),
                                     hone_result **results, hone_error *error);

HONE_API hone_status hone_result_status(const hone_result *result, hone_error *error);
HONE_API hone_end hone_result_end(const hone_result *result);
HONE_API double hone_result_loss(const hone_result *result);
/** A number of the result: a metric by name, "fit_seconds", "predict_seconds", "peak_bytes", "work"
 * (operations, as work_limit counts them), "model_bytes", "threads", "converged", a count of the
 * model's state ("iterations"). NaN: none.
 * @param fold  -1: the whole */
HONE_API double hone_result_number(const hone_result *result, const char *name, int32_t fold);
/** Everything as JSON (loss, metrics, status, adjusted, inactive, times); owned by the result. */
HONE_API const char *hone_result_json(const hone_result *result);
/** Path of the saved model, or NULL. */
HONE_API const char *hone_result_model_path(const hone_result *result);
/** The model, or NULL; owned by the result: retain it to keep it longer. */
HONE_API const hone_model *hone_result_model(const hone_result *result);
HONE_API void hone_result_free(hone_result *result);

HONE_END

#endif
