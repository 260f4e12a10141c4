/* Prediction: rows walk down packed nodes, several rows of a block at a time.
 *
 * A packed node has 16 bytes: threshold, feature, child. Scores are the mean over trees, added in
 * the order of trees, so that they do not depend on blocks or threads.
 */
#include "fit.h"

enum { ROWS = 64, ABREAST = 8 };

/* A leaf points to itself with a threshold that nothing exceeds. */
struct walk_node {
    double threshold; /* leaf when regressing: the answer */
    int32_t child;    /* from the tree's first node; 0: leaf */
    uint32_t how;     /* feature, and the bits of `side` above it; leaf: the payload */
};

enum { SIDE_SHIFT = 30 };

hone_status forest_prepare(const hone_shape *shape, const void *params, void *state,
                           hone_arena *keep, hone_error *error)
{
    (void)shape, (void)params;
    forest_state *s = state;
    s->walk = HONE_RAW(keep, walk_node, s->n_nodes, 1);
    if (!s->walk)
        return hone_no_memory(error);
    for (int64_t i = 0; i < s->n_nodes; i++)
        s->walk[i] =
            (walk_node){s->threshold[i], s->child[i],
                        s->child[i] ? (uint32_t)s->feature[i] | (uint32_t)s->side[i] << SIDE_SHIFT
                                    : (uint32_t)s->payload[i]};
    return HONE_OK;
}

/* By category: a level outside the set's words was never seen and goes where missing goes. */
static bool in_set(const forest_state *s, const walk_node *n, double v)
{
    const int64_t set = s->payload[n - s->walk] - s->n_rows;
    const int64_t bits = 32 * (s->set_start[set + 1] - s->set_start[set]);
    if (!(v >= 0 && v < (double)bits))
        return n->how >> SIDE_SHIFT & MISSING_LEFT;
    const int64_t k = (int64_t)v;
    return s->words[s->set_start[set] + k / 32] >> (k % 32) & 1;
}

static bool goes_left(const forest_state *s, const walk_node *n, double v)
{
    const uint32_t side = n->how >> SIDE_SHIFT;
    if (side & BY_CATEGORY)
        return in_set(s, n, v);
    if (isnan(v))
        return side & MISSING_LEFT;
    return v <= n->threshold;
}

static const walk_node *step(const forest_state *s, const walk_node *root, const walk_node *n,
                             const double *row)
{
    const uint32_t feature = n->how & ((UINT32_C(1) << SIDE_SHIFT) - 1);
    return root + n->child + !goes_left(s, n, row[feature]);
}

int64_t forest_leaf(const forest_state *s, int64_t t, const double *row)
{
    const walk_node *root = s->walk + s->tree_start[t], *n = root;
    while (n->child)
        n = step(s, root, n, row);
    return n - s->walk;
}

void forest_add_leaf(const forest_state *s, int64_t i, int64_t outputs, double *score)
{
    if (s->n_rows == 0) {
        score[0] += s->threshold[i];
        return;
    }
    (void)outputs;
    const int32_t row = s->payload[i];
    for (int64_t e = s->row_start[row]; e < s->row_start[row + 1]; e++)
        score[s->entry_class[e]] += s->entry_share[e];
}

/* Up to ABREAST rows at once: their loads overlap. */
static void walk_rows(const forest_state *s, int64_t t, const double *const row[], int64_t count,
                      const walk_node *leaf[])
{
    const walk_node *root = s->walk + s->tree_start[t];
    for (int64_t i = 0; i < count; i++)
        leaf[i] = root;
    for (bool more = root->child != 0; more;) {
        more = false;
        for (int64_t i = 0; i < count; i++)
            if (leaf[i]->child) {
                leaf[i] = step(s, root, leaf[i], row[i]);
                more = true;
            }
    }
}

static hone_status predict_block(void *context, int64_t b, hone_arena *scratch, hone_error *error)
{
    const hone_predict_job *job = context;
    const forest_state *s = job->state;
    const int64_t c = job->shape.outputs, d = job->x.cols;
    const int64_t first = b * ROWS;
    const int64_t count = first + ROWS < job->x.rows ? ROWS : job->x.rows - first;
    double *buffer = HONE_RAW(scratch, double, count, d);
    if (!buffer)
        return hone_no_memory(error);
    const double *row[ROWS];
    for (int64_t i = 0; i < count; i++)
        row[i] = hone_row_f64(&job->x, first + i, buffer + i * d);
    double *score = job->score + first * c;
    memset(score, 0, (size_t)(count * c) * sizeof *score);
    for (int64_t t = 0; t < s->n_trees; t++)
        for (int64_t i = 0; i < count; i += ABREAST) {
            const walk_node *leaf[ABREAST];
            const int64_t abreast = count - i < ABREAST ? count - i : ABREAST;
            walk_rows(s, t, row + i, abreast, leaf);
            for (int64_t k = 0; k < abreast; k++)
                forest_add_leaf(s, leaf[k] - s->walk, c, score + (i + k) * c);
        }
    for (int64_t i = 0; i < count * c; i++)
        score[i] /= (double)s->n_trees;
    return HONE_OK;
}

hone_status forest_predict(const hone_predict_job *job, hone_error *error)
{
    hone_predict_job copy = *job;
    return hone_for_blocks(job->run, (job->x.rows + ROWS - 1) / ROWS, predict_block, &copy, error);
}
