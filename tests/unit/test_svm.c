/* The support vector machine through the trial: its bits, and what its scores mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "algorithms/svm/smo.h"
#include "svm_world.h"
#include "toolbox/random.h"

/* ---- bits ---- */

static void threads_and_room_never_change_bits(void **state)
{
    (void)state;
    const int64_t classes[] = {0, 2, 5};
    for (int z = 0; z < 3; z++) {
        table t = clouds(1800, 6, classes[z], 7);
        svm_params p = defaults(&t);
        const hone_matrix x = matrix_of(&t);
        fitted one;
        fit(&one, &t, &p, (how){.threads = 1, .budget = INT64_C(1) << 30});
        double *right = scores(&one, &x);
        const how others[] = {{.threads = 2, .budget = 3 << 20}, {.threads = 3}, {.threads = 7}};
        for (int o = 0; o < 3; o++) {
            fitted f;
            fit(&f, &t, &p, others[o]);
            assert_same(&one, &f);
            double *got = scores(&f, &x);
            assert_memory_equal(got, right, (size_t)(t.n * one.f->shape.outputs) * sizeof(double));
            free(got);
            hone_fitted_free(f.f);
        }
        free(right);
        hone_fitted_free(one.f);
        free_table(&t);
    }
}

static void what_trials_share_changes_no_bits(void **state)
{
    (void)state;
    const int64_t rows[] = {300, 1300};
    for (int z = 0; z < 6; z++)
        for (int k = SVM_POLY; k <= SVM_LAPLACIAN; k++) {
            table t = clouds(rows[z % 2], 50, z / 2 ? 2 * (z / 2) : 0, 7);
            svm_params p = defaults(&t);
            p.kernel = k;
            hone_cache *cache = hone_cache_open(INT64_C(1) << 28);
            const bool more = k % 2;
            for (int trial = 0; trial < 4; trial++) {
                p.gamma = number(trial % 2 ? 0.01 : 0.03);
                p.C = trial < 2 ? 1 : 5;
                fitted alone, shared;
                fit(&alone, &t, &p, (how){0});
                fit(&shared, &t, &p, (how){.cache = cache, .threads = 2, .more = more});
                assert_same(&alone, &shared);
                hone_fitted_free(alone.f), hone_fitted_free(shared.f);
            }
            hone_cache_stats stats = {.size = sizeof stats};
            hone_cache_read_stats(cache, &stats);
            /* a large kernel matrix takes the place of the one of the other gamma */
            assert_int_equal(stats.evictions, t.n < 1000 || t.classes > 2 ? 0 : more ? 3 : 2);
            hone_cache_close(cache);
            free_table(&t);
        }
}

static void rows_held_out_have_the_scores_of_any_rows(void **state)
{
    (void)state;
    for (int64_t classes = 0; classes <= 4; classes += 2) {
        table t = clouds(400, 50, classes, 12);
        svm_params p = defaults(&t);
        int64_t rows[300], valid[100];
        for (int64_t i = 0; i < 400; i++)
            *(i % 4 ? &rows[i - i / 4 - 1] : &valid[i / 4]) = i;
        hone_simple_run storage;
        hone_cache *cache = hone_cache_open(INT64_C(1) << 28);
        hone_trial trial = {.algorithm = &hone_svm,
                            .params = &p,
                            .shape = {.features = t.d,
                                      .outputs = classes ? classes : 1,
                                      .stored = t.d,
                                      .task = classes ? HONE_CLASSIFICATION : HONE_REGRESSION},
                            .table = matrix_of(&t),
                            .table_id = 1,
                            .rows = rows,
                            .n_rows = 300,
                            .label = classes ? t.label : NULL,
                            .target = classes ? NULL : t.y,
                            .labels_id = 1,
                            .valid = valid,
                            .n_valid = 100,
                            .run = hone_run_simple(&storage, 2)};
        hone_arena *arena = hone_arena_open(NULL);
        hone_matrix x = trial.table;
        x.row = valid, x.rows = 100;
        for (int k = SVM_LINEAR; k <= SVM_LAPLACIAN; k++) {
            p.kernel = k;
            hone_shared door;
            hone_fitted *f;
            hone_error error = {0};
            double one[400], two[400];
            assert_int_equal(hone_trial_fit_open(&trial, cache, arena, &door, &f, &error), 0);
            assert_int_equal(hone_fitted_predict(f, &x, trial.run, &door, one, &error), 0);
            assert_int_equal(hone_fitted_predict(f, &x, trial.run, NULL, two, &error), 0);
            assert_memory_equal(one, two, (size_t)(100 * f->shape.outputs) * sizeof *one);
            hone_shared_release(&door);
            hone_fitted_free(f);
        }
        hone_arena_close(arena);
        hone_cache_close(cache);
        free_table(&t);
    }
}

