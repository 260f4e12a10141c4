/* The random forest through the trial: what it learns, and which bits must not change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "algorithms/random_forest/grow.h"
#include "base/hash.h"
#include "core/catalog.h"
#include "core/params.h"
#include "core/training.h"
#include "core/trial.h"
#include "toolbox/random.h"

extern const hone_algorithm hone_random_forest;

/* ---- a problem, a fit, and its bits ---- */

enum { MOST_COLUMNS = 64 };

typedef struct table {
    int64_t n, d, classes;
    double *x, *y, *w; /* row-major; w may be NULL */
    int32_t *label;
    int32_t levels[MOST_COLUMNS];
    bool categories;
} table;

static table new_table(int64_t n, int64_t d, int64_t classes)
{
    return (table){.n = n,
                   .d = d,
                   .classes = classes,
                   .x = calloc((size_t)(n * d), sizeof(double)),
                   .y = calloc((size_t)n, sizeof(double)),
                   .label = calloc((size_t)n, sizeof(int32_t))};
}

static void free_table(table *t)
{
    free(t->x), free(t->y), free(t->w), free(t->label);
}

static forest_params defaults(const table *t)
{
    forest_params p;
    memset(&p, 0, sizeof p);
    hone_params_default(hone_random_forest.params,
                        t->classes ? HONE_CLASSIFICATION : HONE_REGRESSION, &p);
    p.n_estimators = 10;
    return p;
}

static hone_amount count_of(int64_t n)
{
    return (hone_amount){-1, true, (double)n};
}

/* Everything a fit may be told besides the table. */
typedef struct how {
    forest_params p;
    uint64_t seed;
    int threads;
    int64_t siblings;
    hone_isa isa;
    hone_cache *cache; /* NULL: one without budget */
    const int64_t *rows;
    int64_t n_rows;
} how;

static hone_trial trial_of(const table *t, const how *h, const hone_run *run)
{
    hone_matrix x = {.values = t->x,
                     .layout = HONE_DENSE,
                     .dtype = HONE_F64,
                     .rows = t->n,
                     .cols = t->d,
                     .stored_cols = t->d,
                     .row_stride = t->d,
                     .col_stride = 1,
                     .levels = t->categories ? t->levels : NULL};
    const hone_shape shape = {t->d, t->classes ? t->classes : 1, t->d, x.levels,
                              t->classes ? HONE_CLASSIFICATION : HONE_REGRESSION};
    return (hone_trial){.algorithm = &hone_random_forest,
                        .params = &h->p,
                        .shape = shape,
                        .table = x,
                        .table_id = hone_hash(0, t->x, (size_t)(t->n * t->d) * sizeof(double)),
                        .rows = h->rows,
                        .n_rows = h->n_rows,
                        .label = t->classes ? t->label : NULL,
                        .target = t->classes ? NULL : t->y,
                        .weight = t->w,
                        .labels_id = 1,
                        .siblings = h->siblings,
                        .seed = h->seed,
                        .run = run};
}

static hone_fitted *fit_with(const table *t, const how *h, const hone_run *run, hone_status expect)
{
    hone_cache *own = h->cache ? NULL : hone_cache_open(0);
    const hone_trial trial = trial_of(t, h, run);
    hone_fitted *f;
    hone_error error = {0};
    const hone_status status = hone_trial_fit(&trial, h->cache ? h->cache : own, &f, NULL, &error);
    if (status != expect)
        print_error("%s: %s\n", error.path, error.message);
    assert_int_equal(status, expect);
    hone_cache_close(own);
    return f;
}

static hone_fitted *fit(const table *t, const how *h)
{
    hone_simple_run storage;
    const hone_run *run = hone_run_simple(&storage, h->threads ? h->threads : 1);
    if (h->isa)
        storage.run.isa = h->isa;
    return fit_with(t, h, run, HONE_OK);
}

static int64_t extent(hone_extent e, const hone_fitted *f)
{
    switch (e.of) {
    case HONE_COUNT_AT:
        return *(const int64_t *)((const char *)f->state + e.offset) + e.plus;
    case HONE_FEATURES:
        return f->shape.features + e.plus;
    case HONE_OUTPUTS:
        return f->shape.outputs + e.plus;
    case HONE_PLAIN:
        break;
    }
    return e.plus;
}

/* The state as its table says it: equal hashes are equal models. */
static uint64_t bits_of(const hone_fitted *f)
{
    static const size_t size[] = {[HONE_F32] = 4, [HONE_F64] = 8, [HONE_U8] = 1, [HONE_U16] = 2,
                                  [HONE_U32] = 4, [HONE_I32] = 4, [HONE_I64] = 8};
    uint64_t h = 0;
    for (const hone_field *field = f->algorithm->state; field->name; field++) {
        const char *at = (const char *)f->state + field->offset;
        if (!field->is_array) {
            h = hone_hash(h, at, 8);
            continue;
        }
        const int64_t n = extent(field->rows, f) * extent(field->cols, f);
        const void *values;
        memcpy(&values, at, sizeof values);
        h = hone_hash(h, values, (size_t)n * size[field->dtype]);
    }
    return h;
}

