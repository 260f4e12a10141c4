/* Tables of datasets: what is taken, and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/text.h"
#include "dataset_world.h"

static const double X[] = {1, 0, 2.5, NAN, 5, 0, -3, 8, 0};

static void floats_are_borrowed_with_any_strides(void **state)
{
    (void)state;
    const double y[] = {0.5, 1, 2};
    hone_dataset *rows = dense(X, 3, 3, f64(y), NULL);
    assert_ptr_equal(rows->table.values, X);
    double fortran[9], backwards[9];
    float narrow[9];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            fortran[j * 3 + i] = X[i * 3 + j];
            backwards[8 - i * 3 - j] = X[i * 3 + j];
            narrow[i * 3 + j] = (float)X[i * 3 + j];
        }
    hone_dataset *d;
    hone_error error;
    made(hone_dataset_dense(fortran, HONE_F64, 3, 3, 1, 3, f64(y), NULL, &d, &error), &d, &error);
    assert_int_equal(hone_dataset_fingerprint(d), hone_dataset_fingerprint(rows));
    assert_int_equal(d->column[0].missing, 1);
    hone_dataset_free(d);
    made(hone_dataset_dense(backwards + 8, HONE_F64, 3, 3, -3, -1, f64(y), NULL, &d, &error), &d,
         &error);
    assert_int_equal(hone_dataset_fingerprint(d), hone_dataset_fingerprint(rows));
    hone_dataset_free(d);
    made(hone_dataset_dense(narrow, HONE_F32, 3, 3, 3, 1, f64(y), NULL, &d, &error), &d, &error);
    assert_int_equal(hone_dataset_fingerprint(d), hone_dataset_fingerprint(rows));
    hone_dataset_free(d);
    hone_dataset_free(rows);
}

static void whole_types_become_floats_that_hold_them(void **state)
{
    (void)state;
    const uint8_t bytes[] = {1, 2, 255, 4};
    const int32_t words[] = {1, 2, 255, 4};
    const double y[] = {0.5, 1};
    hone_dataset *narrow, *wide;
    hone_error error;
    made(hone_dataset_dense(bytes, HONE_U8, 2, 2, 2, 1, f64(y), NULL, &narrow, &error), &narrow,
         &error);
    made(hone_dataset_dense(words, HONE_I32, 2, 2, 2, 1, f64(y), NULL, &wide, &error), &wide,
         &error);
    assert_int_equal(narrow->table.dtype, HONE_F32);
    assert_int_equal(wide->table.dtype, HONE_F64);
    assert_int_equal(((const float *)narrow->table.values)[2], 255);
    assert_int_equal(hone_dataset_fingerprint(narrow), hone_dataset_fingerprint(wide));
    hone_dataset_free(narrow);
    hone_dataset_free(wide);
}

static void infinities_and_impossible_shapes_are_refused(void **state)
{
    (void)state;
    hone_dataset *d = NULL;
    hone_error error;
    double x[] = {1, 2, 3, -INFINITY};
    const hone_vector none = {0};
#define DENSE(...) hone_dataset_dense(__VA_ARGS__, none, NULL, &d, &error), &d, &error
    refused(DENSE(x, HONE_F64, 2, 2, 2, 1), HONE_BAD_DATA, "data.x[1,1]", "infinite");
    refused(DENSE(x, HONE_F64, 0, 2, 2, 1), HONE_BAD_DATA, "data.x", "0 rows");
    refused(DENSE(x, HONE_F64, -1, 2, 2, 1), HONE_BAD_DATA, "data.x", "-1 rows");
    refused(DENSE(NULL, HONE_F64, 2, 2, 2, 1), HONE_BAD_ARGUMENT, "data.x", "no values");
    refused(DENSE(x, HONE_F64, 2, 2, 0, 1), HONE_BAD_ARGUMENT, "data.x", "stride");
    refused(DENSE(x, HONE_F64, INT64_MAX, 2, 2, 1), HONE_BAD_ARGUMENT, "data.x", "address space");
    refused(DENSE(x, HONE_F64, 2, 2, INT64_MIN, 1), HONE_BAD_ARGUMENT, "data.x", "address space");
    refused(DENSE(x, (hone_dtype)77, 2, 2, 2, 1), HONE_BAD_ARGUMENT, "data.x", "element type");
    refused(DENSE((char *)x + 1, HONE_F64, 1, 1, 1, 1), HONE_BAD_ARGUMENT, "data.x", "aligned");
#undef DENSE
}

static void names_must_differ(void **state)
{
    (void)state;
    const char *const names[] = {"a", "b", "a"};
    const hone_dataset_options options = {.size = sizeof options, .names = names};
    hone_dataset *d;
    hone_error error;
    refused(hone_dataset_dense(X, HONE_F64, 3, 3, 3, 1, (hone_vector){0}, &options, &d, &error), &d,
            &error, HONE_BAD_DATA, "data.columns[2]", "'a'");
}

static void options_of_other_versions_are_understood(void **state)
{
    (void)state;
    hone_dataset *d;
    hone_error error;
    hone_dataset_options options = {0};
    refused(hone_dataset_dense(X, HONE_F64, 3, 3, 3, 1, (hone_vector){0}, &options, &d, &error), &d,
            &error, HONE_BAD_ARGUMENT, "options.size", "size");
    struct {
        hone_dataset_options options;
        int64_t more;
    } newer = {.options = {.size = sizeof newer}, .more = 0};
    hone_dataset_free(dense(X, 3, 3, (hone_vector){0}, &newer.options));
    newer.more = 1;
    refused(
        hone_dataset_dense(X, HONE_F64, 3, 3, 3, 1, (hone_vector){0}, &newer.options, &d, &error),
        &d, &error, HONE_BAD_ARGUMENT, "options.size", "newer");
}

static void categorical_columns_of_an_array_become_codes(void **state)
{
    (void)state;
    const float x[] = {7, 0.5f, -1, 1.5f, 7, NAN, NAN, 2};
    const bool categorical[] = {true, false};
    const hone_dataset_options options = {.size = sizeof options, .categorical = categorical};
    hone_dataset *d;
    hone_error error;
    made(hone_dataset_dense(x, HONE_F32, 4, 2, 2, 1, (hone_vector){0}, &options, &d, &error), &d,
         &error);
    const float *t = d->table.values;
    assert_int_equal(hone_dataset_levels(d, 0), 2);
    assert_string_equal(hone_dataset_level(d, 0, 0), "-1");
    assert_string_equal(hone_dataset_level(d, 0, 1), "7");
    assert_null(hone_dataset_level(d, 0, 2));
    assert_int_equal(hone_dataset_levels(d, 1), 0);
    assert_true(t[0] == 1 && t[2] == 0 && t[4] == 1 && isnan(t[6]) && t[7] == 2);
    assert_int_equal(d->column[0].missing, 1);
    assert_int_equal(d->table.levels[0], 2);
    assert_true(d->missing && d->categories);
    hone_dataset_free(d);
}

static void columns_of_all_types_make_one_table(void **state)
{
    (void)state;
    const char *const colour[] = {"red", NULL, "blue", "red"};
    const uint8_t flag[] = {1, 0, 1, 1}, valid = 0x2c; /* bits 2, 3, 5: rows 0, 1, 3 from bit 2 */
    const int16_t code[] = {2, 0, -1, 2};
    const char *const levels[] = {"z", "unused", "a"};
    const double amount[] = {0.1, 2, 3, 4};
    const hone_column c[] = {
        {.name = "colour", .values = text(colour)},
        {.name = "flag", .values = {flag, HONE_BOOLEAN, 0, &valid, 2}},
        {.name = "code", .values = {code, HONE_I16}, .levels = levels, .n_levels = 3},
        {.name = "amount", .values = f64(amount)},
    };
    hone_dataset *d = columns(c, 4, 4, (hone_vector){0});
    const double *t = d->table.values;
    assert_int_equal(d->table.dtype, HONE_F64);
    assert_true(t[0] == 1 && isnan(t[4]) && t[8] == 0 && t[12] == 1);
    assert_true(t[1] == 1 && t[5] == 0 && isnan(t[9]) && t[13] == 1);
    assert_int_equal(hone_dataset_levels(d, 2), 2); /* what does not occur is no level */
    assert_string_equal(hone_dataset_level(d, 2, 0), "a");
    assert_true(t[2] == 0 && t[6] == 1 && isnan(t[10]) && t[14] == 0);
    assert_true(t[3] == 0.1);
    assert_string_equal(hone_dataset_level(d, 1, 1), "true");
    hone_dataset_free(d);
}

