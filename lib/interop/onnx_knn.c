/* k-nearest neighbours in standard operators.
 *
 * Euclidean and cosine ranks come from one product of matrices, rounded to float32 so that rows at
 * equal distances stay equal and the lower row wins; of somewhat more than k rows the ranks are
 * then summed anew in double over ascending columns, as the module does it, and decide: what
 * float32 cannot tell apart among more rows than that is not seen. The other
 * metrics are summed that way at once.
 */
#include <math.h>
#include <string.h>

#include "interop/onnx.h"
#include "interop/state.h"

enum { SPARE = 16 }; /* rows beyond k that are ranked in double */

/* Values of a query beyond these count as these, as in the module. */
#define VALUE_MOST 0x1p400
#define POWER_MOST 0x1p45

/* Below this squared norm a row is a zero row to the cosine. */
#define NORM_LEAST 0x1p-400

typedef struct knn_graph {
    hone_onnx *g;
    const hone_model *model;
    const char *metric;
    double p, unit; /* unit: a power of two by which values are divided */
    int64_t n, d, k;
    double *points; /* n x d, divided by the unit */
} knn_graph;

/* The neighbours of each row: ids and ranks, rows x k, nearest first. */
typedef struct nearest {
    const char *id, *rank;
} nearest;

/* ---- the training rows ---- */

static bool is(const knn_graph *r, const char *metric)
{
    return !strcmp(r->metric, metric);
}

static void copy_sparse(const knn_graph *r)
{
    const hone_member start = hone_model_member(r->model, "sparse_start");
    const hone_member column = hone_model_member(r->model, "sparse_column");
    const bool thin = hone_model_number(r->model, "n_thin") > 0;
    const hone_member value = hone_model_member(r->model, thin ? "sparse_thin" : "sparse_thick");
    const int64_t *from = start.values;
    for (int64_t i = 0; i < r->n; i++)
        for (int64_t t = from[i]; t < from[i + 1]; t++)
            r->points[i * r->d + (int64_t)hone_member_at(&column, t)] = hone_member_at(&value, t);
}

static void copy_dense(const knn_graph *r)
{
    const bool narrow = hone_model_number(r->model, "n_narrow") > 0;
    const hone_member value = hone_model_member(r->model, narrow ? "narrow" : "wide");
    for (int64_t t = 0; t < r->n * r->d; t++)
        r->points[t] = hone_member_at(&value, t);
}

static void divide(knn_graph *r)
{
    int exponent = 0;
    double largest = 0;
    for (int64_t t = 0; t < r->n * r->d; t++)
        largest = fmax(largest, fabs(r->points[t]));
    r->unit = 1;
    if (largest == 0 || is(r, "hamming"))
        return;
    frexp(largest, &exponent);
    r->unit = ldexp(1, exponent < -900 ? -900 : exponent > 1000 ? 1000 : exponent);
    for (int64_t t = 0; t < r->n * r->d; t++)
        r->points[t] /= r->unit;
}

static hone_status read_model(knn_graph *r, hone_error *error)
{
    r->metric = hone_model_choice(r->model, "metric");
    r->p = hone_model_param(r->model, "p");
    r->n = (int64_t)hone_model_number(r->model, "n_rows");
    r->k = (int64_t)hone_model_number(r->model, "neighbors");
    r->d = r->model->fitted->shape.features;
    if (is(r, "minkowski") && (r->p == 1 || r->p == 2))
        r->metric = r->p == 1 ? "manhattan" : "euclidean";
    if (r->d > INT32_MAX / 8 / r->n)
        return hone_fail(error, HONE_UNSUPPORTED, "knn",
                         "%lld training rows of %lld columns are above 2 GiB, which no ONNX file "
                         "can hold",
                         (long long)r->n, (long long)r->d);
    r->points = HONE_NEW(r->g->arena, double, r->n, r->d);
    if (!r->points)
        return hone_no_memory(error);
    if (hone_model_number(r->model, "n_sparse") > 0)
        copy_sparse(r);
    else
        copy_dense(r);
    divide(r);
    return HONE_OK;
}

/* The rows in units, within the values that the module takes. */
static const char *queries(const knn_graph *r, const char *x)
{
    if (is(r, "hamming"))
        return x;
    const double most = is(r, "minkowski") ? POWER_MOST : VALUE_MOST;
    if (r->unit != 1)
        x = hone_onnx_call(r->g, "Div", x, hone_onnx_number(r->g, r->unit));
    x = hone_onnx_call(r->g, "Max", x, hone_onnx_number(r->g, -most));
    return hone_onnx_call(r->g, "Min", x, hone_onnx_number(r->g, most));
}

/* ---- the smallest of each row ---- */

