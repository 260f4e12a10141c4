/* k-NN through the trial, against a plain loop over all training rows in double. */
#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "algorithms/knn/knn.h"
#include "core/params.h"
#include "core/trial.h"
#include "toolbox/random.h"

extern const hone_algorithm hone_knn;

/* ---- problems ---- */

typedef struct table {
    int64_t n, d, classes; /* classes = 0: regression */
    double *x, *y, *w;     /* w may be NULL */
    int32_t *label;
    const int32_t *levels; /* NULL: all numbers */
} table;

static table new_table(int64_t n, int64_t d, int64_t classes)
{
    return (table){.n = n,
                   .d = d,
                   .classes = classes,
                   .x = calloc((size_t)(n * d + 1), sizeof(double)),
                   .y = calloc((size_t)n, sizeof(double)),
                   .label = calloc((size_t)n, sizeof(int32_t))};
}

static void free_table(table *t)
{
    free(t->x), free(t->y), free(t->w), free(t->label);
}

enum { CLOUDS, LATTICE, DUPLICATES, OUTLIER, SPARSE, TINY, HUGE_VALUES, MIXED };

enum { MOST_COLUMNS = 12 };
static const int32_t LEVELS[MOST_COLUMNS] = {3, 0, 0, 1, 0, 40, 0, 2};

static double draw(int kind, hone_stream *s, int64_t k)
{
    const double u = hone_uniform(s), v = hone_uniform(s);
    switch (kind) {
    case LATTICE:
        return floor(u * 4);
    case DUPLICATES:
        return floor(u * 2) * 3.25;
    case OUTLIER:
        return u < 0.001 ? 1e9 * v : v;
    case SPARSE:
        return u < 0.8 ? 0 : floor(v * 8);
    case TINY:
        return (u - 0.5) * 1e-200;
    case MIXED: /* holes, categories, numbers, a column of one value, one of huge values */
        return u < 0.2      ? (double)NAN
               : k == 8     ? -2.5
               : k == 9     ? (v - 0.5) * 0x1p1023 * 1.9
               : LEVELS[k]  ? floor(v * LEVELS[k])
               : k % 4 == 1 ? v
                            : floor(v * 6);
    case HUGE_VALUES:
        return u < 0.1 ? (v < 0.5 ? -1.7e308 : 1.7e308) * u * 10 : (v - 0.5) * 1e300;
    default:
        return 1000 * (double)(k % 2) + u + (v < 0.3 ? 5 : 0);
    }
}

static table make(int kind, int64_t n, int64_t d, int64_t classes, uint64_t seed)
{
    table t = new_table(n, d, classes);
    hone_stream s = hone_stream_of(seed, (uint64_t)n, (uint64_t)kind);
    t.levels = kind == MIXED ? LEVELS : NULL;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t k = 0; k < d; k++)
            t.x[i * d + k] = draw(kind, &s, k);
        t.label[i] = classes ? (int32_t)hone_below(&s, (uint64_t)classes) : 0;
        t.y[i] = hone_uniform(&s);
    }
    return t;
}

static void weigh(table *t, uint64_t seed)
{
    hone_stream s = hone_stream_of(seed, 7, 7);
    t->w = calloc((size_t)t->n, sizeof(double));
    for (int64_t i = 0; i < t->n; i++)
        t->w[i] = (double)hone_below(&s, 4);
}

static hone_task task_of(const table *t)
{
    return t->classes ? HONE_CLASSIFICATION : HONE_REGRESSION;
}

static knn_params defaults(const table *t)
{
    knn_params p;
    memset(&p, 0, sizeof p);
    hone_params_default(hone_knn.params, task_of(t), &p);
    return p;
}

static hone_matrix matrix_of(const table *t)
{
    return (hone_matrix){.values = t->x,
                         .layout = HONE_DENSE,
                         .dtype = HONE_F64,
                         .rows = t->n,
                         .cols = t->d,
                         .stored_cols = t->d,
                         .row_stride = t->d,
                         .col_stride = 1,
                         .levels = t->levels};
}

/* ---- the plain loop ---- */

typedef struct near {
    double rank, distance;
    int64_t row;
} near;

static int by_rank(const void *a, const void *b)
{
    const near *p = a, *q = b;
    if (p->rank != q->rank)
        return p->rank < q->rank ? -1 : 1;
    return p->row < q->row ? -1 : p->row > q->row;
}

static double norm_of(const double *a, int64_t d)
{
    double sum = 0;
    for (int64_t k = 0; k < d; k++)
        sum += a[k] * a[k];
    return sum;
}

/* Largest less smallest value of the rows of positive weight, over 4: no difference is infinite. */
static void find_ranges(const table *t, double *range)
{
    for (int64_t k = 0; k < t->d; k++) {
        double low = INFINITY, high = -INFINITY;
        for (int64_t i = 0; i < t->n; i++)
            if (!t->w || t->w[i] > 0) {
                low = fmin(low, t->x[i * t->d + k] / 4);
                high = fmax(high, t->x[i * t->d + k] / 4);
            }
        range[k] = high > low ? high - low : 0;
    }
}

