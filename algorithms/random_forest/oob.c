/* Early stopping by the out-of-bag loss: the quadratic score of class shares (Brier 1950), or the
 * squared error, over the rows that some tree has not seen, by their weights. One walk per row out
 * of the bag and tree; sums over blocks of rows in their order, so that the number of trees has the
 * same value at any number of threads.
 */
#include "oob.h"

enum { BLOCK = 1024 };

static int64_t outputs_of(const problem *p)
{
    return p->classes ? p->classes : 1;
}

hone_status forest_watch_open(const problem *p, watch *w, hone_error *error)
{
    const int64_t n = p->rows, blocks = (n + BLOCK - 1) / BLOCK;
    hone_arena *arena = p->job->scratch;
    *w = (watch){.p = p,
                 .score = HONE_NEW(arena, double, n, outputs_of(p)),
                 .trees = HONE_NEW(arena, int32_t, n, 1),
                 .count = HONE_RAW(arena, uint32_t, n, 1),
                 .loss = HONE_RAW(arena, double, blocks, 1),
                 .judged = HONE_RAW(arena, double, blocks, 1),
                 .best = INFINITY};
    return w->score && w->trees && w->count && w->loss && w->judged ? HONE_OK
                                                                    : hone_no_memory(error);
}

static bool goes_left(const cut_tree *t, int64_t i, double v)
{
    const bool missing_left = t->side[i] & MISSING_LEFT;
    if (!(t->side[i] & BY_CATEGORY))
        return isnan(v) ? missing_left : v <= t->threshold[i];
    const int64_t set = t->payload[i], first = set ? t->set_end[set - 1] : 0;
    if (!(v >= 0 && v < 32.0 * (double)(t->set_end[set] - first)))
        return missing_left;
    const int64_t k = (int64_t)v;
    return t->words[first + k / 32] >> (k % 32) & 1;
}

static void add_answer(const cut_tree *t, int64_t classes, const double *row, double *score)
{
    int64_t i = 0;
    while (t->child[i])
        i = t->child[i] + !goes_left(t, i, row[t->feature[i]]);
    const int64_t k = t->payload[i];
    if (!classes)
        score[0] += t->threshold[i];
    else if (k < 0)
        score[-1 - k] += 1;
    else
        for (int64_t e = k ? t->row_end[k - 1] : 0; e < t->row_end[k]; e++)
            score[t->entry[e].class] += t->entry[e].weight;
}

static double loss_of(const watch *w, int64_t i)
{
    const problem *p = w->p;
    const int64_t c = outputs_of(p);
    double sum = 0;
    for (int64_t k = 0; k < c; k++) {
        const double told = w->score[i * c + k] / w->trees[i];
        const double off =
            p->classes ? told - (p->job->label[i] == k) : ldexp(told, -p->shift) - p->target[i];
        sum += off * off;
    }
    return sum;
}

static hone_status watch_block(void *context, int64_t b, hone_arena *scratch, hone_error *error)
{
    watch *w = context;
    const problem *p = w->p;
    const int64_t end = (b + 1) * BLOCK < p->rows ? (b + 1) * BLOCK : p->rows;
    double *buffer = HONE_RAW(scratch, double, p->job->x.cols, 1);
    if (!buffer)
        return hone_no_memory(error);
    w->loss[b] = 0, w->judged[b] = 0;
    for (int64_t i = b * BLOCK; i < end; i++) {
        if (!w->count[i]) {
            add_answer(w->tree, p->classes, hone_row_f64(&p->job->x, i, buffer),
                       w->score + i * outputs_of(p));
            w->trees[i]++;
        }
        const double weight = p->given ? p->given[i] : 1;
        if (w->trees[i] && weight > 0) {
            w->loss[b] += weight * loss_of(w, i);
            w->judged[b] += weight;
        }
    }
    return HONE_OK;
}

hone_status forest_watch(watch *w, const cut_tree *next, bool *enough, hone_error *error)
{
    const problem *p = w->p;
    const int64_t blocks = (p->rows + BLOCK - 1) / BLOCK;
    forest_bag(p->job->seed, w->seen, p->rows, p->draws, p->job->weight, w->count);
    w->tree = next;
    w->seen++;
    HONE_TRY(hone_for_blocks(p->job->run, blocks, watch_block, w, error));
    double sum = 0, judged = 0;
    for (int64_t b = 0; b < blocks; b++)
        sum += w->loss[b], judged += w->judged[b];
    const double loss = judged > 0 ? sum / judged : INFINITY;
    if (loss < w->best * (1 - p->params->tol) || (w->best == INFINITY && judged > 0))
        w->best = loss, w->best_trees = w->seen;
    *enough = judged > 0 && w->seen - w->best_trees >= p->params->n_iter_no_change;
    return HONE_OK;
}
