/* Lists of neighbours for the caller: row numbers of the fit, and distances. */
#include "knn.h"

typedef struct telling {
    knn_search search;
    const knn_state *s;
    double *out; /* rows x k */
} telling;

static void tell_rows(void *context, int64_t query, int32_t *row, double *rank)
{
    (void)rank;
    const telling *t = context;
    for (int64_t j = 0; j < t->search.k; j++)
        t->out[query * t->search.k + j] =
            (double)(t->s->n_positions ? t->s->position[row[j]] : row[j]);
}

static void tell_distances(void *context, int64_t query, int32_t *row, double *rank)
{
    (void)row;
    const telling *t = context;
    for (int64_t j = 0; j < t->search.k; j++)
        t->out[query * t->search.k + j] = knn_distance(&t->search.points->rule, rank[j]);
}

static hone_status tell(const hone_output_job *job, knn_take take, double *out, hone_error *error)
{
    const knn_state *s = job->state;
    telling t = {.s = s, .out = out};
    t.search = (knn_search){.x = &job->x, .run = job->run, .k = s->neighbors};
    HONE_TRY(knn_points_of(s, job->params, &job->shape, job->run, job->scratch, &t.search.points,
                           error));
    return knn_search_all(&t.search, take, &t, job->scratch, error);
}

static hone_status neighbors(const hone_output_job *job, double *out, hone_error *error)
{
    return tell(job, tell_rows, out, error);
}

static hone_status distances(const hone_output_job *job, double *out, hone_error *error)
{
    return tell(job, tell_distances, out, error);
}

const hone_output knn_outputs[] = {
    {"nearest_rows", "Rows of the fit that are nearest to a row, the nearest first.",
     .cols = HONE_N(knn_state, neighbors, 0), .needs_x = true, .compute = neighbors},
    {"nearest_distances", "Distances of the nearest rows of the fit, ascending.",
     .cols = HONE_N(knn_state, neighbors, 0), .needs_x = true, .compute = distances},
    {0},
};
