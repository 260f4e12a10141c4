/* What a fitted forest can tell besides scores. */
#include "fit.h"
#include "walk.h"

enum { BLOCK = 256, BAGS = 32 };

static hone_status importances(const hone_output_job *job, double *out, hone_error *error)
{
    (void)error;
    const forest_state *s = job->state;
    memcpy(out, s->feature_importances, (size_t)job->shape.features * sizeof *out);
    return HONE_OK;
}

/* ---- trees ---- */

static hone_status depths(const hone_output_job *job, double *out, hone_error *error)
{
    const forest_state *s = job->state;
    int64_t *depth = HONE_RAW(job->scratch, int64_t, s->n_nodes, 1);
    if (!depth)
        return hone_no_memory(error);
    for (int64_t t = 0; t < s->n_trees; t++) {
        const int64_t first = s->tree_start[t];
        int64_t deepest = 0;
        depth[first] = 0;
        for (int64_t i = first; i < s->tree_start[t + 1]; i++) {
            deepest = depth[i] > deepest ? depth[i] : deepest;
            if (s->child[i])
                depth[first + s->child[i]] = depth[first + s->child[i] + 1] = depth[i] + 1;
        }
        out[t] = (double)deepest;
    }
    return HONE_OK;
}

static hone_status leaves(const hone_output_job *job, double *out, hone_error *error)
{
    (void)error;
    const forest_state *s = job->state;
    for (int64_t t = 0; t < s->n_trees; t++)
        out[t] = (double)(s->tree_start[t + 1] - s->tree_start[t] + 1) / 2;
    return HONE_OK;
}

/* ---- rows ---- */

typedef struct rows_job {
    const hone_output_job *job;
    double *out;
    int64_t first; /* tree of the first bag */
    int64_t bags;
    uint32_t *count; /* bags x rows */
    int32_t *trees;  /* rows */
} rows_job;

static hone_status leaf_block(void *context, int64_t b, hone_arena *scratch, hone_error *error)
{
    const rows_job *r = context;
    const hone_matrix *x = &r->job->x;
    const forest_state *s = r->job->state;
    const int64_t first = b * BLOCK, count = first + BLOCK < x->rows ? BLOCK : x->rows - first;
    walk_rows rows;
    HONE_TRY(forest_walk_rows(&r->job->shape, x, first, count, scratch, &rows, error));
    uint32_t leaf[BLOCK];
    for (int64_t t = 0; t < s->n_trees; t++) {
        forest_walk(s, &rows, t, 1, leaf);
        for (int64_t i = 0; i < count; i++)
            r->out[(first + i) * s->n_trees + t] = (double)(leaf[i] - s->tree_start[t]);
    }
    return HONE_OK;
}

static hone_status leaf(const hone_output_job *job, double *out, hone_error *error)
{
    rows_job r = {.job = job, .out = out};
    return hone_for_blocks(job->run, (job->x.rows + BLOCK - 1) / BLOCK, leaf_block, &r, error);
}

static hone_status bag_of_tree(void *context, int64_t t, hone_arena *scratch, hone_error *error)
{
    const rows_job *r = context;
    const forest_state *s = r->job->state;
    const int64_t n = r->job->x.rows;
    uint32_t *count = HONE_RAW(scratch, uint32_t, n, 1);
    if (!count)
        return hone_no_memory(error);
    forest_bag(r->job->seed, t, n, forest_draws(r->job->params, n), r->job->weight, count);
    for (int64_t i = 0; i < n; i++)
        r->out[i * s->n_trees + t] = count[i];
    return HONE_OK;
}

static hone_status bag(const hone_output_job *job, double *out, hone_error *error)
{
    const forest_state *s = job->state;
    rows_job r = {.job = job, .out = out};
    return hone_for_blocks(job->run, s->n_trees, bag_of_tree, &r, error);
}

static hone_status draw_bag(void *context, int64_t b, hone_arena *scratch, hone_error *error)
{
    (void)scratch, (void)error;
    const rows_job *r = context;
    const int64_t n = r->job->x.rows;
    forest_bag(r->job->seed, r->first + b, n, forest_draws(r->job->params, n), r->job->weight,
               r->count + b * n);
    return HONE_OK;
}

static hone_status oob_block(void *context, int64_t b, hone_arena *scratch, hone_error *error)
{
    const rows_job *r = context;
    const hone_matrix *x = &r->job->x;
    const int64_t c = r->job->shape.outputs, first = b * BLOCK;
    const int64_t count = first + BLOCK < x->rows ? BLOCK : x->rows - first;
    walk_rows rows;
    HONE_TRY(forest_walk_rows(&r->job->shape, x, first, count, scratch, &rows, error));
    uint16_t pick[BLOCK];
    uint32_t leaf[BLOCK];
    for (int64_t t = 0; t < r->bags; t++) {
        int64_t out = 0;
        for (int64_t i = 0; i < count; i++)
            if (!r->count[t * x->rows + first + i])
                pick[out++] = (uint16_t)i;
        forest_walk_some(r->job->state, &rows, pick, out, r->first + t, leaf);
        for (int64_t k = 0; k < out; k++) {
            forest_add_leaf(r->job->state, leaf[k], r->out + (first + pick[k]) * c);
            r->trees[first + pick[k]]++;
        }
    }
    return HONE_OK;
}

static hone_status oob(const hone_output_job *job, double *out, hone_error *error)
{
    const forest_state *s = job->state;
    const int64_t n = job->x.rows, c = job->shape.outputs;
    rows_job r = {.job = job,
                  .out = out,
                  .count = HONE_RAW(job->scratch, uint32_t, n, BAGS),
                  .trees = HONE_NEW(job->scratch, int32_t, n, 1)};
    if (!r.count || !r.trees)
        return hone_no_memory(error);
    memset(out, 0, (size_t)(n * c) * sizeof *out);
    for (; r.first < s->n_trees; r.first += BAGS) {
        r.bags = s->n_trees - r.first < BAGS ? s->n_trees - r.first : BAGS;
        HONE_TRY(hone_for_blocks(job->run, r.bags, draw_bag, &r, error));
        HONE_TRY(hone_for_blocks(job->run, (n + BLOCK - 1) / BLOCK, oob_block, &r, error));
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < c; k++)
            out[i * c + k] = r.trees[i] ? out[i * c + k] / r.trees[i] : NAN;
    return HONE_OK;
}

#define TREES HONE_N(forest_state, n_trees, 0)

const hone_output forest_outputs[] = {
    {"oob_score", "Scores of the training rows from the trees that have not seen them.",
     .cols = HONE_C, .needs_x = true, .needs_training = true, .compute = oob},
    {"feature_importances", "Share of each feature in the decrease of impurity; sums to 1.",
     .rows = HONE_ONE, .cols = HONE_D, .compute = importances},
    {"permutation_importances",
     "Growth of the loss outside a tree's bag when the feature is permuted; mean over trees.",
     .rows = HONE_ONE, .cols = HONE_D, .needs_x = true, .needs_training = true,
     .compute = forest_permutation_importances},
    {"leaf", "Number of the leaf that a row reaches in each tree.", .cols = TREES, .needs_x = true,
     .compute = leaf},
    {"bag", "How often each tree drew a training row; its leaves answer for those rows.",
     .cols = TREES, .needs_x = true, .needs_training = true, .compute = bag},
    {"tree_depth", "Longest path of each tree.", .rows = HONE_ONE, .cols = TREES,
     .compute = depths},
    {"tree_leaves", "Leaves of each tree.", .rows = HONE_ONE, .cols = TREES, .compute = leaves},
    {0},
};
