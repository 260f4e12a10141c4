/* The rows that a tree is grown on, and their sums. */
#include <math.h>

#include "grow.h"

enum { ROOT, BAG }; /* streams of a tree */

static bool has_weight(const double *weight, const uint32_t *count, int64_t rows)
{
    for (int64_t i = 0; i < rows; i++)
        if (count[i] && (!weight || weight[i] > 0))
            return true;
    return false;
}

void forest_bag(uint64_t seed, int64_t number, int64_t rows, int64_t draws, const double *weight,
                uint32_t *count)
{
    memset(count, 0, (size_t)rows * sizeof *count);
    hone_stream s = hone_stream_of(seed, (uint64_t)number, BAG);
    for (int64_t i = 0; i < draws; i++)
        count[hone_below(&s, (uint64_t)rows)]++;
    if (!has_weight(weight, count, rows))
        for (int64_t i = 0; i < rows; i++)
            count[i] = 1;
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

/* Rows of the bag with their draws x weight, as votes. False: a weight is too large for one. */
static bool fill_votes(const problem *p, const uint32_t *count, tree_bag *b)
{
    int64_t m = 0;
    for (int64_t i = 0; i < p->rows; i++) {
        const double w = count[i] * p->weight[i];
        if (w > WORD_WEIGHT)
            return false;
        b->row[m] = (uint32_t)i;
        b->vote[m] = (uint32_t)w << 16 | (p->job->label[i] ? (uint32_t)w : 0);
        m += w > 0;
        b->weight += w;
    }
    b->m = m;
    return true;
}

/* Rows of the bag with their draws x weight. */
static void fill_cells(const problem *p, const uint32_t *count, const double *factor, tree_bag *b)
{
    b->m = 0, b->weight = 0;
    for (int64_t i = 0; i < p->rows; i++) {
        double w = count[i], v = 0;
        if (factor) {
            w *= p->raw_weight[i] * factor[p->job->label[i]];
            w = forest_whole(w / p->weight_unit);
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

static hone_status fill(const problem *p, const uint32_t *count, hone_arena *arena, tree_bag *b,
                        hone_error *error)
{
    const int64_t n = p->rows;
    if (p->kind == MOMENT && p->classes && !p->raw_weight) {
        b->vote = HONE_RAW(arena, uint32_t, n, 1);
        if (!b->vote)
            return hone_no_memory(error);
        if (fill_votes(p, count, b))
            return HONE_OK;
        b->vote = NULL;
    }
    double *factor = p->raw_weight ? HONE_NEW(arena, double, p->classes, 1) : NULL;
    b->cell = HONE_RAW(arena, double, n, 2);
    if (!b->cell || (p->raw_weight && !factor))
        return hone_no_memory(error);
    if (factor)
        class_factors(p, count, factor);
    fill_cells(p, count, factor, b);
    return HONE_OK;
}

hone_status forest_fill_bag(const problem *p, int64_t number, hone_arena *arena, tree_bag *out,
                            hone_error *error)
{
    const int64_t n = p->rows;
    *out = (tree_bag){.row = HONE_RAW(arena, uint32_t, n, 1),
                      .label = HONE_RAW(arena, int32_t, forest_counts(p) ? n : 1, 1)};
    uint32_t *count = HONE_RAW(arena, uint32_t, n, 1);
    if (!out->row || !out->label || !count)
        return hone_no_memory(error);
    forest_bag(p->job->seed, number, n, p->draws, p->job->weight, count);
    return fill(p, count, arena, out, error);
}

segment forest_root(const problem *p, int64_t number, const tree_bag *rows)
{
    const hone_stream s = hone_stream_of(p->job->seed, (uint64_t)number, ROOT);
    return (segment){.last = rows->m, .path = s.state};
}

void forest_sum_rows(const problem *p, const tree_bag *b, int64_t first, int64_t count,
                     double *stat)
{
    memset(stat, 0, (size_t)p->width * sizeof *stat);
    if (b->vote) {
        uint64_t weight = 0, moment = 0;
        for (int64_t i = first; i < first + count; i++)
            weight += b->vote[i] >> 16, moment += b->vote[i] & WORD_WEIGHT;
        stat[0] = (double)weight, stat[1] = (double)moment;
        return;
    }
    const double *cell = b->cell + 2 * first;
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
