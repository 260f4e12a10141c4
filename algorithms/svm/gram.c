#include "gram.h"

#include <string.h>

#include "hone/derived.h"
#include "subproblem.h"

/* Rows computed together. */
enum { QUERIES = 96 };

/* One row at a time takes twice as long, and the whole matrix is symmetric: the part of the rows
 * from which on it is sooner made as a whole. */
enum { MANY = 6 };

/* Kernel matrices up to this part of what trials may share stay beside each other. */
enum { LASTING = 64 };

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

/* Of a row, on average. */
static double entries_of(const hone_panels *x)
{
    double all = 0;
    for (int64_t i = 0; !x->x && i < x->n; i++)
        all += (double)(x->end[i] - x->begin[i]);
    return x->x ? (double)x->d : all / (double)x->n;
}

static gram gram_of(const hone_panels *x, const kernel *k, bool bare, const hone_run *run, float *K,
                    int64_t stride)
{
    const double rows = BLOCK_WORK / ((double)x->n * (entries_of(x) + 1));
    const int64_t step = rows < QUERIES ? (int64_t)(rows / HONE_LANES + 1) * HONE_LANES : QUERIES;
    return (gram){x, k, bare, run, K, stride, step};
}

/* The rows of a block from their own panels on, and what is symmetric to them below: that touches
 * every page of the matrix, which can take longer than the rows when the pages are fresh. */
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
    const int64_t last = first + count, full = last + (n - last) / HONE_LANES * HONE_LANES;
    for (int64_t j = last; j < full && hone_stopping(g->run) == HONE_GO; j += HONE_LANES)
        HONE_PICK(g->kernel->isa, svm_mirror)(K, stride, first, last, j, j + HONE_LANES);
    for (int64_t k = full; k < n; k++)
        for (int64_t i = first; i < last; i++)
            K[k * stride + i] = K[i * stride + k];
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

/* Not stopped before the end: `ready`. */
static hone_status fill(gram *g, bool inside, hone_arena *scratch, bool *ready, hone_error *error)
{
    if (!inside) {
        HONE_TRY(hone_for_blocks(g->run, block_count(g), fill_block, g, error));
        *ready = hone_stopping(g->run) == HONE_GO;
        return HONE_OK;
    }
    *ready = true;
    desk d;
    if (!desk_new(g, scratch, &d))
        return hone_no_memory(error);
    for (int64_t b = 0; b < block_count(g) && *ready; b++) {
        fill_rows(g, b, &d.q, d.map);
        *ready = hone_stopping(g->run) == HONE_GO;
    }
    return HONE_OK;
}

/* ---- from distances ---- */

typedef struct apply {
    const problem *p;
    const whole *from;
    float *to;
    int64_t stride;
    bool gathers; /* the problem's rows are some of those of `from` */
} apply;

static void apply_row(const apply *a, int64_t i)
{
    const problem *p = a->p;
    const int64_t width = hone_panel_count(p->n) * HONE_LANES;
    const float *from = a->from->value + (a->gathers ? p->row[i] : i) * a->from->stride;
    float *to = a->to + i * a->stride;
    for (int64_t j = 0; a->gathers && j < p->n; j++)
        to[j] = from[p->row[j]];
    if (a->gathers)
        memset(to + p->n, 0, (size_t)(width - p->n) * sizeof *to);
    kernel_values(p->kernel, a->gathers ? to : from, width, to);
}

static hone_status apply_block(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    (void)scratch, (void)error;
    const apply *a = context;
    const int64_t first = block * QUERIES, left = a->p->n - first;
    const int64_t end = first + (left < QUERIES ? left : QUERIES);
    const bool goes = effort_stopping(a->p->effort) == HONE_GO;
    for (int64_t i = first; goes && i < end; i++)
        apply_row(a, i);
    return HONE_OK;
}

static hone_status apply_all(apply *a, bool *ready, hone_error *error)
{
    const int64_t blocks = (a->p->n + QUERIES - 1) / QUERIES;
    if (!a->p->effort->inside)
        HONE_TRY(hone_for_blocks(a->p->effort->run, blocks, apply_block, a, error));
    for (int64_t b = 0; a->p->effort->inside && b < blocks; b++)
        HONE_TRY(apply_block(a, b, NULL, error));
    *ready = effort_stopping(a->p->effort) == HONE_GO;
    return HONE_OK;
}

