/* What the files of k-NN share: hyperparameters, state, points, searches. README.md says how it
 * works. */
#ifndef HONE_KNN_KNN_H
#define HONE_KNN_KNN_H

#include <stdint.h>
#include <string.h>

#include "hone/algorithm.h"
#include "hone/derived.h"
#include "toolbox/isa.h"
#include "toolbox/power.h"
#include "toolbox/rows.h"

/* ---- hyperparameters ---- */

enum { VOTE_UNIFORM, VOTE_DISTANCE, VOTE_POWER };
enum { ALGORITHM_AUTO, ALGORITHM_BRUTE, ALGORITHM_KD_TREE };
enum { WEIGHTS_NONE, WEIGHTS_BALANCED };
enum { EUCLIDEAN, MANHATTAN, CHEBYSHEV, MINKOWSKI, COSINE, HAMMING, GOWER };

typedef struct knn_params {
    int64_t n_neighbors;
    int weights, metric, algorithm, class_weight;
    double power, p;
} knn_params;

/* ---- what is remembered ---- */

struct knn_points;

/* The training rows of positive weight, in their order, in one of three forms. Under gower they are
 * dense, categorical columns hold codes, and NaN is missing. */
typedef struct knn_state {
    int64_t n_rows, n_narrow, n_wide, n_sparse, n_entries, n_thin, n_thick;
    int64_t n_labels, n_targets, n_weights, n_positions;
    int64_t neighbors;      /* n_neighbors, or n_rows when that is less */
    float *narrow;          /* n_narrow x d: all values are float32 */
    double *wide;           /* n_wide x d: some are not */
    int64_t *sparse_start;  /* n_sparse + 1 */
    int32_t *sparse_column; /* n_entries, ascending in a row */
    float *sparse_thin;     /* n_thin */
    double *sparse_thick;   /* n_thick */
    int32_t *label;
    double *target, *weight; /* n_weights = 0: all 1 */
    int64_t *position;       /* row of the fit; n_positions = 0: row i is row i */

    bool shares; /* derived: a fit of all given rows, whose lists other trials may use */
    bool later;  /* derived: the rows are in `given` yet, to be copied when lists are not enough */
    hone_matrix given;
    const struct knn_points *points; /* derived; NULL: later */
} knn_state;

/* ---- exact distances (exact.c) ---- */

/* Ranks are sums in double over ascending columns of values divided by `unit`, a power of two:
 * euclidean sum of squares, manhattan sum of gaps, chebyshev largest gap, minkowski sum of powers,
 * cosine 1 - cosine, hamming number of differing columns; gower is the mean over the columns that
 * are present in both rows, 1 where there is none, of: differs (categories, columns of one value),
 * gap / range of the training rows, at most 1 (other numbers). */
typedef struct knn_rule {
    const knn_state *s;
    int metric;
    double p, unit, inverse; /* inverse = 1 / unit */
    int64_t d;
    int64_t terms;         /* of a sum: d, or entries of a sparse row, at most */
    const double *norm;    /* cosine: squared norms of the rows */
    const double *low;     /* gower: d smallest training values */
    const double *range;   /* gower: d largest less smallest; 0: differs or not */
    const int32_t *levels; /* gower: d; NULL: all numbers */
} knn_rule;

/* One row to be ranked against; dense unless the training rows are sparse. */
typedef struct knn_query {
    double *value;
    int32_t *column;
    int64_t count, room; /* entries, at most room */
    double norm;
} knn_query;

/* A rule for the rows of a state, which lives in `arena`; borrows the levels of `shape`. */
hone_status knn_rule_make(const knn_state *state, const knn_params *params, const hone_shape *shape,
                          hone_arena *arena, knn_rule *rule, hone_error *error);
/* Room for one query of rows of x. */
bool knn_query_new(const knn_rule *rule, const hone_matrix *x, hone_arena *arena, knn_query *query);
void knn_query_read(const knn_rule *rule, const hone_matrix *x, int64_t i, double *buffer,
                    knn_query *query);
double knn_rank(const knn_rule *rule, const knn_query *query, int64_t row);
/* Gaps between a query and a sparse row, at most `most`, in the columns that either has; gives
 * their number. */
int64_t knn_gaps(const knn_rule *rule, const knn_query *query, int64_t row, double most,
                 float *gaps);
/* The distance that a rank stands for, in units and in the values' own measure. */
double knn_root(const knn_rule *rule, double rank);
double knn_distance(const knn_rule *rule, double rank);
/* Value k of training row i, dense rows only. */
static inline double knn_value(const knn_state *s, int64_t d, int64_t i, int64_t k)
{
    return s->n_narrow ? (double)s->narrow[i * d + k] : s->wide[i * d + k];
}

