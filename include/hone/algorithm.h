/** hone/algorithm.h - the whole contract between Hone and an algorithm module.
 *
 * A module is two tables and two functions. The tables say what it can be told (hyperparameters)
 * and what it remembers (state); the functions are fit and predict. Hone derives the rest: parsing,
 * checking, defaults, the search space, --help, the reference page, save, load, free, and the
 * attributes that Python shows. Stable per minor version: rebuild a module when `hone_abi` changes.
 */
#ifndef HONE_ALGORITHM_H
#define HONE_ALGORITHM_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "hone/data.h"
#include "hone/error.h"

/* ---- hyperparameters ---- */

/** HONE_AMOUNT is "number or word": `gamma` is "scale" or 0.1, `max_depth` is "none" or 12. */
typedef enum hone_kind { HONE_INT = 1, HONE_REAL, HONE_BOOL, HONE_CHOICE, HONE_AMOUNT } hone_kind;

/** The member of a params struct behind a HONE_AMOUNT row. */
typedef struct hone_amount {
    int32_t word;  /**< index in `words`, or -1: the number counts */
    bool integral; /**< the number was written as an integer: a count, not a fraction */
    double number;
} hone_amount;

enum { HONE_CLOSED, HONE_OPEN_LOW, HONE_OPEN_HIGH, HONE_OPEN };

/** An interval; each end belongs to it unless `open` says otherwise. {0} says nothing. */
typedef struct hone_range {
    double low, high;
    int open;
} hone_range;

/** The hyperparameter exists only while `parent` (a choice or boolean above it in the same table)
 * has one of `values` (booleans: "true", "false"). */
typedef struct hone_when {
    const char *parent;        /**< NULL: always */
    const char *const *values; /**< NULL-terminated */
} hone_when;

/** One row of a module's hyperparameter table. A zero member says nothing. */
typedef struct hone_param {
    const char *name; /**< scikit-learn's name where the meaning is the same */
    const char *help; /**< one sentence with a full stop: --help, reference page, docstring */
    hone_kind kind;
    size_t offset;              /**< where the value goes in the module's own params struct */
    double default_value;       /**< HONE_CHOICE: index in `choices`; HONE_BOOL: 0 or 1 */
    const char *default_word;   /**< HONE_AMOUNT: the default is this word, not default_value */
    hone_range legal;           /**< outside it a value is rejected; HONE_AMOUNT: a real's range */
    hone_range legal_count;     /**< HONE_AMOUNT: an integer's range; {0}: `legal` */
    hone_range tune;            /**< what a search explores; {0}: not searched */
    bool log;                   /**< search on a log scale (reals only) */
    bool tune_words;            /**< HONE_AMOUNT: the space has <name>_mode with words + "value" */
    bool fixed;                 /**< HONE_CHOICE, HONE_BOOL: not searched */
    const char *const *choices; /**< HONE_CHOICE: NULL-terminated */
    const char *const *tune_choices; /**< HONE_CHOICE: what a search explores; NULL: all choices */
    /** HONE_CHOICE: for each choice what the module takes under it, a mask like that of
     * hone_algorithm; 0: what it takes otherwise. NULL: no choice changes that. */
    const unsigned *takes;
    const char *const *words; /**< HONE_AMOUNT: NULL-terminated */
    hone_when when;
    unsigned tasks;        /**< mask of hone_task; 0: all. Two rows may share a name when their
                                tasks differ */
    const char *excludes;  /**< setting both to other values than their defaults is an error */
    bool fidelity;         /**< the integer or real that `fidelity = native` scales */
    bool fidelity_default; /**< and that a budget scales unless told otherwise */
    bool needs_categories; /**< not in the space of a dataset without categorical columns */
    /** The value selects from a family of fits that does not depend on it (a prefix, a truncation,
     * a vote): it stays out of the key of what trials share. */
    bool selects;
} hone_param;

/* clang-format off */

/* The offset of a member, and a compile error when the member has not that type. */
#define HONE_MEMBER(T, member, type) _Generic(((T *)0)->member, type: offsetof(T, member))

