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

const twin broken_capabilities[] = {{&pierced, "holes"}, {&blind, "categories"}, {0}};
