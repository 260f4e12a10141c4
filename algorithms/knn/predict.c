/* Votes of the neighbours. */
#include "knn.h"

typedef struct prediction {
    const hone_predict_job *job;
    knn_search search;
} prediction;

/* ---- votes ---- */

/* Votes of k neighbours at distances `root`, which may be their place: by distance over the nearest
 * one's, so that none is too large; rows at distance 0 vote alone. */
static void fill_votes(const knn_params *params, const double *root, int64_t k, double *vote)
{
    const double nearest = root[0];
    const bool uniform = params->weights == VOTE_UNIFORM, alone = nearest == 0;
    for (int64_t j = 0; j < k; j++)
        vote[j] = uniform ? 1 : alone ? root[j] == 0 : nearest / root[j];
    for (int64_t j = 0; j < k && params->weights == VOTE_POWER && !alone; j++)
        vote[j] = pow(vote[j], params->power);
}

/* By the rows' weights over the largest of those that vote. */
static void weigh_votes(const knn_state *s, const int32_t *row, int64_t k, double *vote)
{
    double largest = 0;
    for (int64_t j = 0; j < k; j++)
        if (vote[j] > 0)
            largest = fmax(largest, s->weight[row[j]]);
    for (int64_t j = 0; j < k; j++)
        if (vote[j] > 0)
            vote[j] *= s->weight[row[j]] / largest;
}

static void score_row(const hone_predict_job *job, const int32_t *row, const double *root,
                      double *vote, double *score)
{
    const knn_state *s = job->state;
    const int64_t k = s->neighbors, c = job->shape.outputs;
    double sum = 0, mean = 0;
    fill_votes(job->params, root, k, vote);
    if (s->n_weights)
        weigh_votes(s, row, k, vote);
    for (int64_t j = 0; j < k; j++)
        sum += vote[j];
    if (s->n_targets) {
        for (int64_t j = 0; j < k; j++)
            mean += vote[j] * s->target[row[j]];
        score[0] = mean / sum;
        return;
    }
    for (int64_t i = 0; i < c; i++)
        score[i] = 0;
    for (int64_t j = 0; j < k; j++)
        score[s->label[row[j]]] += vote[j];
    for (int64_t i = 0; i < c; i++)
        score[i] /= sum;
}

static void vote(void *context, int64_t query, int32_t *row, double *rank)
{
    const prediction *p = context;
    for (int64_t j = 0; j < p->search.k; j++)
        rank[j] = knn_root(&p->search.points->rule, rank[j]);
    score_row(p->job, row, rank, rank, p->job->score + query * p->job->shape.outputs);
}

/* ---- votes of lists ---- */

enum { VOTERS = 512 }; /* rows of a block */

typedef struct tally {
    const hone_predict_job *job;
    const knn_lists *lists;
} tally;

static hone_status tally_block(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    const tally *t = context;
    const knn_lists *l = t->lists;
    double *votes = HONE_RAW(scratch, double, l->k, 1);
    if (!votes)
        return hone_no_memory(error);
    const int64_t end = (block + 1) * VOTERS < l->queries ? (block + 1) * VOTERS : l->queries;
    for (int64_t i = block * VOTERS; i < end; i++)
        score_row(t->job, l->row + i * l->k, l->root + i * l->k, votes,
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
