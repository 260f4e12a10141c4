/* Random forest: one TreeEnsembleRegressor with as many targets as outputs, means over trees.
 *
 * A split by category becomes a chain of comparisons, one for each boundary between codes that go
 * left and codes that go right; its nodes share the two children. Readers take shared children:
 * chains of BRANCH_EQ over one child are how sets have always been written in ai.onnx.ml 3. Those
 * are not used here: ONNX Runtime 1.32 folds them into bit sets that lose code 0.
 */
#include <limits.h>
#include <math.h>

#include "interop/onnx.h"
#include "interop/state.h"

enum { MISSING_LEFT = 1, BY_CATEGORY = 2 };
enum { LEAF, AT_MOST };
static const char *const MODES[] = {"LEAF", "BRANCH_LEQ"};

/* The nodes of the file, one array a member. */
typedef struct nodes {
    int64_t count, room;
    int64_t *tree, *id, *feature, *yes, *no, *missing_yes;
    const char **mode;
    double *value;
    int64_t leaves, leaf_room; /* entries: weight of an output at a leaf */
    int64_t *leaf_tree, *leaf_id, *leaf_output;
    double *leaf_weight;
} nodes;

typedef struct forest {
    const hone_model *model;
    hone_member start, child, feature, threshold, side, payload, row_start, entry_class;
    hone_member entry_share, set_start, words;
    int64_t trees, rows;
    const int32_t *levels; /* by feature; NULL: all numeric */
    nodes out;
    int64_t *code;        /* room for the codes of one set */
    double centre, scale; /* of the amounts at leaves */
} forest;

static int64_t at(const hone_member *m, int64_t k)
{
    return (int64_t)hone_member_at(m, k);
}

/* ---- sets of categories ---- */

/* Whether code `c` goes left: 0 .. L - 1, L unknown, L + 1 missing, both where missing goes. */
static bool goes_left(const forest *f, int64_t i, int64_t c, int64_t levels)
{
    const int64_t set = at(&f->payload, i) - f->rows;
    const int64_t first = at(&f->set_start, set), end = at(&f->set_start, set + 1);
    if (c >= levels || c >= 32 * (end - first))
        return at(&f->side, i) & MISSING_LEFT;
    return at(&f->words, first + c / 32) >> (c % 32) & 1;
}

/* The codes after which the side changes, ascending; `left`: the side of code 0. Missing takes part
 * as the last code. */
static int64_t boundaries(forest *f, int64_t i, bool *left)
{
    const int64_t levels = f->levels[at(&f->feature, i)];
    int64_t n = 0;
    *left = goes_left(f, i, 0, levels);
    for (int64_t c = 1; c < levels + 2; c++)
        if (goes_left(f, i, c, levels) != goes_left(f, i, c - 1, levels))
            f->code[n++] = c - 1;
    return n;
}

/* ---- nodes ---- */

static void put(forest *f, int64_t tree, int64_t id, int mode, int64_t feature, double value,
                int64_t yes, int64_t no, bool missing_yes)
{
    nodes *o = &f->out;
    const int64_t k = o->count++;
    o->tree[k] = tree, o->id[k] = id, o->mode[k] = MODES[mode], o->feature[k] = feature;
    o->value[k] = value, o->yes[k] = yes, o->no[k] = no, o->missing_yes[k] = missing_yes;
}

static void put_weight(forest *f, int64_t tree, int64_t id, int64_t output, double weight)
{
    nodes *o = &f->out;
    const int64_t k = o->leaves++;
    o->leaf_tree[k] = tree, o->leaf_id[k] = id, o->leaf_output[k] = output;
    o->leaf_weight[k] = weight;
}

static void put_leaf(forest *f, int64_t tree, int64_t id, int64_t i)
{
    put(f, tree, id, LEAF, 0, 0, 0, 0, false);
    if (!f->rows) {
        put_weight(f, tree, id, 0, (hone_member_at(&f->threshold, i) - f->centre) / f->scale);
        return;
    }
    const int64_t row = at(&f->payload, i);
    for (int64_t e = at(&f->row_start, row); e < at(&f->row_start, row + 1); e++)
        put_weight(f, tree, id, at(&f->entry_class, e), hone_member_at(&f->entry_share, e));
}

