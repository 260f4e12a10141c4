/* Distance blocks against plain loops, on every instruction set of this CPU. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/trial.h"
#include "dense.h"
#include "toolbox/panels.h"
#include "toolbox/random.h"

/* Rows of random numbers, and a run with its arena. */
typedef struct world {
    hone_simple_run storage;
    const hone_run *run;
    hone_arena *arena;
    hone_matrix x;
    double *values;
} world;

static void open_world(world *w, int threads, int64_t n, int64_t d, double offset)
{
    w->run = hone_run_simple(&w->storage, threads);
    w->arena = hone_arena_open(&w->storage.account);
    w->values = HONE_NEW(w->arena, double, n, d);
    assert_non_null(w->values);
    hone_stream s = hone_stream_of(7, (uint64_t)n, (uint64_t)d);
    for (int64_t i = 0; i < n * d; i++)
        w->values[i] = offset + 4 * hone_uniform(&s) - 2;
    w->x = dense_of(HONE_F64, w->values, n, d);
}

static int best; /* instruction set of this CPU */

static hone_panels panels_of(world *w, bool centred, hone_isa isa)
{
    hone_panels p;
    w->storage.run.isa = isa;
    assert_int_equal(hone_panels_make(&w->x, centred, w->run, w->arena, w->arena, &p, NULL),
                     HONE_OK);
    return p;
}

/* Blocks of all pairs: queries are the points themselves. */
static float *all_pairs(world *w, const hone_panels *p, hone_measure measure, hone_isa isa)
{
    const int64_t n = p->n, count = hone_panel_count(n), stride = count * HONE_LANES;
    hone_queries q;
    int64_t *id = HONE_NEW(w->arena, int64_t, n, 1);
    float *out = HONE_NEW(w->arena, float, n, stride);
    assert_true(hone_queries_new(p, NULL, 0, n, w->arena, &q) && id && out);
    for (int64_t i = 0; i < n; i++)
        id[i] = i;
    hone_queries_pick(p, id, n, isa, &q);
    int32_t *map;
    assert_true(hone_map_new(p, w->arena, &map));
    hone_measure_block(measure, &q, p, 0, count, isa, map, out, stride);
    return out;
}

static double plain(hone_measure measure, const double *a, const double *b, int64_t d)
{
    double sum = 0;
    for (int64_t k = 0; k < d; k++) {
        const double gap = fabs(a[k] - b[k]);
        if (measure == HONE_INNER)
            sum += a[k] * b[k];
        else if (measure == HONE_SQUARE)
            sum += gap * gap;
        else if (measure == HONE_MANHATTAN)
            sum += gap;
        else
            sum = fmax(sum, gap);
    }
    return sum;
}

static void every_measure_equals_a_plain_loop(void **state)
{
    (void)state;
    const int64_t shapes[][2] = {{1, 1}, {5, 3}, {16, 4}, {37, 17}, {50, 300}, {13, 700}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        world w;
        open_world(&w, 1, shapes[s][0], shapes[s][1], 0);
        const int64_t n = shapes[s][0], d = shapes[s][1];
        const int64_t stride = hone_panel_count(n) * HONE_LANES;
        for (int isa = HONE_ISA_PORTABLE; isa <= best; isa++) {
            const hone_panels p = panels_of(&w, false, (hone_isa)isa);
            for (int m = HONE_INNER; m <= HONE_CHEBYSHEV; m++) {
                const float *out = all_pairs(&w, &p, (hone_measure)m, (hone_isa)isa);
                for (int64_t i = 0; i < n * n; i++) {
                    const double right =
                        plain((hone_measure)m, w.values + i / n * d, w.values + i % n * d, d);
                    const float got = out[i / n * stride + i % n];
                    assert_true(fabs((double)got - right) <= 3e-6 * (double)(d + 4));
                }
            }
        }
        hone_arena_close(w.arena);
    }
}

static void distances_are_symmetric_and_zero_between_equal_points(void **state)
{
    (void)state;
    world w;
    open_world(&w, 1, 61, 19, 100);
    memcpy(w.values + 40 * 19, w.values + 3 * 19, 19 * sizeof(double));
    const int64_t stride = hone_panel_count(61) * HONE_LANES;
    for (int isa = HONE_ISA_PORTABLE; isa <= best; isa++) {
        const hone_panels p = panels_of(&w, true, (hone_isa)isa);
        const float *out = all_pairs(&w, &p, HONE_SQUARE, (hone_isa)isa);
        for (int64_t i = 0; i < 61; i++)
            for (int64_t j = 0; j < 61; j++)
                assert_true(out[i * stride + j] == out[j * stride + i]);
        for (int64_t i = 0; i < 61; i++)
            assert_true(out[i * stride + i] == 0);
        assert_true(out[3 * stride + 40] == 0);
    }
    hone_arena_close(w.arena);
}

