/* Growing a tree (Breiman 2001): depth first over a stack of segments of one array of rows.
 *
 * The randomness of a node is keyed by (seed, tree, path from the root), and a limit only decides
 * whether a node splits. So a tree does not depend on the order of growth, and a tree under tighter
 * limits is the full tree, cut. Features are drawn without replacement; as in scikit-learn,
 * constant ones count, but drawing goes on until one that is not constant is found.
 */
#include <float.h>

#include "grow.h"

static const uint64_t GOLDEN = UINT64_C(0x9e3779b97f4a7c15);

enum { ROOT, BAG };

void forest_bag(uint64_t seed, int64_t number, int64_t rows, int64_t draws, uint32_t *count)
{
    if (!draws) {
        for (int64_t i = 0; i < rows; i++)
            count[i] = 1;
        return;
    }
    memset(count, 0, (size_t)rows * sizeof *count);
    hone_stream s = hone_stream_of(seed, (uint64_t)number, BAG);
    for (int64_t i = 0; i < draws; i++)
        count[hone_below(&s, (uint64_t)rows)]++;
}

typedef struct segment {
    int64_t first, last, depth, id;
    uint64_t path;
} segment;

typedef struct growth {
    const problem *p;
    search s;
    hone_arena *keep, *scratch;
    uint32_t *row, *spare; /* row: the bag, grouped by node */
    uint32_t *order;       /* features; a permutation that every node puts back */
    uint32_t *swap;        /* what it exchanged */
    segment *stack;
    int64_t top;
    tree *t;
    int64_t room_entries, room_words;
    double *cell, *spare_cell;    /* weight and moment of `row` */
    int32_t *label, *spare_label; /* of `row`, when classes are counted */
    uint8_t *left_of;             /* by code of a categorical feature: 1 goes left */
    double deviation;             /* MEDIAN: of the node */
    uint32_t *edge;               /* rows in the bins next to a coarse cut */
    double *stat;                 /* of the segments in `stack` */
    int64_t room;                 /* segments */
    int64_t (*part)(parting *);
} growth;

/* ---- memory that grows: entries of leaves, words of category sets ---- */

static void *enlarged(hone_arena *arena, const void *old, int64_t used, int64_t room, size_t size)
{
    char *more = hone_arena_alloc_raw(arena, room, 1, size);
    if (more && used)
        memcpy(more, old, (size_t)used * size);
    return more;
}

static bool room_for_entries(growth *g, int64_t more)
{
    if (g->t->n_entries + more <= g->room_entries)
        return true;
    g->room_entries = 2 * g->room_entries + more;
    g->t->entry =
        enlarged(g->keep, g->t->entry, g->t->n_entries, g->room_entries, sizeof *g->t->entry);
    return g->t->entry != NULL;
}

static bool room_for_words(growth *g, int64_t more)
{
    if (g->t->n_words + more <= g->room_words)
        return true;
    g->room_words = 2 * g->room_words + more;
    g->t->words = enlarged(g->keep, g->t->words, g->t->n_words, g->room_words, sizeof *g->t->words);
    return g->t->words != NULL;
}

/* Puts a node on the stack, with the statistic of its rows. */
static bool push(growth *g, segment at, const double *stat)
{
    const int64_t q = g->p->width;
    if (g->top == g->room) {
        g->room = 2 * g->room + 64;
        g->stack = enlarged(g->scratch, g->stack, g->top, g->room, sizeof *g->stack);
        g->stat = enlarged(g->scratch, g->stat, g->top * q, g->room * q, sizeof *g->stat);
        if (!g->stack || !g->stat)
            return false;
    }
    memcpy(g->stat + g->top * q, stat, (size_t)q * sizeof *stat);
    g->stack[g->top++] = at;
    return true;
}

/* ---- a node ---- */

static bool counts_classes(const problem *p)
{
    return p->kind == COUNTS || p->kind == LOGS;
}