static inline double knn_entry(const knn_state *s, int64_t t)
{
    return s->n_thin ? (double)s->sparse_thin[t] : s->sparse_thick[t];
}

/* ---- points: training rows as float32 panels, with bounds of their error (points.c) ---- */

enum { LANES = 16, TILE = 12 };
enum { KNN_LIST_MOST = 1024 }; /* neighbours of a list; longer ones are not shared */

/* Stored values are at most this, those of a query at most QUERY_MOST (of minkowski, whose stored
 * values are at most 3, POWER_QUERY_MOST): else it is ranked plainly. */
#define STORED_MOST 0x1p50
#define QUERY_MOST 0x1p52
#define POWER_QUERY_MOST 4

/* Powers of gaps stand 2^KNN_LIFT higher, so that small ones are not lost: 7^20 of them, for gaps
 * between what may be stored and asked, added up over the most dimensions, is a float. */
enum { KNN_LIFT = 32 };

/* The largest unit: values far above it are not brought near 1. */
#define UNIT_MOST 0x1p1000

/* A kd-tree over panels (tree.c). Node 1 is the root, 2 i and 2 i + 1 are below i, leaf l is node
 * leaves + l and has the panels [leaf[l], leaf[l + 1]). No value that a point stands for lies
 * outside the box of a node above it: between box[(i d + k) 2] and the number after it. */
typedef struct knn_tree {
    int depth;
    int32_t leaves; /* 2^depth; 0: there is no tree */
    int32_t *leaf, *column;
    float *split; /* columns of node i: up to split[i] below 2 i */
    float *box;
} knn_tree;

/* Entries of sparse rows by column (index.c): those of column k in block b, `rows` rows each, are
 * [start[b d + k], start[b d + k + 1]); `row` counts within the block. */
typedef struct knn_index {
    int64_t rows, blocks, d;
    int64_t *start;
    int32_t *row;
    float *value;
} knn_index;

bool knn_index_new(const knn_state *state, int64_t d, hone_arena *keep, knn_index *index);
/* The values of a row as they are stored; rows ascend. */
void knn_index_put(const knn_index *index, const knn_state *state, int64_t row, const float *value);
/* Sums of products of a query's entries with those of each row of a block. */
void knn_index_sums(const knn_index *index, int64_t block, const int32_t *column, const float *q,
                    int64_t count, float *sum);

/* Point 16 p + l is lane l of panel p: x[(p d + k) 16 + l]; sparse rows, point i is row i, are in
 * the index instead. The value that near.isa.c, or a sum of the index, gives to a query and a point
 * brackets the rank, whatever was rounded on either side:
 *
 *     value - e <= scale * rank - base <= value + 2 slack + e
 *
 * with e and base of the query and scale of the metric. Of minkowski it is the root of the rank. */
typedef struct knn_points {
    knn_rule rule;
    bool filtered; /* false: there are no panels and no index, rows are ranked plainly */
    int64_t panels;
    double *centre; /* d; NULL: 0 */
    float *x, *start, *slack;
    int32_t *id; /* training row of a point */
    knn_index index;
    knn_tree tree;
    bool walks;             /* to the panels that a walk down the tree leads to, not past all */
    hone_power power, root; /* minkowski: of a gap, of a sum */
} knn_points;

/* A query as the kernel takes it: where it lies, and its part of the bracket. */
typedef struct knn_spot {
    bool plain; /* too large, or not exact where it must be: to be ranked plainly */
    float e;
    double base;
} knn_spot;

/* Writes dimension, or entry, k of a query to q[k * step]. */
knn_spot knn_spot_of(const knn_points *points, const knn_query *query, float *q, int64_t step);
/* scale * rank - base + e, rounded up. */
float knn_bound_of(const knn_points *points, const knn_spot *spot, double rank);

/* Whether a sparse row is surely beyond `rank` by minkowski. `gaps` is room for the entries of both
 * and 16 more; `raise` the kernel of powers. */
bool knn_beyond(const knn_points *points, const knn_query *query, int64_t row, double rank,
                void (*raise)(float *, int64_t, const hone_power *), float *gaps);

/* Value k of a row as a point stores it, times `scale`. */
float knn_stored(const knn_points *points, int64_t row, int64_t k, double scale);

/* `neighbors`: how many will be searched for. */
hone_status knn_points_make(const knn_state *state, const knn_params *params,
                            const hone_shape *shape, int64_t neighbors, hone_arena *keep,
                            knn_points *points, hone_error *error);
