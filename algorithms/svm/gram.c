#include "gram.h"

#include "hone/derived.h"

/* Rows computed together. */
enum { QUERIES = 96 };

/* Multiply-adds of a block: a few milliseconds. */
#define BLOCK_WORK 1e8

typedef struct gram {
    const hone_panels *panels;
    const kernel *kernel;
    bool bare; /* distances, not yet kernel values */
    const hone_run *run;
    float *K;
    int64_t stride, step; /* step: rows of a block */
} gram;

static gram gram_of(const hone_panels *x, const kernel *k, bool bare, const hone_run *run, float *K,
                    int64_t stride)
{
    const double d = x->x ? (double)x->d : (double)(x->end[x->n - 1] - x->begin[0]) / (double)x->n;
    const double rows = BLOCK_WORK / ((double)x->n * (d + 1));
    const int64_t step = rows < QUERIES ? (int64_t)(rows / HONE_LANES + 1) * HONE_LANES : QUERIES;
    return (gram){x, k, bare, run, K, stride, step};
}

/* The rows of a block from their own panels on, and what is symmetric to them below. */
static void fill_rows(const gram *g, int64_t block, hone_queries *q, int32_t *map)
{
    const int64_t first = block * g->step, n = g->panels->n, stride = g->stride;
    const int64_t count = n - first < g->step ? n - first : g->step;
    const int64_t from = first / HONE_LANES, all = hone_panel_count(n);
    float *K = g->K;
    int64_t id[QUERIES];
    for (int64_t i = 0; i < count; i++)
        id[i] = first + i;
    hone_queries_pick(g->panels, id, count, g->kernel->isa, q);
    (g->bare ? kernel_distances : kernel_block)(g->kernel, q, g->panels, from, all - from, map,
                                                K + first * stride + first, stride);
    for (int64_t j = first + count; j < n; j += HONE_LANES) {
        const int64_t end = j + HONE_LANES < n ? j + HONE_LANES : n;
        for (int64_t i = first; i < first + count; i++)
            for (int64_t k = j; k < end; k++)
                K[k * stride + i] = K[i * stride + k];
    }
}

/* Where a block works. */
typedef struct desk {
    hone_queries q;
    int32_t *map;
} desk;

static bool desk_new(const gram *g, hone_arena *scratch, desk *d)
{
    return hone_queries_new(g->panels, NULL, 0, g->step, scratch, &d->q) &&
           hone_map_new(g->panels, scratch, &d->map);
}

static hone_status fill_block(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    const gram *g = context;
    desk d;
    if (hone_stopping(g->run) != HONE_GO)
        return HONE_OK;
    if (!desk_new(g, scratch, &d))
        return hone_no_memory(error);
    fill_rows(g, block, &d.q, d.map);
    return HONE_OK;
}

static int64_t block_count(const gram *g)
{
    return (g->panels->n + g->step - 1) / g->step;
}

hone_status gram_fill(const problem *p, float *K, int64_t stride, bool *ready, hone_arena *scratch,
                      hone_error *error)
{
    gram g = gram_of(p->panels, p->kernel, false, p->run, K, stride);
    if (!p->inside) {
        HONE_TRY(hone_for_blocks(p->run, block_count(&g), fill_block, &g, error));
        *ready = hone_stopping(p->run) == HONE_GO;
        return HONE_OK;
    }
    *ready = true;
    desk d;
    if (!desk_new(&g, scratch, &d))
        return hone_no_memory(error);
    for (int64_t b = 0; b < block_count(&g) && *ready; b++) {
        fill_rows(&g, b, &d.q, d.map);
        *ready = hone_stopping(p->run) == HONE_GO;
    }
    return HONE_OK;
}

/* ---- distances of the training rows ---- */

typedef struct distances {
    int64_t stride;
    float *value; /* n x stride */
} distances;

static hone_status build(const hone_fit_job *job, const int64_t key[HONE_KEY], void *object,
                         hone_error *error)
{
    distances *d = object;
    const kernel k = {.type = (int)key[0], .isa = (hone_isa)key[1]};
    const hone_panels *panels;
    HONE_TRY(hone_panels_of_rows(job->shared, kernel_is_exponential(&k), &panels, error));
    d->stride = hone_panel_count(panels->n) * HONE_LANES;
    d->value = HONE_RAW(job->keep, float, panels->n, d->stride);
    if (!d->value)
        return hone_no_memory(error);
    gram g = gram_of(panels, &k, true, job->run, d->value, d->stride);
    HONE_TRY(hone_for_blocks(job->run, block_count(&g), fill_block, &g, error));
    return hone_stopping(job->run) == HONE_GO
               ? HONE_OK
               : hone_fail(error, HONE_STOPPED, "run", "stopped among distances");
}

static const hone_recipe DISTANCES = {"svm.distances/1", HONE_OF_ROWS, sizeof(distances), build};

typedef struct apply {
    const problem *p;
    const distances *d;
    float *K;
    int64_t stride;
} apply;

static hone_status apply_block(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    (void)scratch, (void)error;
    const apply *a = context;
    const int64_t first = block * QUERIES, left = a->p->n - first;
    for (int64_t i = first; i < first + (left < QUERIES ? left : QUERIES); i++)
        kernel_values(a->p->kernel, a->d->value + i * a->d->stride, a->d->stride,
                      a->K + i * a->stride);
    return HONE_OK;
}

hone_status gram_derive(const problem *p, float *K, int64_t stride, bool *ready, hone_error *error)
{
    /* poly and sigmoid have the same inner products */
    const int type = p->kernel->type == SVM_SIGMOID ? SVM_POLY : p->kernel->type;
    const int64_t key[HONE_KEY] = {type, (int64_t)p->kernel->isa};
    const void *found;
    const hone_status status = hone_derive(p->shared, &DISTANCES, key, &found, error);
    *ready = false;
    if (status == HONE_STOPPED && hone_stopping(p->run) == HONE_FINISH)
        return HONE_OK;
    HONE_TRY(status);
    apply a = {p, found, K, stride};
    HONE_TRY(hone_for_blocks(p->run, (p->n + QUERIES - 1) / QUERIES, apply_block, &a, error));
    *ready = hone_stopping(p->run) == HONE_GO;
    return HONE_OK;
}
