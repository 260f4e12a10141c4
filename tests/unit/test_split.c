/* Row lists: complete, disjoint, ascending, stratified, and a function of their arguments alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "data/split.h"
#include "toolbox/random.h"

enum { MOST = 700, MOST_CLASSES = 40 };

/* One random problem: rows, labels with uneven classes, some of them absent or single. */
typedef struct problem {
    int64_t rows, classes;
    int32_t label[MOST];
    const int32_t *given; /* NULL: no labels */
    int64_t count[MOST_CLASSES];
    hone_arena *arena;
} problem;

static void make(problem *p, uint64_t seed)
{
    hone_stream random = hone_stream_of(seed, 1, 0);
    p->rows = 2 + (int64_t)hone_below(&random, seed % 3 ? MOST - 1 : 8);
    p->classes = 1 + (int64_t)hone_below(&random, MOST_CLASSES);
    const double skew = 1 + 4 * hone_uniform(&random);
    memset(p->count, 0, sizeof p->count);
    for (int64_t i = 0; i < p->rows; i++) {
        p->label[i] = (int32_t)(pow(hone_uniform(&random), skew) * (double)p->classes);
        p->count[p->label[i]]++;
    }
    p->given = seed % 5 ? p->label : NULL;
    p->arena = hone_arena_open(NULL);
}

static int64_t count_of(const problem *p, int64_t c)
{
    return p->given ? p->count[c] : c == 0 ? p->rows : 0;
}

static int64_t count_in(const problem *p, const hone_rows *rows, int64_t c)
{
    int64_t n = 0;
    for (int64_t k = 0; k < rows->count; k++)
        n += (p->given ? p->label[rows->row[k]] : 0) == c;
    return n;
}

static void assert_ascending(const hone_rows *rows, int64_t below)
{
    for (int64_t k = 0; k < rows->count; k++) {
        assert_true(rows->row[k] >= 0 && rows->row[k] < below);
        assert_true(k == 0 || rows->row[k] > rows->row[k - 1]);
    }
}

/* Ascending lists that together hold every row once. */
static void assert_complete(const hone_rows *a, const hone_rows *b, int64_t rows)
{
    assert_ascending(a, rows);
    assert_ascending(b, rows);
    assert_int_equal(a->count + b->count, rows);
    for (int64_t i = 0, j = 0, k = 0; i < rows; i++) {
        const bool first = j < a->count && a->row[j] == i;
        const bool second = k < b->count && b->row[k] == i;
        assert_true(first != second);
        j += first;
        k += second;
    }
}

static void assert_equal_rows(const hone_rows *a, const hone_rows *b)
{
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->row, b->row, (size_t)a->count * sizeof *a->row);
}

static bool same_rows(const hone_rows *a, const hone_rows *b)
{
    return a->count == b->count && !memcmp(a->row, b->row, (size_t)a->count * sizeof *a->row);
}

static void a_holdout_is_complete_and_stratified(void **state)
{
    (void)state;
    problem p;
    for (uint64_t seed = 0; seed < 400; seed++) {
        make(&p, seed);
        const double fraction = (double)(1 + seed % 19) / 20;
        hone_rows train, valid, train2, valid2;
        assert_int_equal(hone_split_holdout(p.rows, p.given, p.classes, fraction, seed, p.arena,
                                            &train, &valid, NULL),
                         HONE_OK);
        assert_complete(&train, &valid, p.rows);
        assert_true(train.count >= 1 && valid.count >= 1);
        int64_t large = 0;
        for (int64_t c = 0; c < p.classes; c++)
            large += count_of(&p, c) > 1;
        for (int64_t c = 0; c < p.classes && large; c++) {
            const int64_t count = count_of(&p, c), in = count_in(&p, &valid, c);
            const double exact = fraction * (double)count;
            if (count == 1)
                assert_int_equal(in, 0);
            else
                assert_true(fabs((double)in - exact) < 1.5 || in == count - 1);
            if (count > 1)
                assert_true(in < count);
        }
        assert_int_equal(hone_split_holdout(p.rows, p.given, p.classes, fraction, seed, p.arena,
                                            &train2, &valid2, NULL),
                         HONE_OK);
        assert_equal_rows(&valid, &valid2);
        hone_arena_close(p.arena);
    }
}

static void a_holdout_has_the_size_that_was_asked_for(void **state)
{
    (void)state;
    int32_t label[1000];
    for (int i = 0; i < 1000; i++)
        label[i] = i % 10 ? i % 3 : 3;
    hone_arena *arena = hone_arena_open(NULL);
    hone_rows train, valid, other;
    hone_split_holdout(1000, label, 4, 0.25, 1, arena, &train, &valid, NULL);
    assert_int_equal(valid.count, 250);
    hone_split_holdout(1000, label, 4, 0.25, 2, arena, &train, &other, NULL);
    assert_int_equal(other.count, 250);
    assert_false(same_rows(&valid, &other));
    hone_arena_close(arena);
}

