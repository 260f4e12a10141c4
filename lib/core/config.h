/* A configuration inside: typed values by key, resolved into params structs for one task. */
#ifndef HONE_CORE_CONFIG_H
#define HONE_CORE_CONFIG_H

#include "hone/algorithm.h"
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
extern const hone_param hone_prep_table[];

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

/* @param models  NULL, or the one model to take when the configuration names none
 * @return HONE_BAD_CONFIG: no model, unknown key (nearest named), conflict, illegal value for the
 *         task; with `strict` also an inactive key. HONE_UNSUPPORTED: the model does not do the
 *         task. */
hone_status hone_config_resolve(const hone_config *config, hone_task task, bool strict,
                                hone_arena *arena, hone_resolved *resolved, hone_error *error);

/* Modules that the program added, NULL-terminated. */
const hone_algorithm *const *hone_config_modules(const hone_config *config);

/* Scales the rows marked `fidelity` (all of them when `native`, else those marked
 * fidelity_default) by a budget; true: something was scaled, so that rows need not be. */
bool hone_params_scale(const hone_algorithm *algorithm, void *params, hone_task task, double budget,
                       bool native);

#endif
