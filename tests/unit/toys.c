#include "toys.h"

#include "hone/derived.h"

#include <time.h>

#include "toolbox/rows.h"

/* ---- centroid ---- */

typedef struct centroid_params {
    int64_t limit;
    bool probability;
} centroid_params;

typedef struct centroid_state {
    int64_t iterations, converged;
    double *centre; /* outputs x features; slope and intercept when regressing */
} centroid_state;

static const hone_param centroid_table[] = {
    HONE_INT_PARAM(centroid_params, limit, .help = "Rows that are looked at.", .default_value = 1,
                   .legal = {1, 1e9}, .tune = {1, 100}),
    HONE_BOOL_PARAM(centroid_params, probability, .help = "Scores are probabilities.",
                    .tasks = HONE_CLASSIFICATION),
    {0}};

static const hone_field centroid_fields[] = {HONE_COUNT(centroid_state, iterations),
                                             HONE_COUNT(centroid_state, converged),
                                             HONE_ARRAY(centroid_state, centre, HONE_C,
                                                        HONE_N(centroid_state, iterations, 0),
                                                        HONE_IS_FINITE),
                                             {0}};

static void fit_line(const hone_fit_job *job, double *centre)
{
    double mx = 0, my = 0, xy = 0, xx = 1e-9;
    const double n = (double)job->x.rows;
    for (int64_t i = 0; i < job->x.rows; i++) {
        double row[256];
        hone_rows_f64(&job->x, i, 1, row, 256);
        mx += row[0] / n, my += job->target[i] / n;
    }
    for (int64_t i = 0; i < job->x.rows; i++) {
        double row[256];
        hone_rows_f64(&job->x, i, 1, row, 256);
        xy += (row[0] - mx) * (job->target[i] - my), xx += (row[0] - mx) * (row[0] - mx);
    }
    centre[0] = xy / xx, centre[1] = my - centre[0] * mx;
}

static hone_status fit_centroid(const hone_fit_job *job, void *state, hone_error *error)
{
    const centroid_params *p = job->params;
    centroid_state *s = state;
    const int64_t d = job->shape.features, c = job->shape.outputs;
    if (p->limit > job->x.rows)
        HONE_TRY(hone_adjust(job->run, "limit", (double)job->x.rows, error));
    s->converged = 1;
    s->iterations = job->label ? d : 2;
    s->centre = HONE_NEW(job->keep, double, c, s->iterations);
    double *row = HONE_NEW(job->scratch, double, d, 1),
           *count = HONE_NEW(job->scratch, double, c, 1);
    if (!s->centre || !row || !count)
        return hone_no_memory(error);
    if (!job->label) {
        fit_line(job, s->centre);
        return HONE_OK;
    }
    for (int64_t i = 0; i < job->x.rows; i++) {
        const int32_t k = job->label[i];
        hone_rows_f64(&job->x, i, 1, row, d);
        count[k] += 1;
        for (int64_t j = 0; j < d; j++)
            s->centre[k * d + j] += row[j];
    }
    for (int64_t k = 0; k < c; k++)
        for (int64_t j = 0; j < d && count[k] > 0; j++)
            s->centre[k * d + j] /= count[k];
    hone_work(job->run, job->x.rows * d);
    return HONE_OK;
}

static void score_row(const hone_shape *shape, const centroid_params *p, const centroid_state *s,
                      const double *row, double *score)
{
    if (shape->task == HONE_REGRESSION) {
        *score = s->centre[0] * row[0] + s->centre[1];
        return;
    }
    double sum = 0;
    for (int64_t k = 0; k < shape->outputs; k++) {
        double d2 = 0;
        for (int64_t j = 0; j < shape->features; j++)
            d2 += (row[j] - s->centre[k * shape->features + j]) *
                  (row[j] - s->centre[k * shape->features + j]);
        score[k] = p->probability ? exp(-fmin(d2, 100)) : -d2;
        sum += score[k];
    }
    for (int64_t k = 0; k < shape->outputs && p->probability; k++)
        score[k] /= sum;
}

typedef struct scoring {
    const hone_predict_job *job;
} scoring;

enum { ROWS = 16 };

static hone_status score_block(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    const hone_predict_job *job = ((const scoring *)context)->job;
    double *row = HONE_NEW(scratch, double, job->shape.features, 1);
    if (!row)
        return hone_no_memory(error);
    for (int64_t i = block * ROWS; i < (block + 1) * ROWS && i < job->x.rows; i++) {
        hone_rows_f64(&job->x, i, 1, row, job->shape.features);
        score_row(&job->shape, job->params, job->state, row, job->score + i * job->shape.outputs);
    }
    return HONE_OK;
}

static hone_status predict_centroid(const hone_predict_job *job, hone_error *error)
{
    scoring s = {job};
    return hone_for_blocks(job->run, (job->x.rows + ROWS - 1) / ROWS, score_block, &s, error);
}

static hone_scores centroid_scores(const void *params)
{
    return ((const centroid_params *)params)->probability ? HONE_PROBABILITY : HONE_MARGIN;
}

