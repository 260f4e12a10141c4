/* Cutting a grown tree. Depth, size and gain are looked up; the number of leaves replays best-first
 * growth (a heap by gain); ccp_alpha takes the smallest subtree that minimises cost + alpha x
 * leaves (Breiman et al. 1984), bottom up: what pruning the weakest link again and again arrives
 * at. A fresh tree goes through the same cut, so a cut of a shared full tree gives the same bits.
 * Cost: O(nodes), with max_leaf_nodes O(nodes log leaves).
 */
#include "cut.h"

typedef struct cutting {
    const problem *p;
    const tree *full;
    const limits *stop;
    uint8_t *expand;  /* by node of the full tree */
    int64_t *pending; /* nodes, a stack or a heap */
    int64_t *origin;  /* by node of the cut tree: that of the full one */
    double *share;    /* classes */
    cut_tree *out;
} cutting;

static const grown_node *node_of(const cutting *c, int64_t i)
{
    return &c->full->node[i];
}

/* ---- which nodes stay inner ---- */

static void limit_nodes(cutting *c, int64_t *depth)
{
    depth[0] = 0;
    for (int64_t i = 0; i < c->full->n_nodes; i++) {
        const grown_node *n = node_of(c, i);
        c->expand[i] = n->child && depth[i] < c->stop->max_depth && n->rows >= c->stop->min_split &&
                       n->gain >= c->stop->min_gain;
        if (n->child)
            depth[n->child] = depth[n->child + 1] = depth[i] + 1;
    }
}

/* Larger gain first, then the node that was there first. */
static bool goes_before(const cutting *c, int64_t a, int64_t b)
{
    const double x = node_of(c, a)->gain, y = node_of(c, b)->gain;
    return x > y || (x == y && a < b);
}

static void heap_push(cutting *c, int64_t size, int64_t v)
{
    int64_t *h = c->pending, at = size;
    for (; at > 0 && goes_before(c, v, h[(at - 1) / 2]); at = (at - 1) / 2)
        h[at] = h[(at - 1) / 2];
    h[at] = v;
}

static int64_t heap_pop(cutting *c, int64_t size)
{
    int64_t *h = c->pending, at = 0;
    const int64_t top = h[0], v = h[size - 1];
    for (int64_t k; (k = 2 * at + 1) < size - 1; at = k) {
        if (k + 1 < size - 1 && goes_before(c, h[k + 1], h[k]))
            k++;
        if (!goes_before(c, h[k], v))
            break;
        h[at] = h[k];
    }
    h[at] = v;
    return top;
}

static void limit_leaves(cutting *c, uint8_t *chosen)
{
    int64_t size = 0, leaves = 1;
    if (c->expand[0])
        heap_push(c, size++, 0);
    for (; size > 0 && leaves < c->stop->max_leaves; leaves++) {
        const int64_t i = heap_pop(c, size--);
        chosen[i] = 1;
        for (int64_t k = node_of(c, i)->child; k < node_of(c, i)->child + 2; k++)
            if (c->expand[k])
                heap_push(c, size++, k);
    }
    memcpy(c->expand, chosen, (size_t)c->full->n_nodes);
}

/* `gain` and `leaves` of the subtree below each node, the cheapest one. */
static void prune(cutting *c, double *gain, int64_t *leaves)
{
    for (int64_t i = c->full->n_nodes - 1; i >= 0; i--) {
        gain[i] = 0, leaves[i] = 1;
        if (!c->expand[i])
            continue;
        const int64_t l = node_of(c, i)->child;
        gain[i] = node_of(c, i)->gain + gain[l] + gain[l + 1];
        leaves[i] = leaves[l] + leaves[l + 1];
        if (gain[i] > c->stop->ccp_alpha * (double)(leaves[i] - 1))
            continue;
        c->expand[i] = 0;
        gain[i] = 0, leaves[i] = 1;
    }
}

/* ---- the new tree ---- */

/* Depth first, so that a walk stays in near memory; both children stand together. */
static void number_nodes(cutting *c)
{
    cut_tree *o = c->out;
    int64_t top = 0, *at = c->pending; /* numbers of the cut tree */
    o->n_nodes = 1;
    c->origin[0] = 0;
    at[top++] = 0;
    while (top > 0) {
        const int64_t i = at[--top];
        const grown_node *n = node_of(c, c->origin[i]);
        o->child[i] = 0;
        if (!c->expand[c->origin[i]])
            continue;
        const int64_t child = o->n_nodes;
        o->child[i] = (int32_t)child;
        o->n_nodes += 2;
        c->origin[child] = n->child, c->origin[child + 1] = n->child + 1;
        at[top++] = child + 1;
        at[top++] = child;
    }
}

/* Adds the class weights of all leaves below node `i`; they stand between its first child and the
 * last node below it. */
static void add_leaves(const cutting *c, int64_t i)
{
    int64_t first = i, end = i + 1;
    if (node_of(c, i)->child) {
        first = node_of(c, i)->child;
        for (int64_t k = i; node_of(c, k)->child;) {
            const int64_t l = node_of(c, k)->child;
            end = l + 2;
            k = node_of(c, l + 1)->child ? l + 1 : l;
        }
    }
    for (int64_t k = first; k < end; k++)
        if (!node_of(c, k)->child)
            for (int64_t e = 0; e < node_of(c, k)->feature; e++) {
                const entry *from = &c->full->entry[node_of(c, k)->payload + e];
                c->share[from->class] += from->weight;
            }
}