static void float32_is_taken_when_it_holds_every_number(void **state)
{
    (void)state;
    const double halves[] = {0.5, NAN, 16777216}, tenths[] = {0.1, 1, 2};
    hone_column c = {.values = f64(halves)};
    hone_dataset *d = columns(&c, 1, 3, (hone_vector){0});
    assert_int_equal(d->table.dtype, HONE_F32);
    hone_dataset_free(d);
    c.values = f64(tenths);
    d = columns(&c, 1, 3, (hone_vector){0});
    assert_int_equal(d->table.dtype, HONE_F64);
    hone_dataset_free(d);
}

static void numbers_in_text_are_one_level_with_numbers(void **state)
{
    (void)state;
    const char *const numbers[] = {"3", "3.0", "-12", "10"}, *const zeros[] = {"007", "7", "3",
                                                                               "1"};
    const int64_t whole[] = {3, 3, -12, 10};
    hone_column c = {.type = HONE_CATEGORICAL, .values = text(numbers)};
    hone_dataset *d = columns(&c, 1, 4, (hone_vector){0});
    assert_int_equal(hone_dataset_levels(d, 0), 3);
    assert_string_equal(hone_dataset_level(d, 0, 0), "-12"); /* numeric order */
    assert_string_equal(hone_dataset_level(d, 0, 2), "10");
    c.values = i64(whole);
    hone_dataset *same = columns(&c, 1, 4, (hone_vector){0});
    assert_int_equal(hone_dataset_fingerprint(d), hone_dataset_fingerprint(same));
    hone_dataset_free(d);
    hone_dataset_free(same);
    c.values = text(zeros);
    d = columns(&c, 1, 4, (hone_vector){0});
    assert_int_equal(hone_dataset_levels(d, 0), 4); /* a leading zero is kept */
    assert_string_equal(hone_dataset_level(d, 0, 0), "007");
    hone_dataset_free(d);
}

