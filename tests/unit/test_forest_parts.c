/* Parts of a random forest: trees under limits and cut from shared ones, the first trees, trees
 * that have not seen a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forest_world.h"

#include "core/training.h"

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

/* One of `count` words: below 0 a word, below 1 a fraction, else a count. */
static hone_amount one_of(hone_stream *r, const double *words, uint64_t count)
{
    const double v = words[hone_below(r, count)];
    return (hone_amount){v < 0 ? (int)(-1 - v) : -1, v >= 1, v < 0 ? 0 : v};
}

#define ONE_OF(r, ...)                                                                             \
    one_of(r, (const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

/* Draws what decides how trees grow. */
static void draw_growth(const table *t, hone_stream *r, forest_params *p)
{
    p->criterion = (int)hone_below(r, 3), p->splitter = (int)hone_below(r, 2);
    p->constant_features = (int)hone_below(r, 2);
    p->class_weight = t->classes ? (int)hone_below(r, 3) : 0;
    p->bootstrap = hone_below(r, 3) > 0;
    p->max_samples = ONE_OF(r, -1, 0.4, 150);
    p->max_features = ONE_OF(r, -1, -2, -4, 0.7, 2);
    p->min_samples_leaf = ONE_OF(r, 0.02, 1, 1, 5);
    p->min_weight_fraction_leaf = hone_below(r, 3) ? 0 : 0.01;
    p->max_bins = ONE_OF(r, -1, 16, 255);
}

/* Draws what cuts them. */
static void draw_limits(hone_stream *r, forest_params *p)
{
    p->n_estimators = 1 + (int64_t)hone_below(r, 18);
    p->max_depth = ONE_OF(r, -1, 1, 3, 6, 9);
    p->min_samples_split = ONE_OF(r, 0.05, 2, 2, 25);
    p->max_leaf_nodes = ONE_OF(r, -1, -1, 2, 7, 30);
    p->ccp_alpha = hone_below(r, 3) ? 0 : 0.01 * hone_uniform(r);
    p->min_impurity_decrease = hone_below(r, 3) ? 0 : 0.01 * hone_uniform(r);
}

/* Trials of a family, known to each other or not, in both orders and on several threads. */
static void whatever_else_is_chosen_a_cut_is_a_fresh_fit(void **state)
{
    (void)state;
    enum { TRIALS = 5 };
    hone_stream r = hone_stream_of(5, 6, 7);
    for (int64_t k = 0; k < 60; k++) {
        const int64_t classes = (int64_t[]){0, 2, 3}[k % 3];
        table t = k % 2 ? mixed(400, classes, 12, 9) : rules(400, 7, classes, 9);
        t.w = k % 4 ? NULL : malloc((size_t)t.n * sizeof *t.w);
        for (int64_t i = 0; i < t.n && t.w; i++)
            t.w[i] = 0.1 + (double)(i % 3);
        how h = {defaults(&t), 11};
        draw_growth(&t, &r, &h.p);
        forest_params p[TRIALS];
        const void *family[TRIALS];
        uint64_t fresh[TRIALS];
        for (int i = 0; i < TRIALS; i++) {
            draw_limits(&r, &h.p);
            p[i] = h.p, family[i] = &p[i];
            fresh[i] = fit_bits(&t, &h);
        }
        for (int way = 0; way < 4; way++) {
            how shared = {h.p, 11, 1 + way, TRIALS};
            shared.family = way & 1 ? family : NULL;
            shared.cache = hone_cache_open(1 << 30);
            for (int i = 0; i < TRIALS; i++) {
                const int trial = way & 2 ? TRIALS - 1 - i : i;
                shared.p = p[trial];
                assert_int_equal(fit_bits(&t, &shared), fresh[trial]);
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

static int64_t bytes_shared(hone_cache *cache)
{
    hone_cache_stats stats = {.size = sizeof stats};
    hone_cache_read_stats(cache, &stats);
    return stats.bytes;
}

static void shared_trees_are_grown_as_far_as_the_widest_sibling_asks(void **state)
{
    (void)state;
    for (int64_t c = 0; c <= 3; c++) {
        table t = c == 1 ? mixed(600, 2, 12, 9) : rules(600, 7, c, 9);
        how h = {defaults(&t), 11};
        forest_params p[2] = {h.p, h.p};
        p[0].max_depth = count_of(3), p[0].min_samples_split = count_of(40);
        p[1].max_depth = count_of(4), p[1].min_samples_split = (hone_amount){-1, false, 0.05};
        const void *const family[] = {&p[0], &p[1]};
        int64_t bytes[3];
        for (int way = 0; way < 3;
             way++) { /* known to each other, unknown, the whole trees first */
            how shared = {h.p, 11};
            shared.cache = hone_cache_open(1 << 30);
            shared.siblings = 2;
            shared.family = way == 0 ? family : NULL;
            if (way == 2)
                fit_bits(&t, &shared);
            for (int k = 0; k < 2; k++) {
                shared.p = h.p = p[k];
                assert_int_equal(fit_bits(&t, &shared), fit_bits(&t, &h));
            }
            bytes[way] = bytes_shared(shared.cache);
            hone_cache_close(shared.cache);
        }
        assert_true(bytes[0] < bytes[1]); /* once instead of once each */
        assert_true(bytes[0] < bytes[2]);
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

/* ---- the first trees ---- */

static void the_first_trees_answer_as_a_forest_of_their_own(void **state)
{
    (void)state;
    for (int64_t c = 0; c <= 3; c++) {
        table t = c == 1 ? mixed(600, 2, 70, 9) : rules(600, 7, c, 9);
        how h = {defaults(&t), 11};
        h.p.n_estimators = 23;
        hone_fitted *all = fit(&t, &h);
        const size_t bytes = (size_t)(t.n * all->shape.outputs) * sizeof(double);
        for (int64_t k = 1; k <= 23; k += 11) {
            h.p.n_estimators = k;
            hone_fitted *few = fit(&t, &h);
            hone_simple_run storage;
            hone_run_simple(&storage, 2);
            storage.run.members = k;
            double *want = predict(few, &t), *got = malloc(bytes);
            const hone_matrix x = trial_of(&t, &h, &storage.run).table;
            assert_int_equal(hone_fitted_predict(all, &x, &storage.run, NULL, got, NULL), HONE_OK);
            assert_memory_equal(got, want, bytes);
            free(want), free(got);
            hone_fitted_free(few);
        }
        hone_fitted_free(all);
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
            forest_bag(h.seed, k, t.n, t.n, NULL, bag);
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

/* Where one row has all the weight, trees that did not draw it are grown on all rows. */
static void a_row_that_a_tree_was_grown_on_is_not_out_of_its_bag(void **state)
{
    (void)state;
    for (int64_t c = 0; c <= 3; c += 3) {
        table t = rules(50, 4, c, 4);
        t.w = calloc((size_t)t.n, sizeof *t.w);
        t.w[17] = 1e-12;
        how h = {defaults(&t), 21};
        h.p.n_estimators = 40;
        hone_simple_run storage;
        const hone_run *run = hone_run_simple(&storage, 1);
        hone_fitted *f = fit(&t, &h);
        const hone_trial trial = trial_of(&t, &h, run);
        hone_arena *arena = hone_arena_open(NULL);
        const hone_output_job job = {.x = trial.table,
                                     .weight = t.w,
                                     .shape = trial.shape,
                                     .params = f->params,
                                     .state = f->state,
                                     .seed = h.seed,
                                     .run = run,
                                     .scratch = arena};
        double out[150];
        assert_int_equal(hone_random_forest.outputs[0].compute(&job, out, NULL), HONE_OK);
        for (int64_t i = 0; i < t.n; i++)
            assert_true((i == 17) == isnan(out[i * f->shape.outputs]));
        hone_arena_close(arena);
        hone_fitted_free(f);
        free_table(&t);
    }
}

static void rows_without_weight_do_not_stop_a_forest(void **state)
{
    (void)state;
    for (int64_t c = 0; c <= 3; c += 3) {
        table t = rules(500, 7, c, 9);
        t.w = malloc((size_t)t.n * sizeof *t.w);
        for (int64_t i = 0; i < t.n; i++)
            t.w[i] = (double)(i % 4);
        how h = {defaults(&t), 11};
        h.p.n_estimators = 300, h.p.early_stopping = true, h.p.n_iter_no_change = 5;
        h.p.tol = 0.01;
        const uint64_t bits = fit_bits(&t, &h);
        for (int64_t i = 0; i < t.n; i += 4)
            t.label[i] = 0, t.y[i] = 3;
        assert_int_equal(fit_bits(&t, &h), bits);
        free_table(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_of_shared_trees_is_a_fresh_fit),
        cmocka_unit_test(whatever_else_is_chosen_a_cut_is_a_fresh_fit),
        cmocka_unit_test(shared_ends_give_the_scores_of_a_walk),
        cmocka_unit_test(shared_trees_are_grown_as_far_as_the_widest_sibling_asks),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(the_first_trees_answer_as_a_forest_of_their_own),
        cmocka_unit_test(a_cap_on_bytes_keeps_the_first_trees),
        cmocka_unit_test(a_deadline_keeps_whole_trees),
        cmocka_unit_test(out_of_bag_scores_come_from_trees_without_the_row),
        cmocka_unit_test(a_row_that_a_tree_was_grown_on_is_not_out_of_its_bag),
        cmocka_unit_test(early_stopping_gives_a_prefix_of_the_forest),
        cmocka_unit_test(rows_without_weight_do_not_stop_a_forest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
