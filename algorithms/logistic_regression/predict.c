/* Probabilities of linear models. A row costs its non-zeros times the number of models. */
#include "logistic.h"
#include "toolbox/rows.h"

enum { ROWS = 256 };

static double sigmoid(double z)
{
    const double e = exp(-fabs(z));
    return (z > 0 ? 1 : e) / (1 + e);
}

static void softmax(double *p, int64_t classes)
{
    double top = p[0], sum = 0;
    for (int64_t k = 1; k < classes; k++)
        top = p[k] > top ? p[k] : top;
    for (int64_t k = 0; k < classes; k++)
        sum += p[k] = exp(p[k] - top);
    for (int64_t k = 0; k < classes; k++)
        p[k] /= sum;
}

/* One against the rest: the models' own probabilities, made to sum to 1. In odds to the likeliest,
 * so that they are right where all are tiny. */
static void share(double *p, int64_t classes)
{
    double sum = 0;
    for (int64_t k = 0; k < classes; k++)
        sum += p[k] = sigmoid(p[k]);
    for (int64_t k = 0; k < classes; k++)
        p[k] = sum > 0 ? p[k] / sum : 1 / (double)classes;
}

void logistic_probabilities(const logistic_state *s, const hone_matrix *x, int64_t first,
                            int64_t count, int64_t classes, bool ovr, double *out)
{
    for (int64_t k = 0; k < s->n_rows; k++)
        hone_rows_dot(x, first, count, s->coef + k * x->cols, out + k, classes);
    for (int64_t i = 0; i < count; i++) {
        double *const p = out + i * classes;
        for (int64_t k = 0; k < s->n_rows; k++)
            p[k] += s->intercept[k];
        if (s->n_rows == 1 && classes == 2) {
            const double z = p[0];
            p[1] = sigmoid(z), p[0] = sigmoid(-z);
        } else if (ovr) {
            share(p, classes);
        } else {
            softmax(p, classes);
        }
    }
}

static hone_status block(void *context, int64_t b, hone_arena *scratch, hone_error *error)
{
    (void)scratch, (void)error;
    const hone_predict_job *job = context;
    const logistic_params *p = job->params;
    const int64_t first = b * ROWS, left = job->x.rows - first;
    logistic_probabilities(job->state, &job->x, first, left < ROWS ? left : ROWS,
                           job->shape.outputs, p->multi_class == MULTI_CLASS_OVR,
                           job->score + first * job->shape.outputs);
    return HONE_OK;
}

hone_status logistic_predict(const hone_predict_job *job, hone_error *error)
{
    hone_predict_job copy = *job;
    return hone_for_blocks(job->run, (job->x.rows + ROWS - 1) / ROWS, block, &copy, error);
}
