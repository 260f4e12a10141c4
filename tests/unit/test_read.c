/* Files: what is read, and that its form does not matter. */
#define _GNU_SOURCE
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "data/dataset.h"
#include "hone/hone.h"
#include "locale_run.h"

static char path[64];

static const char *written(const char *ending, const char *text, size_t length)
{
    snprintf(path, sizeof path, "/tmp/hone-read-%ld%s", (long)getpid(), ending);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, length, f), length);
    fclose(f);
    return path;
}

static hone_dataset *read_text(const char *ending, const char *text,
                               const hone_read_options *options)
{
    hone_dataset *d = NULL;
    hone_error error = {0};
    if (hone_dataset_read(written(ending, text, strlen(text)), options, &d, &error))
        fail_msg("%s: %s", error.path, error.message);
    unlink(path);
    return d;
}

static double cell(const hone_dataset *d, int64_t i, int64_t j)
{
    const hone_matrix *x = &d->table;
    const int64_t at = i * x->row_stride + j * x->col_stride;
    return x->dtype == HONE_F32 ? (double)((const float *)x->values)[at]
                                : ((const double *)x->values)[at];
}

static void a_table_is_read_with_its_types(void **state)
{
    (void)state;
    const hone_read_options options = {.size = sizeof options, .target = "-1"};
    hone_dataset *d = read_text(".csv",
                                "n,word,flag,zip,y\n1.5,b,True,007,1\n,a,FALSE,010,0\n"
                                "-2e3,\"c,\"\"d\",true,,1\n",
                                &options);
    assert_int_equal(hone_dataset_rows(d), 3);
    assert_int_equal(hone_dataset_cols(d), 4);
    assert_int_equal(hone_dataset_classes(d), 2);
    assert_true(cell(d, 0, 0) == 1.5 && isnan(cell(d, 1, 0)) && cell(d, 2, 0) == -2000);
    assert_string_equal(hone_dataset_level(d, 1, 2), "c,\"d");
    assert_true(cell(d, 0, 1) == 1 && cell(d, 1, 1) == 0 && cell(d, 2, 1) == 2);
    assert_int_equal(hone_dataset_levels(d, 2), 2);
    assert_true(cell(d, 0, 2) == 1 && cell(d, 1, 2) == 0 && cell(d, 2, 2) == 1);
    assert_string_equal(hone_dataset_level(d, 3, 0), "007");
    assert_true(isnan(cell(d, 2, 3)));
    hone_dataset_free(d);
}

static uint64_t fingerprint(const char *text, char delimiter, char decimal)
{
    const hone_read_options options = {
        .size = sizeof options, .target = "y", .delimiter = delimiter, .decimal = decimal};
    hone_dataset *d = read_text(".csv", text, &options);
    const uint64_t f = hone_dataset_fingerprint(d);
    hone_dataset_free(d);
    return f;
}

static void the_form_of_a_file_does_not_matter(void **state)
{
    (void)state;
    const uint64_t f = fingerprint("a,b,y\n1.5,u,0\n,v,1\n2,u,0\n", 0, 0);
    assert_true(f == fingerprint("a,b,y\r\n1.5,u,0\r\n,v,1\r\n2,u,0\r\n", 0, 0));
    assert_true(f == fingerprint("a,b,y\n1.5,u,0\n,v,1\n2,u,0", 0, 0));
    assert_true(f == fingerprint("\xEF\xBB\xBF"
                                 "a,b,y\n1.5,u,0\nNA,v,1\n2.0,u,0\n\n",
                                 0, 0));
    assert_true(f ==
                fingerprint("\"a\",\"b\",\"y\"\n\"1.5\",\"u\",0\n\"\",v,1\n 2e0 ,u,0\n", 0, 0));
    assert_true(f == fingerprint("a;b;y\n1,5;u;0\nnull;v;1\n2;u;0\n", ';', ','));
    assert_true(f == fingerprint("a\tb\ty\n1.5\tu\t0\n\tv\t1\n2\tu\t0\n", '\t', 0));
    assert_false(f == fingerprint("a,b,y\n1.5,u,0\n,v,1\n3,u,0\n", 0, 0));
}

static char told[512];

