/* Model files that are not what was saved: refused, or they predict. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "core/container.h"
#include "core/state.h"
#include "data/vector.h"
#include "modelfile_world.h"
#include "toolbox/random.h"

/* ---- damaged files ---- */

static void refused(const bytes *b)
{
    hone_model *m;
    const hone_status status = toy_load(b->at, b->size, &m, NULL);
    assert_true(status == HONE_CORRUPT || status == HONE_UNSUPPORTED);
    assert_null(m);
}

/* Every place of small files; places spread over larger ones. */
static size_t stride(size_t size)
{
    return size / 6000 + 1;
}

static void refuse_damage(const hone_model *m, hone_dataset *d)
{
    (void)d;
    const bytes whole = bytes_of(m);
    bytes b = {malloc(whole.size + 64), 0};
    assert_non_null(b.at);
    for (b.size = 0; b.size < whole.size; b.size += stride(whole.size)) {
        memcpy(b.at, whole.at, b.size);
        refused(&b);
    }
    memcpy(b.at, whole.at, whole.size);
    memset(b.at + whole.size, 0, 64);
    for (b.size = whole.size + 1; b.size <= whole.size + 64; b.size++)
        refused(&b);
    b.size = whole.size;
    for (size_t bit = 0; bit < 8 * whole.size; bit += stride(whole.size)) {
        b.at[bit / 8] ^= (char)(1 << bit % 8);
        refused(&b);
        b.at[bit / 8] ^= (char)(1 << bit % 8);
    }
    hone_model_free(loaded(b));
    free(b.at);
    hone_text_free(whole.at);
}

static void every_cut_every_flipped_bit_and_every_appendix_is_refused(void **state)
{
    (void)state;
    for_all_models(refuse_damage);
}

/* ---- mutations behind repaired checksums ---- */

/* A file taken apart, to be changed and put together again. */
typedef struct parts {
    hone_container c;
    unsigned char *section[HONE_SECTIONS];
} parts;

enum { MORE = 64 };

static parts take_apart(bytes b)
{
    parts p;
    assert_int_equal(hone_container_read((const unsigned char *)b.at, b.size, "file", &p.c, NULL),
                     HONE_OK);
    for (int k = 0; k < p.c.count; k++) {
        p.section[k] = malloc(p.c.section[k].size + MORE);
        assert_non_null(p.section[k]);
        memcpy(p.section[k], p.c.section[k].bytes, p.c.section[k].size);
    }
    return p;
}

static bytes put_together(const parts *p)
{
    hone_container c = {0};
    for (int k = 0; k < p->c.count; k++)
        hone_container_add(&c, p->c.section[k].tag, p->c.section[k].critical, p->c.section[k].size);
    bytes b = {.size = hone_container_size(&c)};
    b.at = calloc(1, b.size);
    assert_non_null(b.at);
    hone_container_lay_out(&c, (unsigned char *)b.at);
    for (int k = 0; k < c.count; k++)
        memcpy(c.section[k].bytes, p->section[k], c.section[k].size);
    hone_container_seal(&c, (unsigned char *)b.at);
    return b;
}

static void drop(parts *p)
{
    for (int k = 0; k < p->c.count; k++)
        free(p->section[k]);
}

/* An integer near others of the state: such values pass rules, wild ones do not. */
static int64_t some_integer(hone_stream *s, const unsigned char *at, size_t size, int64_t old)
{
    switch (hone_below(s, 5)) {
    case 0:
        return old + (int64_t)hone_below(s, 7) - 3;
    case 1:
        return (int64_t)hone_below(s, 64) - 2;
    case 2: {
        int32_t other;
        memcpy(&other, at + hone_below(s, size / 4) * 4, sizeof other);
        return other;
    }
    case 3:
        return (int64_t)1 << hone_below(s, 63);
    default:
        return -old;
    }
}

