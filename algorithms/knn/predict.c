/* Votes of the neighbours. */
#include "knn.h"

typedef struct prediction {
    const hone_predict_job *job;
    knn_search search;
} prediction;

/* ---- votes ---- */

/* Vote j of k neighbours: by distance over the nearest one's, so that none is too large; rows at
 * distance 0 vote alone. */
static double vote_of(const knn_params *params, const knn_rule *rule, const double *rank, int64_t j,
                      double nearest)
{
    if (params->weights == VOTE_UNIFORM)
        return 1;
    if (nearest == 0)
        return rank[j] == 0;
    const double share = nearest / knn_root(rule, rank[j]);
    return params->weights == VOTE_DISTANCE ? share : pow(share, params->power);
}

static void score_row(const hone_predict_job *job, const knn_rule *rule, const int32_t *row,
                      const double *rank, double *score)
{
    const knn_state *s = job->state;
    const knn_params *params = job->params;
    const int64_t k = s->neighbors, c = job->shape.outputs;
    const double nearest = params->weights == VOTE_UNIFORM ? 0 : knn_root(rule, rank[0]);
    double largest = 0, sum = 0, mean = 0;
    for (int64_t j = 0; s->n_weights && j < k; j++)
        if (vote_of(params, rule, rank, j, nearest) > 0)
            largest = fmax(largest, s->weight[row[j]]);
    for (int64_t i = 0; s->n_labels && i < c; i++)
        score[i] = 0;
    for (int64_t j = 0; j < k; j++) {
        double vote = vote_of(params, rule, rank, j, nearest);
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

static void vote(void *context, int64_t query, const int32_t *row, const double *rank)
{
    const prediction *p = context;
    score_row(p->job, &p->search.points->rule, row, rank,
              p->job->score + query * p->job->shape.outputs);
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
        score_row(t->job, &l->rule, l->row + i * l->k, l->rank + i * l->k,
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
    HONE_TRY(knn_points_of(s, job->params, &job->shape, job->scratch, &p.search.points, error));
    return knn_search_all(&p.search, vote, &p, job->scratch, error);
}
