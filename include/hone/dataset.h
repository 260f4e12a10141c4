/** hone/dataset.h - a table with its target: immutable, shared, and remembering what was derived.
 */
#ifndef HONE_DATASET_H
#define HONE_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hone/data.h"
#include "hone/error.h"

typedef struct hone_dataset hone_dataset;

/** A vector of the caller's memory. {0}: absent. */
typedef struct hone_vector {
    const void *values;
    hone_dtype dtype;
    int64_t stride;       /**< in elements; 0 means 1 */
    const uint8_t *valid; /**< bitmap, bit i & 7 of byte i >> 3 (Arrow); NULL: all valid */
    int64_t valid_offset; /**< first bit */
} hone_vector;

typedef enum hone_type { HONE_AUTO, HONE_NUMERIC, HONE_CATEGORICAL } hone_type;

/** One column of a table given column by column. Copied into the dataset. */
typedef struct hone_column {
    const char *name;
    hone_type type;            /**< AUTO: text and booleans are categorical, numbers numeric */
    hone_vector values;        /**< of any dtype; with `levels`: codes, negative is missing */
    const char *const *levels; /**< names of the codes, equal ones are one level, a NULL among them
                                    is missing; NULL: the values themselves */
    int64_t n_levels;
} hone_column;

/** What the weights of a class's rows are multiplied by, in fits and in metrics. */
typedef struct hone_class_weight {
    const char *label; /**< as text: "yes", "3", "true" */
    double weight;     /**< finite, above 0 */
} hone_class_weight;

/** {.size = sizeof(hone_dataset_options)} is the default; 0 and NULL mean "not given". */
typedef struct hone_dataset_options {
    size_t size;
    hone_task task;            /**< 0: inferred from the target, see below */
    const char *const *names;  /**< d column names; NULL: x0, x1, ... */
    const bool *categorical;   /**< d: the column's values are levels, not amounts; NULL: none */
    hone_vector weight;        /**< n finite weights >= 0, positive in sum */
    const char *target_name;   /**< NULL: "target" */
    int64_t cache_bytes;       /**< budget of derived data, and an eighth of it for memory that
                                    trials pass on; 0: 1 GiB; -1: keep nothing */
    const hone_dataset *valid; /**< validation rows with the same columns; retained */
    int threads;
    void (*log)(void *context, int level, const char *line); /**< hone_level of algorithm.h */
    void *context;
    const hone_class_weight *class_weight; /**< classes that it does not name keep their weight */
    int64_t n_class_weights;
    bool any_words; /**< text columns may hold whatever they like: validation rows, whose columns
                         are those of the rows that train */
} hone_dataset_options;

HONE_BEGIN

/** A dataset on a dense array. float32 and float64 without categorical columns are borrowed: the
 * memory must stay unchanged until the dataset is freed. Every other type is converted (float32
 * where that is exact for the type, float64 else).
 *
 * @param x        `rows` x `cols`, element (i, j) at x[i * row_stride + j * col_stride]; NaN is
 *                 missing, infinities are refused
 * @param y        the target, `rows` values of any type, none missing, amounts at most 1e150 in
 *                 magnitude so that squares stay finite; {0}: none (predict only)
 * @param options  may be NULL
 * @return HONE_BAD_DATA (path data.x[i,j], data.y[i], data.weight[i]), HONE_NO_MEMORY
 *
 * Task: text, booleans and non-integral numbers decide by themselves; integral numbers mean classes
 * up to 20 distinct values, amounts above 20 when more than 5 % of the rows are distinct, and an
 * error that asks for `task` in between.
 * Threads: a dataset is shared by any number of threads. Cost: one pass over the data.
 */
HONE_API hone_status hone_dataset_dense(const void *x, hone_dtype dtype, int64_t rows, int64_t cols,
                                        int64_t row_stride, int64_t col_stride, hone_vector y,
                                        const hone_dataset_options *options, hone_dataset **dataset,
                                        hone_error *error);

/** A dataset on sparse rows. Absent entries are zero; NaN is refused. Values (float32, float64) and
 * int64 offsets and int32 columns are borrowed, other integer widths converted.
 *
 * @param row_start  rows + 1 offsets from 0, ascending
 * @param column     column numbers, strictly ascending within a row
 * @return HONE_BAD_DATA (path data.indptr[i], data.indices[k], data.values[k])
 */
HONE_API hone_status hone_dataset_csr(const void *values, hone_dtype dtype, const void *row_start,
                                      hone_dtype row_start_dtype, const void *column,
                                      hone_dtype column_dtype, int64_t rows, int64_t cols,
                                      hone_vector y, const hone_dataset_options *options,
                                      hone_dataset **dataset, hone_error *error);