static void tell(void *context, int level, const char *line)
{
    (void)context;
    if (level == HONE_WARNING)
        snprintf(told, sizeof told, "%s", line);
}

static void words_that_were_hardly_meant_are_told_of(void **state)
{
    (void)state;
    char text[4096];
    const hone_read_options options = {
        .size = sizeof options, .target = "y", .dataset = {.log = tell}};
    int used = sprintf(text, "name,y\n");
    for (int k = 0; k < 60; k++)
        used += sprintf(text + used, "Mrs %c%c,%d\n", 'A' + k / 8, 'a' + k % 8, k % 2);
    hone_dataset_free(read_text(".csv", text, &options));
    assert_non_null(strstr(told, "\"name\" has 60 different words in 60 rows"));
    *told = 0;
    hone_dataset_free(read_text(".csv", "a,y\n1, no\n2,no\n3,yes\n", &options));
    assert_non_null(strstr(told, "\"y\": \" no\" and the same word without blanks"));
    *told = 0;
    hone_dataset_free(read_text(".CSV", "a,y\n1, no\n2, no\n3, yes\n", &options));
    assert_string_equal(told, "");
}

static void categorical_integers_are_levels_whatever_their_spelling(void **state)
{
    (void)state;
    const hone_read_options options = {.size = sizeof options, .categorical = "a"};
    hone_dataset *d = read_text(".csv", "a,b\n3,1\n3.0,2\n10,3\n", &options);
    assert_int_equal(hone_dataset_levels(d, 0), 2);
    assert_string_equal(hone_dataset_level(d, 0, 0), "3");
    assert_string_equal(hone_dataset_level(d, 0, 1), "10");
    hone_dataset_free(d);
}

/* More text than a window, quoted newlines at many places, a column that turns to text late. */
static uint32_t drawn(uint32_t most)
{
    static uint64_t state = 1;
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(state >> 33) % most;
}

/* A number of a few digits or many, in one of the ways that people write it. */
static void spell_number(char *to)
{
    const uint32_t whole = drawn(4) ? drawn(9) : drawn(20), rest = drawn(4) ? drawn(8) : drawn(18);
    to += sprintf(to, "%s", drawn(3) ? "" : drawn(2) ? "-" : "+");
    for (uint32_t k = 0; k < whole; k++)
        *to++ = (char)('0' + (k || whole == 1 ? drawn(10) : 1 + drawn(9)));
    if (whole == 0 || drawn(3))
        *to++ = '.';
    const bool point = to[-1] == '.';
    for (uint32_t k = 0; point && k < rest + (whole == 0); k++)
        *to++ = (char)('0' + drawn(10));
    *to = 0;
    if (drawn(8) == 0)
        sprintf(to, "e%d", (int)drawn(40) - 20);
}

static void numbers_of_every_length_are_the_nearest_doubles(void **state)
{
    (void)state;
    enum { ROWS = 3000, COLS = 4 };
    static char text[ROWS * COLS * 64], number[64];
    static double truth[ROWS][COLS];
    const locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    char *to = text + sprintf(text, "a,b,c,d\n");
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLS; j++) {
            spell_number(number);
            truth[i][j] = strtod_l(number, NULL, plain);
            to += sprintf(to, "%s%s", number, j + 1 < COLS ? "," : i % 2 ? "\r\n" : "\n");
        }
    hone_dataset *d = read_text(".csv", text, NULL);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLS; j++) {
            const double v = cell(d, i, j);
            assert_memory_equal(&v, &truth[i][j], sizeof v);
        }
    freelocale(plain);
    hone_dataset_free(d);
}

/* Bytes of a word: what ends a field is looked for eight at a time, and control characters, tabs
 * and what comes behind them end none. */