/* Every row is drawn about equally often: 2,000 draws of a quarter, five standard deviations. */
static void every_row_is_as_likely_as_any_other(void **state)
{
    (void)state;
    int32_t label[40];
    int drawn[40] = {0};
    for (int i = 0; i < 40; i++)
        label[i] = i % 2;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        hone_arena *arena = hone_arena_open(NULL);
        hone_rows train, valid;
        hone_split_holdout(40, label, 2, 0.25, seed, arena, &train, &valid, NULL);
        for (int64_t k = 0; k < valid.count; k++)
            drawn[valid.row[k]]++;
        hone_arena_close(arena);
    }
    for (int i = 0; i < 40; i++)
        assert_in_range(drawn[i], 500 - 97, 500 + 97);
}

static void rows_of_which_each_has_its_own_class_are_split_all_the_same(void **state)
{
    (void)state;
    const int32_t label[] = {0, 1, 2};
    hone_arena *arena = hone_arena_open(NULL);
    hone_rows train, valid;
    assert_int_equal(hone_split_holdout(3, label, 3, 0.25, 0, arena, &train, &valid, NULL),
                     HONE_OK);
    assert_complete(&train, &valid, 3);
    assert_int_equal(valid.count, 1);
    hone_error error;
    assert_int_equal(hone_split_holdout(1, label, 3, 0.25, 0, arena, &train, &valid, &error),
                     HONE_BAD_DATA);
    assert_int_equal(hone_split_holdout(3, label, 3, 1, 0, arena, &train, &valid, &error),
                     HONE_BAD_ARGUMENT);
    assert_int_equal(hone_split_holdout(3, label, 3, NAN, 0, arena, &train, &valid, &error),
                     HONE_BAD_ARGUMENT);
    hone_arena_close(arena);
}

static void folds_are_complete_disjoint_and_stratified(void **state)
{
    (void)state;
    problem p;
    for (uint64_t seed = 0; seed < 300; seed++) {
        make(&p, seed);
        enum { MOST_FOLDS = 12 };
        const int32_t k = (int32_t)(2 + seed % (MOST_FOLDS - 1));
        hone_rows train[MOST_FOLDS], valid[MOST_FOLDS];
        const hone_status status =
            hone_split_folds(p.rows, p.given, p.classes, k, seed, p.arena, train, valid, NULL);
        assert_int_equal(status, k > p.rows ? HONE_BAD_ARGUMENT : HONE_OK);
        int judged[MOST] = {0};
        for (int32_t f = 0; f < k && !status; f++) {
            assert_complete(&train[f], &valid[f], p.rows);
            assert_in_range(valid[f].count, p.rows / k, p.rows / k + 1);
            for (int64_t i = 0; i < valid[f].count; i++)
                judged[valid[f].row[i]]++;
            for (int64_t c = 0; c < p.classes; c++)
                assert_in_range(count_in(&p, &valid[f], c), count_of(&p, c) / k,
                                count_of(&p, c) / k + 1);
        }
        for (int64_t i = 0; i < p.rows && !status; i++)
            assert_int_equal(judged[i], 1);
        hone_arena_close(p.arena);
    }
}

static void given_rows_are_judged_and_the_rest_trains(void **state)
{
    (void)state;
    hone_arena *arena = hone_arena_open(NULL);
    hone_rows train, valid;
    hone_error error;
    const int64_t rows[] = {0, 2, 5}, twice[] = {0, 2, 2}, outside[] = {0, 6}, negative[] = {-1};
    assert_int_equal(hone_split_given(6, rows, 3, arena, &train, &valid, &error), HONE_OK);
    assert_complete(&train, &valid, 6);
    assert_memory_equal(valid.row, rows, sizeof rows);
    assert_int_equal(hone_split_given(6, twice, 3, arena, &train, &valid, &error),
                     HONE_BAD_ARGUMENT);
    assert_string_equal(error.path, "options.valid_rows[2]");
    assert_int_equal(hone_split_given(6, outside, 2, arena, &train, &valid, &error),
                     HONE_BAD_ARGUMENT);
    assert_string_equal(error.path, "options.valid_rows[1]");
    assert_int_equal(hone_split_given(6, negative, 1, arena, &train, &valid, &error),
                     HONE_BAD_ARGUMENT);
    assert_int_equal(hone_split_given(3, rows, 3, arena, &train, &valid, &error),
                     HONE_BAD_ARGUMENT);
    assert_int_equal(hone_split_given(3, rows, 0, arena, &train, &valid, &error),
                     HONE_BAD_ARGUMENT);
    hone_arena_close(arena);
}

static bool contains(const hone_rows *large, const hone_rows *small)
{
    int64_t k = 0;
    for (int64_t i = 0; i < large->count && k < small->count; i++)
        k += large->row[i] == small->row[k];
    return k == small->count;
}

