#include "held.h"

#include "gram.h"

enum {
    ROWS = 48,   /* queries of a block */
    SHARES = 16, /* part of what trials may share */
};

void held_norms(const hone_panels *p, float *norm)
{
    for (int64_t i = 0; i < p->n; i++) {
        double sum = 0;
        const float *x = p->x ? p->x + i / HONE_LANES * p->d * HONE_LANES + i % HONE_LANES : NULL;
        for (int64_t k = 0; x && k < p->d; k++)
            sum += (double)x[k * HONE_LANES] * (double)x[k * HONE_LANES];
        for (int64_t t = x ? 0 : p->begin[i]; !x && t < p->end[i]; t++)
            sum += (double)p->value[t] * (double)p->value[t];
        norm[i] = (float)sum;
    }
}

typedef struct measuring {
    const hone_matrix *x;
    const hone_panels *panels;
    const kernel *kernel;
    const hone_run *run;
    held *to;
} measuring;

static hone_status measure_block(void *context, int64_t block, hone_arena *scratch,
                                 hone_error *error)
{
    const measuring *m = context;
    const int64_t first = block * ROWS, left = m->x->rows - first;
    const int64_t rows = left < ROWS ? left : ROWS;
    hone_queries q;
    hone_query_buffer buffer;
    int32_t *map;
    if (hone_stopping(m->run) != HONE_GO)
        return HONE_OK;
    if (!hone_queries_new(m->panels, m->x, first, rows, scratch, &q) ||
        !hone_query_buffer_new(m->panels->d, scratch, &buffer) ||
        !hone_map_new(m->panels, scratch, &map))
        return hone_no_memory(error);
    hone_queries_read(m->panels, m->x, first, rows, m->kernel->isa, &buffer, &q);
    kernel_distances(m->kernel, &q, m->panels, 0, hone_panel_count(m->panels->n), map,
                     m->to->value + first * m->to->stride, m->to->stride);
    return HONE_OK;
}

/* key: kind of distance, instructions. */
static hone_status build(const hone_fit_job *job, const int64_t key[HONE_KEY], void *object,
                         hone_error *error)
{
    held *h = object;
    const kernel k = {.type = (int)key[0], .isa = (hone_isa)key[1]};
    const hone_panels *shared;
    HONE_TRY(hone_panels_of_rows(job->shared, kernel_is_exponential(&k), &shared, error));
    hone_panels panels = *shared;
    float *norm = HONE_NEW(job->scratch, float, hone_panel_count(panels.n), HONE_LANES);
    h->queries = job->valid_x.rows;
    h->stride = hone_panel_count(panels.n) * HONE_LANES;
    h->query = HONE_RAW(job->keep, int64_t, h->queries, 1);
    h->value = HONE_RAW(job->keep, float, h->queries, h->stride);
    if (!norm || !h->query || !h->value)
        return hone_no_memory(error);
    held_norms(&panels, norm);
    panels.norm = norm;
    for (int64_t i = 0; i < h->queries; i++)
        h->query[i] = hone_row_id(&job->valid_x, i);
    measuring m = {&job->valid_x, &panels, &k, job->run, h};
    HONE_TRY(hone_for_blocks(job->run, (h->queries + ROWS - 1) / ROWS, measure_block, &m, error));
    return hone_stopping(job->run) == HONE_GO
               ? HONE_OK
               : hone_fail(error, HONE_STOPPED, "run", "stopped among distances");
}

static const hone_recipe HELD = {"svm.held/1", HONE_OF_SPLIT, sizeof(held), build};

static bool same_rows(const held *h, const hone_matrix *x)
{
    bool same = h->queries == x->rows;
    for (int64_t i = 0; same && i < x->rows; i++)
        same = h->query[i] == hone_row_id(x, i);
    return same;
}

hone_status held_find(const hone_predict_job *job, const kernel *k, const hone_panels *vectors,
                      const held **found, hone_error *error)
{
    const svm_state *s = job->state;
    *found = NULL;
    const int64_t bytes = job->x.rows * (s->n_rows + HONE_LANES) * (int64_t)sizeof(float);
    if (!s->shares || !job->shared || !s->n_sv || !gram_is_long(vectors) ||
        bytes > hone_derive_limit(job->shared) / SHARES)
        return HONE_OK;
    /* poly, sigmoid and linear have the same inner products */
    const int64_t key[HONE_KEY] = {kernel_is_exponential(k) ? k->type : SVM_POLY, (int64_t)k->isa};
    const void *object;
    HONE_TRY(hone_derive(job->shared, &HELD, key, &object, error));
    if (same_rows(object, &job->x))
        *found = object;
    return HONE_OK;
}
