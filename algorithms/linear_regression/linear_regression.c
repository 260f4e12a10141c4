/* Least squares with a penalty: ridge, lasso, elastic net. The rows are read once for all penalties
 * (lib/toolbox/linear/gram.h), so every hyperparameter but the intercept selects from a family.
 */
#include "linear_regression.h"

#include <float.h>
#include <string.h>

#include "toolbox/linear/linear.h"
#include "toolbox/rows.h"

enum { ROWS = 1024 };

static const char *const PENALTIES[] = {"l2", "l1", "elasticnet", "none", NULL};
static const char *const PENALISED[] = {"l2", "l1", "elasticnet", NULL};
static const char *const MIXED[] = {"elasticnet", NULL};

/* clang-format off */
static const hone_param PARAMS[] = {
    HONE_CHOICE_PARAM(linear_params, penalty, PENALTIES,
        .help = "Penalty of the coefficients; the intercept has none.", .default_value = LINEAR_L2,
        .selects = true),
    HONE_REAL_PARAM(linear_params, alpha,
        .help = "Weight of the penalty against half the sum of squares: larger is simpler.",
        .default_value = 1, .legal = {0, 1e12}, .tune = {1e-4, 1e4}, .log = true, .selects = true,
        .when = {"penalty", PENALISED}),
    HONE_REAL_PARAM(linear_params, l1_ratio,
        .help = "Share of l1 in the elastic net penalty: 0 is l2, 1 is l1.",
        .default_value = 0.5, .legal = {0, 1}, .tune = {0, 1}, .selects = true,
        .when = {"penalty", MIXED}),
    HONE_BOOL_PARAM(linear_params, fit_intercept, .help = "Whether there is an intercept.",
        .default_value = 1, .fixed = true),
    HONE_REAL_PARAM(linear_params, tol,
        .help = "Stops when the next step would lower the objective by less than this share; 0: by "
                "nothing that doubles tell.",
        .default_value = 1e-6, .legal = {0, 1}, .selects = true),
    HONE_INT_PARAM(linear_params, max_iter, .help = "Most steps of the solver.",
        .default_value = 200, .legal = {1, 1e9}, .selects = true, .fidelity = true),
    {0},
};

static const hone_field STATE[] = {
    HONE_COUNT(linear_state, converged), HONE_COUNT(linear_state, iterations),
    HONE_COUNT(linear_state, dampings), HONE_NUMBER(linear_state, objective),
    HONE_NUMBER(linear_state, gap), HONE_NUMBER(linear_state, gradient),
    HONE_ARRAY(linear_state, coef, HONE_D, HONE_ONE, HONE_IS_FINITE),
    HONE_NUMBER(linear_state, intercept),
    {0},
};

static hone_status coefficients(const hone_output_job *job, double *out, hone_error *error)
{
    (void)error;
    const linear_state *s = job->state;
    memcpy(out, s->coef, (size_t)job->shape.features * sizeof *out);
    return HONE_OK;
}

static hone_status intercepts(const hone_output_job *job, double *out, hone_error *error)
{
    (void)error;
    const linear_state *s = job->state;
    *out = s->intercept;
    return HONE_OK;
}

static const hone_output OUTPUTS[] = {
    {"coefficients", "Growth of the answer per unit of a prepared column.", .rows = HONE_ONE,
     .cols = HONE_D, .compute = coefficients},
    {"intercepts", "Answer where all prepared columns are 0.", .rows = HONE_ONE, .cols = HONE_ONE,
     .compute = intercepts},
    {0},
};
/* clang-format on */

static hone_status fit(const hone_fit_job *job, void *state, hone_error *error)
{
    const linear_params *p = job->params;
    const linear_state *warm = job->warm_state;
    linear_state *s = state;
    const int64_t d = job->x.cols;
    const double alpha = p->penalty == LINEAR_NONE ? 0 : p->alpha;
    const double l1 = p->penalty == LINEAR_L1           ? 1
                      : p->penalty == LINEAR_ELASTICNET ? p->l1_ratio
                                                        : 0;
    double *start = warm ? HONE_RAW(job->scratch, double, d + 1, 1) : NULL;
    s->coef = HONE_NEW(job->keep, double, d, 1);
    if (!s->coef || (warm && !start))
        return hone_no_memory(error);
    if (warm) {
        memcpy(start, warm->coef, (size_t)d * sizeof *start);
        start[d] = p->fit_intercept ? warm->intercept : 0;
    }
    const hone_linear problem = {.job = job,
                                 .loss = HONE_SQUARED,
                                 .outputs = 1,
                                 .y = job->target,
                                 .weight = job->weight,
                                 .l1 = alpha * l1,
                                 .l2 = alpha * (1 - l1),
                                 .intercept = p->fit_intercept,
                                 .tol = p->tol,
                                 .max_iter = p->max_iter,
                                 .start = start};
    hone_linear_fit found;
    HONE_TRY(hone_linear_solve(&problem, &found, error));
    memcpy(s->coef, found.w, (size_t)d * sizeof *s->coef);
    s->intercept = found.w[d];
    s->converged = found.converged;
    s->iterations = found.iterations;
    s->dampings = found.dampings;
    s->objective = found.objective, s->gap = found.gap, s->gradient = found.gradient;
    if (!s->converged && hone_stopping(job->run) == HONE_GO)
        hone_log(job->run, HONE_WARNING,
                 "linear_regression did not converge: its last step was to lower the objective by "
                 "%.2g of it, after %lld steps; raise max_iter",
                 s->gap / s->objective, (long long)s->iterations);
    return HONE_OK;
}

static hone_status block(void *context, int64_t b, hone_arena *scratch, hone_error *error)
{
    (void)scratch, (void)error;
    const hone_predict_job *job = context;
    const linear_state *s = job->state;
    const int64_t first = b * ROWS, left = job->x.rows - first;
    const int64_t end = first + (left < ROWS ? left : ROWS);
    hone_rows_dot(hone_run_isa(job->run), &job->x, first, end - first, s->coef, job->score + first,
                  1);
    for (int64_t i = first; i < end; i++) {
        const double z = job->score[i] + s->intercept;
        job->score[i] = isfinite(z) ? z : copysign(DBL_MAX, z);
    }
    return HONE_OK;
}

static hone_status predict(const hone_predict_job *job, hone_error *error)
{
    hone_predict_job copy = *job;
    return hone_for_blocks(job->run, (job->x.rows + ROWS - 1) / ROWS, block, &copy, error);
}

static int64_t bound(const hone_fit_job *job)
{
    return hone_linear_bound(job, 1);
}

const hone_algorithm hone_linear_regression = {
    .abi = HONE_ABI,
    .name = "linear_regression",
    .summary = "Linear model of a number: ridge, lasso, elastic net or least squares.",
    .tasks = HONE_REGRESSION,
    .takes = HONE_TAKES_SPARSE | HONE_TAKES_WEIGHTS | HONE_WEIGHTS_COUNT | HONE_LIKES_SCALED |
             HONE_STARTS_WARM,
    .params_size = sizeof(linear_params),
    .state_size = sizeof(linear_state),
    .params = PARAMS,
    .state = STATE,
    .outputs = OUTPUTS,
    .fit = fit,
    .predict = predict,
    .bound = bound,
};
