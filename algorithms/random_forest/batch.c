/* Features that a node has drawn, tried together: those that are plain numbers go through the
 * kernels in lanes.isa.c, eight at a time, the others one by one through search.c. What is found
 * does not depend on which way a feature went.
 */
#include "grow.h"

enum {
    FEW_BINS = 8,
    SPARSE = 3 /* values of a feature that is often constant: looked at before it is sorted */
};
enum { CHUNK = 32, PATIENCE = 8 /* cells of a histogram that are worth sorting a row */ };

/* NARROW: like BINNED, apart from features with more bins. */
typedef enum way { CONSTANT, ALONE, CUT, SORTED, BINNED, NARROW, COUNTED, WAYS } way;

hone_status forest_lanes_open(search *s, int64_t n, hone_arena *scratch, hone_error *error)
{
    const problem *p = s->p;
    const int64_t steps = SORT_MOST, bins = BINS + 1;
    const hone_isa isa = hone_run_isa(p->job->run);
    lanes *v = &s->lanes;
    s->sorted = HONE_PICK(isa, forest_lanes_sorted);
    s->binned = HONE_PICK(isa, forest_lanes_binned);
    s->counted = HONE_PICK(isa, forest_lanes_counted);
    s->cuts_span = HONE_PICK(isa, forest_cuts_span);
    s->cuts_sums = HONE_PICK(isa, forest_cuts_sums);
    s->votes_sorted = HONE_PICK(isa, forest_votes_sorted);
    s->votes_binned = HONE_PICK(isa, forest_votes_binned);
    *v = (lanes){.classes = p->classes,
                 .stride = p->kind == COUNTS ? (p->classes + 7) / 8 * 8 : 0,
                 .min_rows = (double)p->min_leaf,
                 .coarse_stride = p->panel->coarse_stride,
                 .fine_stride = p->panel->fine_stride,
                 .key = HONE_RAW(scratch, int32_t, steps, LANES),
                 .a = HONE_RAW(scratch, double, steps, LANES),
                 .b = HONE_RAW(scratch, double, steps, LANES),
                 .c = HONE_RAW(scratch, double, bins, LANES),
                 .barred = HONE_RAW(scratch, double, steps, LANES),
                 .pairs = HONE_RAW(scratch, double, bins, LANES * 2),
                 .packed = HONE_RAW(scratch, uint64_t, bins, LANES),
                 .count = HONE_NEW(scratch, double, p->classes + 1, LANES)};
    v->total = HONE_NEW(scratch, double, v->stride + 1, 1);
    v->by_class = HONE_RAW(scratch, int32_t, bins, v->stride + 1);
    v->left = HONE_RAW(scratch, int32_t, v->stride + 1, 1);
    v->in = HONE_RAW(scratch, int32_t, bins, 1);
    v->tally = HONE_RAW(scratch, uint32_t, bins, LANES);
    v->guess = HONE_RAW(scratch, float, bins, LANES);
    v->code = HONE_NEW(scratch, uint16_t, p->params->splitter == SPLIT_RANDOM ? n : 1, LANES);
    return v->key && v->a && v->b && v->c && v->barred && v->pairs && v->packed && v->count &&
                   v->total && v->by_class && v->left && v->in && v->tally && v->guess && v->code
               ? HONE_OK
               : hone_no_memory(error);
}

static void load_lanes(search *s)
{
    lanes *v = &s->lanes;
    const double least = ceil(s->min_leaf_weight);
    v->row = s->row, v->m = s->m, v->vote = s->vote;
    v->weight = s->total[0];
    v->min_weight = s->min_leaf_weight;
    v->least = least < 1 ? 1 : least < WORD_WEIGHT ? (int32_t)least : WORD_WEIGHT;
    if (s->p->kind != COUNTS) {
        v->moment = s->total[1];
        v->pack = s->p->classes && s->total[0] < 0x1p32;
        return;
    }
    v->label = s->label;
    v->moment = 0;
    for (int64_t k = 0; k < s->p->classes; k++) {
        v->total[k] = s->total[1 + k];
        v->moment += v->total[k] * v->total[k];
    }
}

/* ---- which way ---- */

static way way_of(const search *s, const feature_codes *f)
{
    const problem *p = s->p;
    const bool exact = f->bins == f->codes, small = s->m <= SORT_MOST;
    const bool squares = p->kind == COUNTS && s->total[0] < EXACT_SQUARES;
    if (f->levels || f->missing)
        return ALONE;
    if (p->params->splitter == SPLIT_RANDOM)
        return squares || p->kind == MOMENT ? CUT : ALONE;
    if (p->kind == MOMENT && f->bins && (!small || (exact && 2 * f->bins <= s->m)))
        return f->bins > FEW_BINS ? BINNED : NARROW;
    if (squares && f->bins && (!small || (exact && f->bins * p->classes <= PATIENCE * s->m)))
        return COUNTED;
    return small && (squares || p->kind == MOMENT) ? SORTED : ALONE;
}