/* A chain of tests, one a boundary, whose later nodes are numbered from *next. */
static void put_set(forest *f, int64_t tree, int64_t id, int64_t i, int64_t child, int64_t *next)
{
    bool left;
    const int64_t n = boundaries(f, i, &left), feature = at(&f->feature, i);
    if (!n)
        f->code[0] = INT32_MAX;
    for (int64_t k = 0; k < (n ? n : 1); k++, left = !left) {
        const int64_t here = k ? (*next)++ : id;
        const int64_t yes = left ? child : child + 1, other = left ? child + 1 : child;
        put(f, tree, here, AT_MOST, feature, (double)f->code[k], yes, k + 1 < n ? *next : other,
            false);
    }
}

static void put_tree(forest *f, int64_t tree)
{
    const int64_t first = at(&f->start, tree), count = at(&f->start, tree + 1) - first;
    int64_t next = count;
    for (int64_t id = 0; id < count; id++) {
        const int64_t i = first + id, child = at(&f->child, i), side = at(&f->side, i);
        if (!child)
            put_leaf(f, tree, id, i);
        else if (side & BY_CATEGORY)
            put_set(f, tree, id, i, child, &next);
        else
            put(f, tree, id, AT_MOST, at(&f->feature, i), hone_member_at(&f->threshold, i), child,
                child + 1, side & MISSING_LEFT);
    }
}

/* ---- room ---- */

static void count_nodes(forest *f)
{
    for (int64_t i = 0; i < at(&f->start, f->trees); i++) {
        bool left;
        const bool leaf = !at(&f->child, i);
        int64_t n = 1;
        if (!leaf && at(&f->side, i) & BY_CATEGORY)
            n = boundaries(f, i, &left);
        f->out.room += n > 1 ? n : 1;
        if (leaf && f->rows) {
            const int64_t row = at(&f->payload, i);
            f->out.leaf_room += at(&f->row_start, row + 1) - at(&f->row_start, row);
        } else if (leaf) {
            f->out.leaf_room++;
        }
    }
}

/* The graph's trees answer in float32: amounts are put between -2 and 2 first, and those that lie
 * far from 0 around 0, so that what is lost is small beside their range. */
static void find_range(forest *f)
{
    double low = INFINITY, high = -INFINITY;
    int exponent = 0;
    for (int64_t i = 0; i < at(&f->start, f->trees); i++)
        if (!at(&f->child, i)) {
            low = fmin(low, hone_member_at(&f->threshold, i));
            high = fmax(high, hone_member_at(&f->threshold, i));
        }
    f->centre = low / 2 + high / 2;
    if (fabs(f->centre) < high - low)
        f->centre = 0;
    frexp(fmax(high - f->centre, f->centre - low) / 2, &exponent);
    f->scale = ldexp(1, exponent < -1000 ? -1000 : exponent);
}

static bool make_room(forest *f, hone_arena *arena)
{
    nodes *o = &f->out;
    int64_t **const whole[] = {&o->tree, &o->id, &o->feature, &o->yes, &o->no, &o->missing_yes};
    int64_t **const leaf[] = {&o->leaf_tree, &o->leaf_id, &o->leaf_output};
    bool ok = true;
    for (size_t k = 0; k < sizeof whole / sizeof *whole; k++)
        ok &= (*whole[k] = HONE_RAW(arena, int64_t, o->room, 1)) != NULL;
    for (size_t k = 0; k < sizeof leaf / sizeof *leaf; k++)
        ok &= (*leaf[k] = HONE_RAW(arena, int64_t, o->leaf_room, 1)) != NULL;
    o->mode = HONE_NEW(arena, const char *, o->room, 1);
    o->value = HONE_RAW(arena, double, o->room, 1);
    o->leaf_weight = HONE_RAW(arena, double, o->leaf_room, 1);
    return ok && o->mode && o->value && o->leaf_weight;
}

