/* Datasets: what is taken, what is refused, and that equal content is equal. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/text.h"
#include "data/dataset.h"
#include "toolbox/random.h"

static hone_vector f64(const double *values)
{
    return (hone_vector){.values = values, .dtype = HONE_F64};
}

static hone_vector i64(const int64_t *values)
{
    return (hone_vector){.values = values, .dtype = HONE_I64};
}

static hone_vector text(const char *const *values)
{
    return (hone_vector){.values = values, .dtype = HONE_TEXT};
}

static hone_dataset *made(hone_status status, hone_dataset **dataset, const hone_error *error)
{
    if (status)
        fail_msg("%s: %s", error->path, error->message);
    assert_non_null(*dataset);
    return *dataset;
}

static hone_dataset *dense(const double *x, int64_t rows, int64_t cols, hone_vector y,
                           const hone_dataset_options *options)
{
    hone_dataset *d;
    hone_error error;
    return made(hone_dataset_dense(x, HONE_F64, rows, cols, cols, 1, y, options, &d, &error), &d,
                &error);
}

static hone_dataset *columns(const hone_column *c, int64_t cols, int64_t rows, hone_vector y)
{
    hone_dataset *d;
    hone_error error;
    return made(hone_dataset_columns(c, cols, rows, y, NULL, &d, &error), &d, &error);
}

/* The call must fail like this and leave no dataset. */
static void refused(hone_status status, hone_dataset **dataset, const hone_error *error,
                    hone_status expected, const char *path, const char *part)
{
    assert_int_equal(status, expected);
    assert_null(*dataset);
    assert_string_equal(error->path, path);
    if (!strstr(error->message, part))
        fail_msg("'%s' does not contain '%s'", error->message, part);
}

static const double X[] = {1, 0, 2.5, NAN, 5, 0, -3, 8, 0};

/* ---- dense ---- */

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

/* ---- columns ---- */

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

/* ---- sparse ---- */

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

/* ---- targets ---- */

static void labels_of_any_kind_are_encoded_in_sorted_order(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4};
    const int64_t gaps[] = {100, -7, 9, 100};
    const char *const words[] = {"yes", "No", "maybe", "yes"};
    const float real[] = {0, 1, -0.0f, 1};
    const uint8_t flags[] = {1, 0, 0, 1};
    hone_dataset *d = dense(x, 4, 1, i64(gaps), NULL);
    assert_int_equal(hone_dataset_task(d), HONE_CLASSIFICATION);
    assert_int_equal(hone_dataset_classes(d), 3);
    assert_string_equal(hone_dataset_class(d, 0), "-7");
    assert_string_equal(hone_dataset_class(d, 1), "9");
    assert_string_equal(hone_dataset_class(d, 2), "100");
    assert_null(hone_dataset_class(d, 3));
    assert_memory_equal(d->label, ((int32_t[]){2, 0, 1, 2}), 16);
    hone_dataset_free(d);
    d = dense(x, 4, 1, text(words), NULL);
    assert_string_equal(hone_dataset_class(d, 0), "No"); /* byte order */
    assert_memory_equal(d->label, ((int32_t[]){2, 0, 1, 2}), 16);
    hone_dataset_free(d);
    d = dense(x, 4, 1, (hone_vector){.values = real, .dtype = HONE_F32}, NULL);
    assert_int_equal(hone_dataset_classes(d), 2);
    assert_string_equal(hone_dataset_class(d, 1), "1");
    hone_dataset_free(d);
    d = dense(x, 4, 1, (hone_vector){.values = flags, .dtype = HONE_BOOLEAN}, NULL);
    assert_string_equal(hone_dataset_class(d, 1), "true");
    hone_dataset_free(d);
}

/* n rows with k distinct whole numbers, every one of them present. */
static hone_status with_distinct(int64_t n, int64_t k, hone_task task, hone_dataset **d,
                                 hone_error *error)
{
    static double x[1000];
    int64_t y[1000];
    for (int64_t i = 0; i < n; i++)
        y[i] = (i % k) * 3 - 5;
    const hone_dataset_options options = {.size = sizeof options, .task = task};
    return hone_dataset_dense(x, HONE_F64, n, 1, 1, 1, i64(y), &options, d, error);
}

