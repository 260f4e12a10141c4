/* Early stopping on the log-loss of the validation rows. */
#include "logistic.h"

#include <float.h>
#include <string.h>

bool early_open(early *e, const hone_fit_job *job, int64_t rows, int32_t positive)
{
    const logistic_params *p = job->params;
    *e = (early){.job = job,
                 .rows = rows,
                 .cols = job->x.cols,
                 .patience = p->n_iter_no_change,
                 .positive = positive,
                 .least = DBL_MAX};
    e->best = HONE_NEW(job->scratch, double, rows, e->cols + 1);
    e->coef = HONE_NEW(job->scratch, double, rows, e->cols);
    e->intercept = HONE_NEW(job->scratch, double, rows, 1);
    const int64_t classes = rows > 1 ? rows : 2;
    e->room = HONE_NEW(job->scratch, double, hone_lanes(classes), 1);
    e->probability = HONE_NEW(job->scratch, double, classes, 1);
    return e->best && e->coef && e->intercept && e->room && e->probability;
}

static double loss_of(const early *e)
{
    const hone_fit_job *job = e->job;
    const logistic_state s = {.n_rows = e->rows, .coef = e->coef, .intercept = e->intercept};
    double sum = 0, total = 0;
    for (int64_t i = 0; i < job->valid_x.rows; i++) {
        const double weight = job->valid_weight ? job->valid_weight[i] : 1;
        if (job->valid_label[i] < 0 || !(weight > 0))
            continue;
        logistic_probabilities(&s, &job->valid_x, i, 1, e->rows > 1 ? e->rows : 2, false,
                               hone_run_isa(job->run), e->room, e->probability);
        const int32_t label =
            e->positive < 0 ? job->valid_label[i] : job->valid_label[i] == e->positive;
        sum -= weight * log(fmax(e->probability[label], DBL_MIN));
        total += weight;
    }
    return total > 0 ? sum / total : 0;
}

bool early_enough(void *context, const double *w)
{
    early *e = context;
    for (int64_t k = 0; k < e->rows; k++) {
        memcpy(e->coef + k * e->cols, w + k * (e->cols + 1), (size_t)e->cols * sizeof *w);
        e->intercept[k] = w[k * (e->cols + 1) + e->cols];
    }
    const double loss = loss_of(e);
    e->stale++;
    if (loss < e->least) {
        e->least = loss, e->stale = 0;
        memcpy(e->best, w, (size_t)(e->rows * (e->cols + 1)) * sizeof *w);
    }
    return e->stale >= e->patience;
}
