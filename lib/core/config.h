/* A configuration inside: typed values by key, resolved into params structs for one task. */
#ifndef HONE_CORE_CONFIG_H
#define HONE_CORE_CONFIG_H

#include "core/params.h"
#include "hone/config.h"

/* The preprocessing hyperparameters as one table (prep:impute, prep:indicator, prep:encode,
 * prep:max_levels, prep:scale, prep:target): the default of scale and target depends on the
 * algorithm ("auto" is not a value: the default of the row is replaced). */
typedef struct hone_prep_params {
    int impute; /* mean, median, most_frequent */
    bool indicator;
    int encode; /* one_hot, ordinal */
    int64_t max_levels;
    int scale;  /* none, standard, minmax, robust, quantile */
    int target; /* none, standard */
} hone_prep_params;
enum { HONE_IMPUTE_MEAN, HONE_IMPUTE_MEDIAN, HONE_IMPUTE_MOST_FREQUENT };
enum { HONE_ENCODE_ONE_HOT, HONE_ENCODE_ORDINAL };
enum {
    HONE_SCALE_NONE,
    HONE_SCALE_STANDARD,
    HONE_SCALE_MINMAX,
    HONE_SCALE_ROBUST,
    HONE_SCALE_QUANTILE
};
enum { HONE_TARGET_NONE, HONE_TARGET_STANDARD };
extern const hone_param hone_prep_table[]; /* ends with {0} */

/* Defaults for a module that takes `takes` (hone_takes_under), and a task. */
void hone_prep_default(unsigned takes, hone_task task, hone_prep_params *prep);
/* What a module must not take for the row to have an effect (HONE_TAKES_...); 0: nothing. */
unsigned hone_prep_unless(const hone_param *row);

/* A key that was set. */
typedef struct hone_entry {
    char *key, *word; /* `word`: owned copy of value.word, or NULL */
    hone_value value;
} hone_entry;

struct hone_config {
    hone_entry *entry;
    int64_t entries, room;
    const hone_algorithm **module; /* of the program, NULL-terminated; NULL: none */
    int64_t modules;
};

/* Module `i` of those a configuration may name, its own first; NULL: no more. One that is hidden by
 * an earlier one of the same name is not given. */
const hone_algorithm *hone_module_at(const hone_algorithm *const *own, int64_t *i);

/* A key taken apart. */
typedef struct hone_key {
    const hone_algorithm *algorithm; /* svm:C; NULL: plain, prep or model */
    bool prep, model;
    const char *name; /* after the colon */
} hone_key;
/* False: the prefix is that of no module. */
bool hone_key_split(const hone_algorithm *const *own, const char *key, hone_key *parts);
/* The row that `name` sets under `task` (0: any): its own name, or <name>_mode (`*mode`). `after`:
 * NULL, or the row to continue behind. */
const hone_param *hone_key_row(const hone_param *table, const hone_param *after, const char *name,
                               hone_task task, bool *mode);
/* "knn, random_forest or svm" */
void hone_list_models(const hone_algorithm *const *own, hone_text *out);
/* BAD_CONFIG: unknown, with the nearest known key. */
hone_status hone_key_unknown(const hone_algorithm *const *own, const char *key, hone_error *error);
hone_status hone_model_unknown(const hone_algorithm *const *own, const char *name,
                               hone_error *error);

/* What a configuration means for one task. */
typedef struct hone_resolved {
    const hone_algorithm *algorithm;
    void *params; /* algorithm->params_size, in the arena */
    hone_prep_params prep;
    uint64_t hash;    /* of the canonical JSON */
    char *json;       /* canonical: sorted, defaults filled in, active keys only */
    int64_t inactive; /* keys that were given but have no effect, */
    const char *const *inactive_key, *const *inactive_why; /* with the condition that says so */
    int64_t defaulted;                                     /* active keys that were not given */
    const char *const *defaulted_key;
} hone_resolved;

/* @return HONE_BAD_CONFIG: no model, unknown key (nearest named), conflict, illegal value for the
 *         task; with `strict` also an inactive key. HONE_UNSUPPORTED: the model does not do the
 *         task. */
hone_status hone_config_resolve(const hone_config *config, hone_task task, bool strict,
                                hone_arena *arena, hone_resolved *resolved, hone_error *error);

/* The canonical JSON of values: sorted, active keys only; in the arena. What a run has changed
 * (budget, probability) is written with it again. */
hone_status hone_config_canonical(const hone_algorithm *algorithm, const void *params,
                                  const hone_prep_params *prep, hone_task task, hone_arena *arena,
                                  char **json, hone_error *error);

/* Modules that the program added, NULL-terminated. */
const hone_algorithm *const *hone_config_modules(const hone_config *config);

/* Scales the active rows marked `fidelity` (all of them when `native`, else those marked
 * fidelity_default) by a budget in (0, 1]: counts to ceil(budget * value), a tolerance (a real) to
 * value / budget, within the legal range. True: there is such a row, so that rows of the data need
 * not be left out. */
bool hone_params_scale(const hone_algorithm *algorithm, void *params, hone_task task, double budget,
                       bool native);

#endif