static void rows_of_weight_zero_are_as_if_absent(void **state)
{
    (void)state;
    table t = clouds(200, 3, 3, 6), less = clouds(200, 3, 3, 6);
    t.w = calloc(200, sizeof *t.w);
    int64_t rows[200], n = 0;
    for (int64_t i = 0; i < 200; i++) {
        t.w[i] = i % 4 != 0;
        if (i % 4)
            rows[n++] = i;
    }
    fitted a, b;
    svm_params p = defaults(&t);
    for (int64_t i = 0; i < 200 * 3; i++) /* far away: neither the centre nor gamma follow */
        t.x[i] += t.w[i / 3] > 0 ? 0 : 1e6;
    for (int k = SVM_LINEAR; k <= SVM_LAPLACIAN; k++) {
        p.kernel = k;
        fit(&a, &t, &p, (how){0});
        fit(&b, &less, &p, (how){.rows = rows, .n_rows = n});
        assert_int_equal(a.s->n_sv, b.s->n_sv);
        for (int64_t i = 0; i < a.s->n_sv; i++)
            assert_int_equal(a.s->support[i], rows[b.s->support[i]]);
        assert_memory_equal(a.s->coef, b.s->coef, (size_t)(a.s->n_sv * 2) * sizeof(double));
        assert_memory_equal(a.s->intercept, b.s->intercept, 3 * sizeof(double));
        hone_fitted_free(a.f), hone_fitted_free(b.f);
    }
    free_table(&t), free_table(&less);
}

static void every_instruction_set_agrees_to_the_tolerance(void **state)
{
    (void)state;
    table t = clouds(700, 5, 3, 8);
    svm_params p = defaults(&t);
    p.tol = 1e-5;
    const hone_matrix x = matrix_of(&t);
    hone_simple_run storage;
    const int best = (int)hone_run_isa(hone_run_simple(&storage, 1));
    fitted one;
    fit(&one, &t, &p, (how){.isa = HONE_ISA_PORTABLE});
    double *right = scores(&one, &x);
    for (int isa = HONE_ISA_PORTABLE + 1; isa <= best; isa++) {
        fitted f;
        fit(&f, &t, &p, (how){.isa = (hone_isa)isa});
        assert_true(fabs(f.s->objective - one.s->objective) <= 1e-6 * fabs(one.s->objective));
        double *got = scores(&f, &x);
        int64_t differ = 0;
        for (int64_t i = 0; i < t.n; i++)
            differ += best_class(got + 3 * i, 3) != best_class(right + 3 * i, 3);
        assert_true(differ <= 1);
        free(got);
        hone_fitted_free(f.f);
    }
    free(right);
    hone_fitted_free(one.f);
    free_table(&t);
}

enum { PAIRED = 96 };

/* Numbers of few bits: sums are exact, ties frequent. */
static void fill_few(float *v, hone_stream *random)
{
    for (int64_t t = 0; t < PAIRED; t++)
        v[t] = (float)hone_below(random, 4) / 4;
}

