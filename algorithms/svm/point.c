#include "point.h"

#include <string.h>

#include "toolbox/rows.h"

bool point_new(const problem *p, hone_arena *scratch, point *to)
{
    to->column = HONE_RAW(scratch, int32_t, p->x->cols, 1);
    to->value = HONE_RAW(scratch, double, p->x->cols, 1);
    return to->column && to->value;
}

/* Rows that stand for all where most rows are to be told. */
enum { SOME = 64 };

static const double *some_row(const problem *p, int64_t s, int64_t some, double *buffer)
{
    return hone_row_f64(p->x, point_row(p, s * p->n / some), buffer);
}

/* Of each column the value that more than half of some rows might have (Boyer and Moore). */
static void find_candidates(const problem *p, int64_t some, double *value, int64_t *lead,
                            double *buffer)
{
    for (int64_t s = 0; s < some; s++) {
        const double *row = some_row(p, s, some, buffer);
        for (int64_t k = 0; k < p->x->cols; k++) {
            if (lead[k] == 0)
                value[k] = row[k];
            lead[k] += row[k] == value[k] ? 1 : -1;
        }
    }
}

bool point_shift(problem *p, hone_arena *scratch)
{
    const int64_t d = p->x->cols, some = p->n < SOME ? p->n : SOME;
    if (p->shift || p->x->layout == HONE_CSR)
        return true;
    if (!kernel_is_exponential(p->kernel)) {
        p->shift = p->panels->centre;
        return true;
    }
    double *value = HONE_NEW(scratch, double, d, 1), *buffer = HONE_RAW(scratch, double, d, 1);
    int64_t *count = HONE_NEW(scratch, int64_t, d, 1);
    if (!value || !buffer || !count)
        return false;
    find_candidates(p, some, value, count, buffer);
    memset(count, 0, (size_t)d * sizeof *count);
    for (int64_t s = 0; s < some; s++) {
        const double *row = some_row(p, s, some, buffer);
        for (int64_t k = 0; k < d; k++)
            count[k] += row[k] == value[k];
    }
    for (int64_t k = 0; k < d; k++)
        value[k] = 2 * count[k] > some ? value[k] : p->panels->centre[k];
    p->shift = value;
    return true;
}

void point_read(const problem *p, int64_t i, point *to)
{
    const int64_t r = point_row(p, i), d = p->x->cols;
    if (p->x->layout == HONE_CSR) {
        to->count = hone_row_entries(p->x, r, to->column, to->value);
    } else {
        const double *row = hone_row_f64(p->x, r, to->value);
        to->count = 0;
        for (int64_t k = 0; k < d; k++) { /* the row may lie where the entries go */
            const double v = row[k] - p->shift[k];
            to->column[to->count] = (int32_t)k, to->value[to->count] = v;
            to->count += v != 0;
        }
    }
    to->norm = 0;
    for (int64_t t = 0; t < to->count; t++) {
        const double v = to->value[t];
        to->norm += p->kernel->type == SVM_LAPLACIAN ? fabs(v) : v * v;
    }
}
