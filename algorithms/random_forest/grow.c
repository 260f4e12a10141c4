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

typedef struct growth {
    const problem *p;
    search s;
    hone_arena *keep, *scratch;
    tree_bag bag; /* its rows are grouped by node */
    int64_t most; /* nodes of up to so many rows are left for later */
    later *rest;
    int64_t room_rest;
    uint32_t *order; /* features; a permutation that every node puts back */
    uint32_t *swap;  /* what it exchanged */
    segment *stack;
    double *stat; /* of the segments in `stack` */
    int64_t top, room;
    tree *t;
    int64_t room_entries, room_words;
    uint32_t *spare_row;
    double *spare_cell;
    uint32_t *spare_vote;
    int32_t *spare_label;
    uint8_t *left_of; /* by code of a categorical feature: 1 goes left */
    uint32_t *edge;   /* rows in the bins next to a coarse cut */
    double deviation; /* MEDIAN: of the node */
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

/* Leaves a node for later: a leaf whose `feature` says which. */
static bool put_off(growth *g, const segment *at)
{
    const int64_t q = g->p->width;
    later *l = g->rest;
    if (l->count == g->room_rest) {
        g->room_rest = 2 * g->room_rest + 16;
        l->at = enlarged(g->keep, l->at, l->count, g->room_rest, sizeof *l->at);
        l->stat = enlarged(g->keep, l->stat, l->count * q, g->room_rest * q, sizeof *l->stat);
        if (!l->at || !l->stat)
            return false;
    }
    g->t->node[at->id] = (grown_node){.child = LATER, .feature = (int32_t)l->count};
    memcpy(l->stat + l->count * q, g->stat + g->top * q, (size_t)q * sizeof *l->stat);
    l->at[l->count++] = *at;
    return true;
}

/* ---- a node ---- */

/* Equal targets; as integers where those are exact. */
static bool equal_targets(const search *s)
{
    const problem *p = s->p;
    const double *y = p->target, w = s->cell[0], v = s->cell[1];
    for (int64_t i = 1; i < s->m; i++)
        if (p->weight_unit == 1 ? s->cell[2 * i + 1] * w != v * s->cell[2 * i]
                                : y[s->row[i]] != y[s->row[0]])
            return false;
    return true;
}

/* True: nothing left to separate. */
static bool load_node(growth *g, const segment *at)
{
    search *s = &g->s;
    const problem *p = g->p;
    s->row = g->bag.row + at->first, s->m = at->last - at->first, s->path = at->path;
    s->cell = g->bag.cell ? g->bag.cell + 2 * at->first : NULL;
    s->vote = g->bag.vote ? g->bag.vote + at->first : NULL;
    s->label = g->bag.label + at->first;
    memcpy(s->total, g->stat + g->top * p->width, (size_t)p->width * sizeof *s->total);
    if (forest_counts(p))
        return s->total[1 + s->label[0]] == s->total[0];
    if (p->classes)
        return s->total[1] == 0 || s->total[1] == s->total[0];
    return equal_targets(s);
}

/* The weighted median of the targets: the mean of both middle ones when the weight is even. Ranks
 * the rows for the search on the way. */
static double median(growth *g)
{
    const search *s = &g->s;
    const double *target = g->p->target;
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
    const double *t = g->s.total;
    return ldexp(p->kind == MEDIAN ? median(g)
                                   : p->centre + t[1] * p->target_unit / (t[0] * p->weight_unit),
                 p->shift);
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
        const double w = forest_counts(p) ? t[1 + k] : k ? t[1] : t[0] - t[1];
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
    int64_t drawn = 0;
    split best = {0};
    bool varies = false;
    forest_look_at_node(&g->s);
    /* of two rows the first feature that tells them apart will do */
    const int64_t together = forest_parts_pairs(&g->s) ? 1 : p->features;
    const int64_t most = p->params->constant_features == CONSTANT_REDRAW ? d : p->features;
    while (!varies && drawn < most) {
        const int64_t before = drawn;
        do
            draw(g, &r, drawn++);
        while (drawn < p->features && drawn < before + together);
        varies = forest_try_features(&g->s, g->order + before, drawn - before, &best);
    }
    while (drawn > 0) {
        const uint32_t j = g->swap[--drawn], t = g->order[j];
        g->order[j] = g->order[drawn], g->order[drawn] = t;
    }
    return best;
}

/* ---- parting the rows ---- */

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
    const double low = f->high[e.below], high = f->low[e.above];
    return forest_between(g->p, low / 2 + high / 2, low, high);
}

