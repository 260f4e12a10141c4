/* Where validation rows end: the leaves of shared trees that they reach, found once for all trials
 * that cut these trees. A cut tree is the top of the full one, so the leaf of a row is the lowest
 * node on the way to its end that the cut has left: one look-up a row and tree in place of a walk.
 */
#include "fit.h"
#include "hone/derived.h"
#include "walk.h"

enum {
    BLOCK = 256,
    MOST_CHUNKS = 64,
    SHARE = 4 /* of the cache's limit that ends may take */
};

typedef struct ends {
    int64_t rows;
    int64_t *row; /* rows, of the table */
    int64_t start[CHUNK + 1];
    int32_t *child; /* of the full trees, as in the state */
    int32_t *leaf;  /* CHUNK x rows; counted from the first node of the tree */
} ends;

/* ---- build ---- */

typedef struct finding {
    const hone_fit_job *job;
    const forest_state *s;
    ends *out;
} finding;

static hone_status find_block(void *context, int64_t b, hone_arena *scratch, hone_error *error)
{
    const finding *f = context;
    const hone_matrix *x = &f->job->valid_x;
    const int64_t first = b * BLOCK, count = first + BLOCK < x->rows ? BLOCK : x->rows - first;
    walk_rows rows;
    HONE_TRY(forest_walk_rows(&f->job->shape, x, first, count, scratch, &rows, error));
    uint32_t leaf[BLOCK];
    for (int64_t t = 0; t < CHUNK; t++) {
        forest_walk(f->s, &rows, t, 1, leaf);
        for (int64_t i = 0; i < count; i++)
            f->out->leaf[t * x->rows + first + i] = (int32_t)(leaf[i] - f->s->tree_start[t]);
    }
    return HONE_OK;
}

/* key: that of the chunk. The forest of its full trees is gone when the ends stand. */
static hone_status build(const hone_fit_job *job, const int64_t key[HONE_KEY], void *object,
                         hone_error *error)
{
    ends *out = object;
    const tree *full;
    cut_tree trees[CHUNK];
    forest_state s = {.n_trees = CHUNK};
    HONE_TRY(forest_shared_trees(job->shared, key[0], (reach){key[1], key[2]}, &full, error));
    HONE_TRY(forest_cut_whole(job, full, trees, error));
    hone_fit_job here = *job;
    here.keep = job->scratch;
    HONE_TRY(forest_assemble(&here, &s, trees, error));
    HONE_TRY(forest_prepare(&job->shape, job->params, &s, job->scratch, error));
    out->rows = job->valid_x.rows;
    out->row = HONE_RAW(job->keep, int64_t, out->rows, 1);
    out->child = HONE_RAW(job->keep, int32_t, s.n_nodes, 1);
    out->leaf = HONE_RAW(job->keep, int32_t, out->rows, CHUNK);
    if (!out->row || !out->child || !out->leaf)
        return hone_no_memory(error);
    memcpy(out->start, s.tree_start, sizeof out->start);
    memcpy(out->child, s.child, (size_t)s.n_nodes * sizeof *s.child);
    for (int64_t i = 0; i < out->rows; i++)
        out->row[i] = hone_row_id(&job->valid_x, i);
    finding f = {job, &s, out};
    return hone_for_blocks(job->run, (out->rows + BLOCK - 1) / BLOCK, find_block, &f, error);
}

static const hone_recipe ENDS = {"forest.ends/2", HONE_OF_FIT_AND_SPLIT, sizeof(ends), build};

/* ---- use ---- */

typedef struct reading {
    const hone_predict_job *job;
    const ends **ends; /* by chunk */
    int32_t **at;      /* by tree: node of the cut tree, by node of the full one */
} reading;

static bool same_rows(const ends *e, const hone_matrix *x)
{
    bool same = e->rows == x->rows;
    for (int64_t i = 0; same && i < x->rows; i++)
        same = e->row[i] == hone_row_id(x, i);
    return same;
}

