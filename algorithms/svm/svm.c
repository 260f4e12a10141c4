/* The tables of this module. */
#include "svm.h"

#include "fit.h"

static const char *const KERNELS[] = {"linear", "poly", "rbf", "sigmoid", "laplacian", NULL};
static const char *const GAMMAS[] = {"scale", "auto", NULL};
static const char *const FORMULATIONS[] = {"c", "nu", NULL};
static const char *const MULTIPLE[] = {"ovo", "ovr", NULL};
static const char *const WEIGHTS[] = {"none", "balanced", NULL};
static const char *const LOSSES[] = {"hinge", "squared_hinge", NULL};

static const char *const WITH_GAMMA[] = {"poly", "rbf", "sigmoid", "laplacian", NULL};
static const char *const WITH_COEF0[] = {"poly", "sigmoid", NULL};
static const char *const ONLY_LINEAR[] = {"linear", NULL};
static const char *const ONLY_POLY[] = {"poly", NULL};
static const char *const ONLY_C[] = {"c", NULL};
static const char *const ONLY_NU[] = {"nu", NULL};

/* One more than the classes, as a macro argument. */
#define CLASS_STARTS                                                                               \
    {                                                                                              \
        .of = HONE_OUTPUTS, .plus = 1                                                              \
    }

/* clang-format off */
static const hone_param PARAMS[] = {
    HONE_REAL_PARAM(svm_params, C, .help = "Penalty of errors: larger fits the training rows more closely.",
        .default_value = 1, .legal = {0, 1e12, HONE_OPEN_LOW}, .tune = {0.03125, 32768}, .log = true),
    HONE_CHOICE_PARAM(svm_params, kernel, KERNELS, .help = "Kernel function.",
        .default_value = SVM_RBF),
    HONE_CHOICE_PARAM(svm_params, loss, LOSSES,
        .help = "Cost of a margin below 1: what is missing, or its square.",
        .default_value = SVM_HINGE, .fixed = true, .tasks = HONE_CLASSIFICATION,
        .when = {"kernel", ONLY_LINEAR}, .excludes = "nu"),
    HONE_AMOUNT_PARAM(svm_params, gamma, GAMMAS,
        .help = "Kernel coefficient; scale is 1 / (columns * variance of x), auto 1 / columns.",
        .default_word = "scale", .legal = {0, 1e12, HONE_OPEN_LOW}, .tune = {3.0517578125e-5, 8},
        .log = true, .tune_words = true, .when = {"kernel", WITH_GAMMA}),
    HONE_INT_PARAM(svm_params, degree, .help = "Degree of the polynomial kernel.",
        .default_value = 3, .legal = {1, 20}, .tune = {2, 5}, .when = {"kernel", ONLY_POLY}),
    HONE_REAL_PARAM(svm_params, coef0, .help = "Constant inside the polynomial and sigmoid kernels.",
        .default_value = 0, .legal = {-1e6, 1e6}, .tune = {-1, 1}, .when = {"kernel", WITH_COEF0}),
    HONE_CHOICE_PARAM(svm_params, formulation, FORMULATIONS,
        .help = "c bounds the penalty, nu the share of support vectors.",
        .default_value = SVM_FORMULATION_C, .fixed = true),
    HONE_REAL_PARAM(svm_params, epsilon, .help = "Errors of a target below this cost nothing.",
        .default_value = 0.1, .legal = {0, 1e12}, .tune = {1e-3, 1}, .log = true, .tasks = HONE_REGRESSION,
        .when = {"formulation", ONLY_C}),
    HONE_REAL_PARAM(svm_params, nu, .help = "Lower bound of the share of support vectors.",
        .default_value = 0.5, .legal = {0, 1, HONE_OPEN_LOW}, .when = {"formulation", ONLY_NU}),
    HONE_REAL_PARAM(svm_params, tol, .help = "Stops when the optimality conditions hold up to this gap.",
        .default_value = 1e-3, .legal = {1e-12, 1}, .fidelity = true),
    HONE_CHOICE_PARAM(svm_params, class_weight, WEIGHTS,
        .help = "balanced multiplies C by rows / (classes * rows of the class).",
        .default_value = SVM_UNWEIGHTED, .tasks = HONE_CLASSIFICATION),
    HONE_CHOICE_PARAM(svm_params, multi_class, MULTIPLE,
        .help = "More than two classes: a problem for each pair and their votes, or each against the rest.",
        .default_value = SVM_ONE_VS_ONE, .fixed = true, .tasks = HONE_CLASSIFICATION),
    HONE_BOOL_PARAM(svm_params, shrinking, .help = "Accepted as in scikit-learn; changes nothing.",
        .default_value = 1, .fixed = true),
    HONE_INT_PARAM(svm_params, max_iter, .help = "Most pairs of rows that a solver moves.",
        .default_value = 10000000, .legal = {1, 1e15}),
    HONE_BOOL_PARAM(svm_params, probability,
        .help = "Calibrated probabilities from out-of-fold margins; labels are then their largest.",
        .default_value = 0, .fixed = true, .tasks = HONE_CLASSIFICATION),
    {0},
};

