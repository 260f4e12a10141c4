/* The random forest through the trial: what it learns, and odd data. */
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

/* ---- counts above what there is ---- */

typedef struct heard {
    int times;
    double features, samples;
    bool strict;
} heard;

static hone_status hear(void *context, const char *name, double used, hone_error *error)
{
    heard *h = context;
    h->times++;
    *(strcmp(name, "max_features") ? &h->samples : &h->features) = used;
    return h->strict ? hone_fail(error, HONE_BAD_CONFIG, name, "strict") : HONE_OK;
}

static void counts_above_the_data_are_adjusted_and_named(void **state)
{
    (void)state;
    table t = rules(50, 6, 2, 9);
    how with = {defaults(&t), 11};
    heard h = {0};
    const hone_listener listener = {.context = &h, .adjust = hear};
    hone_simple_run storage;
    const hone_run *run = hone_run_simple(&storage, 1);
    storage.run.listener = &listener;
    hone_fitted_free(fit_with(&t, &with, run, HONE_OK));
    assert_int_equal(h.times, 0);
    with.p.max_features = count_of(7);
    with.p.max_samples = count_of(51);
    hone_fitted_free(fit_with(&t, &with, run, HONE_OK));
    assert_int_equal(h.times, 2);
    assert_true(h.features == 6 && h.samples == 50);
    h.strict = true;
    fit_with(&t, &with, run, HONE_BAD_CONFIG);
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
        cmocka_unit_test(odd_data_gives_a_model),
        cmocka_unit_test(the_scale_of_weights_does_not_matter),
        cmocka_unit_test(the_scale_of_targets_does_not_matter),
        cmocka_unit_test(counts_above_the_data_are_adjusted_and_named),
        cmocka_unit_test(a_mutated_state_is_refused_or_predicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