static void an_element_does_not_depend_on_its_block(void **state)
{
    (void)state;
    world w;
    open_world(&w, 1, 100, 23, 1);
    const int64_t stride = hone_panel_count(100) * HONE_LANES;
    const int64_t id[] = {99, 4, 17, 4, 50};
    for (int isa = HONE_ISA_PORTABLE; isa <= best; isa++) {
        const hone_panels p = panels_of(&w, true, (hone_isa)isa);
        const float *whole = all_pairs(&w, &p, HONE_SQUARE, (hone_isa)isa);
        hone_queries q;
        _Alignas(64) float out[5 * 32];
        assert_true(hone_queries_new(&p, NULL, 0, 5, w.arena, &q));
        hone_queries_pick(&p, id, 5, (hone_isa)isa, &q);
        hone_measure_block(HONE_SQUARE, &q, &p, 2, 2, (hone_isa)isa, NULL, out, 32);
        for (int64_t i = 0; i < 5; i++)
            for (int64_t j = 0; j < 32; j++)
                assert_true(out[i * 32 + j] == whole[id[i] * stride + 32 + j]);
    }
    hone_arena_close(w.arena);
}

static void queries_read_from_rows_equal_queries_picked_from_panels(void **state)
{
    (void)state;
    world w;
    open_world(&w, 1, 40, 11, -3);
    const hone_panels p = panels_of(&w, true, HONE_ISA_PORTABLE);
    hone_queries read, picked;
    hone_query_buffer buffer;
    assert_true(hone_query_buffer_new(11, w.arena, &buffer));
    int64_t id[20];
    assert_true(hone_queries_new(&p, NULL, 0, 20, w.arena, &read));
    assert_true(hone_queries_new(&p, NULL, 0, 20, w.arena, &picked));
    for (int64_t i = 0; i < 20; i++)
        id[i] = i + 15;
    hone_queries_read(&p, &w.x, 15, 20, HONE_ISA_PORTABLE, &buffer, &read);
    hone_queries_pick(&p, id, 20, HONE_ISA_PORTABLE, &picked);
    assert_memory_equal(read.x, picked.x, sizeof(float) * 24 * 11);
    assert_memory_equal(read.norm, picked.norm, sizeof(float) * 24);
    hone_arena_close(w.arena);
}

static void panels_are_bit_equal_for_any_number_of_threads(void **state)
{
    (void)state;
    world one, other;
    open_world(&one, 1, 2000, 9, 5);
    const hone_panels a = panels_of(&one, true, (hone_isa)best);
    for (int threads = 2; threads <= 7; threads++) {
        open_world(&other, threads, 2000, 9, 5);
        const hone_panels b = panels_of(&other, true, (hone_isa)best);
        assert_memory_equal(a.x, b.x, sizeof(float) * 2000 * 9);
        assert_memory_equal(a.norm, b.norm, sizeof(float) * 2000);
        hone_arena_close(other.arena);
    }
    hone_arena_close(one.arena);
}

static void huge_values_give_finite_distances(void **state)
{
    (void)state;
    world w;
    open_world(&w, 1, 30, 4, 0);
    for (int64_t i = 0; i < 120; i++)
        w.values[i] *= i % 7 == 0 ? 1e300 : i % 3 == 0 ? 1e30 : 1;
    w.values[0] = -1.7e308, w.values[4] = 1.7e308;
    for (int isa = HONE_ISA_PORTABLE; isa <= best; isa++) {
        const hone_panels p = panels_of(&w, true, (hone_isa)isa);
        const float *out = all_pairs(&w, &p, HONE_SQUARE, (hone_isa)isa);
        for (int64_t i = 0; i < 30 * 32; i++)
            assert_true(isfinite(out[i]));
        assert_true(out[1] > 0);
    }
    hone_arena_close(w.arena);
}

/* Every third value of the world, as CSR; the dense values get zeros to match. */
static hone_matrix make_sparse(world *w)
{
    const int64_t n = w->x.rows, d = w->x.cols;
    int64_t *start = HONE_NEW(w->arena, int64_t, n + 1, 1), next = 0;
    int32_t *column = HONE_NEW(w->arena, int32_t, n * d, 1);
    double *value = HONE_NEW(w->arena, double, n *d, 1);
    assert_true(start && column && value);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t k = 0; k < d; k++) {
            if ((i * 7 + k * 5) % 3)
                w->values[i * d + k] = 0;
            if (w->values[i * d + k] == 0)
                continue;
            column[next] = (int32_t)k;
            value[next++] = w->values[i * d + k];
        }
        start[i + 1] = next;
    }
    return (hone_matrix){.values = value,
                         .layout = HONE_CSR,
                         .dtype = HONE_F64,
                         .rows = n,
                         .cols = d,
                         .stored_cols = d,
                         .row_start = start,
                         .column = column};
}