/* Of every tenth problem the rows are a subset with odd numbers. */
static void take_from(const problem *p, uint64_t seed, hone_rows *from)
{
    from->row = HONE_NEW(p->arena, int64_t, p->rows, 1);
    from->count = 0;
    for (int64_t i = 0; i < p->rows; i++)
        if (seed % 10 || i % 2 || p->rows < 4)
            from->row[from->count++] = i;
}

/* Rows above the fraction that the rare classes take for their first two. */
static double taken_for_rare(const problem *p, const hone_rows *from, double fraction)
{
    double rows = 0;
    for (int64_t c = 0; c < p->classes; c++) {
        const int64_t all = count_in(p, from, c);
        if (all >= 2)
            rows += fmax(0, 2 - fraction * (double)all);
    }
    return rows;
}

static void prefixes_are_nested_and_stratified(void **state)
{
    (void)state;
    problem p;
    for (uint64_t seed = 0; seed < 300; seed++) {
        make(&p, seed);
        hone_rows from, last = {0};
        take_from(&p, seed, &from);
        for (int step = 1; step <= 25; step++) {
            const double fraction = step / 25.0;
            hone_rows now;
            assert_int_equal(
                hone_split_prefix(&from, p.given, p.classes, fraction, seed, p.arena, &now, NULL),
                HONE_OK);
            assert_ascending(&now, p.rows);
            assert_true(contains(&from, &now));
            assert_true(contains(&now, &last));
            int64_t needed = 0;
            const double forced = taken_for_rare(&p, &from, fraction);
            for (int64_t c = 0; c < p.classes; c++) {
                const int64_t all = count_in(&p, &from, c), in = count_in(&p, &now, c);
                const int64_t two = all < 2 ? 0 : 2;
                needed += two;
                assert_true(in >= two);
                const double beyond = (double)in - fraction * (double)all;
                assert_true((beyond < 3 || in == two) && beyond > -3 - forced);
            }
            const int64_t wanted = (int64_t)ceil(fraction * (double)from.count - 1e-9);
            assert_int_equal(now.count, wanted > needed ? wanted : needed);
            last = now;
        }
        assert_equal_rows(&last, &from);
        hone_arena_close(p.arena);
    }
}

static void a_prefix_depends_on_its_seed_and_on_nothing_before_it(void **state)
{
    (void)state;
    hone_arena *arena = hone_arena_open(NULL);
    hone_rows from = {HONE_NEW(arena, int64_t, 300, 1), 300}, a, b, c, d;
    for (int64_t i = 0; i < 300; i++)
        from.row[i] = i;
    hone_split_prefix(&from, NULL, 0, 0.3, 7, arena, &a, NULL);
    hone_split_prefix(&from, NULL, 0, 0.9, 7, arena, &b, NULL);
    hone_split_prefix(&from, NULL, 0, 0.3, 7, arena, &c, NULL);
    hone_split_prefix(&from, NULL, 0, 0.3, 8, arena, &d, NULL);
    assert_equal_rows(&a, &c);
    assert_false(same_rows(&a, &d));
    hone_error error;
    assert_int_equal(hone_split_prefix(&from, NULL, 0, 0, 7, arena, &a, &error), HONE_BAD_ARGUMENT);
    assert_int_equal(hone_split_prefix(&from, NULL, 0, 1.1, 7, arena, &a, &error),
                     HONE_BAD_ARGUMENT);
    hone_arena_close(arena);
}

static void memory_that_runs_out_is_an_error(void **state)
{
    (void)state;
    hone_account account = {.cap = 1 << 16};
    hone_arena *arena = hone_arena_open(&account);
    hone_rows train[3], valid[3], all = {NULL, 1 << 20};
    assert_int_equal(hone_split_holdout(1 << 20, NULL, 0, 0.2, 0, arena, train, valid, NULL),
                     HONE_NO_MEMORY);
    assert_int_equal(hone_split_folds(1 << 20, NULL, 0, 3, 0, arena, train, valid, NULL),
                     HONE_NO_MEMORY);
    assert_int_equal(hone_split_prefix(&all, NULL, 0, 0.2, 0, arena, train, NULL), HONE_NO_MEMORY);
    hone_arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_holdout_is_complete_and_stratified),
        cmocka_unit_test(a_holdout_has_the_size_that_was_asked_for),
        cmocka_unit_test(every_row_is_as_likely_as_any_other),
        cmocka_unit_test(rows_of_which_each_has_its_own_class_are_split_all_the_same),
        cmocka_unit_test(folds_are_complete_disjoint_and_stratified),
        cmocka_unit_test(given_rows_are_judged_and_the_rest_trains),
        cmocka_unit_test(prefixes_are_nested_and_stratified),
        cmocka_unit_test(a_prefix_depends_on_its_seed_and_on_nothing_before_it),
        cmocka_unit_test(memory_that_runs_out_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
