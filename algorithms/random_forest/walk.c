/* Prediction: many rows walk down one tree side by side, one level at a time, so that their loads
 * overlap and no branch depends on where a row goes. A row that has reached a leaf leaves the list.
 * Few rows walk down several trees at once.
 *
 * A packed node has 16 bytes, or 8 where every threshold is a float and there are no sets of
 * categories: a value is above such a threshold just when it still is after rounding up to a float.
 * Scores are the mean over trees, added in the order of trees, so that
 * they do not depend on blocks or threads. Cost: the depth of its leaf, per row and tree.
 */
#include <float.h>

#include "walk.h"

#include "fit.h"

enum { SIDES = 3, FEW = 64, BLOCK_BYTES = 1 << 21 };
enum { WIDE_SET = 4 }; /* with MISSING_LEFT, BY_CATEGORY: more levels than fit in a node */

#define ALWAYS static inline __attribute__((always_inline))

static const uint32_t FEATURE = (UINT32_C(1) << (32 - SIDES)) - 1;

struct walk_node {
    union {
        double threshold; /* of a leaf when regressing: the answer */
        uint64_t levels;  /* by category: bit k: code k goes right; WIDE_SET: the set */
        int64_t payload;  /* of a leaf when classifying: its row of shares; -1 - k: all class k */
    };
    uint32_t skip; /* nodes to the left child; 0: leaf */
    uint32_t how;  /* feature, and the bits of `side` above it */
};

struct slim_node {
    union {
        float threshold;
        int32_t payload; /* of a leaf when classifying, as above */
    };
    uint32_t turn; /* feature; above its bits MISSING_LEFT; then the nodes to the left child */
};

/* ---- packing ---- */

/* Bits of the levels that go right; those without a place in the set, and missing ones, have the
 * last bit. */
static uint64_t right_levels(const forest_state *s, int64_t set, int32_t levels, bool missing_left)
{
    uint64_t bits = missing_left ? 0 : UINT64_C(1) << (FEW - 1);
    const uint32_t *word = s->words + s->set_start[set];
    const int64_t most = 32 * (s->set_start[set + 1] - s->set_start[set]);
    for (int32_t k = 0; k < levels; k++) {
        const bool left = k < most ? word[k / 32] >> (k % 32) & 1 : missing_left;
        bits |= left ? 0 : UINT64_C(1) << k;
    }
    return bits;
}

static int64_t packed_shares(const forest_state *s, int64_t row)
{
    const int64_t e = s->row_start[row];
    const bool one = s->row_start[row + 1] == e + 1 && s->entry_share[e] == 1;
    return one ? -1 - s->entry_class[e] : row;
}

static walk_node packed(const hone_shape *shape, const forest_state *s, int64_t i, int64_t k)
{
    walk_node n = {.threshold = s->threshold[i]};
    if (!s->child[i]) {
        if (shape->task == HONE_CLASSIFICATION)
            n.payload = packed_shares(s, s->payload[i]);
        return n;
    }
    uint32_t side = s->side[i];
    if (side & BY_CATEGORY) {
        const int64_t set = s->payload[i] - s->n_rows;
        const int32_t levels = shape->levels[s->feature[i]];
        if (levels < FEW)
            n.levels = right_levels(s, set, levels, side & MISSING_LEFT);
        else
            n.levels = (uint64_t)set, side |= WIDE_SET;
    }
    n.skip = (uint32_t)(s->child[i] - k);
    n.how = (uint32_t)s->feature[i] | side << (32 - SIDES);
    return n;
}

static int32_t bits_of(int64_t features)
{
    int32_t bits = 0;
    while (INT64_C(1) << bits < features)
        bits++;
    return bits;
}

/* No value is above DBL_MAX, nor above what it is as a float: infinite. */
static bool is_float(double threshold)
{
    return threshold == DBL_MAX || (double)(float)threshold == threshold;
}

