/* Arrow tables built by hand: every type, offsets, bitmaps, chunks; released once, also on error.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/arrow.h"

/* ---- a producer that counts ---- */

static int live; /* structures that were made and not released */

static void release_schema(struct ArrowSchema *s)
{
    for (int64_t j = 0; j < s->n_children; j++)
        if (s->children[j]->release)
            s->children[j]->release(s->children[j]);
    if (s->dictionary && s->dictionary->release)
        s->dictionary->release(s->dictionary);
    s->release = NULL;
    live--;
}

static void release_array(struct ArrowArray *a)
{
    for (int64_t j = 0; j < a->n_children; j++)
        if (a->children[j]->release)
            a->children[j]->release(a->children[j]);
    if (a->dictionary && a->dictionary->release)
        a->dictionary->release(a->dictionary);
    a->release = NULL;
    live--;
}

enum { MOST = 16 };

/* A table whose parts are all in one place; the test changes what it wants before it is used. */
typedef struct table {
    struct ArrowSchema schema, field[MOST], words_schema, *fields[MOST];
    struct ArrowArray batch, array[MOST], words, *arrays[MOST];
    const void *buffers[MOST][3], *words_buffers[3], *none[1];
    int64_t cols;
} table;

static void begin(table *t, int64_t rows)
{
    memset(t, 0, sizeof *t);
    t->schema = (struct ArrowSchema){
        .format = "+s", .name = "", .children = t->fields, .release = release_schema};
    t->batch = (struct ArrowArray){.length = rows,
                                   .n_buffers = 1,
                                   .buffers = t->none,
                                   .children = t->arrays,
                                   .release = release_array};
    live += 2;
}

static struct ArrowArray *add(table *t, const char *format, const char *name, const void *valid,
                              const void *values, const void *text)
{
    const int64_t j = t->cols++;
    t->field[j] = (struct ArrowSchema){.format = format, .name = name, .release = release_schema};
    t->buffers[j][0] = valid, t->buffers[j][1] = values, t->buffers[j][2] = text;
    t->array[j] = (struct ArrowArray){.length = t->batch.length + t->batch.offset,
                                      .null_count = valid ? -1 : 0,
                                      .n_buffers = *format == 'n'          ? 0
                                                   : strpbrk(format, "uU") ? 3
                                                                           : 2,
                                      .buffers = t->buffers[j],
                                      .release = release_array};
    t->fields[j] = &t->field[j], t->arrays[j] = &t->array[j];
    t->schema.n_children = t->batch.n_children = t->cols;
    live += 2;
    return &t->array[j];
}

static void add_dictionary(table *t, struct ArrowArray *a, const char *format, int64_t length,
                           const void *values, const void *text)
{
    t->words_schema = (struct ArrowSchema){.format = format, .release = release_schema};
    t->words_buffers[1] = values, t->words_buffers[2] = text;
    t->words = (struct ArrowArray){.length = length,
                                   .n_buffers = text ? 3 : 2,
                                   .buffers = t->words_buffers,
                                   .release = release_array};
    a->dictionary = &t->words;
    t->field[a - t->array].dictionary = &t->words_schema;
    live += 2;
}

static hone_status read_table(table *t, const hone_read_options *options, hone_dataset **d,
                              hone_error *error)
{
    const hone_status status = hone_dataset_arrow(&t->batch, &t->schema, options, d, error);
    assert_null(t->batch.release);
    assert_null(t->schema.release);
    assert_int_equal(live, 0);
    return status;
}

static hone_dataset *taken(table *t, const char *target)
{
    const hone_read_options options = {.size = sizeof options, .target = target};
    hone_dataset *d = NULL;
    hone_error error = {0};
    if (read_table(t, &options, &d, &error))
        fail_msg("%s: %s", error.path, error.message);
    return d;
}

static void refused(table *t, hone_status status, const char *path, const char *part)
{
    hone_dataset *d;
    hone_error error = {0};
    const hone_read_options options = {.size = sizeof options};
    assert_int_equal(read_table(t, &options, &d, &error), status);
    assert_null(d);
    assert_string_equal(error.path, path);
    if (!strstr(error.message, part))
        fail_msg("'%s' lacks '%s'", error.message, part);
}