static hone_status open_forest(const hone_model *m, hone_arena *arena, forest *f, hone_error *error)
{
    const hone_shape *shape = &m->fitted->shape;
    *f = (forest){.model = m, .levels = shape->levels};
    const struct {
        const char *name;
        hone_member *to;
    } members[] = {{"tree_start", &f->start},
                   {"child", &f->child},
                   {"feature", &f->feature},
                   {"threshold", &f->threshold},
                   {"side", &f->side},
                   {"payload", &f->payload},
                   {"row_start", &f->row_start},
                   {"entry_class", &f->entry_class},
                   {"entry_share", &f->entry_share},
                   {"set_start", &f->set_start},
                   {"words", &f->words}};
    for (size_t k = 0; k < sizeof members / sizeof *members; k++)
        *members[k].to = hone_model_member(m, members[k].name);
    f->trees = (int64_t)hone_model_number(m, "n_trees");
    f->rows = (int64_t)hone_model_number(m, "n_rows");
    int64_t most = 0;
    for (int64_t j = 0; f->levels && j < shape->stored; j++)
        most = f->levels[j] > most ? f->levels[j] : most;
    f->code = HONE_NEW(arena, int64_t, most + 2, 1);
    if (!f->code)
        return hone_no_memory(error);
    count_nodes(f);
    if (!f->rows)
        find_range(f);
    return make_room(f, arena) ? HONE_OK : hone_no_memory(error);
}

static void write_forest(hone_onnx *g, const nodes *o)
{
    hone_onnx_ints(g, "nodes_treeids", o->tree, o->count);
    hone_onnx_ints(g, "nodes_nodeids", o->id, o->count);
    hone_onnx_ints(g, "nodes_featureids", o->feature, o->count);
    hone_onnx_strings(g, "nodes_modes", o->mode, o->count);
    hone_onnx_tensor(g, "nodes_values_as_tensor", o->value, o->count);
    hone_onnx_ints(g, "nodes_truenodeids", o->yes, o->count);
    hone_onnx_ints(g, "nodes_falsenodeids", o->no, o->count);
    hone_onnx_ints(g, "nodes_missing_value_tracks_true", o->missing_yes, o->count);
    hone_onnx_ints(g, "target_treeids", o->leaf_tree, o->leaves);
    hone_onnx_ints(g, "target_nodeids", o->leaf_id, o->leaves);
    hone_onnx_ints(g, "target_ids", o->leaf_output, o->leaves);
    hone_onnx_tensor(g, "target_weights_as_tensor", o->leaf_weight, o->leaves);
}

hone_status hone_onnx_forest(hone_onnx *g, const hone_model *model, const char *x,
                             hone_onnx_scores *scores, hone_error *error)
{
    forest f;
    HONE_TRY(open_forest(model, g->arena, &f, error));
    for (int64_t t = 0; t < f.trees; t++)
        put_tree(&f, t);
    hone_onnx_begin(g, "TreeEnsembleRegressor", true);
    hone_onnx_in(g, x);
    hone_onnx_int(g, "n_targets", model->fitted->shape.outputs);
    hone_onnx_string(g, "aggregate_function", "AVERAGE");
    hone_onnx_string(g, "post_transform", "NONE");
    write_forest(g, &f.out);
    scores->value = hone_onnx_cast(g, hone_onnx_end(g), ONNX_DOUBLE);
    if (!f.rows) {
        const char *apart = hone_onnx_call(g, "Mul", scores->value, hone_onnx_number(g, f.scale));
        scores->value = hone_onnx_call(g, "Add", apart, hone_onnx_number(g, f.centre));
    }
    scores->what = "probabilities";
    scores->cols = model->fitted->shape.outputs;
    return HONE_OK;
}