static hone_status make(const problem *p, float *to, int64_t stride, bool *ready,
                        hone_arena *scratch, hone_error *error)
{
    if (p->distances)
        return apply_all(&(apply){p, p->distances, to, stride, p->row != NULL}, ready, error);
    gram g = gram_of(p->panels, p->kernel, false, p->effort->run, to, stride);
    return fill(&g, p->effort->inside, scratch, ready, error);
}

hone_status gram_make(const problem *p, whole *K, bool *ready, hone_arena *scratch,
                      hone_error *error)
{
    const int64_t stride = subproblem_stride(p->n);
    float *to = HONE_RAW(scratch, float, p->n, stride);
    *K = (whole){to, stride};
    return to ? make(p, to, stride, ready, scratch, error) : hone_no_memory(error);
}

/* ---- row by row ---- */

hone_status lazy_open(lazy *l, const problem *p, hone_arena *scratch, hone_error *error)
{
    *l = (lazy){.p = p, .stride = subproblem_stride(p->n), .scratch = scratch};
    l->K = HONE_RAW(scratch, float, p->n, l->stride);
    l->there = HONE_NEW(scratch, bool, p->n, 1);
    return l->K && l->there && hone_queries_new(p->panels, NULL, 0, 1, scratch, &l->one) &&
                   hone_map_new(p->panels, scratch, &l->map)
               ? HONE_OK
               : hone_no_memory(error);
}

bool lazy_fill(void *source, int64_t i)
{
    lazy *l = source;
    const problem *p = l->p;
    bool ready = false;
    hone_error why;
    if (effort_stopping(p->effort) != HONE_GO)
        l->status = HONE_STOPPED;
    else if (++l->count > p->n / MANY)
        l->status = make(p, l->K, l->stride, &ready, l->scratch, &why);
    if (l->status)
        return false;
    if (ready) {
        memset(l->there, true, (size_t)p->n);
        return true;
    }
    l->there[i] = true;
    if (p->distances) {
        apply_row(&(apply){p, p->distances, l->K, l->stride, p->row != NULL}, i);
        return true;
    }
    hone_queries_pick(p->panels, &i, 1, p->kernel->isa, &l->one);
    kernel_block(p->kernel, &l->one, p->panels, 0, hone_panel_count(p->n), l->map,
                 l->K + i * l->stride, l->stride);
    return true;
}

/* ---- what trials share ---- */

static hone_status stopped(hone_error *error)
{
    return hone_fail(error, HONE_STOPPED, "run", "stopped among distances");
}

static hone_status new_whole(const hone_fit_job *job, whole *w, float **value, hone_error *error)
{
    w->stride = subproblem_stride(job->x.rows);
    w->value = *value = HONE_RAW(job->keep, float, job->x.rows, w->stride);
    return *value ? HONE_OK : hone_no_memory(error);
}

/* key: kind of distance, instructions. */
static hone_status build_distances(const hone_fit_job *job, const int64_t key[HONE_KEY],
                                   void *object, hone_error *error)
{
    whole *d = object;
    const kernel k = {.type = (int)key[0], .isa = (hone_isa)key[1]};
    const hone_panels *panels;
    float *value;
    bool ready;
    HONE_TRY(hone_panels_of_rows(job->shared, kernel_is_exponential(&k), &panels, error));
    HONE_TRY(new_whole(job, d, &value, error));
    gram g = gram_of(panels, &k, true, job->run, value, d->stride);
    HONE_TRY(fill(&g, false, NULL, &ready, error));
    return ready ? HONE_OK : stopped(error);
}

/* Says that there was a fit on these rows: what trials share pays from the second on. */
static hone_status build_mark(const hone_fit_job *job, const int64_t key[HONE_KEY], void *object,
                              hone_error *error)
{
    (void)job, (void)key, (void)object, (void)error;
    return HONE_OK;
}

static const hone_recipe DISTANCES = {"svm.distances/1", HONE_OF_ROWS, sizeof(whole),
                                      build_distances};
static const hone_recipe MARK = {"svm.mark/1", HONE_OF_ROWS, sizeof(char), build_mark};

/* key: all that a value depends on. */
typedef union kernel_key {
    int64_t key[HONE_KEY];
    struct {
        int32_t type, isa, degree;
        float gamma, coef0, less;
    } of;
} kernel_key;

static kernel_key key_of(const kernel *k)
{
    kernel_key key = {{0}};
    key.of.type = k->type, key.of.isa = (int32_t)k->isa;
    key.of.gamma = k->gamma, key.of.less = k->less;
    if (k->type == SVM_POLY)
        key.of.degree = (int32_t)k->degree;
    if (!kernel_is_exponential(k))
        key.of.coef0 = k->coef0;
    return key;
}

