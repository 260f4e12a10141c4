/* A dataset under construction: what the ways to make one have in common. */
#ifndef HONE_DATA_DRAFT_H
#define HONE_DATA_DRAFT_H

#include "data/dataset.h"

/* Amounts beyond have squares that overflow. */
#define HONE_LARGEST_AMOUNT 1e150

typedef struct hone_draft {
    hone_dataset *dataset; /* the caller fills `table` and `column` */
    hone_dataset_options options;
    hone_column_info *column; /* = dataset->column, cols; NULL: no names and no types */
    hone_arena *scratch;      /* gone when the dataset is made */
    const char *const *word;  /* y holds whole numbers, which are codes of these; NULL: values */
    int64_t words;
    bool wary;    /* columns of text are checked for what is no level */
    bool lasting; /* y is memory of ours that may live as long as the dataset: amounts stay there */
} hone_draft;

/* Checks size, options and names (`names`, or else those of the options); `described` asks for
 * column infos also without names. */
hone_status hone_draft_open(hone_draft *draft, int64_t rows, int64_t cols, bool described,
                            const char *const *names, const hone_dataset_options *options,
                            hone_error *error);
/* Inspects the table, takes target, weights and validation rows, opens the cache, and hands the
 * dataset over; or, when `status` or one of these steps failed, gives everything back. */
hone_status hone_draft_close(hone_draft *draft, hone_status status, hone_vector y,
                             hone_dataset **dataset, hone_error *error);

HONE_PRINTF(3, 4)
void hone_draft_log(const hone_draft *draft, hone_level level, const char *format, ...);

/* Target, task, classes and weights (target.c). */
hone_status hone_draft_target(hone_draft *draft, const hone_vector *y, hone_error *error);
/* By class: what the weights of its rows are multiplied by; NULL: by nothing. */
hone_status hone_class_factors(const hone_dataset *dataset, const hone_dataset_options *options,
                               hone_arena *arena, double **factor, hone_error *error);
/* Validation rows in the columns and codes of a dataset that nobody has yet (align.c). */
hone_status hone_dataset_take_valid(hone_dataset *dataset, const hone_dataset *valid,
                                    const hone_dataset_options *options, hone_error *error);
/* The fingerprint, from all parts. */
void hone_dataset_seal(hone_dataset *dataset);
/* One pass over the table: refuses infinities, counts what is missing, and hashes (inspect.c). */
hone_status hone_draft_inspect(hone_draft *draft, hone_error *error);

/* "data.x[3,7]" and "data.y[3]", also into the path of an error that a callee made. */
void hone_place_cell(char path[96], int64_t i, int64_t j);
void hone_place_element(char path[96], const char *vector, int64_t i);
hone_status hone_fail_at(hone_error *error, hone_status status, const char *path);

#endif