/* Gower (1971): the mean over the columns that are present in both. */
static near measure_mixed(const table *t, const double *range, const double *a, const double *b)
{
    double sum = 0;
    int64_t both = 0;
    for (int64_t k = 0; k < t->d; k++) {
        if (isnan(a[k]) || isnan(b[k]))
            continue;
        both++;
        if ((t->levels && t->levels[k]) || range[k] == 0)
            sum += a[k] != b[k];
        else
            sum += fmin(1, fabs(a[k] / 4 - b[k] / 4) / range[k]);
    }
    const double mean = both ? sum / (double)both : 1;
    return (near){mean, mean, 0};
}

/* Of values over `unit`, a power of two. */
static near measure(const knn_params *p, const double *a, const double *b, int64_t d, double unit)
{
    double sum = 0;
    for (int64_t k = 0; k < d; k++) {
        const double gap = fabs(a[k] / unit - b[k] / unit);
        switch (p->metric) {
        case EUCLIDEAN:
            sum += gap * gap;
            break;
        case MANHATTAN:
            sum += gap;
            break;
        case CHEBYSHEV:
            sum = fmax(sum, gap);
            break;
        case MINKOWSKI:
            sum += pow(gap, p->p);
            break;
        case COSINE:
            sum += a[k] * b[k];
            break;
        default:
            sum += a[k] != b[k];
        }
    }
    if (p->metric == EUCLIDEAN)
        return (near){sum, sqrt(sum), 0};
    if (p->metric == MINKOWSKI)
        return (near){sum, pow(sum, 1 / p->p), 0};
    if (p->metric == COSINE) {
        const double both = norm_of(a, d) * norm_of(b, d);
        sum = both == 0 ? 1 : fmax(0, 1 - sum / sqrt(both));
    }
    return (near){sum, p->metric == HAMMING ? sum / (double)d : sum, 0};
}

static double vote_of(const knn_params *p, double distance, double nearest)
{
    if (p->weights == VOTE_UNIFORM)
        return 1;
    if (nearest == 0)
        return distance == 0;
    return pow(nearest / distance, p->weights == VOTE_POWER ? p->power : 1);
}

/* Scores of one row of `q`; the neighbours are left in `all`. */
static void plain(const table *t, const knn_params *p, const double *q, double unit, near *all,
                  double *score)
{
    int64_t n = 0;
    double range[MOST_COLUMNS];
    if (p->metric == GOWER)
        find_ranges(t, range);
    for (int64_t i = 0; i < t->n; i++)
        if (!t->w || t->w[i] > 0) {
            const double *x = t->x + i * t->d;
            all[n] =
                p->metric == GOWER ? measure_mixed(t, range, q, x) : measure(p, q, x, t->d, unit);
            all[n++].row = i;
        }
    qsort(all, (size_t)n, sizeof *all, by_rank);
    const int64_t k = p->n_neighbors < n ? p->n_neighbors : n;
    double sum = 0;
    for (int64_t c = 0; c < (t->classes ? t->classes : 1); c++)
        score[c] = 0;
    for (int64_t j = 0; j < k; j++) {
        const int64_t r = all[j].row;
        const double w = t->w ? t->w[r] : 1;
        const double vote = vote_of(p, all[j].distance, all[0].distance) * w;
        sum += vote;
        if (t->classes)
            score[t->label[r]] += vote;
        else
            score[0] += vote * t->y[r];
    }
    for (int64_t c = 0; c < (t->classes ? t->classes : 1); c++)
        score[c] /= sum;
}

/* ---- a fit ---- */

typedef struct how {
    int threads;
    hone_isa isa; /* 0: the best */
    const hone_matrix *x;
} how;

typedef struct fitted {
    hone_simple_run storage;
    hone_fitted *f;
    const knn_state *s;
} fitted;

static hone_status try_fit(fitted *out, const table *t, const knn_params *p, how h,
                           hone_error *error)
{
    const hone_run *run = hone_run_simple(&out->storage, h.threads ? h.threads : 1);
    if (h.isa)
        out->storage.run.isa = h.isa;
    hone_cache *cache = hone_cache_open(0);
    if (!cache)
        return hone_no_memory(error);
    const hone_trial trial = {.algorithm = &hone_knn,
                              .params = p,
                              .shape = {.features = t->d,
                                        .outputs = t->classes ? t->classes : 1,
                                        .stored = t->d,
                                        .levels = t->levels,
                                        .task = task_of(t)},
                              .table = h.x ? *h.x : matrix_of(t),
                              .table_id = 1,
                              .label = t->classes ? t->label : NULL,
                              .target = t->classes ? NULL : t->y,
                              .weight = t->w,
                              .labels_id = 1,
                              .run = run};
    const hone_status status = hone_trial_fit(&trial, cache, &out->f, NULL, error);
    out->s = status ? NULL : out->f->state;
    hone_cache_close(cache);
    return status;
}

