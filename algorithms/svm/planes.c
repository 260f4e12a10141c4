#include "planes.h"

#include <string.h>

#include "toolbox/rows.h"

/* Planes of sparse rows are kept as entries where fewer than one in so many is not 0. */
enum { SPARSE = 4 };

/* More than any weight of use; sums stay finite. */
#define MOST 0x1p1000

struct planes {
    int64_t *start; /* d + 1 */
    int64_t *plane;
    double *value;
};

/* ---- a fit ---- */

void planes_sum(const hone_matrix *x, const int64_t *row, const double *coef, int64_t n,
                double factor, double *w)
{
    double most = 0;
    int exponent;
    memset(w, 0, (size_t)x->cols * sizeof *w);
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs(coef[i]));
    frexp(most, &exponent);
    for (int64_t i = 0; i < n; i++)
        if (coef[i] != 0)
            hone_row_axpy(x, row ? row[i] : i, ldexp(coef[i], -exponent), w);
    for (int64_t k = 0; k < x->cols; k++)
        w[k] = fmin(fmax(ldexp(w[k] * factor, exponent), -MOST), MOST);
}

static int64_t count_entries(const double *w, int64_t d)
{
    int64_t count = 0;
    for (int64_t k = 0; k < d; k++)
        count += w[k] != 0;
    return count;
}

static hone_status make_room(svm_state *s, int64_t d, bool sparse, hone_arena *keep,
                             hone_error *error)
{
    *(sparse ? &s->n_sparse_planes : &s->n_planes) = s->n_pairs;
    s->n_plane_entries = sparse ? s->n_plane_entries : 0;
    s->plane = HONE_NEW(keep, double, s->n_planes, d);
    s->plane_start = HONE_NEW(keep, int64_t, s->n_sparse_planes + 1, 1);
    s->plane_column = HONE_RAW(keep, int32_t, s->n_plane_entries, 1);
    s->plane_value = HONE_RAW(keep, double, s->n_plane_entries, 1);
    return s->plane && s->plane_start && s->plane_column && s->plane_value ? HONE_OK
                                                                           : hone_no_memory(error);
}

/* After those of lower pairs. */
static void keep_entries(svm_state *s, int64_t pair, const double *w, int64_t d)
{
    int64_t at = s->plane_start[pair];
    for (int64_t k = 0; k < d; k++)
        if (w[k] != 0)
            s->plane_column[at] = (int32_t)k, s->plane_value[at++] = w[k];
    for (int64_t p = pair; p < s->n_pairs; p++)
        s->plane_start[p + 1] = at;
}

hone_status planes_keep(const hone_fit_job *job, int64_t count, planes_maker *make,
                        const void *context, svm_state *s, hone_error *error)
{
    const int64_t d = job->x.cols;
    double *w = HONE_RAW(job->scratch, double, d + 1, 1);
    if (!w)
        return hone_no_memory(error);
    bool sparse = job->x.layout == HONE_CSR;
    for (int64_t i = 0; i < count && sparse; i++) {
        make(context, i, w);
        s->n_plane_entries += count_entries(w, d);
    }
    sparse = sparse && s->n_plane_entries < s->n_pairs * d / SPARSE;
    HONE_TRY(make_room(s, d, sparse, job->keep, error));
    for (int64_t i = 0; i < count; i++) {
        const int64_t pair = make(context, i, w);
        s->intercept[pair] = w[d];
        if (!sparse)
            memcpy(s->plane + pair * d, w, (size_t)d * sizeof *w);
        else
            keep_entries(s, pair, w, d);
    }
    return HONE_OK;
}

double planes_bytes(double count, double d)
{
    return (count + 3) * (d + 1) * sizeof(double);
}

/* ---- decisions ---- */

bool planes_prepare(const svm_state *s, int64_t d, hone_arena *keep, planes **to)
{
    *to = NULL;
    if (!s->n_sparse_planes)
        return true;
    planes *p = *to = HONE_NEW(keep, planes, 1, 1);
    if (!p)
        return false;
    p->start = HONE_NEW(keep, int64_t, d + 1, 1);
    p->plane = HONE_RAW(keep, int64_t, s->n_plane_entries, 1);
    p->value = HONE_RAW(keep, double, s->n_plane_entries, 1);
    if (!p->start || !p->plane || !p->value)
        return false;
    for (int64_t t = 0; t < s->n_plane_entries; t++)
        p->start[s->plane_column[t] + 1]++;
    for (int64_t k = 0; k < d; k++)
        p->start[k + 1] += p->start[k];
    /* from the last to the first, each start moves to its place */
    for (int64_t pair = s->n_sparse_planes - 1; pair >= 0; pair--)
        for (int64_t t = s->plane_start[pair]; t < s->plane_start[pair + 1]; t++) {
            const int64_t at = --p->start[s->plane_column[t] + 1];
            p->plane[at] = pair, p->value[at] = s->plane_value[t];
        }
    memmove(p->start, p->start + 1, (size_t)d * sizeof *p->start);
    p->start[d] = s->n_plane_entries;
    return true;
}

static hone_status add_entries(const svm_state *s, const planes *p, const hone_matrix *x,
                               int64_t first, int64_t rows, hone_arena *scratch, double *decision,
                               hone_error *error)
{
    int64_t room = 1;
    for (int64_t r = 0; r < rows; r++)
        room = hone_row_room(x, first + r) > room ? hone_row_room(x, first + r) : room;
    int32_t *column = HONE_RAW(scratch, int32_t, room, 1);
    double *value = HONE_RAW(scratch, double, room, 1);
    if (!column || !value)
        return hone_no_memory(error);
    for (int64_t r = 0; r < rows; r++) {
        const int64_t count = hone_row_entries(x, first + r, column, value);
        for (int64_t e = 0; e < count; e++)
            for (int64_t t = p->start[column[e]]; t < p->start[column[e] + 1]; t++)
                decision[r * s->n_pairs + p->plane[t]] += value[e] * p->value[t];
    }
    return HONE_OK;
}

hone_status planes_decide(const svm_state *s, const planes *by_column, const hone_matrix *x,
                          int64_t first, int64_t rows, hone_isa isa, hone_arena *scratch,
                          double *decision, hone_error *error)
{
    memset(decision, 0, (size_t)(rows * s->n_pairs) * sizeof *decision);
    for (int64_t pair = 0; pair < s->n_planes; pair++)
        hone_rows_dot(isa, x, first, rows, s->plane + pair * x->cols, decision + pair, s->n_pairs);
    if (by_column)
        HONE_TRY(add_entries(s, by_column, x, first, rows, scratch, decision, error));
    for (int64_t r = 0; r < rows; r++)
        for (int64_t pair = 0; pair < s->n_pairs; pair++)
            decision[r * s->n_pairs + pair] += s->intercept[pair];
    return HONE_OK;
}