static void the_task_is_inferred_from_distinct_whole_numbers(void **state)
{
    (void)state;
    static const struct {
        int64_t rows, distinct;
        hone_task asked, task; /* task 0: refused */
    } cases[] = {
        {20, 20, 0, HONE_CLASSIFICATION},
        {21, 21, 0, HONE_REGRESSION},
        {1000, 20, 0, HONE_CLASSIFICATION},
        {1000, 21, 0, 0},
        {1000, 50, 0, 0},
        {1000, 51, 0, HONE_REGRESSION},
        {1000, 50, HONE_REGRESSION, HONE_REGRESSION},
        {1000, 50, HONE_CLASSIFICATION, HONE_CLASSIFICATION},
        {21, 21, HONE_CLASSIFICATION, HONE_CLASSIFICATION},
        {20, 2, HONE_REGRESSION, HONE_REGRESSION},
        {5, 1, 0, HONE_CLASSIFICATION},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        hone_dataset *d;
        hone_error error;
        const hone_status status =
            with_distinct(cases[k].rows, cases[k].distinct, cases[k].asked, &d, &error);
        assert_int_equal(status, cases[k].task ? HONE_OK : HONE_BAD_DATA);
        if (d) {
            assert_int_equal(hone_dataset_task(d), cases[k].task);
            assert_int_equal(d->label != NULL, cases[k].task == HONE_CLASSIFICATION);
            assert_int_equal(d->target != NULL, cases[k].task == HONE_REGRESSION);
        } else {
            assert_string_equal(error.path, "data.y");
            char count[32];
            snprintf(count, sizeof count, "%d different", (int)cases[k].distinct);
            assert_non_null(strstr(error.message, count));
        }
        hone_dataset_free(d);
    }
}

static void targets_that_contradict_are_refused(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3}, half[] = {1, 2, 0.5}, missing[] = {1, NAN, 2},
                 infinite[] = {1, 2, -INFINITY};
    const char *const words[] = {"a", "b", NULL};
    const uint8_t valid = 5;
    hone_dataset_options options = {.size = sizeof options};
    hone_dataset *d;
    hone_error error;
#define TARGET(y)                                                                                  \
    hone_dataset_dense(x, HONE_F64, 3, 1, 1, 1, y, &options, &d, &error), &d, &error, HONE_BAD_DATA
    refused(TARGET(f64(missing)), "data.y[1]", "missing");
    refused(TARGET(f64(infinite)), "data.y[2]", "infinite");
    refused(TARGET(text(words)), "data.y[2]", "missing");
    refused(TARGET(((hone_vector){x, HONE_F64, 0, &valid, 0})), "data.y[1]", "missing");
    options.task = HONE_CLASSIFICATION;
    refused(TARGET(f64(half)), "data.y[2]", "0.5 is no whole number");
    options.task = HONE_REGRESSION;
    refused(TARGET(text(words)), "data.y", "needs numbers");
#undef TARGET
}

static void weights_are_checked(void **state)
{
    (void)state;
    const double x[] = {1, 2}, y[] = {0.5, 1}, negative[] = {1, -1}, zero[] = {0, 0},
                 missing[] = {NAN, 1}, huge[] = {1e308, 1e308};
    const int32_t ones[] = {1, 1}, some[] = {0, 2};
    hone_dataset_options options = {.size = sizeof options};
    hone_dataset *d;
    hone_error error;
#define WEIGHT(w, type)                                                                            \
    (options.weight = (hone_vector){.values = w, .dtype = type},                                   \
     hone_dataset_dense(x, HONE_F64, 2, 1, 1, 1, f64(y), &options, &d, &error))
    refused(WEIGHT(negative, HONE_F64), &d, &error, HONE_BAD_DATA, "data.weight[1]", "-1");
    refused(WEIGHT(missing, HONE_F64), &d, &error, HONE_BAD_DATA, "data.weight[0]", "weight");
    refused(WEIGHT(zero, HONE_F64), &d, &error, HONE_BAD_DATA, "data.weight", "positive");
    refused(WEIGHT(huge, HONE_F64), &d, &error, HONE_BAD_DATA, "data.weight", "finite");
    made(WEIGHT(some, HONE_I32), &d, &error);
    assert_true(d->weight[1] == 2);
    hone_dataset_free(d);
    made(WEIGHT(ones, HONE_I32), &d, &error);
    assert_null(d->weight); /* all 1 is no weight */
    hone_dataset_free(d);
#undef WEIGHT
}