static uint64_t fit_bits(const table *t, const how *h)
{
    hone_fitted *f = fit(t, h);
    const uint64_t bits = bits_of(f);
    hone_fitted_free(f);
    return bits;
}

static double *predict(const hone_fitted *f, const table *t)
{
    hone_simple_run storage;
    const hone_run *run = hone_run_simple(&storage, 1);
    const how h = {0};
    const hone_trial trial = trial_of(t, &h, run);
    double *score = malloc((size_t)(t->n * f->shape.outputs) * sizeof *score);
    assert_int_equal(hone_fitted_predict(f, &trial.table, run, NULL, score, NULL), HONE_OK);
    return score;
}

static double accuracy(const hone_fitted *f, const table *t)
{
    double *score = predict(f, t), right = 0;
    for (int64_t i = 0; i < t->n; i++) {
        int64_t best = 0;
        for (int64_t k = 1; k < t->classes; k++)
            if (score[i * t->classes + k] > score[i * t->classes + best])
                best = k;
        right += best == t->label[i];
    }
    free(score);
    return right / (double)t->n;
}

static double rmse(const hone_fitted *f, const table *t)
{
    double *score = predict(f, t), sum = 0;
    for (int64_t i = 0; i < t->n; i++)
        sum += (score[i] - t->y[i]) * (score[i] - t->y[i]);
    free(score);
    return sqrt(sum / (double)t->n);
}

/* ---- data ---- */

/* Noisy rules over a few of the columns; integers in every third column. */
static table rules(int64_t n, int64_t d, int64_t classes, uint64_t seed)
{
    table t = new_table(n, d, classes);
    hone_stream r = hone_stream_of(seed, 0, 0);
    for (int64_t i = 0; i < n; i++) {
        double *x = t.x + i * d;
        for (int64_t j = 0; j < d; j++)
            x[j] = j % 3 == 2 ? (double)hone_below(&r, 7) : hone_uniform(&r);
        const double z = 3 * x[0] + (x[1 % d] > 0.4) + 0.3 * x[2 % d];
        t.y[i] = z + 0.1 * hone_uniform(&r);
        if (classes)
            t.label[i] = (int32_t)((int64_t)(z * 1.7) % classes);
    }
    return t;
}

/* Holes in column 0 where the class is 0, and a column 2 of levels. */
static table mixed(int64_t n, int64_t classes, int32_t levels, uint64_t seed)
{
    table t = new_table(n, 4, classes);
    hone_stream r = hone_stream_of(seed, 1, 0);
    t.categories = true;
    t.levels[2] = levels;
    for (int64_t i = 0; i < n; i++) {
        double *x = t.x + i * 4;
        x[0] = hone_uniform(&r), x[1] = hone_uniform(&r), x[3] = hone_uniform(&r);
        x[2] = (double)hone_below(&r, (uint64_t)levels);
        const bool hole = hone_below(&r, 5) == 0;
        const int64_t kind = (int64_t)(hone_mix((uint64_t)x[2] * 77) % 3) + (hole ? 1 : 0);
        if (hole)
            x[0] = NAN;
        t.y[i] = (double)kind + 0.01 * x[1];
        if (classes)
            t.label[i] = (int32_t)(kind % classes);
        if (hone_below(&r, 30) == 0)
            x[2] = NAN;
    }
    return t;
}

/* ---- learning ---- */

static void it_learns_classes(void **state)
{
    (void)state;
    for (int64_t c = 2; c <= 5; c += 3) {
        table train = rules(2000, 6, c, 1), test = rules(1000, 6, c, 2);
        for (int criterion = GINI; criterion <= LOG_LOSS; criterion++)
            for (int splitter = SPLIT_BEST; splitter <= SPLIT_RANDOM; splitter++) {
                how h = {defaults(&train), 7};
                h.p.n_estimators = 30, h.p.criterion = criterion, h.p.splitter = splitter;
                h.p.max_features = (hone_amount){FEATURES_ALL, false, 0};
                hone_fitted *f = fit(&train, &h);
                assert_true(accuracy(f, &train) > 0.99);
                assert_true(accuracy(f, &test) > (c == 2 ? 0.7 : 0.95));
                hone_fitted_free(f);
            }
        free_table(&train), free_table(&test);
    }
}