static double some_real(hone_stream *s, double old)
{
    static const double odd[] = {0, -0.0, 1, NAN, INFINITY, -INFINITY, 1e308, -1e308, 5e-324, -7};
    return hone_below(s, 2) ? odd[hone_below(s, 10)] : old * (hone_uniform(s) * 4 - 2);
}

static void change_element(hone_stream *s, hone_dtype dtype, unsigned char *at,
                           const unsigned char *all, size_t size)
{
    const size_t width = hone_dtype_size(dtype);
    if (dtype == HONE_F64 || dtype == HONE_F32) {
        double d;
        float f;
        memcpy(&d, at, width == 8 ? 8 : 0);
        memcpy(&f, at, 4);
        d = some_real(s, width == 8 ? d : (double)f);
        f = (float)d;
        memcpy(at, width == 8 ? (void *)&d : (void *)&f, width);
        return;
    }
    int64_t old = 0;
    memcpy(&old, at, width);
    old = some_integer(s, all, size, old);
    memcpy(at, &old, width);
}

/* One element of one field of a state. */
static void change_state(hone_stream *s, const hone_field *fields, const hone_shape *shape,
                         const void *state, unsigned char *section, size_t size)
{
    int count = 0;
    while (fields[count].name)
        count++;
    if (!count || size < 8)
        return;
    const int chosen = (int)hone_below(s, (uint64_t)count);
    size_t at = 0;
    for (int k = 0;; k++) {
        const size_t width = hone_dtype_size(fields[k].dtype);
        const size_t n = (size_t)(hone_field_rows(&fields[k], shape, state) *
                                  hone_field_cols(&fields[k], shape, state));
        if (k == chosen && n)
            change_element(s, fields[k].dtype, section + at + hone_below(s, n) * width, section,
                           size);
        if (k == chosen)
            return;
        at += (n * width + 7) / 8 * 8;
    }
}

/* Text stays nearly JSON: digits change, tokens are exchanged, pieces go or come twice. */
static void change_text(hone_stream *s, unsigned char *text, size_t *size)
{
    static const char *const tokens[] = {"0",  "-1",   "1e999", "2147483648", "null", "true",
                                         "[]", "\"\"", "99999", ",",          "}",    "\\u0000"};
    const size_t at = hone_below(s, *size);
    switch (hone_below(s, 4)) {
    case 0: {
        size_t digit = at;
        while (digit < *size && (text[digit] < '0' || text[digit] > '9'))
            digit++;
        if (digit < *size)
            text[digit] = (unsigned char)('0' + hone_below(s, 10));
        return;
    }
    case 1: {
        const char *token = tokens[hone_below(s, 12)];
        const size_t length = strlen(token) < *size - at ? strlen(token) : *size - at;
        memcpy(text + at, token, length);
        return;
    }
    case 2: {
        const size_t length = 1 + hone_below(s, *size - at < 20 ? *size - at : 20);
        memmove(text + at, text + at + length, *size - at - length);
        *size -= length;
        return;
    }
    default: {
        const size_t length = 1 + hone_below(s, *size - at < 20 ? *size - at : 20);
        memmove(text + at + length, text + at, *size - at);
        *size += length;
        return;
    }
    }
}

/* The fields behind a section; NULL: text. */
static const hone_field *fields_of(const hone_model *m, const char *tag, hone_shape *shape,
                                   const void **state)
{
    *shape = m->fitted->shape;
    *state = m->fitted->state;
    if (!strcmp(tag, "state"))
        return m->fitted->algorithm->state;
    if (strncmp(tag, "step.", 5) != 0)
        return NULL;
    const int k = tag[5] - '0';
    *shape = m->pipeline.shape[k];
    shape->features = shape->stored;
    *state = m->pipeline.state[k];
    return m->pipeline.transform[k]->state;
}

static void change(hone_stream *s, const hone_model *m, parts *p)
{
    const int k = (int)hone_below(s, (uint64_t)p->c.count);
    hone_shape shape;
    const void *state;
    const hone_field *fields = fields_of(m, p->c.section[k].tag, &shape, &state);
    if (fields)
        change_state(s, fields, &shape, state, p->section[k], p->c.section[k].size);
    else if (p->c.section[k].size)
        change_text(s, p->section[k], &p->c.section[k].size);
}