/* ---- fingerprints ---- */

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

/* ---- align ---- */

static void predict_rows_take_the_schema_of_the_training_rows(void **state)
{
    (void)state;
    const char *const colour[] = {"red", "blue", "red"}, *const other[] = {"green", "red", NULL};
    const double size[] = {1, 2, 3}, extra[] = {9, 9, 9};
    const int64_t zip[] = {7, 8, 9};
    const char *const zips[] = {"8", "7.0", "1"};
    const hone_column train[] = {
        {.name = "colour", .values = text(colour)},
        {.name = "size", .values = f64(size)},
        {.name = "zip", .type = HONE_CATEGORICAL, .values = i64(zip)},
    };
    const hone_column later[] = {
        {.name = "extra", .values = f64(extra)},
        {.name = "zip", .values = text(zips)},
        {.name = "size", .values = f64(size)},
        {.name = "colour", .values = text(other)},
    };
    hone_dataset *d = columns(train, 3, 3, (hone_vector){0});
    hone_dataset *p = columns(later, 4, 3, (hone_vector){0});
    const hone_schema schema = hone_dataset_schema(d);
    hone_arena *arena = hone_arena_open(NULL);
    hone_matrix table;
    assert_int_equal(hone_dataset_align(p, &schema, arena, &table, NULL), HONE_OK);
    const float *t = table.values;
    assert_int_equal(table.cols, 3);
    assert_int_equal(table.dtype, HONE_F32);
    assert_true(t[0] == 2 && t[3] == 1 && isnan(t[6])); /* green is unknown: code 2 of 2 */
    assert_true(t[1] == 1 && t[4] == 2 && t[7] == 3);
    assert_true(t[2] == 1 && t[5] == 0 && t[8] == 3);
    assert_memory_equal(table.levels, ((int32_t[]){2, 0, 3}), 12);
    assert_int_equal(hone_dataset_align(d, &schema, arena, &table, NULL), HONE_OK);
    assert_ptr_equal(table.values, d->table.values);
    hone_arena_close(arena);
    hone_dataset_free(d);
    hone_dataset_free(p);
}

static void rows_that_do_not_fit_the_schema_are_refused(void **state)
{
    (void)state;
    const char *const words[] = {"red", "blue"};
    const double size[] = {1, 2};
    const hone_column a[] = {{.name = "a", .values = f64(size)},
                             {.name = "b", .values = f64(size)}};
    const hone_column b[] = {{.name = "a", .values = f64(size)},
                             {.name = "b", .values = text(words)}};
    const hone_column c[] = {{.name = "a", .values = f64(size)},
                             {.name = "c", .values = f64(size)}};
    hone_dataset *d = columns(a, 2, 2, (hone_vector){0}),
                 *word = columns(b, 2, 2, (hone_vector){0}),
                 *lacks = columns(c, 2, 2, (hone_vector){0}),
                 *narrow = dense(size, 2, 1, (hone_vector){0}, NULL);
    const hone_schema schema = hone_dataset_schema(d);
    hone_arena *arena = hone_arena_open(NULL);
    hone_matrix table;
    hone_error error;
    assert_int_equal(hone_dataset_align(word, &schema, arena, &table, &error), HONE_BAD_DATA);
    assert_string_equal(error.path, "data.b");
    assert_non_null(strstr(error.message, "'blue'"));
    assert_int_equal(hone_dataset_align(lacks, &schema, arena, &table, &error), HONE_BAD_DATA);
    assert_string_equal(error.path, "data.b");
    assert_int_equal(hone_dataset_align(narrow, &schema, arena, &table, &error), HONE_BAD_DATA);
    assert_string_equal(error.message, "1 columns, but 2 are expected");
    hone_arena_close(arena);
    hone_dataset_free(d);
    hone_dataset_free(word);
    hone_dataset_free(lacks);
    hone_dataset_free(narrow);
}