/* Poly and sigmoid have the same inner products. */
static void key_of_distances(const kernel *k, int64_t key[HONE_KEY])
{
    memset(key, 0, HONE_KEY * sizeof *key);
    key[0] = k->type == SVM_SIGMOID ? SVM_POLY : k->type;
    key[1] = (int64_t)k->isa;
}

static int64_t bytes_of(int64_t n)
{
    return n * subproblem_stride(n) * (int64_t)sizeof(float);
}

static hone_status build_kernel(const hone_fit_job *job, const int64_t key[HONE_KEY], void *object,
                                hone_error *error);

static const hone_recipe KERNEL = {"svm.kernel/1", HONE_OF_ROWS, sizeof(whole), build_kernel};

/* A large matrix takes the place of the last one: its values cost less than fresh pages. */
static hone_status build_kernel(const hone_fit_job *job, const int64_t key[HONE_KEY], void *object,
                                hone_error *error)
{
    whole *to = object;
    const kernel_key own = {{key[0], key[1], key[2], key[3]}};
    const kernel k = {.type = own.of.type,
                      .isa = (hone_isa)own.of.isa,
                      .degree = own.of.degree,
                      .gamma = own.of.gamma,
                      .coef0 = own.of.coef0,
                      .less = own.of.less};
    effort spent = {.run = job->run};
    const problem p = {.n = job->x.rows, .kernel = &k, .effort = &spent};
    const void *distances;
    float *value;
    bool ready;
    int64_t of_distances[HONE_KEY];
    key_of_distances(&k, of_distances);
    HONE_TRY(hone_derive(job->shared, &DISTANCES, of_distances, &distances, error));
    if (bytes_of(p.n) > hone_derive_limit(job->shared) / LASTING)
        hone_derive_clear(job->shared, &KERNEL);
    HONE_TRY(new_whole(job, to, &value, error));
    HONE_TRY(apply_all(&(apply){&p, distances, value, to->stride, false}, &ready, error));
    return ready ? HONE_OK : stopped(error);
}

static bool fits(const hone_shared *shared, int64_t n)
{
    return bytes_of(n) <= hone_derive_limit(shared) / GRAM_SHARES;
}

/* A run that has to finish goes on without. */
static hone_status derive(hone_shared *shared, const hone_recipe *recipe,
                          const int64_t key[HONE_KEY], const hone_run *run, const whole **object,
                          hone_error *error)
{
    const void *found = NULL;
    const hone_status status = hone_derive(shared, recipe, key, &found, error);
    *object = status ? NULL : found;
    return status == HONE_STOPPED && hone_stopping(run) == HONE_FINISH ? HONE_OK : status;
}

/* A first fit takes as much memory as one that finds all: a cap does not tell them apart. */
static hone_status go_without(const problem *p, hone_arena *scratch, hone_error *error)
{
    const int64_t key[HONE_KEY] = {0};
    const void *mark;
    const int64_t matrices = solve_is_small(p->n, p->n) ? 1 : 2;
    HONE_TRY(hone_derive(p->shared, &MARK, key, &mark, error));
    return HONE_RAW(scratch, float, matrices * p->n, subproblem_stride(p->n))
               ? HONE_OK
               : hone_no_memory(error);
}

hone_status gram_shared(const problem *p, const whole **K, hone_arena *scratch, hone_error *error)
{
    *K = NULL;
    if (p->kernel->type == SVM_LINEAR || !fits(p->shared, p->n))
        return HONE_OK;
    if (!p->more && !hone_derive_ready(p->shared, &MARK, (const int64_t[HONE_KEY]){0}))
        return go_without(p, scratch, error);
    const kernel_key key = key_of(p->kernel);
    return derive(p->shared, &KERNEL, key.key, p->effort->run, K, error);
}

bool gram_is_long(const hone_panels *panels)
{
    return entries_of(panels) >= GRAM_LONG;
}

hone_status gram_distances(const hone_fit_job *job, const kernel *k, const hone_panels *panels,
                           const whole **distances, hone_error *error)
{
    int64_t key[HONE_KEY];
    *distances = NULL;
    if (!fits(job->shared, panels->n) || !gram_is_long(panels))
        return HONE_OK;
    key_of_distances(k, key);
    return derive(job->shared, &DISTANCES, key, job->run, distances, error);
}
