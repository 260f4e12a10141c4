/* States as bytes: what was saved comes back, and nothing that breaks a rule gets in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "core/state.h"

typedef struct toy {
    int64_t n, words;
    double bias;
    float *threshold;  /* n x features, finite */
    uint16_t *feature; /* n, in [0, features) */
    int32_t *start;    /* n + 1 offsets into words */
    uint32_t *word;    /* words, any */
    uint8_t *flag;     /* n, in [0, 2) */
    double *leaf;      /* n x outputs */
    int64_t *child;    /* n, in [-1, n) */
} toy;

static const hone_field fields[] = {
    HONE_COUNT(toy, n),
    HONE_COUNT(toy, words),
    HONE_NUMBER(toy, bias),
    HONE_ARRAY(toy, threshold, HONE_N(toy, n, 0), HONE_D, HONE_IS_FINITE),
    HONE_ARRAY(toy, feature, HONE_N(toy, n, 0), HONE_ONE, HONE_IN(0, HONE_D)),
    HONE_ARRAY(toy, start, HONE_N(toy, n, 1), HONE_ONE, HONE_STARTS(HONE_N(toy, words, 0))),
    HONE_ARRAY(toy, word, HONE_N(toy, words, 0), HONE_ONE, HONE_IS_ANY),
    HONE_ARRAY(toy, flag, HONE_N(toy, n, 0), HONE_ONE, HONE_IN(0, {.plus = 2})),
    HONE_ARRAY(toy, leaf, HONE_N(toy, n, 0), HONE_C, HONE_IS_FINITE),
    HONE_ARRAY(toy, child, HONE_N(toy, n, 0), HONE_ONE, HONE_IN(-1, HONE_N(toy, n, 0))),
    {0},
};
static const hone_shape shape = {.features = 2, .outputs = 2, .stored = 2};

static float threshold[6] = {1, 2, 3, -4, 5.5F, 1e-30F};
static uint16_t feature[3] = {0, 1, 1};
static int32_t start[4] = {0, 2, 2, 5};
static uint32_t word[5] = {7, 0, UINT32_MAX, 3, 4};
static uint8_t flag[3] = {0, 1, 1};
static double leaf[6] = {0.1, 0.9, 1, 0, 0.5, 0.5};
static int64_t child[3] = {1, 2, -1};
static toy whole(void)
{
    return (toy){3, 5, 0.25, threshold, feature, start, word, flag, leaf, child};
}

enum { ROOM = 512 };
typedef struct bytes {
    _Alignas(8) unsigned char at[ROOM];
    size_t size;
} bytes;

static bytes saved(const toy *t)
{
    bytes b = {.size = hone_state_save(fields, &shape, t, NULL)};
    assert_true(b.size <= ROOM);
    assert_int_equal(hone_state_save(fields, &shape, t, b.at), b.size);
    return b;
}

static hone_status load(const bytes *b, hone_error *error)
{
    hone_arena *arena = hone_arena_open(NULL);
    toy t = {0};
    const hone_status status = hone_state_load(fields, &shape, b->at, b->size, arena, &t, error);
    if (!status) {
        const bytes again = saved(&t);
        assert_int_equal(again.size, b->size);
        assert_memory_equal(again.at, b->at, b->size);
    }
    hone_arena_close(arena);
    return status;
}

static void a_state_comes_back_as_it_was(void **state)
{
    (void)state;
    const toy t = whole();
    const bytes b = saved(&t);
    assert_int_equal(load(&b, NULL), HONE_OK);
    assert_int_equal(b.size % 8, 0);
}

static void an_empty_state_comes_back(void **state)
{
    (void)state;
    int32_t zero[1] = {0};
    const toy t = {.start = zero};
    const bytes b = saved(&t);
    assert_int_equal(load(&b, NULL), HONE_OK);
}