static const hone_field STATE[] = {
    HONE_COUNT(svm_state, n_sv), HONE_COUNT(svm_state, n_dense),
    HONE_COUNT(svm_state, n_sparse), HONE_COUNT(svm_state, n_entries),
    HONE_COUNT(svm_state, n_planes), HONE_COUNT(svm_state, n_sparse_planes), HONE_COUNT(svm_state, n_plane_entries),
    HONE_COUNT(svm_state, n_coefs), HONE_COUNT(svm_state, n_pairs),
    HONE_COUNT(svm_state, n_sigmoids), HONE_COUNT(svm_state, n_turns), HONE_COUNT(svm_state, n_rows),
    HONE_COUNT(svm_state, iterations), HONE_COUNT(svm_state, converged),
    HONE_NUMBER(svm_state, gap), HONE_NUMBER(svm_state, objective), HONE_NUMBER(svm_state, gamma),
    HONE_NUMBER(svm_state, unit),
    HONE_ARRAY(svm_state, vectors, HONE_N(svm_state, n_dense, 0), HONE_D, HONE_IS_FINITE),
    HONE_ARRAY(svm_state, sparse_start, HONE_N(svm_state, n_sparse, 1), HONE_ONE,
               HONE_STARTS(HONE_N(svm_state, n_entries, 0))),
    HONE_ARRAY(svm_state, sparse_column, HONE_N(svm_state, n_entries, 0), HONE_ONE, HONE_IN(0, HONE_D)),
    HONE_ARRAY(svm_state, sparse_value, HONE_N(svm_state, n_entries, 0), HONE_ONE, HONE_IS_FINITE),
    HONE_ARRAY(svm_state, plane, HONE_N(svm_state, n_planes, 0), HONE_D, HONE_IS_FINITE),
    HONE_ARRAY(svm_state, plane_start, HONE_N(svm_state, n_sparse_planes, 1), HONE_ONE,
               HONE_STARTS(HONE_N(svm_state, n_plane_entries, 0))),
    HONE_ARRAY(svm_state, plane_column, HONE_N(svm_state, n_plane_entries, 0), HONE_ONE, HONE_IN(0, HONE_D)),
    HONE_ARRAY(svm_state, plane_value, HONE_N(svm_state, n_plane_entries, 0), HONE_ONE, HONE_IS_FINITE),
    HONE_ARRAY(svm_state, centre, HONE_D, HONE_ONE, HONE_IS_FINITE),
    HONE_ARRAY(svm_state, support, HONE_N(svm_state, n_sv, 0), HONE_ONE,
               HONE_IN(0, HONE_N(svm_state, n_rows, 0))),
    HONE_ARRAY(svm_state, class_start, CLASS_STARTS, HONE_ONE,
               HONE_STARTS(HONE_N(svm_state, n_sv, 0))),
    HONE_ARRAY(svm_state, coef, HONE_N(svm_state, n_sv, 0), HONE_N(svm_state, n_coefs, 0), HONE_IS_FINITE),
    HONE_ARRAY(svm_state, intercept, HONE_N(svm_state, n_pairs, 0), HONE_ONE, HONE_IS_FINITE),
    HONE_ARRAY(svm_state, sigmoid_a, HONE_N(svm_state, n_sigmoids, 0), HONE_ONE, HONE_IS_FINITE),
    HONE_ARRAY(svm_state, sigmoid_b, HONE_N(svm_state, n_sigmoids, 0), HONE_ONE, HONE_IS_FINITE),
    HONE_ARRAY(svm_state, turn, HONE_N(svm_state, n_turns, 0), HONE_ONE, HONE_IN(0, HONE_C)),
    {0},
};
/* clang-format on */

