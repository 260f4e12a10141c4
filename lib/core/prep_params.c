/* The hyperparameters of preprocessing. */
#include "core/config.h"

/* clang-format off */
#define IMPUTE (const char *const[]){"mean", "median", "most_frequent", NULL}
#define ENCODE (const char *const[]){"one_hot", "ordinal", NULL}
#define SCALE (const char *const[]){"none", "standard", "minmax", "robust", "quantile", NULL}
#define TARGET (const char *const[]){"none", "standard", NULL}
#define ONLY(...) (const char *const[]){__VA_ARGS__, NULL}

const hone_param hone_prep_table[] = {
    HONE_CHOICE_PARAM(hone_prep_params, impute, IMPUTE, .default_value = HONE_IMPUTE_MEDIAN,
        .help = "What stands in for a missing value: a statistic of the column's training rows."),
    HONE_BOOL_PARAM(hone_prep_params, indicator, .default_value = 1, .fixed = true,
        .help = "Adds a column of 0 and 1 for each column with missing values."),
    HONE_CHOICE_PARAM(hone_prep_params, encode, ENCODE, .default_value = HONE_ENCODE_ONE_HOT,
        .needs_categories = true,
        .help = "How a categorical column becomes numbers."),
    HONE_INT_PARAM(hone_prep_params, max_levels, .default_value = 30, .legal = {2, 1e6},
        .needs_categories = true, .when = {"encode", ONLY("one_hot")},
        .help = "Levels with a column of their own; rarer ones share one column."),
    HONE_CHOICE_PARAM(hone_prep_params, scale, SCALE, .default_value = HONE_SCALE_NONE,
        .help = "How numeric columns are brought to one scale; the default is standard for models "
                "that compare distances or penalise coefficients, none for the others."),
    HONE_CHOICE_PARAM(hone_prep_params, target, TARGET, .default_value = HONE_TARGET_NONE,
        .tasks = HONE_REGRESSION, .fixed = true,
        .help = "How the target is scaled for the fit, undone when predicting; the default is "
                "standard for models that depend on its scale, none for the others."),
    {0},
};
/* clang-format on */

void hone_prep_default(unsigned takes, hone_task task, hone_prep_params *prep)
{
    hone_params_default(hone_prep_table, 0, prep);
    if (takes & HONE_LIKES_SCALED)
        prep->scale = HONE_SCALE_STANDARD;
    if ((takes & HONE_LIKES_SCALED_TARGET) && task == HONE_REGRESSION)
        prep->target = HONE_TARGET_STANDARD;
}

unsigned hone_prep_unless(const hone_param *row)
{
    switch (row->offset) {
    case offsetof(hone_prep_params, impute):
    case offsetof(hone_prep_params, indicator):
        return HONE_TAKES_MISSING;
    case offsetof(hone_prep_params, encode):
    case offsetof(hone_prep_params, max_levels):
        return HONE_TAKES_CATEGORIES;
    default:
        return 0;
    }
}
