/* Permutation importances (Breiman 2001): how much a tree's loss on the rows that it has not seen
 * grows when one feature's values are exchanged among them; the mean over trees. The loss is the
 * share of wrong classes, or the squared error; rows count by their weights.
 *
 * A tree's rows are brought in random order first and taken in parts, so that an exchange within a
 * part is one among random rows and memory does not grow with the table. A feature that no node of
 * the tree asks for costs nothing. Randomness is keyed by (seed, tree), sums follow the order of
 * rows and trees. Cost: (1 + features asked for) x depth, per tree and row outside its bag.
 */
#include "fit.h"
#include "walk.h"

enum { PART = 1024, TREES_AT_ONCE = 32, PERMUTATION = 2 };

typedef struct permuting {
    const hone_output_job *job;
    int64_t first;  /* tree */
    double *growth; /* trees x features: of the loss */
    bool *judged;   /* trees: some row was outside the bag */
} permuting;

/* One tree at work. */
typedef struct judge {
    const hone_output_job *job;
    int64_t tree, count;
    walk_rows rows;
    uint16_t pick[PART];
    uint32_t leaf[PART];
    int64_t row[PART];
    double column[PART];
} judge;

static int64_t class_of_leaf(const forest_state *s, int64_t leaf)
{
    const int64_t k = s->payload[leaf], first = s->row_start[k];
    int64_t best = first;
    for (int64_t e = first + 1; e < s->row_start[k + 1]; e++)
        if (s->entry_share[e] > s->entry_share[best])
            best = e;
    return best < s->row_start[k + 1] ? s->entry_class[best] : 0;
}

static double loss_of(judge *g)
{
    const hone_output_job *job = g->job;
    const forest_state *s = job->state;
    double sum = 0;
    forest_walk_some(s, &g->rows, g->pick, g->count, g->tree, g->leaf);
    for (int64_t i = 0; i < g->count; i++) {
        const int64_t r = g->row[i];
        double loss;
        if (job->label)
            loss = class_of_leaf(s, g->leaf[i]) != job->label[r];
        else
            loss = s->threshold[g->leaf[i]] - job->target[r], loss *= loss;
        sum += (job->weight ? job->weight[r] : 1) * loss;
    }
    return sum;
}

static double permuted_loss(judge *g, int64_t j, hone_stream *r)
{
    double *cell = g->rows.value + j;
    const int64_t stride = g->rows.stride;
    for (int64_t i = 0; i < g->count; i++)
        g->column[i] = cell[i * stride];
    for (int64_t i = g->count - 1; i > 0; i--) {
        const int64_t k = (int64_t)hone_below(r, (uint64_t)i + 1);
        const double v = cell[i * stride];
        cell[i * stride] = cell[k * stride], cell[k * stride] = v;
    }
    forest_walk_column(&g->rows, j);
    const double loss = loss_of(g);
    for (int64_t i = 0; i < g->count; i++)
        cell[i * stride] = g->column[i];
    forest_walk_column(&g->rows, j);
    return loss;
}

/* Adds what one part of the rows says. */
static void judge_part(judge *g, const bool *asked, hone_stream *r, double *growth)
{
    const double before = loss_of(g);
    for (int64_t j = 0; j < g->job->shape.features; j++)
        if (asked[j])
            growth[j] += permuted_loss(g, j, r) - before;
}

static int64_t outside_bag(const hone_output_job *job, int64_t t, uint32_t *count, int64_t *row)
{
    const int64_t n = job->x.rows;
    int64_t out = 0;
    forest_bag(job->seed, t, n, forest_draws(job->params, n), job->weight, count);
    for (int64_t i = 0; i < n; i++)
        if (!count[i] && (!job->weight || job->weight[i] > 0))
            row[out++] = i;
    return out;
}

static hone_status permute_tree(void *context, int64_t b, hone_arena *scratch, hone_error *error)
{
    const permuting *p = context;
    const hone_output_job *job = p->job;
    const forest_state *s = job->state;
    const int64_t d = job->shape.features, t = p->first + b;
    judge *g = HONE_RAW(scratch, judge, 1, 1);
    bool *asked = HONE_NEW(scratch, bool, d, 1);
    uint32_t *count = HONE_RAW(scratch, uint32_t, job->x.rows, 1);
    int64_t *row = HONE_RAW(scratch, int64_t, job->x.rows, 1);
    if (!g || !asked || !count || !row || !forest_walk_room(&job->x, PART, scratch, &g->rows))
        return hone_no_memory(error);
    for (int64_t i = s->tree_start[t]; i < s->tree_start[t + 1]; i++)
        if (s->child[i])
            asked[s->feature[i]] = true;
    const int64_t out = outside_bag(job, t, count, row);
    hone_stream r = hone_stream_of(job->seed, (uint64_t)t, PERMUTATION);
    hone_shuffle(&r, row, out);
    g->job = job, g->tree = t;
    double *growth = p->growth + b * d, weight = 0;
    memset(growth, 0, (size_t)d * sizeof *growth);
    for (int64_t first = 0; first < out; first += PART) {
        if (hone_stopping(job->run) == HONE_CANCEL)
            return HONE_STOPPED;
        g->count = out - first < PART ? out - first : PART;
        for (int64_t i = 0; i < g->count; i++) {
            g->row[i] = row[first + i], g->pick[i] = (uint16_t)i;
            weight += job->weight ? job->weight[g->row[i]] : 1;
        }
        forest_walk_load(&job->shape, &job->x, g->row, g->count, &g->rows);
        judge_part(g, asked, &r, growth);
    }
    p->judged[b] = out > 0;
    for (int64_t j = 0; j < d && out; j++)
        growth[j] /= weight;
    return HONE_OK;
}

hone_status forest_permutation_importances(const hone_output_job *job, double *out,
                                           hone_error *error)
{
    const forest_state *s = job->state;
    const int64_t d = job->shape.features;
    int64_t judged = 0;
    permuting p = {.job = job,
                   .growth = HONE_RAW(job->scratch, double, TREES_AT_ONCE, d),
                   .judged = HONE_RAW(job->scratch, bool, TREES_AT_ONCE, 1)};
    if (!p.growth || !p.judged)
        return hone_no_memory(error);
    memset(out, 0, (size_t)d * sizeof *out);
    for (; p.first < s->n_trees; p.first += TREES_AT_ONCE) {
        const int64_t left = s->n_trees - p.first;
        const int64_t trees = left < TREES_AT_ONCE ? left : TREES_AT_ONCE;
        HONE_TRY(hone_for_blocks(job->run, trees, permute_tree, &p, error));
        for (int64_t b = 0; b < trees; b++) {
            judged += p.judged[b];
            for (int64_t j = 0; j < d; j++)
                out[j] += p.growth[b * d + j];
        }
    }
    for (int64_t j = 0; j < d; j++)
        out[j] = judged ? out[j] / (double)judged : NAN;
    return HONE_OK;
}