static int64_t accepted, rounds, total;

static void mutate(const hone_model *m, hone_dataset *d)
{
    (void)d;
    const bytes whole = bytes_of(m);
    for (int64_t round = 0; round < rounds; round++) {
        hone_stream s = hone_stream_of(11, (uint64_t)total++, 0);
        parts p = take_apart(whole);
        for (uint64_t times = 1 + hone_below(&s, 3); times; times--)
            change(&s, m, &p);
        const bytes b = put_together(&p);
        hone_model *again = NULL;
        if (toy_load(b.at, b.size, &again, NULL) == HONE_OK) {
            accepted++;
            toy_use(again);
            const bytes saved = bytes_of(again);
            hone_model_free(loaded(saved));
            hone_text_free(saved.at);
        }
        hone_model_free(again);
        free(b.at);
        drop(&p);
    }
    hone_text_free(whole.at);
}

static void edited_files_with_right_checksums_are_refused_or_predict(void **state)
{
    (void)state;
    accepted = total = 0;
    int models = 0;
    for (int k = 0; toy_module(k); k++)
        models += 6;
    rounds = 24000 / models + 1;
    for_all_models(mutate);
    print_message("%lld of %lld edited files predict\n", (long long)accepted, (long long)total);
    assert_true(accepted > total / 50 && accepted < total);
}

/* Attacks by name: each edits one thing that an unchecked loader would trust. */
static void edit_record(const char *from, const char *to, hone_status expected)
{
    hone_dataset *d = toy_data(HONE_CLASSIFICATION);
    hone_model *m = toy_model(&toy_centroid, d, "{}");
    char record[8192];
    const char *at = strstr(m->record, from);
    if (!at)
        fail_msg("no %s in %s", from, m->record);
    snprintf(record, sizeof record, "%.*s%s%s", (int)(at - m->record), m->record, to,
             at + strlen(from));
    const bytes whole = bytes_of(m);
    parts p = take_apart(whole); /* the record comes first */
    free(p.section[0]);
    p.c.section[0].size = strlen(record);
    p.section[0] = malloc(sizeof record);
    assert_non_null(p.section[0]);
    memcpy(p.section[0], record, sizeof record);
    const bytes b = put_together(&p);
    hone_model *again;
    hone_error error = {0};
    const hone_status status = toy_load(b.at, b.size, &again, &error);
    if (status != expected)
        fail_msg("%s -> %s: %s %s", from, to, hone_status_name(status), error.message);
    if (status == HONE_CORRUPT)
        assert_memory_equal(error.path, "model:", 6);
    m->record = record; /* and what would not load is not saved */
    bytes saved = {0};
    assert_int_equal(hone_model_bytes(m, &saved.at, &saved.size, NULL),
                     expected ? HONE_INTERNAL : HONE_OK);
    hone_text_free(saved.at);
    free(b.at);
    drop(&p);
    hone_text_free(whole.at);
    hone_model_free(again);
    hone_model_free(m);
    hone_dataset_free(d);
}