static void sparse_points_give_the_distances_of_dense_ones(void **state)
{
    (void)state;
    for (int isa = HONE_ISA_PORTABLE; isa <= best; isa++) {
        world w;
        open_world(&w, 1, 77, 31, 0);
        memcpy(w.values + 20 * 31, w.values + 2 * 31, 31 * sizeof(double));
        const hone_matrix sparse = make_sparse(&w), dense = w.x;
        for (int m = HONE_INNER; m <= HONE_MANHATTAN; m++) {
            const int64_t stride = hone_panel_count(77) * HONE_LANES;
            w.x = dense;
            const hone_panels a = panels_of(&w, false, (hone_isa)isa);
            w.x = sparse;
            const hone_panels b = panels_of(&w, false, (hone_isa)isa);
            const float *right = all_pairs(&w, &a, (hone_measure)m, (hone_isa)isa);
            const float *got = all_pairs(&w, &b, (hone_measure)m, (hone_isa)isa);
            for (int64_t i = 0; i < 77; i++)
                for (int64_t j = 0; j < 77; j++) {
                    assert_true(fabsf(got[i * stride + j] - right[i * stride + j]) <= 1e-4f);
                    assert_true(m == HONE_MANHATTAN || got[i * stride + j] == got[j * stride + i]);
                    assert_true(m != HONE_SQUARE || i != j || got[i * stride + j] == 0);
                }
        }
        hone_arena_close(w.arena);
    }
}

static void sparse_queries_are_read_from_any_layout(void **state)
{
    (void)state;
    world w;
    open_world(&w, 1, 40, 13, 0);
    const hone_matrix dense = w.x;
    w.x = make_sparse(&w);
    const hone_panels p = panels_of(&w, false, HONE_ISA_PORTABLE);
    hone_query_buffer buffer;
    int32_t *map;
    assert_true(hone_query_buffer_new(13, w.arena, &buffer));
    assert_true(hone_map_new(&p, w.arena, &map));
    const hone_matrix *views[] = {&w.x, &dense};
    float out[2][20 * 48];
    for (int v = 0; v < 2; v++) {
        hone_queries q;
        assert_true(hone_queries_new(&p, views[v], 15, 20, w.arena, &q));
        hone_queries_read(&p, views[v], 15, 20, HONE_ISA_PORTABLE, &buffer, &q);
        hone_measure_block(HONE_SQUARE, &q, &p, 0, 3, HONE_ISA_PORTABLE, map, out[v], 48);
        for (int64_t i = 0; i < 20; i++)
            assert_true(out[v][i * 48 + 15 + i] == 0);
    }
    assert_memory_equal(out[0], out[1], sizeof out[0]);
    hone_arena_close(w.arena);
}

enum { N = 1 << 16 };

/* From 0 and 1e-6 to 86. */
static float at(int i)
{
    return i ? (float)(1e-6 * pow(86e6, (double)i / (N - 1))) : 0;
}

static void exp_is_within_two_ulp_and_zero_far_below(void **state)
{
    (void)state;
    world w;
    open_world(&w, 1, 1, 1, 0);
    float *v = HONE_NEW(w.arena, float, N, 1);
    for (int isa = HONE_ISA_PORTABLE; isa <= best; isa++) {
        for (int less = 0; less < 2; less++) {
            for (int i = 0; i < N; i++)
                v[i] = at(i);
            hone_exp_f32(v, N, -1, (float)less, (hone_isa)isa);
            for (int i = 0; i < N; i++) {
                const double u = -(double)at(i), right = less ? expm1(u) : exp(u);
                assert_true(fabs((double)v[i] - right) <= 2.4e-7 * fabs(right));
            }
        }
        for (int i = 0; i < 16; i++)
            v[i] = i ? 1e30f : 0.0f;
        hone_exp_f32(v, 16, -1e30f, 0, (hone_isa)isa);
        assert_true(v[0] == 1 && v[1] == 0 && v[15] == 0);
    }
    hone_arena_close(w.arena);
}

int main(void)
{
    hone_simple_run run;
    best = (int)hone_run_isa(hone_run_simple(&run, 1));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_measure_equals_a_plain_loop),
        cmocka_unit_test(distances_are_symmetric_and_zero_between_equal_points),
        cmocka_unit_test(an_element_does_not_depend_on_its_block),
        cmocka_unit_test(queries_read_from_rows_equal_queries_picked_from_panels),
        cmocka_unit_test(panels_are_bit_equal_for_any_number_of_threads),
        cmocka_unit_test(huge_values_give_finite_distances),
        cmocka_unit_test(sparse_points_give_the_distances_of_dense_ones),
        cmocka_unit_test(sparse_queries_are_read_from_any_layout),
        cmocka_unit_test(exp_is_within_two_ulp_and_zero_far_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