/* All coarse codes are one. */
static bool is_constant(const search *s, int32_t j)
{
    const panel *x = s->p->panel;
    const uint8_t *code = x->coarse + j;
    const int64_t stride = x->coarse_stride;
    for (int64_t i = 1; i < s->m; i++)
        if (code[s->row[i] * stride] != code[s->row[0] * stride])
            return false;
    return true;
}

/* ---- eight at a time ---- */

typedef struct trial {
    int32_t feature;
    way how;
    bool found, varies;
    double score, threshold;
    uint32_t cut, above;
} trial;

typedef void kernel(lanes *);

static kernel *kernel_for(search *s, way how)
{
    if (s->vote && how == SORTED && s->total[0] <= KEY_WEIGHT)
        return s->votes_sorted;
    const bool binned = how == BINNED || how == NARROW;
    if (s->vote && binned && s->total[0] <= WORD_WEIGHT && s->p->min_leaf <= 1)
        return s->votes_binned;
    forest_make_cells(s);
    s->lanes.cell = s->cell;
    return how == SORTED ? s->sorted : binned ? s->binned : s->counted;
}

static void run_lanes(search *s, trial *const in[], int n, way how)
{
    const panel *x = s->p->panel;
    lanes *v = &s->lanes;
    kernel *const run = kernel_for(s, how);
    v->bins = 2;
    v->width = n > 4 ? LANES : 4;
    v->used = n;
    for (int l = 0; l < LANES; l++) {
        const int32_t j = in[l < n ? l : 0]->feature;
        const feature_codes *f = &x->feature[j];
        const bool fine = how == SORTED && f->fine >= 0;
        v->coarse[l] = fine ? NULL : x->coarse + j;
        v->fine[l] = fine ? x->fine + f->fine : NULL;
        v->bins = f->bins > v->bins ? f->bins : v->bins;
    }
    run(v);
    for (int l = 0; l < n; l++) {
        trial *t = in[l];
        t->found = v->at[l] >= 0, t->varies = v->varies[l];
        t->score = v->score[l], t->cut = v->cut[l], t->above = v->above[l];
    }
}

/* One random cut of each feature; those that are constant in the node have none. */
static void run_cuts(search *s, trial *const in[], int n)
{
    const panel *x = s->p->panel;
    lanes *v = &s->lanes;
    if (!s->vote || s->total[0] >= 0x1p32) {
        forest_make_cells(s);
        v->cell = s->cell, v->vote = NULL;
    }
    v->used = n;
    for (int l = 0; l < n; l++) {
        const int32_t j = in[l]->feature;
        const feature_codes *f = &x->feature[j];
        const bool marked = s->knows_same && x->binary[j / 64] >> (j % 64) & 1;
        v->mark[l] = marked ? s->mark + j / 64 * LOOKED_AT : NULL, v->bit[l] = j % 64;
        v->coarse[l] = f->fine >= 0 ? NULL : x->coarse + j;
        v->fine[l] = f->fine >= 0 ? x->fine + f->fine : NULL;
    }
    s->cuts_span(v);
    double u[LANES];
    for (int l = 0; l < n; l++) { /* values are far apart: asked for before they are read */
        const feature_codes *f = &x->feature[in[l]->feature];
        hone_stream r = hone_stream_of(s->path, 1, (uint64_t)in[l]->feature);
        u[l] = hone_uniform(&r);
        __builtin_prefetch(f->low + v->low[l]);
        __builtin_prefetch(f->high + v->high[l]);
        __builtin_prefetch(f->low + forest_guess_cut(u[l], v->low[l], v->high[l]));
    }
    for (int l = 0; l < n; l++) {
        trial *t = in[l];
        t->varies = v->low[l] < v->high[l];
        t->cut = t->varies ? forest_cut_at(&x->feature[t->feature], u[l], v->low[l], v->high[l],
                                           &t->threshold)
                           : 0;
        v->cut[l] = t->cut, t->above = t->cut + 1;
    }
    s->cuts_sums(v);
    for (int l = 0; l < n; l++) {
        trial *t = in[l];
        const double weight = v->left_weight[l], moment = v->left_moment[l];
        t->found = t->varies && forest_may_be_side(s, (int64_t)v->left_rows[l], weight);
        if (t->found)
            t->score = v->label
                           ? forest_counts_score(s, v->moment, weight, moment, v->left_share[l])
                           : forest_moment_score(s, weight, moment);
    }
}

static void run_way(search *s, trial *t, int64_t count, way how)
{
    trial *in[LANES];
    int n = 0;
    for (int64_t k = 0; k < count; k++) {
        if (t[k].how == how)
            in[n++] = &t[k];
        if (n == (how == COUNTED ? 1 : LANES) || (n && k + 1 == count)) {
            if (how == CUT)
                run_cuts(s, in, n);
            else
                run_lanes(s, in, n, how);
            n = 0;
        }
    }
}