static bool write_leaf(cutting *c, int64_t i, int64_t *room, hone_arena *keep)
{
    cut_tree *o = c->out;
    o->feature[i] = 0, o->side[i] = 0;
    o->threshold[i] = 0, o->payload[i] = -1;
    if (!c->p->classes) {
        o->threshold[i] = node_of(c, c->origin[i])->value;
        return true;
    }
    memset(c->share, 0, (size_t)c->p->classes * sizeof *c->share);
    add_leaves(c, c->origin[i]);
    double sum = 0;
    int64_t kinds = 0, last = 0;
    for (int64_t k = 0; k < c->p->classes; k++)
        if (c->share[k] > 0)
            sum += c->share[k], kinds++, last = k;
    if (kinds == 1) {
        o->payload[i] = (int32_t)(-1 - last);
        return true;
    }
    if (o->n_entries + kinds > *room) {
        const entry *old = o->entry;
        *room = 2 * *room + kinds + 64;
        o->entry = HONE_RAW(keep, entry, *room, 1);
        if (!o->entry)
            return false;
        if (o->n_entries)
            memcpy(o->entry, old, (size_t)o->n_entries * sizeof *old);
    }
    for (int64_t k = 0; k < c->p->classes; k++)
        if (c->share[k] > 0)
            o->entry[o->n_entries++] = (entry){(int32_t)k, c->share[k] / sum};
    o->payload[i] = (int32_t)o->n_rows;
    o->row_end[o->n_rows++] = o->n_entries;
    return true;
}

static void write_split(cutting *c, int64_t i)
{
    cut_tree *o = c->out;
    const grown_node *n = node_of(c, c->origin[i]);
    o->feature[i] = n->feature;
    o->threshold[i] = n->threshold;
    o->side[i] = n->side;
    o->payload[i] = -1;
    o->importance[n->feature] += n->gain;
    if (!(n->side & BY_CATEGORY))
        return;
    const int64_t words = (c->p->panel->feature[n->feature].levels + 31) / 32;
    memcpy(o->words + o->n_words, c->full->words + n->payload, (size_t)words * sizeof *o->words);
    o->n_words += words;
    o->payload[i] = (int32_t)o->n_sets;
    o->set_end[o->n_sets++] = o->n_words;
}

static bool open_tree(cutting *c, hone_arena *keep, hone_arena *scratch)
{
    const int64_t n = c->full->n_nodes;
    cut_tree *o = c->out;
    c->expand = HONE_NEW(scratch, uint8_t, n, 2);
    c->pending = HONE_RAW(scratch, int64_t, n + 1, 1);
    c->origin = HONE_RAW(scratch, int64_t, n, 1);
    c->share = HONE_RAW(scratch, double, c->p->classes + 1, 1);
    o->importance = HONE_NEW(keep, double, c->p->panel->features, 1);
    return c->expand && c->pending && c->origin && c->share && o->importance;
}

static bool open_nodes(cut_tree *o, int64_t nodes, int64_t words, bool sets, hone_arena *keep)
{
    o->feature = HONE_RAW(keep, int32_t, nodes, 1);
    o->payload = HONE_RAW(keep, int32_t, nodes, 1);
    o->threshold = HONE_RAW(keep, double, nodes, 1);
    o->side = HONE_RAW(keep, uint8_t, nodes, 1);
    o->row_end = HONE_RAW(keep, int64_t, nodes / 2 + 1, 1);
    o->set_end = HONE_RAW(keep, int64_t, sets ? nodes / 2 + 1 : 1, 1);
    o->words = HONE_RAW(keep, uint32_t, words + 1, 1);
    return o->feature && o->payload && o->threshold && o->side && o->row_end && o->set_end &&
           o->words;
}

hone_status forest_cut(const problem *p, const tree *full, const limits *stop, hone_arena *keep,
                       hone_arena *scratch, cut_tree *out, hone_error *error)
{
    const int64_t d = p->panel->features;
    *out = (cut_tree){0};
    cutting c = {.p = p, .full = full, .stop = stop, .out = out};
    int64_t *depth = HONE_RAW(scratch, int64_t, full->n_nodes, 1);
    double *gain = HONE_RAW(scratch, double, full->n_nodes, 1);
    out->child = HONE_RAW(keep, int32_t, full->n_nodes, 1);
    if (!depth || !gain || !out->child || !open_tree(&c, keep, scratch))
        return hone_no_memory(error);
    limit_nodes(&c, depth);
    if (stop->max_leaves)
        limit_leaves(&c, c.expand + full->n_nodes);
    if (stop->ccp_alpha > 0)
        prune(&c, gain, depth);
    number_nodes(&c);
    if (!open_nodes(out, out->n_nodes, full->n_words, full->n_words > 0, keep))
        return hone_no_memory(error);
    int64_t room = 0;
    for (int64_t i = 0; i < out->n_nodes; i++)
        if (out->child[i])
            write_split(&c, i);
        else if (!write_leaf(&c, i, &room, keep))
            return hone_no_memory(error);
    double sum = 0;
    for (int64_t j = 0; j < d; j++)
        sum += out->importance[j];
    for (int64_t j = 0; j < d && sum > 0; j++)
        out->importance[j] /= sum;
    return HONE_OK;
}
