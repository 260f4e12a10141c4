/* What one hyperparameter table is good for: defaults, ranges, conditions, values in and out of the
 * module's params struct, hashes. */
#ifndef HONE_CORE_PARAMS_H
#define HONE_CORE_PARAMS_H

#include "base/text.h"
#include "hone/algorithm.h"

/* A value as somebody wrote it. */
typedef enum hone_given { HONE_NONE, HONE_TRUTH, HONE_WHOLE, HONE_DECIMAL, HONE_WORD } hone_given;
typedef struct hone_value {
    hone_given kind;
    bool truth;
    int64_t whole;
    double decimal;
    const char *word; /* borrowed */
} hone_value;

/* A number as text: HONE_WHOLE when it is written as an integer of 64 bits ("10", not "10.0"). */
bool hone_value_number(const char *text, size_t length, hone_value *value);

/* Whether the row exists for `task`; 0: for any. */
bool hone_param_applies(const hone_param *p, hone_task task);
/* The row called `name` that applies to `task`; NULL: none. */
const hone_param *hone_param_find(const hone_param *table, const char *name, hone_task task);
/* Whether the row's condition holds, and that of the row it names, and so on. The first condition
 * that does not hold goes to `*unmet` (may be NULL). */
bool hone_param_active(const hone_param *table, const hone_param *p, hone_task task,
                       const void *params, const hone_param **unmet);
/* Index in a NULL-terminated list of texts; -1: not there. */
int hone_word_index(const char *const *words, const char *word);
/* The text of a choice or boolean ("true", "false"). */
const char *hone_param_word(const hone_param *p, const void *params);

/* What the module takes (HONE_TAKES_, HONE_LIKES_) under these params. */
unsigned hone_takes_under(const hone_algorithm *algorithm, hone_task task, const void *params);
/* " with these hyperparameters" where that is not what it takes otherwise, else "". */
const char *hone_takes_note(const hone_algorithm *algorithm, unsigned takes);

/* Writes the default of one row, or of all rows of a table that apply to `task`. */
void hone_param_default(const hone_param *p, void *params);
void hone_params_default(const hone_param *table, hone_task task, void *params);

/* Checks a value against the row and writes it; `params` NULL: only checks.
 *
 * @return HONE_BAD_CONFIG: "must be in (0, inf), got -1" */
hone_status hone_param_set(const hone_param *p, const hone_value *value, const char *path,
                           void *params, hone_error *error);

/* What the row takes, in words: "an integer in [1, inf)", "rbf, poly or linear". */
void hone_param_expects(const hone_param *p, hone_text *out);
/* The value, or the default, as JSON that hone_param_set reads back. */
void hone_param_json(const hone_param *p, const void *params, hone_text *out);
void hone_param_default_json(const hone_param *p, hone_text *out);
void hone_value_text(const hone_value *value, hone_text *out);

bool hone_range_given(hone_range range);
bool hone_range_has(hone_range range, double value);
/* "(0, inf)" */
void hone_range_text(hone_range range, hone_text *out);
/* HONE_AMOUNT: whether the numbers that a search tries are counts (else reals). */
bool hone_tunes_counts(const hone_param *p);

/* How far apart two values are: 1 across the tuned range, or for two words. INFINITY: no number. */
double hone_param_distance(const hone_param *p, const void *a, const void *b);

/* Chains the value's bytes into a hash (member by member: padding never counts). */
uint64_t hone_param_hash(const hone_param *p, const void *params, uint64_t seed);

#endif
