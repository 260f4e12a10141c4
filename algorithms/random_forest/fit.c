/* A forest from its trees: grown fresh, or cut from full trees that trials share.
 *
 * Trees are shared in chunks of CHUNK, so that a larger n_estimators builds only what is new. They
 * are grown as far as the widest limits of the siblings, which costs more than trees under one's
 * own: worth it when siblings will cut them too or they are there. The answer has the same bits
 * either way.
 */
#include "oob.h"
#include "toolbox/run.h"

enum { SHARED_MOST = 128, WAVE = 128, WATCHED_WAVE = 32, PARTED_LEAST = 1000 };

typedef struct chunk {
    tree tree[CHUNK];
} chunk;

/* ---- growing ---- */

typedef struct wave {
    const problem *problem;
    const limits *stop;
    int64_t first;
    const tree *full; /* of the shared chunk; NULL: grow */
    hone_arena *keep;
    tree *grown;   /* where full trees go */
    cut_tree *cut; /* where cut trees go */
} wave;

static hone_status grow_full(void *context, int64_t b, hone_arena *scratch, hone_error *error)
{
    const wave *w = context;
    tree t;
    HONE_TRY(forest_grow(w->problem, w->first + b, scratch, scratch, &t, error));
    tree *to = &w->grown[b];
    *to = t;
    to->node = HONE_RAW(w->keep, grown_node, t.n_nodes + 1, 1);
    to->entry = HONE_RAW(w->keep, entry, t.n_entries + 1, 1);
    to->words = HONE_RAW(w->keep, uint32_t, t.n_words + 1, 1);
    if (!to->node || !to->entry || !to->words)
        return hone_no_memory(error);
    memcpy(to->node, t.node, (size_t)t.n_nodes * sizeof *t.node);
    if (t.n_entries)
        memcpy(to->entry, t.entry, (size_t)t.n_entries * sizeof *t.entry);
    if (t.n_words)
        memcpy(to->words, t.words, (size_t)t.n_words * sizeof *t.words);
    return HONE_OK;
}

static hone_status grow_and_cut(void *context, int64_t b, hone_arena *scratch, hone_error *error)
{
    const wave *w = context;
    const problem *p = w->problem;
    tree fresh;
    const tree *full = w->full ? &w->full[b] : &fresh;
    if (!w->full)
        HONE_TRY(forest_grow(p, w->first + b, scratch, scratch, &fresh, error));
    if (!full->n_nodes)
        return HONE_OK;
    return forest_cut(p, full, w->stop, w->keep, scratch, &w->cut[b], error);
}

/* Whether trees are to be grown in parts: there are more threads, and enough rows to share. */
static bool in_parts(const problem *p, int64_t count)
{
    return count < hone_threads(p->job->run) && p->rows >= PARTED_LEAST;
}

static hone_status build_chunk(const hone_fit_job *job, const int64_t key[HONE_KEY], void *object,
                               hone_error *error)
{
    problem p; /* `selects` at their defaults: no limits but those of the key */
    HONE_TRY(forest_problem(job, job->params, job->scratch, &p, error));
    p.max_depth = key[1] ? key[1] : p.max_depth;
    p.min_split = key[2] ? key[2] : p.min_split;
    wave w = {.problem = &p,
              .first = key[0] * CHUNK,
              .keep = job->keep,
              .grown = ((chunk *)object)->tree};
    if (in_parts(&p, CHUNK))
        HONE_TRY(forest_grow_parts(&p, w.first, CHUNK, job->keep, w.grown, error));
    else
        HONE_TRY(hone_for_blocks(job->run, CHUNK, grow_full, &w, error));
    for (int b = 0; b < CHUNK; b++)
        if (!w.grown[b].n_nodes)
            return hone_fail(error, HONE_STOPPED, "random_forest", "no time for all trees");
    return HONE_OK;
}

static const hone_recipe TREES = {"forest.trees/2", HONE_OF_FIT, sizeof(chunk), build_chunk};

hone_status forest_shared_trees(hone_shared *shared, int64_t number, reach to, const tree **out,
                                hone_error *error)
{
    const void *object;
    HONE_TRY(hone_derive(shared, &TREES, FOREST_KEY(number, to), &object, error));
    *out = ((const chunk *)object)->tree;
    return HONE_OK;
}

