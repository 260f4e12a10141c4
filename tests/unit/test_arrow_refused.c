/* Arrow tables that contradict themselves or hold what is no feature. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "arrow_world.h"

static void types_that_are_no_features_are_refused_by_name(void **state)
{
    (void)state;
    static const char *const type[][2] = {
        {"tdD", "dates"},      {"tsu:UTC", "timestamps"}, {"tts", "times"},     {"z", "binary"},
        {"vz", "binary_view"}, {"d:10,2", "decimal"},     {"+l", "nested"},     {"+r", "runs"},
        {"w:4", "fixed"},      {"tDs", "durations"},      {"tiM", "intervals"}, {"nope", "unknown"},
        {"", "unknown"}};
    for (size_t k = 0; k < sizeof type / sizeof *type; k++) {
        table t;
        begin(&t, 1);
        add(&t, type[k][0], "d", NULL, (const double[]){1}, NULL);
        refused(&t, HONE_UNSUPPORTED, "data.schema", type[k][1]);
        begin(&t, 1);
        add(&t, type[k][0], "d", NULL, (const double[]){1}, NULL);
        add(&t, "g", "x", NULL, (const double[]){1}, NULL);
        hone_dataset *d = NULL;
        const hone_read_options options = {.size = sizeof options, .drop = "d"};
        assert_int_equal(read_table(&t, &options, &d, NULL), HONE_OK);
        assert_int_equal(hone_dataset_cols(d), 1);
        hone_dataset_free(d);
    }
}

typedef struct damage {
    const char *path, *part;
    void (*make)(table *t);
} damage;

static void null_format(table *t)
{
    t->field[0].format = NULL;
}

static void other_format(table *t)
{
    t->schema.format = "i";
}

static void no_columns(table *t)
{
    t->schema.n_children = 0;
}

static void fewer_columns(table *t)
{
    t->batch.n_children = 1;
}

static void no_children(table *t)
{
    t->batch.children = NULL, t->batch.n_children = 0;
}

static void negative_length(table *t)
{
    t->batch.length = -1;
}

static void negative_offset(table *t)
{
    t->array[0].offset = -1;
}

static void overflow(table *t)
{
    t->array[0].offset = INT64_MAX;
}

static void too_short(table *t)
{
    t->array[1].length = 2;
}

static void too_few_buffers(table *t)
{
    t->array[1].n_buffers = 1;
}

static void nulls_without_bitmap(table *t)
{
    t->array[1].null_count = 1;
}

static void too_many_nulls(table *t)
{
    t->array[1].null_count = 4;
}

static void no_values(table *t)
{
    t->buffers[0][1] = NULL;
}

static void gone(table *t)
{
    release_array(&t->array[0]);
}

static void gone_schema(table *t)
{
    release_schema(&t->field[0]);
}

static void null_row(table *t)
{
    t->none[0] = "\x05", t->batch.null_count = 1;
}

static void outside(table *t)
{
    static const int8_t codes[] = {0, 2, 0};
    t->buffers[2][1] = codes;
}

static void below(table *t)
{
    static const int8_t codes[] = {-1, 1, 0};
    t->buffers[2][1] = codes;
}

static void descending(table *t)
{
    static const int32_t offsets[] = {0, 2, 1, 3};
    t->buffers[1][1] = offsets;
}

static void negative_text(table *t)
{
    static const int32_t offsets[] = {-1, 1, 2, 3};
    t->buffers[1][1] = offsets;
}

static void no_utf8(table *t)
{
    t->buffers[1][2] = "a\xFFz";
}

static void zero_byte(table *t)
{
    t->buffers[1][2] = "a\0z";
}

static void no_dictionary(table *t)
{
    release_array(&t->words), t->array[2].dictionary = NULL;
}

static void float_codes(table *t)
{
    t->field[2].format = "f";
}

static void infinite(table *t)
{
    static const double values[] = {1, INFINITY, 2};
    t->buffers[0][1] = values;
}

static void same_name(table *t)
{
    t->field[1].name = "x";
}

static void tables_that_contradict_themselves_are_refused(void **state)
{
    (void)state;
    static const damage cases[] = {
        {"data.schema", "no format", null_format},
        {"data.schema", "+s", other_format},
        {"data.schema", "0 columns", no_columns},
        {"data.array", "1 columns", fewer_columns},
        {"data.array", "0 columns", no_children},
        {"data.array", "length -1", negative_length},
        {"data.array", "negative", negative_offset},
        {"data.array", "too large", overflow},
        {"data.array", "fewer values", too_short},
        {"data.array", "number of buffers", too_few_buffers},
        {"data.array", "without a bitmap", nulls_without_bitmap},
        {"data.array", "count of nulls", too_many_nulls},
        {"data.array", "without a buffer", no_values},
        {"data.array", "released already", gone},
        {"data.schema", "released already", gone_schema},
        {"data.array", "row 1 is null", null_row},
        {"data.k[1]", "outside", outside},
        {"data.k[0]", "outside", below},
        {"data.w[1]", "descend", descending},
        {"data.w[0]", "descend", negative_text},
        {"data.w[1]", "UTF-8", no_utf8},
        {"data.w[1]", "zero byte", zero_byte},
        {"data.array", "disagree", no_dictionary},
        {"data.schema", "no integers", float_codes},
        {"data.x[1,0]", "infinite", infinite},
        {"data.columns[1]", "twice", same_name},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        table t;
        begin(&t, 3);
        add(&t, "g", "x", NULL, (const double[]){1, 2, 3}, NULL);
        add(&t, "u", "w", NULL, (const int32_t[]){0, 1, 2, 3}, "abc");
        struct ArrowArray *a = add(&t, "c", "k", NULL, (const int8_t[]){0, 1, 0}, NULL);
        add_dictionary(&t, a, "u", 2, (const int32_t[]){0, 1, 2}, "pq");
        const int64_t all = t.cols;
        cases[k].make(&t);
        struct ArrowArray *const *children = t.arrays;
        hone_dataset *d;
        hone_error error = {0};
        const hone_status status = hone_dataset_arrow(&t.batch, &t.schema, NULL, &d, &error);
        assert_null(d);
        if (status != HONE_BAD_DATA || strcmp(error.path, cases[k].path) != 0 ||
            !strstr(error.message, cases[k].part))
            fail_msg("case %zu: %d, %s: %s", k, (int)status, error.path, error.message);
        for (int64_t j = 0; j < all; j++) { /* what the damage hid from the producer's release */
            if (children[j]->release)
                children[j]->release(children[j]);
            if (t.fields[j]->release)
                t.fields[j]->release(t.fields[j]);
        }
        assert_int_equal(live, 0);
    }
}

