/* Probabilities of linear models. A row costs its non-zeros times the number of models. */
#include "logistic.h"

#include <string.h>

#include "toolbox/linear/tile.h"
#include "toolbox/rows.h"

enum { ROWS = 256 };

static double sigmoid(double z)
{
    const double e = exp(-fabs(z));
    return (z > 0 ? 1 : e) / (1 + e);
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
                            int64_t count, int64_t classes, bool ovr, hone_isa isa, double *room,
                            double *out)
{
    const bool two = s->n_rows == 1 && classes == 2;
    const int64_t kp = two ? 1 : hone_lanes(classes);
    for (int64_t k = 0; k < s->n_rows; k++) {
        hone_rows_dot(isa, x, first, count, s->coef + k * x->cols, room + k, kp);
        for (int64_t i = 0; i < count; i++)
            room[i * kp + k] += s->intercept[k];
    }
    if (two) {
        HONE_PICK(isa, hone_tile_odds)(count, room, out);
        return;
    }
    if (!ovr)
        HONE_PICK(isa, hone_tile_likely)(count, classes, kp, room);
    for (int64_t i = 0; i < count; i++) {
        if (ovr)
            share(room + i * kp, classes);
        memcpy(out + i * classes, room + i * kp, (size_t)classes * sizeof *out);
    }
}

/* Rows [first, first + count) of floats that many models read, in doubles: the same bits. */
static bool widen(hone_matrix *x, int64_t first, int64_t count, hone_arena *scratch)
{
    double *const tile = HONE_RAW(scratch, double, count, x->cols);
    if (!tile)
        return false;
    hone_rows_f64(x, first, count, tile, x->cols);
    *x = (hone_matrix){.values = tile,
                       .dtype = HONE_F64,
                       .rows = count,
                       .cols = x->cols,
                       .stored_cols = x->cols,
                       .row_stride = x->cols,
                       .col_stride = 1};
    return true;
}

static hone_status block(void *context, int64_t b, hone_arena *scratch, hone_error *error)
{
    const hone_predict_job *job = context;
    const logistic_state *s = job->state;
    const logistic_params *p = job->params;
    const int64_t first = b * ROWS, left = job->x.rows - first, classes = job->shape.outputs;
    const int64_t count = left < ROWS ? left : ROWS;
    const bool wide = s->n_rows > 2 && job->x.layout == HONE_DENSE && job->x.dtype == HONE_F32;
    double *const room = HONE_RAW(scratch, double, count, hone_lanes(classes));
    hone_matrix x = job->x;
    if (!room || (wide && !widen(&x, first, count, scratch)))
        return hone_no_memory(error);
    logistic_probabilities(s, &x, wide ? 0 : first, count, classes,
                           p->multi_class == MULTI_CLASS_OVR, hone_run_isa(job->run), room,
                           job->score + first * classes);
    return HONE_OK;
}

hone_status logistic_predict(const hone_predict_job *job, hone_error *error)
{
    hone_predict_job copy = *job;
    return hone_for_blocks(job->run, (job->x.rows + ROWS - 1) / ROWS, block, &copy, error);
}