bool forest_shared_ready(const hone_shared *shared, int64_t number, reach to)
{
    return hone_derive_ready(shared, &TREES, FOREST_KEY(number, to));
}

hone_status forest_cut_whole(const hone_fit_job *job, const tree *full, cut_tree *out,
                             hone_error *error)
{
    problem p;
    limits stop; /* `selects` at their defaults: none */
    HONE_TRY(forest_problem(job, job->params, job->scratch, &p, error));
    forest_limits(job->params, job->x.rows, p.gain_shift, &stop);
    wave w = {.problem = &p, .stop = &stop, .full = full, .keep = job->scratch, .cut = out};
    return hone_for_blocks(job->run, CHUNK, grow_and_cut, &w, error);
}

/* Trees [first, first + count) of the forest; those that a stop cut short have no node. `share`:
 * how far shared trees are grown; NULL: none are. */
static hone_status make_trees(const problem *p, const limits *stop, int64_t first, int64_t count,
                              const reach *share, cut_tree *out, hone_error *error)
{
    wave w = {.problem = p, .stop = stop, .first = first, .keep = p->job->scratch, .cut = out};
    if (!share && in_parts(p, count)) {
        tree *fresh = HONE_NEW(p->job->scratch, tree, count, 1);
        if (!fresh)
            return hone_no_memory(error);
        HONE_TRY(forest_grow_parts(p, first, count, p->job->scratch, fresh, error));
        w.full = fresh;
    }
    if (share)
        HONE_TRY(forest_shared_trees(p->job->shared, first / CHUNK, *share, &w.full, error));
    return hone_for_blocks(p->job->run, count, grow_and_cut, &w, error);
}

/* ---- from trees to state ---- */

static bool allocate(forest_state *s, const hone_fit_job *job)
{
    s->tree_start = HONE_NEW(job->keep, int64_t, s->n_trees + 1, 1);
    s->child = HONE_RAW(job->keep, int32_t, s->n_nodes, 1);
    s->feature = HONE_RAW(job->keep, int32_t, s->n_nodes, 1);
    s->threshold = HONE_RAW(job->keep, double, s->n_nodes, 1);
    s->side = HONE_RAW(job->keep, uint8_t, s->n_nodes, 1);
    s->payload = HONE_RAW(job->keep, int32_t, s->n_nodes, 1);
    s->row_start = HONE_NEW(job->keep, int64_t, s->n_rows + 1, 1);
    s->entry_class = HONE_RAW(job->keep, int32_t, s->n_entries, 1);
    s->entry_share = HONE_RAW(job->keep, double, s->n_entries, 1);
    s->set_start = HONE_NEW(job->keep, int64_t, s->n_sets + 1, 1);
    s->words = HONE_RAW(job->keep, uint32_t, s->n_words, 1);
    s->feature_importances = HONE_NEW(job->keep, double, job->shape.features, 1);
    return s->tree_start && s->child && s->feature && s->threshold && s->side && s->payload &&
           s->row_start && s->entry_class && s->entry_share && s->set_start && s->words &&
           s->feature_importances;
}

/* Where the next tree goes. */
typedef struct place {
    int64_t node, row, entry, set, word;
} place;

/* One tree after another, each at its place. */
typedef struct joining {
    forest_state *s;
    const cut_tree *trees;
    place *at;
} joining;