static void words_of_every_length_keep_their_bytes(void **state)
{
    (void)state;
    enum { ROWS = 900, LONGEST = 40 };
    static const char *const letter[] = {"a",    "Z",    " ", "\t",       "\x01",
                                         "\x0C", "\x1F", "-", "\xC3\xA9", "\xE2\x82\xAC",
                                         "0",    ";",    "+", "\x7F"};
    static char text[ROWS * 2 * (3 * LONGEST + 16)], word[ROWS][3 * LONGEST + 4];
    char *to = text + sprintf(text, "a,y\n");
    for (int i = 0; i < ROWS; i++) {
        char *at = word[i] + sprintf(word[i], "w");
        for (int k = (int)drawn(LONGEST); k > 0; k--)
            at += sprintf(at, "%s", letter[drawn(sizeof letter / sizeof *letter)]);
        sprintf(at, "w");
        to += sprintf(to, "%s,%s\n", word[i], word[i]);
    }
    const hone_read_options options = {.size = sizeof options, .target = "y", .categorical = "a"};
    hone_dataset *d = read_text(".csv", text, &options);
    for (int i = 0; i < ROWS; i++) {
        assert_string_equal(hone_dataset_level(d, 0, (int64_t)cell(d, i, 0)), word[i]);
        assert_string_equal(hone_dataset_class(d, d->label[i]), word[i]);
    }
    hone_dataset_free(d);
}

static void large_files_read_the_same_with_any_number_of_threads(void **state)
{
    (void)state;
    enum { ROWS = 150000 };
    char *text = malloc(ROWS * 64), *at = text + sprintf(text, "i,q,late,r\n");
    for (int i = 0; i < ROWS; i++)
        at += sprintf(at, "%d,\"line %d\nand\n\"\"%d\"\"\n\",%s%d,%d.%03d\n", i, i % 7, i % 3,
                      i > 60000 && i % 4 == 0 ? "w" : "", i % 50, i, i % 1000);
    uint64_t first = 0;
    for (int threads = 1; threads <= 4; threads++) {
        const hone_read_options options = {
            .size = sizeof options, .target = "r", .dataset = {.threads = threads}};
        hone_dataset *d = read_text(".csv", text, &options);
        assert_int_equal(hone_dataset_rows(d), ROWS);
        assert_int_equal(hone_dataset_levels(d, 1), 21);
        assert_int_equal(hone_dataset_levels(d, 2), 50 + 13 + 12);
        for (int i = 0; i < ROWS; i += 997) {
            char level[32];
            assert_true(cell(d, i, 0) == i);
            snprintf(level, sizeof level, "line %d\nand\n\"%d\"\n", i % 7, i % 3);
            assert_string_equal(hone_dataset_level(d, 1, (int64_t)cell(d, i, 1)), level);
            snprintf(level, sizeof level, "%s%d", i > 60000 && i % 4 == 0 ? "w" : "", i % 50);
            assert_string_equal(hone_dataset_level(d, 2, (int64_t)cell(d, i, 2)), level);
        }
        if (threads == 1)
            first = hone_dataset_fingerprint(d);
        assert_true(first == hone_dataset_fingerprint(d));
        hone_dataset_free(d);
    }
    free(text);
}

static bool stop(void *context, double fraction)
{
    *(double *)context = fraction;
    return true;
}

static void the_caller_can_stop_a_read(void **state)
{
    (void)state;
    double fraction = -1;
    const hone_read_options options = {
        .size = sizeof options, .poll = stop, .dataset = {.context = &fraction}};
    hone_dataset *d;
    hone_error error;
    written(".csv", "a,b\n1,2\n", 8);
    assert_int_equal(hone_dataset_read(path, &options, &d, &error), HONE_STOPPED);
    assert_null(d);
    assert_true(fraction == 1);
    unlink(path);
}

static void the_memory_cap_holds(void **state)
{
    (void)state;
    const hone_read_options options = {.size = sizeof options, .max_bytes = 1 << 16};
    hone_dataset *d;
    hone_error error;
    written(".csv", "a,b\n1,2\n", 8);
    assert_int_equal(hone_dataset_read(path, &options, &d, &error), HONE_NO_MEMORY);
    unlink(path);
}

static void every_failed_allocation_is_an_answer(void **state)
{
    (void)state;
    const char *text = "a,b,y\n1.5,\"u\"\"x\",0\n,v,1\n2,u,0\n";
    const hone_read_options options = {
        .size = sizeof options, .target = "y", .dataset = {.threads = 1}};
    written(".csv", text, strlen(text));
    bool done = false;
    for (long n = 0; !done && n < 1000; n++) {
        hone_dataset *d = NULL;
        hone_error error;
        hone_alloc_fail_after(n, false);
        const hone_status status = hone_dataset_read(path, &options, &d, &error);
        done = status == HONE_OK;
        assert_true(done || (status == HONE_NO_MEMORY && !d));
        hone_alloc_fail_after(-1, false);
        hone_dataset_free(d);
    }
    assert_true(done);
    unlink(path);
}