/* Ascending, of equal values the one with the lower place first. */
static const char *smallest(hone_onnx *g, const char *values, int64_t k, const char **place)
{
    hone_onnx_begin(g, "TopK", false);
    hone_onnx_in(g, values);
    hone_onnx_in(g, hone_onnx_integers(g, &k, 1));
    hone_onnx_int(g, "axis", 1);
    hone_onnx_int(g, "largest", 0);
    hone_onnx_int(g, "sorted", 1);
    const char *sorted = hone_onnx_out(g);
    *place = hone_onnx_end(g);
    return sorted;
}

/* Sums over the last axis, which goes, in the order of the columns. */
static const char *sums_in_order(const knn_graph *r, const char *v, int64_t axis)
{
    const int64_t last = r->d - 1;
    const char *running = hone_onnx_call(r->g, "CumSum", v, hone_onnx_integers(r->g, &axis, 0));
    return hone_onnx_gather(r->g, running, hone_onnx_integers(r->g, &last, 0), axis);
}

/* ---- euclidean: |q|^2 + |x|^2 - 2 q x around the mean row ---- */

static hone_status rough_squares(const knn_graph *r, const char *q, const char **rough,
                                 hone_error *error)
{
    hone_onnx *g = r->g;
    double *centre = HONE_NEW(g->arena, double, r->d, 1);
    double *turned = HONE_RAW(g->arena, double, r->d, r->n);
    double *norm = HONE_NEW(g->arena, double, r->n, 1);
    if (!centre || !turned || !norm)
        return hone_no_memory(error);
    for (int64_t t = 0; t < r->n * r->d; t++)
        centre[t % r->d] += r->points[t] / (double)r->n;
    for (int64_t i = 0; i < r->n; i++)
        for (int64_t j = 0; j < r->d; j++) {
            const double v = r->points[i * r->d + j] - centre[j];
            norm[i] += v * v;
            turned[j * r->n + i] = -2 * v;
        }
    const char *z = hone_onnx_call(g, "Sub", q, hone_onnx_doubles(g, centre, 1, r->d));
    const char *own = hone_onnx_sum(g, hone_onnx_call(g, "Mul", z, z), 1);
    const char *inner = hone_onnx_call(g, "MatMul", z, hone_onnx_doubles(g, turned, r->d, r->n));
    const char *sum = hone_onnx_call(g, "Add", inner, hone_onnx_doubles(g, norm, 1, r->n));
    *rough = hone_onnx_call(g, "Add", sum, own);
    return HONE_OK;
}

static const char *exact_squares(const knn_graph *r, const char *q, const char *rows)
{
    const char *gap = hone_onnx_call(r->g, "Sub", hone_onnx_unsqueeze(r->g, q, 1), rows);
    return sums_in_order(r, hone_onnx_call(r->g, "Mul", gap, gap), 2);
}

/* ---- cosine: 1 - q x / sqrt(|q|^2 |x|^2), 1 for a zero row ---- */

static double squared_norm(const knn_graph *r, int64_t i)
{
    double sum = 0;
    for (int64_t j = 0; j < r->d; j++)
        sum += r->points[i * r->d + j] * r->points[i * r->d + j];
    return sum < NORM_LEAST ? 0 : sum;
}

/* Zero where `norms` (0 for zero rows) is 0, else `inner` / sqrt(norms). */
static const char *cosines(hone_onnx *g, const char *inner, const char *norms)
{
    const char *zero = hone_onnx_call(g, "Equal", norms, hone_onnx_number(g, 0));
    const char *cosine = hone_onnx_call(g, "Div", inner, hone_onnx_call(g, "Sqrt", norms, NULL));
    return hone_onnx_where(g, zero, hone_onnx_number(g, 0), cosine);
}

static const char *one_minus(hone_onnx *g, const char *cosine)
{
    const char *gap = hone_onnx_call(g, "Sub", hone_onnx_number(g, 1), cosine);
    return hone_onnx_call(g, "Max", gap, hone_onnx_number(g, 0));
}

/* Squared norms of the queries, rows x 1; 0 for zero rows. */
static const char *query_norms(const knn_graph *r, const char *q)
{
    hone_onnx *g = r->g;
    const char *sum = sums_in_order(r, hone_onnx_call(g, "Mul", q, q), 1);
    const char *large = hone_onnx_call(g, "GreaterOrEqual", sum, hone_onnx_number(g, NORM_LEAST));
    sum = hone_onnx_call(g, "Mul", sum, hone_onnx_cast(g, large, ONNX_DOUBLE));
    return hone_onnx_unsqueeze(g, sum, 1);
}

