#include "rows.h"

#include <string.h>

#include "smo.h"

/* Columns of a block: its part of the gradient stays in the first-level cache. */
enum { COLUMNS = 512, PANELS = COLUMNS / HONE_LANES };

/* Rows of a block of the product with w, in panels of 16. */
enum { PRODUCT = 64 };

/* Rows of a whole matrix that are added together. */
enum { PORTION = 64 };

/* Multiply-adds of rows that are computed together: some hundredths of a second. */
#define UPDATE_WORK INT64_C(1000000000)
enum { LEAST = 16 };

/* Floats of memory that slots take at a time. */
enum { SLAB = 1 << 21 };

bool rows_open(rows *r, const problem *p, const whole *all, hone_arena *arena)
{
    const int64_t width = hone_panel_count(p->n) * HONE_LANES;
    const int64_t fit = p->row_bytes / (width * (int64_t)sizeof(float));
    *r = (rows){.p = p, .arena = arena, .width = width, .room = fit < p->n ? fit : p->n};
    if (all)
        r->all = *all;
    r->entries =
        p->panels->x ? r->width * p->panels->d : p->panels->end[p->n - 1] - p->panels->begin[0];
    if (r->all.value)
        return true;
    if (p->kernel->type == SVM_LINEAR && r->entries / p->n <= ROWS_FEW) {
        r->base = HONE_RAW(arena, double, width, 1);
        r->w = HONE_NEW(arena, double, p->panels->d, 1);
        return r->base && r->w;
    }
    r->slot_of = HONE_RAW(arena, int64_t, p->n, 1);
    r->owner = HONE_NEW(arena, int64_t, r->room, 1);
    r->last = HONE_NEW(arena, int64_t, r->room, 1);
    r->touched = HONE_NEW(arena, bool, r->room, 1);
    r->data = HONE_NEW(arena, float *, r->room, 1);
    r->idle = HONE_RAW(arena, wish, r->room, 1);
    if (!r->slot_of || !r->owner || !r->last || !r->touched || !r->data || !r->idle)
        return false;
    memset(r->slot_of, -1, (size_t)p->n * sizeof *r->slot_of);
    return hone_queries_new(p->panels, NULL, 0, p->n < ROWS_MOST ? p->n : ROWS_MOST, arena,
                            &r->queries);
}

void rows_begin(rows *r)
{
    if (!r->w)
        return;
    memcpy(r->base, r->p->g, (size_t)r->width * sizeof *r->base);
    memset(r->w, 0, (size_t)r->p->panels->d * sizeof *r->w);
}

/* ---- a linear kernel ---- */

static void add_row(const rows *r, int64_t i, double weight)
{
    const hone_panels *x = r->p->panels;
    const double scaled = weight * (double)r->p->kernel->gamma;
    if (x->x) {
        const float *at = x->x + i / HONE_LANES * x->d * HONE_LANES + i % HONE_LANES;
        for (int64_t k = 0; k < x->d; k++)
            r->w[k] += scaled * (double)at[k * HONE_LANES];
        return;
    }
    for (int64_t t = x->begin[i]; t < x->end[i]; t++)
        r->w[x->column[t]] += scaled * (double)x->value[t];
}

static hone_status product_block(void *context, int64_t block, hone_arena *scratch,
                                 hone_error *error)
{
    (void)scratch, (void)error;
    const rows *r = context;
    const problem *p = r->p;
    const hone_panels *x = p->panels;
    const int64_t all = hone_panel_count(p->n), from = block * PRODUCT;
    const int64_t to = from + PRODUCT < all ? from + PRODUCT : all;
    for (int64_t q = from; q < to && x->x; q++) {
        double *g = p->g + q * HONE_LANES;
        memcpy(g, r->base + q * HONE_LANES, HONE_LANES * sizeof *g);
        HONE_PICK(p->kernel->isa, svm_panel_product)(x->x + q * x->d * HONE_LANES, x->d, r->w, g);
    }
    const int64_t end = to * HONE_LANES < p->n ? to * HONE_LANES : p->n;
    for (int64_t i = from * HONE_LANES; i < end && !x->x; i++) {
        double sum = r->base[i];
        for (int64_t t = x->begin[i]; t < x->end[i]; t++)
            sum += (double)x->value[t] * r->w[x->column[t]];
        p->g[i] = sum;
    }
    return HONE_OK;
}

