/* Lists of neighbours that trials share: those of all validation rows of a split among its training
 * rows, by one search for each metric. A list for K neighbours begins with that for fewer, so that
 * it serves every n_neighbors <= K and every weighting with the bits of a search of its own. Few
 * values of K are in use: n m d operations once, 12 K m bytes, for n training and m validation
 * rows.
 */
#include "knn.h"

enum {
    LEAST = 16,
    SHARE = 4, /* of the cache's limit that lists may take */
};

static int64_t bits_of(double v)
{
    int64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static double double_of(int64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* ---- build ---- */

typedef struct listing {
    const knn_lists *lists;
    const knn_rule *rule;
} listing;

static void list(void *context, int64_t query, int32_t *row, double *rank)
{
    const listing *to = context;
    const int64_t k = to->lists->k;
    memcpy(to->lists->row + query * k, row, (size_t)k * sizeof *row);
    for (int64_t j = 0; j < k; j++)
        to->lists->root[query * k + j] = knn_root(to->rule, rank[j]);
}

/* key: K, metric, bits of p. */
static hone_status build(const hone_fit_job *job, const int64_t key[HONE_KEY], void *object,
                         hone_error *error)
{
    knn_lists *l = object;
    const knn_params params = {.metric = (int)key[1], .p = double_of(key[2])};
    hone_fit_job rows = *job; /* the training rows are gone when the lists stand */
    knn_state s = {0};
    knn_points points;
    rows.keep = job->scratch;
    HONE_TRY(knn_copy_rows(&rows, &s, error));
    l->queries = job->valid_x.rows;
    l->k = key[0] < s.n_rows ? key[0] : s.n_rows;
    const hone_shape shape = {.features = job->x.cols, .levels = job->x.levels};
    HONE_TRY(knn_points_make(&s, &params, &shape, l->k, job->scratch, &points, error));
    l->query = HONE_RAW(job->keep, int64_t, l->queries, 1);
    l->row = HONE_RAW(job->keep, int32_t, l->queries, l->k);
    l->root = HONE_RAW(job->keep, double, l->queries, l->k);
    if (!l->query || !l->row || !l->root)
        return hone_no_memory(error);
    for (int64_t i = 0; i < l->queries; i++)
        l->query[i] = hone_row_id(&job->valid_x, i);
    const knn_search search = {.points = &points, .x = &job->valid_x, .run = job->run, .k = l->k};
    listing to = {l, &points.rule};
    return knn_search_all(&search, list, &to, job->scratch, error);
}

static const hone_recipe LISTS = {"knn.lists/2", HONE_OF_SPLIT, sizeof(knn_lists), build};

/* ---- find ---- */

/* The next larger of the sizes of lists: four from one power of two to the next. */
static int64_t next_size(int64_t k)
{
    int64_t octave = LEAST;
    while (2 * octave <= k)
        octave *= 2;
    return k + octave / 4;
}

static bool same_rows(const knn_lists *l, const hone_matrix *x)
{
    bool same = l->queries == x->rows;
    for (int64_t i = 0; same && i < x->rows; i++)
        same = l->query[i] == hone_row_id(x, i);
    return same;
}

hone_status knn_lists_find(const hone_predict_job *job, const knn_lists **lists, hone_error *error)
{
    const knn_state *s = job->state;
    const knn_params *params = job->params;
    *lists = NULL;
    if (!s->shares || !job->shared || s->neighbors > KNN_LIST_MOST)
        return HONE_OK;
    int64_t key[HONE_KEY] = {LEAST, params->metric, 0, 0};
    if (params->metric == MINKOWSKI)
        key[2] = bits_of(params->p);
    while (key[0] < s->neighbors)
        key[0] = next_size(key[0]);
    const int64_t asked = key[0];
    while (key[0] <= KNN_LIST_MOST && !hone_derive_ready(job->shared, &LISTS, key))
        key[0] = next_size(key[0]);
    if (key[0] > KNN_LIST_MOST)
        key[0] = asked;
    const int64_t a_query = key[0] * (int64_t)(sizeof(double) + sizeof(int32_t)) + 8;
    if (job->x.rows > hone_derive_limit(job->shared) / SHARE / a_query)
        return HONE_OK;
    const void *object;
    HONE_TRY(hone_derive(job->shared, &LISTS, key, &object, error));
    const knn_lists *found = object;
    if (found->k >= s->neighbors && same_rows(found, &job->x))
        *lists = found;
    return HONE_OK;
}