static void it_learns_amounts(void **state)
{
    (void)state;
    table train = rules(1000, 6, 0, 1), test = rules(500, 6, 0, 2);
    for (int criterion = SQUARED_ERROR; criterion <= POISSON; criterion++)
        for (int splitter = SPLIT_BEST; splitter <= SPLIT_RANDOM; splitter++) {
            how h = {defaults(&train), 7};
            h.p.n_estimators = 30, h.p.criterion = criterion, h.p.splitter = splitter;
            hone_fitted *f = fit(&train, &h);
            assert_true(rmse(f, &train) < 0.07);
            assert_true(rmse(f, &test) < 0.16);
            hone_fitted_free(f);
        }
    free_table(&train), free_table(&test);
}

static void it_learns_holes_and_categories(void **state)
{
    (void)state;
    for (int64_t c = 0; c <= 4; c += 2)
        for (int32_t levels = 3; levels < 2000; levels = levels * 9 + 1) {
            table train = mixed(4000, c, levels, 3), test = mixed(1000, c, levels, 4);
            for (int splitter = SPLIT_BEST; splitter <= SPLIT_RANDOM; splitter++) {
                how h = {defaults(&train), 7};
                h.p.splitter = splitter;
                h.p.n_estimators = 20;
                h.p.max_features = (hone_amount){FEATURES_ALL, false, 0};
                hone_fitted *f = fit(&train, &h);
                const double enough = levels < 100 ? 0.96 : 0.78;
                if (c)
                    assert_true(accuracy(f, &test) > enough);
                else
                    assert_true(rmse(f, &test) < (levels < 100 ? 0.3 : 0.7));
                hone_fitted_free(f);
            }
            free_table(&train), free_table(&test);
        }
}

/* ---- the split ---- */

static double gini_after(const table *t, int64_t j, double cut)
{
    double count[2][8] = {{0}}, size[2] = {0}, sum = 0;
    for (int64_t i = 0; i < t->n; i++) {
        const int side = t->x[i * t->d + j] > cut;
        count[side][t->label[i]]++, size[side]++;
    }
    for (int side = 0; side < 2; side++)
        for (int64_t k = 0; k < t->classes && size[side] > 0; k++)
            sum += count[side][k] * (1 - count[side][k] / size[side]);
    return sum;
}

static double error_after(const table *t, int64_t j, double cut, int criterion)
{
    double sum = 0;
    for (int side = 0; side < 2; side++) {
        double total = 0, size = 0, best = INFINITY;
        for (int64_t i = 0; i < t->n; i++)
            if ((t->x[i * t->d + j] > cut) == side)
                total += t->y[i], size++;
        if (size == 0)
            return INFINITY;
        double squares = 0;
        for (int64_t i = 0; i < t->n; i++)
            if ((t->x[i * t->d + j] > cut) == side)
                squares += (t->y[i] - total / size) * (t->y[i] - total / size);
        for (int64_t k = 0; k < t->n; k++) { /* the best constant is one of the targets */
            double distance = 0;
            for (int64_t i = 0; i < t->n; i++)
                if ((t->x[i * t->d + j] > cut) == side)
                    distance += fabs(t->y[i] - t->y[k]);
            best = distance < best ? distance : best;
        }
        sum += criterion == ABSOLUTE_ERROR ? best : squares;
    }
    return sum;
}

static void the_first_split_is_the_best_of_all(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        const int64_t classes = (int64_t)(seed % 3) * 2; /* 0, 2, 4 */
        table t = rules(20 + (int64_t)seed * 3, 5, classes, seed);
        for (int64_t i = 0; i < t.n; i++) /* skewed: both errors disagree */
            t.y[i] = exp(2 * t.y[i]) + (i % 11 == 0 ? 3000 : 0);
        how h = {defaults(&t), seed};
        h.p.n_estimators = 1, h.p.bootstrap = false, h.p.max_depth = count_of(1);
        h.p.max_features = (hone_amount){FEATURES_ALL, false, 0};
        h.p.criterion = classes ? GINI : seed % 2 ? SQUARED_ERROR : ABSOLUTE_ERROR;
        hone_fitted *f = fit(&t, &h);
        const forest_state *s = f->state;
        double best = INFINITY;
        for (int64_t j = 0; j < t.d; j++)
            for (int64_t i = 0; i < t.n; i++) {
                const double cut = t.x[i * t.d + j];
                const double v =
                    classes ? gini_after(&t, j, cut) : error_after(&t, j, cut, h.p.criterion);
                best = v < best ? v : best;
            }
        const double found = classes
                                 ? gini_after(&t, s->feature[0], s->threshold[0])
                                 : error_after(&t, s->feature[0], s->threshold[0], h.p.criterion);
        assert_true(s->n_nodes == 3);
        assert_true(fabs(found - best) < 1e-9 * (1 + fabs(best)));
        hone_fitted_free(f);
        free_table(&t);
    }
}

/* ---- the same bits ---- */

