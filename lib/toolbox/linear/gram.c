/* One exact pass over the rows, at the point that predicts the mean: differences of objectives then
 * do not drown in the square of the mean.
 */
#include "toolbox/linear/gram.h"

#include <math.h>
#include <string.h>

hone_status hone_gram_open(hone_gram *gram, int64_t size, int64_t stride, hone_arena *keep,
                           hone_error *error)
{
    *gram = (hone_gram){.size = size, .stride = stride};
    gram->origin = HONE_NEW(keep, double, size, 1);
    gram->g = HONE_NEW(keep, double, size, 1);
    gram->h = HONE_NEW(keep, double, size, stride);
    return gram->origin && gram->g && gram->h ? HONE_OK : hone_no_memory(error);
}

hone_status hone_gram_build(const hone_fit_job *job, const hone_rows_loss *rows, hone_gram *gram,
                            hone_error *error)
{
    const hone_design *d = rows->design;
    hone_pass *pass = hone_pass_open(rows, HONE_FULL, job->scratch);
    if (!pass)
        return hone_no_memory(error);
    HONE_TRY(hone_gram_open(gram, d->size, hone_pass_stride(pass), job->keep, error));
    gram->exact = true;
    for (int64_t i = 0; i < d->rows && d->intercept; i++)
        gram->origin[d->numeric] += rows->weight[i] * rows->y[i];
    return hone_pass_run(pass, gram->origin, true, HONE_FULL, &gram->loss, gram->g, gram->h, error);
}

static hone_status build_recipe(const hone_fit_job *job, const int64_t key[HONE_KEY], void *object,
                                hone_error *error)
{
    const int64_t n = job->x.rows;
    double *weight = HONE_RAW(job->scratch, double, n, 1);
    if (!weight)
        return hone_no_memory(error);
    for (int64_t i = 0; i < n; i++)
        weight[i] = job->weight ? job->weight[i] : 1;
    hone_mean_weights(weight, n);
    hone_rows_loss rows = {.x = job->x,
                           .loss = HONE_SQUARED,
                           .outputs = 1,
                           .y = job->target,
                           .weight = weight,
                           .run = job->run};
    HONE_TRY(hone_design_of_rows(job->shared, key[0] != 0, &rows.design, error));
    return hone_gram_build(job, &rows, object, error);
}

static const hone_recipe GRAM = {"linear.gram/1", HONE_OF_FIT, sizeof(hone_gram), build_recipe};

hone_status hone_gram_of_fit(hone_shared *shared, bool intercept, const hone_gram **gram,
                             hone_error *error)
{
    const int64_t key[HONE_KEY] = {intercept};
    const void *object = NULL;
    HONE_TRY(hone_derive(shared, &GRAM, key, &object, error));
    *gram = object;
    return HONE_OK;
}

double hone_gram_at(const hone_gram *gram, const double *v, double *g, double *h, int64_t stride)
{
    double loss = gram->loss;
    memcpy(g, gram->g, (size_t)gram->size * sizeof *g);
    for (int64_t i = 0; i < gram->size; i++) {
        const double *const row = gram->h + i * gram->stride, away = v[i] - gram->origin[i];
        if (h)
            memcpy(h + i * stride, row, (size_t)(i + 1) * sizeof *h);
        loss += gram->g[i] * away;
        double sum = row[i] * away;
        for (int64_t j = 0; j < i; j++) {
            sum += row[j] * (v[j] - gram->origin[j]);
            g[j] += row[j] * away;
        }
        g[i] += sum;
    }
    for (int64_t i = 0; i < gram->size; i++)
        loss += (g[i] - gram->g[i]) * (v[i] - gram->origin[i]) / 2;
    return fmax(loss, 0);
}