static hone_status rough_cosines(const knn_graph *r, const char *q, const char *norms,
                                 const char **rough, hone_error *error)
{
    double *turned = HONE_NEW(r->g->arena, double, r->d, r->n);
    if (!turned)
        return hone_no_memory(error);
    for (int64_t i = 0; i < r->n; i++) {
        const double norm = squared_norm(r, i);
        for (int64_t j = 0; j < r->d && norm > 0; j++)
            turned[j * r->n + i] = r->points[i * r->d + j] / sqrt(norm);
    }
    const char *unit = hone_onnx_doubles(r->g, turned, r->d, r->n);
    const char *inner = hone_onnx_call(r->g, "MatMul", q, unit);
    *rough = one_minus(r->g, cosines(r->g, inner, norms));
    return HONE_OK;
}

static hone_status exact_cosines(const knn_graph *r, const char *q, const char *norms,
                                 const char *rows, const char *id, const char **rank,
                                 hone_error *error)
{
    hone_onnx *g = r->g;
    double *norm = HONE_RAW(g->arena, double, r->n, 1);
    if (!norm)
        return hone_no_memory(error);
    for (int64_t i = 0; i < r->n; i++)
        norm[i] = squared_norm(r, i);
    const char *own = hone_onnx_gather(g, hone_onnx_doubles(g, norm, 0, r->n), id, 0);
    const char *product = hone_onnx_call(g, "Mul", hone_onnx_unsqueeze(g, q, 1), rows);
    const char *inner = sums_in_order(r, product, 2);
    *rank = one_minus(g, cosines(g, inner, hone_onnx_call(g, "Mul", norms, own)));
    return HONE_OK;
}

/* ---- neighbours ---- */

static hone_status search_by_product(const knn_graph *r, const char *q, nearest *found,
                                     hone_error *error)
{
    hone_onnx *g = r->g;
    const bool cosine = is(r, "cosine");
    const int64_t many = r->k < r->n - SPARE ? r->k + SPARE : r->n;
    const char *norms = cosine ? query_norms(r, q) : NULL;
    const char *rough = NULL, *id = NULL, *place = NULL;
    HONE_TRY(cosine ? rough_cosines(r, q, norms, &rough, error)
                    : rough_squares(r, q, &rough, error));
    smallest(g, hone_onnx_cast(g, rough, ONNX_FLOAT), many, &id);
    id = smallest(g, id, many, &place); /* ascending: the lower row first among equal ranks */
    const char *rows = hone_onnx_gather(g, hone_onnx_doubles(g, r->points, r->n, r->d), id, 0);
    const char *rank = NULL;
    if (cosine)
        HONE_TRY(exact_cosines(r, q, norms, rows, id, &rank, error));
    else
        rank = exact_squares(r, q, rows);
    found->rank = smallest(g, rank, r->k, &place);
    hone_onnx_begin(g, "GatherElements", false);
    hone_onnx_in(g, id);
    hone_onnx_in(g, place);
    hone_onnx_int(g, "axis", 1);
    found->id = hone_onnx_end(g);
    return HONE_OK;
}

static hone_status search(const knn_graph *r, const char *x, nearest *found, hone_error *error)
{
    static const struct {
        const char *metric;
        hone_onnx_gap gap;
    } GAPS[] = {{"manhattan", GAP_SUM},
                {"chebyshev", GAP_LARGEST},
                {"minkowski", GAP_POWERS},
                {"hamming", GAP_DIFFER}};
    const char *q = queries(r, x);
    if (is(r, "euclidean") || is(r, "cosine"))
        return search_by_product(r, q, found, error);
    for (size_t i = 0; i < sizeof GAPS / sizeof *GAPS; i++) {
        if (!is(r, GAPS[i].metric))
            continue;
        const char *rank = hone_onnx_gaps(r->g, q, r->points, r->n, r->d, GAPS[i].gap, r->p);
        if (!rank)
            return hone_no_memory(error);
        found->rank = smallest(r->g, rank, r->k, &found->id);
        return HONE_OK;
    }
    return hone_fail(error, HONE_UNSUPPORTED, "knn:metric",
                     "%s cannot be expressed in ONNX; train with another metric", r->metric);
}

/* ---- votes ---- */

static const char *root(const knn_graph *r, const char *rank)
{
    if (is(r, "euclidean"))
        return hone_onnx_call(r->g, "Sqrt", rank, NULL);
    if (is(r, "minkowski"))
        return hone_onnx_call(r->g, "Pow", rank, hone_onnx_number(r->g, 1 / r->p));
    return rank;
}

/* (nearest / distance) ^ power; where the nearest is at 0, rows at 0 vote alone. */
static const char *votes_by_distance(const knn_graph *r, const char *rank, double power)
{
    hone_onnx *g = r->g;
    const int64_t first = 0;
    const char *zero = hone_onnx_number(g, 0);
    const char *distance = root(r, rank);
    const char *least = hone_onnx_columns(g, distance, &first, 1);
    const char *vote = hone_onnx_call(g, "Div", least, distance);
    if (power != 1)
        vote = hone_onnx_call(g, "Pow", vote, hone_onnx_number(g, power));
    const char *same = hone_onnx_cast(g, hone_onnx_call(g, "Equal", rank, zero), ONNX_DOUBLE);
    return hone_onnx_where(g, hone_onnx_call(g, "Equal", least, zero), same, vote);
}

