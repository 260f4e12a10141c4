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
    SPARE = 48,          /* survivors beyond k that a query has room for */
    PLAIN_ROWS = 1024    /* ranked plainly between two looks at the clock */
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

/* Into `count` <= k ascending ones; gives the new count. */
static int64_t insert(ranked *best, int64_t count, int64_t k, double rank, int32_t row)
{
    if (count == k && !before(rank, row, &best[k - 1]))
        return count;
    int64_t at = count < k ? count++ : k - 1;
    for (; at > 0 && before(rank, row, &best[at - 1]); at--)
        best[at] = best[at - 1];
    best[at] = (ranked){rank, row};
    return count;
}

/* ---- a block ---- */

typedef struct block {
    const knn_search *s;
    const knn_points *p;
    int64_t first, count, room;
    int64_t (*near)(const knn_points *, int64_t, int64_t, knn_tile *);
    double *buffer; /* a row of x */
    knn_query query;
    float *q; /* tiles x d x 12 */
    knn_spot spot[QUERIES];
    knn_tile tile[QUERIES / TILE];
    float *upper; /* room */
    ranked *best; /* k */
} block;

static bool open_block(block *b, hone_arena *scratch)
{
    const int64_t d = b->p->rule.d, tiles = (b->count + TILE - 1) / TILE;
    b->room = b->s->k + (b->s->k > SPARE ? b->s->k : SPARE) + LANES;
    b->best = HONE_RAW(scratch, ranked, b->s->k, 1);
    b->buffer = HONE_RAW(scratch, double, d, 1);
    if (!b->best || !b->buffer || !knn_query_new(&b->p->rule, b->s->x, scratch, &b->query))
        return false;
    if (!b->p->filtered)
        return true;
    float *values = HONE_RAW(scratch, float, tiles *TILE, b->room);
    int32_t *points = HONE_RAW(scratch, int32_t, tiles * TILE, b->room);
    b->q = HONE_NEW(scratch, float, tiles *TILE, d);
    b->upper = HONE_RAW(scratch, float, b->room, 1);
    for (int64_t t = 0; values && points && t < tiles; t++) {
        b->tile[t] = (knn_tile){.q = b->q + t * TILE * d,
                                .values = values + t * TILE * b->room,
                                .points = points + t * TILE * b->room,
                                .room = b->room};
        for (int i = 0; i < TILE; i++)
            b->tile[t].bound[i] = -INFINITY;
    }
    return values && points && b->q && b->upper;
}

/* ---- plainly ---- */

static hone_status rank_all(block *b, int64_t i, int64_t *count, hone_error *error)
{
    const knn_rule *r = &b->p->rule;
    knn_query_read(r, b->s->x, b->first + i, b->buffer, &b->query);
    *count = 0;
    for (int64_t row = 0; row < r->s->n_rows; row++) {
        if (row % PLAIN_ROWS == 0 && hone_stopping(b->s->run) == HONE_ABANDON)
            return hone_fail(error, HONE_STOPPED, "knn", "stopped while searching");
        *count = insert(b->best, *count, b->s->k, knn_rank(r, &b->query, row), (int32_t)row);
    }
    return HONE_OK;
}

/* ---- with bounds ---- */

/* The k-th smallest of n > k numbers, which it reorders (Hoare's quickselect). */
static float select_kth(float *v, int64_t n, int64_t k)
{
    int64_t low = 0, high = n - 1;
    while (low < high) {
        const float pivot = v[(low + high) / 2];
        int64_t i = low, j = high;
        while (i <= j) {
            while (v[i] < pivot)
                i++;
            while (v[j] > pivot)
                j--;
            if (i <= j) {
                const float t = v[i];
                v[i++] = v[j];
                v[j--] = t;
            }
        }
        if (k - 1 <= j)
            high = j;
        else if (k - 1 >= i)
            low = i;
        else
            break;
    }
    return v[k - 1];
}

static void lower_bound_to(knn_tile *t, int i, float bound)
{
    t->bound[i] = bound < t->bound[i] ? bound : t->bound[i];
}