static void what_was_released_before_is_refused(void **state)
{
    (void)state;
    table t;
    hone_dataset *d;
    hone_error error;
    begin(&t, 1);
    add(&t, "g", "x", NULL, (const double[]){1}, NULL);
    release_array(&t.batch);
    assert_int_equal(read_table(&t, NULL, &d, &error), HONE_BAD_ARGUMENT);
    struct ArrowArrayStream none = {0};
    assert_int_equal(hone_dataset_arrow_stream(&none, NULL, &d, &error), HONE_BAD_ARGUMENT);
    assert_int_equal(hone_dataset_arrow_stream(NULL, NULL, &d, &error), HONE_BAD_ARGUMENT);
    const hone_read_options wrong = {.size = 3};
    begin(&t, 1);
    add(&t, "g", "x", NULL, (const double[]){1}, NULL);
    assert_int_equal(read_table(&t, &wrong, &d, &error), HONE_BAD_ARGUMENT);
}

/* What a column of text with a target beside it comes to. */
static hone_status trained_on(table *t, const char *categorical, hone_error *error)
{
    static const double y[3000] = {1};
    const hone_read_options options = {.size = sizeof options,
                                       .target = "y",
                                       .categorical = categorical,
                                       .dataset.task = HONE_CLASSIFICATION};
    hone_dataset *d = NULL;
    add(t, "g", "y", NULL, y, NULL);
    const hone_status status = read_table(t, &options, &d, error);
    hone_dataset_free(d);
    return status;
}

static void dates_in_text_and_free_text_are_refused(void **state)
{
    (void)state;
    enum { ROWS = 3000 };
    static int32_t offset[ROWS + 1];
    static char text[ROWS * 4];
    for (int i = 0; i < ROWS; i++) {
        offset[i + 1] = 4 * (i + 1);
        char word[16];
        snprintf(word, sizeof word, "w%03x", i);
        memcpy(text + 4 * i, word, 4);
    }
    table t;
    hone_error error;
    begin(&t, ROWS);
    add(&t, "u", "name", NULL, offset, text);
    assert_int_equal(trained_on(&t, NULL, &error), HONE_BAD_DATA);
    assert_string_equal(error.path, "data.name");
    assert_non_null(strstr(error.message, "3000 different words in 3000 rows: free text"));
    begin(&t, ROWS);
    add(&t, "u", "name", NULL, offset, text);
    assert_int_equal(trained_on(&t, "name", &error), HONE_OK);
    begin(&t, 2);
    add(&t, "u", "day", NULL, (const int32_t[]){0, 10, 20}, "2024-01-312024-02-01");
    assert_int_equal(trained_on(&t, NULL, &error), HONE_BAD_DATA);
    assert_string_equal(error.path, "data.day");
    assert_non_null(strstr(error.message, "dates"));
    hone_dataset *d = NULL; /* rows to predict: the model knows what they are */
    begin(&t, ROWS);
    add(&t, "u", "name", NULL, offset, text);
    assert_int_equal(read_table(&t, NULL, &d, NULL), HONE_OK);
    assert_int_equal(hone_dataset_levels(d, 0), ROWS);
    hone_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_that_are_no_features_are_refused_by_name),
        cmocka_unit_test(tables_that_contradict_themselves_are_refused),
        cmocka_unit_test(what_was_released_before_is_refused),
        cmocka_unit_test(dates_in_text_and_free_text_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