static void fit(fitted *out, const table *t, const knn_params *p, how h)
{
    hone_error error = {0};
    if (try_fit(out, t, p, h, &error))
        fail_msg("%s: %s", error.path, error.message);
}

static double *scores(fitted *f, const hone_matrix *x)
{
    double *out = calloc((size_t)(x->rows * f->f->shape.outputs), sizeof *out);
    hone_error error = {0};
    if (hone_fitted_predict(f->f, x, &f->storage.run, NULL, out, &error))
        fail_msg("%s: %s", error.path, error.message);
    return out;
}

/* Scores of the rows of `q` have the bits of the plain loop. */
static void expect_plain(const table *t, const table *q, const knn_params *p, how h)
{
    fitted f;
    fit(&f, t, p, h);
    const hone_matrix x = matrix_of(q);
    const int64_t c = f.f->shape.outputs;
    double *got = scores(&f, &x), *want = calloc((size_t)c, sizeof *want);
    near *all = calloc((size_t)t->n, sizeof *all);
    const double unit = f.s->points->rule.unit;
    for (int64_t i = 0; i < q->n; i++) {
        plain(t, p, q->x + i * q->d, unit, all, want);
        for (int64_t k = 0; k < c; k++)
            if (got[i * c + k] != want[k])
                fail_msg("metric %d, k %lld, row %lld: %.17g is not %.17g", p->metric,
                         (long long)p->n_neighbors, (long long)i, got[i * c + k], want[k]);
    }
    free(got), free(want), free(all);
    hone_fitted_free(f.f);
}

/* The module's output of that name for rows of x: one row a row of x. */
static void tell(const fitted *f, const char *name, const hone_matrix *x, double *out)
{
    hone_error error = {0};
    hone_arena *arena = hone_arena_open(NULL);
    const hone_output_job job = {.x = *x,
                                 .shape = f->f->shape,
                                 .params = f->f->params,
                                 .state = f->f->state,
                                 .run = &f->storage.run,
                                 .scratch = arena};
    const hone_output *o = hone_knn.outputs;
    while (o->name && strcmp(o->name, name) != 0)
        o++;
    assert_non_null(o->name);
    assert_int_equal(o->compute(&job, out, &error), HONE_OK);
    hone_arena_close(arena);
}

static hone_isa best_isa(void)
{
    hone_isa best;
    assert_int_equal(hone_isa_of(HONE_ISA_AUTO, &best, NULL), HONE_OK);
    return best;
}

/* ---- tests ---- */

static void every_metric_equals_the_plain_loop_bit_for_bit(void **state)
{
    (void)state;
    static const int64_t ks[] = {1, 5, 37};
    for (int kind = CLOUDS; kind <= SPARSE; kind++)
        for (int metric = EUCLIDEAN; metric <= HAMMING; metric++) {
            table t = make(kind, 700, 5, 3, 1), q = make(kind, 60, 5, 3, 2);
            memcpy(q.x, t.x, sizeof(double) * 5 * 20); /* some queries are training rows */
            knn_params p = defaults(&t);
            p.metric = metric;
            p.weights = kind % 3;
            for (int j = 0; j < 3; j++) {
                p.n_neighbors = ks[j];
                expect_plain(&t, &q, &p, (how){0});
            }
            free_table(&t), free_table(&q);
        }
}

/* Bounds of powers in float32: every p, few and many columns, gaps of 0 and of all sizes, queries
 * far outside. */
static void every_power_equals_the_plain_loop_bit_for_bit(void **state)
{
    (void)state;
    static const double powers[] = {1.0001, 1.5, 2.45, 4, 7.3, 20};
    static const int64_t ds[] = {1, 9, 70};
    for (int kind = CLOUDS; kind <= SPARSE; kind++)
        for (int j = 0; j < 6; j++) {
            const int64_t d = ds[(kind + j) % 3];
            table t = make(kind, 500, d, 3, 61), q = make(kind, 50, d, 3, 62);
            memcpy(q.x, t.x, sizeof(double) * (size_t)d * 20);
            for (int64_t i = 40; i < 50; i++)
                q.x[i * d] = (i % 2 ? -1 : 1) * pow(10, (double)(i - 40)) * 1e3;
            knn_params p = defaults(&t);
            p.metric = MINKOWSKI, p.p = powers[j], p.n_neighbors = j % 2 ? 3 : 70;
            p.weights = kind % 3;
            for (int isa = 0; isa <= HONE_ISA_AVX2; isa++)
                if (isa <= (int)best_isa())
                    expect_plain(&t, &q, &p, (how){.threads = 1 + j, .isa = (hone_isa)isa});
            free_table(&t), free_table(&q);
        }
}

static void minkowski_is_filtered_in_float32(void **state)
{
    (void)state;
    table t = make(CLOUDS, 100, 3, 2, 63);
    knn_params p = defaults(&t);
    p.metric = MINKOWSKI;
    fitted f;
    fit(&f, &t, &p, (how){0});
    assert_true(f.s->points->filtered);
    hone_fitted_free(f.f);
    free_table(&t);
}