static void threads_do_not_change_a_bit(void **state)
{
    (void)state;
    for (int64_t c = 0; c <= 3; c++) {
        table t = c == 1 ? mixed(1500, 2, 12, 9) : rules(1500, 7, c, 9);
        how h = {defaults(&t), 11};
        h.p.n_estimators = 9;
        const uint64_t one = fit_bits(&t, &h);
        for (h.threads = 2; h.threads <= 7; h.threads += h.threads == 3 ? 4 : 1)
            assert_int_equal(fit_bits(&t, &h), one);
        h.seed = 12;
        assert_int_not_equal(fit_bits(&t, &h), one);
        free_table(&t);
    }
}

static void a_cap_on_bytes_keeps_the_first_trees(void **state)
{
    (void)state;
    table t = rules(500, 6, 3, 4);
    how h = {defaults(&t), 5};
    h.p.n_estimators = 40;
    hone_fitted *all = fit(&t, &h);
    const forest_state *s = all->state;
    h.p.max_model_bytes = count_of((int64_t)hone_fitted_bytes(all) / 2);
    hone_fitted *some = fit(&t, &h);
    const forest_state *kept = some->state;
    assert_true(hone_fitted_bytes(some) <= hone_fitted_bytes(all) / 2 + 1000);
    assert_in_range(kept->n_trees, 15, 21);
    assert_memory_equal(kept->threshold, s->threshold, (size_t)kept->n_nodes * sizeof(double));
    h.p.n_estimators = kept->n_trees;
    h.p.max_model_bytes = defaults(&t).max_model_bytes;
    assert_int_equal(fit_bits(&t, &h), bits_of(some));
    h.p.max_model_bytes = count_of(10);
    hone_simple_run storage;
    assert_null(fit_with(&t, &h, hone_run_simple(&storage, 1), HONE_UNSUPPORTED));
    hone_fitted_free(all), hone_fitted_free(some);
    free_table(&t);
}

/* More threads than trees: branches are grown side by side. */
static void branches_of_few_trees_are_those_of_one_thread(void **state)
{
    (void)state;
    for (int64_t c = 0; c <= 3; c++)
        for (int64_t trees = 1; trees <= 3; trees++) {
            table t = c == 1 ? mixed(3000, 2, 300, 9) : rules(3000, 7, c, 9);
            how h = {defaults(&t), 11, 1};
            h.p.n_estimators = trees;
            if (trees == 2)
                h.p.max_leaf_nodes = count_of(100);
            if (trees == 3)
                h.p.criterion = c ? ENTROPY : ABSOLUTE_ERROR;
            const uint64_t bits = fit_bits(&t, &h);
            for (h.threads = 2; h.threads <= 16; h.threads *= 2)
                for (h.siblings = 1; h.siblings <= 2; h.siblings++)
                    assert_int_equal(fit_bits(&t, &h), bits);
            free_table(&t);
        }
}

static void instruction_sets_do_not_change_a_bit(void **state)
{
    (void)state;
    hone_isa best;
    assert_int_equal(hone_isa_of(HONE_ISA_AUTO, &best, NULL), HONE_OK);
    for (int64_t c = 0; c <= 3; c++)
        for (int weights = 0; weights < 2; weights++) {
            table t = c == 1 ? mixed(3000, 2, 12, 9) : rules(3000, 19, c, 9);
            t.w = weights ? malloc((size_t)t.n * sizeof(double)) : NULL;
            for (int64_t i = 0; i < t.n && weights; i++)
                t.w[i] = 0.3 + (double)(i % 5);
            how h = {defaults(&t), 11};
            h.isa = HONE_ISA_PORTABLE;
            const uint64_t portable = fit_bits(&t, &h);
            h.isa = best;
            assert_int_equal(fit_bits(&t, &h), portable);
            free_table(&t);
        }
}

/* Columns of two values beside others; the last ones are rarely 1. */
static table one_hot(int64_t n, int64_t d, int64_t classes, uint64_t seed)
{
    table t = new_table(n, d, classes);
    hone_stream r = hone_stream_of(seed, 2, 0);
    for (int64_t i = 0; i < n; i++) {
        double *x = t.x + i * d;
        for (int64_t j = 0; j < d; j++)
            x[j] = j < 2 ? hone_uniform(&r) : hone_below(&r, (uint64_t)j) == 0;
        const double z = 2 * x[0] + x[2] - x[3] + 0.5 * x[d - 1] + 0.8 * hone_uniform(&r);
        t.y[i] = z;
        if (classes)
            t.label[i] = (int32_t)((int64_t)(z + 10) % classes);
    }
    return t;
}