/* Weights and targets of `count` rows, added up in `stat`. */
static void sum_rows(const growth *g, int64_t first, int64_t count, double *stat)
{
    const double *cell = g->cell + 2 * first;
    memset(stat, 0, (size_t)g->p->width * sizeof *stat);
    if (counts_classes(g->p)) {
        for (int64_t i = 0; i < count; i++)
            stat[1 + g->label[first + i]] += cell[2 * i];
        for (int64_t k = 1; k <= g->p->classes; k++)
            stat[0] += stat[k];
        return;
    }
    double w[4] = {0}, v[4] = {0};
    int64_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (int k = 0; k < 4; k++)
            w[k] += cell[2 * (i + k)], v[k] += cell[2 * (i + k) + 1];
    for (; i < count; i++)
        w[0] += cell[2 * i], v[0] += cell[2 * i + 1];
    stat[0] = w[0] + w[1] + w[2] + w[3], stat[1] = v[0] + v[1] + v[2] + v[3];
}

/* True: nothing left to separate. */
static bool load_node(growth *g, const segment *at)
{
    search *s = &g->s;
    const problem *p = g->p;
    s->row = g->row + at->first, s->m = at->last - at->first, s->path = at->path;
    s->cell = g->cell + 2 * at->first;
    s->label = g->label + at->first;
    memcpy(s->total, g->stat + g->top * p->width, (size_t)p->width * sizeof *s->total);
    if (counts_classes(p))
        return s->total[1 + s->label[0]] == s->total[0];
    const double w = s->cell[0], v = s->cell[1];
    for (int64_t i = 1; i < s->m; i++)
        if (s->cell[2 * i + 1] * w != v * s->cell[2 * i])
            return false;
    return true;
}

/* The weighted median of the targets: the mean of both middle ones when the weight is even. Ranks
 * the rows for the search on the way. */
static double median(growth *g)
{
    const search *s = &g->s;
    const double *target = g->p->job->target;
    /* by target: a heap sort of row numbers in the search's keys */
    uint64_t *a = s->key;
    const int64_t m = s->m;
    for (int64_t i = 0; i < m; i++)
        a[i] = (uint64_t)i;
    for (int64_t start = m / 2, end = m; end > 1;) {
        if (start > 0) {
            start--;
        } else {
            end--;
            const uint64_t t = a[end];
            a[end] = a[0], a[0] = t;
        }
        for (int64_t root = start; 2 * root + 1 < end;) {
            int64_t child = 2 * root + 1;
            if (child + 1 < end && target[s->row[a[child]]] < target[s->row[a[child + 1]]])
                child++;
            if (target[s->row[a[root]]] >= target[s->row[a[child]]])
                break;
            const uint64_t t = a[root];
            a[root] = a[child], a[child] = t;
            root = child;
        }
    }
    g->deviation = forest_rank_targets(&g->s, a);
    double below = 0;
    for (int64_t i = 0; i < m; i++) {
        below += s->cell[2 * a[i]];
        const double v = target[s->row[a[i]]];
        if (2 * below > s->total[0])
            return v;
        if (2 * below == s->total[0] && i + 1 < m)
            return v / 2 + target[s->row[a[i + 1]]] / 2;
    }
    return m ? target[s->row[a[m - 1]]] : 0;
}

static double answer(growth *g)
{
    const problem *p = g->p;
    if (p->classes)
        return 0;
    if (p->kind == MEDIAN)
        return median(g);
    const double *t = g->s.total;
    return p->centre + t[1] * p->target_unit / (t[0] * p->weight_unit);
}

static bool close_leaf(growth *g, grown_node *node)
{
    const problem *p = g->p;
    const double *t = g->s.total;
    node->child = 0, node->feature = 0, node->payload = -1;
    if (!p->classes)
        return true;
    if (!room_for_entries(g, p->classes))
        return false;
    node->payload = (int32_t)g->t->n_entries;
    for (int32_t k = 0; k < p->classes; k++) {
        const double w = counts_classes(p) ? t[1 + k] : k ? t[1] : t[0] - t[1];
        if (w > 0)
            g->t->entry[g->t->n_entries++] = (entry){k, w};
    }
    node->feature = (int32_t)(g->t->n_entries - node->payload);
    return true;
}

static bool may_split(const growth *g, const segment *at)
{
    const problem *p = g->p;
    const search *s = &g->s;
    return at->depth < p->max_depth && s->m >= p->min_split && s->m >= 2 * p->min_leaf &&
           s->total[0] >= 2 * s->min_leaf_weight;
}

/* Puts one of the features that are left in place `k`. */
static void draw(growth *g, hone_stream *r, int64_t k)
{
    const int64_t j = k + (int64_t)hone_below(r, (uint64_t)(g->p->panel->features - k));
    const uint32_t t = g->order[j];
    g->order[j] = g->order[k], g->order[k] = t;
    g->swap[k] = (uint32_t)j;
}