static hone_status update_linear(rows *r, const int64_t *row, const double *weight, int64_t count,
                                 hone_error *error)
{
    const int64_t panels = hone_panel_count(r->p->n);
    for (int64_t i = 0; i < count; i++)
        add_row(r, row[i], weight[i]);
    HONE_TRY(hone_for_blocks(r->p->effort->run, (panels + PRODUCT - 1) / PRODUCT, product_block, r,
                             error));
    effort_add(r->p->effort, r->entries);
    return HONE_OK;
}

/* ---- kernel rows ---- */

static bool rests(const problem *p, int64_t row)
{
    for (int64_t v = row; v < p->m; v += p->n)
        if (p->alpha[v] > 0 && p->alpha[v] < p->bound[v])
            return false;
    return true;
}

/* Lists up to `most` slots to be used again, those whose rows were not asked for longest. */
static void find_idle(rows *r, int64_t most)
{
    int64_t all = 0;
    r->idle_count = 0;
    if (r->p->repeats || most == 0)
        return;
    for (int64_t s = 0; s < r->used; s++)
        if (r->last[s] != r->clock && rests(r->p, r->owner[s]))
            r->idle[all++] = (wish){(double)r->last[s], s};
    const int64_t some = all - (r->used - all) / ROWS_SPARE;
    r->idle_count = some < 0 ? 0 : some < most ? some : most;
    select_least(r->idle, all, r->idle_count);
}

/* A slot that this update does not use, or -1. Running out of memory only ends the growth. */
static int64_t free_slot(rows *r)
{
    if (r->idle_count > 0) {
        const int64_t s = r->idle[--r->idle_count].variable;
        r->slot_of[r->owner[s]] = -1;
        return s;
    }
    if (r->used < r->room) {
        const int64_t left = r->room - r->used, most = SLAB / r->width + 1;
        if (r->used == r->ready) {
            const int64_t some = left < most ? left : most;
            float *data = HONE_RAW(r->arena, float, some, r->width);
            for (int64_t i = 0; data && i < some; i++)
                r->data[r->ready++] = data + i * r->width;
        }
        if (r->used < r->ready)
            return r->used++;
        r->room = r->used;
    }
    for (int64_t tries = 0; tries < 2 * r->used; tries++) {
        const int64_t s = r->hand;
        r->hand = s + 1 < r->used ? s + 1 : 0;
        if (!r->touched[s] && r->last[s] != r->clock) {
            r->slot_of[r->owner[s]] = -1;
            return s;
        }
        r->touched[s] = false;
    }
    return -1;
}

/* Where each row of an update comes from. */
typedef struct update {
    rows *r;
    double *g;
    int64_t count, missing;
    const double *weight;
    int64_t id[ROWS_MOST];    /* rows to compute */
    float *kept[ROWS_MOST];   /* its slot, or NULL */
    int32_t fresh[ROWS_MOST]; /* number among the rows to compute, or -1 */
} update;

static void find_rows(update *u, const int64_t *row)
{
    rows *r = u->r;
    int64_t missing = 0;
    r->clock++;
    for (int64_t i = 0; i < u->count; i++) {
        const int64_t s = r->slot_of[row[i]];
        missing += s < 0;
        if (s >= 0) {
            r->last[s] = r->clock;
            r->touched[s] = true;
        }
    }
    find_idle(r, missing);
    for (int64_t i = 0; i < u->count; i++) {
        int64_t s = r->slot_of[row[i]];
        u->fresh[i] = -1;
        if (s < 0) {
            u->fresh[i] = (int32_t)u->missing;
            u->id[u->missing++] = row[i];
            s = free_slot(r);
            if (s >= 0) {
                r->slot_of[row[i]] = s;
                r->owner[s] = row[i];
                r->last[s] = r->clock;
                r->touched[s] = true;
            }
        }
        u->kept[i] = s >= 0 ? r->data[s] : NULL;
    }
    r->computed += u->missing;
    hone_queries_pick(r->p->panels, u->id, u->missing, r->p->kernel->isa, &r->queries);
}

