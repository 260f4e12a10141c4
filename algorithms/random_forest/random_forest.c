/* Random forest: the tables of the module. README.md says how it works. */
#include "fit.h"

#define HONE_SIDES                                                                                 \
    {                                                                                              \
        HONE_PLAIN, 0, 4                                                                           \
    }

static const char *const CRITERIA[] = {"gini", "entropy", "log_loss", NULL};
static const char *const ERRORS[] = {"squared_error", "absolute_error", "poisson", NULL};
static const char *const CLASS_WEIGHTS[] = {"none", "balanced", "balanced_subsample", NULL};
static const char *const SPLITTERS[] = {"best", "random", NULL};
static const char *const CONSTANTS[] = {"redraw", "stop", NULL};
static const char *const FEATURES[] = {"auto", "sqrt", "log2", "none", NULL};
static const char *const NONE[] = {"none", NULL};
static const char *const YES[] = {"true", NULL};

/* clang-format off */
static const hone_param PARAMS[] = {
    HONE_INT_PARAM(forest_params, n_estimators, .default_value = 100, .legal = {1, 100000},
        .fidelity = true, .fidelity_default = true, .selects = true,
        .help = "Number of trees."),
    HONE_CHOICE_PARAM(forest_params, criterion, CRITERIA, .tasks = HONE_CLASSIFICATION,
        .help = "What a split reduces; entropy and log_loss are the same."),
    HONE_CHOICE_PARAM(forest_params, criterion, ERRORS, .tasks = HONE_REGRESSION, .fixed = true,
        .help = "What a split reduces; absolute_error predicts medians, poisson needs targets >= 0."),
    HONE_CHOICE_PARAM(forest_params, splitter, SPLITTERS,
        .help = "best: the best cut of each drawn feature; random: one random cut of each (extra-trees)."),
    HONE_AMOUNT_PARAM(forest_params, max_features, FEATURES, .default_word = "auto",
        .legal = {0, 1, HONE_OPEN_LOW}, .legal_count = {1, 1 << 30},
        .help = "Features drawn per node: a count, a fraction, sqrt, log2, none (all); auto: features ^ max_features_exponent."),
    HONE_REAL_PARAM(forest_params, max_features_exponent, .default_value = 0.5, .legal = {0, 1},
        .tune = {0, 1}, .tasks = HONE_CLASSIFICATION, .excludes = "max_features",
        .help = "Features drawn per node, as a power of their number."),
    HONE_REAL_PARAM(forest_params, max_features_exponent, .default_value = 1, .legal = {0, 1},
        .tune = {0, 1}, .tasks = HONE_REGRESSION, .excludes = "max_features",
        .help = "Features drawn per node, as a power of their number."),
    HONE_AMOUNT_PARAM(forest_params, max_depth, NONE, .default_word = "none",
        .legal_count = {1, 1 << 30}, .selects = true,
        .help = "Longest path from the root to a leaf, in splits."),
    HONE_AMOUNT_PARAM(forest_params, max_leaf_nodes, NONE, .default_word = "none",
        .legal_count = {2, 1 << 30}, .selects = true,
        .help = "Most leaves of a tree; the splits of largest gain are kept."),
    HONE_AMOUNT_PARAM(forest_params, min_samples_split, NULL, .default_value = 2,
        .legal = {0, 1, HONE_OPEN_LOW}, .legal_count = {2, 1 << 30}, .tune = {2, 20}, .selects = true,
        .help = "Rows (or their fraction) that a node needs to be split."),
    HONE_AMOUNT_PARAM(forest_params, min_samples_leaf, NULL, .default_value = 1,
        .legal = {0, 1, HONE_OPEN}, .legal_count = {1, 1 << 30}, .tune = {1, 20},
        .help = "Rows (or their fraction) that each side of a split keeps."),
    HONE_REAL_PARAM(forest_params, min_weight_fraction_leaf, .legal = {0, 0.5},
        .help = "Fraction of the weight that each side of a split keeps."),
    HONE_REAL_PARAM(forest_params, min_impurity_decrease, .legal = {0, 1e300}, .selects = true,
        .help = "Decrease of impurity, times the node's share of the weight, that a split needs."),
    HONE_REAL_PARAM(forest_params, ccp_alpha, .legal = {0, 1e300}, .selects = true,
        .help = "Price of a leaf in minimal cost-complexity pruning."),
    HONE_BOOL_PARAM(forest_params, bootstrap, .default_value = 1,
        .help = "Grow each tree on a sample of the rows, drawn with replacement; false: on all rows."),
    HONE_AMOUNT_PARAM(forest_params, max_samples, NONE, .default_word = "none",
        .legal = {0, 1, HONE_OPEN_LOW}, .legal_count = {1, 1 << 30}, .when = {"bootstrap", YES},
        .help = "Rows (or their fraction) drawn for a tree; none: as many as there are."),
    HONE_CHOICE_PARAM(forest_params, class_weight, CLASS_WEIGHTS, .tasks = HONE_CLASSIFICATION,
        .fixed = true,
        .help = "balanced: classes weigh the same in all rows; balanced_subsample: in each bag."),
    HONE_CHOICE_PARAM(forest_params, constant_features, CONSTANTS, .default_value = CONSTANT_STOP,
        .fixed = true,
        .help = "When all drawn features are constant in a node: draw on, or make a leaf."),
    HONE_AMOUNT_PARAM(forest_params, max_bins, NONE, .default_value = 255,
        .legal_count = {2, 255},
        .help = "Candidate cuts per feature in large nodes; none: every value. Small nodes are always exact."),
    HONE_AMOUNT_PARAM(forest_params, max_model_bytes, NONE, .default_word = "none",
        .legal_count = {1, 1LL << 50}, .selects = true,
        .help = "Most bytes of the trees in the model file: as many of the first trees are kept as fit."),
    HONE_BOOL_PARAM(forest_params, early_stopping, .fixed = true, .selects = true,
        .help = "Stop adding trees when the out-of-bag loss no longer improves."),
    HONE_INT_PARAM(forest_params, n_iter_no_change, .default_value = 20, .legal = {1, 100000},
        .when = {"early_stopping", YES},
        .selects = true, .help = "Trees without improvement before it stops."),
    HONE_REAL_PARAM(forest_params, tol, .default_value = 1e-4, .legal = {0, 1e300},
        .when = {"early_stopping", YES},
        .selects = true, .help = "Relative improvement of the loss that counts."),
    {0},
};