static double cell(const hone_dataset *d, int64_t i, int64_t j)
{
    const hone_matrix *x = &d->table;
    const int64_t at = i * x->row_stride + j * x->col_stride;
    return x->dtype == HONE_F32 ? (double)((const float *)x->values)[at]
                                : ((const double *)x->values)[at];
}

/* ---- what is read ---- */

static void numbers_of_every_width_are_read(void **state)
{
    (void)state;
    table t;
    begin(&t, 3);
    add(&t, "c", "c", NULL, (const int8_t[]){-1, 2, 127}, NULL);
    add(&t, "C", "C", NULL, (const uint8_t[]){1, 2, 255}, NULL);
    add(&t, "s", "s", NULL, (const int16_t[]){-300, 2, 3}, NULL);
    add(&t, "S", "S", NULL, (const uint16_t[]){1, 2, 65535}, NULL);
    add(&t, "i", "i", NULL, (const int32_t[]){-70000, 2, 3}, NULL);
    add(&t, "I", "I", NULL, (const uint32_t[]){1, 2, 4294967295u}, NULL);
    add(&t, "l", "l", NULL, (const int64_t[]){-1, 2, INT64_C(1) << 40}, NULL);
    add(&t, "L", "L", NULL, (const uint64_t[]){1, 2, UINT64_C(1) << 63}, NULL);
    add(&t, "f", "f", NULL, (const float[]){1.5f, 2, 3}, NULL);
    add(&t, "g", "g", NULL, (const double[]){1.1, 2, 3}, NULL);
    hone_dataset *d = taken(&t, NULL);
    const double first[] = {-1, 1, -300, 1, -70000, 1, -1, 1, 1.5, 1.1};
    const double last[] = {127, 255, 3, 65535, 3, 4294967295.0, 0x1p40, 0x1p63, 3, 3};
    for (int64_t j = 0; j < 10; j++) {
        assert_true(cell(d, 0, j) == first[j] && cell(d, 1, j) == 2 && cell(d, 2, j) == last[j]);
        assert_int_equal(hone_dataset_levels(d, j), 0);
    }
    assert_string_equal(hone_dataset_column_name(d, 9), "g");
    hone_dataset_free(d);
}

static void offsets_and_bitmaps_are_honoured(void **state)
{
    (void)state;
    table t;
    begin(&t, 3);
    t.batch.offset = 2;
    const uint8_t valid[] = {0xEF}, bits[] = {0x58}, five[] = {0};
    struct ArrowArray *a = add(&t, "i", "n", valid, (const int32_t[]){9, 9, 9, 3, 9, 5}, NULL);
    a->offset = 1; /* elements 3, 4 (null), 5 */
    add(&t, "b", "flag", NULL, bits, NULL)->offset = 1;
    a = add(&t, "u", "word", (const uint8_t[]){0x3B}, (const int32_t[]){0, 1, 2, 2, 3, 5, 5},
            "qqabb");
    a->offset = 1; /* "b"? elements 3, 4, 5 = "a", "bb", "" */
    struct ArrowArray *e = add(&t, "g", "empty", five, (const double[]){1, 2, 3, 4, 5}, NULL);
    e->null_count = 5;
    hone_dataset *d = taken(&t, NULL);
    assert_true(cell(d, 0, 0) == 3 && isnan(cell(d, 1, 0)) && cell(d, 2, 0) == 5);
    assert_int_equal(hone_dataset_levels(d, 1), 2);
    assert_true(cell(d, 0, 1) == 1 && cell(d, 1, 1) == 1 && cell(d, 2, 1) == 0);
    assert_string_equal(hone_dataset_level(d, 2, 0), "");
    assert_string_equal(hone_dataset_level(d, 2, 1), "a");
    assert_string_equal(hone_dataset_level(d, 2, 2), "bb");
    assert_true(cell(d, 0, 2) == 1 && cell(d, 1, 2) == 2 && cell(d, 2, 2) == 0);
    for (int64_t i = 0; i < 3; i++)
        assert_true(isnan(cell(d, i, 3)));
    hone_dataset_free(d);
}