static hone_status follow_cut(void *context, int64_t t, hone_arena *scratch, hone_error *error)
{
    (void)scratch, (void)error;
    const reading *r = context;
    const forest_state *s = r->job->state;
    const ends *e = r->ends[t / CHUNK];
    const int64_t first = e->start[t % CHUNK], nodes = e->start[t % CHUNK + 1] - first;
    const int32_t *full = e->child + first, *cut = s->child + s->tree_start[t];
    int32_t *at = r->at[t];
    at[0] = 0;
    for (int64_t i = 0; i < nodes; i++) {
        const int32_t k = at[i], below = cut[k];
        if (full[i])
            at[full[i]] = below ? below : k, at[full[i] + 1] = below ? below + 1 : k;
    }
    return HONE_OK;
}

static hone_status add_block(void *context, int64_t b, hone_arena *scratch, hone_error *error)
{
    (void)scratch, (void)error;
    const reading *r = context;
    const hone_predict_job *job = r->job;
    const forest_state *s = job->state;
    const int64_t c = job->shape.outputs, first = b * BLOCK;
    const int64_t end = first + BLOCK < job->x.rows ? first + BLOCK : job->x.rows;
    memset(job->score + first * c, 0, (size_t)((end - first) * c) * sizeof *job->score);
    for (int64_t t = 0; t < s->n_trees; t++) {
        const int32_t *leaf = r->ends[t / CHUNK]->leaf + t % CHUNK * job->x.rows;
        for (int64_t i = first; i < end; i++)
            forest_add_leaf(s, s->tree_start[t] + r->at[t][leaf[i]], job->score + i * c);
    }
    for (int64_t k = first * c; k < end * c; k++)
        job->score[k] /= (double)s->n_trees;
    return HONE_OK;
}

/* Ends of all chunks. `some` stays false where they cannot be had for less than a walk. */
static hone_status gather(const reading *r, bool *some, hone_error *error)
{
    const forest_state *s = r->job->state;
    hone_shared *shared = r->job->shared;
    for (int64_t t = 0; t < s->n_trees; t += CHUNK) {
        const int64_t *key = FOREST_KEY(t / CHUNK, s->reach);
        const void *object;
        if (!hone_derive_ready(shared, &ENDS, key) &&
            !forest_shared_ready(shared, t / CHUNK, s->reach))
            return HONE_OK;
        const hone_status status = hone_derive(shared, &ENDS, key, &object, error);
        if (status == HONE_STOPPED)
            return HONE_OK;
        HONE_TRY(status);
        r->ends[t / CHUNK] = object;
        if (!t && !same_rows(object, &r->job->x))
            return HONE_OK;
    }
    *some = true;
    return HONE_OK;
}

hone_status forest_predict_ends(const hone_predict_job *job, bool *done, hone_error *error)
{
    const forest_state *s = job->state;
    const int64_t chunks = (s->n_trees + CHUNK - 1) / CHUNK;
    *done = false;
    if (!s->shares || !job->shared || job->members < s->n_trees || chunks > MOST_CHUNKS ||
        job->x.rows > hone_derive_limit(job->shared) / SHARE / (4 * CHUNK * chunks))
        return HONE_OK;
    reading r = {job, HONE_RAW(job->scratch, const ends *, chunks, 1),
                 HONE_RAW(job->scratch, int32_t *, s->n_trees, 1)};
    if (!r.ends || !r.at)
        return hone_no_memory(error);
    bool some = false;
    HONE_TRY(gather(&r, &some, error));
    if (!some)
        return HONE_OK;
    for (int64_t t = 0; t < s->n_trees; t++) {
        const int64_t *start = r.ends[t / CHUNK]->start + t % CHUNK;
        r.at[t] = HONE_RAW(job->scratch, int32_t, start[1] - start[0], 1);
        if (!r.at[t])
            return hone_no_memory(error);
    }
    HONE_TRY(hone_for_blocks(job->run, s->n_trees, follow_cut, &r, error));
    HONE_TRY(hone_for_blocks(job->run, (job->x.rows + BLOCK - 1) / BLOCK, add_block, &r, error));
    *done = true;
    return HONE_OK;
}