/* Weights that are too large for a vote take the plain kernels: the oracle of the others. */
static void votes_and_cells_grow_the_same_trees(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++)
        for (int variant = 0; variant < 5; variant++) {
            table t = kind == 0   ? mixed(3000, 2, 12, 9)
                      : kind == 1 ? one_hot(4000, 60, 2, 9)
                                  : rules(kind == 2 ? 3000 : 40, 19, 2, 9);
            how h = {defaults(&t), 11};
            h.p.constant_features = variant % 2 ? CONSTANT_REDRAW : CONSTANT_STOP;
            h.p.min_samples_leaf = count_of(variant == 2 ? 3 : 1);
            h.p.min_weight_fraction_leaf = variant == 3 ? 0.004 : 0;
            h.p.bootstrap = variant != 4;
            if (variant == 1)
                h.p.max_features = count_of(3);
            t.w = malloc((size_t)t.n * sizeof(double));
            for (int64_t i = 0; i < t.n; i++)
                t.w[i] = (double)(1 + i % 3 * (variant % 3));
            const uint64_t votes = fit_bits(&t, &h);
            for (int64_t i = 0; i < t.n; i++)
                t.w[i] *= 0x1p18;
            assert_int_equal(fit_bits(&t, &h), votes);
            free_table(&t);
        }
}

static void the_order_of_rows_does_not_matter_without_bootstrap(void **state)
{
    (void)state;
    for (int64_t c = 0; c <= 3; c++) {
        table t = c == 1 ? mixed(900, 2, 12, 9) : rules(900, 7, c, 9);
        how h = {defaults(&t), 11};
        h.p.bootstrap = false;
        const uint64_t before = fit_bits(&t, &h);
        for (int64_t i = 0; i < t.n / 2; i++) {
            const int64_t k = t.n - 1 - i;
            for (int64_t j = 0; j < t.d; j++) {
                const double v = t.x[i * t.d + j];
                t.x[i * t.d + j] = t.x[k * t.d + j], t.x[k * t.d + j] = v;
            }
            const double y = t.y[i];
            const int32_t label = t.label[i];
            t.y[i] = t.y[k], t.label[i] = t.label[k];
            t.y[k] = y, t.label[k] = label;
        }
        assert_int_equal(fit_bits(&t, &h), before);
        free_table(&t);
    }
}

static void a_weight_is_a_repetition_without_bootstrap(void **state)
{
    (void)state;
    for (int64_t c = 0; c <= 3; c++) {
        table t = c == 1 ? mixed(500, 2, 12, 9) : rules(500, 7, c, 9);
        table twice = new_table(2 * t.n, t.d, t.classes);
        twice.categories = t.categories;
        memcpy(twice.levels, t.levels, sizeof t.levels);
        t.w = malloc((size_t)t.n * sizeof(double));
        int64_t n = 0;
        for (int64_t i = 0; i < t.n; i++) {
            t.w[i] = (double)(i % 3);
            for (int64_t k = 0; k < i % 3; k++, n++) {
                memcpy(twice.x + n * t.d, t.x + i * t.d, (size_t)t.d * sizeof(double));
                twice.y[n] = t.y[i], twice.label[n] = t.label[i];
            }
        }
        twice.n = n;
        how h = {defaults(&t), 11};
        h.p.bootstrap = false;
        h.p.max_bins = (hone_amount){0, false, 0}; /* bins count rows, not weights */
        hone_fitted *a = fit(&t, &h), *b = fit(&twice, &h);
        double *x = predict(a, &t), *y = predict(b, &t);
        for (int64_t i = 0; i < t.n * a->shape.outputs; i++)
            if (t.w[i / a->shape.outputs] > 0)
                assert_true(fabs(x[i] - y[i]) < 1e-12);
        free(x), free(y);
        hone_fitted_free(a), hone_fitted_free(b);
        free_table(&t), free_table(&twice);
    }
}

static void fitting_a_view_is_fitting_its_rows(void **state)
{
    (void)state;
    for (int64_t c = 0; c <= 3; c++) {
        table t = c == 1 ? mixed(1200, 2, 12, 9) : rules(1200, 7, c, 9);
        table part = new_table(t.n, t.d, t.classes);
        part.categories = t.categories;
        memcpy(part.levels, t.levels, sizeof t.levels);
        int64_t rows[1200], n = 0;
        for (int64_t i = 0; i < t.n; i++)
            if (i % 7 < 4) {
                memcpy(part.x + n * t.d, t.x + i * t.d, (size_t)t.d * sizeof(double));
                part.y[n] = t.y[i], part.label[n] = t.label[i];
                rows[n++] = i;
            }
        part.n = n;
        how whole = {defaults(&t), 11}, view = whole;
        view.rows = rows, view.n_rows = n;
        assert_int_equal(fit_bits(&t, &view), fit_bits(&part, &whole));
        free_table(&t), free_table(&part);
    }
}

/* ---- truncation ---- */

static void cut_configuration(forest_params *p, int64_t which)
{
    if (which & 1)
        p->max_depth = count_of(5);
    if (which & 2)
        p->min_samples_split = count_of(20);
    if (which & 4)
        p->max_leaf_nodes = count_of(25);
    if (which & 8)
        p->ccp_alpha = 0.001;
    if (which & 16)
        p->min_impurity_decrease = 0.002;
    p->n_estimators = which % 3 == 2 ? 19 : 5;
}