/* Whether slim nodes say all. */
static bool fits_slim(const forest_state *s)
{
    if (s->n_sets)
        return false;
    for (int64_t t = 0; t < s->n_trees; t++)
        for (int64_t i = s->tree_start[t]; i < s->tree_start[t + 1]; i++) {
            const int64_t skip = s->child[i] ? s->child[i] - (i - s->tree_start[t]) : 0;
            if (s->child[i] && (!is_float(s->threshold[i]) || skip >> (31 - s->feature_bits)))
                return false;
        }
    return true;
}

static slim_node slim(const hone_shape *shape, const forest_state *s, int64_t i, int64_t k)
{
    if (!s->child[i]) {
        const bool rows = shape->task == HONE_CLASSIFICATION;
        return (slim_node){.payload = rows ? (int32_t)packed_shares(s, s->payload[i]) : 0};
    }
    const uint32_t skip = (uint32_t)(s->child[i] - k), left = s->side[i] & MISSING_LEFT;
    return (slim_node){.threshold = (float)s->threshold[i],
                       .turn = (skip << 1 | left) << s->feature_bits | (uint32_t)s->feature[i]};
}

hone_status forest_prepare(const hone_shape *shape, const void *params, void *state,
                           hone_arena *keep, hone_error *error)
{
    (void)params;
    forest_state *s = state;
    if (shape->features > FEATURE)
        return hone_fail(error, HONE_UNSUPPORTED, "random_forest", "more than %u features",
                         FEATURE);
    if (s->n_nodes > UINT32_MAX)
        return hone_fail(error, HONE_UNSUPPORTED, "random_forest", "more than %u nodes",
                         UINT32_MAX);
    s->walk = NULL, s->slim = NULL;
    s->feature_bits = bits_of(shape->features);
    const bool thin = fits_slim(s);
    if (thin)
        s->slim = HONE_RAW(keep, slim_node, s->n_nodes, 1);
    else
        s->walk = HONE_RAW(keep, walk_node, s->n_nodes, 1);
    if (!s->slim && !s->walk)
        return hone_no_memory(error);
    for (int64_t t = 0; t < s->n_trees; t++)
        for (int64_t i = s->tree_start[t]; i < s->tree_start[t + 1]; i++)
            if (thin)
                s->slim[i] = slim(shape, s, i, i - s->tree_start[t]);
            else
                s->walk[i] = packed(shape, s, i, i - s->tree_start[t]);
    return HONE_OK;
}

/* ---- rows ---- */

static double code_of(double v, int32_t levels)
{
    uint64_t code = levels < FEW ? FEW - 1 : UINT64_MAX;
    if (v >= 0 && v < (double)levels)
        code = (uint64_t)v;
    double bits;
    memcpy(&bits, &code, sizeof bits);
    return bits;
}

bool forest_walk_room(const hone_matrix *x, int64_t count, hone_arena *scratch, walk_rows *out)
{
    *out = (walk_rows){.stride = x->cols,
                       .value = HONE_RAW(scratch, double, count * x->cols + 1, 1),
                       .above = HONE_RAW(scratch, float, count * x->cols + 1, 1)};
    return out->value && out->above;
}

/* The smallest float that is not below `v`. */
static float rounded_up(double v)
{
    const float f = (float)v;
    int32_t bits;
    memcpy(&bits, &f, sizeof bits);
    bits += (double)f < v ? (bits >= 0 ? 1 : -1) : 0;
    float up;
    memcpy(&up, &bits, sizeof up);
    return up;
}

void forest_walk_column(walk_rows *rows, int64_t j)
{
    for (int64_t i = 0; i < rows->count; i++)
        rows->above[i * rows->stride + j] = rounded_up(rows->value[i * rows->stride + j]);
}

/* Cells as they were read become cells as the walk reads them. */
static void encode(const hone_shape *shape, walk_rows *rows)
{
    const int64_t d = rows->stride, cells = rows->count * d;
    bool holes = false;
    for (int64_t k = 0; k < cells; k++)
        holes |= isnan(rows->value[k]);
    rows->holes = holes;
    for (int64_t k = 0; k < cells; k++)
        rows->above[k] = rounded_up(rows->value[k]);
    for (int64_t j = 0; j < d && shape->levels; j++)
        for (int64_t k = j; k < cells && shape->levels[j]; k += d)
            rows->value[k] = code_of(rows->value[k], shape->levels[j]);
}