/* ---- svmlight: where indices begin, and how many columns there are ---- */

static hone_model *trained(hone_dataset *d)
{
    static const char json[] = "{\"model\":\"knn\",\"n_neighbors\":1,\"prep:scale\":\"none\"}";
    const hone_options options = {
        .size = sizeof options, .validation = HONE_VALIDATE_NONE, .keep_model = true};
    hone_config *config;
    hone_result *result;
    hone_error error;
    assert_int_equal(hone_config_new(&config, &error), HONE_OK);
    assert_int_equal(hone_config_parse(config, json, sizeof json - 1, &error), HONE_OK);
    assert_int_equal(hone_train_full(config, d, 0, &options, &result, &error), HONE_OK);
    hone_model *model = hone_model_retain(hone_result_model(result));
    hone_result_free(result);
    hone_config_free(config);
    return model;
}

/* The model once more, from the bytes of its file. */
static hone_model *stored(hone_model *model)
{
    char *bytes;
    size_t size;
    hone_model *again;
    assert_int_equal(hone_model_bytes(model, &bytes, &size, NULL), HONE_OK);
    assert_int_equal(hone_model_load_bytes(bytes, size, NULL, &again, NULL), HONE_OK);
    hone_text_free(bytes);
    hone_model_free(model);
    return again;
}

static const hone_read_options classes = {.size = sizeof classes,
                                          .dataset = {.task = HONE_CLASSIFICATION}};

/* Both rows have one entry in column 1 of 3: what the first two rows of the training data have. */
static void rows_without_index_0_mean_the_columns_of_the_training_data(void **state)
{
    (void)state;
    hone_dataset *d = read_text(".svm", "0 1:5\n1 1:-5\n0 0:9 2:9\n", &classes);
    hone_model *model = stored(trained(d));
    hone_dataset_free(d);
    assert_non_null(strstr(hone_model_record(model), "\"first_index\":0"));
    d = read_text(".svm", "1 1:-5\n0 1:5\n", &classes);
    double label[2];
    assert_int_equal(hone_model_predict(model, d, HONE_LABELS, NULL, label, NULL), HONE_OK);
    assert_true(label[0] == 1 && label[1] == 0);
    hone_dataset_free(d);
    /* Index 3 would be a fourth column. */
    hone_error error;
    d = read_text(".svm", "1 1:-5\n0 3:5\n", &classes);
    assert_int_equal(hone_model_predict(model, d, HONE_LABELS, NULL, label, &error), HONE_BAD_DATA);
    assert_string_equal(error.path, "data.x");
    hone_dataset_free(d);
    /* Who says that the file begins at 1 is believed. */
    hone_read_options one = classes;
    one.zero_based = 2;
    d = read_text(".svm", "1 2:-5\n0 2:5\n", &one);
    assert_int_equal(hone_model_predict(model, d, HONE_LABELS, NULL, label, NULL), HONE_OK);
    assert_true(label[0] == 1 && label[1] == 0);
    hone_dataset_free(d);
    hone_model_free(model);
}

static void an_index_0_is_refused_where_training_began_at_1(void **state)
{
    (void)state;
    hone_dataset *d = read_text(".svm", "0 1:5\n1 1:-5\n0 2:9 3:9\n", &classes);
    hone_model *model = stored(trained(d));
    hone_dataset_free(d);
    double label[1];
    hone_error error;
    d = read_text(".svm", "1 0:-5 1:3\n", &classes);
    assert_int_equal(hone_model_predict(model, d, HONE_LABELS, NULL, label, &error), HONE_BAD_DATA);
    assert_non_null(strstr(error.message, "begin at 1"));
    hone_dataset_free(d);
    hone_model_free(model);
}