static void a_cut_of_shared_trees_is_a_fresh_fit(void **state)
{
    (void)state;
    for (int64_t c = 0; c <= 3; c++) {
        table t = c == 1 ? mixed(600, 2, 12, 9) : rules(600, 7, c, 9);
        uint64_t fresh[32];
        how h = {defaults(&t), 11};
        const forest_params base = h.p;
        for (int64_t k = 0; k < 32; k++) {
            h.p = base;
            cut_configuration(&h.p, k);
            fresh[k] = fit_bits(&t, &h);
        }
        for (int64_t budget = 0; budget < 3; budget++)
            for (int down = 0; down < 2; down++) {
                how shared = {base, 11};
                shared.siblings = 5;
                shared.cache = hone_cache_open(budget == 2 ? 1 << 30 : budget * 300000);
                for (int64_t k = 0; k < 32; k++) {
                    shared.p = base;
                    cut_configuration(&shared.p, down ? 31 - k : k);
                    assert_int_equal(fit_bits(&t, &shared), fresh[down ? 31 - k : k]);
                }
                hone_cache_close(shared.cache);
            }
        free_table(&t);
    }
}

/* Scores of validation rows, from the ends of the full trees and by a walk of their own. */
static void shared_ends_give_the_scores_of_a_walk(void **state)
{
    (void)state;
    for (int64_t c = 0; c <= 3; c++) {
        table t = c == 1 ? mixed(900, 2, 70, 3) : rules(900, 7, c, 3);
        hone_cache *cache = hone_cache_open(1 << 26);
        int64_t rows[2][900], n[2] = {0};
        for (int64_t i = 0; i < t.n; i++)
            rows[i % 3 == 0][n[i % 3 == 0]++] = i;
        const int64_t outputs = c ? t.classes : 1;
        double *ends = malloc((size_t)(n[1] * outputs) * sizeof(double));
        double *walk = malloc((size_t)(n[1] * outputs) * sizeof(double));
        for (int64_t which = 0; which < 12; which++) {
            how h = {defaults(&t), 4, 2, 12};
            h.rows = rows[0], h.n_rows = n[0];
            h.p.n_estimators = which % 2 ? 21 : 5;
            cut_configuration(&h.p, which / 2);
            hone_simple_run storage;
            const hone_run *run = hone_run_simple(&storage, 1 + (int)(which % 3));
            hone_trial trial = trial_of(&t, &h, run);
            trial.valid = rows[1], trial.n_valid = n[1];
            hone_arena *arena = hone_arena_open(NULL);
            hone_shared door;
            hone_fitted *f;
            assert_int_equal(hone_trial_fit_open(&trial, cache, arena, &door, &f, NULL), HONE_OK);
            assert_true(((forest_state *)f->state)->shares);
            hone_matrix x = trial.table;
            x.row = rows[1], x.rows = n[1];
            assert_int_equal(hone_fitted_predict(f, &x, run, &door, ends, NULL), HONE_OK);
            assert_int_equal(hone_fitted_predict(f, &x, run, NULL, walk, NULL), HONE_OK);
            assert_memory_equal(ends, walk, (size_t)(n[1] * outputs) * sizeof(double));
            x.row = rows[0], x.rows = n[1]; /* other rows than those that were walked */
            assert_int_equal(hone_fitted_predict(f, &x, run, &door, ends, NULL), HONE_OK);
            assert_int_equal(hone_fitted_predict(f, &x, run, NULL, walk, NULL), HONE_OK);
            assert_memory_equal(ends, walk, (size_t)(n[1] * outputs) * sizeof(double));
            hone_shared_release(&door);
            hone_fitted_free(f);
            hone_arena_close(arena);
        }
        hone_cache_stats stats = {.size = sizeof stats};
        hone_cache_read_stats(cache, &stats);
        assert_int_equal(stats.entries, 2 + 2 * 3); /* ranks, panel; trees and ends of 3 chunks */
        hone_cache_close(cache);
        free(ends), free(walk);
        free_table(&t);
    }
}

static void limits_hold(void **state)
{
    (void)state;
    table t = rules(800, 6, 3, 5);
    how h = {defaults(&t), 3};
    h.p.max_leaf_nodes = count_of(9);
    hone_fitted *f = fit(&t, &h);
    const forest_state *s = f->state;
    for (int64_t k = 0; k < s->n_trees; k++)
        assert_true(s->tree_start[k + 1] - s->tree_start[k] == 17);
    hone_fitted_free(f);
    h.p = defaults(&t), h.p.min_samples_leaf = count_of(50), h.p.bootstrap = false;
    f = fit(&t, &h), s = f->state;
    for (int64_t k = 0; k < s->n_trees; k++)
        assert_true(s->tree_start[k + 1] - s->tree_start[k] <= 2 * 800 / 50);
    assert_true(s->n_nodes > 5 * s->n_trees);
    hone_fitted_free(f);
    free_table(&t);
}