/* With queries that share no column with any row, are far beyond the range, or of a level that no
 * row has. */
static void gower_equals_the_plain_loop_bit_for_bit(void **state)
{
    (void)state;
    static const int64_t ks[] = {1, 8, 300};
    for (int64_t d = 1; d <= MOST_COLUMNS; d++) {
        table t = make(MIXED, 700, d, 3, 51), q = make(MIXED, 60, d, 3, 52);
        memcpy(q.x, t.x, sizeof(double) * (size_t)d * 20);
        for (int64_t k = 0; k < d; k++) {
            q.x[21 * d + k] = (double)NAN;
            q.x[22 * d + k] = LEVELS[k] ? LEVELS[k] : k % 2 ? 1e300 : -1.7e308;
            q.x[23 * d + k] = LEVELS[k] ? LEVELS[k] : 1.25;
        }
        knn_params p = defaults(&t);
        p.metric = GOWER;
        for (int j = 0; j < 6; j++) {
            p.n_neighbors = ks[j % 3], p.weights = j % 2 ? VOTE_UNIFORM : VOTE_DISTANCE;
            expect_plain(&t, &q, &p, (how){.threads = 1 + j, .isa = j / 3 ? HONE_ISA_PORTABLE : 0});
        }
        free_table(&t), free_table(&q);
    }
}

static void gower_ranks_rows_that_share_no_column_last_and_lower_rows_first(void **state)
{
    (void)state;
    enum { N = 100, D = 2, K = 4 };
    table t = make(MIXED, N, D, 0, 53);
    for (int64_t i = 0; i < N; i++)
        t.x[i * D] = (double)NAN, t.x[i * D + 1] = i == 60 || i == 61 ? 3 : 0;
    t.x[60 * D] = 1, t.x[40 * D + 1] = (double)NAN;
    knn_params p = defaults(&t);
    p.metric = GOWER, p.n_neighbors = K;
    fitted f;
    fit(&f, &t, &p, (how){0});
    table q = new_table(3, D, 0);
    q.levels = LEVELS;
    q.x[0] = q.x[1] = (double)NAN; /* all rows at 1 */
    q.x[2] = (double)NAN, q.x[3] = 3;
    q.x[4] = 2, q.x[5] = 1.5;
    const hone_matrix x = matrix_of(&q);
    double rows[3 * K], distances[3 * K];
    tell(&f, "nearest_rows", &x, rows), tell(&f, "nearest_distances", &x, distances);
    const double want_rows[] = {0, 1, 2, 3, 60, 61, 0, 1, 0, 1, 2, 3};
    const double want[] = {1, 1, 1, 1, 0, 0, 1, 1, 0.5, 0.5, 0.5, 0.5};
    assert_memory_equal(rows, want_rows, sizeof rows);
    assert_memory_equal(distances, want, sizeof distances);
    hone_fitted_free(f.f);
    free_table(&t), free_table(&q);
}

/* Rows in tight clouds far apart: a walk down the tree leaves most of them out. */
static void gather_in_clouds(table *t, uint64_t seed)
{
    hone_stream s = hone_stream_of(seed, 3, 3);
    for (int64_t i = 0; i < t->n; i++) {
        const double where = (double)hone_below(&s, 9) * 16;
        for (int64_t k = 0; k < t->d; k++)
            t->x[i * t->d + k] += where;
    }
}

static void walks_down_the_tree_equal_the_plain_loop_bit_for_bit(void **state)
{
    (void)state;
    static const int64_t ks[] = {1, 10, 200}, ds[] = {1, 3, 11};
    for (int kind = CLOUDS; kind <= HUGE_VALUES; kind++)
        for (int metric = EUCLIDEAN; metric <= CHEBYSHEV; metric++)
            for (int j = 0; j < 3; j++) {
                table t = make(kind, 1500 + kind, ds[j], 3, 31), q = make(kind, 30, ds[j], 3, 32);
                if (kind <= SPARSE)
                    gather_in_clouds(&t, 1), gather_in_clouds(&q, 2);
                memcpy(q.x, t.x + 500, sizeof(double) * (size_t)ds[j] * 10);
                if (kind <= SPARSE)
                    q.x[ds[j] * 29] = 1e30; /* far from all */
                knn_params p = defaults(&t);
                p.metric = metric, p.weights = j, p.n_neighbors = ks[(kind + j) % 3];
                for (p.algorithm = ALGORITHM_AUTO; p.algorithm <= ALGORITHM_KD_TREE; p.algorithm++)
                    expect_plain(&t, &q, &p, (how){.isa = j == 2 ? 0 : HONE_ISA_PORTABLE});
                free_table(&t), free_table(&q);
            }
}

