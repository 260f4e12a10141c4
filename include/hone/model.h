/** hone/model.h - a fitted model: predict, save, load, look inside. */
#ifndef HONE_MODEL_H
#define HONE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hone/dataset.h"
#include "hone/error.h"

typedef struct hone_model hone_model;
typedef struct hone_predictor hone_predictor;
struct hone_algorithm;

/** {.size = sizeof(hone_load_options)} is the default. */
typedef struct hone_load_options {
    size_t size;
    int64_t max_bytes; /**< refuse to allocate more; 0: 16 times the file, at least 64 MiB */
    const struct hone_algorithm *const *algorithms; /**< NULL-terminated, besides the built-in */
} hone_load_options;

/** {.size = sizeof(hone_save_options)} is the default. */
typedef struct hone_save_options {
    size_t size;
    bool fast;    /**< no fsync: a crash of the machine may lose the file, never damage another */
    bool sidecar; /**< also write the record as <file>.json */
} hone_save_options;

typedef struct hone_predict_options {
    size_t size;
    int threads;                 /**< 0: as hone_options.threads; below 256 rows always 1 */
    const int32_t *cancel;       /**< read atomically; any value but 0 stops */
    int64_t memory_cap;          /**< 0: none */
    bool (*poll)(void *context); /**< on the calling thread, about every 50 ms; true stops */
    void *context;
    void (*log)(void *context, int level, const char *line); /**< hone_level of algorithm.h */
    int64_t trees; /**< of a forest: as if it had the first so many alone; 0: all */
} hone_predict_options;

HONE_BEGIN

/** Saves a model under a new unique name in `directory` (made when missing), whole or not at all:
 * <model>-<configuration hash>-<UTC time>-<random>.hone
 *
 * @param path  receives the file's path, freed with hone_text_free; may be NULL
 * @return HONE_IO (path: the file or directory), HONE_NO_MEMORY
 */
HONE_API hone_status hone_model_save(const hone_model *model, const char *directory,
                                     const hone_save_options *options, char **path,
                                     hone_error *error);

/** Saves under a given name, replacing a file of that name atomically. */
HONE_API hone_status hone_model_save_as(const hone_model *model, const char *file,
                                        const hone_save_options *options, hone_error *error);

/** The bytes of the file; freed with hone_text_free. */
HONE_API hone_status hone_model_bytes(const hone_model *model, char **bytes, size_t *size,
                                      hone_error *error);

/** Loads a model. The file is not trusted: every count, index and checksum is checked before use.
 *
 * @return HONE_IO, HONE_CORRUPT (path: <file>:<section or field>), HONE_UNSUPPORTED (a model of a
 *         module that is not in this build; a newer format), HONE_NO_MEMORY
 */
HONE_API hone_status hone_model_load(const char *file, const hone_load_options *options,
                                     hone_model **model, hone_error *error);
HONE_API hone_status hone_model_load_bytes(const void *bytes, size_t size,
                                           const hone_load_options *options, hone_model **model,
                                           hone_error *error);

/** A model file as JSON, without loading the model; every checksum is looked at. {"format",
 * "bytes", "content_hash": of all but "run", "sections", "record", "run"}. Freed with
 * hone_text_free. */
HONE_API hone_status hone_model_inspect(const char *file, char **json, hone_error *error);

/** A model for readers, as JSON: {"model", "task", "classes", "columns": what its module sees after
 * preprocessing, by name ("colour=red", "age=missing"), "state": its numbers, such as a
 * certificate of convergence, "outputs": {name: {"help", "values" or "needs"}}}. Values of a column
 * or class have its name. Freed with hone_text_free. */
HONE_API hone_status hone_model_describe(const hone_model *model, char **json, hone_error *error);

HONE_API hone_model *hone_model_retain(const hone_model *model);
HONE_API void hone_model_free(hone_model *model); /* gives one reference back */

HONE_API const char *hone_model_algorithm(const hone_model *model);
HONE_API hone_task hone_model_task(const hone_model *model);
HONE_API int64_t hone_model_features(const hone_model *model); /* columns that predict expects */
/** NULL when the training data had no names: column j is then called x<j>. */
HONE_API const char *hone_model_feature_name(const hone_model *model, int64_t j);
HONE_API int64_t hone_model_outputs(const hone_model *model); /* classes, or 1 */
HONE_API const char *hone_model_class(const hone_model *model, int64_t k);
HONE_API bool hone_model_has_probabilities(const hone_model *model);
/** The record (see docs/model-file.md) as JSON; owned by the model. */
HONE_API const char *hone_model_record(const hone_model *model);

