/* From a job to linear problems and back: one for two classes or a softmax, one a class for
 * one-against-the-rest. */
#include "logistic.h"

#include <string.h>

#include "toolbox/linear/linear.h"

enum { MOST_LEADS = 1 << 23 }; /* numbers in what the models of a fit begin from */

/* Weights of the loss: the rows' own, with `balanced` times total / (classes * total of the class),
 * classes without weight left out. */
static hone_status weigh(const hone_fit_job *job, double *out, hone_error *error)
{
    const logistic_params *p = job->params;
    const int64_t n = job->x.rows, c = job->shape.outputs;
    double *total = HONE_NEW(job->scratch, double, c, 1);
    if (!total)
        return hone_no_memory(error);
    double all = 0, present = 0;
    for (int64_t i = 0; i < n; i++) {
        out[i] = job->weight ? job->weight[i] : 1;
        total[job->label[i]] += out[i];
        all += out[i];
    }
    for (int64_t k = 0; k < c; k++)
        present += total[k] > 0;
    for (int64_t i = 0; i < n; i++) {
        if (p->class_weight == CLASS_WEIGHT_BALANCED && out[i] > 0)
            out[i] = out[i] / total[job->label[i]] * (all / present);
    }
    return HONE_OK;
}

static double share_of_l1(const logistic_params *p)
{
    return p->penalty == PENALTY_L1 ? 1 : p->penalty == PENALTY_ELASTICNET ? p->l1_ratio : 0;
}

/* Against a loss of weight 1. */
static double penalty_of(const logistic_params *p, double share)
{
    return p->penalty == PENALTY_NONE || share == 0 ? 0 : share / p->C;
}

static void keep_coefficients(logistic_state *s, int64_t k, int64_t d, const double *w)
{
    memcpy(s->coef + k * d, w, (size_t)d * sizeof *w);
    s->intercept[k] = w[d];
}

/* Solves `problem` for models [first, first + outputs) of the state. */
static hone_status solve(const hone_fit_job *job, hone_linear *problem, int64_t first,
                         int32_t positive, logistic_state *s, hone_error *error)
{
    const logistic_params *p = job->params;
    const int64_t d = job->x.cols, rows = problem->outputs;
    early watch;
    const bool watched = p->early_stopping && job->valid_x.rows > 0;
    /* Where a watched fit ends depends on where it begins, and so does one without a penalty, which
     * has no optimum when the classes are apart: at what the caller names, or cold. */
    const bool strays = watched || p->penalty == PENALTY_NONE;
    const logistic_state *warm = strays && job->warm_same_rows ? NULL : job->warm_state;
    double *start = warm ? HONE_NEW(job->scratch, double, rows, d + 1) : NULL;
    if ((warm && !start) || (watched && !early_open(&watch, job, rows, positive)))
        return hone_no_memory(error);
    for (int64_t k = 0; k < rows && warm; k++) {
        memcpy(start + k * (d + 1), warm->coef + (first + k) * d, (size_t)d * sizeof *start);
        start[k * (d + 1) + d] = p->fit_intercept ? warm->intercept[first + k] : 0;
    }
    problem->start = start;
    problem->enough = watched ? early_enough : NULL, problem->context = &watch;
    hone_linear_fit fit;
    HONE_TRY(hone_linear_solve(problem, &fit, error));
    const double *w = watched && watch.stale ? watch.best : fit.w;
    for (int64_t k = 0; k < rows; k++)
        keep_coefficients(s, first + k, d, w + k * (d + 1));
    s->converged = s->converged && (fit.converged || (watched && watch.stale >= watch.patience));
    s->iterations = fit.iterations > s->iterations ? fit.iterations : s->iterations;
    s->dampings += fit.dampings;
    s->objective += fit.objective;
    s->gap = fmax(s->gap, fit.gap);
    s->gradient = fmax(s->gradient, fit.gradient);
    return HONE_OK;
}

