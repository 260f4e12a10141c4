/* A kd-tree over panels: which points share a panel, and a box around each subtree.
 *
 * Node i has the children 2 i and 2 i + 1; node 1 is the root, all leaves are of one depth. A node
 * halves its panels at the median of its widest column. Boxes are of the values that points stand
 * for, not of what float made of them: a value lies within one step of its float.
 */
#include "knn.h"

enum {
    LEAF_PANELS = 8,   /* at most */
    LEAST_PANELS = 64, /* fewer are soon met */
    MOST_COLUMNS = 32, /* boxes around neighbours in more hold nearly all rows */
    SAMPLE = 64,       /* rows that tell a node's widest column */
    PILOT = 32,        /* rows that tell whether walks pay */
    SHARE = 8,         /* of the rows: more neighbours than that are not walked to */
    SHORT_SORT = 12
};

/* Share of the panels near a row up to which walking to them beats meeting all. */
#define WORTH 0.2

/* ---- order ---- */

typedef struct item {
    float key;
    int32_t id;
} item;

static bool less(item a, item b)
{
    return a.key < b.key || (a.key == b.key && a.id < b.id);
}

static void sort_few(item *v, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        const item x = v[i];
        int64_t at = i;
        for (; at > 0 && less(x, v[at - 1]); at--)
            v[at] = v[at - 1];
        v[at] = x;
    }
}

/* The `nth` smallest ones come first. Pivots are drawn, so that no order of rows is a bad one. */
static void select_first(item *v, int64_t n, int64_t nth)
{
    uint64_t state = (uint64_t)n;
    while (n > SHORT_SORT) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const item pivot = v[(state >> 33) % (uint64_t)n];
        int64_t i = 0, j = n - 1;
        while (i <= j) {
            while (less(v[i], pivot))
                i++;
            while (less(pivot, v[j]))
                j--;
            if (i <= j) {
                const item t = v[i];
                v[i++] = v[j];
                v[j--] = t;
            }
        }
        if (nth <= j)
            n = j + 1;
        else if (nth > i)
            v += i, n -= i, nth -= i;
        else
            return;
    }
    sort_few(v, n);
}

static int64_t widest_column(const knn_points *p, const item *v, int64_t n)
{
    const int64_t d = p->rule.d, step = (n + SAMPLE - 1) / SAMPLE;
    int64_t widest = 0;
    float most = -1;
    for (int64_t k = 0; k < d; k++) {
        float low = INFINITY, high = -INFINITY;
        for (int64_t t = 0; t < n; t += step) {
            const float x = knn_stored(p, v[t].id, k, 1);
            low = x < low ? x : low;
            high = x > high ? x : high;
        }
        if (high - low > most)
            most = high - low, widest = k;
    }
    return widest;
}

/* Panels [first, end) to the leaves below `node`, which stands `levels` above them. */
static void cut(const knn_points *p, item *all, int32_t node, int levels, int64_t first,
                int64_t end)
{
    const knn_tree *tree = &p->tree;
    if (levels == 0) {
        tree->leaf[node - tree->leaves] = (int32_t)first;
        return;
    }
    const int64_t rows = p->rule.s->n_rows, middle = (first + end) / 2;
    const int64_t n = (end * LANES < rows ? end * LANES : rows) - first * LANES;
    item *v = all + first * LANES;
    const int64_t column = widest_column(p, v, n), below = (middle - first) * LANES;
    for (int64_t t = 0; t < n; t++)
        v[t].key = knn_stored(p, v[t].id, column, 1);
    select_first(v, n, below);
    float split = -INFINITY;
    for (int64_t t = 0; t < below; t++)
        split = v[t].key > split ? v[t].key : split;
    tree->column[node] = (int32_t)column;
    tree->split[node] = split;
    cut(p, all, 2 * node, levels - 1, first, middle);
    cut(p, all, 2 * node + 1, levels - 1, middle, end);
}

static bool has_tree(const knn_points *p, int algorithm)
{
    const knn_rule *r = &p->rule;
    const bool separable =
        r->metric == EUCLIDEAN || r->metric == MANHATTAN || r->metric == CHEBYSHEV;
    return algorithm != ALGORITHM_BRUTE && separable && p->panels >= LEAST_PANELS && r->d > 0 &&
           r->d <= MOST_COLUMNS;
}

hone_status knn_tree_order(knn_points *p, int algorithm, hone_arena *keep, hone_error *error)
{
    const int64_t n = p->rule.s->n_rows;
    knn_tree *tree = &p->tree;
    if (!has_tree(p, algorithm))
        return HONE_OK;
    while (p->panels >> tree->depth > LEAF_PANELS)
        tree->depth++;
    tree->leaves = 1 << tree->depth;
    tree->leaf = HONE_RAW(keep, int32_t, tree->leaves + 1, 1);
    tree->column = HONE_RAW(keep, int32_t, tree->leaves, 1);
    tree->split = HONE_RAW(keep, float, tree->leaves, 1);
    tree->box = HONE_RAW(keep, float, 2 * tree->leaves, 2 * p->rule.d);
    if (!tree->leaf || !tree->column || !tree->split || !tree->box)
        return hone_no_memory(error);
    item *all = (item *)(void *)p->x; /* panels are filled afterwards */
    for (int64_t i = 0; i < n; i++)
        all[i].id = (int32_t)i;
    cut(p, all, 1, tree->depth, 0, p->panels);
    tree->leaf[tree->leaves] = (int32_t)p->panels;
    for (int64_t t = 0; t < n; t++)
        p->id[t] = all[t].id;
    return HONE_OK;
}