/* Weights of the neighbours over the largest of those that vote, so that no sum is too large; those
 * that do not vote have none. `vote` NULL: all do. */
static const char *weights(const knn_graph *r, const char *id, const char *vote)
{
    const hone_member weight = hone_model_member(r->model, "weight");
    const int64_t axis = 1;
    const char *all = hone_onnx_doubles(r->g, weight.values, 0, r->n);
    const char *own = hone_onnx_gather(r->g, all, id, 0);
    if (vote) {
        const char *zero = hone_onnx_number(r->g, 0);
        own = hone_onnx_where(r->g, hone_onnx_call(r->g, "Greater", vote, zero), own, zero);
    }
    hone_onnx_begin(r->g, "ReduceMax", false);
    hone_onnx_in(r->g, own);
    hone_onnx_ints(r->g, "axes", &axis, 1);
    return hone_onnx_call(r->g, "Div", own, hone_onnx_end(r->g));
}

/* rows x k */
static const char *votes(const knn_graph *r, const nearest *found)
{
    const char *kind = hone_model_choice(r->model, "weights");
    const char *vote = NULL, *weight = NULL;
    if (strcmp(kind, "uniform") != 0)
        vote = votes_by_distance(r, found->rank,
                                 !strcmp(kind, "power") ? hone_model_param(r->model, "power") : 1);
    if (hone_model_number(r->model, "n_weights") > 0)
        weight = weights(r, found->id, vote);
    if (vote && weight)
        return hone_onnx_call(r->g, "Mul", vote, weight);
    return vote ? vote : weight;
}

/* ---- answers ---- */

/* What each neighbour says, rows x k x outputs: its class as a row of 0 and 1, or its target. */
static hone_status voices(const knn_graph *r, const char *id, int64_t outputs, const char **said,
                          hone_error *error)
{
    hone_onnx *g = r->g;
    if (r->model->task == HONE_REGRESSION) {
        const hone_member target = hone_model_member(r->model, "target");
        const char *all = hone_onnx_doubles(g, target.values, 0, r->n);
        *said = hone_onnx_unsqueeze(g, hone_onnx_gather(g, all, id, 0), 2);
        return HONE_OK;
    }
    const hone_member member = hone_model_member(r->model, "label");
    int64_t *label = HONE_RAW(g->arena, int64_t, r->n, 1);
    int64_t *class = HONE_RAW(g->arena, int64_t, outputs, 1);
    if (!label || !class)
        return hone_no_memory(error);
    for (int64_t i = 0; i < r->n; i++)
        label[i] = (int64_t)hone_member_at(&member, i);
    for (int64_t c = 0; c < outputs; c++)
        class[c] = c;
    const char *own = hone_onnx_gather(g, hone_onnx_integers(g, label, r->n), id, 0);
    const char *chosen = hone_onnx_call(g, "Equal", hone_onnx_unsqueeze(g, own, 2),
                                        hone_onnx_integers(g, class, outputs));
    *said = hone_onnx_cast(g, chosen, ONNX_DOUBLE);
    return HONE_OK;
}

/* Mean of what is said, weighted by votes; rows x outputs. */
static const char *average(const knn_graph *r, const char *said, const char *vote)
{
    const int64_t axis = 1;
    hone_onnx *g = r->g;
    if (vote)
        said = hone_onnx_call(g, "Mul", said, hone_onnx_unsqueeze(g, vote, 2));
    const char *whole = vote ? hone_onnx_sum(g, vote, 1) : hone_onnx_number(g, (double)r->k);
    const char *sum =
        hone_onnx_call(g, "Squeeze", hone_onnx_sum(g, said, 1), hone_onnx_integers(g, &axis, 1));
    return hone_onnx_call(g, "Div", sum, whole);
}

hone_status hone_onnx_knn(hone_onnx *g, const hone_model *model, const char *x,
                          hone_onnx_scores *scores, hone_error *error)
{
    const int64_t outputs = model->task == HONE_REGRESSION ? 1 : model->fitted->shape.outputs;
    knn_graph r = {.g = g, .model = model};
    nearest found = {0};
    const char *said = NULL;
    HONE_TRY(read_model(&r, error));
    HONE_TRY(search(&r, x, &found, error));
    HONE_TRY(voices(&r, found.id, outputs, &said, error));
    *scores =
        (hone_onnx_scores){average(&r, said, votes(&r, &found)), "probabilities", outputs, NULL};
    return HONE_OK;
}