static void a_tree_is_walked_where_that_leaves_rows_out(void **state)
{
    (void)state;
    for (int64_t d = 3; d <= 30; d += 27) {
        table t = make(CLOUDS, 4000, d, 2, 33);
        knn_params p = defaults(&t);
        fitted f;
        for (p.algorithm = ALGORITHM_AUTO; p.algorithm <= ALGORITHM_KD_TREE; p.algorithm++) {
            fit(&f, &t, &p, (how){0});
            const bool wanted =
                p.algorithm == ALGORITHM_KD_TREE || (p.algorithm == ALGORITHM_AUTO && d == 3);
            assert_int_equal(f.s->points->walks, wanted);
            hone_fitted_free(f.f);
        }
        free_table(&t);
    }
}

static void regression_equals_the_plain_loop_bit_for_bit(void **state)
{
    (void)state;
    for (int weights = VOTE_UNIFORM; weights <= VOTE_POWER; weights++) {
        table t = make(CLOUDS, 900, 7, 0, 3), q = make(CLOUDS, 50, 7, 0, 4);
        knn_params p = defaults(&t);
        p.weights = weights, p.n_neighbors = 12, p.power = 1.5;
        expect_plain(&t, &q, &p, (how){0});
        free_table(&t), free_table(&q);
    }
}

static void tiny_and_huge_values_rank_as_in_double(void **state)
{
    (void)state;
    for (int kind = TINY; kind <= HUGE_VALUES; kind++)
        for (int metric = EUCLIDEAN; metric <= MINKOWSKI; metric++) {
            table t = make(kind, 300, 4, 0, 5), q = make(kind, 40, 4, 0, 6);
            knn_params p = defaults(&t);
            p.metric = metric;
            p.weights = VOTE_DISTANCE;
            expect_plain(&t, &q, &p, (how){0});
            free_table(&t), free_table(&q);
        }
}

static void queries_far_beyond_the_training_rows_are_ranked(void **state)
{
    (void)state;
    table t = make(CLOUDS, 300, 3, 0, 5), q = make(CLOUDS, 40, 3, 0, 6);
    for (int64_t i = 0; i < 120; i += 5)
        q.x[i] = (i % 2 ? -1 : 1) * 1e25;
    for (int metric = EUCLIDEAN; metric <= CHEBYSHEV; metric++) {
        knn_params p = defaults(&t);
        p.metric = metric;
        expect_plain(&t, &q, &p, (how){0});
    }
    free_table(&t), free_table(&q);
}

static void all_rows_are_neighbours_when_k_is_n(void **state)
{
    (void)state;
    table t = make(LATTICE, 150, 4, 0, 7), q = make(LATTICE, 30, 4, 0, 8);
    knn_params p = defaults(&t);
    p.n_neighbors = 150;
    p.weights = VOTE_DISTANCE;
    expect_plain(&t, &q, &p, (how){0});
    free_table(&t), free_table(&q);
}

static void k_above_n_acts_as_n(void **state)
{
    (void)state;
    table t = make(CLOUDS, 9, 2, 3, 7);
    knn_params p = defaults(&t);
    p.n_neighbors = 100;
    fitted f;
    fit(&f, &t, &p, (how){0});
    assert_int_equal(f.s->neighbors, 9);
    expect_plain(&t, &t, &p, (how){0});
    hone_fitted_free(f.f);
    free_table(&t);
}

static void ties_go_to_the_lower_row(void **state)
{
    (void)state;
    table t = new_table(100, 1, 2);
    for (int i = 0; i < 100; i++)
        t.label[i] = i >= 3;
    knn_params p = defaults(&t);
    p.n_neighbors = 3;
    fitted f;
    fit(&f, &t, &p, (how){0});
    const hone_matrix x = matrix_of(&t);
    double *s = scores(&f, &x);
    assert_true(s[0] == 1 && s[1] == 0);
    free(s);
    hone_fitted_free(f.f);
    free_table(&t);
}

static void rows_at_distance_zero_vote_alone(void **state)
{
    (void)state;
    table t = new_table(4, 1, 2);
    t.x[0] = t.x[1] = 1, t.x[2] = 1 + 1e-12, t.x[3] = 2;
    t.label[2] = t.label[3] = 1;
    knn_params p = defaults(&t);
    p.n_neighbors = 4;
    p.weights = VOTE_DISTANCE;
    fitted f;
    fit(&f, &t, &p, (how){0});
    const hone_matrix x = matrix_of(&t);
    double *s = scores(&f, &x);
    assert_true(s[0] == 1 && s[1] == 0);
    assert_true(s[4] == 0 && s[5] == 1);
    assert_true(s[6] == 0 && s[7] == 1);
    free(s);
    hone_fitted_free(f.f);
    free_table(&t);
}

static void rows_of_weight_zero_are_as_if_absent(void **state)
{
    (void)state;
    table t = make(LATTICE, 500, 3, 4, 9), q = make(LATTICE, 50, 3, 4, 10);
    weigh(&t, 11);
    knn_params p = defaults(&t);
    p.n_neighbors = 20;
    fitted f;
    fit(&f, &t, &p, (how){0});
    const hone_matrix x = matrix_of(&q);
    double *got = scores(&f, &x), want[4];
    near *all = calloc(500, sizeof *all);
    for (int64_t i = 0; i < f.s->n_rows; i++)
        assert_true(t.w[f.s->position[i]] > 0);
    for (int64_t i = 0; i < 50; i++) {
        plain(&t, &p, q.x + i * 3, 1, all, want);
        for (int c = 0; c < 4; c++)
            assert_true(fabs(got[i * 4 + c] - want[c]) < 1e-14);
    }
    free(got), free(all);
    hone_fitted_free(f.f);
    free_table(&t), free_table(&q);
}