static const hone_field STATE[] = {
    HONE_COUNT(forest_state, n_trees),
    HONE_COUNT(forest_state, n_nodes),
    HONE_COUNT(forest_state, n_rows),
    HONE_COUNT(forest_state, n_entries),
    HONE_COUNT(forest_state, n_sets),
    HONE_COUNT(forest_state, n_words),
    HONE_COUNT(forest_state, n_payloads),
    HONE_ARRAY(forest_state, tree_start, HONE_N(forest_state, n_trees, 1), HONE_ONE,
               HONE_STARTS(HONE_N(forest_state, n_nodes, 0))),
    HONE_ARRAY(forest_state, child, HONE_N(forest_state, n_nodes, 0), HONE_ONE,
               HONE_IN(0, HONE_N(forest_state, n_nodes, 0))),
    HONE_ARRAY(forest_state, feature, HONE_N(forest_state, n_nodes, 0), HONE_ONE,
               HONE_IN(0, HONE_D)),
    HONE_ARRAY(forest_state, threshold, HONE_N(forest_state, n_nodes, 0), HONE_ONE, HONE_IS_FINITE),
    HONE_ARRAY(forest_state, side, HONE_N(forest_state, n_nodes, 0), HONE_ONE,
               HONE_IN(0, HONE_SIDES)),
    HONE_ARRAY(forest_state, payload, HONE_N(forest_state, n_nodes, 0), HONE_ONE,
               HONE_IN(-1, HONE_N(forest_state, n_payloads, 0))),
    HONE_ARRAY(forest_state, row_start, HONE_N(forest_state, n_rows, 1), HONE_ONE,
               HONE_STARTS(HONE_N(forest_state, n_entries, 0))),
    HONE_ARRAY(forest_state, entry_class, HONE_N(forest_state, n_entries, 0), HONE_ONE,
               HONE_IN(0, HONE_C)),
    HONE_ARRAY(forest_state, entry_share, HONE_N(forest_state, n_entries, 0), HONE_ONE,
               HONE_IS_FINITE),
    HONE_ARRAY(forest_state, set_start, HONE_N(forest_state, n_sets, 1), HONE_ONE,
               HONE_STARTS(HONE_N(forest_state, n_words, 0))),
    HONE_ARRAY(forest_state, words, HONE_N(forest_state, n_words, 0), HONE_ONE, HONE_IS_ANY),
    HONE_ARRAY(forest_state, feature_importances, HONE_D, HONE_ONE, HONE_IS_FINITE),
    {0},
};
/* clang-format on */