static void broken_columns_are_refused(void **state)
{
    (void)state;
    hone_dataset *d;
    hone_error error;
    const char *const words[] = {"1", "x"}, *const latin[] = {"a", "\xe9"};
    const int8_t code[] = {0, 2};
    const char *const levels[] = {"a", "b"};
    const double infinite[] = {1, INFINITY};
    const uint64_t large[] = {1, UINT64_MAX};
    hone_column c = {.type = HONE_NUMERIC, .values = text(words)};
#define COLUMN                                                                                     \
    hone_dataset_columns(&c, 1, 2, (hone_vector){0}, NULL, &d, &error), &d, &error, HONE_BAD_DATA
    refused(COLUMN, "data.x[1,0]", "'x' is no number");
    c = (hone_column){.values = text(latin)};
    refused(COLUMN, "data.x[1,0]", "UTF-8");
    c = (hone_column){.values = {code, HONE_I8}, .levels = levels, .n_levels = 2};
    refused(COLUMN, "data.x[1,0]", "code 2");
    c = (hone_column){.values = f64(infinite)};
    refused(COLUMN, "data.x[1,0]", "infinite");
    c = (hone_column){.type = HONE_CATEGORICAL, .values = f64(infinite)};
    refused(COLUMN, "data.x[1,0]", "infinite");
    c = (hone_column){.type = HONE_CATEGORICAL, .values = {large, HONE_U64}};
    refused(COLUMN, "data.x[1,0]", "as text");
#undef COLUMN
    c = (hone_column){0};
    refused(hone_dataset_columns(&c, 1, 2, (hone_vector){0}, NULL, &d, &error), &d, &error,
            HONE_BAD_ARGUMENT, "data.columns[0]", "no values");
}

static void collect(void *context, int level, const char *line)
{
    hone_text_format(context, "%d %s\n", level, line);
}

static void a_column_without_values_is_taken_with_a_warning(void **state)
{
    (void)state;
    const double x[] = {1, NAN, 1, NAN};
    hone_text log = {0};
    const hone_dataset_options options = {.size = sizeof options, .log = collect, .context = &log};
    hone_dataset *d = dense(x, 2, 2, (hone_vector){0}, &options);
    assert_string_equal(log.bytes,
                        "2 table: 2 rows, 2 numeric and 0 categorical columns, 2 missing cells\n"
                        "1 1 column has no value at all: 'x1'\n");
    hone_text_drop(&log);
    hone_dataset_free(d);
}