static void balanced_classes_weigh_the_same(void **state)
{
    (void)state;
    table t = make(CLOUDS, 300, 2, 3, 12);
    for (int64_t i = 0; i < 300; i++)
        t.label[i] = i < 200 ? 0 : i < 290 ? 1 : 2;
    knn_params p = defaults(&t);
    p.n_neighbors = 300;
    p.class_weight = WEIGHTS_BALANCED;
    fitted f;
    fit(&f, &t, &p, (how){0});
    const hone_matrix x = matrix_of(&t);
    double *s = scores(&f, &x);
    for (int c = 0; c < 3; c++)
        assert_true(fabs(s[c] - 1.0 / 3) < 1e-12);
    free(s);
    hone_fitted_free(f.f);
    free_table(&t);
}

/* Weights as far apart as doubles go: what votes is not the one that is too small beside one that
 * does not vote, and what is stored is positive and finite. */
static void extreme_weights_give_finite_votes(void **state)
{
    (void)state;
    static const double extremes[] = {1e200, 1e-200, 1, DBL_MAX, 5e-324, 1e-300};
    for (int balanced = 0; balanced < 2; balanced++)
        for (int weights = VOTE_UNIFORM; weights <= VOTE_POWER; weights++) {
            table t = make(CLOUDS, 60, 2, 3, 12);
            t.w = calloc(60, sizeof *t.w);
            for (int64_t i = 0; i < 60; i++)
                t.w[i] = extremes[i % 6];
            knn_params p = defaults(&t);
            p.n_neighbors = 12, p.weights = weights, p.power = 100;
            p.class_weight = balanced ? WEIGHTS_BALANCED : WEIGHTS_NONE;
            fitted f;
            fit(&f, &t, &p, (how){0});
            for (int64_t i = 0; i < 60; i++)
                assert_true(f.s->weight[i] > 0 && isfinite(f.s->weight[i]));
            const hone_matrix x = matrix_of(&t); /* every row lies on a training row */
            double *s = scores(&f, &x);
            for (int64_t i = 0; i < 60; i++) {
                assert_true(fabs(s[i * 3] + s[i * 3 + 1] + s[i * 3 + 2] - 1) < 1e-12);
                if (weights != VOTE_UNIFORM)
                    assert_true(s[i * 3 + t.label[i]] == 1);
            }
            free(s);
            hone_fitted_free(f.f);
            free_table(&t);
        }
}

static void threads_and_instruction_sets_do_not_change_bits(void **state)
{
    (void)state;
    const hone_isa best = best_isa();
    for (int metric = EUCLIDEAN; metric <= HAMMING; metric++) {
        table t = make(CLOUDS, 1800, 6, 3, 13), q = make(CLOUDS, 400, 6, 3, 14);
        knn_params p = defaults(&t);
        p.metric = metric;
        p.weights = VOTE_DISTANCE;
        const hone_matrix x = matrix_of(&q);
        double *first = NULL;
        for (int isa = HONE_ISA_PORTABLE; isa <= (int)best; isa++)
            for (int threads = 1; threads <= 7; threads += 6) {
                fitted f;
                fit(&f, &t, &p, (how){.threads = threads, .isa = (hone_isa)isa});
                double *s = scores(&f, &x);
                if (first)
                    assert_memory_equal(s, first, sizeof(double) * 1200);
                else
                    first = s;
                if (s != first)
                    free(s);
                hone_fitted_free(f.f);
            }
        free(first);
        free_table(&t), free_table(&q);
    }
}

typedef struct csr {
    hone_matrix x;
    int64_t *start;
    int32_t *column;
    double *value;
} csr;

static csr sparse_of(const table *t)
{
    csr s = {.start = calloc((size_t)t->n + 1, 8),
             .column = calloc((size_t)(t->n * t->d), 4),
             .value = calloc((size_t)(t->n * t->d), 8)};
    int64_t next = 0;
    for (int64_t i = 0; i < t->n; i++) {
        for (int64_t k = 0; k < t->d; k++)
            if (t->x[i * t->d + k] != 0) {
                s.column[next] = (int32_t)k;
                s.value[next++] = t->x[i * t->d + k];
            }
        s.start[i + 1] = next;
    }
    s.x = (hone_matrix){.values = s.value,
                        .layout = HONE_CSR,
                        .dtype = HONE_F64,
                        .rows = t->n,
                        .cols = t->d,
                        .stored_cols = t->d,
                        .row_start = s.start,
                        .column = s.column};
    return s;
}

