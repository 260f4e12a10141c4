/* The linear core (lib/toolbox/linear) with the labels of one machine after the other. Rows of
 * other classes have weight 0, which is as if they were absent.
 */
#include "primal.h"

#include <string.h>

#include "parts.h"
#include "planes.h"
#include "toolbox/linear/linear.h"
#include "toolbox/rows.h"

typedef struct machine {
    sides of;
    const double *w; /* d, then the intercept */
    sigmoid sigmoid; /* when probabilities are asked for */
} machine;

typedef struct primal {
    const hone_fit_job *job;
    const svm_params *params;
    bool rest;
    const double *all;  /* n: weights, by class where `balanced` */
    double *weight, *y; /* n: of the machine at work */
    machine *machine;
    int64_t count;
    svm_state *state;
} primal;

/* ---- one machine ---- */

static bool belongs(const machine *m, int32_t label)
{
    return m->of.b < 0 || label == m->of.a || label == m->of.b;
}

static double own_weight(const hone_fit_job *job, int64_t i)
{
    return job->weight ? job->weight[i] : 1;
}

/* Weights and sides of the rows; gives the sum of the weights. */
static double face(const primal *p, const machine *m)
{
    const hone_fit_job *job = p->job;
    double sum = 0;
    for (int64_t i = 0; i < job->x.rows; i++) {
        const int32_t label = job->label[i];
        p->y[i] = label == m->of.a ? 1 : -1;
        p->weight[i] = belongs(m, label) ? p->all[i] : 0;
        sum += p->weight[i];
    }
    return sum;
}

static hone_status solve(const primal *p, const double *weight, hone_linear_fit *found,
                         hone_error *error)
{
    const hone_linear task = {.job = p->job,
                              .loss = HONE_SQUARED_HINGE,
                              .outputs = 1,
                              .y = p->y,
                              .weight = weight,
                              .l2 = 1 / p->params->C,
                              .intercept = true,
                              .tol = p->params->tol,
                              .max_iter = p->params->max_iter};
    return hone_linear_solve(&task, found, error);
}

/* Decisions of the rows of fold f, by a machine that has not seen them; 0 where no row is left. */
static hone_status decide(const primal *p, int32_t f, const int32_t *fold, const int64_t *row,
                          int64_t count, double *decision, hone_error *error)
{
    const hone_fit_job *job = p->job;
    const int64_t n = job->x.rows, d = job->x.cols;
    double *weight = HONE_RAW(job->scratch, double, n, 1);
    if (!weight)
        return hone_no_memory(error);
    memcpy(weight, p->weight, (size_t)n * sizeof *weight);
    bool left = false;
    for (int64_t i = 0; i < count; i++) {
        if (fold[i] == f)
            weight[row[i]] = 0, decision[i] = 0;
        left = left || weight[row[i]] > 0;
    }
    if (!left)
        return HONE_OK;
    hone_linear_fit found;
    HONE_TRY(solve(p, weight, &found, error));
    for (int64_t i = 0; i < count; i++)
        if (fold[i] == f)
            hone_rows_dot(hone_run_isa(job->run), &job->x, row[i], 1, found.w, decision + i, 1);
    for (int64_t i = 0; i < count; i++)
        if (fold[i] == f)
            decision[i] += found.w[d];
    return HONE_OK;
}

static hone_status calibrate(const primal *p, machine *m, hone_error *error)
{
    const hone_fit_job *job = p->job;
    const int64_t n = job->x.rows;
    int64_t *row = HONE_RAW(job->scratch, int64_t, n, 1), count = 0;
    int64_t *order = HONE_RAW(job->scratch, int64_t, n, 1);
    int32_t *fold = HONE_RAW(job->scratch, int32_t, n, 1);
    double *decision = HONE_NEW(job->scratch, double, n, 1);
    double *weight = HONE_RAW(job->scratch, double, n, 1);
    signed char *sign = HONE_RAW(job->scratch, signed char, n, 1);
    if (!row || !order || !fold || !decision || !weight || !sign)
        return hone_no_memory(error);
    for (int64_t i = 0; i < n; i++)
        if (p->weight[i] > 0) {
            sign[count] = (signed char)p->y[i];
            weight[count] = own_weight(job, i);
            row[count++] = i;
        }
    sigmoid_deal(sign, count, order, fold);
    for (int32_t f = 0; f < SIGMOID_FOLDS; f++)
        HONE_TRY(decide(p, f, fold, row, count, decision, error));
    m->sigmoid = sigmoid_fit(decision, sign, weight, count);
    return HONE_OK;
}

static hone_status train(primal *p, machine *m, hone_error *error)
{
    const double total = face(p, m), C = p->params->C;
    svm_state *s = p->state;
    hone_linear_fit found;
    HONE_TRY(solve(p, p->weight, &found, error));
    m->w = found.w;
    s->converged = s->converged && found.converged;
    s->iterations += found.iterations;
    s->gap = fmax(s->gap, fmin(found.gap * total * C, 0x1p1000));
    s->objective -= fmin(found.objective * total * C, 0x1p1000); /* the dual's is its negative */
    return p->params->probability ? calibrate(p, m, error) : HONE_OK;
}

