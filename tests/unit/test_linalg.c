/* Factors, products and eigenvalues against plain loops, at orders on both sides of a tile. */
#include <string.h>

#include "tests/unit/near.h"
#include "toolbox/linalg.h"
#include "toolbox/random.h"
#include "toolbox/run.h"

enum { MOST = 300, DEEP = 310 };

static const int64_t ORDER[] = {1, 2, 63, 64, 65, 127, 128, 129, 257, MOST};
enum { ORDERS = sizeof ORDER / sizeof *ORDER };

static double A[DEEP * MOST], B[DEEP * MOST], C[MOST * MOST], D[MOST * MOST];
static float F[DEEP * MOST], G[MOST * MOST];

static void draw(uint64_t seed)
{
    hone_stream s = hone_stream_of(seed, 1, 2);
    for (int i = 0; i < DEEP * MOST; i++)
        A[i] = (double)(F[i] = (float)(hone_uniform(&s) - 0.5)), B[i] = hone_uniform(&s) - 0.5;
    for (int i = 0; i < MOST * MOST; i++)
        C[i] = D[i] = (double)(G[i] = (float)hone_uniform(&s));
}

static double entry_of_square(int64_t n, int64_t d, int64_t i, int64_t j)
{
    double sum = 0;
    for (int64_t k = 0; k < n; k++)
        sum += A[k * d + i] * A[k * d + j];
    return sum;
}

static void squares_of_tables_are_added_to_the_lower_triangle(void **state)
{
    (void)state;
    for (int k = 0; k < ORDERS; k++) {
        const int64_t d = ORDER[k], n = DEEP - k;
        draw(1);
        hone_syrk(n, d, 0.5, A, d, C, MOST);
        hone_syrk_f32(n, d, 0.5f, F, d, G, MOST);
        for (int64_t i = 0; i < d; i++)
            for (int64_t j = 0; j < MOST; j++) {
                const double added = j <= i ? 0.5 * entry_of_square(n, d, i, j) : 0;
                assert_near(C[i * MOST + j], D[i * MOST + j] + added, 1e-12);
                assert_near((double)G[i * MOST + j], D[i * MOST + j] + added, 1e-4);
            }
    }
}

static void products_are_those_of_plain_loops(void **state)
{
    (void)state;
    for (int k = 0; k < ORDERS; k++) {
        const int64_t m = ORDER[k], n = ORDER[(k + 4) % ORDERS], depth = ORDER[(k + 7) % ORDERS];
        draw(2);
        hone_gemm(m, n, depth, 2, A, depth, B, n, 0.25, C, MOST);
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) {
                double sum = 0;
                for (int64_t t = 0; t < depth; t++)
                    sum += A[i * depth + t] * B[t * n + j];
                assert_near(C[i * MOST + j], 2 * sum + 0.25 * D[i * MOST + j], 1e-12);
            }
    }
}

/* C = A'A + n I, its lower triangle. */
static void positive(int64_t n)
{
    draw(3);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            C[i * n + j] = D[i * n + j] = entry_of_square(DEEP, n, i, j) + (i == j ? (double)n : 0);
}

static void factors_solve_what_they_were_made_of(void **state)
{
    (void)state;
    static double kept[MOST * MOST];
    hone_simple_run storage;
    const hone_run *run = hone_run_simple(&storage, 2);
    for (int k = 0; k < ORDERS; k++) {
        const int64_t n = ORDER[k];
        int64_t pivot;
        positive(n);
        assert_int_equal(hone_cholesky(run, C, n, &pivot, NULL), HONE_OK);
        assert_int_equal(pivot, -1);
        memcpy(kept, C, sizeof C);
        positive(n);
        assert_int_equal(hone_cholesky_inside(C, n), -1);
        assert_memory_equal(kept, C, sizeof(double) * (size_t)(n * n));
        memcpy(A, B, sizeof A);
        hone_cholesky_solve(C, n, A, 3);
        for (int64_t r = 0; r < 3; r++)
            for (int64_t i = 0; i < n; i++) {
                double sum = 0;
                for (int64_t j = 0; j < n; j++)
                    sum += D[i * n + j] * A[r * n + j];
                assert_near(sum, B[r * n + i], 1e-12);
            }
        positive(n);
        C[(n - 1) * n + n - 1] = -1;
        assert_int_equal(hone_cholesky(run, C, n, &pivot, NULL), HONE_OK);
        assert_int_equal(pivot, n - 1);
        positive(n);
        C[(n - 1) * n + n - 1] = -1;
        assert_int_equal(hone_cholesky_inside(C, n), n - 1);
    }
}

static void eigenvectors_are_stretched_by_their_values(void **state)
{
    (void)state;
    static double values[64], v[64 * 64];
    hone_arena *arena = hone_arena_open(NULL);
    for (int k = 0; k < 4; k++) {
        const int64_t n = ORDER[k];
        positive(n);
        assert_int_equal(hone_eigen(C, n, values, v, arena, NULL), HONE_OK);
        for (int64_t e = 0; e < n; e++) {
            assert_true(!e || values[e] >= values[e - 1]);
            for (int64_t i = 0; i < n; i++) {
                double sum = 0;
                for (int64_t j = 0; j < n; j++)
                    sum += D[i * n + j] * v[e * n + j];
                assert_near(sum, values[e] * v[e * n + i], 1e-11);
            }
        }
    }
    hone_arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(squares_of_tables_are_added_to_the_lower_triangle),
        cmocka_unit_test(products_are_those_of_plain_loops),
        cmocka_unit_test(factors_solve_what_they_were_made_of),
        cmocka_unit_test(eigenvectors_are_stretched_by_their_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