static void dictionaries_are_levels_and_targets(void **state)
{
    (void)state;
    table t;
    begin(&t, 4);
    struct ArrowArray *a = add(&t, "c", "y", NULL, (const int8_t[]){2, 0, 0, 2}, NULL);
    add_dictionary(&t, a, "U", 3, (const int64_t[]){0, 3, 6, 8}, "yesnevno");
    add(&t, "u", "w", (const uint8_t[]){0x0B}, (const int32_t[]){0, 1, 2, 3, 4}, "abca");
    hone_dataset *d = taken(&t, "y");
    assert_int_equal(hone_dataset_task(d), HONE_CLASSIFICATION);
    assert_int_equal(hone_dataset_classes(d), 2);
    assert_string_equal(hone_dataset_class(d, 0), "no");
    assert_true(d->label[0] == 0 && d->label[1] == 1 && d->label[3] == 0);
    assert_string_equal(d->target_name, "y");
    assert_int_equal(hone_dataset_cols(d), 1);
    assert_true(isnan(cell(d, 2, 0)) && cell(d, 3, 0) == 0);
    hone_dataset_free(d);
    begin(&t, 3);
    a = add(&t, "C", "k", NULL, (const uint8_t[]){1, 0, 1}, NULL);
    add_dictionary(&t, a, "l", 2, (const int64_t[]){10, 9}, NULL);
    add(&t, "n", "nothing", NULL, NULL, NULL);
    d = taken(&t, NULL);
    assert_string_equal(hone_dataset_level(d, 0, 0), "9");
    assert_true(cell(d, 0, 0) == 0 && cell(d, 1, 0) == 1 && isnan(cell(d, 0, 1)));
    hone_dataset_free(d);
}

typedef struct view {
    int32_t length;
    union {
        char text[12];
        struct {
            char prefix[4];
            int32_t buffer, offset;
        };
    };
} view;

/* Three views, the last into the second of two buffers. */
static void add_views(table *t, const view views[3])
{
    static const int64_t sizes[] = {13, 15};
    static const void *buffers[5];
    struct ArrowArray *a = add(t, "vu", "w", NULL, NULL, NULL);
    buffers[0] = NULL, buffers[1] = views, buffers[2] = "0123456789abc";
    buffers[3] = "..long enough!.", buffers[4] = sizes;
    a->buffers = buffers;
    a->n_buffers = 5;
}

static void views_of_text_are_read(void **state)
{
    (void)state;
    const view views[] = {{.length = 12, .text = "exactly here"},
                          {.length = 0},
                          {.length = 13, .prefix = "long", .buffer = 1, .offset = 2}};
    table t;
    begin(&t, 3);
    add_views(&t, views);
    hone_dataset *d = taken(&t, NULL);
    assert_int_equal(hone_dataset_levels(d, 0), 3);
    assert_string_equal(hone_dataset_level(d, 0, (int64_t)cell(d, 0, 0)), "exactly here");
    assert_string_equal(hone_dataset_level(d, 0, (int64_t)cell(d, 1, 0)), "");
    assert_string_equal(hone_dataset_level(d, 0, (int64_t)cell(d, 2, 0)), "long enough!.");
    hone_dataset_free(d);
    const view wrong[] = {{.length = 13, .buffer = 2, .offset = 0},
                          {.length = 13, .buffer = -1, .offset = 0},
                          {.length = 13, .buffer = 0, .offset = 1},
                          {.length = 13, .buffer = 0, .offset = -1},
                          {.length = -1},
                          {.length = INT32_MAX, .buffer = 1, .offset = INT32_MAX}};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        const view bad[] = {views[0], wrong[k], views[2]};
        begin(&t, 3);
        add_views(&t, bad);
        refused(&t, HONE_BAD_DATA, "data.w[1]", "leave its buffer");
    }
}