static hone_status update_block(void *context, int64_t block, hone_arena *scratch,
                                hone_error *error)
{
    const update *u = context;
    const rows *r = u->r;
    const int64_t first = block * COLUMNS, left = r->width - first;
    const int64_t width = left < COLUMNS ? left : COLUMNS;
    float *fresh = HONE_RAW(scratch, float, u->missing, width);
    const float **row = HONE_RAW(scratch, const float *, u->count, 1);
    int32_t *map;
    if (!fresh || !row || !hone_map_new(r->p->panels, scratch, &map))
        return hone_no_memory(error);
    kernel_block(r->p->kernel, &r->queries, r->p->panels, block * PANELS, width / HONE_LANES, map,
                 fresh, width);
    for (int64_t i = 0; i < u->count; i++) {
        float *kept = u->kept[i] ? u->kept[i] + first : NULL;
        if (u->fresh[i] >= 0) {
            row[i] = fresh + u->fresh[i] * width;
            if (kept)
                memcpy(kept, row[i], (size_t)width * sizeof *kept);
        } else {
            row[i] = kept;
        }
    }
    void (*add)(double *, int64_t, const float *const *, const double *, int64_t) =
        HONE_PICK(r->p->kernel->isa, svm_update);
    add(u->g + first, width, row, u->weight, u->count);
    return HONE_OK;
}

/* ---- rows of a whole matrix ---- */

typedef struct sum {
    const rows *r;
    double *g;
    const int64_t *row;
    const double *weight;
    int64_t count;
} sum;

static void sum_columns(const sum *s, int64_t block)
{
    const rows *r = s->r;
    const int64_t first = block * COLUMNS, left = r->width - first;
    const float *row[PORTION];
    for (int64_t from = 0; from < s->count; from += PORTION) {
        const int64_t some = s->count - from < PORTION ? s->count - from : PORTION;
        for (int64_t i = 0; i < some; i++)
            row[i] = r->all.value + s->row[from + i] * r->all.stride + first;
        HONE_PICK(r->p->kernel->isa, svm_update)
        (s->g + first, left < COLUMNS ? left : COLUMNS, row, s->weight + from, some);
    }
}

static hone_status sum_block(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    (void)scratch, (void)error;
    sum_columns(context, block);
    return HONE_OK;
}

static hone_status sum_rows(const rows *r, double *g, const int64_t *row, const double *weight,
                            int64_t count, hone_error *error)
{
    sum s = {r, g, row, weight, count};
    const int64_t blocks = (r->width + COLUMNS - 1) / COLUMNS;
    if (!r->p->effort->inside)
        HONE_TRY(hone_for_blocks(r->p->effort->run, blocks, sum_block, &s, error));
    for (int64_t b = 0; r->p->effort->inside && b < blocks; b++)
        sum_columns(&s, b);
    effort_add(r->p->effort, r->width * count);
    return HONE_OK;
}

/* Rows between two looks at the clock. */
static int64_t portion(const rows *r)
{
    const int64_t some = UPDATE_WORK / (r->entries + 1);
    return some < LEAST ? LEAST : some < ROWS_MOST ? some : ROWS_MOST;
}

hone_status rows_update(rows *r, double *g, const int64_t *row, const double *weight, int64_t count,
                        int64_t *done, hone_error *error)
{
    *done = count;
    if (r->all.value)
        return sum_rows(r, g, row, weight, count, error);
    if (r->w)
        return update_linear(r, row, weight, count, error);
    const int64_t blocks = (r->width + COLUMNS - 1) / COLUMNS, most = portion(r);
    for (int64_t from = 0; from < count; from += most) {
        const int64_t some = count - from < most ? count - from : most;
        update u = {.r = r, .g = g, .count = some, .weight = weight + from};
        if (from && effort_stopping(r->p->effort) != HONE_GO) {
            *done = from;
            return HONE_OK;
        }
        find_rows(&u, row + from);
        HONE_TRY(hone_for_blocks(r->p->effort->run, blocks, update_block, &u, error));
        effort_add(r->p->effort, 0); /* the caller is polled */
    }
    /* whether rows were there, or all values, must not move a work limit */
    effort_add(r->p->effort, r->width * count);
    return HONE_OK;
}
