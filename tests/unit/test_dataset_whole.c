/* A dataset as a whole: equal content is equal; it describes itself; its memory. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/arena.h"
#include "dataset_world.h"
#include "toolbox/random.h"

static void any_change_of_content_changes_the_fingerprint(void **state)
{
    (void)state;
    double x[] = {1, 0, 2.5, NAN, 5, 0, -3, 8, 0}, y[] = {0.5, 1, 2};
    hone_dataset *d = dense(x, 3, 3, f64(y), NULL);
    const uint64_t before = hone_dataset_fingerprint(d);
    hone_dataset_free(d);
    for (int k = 0; k < 12; k++) {
        double *cell = k < 9 ? &x[k] : &y[k - 9];
        const double old = *cell;
        *cell = 77;
        d = dense(x, 3, 3, f64(y), NULL);
        assert_int_not_equal(hone_dataset_fingerprint(d), before);
        hone_dataset_free(d);
        *cell = old;
    }
    x[1] = -0.0;
    d = dense(x, 3, 3, f64(y), NULL);
    assert_int_equal(hone_dataset_fingerprint(d), before);
    hone_dataset_free(d);
    d = dense(x, 1, 9, (hone_vector){0}, NULL);
    hone_dataset *other = dense(x, 9, 1, (hone_vector){0}, NULL);
    assert_int_not_equal(hone_dataset_fingerprint(d), hone_dataset_fingerprint(other));
    hone_dataset_free(d);
    hone_dataset_free(other);
}

/* Larger than the hash's chunks and tiles, wide and tall, dense against sparse. */
static void large_tables_hash_alike_in_every_layout(void **state)
{
    (void)state;
    enum { CELLS = 30000 };
    static double x[CELLS], by_column[CELLS], value[CELLS];
    static int32_t column[CELLS];
    static int64_t start[CELLS + 1];
    static const int64_t widths[] = {1, 7, 1000, 5000, CELLS};
    hone_stream random = hone_stream_of(5, 0, 0);
    for (int k = 0; k < CELLS; k++)
        x[k] = hone_below(&random, 3) ? hone_uniform(&random) : 0;
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        const int64_t cols = widths[w], rows = CELLS / cols;
        int64_t count = 0;
        for (int64_t i = 0; i < rows; i++) {
            start[i] = count;
            for (int64_t j = 0; j < cols; j++) {
                by_column[j * rows + i] = x[i * cols + j];
                if (x[i * cols + j] != 0)
                    value[count] = x[i * cols + j], column[count++] = (int32_t)j;
            }
        }
        start[rows] = count;
        hone_dataset *a = dense(x, rows, cols, (hone_vector){0}, NULL), *b, *c;
        hone_error error;
        made(hone_dataset_dense(by_column, HONE_F64, rows, cols, 1, rows, (hone_vector){0}, NULL,
                                &b, &error),
             &b, &error);
        made(hone_dataset_csr(value, HONE_F64, start, HONE_I64, column, HONE_I32, rows, cols,
                              (hone_vector){0}, NULL, &c, &error),
             &c, &error);
        assert_int_equal(a->fingerprint, b->fingerprint);
        assert_int_equal(a->fingerprint, c->fingerprint);
        hone_dataset_free(a);
        hone_dataset_free(b);
        hone_dataset_free(c);
    }
}

static void a_dataset_describes_itself(void **state)
{
    (void)state;
    const char *const colour[] = {"r\"d", NULL}, *const y[] = {"n", "y"};
    const double size[] = {1, 2};
    const hone_column c[] = {{.name = "colour", .values = text(colour)},
                             {.name = "size", .values = f64(size)}};
    hone_dataset *d = columns(c, 2, 2, text(y));
    char *json, expected[600];
    assert_int_equal(hone_dataset_describe(d, &json, NULL), HONE_OK);
    snprintf(expected, sizeof expected,
             "{\"rows\": 2, \"cols\": 2, \"layout\": \"dense\", \"dtype\": \"float32\", "
             "\"columns\": [{\"name\": \"colour\", \"type\": \"categorical\", \"missing\": 1, "
             "\"levels\": [\"r\\\"d\"]}, {\"name\": \"size\", \"type\": \"numeric\", "
             "\"missing\": 0}], \"target\": {\"name\": \"target\", \"task\": \"classification\", "
             "\"classes\": [\"n\", \"y\"], \"class_rows\": [1, 1]}, \"weights\": false, "
             "\"fingerprint\": \"%llu\"}",
             (unsigned long long)hone_dataset_fingerprint(d));
    assert_string_equal(json, expected);
    hone_free(json);
    hone_dataset_free(d);
}

static hone_status everything(hone_dataset **d, hone_error *error)
{
    const char *const colour[] = {"red", "blue", NULL}, *const y[] = {"b", "a", "b"};
    const double size[] = {0.1, 2, 3}, weight[] = {1, 2, 3};
    const hone_column c[] = {{.name = "colour", .values = text(colour)},
                             {.name = "size", .values = f64(size)}};
    const hone_column turned[] = {c[1], c[0]};
    hone_dataset *valid = NULL;
    *d = NULL;
    HONE_TRY(hone_dataset_columns(turned, 2, 3, text(y), NULL, &valid, error));
    const hone_dataset_options options = {
        .size = sizeof options, .valid = valid, .weight = f64(weight)};
    const hone_status status = hone_dataset_columns(c, 2, 3, text(y), &options, d, error);
    hone_dataset_free(valid);
    return status;
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    hone_dataset *d;
    hone_error error;
    const long before = hone_alloc_count();
    assert_int_equal(everything(&d, &error), HONE_OK);
    hone_dataset_free(d);
    const long requests = hone_alloc_count() - before;
    assert_in_range(requests, 10, 1000);
    for (int sticky = 0; sticky < 2; sticky++)
        for (long n = 0; n < requests; n++) {
            hone_alloc_fail_after(n, sticky);
            const hone_status status = everything(&d, &error);
            hone_alloc_fail_after(-1, false);
            assert_int_equal(status, HONE_NO_MEMORY);
            assert_null(d);
        }
}

static void references_keep_a_dataset(void **state)
{
    (void)state;
    const double x[9] = {0};
    hone_dataset *d = dense(x, 3, 3, (hone_vector){0}, NULL);
    assert_ptr_equal(hone_dataset_retain(d), d);
    hone_dataset_free(d);
    assert_int_equal(hone_dataset_rows(d), 3);
    hone_dataset_free(d);
    hone_dataset_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_change_of_content_changes_the_fingerprint),
        cmocka_unit_test(large_tables_hash_alike_in_every_layout),
        cmocka_unit_test(a_dataset_describes_itself),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(references_keep_a_dataset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