static void validation_rows_may_lack_the_last_columns(void **state)
{
    (void)state;
    hone_dataset *valid = read_text(".svm", "1 1:-5\n0 1:5\n", &classes);
    hone_read_options options = classes;
    options.dataset.valid = valid;
    hone_dataset *d = read_text(".svm", "0 1:5\n1 1:-5\n0 0:9 2:9\n", &options);
    assert_int_equal(d->valid->table.cols, 3);
    assert_int_equal(d->valid->table.column[0], 1);
    hone_dataset_free(d);
    hone_dataset *wide = NULL;
    hone_error error;
    options.features = 1;
    written(".svm", "0 0:5\n1 0:-5\n", 14);
    assert_int_equal(hone_dataset_read(path, &options, &wide, &error), HONE_BAD_DATA);
    assert_null(wide);
    unlink(path);
    hone_dataset_free(valid);
}

/* ---- caps ---- */

static void npy_of(const char *descr, const char *shape, const void *values, size_t bytes)
{
    static char file[1 << 19] = "\x93NUMPY\1";
    char header[128];
    snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr,
             shape);
    file[8] = 118;
    memset(file + 10, ' ', 118);
    memcpy(file + 10, header, strlen(header));
    file[127] = '\n';
    memcpy(file + 128, values, bytes);
    written(".npy", file, 128 + bytes);
}

static hone_status read_within(int64_t most, const char *target, const char *categorical)
{
    const hone_read_options options = {
        .size = sizeof options, .max_bytes = most, .target = target, .categorical = categorical};
    hone_dataset *d = NULL;
    hone_error error;
    const hone_status status = hone_dataset_read(path, &options, &d, &error);
    assert_true((status == HONE_OK) == (d != NULL));
    if (status)
        assert_non_null(strstr(error.message, "that it may take"));
    hone_dataset_free(d);
    return status;
}

/* 20,000 x 5. What is mapped is free; copies of columns and converted numbers are not. */
static void what_a_reader_copies_counts_against_the_cap(void **state)
{
    (void)state;
    enum { CELLS = 100000, FEW = 250000, ENOUGH = 500000 };
    static float real[CELLS];
    static int16_t whole[CELLS];
    for (int k = 0; k < CELLS; k++)
        real[k] = (float)(whole[k] = (int16_t)(k % 7));
    npy_of("<f4", "(20000, 5)", real, sizeof real);
    assert_int_equal(read_within(FEW, "4", NULL), HONE_OK);
    assert_int_equal(read_within(FEW, "2", NULL), HONE_NO_MEMORY); /* 320,000 are gathered */
    assert_int_equal(read_within(ENOUGH, "2", NULL), HONE_OK);
    assert_int_equal(read_within(FEW, "4", "1"), HONE_NO_MEMORY);
    assert_int_equal(read_within(ENOUGH, "4", "1"), HONE_OK);
    unlink(path);
    npy_of("<i2", "(20000, 5)", whole, sizeof whole);
    assert_int_equal(read_within(FEW, "4", NULL), HONE_NO_MEMORY); /* 320,000 as float32 */
    assert_int_equal(read_within(ENOUGH, "4", NULL), HONE_OK);
    unlink(path);
}

int main(void)
{
    if (!locale_run())
        return SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_read_with_its_types),
        cmocka_unit_test(the_form_of_a_file_does_not_matter),
        cmocka_unit_test(words_that_were_hardly_meant_are_told_of),
        cmocka_unit_test(categorical_integers_are_levels_whatever_their_spelling),
        cmocka_unit_test(numbers_of_every_length_are_the_nearest_doubles),
        cmocka_unit_test(words_of_every_length_keep_their_bytes),
        cmocka_unit_test(large_files_read_the_same_with_any_number_of_threads),
        cmocka_unit_test(the_caller_can_stop_a_read),
        cmocka_unit_test(the_memory_cap_holds),
        cmocka_unit_test(every_failed_allocation_is_an_answer),
        cmocka_unit_test(rows_without_index_0_mean_the_columns_of_the_training_data),
        cmocka_unit_test(an_index_0_is_refused_where_training_began_at_1),
        cmocka_unit_test(validation_rows_may_lack_the_last_columns),
        cmocka_unit_test(what_a_reader_copies_counts_against_the_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