/* Draws features and keeps the best split of them. */
static split find_split(growth *g, const segment *at)
{
    const problem *p = g->p;
    const int64_t d = p->panel->features;
    hone_stream r = hone_stream_of(at->path, 0, 0);
    split best = {0};
    int64_t drawn = 0;
    while (drawn < p->features)
        draw(g, &r, drawn++);
    bool varies = forest_try_features(&g->s, g->order, drawn, &best);
    while (!varies && drawn < d && p->params->constant_features == CONSTANT_REDRAW) {
        draw(g, &r, drawn);
        varies = forest_try_features(&g->s, g->order + drawn++, 1, &best);
    }
    while (drawn > 0) {
        const uint32_t j = g->swap[--drawn], t = g->order[j];
        g->order[j] = g->order[drawn], g->order[drawn] = t;
    }
    return best;
}

/* ---- parting the rows ---- */

/* `low` < `high`, adjacent among the node's rows: the middle, which must go left. */
static double middle(double low, double high, bool single)
{
    double t = low / 2 + high / 2;
    if (single)
        t = (double)(float)t;
    return t >= low && t < high ? t : low;
}

/* The codes next to the cut: the largest on the left, the smallest on the right. */
typedef struct edges {
    uint32_t below, above;
} edges;

/* Codes inside the bins next to the cut. */
static edges refined_edges(const growth *g, int64_t near, const split *best)
{
    const panel *x = g->p->panel;
    const uint8_t *column = x->coarse + best->feature;
    const uint16_t *fine = x->fine + x->feature[best->feature].fine;
    edges e = {0, CODE_MISSING};
    for (int64_t i = 0; i < near; i++) {
        const int64_t r = g->edge[i];
        const uint32_t code = fine[r * x->fine_stride];
        if (column[r * x->coarse_stride] == best->cut)
            e.below = code > e.below ? code : e.below;
        else
            e.above = code < e.above ? code : e.above;
    }
    return e;
}

static double threshold_of(const growth *g, int64_t near, const split *best)
{
    const feature_codes *f = &g->p->panel->feature[best->feature];
    if (best->above == CODE_MISSING)
        return DBL_MAX; /* what is missing against the rest */
    if (best->random)
        return best->threshold;
    const edges e = best->coarse ? refined_edges(g, near, best) : (edges){best->cut, best->above};
    return middle(f->high[e.below], f->low[e.above], g->p->job->x.dtype == HONE_F32);
}

/* Left rows first. Gives their number, and in `near` that of the rows in g->edge. */
static int64_t part_rows(growth *g, const segment *at, const split *best, int64_t *near)
{
    const panel *x = g->p->panel;
    const feature_codes *f = &x->feature[best->feature];
    const bool fine = f->fine >= 0 && !best->coarse, counts = counts_classes(g->p);
    const uint32_t missing = fine ? CODE_MISSING : (uint32_t)f->bins;
    parting p = {.m = g->s.m,
                 .row = g->row + at->first,
                 .spare_row = g->spare,
                 .cell = g->cell + 2 * at->first,
                 .spare_cell = g->spare_cell,
                 .label = counts ? g->label + at->first : NULL,
                 .spare_label = g->spare_label,
                 .coarse = x->coarse + best->feature,
                 .fine = fine ? x->fine + f->fine : NULL,
                 .stride = fine ? x->fine_stride : x->coarse_stride,
                 .cut = best->cut,
                 .above = best->above,
                 .edge = best->coarse ? g->edge : NULL,
                 .also = best->missing_left ? missing : UINT32_MAX};
    if (f->levels) {
        for (int64_t i = 0; i < best->n_seen; i++)
            g->left_of[best->level[i]] = i < best->n_left;
        g->left_of[missing] = best->missing_left;
        p.left = g->left_of;
    }
    const int64_t left = g->part(&p);
    *near = p.edges;
    return left;
}