static hone_scores scores(const void *params)
{
    return ((const svm_params *)params)->probability ? HONE_PROBABILITY : HONE_MARGIN;
}

static bool add_up(int64_t dense, int64_t sparse, int64_t all)
{
    return (dense == all && !sparse) || (sparse == all && !dense);
}

/* Counts that belong together; a unit that divides. */
static hone_status check(const hone_shape *shape, const void *params, const void *state,
                         hone_error *error)
{
    const svm_state *s = state;
    const svm_params *p = params;
    const int64_t k = shape->outputs;
    const bool classes = shape->task == HONE_CLASSIFICATION;
    const bool rest = classes && svm_against_rest(p, k);
    const int64_t pairs = rest ? k : classes ? k * (k - 1) / 2 : 1;
    if (s->n_coefs != (rest ? k : classes ? k - 1 : 1) || s->n_pairs != pairs)
        return hone_fail(error, HONE_CORRUPT, "model.state",
                         "n_coefs and n_pairs do not belong to %lld classes", (long long)k);
    if (s->n_sigmoids != (classes && p->probability ? pairs : 0))
        return hone_fail(error, HONE_CORRUPT, "model.state.n_sigmoids",
                         "does not belong to %lld classes", (long long)k);
    if (s->n_turns && (!classes || s->n_turns != k))
        return hone_fail(error, HONE_CORRUPT, "model.state.n_turns",
                         "does not belong to %lld classes", (long long)k);
    const bool linear = p->kernel == SVM_LINEAR;
    if (!add_up(s->n_dense, s->n_sparse, linear ? 0 : s->n_sv))
        return hone_fail(error, HONE_CORRUPT, "model.state.n_sv",
                         "dense and sparse vectors must add up, and one of them be none");
    if (!add_up(s->n_planes, s->n_sparse_planes, linear ? pairs : 0))
        return hone_fail(error, HONE_CORRUPT, "model.state.n_planes",
                         "a linear kernel has one plane a pair, all dense or all sparse");
    if (!(s->unit > 0) || isinf(s->unit) || !(s->gamma >= 0) || isinf(s->gamma))
        return hone_fail(error, HONE_CORRUPT, "model.state.unit",
                         "unit and gamma must be positive");
    return HONE_OK;
}

const hone_algorithm hone_svm = {
    .abi = HONE_ABI,
    .name = "svm",
    .summary = "Support vector machine, solved exactly, for classes and numbers.",
    .tasks = HONE_CLASSIFICATION | HONE_REGRESSION,
    .takes = HONE_TAKES_SPARSE | HONE_TAKES_WEIGHTS | HONE_WEIGHTS_COUNT | HONE_LIKES_SCALED |
             HONE_LIKES_SCALED_TARGET | HONE_STARTS_WARM,
    .params_size = sizeof(svm_params),
    .state_size = sizeof(svm_state),
    .params = PARAMS,
    .state = STATE,
    .outputs = svm_outputs,
    .fit = svm_fit,
    .predict = svm_predict,
    .check = check,
    .prepare = svm_prepare,
    .scores = scores,
    .bound = svm_bound,
    .growth = svm_growth,
    .steps = svm_steps,
};
