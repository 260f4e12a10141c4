/* Votes of the neighbours. */
#include "knn.h"

typedef struct prediction {
    const hone_predict_job *job;
    knn_search search;
} prediction;

/* ---- votes ---- */

/* Vote j of k neighbours at distances `root`: by distance over the nearest one's, so that none is
 * too large; rows at distance 0 vote alone. */
static double vote_of(const knn_params *params, const double *root, int64_t j)
{
    if (params->weights == VOTE_UNIFORM)
        return 1;
    if (root[0] == 0)
        return root[j] == 0;
    const double share = root[0] / root[j];
    return params->weights == VOTE_DISTANCE ? share : pow(share, params->power);
}

static void score_row(const hone_predict_job *job, const int32_t *row, const double *root,
                      double *score)
{
    const knn_state *s = job->state;
    const knn_params *params = job->params;
    const int64_t k = s->neighbors, c = job->shape.outputs;
    double largest = 0, sum = 0, mean = 0;
    for (int64_t j = 0; s->n_weights && j < k; j++)
        if (vote_of(params, root, j) > 0)
            largest = fmax(largest, s->weight[row[j]]);
    for (int64_t i = 0; s->n_labels && i < c; i++)
        score[i] = 0;
    for (int64_t j = 0; j < k; j++) {
        double vote = vote_of(params, root, j);
        if (s->n_weights && vote > 0)
            vote *= s->weight[row[j]] / largest;
        sum += vote;
        if (s->n_labels)
            score[s->label[row[j]]] += vote;
        else
            mean += vote * s->target[row[j]];
    }
    for (int64_t i = 0; s->n_labels && i < c; i++)
        score[i] /= sum;
    if (!s->n_labels)
        score[0] = mean / sum;
}

static void vote(void *context, int64_t query, int32_t *row, double *rank)
{
    const prediction *p = context;
    for (int64_t j = 0; j < p->search.k; j++)
        rank[j] = knn_root(&p->search.points->rule, rank[j]);
    score_row(p->job, row, rank, p->job->score + query * p->job->shape.outputs);
}

/* ---- votes of lists ---- */

enum { VOTERS = 512 }; /* rows of a block */

typedef struct tally {
    const hone_predict_job *job;
    const knn_lists *lists;
} tally;

static hone_status tally_block(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    (void)scratch, (void)error;
    const tally *t = context;
    const knn_lists *l = t->lists;
    const int64_t end = (block + 1) * VOTERS < l->queries ? (block + 1) * VOTERS : l->queries;
    for (int64_t i = block * VOTERS; i < end; i++)
        score_row(t->job, l->row + i * l->k, l->root + i * l->k,
                  t->job->score + i * t->job->shape.outputs);
    return HONE_OK;
}

hone_status knn_predict(const hone_predict_job *job, hone_error *error)
{
    const knn_state *s = job->state;
    tally t = {.job = job};
    HONE_TRY(knn_lists_find(job, &t.lists, error));
    if (t.lists)
        return hone_for_blocks(job->run, (t.lists->queries + VOTERS - 1) / VOTERS, tally_block, &t,
                               error);
    prediction p = {job, {.x = &job->x, .run = job->run, .k = s->neighbors}};
    HONE_TRY(knn_points_of(s, job->params, &job->shape, job->run, job->scratch, &p.search.points,
                           error));
    return knn_search_all(&p.search, vote, &p, job->scratch, error);
}