/* Those of the state, or ones made in `scratch` where it has none. */
hone_status knn_points_of(const knn_state *state, const knn_params *params, const hone_shape *shape,
                          const hone_run *run, hone_arena *scratch, const knn_points **points,
                          hone_error *error);
hone_status knn_prepare(const hone_shape *shape, const void *params, void *state, hone_arena *keep,
                        hone_error *error);

/* ---- the tree (tree.c) ---- */

/* Bounds of the numbers that float rounds to v, or that a value less than a double's error off. */
static inline float knn_below(float v)
{
    return v - (fabsf(v) * 0x1p-23f + 0x1p-140f);
}

static inline float knn_above(float v)
{
    return v + (fabsf(v) * 0x1p-23f + 0x1p-140f);
}

/* Orders the points (id) and lays the tree out, where there is one; then, with panels filled, its
 * boxes, and whether walks pay. */
hone_status knn_tree_order(knn_points *points, int algorithm, hone_arena *keep, hone_error *error);
hone_status knn_tree_finish(knn_points *points, int algorithm, int64_t neighbors, hone_arena *keep,
                            hone_error *error);
/* The leaf that a query, over the unit, falls into. */
int32_t knn_tree_leaf(const knn_points *points, const double *value);

/* ---- the kernel (near.isa.c) ---- */

/* Twelve queries and what survives of the points they have met: values[i * room + t] of point
 * points[i * room + t], t < used[i], all <= bound[i] when they were met. */
typedef struct knn_tile {
    const float *q; /* d x 12 */
    int rows;       /* queries, at most 12 */
    float bound[TILE];
    int32_t used[TILE], most; /* the most of used, or more */
    float *values;
    int32_t *points;
    int64_t room;
    float *low, *high;     /* with a tree: d x 16 ends of where the queries lie */
    float limit[LANES];    /* ranks beyond it are not near; -1 for lanes without a query */
    int32_t settled[TILE]; /* used[i] when the limit was last drawn */
} knn_tile;

/* Meets panels [first, first + count) until a query might have no room left; gives their number. */
HONE_DECLARE(int64_t, knn_near,
             (const knn_points *points, int64_t first, int64_t count, knn_tile *tile));
/* A number that at least k of v[0 .. n) do not exceed: the k-th smallest, or a little more; seldom
 * more than k + spare are within it. n is a multiple of 16; v[0] is finite, padding is infinite. */
HONE_DECLARE(float, knn_kth, (const float *v, int64_t n, int64_t k, int64_t spare));
/* A rank that no row in the box is below, but for float's error, for each of 16 queries. */
HONE_DECLARE(void, knn_reach,
             (const knn_points *points, const float *box, const knn_tile *tile, float *reach));

/* ---- search (search.c) ---- */

enum { QUERIES = 48 }; /* of a block */

typedef struct knn_search {
    const knn_points *points;
    const hone_matrix *x;
    const hone_run *run;
    int64_t k; /* at most the rows of the state */
} knn_search;

/* Neighbours of rows query[0 .. count) of x, count <= QUERIES: k a row, ascending by rank, then by
 * training row. */
hone_status knn_search_block(const knn_search *search, const int64_t *query, int64_t count,
                             int32_t *row, double *rank, hone_arena *scratch, hone_error *error);

/* Takes the k neighbours of row `query` of x, and may change them; called from blocks, once a row.
 */
typedef void (*knn_take)(void *context, int64_t query, int32_t *row, double *rank);

/* Neighbours of all rows of x, in any order (batch.c). */
hone_status knn_search_all(const knn_search *search, knn_take take, void *context,
                           hone_arena *scratch, hone_error *error);

/* ---- lists that trials share (lists.c) ---- */

typedef struct knn_lists {
    int64_t queries, k;
    int64_t *query; /* row of the table */
    int32_t *row;   /* queries x k */
    double *root;   /* of their ranks */
} knn_lists;

/* NULL: none for these rows, to be searched. */
hone_status knn_lists_find(const hone_predict_job *job, const knn_lists **lists, hone_error *error);

/* ---- the module ---- */

/* Copies the rows of positive weight of a job into an empty state. */
hone_status knn_copy_rows(const hone_fit_job *job, knn_state *state, hone_error *error);

extern const hone_output knn_outputs[];

hone_status knn_fit(const hone_fit_job *job, void *state, hone_error *error);
int64_t knn_bound(const hone_fit_job *job);
hone_status knn_predict(const hone_predict_job *job, hone_error *error);

#endif
