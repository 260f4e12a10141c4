/* The random forest through the trial: which bits must not change, and its kernels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forest_world.h"

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

/* ---- kernels ---- */

enum { KERNEL_ROWS = 300 };

/* Eight features of a node: codes by mark, of 8 and of 16 bits in turn. */
typedef struct node {
    uint8_t coarse[KERNEL_ROWS * LANES];
    uint16_t fine[KERNEL_ROWS * LANES];
    uint64_t mark[2][KERNEL_ROWS];
    uint32_t row[KERNEL_ROWS], vote[KERNEL_ROWS];
    double cell[2 * KERNEL_ROWS], total[4], *count;
    int32_t label[KERNEL_ROWS];
    uint16_t *code;
} node;

static uint32_t code_in(const node *t, int64_t i, int l)
{
    const int64_t at = t->row[i] * LANES + l;
    return l % 3 == 0   ? t->mark[l / 3 % 2][i] >> (5 * l) & 1
           : l % 3 == 1 ? t->coarse[at]
                        : t->fine[at];
}

static lanes lanes_of(node *t, int64_t m, int used, hone_stream *r)
{
    lanes v = {.used = used, .m = m, .row = t->row, .coarse_stride = LANES, .fine_stride = LANES};
    v.code = t->code, v.count = t->count, v.total = t->total;
    for (int64_t i = 0; i < KERNEL_ROWS * LANES; i++)
        t->coarse[i] = (uint8_t)hone_below(r, 256), t->fine[i] = (uint16_t)hone_below(r, 65536);
    for (int64_t i = 0; i < m; i++) {
        t->row[i] = (uint32_t)((i * 7 + 3) % KERNEL_ROWS);
        t->mark[0][i] = hone_next(r), t->mark[1][i] = hone_next(r);
        t->label[i] = (int32_t)hone_below(r, 4);
        const uint32_t weight = (uint32_t)hone_below(r, 9), moment = (uint32_t)hone_below(r, 9);
        t->vote[i] = weight << 16 | moment;
        t->cell[2 * i] = weight, t->cell[2 * i + 1] = moment;
    }
    for (int l = 0; l < used; l++) {
        v.mark[l] = l % 3 == 0 ? t->mark[l / 3 % 2] : NULL, v.bit[l] = 5 * l;
        v.coarse[l] = l % 3 == 1 ? t->coarse + l : NULL;
        v.fine[l] = l % 3 == 2 ? t->fine + l : NULL;
    }
    return v;
}

/* What row by row says of lane `l`, by `label` or by moments. */
static void check_lane(const node *t, const lanes *v, int l)
{
    double rows = 0, weight = 0, moment = 0, share = 0, in[4] = {0};
    uint32_t low = UINT32_MAX, high = 0;
    for (int64_t i = 0; i < v->m; i++) {
        const uint32_t code = code_in(t, i, l);
        low = code < low ? code : low, high = code > high ? code : high;
        if (code > v->cut[l])
            continue;
        rows++, weight += t->cell[2 * i], in[t->label[i]] += t->cell[2 * i];
        moment += t->cell[2 * i + 1], share += t->cell[2 * i] * t->total[t->label[i]];
    }
    assert_true(v->low[l] == low && v->high[l] == high);
    assert_true(v->left_rows[l] == rows && v->left_weight[l] == weight);
    if (!v->label) {
        assert_true(v->left_moment[l] == moment);
        return;
    }
    assert_true(v->left_moment[l] == in[0] * in[0] + in[1] * in[1] + in[2] * in[2] + in[3] * in[3]);
    assert_true(v->left_share[l] == share);
}

static void random_cuts_have_their_rows_on_the_left(void **state)
{
    (void)state;
    hone_isa best;
    assert_int_equal(hone_isa_of(HONE_ISA_AUTO, &best, NULL), HONE_OK);
    hone_stream r = hone_stream_of(3, 0, 0);
    node *t = calloc(1, sizeof *t);
    t->code = aligned_alloc(64, KERNEL_ROWS * LANES * sizeof *t->code);
    t->count = aligned_alloc(64, 4 * LANES * sizeof *t->count);
    memset(t->code, 0, KERNEL_ROWS * LANES * sizeof *t->code);
    memset(t->count, 0, 4 * LANES * sizeof *t->count);
    for (int k = 0; k < 4; k++)
        t->total[k] = 10 * (k + 1);
    for (hone_isa isa = HONE_ISA_PORTABLE; isa <= best; isa++)
        for (int64_t m = 1; m <= KERNEL_ROWS; m += m < 20 ? 1 : 37)
            for (int used = 1; used <= LANES; used++)
                for (int kind = 0; kind < 3; kind++) {
                    lanes v = lanes_of(t, m, used, &r);
                    v.cell = kind ? t->cell : NULL, v.vote = kind ? NULL : t->vote;
                    v.label = kind == 2 ? t->label : NULL;
                    HONE_PICK(isa, forest_cuts_span)(&v);
                    for (int l = 0; l < used; l++)
                        v.cut[l] = code_in(t, (int64_t)hone_below(&r, (uint64_t)m), l);
                    HONE_PICK(isa, forest_cuts_sums)(&v);
                    for (int l = 0; l < used; l++)
                        check_lane(t, &v, l);
                }
    free(t->code), free(t->count), free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        cmocka_unit_test(random_cuts_have_their_rows_on_the_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