static void free_csr(csr *s)
{
    free(s->start), free(s->column), free(s->value);
}

static void sparse_rows_have_the_bits_of_dense_ones(void **state)
{
    (void)state;
    for (int metric = EUCLIDEAN; metric <= HAMMING; metric++) {
        table t = make(SPARSE, 400, 12, 3, 15), q = make(SPARSE, 70, 12, 3, 16);
        memset(t.x, 0, sizeof(double) * 24), memset(q.x, 0, sizeof(double) * 24);
        csr ts = sparse_of(&t), qs = sparse_of(&q);
        knn_params p = defaults(&t);
        p.metric = metric;
        p.weights = VOTE_DISTANCE;
        fitted dense, sparse;
        fit(&dense, &t, &p, (how){0});
        fit(&sparse, &t, &p, (how){.x = &ts.x});
        assert_int_equal(sparse.s->n_sparse, 400);
        const hone_matrix x = matrix_of(&q);
        double *a = scores(&dense, &x), *b = scores(&sparse, &qs.x), *c = scores(&sparse, &x);
        assert_memory_equal(a, b, sizeof(double) * 210);
        assert_memory_equal(a, c, sizeof(double) * 210);
        free(a), free(b), free(c);
        hone_fitted_free(dense.f), hone_fitted_free(sparse.f);
        free_csr(&ts), free_csr(&qs), free_table(&t), free_table(&q);
    }
}

static void rows_are_stored_once_in_float32_where_that_is_exact(void **state)
{
    (void)state;
    table t = make(LATTICE, 100, 3, 2, 17);
    const knn_params p = defaults(&t);
    fitted f;
    fit(&f, &t, &p, (how){0});
    assert_true(f.s->n_narrow == 100 && f.s->n_wide == 0);
    hone_fitted_free(f.f);
    t.x[299] = 0.1;
    fit(&f, &t, &p, (how){0});
    assert_true(f.s->n_narrow == 0 && f.s->n_wide == 100);
    hone_fitted_free(f.f);
    free_table(&t);
}

static void permuted_rows_give_the_same_distances(void **state)
{
    (void)state;
    table t = make(CLOUDS, 400, 4, 0, 18), u = make(CLOUDS, 400, 4, 0, 18);
    for (int64_t i = 0; i < 400; i++) {
        memcpy(u.x + (399 - i) * 4, t.x + i * 4, sizeof(double) * 4);
        u.y[399 - i] = t.y[i];
    }
    knn_params p = defaults(&t);
    p.n_neighbors = 1;
    fitted a, b;
    fit(&a, &t, &p, (how){0}), fit(&b, &u, &p, (how){0});
    const hone_matrix x = matrix_of(&t);
    double *s = scores(&a, &x), *r = scores(&b, &x);
    assert_memory_equal(s, r, sizeof(double) * 400);
    assert_memory_equal(s, t.y, sizeof(double) * 400);
    free(s), free(r);
    hone_fitted_free(a.f), hone_fitted_free(b.f);
    free_table(&t), free_table(&u);
}

/* Every k and weighting votes over lists of one search, with the bits of a search of its own. */
static void trials_of_a_split_share_one_search(void **state)
{
    (void)state;
    enum { N = 300, HALF = 150 };
    table t = make(DUPLICATES, N, 5, 3, 23);
    int64_t odd[HALF], even[HALF];
    for (int64_t i = 0; i < HALF; i++)
        odd[i] = 2 * i + 1, even[i] = 2 * i;
    hone_cache *cache = hone_cache_open(1 << 24);
    hone_simple_run storage;
    const hone_run *run = hone_run_simple(&storage, 2);
    hone_matrix x = matrix_of(&t);
    const hone_matrix all = x;
    x.row = even, x.rows = HALF;
    for (int64_t trial = 0; trial < 12; trial++) {
        knn_params p = defaults(&t);
        p.n_neighbors = 30 - trial / 2 * 5, p.weights = trial % 2 ? VOTE_DISTANCE : VOTE_UNIFORM;
        const hone_trial of = {
            .algorithm = &hone_knn,
            .params = &p,
            .shape = {.features = 5, .outputs = 3, .stored = 5, .task = HONE_CLASSIFICATION},
            .table = all,
            .table_id = 1,
            .rows = odd,
            .n_rows = HALF,
            .valid = even,
            .n_valid = HALF,
            .label = t.label,
            .labels_id = 1,
            .siblings = trial % 3 ? 12 : 1,
            .passing = trial % 4 > 1,
            .run = run};
        hone_shared door;
        hone_fitted *f;
        hone_error error = {0};
        double shared[HALF * 3], own[HALF * 3];
        hone_arena *arena = hone_arena_open(NULL);
        if (p.n_neighbors == 0)
            p.n_neighbors = 1;
        assert_int_equal(hone_trial_fit_open(&of, cache, arena, &door, &f, &error), HONE_OK);
        assert_int_equal(hone_fitted_predict(f, &x, run, &door, shared, &error), HONE_OK);
        assert_int_equal(hone_fitted_predict(f, &x, run, NULL, own, &error), HONE_OK);
        assert_memory_equal(shared, own, sizeof own);
        hone_matrix part = x; /* other rows than those of the lists are searched */
        part.rows = HALF / 2, part.row = even + HALF / 2;
        assert_int_equal(hone_fitted_predict(f, &part, run, &door, shared, &error), HONE_OK);
        assert_memory_equal(shared, own + HALF / 2 * 3, sizeof own / 2);
        hone_shared_release(&door);
        hone_fitted_free(f);
        hone_arena_close(arena);
    }
    hone_cache_stats stats = {.size = sizeof stats};
    hone_cache_read_stats(cache, &stats);
    assert_int_equal(stats.misses, 2); /* the lists, and whether float32 holds the rows */
    hone_cache_close(cache);
    free_table(&t);
}