/* Its values in the node differ less than bins do. */
static bool is_in_one_bin(const search *s, const trial *t)
{
    return t->how >= BINNED && !t->varies && s->p->panel->feature[t->feature].fine >= 0 &&
           is_constant(s, t->feature);
}

static void take(const search *s, const trial *t, split *best)
{
    const feature_codes *f = &s->p->panel->feature[t->feature];
    if (!t->found || (best->found && !(t->score > best->score)))
        return;
    *best = (split){.found = true,
                    .score = t->score,
                    .feature = t->feature,
                    .coarse = t->how > SORTED && f->bins != f->codes,
                    .cut = t->cut,
                    .above = t->above,
                    .random = t->how == CUT};
    if (best->random)
        best->threshold = forest_between(s->p, t->threshold, f->high[t->cut], f->low[t->above]);
}

/* ---- two rows ---- */

bool forest_parts_pairs(const search *s)
{
    const problem *p = s->p;
    return s->m == 2 && (p->kind == MOMENT || p->kind == COUNTS || p->kind == LOGS);
}

static uint32_t code_of(const panel *x, const feature_codes *f, int32_t j, int64_t row)
{
    return f->fine >= 0 ? x->fine[row * x->fine_stride + f->fine]
                        : x->coarse[row * x->coarse_stride + j];
}

/* Two rows part in one way: all features that tell them apart are equally good. */
static bool try_pair(search *s, const uint32_t *feature, int64_t count, split *best)
{
    const panel *x = s->p->panel;
    for (int64_t k = 0; k < count; k++) {
        const int32_t j = (int32_t)feature[k];
        const feature_codes *f = &x->feature[j];
        const uint32_t a = code_of(x, f, j, s->row[0]), b = code_of(x, f, j, s->row[1]);
        if (a == b)
            continue;
        if (f->levels || f->missing || s->p->params->splitter == SPLIT_RANDOM)
            return forest_try_feature(s, j, best);
        forest_make_cells(s);
        const bool heavy = s->cell[0] >= s->min_leaf_weight && s->cell[2] >= s->min_leaf_weight;
        *best = (split){.found = heavy && s->p->min_leaf <= 1,
                        .feature = j,
                        .cut = a < b ? a : b,
                        .above = a < b ? b : a};
        return true;
    }
    return false;
}

void forest_look_at_node(search *s)
{
    const panel *x = s->p->panel;
    const bool random = s->p->params->splitter == SPLIT_RANDOM;
    s->knows_same =
        !forest_parts_pairs(s) && s->m <= LOOKED_AT && x->words && x->words <= s->p->features;
    for (int64_t k = 0; k < x->words && s->knows_same; k++) {
        uint64_t some = 0, all = UINT64_MAX;
        for (int64_t i = 0; i < s->m; i++) {
            const uint64_t bits = x->bits[s->row[i] * x->words + k];
            some |= bits, all &= bits;
            if (random)
                s->mark[k * LOOKED_AT + i] = bits;
        }
        s->same[k] = x->binary[k] & ~(some ^ all);
    }
}

static bool is_same(const search *s, uint32_t j)
{
    return s->knows_same && s->same[j / 64] >> (j % 64) & 1;
}

bool forest_try_features(search *s, const uint32_t *feature, int64_t count, split *best)
{
    if (forest_parts_pairs(s))
        return try_pair(s, feature, count, best);
    if (count == 1 && is_same(s, *feature))
        return false;
    trial t[CHUNK];
    bool varies = false; /* asked for where constant features are drawn again */
    const bool redraws = s->p->params->constant_features == CONSTANT_REDRAW;
    for (int64_t first = 0; first < count; first += CHUNK) {
        const int64_t n = count - first < CHUNK ? count - first : CHUNK;
        int64_t of[WAYS] = {0};
        for (int64_t k = 0; k < n; k++) {
            const int32_t j = (int32_t)feature[first + k];
            const feature_codes *f = &s->p->panel->feature[j];
            way how = is_same(s, feature[first + k]) ? CONSTANT : way_of(s, f);
            if (how == SORTED && f->fine < 0 && f->bins <= SPARSE && is_constant(s, j))
                how = CONSTANT;
            t[k] = (trial){.feature = j, .how = how};
            of[how]++;
        }
        if (of[CONSTANT] + of[ALONE] < n)
            load_lanes(s);
        for (way how = CUT; how < WAYS; how++)
            if (of[how])
                run_way(s, t, n, how);
        for (int64_t k = 0; k < n; k++)
            if (t[k].how == ALONE)
                varies |= forest_try_feature(s, t[k].feature, best);
            else if (is_in_one_bin(s, &t[k]))
                varies |= forest_try_values(s, t[k].feature, best);
            else
                take(s, &t[k], best);
        for (int64_t k = 0; k < n && !varies && redraws; k++)
            varies = t[k].varies || (t[k].how >= BINNED && !is_constant(s, t[k].feature));
    }
    return varies;
}