/* Left rows first. Gives their number, and in `near` that of the rows in g->edge. */
static int64_t part_rows(growth *g, const segment *at, const split *best, int64_t *near)
{
    const panel *x = g->p->panel;
    const feature_codes *f = &x->feature[best->feature];
    const bool fine = f->fine >= 0 && !best->coarse, counts = forest_counts(g->p);
    const uint32_t missing = fine ? CODE_MISSING : (uint32_t)f->bins;
    parting p = {.m = g->s.m,
                 .row = g->bag.row + at->first,
                 .spare_row = g->spare_row,
                 .cell = g->bag.cell ? g->bag.cell + 2 * at->first : NULL,
                 .spare_cell = g->spare_cell,
                 .vote = g->bag.vote ? g->bag.vote + at->first : NULL,
                 .spare_vote = g->spare_vote,
                 .label = counts ? g->bag.label + at->first : NULL,
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

/* Writes the set of a category split. Levels that no row of the node has go where most rows go;
 * those above the codes are missing to the search and go where that goes. */
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
    for (int32_t k = f->codes; k < f->levels && node->side & MISSING_LEFT; k++)
        word[k / 32] |= UINT32_C(1) << (k % 32);
    g->t->n_words += n;
    return true;
}

/* The statistics of both sides; rows are parted. */
static void sum_sides(growth *g, const segment *at, int64_t left)
{
    const problem *p = g->p;
    search *s = &g->s;
    const bool few = 2 * left <= s->m;
    double *sum = few ? s->left : s->right, *rest = few ? s->right : s->left;
    forest_sum_rows(p, &g->bag, few ? at->first : at->first + left, few ? left : s->m - left, sum);
    for (int64_t k = 0; k < p->width; k++)
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
    if (node->gain < g->p->min_gain)
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

/* Working memory for nodes of up to `n` rows. */
static hone_status open_growth(growth *g, int64_t n, hone_error *error)
{
    const problem *p = g->p;
    hone_arena *scratch = g->scratch;
    const int64_t d = p->panel->features, labels = forest_counts(p) ? n : 0;
    g->part = HONE_PICK(hone_run_isa(p->job->run), forest_part);
    g->spare_row = HONE_RAW(scratch, uint32_t, n, 1);
    g->spare_cell = HONE_RAW(scratch, double, g->bag.cell ? n : 1, 2);
    g->spare_vote = HONE_RAW(scratch, uint32_t, g->bag.vote ? n : 1, 1);
    g->spare_label = HONE_RAW(scratch, int32_t, labels + 1, 1);
    g->edge = HONE_RAW(scratch, uint32_t, n, 1);
    g->order = HONE_RAW(scratch, uint32_t, d, 1);
    g->swap = HONE_RAW(scratch, uint32_t, d, 1);
    g->left_of = HONE_RAW(scratch, uint8_t, CODE_MISSING + 1, 1);
    if (!g->spare_row || !g->spare_cell || !g->spare_vote || !g->spare_label || !g->edge ||
        !g->order || !g->swap || !g->left_of)
        return hone_no_memory(error);
    for (int64_t j = 0; j < d; j++)
        g->order[j] = (uint32_t)j;
    g->s.min_leaf_weight = p->min_leaf_share * g->bag.weight;
    g->s.tree_weight = g->bag.weight;
    return forest_search_open(&g->s, p, n, g->bag.vote != NULL, scratch, error);
}

static hone_status grow_nodes(growth *g, hone_error *error)
{
    const problem *p = g->p;
    for (int64_t work = 0; g->top > 0;) {
        const segment at = g->stack[--g->top];
        const int64_t m = at.last - at.first;
        if (m <= g->most ? !put_off(g, &at) : !grow_node(g, &at))
            return hone_no_memory(error);
        work += m * p->features;
        if (work > 200000) {
            work = 0;
            if (hone_stopping(p->job->run) != HONE_GO) {
                g->t->n_nodes = 0;
                return HONE_OK;
            }
        }
    }
    return HONE_OK;
}

hone_status forest_grow_from(const problem *p, const tree_bag *rows, const segment *root,
                             const double *stat, int64_t most, hone_arena *keep,
                             hone_arena *scratch, tree *out, later *rest, hone_error *error)
{
    const int64_t m = root->last - root->first;
    *out = (tree){0};
    if (hone_stopping(p->job->run) != HONE_GO)
        return HONE_OK;
    growth g = {.p = p,
                .keep = keep,
                .scratch = scratch,
                .bag = *rows,
                .most = most,
                .rest = rest,
                .t = out};
    HONE_TRY(open_growth(&g, m, error));
    out->node = HONE_RAW(keep, grown_node, 2 * m + 1, 1);
    segment first = *root;
    first.id = 0;
    if (!out->node || !push(&g, first, stat))
        return hone_no_memory(error);
    out->n_nodes = 1;
    return grow_nodes(&g, error);
}

hone_status forest_grow(const problem *p, int64_t number, hone_arena *keep, hone_arena *scratch,
                        tree *out, hone_error *error)
{
    tree_bag rows;
    HONE_TRY(forest_fill_bag(p, number, scratch, &rows, error));
    double *stat = HONE_RAW(scratch, double, p->width, 1);
    if (!stat)
        return hone_no_memory(error);
    const segment root = forest_root(p, number, &rows);
    forest_sum_rows(p, &rows, 0, rows.m, stat);
    return forest_grow_from(p, &rows, &root, stat, 0, keep, scratch, out, NULL, error);
}
