/* k-nearest neighbours: the tables of the module. README.md says how it works. */
#include "knn.h"

static const char *const WEIGHTS[] = {"uniform", "distance", "power", NULL};
static const char *const METRICS[] = {"euclidean", "manhattan", "chebyshev", "minkowski",
                                      "cosine",    "hamming",   "gower",     NULL};
static const char *const TUNE_METRICS[] = {"euclidean", "manhattan", "chebyshev", "minkowski",
                                           "cosine",    "hamming",   NULL};
static const unsigned METRIC_TAKES[] = {[GOWER] = HONE_TAKES_MISSING | HONE_TAKES_CATEGORIES |
                                                  HONE_TAKES_WEIGHTS};
static const char *const ALGORITHMS[] = {"auto", "brute", "kd_tree", NULL};
static const char *const CLASS_WEIGHTS[] = {"none", "balanced", NULL};

static const char *const ONLY_POWER[] = {"power", NULL};
static const char *const ONLY_MINKOWSKI[] = {"minkowski", NULL};

/* clang-format off */
static const hone_param PARAMS[] = {
    HONE_INT_PARAM(knn_params, n_neighbors, .default_value = 5, .legal = {1, 1 << 30}, .tune = {1, 100},
        .selects = true, .help = "Nearest training rows that vote."),
    HONE_CHOICE_PARAM(knn_params, weights, WEIGHTS, .selects = true,
        .help = "Votes count the same, as 1 / distance, or as 1 / distance ^ power; rows at distance 0 then vote alone."),
    HONE_REAL_PARAM(knn_params, power, .default_value = 2, .legal = {0, 100, HONE_OPEN_LOW}, .tune = {0.5, 4},
        .when = {"weights", ONLY_POWER}, .selects = true,
        .help = "Power of the distance by which a vote is divided."),
    HONE_CHOICE_PARAM(knn_params, metric, METRICS, .tune_choices = TUNE_METRICS, .takes = METRIC_TAKES,
        .help = "Distance between rows; gower takes categories and missing cells as they are."),
    HONE_REAL_PARAM(knn_params, p, .default_value = 3, .legal = {1, 20}, .tune = {1, 4},
        .when = {"metric", ONLY_MINKOWSKI},
        .help = "Power of the minkowski distance."),
    HONE_CHOICE_PARAM(knn_params, algorithm, ALGORITHMS, .fixed = true, .selects = true,
        .help = "How neighbours are found; a hint, never another answer."),
    HONE_CHOICE_PARAM(knn_params, class_weight, CLASS_WEIGHTS, .tasks = HONE_CLASSIFICATION,
        .help = "balanced multiplies votes by rows / (classes * rows of the class)."),
    {0},
};

static const hone_field STATE[] = {
    HONE_COUNT(knn_state, n_rows), HONE_COUNT(knn_state, n_narrow), HONE_COUNT(knn_state, n_wide),
    HONE_COUNT(knn_state, n_sparse), HONE_COUNT(knn_state, n_entries), HONE_COUNT(knn_state, n_thin),
    HONE_COUNT(knn_state, n_thick), HONE_COUNT(knn_state, n_labels), HONE_COUNT(knn_state, n_targets),
    HONE_COUNT(knn_state, n_weights), HONE_COUNT(knn_state, n_positions), HONE_COUNT(knn_state, neighbors),
    HONE_ARRAY(knn_state, narrow, HONE_N(knn_state, n_narrow, 0), HONE_D, HONE_IS_ANY),
    HONE_ARRAY(knn_state, wide, HONE_N(knn_state, n_wide, 0), HONE_D, HONE_IS_ANY),
    HONE_ARRAY(knn_state, sparse_start, HONE_N(knn_state, n_sparse, 1), HONE_ONE,
               HONE_STARTS(HONE_N(knn_state, n_entries, 0))),
    HONE_ARRAY(knn_state, sparse_column, HONE_N(knn_state, n_entries, 0), HONE_ONE, HONE_IN(0, HONE_D)),
    HONE_ARRAY(knn_state, sparse_thin, HONE_N(knn_state, n_thin, 0), HONE_ONE, HONE_IS_FINITE),
    HONE_ARRAY(knn_state, sparse_thick, HONE_N(knn_state, n_thick, 0), HONE_ONE, HONE_IS_FINITE),
    HONE_ARRAY(knn_state, label, HONE_N(knn_state, n_labels, 0), HONE_ONE, HONE_IN(0, HONE_C)),
    HONE_ARRAY(knn_state, target, HONE_N(knn_state, n_targets, 0), HONE_ONE, HONE_IS_FINITE),
    HONE_ARRAY(knn_state, weight, HONE_N(knn_state, n_weights, 0), HONE_ONE, HONE_IS_FINITE),
    HONE_ARRAY(knn_state, position, HONE_N(knn_state, n_positions, 0), HONE_ONE, HONE_IN(0, HONE_BELOW(INT64_MAX))),
    {0},
};
/* clang-format on */

