/* Few trees on many threads: a tree's top is grown alone, then its branches side by side, in
 * rounds. What is below a node depends on the node alone, so a branch can be grown anywhere;
 * branches are put together in the order in which one thread would have numbered the nodes.
 */
#include "grow.h"

enum { ROUNDS = 3 };

static const int64_t SHARES[ROUNDS] = {4, 32, 0}; /* a round leaves nodes of 1/4, 1/32 of the bag */

typedef struct branch {
    int64_t tree; /* which bag */
    segment at;
    const double *stat;
    tree grown;
    later rest;
    int64_t first_rest;     /* its first in the next round */
    int64_t entries, words; /* where those of the branch go */
} branch;

typedef struct parts {
    const problem *p;
    hone_arena *keep, *temporary;
    int64_t first;
    tree_bag *bag; /* by tree */
    int round;
    branch *branch[ROUNDS + 1];
    int64_t count[ROUNDS + 1];
    tree *out;
} parts;

static hone_status fill_bag(void *context, int64_t t, hone_arena *scratch, hone_error *error)
{
    (void)scratch;
    const parts *w = context;
    branch *b = &w->branch[0][t];
    HONE_TRY(forest_fill_bag(w->p, w->first + t, w->temporary, &w->bag[t], error));
    double *stat = HONE_RAW(w->temporary, double, w->p->width, 1);
    if (!stat)
        return hone_no_memory(error);
    forest_sum_rows(w->p, &w->bag[t], 0, w->bag[t].m, stat);
    *b = (branch){.tree = t, .at = forest_root(w->p, w->first + t, &w->bag[t]), .stat = stat};
    return HONE_OK;
}

static hone_status grow_branch(void *context, int64_t k, hone_arena *scratch, hone_error *error)
{
    const parts *w = context;
    branch *b = &w->branch[w->round][k];
    const tree_bag *rows = &w->bag[b->tree];
    const int64_t share = SHARES[w->round], most = share ? rows->m / share : 0;
    const int64_t whole = b->at.last - b->at.first;
    return forest_grow_from(w->p, rows, &b->at, b->stat, most < whole ? most : whole - 1,
                            w->temporary, scratch, &b->grown, &b->rest, error);
}

/* What a round left becomes the next one. */
static hone_status next_round(parts *w, hone_error *error)
{
    int64_t count = 0;
    for (int64_t k = 0; k < w->count[w->round]; k++) {
        branch *b = &w->branch[w->round][k];
        b->first_rest = count;
        count += b->grown.n_nodes ? b->rest.count : 0;
    }
    branch *next = HONE_NEW(w->temporary, branch, count + 1, 1);
    if (!next)
        return hone_no_memory(error);
    for (int64_t k = 0; k < w->count[w->round]; k++) {
        const branch *b = &w->branch[w->round][k];
        for (int64_t i = 0; i < b->rest.count && b->grown.n_nodes; i++)
            next[b->first_rest + i] = (branch){
                .tree = b->tree, .at = b->rest.at[i], .stat = b->rest.stat + i * w->p->width};
    }
    w->round++;
    w->branch[w->round] = next, w->count[w->round] = count;
    return HONE_OK;
}

/* ---- putting together ---- */

/* Sizes of a whole tree, and places of its branches in it. False: some branch was stopped. */
static bool measure(const parts *w, int64_t t, tree *out)
{
    *out = (tree){.n_nodes = 1};
    for (int r = 0; r < ROUNDS; r++)
        for (int64_t k = 0; k < w->count[r]; k++) {
            branch *b = &w->branch[r][k];
            if (b->tree != t)
                continue;
            if (!b->grown.n_nodes)
                return false;
            b->entries = out->n_entries, b->words = out->n_words;
            out->n_nodes += b->grown.n_nodes - 1;
            out->n_entries += b->grown.n_entries, out->n_words += b->grown.n_words;
        }
    return true;
}