static void every_shortened_or_lengthened_state_is_refused(void **state)
{
    (void)state;
    const toy t = whole();
    bytes b = saved(&t);
    const size_t size = b.size;
    for (b.size = 0; b.size < size; b.size++)
        assert_int_equal(load(&b, NULL), HONE_CORRUPT);
    for (b.size = size + 1; b.size < size + 20; b.size++)
        assert_int_equal(load(&b, NULL), HONE_CORRUPT);
}

static void refused(const toy *t, const char *field)
{
    const bytes b = saved(t);
    hone_error error;
    assert_int_equal(load(&b, &error), HONE_CORRUPT);
    assert_string_equal(error.path, field);
}

static void a_value_that_breaks_its_rule_is_refused_by_name(void **state)
{
    (void)state;
    toy t = whole();
    t.bias = NAN;
    refused(&t, "bias");
    t = whole();
    float nan[6] = {0, 0, 0, 0, 0, INFINITY};
    t.threshold = nan;
    refused(&t, "threshold");
    t = whole();
    uint16_t above[3] = {0, 2, 0};
    t.feature = above;
    refused(&t, "feature");
    uint8_t flags[3] = {2, 0, 0};
    t = whole();
    t.flag = flags;
    refused(&t, "flag");
    int64_t below[3] = {0, 0, -2}, high[3] = {0, 0, 3};
    t = whole();
    t.child = below;
    refused(&t, "child");
    t.child = high;
    refused(&t, "child");
}

static void offsets_that_do_not_ascend_to_the_end_are_refused(void **state)
{
    (void)state;
    int32_t wrong[][4] = {{1, 2, 2, 5}, {0, 3, 2, 5}, {0, 2, 2, 4}, {0, 2, 2, 6}, {0, -1, 2, 5}};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        toy t = whole();
        t.start = wrong[k];
        refused(&t, "start");
    }
}

static void counts_that_no_bytes_back_are_refused_before_memory_is_asked_for(void **state)
{
    (void)state;
    const toy t = whole();
    const int64_t counts[] = {-1,        4,         INT64_C(1) << 33, INT64_C(1) << 48,
                              INT64_MAX, INT64_MIN, INT64_C(1) << 62};
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
        for (size_t at = 0; at < 16; at += 8) {
            bytes b = saved(&t);
            memcpy(b.at + at, &counts[k], 8);
            hone_account account = {0};
            hone_arena *arena = hone_arena_open(&account);
            toy into = {0};
            assert_int_equal(hone_state_load(fields, &shape, b.at, b.size, arena, &into, NULL),
                             HONE_CORRUPT);
            assert_true(account.peak <= 1 << 16);
            hone_arena_close(arena);
        }
}

static void padding_that_is_not_zero_is_refused(void **state)
{
    (void)state;
    const toy t = whole();
    bytes b = saved(&t);
    const size_t end_of_features = 24 + sizeof threshold + sizeof feature;
    b.at[end_of_features] = 1;
    hone_error error;
    assert_int_equal(load(&b, &error), HONE_CORRUPT);
    assert_string_equal(error.path, "feature");
}

static void memory_that_runs_out_is_reported(void **state)
{
    (void)state;
    const toy t = whole();
    const bytes b = saved(&t);
    hone_account account = {.cap = 64};
    hone_arena *arena = hone_arena_open(&account);
    toy into = {0};
    assert_int_equal(hone_state_load(fields, &shape, b.at, b.size, arena, &into, NULL),
                     HONE_NO_MEMORY);
    hone_arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_comes_back_as_it_was),
        cmocka_unit_test(an_empty_state_comes_back),
        cmocka_unit_test(every_shortened_or_lengthened_state_is_refused),
        cmocka_unit_test(a_value_that_breaks_its_rule_is_refused_by_name),
        cmocka_unit_test(offsets_that_do_not_ascend_to_the_end_are_refused),
        cmocka_unit_test(counts_that_no_bytes_back_are_refused_before_memory_is_asked_for),
        cmocka_unit_test(padding_that_is_not_zero_is_refused),
        cmocka_unit_test(memory_that_runs_out_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