static hone_status corrupt(hone_error *error, const char *field, const char *rule)
{
    return hone_fail(error, HONE_CORRUPT, field, "%s", rule);
}

static hone_status check_counts(const hone_shape *shape, const knn_state *s, hone_error *error)
{
    const bool classes = shape->task == HONE_CLASSIFICATION;
    if (s->n_rows < 1 || s->n_rows > INT32_MAX)
        return corrupt(error, "state.n_rows", "must be in [1, 2^31)");
    if (s->n_narrow != s->n_rows && s->n_wide != s->n_rows && s->n_sparse != s->n_rows)
        return corrupt(error, "state.n_rows", "no form holds all rows");
    if (s->n_narrow + s->n_wide + s->n_sparse != s->n_rows)
        return corrupt(error, "state.n_rows", "two forms hold rows");
    if (s->n_thin + s->n_thick != s->n_entries || (s->n_thin && s->n_thick))
        return corrupt(error, "state.n_entries", "must be all of n_thin or n_thick");
    if (s->n_labels != (classes ? s->n_rows : 0) || s->n_targets != (classes ? 0 : s->n_rows))
        return corrupt(error, "state.n_labels", "does not fit the task");
    if ((s->n_weights && s->n_weights != s->n_rows) ||
        (s->n_positions && s->n_positions != s->n_rows))
        return corrupt(error, "state.n_weights", "must be 0 or n_rows");
    if (s->neighbors < 1 || s->neighbors > s->n_rows)
        return corrupt(error, "state.neighbors", "must be in [1, n_rows]");
    return HONE_OK;
}

/* Numbers are finite, or NaN where a metric takes that; there a category is a code or unknown. */
static hone_status check_values(const hone_shape *shape, const knn_state *s, bool gower,
                                hone_error *error)
{
    const int64_t d = shape->features, n = s->n_narrow + s->n_wide;
    if (gower && s->n_sparse)
        return corrupt(error, "state.n_sparse", "gower takes no sparse rows");
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < d; k++) {
            const double v = knn_value(s, d, i, k);
            const int32_t levels = gower && shape->levels ? shape->levels[k] : 0;
            if (gower && isnan(v))
                continue;
            if (!isfinite(v) || (levels && !(v >= 0 && v <= levels && v == floor(v))))
                return corrupt(error, s->n_narrow ? "state.narrow" : "state.wide",
                               levels ? "must be codes of the levels" : "must be finite");
        }
    return HONE_OK;
}

/* Columns that ascend, weights that are positive. */
static hone_status check(const hone_shape *shape, const void *params, const void *state,
                         hone_error *error)
{
    const knn_state *s = state;
    HONE_TRY(check_counts(shape, s, error));
    HONE_TRY(check_values(shape, s, ((const knn_params *)params)->metric == GOWER, error));
    for (int64_t i = 0; i < s->n_sparse; i++)
        for (int64_t t = s->sparse_start[i] + 1; t < s->sparse_start[i + 1]; t++)
            if (s->sparse_column[t] <= s->sparse_column[t - 1])
                return corrupt(error, "state.sparse_column", "must ascend within a row");
    for (int64_t i = 0; i < s->n_weights; i++)
        if (!(s->weight[i] > 0))
            return corrupt(error, "state.weight", "must be positive");
    return HONE_OK;
}

const hone_algorithm hone_knn = {
    .abi = HONE_ABI,
    .name = "knn",
    .summary = "Vote of the nearest training rows, found exactly.",
    .tasks = HONE_CLASSIFICATION | HONE_REGRESSION,
    .takes = HONE_TAKES_SPARSE | HONE_TAKES_WEIGHTS | HONE_LIKES_SCALED,
    .params_size = sizeof(knn_params),
    .state_size = sizeof(knn_state),
    .params = PARAMS,
    .state = STATE,
    .outputs = knn_outputs,
    .fit = knn_fit,
    .predict = knn_predict,
    .check = check,
    .prepare = knn_prepare,
    .bound = knn_bound,
};