static void an_arrow_table_is_the_dataset_of_its_columns(void **state)
{
    (void)state;
    const char *const words[] = {"u", "v", "u"};
    const double numbers[] = {1.5, NAN, 2};
    const int64_t y[] = {0, 1, 0};
    const hone_column columns[] = {{.name = "a", .values = {.values = numbers, .dtype = HONE_F64}},
                                   {.name = "b", .values = {.values = words, .dtype = HONE_TEXT}}};
    const hone_dataset_options options = {.size = sizeof options, .target_name = "y"};
    hone_dataset *a, *b;
    assert_int_equal(hone_dataset_columns(columns, 2, 3,
                                          (hone_vector){.values = y, .dtype = HONE_I64}, &options,
                                          &a, NULL),
                     HONE_OK);
    table t;
    begin(&t, 3);
    add(&t, "f", "a", (const uint8_t[]){5}, (const float[]){1.5f, 7, 2}, NULL);
    add(&t, "U", "b", NULL, (const int64_t[]){0, 1, 2, 3}, "uvu");
    add(&t, "c", "y", NULL, (const int8_t[]){0, 1, 0}, NULL);
    b = taken(&t, "-1");
    assert_true(hone_dataset_fingerprint(a) == hone_dataset_fingerprint(b));
    hone_dataset_free(a);
    hone_dataset_free(b);
}

/* ---- streams ---- */

typedef struct producer {
    table chunk[3];
    int next, count, fail_at, code, schema_code;
    struct ArrowSchema *schema;
} producer;

static int get_schema(struct ArrowArrayStream *s, struct ArrowSchema *out)
{
    producer *p = s->private_data;
    if (p->schema_code)
        return p->schema_code;
    *out = *p->schema;
    p->schema->release = NULL;
    return 0;
}

static int get_next(struct ArrowArrayStream *s, struct ArrowArray *out)
{
    producer *p = s->private_data;
    if (p->code && p->next == p->fail_at)
        return p->code;
    if (p->next == p->count) {
        out->release = NULL;
        return 0;
    }
    struct ArrowArray *batch = &p->chunk[p->next++].batch;
    *out = *batch;
    batch->release = NULL;
    return 0;
}

static const char *last_error(struct ArrowArrayStream *s)
{
    (void)s;
    return "the disk is gone";
}

static void release_stream(struct ArrowArrayStream *s)
{
    s->release = NULL;
    live--;
}

/* Two chunks, the second with a dictionary of its own and an offset; one empty chunk between. */
static struct ArrowArrayStream open_stream(producer *p)
{
    static const int32_t numbers[] = {1, 2, 3, 4, 5};
    static const int32_t one[] = {0, 1, 2}, two[] = {0, 1, 2};
    static const int8_t codes[] = {0, 1, 1, 0, 1};
    static const uint8_t valid[] = {0x17};
    for (int k = 0; k < 3; k++) {
        table *t = &p->chunk[k];
        begin(t, k == 1 ? 0 : 2);
        t->batch.offset = k;
        add(t, "i", "n", k == 2 ? valid : NULL, k == 1 ? NULL : numbers, NULL);
        if (k == 1)
            t->array[0].length = 1, t->buffers[0][1] = numbers;
        struct ArrowArray *a = add(t, "c", "w", NULL, codes, NULL);
        add_dictionary(t, a, "u", 2, k ? two : one, k ? "ba" : "ab");
        if (k) { /* a stream has one schema */
            t->schema.release(&t->schema);
        }
    }
    p->schema = &p->chunk[0].schema;
    p->count = 3;
    live++;
    return (struct ArrowArrayStream){get_schema, get_next, last_error, release_stream, p};
}

static void drop_unread(producer *p)
{
    for (int k = 0; k < 3; k++)
        if (p->chunk[k].batch.release)
            p->chunk[k].batch.release(&p->chunk[k].batch);
    if (p->schema->release)
        p->schema->release(p->schema);
    assert_int_equal(live, 0);
}