hone_status forest_walk_rows(const hone_shape *shape, const hone_matrix *x, int64_t first,
                             int64_t count, hone_arena *scratch, walk_rows *out, hone_error *error)
{
    if (!forest_walk_room(x, count, scratch, out))
        return hone_no_memory(error);
    hone_rows_f64(x, first, count, out->value, out->stride);
    out->count = count;
    encode(shape, out);
    return HONE_OK;
}

void forest_walk_load(const hone_shape *shape, const hone_matrix *x, const int64_t *row,
                      int64_t count, walk_rows *to)
{
    for (int64_t i = 0; i < count; i++)
        hone_rows_f64(x, row[i], 1, to->value + i * to->stride, to->stride);
    to->count = count;
    encode(shape, to);
}

int64_t forest_walk_block(const hone_matrix *x, const hone_run *run)
{
    const int64_t share = x->rows / (2 * hone_threads(run)) + 1;
    const int64_t fits = BLOCK_BYTES / (int64_t)sizeof(double) / (x->cols + 1) + 1;
    int64_t rows = share < fits ? share : fits;
    rows = rows > 16 ? rows : 16;
    return rows < WALK_LANES ? rows : WALK_LANES;
}

/* ---- steps ---- */

static bool wide_right(const forest_state *s, const walk_node *n, uint64_t code)
{
    const int64_t first = s->set_start[n->levels], last = s->set_start[n->levels + 1];
    if (code / 32 >= (uint64_t)(last - first))
        return !(n->how >> (32 - SIDES) & MISSING_LEFT);
    return !(s->words[first + (int64_t)(code / 32)] >> (code % 32) & 1);
}

/* Where a row goes from a node. */
typedef struct turn {
    uint32_t skip; /* 0: nowhere, it is a leaf */
    unsigned right;
} turn;

ALWAYS turn packed_turn(const forest_state *s, const walk_node *n, const double *row, bool holes,
                        bool sets)
{
    const double v = row[n->how & FEATURE];
    const uint32_t side = n->how >> (32 - SIDES);
    unsigned right = v > n->threshold;
    if (holes)
        right |= isnan(v) & !(side & MISSING_LEFT);
    if (sets) {
        uint64_t code;
        memcpy(&code, &v, sizeof code);
        const unsigned out = n->levels >> (code % FEW) & 1, by = side / BY_CATEGORY & 1;
        right = (out & by) | (right & ~by);
        if (side & WIDE_SET)
            right = wide_right(s, n, code);
    }
    return (turn){n->skip, right};
}

ALWAYS turn slim_turn(slim_node n, const float *row, int bits, bool holes)
{
    const float v = row[n.turn & ((UINT32_C(1) << bits) - 1)];
    unsigned right = v > n.threshold;
    if (holes)
        right |= isnan(v) & !(n.turn >> bits & MISSING_LEFT);
    return (turn){n.turn >> bits >> 1, right};
}

/* A lane is a row in a tree. */
typedef struct lanes_walk {
    const void *row[WALK_LANES]; /* cells: floats for slim nodes, else doubles */
    uint16_t active[WALK_LANES];
} lanes_walk;

/* at: by lane, the root; then the leaf */
ALWAYS void descend(const forest_state *s, lanes_walk *w, uint32_t *at, int64_t count, bool thin,
                    bool holes, bool sets)
{
    const slim_node *const slim = s->slim;
    const walk_node *const packed = s->walk;
    const int bits = s->feature_bits;
    for (int64_t k = 0; k < count; k++)
        w->active[k] = (uint16_t)k;
    while (count) {
        int64_t left = 0;
        for (int64_t k = 0; k < count; k++) {
            const uint16_t lane = w->active[k];
            const uint32_t i = at[lane];
            const turn to = thin ? slim_turn(slim[i], w->row[lane], bits, holes)
                                 : packed_turn(s, packed + i, w->row[lane], holes, sets);
            const uint32_t next = i + to.skip + (to.right & (to.skip != 0));
            __builtin_prefetch(thin ? (const void *)(slim + next) : packed + next);
            at[lane] = next;
            w->active[left] = lane;
            left += to.skip != 0;
        }
        count = left;
    }
}

