#include "broken.h"

/* Says that it takes holes, and computes with them. */
static const hone_algorithm pierced =
    HONEST("pierced", HONEST_TAKES | HONE_TAKES_MISSING, honest_fit, honest_predict);

/* Says that it takes categories, and takes their codes for amounts. */
static hone_status predict_nothing(const hone_predict_job *job, hone_error *error)
{
    hone_predict_job own = *job;
    HONE_TRY(honest_predict(&own, error));
    for (int64_t i = 0; i < job->x.rows * job->shape.outputs; i++)
        job->score[i] = 0;
    return HONE_OK;
}

static const hone_algorithm blind =
    HONEST("blind", HONEST_TAKES | HONE_TAKES_CATEGORIES, honest_fit, predict_nothing);

/* Makes of balanced classes something of its own. */
typedef struct skewed_params {
    honest_params honest;
    int class_weight;
} skewed_params;

static const char *const WORDS[] = {"none", "balanced", NULL};

static const hone_param skewed_table[] = {
    HONE_CHOICE_PARAM(skewed_params, class_weight, WORDS, .help = "Weights of classes.",
                      .tasks = HONE_CLASSIFICATION),
    {0},
};

static hone_status fit_skewed(const hone_fit_job *job, void *state, hone_error *error)
{
    static const honest_params own = {.alpha = 1e-3, .sweeps = 100};
    const skewed_params *p = job->params;
    hone_fit_job other = *job;
    other.params = &own;
    HONE_TRY(honest_fit(&other, state, error));
    if (p->class_weight)
        ((honest_state *)state)->bias[0] += 1;
    return HONE_OK;
}

static const hone_algorithm skewed = {
    .abi = HONE_ABI,
    .name = "skewed",
    .summary = "A module of the tests.",
    .tasks = HONE_CLASSIFICATION,
    .takes = HONEST_TAKES,
    .params_size = sizeof(skewed_params),
    .state_size = sizeof(honest_state),
    .params = skewed_table,
    .state = honest_fields,
    .fit = fit_skewed,
    .predict = honest_predict,
    .scores = honest_scores,
};

const twin broken_capabilities[] = {
    {&pierced, "holes"}, {&blind, "categories"}, {&skewed, "weights of rows"}, {0}};