static hone_status centroid_oob(const hone_output_job *job, double *out, hone_error *error)
{
    const int64_t c = job->shape.outputs;
    double *row = HONE_NEW(job->scratch, double, job->shape.features, 1);
    if (!row)
        return hone_no_memory(error);
    for (int64_t i = 0; i < job->x.rows; i++) {
        hone_rows_f64(&job->x, i, 1, row, job->shape.features);
        score_row(&job->shape, job->params, job->state, row, out + i * c);
        for (int64_t k = 0; k < c && i % 3 == 0; k++)
            out[i * c + k] = NAN;
    }
    return HONE_OK;
}

static const hone_output centroid_outputs[] = {{.name = "oob_score",
                                                .help = "Out-of-bag scores.",
                                                .rows = {HONE_PLAIN, 0, 0},
                                                .cols = HONE_C,
                                                .needs_x = true,
                                                .needs_training = true,
                                                .compute = centroid_oob},
                                               {0}};

const hone_algorithm toy_centroid = {.abi = HONE_ABI,
                                     .name = "centroid",
                                     .summary = "Nearest centroid.",
                                     .tasks = HONE_CLASSIFICATION | HONE_REGRESSION,
                                     .takes = HONE_TAKES_WEIGHTS,
                                     .params_size = sizeof(centroid_params),
                                     .state_size = sizeof(centroid_state),
                                     .params = centroid_table,
                                     .state = centroid_fields,
                                     .outputs = centroid_outputs,
                                     .fit = fit_centroid,
                                     .predict = predict_centroid,
                                     .scores = centroid_scores};

/* ---- slow ---- */

typedef struct slow_params {
    int64_t steps, first;
    bool share;
} slow_params;

typedef struct slow_state {
    int64_t iterations, converged;
    double *value;
} slow_state;

static const hone_param slow_table[] = {
    HONE_INT_PARAM(slow_params, steps, .help = "Steps.", .default_value = 10, .legal = {1, 1e6},
                   .tune = {1, 10}, .fidelity = true, .fidelity_default = true),
    HONE_INT_PARAM(slow_params, first, .help = "The step after which there is a state.",
                   .default_value = 1, .legal = {1, 1e6}, .tune = {1, 10}),
    HONE_BOOL_PARAM(slow_params, share, .help = "Makes a shared object of 5,000 operations first."),
    {0}};

static hone_status build_nothing(const hone_fit_job *job, const int64_t key[HONE_KEY], void *object,
                                 hone_error *error)
{
    (void)key, (void)object, (void)error;
    hone_work(job->run, 5000);
    return HONE_OK;
}
static const hone_recipe NOTHING = {"toy.nothing/1", HONE_OF_ROWS, 8, build_nothing};

static const hone_field slow_fields[] = {
    HONE_COUNT(slow_state, iterations),
    HONE_COUNT(slow_state, converged),
    HONE_ARRAY(slow_state, value, HONE_C, HONE_ONE, HONE_IS_FINITE),
    {0}};

static hone_status fit_slow(const hone_fit_job *job, void *state, hone_error *error)
{
    const slow_params *p = job->params;
    slow_state *s = state;
    const int64_t key[HONE_KEY] = {0};
    const void *nothing;
    if (p->share)
        HONE_TRY(hone_derive(job->shared, &NOTHING, key, &nothing, error));
    s->value = HONE_NEW(job->keep, double, job->shape.outputs, 1);
    if (!s->value)
        return hone_no_memory(error);
    for (int64_t i = 0; i < job->x.rows; i++)
        s->value[job->label ? job->label[i] : 0] +=
            (job->label ? 1 : job->target[i]) / (double)job->x.rows;
    for (; s->iterations < p->steps; s->iterations++) {
        const hone_stop stop = hone_stopping(job->run);
        if (stop == HONE_CANCEL || (stop == HONE_FINISH && s->iterations < p->first))
            return hone_fail(error, HONE_STOPPED, "run", "stopped at step %d", (int)s->iterations);
        if (stop == HONE_FINISH)
            return HONE_OK;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        hone_work(job->run, 1000);
        hone_progress(job->run, (double)s->iterations / (double)p->steps);
    }
    s->converged = 1;
    return HONE_OK;
}

static hone_status predict_slow(const hone_predict_job *job, hone_error *error)
{
    (void)error;
    const slow_state *s = job->state;
    for (int64_t i = 0; i < job->x.rows; i++)
        for (int64_t k = 0; k < job->shape.outputs; k++)
            job->score[i * job->shape.outputs + k] = s->value[k];
    return HONE_OK;
}

const hone_algorithm toy_slow = {.abi = HONE_ABI,
                                 .name = "slow",
                                 .summary = "Class shares, slowly.",
                                 .tasks = HONE_CLASSIFICATION | HONE_REGRESSION,
                                 .takes = HONE_TAKES_MISSING | HONE_TAKES_WEIGHTS,
                                 .params_size = sizeof(slow_params),
                                 .state_size = sizeof(slow_state),
                                 .params = slow_table,
                                 .state = slow_fields,
                                 .fit = fit_slow,
                                 .predict = predict_slow};