/** A dataset from columns of different types; everything is copied.
 *
 * With a target, a column of text (type AUTO) that holds dates or free text is refused as in a
 * file: more than 1,000 different texts, more than half of the rows. HONE_CATEGORICAL takes
 * whatever it holds.
 */
HONE_API hone_status hone_dataset_columns(const hone_column *columns, int64_t cols, int64_t rows,
                                          hone_vector y, const hone_dataset_options *options,
                                          hone_dataset **dataset, hone_error *error);

HONE_API hone_dataset *hone_dataset_retain(hone_dataset *dataset);
HONE_API void hone_dataset_free(hone_dataset *dataset); /* gives one reference back */

HONE_API int64_t hone_dataset_rows(const hone_dataset *dataset);
HONE_API int64_t hone_dataset_cols(const hone_dataset *dataset);
/** 0 without a target. */
HONE_API hone_task hone_dataset_task(const hone_dataset *dataset);
/** 0 when regressing. */
HONE_API int64_t hone_dataset_classes(const hone_dataset *dataset);
/** Label of class `k` as text; owned by the dataset; NULL outside. */
HONE_API const char *hone_dataset_class(const hone_dataset *dataset, int64_t k);
HONE_API const char *hone_dataset_column_name(const hone_dataset *dataset, int64_t j);
/** Levels of column `j`; 0: numeric. */
HONE_API int64_t hone_dataset_levels(const hone_dataset *dataset, int64_t j);
HONE_API const char *hone_dataset_level(const hone_dataset *dataset, int64_t j, int64_t level);
/** Content hash: equal for equal content, whatever the layout, dtype or order of creation. */
HONE_API uint64_t hone_dataset_fingerprint(const hone_dataset *dataset);
/** JSON: rows, columns with types, levels and missing counts, target, classes, fingerprint. Freed
 * with hone_text_free. */
HONE_API hone_status hone_dataset_describe(const hone_dataset *dataset, char **json,
                                           hone_error *error);

typedef struct hone_cache_stats {
    size_t size;
    int64_t hits, misses, evictions, entries;
    int64_t bytes, budget;
    double seconds_saved; /**< build times of the objects that were found */
} hone_cache_stats;

HONE_API void hone_dataset_cache_stats(const hone_dataset *dataset, hone_cache_stats *stats);

/* ---- files ---- */

typedef enum hone_format {
    HONE_BY_NAME, /**< from the file name, .gz ignored; content is never guessed */
    HONE_CSV,
    HONE_SVMLIGHT,
    HONE_NPY,
    HONE_NPZ
} hone_format;

/** {.size = sizeof(hone_read_options)} is the default; 0 and NULL mean "not given". */
typedef struct hone_read_options {
    size_t size;
    hone_format format;
    const char *target;      /**< column name or number ("0", "-1"); NULL: no target (svmlight: the
                                  label is the target) */
    const char *weight;      /**< column name or number */
    const char *categorical; /**< comma-separated names */
    const char *drop;        /**< comma-separated names */
    const char *na;          /**< comma-separated tokens besides the empty field; the word `default`
                                  among them stands for NA, NaN, nan, null, NULL, None, ?, N/A, n/a,
                                  #N/A; NULL: these alone, or those of the training data */
    const char *labels;      /**< npy: a second file with the target */
    char delimiter;          /**< csv; 0: ',', in files named .tsv a tab */
    char decimal;            /**< csv; 0: '.' */
    bool no_header;          /**< csv; columns are x0, x1, ... */
    int zero_based;          /**< svmlight: 1: from zero, 2: from one; 0: from one unless an index 0
                                  occurs; predict and evaluate: as in the training data */
    int64_t features;  /**< svmlight: columns; 0: the largest index seen, 2^24 at most; predict,
                          evaluate and  validation rows: those of the training data */
    int64_t max_bytes; /**< memory cap of the read, the dataset included; 0: none */
    bool (*poll)(void *context, double fraction); /**< true stops with HONE_STOPPED; progress */
    hone_dataset_options dataset; /**< its `names`, `categorical`, `weight` are not used; `size` may
                                       be 0: default */
    const char *class_weight;     /**< "yes=2,no=1": dataset.class_weight as text */
    const char *valid_file; /**< a second file of the same form: validation rows, whose columns are
                                 read as those of the first turned out to be */
} hone_read_options;

/** A dataset from a file (CSV, svmlight, .npy, .npz; .gz around the text formats).
 *
 * @return HONE_IO        the file cannot be opened or read (path: the file)
 *         HONE_BAD_DATA  path: <file>:<line>:<column>
 */
HONE_API hone_status hone_dataset_read(const char *file, const hone_read_options *options,
                                       hone_dataset **dataset, hone_error *error);

HONE_END

#endif
