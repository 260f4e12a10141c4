/* What a dataset handle holds. Read-only after it was made, but for the cache. */
#ifndef HONE_DATA_DATASET_H
#define HONE_DATA_DATASET_H

#include "base/arena.h"
#include "data/cache.h"
#include "hone/dataset.h"

/* A set of distinct values in sorted order: the classes of a target, the levels of a column. The
 * canonical kind decides equality: 3, 3.0 and "3" are one level of an HONE_I64 set. */
typedef struct hone_values {
    int64_t count;
    hone_dtype kind;         /* HONE_I64, HONE_F64, HONE_BOOLEAN or HONE_TEXT */
    const int64_t *integer;  /* I64, BOOLEAN */
    const double *real;      /* F64 */
    const char *const *text; /* always: the value as text, shortest round-trip for numbers */
} hone_values;

/* Code of a value given as text (numbers compared as numbers when the kind is numeric); -1: none.
 */
int64_t hone_values_find(const hone_values *values, const char *text);
int64_t hone_values_find_number(const hone_values *values, double number);

typedef struct hone_column_info {
    const char *name;
    hone_type type;     /* HONE_NUMERIC or HONE_CATEGORICAL */
    hone_values levels; /* categorical */
    bool by_number;     /* its type was asked for: texts that are whole numbers are numbers */
    int64_t missing;    /* cells */
} hone_column_info;

/* Where the column indices of a text file begin (as options.zero_based says it); 0: the rows come
 * from elsewhere. */
typedef enum hone_base { HONE_FROM_ZERO = 1, HONE_FROM_ONE } hone_base;

/* What a text file of sparse rows leaves open. */
typedef struct hone_indices {
    hone_base base;
    bool base_given; /* by the caller; otherwise it is what the indices look like */
    bool open_width; /* nobody said how many columns there are: more may be there */
} hone_indices;

struct hone_dataset {
    _Atomic int64_t references;
    hone_arena *memory;           /* everything that is not borrowed */
    void (*release)(void *owner); /* gives back what a reader handed over; NULL: nothing */
    void *owner;
    hone_matrix table; /* all rows; dense (codes in categorical columns, NaN missing) or CSR */
    const hone_column_info *column; /* cols; NULL when sparse without names: name is x<j> */
    bool named;                     /* names were given: predict matches by name */
    bool missing;                   /* any cell */
    bool categories;                /* any categorical column */
    hone_indices indices;
    const char *na;      /* tokens of missing cells that the reader was given; NULL: the default */
    const char *reading; /* how it was read from a file, as JSON; NULL: it was not */
    hone_task task;      /* 0: no target */
    const char *target_name;
    hone_values classes;  /* classification */
    const int32_t *label; /* rows */
    const double *target; /* rows; regression */
    const double *weight; /* rows, or NULL */
    uint64_t fingerprint; /* everything */
    uint64_t table_id;    /* columns only */
    uint64_t labels_id;   /* label or target, and weight */
    hone_dataset
        *valid; /* or NULL; in the columns and codes of this one, label -1: another class */
    hone_dataset *origin; /* whose memory this one borrows; NULL: none */
    hone_cache *cache;
    _Atomic(char *) made_names; /* of a dataset without `column`, when somebody asked */
};

/* hone_dataset_csr of `x`, whose rows come from a text file. */
hone_status hone_dataset_indexed(const hone_matrix *x, const hone_indices *indices, hone_vector y,
                                 const hone_dataset_options *options, hone_dataset **dataset,
                                 hone_error *error);

/* Name of column j into `buffer` when the dataset stores none. */
const char *hone_column_name(const hone_dataset *dataset, int64_t j, char buffer[32]);

/* The rows of `dataset` as a table with the columns, order and codes of another schema (the
 * training data of a model, or of a dataset whose validation rows these are): matched by name when
 * both have names, else by position. A level that the schema does not know becomes code L (one
 * above the last); missing stays NaN. Rows of a text file may lack the last columns, and begin
 * their indices where those of the schema do. Borrows the dataset's memory when nothing changes,
 * else writes into `arena`.
 *
 * @return HONE_BAD_DATA path data.<column>: missing column, number expected, wrong number of
 * columns
 */
typedef struct hone_schema {
    int64_t cols;
    const hone_column_info *column; /* cols, or NULL: all numeric, unnamed (wide sparse data) */
    bool named;
    bool sparse;
    hone_base base;
    const char *na;        /* of text files; NULL: the default */
    hone_task task;        /* 0: no target */
    hone_dtype class_kind; /* classification: of the set of classes */
} hone_schema;
hone_schema hone_dataset_schema(const hone_dataset *dataset);
hone_status hone_dataset_align(const hone_dataset *dataset, const hone_schema *schema,
                               hone_arena *arena, hone_matrix *table, hone_error *error);

/* hone_dataset_read of rows for `schema`: its columns with its types, its tokens of missing cells,
 * its task. NULL: all that is inferred. */
hone_status hone_dataset_read_as(const char *file, const hone_read_options *options,
                                 const hone_schema *schema, hone_dataset **dataset,
                                 hone_error *error);

/* Says how many rows of `dataset` have a label of -1, "<what>: ...", and the name of the first. */
void hone_warn_labels(const hone_dataset *dataset, const int32_t *label, const char *what,
                      void (*log)(void *context, int level, const char *line), void *context);

/* The target of `dataset` in the code of other classes, -1 where it is not among them; it may have
 * been taken for amounts. `label` has one element a row. */
void hone_dataset_recode(const hone_dataset *dataset, const hone_values *classes, int32_t *label);
/* The target as numbers, also where it was taken for classes. `amount` has one element a row.
 *
 * @return HONE_BAD_DATA path data.y: a class is no number */
hone_status hone_dataset_amounts(const hone_dataset *dataset, double *amount, hone_error *error);

#endif
