/* The k nearest training rows of a block of queries.
 *
 * Panels stream past tiles of queries; a query keeps what may be near until its room is full, then
 * tightens its bound to what the k best can be at worst and drops the rest. What is left at the end
 * is ranked in double. Where brackets cannot tell rows apart (duplicates, a far outlier) the room
 * is ranked in double at once and the k best stay.
 */
#include <float.h>

#include "knn.h"

enum {
    PANEL_FLOATS = 8192, /* of the panels that all tiles of a block meet before the next ones */
    SPARE = 64,          /* survivors beyond k that a query has room for, at least */
    PLAIN_ROWS = 1024,   /* ranked plainly between two looks at the clock */
    LEAVES = 32,         /* met between two looks at the clock */
    LOOK = 64,           /* sparse rows of which one look tells whether any may be near */
    FRESH = 8,           /* survivors that make it worth to tighten a bound */
    MOST_DEPTH = 32      /* of a tree: rows are fewer than 2^31 */
};

/* ---- ranked rows ---- */

typedef struct ranked {
    double rank;
    int32_t row;
} ranked;

static bool before(double rank, int32_t row, const ranked *b)
{
    return rank < b->rank || (rank == b->rank && row < b->row);
}

/* Puts x into a heap of `count` whose first place, that of the last one by rank, is free. */
static void sink(ranked *heap, int64_t count, ranked x)
{
    int64_t at = 0;
    for (int64_t child = 1; child < count; child = 2 * at + 1) {
        child += child + 1 < count && before(heap[child].rank, heap[child].row, &heap[child + 1]);
        if (!before(x.rank, x.row, &heap[child]))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = x;
}

/* Into a heap of `count` <= k; gives the new count. */
static int64_t insert(ranked *best, int64_t count, int64_t k, double rank, int32_t row)
{
    if (count == k) {
        if (before(rank, row, &best[0]))
            sink(best, count, (ranked){rank, row});
        return count;
    }
    int64_t at = count;
    for (; at > 0 && !before(rank, row, &best[(at - 1) / 2]); at = (at - 1) / 2)
        best[at] = best[(at - 1) / 2];
    best[at] = (ranked){rank, row};
    return count + 1;
}

/* A heap in ascending order. */
static void sort(ranked *heap, int64_t count)
{
    while (count > 1) {
        const ranked x = heap[--count];
        heap[count] = heap[0];
        sink(heap, count, x);
    }
}

/* ---- a block ---- */

typedef struct block {
    const knn_search *s;
    const knn_points *p;
    const int64_t *row; /* of x: the queries */
    int64_t count, room;
    int32_t home; /* leaf of the first query */
    int64_t (*near)(const knn_points *, int64_t, int64_t, knn_tile *);
    void (*reach)(const knn_points *, const float *, const knn_tile *, float *);
    float (*kth)(const float *, int64_t, int64_t, int64_t);
    void (*raise)(float *, int64_t, const hone_power *);
    float *gaps;    /* sparse rows by minkowski: of a query and a row */
    double *buffer; /* a row of x */
    knn_query query;
    float *q;                 /* tiles x d x 12; of sparse rows the entries, query.room each */
    int32_t *column;          /* of these */
    int64_t entries[QUERIES]; /* and their number */
    float *sums;              /* of a query with a block of the index */
    float *ends;              /* tiles x 2 x d x 16 */
    knn_spot spot[QUERIES];
    knn_tile tile[QUERIES / TILE];
    float *upper; /* room, and some lanes */
    ranked *best; /* k, a heap */
} block;

static bool open_block(block *b, hone_arena *scratch)
{
    const int64_t d = b->p->rule.d, tiles = (b->count + TILE - 1) / TILE;
    b->room = b->s->k + (b->s->k > SPARE ? b->s->k : SPARE) + LANES;
    const int64_t ends = b->p->walks ? 2 * LANES * d : 0;
    b->best = HONE_RAW(scratch, ranked, b->s->k, 1);
    b->buffer = HONE_RAW(scratch, double, d, 1);
    if (!b->best || !b->buffer || !knn_query_new(&b->p->rule, b->s->x, scratch, &b->query))
        return false;
    if (!b->p->filtered) {
        const bool powers = b->p->rule.s->n_sparse && b->p->rule.metric == MINKOWSKI;
        const int64_t most = b->query.room + b->p->rule.terms + LANES;
        b->gaps = powers ? HONE_RAW(scratch, float, most, 1) : NULL;
        return b->gaps || !powers;
    }
    float *values = HONE_RAW(scratch, float, b->count, b->room);
    int32_t *points = HONE_RAW(scratch, int32_t, b->count, b->room);
    const bool sparse = b->p->index.rows;
    b->q = HONE_NEW(scratch, float, tiles *TILE, sparse ? b->query.room : d);
    b->column = HONE_RAW(scratch, int32_t, b->count, sparse ? b->query.room : 0);
    b->sums = HONE_RAW(scratch, float, b->p->index.rows, 1);
    b->ends = HONE_NEW(scratch, float, tiles, ends);
    b->upper = HONE_RAW(scratch, float, b->room + LANES, 1);
    for (int64_t t = 0; values && points && b->ends && t < tiles; t++) {
        b->tile[t] = (knn_tile){.q = b->q + t * TILE * d,
                                .values = values + t * TILE * b->room,
                                .points = points + t * TILE * b->room,
                                .room = b->room,
                                .low = b->ends + t * ends,
                                .high = b->ends + t * ends + LANES * d};
        for (int i = 0; i < LANES; i++)
            b->tile[t].limit[i] = -1;
        for (int i = 0; i < TILE; i++)
            b->tile[t].bound[i] = -INFINITY;
    }
    return values && points && b->q && b->column && b->sums && b->ends && b->upper;
}

/* ---- plainly ---- */

static hone_status rank_all(block *b, int64_t i, int64_t *count, hone_error *error)
{
    const knn_rule *r = &b->p->rule;
    knn_query_read(r, b->s->x, b->row[i], b->buffer, &b->query);
    *count = 0;
    for (int64_t row = 0; row < r->s->n_rows; row++) {
        if (row % PLAIN_ROWS == 0 && hone_stopping(b->s->run) == HONE_CANCEL)
            return hone_fail(error, HONE_STOPPED, "knn", "stopped while searching");
        if (b->gaps && *count == b->s->k &&
            knn_beyond(b->p, &b->query, row, b->best[0].rank, b->raise, b->gaps))
            continue;
        *count = insert(b->best, *count, b->s->k, knn_rank(r, &b->query, row), (int32_t)row);
    }
    return HONE_OK;
}

/* ---- with bounds ---- */

static void lower_bound_to(knn_tile *t, int i, float bound)
{
    t->bound[i] = bound < t->bound[i] ? bound : t->bound[i];
}

/* Drops what is beyond the k-th smallest upper end of a bracket, or beyond one of the `spare` after
 * it. */
static void tighten(block *b, knn_tile *t, int i, const knn_spot *spot, int64_t spare)
{
    const int64_t k = b->s->k;
    float *v = t->values + i * t->room;
    int32_t *id = t->points + i * t->room;
    if (t->used[i] <= k)
        return;
    for (int32_t u = 0; u < t->used[i]; u++)
        b->upper[u] = v[u] + 2 * b->p->slack[id[u]];
    int64_t n = t->used[i];
    for (; n % LANES; n++)
        b->upper[n] = INFINITY;
    const float kth = b->kth(b->upper, n, k, spare);
    lower_bound_to(t, i, nextafterf(kth + 2 * spot->e, INFINITY));
    int32_t kept = 0;
    for (int32_t u = 0; u < t->used[i]; u++) {
        v[kept] = v[u], id[kept] = id[u];
        kept += v[u] <= t->bound[i];
    }
    t->used[i] = kept;
}

/* The k best of what query i has kept, in double. */
static int64_t rank_kept(block *b, const knn_tile *t, int i, int64_t query)
{
    const int32_t *id = t->points + i * t->room;
    int64_t count = 0;
    knn_query_read(&b->p->rule, b->s->x, b->row[query], b->buffer, &b->query);
    for (int32_t u = 0; u < t->used[i]; u++) {
        const int32_t row = b->p->id[id[u]];
        count = insert(b->best, count, b->s->k, knn_rank(&b->p->rule, &b->query, row), row);
    }
    return count;
}

/* Keeps the k best alone, with a bound from the k-th. */
static void settle(block *b, knn_tile *t, int i, int64_t query)
{
    float *v = t->values + i * t->room;
    int32_t *id = t->points + i * t->room;
    rank_kept(b, t, i, query);
    const ranked worst = b->best[0];
    int32_t kept = 0;
    for (int32_t u = 0; u < t->used[i]; u++) {
        const int32_t row = b->p->id[id[u]];
        const double rank = knn_rank(&b->p->rule, &b->query, row);
        if (before(rank, row, &worst) || row == worst.row) {
            v[kept] = v[u];
            id[kept++] = id[u];
        }
    }
    t->used[i] = kept;
    lower_bound_to(t, i, knn_bound_of(b->p, &b->spot[query], worst.rank));
}

static void make_room(block *b, int64_t tile)
{
    knn_tile *t = &b->tile[tile];
    t->most = 0;
    for (int i = 0; i < t->rows; i++) {
        const bool full = t->used[i] + LANES > t->room;
        if (full)
            tighten(b, t, i, &b->spot[tile * TILE + i], b->s->k / 8);
        if (full && t->used[i] + 2 * LANES > t->room)
            settle(b, t, i, tile * TILE + i);
        t->most = t->used[i] > t->most ? t->used[i] : t->most;
    }
}

static void read_queries(block *b)
{
    for (int64_t i = 0; i < b->count; i++) {
        knn_tile *t = &b->tile[i / TILE];
        knn_query_read(&b->p->rule, b->s->x, b->row[i], b->buffer, &b->query);
        if (i == 0 && b->p->tree.leaves)
            b->home = knn_tree_leaf(b->p, b->query.value);
        const bool sparse = b->p->index.rows;
        float *q =
            sparse ? b->q + i * b->query.room : b->q + i / TILE * TILE * b->p->rule.d + i % TILE;
        b->spot[i] = knn_spot_of(b->p, &b->query, q, sparse ? 1 : TILE);
        b->entries[i] = b->query.count;
        if (sparse)
            memcpy(b->column + i * b->query.room, b->query.column,
                   (size_t)b->query.count * sizeof *b->column);
        t->rows = (int)(i % TILE) + 1;
        if (!b->spot[i].plain)
            t->bound[i % TILE] = FLT_MAX;
        for (int64_t k = 0; b->p->walks && k < b->p->rule.d; k++) {
            const float v = q[k * TILE] / (b->p->rule.metric == EUCLIDEAN ? -2 : 1);
            t->low[k * LANES + i % TILE] = knn_below(v);
            t->high[k * LANES + i % TILE] = knn_above(v);
        }
    }
}

static void meet_some(block *b, int64_t tile, int64_t first, int64_t count)
{
    for (int64_t done = 0; done < count;) {
        done += b->near(b->p, first + done, count - done, &b->tile[tile]);
        if (done < count)
            make_room(b, tile);
    }
}

static hone_status meet_panels(block *b, int64_t first, int64_t end, hone_error *error)
{
    const int64_t d = b->p->rule.d, tiles = (b->count + TILE - 1) / TILE;
    const int64_t some = PANEL_FLOATS / (d * LANES + 1) + 1;
    for (int64_t at = first; at < end; at += some) {
        if (hone_stopping(b->s->run) == HONE_CANCEL)
            return hone_fail(error, HONE_STOPPED, "knn", "stopped while searching");
        for (int64_t t = 0; t < tiles; t++)
            meet_some(b, t, at, end - at < some ? end - at : some);
    }
    return HONE_OK;
}

/* All panels, from those where the queries lie: they leave little to the others. */
static hone_status meet_all(block *b, hone_error *error)
{
    const knn_tree *tree = &b->p->tree;
    const int64_t home = tree->leaves ? tree->leaf[b->home] : 0;
    HONE_TRY(meet_panels(b, home, b->p->panels, error));
    return meet_panels(b, 0, home, error);
}

/* ---- sparse rows ---- */

static bool any_within(const float *start, const float *sums, int64_t n, float bound)
{
    int any = 0;
    for (int64_t j = 0; j < n; j++)
        any |= start[j] + sums[j] <= bound;
    return any;
}

/* Query i and the rows of a block of the index. */
static void meet_rows(block *b, int64_t part, int64_t i)
{
    const knn_index *index = &b->p->index;
    const int64_t first = part * index->rows, left = b->p->rule.s->n_rows - first;
    const int64_t n = left < index->rows ? left : index->rows, l = i % TILE;
    const float *start = b->p->start + first;
    knn_tile *t = &b->tile[i / TILE];
    knn_index_sums(index, part, b->column + i * b->query.room, b->q + i * b->query.room,
                   b->entries[i], b->sums);
    for (int64_t r = 0; r < n; r += LOOK) {
        const int64_t end = r + LOOK < n ? r + LOOK : n;
        if (!any_within(start + r, b->sums + r, end - r, t->bound[l]))
            continue;
        for (int64_t j = r; j < end; j++) {
            const float v = start[j] + b->sums[j];
            if (!(v <= t->bound[l]))
                continue;
            t->values[l * t->room + t->used[l]] = v;
            t->points[l * t->room + t->used[l]++] = (int32_t)(first + j);
            if (t->used[l] + LANES > t->room)
                make_room(b, i / TILE);
        }
    }
}

static hone_status meet_index(block *b, hone_error *error)
{
    for (int64_t part = 0; part < b->p->index.blocks; part++) {
        if (hone_stopping(b->s->run) == HONE_CANCEL)
            return hone_fail(error, HONE_STOPPED, "knn", "stopped while searching");
        for (int64_t i = 0; i < b->count; i++)
            if (!b->spot[i].plain)
                meet_rows(b, part, i);
    }
    return HONE_OK;
}

/* ---- down the tree ---- */

/* A node to be looked into, and how near it is to each query. */
typedef struct visit {
    int32_t node;
    float reach[LANES];
} visit;

/* No row whose rank is at most that of the k-th neighbour so far is beyond the limit: the bound in
 * ranks, with room for the error of `reach`. */
static void draw_limits(block *b, int64_t tile)
{
    knn_tile *t = &b->tile[tile];
    for (int i = 0; i < t->rows; i++) {
        const knn_spot *spot = &b->spot[tile * TILE + i];
        if (t->used[i] > t->settled[i] + FRESH)
            tighten(b, t, i, spot, 0);
        t->settled[i] = t->used[i];
        const double bound = (double)t->bound[i], e = (double)spot->e;
        const double limit =
            bound - e + spot->base + 0x1p-48 * (fabs(bound) + e + fabs(spot->base));
        t->limit[i] = spot->plain ? -1 : (float)(fmax(limit, 0) * (1 + 0x1p-16));
    }
}

static bool reaches(const float *reach, const float *limit)
{
    bool any = false;
    for (int i = 0; i < LANES; i++)
        any |= reach[i] <= limit[i];
    return any;
}

static float sum_of(const float *reach)
{
    float sum = 0;
    for (int i = 0; i < LANES; i++)
        sum += reach[i];
    return sum;
}

static hone_status walk(block *b, int64_t tile, hone_error *error)
{
    const knn_tree *tree = &b->p->tree;
    const int64_t d = b->p->rule.d;
    const knn_tile *t = &b->tile[tile];
    visit stack[MOST_DEPTH + 2] = {{.node = 1}};
    draw_limits(b, tile);
    for (int top = 1, met = 0; top > 0;) {
        const visit *at = &stack[--top];
        const int32_t node = at->node;
        if (!reaches(at->reach, t->limit))
            continue;
        if (node < tree->leaves) {
            visit *far = &stack[top], *near = &stack[top + 1];
            near->node = 2 * node, far->node = 2 * node + 1;
            b->reach(b->p, tree->box + near->node * 2 * d, t, near->reach);
            b->reach(b->p, tree->box + far->node * 2 * d, t, far->reach);
            if (sum_of(far->reach) < sum_of(near->reach)) {
                const visit swap = *far;
                *far = *near, *near = swap;
            }
            top += 2;
            continue;
        }
        const int32_t leaf = node - tree->leaves;
        if (met++ % LEAVES == 0 && hone_stopping(b->s->run) == HONE_CANCEL)
            return hone_fail(error, HONE_STOPPED, "knn", "stopped while searching");
        meet_some(b, tile, tree->leaf[leaf], tree->leaf[leaf + 1] - tree->leaf[leaf]);
        draw_limits(b, tile);
    }
    return HONE_OK;
}

hone_status knn_search_block(const knn_search *s, const int64_t *query, int64_t count, int32_t *row,
                             double *rank, hone_arena *scratch, hone_error *error)
{
    block *b = HONE_NEW(scratch, block, 1, 1);
    if (!b)
        return hone_no_memory(error);
    *b = (block){.s = s, .p = s->points, .row = query, .count = count};
    b->near = HONE_PICK(hone_run_isa(s->run), knn_near);
    b->reach = HONE_PICK(hone_run_isa(s->run), knn_reach);
    b->kth = HONE_PICK(hone_run_isa(s->run), knn_kth);
    b->raise = HONE_PICK(hone_run_isa(s->run), hone_power_kernel);
    if (!open_block(b, scratch))
        return hone_no_memory(error);
    if (b->p->filtered) {
        read_queries(b);
        if (b->p->index.rows)
            HONE_TRY(meet_index(b, error));
        else if (!b->p->walks)
            HONE_TRY(meet_all(b, error));
        for (int64_t t = 0; b->p->walks && t < (count + TILE - 1) / TILE; t++)
            HONE_TRY(walk(b, t, error));
    }
    for (int64_t i = 0; i < count; i++) {
        knn_tile *t = &b->tile[i / TILE];
        int64_t found;
        if (!b->p->filtered || b->spot[i].plain) {
            HONE_TRY(rank_all(b, i, &found, error));
        } else {
            tighten(b, t, (int)(i % TILE), &b->spot[i], 0);
            found = rank_kept(b, t, (int)(i % TILE), i);
        }
        sort(b->best, found);
        for (int64_t j = 0; j < found; j++) {
            row[i * s->k + j] = b->best[j].row;
            rank[i * s->k + j] = b->best[j].rank;
        }
    }
    return HONE_OK;
}