/* ---- out of the bag ---- */

static void out_of_bag_scores_come_from_trees_without_the_row(void **state)
{
    (void)state;
    for (int64_t c = 0; c <= 3; c += 3) {
        table t = rules(300, 5, c, 4);
        how h = {defaults(&t), 21};
        h.p.n_estimators = 40;
        hone_simple_run storage;
        const hone_run *run = hone_run_simple(&storage, 3);
        hone_fitted *f = fit(&t, &h);
        const hone_trial trial = trial_of(&t, &h, run);
        const int64_t outputs = f->shape.outputs;
        const forest_state *s = f->state;
        double out[900], want[900] = {0};
        int64_t votes[300] = {0};
        hone_arena *arena = hone_arena_open(NULL);
        const hone_output_job job = {.x = trial.table,
                                     .shape = trial.shape,
                                     .params = f->params,
                                     .state = s,
                                     .seed = h.seed,
                                     .run = run,
                                     .scratch = arena};
        assert_string_equal(hone_random_forest.outputs[0].name, "oob_score");
        assert_int_equal(hone_random_forest.outputs[0].compute(&job, out, NULL), HONE_OK);
        for (int64_t k = 0; k < s->n_trees; k++) {
            uint32_t bag[300];
            forest_bag(h.seed, k, t.n, t.n, bag);
            for (int64_t i = 0; i < t.n; i++) {
                int64_t at = s->tree_start[k];
                while (s->child[at])
                    at = s->tree_start[k] + s->child[at] +
                         !(t.x[i * t.d + s->feature[at]] <= s->threshold[at]);
                if (bag[i])
                    continue;
                votes[i]++;
                if (!c)
                    want[i] += s->threshold[at];
                else
                    for (int64_t e = s->row_start[s->payload[at]];
                         e < s->row_start[s->payload[at] + 1]; e++)
                        want[i * c + s->entry_class[e]] += s->entry_share[e];
            }
        }
        for (int64_t i = 0; i < t.n * outputs; i++)
            if (votes[i / outputs])
                assert_true(fabs(out[i] - want[i] / (double)votes[i / outputs]) < 1e-12);
            else
                assert_true(isnan(out[i]));
        hone_arena_close(arena);
        hone_fitted_free(f);
        free_table(&t);
    }
}

static void early_stopping_gives_a_prefix_of_the_forest(void **state)
{
    (void)state;
    for (int64_t c = 0; c <= 3; c++) {
        table t = c == 1 ? mixed(500, 2, 12, 9) : rules(500, 7, c, 9);
        how h = {defaults(&t), 11};
        h.p.n_estimators = 300, h.p.early_stopping = true, h.p.n_iter_no_change = 5;
        h.p.tol = 0.01;
        hone_fitted *f = fit(&t, &h);
        const int64_t trees = ((const forest_state *)f->state)->n_trees;
        const uint64_t stopped = bits_of(f);
        hone_fitted_free(f);
        assert_in_range(trees, 6, 299);
        h.threads = 3, h.siblings = 4;
        assert_int_equal(fit_bits(&t, &h), stopped);
        h.p.early_stopping = false, h.p.n_estimators = trees;
        assert_int_equal(fit_bits(&t, &h), stopped);
        free_table(&t);
    }
}

/* ---- odd data ---- */

static void odd_data_gives_a_model(void **state)
{
    (void)state;
    const int64_t size[][3] = {{1, 1, 2}, {1, 3, 0}, {5, 60, 3}, {30, 2, 2}, {30, 2, 0}};
    for (int k = 0; k < 5; k++)
        for (int kind = 0; kind < 4; kind++) {
            table t = rules(size[k][0], size[k][1], size[k][2], 3);
            for (int64_t i = 0; i < t.n * t.d; i++)
                t.x[i] = kind == 1 ? 4 : kind == 2 ? NAN : kind == 3 ? t.x[i] * 1e300 : t.x[i];
            for (int64_t i = 0; i < t.n && kind == 1; i++)
                t.label[i] = 0, t.y[i] = 3;
            how h = {defaults(&t), 1};
            h.p.min_samples_leaf = count_of(k == 3 ? 1000 : 1);
            hone_fitted *f = fit(&t, &h);
            double *score = predict(f, &t);
            for (int64_t i = 0; i < t.n * f->shape.outputs; i++)
                assert_true(isfinite(score[i]));
            free(score);
            hone_fitted_free(f);
            free_table(&t);
        }
}

