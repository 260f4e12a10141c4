/* Growing one tree: the problem, the limits, the search for a split, the grown tree. */
#ifndef HONE_RANDOM_FOREST_GROW_H
#define HONE_RANDOM_FOREST_GROW_H

#include "lanes.h"

/* What the scores of a split are made of. Every statistic is an integer in a double, below 2^53, so
 * sums are exact and do not depend on the order of rows.
 *
 * MOMENT  (weight, weight x target): squared error; Gini of two classes, whose target is 0 or 1
 * COUNTS  (weight, weight of each class): Gini of any number of classes
 * LOGS    the same, entropy
 * RATE    (weight, weight x target): Poisson deviance
 * MEDIAN  (weight, weight x target): absolute error, scored over the ranks of targets */
typedef enum statistic { MOMENT, COUNTS, LOGS, RATE, MEDIAN } statistic;

/* One fit, prepared: what all its trees share. */
typedef struct problem {
    const hone_fit_job *job;
    const forest_params *params;
    const panel *panel;
    statistic kind;
    int64_t rows, classes, width; /* width: numbers of a statistic */
    const double *weight;         /* rows, integers */
    const double *moment;         /* rows, integers; MOMENT, RATE, MEDIAN */
    const double *raw_weight;     /* rows, in place of `weight`: each bag balances them */
    const double *given;          /* rows: weights as they were given, of some scale; NULL: all 1 */
    const double *x_log_x;        /* TABLED; LOGS */
    const double *target;         /* rows; as given, times 2^-shift; regression */
    int shift, gain_shift;        /* a gain, times 2^gain_shift, is one of the targets as given */
    double weight_unit, target_unit, centre; /* weight = weight_unit x integer, ... */
    int64_t draws;                           /* of the bootstrap; 0: every row once */
    int64_t features;                        /* drawn per node */
    int64_t min_leaf;                        /* rows */
    double min_leaf_share;                   /* of the tree's weight */
    /* limits that `selects` hyperparameters set */
    int64_t max_depth, min_split;
    double min_gain; /* as gains are */
} problem;

/* A node. Both sides of a split stand next to each other, after their parent. */
typedef struct grown_node {
    double threshold;
    double gain;  /* decrease of impurity times the share of the weight, times 2^-gain_shift */
    double value; /* regression: the answer of this node */
    int32_t child, feature;
    uint32_t rows;
    int32_t payload; /* leaf: its first entry, `feature` of them; by category: first word */
    uint8_t side;
} grown_node;

/* Weight of a class in a leaf. */
typedef struct entry {
    int32_t class;
    double weight;
} entry;

typedef struct tree {
    int64_t n_nodes, n_entries, n_words;
    grown_node *node;
    entry *entry;
    uint32_t *words;
} tree;

/* In how many draws each row of the bag is; all 1 without bootstrap, and where no row that was
 * drawn has a weight above 0. `weight` NULL: all 1. */
void forest_bag(uint64_t seed, int64_t number, int64_t rows, int64_t draws, const double *weight,
                uint32_t *count);

/* A weight as an integer: what is above 0 stays above 0. */
static inline double forest_whole(double weight)
{
    return weight > 0 ? fmax(1, rint(weight)) : 0;
}

/* The rows of a tree. Growing groups them by node. */
typedef struct tree_bag {
    int64_t m;
    double weight; /* of all */
    uint32_t *row;
    double *cell; /* m x 2: weight and moment */
    uint32_t
        *vote; /* m; in place of `cell`, for two classes and small weights: weight << 16 | moment */
    int32_t *label; /* m; when classes are counted */
} tree_bag;

/* A node that is still to be grown: rows [first, last) of the bag. */
typedef struct segment {
    int64_t first, last, depth, id;
    uint64_t path;
} segment;

/* Nodes that were left for later, and the statistics of their rows. */
typedef struct later {
    int64_t count;
    segment *at;
    double *stat;
} later;

enum { LATER = -2 }; /* `child` of such a node; `feature` says which */

hone_status forest_fill_bag(const problem *p, int64_t number, hone_arena *arena, tree_bag *out,
                            hone_error *error);
segment forest_root(const problem *p, int64_t number, const tree_bag *rows);

/* Weights and targets of `count` rows, added up in `stat`. */
void forest_sum_rows(const problem *p, const tree_bag *b, int64_t first, int64_t count,
                     double *stat);

/* Grows the tree below a node, in `keep`; nodes of up to `most` rows are put in `rest`. Touches no
 * row outside the node. n_nodes = 0: stopped before it was whole. */
hone_status forest_grow_from(const problem *p, const tree_bag *rows, const segment *root,
                             const double *stat, int64_t most, hone_arena *keep,
                             hone_arena *scratch, tree *out, later *rest, hone_error *error);

/* Grows tree `number` in `keep`. n_nodes = 0: stopped before it was whole. */
hone_status forest_grow(const problem *p, int64_t number, hone_arena *keep, hone_arena *scratch,
                        tree *out, hone_error *error);

/* Grows trees [first, first + count) in `keep`, on more threads than there are trees: the tops
 * first, then what is below them side by side. The same trees as forest_grow, to the bit. */
hone_status forest_grow_parts(const problem *p, int64_t first, int64_t count, hone_arena *keep,
                              tree *out, hone_error *error);

/* ---- the search for a split, between grow.c and search.c ---- */

/* A threshold between `low` < `high`, adjacent among the node's rows: `t`, a float where the values
 * are, or `low` when rounding took it out of there. */
