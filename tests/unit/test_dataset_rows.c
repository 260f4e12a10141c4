/* Later rows in the columns of a dataset. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "dataset_world.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predict_rows_take_the_schema_of_the_training_rows),
        cmocka_unit_test(rows_that_do_not_fit_the_schema_are_refused),
        cmocka_unit_test(sparse_columns_are_matched_by_name),
        cmocka_unit_test(validation_rows_are_kept_in_the_columns_of_the_dataset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