/* ---- boxes ---- */

static void box_leaf(const knn_points *p, int32_t leaf)
{
    const knn_tree *tree = &p->tree;
    const int64_t n = p->rule.s->n_rows, d = p->rule.d;
    float *box = tree->box + (tree->leaves + leaf) * 2 * d;
    const int64_t from = (int64_t)tree->leaf[leaf] * LANES;
    const int64_t end = (int64_t)tree->leaf[leaf + 1] * LANES;
    for (int64_t k = 0; k < d; k++) {
        float low = INFINITY, high = -INFINITY;
        for (int64_t t = from; t < end && t < n; t++) {
            const float v = p->x[(t / LANES * d + k) * LANES + t % LANES];
            low = v < low ? v : low;
            high = v > high ? v : high;
        }
        box[2 * k] = knn_below(low);
        box[2 * k + 1] = knn_above(high);
    }
}

static void box_all(const knn_points *p)
{
    const knn_tree *tree = &p->tree;
    const int64_t d = p->rule.d;
    for (int32_t l = 0; l < tree->leaves; l++)
        box_leaf(p, l);
    for (int32_t i = tree->leaves - 1; i > 0; i--) {
        const float *a = tree->box + 4 * i * d, *b = a + 2 * d;
        float *box = tree->box + 2 * i * d;
        for (int64_t k = 0; k < d; k++) {
            box[2 * k] = a[2 * k] < b[2 * k] ? a[2 * k] : b[2 * k];
            box[2 * k + 1] = a[2 * k + 1] > b[2 * k + 1] ? a[2 * k + 1] : b[2 * k + 1];
        }
    }
}

/* ---- where queries fall ---- */

int32_t knn_tree_leaf(const knn_points *p, const double *value)
{
    const knn_tree *tree = &p->tree;
    int32_t node = 1;
    while (node < tree->leaves) {
        const int32_t k = tree->column[node];
        node = 2 * node + (value[k] - p->centre[k] > (double)tree->split[node]);
    }
    return node - tree->leaves;
}

/* ---- pilot ---- */

/* The k-th smallest rank of a query among the points of the smallest subtree around it that has
 * twice as many: no less than that among all. */
static float rank_around(const knn_points *p, const knn_query *q, int64_t k, item *room)
{
    const knn_tree *tree = &p->tree;
    const int64_t n = p->rule.s->n_rows;
    int32_t low = knn_tree_leaf(p, q->value), high = low + 1;
    for (int32_t size = 2;
         (tree->leaf[high] - tree->leaf[low]) * LANES < 2 * k && size <= tree->leaves; size *= 2) {
        low = low / size * size;
        high = low + size;
    }
    const int64_t from = (int64_t)tree->leaf[low] * LANES, end = (int64_t)tree->leaf[high] * LANES;
    int64_t count = 0;
    for (int64_t t = from; t < end && t < n; t++, count++)
        room[count] = (item){(float)knn_rank(&p->rule, q, p->id[t]), p->id[t]};
    select_first(room, count, k);
    float kth = 0;
    for (int64_t t = 0; t < k && t < count; t++)
        kth = room[t].key > kth ? room[t].key : kth;
    return kth;
}

static double rank_to_box(const knn_points *p, const knn_query *q, const float *box)
{
    double sum = 0;
    for (int64_t k = 0; k < p->rule.d; k++) {
        const double v = q->value[k] - p->centre[k];
        const double gap = fmax(0, fmax((double)box[2 * k] - v, v - (double)box[2 * k + 1]));
        sum = p->rule.metric == EUCLIDEAN   ? sum + gap * gap
              : p->rule.metric == MANHATTAN ? sum + gap
                                            : fmax(sum, gap);
    }
    return sum;
}

/* Mean share of the panels whose boxes reach the neighbourhood of some training rows. */
static hone_status pilot(knn_points *p, int64_t neighbors, hone_arena *keep, hone_error *error)
{
    const knn_tree *tree = &p->tree;
    const int64_t n = p->rule.s->n_rows, d = p->rule.d;
    knn_query q = {.value = HONE_RAW(keep, double, d, 1), .count = d};
    item *room = HONE_RAW(keep, item, 4 * neighbors + 2 * LEAF_PANELS * LANES, 1);
    if (!q.value || !room)
        return hone_no_memory(error);
    int64_t met = 0;
    for (int64_t i = 0; i < PILOT; i++) {
        const int64_t row = p->id[i * (n - 1) / (PILOT - 1)];
        for (int64_t k = 0; k < d; k++)
            q.value[k] = knn_value(p->rule.s, d, row, k) * p->rule.inverse;
        const double kth = (double)rank_around(p, &q, neighbors, room);
        for (int32_t l = 0; l < tree->leaves; l++)
            if (rank_to_box(p, &q, tree->box + (tree->leaves + l) * 2 * d) <= kth)
                met += tree->leaf[l + 1] - tree->leaf[l];
    }
    p->walks = (double)met <= WORTH * (double)p->panels * PILOT;
    return HONE_OK;
}

hone_status knn_tree_finish(knn_points *p, int algorithm, int64_t neighbors, hone_arena *keep,
                            hone_error *error)
{
    if (!p->tree.leaves)
        return HONE_OK;
    box_all(p);
    p->walks = algorithm == ALGORITHM_KD_TREE;
    if (p->walks || neighbors > p->rule.s->n_rows / SHARE)
        return HONE_OK;
    return pilot(p, neighbors, keep, error);
}