static void sparse_rows_equal_the_dense_table(void **state)
{
    (void)state;
    const double x[] = {0, 2, 0, 0, 0, 0, -1, 0, 4}, y[] = {0.5, 1, 2};
    const float values[] = {2, -1, 0, 4}; /* with a stored zero */
    const int64_t start[] = {0, 1, 1, 4};
    const int32_t column[] = {1, 0, 1, 2};
    hone_dataset *d, *flat = dense(x, 3, 3, f64(y), NULL);
    hone_error error;
    made(hone_dataset_csr(values, HONE_F32, start, HONE_I64, column, HONE_I32, 3, 3, f64(y), NULL,
                          &d, &error),
         &d, &error);
    assert_int_equal(hone_dataset_fingerprint(d), hone_dataset_fingerprint(flat));
    assert_ptr_equal(d->table.row_start, start);
    assert_ptr_equal(d->table.column, column);
    assert_ptr_equal(d->table.values, values);
    hone_dataset_free(d);
    const uint32_t start32[] = {0, 1, 1, 4};
    const int64_t column64[] = {1, 0, 1, 2};
    const int8_t small[] = {2, -1, 0, 4};
    made(hone_dataset_csr(small, HONE_I8, start32, HONE_U32, column64, HONE_I64, 3, 3, f64(y), NULL,
                          &d, &error),
         &d, &error);
    assert_int_equal(hone_dataset_fingerprint(d), hone_dataset_fingerprint(flat));
    assert_string_equal(hone_dataset_column_name(d, 2), "x2");
    assert_null(hone_dataset_column_name(d, 3));
    hone_dataset_free(d);
    hone_dataset_free(flat);
}

static void broken_sparse_rows_are_refused(void **state)
{
    (void)state;
    hone_dataset *d;
    hone_error error;
    const double values[] = {1, 2, NAN};
    const int64_t good[] = {0, 1, 3}, late[] = {1, 1, 3}, falls[] = {0, 2, 1};
    const int32_t fine[] = {0, 0, 1}, twice[] = {0, 1, 1}, outside[] = {0, 0, 2},
                  negative[] = {0, -1, 1};
#define CSR(start, column)                                                                         \
    hone_dataset_csr(values, HONE_F64, start, HONE_I64, column, HONE_I32, 2, 2, (hone_vector){0},  \
                     NULL, &d, &error),                                                            \
        &d, &error, HONE_BAD_DATA
    refused(CSR(good, fine), "data.values[2]", "NaN");
    refused(CSR(late, fine), "data.indptr[0]", "start at 0");
    refused(CSR(falls, fine), "data.indptr[2]", "never descend");
    refused(CSR(good, twice), "data.indices[2]", "ascend");
    refused(CSR(good, outside), "data.indices[2]", "column 2");
    refused(CSR(good, negative), "data.indices[1]", "column -1");
#undef CSR
}

static void a_million_sparse_columns_cost_nothing(void **state)
{
    (void)state;
    const double values[] = {1, 2};
    const int64_t start[] = {0, 1, 2};
    const int32_t column[] = {0, 999999};
    hone_dataset *d;
    hone_error error;
    made(hone_dataset_csr(values, HONE_F64, start, HONE_I64, column, HONE_I32, 2, 1000000,
                          (hone_vector){0}, NULL, &d, &error),
         &d, &error);
    assert_null(d->column);
    assert_in_range(hone_arena_bytes(d->memory), 1, 1 << 18);
    assert_string_equal(hone_dataset_column_name(d, 999999), "x999999");
    hone_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_are_borrowed_with_any_strides),
        cmocka_unit_test(whole_types_become_floats_that_hold_them),
        cmocka_unit_test(infinities_and_impossible_shapes_are_refused),
        cmocka_unit_test(names_must_differ),
        cmocka_unit_test(options_of_other_versions_are_understood),
        cmocka_unit_test(categorical_columns_of_an_array_become_codes),
        cmocka_unit_test(columns_of_all_types_make_one_table),
        cmocka_unit_test(float32_is_taken_when_it_holds_every_number),
        cmocka_unit_test(numbers_in_text_are_one_level_with_numbers),
        cmocka_unit_test(broken_columns_are_refused),
        cmocka_unit_test(a_column_without_values_is_taken_with_a_warning),
        cmocka_unit_test(sparse_rows_equal_the_dense_table),
        cmocka_unit_test(broken_sparse_rows_are_refused),
        cmocka_unit_test(a_million_sparse_columns_cost_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
