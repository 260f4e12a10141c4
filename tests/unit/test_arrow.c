/* Arrow tables built by hand: every type, offsets, bitmaps, chunks; released once, also on error.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arrow_world.h"

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
        cmocka_unit_test(the_caller_can_stop_and_cap_a_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
