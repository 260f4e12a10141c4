/* The rows that a tree is grown on, and their sums. */
#include <math.h>

#include "grow.h"

enum { ROOT, BAG }; /* streams of a tree */

void forest_bag(uint64_t seed, int64_t number, int64_t rows, int64_t draws, uint32_t *count)
{
    if (!draws) {
        for (int64_t i = 0; i < rows; i++)
            count[i] = 1;
        return;
    }
    memset(count, 0, (size_t)rows * sizeof *count);
    hone_stream s = hone_stream_of(seed, (uint64_t)number, BAG);
    for (int64_t i = 0; i < draws; i++)
        count[hone_below(&s, (uint64_t)rows)]++;
}

/* For balanced_subsample: rows of the bag over classes in it and rows of the class in it. */
static void class_factors(const problem *p, const uint32_t *count, double *factor)
{
    double all = 0, kinds = 0;
    memset(factor, 0, (size_t)p->classes * sizeof *factor);
    for (int64_t i = 0; i < p->rows; i++)
        factor[p->job->label[i]] += count[i];
    for (int64_t k = 0; k < p->classes; k++)
        all += factor[k], kinds += factor[k] > 0;
    for (int64_t k = 0; k < p->classes; k++)
        factor[k] = factor[k] > 0 ? all / (kinds * factor[k]) : 0;
}

/* Rows of the bag with their draws x weight. */
static void fill(const problem *p, const uint32_t *count, const double *factor, tree_bag *b)
{
    for (int64_t i = 0; i < p->rows; i++) {
        double w = count[i], v = 0;
        if (factor) {
            w = rint(w * p->raw_weight[i] * factor[p->job->label[i]] / p->weight_unit);
            v = w * p->job->label[i];
        } else {
            v = p->moment ? w * p->moment[i] : 0;
            w *= p->weight[i];
        }
        if (!(w > 0))
            continue;
        b->cell[2 * b->m] = w, b->cell[2 * b->m + 1] = v;
        if (forest_counts(p))
            b->label[b->m] = p->job->label[i];
        b->row[b->m++] = (uint32_t)i;
        b->weight += w;
    }
}

hone_status forest_fill_bag(const problem *p, int64_t number, hone_arena *arena, tree_bag *out,
                            hone_error *error)
{
    const int64_t n = p->rows;
    *out = (tree_bag){.row = HONE_RAW(arena, uint32_t, n, 1),
                      .cell = HONE_RAW(arena, double, n, 2),
                      .label = HONE_RAW(arena, int32_t, forest_counts(p) ? n : 1, 1)};
    uint32_t *count = HONE_RAW(arena, uint32_t, n, 1);
    double *factor = p->raw_weight ? HONE_NEW(arena, double, p->classes, 1) : NULL;
    if (!out->row || !out->cell || !out->label || !count || (p->raw_weight && !factor))
        return hone_no_memory(error);
    forest_bag(p->job->seed, number, n, p->draws, count);
    if (factor)
        class_factors(p, count, factor);
    fill(p, count, factor, out);
    if (out->m)
        return HONE_OK;
    forest_bag(0, 0, n, 0, count); /* no weight in the bag: all rows */
    if (factor)
        class_factors(p, count, factor);
    fill(p, count, factor, out);
    return HONE_OK;
}

segment forest_root(const problem *p, int64_t number, const tree_bag *rows)
{
    const hone_stream s = hone_stream_of(p->job->seed, (uint64_t)number, ROOT);
    return (segment){.last = rows->m, .path = s.state};
}

void forest_sum_rows(const problem *p, const tree_bag *b, int64_t first, int64_t count,
                     double *stat)
{
    const double *cell = b->cell + 2 * first;
    memset(stat, 0, (size_t)p->width * sizeof *stat);
    if (forest_counts(p)) {
        for (int64_t i = 0; i < count; i++)
            stat[1 + b->label[first + i]] += cell[2 * i];
        for (int64_t k = 1; k <= p->classes; k++)
            stat[0] += stat[k];
        return;
    }
    double w[4] = {0}, v[4] = {0};
    int64_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (int k = 0; k < 4; k++)
            w[k] += cell[2 * (i + k)], v[k] += cell[2 * (i + k) + 1];
    for (; i < count; i++)
        w[0] += cell[2 * i], v[0] += cell[2 * i + 1];
    stat[0] = w[0] + w[1] + w[2] + w[3], stat[1] = v[0] + v[1] + v[2] + v[3];
}