static hone_status append(void *context, int64_t b, hone_arena *scratch, hone_error *error)
{
    (void)scratch, (void)error;
    const joining *j = context;
    forest_state *s = j->s;
    const cut_tree *t = &j->trees[b];
    const place *at = &j->at[b];
    memcpy(s->child + at->node, t->child, (size_t)t->n_nodes * sizeof *t->child);
    memcpy(s->feature + at->node, t->feature, (size_t)t->n_nodes * sizeof *t->feature);
    memcpy(s->threshold + at->node, t->threshold, (size_t)t->n_nodes * sizeof *t->threshold);
    memcpy(s->side + at->node, t->side, (size_t)t->n_nodes);
    for (int64_t i = 0; i < t->n_nodes; i++) {
        const int64_t k = t->payload[i];
        int64_t to = -1;
        if (t->side[i] & BY_CATEGORY)
            to = s->n_rows + at->set + k;
        else if (!t->child[i] && s->n_rows)
            to = k < 0 ? -1 - k : at->row + k;
        s->payload[at->node + i] = (int32_t)to;
    }
    for (int64_t i = 0; i < t->n_rows; i++)
        s->row_start[at->row + i + 1] = at->entry + t->row_end[i];
    for (int64_t i = 0; i < t->n_entries; i++) {
        s->entry_class[at->entry + i] = t->entry[i].class;
        s->entry_share[at->entry + i] = t->entry[i].weight;
    }
    for (int64_t i = 0; i < t->n_sets; i++)
        s->set_start[at->set + i + 1] = at->word + t->set_end[i];
    if (t->n_words)
        memcpy(s->words + at->word, t->words, (size_t)t->n_words * sizeof *t->words);
    return HONE_OK;
}

static void sum_importances(forest_state *s, const cut_tree *trees, int64_t d)
{
    double sum = 0;
    for (int64_t t = 0; t < s->n_trees; t++)
        for (int64_t j = 0; j < d; j++)
            s->feature_importances[j] += trees[t].importance[j];
    for (int64_t j = 0; j < d; j++)
        sum += s->feature_importances[j];
    for (int64_t j = 0; j < d && sum > 0; j++)
        s->feature_importances[j] /= sum;
}

hone_status forest_assemble(const hone_fit_job *job, forest_state *s, const cut_tree *trees,
                            hone_error *error)
{
    const int64_t c = job->label ? job->shape.outputs : 0;
    s->n_rows = s->n_entries = c; /* the first rows: all of one class */
    for (int64_t t = 0; t < s->n_trees; t++) {
        s->n_nodes += trees[t].n_nodes, s->n_rows += trees[t].n_rows;
        s->n_entries += trees[t].n_entries, s->n_sets += trees[t].n_sets;
        s->n_words += trees[t].n_words;
    }
    s->n_payloads = s->n_rows + s->n_sets;
    if (s->n_payloads > INT32_MAX)
        return hone_fail(error, HONE_UNSUPPORTED, "random_forest",
                         "the forest has %lld leaves and sets, the most is %d",
                         (long long)s->n_payloads, INT32_MAX);
    if (!allocate(s, job))
        return hone_no_memory(error);
    for (int64_t k = 0; k < c; k++) {
        s->row_start[k + 1] = k + 1;
        s->entry_class[k] = (int32_t)k, s->entry_share[k] = 1;
    }
    joining j = {s, trees, HONE_RAW(job->scratch, place, s->n_trees, 1)};
    if (!j.at)
        return hone_no_memory(error);
    place at = {.row = c, .entry = c};
    for (int64_t t = 0; t < s->n_trees; t++) {
        j.at[t] = at;
        at.node += trees[t].n_nodes, at.row += trees[t].n_rows, at.entry += trees[t].n_entries;
        at.set += trees[t].n_sets, at.word += trees[t].n_words;
        s->tree_start[t + 1] = at.node;
    }
    sum_importances(s, trees, job->shape.features);
    return hone_for_blocks(job->run, s->n_trees, append, &j, error);
}

/* ---- the fit ---- */

/* The widest limits of the siblings. */
static reach widest(const hone_fit_job *job)
{
    int64_t depth = 0, rows = INT64_MAX;
    for (int64_t k = 0; k < (job->family ? job->siblings : 1); k++) {
        limits stop;
        forest_limits(job->family ? job->family[k] : job->params, job->x.rows, 0, &stop);
        depth = stop.max_depth > depth ? stop.max_depth : depth;
        rows = stop.min_split < rows ? stop.min_split : rows;
    }
    return (reach){depth < INT64_MAX ? depth : 0, rows > 2 ? rows : 0};
}

static bool shares(const hone_fit_job *job, int64_t trees, reach *to)
{
    *to = (reach){0};
    if ((trees + CHUNK - 1) / CHUNK > SHARED_MOST)
        return false;
    if (forest_shared_ready(job->shared, 0, *to))
        return true;
    *to = widest(job);
    return job->siblings > 1 || forest_shared_ready(job->shared, 0, *to);
}