/* ---- all of them ---- */

/* Of classes that have rows. */
static hone_status list_machines(primal *p, bool *present, hone_error *error)
{
    const hone_fit_job *job = p->job;
    for (int64_t i = 0; i < job->x.rows; i++)
        present[job->label[i]] = present[job->label[i]] || own_weight(job, i) > 0;
    const sides *of = svm_list_sides(present, job->shape.outputs, p->rest, job->scratch, &p->count);
    p->machine = HONE_NEW(job->scratch, machine, p->count, 1);
    if (!of || !p->machine)
        return hone_no_memory(error);
    for (int64_t i = 0; i < p->count; i++)
        p->machine[i].of = of[i];
    return HONE_OK;
}

static hone_status make_room(const primal *p, svm_state *s, hone_error *error)
{
    const int64_t k = p->job->shape.outputs;
    hone_arena *const keep = p->job->keep;
    s->n_rows = p->job->x.rows, s->gamma = s->unit = 1;
    s->n_coefs = p->rest ? k : k - 1;
    s->n_pairs = p->rest ? k : k * (k - 1) / 2;
    s->n_sigmoids = p->params->probability ? s->n_pairs : 0;
    s->sparse_start = HONE_NEW(keep, int64_t, 1, 1);
    s->centre = HONE_NEW(keep, double, p->job->x.cols, 1);
    s->class_start = HONE_NEW(keep, int64_t, k + 1, 1);
    s->intercept = HONE_NEW(keep, double, s->n_pairs, 1);
    s->sigmoid_a = HONE_NEW(keep, double, s->n_sigmoids, 1);
    s->sigmoid_b = HONE_NEW(keep, double, s->n_sigmoids, 1);
    return s->sparse_start && s->centre && s->class_start && s->intercept && s->sigmoid_a &&
                   s->sigmoid_b
               ? HONE_OK
               : hone_no_memory(error);
}

static int64_t pair_of(const primal *p, const machine *m)
{
    return p->rest ? m->of.a : svm_pair(m->of.a, m->of.b, p->job->shape.outputs);
}

static int64_t plane_of(const void *context, int64_t i, double *w)
{
    const primal *p = context;
    memcpy(w, p->machine[i].w, (size_t)(p->job->x.cols + 1) * sizeof *w);
    return pair_of(p, &p->machine[i]);
}

hone_status svm_primal(const hone_fit_job *job, svm_state *s, hone_error *error)
{
    const svm_params *params = job->params;
    const int64_t n = job->x.rows, k = job->shape.outputs;
    primal p = {.job = job, .params = params, .rest = svm_against_rest(params, k), .state = s};
    if (params->formulation != SVM_FORMULATION_C)
        return hone_fail(error, HONE_UNSUPPORTED, "config.svm:loss",
                         "squared_hinge goes with formulation = c");
    bool *present = HONE_NEW(job->scratch, bool, k, 1);
    p.all = svm_weights(job, params);
    p.weight = HONE_RAW(job->scratch, double, n, 1);
    p.y = HONE_RAW(job->scratch, double, n, 1);
    if (!present || !p.all || !p.weight || !p.y)
        return hone_no_memory(error);
    svm_tell_cold(job);
    HONE_TRY(list_machines(&p, present, error));
    s->converged = 1;
    for (int64_t v = 0; v < p.count; v++)
        HONE_TRY(train(&p, &p.machine[v], error));
    HONE_TRY(make_room(&p, s, error));
    HONE_TRY(planes_keep(job, p.count, plane_of, &p, s, error));
    for (int64_t v = 0; v < p.count && s->n_sigmoids; v++) {
        const int64_t pair = pair_of(&p, &p.machine[v]);
        s->sigmoid_a[pair] = p.machine[v].sigmoid.a, s->sigmoid_b[pair] = p.machine[v].sigmoid.b;
    }
    svm_settle_absent(k, p.rest, present, s);
    if (!s->converged)
        hone_log(job->run, HONE_WARNING,
                 "svm did not converge: gap %.3g after %lld steps; raise max_iter or tol", s->gap,
                 (long long)s->iterations);
    return HONE_OK;
}

double svm_primal_bound(const hone_fit_job *job)
{
    const svm_params *p = job->params;
    const int64_t k = job->shape.outputs, machines = svm_against_rest(p, k) ? k : k * (k - 1) / 2;
    const double n = (double)job->x.rows, d = (double)job->x.cols;
    const double fits = (double)machines * (p->probability ? 1 + SIGMOID_FOLDS : 1);
    const double each = (double)hone_linear_bound(job, 1) + n * 8 + d * 8;
    return fits * each + (double)machines * n * 40 + n * 24;
}