static void sparse_columns_are_matched_by_name(void **state)
{
    (void)state;
    const double values[] = {1, 2, 3};
    const int64_t start[] = {0, 3};
    const int32_t column[] = {0, 1, 2};
    const char *const names[] = {"a", "b", "c"}, *const turned[] = {"c", "x", "a"},
                      *const two[] = {"c", "a"};
    hone_dataset_options options = {.size = sizeof options, .names = turned};
    hone_dataset *p, *d, *lacks;
    hone_error error;
    made(hone_dataset_csr(values, HONE_F64, start, HONE_I64, column, HONE_I32, 1, 3,
                          (hone_vector){0}, &options, &p, &error),
         &p, &error);
    options.names = two;
    made(hone_dataset_csr(values, HONE_F64, (int64_t[]){0, 2}, HONE_I64, column, HONE_I32, 1, 2,
                          (hone_vector){0}, &options, &d, &error),
         &d, &error);
    options.names = names;
    made(hone_dataset_csr(values, HONE_F64, start, HONE_I64, column, HONE_I32, 1, 3,
                          (hone_vector){0}, &options, &lacks, &error),
         &lacks, &error);
    hone_arena *arena = hone_arena_open(NULL);
    hone_matrix table;
    hone_schema schema = {2,
                          (hone_column_info[]){{.name = "a", .type = HONE_NUMERIC},
                                               {.name = "c", .type = HONE_NUMERIC}},
                          true, true};
    assert_int_equal(hone_dataset_align(p, &schema, arena, &table, &error), HONE_OK);
    assert_int_equal(table.row_start[1], 2);
    assert_memory_equal(table.column, ((int32_t[]){0, 1}), 8);
    assert_true(((const double *)table.values)[0] == 3 && ((const double *)table.values)[1] == 1);
    schema = hone_dataset_schema(lacks);
    assert_int_equal(hone_dataset_align(d, &schema, arena, &table, &error), HONE_BAD_DATA);
    assert_string_equal(error.path, "data.b");
    hone_arena_close(arena);
    hone_dataset_free(p);
    hone_dataset_free(d);
    hone_dataset_free(lacks);
}

static void labels_are_recoded_for_other_classes(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4};
    const char *const words[] = {"c", "a", "b"};
    const int64_t whole[] = {3, 1, 2, 1}, more[] = {1, 2, 3, 9};
    const float real[] = {3, 1, 7, 1};
    hone_dataset *a = dense(x, 3, 1, text(words), NULL), *c = dense(x, 4, 1, i64(whole), NULL),
                 *d = dense(x, 4, 1, (hone_vector){.values = real, .dtype = HONE_F32}, NULL),
                 *e = dense(x, 4, 1, i64(more), NULL);
    int32_t label[4];
    hone_dataset_recode(d, &c->classes, label);
    assert_memory_equal(label, ((int32_t[]){2, 0, -1, 0}), 16);
    hone_dataset_recode(e, &c->classes, label);
    assert_memory_equal(label, ((int32_t[]){0, 1, 2, -1}), 16);
    hone_dataset_recode(a, &a->classes, label);
    assert_memory_equal(label, ((int32_t[]){2, 0, 1}), 12);
    double amount[4];
    hone_error error;
    assert_int_equal(hone_dataset_amounts(c, amount, &error), HONE_OK);
    assert_true(amount[0] == 3 && amount[2] == 2);
    assert_int_equal(hone_dataset_amounts(a, amount, &error), HONE_BAD_DATA);
    hone_dataset_free(a);
    hone_dataset_free(c);
    hone_dataset_free(d);
    hone_dataset_free(e);
}