/* Weights of any scale, down to those that lose digits as they are. */
static void the_scale_of_weights_does_not_matter(void **state)
{
    (void)state;
    static const int scales[] = {-1000, -500, 500, 1000};
    for (int classes = 0; classes <= 3; classes += 3)
        for (int balanced = 0; balanced < (classes ? 3 : 1); balanced++) {
            table t = rules(200, 4, classes, 9);
            t.w = malloc((size_t)t.n * sizeof *t.w);
            how h = {defaults(&t), 4};
            h.p.class_weight = balanced;
            for (int64_t i = 0; i < t.n; i++)
                t.w[i] = 0.5 + (double)(i % 7) / 8;
            const uint64_t bits = fit_bits(&t, &h);
            for (int k = 0; k < 4; k++) {
                for (int64_t i = 0; i < t.n; i++)
                    t.w[i] = ldexp(0.5 + (double)(i % 7) / 8, scales[k]);
                assert_int_equal(fit_bits(&t, &h), bits);
            }
            for (int64_t i = 0; i < t.n; i++)
                t.w[i] = i % 7 ? 5e-324 : 1e-310;
            hone_fitted_free(fit(&t, &h));
            free_table(&t);
        }
}

static void a_deadline_keeps_whole_trees(void **state)
{
    (void)state;
    table t = rules(3000, 12, 2, 1);
    hone_simple_run storage;
    how h = {defaults(&t), 5};
    h.p.n_estimators = 400;
    hone_run_simple(&storage, 2);
    storage.run.work_limit = 1;
    hone_fitted *f = fit_with(&t, &h, &storage.run, HONE_OK);
    const int64_t trees = ((const forest_state *)f->state)->n_trees;
    assert_in_range(trees, 1, 399);
    const uint64_t stopped = bits_of(f);
    hone_fitted_free(f);
    h.p.n_estimators = trees;
    assert_int_equal(fit_bits(&t, &h), stopped);
    hone_run_simple(&storage, 2);
    storage.run.deadline = 1;
    h.p.n_estimators = 400;
    fit_with(&t, &h, &storage.run, HONE_STOPPED);
    free_table(&t);
}

/* Flips fields of a fitted state inside their rules: refused, or it predicts. */
static void a_mutated_state_is_refused_or_predicts(void **state)
{
    (void)state;
    table t = mixed(400, 3, 40, 2);
    how h = {defaults(&t), 5};
    hone_fitted *f = fit(&t, &h);
    forest_state *s = f->state;
    hone_stream r = hone_stream_of(3, 0, 0);
    int64_t refused = 0;
    for (int k = 0; k < 20000; k++) {
        const int64_t i = (int64_t)hone_below(&r, (uint64_t)s->n_nodes);
        const int32_t child = s->child[i], feature = s->feature[i], payload = s->payload[i];
        const uint8_t side = s->side[i];
        switch (hone_below(&r, 4)) {
        case 0:
            s->child[i] = (int32_t)hone_below(&r, (uint64_t)s->n_nodes);
            break;
        case 1:
            s->feature[i] = (int32_t)hone_below(&r, 4);
            break;
        case 2:
            s->payload[i] = (int32_t)hone_below(&r, (uint64_t)s->n_payloads + 1) - 1;
            break;
        default:
            s->side[i] = (uint8_t)hone_below(&r, 4);
        }
        if (f->algorithm->check(&f->shape, f->params, s, NULL)) {
            refused++;
        } else if (k % 50 == 0) {
            hone_arena *arena = hone_arena_open(NULL);
            assert_int_equal(f->algorithm->prepare(&f->shape, f->params, s, arena, NULL), HONE_OK);
            free(predict(f, &t));
            hone_arena_close(arena);
        }
        s->child[i] = child, s->feature[i] = feature, s->payload[i] = payload, s->side[i] = side;
    }
    assert_in_range(refused, 5000, 19000);
    hone_fitted_free(f);
    free_table(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_learns_classes),
        cmocka_unit_test(it_learns_amounts),
        cmocka_unit_test(it_learns_holes_and_categories),
        cmocka_unit_test(the_first_split_is_the_best_of_all),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(a_cap_on_bytes_keeps_the_first_trees),
        cmocka_unit_test(branches_of_few_trees_are_those_of_one_thread),
        cmocka_unit_test(instruction_sets_do_not_change_a_bit),
        cmocka_unit_test(votes_and_cells_grow_the_same_trees),
        cmocka_unit_test(the_order_of_rows_does_not_matter_without_bootstrap),
        cmocka_unit_test(a_weight_is_a_repetition_without_bootstrap),
        cmocka_unit_test(fitting_a_view_is_fitting_its_rows),
        cmocka_unit_test(a_cut_of_shared_trees_is_a_fresh_fit),
        cmocka_unit_test(shared_ends_give_the_scores_of_a_walk),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(out_of_bag_scores_come_from_trees_without_the_row),
        cmocka_unit_test(early_stopping_gives_a_prefix_of_the_forest),
        cmocka_unit_test(odd_data_gives_a_model),
        cmocka_unit_test(the_scale_of_weights_does_not_matter),
        cmocka_unit_test(a_deadline_keeps_whole_trees),
        cmocka_unit_test(a_mutated_state_is_refused_or_predicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
