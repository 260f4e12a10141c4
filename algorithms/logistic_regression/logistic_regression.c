/* The tables of this module. README.md has the formulas. */
#include "logistic.h"

#include <string.h>

#include "toolbox/linear/linear.h"

static const char *const PENALTIES[] = {"l2", "l1", "elasticnet", "none", NULL};
static const char *const MULTI_CLASS[] = {"multinomial", "ovr", NULL};
static const char *const CLASS_WEIGHTS[] = {"none", "balanced", NULL};
static const char *const PENALISED[] = {"l2", "l1", "elasticnet", NULL};
static const char *const MIXED[] = {"elasticnet", NULL};
static const char *const YES[] = {"true", NULL};

/* clang-format off */
static const hone_param PARAMS[] = {
    HONE_CHOICE_PARAM(logistic_params, penalty, PENALTIES,
        .help = "Penalty of the coefficients; the intercept has none.", .default_value = PENALTY_L2,
        .selects = true),
    HONE_REAL_PARAM(logistic_params, C,
        .help = "Weight of the loss against the penalty: smaller is simpler.",
        .default_value = 1, .legal = {0, 1e12, HONE_OPEN_LOW}, .tune = {1e-4, 1e4}, .log = true,
        .selects = true, .when = {"penalty", PENALISED}),
    HONE_REAL_PARAM(logistic_params, l1_ratio,
        .help = "Share of l1 in the elastic net penalty: 0 is l2, 1 is l1.",
        .default_value = 0.5, .legal = {0, 1}, .tune = {0, 1}, .selects = true,
        .when = {"penalty", MIXED}),
    HONE_BOOL_PARAM(logistic_params, fit_intercept, .help = "Whether there is an intercept.",
        .default_value = 1, .fixed = true),
    HONE_CHOICE_PARAM(logistic_params, class_weight, CLASS_WEIGHTS,
        .help = "balanced gives every class the same weight in sum.",
        .default_value = CLASS_WEIGHT_NONE),
    HONE_CHOICE_PARAM(logistic_params, multi_class, MULTI_CLASS,
        .help = "More than two classes: one softmax, or one model a class against the rest.",
        .default_value = MULTI_CLASS_MULTINOMIAL),
    HONE_REAL_PARAM(logistic_params, tol,
        .help = "Stops when the next step would lower the objective by less than this share; 0: by "
                "nothing that doubles tell.",
        .default_value = 1e-4, .legal = {0, 1}, .selects = true),
    HONE_INT_PARAM(logistic_params, max_iter, .help = "Most steps of the solver.",
        .default_value = 200, .legal = {1, 1e9}, .selects = true, .fidelity = true),
    HONE_BOOL_PARAM(logistic_params, early_stopping,
        .help = "Stops when the loss on the validation rows no longer falls.",
        .default_value = 0, .fixed = true),
    HONE_INT_PARAM(logistic_params, n_iter_no_change,
        .help = "Steps without a lower validation loss that early stopping waits for.",
        .default_value = 5, .legal = {1, 1e9}, .when = {"early_stopping", YES}),
    {0},
};

#define ROWS HONE_N(logistic_state, n_rows, 0)

static const hone_field STATE[] = {
    HONE_COUNT(logistic_state, n_rows), HONE_COUNT(logistic_state, converged),
    HONE_COUNT(logistic_state, iterations), HONE_COUNT(logistic_state, dampings),
    HONE_NUMBER(logistic_state, objective), HONE_NUMBER(logistic_state, gap),
    HONE_NUMBER(logistic_state, gradient),
    HONE_ARRAY(logistic_state, coef, ROWS, HONE_D, HONE_IS_FINITE),
    HONE_ARRAY(logistic_state, intercept, ROWS, HONE_ONE, HONE_IS_FINITE),
    {0},
};

static hone_status coefficients(const hone_output_job *job, double *out, hone_error *error)
{
    (void)error;
    const logistic_state *s = job->state;
    memcpy(out, s->coef, (size_t)(s->n_rows * job->shape.features) * sizeof *out);
    return HONE_OK;
}

static hone_status intercepts(const hone_output_job *job, double *out, hone_error *error)
{
    (void)error;
    const logistic_state *s = job->state;
    memcpy(out, s->intercept, (size_t)s->n_rows * sizeof *out);
    return HONE_OK;
}

static const hone_output OUTPUTS[] = {
    {"coefficients", "Growth of a class's margin per unit of a prepared column.", .rows = ROWS,
     .cols = HONE_D, .compute = coefficients},
    {"intercepts", "Margin of a class where all prepared columns are 0.", .rows = ROWS,
     .cols = HONE_ONE, .compute = intercepts},
    {0},
};
/* clang-format on */

static hone_status check(const hone_shape *shape, const void *params, const void *state,
                         hone_error *error)
{
    (void)params;
    const logistic_state *s = state;
    const int64_t expected = shape->outputs == 2 ? 1 : shape->outputs;
    return s->n_rows == expected
               ? HONE_OK
               : hone_fail(error, HONE_CORRUPT, "state.n_rows", "must be %lld, got %lld",
                           (long long)expected, (long long)s->n_rows);
}

/* One against the rest solves a problem a class in the same memory. */
static int64_t bound(const hone_fit_job *job)
{
    const logistic_params *p = job->params;
    const int64_t c = job->shape.outputs;
    const int64_t stop = 64 * c * (job->x.cols + job->valid_x.rows);
    if (c == 2)
        return hone_linear_bound(job, 1) + stop;
    return p->multi_class == MULTI_CLASS_MULTINOMIAL ? hone_linear_bound(job, c) + stop
                                                     : c * hone_linear_bound(job, 1) + stop;
}

const hone_algorithm hone_logistic_regression = {
    .abi = HONE_ABI,
    .name = "logistic_regression",
    .summary = "Linear classifier with probabilities: the loss is the negative log-likelihood.",
    .tasks = HONE_CLASSIFICATION,
    .takes = HONE_TAKES_SPARSE | HONE_TAKES_WEIGHTS | HONE_WEIGHTS_COUNT | HONE_LIKES_SCALED |
             HONE_STARTS_WARM,
    .params_size = sizeof(logistic_params),
    .state_size = sizeof(logistic_state),
    .params = PARAMS,
    .state = STATE,
    .outputs = OUTPUTS,
    .fit = logistic_fit,
    .predict = logistic_predict,
    .check = check,
    .bound = bound,
};