/* On each instruction set what the portable passes find and leave. */
static void passes_of_pairs_find_the_same_on_every_set(void **state)
{
    (void)state;
    hone_simple_run storage;
    const hone_isa best = hone_run_isa(hone_run_simple(&storage, 1));
    hone_stream random = hone_stream_of(3, 0, 0);
    for (int trial = 0; trial < 2000; trial++) {
        float ki[PAIRED], kj[PAIRED], diagonal[PAIRED];
        double f[2][PAIRED];
        uint16_t up[PAIRED / 16], low[PAIRED / 16];
        smo s = {.q = 16 * (1 + trial % 6), .diagonal = diagonal, .up = up, .low = low};
        s.even = trial % 2;
        fill_few(ki, &random), fill_few(kj, &random), fill_few(diagonal, &random);
        for (int64_t t = 0; t < PAIRED; t++) {
            f[0][t] = (double)hone_below(&random, 8) / 8;
            diagonal[t] = s.even ? 1 : 1 + diagonal[t];
        }
        for (int64_t w = 0; w < PAIRED / 16; w++) {
            up[w] = (uint16_t)(trial % 5 ? hone_below(&random, 1 << 16) : 0);
            low[w] = (uint16_t)(trial % 7 ? hone_below(&random, 1 << 16) : 0);
        }
        for (int isa = HONE_ISA_PORTABLE; isa <= (int)best; isa++) {
            smo_ends right, ends;
            memcpy(f[1], f[0], sizeof f[0]);
            s.f = f[1];
            svm_move_portable(&s, 0.5, ki, kj, &right);
            double moved[PAIRED];
            memcpy(moved, f[1], sizeof moved);
            memcpy(f[1], f[0], sizeof f[0]);
            HONE_PICK((hone_isa)isa, svm_move)(&s, 0.5, ki, kj, &ends);
            assert_memory_equal(f[1], moved, sizeof moved);
            assert_int_equal(ends.i, right.i);
            assert_true(ends.least == right.least && ends.most == right.most);
            assert_int_equal(HONE_PICK((hone_isa)isa, svm_partner)(&s, 0.25, ki, diagonal[0]),
                             svm_partner_portable(&s, 0.25, ki, diagonal[0]));
        }
    }
}

/* ---- meaning ---- */

static void scores_have_the_largest_vote_and_ties_go_to_the_lower_class(void **state)
{
    (void)state;
    enum { K = 6 };
    table t = clouds(400, 7, K, 9);
    svm_params p = defaults(&t);
    p.gamma = number(0.1);
    fitted f;
    fit(&f, &t, &p, (how){0});
    table z = clouds(300, 7, K, 10);
    const hone_matrix x = matrix_of(&z);
    double *score = scores(&f, &x);
    for (int64_t i = 0; i < z.n; i++) {
        int votes[K] = {0};
        double margin = INFINITY;
        int64_t pair = 0;
        for (int64_t a = 0; a < K; a++)
            for (int64_t b = a + 1; b < K; b++, pair++) {
                double sum = f.s->intercept[pair];
                for (int64_t v = f.s->class_start[a]; v < f.s->class_start[a + 1]; v++)
                    sum += f.s->coef[v * (K - 1) + b - 1] *
                           plain_kernel(&p, 0.1, t.x + f.s->support[v] * 7, z.x + i * 7, 7);
                for (int64_t v = f.s->class_start[b]; v < f.s->class_start[b + 1]; v++)
                    sum += f.s->coef[v * (K - 1) + a] *
                           plain_kernel(&p, 0.1, t.x + f.s->support[v] * 7, z.x + i * 7, 7);
                votes[sum > 0 ? a : b]++;
                margin = fmin(margin, fabs(sum));
            }
        int64_t winner = 0;
        for (int64_t c = 1; c < K; c++)
            if (votes[c] > votes[winner])
                winner = c;
        if (margin > 1e-4)
            assert_int_equal(best_class(score + i * K, K), winner);
    }
    free(score);
    hone_fitted_free(f.f);
    free_table(&t), free_table(&z);
}

