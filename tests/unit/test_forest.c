/* The random forest through the trial: what it learns, and which bits must not change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forest_world.h"

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

/* ---- where rows end ---- */

/* One column: `distinct` values a rounding error apart, or as many levels. */
static table narrow_steps(int64_t n, int64_t distinct, bool categories, int64_t classes)
{
    table t = new_table(n, 1, classes);
    hone_stream r = hone_stream_of(5, (uint64_t)distinct, categories);
    t.categories = categories;
    t.levels[0] = (int32_t)distinct;
    for (int64_t i = 0; i < n; i++) {
        const double step =
            (double)(i < distinct ? i : (int64_t)hone_below(&r, (uint64_t)distinct));
        t.x[i] = categories ? step : 1 + step * 0x1p-52;
        t.y[i] = (double)hone_below(&r, 1000);
        t.label[i] = classes ? (int32_t)hone_below(&r, (uint64_t)classes) : 0;
        if (hone_below(&r, 50) == 0)
            t.x[i] = NAN;
    }
    return t;
}

/* A leaf answers with the mean of the rows that reach it: growing and walking part them alike. */
static void check_leaves(const table *t, const how *h)
{
    hone_fitted *f = fit(t, h);
    const int64_t nodes = ((const forest_state *)f->state)->n_nodes, c = f->shape.outputs;
    double *sum = calloc((size_t)(nodes * c), sizeof *sum), *score = predict(f, t);
    int64_t *rows = calloc((size_t)nodes, sizeof *rows), *leaf = leaves(f, t);
    for (int64_t i = 0; i < t->n; i++) {
        rows[leaf[i]]++;
        sum[leaf[i] * c + t->label[i]] += t->classes ? 1 : t->y[i];
    }
    for (int64_t i = 0; i < t->n * c; i++) {
        const int64_t k = leaf[i / c];
        assert_true(fabs(score[i] - sum[k * c + i % c] / (double)rows[k]) < 1e-9);
    }
    free(sum), free(score), free(rows), free(leaf);
    hone_fitted_free(f);
}

static void rows_end_where_the_tree_was_grown_on_them(void **state)
{
    (void)state;
    for (int kind = 0; kind < 8; kind++) {
        const int64_t c = kind % 2 ? 3 : 0;
        table t = kind < 2   ? narrow_steps(300, 200, false, c)
                  : kind < 4 ? narrow_steps(70000, 68000, false, c)
                  : kind < 6 ? narrow_steps(70000, 68000, true, c)
                             : mixed(900, c, 300, 6);
        for (int splitter = SPLIT_BEST; splitter <= SPLIT_RANDOM; splitter++) {
            how h = {defaults(&t), 7};
            h.p.n_estimators = 1, h.p.bootstrap = false, h.p.splitter = splitter;
            h.p.max_depth = count_of(kind < 2 ? 200 : 30);
            check_leaves(&t, &h);
        }
        free_table(&t);
    }
}

