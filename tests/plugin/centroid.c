/* A module of its own, built against the public headers alone: the class whose mean is nearest,
 * means drawn towards the overall one by `shrink`. O(n d) to fit, O(d c) a row to predict. */
#include <hone/algorithm.h>

typedef struct centroid_params {
    double shrink;
} centroid_params;

typedef struct centroid_state {
    double *mean; /* outputs x features */
} centroid_state;

/* clang-format off */
static const hone_param PARAMS[] = {
    HONE_REAL_PARAM(centroid_params, shrink, .help = "Share of the overall mean in each class mean.",
        .legal = {0, 1, HONE_OPEN_HIGH}, .tune = {0, 0.9}),
    {0},
};
static const hone_field STATE[] = {
    HONE_ARRAY(centroid_state, mean, HONE_C, HONE_D, HONE_IS_FINITE),
    {0},
};
/* clang-format on */

/* Means of the rows before `mean` divides: sums of class k, and of all in row `outputs`. */
static void add_rows(const hone_fit_job *job, double *sum, double *total, double *buffer)
{
    const int64_t d = job->shape.features, c = job->shape.outputs;
    for (int64_t i = 0; i < job->x.rows; i++) {
        const double *x = hone_row_f64(&job->x, i, buffer);
        const double w = job->weight ? job->weight[i] : 1;
        const int32_t k = job->label[i];
        total[k] += w;
        total[c] += w;
        for (int64_t j = 0; j < d; j++) {
            sum[k * d + j] += w * x[j];
            sum[c * d + j] += w * x[j];
        }
    }
}

static hone_status fit(const hone_fit_job *job, void *state, hone_error *error)
{
    const centroid_params *p = job->params;
    centroid_state *s = state;
    const int64_t d = job->shape.features, c = job->shape.outputs;
    double *sum = HONE_NEW(job->scratch, double, c + 1, d);
    double *total = HONE_NEW(job->scratch, double, c + 1, 1);
    double *buffer = HONE_NEW(job->scratch, double, d, 1);
    s->mean = HONE_NEW(job->keep, double, c, d);
    if (!sum || !total || !buffer || !s->mean)
        return hone_no_memory(error);
    add_rows(job, sum, total, buffer);
    for (int64_t k = 0; k < c; k++)
        for (int64_t j = 0; j < d; j++) {
            const double all = sum[c * d + j] / total[c];
            const double own = total[k] > 0 ? sum[k * d + j] / total[k] : all;
            s->mean[k * d + j] = p->shrink * all + (1 - p->shrink) * own;
        }
    return HONE_OK;
}

static hone_status predict(const hone_predict_job *job, hone_error *error)
{
    const centroid_state *s = job->state;
    const int64_t d = job->shape.features, c = job->shape.outputs;
    double *buffer = HONE_NEW(job->scratch, double, d, 1);
    if (!buffer)
        return hone_no_memory(error);
    for (int64_t i = 0; i < job->x.rows; i++) {
        const double *x = hone_row_f64(&job->x, i, buffer);
        for (int64_t k = 0; k < c; k++) {
            double squares = 0;
            for (int64_t j = 0; j < d; j++)
                squares += (x[j] - s->mean[k * d + j]) * (x[j] - s->mean[k * d + j]);
            job->score[i * c + k] = -squares;
        }
    }
    return HONE_OK;
}

static hone_scores scores(const void *params)
{
    (void)params;
    return HONE_MARGIN;
}

/* The tests also build it wrong on purpose. */
#ifndef CENTROID_ABI
#define CENTROID_ABI HONE_ABI
#endif
#ifndef CENTROID_STATE_SIZE
#define CENTROID_STATE_SIZE sizeof(centroid_state)
#endif
#ifndef CENTROID_FIT
#define CENTROID_FIT fit
#endif
#ifndef CENTROID_PREDICT
#define CENTROID_PREDICT predict
#endif

static const hone_algorithm centroid = {
    .abi = CENTROID_ABI,
    .name = "centroid",
    .summary = "Nearest class mean.",
    .tasks = HONE_CLASSIFICATION,
    .takes = HONE_TAKES_WEIGHTS | HONE_LIKES_SCALED | HONE_WEIGHTS_COUNT,
    .params_size = sizeof(centroid_params),
    .state_size = CENTROID_STATE_SIZE,
    .params = PARAMS,
    .state = STATE,
    .fit = CENTROID_FIT,
    .predict = CENTROID_PREDICT,
    .scores = scores,
};

#ifndef CENTROID_HIDDEN
HONE_PLUGIN(&centroid);
#else
extern const hone_algorithm *const centroid_unused;
const hone_algorithm *const centroid_unused = &centroid;
#endif