static void order_of_rows_changes_nothing_beyond_the_tolerance(void **state)
{
    (void)state;
    table t = clouds(500, 4, 2, 11);
    svm_params p = defaults(&t);
    p.tol = 1e-6;
    int64_t order[500];
    for (int64_t i = 0; i < 500; i++)
        order[i] = i;
    hone_stream s = hone_stream_of(1, 2, 3);
    hone_shuffle(&s, order, 500);
    table mixed = new_table(500, 4, 2);
    for (int64_t i = 0; i < 500; i++) {
        memcpy(mixed.x + 4 * i, t.x + 4 * order[i], 4 * sizeof(double));
        mixed.label[i] = t.label[order[i]];
    }
    fitted a, b;
    fit(&a, &t, &p, (how){0});
    fit(&b, &mixed, &p, (how){0});
    assert_true(fabs(a.s->objective - b.s->objective) <= 1e-6 * fabs(a.s->objective));
    const hone_matrix x = matrix_of(&t);
    double *u = scores(&a, &x), *v = scores(&b, &x);
    for (int64_t i = 0; i < 500; i++)
        assert_true(fabs(u[2 * i] - v[2 * i]) < 1e-4);
    free(u), free(v);
    hone_fitted_free(a.f), hone_fitted_free(b.f);
    free_table(&t), free_table(&mixed);
}

static void sparse_rows_give_the_model_of_dense_ones(void **state)
{
    (void)state;
    const int kernels[] = {SVM_LINEAR, SVM_POLY, SVM_RBF, SVM_SIGMOID, SVM_LAPLACIAN};
    for (int z = 0; z < 7; z++) {
        const int64_t n = z == 5 ? 1700 : 300, d = 12;
        table t = clouds(n, d, z == 6 ? 0 : z == 5 ? 2 : 3, 19);
        int64_t *start = calloc((size_t)n + 1, sizeof *start), next = 0;
        int32_t *column = calloc((size_t)(n * d), sizeof *column);
        double *value = calloc((size_t)(n * d), sizeof *value);
        for (int64_t i = 0; i < n; i++) {
            for (int64_t k = 0; k < d; k++) {
                if (fabs(t.x[i * d + k]) < 1)
                    t.x[i * d + k] = 0;
                if (t.x[i * d + k] == 0)
                    continue;
                column[next] = (int32_t)k;
                value[next++] = t.x[i * d + k];
            }
            start[i + 1] = next;
        }
        hone_matrix x = matrix_of(&t), sparse = x;
        sparse.layout = HONE_CSR, sparse.values = value;
        sparse.row_start = start, sparse.column = column;
        svm_params p = defaults(&t);
        p.kernel = z < 5 ? kernels[z] : SVM_RBF;
        p.C = 0.1, p.tol = 1e-5;
        p.gamma = z == 5 ? p.gamma : number(0.02);
        fitted a, b;
        fit(&a, &t, &p, (how){0});
        fit(&b, &t, &p, (how){.x = &sparse, .threads = 3});
        const bool linear = p.kernel == SVM_LINEAR;
        assert_true(linear || (b.s->n_sparse == b.s->n_sv && a.s->n_dense == a.s->n_sv));
        assert_true(!linear || (a.s->n_planes == a.s->n_pairs && !a.s->n_dense));
        assert_true(fabs(a.s->gamma - b.s->gamma) <= 1e-12 * a.s->gamma);
        assert_true(fabs(a.s->objective - b.s->objective) <= 1e-5 * fabs(a.s->objective));
        double *u = scores(&a, &x), *v = scores(&b, &sparse), *w = scores(&b, &x);
        const int64_t outputs = a.f->shape.outputs;
        int64_t differ = 0;
        for (int64_t i = 0; i < n; i++)
            differ += best_class(u + i * outputs, outputs) != best_class(v + i * outputs, outputs);
        for (int64_t i = 0; outputs == 1 && i < n; i++)
            assert_true(fabs(u[i] - v[i]) < 1e-4);
        assert_true(differ <= 2);
        for (int64_t i = 0; i < n * outputs; i++)
            assert_true(linear ? fabs(v[i] - w[i]) <= 1e-12 * (1 + fabs(v[i])) : v[i] == w[i]);
        free(u), free(v), free(w), free(start), free(column), free(value);
        hone_fitted_free(a.f), hone_fitted_free(b.f);
        free_table(&t);
    }
}

