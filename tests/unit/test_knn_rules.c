/* What k-NN promises of ties, votes, weights, sparse rows, lists and memory. */
#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "knn_world.h"

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

/* Several blocks of the index and one, more columns than rows, entries that are 0, values of all
 * sizes, queries with columns that no row has. */
static void rows_by_column_have_the_bits_of_dense_ones(void **state)
{
    (void)state;
    static const struct {
        int kind;
        int64_t n, d, k;
    } cases[] = {{SPARSE, 9000, 12, 7},     {SPARSE, 60, 700, 20},  {CLOUDS, 500, 9, 1},
                 {DUPLICATES, 400, 6, 130}, {OUTLIER, 3000, 5, 11}, {TINY, 200, 4, 5},
                 {HUGE_VALUES, 200, 4, 5},  {LATTICE, 300, 8, 300}};
    for (int c = 0; c < 16; c++) {
        const int kind = cases[c / 2].kind;
        const int64_t n = cases[c / 2].n, d = cases[c / 2].d;
        table t = make(kind, n, d, 3, 81), q = make(kind, 50, d, 3, 82);
        memcpy(q.x, t.x, sizeof(double) * (size_t)d * 20);
        for (int64_t i = 0; i < n; i++)
            t.x[i * d + 1] = 0; /* a column that only queries have */
        q.x[30 * d] = 1e25, q.x[31 * d] = -1e300;
        csr ts = sparse_of(&t), qs = sparse_of(&q);
        t.x[ts.column[0] + (ts.start[1] == 0) * d] = ts.value[0] = 0; /* one of rows 0 and 1 */
        knn_params p = defaults(&t);
        p.metric = c % 2 ? COSINE : EUCLIDEAN, p.n_neighbors = cases[c / 2].k;
        p.weights = VOTE_DISTANCE;
        fitted dense, sparse;
        fit(&dense, &t, &p, (how){0});
        fit(&sparse, &t, &p, (how){.x = &ts.x});
        assert_true(sparse.s->points->filtered);
        const hone_matrix x = matrix_of(&q);
        double *a = scores(&dense, &x), *b = scores(&sparse, &qs.x);
        assert_memory_equal(a, b, sizeof(double) * 150);
        free(a), free(b);
        hone_fitted_free(dense.f), hone_fitted_free(sparse.f);
        free_csr(&ts), free_csr(&qs), free_table(&t), free_table(&q);
    }
}

/* Rows that float32 finds beyond the nearest are left out: few entries and many, tiny and huge
 * values, queries far outside. */
static void sparse_rows_under_every_power_have_the_bits_of_dense_ones(void **state)
{
    (void)state;
    static const double powers[] = {1.0001, 2.45, 20};
    static const int kinds[] = {CLOUDS, SPARSE, TINY, HUGE_VALUES};
    for (int j = 0; j < 12; j++) {
        table t = make(kinds[j % 4], 300, 9, 3, 71), q = make(kinds[j % 4], 40, 9, 3, 72);
        memcpy(q.x, t.x, sizeof(double) * 9 * 10);
        q.x[9 * 20] = 1e9, q.x[9 * 21] = -1e300;
        csr ts = sparse_of(&t), qs = sparse_of(&q);
        knn_params p = defaults(&t);
        p.metric = MINKOWSKI, p.p = powers[j / 4], p.n_neighbors = j % 3 ? 1 + j : 60;
        p.weights = j % 2;
        fitted dense;
        fit(&dense, &t, &p, (how){0});
        const hone_matrix x = matrix_of(&q);
        double *a = scores(&dense, &x);
        for (int isa = HONE_ISA_PORTABLE; isa <= (int)best_isa(); isa++) {
            fitted sparse;
            fit(&sparse, &t, &p, (how){.x = &ts.x, .isa = (hone_isa)isa});
            double *b = scores(&sparse, &qs.x);
            assert_memory_equal(a, b, sizeof(double) * 120);
            free(b);
            hone_fitted_free(sparse.f);
        }
        free(a);
        hone_fitted_free(dense.f);
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
        cmocka_unit_test(k_above_n_acts_as_n),
        cmocka_unit_test(ties_go_to_the_lower_row),
        cmocka_unit_test(rows_at_distance_zero_vote_alone),
        cmocka_unit_test(rows_of_weight_zero_are_as_if_absent),
        cmocka_unit_test(balanced_classes_weigh_the_same),
        cmocka_unit_test(extreme_weights_give_finite_votes),
        cmocka_unit_test(sparse_rows_have_the_bits_of_dense_ones),
        cmocka_unit_test(rows_by_column_have_the_bits_of_dense_ones),
        cmocka_unit_test(sparse_rows_under_every_power_have_the_bits_of_dense_ones),
        cmocka_unit_test(rows_are_stored_once_in_float32_where_that_is_exact),
        cmocka_unit_test(permuted_rows_give_the_same_distances),
        cmocka_unit_test(trials_of_a_split_share_one_search),
        cmocka_unit_test(lists_of_neighbours_are_told_by_row_and_distance),
        cmocka_unit_test(a_refused_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