static void copy_lists(const parts *w, int64_t t, tree *out)
{
    for (int r = 0; r < ROUNDS; r++)
        for (int64_t k = 0; k < w->count[r]; k++) {
            const branch *b = &w->branch[r][k];
            const tree *from = &b->grown;
            if (b->tree == t && from->n_entries)
                memcpy(out->entry + b->entries, from->entry,
                       (size_t)from->n_entries * sizeof *from->entry);
            if (b->tree == t && from->n_words)
                memcpy(out->words + b->words, from->words,
                       (size_t)from->n_words * sizeof *from->words);
        }
}

/* A node of a branch on its way to node `to`. */
typedef struct place {
    int round;
    int64_t branch, node, to;
} place;

static grown_node moved(const branch *b, int64_t k, int64_t classes, int64_t *next)
{
    grown_node n = b->grown.node[k];
    if (n.side & BY_CATEGORY && n.child)
        n.payload += (int32_t)b->words;
    else if (!n.child && classes)
        n.payload += (int32_t)b->entries;
    if (n.child) {
        n.child = (int32_t)*next;
        *next += 2;
    }
    return n;
}

/* Numbers nodes as one thread does: both children when their parent splits, left branches first. */
static void number_nodes(const parts *w, int64_t t, place *stack, tree *out)
{
    int64_t top = 0, next = 1;
    stack[top++] = (place){0, t, 0, 0};
    while (top > 0) {
        place at = stack[--top];
        const branch *b = &w->branch[at.round][at.branch];
        while (b->grown.node[at.node].child == LATER) {
            at.branch = b->first_rest + b->grown.node[at.node].feature;
            at.round++, at.node = 0;
            b = &w->branch[at.round][at.branch];
        }
        const int64_t child = b->grown.node[at.node].child;
        out->node[at.to] = moved(b, at.node, w->p->classes, &next);
        if (!child)
            continue;
        const int64_t to = out->node[at.to].child;
        stack[top++] = (place){at.round, at.branch, child + 1, to + 1};
        stack[top++] = (place){at.round, at.branch, child, to};
    }
}

static hone_status join(void *context, int64_t t, hone_arena *scratch, hone_error *error)
{
    const parts *w = context;
    tree whole;
    w->out[t] = (tree){0};
    if (!measure(w, t, &whole))
        return HONE_OK;
    place *stack = HONE_RAW(scratch, place, whole.n_nodes + 1, 1);
    whole.node = HONE_RAW(w->keep, grown_node, whole.n_nodes, 1);
    whole.entry = HONE_RAW(w->keep, entry, whole.n_entries + 1, 1);
    whole.words = HONE_RAW(w->keep, uint32_t, whole.n_words + 1, 1);
    if (!stack || !whole.node || !whole.entry || !whole.words)
        return hone_no_memory(error);
    copy_lists(w, t, &whole);
    number_nodes(w, t, stack, &whole);
    w->out[t] = whole;
    return HONE_OK;
}

hone_status forest_grow_parts(const problem *p, int64_t first, int64_t count, hone_arena *keep,
                              tree *out, hone_error *error)
{
    const hone_run *run = p->job->run;
    parts w = {.p = p, .keep = keep, .temporary = p->job->scratch, .first = first, .out = out};
    w.bag = HONE_NEW(w.temporary, tree_bag, count, 1);
    w.branch[0] = HONE_NEW(w.temporary, branch, count, 1);
    w.count[0] = count;
    if (!w.bag || !w.branch[0])
        return hone_no_memory(error);
    HONE_TRY(hone_for_blocks(run, count, fill_bag, &w, error));
    while (w.round < ROUNDS) {
        HONE_TRY(hone_for_blocks(run, w.count[w.round], grow_branch, &w, error));
        HONE_TRY(next_round(&w, error));
    }
    return hone_for_blocks(run, count, join, &w, error);
}