static void a_record_that_contradicts_itself_or_the_state_is_refused(void **state)
{
    (void)state;
    edit_record("\"columns\":5", "\"columns\":5", HONE_OK);
    edit_record("\"columns\":5", "\"columns\":6", HONE_CORRUPT);
    edit_record("\"columns\":5", "\"columns\":-1", HONE_CORRUPT);
    edit_record("\"columns\":5", "\"columns\":5.5", HONE_CORRUPT);
    edit_record("\"columns\":5", "\"columns\":5,\"columns\":5", HONE_CORRUPT);
    edit_record("\"sparse\":false", "\"sparse\":true", HONE_CORRUPT);
    edit_record("\"column\":3", "\"column\":9", HONE_CORRUPT);
    edit_record("\"column\":4", "\"column\":3", HONE_CORRUPT);
    edit_record("\"green\",", "", HONE_CORRUPT);
    edit_record("\"blue\",\"green\"", "\"green\",\"blue\"", HONE_CORRUPT);
    edit_record("\"blue\",\"green\"", "\"blue\",\"blue\"", HONE_CORRUPT);
    edit_record("\"kind\":\"boolean\"", "\"kind\":\"integer\"", HONE_CORRUPT);
    edit_record("\"middle\",", "", HONE_CORRUPT);
    edit_record("\"middle\"", "5", HONE_CORRUPT);
    edit_record(":norm\": \"l2\"", ":norm\": \"l7\"", HONE_CORRUPT);
    edit_record(":shrink\": 0.1", ":shrink\": 2", HONE_CORRUPT);
    edit_record(":shrink\": 0.1", ":shrink\": 1", HONE_OK);
    edit_record("\"model\":\"toy_centroid\"", "\"model\":\"toy_forest\"", HONE_CORRUPT);
    edit_record("\"model\":\"toy_centroid\"", "\"model\":\"other\"", HONE_UNSUPPORTED);
    edit_record("\"task\":\"classification\"", "\"task\":\"regression\"", HONE_CORRUPT);
    edit_record("\"target_scale\":1", "\"target_scale\":0", HONE_CORRUPT);
    edit_record("\"seed\":\"18446744073709551557\"", "\"seed\":-1", HONE_CORRUPT);
    edit_record("\"hone\":", "\"later\":[1,{}],\"hone\":", HONE_OK);
    edit_record("\"hone\":", "hone:", HONE_CORRUPT);
}

static void edit_sections(void (*edit)(parts *p), hone_status expected)
{
    hone_dataset *d = toy_data(HONE_CLASSIFICATION);
    hone_model *m = toy_model(&toy_centroid, d, "{}"), *again;
    const bytes whole = bytes_of(m);
    parts p = take_apart(whole);
    edit(&p);
    const bytes b = put_together(&p);
    assert_int_equal(toy_load(b.at, b.size, &again, NULL), expected);
    hone_model_free(again);
    free(b.at);
    drop(&p);
    hone_text_free(whole.at);
    hone_model_free(m);
    hone_dataset_free(d);
}

static void add(parts *p, const char *tag, bool critical)
{
    p->section[p->c.count] = calloc(1, MORE);
    hone_container_add(&p->c, tag, critical, 8);
}

static void add_critical(parts *p)
{
    add(p, "later", true);
}

static void add_ancillary(parts *p)
{
    add(p, "later", false);
}

static void add_again(parts *p)
{
    add(p, "state", true);
}

static void add_step(parts *p)
{
    add(p, "step.9", true);
}

static void rename_state(parts *p)
{
    strcpy(p->c.section[p->c.count - 2].tag, "stat");
}

static void soften_state(parts *p)
{
    p->c.section[p->c.count - 2].critical = false;
}

static void empty_run(parts *p)
{
    p->c.section[p->c.count - 1].size = 0;
}

static void sections_that_a_reader_does_not_know_are_skipped_or_refused(void **state)
{
    (void)state;
    edit_sections(add_ancillary, HONE_OK);
    edit_sections(add_critical, HONE_UNSUPPORTED);
    edit_sections(add_step, HONE_UNSUPPORTED);
    edit_sections(add_again, HONE_CORRUPT);
    edit_sections(rename_state, HONE_CORRUPT);
    edit_sections(soften_state, HONE_CORRUPT);
    edit_sections(empty_run, HONE_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_every_flipped_bit_and_every_appendix_is_refused),
        cmocka_unit_test(edited_files_with_right_checksums_are_refused_or_predict),
        cmocka_unit_test(a_record_that_contradicts_itself_or_the_state_is_refused),
        cmocka_unit_test(sections_that_a_reader_does_not_know_are_skipped_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
