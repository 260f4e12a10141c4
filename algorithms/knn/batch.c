/* Searches for all rows of a matrix: rows that fall into one leaf of the tree share tiles, so that
 * what one of them meets the others need too.
 */
#include "knn.h"

enum {
    WINDOW = 1 << 16, /* rows that are put in order together */
    DROPS = 1024,     /* rows of a block that finds their leaves */
    LISTED = 1 << 19  /* neighbours of a block, at most, but for its first row */
};

typedef struct batch {
    const knn_search *s;
    knn_take take;
    void *context;
    int64_t first, count; /* the window */
    int32_t *leaf;        /* of each of its rows; NULL: they stay in order */
    int64_t *query;       /* its rows, in the order of their leaves */
    int64_t some;         /* of a block that searches */
} batch;

static hone_status drop_block(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    const batch *b = context;
    const knn_rule *r = &b->s->points->rule;
    const int64_t end = (block + 1) * DROPS < b->count ? (block + 1) * DROPS : b->count;
    double *buffer = HONE_RAW(scratch, double, r->d, 1);
    knn_query q;
    if (!buffer || !knn_query_new(r, b->s->x, scratch, &q))
        return hone_no_memory(error);
    for (int64_t i = block * DROPS; i < end; i++) {
        knn_query_read(r, b->s->x, b->first + i, buffer, &q);
        b->leaf[i] = knn_tree_leaf(b->s->points, q.value);
    }
    return HONE_OK;
}

/* By leaf, then by row. */
static hone_status order(const batch *b, hone_arena *scratch, hone_error *error)
{
    const int32_t leaves = b->s->points->tree.leaves;
    int64_t *start = HONE_NEW(scratch, int64_t, leaves + 1, 1);
    if (!start)
        return hone_no_memory(error);
    HONE_TRY(
        hone_for_blocks(b->s->run, (b->count + DROPS - 1) / DROPS, drop_block, (void *)b, error));
    for (int64_t i = 0; i < b->count; i++)
        start[b->leaf[i] + 1]++;
    for (int32_t l = 0; l < leaves; l++)
        start[l + 1] += start[l];
    for (int64_t i = 0; i < b->count; i++)
        b->query[start[b->leaf[i]]++] = b->first + i;
    return HONE_OK;
}

static hone_status search_block(void *context, int64_t block, hone_arena *scratch,
                                hone_error *error)
{
    const batch *b = context;
    const int64_t k = b->s->k, first = block * b->some, left = b->count - first;
    const int64_t count = left < b->some ? left : b->some;
    int64_t query[QUERIES];
    int32_t *row = HONE_RAW(scratch, int32_t, count, k);
    double *rank = HONE_RAW(scratch, double, count, k);
    if (!row || !rank)
        return hone_no_memory(error);
    for (int64_t i = 0; i < count; i++)
        query[i] = b->leaf ? b->query[first + i] : b->first + first + i;
    HONE_TRY(knn_search_block(b->s, query, count, row, rank, scratch, error));
    for (int64_t i = 0; i < count; i++)
        b->take(b->context, query[i], row + i * k, rank + i * k);
    return HONE_OK;
}

hone_status knn_search_all(const knn_search *s, knn_take take, void *context, hone_arena *scratch,
                           hone_error *error)
{
    const int64_t rows = s->x->rows, most = rows < WINDOW ? rows : WINDOW;
    const int64_t fit = LISTED / s->k;
    batch b = {.s = s, .take = take, .context = context};
    b.some = fit < 1 ? 1 : fit < QUERIES ? fit : QUERIES;
    if (s->points->tree.leaves && rows > TILE) {
        b.leaf = HONE_RAW(scratch, int32_t, most, 1);
        b.query = HONE_RAW(scratch, int64_t, most, 1);
        if (!b.leaf || !b.query)
            return hone_no_memory(error);
    }
    for (; b.first < rows; b.first += WINDOW) {
        b.count = rows - b.first < WINDOW ? rows - b.first : WINDOW;
        if (b.leaf)
            HONE_TRY(order(&b, scratch, error));
        HONE_TRY(hone_for_blocks(s->run, (b.count + b.some - 1) / b.some, search_block, &b, error));
    }
    return HONE_OK;
}