static bool is_softmax(const hone_fit_job *job)
{
    const logistic_params *p = job->params;
    return job->shape.outputs > 2 && p->multi_class == MULTI_CLASS_MULTINOMIAL;
}

/* Of one model, or with a softmax of all. */
static hone_linear problem_of(const hone_fit_job *job, const double *weight, const double *y)
{
    const logistic_params *p = job->params;
    const bool softmax = is_softmax(job);
    const double l1 = share_of_l1(p);
    return (hone_linear){.job = job,
                         .loss = softmax ? HONE_SOFTMAX : HONE_LOGISTIC,
                         .outputs = softmax ? job->shape.outputs : 1,
                         .label = softmax ? job->label : NULL,
                         .y = y,
                         .weight = weight,
                         .l1 = penalty_of(p, l1),
                         .l2 = penalty_of(p, 1 - l1),
                         .intercept = p->fit_intercept,
                         .tol = p->tol,
                         .max_iter = p->max_iter};
}

static void face(const hone_fit_job *job, int32_t positive, double *y)
{
    for (int64_t i = 0; i < job->x.rows; i++)
        y[i] = job->label[i] == positive ? 1 : -1;
}

/* Where fits of all penalties begin: a softmax, or class key[0] against the rest. */
static hone_status build_lead(const hone_fit_job *job, const int64_t key[HONE_KEY], void *object,
                              hone_error *error)
{
    const int64_t n = job->x.rows;
    double *weight = HONE_RAW(job->scratch, double, n, 1);
    double *y = is_softmax(job) ? NULL : HONE_RAW(job->scratch, double, n, 1);
    if (!weight || (!is_softmax(job) && !y))
        return hone_no_memory(error);
    HONE_TRY(weigh(job, weight, error));
    if (y)
        face(job, (int32_t)key[0], y);
    const hone_linear problem = problem_of(job, weight, y);
    return hone_linear_lead(&problem, object, error);
}

static const hone_recipe LEAD = {"logistic.lead/2", HONE_OF_FIT, sizeof(hone_gram), build_lead};

static void report(const hone_fit_job *job, const logistic_state *s)
{
    if (!s->converged && hone_stopping(job->run) == HONE_GO)
        hone_log(job->run, HONE_WARNING,
                 "logistic_regression did not converge: its last step was to lower the objective "
                 "by %.2g of it, after %lld steps; raise max_iter",
                 s->gap / s->objective, (long long)s->iterations);
}

hone_status logistic_fit(const hone_fit_job *job, void *state, hone_error *error)
{
    logistic_state *s = state;
    const int64_t n = job->x.rows, c = job->shape.outputs, size = job->x.cols + 1;
    const bool binary = c == 2, softmax = is_softmax(job);
    s->n_rows = binary ? 1 : c;
    s->converged = 1;
    s->coef = HONE_NEW(job->keep, double, s->n_rows, job->x.cols);
    s->intercept = HONE_NEW(job->keep, double, s->n_rows, 1);
    double *weight = HONE_RAW(job->scratch, double, n, 1);
    double *y = softmax ? NULL : HONE_RAW(job->scratch, double, n, 1);
    if (!s->coef || !s->intercept || !weight || (!softmax && !y))
        return hone_no_memory(error);
    if (c == 1) /* its probability is 1 whatever the coefficients */
        return HONE_OK;
    HONE_TRY(weigh(job, weight, error));
    hone_linear problem = problem_of(job, weight, y);
    problem.lead = softmax || s->n_rows * size <= MOST_LEADS / size ? &LEAD : NULL;
    if (softmax)
        HONE_TRY(solve(job, &problem, 0, -1, s, error));
    for (int64_t k = 0; k < s->n_rows && !softmax; k++) {
        const int32_t positive = (int32_t)(binary ? 1 : k);
        face(job, positive, y);
        problem.lead_key = positive;
        HONE_TRY(solve(job, &problem, k, positive, s, error));
    }
    report(job, s);
    return HONE_OK;
}