/* Bytes of a tree in the tables of the state. */
static int64_t bytes_of(const cut_tree *t)
{
    const forest_state *s = NULL;
    const int64_t node = sizeof *s->child + sizeof *s->feature + sizeof *s->threshold +
                         sizeof *s->side + sizeof *s->payload;
    return t->n_nodes * node + t->n_rows * (int64_t)sizeof *s->row_start +
           t->n_entries * (int64_t)(sizeof *s->entry_class + sizeof *s->entry_share) +
           t->n_sets * (int64_t)sizeof *s->set_start + t->n_words * (int64_t)sizeof *s->words;
}

/* Whether the model, now `bytes`, has room for one more tree. */
static hone_status has_room(const hone_fit_job *job, const cut_tree *next, int64_t trees,
                            int64_t *bytes, bool *room, hone_error *error)
{
    const forest_params *p = job->params;
    const double most = p->max_model_bytes.word < 0 ? p->max_model_bytes.number : INFINITY;
    *bytes += bytes_of(next);
    *room = (double)*bytes <= most;
    if (*room)
        return HONE_OK;
    if (!trees)
        return hone_fail(error, HONE_UNSUPPORTED, "random_forest:max_model_bytes",
                         "one tree takes %lld bytes, the most is %.0f: limit its leaves",
                         (long long)*bytes, most);
    hone_log(job->run, HONE_INFO, "max_model_bytes: %lld of %lld trees are kept", (long long)trees,
             (long long)p->n_estimators);
    return HONE_OK;
}

/* A work limit is looked at between steps, which then do not depend on what is shared. */
static int64_t step_of(const hone_fit_job *job, bool share, bool watched)
{
    return share || job->run->work_limit ? CHUNK : watched ? WATCHED_WAVE : WAVE;
}

hone_status forest_fit(const hone_fit_job *job, void *state, hone_error *error)
{
    const forest_params *params = job->params;
    forest_state *s = state;
    problem p;
    limits stop;
    HONE_TRY(forest_adjust(job, params, error));
    HONE_TRY(forest_problem(job, params, job->scratch, &p, error));
    forest_limits(params, job->x.rows, p.gain_shift, &stop);
    const int64_t wanted = params->n_estimators;
    cut_tree *trees = HONE_NEW(job->scratch, cut_tree, wanted, 1);
    if (!trees)
        return hone_no_memory(error);
    const bool share = shares(job, wanted, &s->reach);
    const bool watched = params->early_stopping && p.draws;
    bool enough = false, room = true;
    int64_t bytes = 0;
    watch loss;
    if (watched)
        HONE_TRY(forest_watch_open(&p, &loss, error));
    else if (params->early_stopping)
        HONE_TRY(hone_adjust(job->run, "early_stopping", 0, error)); /* no row is out of a bag */
    const int64_t step = step_of(job, share, watched);
    for (int64_t first = 0; first < wanted && s->n_trees == first && !enough && room;
         first += step) {
        const int64_t count = wanted - first < step ? wanted - first : step;
        const hone_status status = hone_stopping(job->run) == HONE_FINISH
                                       ? HONE_OK
                                       : make_trees(&p, &stop, first, count,
                                                    share ? &s->reach : NULL, trees + first, error);
        if (status == HONE_STOPPED && s->n_trees && hone_stopping(job->run) == HONE_FINISH)
            break;
        if (status)
            return status;
        while (!enough && s->n_trees < first + count && trees[s->n_trees].n_nodes) {
            HONE_TRY(has_room(job, &trees[s->n_trees], s->n_trees, &bytes, &room, error));
            if (!room)
                break;
            if (watched)
                HONE_TRY(forest_watch(&loss, &trees[s->n_trees], &enough, error));
            s->n_trees++;
        }
        hone_work(job->run, count * p.rows * p.features);
        hone_progress(job->run, (double)s->n_trees / (double)wanted);
    }
    if (!s->n_trees)
        return hone_fail(error, HONE_STOPPED, "random_forest", "stopped before the first tree");
    s->shares = share && !job->run->work_limit;
    return forest_assemble(job, s, trees, error);
}