/** Rows for the model from a file: hone_dataset_read, with the columns of the model alone, each
 * read as what it was in the training data (a word where it held numbers is refused at its line,
 * any word is a level where it held words); other columns are passed over. A target that the
 * options name is read as the model's.
 *
 * @return as hone_dataset_read; HONE_BAD_DATA also when a column of the model is missing
 */
HONE_API hone_status hone_model_read(const hone_model *model, const char *file,
                                     const hone_read_options *options, hone_dataset **dataset,
                                     hone_error *error);

/** What predict writes. */
typedef enum hone_what {
    HONE_LABELS,        /**< m class numbers as doubles (hone_model_class names them), or amounts */
    HONE_PROBABILITIES, /**< m x classes; UNSUPPORTED when the model gives margins */
    HONE_SCORES         /**< m x outputs, the module's own scale */
} hone_what;

/** Predicts the rows of a dataset. Columns are matched by name when the dataset has names, else by
 * position; types are checked; an unknown level is treated as the model's preprocessing defines.
 *
 * @param out  m values, or m x outputs row-major; after a failure it may be written in part
 * @return HONE_BAD_DATA (path: data.<column>), HONE_UNSUPPORTED, HONE_NO_MEMORY, HONE_STOPPED,
 *         HONE_BAD_ARGUMENT (options.trees: more than there are)
 *
 * Threads: safe for one model from any number of threads, without a lock.
 */
HONE_API hone_status hone_model_predict(const hone_model *model, const hone_dataset *dataset,
                                        hone_what what, const hone_predict_options *options,
                                        double *out, hone_error *error);

/** The same for an array, columns in the order of the model. Categorical columns hold codes
 * (hone_model_level). float32 or float64. */
HONE_API hone_status hone_model_predict_dense(const hone_model *model, const void *x,
                                              hone_dtype dtype, int64_t rows, int64_t cols,
                                              int64_t row_stride, int64_t col_stride,
                                              hone_what what, const hone_predict_options *options,
                                              double *out, hone_error *error);

/** Code of level `text` of column `j` (for predict_dense and predictors); -1: not a level. */
HONE_API int64_t hone_model_level(const hone_model *model, int64_t j, const char *text);

/** Metrics of a model on a dataset with a target: `names` NULL-terminated, `values` in their
 * natural sign. A label that the model does not know counts as wrong, and a warning says so. */
HONE_API hone_status hone_model_evaluate(const hone_model *model, const hone_dataset *dataset,
                                         const char *const *names,
                                         const hone_predict_options *options, double *values,
                                         hone_error *error);

/** A value of metric `name` turned so that smaller is better, as options.metric does it; NaN when
 * the task has no such metric. */
HONE_API double hone_metric_as_loss(const char *name, hone_task task, double value);

/** A named thing that the model can tell: "coef", "feature_importances", "leaf", "oob_score"; of
 * every model "prepared": rows as its module sees them (dense; imputed, encoded, scaled), with the
 * columns that hone_model_describe names.
 *
 * @param dataset  rows, for outputs that need them; NULL otherwise
 * @param values   receives rows x cols doubles, freed with hone_text_free((char *)values)
 * @return HONE_BAD_ARGUMENT  no such output; the message lists those there are
 */
HONE_API hone_status hone_model_output(const hone_model *model, const char *name,
                                       const hone_dataset *dataset,
                                       const hone_predict_options *options, double **values,
                                       int64_t *rows, int64_t *cols, hone_error *error);

/** Prepares a thread's own predictor: scratch memory for blocks of up to `rows` rows. */
HONE_API hone_status hone_predictor_new(const hone_model *model, int64_t rows,
                                        hone_predictor **predictor, hone_error *error);

/** Predicts `rows` rows of `features` doubles each (row-major) into `out` without allocation, lock,
 * thread start or system call. One thread at a time per predictor. */
HONE_API hone_status hone_predictor_run(hone_predictor *predictor, const double *x, int64_t rows,
                                        hone_what what, double *out, hone_error *error);
HONE_API void hone_predictor_free(hone_predictor *predictor);

HONE_END

#endif