#define HONE_PARAM_AS(T, m, text, k, type, ...)                                                    \
    {.name = text, .kind = k, .offset = HONE_MEMBER(T, m, type), __VA_ARGS__}
#define HONE_INT_PARAM(T, m, ...) HONE_PARAM_AS(T, m, #m, HONE_INT, int64_t, __VA_ARGS__)
#define HONE_REAL_PARAM(T, m, ...) HONE_PARAM_AS(T, m, #m, HONE_REAL, double, __VA_ARGS__)
#define HONE_BOOL_PARAM(T, m, ...) HONE_PARAM_AS(T, m, #m, HONE_BOOL, bool, __VA_ARGS__)
#define HONE_CHOICE_PARAM(T, m, names, ...)                                                        \
    HONE_PARAM_AS(T, m, #m, HONE_CHOICE, int, .choices = (names), __VA_ARGS__)
#define HONE_AMOUNT_PARAM(T, m, names, ...)                                                        \
    HONE_PARAM_AS(T, m, #m, HONE_AMOUNT, hone_amount, .words = (names), __VA_ARGS__)

/* ---- what a fitted model remembers ---- */

/** A length: `plus`, or `plus` more than a count. */
typedef struct hone_extent {
    enum { HONE_PLAIN, HONE_COUNT_AT, HONE_FEATURES, HONE_OUTPUTS } of;
    size_t offset; /**< HONE_COUNT_AT: of an int64_t member above this field */
    int64_t plus;
} hone_extent;

/** What every element must satisfy. An array without a rule fails the table test. */
typedef struct hone_rule {
    enum { HONE_UNRULED, HONE_FINITE, HONE_WITHIN, HONE_OFFSETS, HONE_ANY } kind;
    int64_t low;       /**< HONE_WITHIN: low <= v < below */
    hone_extent below; /**< HONE_OFFSETS: from 0, ascending, the last is `below` */
} hone_rule;

/** One member of a module's state struct: a count, a finite number, or an array. `n_features` and
 * `n_outputs` are never members: Hone knows them (`hone_shape`). Plain arrays only; packed and SIMD
 * layouts are made by `prepare` and not listed. */
typedef struct hone_field {
    const char *name;
    hone_dtype dtype;
    size_t offset;
    bool is_array;
    hone_extent rows, cols;
    hone_rule rule;
} hone_field;

#define HONE_DTYPE_OF(pointer)                                                                     \
    _Generic((pointer), float *: HONE_F32, double *: HONE_F64, uint8_t *: HONE_U8,                 \
             uint16_t *: HONE_U16, uint32_t *: HONE_U32, int32_t *: HONE_I32, int64_t *: HONE_I64)
#define HONE_COUNT(T, m) {.name = #m, .dtype = HONE_I64, .offset = HONE_MEMBER(T, m, int64_t)}
#define HONE_NUMBER(T, m) {.name = #m, .dtype = HONE_F64, .offset = HONE_MEMBER(T, m, double)}
#define HONE_ARRAY(T, m, r, c, rule_)                                                              \
    {.name = #m, .dtype = HONE_DTYPE_OF(((T *)0)->m), .offset = offsetof(T, m), .is_array = true,  \
     .rows = r, .cols = c, .rule = rule_}
#define HONE_N(T, m, more) {HONE_COUNT_AT, HONE_MEMBER(T, m, int64_t), more}
#define HONE_D {HONE_FEATURES, 0, 0}
#define HONE_C {HONE_OUTPUTS, 0, 0}
#define HONE_ONE {HONE_PLAIN, 0, 1}
#define HONE_BELOW(n) {HONE_PLAIN, 0, n}
#define HONE_D_PLUS(n) {HONE_FEATURES, 0, n}
#define HONE_IS_FINITE {.kind = HONE_FINITE}
#define HONE_IS_ANY {.kind = HONE_ANY}
#define HONE_IN(low_, below_) {.kind = HONE_WITHIN, .low = low_, .below = below_}
#define HONE_STARTS(end) {.kind = HONE_OFFSETS, .below = end}

/* clang-format on */

/** What Hone knows about every model; never a member of a module's state. */
typedef struct hone_shape {
    int64_t features;      /**< logical columns: x.cols */
    int64_t outputs;       /**< classes, or 1 when regressing */
    int64_t stored;        /**< x.stored_cols */
    const int32_t *levels; /**< per stored column; NULL: all numeric */
    hone_task task;
} hone_shape;

HONE_BEGIN

/* ---- memory: two arenas, both given back by Hone ---- */

typedef struct hone_arena hone_arena;

/** `rows` x `cols` elements, 64-byte aligned, zeroed; NULL when memory, the cap or the product runs
 * out. Safe to call for one arena from several blocks at once. */
HONE_API void *hone_arena_alloc(hone_arena *arena, int64_t rows, int64_t cols, size_t element);

/** The same without zeroing: for big arrays that are written once, by the thread that uses them. */
HONE_API void *hone_arena_alloc_raw(hone_arena *arena, int64_t rows, int64_t cols, size_t element);

#define HONE_NEW(arena, T, rows, cols) ((T *)hone_arena_alloc((arena), (rows), (cols), sizeof(T)))
#define HONE_RAW(arena, T, rows, cols)                                                             \
    ((T *)hone_arena_alloc_raw((arena), (rows), (cols), sizeof(T)))

/** "out of memory" in one line. */
HONE_API hone_status hone_no_memory(hone_error *error);

/* ---- a run: threads, stop, messages ---- */

typedef struct hone_run hone_run;

/** HONE_FINISH (deadline, work limit, options.finish): make the best valid state at hand and return
 * HONE_OK; when there is none yet return HONE_STOPPED and Hone answers with the constant model.
 * HONE_CANCEL (options.cancel, options.poll): return HONE_STOPPED at once. */
typedef enum hone_stop { HONE_GO, HONE_FINISH, HONE_CANCEL } hone_stop;

/** One relaxed load and a look at the clock: ask every 10 us to 10 ms of work. Any thread. */
HONE_API hone_stop hone_stopping(const hone_run *run);

/** Counts `operations` (multiply-adds, visits) towards the run's work limit. Call it from
 * sequential code at points that do not depend on the number of threads, so that the same limit
 * stops the same fit at the same place everywhere. */
HONE_API void hone_work(const hone_run *run, int64_t operations);
/** Operations that the work limit leaves, at least 0; INT64_MAX: there is no limit. For blocks,
 * which count only when all have ended: each may do so many. */
HONE_API int64_t hone_work_left(const hone_run *run);

/** Threads of the run: to size work, never to decide results. */
HONE_API int hone_threads(const hone_run *run);

typedef hone_status (*hone_block)(void *context, int64_t block, hone_arena *scratch,
                                  hone_error *error);

/** Calls body(context, b, ...) for b in [0, blocks), on the run's threads; `scratch` is emptied
 * after each block. Blocks start in ascending order. After a failure no block starts; the error is
 * the lowest failing block's, whatever the number of threads. HONE_STOPPED when cancelled. Never
 * from inside a block. A block should be at least 50 us of work. */
HONE_API hone_status hone_for_blocks(const hone_run *run, int64_t blocks, hone_block body,
                                     void *context, hone_error *error);

typedef enum hone_level { HONE_WARNING = 1, HONE_INFO, HONE_DEBUG } hone_level;

/** One whole line to the caller's log, without a newline. Not from inside a block. */
HONE_API HONE_PRINTF(3, 4) void hone_log(const hone_run *run, hone_level level, const char *format,
                                         ...);

/** Says that the data made hyperparameter `name` act as `used` (n_neighbors above the number of
 * rows): listed in the result under `adjusted`. Strict runs refuse it: return what this returns. */
HONE_API hone_status hone_adjust(const hone_run *run, const char *name, double used,
                                 hone_error *error);

/** Progress of this fit, a fraction in [0, 1] that never goes back. Not from inside a block. */
HONE_API void hone_progress(const hone_run *run, double fraction);

/* ---- what trials share: see hone/derived.h ---- */

typedef struct hone_shared hone_shared;

/* ---- the calls ---- */

/** Everything that fit may look at. Hone has checked it: at least one row, finite (missing values
 * as NaN only for modules that take them), consistent. */
typedef struct hone_fit_job {
    hone_matrix x;        /**< n x d, training rows only */
    const int32_t *label; /**< n class numbers in [0, outputs), by row of the view; NULL when
                               regressing. A class may have no row */
    const double *target; /**< n values; NULL when classifying */
    const double *weight; /**< n weights >= 0, positive in sum; NULL: all 1 */
    hone_shape shape;
    const void *params; /**< the module's params struct, filled and checked */
    uint64_t seed;      /**< equal seeds give equal models at any number of threads */
    int64_t siblings;   /**< >= 1: trials of this call that share this fit but for `selects`; 2 at
                             least where a trial with a larger budget may follow */
    const void *const *family; /**< their params; NULL: no others than `params` are known */
    const hone_run *run;
    hone_shared *shared; /**< never NULL in fit */
    hone_arena *keep;    /**< lives as long as the model */
    hone_arena *scratch; /**< gone when fit returns */
    /** Validation rows, for early stopping only; rows = 0: none. */
    hone_matrix valid_x;
    const int32_t *valid_label;
    const double *valid_target, *valid_weight;
    /** State of an earlier fit of the same module and shape to start from; NULL: cold. */
    const void *warm_params, *warm_state;
    bool warm_same_rows;  /**< that fit had these rows, labels and weights, in this order */
    bool warm_same_table; /**< or all rows of the table that `x` shows, by their hone_row_id */
    /** Nobody keeps the model: all it is for is one prediction of the validation rows. Until then
     * it may point into x, label, target and weight instead of copying them. */
    bool passing;
    /** A pilot: rows of the training whose seconds it is to tell, over its own; else 0. A module
     * that takes another way with many rows takes that way. */
    double times;
    /** More trials of this call are of this module on the same prepared table. */
    bool more;
} hone_fit_job;

/** Everything that predict may look at, and where its answer goes. */
typedef struct hone_predict_job {
    hone_matrix x; /**< m x d, the d of the fit */
    hone_shape shape;
    const void *params, *state;
    double *score; /**< m x outputs, row-major; larger is likelier, ties go to the lower class */
    const hone_run *run;
    hone_shared *shared; /**< NULL unless `x` are rows of the table that the model was fitted on */
    hone_arena *scratch;
    int64_t members; /**< of an ensemble: answer with the first so many; else 0 */
} hone_predict_job;

typedef struct hone_output_job hone_output_job;

/** What a fitted model can tell besides scores: out-of-bag scores, importances, leaves, ... */
typedef struct hone_output {
    const char *name, *help;
    hone_extent rows, cols; /**< rows = {HONE_PLAIN, 0, 0}: one row per row of x */
    bool needs_x;           /**< any rows of the schema */
    bool needs_training;    /**< x, label, target and weight are those of the fit, in its order */
    hone_status (*compute)(const hone_output_job *job, double *out, hone_error *error);
} hone_output;

struct hone_output_job {
    hone_matrix x;
    const int32_t *label;
    const double *target, *weight;
    hone_shape shape;
    const void *params, *state;
    uint64_t seed;
    const hone_run *run;
    hone_arena *scratch;
};

/** What `score` means: metrics that need probabilities refuse margins. */
typedef enum hone_scores { HONE_PROBABILITY, HONE_MARGIN } hone_scores;

/** What a module takes as it is; Hone converts or refuses the rest. Sparse data are made dense for
 * a module that takes none, with a line in the log, and refused where that would take too much. */
enum {
    HONE_TAKES_MISSING = 1,    /**< NaN in x */
    HONE_TAKES_CATEGORIES = 2, /**< codes with levels[]; else one-hot */
    HONE_TAKES_SPARSE = 4,     /**< CSR; else a dense copy */
    HONE_TAKES_WEIGHTS = 8,
    HONE_LIKES_SCALED = 16,        /**< default of prep:scale is standard */
    HONE_LIKES_SCALED_TARGET = 32, /**< default of prep:target is standard */
    HONE_WEIGHTS_COUNT = 64,       /**< a row of weight 2 is the row twice, of weight 0 no row, at
                                        default settings; not so for a bootstrap or a vote */
    HONE_STARTS_WARM = 128         /**< fit gets sooner to the same solution, within the solver's
                                        tolerance, from warm_state */
};

/** Changes whenever a struct that both sides lay out changes its size: it cannot be forgotten. */
#define HONE_ABI                                                                                   \
    ((uint64_t)3 << 56 | (uint64_t)sizeof(hone_param) << 40 | (uint64_t)sizeof(hone_field) << 28 | \
     (uint64_t)sizeof(hone_fit_job) << 14 | (uint64_t)sizeof(hone_predict_job))

/** A module: one `const` object, `hone_<name>`, per algorithm. */
typedef struct hone_algorithm {
    uint64_t abi;        /**< HONE_ABI; another value is refused: "rebuild it" */
    const char *name;    /**< the value of the `model` hyperparameter */
    const char *summary; /**< one sentence */
    unsigned tasks;      /**< mask of hone_task */
    unsigned takes;      /**< mask of HONE_TAKES_ and HONE_LIKES_; a choice may replace it */
    size_t params_size, state_size;
    const hone_param *params;   /**< ends with {0} */
    const hone_field *state;    /**< ends with {0} */
    const hone_output *outputs; /**< ends with {0}; NULL: none. "oob_score" (m x outputs, NaN where
                                     a row was in every bag) makes `validation = oob` possible */
    hone_status (*fit)(const hone_fit_job *job, void *state, hone_error *error);
    hone_status (*predict)(const hone_predict_job *job, hone_error *error);
    /** Optional. Rules that rows of the table cannot say; called after load, before a save, and
     * after the fit of a module that is none of the build's; read-only. */
    hone_status (*check)(const hone_shape *shape, const void *params, const void *state,
                         hone_error *error);
    /** Optional. Fills members that the table does not list; after fit and after check. */
    hone_status (*prepare)(const hone_shape *shape, const void *params, void *state,
                           hone_arena *keep, hone_error *error);
    /** Optional. What `score` means under these params; NULL: probabilities when classifying. */
    hone_scores (*scores)(const void *params);
    /** Optional. Bytes that a fit of this job and predicting its validation rows never exceed;
     * reads x, valid_x.rows (the most that are judged, and at least the rows of the table that are
     * not in x), label, shape, params, hone_threads and hone_derive_limit only; `scratch` is
     * there. */
    int64_t (*bound)(const hone_fit_job *job);
    /** Optional. Bytes that the fit of this job, which gave `state`, would likely take beyond its
     * own with `times` as many rows of the same kind; reads what `bound` reads. NULL: memory grows
     * in proportion to rows. */
    double (*growth)(const hone_fit_job *job, const void *state, double times);
    /** Optional. Steps that a fit of this job, of however many rows, takes at most, counted like
     * `iterations` of the state. NULL: nothing but convergence ends it. */
    double (*steps)(const hone_fit_job *job);
    /** Optional. How many members an ensemble has, when predict can answer with the first of them
     * as if the fit had made no others. */
    hone_extent members;
} hone_algorithm;

/** What a shared library with modules exports, for `hone --plugin`: HONE_PLUGIN(&hone_mine); */
#define HONE_PLUGIN(...)                                                                           \
    extern HONE_API const hone_algorithm *const hone_plugin[];                                     \
    const hone_algorithm *const hone_plugin[] = {__VA_ARGS__, NULL}

/** The modules of this build, in a fixed order; NULL outside [0, count). */
HONE_API int hone_algorithm_count(void);
HONE_API const hone_algorithm *hone_algorithm_at(int k);

/** Row `i` as contiguous doubles: stored memory where it fits, `buffer` (x->cols) otherwise. */
HONE_API const double *hone_row_f64(const hone_matrix *x, int64_t i, double *buffer);

HONE_END

#endif