static inline double forest_between(const problem *p, double t, double low, double high)
{
    if (p->job->x.dtype == HONE_F32)
        t = (double)(float)t;
    return t >= low && t < high ? t : low;
}

static const double EXACT_SQUARES = 0x1p26; /* weights below: their squares add up exactly */

enum { LOOKED_AT = 4096 /* rows of a node in which binary features may well be constant */ };

/* Rows with one code, by ascending code or in the order of categories. */
typedef struct groups {
    int64_t n;
    uint32_t *code; /* CODE_MISSING: missing */
    uint32_t *rows;
    uint32_t *start; /* of its rows in `sequence`; when codes were sorted */
    double *stat;    /* n x width */
} groups;

typedef struct split {
    bool found;
    double score;
    int32_t feature;
    bool coarse;      /* `cut` is a coarse code */
    uint32_t cut;     /* numeric: codes up to this go left */
    uint32_t above;   /* the next code in the node; CODE_MISSING: only what is missing is right */
    double threshold; /* numeric with random cut: where; otherwise computed when rows part */
    bool random;
    bool missing_left, saw_missing;
    int64_t n_seen, n_left; /* categories of the node, of them the first n_left go left */
    uint16_t *level;
} split;

/* Working memory of one tree and the node that is searched. */
typedef struct search {
    const problem *p;
    double tree_weight;
    double min_leaf_weight;
    /* the node */
    const uint32_t *row;
    int64_t m;
    uint64_t path;
    double *total;      /* width */
    const double *cell; /* m x 2: weight and moment; NULL: not yet made from votes */
    const uint32_t *vote;
    const int32_t *label; /* m, when classes are counted */
    /* scratch */
    double *left, *right;  /* width */
    uint64_t *key, *spare; /* n */
    double *spare_cell;    /* n x 2; for cells made from votes */
    double *bins;          /* (BINS + 1) x width */
    uint32_t *bin_rows;    /* BINS + 1 */
    groups by_code, ordered;
    double *mean;
    uint16_t *best_level;
    uint32_t *sequence; /* rows of the node, by code */
    uint32_t *code;     /* of a feature, by row of the node */
    uint32_t *bucket;   /* 256 */
    /* MEDIAN: rows by target, a tree of prefix sums over them, and the answer by group */
    uint32_t *rank;
    double *middle, *sum, *deviation;
    lanes lanes;
    void (*sorted)(lanes *), (*binned)(lanes *), (*counted)(lanes *);
    void (*votes_sorted)(lanes *), (*votes_binned)(lanes *);
    void (*cuts_span)(lanes *), (*cuts_sums)(lanes *);
    uint64_t
        *same; /* words of a row of panel.bits: binary features that are constant in the node */
    uint64_t *mark; /* words x LOOKED_AT: of panel.bits, by row of the node; with random cuts */
    bool knows_same;
} search;

/* For nodes of up to `n` rows. */
hone_status forest_search_open(search *s, const problem *p, int64_t n, bool votes,
                               hone_arena *scratch, hone_error *error);

/* Makes the cells of the node from its votes, unless they are there. */
void forest_make_cells(search *s);

/* Two rows, which part in one way. */
bool forest_parts_pairs(const search *s);

/* Before features are tried: what is known of all of them at once. */
void forest_look_at_node(search *s);

static inline bool forest_counts(const problem *p)
{
    return p->kind == COUNTS || p->kind == LOGS;
}

/* The score of a whole node, on the scale of split scores. */
double forest_score(const problem *p, const double *stat);

/* MEDIAN: ranks the rows of the node by target; the node's deviation. `order`: rows by target. */
double forest_rank_targets(search *s, const uint64_t *order);
/* MEDIAN: s->deviation[i] = that of both sides when groups [0, i] go left. */
void forest_deviations(search *s, const groups *g);

/* A random cut, a share `u` of the way between the values of codes `low` < `high`: the last code on
 * the left, and its value. */
uint32_t forest_cut_at(const feature_codes *f, double u, uint32_t low, uint32_t high,
                       double *value);

/* Where that code is if values are spread evenly. */
static inline uint32_t forest_guess_cut(double u, uint32_t low, uint32_t high)
{
    return low + (uint32_t)(u * (high - low));
}

/* MOMENT, between two sides: weight and moment of one of them. */
static inline double forest_moment_score(const search *s, double weight, double moment)
{
    const double *t = s->total, a = moment * t[0] - t[1] * weight;
    return a * a / (weight * (t[0] - weight));
}

/* Gini between two sides: weight, sum of squares and of weight x class total of one of them. */
static inline double forest_counts_score(const search *s, double all, double weight, double squares,
                                         double shared)
{
    const double rest = s->total[0] - weight;
    return (squares * rest + (all - 2 * shared + squares) * weight) / (weight * rest);
}

/* Rows and weight that may be a side of a split. */
static inline bool forest_may_be_side(const search *s, int64_t rows, double weight)
{
    return rows >= s->p->min_leaf && s->m - rows >= s->p->min_leaf &&
           weight >= s->min_leaf_weight && s->total[0] - weight >= s->min_leaf_weight;
}

/* Looks at feature `j`; takes it when it beats `best`. False: constant in the node. */
bool forest_try_feature(search *s, int32_t j, split *best);
/* The same at every value, for a number whose bins do not part the node. */
bool forest_try_values(search *s, int32_t j, split *best);
/* The same for several, in this order. False: all are constant. */
bool forest_try_features(search *s, const uint32_t *feature, int64_t count, split *best);
/* For nodes of up to `n` rows. */
hone_status forest_lanes_open(search *s, int64_t n, hone_arena *scratch, hone_error *error);

#endif
