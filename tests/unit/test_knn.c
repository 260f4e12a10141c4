/* k-NN through the trial, against a plain loop over all training rows in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "knn_world.h"
#include "toolbox/random.h"

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
        cmocka_unit_test(threads_and_instruction_sets_do_not_change_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