static void random_cuts_of_floats_are_floats(void **state)
{
    (void)state;
    for (int64_t c = 0; c <= 3; c += 3) {
        table t = rules(600, 6, c, 3);
        t.narrow = malloc((size_t)(t.n * t.d) * sizeof *t.narrow);
        for (int64_t i = 0; i < t.n * t.d; i++)
            t.narrow[i] = (float)t.x[i], t.x[i] = t.narrow[i];
        how h = {defaults(&t), 7};
        h.p.n_estimators = 1, h.p.bootstrap = false, h.p.splitter = SPLIT_RANDOM;
        check_leaves(&t, &h);
        hone_fitted *f = fit(&t, &h);
        assert_non_null(((const forest_state *)f->state)->slim);
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

/* Rows of number `k`: for each kind of column, and for weights of each kind. */
static table any_table(int64_t k, int64_t classes)
{
    table t = k % 3 == 0   ? rules(1000, 11, classes, 9)
              : k % 3 == 1 ? mixed(1000, classes, 300, 9)
                           : one_hot(1000, 24, classes, 9);
    for (int64_t i = 0; i < t.n; i++)
        t.y[i] = fabs(t.y[i]);
    if (k / 3 == 0)
        return t;
    t.w = malloc((size_t)t.n * sizeof *t.w);
    for (int64_t i = 0; i < t.n; i++)
        t.w[i] = (double)(i % 5) * (k / 3 == 1 ? 1 : 0.3);
    return t;
}

/* Every criterion, splitter, kind of column and kind of weight. */
static void neither_threads_nor_instruction_sets_change_a_bit(void **state)
{
    (void)state;
    static const int64_t classes[] = {0, 2, 3};
    hone_isa best;
    assert_int_equal(hone_isa_of(HONE_ISA_AUTO, &best, NULL), HONE_OK);
    for (int k = 0; k < 3 * 3 * 2 * 9; k++) {
        table t = any_table(k / 18, classes[k % 3]);
        how h = {defaults(&t), 11, 1};
        h.p.n_estimators = 2;
        h.p.criterion = k / 3 % 3, h.p.splitter = k / 9 % 2;
        h.p.class_weight = t.classes ? k / 5 % 3 : 0;
        h.p.min_samples_leaf = count_of(1 + k / 7 % 2);
        h.isa = HONE_ISA_PORTABLE;
        const uint64_t bits = fit_bits(&t, &h);
        h.threads = k % 2 ? 2 : 4; /* 4: parts of trees beside each other */
        assert_int_equal(fit_bits(&t, &h), bits);
        while (h.isa++ < best)
            assert_int_equal(fit_bits(&t, &h), bits);
        free_table(&t);
    }
}

/* Bins are where large nodes look first; a node inside one bin looks at its values. */
static void values_inside_a_bin_are_told_apart(void **state)
{
    (void)state;
    for (int k = 0; k < 36; k++) {
        const int64_t c = (int64_t[]){0, 2, 3}[k % 3];
        table t = new_table(3000, 2, c);
        for (int64_t i = 0; i < t.n; i++) {
            t.x[2 * i] = (double)(i * 7 % t.n) + (k % 2 ? 0.5 : 0);
            t.x[2 * i + 1] = k % 4 && i % 9 == 0 ? NAN : 3;
            const int64_t side = (int64_t)t.x[2 * i] / 20;
            t.label[i] = c ? (int32_t)(side % c) : 0, t.y[i] = 1 + (double)(side % 3);
        }
        how h = {defaults(&t), 11};
        h.p.n_estimators = 2, h.p.bootstrap = false;
        h.p.criterion = k / 3 % 3;
        h.p.max_bins = count_of(k / 9 % 2 ? 2 : 20);
        h.p.max_features = (hone_amount){k / 18 ? -1 : FEATURES_ALL, true, 1};
        h.p.constant_features = k / 18 ? CONSTANT_REDRAW : CONSTANT_STOP;
        hone_fitted *f = fit(&t, &h);
        if (c)
            assert_true(accuracy(f, &t) == 1);
        else
            assert_true(rmse(f, &t) < 1e-9);
        hone_fitted_free(f);
        free_table(&t);
    }
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

/* Small weights are added up by votes or by class, large ones by groups. */
static void random_cuts_are_the_same_for_weights_of_any_size(void **state)
{
    (void)state;
    for (int64_t c = 2; c <= 5; c++)
        for (int variant = 0; variant < 4; variant++) {
            table t = variant == 1 ? mixed(3000, c, 12, 9) : rules(3000, 19, c, 9);
            how h = {defaults(&t), 11};
            h.p.splitter = SPLIT_RANDOM;
            h.p.min_samples_leaf = count_of(variant == 2 ? 3 : 1);
            h.p.min_weight_fraction_leaf = variant == 3 ? 0.004 : 0;
            t.w = malloc((size_t)t.n * sizeof(double));
            for (int64_t i = 0; i < t.n; i++)
                t.w[i] = (double)(1 + i % 3 * variant);
            const uint64_t small = fit_bits(&t, &h);
            for (int64_t i = 0; i < t.n; i++)
                t.w[i] *= 0x1p18;
            assert_int_equal(fit_bits(&t, &h), small);
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

static void equal_targets_are_not_parted_whatever_their_weights(void **state)
{
    (void)state;
    for (int criterion = SQUARED_ERROR; criterion <= POISSON; criterion++) {
        table t = rules(300, 5, 0, 9);
        hone_stream r = hone_stream_of(3, 0, 0);
        t.w = malloc((size_t)t.n * sizeof *t.w);
        for (int64_t i = 0; i < t.n; i++) {
            t.w[i] = hone_uniform(&r);
            t.y[i] = t.x[i * t.d] > 0.5 ? 0.7 : 0.1;
        }
        how h = {defaults(&t), 11};
        h.p.criterion = criterion, h.p.bootstrap = false, h.p.n_estimators = 1;
        hone_fitted *f = fit(&t, &h);
        assert_int_equal(((const forest_state *)f->state)->n_nodes, 3);
        hone_fitted_free(f);
        free_table(&t);
    }
}

/* However far away its target is. */
static void the_target_of_a_row_without_weight_does_not_matter(void **state)
{
    (void)state;
    for (int criterion = SQUARED_ERROR; criterion <= POISSON; criterion++) {
        table t = rules(300, 5, 0, 9);
        t.w = malloc((size_t)t.n * sizeof *t.w);
        for (int64_t i = 0; i < t.n; i++)
            t.w[i] = (double)(i % 3) / 2;
        how h = {defaults(&t), 11};
        h.p.criterion = criterion;
        const uint64_t bits = fit_bits(&t, &h);
        for (int64_t i = 0; i < t.n; i += 3)
            t.y[i] = i % 2 ? 1e150 : -1e150;
        assert_int_equal(fit_bits(&t, &h), bits);
        free_table(&t);
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

/* Targets of any scale, those whose squares are no doubles among them: the same trees. */
static void the_scale_of_targets_does_not_matter(void **state)
{
    (void)state;
    static const int scales[] = {490, -490, -900}, cuts[] = {1, 1, 0};
    for (int k = 0; k < 9; k++) {
        const int scale = scales[k / 3], power = k % 3 == SQUARED_ERROR ? 2 : 1;
        table t = rules(200, 4, 0, 9), u = rules(200, 4, 0, 9);
        how h = {defaults(&t), 4};
        h.p.criterion = k % 3;
        h.p.early_stopping = true, h.p.n_estimators = 60, h.p.n_iter_no_change = 5;
        h.p.ccp_alpha = 0.001 * cuts[k / 3];
        for (int64_t i = 0; i < t.n; i++)
            u.y[i] = ldexp(t.y[i], scale);
        hone_fitted *f = fit(&t, &h);
        h.p.ccp_alpha = ldexp(h.p.ccp_alpha, power * scale);
        hone_fitted *g = fit(&u, &h);
        const forest_state *a = f->state, *b = g->state;
        assert_int_equal(a->n_trees, b->n_trees);
        assert_in_range(a->n_nodes, 5 * a->n_trees, 300 * a->n_trees);
        assert_int_equal(a->n_nodes, b->n_nodes);
        assert_memory_equal(a->child, b->child, (size_t)a->n_nodes * sizeof *a->child);
        assert_memory_equal(a->feature_importances, b->feature_importances, 4 * sizeof(double));
        for (int64_t i = 0; i < a->n_nodes; i++)
            assert_true(ldexp(a->threshold[i], a->child[i] ? 0 : scale) == b->threshold[i]);
        hone_fitted_free(f), hone_fitted_free(g);
        free_table(&t), free_table(&u);
    }
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
        cmocka_unit_test(rows_end_where_the_tree_was_grown_on_them),
        cmocka_unit_test(random_cuts_of_floats_are_floats),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(branches_of_few_trees_are_those_of_one_thread),
        cmocka_unit_test(neither_threads_nor_instruction_sets_change_a_bit),
        cmocka_unit_test(values_inside_a_bin_are_told_apart),
        cmocka_unit_test(votes_and_cells_grow_the_same_trees),
        cmocka_unit_test(random_cuts_are_the_same_for_weights_of_any_size),
        cmocka_unit_test(the_order_of_rows_does_not_matter_without_bootstrap),
        cmocka_unit_test(a_weight_is_a_repetition_without_bootstrap),
        cmocka_unit_test(equal_targets_are_not_parted_whatever_their_weights),
        cmocka_unit_test(the_target_of_a_row_without_weight_does_not_matter),
        cmocka_unit_test(fitting_a_view_is_fitting_its_rows),
        cmocka_unit_test(odd_data_gives_a_model),
        cmocka_unit_test(the_scale_of_weights_does_not_matter),
        cmocka_unit_test(the_scale_of_targets_does_not_matter),
        cmocka_unit_test(a_mutated_state_is_refused_or_predicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