/* `count` rows, those of `pick` unless NULL, down trees from `first` on. */
static void walk(const forest_state *s, const walk_rows *rows, const uint16_t *pick, int64_t count,
                 int64_t first, int64_t trees, uint32_t *leaf)
{
    lanes_walk w;
    for (int64_t t = 0; t < trees; t++)
        for (int64_t i = 0; i < count; i++) {
            const int64_t cell = (pick ? pick[i] : i) * rows->stride, lane = t * count + i;
            leaf[lane] = (uint32_t)s->tree_start[first + t];
            w.row[lane] = s->slim ? (const void *)(rows->above + cell) : rows->value + cell;
        }
    if (s->slim && rows->holes)
        descend(s, &w, leaf, trees * count, true, true, false);
    else if (s->slim)
        descend(s, &w, leaf, trees * count, true, false, false);
    else if (s->n_sets)
        descend(s, &w, leaf, trees * count, false, true, true);
    else if (rows->holes)
        descend(s, &w, leaf, trees * count, false, true, false);
    else
        descend(s, &w, leaf, trees * count, false, false, false);
}

void forest_walk(const forest_state *s, const walk_rows *rows, int64_t first, int64_t trees,
                 uint32_t *leaf)
{
    walk(s, rows, NULL, rows->count, first, trees, leaf);
}

void forest_walk_some(const forest_state *s, const walk_rows *rows, const uint16_t *pick,
                      int64_t count, int64_t t, uint32_t *leaf)
{
    walk(s, rows, pick, count, t, 1, leaf);
}

/* ---- scores ---- */

void forest_add_leaf(const forest_state *s, int64_t i, double *score)
{
    if (s->n_rows == 0) {
        score[0] += s->threshold[i];
        return;
    }
    const int64_t row = s->slim ? s->slim[i].payload : s->walk[i].payload;
    if (row < 0) {
        score[-1 - row] += 1;
        return;
    }
    for (int64_t e = s->row_start[row]; e < s->row_start[row + 1]; e++)
        score[s->entry_class[e]] += s->entry_share[e];
}

typedef struct prediction {
    const hone_predict_job *job;
    int64_t block;
} prediction;

static hone_status predict_block(void *context, int64_t b, hone_arena *scratch, hone_error *error)
{
    const prediction *p = context;
    const hone_predict_job *job = p->job;
    const forest_state *s = job->state;
    const int64_t c = job->shape.outputs, first = b * p->block;
    const int64_t left = job->x.rows - first, count = left < p->block ? left : p->block;
    walk_rows rows;
    uint32_t *leaf = HONE_RAW(scratch, uint32_t, WALK_LANES, 1);
    if (!leaf)
        return hone_no_memory(error);
    HONE_TRY(forest_walk_rows(&job->shape, &job->x, first, count, scratch, &rows, error));
    double *score = job->score + first * c;
    memset(score, 0, (size_t)(count * c) * sizeof *score);
    const int64_t abreast = WALK_LANES / count;
    for (int64_t t = 0; t < job->members; t += abreast) {
        const int64_t trees = job->members - t < abreast ? job->members - t : abreast;
        if (hone_stopping(job->run) == HONE_CANCEL)
            return HONE_STOPPED;
        forest_walk(s, &rows, t, trees, leaf);
        for (int64_t k = 0; k < trees; k++)
            for (int64_t i = 0; i < count; i++)
                forest_add_leaf(s, leaf[k * count + i], score + i * c);
    }
    for (int64_t i = 0; i < count * c; i++)
        score[i] /= (double)job->members;
    return HONE_OK;
}

hone_status forest_predict(const hone_predict_job *job, hone_error *error)
{
    bool done;
    HONE_TRY(forest_predict_ends(job, &done, error));
    if (done)
        return HONE_OK;
    prediction p = {job, forest_walk_block(&job->x, job->run)};
    return hone_for_blocks(job->run, (job->x.rows + p.block - 1) / p.block, predict_block, &p,
                           error);
}
