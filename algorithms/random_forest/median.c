/* Absolute error: sums of distances to the median of each side, for all boundaries of a feature in
 * O(m log m). Rows enter in the order of groups into a tree of prefix sums over the ranks of their
 * targets (Fenwick 1994), where the median is a descent; once forwards for the left sides and once
 * backwards for the right ones.
 */
#include "grow.h"

static void clear_sums(search *s)
{
    memset(s->sum, 0, (size_t)(2 * (s->m + 1)) * sizeof *s->sum);
}

static void enter(search *s, int64_t i)
{
    for (int64_t k = s->rank[i] + 1; k <= s->m; k += k & -k) {
        s->sum[2 * k] += s->cell[2 * i];
        s->sum[2 * k + 1] += s->cell[2 * i + 1];
    }
}

/* Sum of weight x |target - median| of what entered, `weight` and `moment` in all. */
static double deviation(const search *s, double weight, double moment)
{
    int64_t at = 0, step = 1;
    double w = 0, v = 0;
    while (2 * step <= s->m)
        step *= 2;
    for (; step > 0; step /= 2)
        if (at + step <= s->m && 2 * (w + s->sum[2 * (at + step)]) < weight) {
            at += step;
            w += s->sum[2 * at], v += s->sum[2 * at + 1];
        }
    const double y = at < s->m ? s->middle[at] : 0;
    return (y * w - v) + (moment - v - y * (weight - w));
}

double forest_rank_targets(search *s, const uint64_t *order)
{
    const problem *p = s->p;
    const double unit = p->target_unit / p->weight_unit;
    clear_sums(s);
    for (int64_t i = 0; i < s->m; i++) {
        const double y = (p->target[s->row[order[i]]] - p->centre) / unit;
        s->middle[i] = p->weight_unit == 1 ? rint(y) : y;
        s->rank[order[i]] = (uint32_t)i;
    }
    for (int64_t i = 0; i < s->m; i++)
        enter(s, i);
    return deviation(s, s->total[0], s->total[1]);
}

void forest_deviations(search *s, const groups *g)
{
    double w = 0, v = 0;
    clear_sums(s);
    for (int64_t i = 0; i < g->n; i++) {
        for (int64_t k = 0; k < g->rows[i]; k++)
            enter(s, s->sequence[g->start[i] + k]);
        w += g->stat[2 * i], v += g->stat[2 * i + 1];
        s->deviation[i] = deviation(s, w, v);
    }
    w = v = 0;
    clear_sums(s);
    for (int64_t i = g->n - 1; i > 0; i--) {
        for (int64_t k = 0; k < g->rows[i]; k++)
            enter(s, s->sequence[g->start[i] + k]);
        w += g->stat[2 * i], v += g->stat[2 * i + 1];
        s->deviation[i - 1] += deviation(s, w, v);
    }
}