/* Drops what is beyond the k-th smallest upper end of a bracket. */
static void tighten(block *b, knn_tile *t, int i, const knn_spot *spot)
{
    const int64_t k = b->s->k;
    float *v = t->values + i * t->room;
    int32_t *id = t->points + i * t->room;
    if (t->used[i] <= k)
        return;
    for (int32_t u = 0; u < t->used[i]; u++)
        b->upper[u] = v[u] + 2 * b->p->slack[id[u]];
    const float kth = select_kth(b->upper, t->used[i], k);
    lower_bound_to(t, i, nextafterf(kth + 2 * spot->e, INFINITY));
    int32_t kept = 0;
    for (int32_t u = 0; u < t->used[i]; u++)
        if (v[u] <= t->bound[i]) {
            v[kept] = v[u];
            id[kept++] = id[u];
        }
    t->used[i] = kept;
}

/* The k best of what query i has kept, in double. */
static int64_t rank_kept(block *b, const knn_tile *t, int i, int64_t query)
{
    const int32_t *id = t->points + i * t->room;
    int64_t count = 0;
    knn_query_read(&b->p->rule, b->s->x, b->first + query, b->buffer, &b->query);
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
    const int64_t count = rank_kept(b, t, i, query);
    const ranked worst = b->best[count - 1];
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
    for (int i = 0; i < t->rows; i++) {
        if (t->used[i] + LANES <= t->room)
            continue;
        tighten(b, t, i, &b->spot[tile * TILE + i]);
        if (t->used[i] + 2 * LANES > t->room)
            settle(b, t, i, tile * TILE + i);
    }
}

static void read_queries(block *b)
{
    for (int64_t i = 0; i < b->count; i++) {
        knn_tile *t = &b->tile[i / TILE];
        knn_query_read(&b->p->rule, b->s->x, b->first + i, b->buffer, &b->query);
        float *q = b->q + i / TILE * TILE * b->p->rule.d + i % TILE;
        b->spot[i] = knn_spot_of(b->p, &b->query, q);
        t->rows = (int)(i % TILE) + 1;
        if (!b->spot[i].plain)
            t->bound[i % TILE] = FLT_MAX;
    }
}

static hone_status meet_panels(block *b, hone_error *error)
{
    const int64_t d = b->p->rule.d, tiles = (b->count + TILE - 1) / TILE;
    const int64_t some = PANEL_FLOATS / (d * LANES + 1) + 1;
    for (int64_t at = 0; at < b->p->panels; at += some) {
        const int64_t count = b->p->panels - at < some ? b->p->panels - at : some;
        if (hone_stopping(b->s->run) == HONE_ABANDON)
            return hone_fail(error, HONE_STOPPED, "knn", "stopped while searching");
        for (int64_t t = 0; t < tiles; t++)
            for (int64_t done = 0; done < count;) {
                done += b->near(b->p, at + done, count - done, &b->tile[t]);
                if (done < count)
                    make_room(b, t);
            }
    }
    return HONE_OK;
}

hone_status knn_search_block(const knn_search *s, int64_t first, int64_t count, int32_t *row,
                             double *rank, hone_arena *scratch, hone_error *error)
{
    block *b = HONE_NEW(scratch, block, 1, 1);
    if (!b)
        return hone_no_memory(error);
    *b = (block){.s = s, .p = s->points, .first = first, .count = count};
    b->near = HONE_PICK(hone_run_isa(s->run), knn_near);
    if (!open_block(b, scratch))
        return hone_no_memory(error);
    if (b->p->filtered) {
        read_queries(b);
        HONE_TRY(meet_panels(b, error));
    }
    for (int64_t i = 0; i < count; i++) {
        knn_tile *t = &b->tile[i / TILE];
        int64_t found;
        if (!b->p->filtered || b->spot[i].plain) {
            HONE_TRY(rank_all(b, i, &found, error));
        } else {
            tighten(b, t, (int)(i % TILE), &b->spot[i]);
            found = rank_kept(b, t, (int)(i % TILE), i);
        }
        for (int64_t j = 0; j < found; j++) {
            row[i * s->k + j] = b->best[j].row;
            rank[i * s->k + j] = b->best[j].rank;
        }
    }
    return HONE_OK;
}