static void lists_of_neighbours_are_told_by_row_and_distance(void **state)
{
    (void)state;
    enum { N = 1200, M = 40, K = 7, D = 3 };
    for (int weighed = 0; weighed < 2; weighed++) {
        table t = make(DUPLICATES, N, D, 0, 41), q = make(CLOUDS, M, D, 0, 42);
        memcpy(q.x, t.x, sizeof(double) * D * 10);
        if (weighed)
            weigh(&t, 43);
        knn_params p = defaults(&t);
        p.n_neighbors = K;
        fitted f;
        fit(&f, &t, &p, (how){.threads = 3});
        const hone_matrix x = matrix_of(&q);
        double rows[M * K], distances[M * K], score;
        near *all = calloc(N, sizeof *all);
        tell(&f, "nearest_rows", &x, rows);
        tell(&f, "nearest_distances", &x, distances);
        for (int64_t i = 0; i < M; i++) {
            plain(&t, &p, q.x + i * D, 1, all, &score);
            for (int64_t j = 0; j < K; j++) {
                assert_true(rows[i * K + j] == (double)all[j].row);
                assert_true(distances[i * K + j] == all[j].distance);
            }
        }
        free(all);
        hone_fitted_free(f.f);
        free_table(&t), free_table(&q);
    }
}

/* Every allocation of a fit and a prediction refused once: NO_MEMORY, nothing leaks or crashes. */
static void a_refused_allocation_is_an_error(void **state)
{
    (void)state;
    table t = make(CLOUDS, 1100, 4, 3, 19);
    const knn_params p = defaults(&t);
    const hone_matrix x = matrix_of(&t);
    double *out = calloc(3300, sizeof *out);
    bool whole = false;
    for (long n = 0; !whole; n++) {
        fitted f = {0};
        hone_error error = {0};
        hone_alloc_fail_after(n, false);
        hone_status status = try_fit(&f, &t, &p, (how){0}, &error);
        if (!status)
            status = hone_fitted_predict(f.f, &x, &f.storage.run, NULL, out, &error);
        hone_alloc_fail_after(-1, false);
        whole = !status;
        assert_true(whole || status == HONE_NO_MEMORY);
        hone_fitted_free(f.f);
        assert_true(n < 1000);
    }
    free(out);
    free_table(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_metric_equals_the_plain_loop_bit_for_bit),
        cmocka_unit_test(every_power_equals_the_plain_loop_bit_for_bit),
        cmocka_unit_test(minkowski_is_filtered_in_float32),
        cmocka_unit_test(gower_equals_the_plain_loop_bit_for_bit),
        cmocka_unit_test(gower_ranks_rows_that_share_no_column_last_and_lower_rows_first),
        cmocka_unit_test(walks_down_the_tree_equal_the_plain_loop_bit_for_bit),
        cmocka_unit_test(a_tree_is_walked_where_that_leaves_rows_out),
        cmocka_unit_test(regression_equals_the_plain_loop_bit_for_bit),
        cmocka_unit_test(tiny_and_huge_values_rank_as_in_double),
        cmocka_unit_test(queries_far_beyond_the_training_rows_are_ranked),
        cmocka_unit_test(all_rows_are_neighbours_when_k_is_n),
        cmocka_unit_test(k_above_n_acts_as_n),
        cmocka_unit_test(ties_go_to_the_lower_row),
        cmocka_unit_test(rows_at_distance_zero_vote_alone),
        cmocka_unit_test(rows_of_weight_zero_are_as_if_absent),
        cmocka_unit_test(balanced_classes_weigh_the_same),
        cmocka_unit_test(extreme_weights_give_finite_votes),
        cmocka_unit_test(threads_and_instruction_sets_do_not_change_bits),
        cmocka_unit_test(sparse_rows_have_the_bits_of_dense_ones),
        cmocka_unit_test(rows_are_stored_once_in_float32_where_that_is_exact),
        cmocka_unit_test(permuted_rows_give_the_same_distances),
        cmocka_unit_test(trials_of_a_split_share_one_search),
        cmocka_unit_test(lists_of_neighbours_are_told_by_row_and_distance),
        cmocka_unit_test(a_refused_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