/* Writes the set of a category split. Levels that no row of the node has go where most rows go. */
static bool write_set(growth *g, const split *best, bool heavier, grown_node *node)
{
    const feature_codes *f = &g->p->panel->feature[best->feature];
    const int64_t n = (f->levels + 31) / 32;
    if (!room_for_words(g, n))
        return false;
    node->payload = (int32_t)g->t->n_words;
    node->side |= BY_CATEGORY;
    uint32_t *word = g->t->words + g->t->n_words;
    memset(word, 0, (size_t)n * sizeof *word);
    for (int32_t k = 0; k < f->codes && heavier; k++)
        word[k / 32] |= UINT32_C(1) << (k % 32);
    for (int64_t i = heavier ? best->n_left : 0; i < (heavier ? best->n_seen : best->n_left); i++)
        word[best->level[i] / 32] ^= UINT32_C(1) << (best->level[i] % 32);
    g->t->n_words += n;
    return true;
}

/* The statistics of both sides; rows are parted. */
static void sum_sides(growth *g, const segment *at, int64_t left)
{
    search *s = &g->s;
    const bool few = 2 * left <= s->m;
    double *sum = few ? s->left : s->right, *rest = few ? s->right : s->left;
    sum_rows(g, few ? at->first : at->first + left, few ? left : s->m - left, sum);
    for (int64_t k = 0; k < g->p->width; k++)
        rest[k] = s->total[k] - sum[k];
}

/* In units of the criterion: what scikit-learn calls the improvement. */
static double gain_of(const growth *g, const split *best)
{
    const problem *p = g->p;
    const search *s = &g->s;
    const double unit = p->target_unit / p->weight_unit;
    const double more = p->kind == MEDIAN ? best->score + g->deviation
                                          : forest_score(p, s->left) + forest_score(p, s->right) -
                                                forest_score(p, g->s.total);
    double gain = more / g->s.tree_weight;
    if (p->kind == MOMENT)
        gain *= p->classes ? 2 : unit * unit;
    else if (p->kind == MEDIAN)
        gain *= unit;
    else if (p->kind == RATE) /* log2 to natural */
        gain *= unit * 0.6931471805599453;
    return gain > 0 ? gain : 0;
}

static bool split_node(growth *g, const segment *at, const split *best)
{
    grown_node *node = &g->t->node[at->id];
    node->feature = best->feature, node->side = 0, node->payload = -1, node->threshold = 0;
    int64_t near;
    const int64_t left = part_rows(g, at, best, &near);
    const bool heavier = 2 * left > g->s.m;
    if (best->saw_missing ? best->missing_left : heavier)
        node->side |= MISSING_LEFT;
    if (g->p->panel->feature[best->feature].levels == 0)
        node->threshold = threshold_of(g, near, best);
    else if (!write_set(g, best, heavier, node))
        return false;
    sum_sides(g, at, left);
    node->gain = gain_of(g, best);
    node->child = -1;
    if (node->gain + DBL_EPSILON < g->p->min_gain)
        return true;
    node->child = (int32_t)g->t->n_nodes;
    g->t->n_nodes += 2;
    const segment right = {at->first + left, at->last, at->depth + 1, node->child + 1,
                           hone_mix(at->path + 2 * GOLDEN)};
    const segment near_by = {at->first, at->first + left, at->depth + 1, node->child,
                             hone_mix(at->path + GOLDEN)};
    return push(g, right, g->s.right) && push(g, near_by, g->s.left);
}

static bool grow_node(growth *g, const segment *at)
{
    grown_node *node = &g->t->node[at->id];
    *node = (grown_node){.payload = -1};
    const bool pure = load_node(g, at);
    node->rows = (uint32_t)g->s.m;
    node->value = answer(g);
    if (!pure && may_split(g, at)) {
        const split best = find_split(g, at);
        if (best.found && !split_node(g, at, &best))
            return false;
        if (best.found && g->t->node[at->id].child > 0)
            return true;
    }
    return close_leaf(g, &g->t->node[at->id]);
}

/* ---- a tree ---- */

/* For balanced_subsample: rows of the bag over classes in it and rows of the class in it. */
static void class_factors(const problem *p, const uint32_t *count, double *factor)
{
    double all = 0, kinds = 0;
    memset(factor, 0, (size_t)p->classes * sizeof *factor);
    for (int64_t i = 0; i < p->rows; i++)
        factor[p->job->label[i]] += count[i];
    for (int64_t k = 0; k < p->classes; k++)
        all += factor[k], kinds += factor[k] > 0;
    for (int64_t k = 0; k < p->classes; k++)
        factor[k] = factor[k] > 0 ? all / (kinds * factor[k]) : 0;
}

