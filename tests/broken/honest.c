#include "honest.h"

#include <stdint.h>
#include <string.h>

static const char *const NONE[] = {"none", NULL};
static const char *const YES[] = {"true", NULL};

/* clang-format off */
const hone_param honest_table[] = {
    HONE_REAL_PARAM(honest_params, alpha, .help = "Ridge penalty.", .default_value = 1e-3,
        .legal = {0, 1e9, HONE_OPEN_LOW}, .tune = {1e-6, 10}, .log = true),
    HONE_INT_PARAM(honest_params, sweeps, .help = "Sweeps of the solver.", .default_value = 100,
        .legal = {1, 100000}, .tune = {10, 200}, .fidelity = true),
    HONE_BOOL_PARAM(honest_params, centre, .help = "Takes the means off.", .default_value = 1),
    HONE_REAL_PARAM(honest_params, shift, .help = "Added to the means.", .legal = {-1, 1},
        .when = {"centre", YES}),
    HONE_AMOUNT_PARAM(honest_params, depth, NONE, .help = "Not looked at.", .default_word = "none",
        .legal = {0, 1, HONE_OPEN_LOW}, .legal_count = {1, 64}),
    {0},
};

const hone_field honest_fields[] = {
    HONE_COUNT(honest_state, converged), HONE_COUNT(honest_state, rows),
    HONE_ARRAY(honest_state, weight, HONE_C, HONE_D, HONE_IS_FINITE),
    HONE_ARRAY(honest_state, bias, HONE_C, HONE_ONE, HONE_IS_FINITE),
    {0},
};
/* clang-format on */

static hone_status stop(const hone_run *run, hone_error *error)
{
    return hone_stopping(run) == HONE_GO ? HONE_OK
                                         : hone_fail(error, HONE_STOPPED, "run", "asked to stop");
}

static double weight_of(const hone_fit_job *job, int64_t i)
{
    return job->weight ? job->weight[i] : 1;
}

/* ---- classes ---- */

static hone_status fit_centroids(const hone_fit_job *job, honest_state *s, double *row,
                                 hone_error *error)
{
    const int64_t d = job->shape.features, c = job->shape.outputs;
    double *total = HONE_NEW(job->scratch, double, c, 1);
    if (!total)
        return hone_no_memory(error);
    for (int64_t i = 0; i < job->x.rows; i++) {
        const double *x = hone_row_f64(&job->x, i, row), w = weight_of(job, i);
        const int32_t k = job->label[i];
        total[k] += w;
        for (int64_t j = 0; j < d; j++)
            s->weight[k * d + j] += w * x[j];
        HONE_TRY(stop(job->run, error));
    }
    for (int64_t k = 0; k < c; k++) {
        s->bias[k] = total[k] > 0 ? 0 : -1e300;
        for (int64_t j = 0; j < d && total[k] > 0; j++) {
            double *v = &s->weight[k * d + j];
            *v /= total[k];
            s->bias[k] -= *v * *v / 2;
        }
    }
    return HONE_OK;
}

/* ---- amounts ---- */

typedef struct normal {
    double *a, *b, *mean; /* X'WX, X'Wy, means of columns */
    double y;             /* mean of the target */
} normal;

static hone_status fill(const hone_fit_job *job, normal *n, double *row, hone_error *error)
{
    const int64_t d = job->shape.features;
    double total = 0;
    for (int64_t i = 0; i < job->x.rows; i++) {
        const double *x = hone_row_f64(&job->x, i, row), w = weight_of(job, i);
        total += w;
        n->y += w * job->target[i];
        for (int64_t j = 0; j < d; j++)
            n->mean[j] += w * x[j];
    }
    n->y /= total;
    for (int64_t j = 0; j < d; j++)
        n->mean[j] /= total;
    for (int64_t i = 0; i < job->x.rows; i++) {
        const double *x = hone_row_f64(&job->x, i, row), w = weight_of(job, i) / total;
        for (int64_t j = 0; j < d; j++) {
            const double v = w * (x[j] - n->mean[j]);
            n->b[j] += v * (job->target[i] - n->y);
            for (int64_t k = 0; k < d; k++)
                n->a[j * d + k] += v * (x[k] - n->mean[k]);
        }
        HONE_TRY(stop(job->run, error));
    }
    return HONE_OK;
}

static hone_status fit_ridge(const hone_fit_job *job, honest_state *s, double *row,
                             hone_error *error)
{
    const honest_params *p = job->params;
    const int64_t d = job->shape.features;
    normal n = {HONE_NEW(job->scratch, double, d, d), HONE_NEW(job->scratch, double, d, 1),
                HONE_NEW(job->scratch, double, d, 1), 0};
    if (!n.a || !n.b || !n.mean)
        return hone_no_memory(error);
    HONE_TRY(fill(job, &n, row, error));
    for (int64_t sweep = 0; sweep < p->sweeps; sweep++) {
        for (int64_t j = 0; j < d; j++) {
            double rest = n.b[j];
            for (int64_t k = 0; k < d; k++)
                rest -= k == j ? 0 : n.a[j * d + k] * s->weight[k];
            s->weight[j] = rest / (n.a[j * d + j] * (1 + p->alpha) + p->alpha);
        }
        HONE_TRY(stop(job->run, error));
    }
    s->bias[0] = n.y;
    for (int64_t j = 0; j < d; j++)
        s->bias[0] -= s->weight[j] * n.mean[j];
    return HONE_OK;
}

hone_status honest_fit(const hone_fit_job *job, void *state, hone_error *error)
{
    honest_state *s = state;
    s->converged = 1, s->rows = job->x.rows;
    s->weight = HONE_NEW(job->keep, double, job->shape.outputs, job->shape.features);
    s->bias = HONE_NEW(job->keep, double, job->shape.outputs, 1);
    double *row = HONE_NEW(job->scratch, double, job->shape.features, 1);
    if (!s->weight || !s->bias || !row)
        return hone_no_memory(error);
    return job->label ? fit_centroids(job, s, row, error) : fit_ridge(job, s, row, error);
}

/* ---- predict ---- */

enum { ROWS = 64 };

double honest_score(const hone_predict_job *job, const double *row, int64_t k)
{
    const honest_state *s = job->state;
    const double *w = s->weight + k * job->shape.features;
    double sum = s->bias[k];
    for (int64_t j = 0; j < job->shape.features; j++)
        sum += w[j] * row[j];
    return sum;
}

static hone_status score_rows(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    const hone_predict_job *job = *(const hone_predict_job *const *)context;
    double *buffer = HONE_NEW(scratch, double, job->shape.features, 1);
    if (!buffer)
        return hone_no_memory(error);
    for (int64_t i = block * ROWS; i < (block + 1) * ROWS && i < job->x.rows; i++) {
        const double *row = hone_row_f64(&job->x, i, buffer);
        for (int64_t k = 0; k < job->shape.outputs; k++)
            job->score[i * job->shape.outputs + k] = honest_score(job, row, k);
    }
    return HONE_OK;
}

hone_status honest_predict(const hone_predict_job *job, hone_error *error)
{
    return hone_for_blocks(job->run, (job->x.rows + ROWS - 1) / ROWS, score_rows, &job, error);
}

hone_scores honest_scores(const void *params)
{
    (void)params;
    return HONE_MARGIN;
}

const hone_algorithm hone_honest = HONEST("honest", HONEST_TAKES, honest_fit, honest_predict);
