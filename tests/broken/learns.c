#include "broken.h"

/* Looks at no column. */
static hone_status predict_bias(const hone_predict_job *job, hone_error *error)
{
    (void)error;
    const honest_state *s = job->state;
    for (int64_t i = 0; i < job->x.rows; i++)
        for (int64_t k = 0; k < job->shape.outputs; k++)
            job->score[i * job->shape.outputs + k] = s->bias[k];
    return HONE_OK;
}

static const hone_algorithm constant = HONEST("ignorant", HONEST_TAKES, honest_fit, predict_bias);

const twin broken_learns[] = {{&constant, "separable"}, {0}};