/* Each class has columns of its own, so that w of a pair is 0 in most. */
static void planes_of_few_columns_are_kept_as_entries(void **state)
{
    (void)state;
    enum { N = 60, D = 400, OWN = 20 };
    static double value[N];
    static int64_t start[N + 1];
    static int32_t column[N];
    table t = clouds(N, D, 3, 21);
    memset(t.x, 0, sizeof(double) * N * D);
    for (int64_t i = 0; i < N; i++) {
        column[i] = (int32_t)(t.label[i] * OWN + i % OWN), value[i] = 1 + (double)(i % 3);
        start[i + 1] = i + 1, t.x[i * D + column[i]] = value[i];
    }
    hone_matrix x = matrix_of(&t), sparse = x;
    sparse.layout = HONE_CSR, sparse.values = value;
    sparse.row_start = start, sparse.column = column;
    svm_params p = defaults(&t);
    p.kernel = SVM_LINEAR;
    for (p.loss = SVM_HINGE; p.loss <= SVM_SQUARED_HINGE; p.loss++) {
        fitted a, b;
        fit(&a, &t, &p, (how){0});
        fit(&b, &t, &p, (how){.x = &sparse});
        assert_true(a.s->n_planes == 3 && b.s->n_sparse_planes == 3 && !b.s->n_planes);
        double *u = scores(&a, &x), *v = scores(&b, &sparse), *w = scores(&b, &x);
        for (int64_t i = 0; i < 3 * N; i++)
            assert_true(fabs(u[i] - v[i]) < 1e-2 && fabs(v[i] - w[i]) < 1e-12);
        free(u), free(v), free(w);
        hone_fitted_free(a.f), hone_fitted_free(b.f);
    }
    free_table(&t);
}

/* Nine coefficients a vector, padded, and one: tiles of all sizes; a row alone has a path of its
 * own down to the distances. */
static void a_row_alone_has_the_bits_of_the_batch(void **state)
{
    (void)state;
    for (int64_t k = 2; k <= 10; k += 4) {
        table t = clouds(403, 7, k, 30);
        svm_params p = defaults(&t);
        fitted f;
        fit(&f, &t, &p, (how){0});
        hone_matrix x = matrix_of(&t);
        double *all = scores(&f, &x);
        x.rows = 1;
        for (int64_t i = 0; i < t.n; i++) {
            x.values = t.x + i * t.d;
            double *one = scores(&f, &x);
            assert_memory_equal(one, all + i * k, (size_t)k * sizeof *one);
            free(one);
        }
        free(all);
        hone_fitted_free(f.f);
        free_table(&t);
    }
}

static double accuracy(fitted *f, const table *t)
{
    const hone_matrix x = matrix_of(t);
    double *score = scores(f, &x);
    int64_t right = 0;
    for (int64_t i = 0; i < t->n; i++)
        right += best_class(score + i * t->classes, t->classes) == t->label[i];
    free(score);
    return (double)right / (double)t->n;
}

static void it_learns_what_overlaps_little(void **state)
{
    (void)state;
    table t = clouds(600, 8, 4, 12);
    svm_params p = defaults(&t);
    fitted f;
    fit(&f, &t, &p, (how){0});
    assert_true(accuracy(&f, &t) > 0.85);
    hone_fitted_free(f.f);
    free_table(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_and_room_never_change_bits),
        cmocka_unit_test(what_trials_share_changes_no_bits),
        cmocka_unit_test(rows_held_out_have_the_scores_of_any_rows),
        cmocka_unit_test(rows_of_weight_zero_are_as_if_absent),
        cmocka_unit_test(every_instruction_set_agrees_to_the_tolerance),
        cmocka_unit_test(passes_of_pairs_find_the_same_on_every_set),
        cmocka_unit_test(scores_have_the_largest_vote_and_ties_go_to_the_lower_class),
        cmocka_unit_test(order_of_rows_changes_nothing_beyond_the_tolerance),
        cmocka_unit_test(sparse_rows_give_the_model_of_dense_ones),
        cmocka_unit_test(planes_of_few_columns_are_kept_as_entries),
        cmocka_unit_test(a_row_alone_has_the_bits_of_the_batch),
        cmocka_unit_test(it_learns_what_overlaps_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