static void classes_weigh_what_they_are_given(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4}, own[] = {1, 2, 0, 1};
    const char *const y[] = {"b", "a", "b", "c"}, *const later[] = {"c", "b", "z", "b"};
    static const hone_class_weight weights[] = {{"b", 3}, {"a", 0.5}};
    hone_dataset *rows = dense(x, 4, 1, text(later), NULL);
    hone_dataset_options o = {
        .size = sizeof o, .class_weight = weights, .n_class_weights = 2, .valid = rows};
    hone_dataset *d = dense(x, 4, 1, text(y), &o);
    assert_memory_equal(d->weight, ((double[]){3, 0.5, 3, 1}), 32);
    assert_memory_equal(d->valid->weight, ((double[]){1, 3, 1, 3}), 32);
    hone_dataset_free(d);
    hone_dataset_free(rows);
    o.valid = NULL, o.weight = f64(own);
    d = dense(x, 4, 1, text(y), &o);
    assert_memory_equal(d->weight, ((double[]){3, 1, 0, 1}), 32);
    hone_dataset_free(d);
    static const struct {
        hone_class_weight weight[2];
        const char *said;
    } wrong[] = {{{{"d", 1}, {"a", 1}}, "no class"},  {{{"a", 0}, {"b", 1}}, "above 0"},
                 {{{"a", 1}, {"b", NAN}}, "above 0"}, {{{"a", 1}, {"b", INFINITY}}, "above 0"},
                 {{{"a", 1}, {"a", 1}}, "twice"},     {{{NULL, 1}, {"a", 1}}, "no class"}};
    hone_error error;
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        o.class_weight = wrong[k].weight;
        refused(hone_dataset_dense(x, HONE_F64, 4, 1, 1, 1, text(y), &o, &d, &error), &d, &error,
                HONE_BAD_ARGUMENT, "options.class_weight", wrong[k].said);
    }
    o.task = HONE_REGRESSION;
    refused(hone_dataset_dense(x, HONE_F64, 4, 1, 1, 1, f64(x), &o, &d, &error), &d, &error,
            HONE_BAD_ARGUMENT, "options.class_weight", "no classes");
}

static void validation_rows_are_kept_in_the_columns_of_the_dataset(void **state)
{
    (void)state;
    const double u[] = {1, 2, 3}, v[] = {4, 5, 6};
    const char *const y[] = {"a", "b", "c"}, *const later[] = {"c", "a", "z"};
    const hone_column train[] = {{.name = "u", .values = f64(u)}, {.name = "v", .values = f64(v)}};
    const hone_column valid[] = {{.name = "v", .values = f64(v)}, {.name = "u", .values = f64(u)}};
    hone_dataset *rows = columns(valid, 2, 3, text(later)), *d;
    const hone_dataset_options options = {.size = sizeof options, .valid = rows};
    hone_error error;
    made(hone_dataset_columns(train, 2, 3, text(y), &options, &d, &error), &d, &error);
    hone_dataset_free(rows); /* the dataset keeps it */
    assert_true(((const float *)d->valid->table.values)[0] == 1);
    assert_memory_equal(d->valid->label, ((int32_t[]){2, 0, -1}), 12);
    hone_dataset_free(d);
    rows = columns(valid, 2, 3, (hone_vector){0});
    const hone_dataset_options blind = {.size = sizeof blind, .valid = rows};
    refused(hone_dataset_columns(train, 2, 3, text(y), &blind, &d, &error), &d, &error,
            HONE_BAD_DATA, "options.valid", "no target");
    hone_dataset_free(rows);
}

/* ---- the rest ---- */

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
    hone_dataset *d = dense(X, 3, 3, (hone_vector){0}, NULL);
    assert_ptr_equal(hone_dataset_retain(d), d);
    hone_dataset_free(d);
    assert_int_equal(hone_dataset_rows(d), 3);
    hone_dataset_free(d);
    hone_dataset_free(NULL);
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
        cmocka_unit_test(labels_of_any_kind_are_encoded_in_sorted_order),
        cmocka_unit_test(the_task_is_inferred_from_distinct_whole_numbers),
        cmocka_unit_test(targets_that_contradict_are_refused),
        cmocka_unit_test(weights_are_checked),
        cmocka_unit_test(any_change_of_content_changes_the_fingerprint),
        cmocka_unit_test(large_tables_hash_alike_in_every_layout),
        cmocka_unit_test(predict_rows_take_the_schema_of_the_training_rows),
        cmocka_unit_test(rows_that_do_not_fit_the_schema_are_refused),
        cmocka_unit_test(sparse_columns_are_matched_by_name),
        cmocka_unit_test(labels_are_recoded_for_other_classes),
        cmocka_unit_test(classes_weigh_what_they_are_given),
        cmocka_unit_test(validation_rows_are_kept_in_the_columns_of_the_dataset),
        cmocka_unit_test(a_dataset_describes_itself),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(references_keep_a_dataset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