/* ---- loading ---- */

static hone_status corrupt(hone_error *error, const char *field, const char *rule, int64_t i)
{
    return hone_fail(error, HONE_CORRUPT, field, "%s (node %lld)", rule, (long long)i);
}

/* One node of a tree of `nodes`, `k` from its first, `i` from the forest's. */
static hone_status check_node(const hone_shape *shape, const forest_state *s, int64_t k, int64_t i,
                              int64_t nodes, hone_error *error)
{
    const bool leaf = s->child[i] == 0, by_category = s->side[i] & BY_CATEGORY;
    if (leaf) {
        const bool rows = shape->task == HONE_CLASSIFICATION;
        if (by_category || (rows && (s->payload[i] < 0 || s->payload[i] >= s->n_rows)))
            return corrupt(error, "state.payload", "a leaf has no row of shares", i);
        return HONE_OK;
    }
    if (s->child[i] <= k || (int64_t)s->child[i] + 1 >= nodes)
        return corrupt(error, "state.child", "must come after its parent, inside the tree", i);
    if (!by_category)
        return HONE_OK;
    if (!shape->levels || !shape->levels[s->feature[i]] || s->payload[i] < s->n_rows)
        return corrupt(error, "state.side", "a set of categories of a number", i);
    return HONE_OK;
}

/* What rows of the table cannot say: every walk ends, and payloads are of the kind of their node.
 */
static hone_status check(const hone_shape *shape, const void *params, const void *state,
                         hone_error *error)
{
    (void)params;
    const forest_state *s = state;
    if (s->n_trees < 1)
        return hone_fail(error, HONE_CORRUPT, "state.n_trees", "must be at least 1");
    if (s->n_payloads != s->n_rows + s->n_sets)
        return hone_fail(error, HONE_CORRUPT, "state.n_payloads", "must be n_rows + n_sets");
    if ((s->n_rows > 0) != (shape->task == HONE_CLASSIFICATION))
        return hone_fail(error, HONE_CORRUPT, "state.n_rows", "does not fit the task");
    for (int64_t t = 0; t < s->n_trees; t++) {
        const int64_t first = s->tree_start[t], nodes = s->tree_start[t + 1] - first;
        if (!nodes)
            return hone_fail(error, HONE_CORRUPT, "state.tree_start", "tree %lld has no node",
                             (long long)t);
        for (int64_t k = 0; k < nodes; k++)
            HONE_TRY(check_node(shape, s, k, first + k, nodes, error));
    }
    return HONE_OK;
}

const hone_algorithm hone_random_forest = {
    .abi = HONE_ABI,
    .name = "random_forest",
    .summary = "Mean of decision trees on resampled rows and drawn features.",
    .tasks = HONE_CLASSIFICATION | HONE_REGRESSION,
    .takes = HONE_TAKES_MISSING | HONE_TAKES_CATEGORIES | HONE_TAKES_WEIGHTS,
    .params_size = sizeof(forest_params),
    .state_size = sizeof(forest_state),
    .params = PARAMS,
    .state = STATE,
    .outputs = forest_outputs,
    .fit = forest_fit,
    .predict = forest_predict,
    .check = check,
    .prepare = forest_prepare,
    .bound = forest_bound,
    .growth = forest_growth,
    .members = HONE_N(forest_state, n_trees, 0),
};