static void a_stream_is_one_table(void **state)
{
    (void)state;
    producer p = {0};
    struct ArrowArrayStream s = open_stream(&p);
    hone_dataset *d = NULL;
    hone_error error = {0};
    assert_int_equal(hone_dataset_arrow_stream(&s, NULL, &d, &error), HONE_OK);
    assert_null(s.release);
    drop_unread(&p);
    assert_int_equal(hone_dataset_rows(d), 4);
    const double n[] = {1, 2, 3, NAN}, w[] = {0, 1, 0, 1};
    for (int64_t i = 0; i < 4; i++) {
        assert_true(isnan(n[i]) ? isnan(cell(d, i, 0)) : cell(d, i, 0) == n[i]);
        assert_true(cell(d, i, 1) == w[i]);
    }
    hone_dataset_free(d);
}

static void a_table_without_rows_is_refused(void **state)
{
    (void)state;
    for (int batches = 0; batches < 3; batches++) {
        producer p = {0};
        struct ArrowArrayStream s = open_stream(&p);
        p.count = batches;
        for (int k = 0; k < batches; k++)
            p.chunk[k].batch.length = 0;
        hone_dataset *d;
        hone_error error;
        assert_int_equal(hone_dataset_arrow_stream(&s, NULL, &d, &error), HONE_BAD_DATA);
        assert_string_equal(error.path, "data.array");
        assert_non_null(strstr(error.message, "no rows"));
        drop_unread(&p);
    }
}

static void a_broken_stream_says_what_it_said(void **state)
{
    (void)state;
    for (int at = -1; at <= 3; at++) {
        producer p = {.fail_at = at, .code = EIO, .schema_code = at < 0 ? EINVAL : 0};
        struct ArrowArrayStream s = open_stream(&p);
        hone_dataset *d;
        hone_error error;
        assert_int_equal(hone_dataset_arrow_stream(&s, NULL, &d, &error), HONE_IO);
        assert_null(d);
        assert_string_equal(error.path, "data.stream");
        assert_non_null(strstr(error.message, "the disk is gone"));
        drop_unread(&p);
    }
}

static void memory_that_runs_out_releases_everything(void **state)
{
    (void)state;
    bool done = false;
    for (long n = 0; !done && n < 1000; n++) {
        producer p = {0};
        struct ArrowArrayStream s = open_stream(&p);
        hone_dataset *d = NULL;
        hone_alloc_fail_after(n, false);
        const hone_status status = hone_dataset_arrow_stream(&s, NULL, &d, NULL);
        hone_alloc_fail_after(-1, false);
        done = status == HONE_OK;
        assert_true(done || (status == HONE_NO_MEMORY && !d));
        hone_dataset_free(d);
        drop_unread(&p);
    }
    assert_true(done);
}

/* ---- what is refused ---- */

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

static bool stop(void *context, double fraction)
{
    (void)context;
    return fraction > 0.4;
}

static void the_caller_can_stop_and_cap_a_stream(void **state)
{
    (void)state;
    const hone_read_options options[] = {{.size = sizeof options[0], .poll = stop},
                                         {.size = sizeof options[0], .max_bytes = 64}};
    const hone_status expected[] = {HONE_STOPPED, HONE_NO_MEMORY};
    for (int k = 0; k < 2; k++) {
        producer p = {0};
        struct ArrowArrayStream s = open_stream(&p);
        hone_dataset *d;
        assert_int_equal(hone_dataset_arrow_stream(&s, &options[k], &d, NULL), expected[k]);
        assert_null(d);
        drop_unread(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_every_width_are_read),
        cmocka_unit_test(offsets_and_bitmaps_are_honoured),
        cmocka_unit_test(dictionaries_are_levels_and_targets),
        cmocka_unit_test(views_of_text_are_read),
        cmocka_unit_test(an_arrow_table_is_the_dataset_of_its_columns),
        cmocka_unit_test(a_stream_is_one_table),
        cmocka_unit_test(a_table_without_rows_is_refused),
        cmocka_unit_test(a_broken_stream_says_what_it_said),
        cmocka_unit_test(memory_that_runs_out_releases_everything),
        cmocka_unit_test(types_that_are_no_features_are_refused_by_name),
        cmocka_unit_test(tables_that_contradict_themselves_are_refused),
        cmocka_unit_test(what_was_released_before_is_refused),
        cmocka_unit_test(dates_in_text_and_free_text_are_refused),
        cmocka_unit_test(the_caller_can_stop_and_cap_a_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