/* Rows of the bag with their draws x weight; gives their number. */
static int64_t fill_bag(growth *g, const uint32_t *count, const double *factor)
{
    const problem *p = g->p;
    int64_t m = 0;
    for (int64_t i = 0; i < p->rows; i++) {
        double w = count[i], v = 0;
        if (factor) {
            w = rint(w * p->raw_weight[i] * factor[p->job->label[i]] / p->weight_unit);
            v = w * p->job->label[i];
        } else {
            v = p->moment ? w * p->moment[i] : 0;
            w *= p->weight[i];
        }
        if (!(w > 0))
            continue;
        g->cell[2 * m] = w, g->cell[2 * m + 1] = v;
        if (counts_classes(p))
            g->label[m] = p->job->label[i];
        g->row[m++] = (uint32_t)i;
        g->s.tree_weight += w;
    }
    return m;
}

static hone_status open_growth(growth *g, hone_arena *scratch, hone_error *error)
{
    const problem *p = g->p;
    const int64_t n = p->rows, d = p->panel->features;
    const int64_t labels = counts_classes(p) ? n : 0;
    g->part = HONE_PICK(hone_run_isa(p->job->run), forest_part);
    g->row = HONE_RAW(scratch, uint32_t, n, 1);
    g->spare = HONE_RAW(scratch, uint32_t, n, 1);
    g->edge = HONE_RAW(scratch, uint32_t, n, 1);
    g->order = HONE_RAW(scratch, uint32_t, d, 1);
    g->swap = HONE_RAW(scratch, uint32_t, d, 1);
    g->cell = HONE_RAW(scratch, double, n, 2);
    g->spare_cell = HONE_RAW(scratch, double, n, 2);
    g->label = HONE_RAW(scratch, int32_t, labels + 1, 1);
    g->spare_label = HONE_RAW(scratch, int32_t, labels + 1, 1);
    g->left_of = HONE_RAW(scratch, uint8_t, CODE_MISSING + 1, 1);
    if (!g->row || !g->spare || !g->order || !g->swap || !g->cell || !g->spare_cell || !g->label ||
        !g->spare_label || !g->left_of || !g->edge)
        return hone_no_memory(error);
    for (int64_t j = 0; j < d; j++)
        g->order[j] = (uint32_t)j;
    return forest_search_open(&g->s, p, scratch, error);
}

hone_status forest_grow(const problem *p, int64_t number, hone_arena *keep, hone_arena *scratch,
                        tree *out, hone_error *error)
{
    *out = (tree){0};
    if (hone_stopping(p->job->run) != HONE_GO)
        return HONE_OK;
    growth g = {.p = p, .keep = keep, .scratch = scratch, .t = out};
    HONE_TRY(open_growth(&g, scratch, error));
    uint32_t *count = HONE_RAW(scratch, uint32_t, p->rows, 1);
    double *factor = p->raw_weight ? HONE_NEW(scratch, double, p->classes, 1) : NULL;
    if (!count || (p->raw_weight && !factor))
        return hone_no_memory(error);
    forest_bag(p->job->seed, number, p->rows, p->draws, count);
    if (factor)
        class_factors(p, count, factor);
    int64_t m = fill_bag(&g, count, factor);
    if (!m) { /* no weight in the bag: all rows */
        forest_bag(0, 0, p->rows, 0, count);
        if (factor)
            class_factors(p, count, factor);
        m = fill_bag(&g, count, factor);
    }
    g.s.min_leaf_weight = p->min_leaf_share * g.s.tree_weight;
    out->node = HONE_RAW(keep, grown_node, 2 * m + 1, 1);
    if (!out->node)
        return hone_no_memory(error);
    const hone_stream root = hone_stream_of(p->job->seed, (uint64_t)number, ROOT);
    out->n_nodes = 1;
    sum_rows(&g, 0, m, g.s.total);
    if (!push(&g, (segment){0, m, 0, 0, root.state}, g.s.total))
        return hone_no_memory(error);
    for (int64_t work = 0; g.top > 0;) {
        const segment at = g.stack[--g.top];
        if (!grow_node(&g, &at))
            return hone_no_memory(error);
        work += (at.last - at.first) * p->features;
        if (work > 200000) {
            work = 0;
            if (hone_stopping(p->job->run) != HONE_GO) {
                out->n_nodes = 0;
                return HONE_OK;
            }
        }
    }
    return HONE_OK;
}
