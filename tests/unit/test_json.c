/* What JSON is taken and what is refused, and that numbers keep every digit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <locale.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"

static void refuses(const char *text, const char *path, const char *message)
{
    cJSON *tree;
    hone_error error = {0};
    assert_int_equal(hone_json_parse(text, strlen(text), NULL, "config", &tree, &error),
                     HONE_BAD_CONFIG);
    assert_null(tree);
    assert_string_equal(error.path, path);
    if (!strstr(error.message, message))
        fail_msg("%s: %s", text, error.message);
}

static cJSON *accepts(const char *text)
{
    cJSON *tree;
    hone_error error = {0};
    if (hone_json_parse(text, strlen(text), NULL, "config", &tree, &error) != HONE_OK)
        fail_msg("%s: %s: %s", text, error.path, error.message);
    return tree;
}

static void numbers_keep_their_text_and_are_read_exactly(void **state)
{
    (void)state;
    const bool german = setlocale(LC_ALL, "de_DE.UTF-8") != NULL;
    cJSON *tree = accepts("{\"a\": 0.30000000000000004, \"b\": 18446744073709551557, \"c\": -10.0,"
                          " \"d\": [1, 2.5e0, 1e2], \"A\": 7, \"s\": \"-12\", \"t\": \"1e2\","
                          " \"h\": \"#1\", \"i\": \"$\\u0023\", \"j\": \"\\u0023x\"}");
    if (german)
        setlocale(LC_ALL, "C");
    double value;
    int64_t integer;
    uint64_t big;
    assert_true(hone_json_number(hone_json_get(tree, "a"), &value));
    assert_true(value == 0.1 + 0.2);
    assert_string_equal(hone_json_get(tree, "a")->valuestring, "0.30000000000000004");
    assert_true(hone_json_unsigned(hone_json_get(tree, "b"), &big));
    assert_true(big == UINT64_C(18446744073709551557));
    assert_false(hone_json_integer(hone_json_get(tree, "b"), &integer));
    assert_true(hone_json_integer(hone_json_get(tree, "c"), &integer));
    assert_int_equal(integer, -10);
    assert_false(hone_json_unsigned(hone_json_get(tree, "c"), &big));
    const cJSON *list = hone_json_get(tree, "d");
    assert_false(hone_json_integer(cJSON_GetArrayItem(list, 1), &integer));
    assert_true(hone_json_integer(cJSON_GetArrayItem(list, 2), &integer));
    assert_int_equal(integer, 100);
    assert_true(hone_json_number(hone_json_get(tree, "A"), &value) && value == 7);
    assert_true(hone_json_integer(hone_json_get(tree, "s"), &integer));
    assert_int_equal(integer, -12);
    assert_false(hone_json_integer(hone_json_get(tree, "t"), &integer));
    assert_false(hone_json_is_number(hone_json_get(tree, "s")));
    assert_string_equal(hone_json_get(tree, "h")->valuestring, "#1");
    assert_string_equal(hone_json_get(tree, "i")->valuestring, "$#");
    assert_string_equal(hone_json_get(tree, "j")->valuestring, "#x");
    assert_null(hone_json_get(tree, "absent"));
    cJSON_Delete(tree);
}

static void what_is_not_json_is_refused_with_its_place(void **state)
{
    (void)state;
    refuses("", "config:1:1", "ends");
    refuses("{", "config:1:2", "key");
    refuses("{\"a\": 1,\n \"b\": NaN}", "config:2:7", "NaN");
    refuses("{\"a\": Infinity}", "config:1:7", "not a value");
    refuses("[1, 2", "config:1:6", "comma");
    refuses("[1, ]", "config:1:5", "not a value");
    refuses("{\"a\": 1,}", "config:1:9", "key");
    refuses("{\"a\" 1}", "config:1:6", "colon");
    refuses("{'a': 1}", "config:1:2", "key");
    refuses("{\"a\": 1} x", "config:1:10", "after the end");
    refuses("{\"a\": 01}", "config:1:9", "number");
    refuses("[.5]", "config:1:2", "not a value");
    refuses("[5.]", "config:1:4", "number");
    refuses("[+5]", "config:1:2", "not a value");
    refuses("[1e999]", "config:1:2", "too large");
    refuses("[\"\\x\"]", "config:1:3", "escape");
    refuses("[\"\\u12g4\"]", "config:1:3", "hexadecimal");
    refuses("[\"\\u0000\"]", "config:1:3", "u0000");
    refuses("[\"\\ud800\"]", "config:1:3", "surrogate");
    refuses("[\"\\ud800\\u0041\"]", "config:1:3", "surrogate");
    refuses("[\"\\udc00\"]", "config:1:3", "surrogate");
    refuses("[\"a\nb\"]", "config:1:4", "control");
    refuses("[\"\xc3\xa4\xff\"]", "config:1:4", "UTF-8");
    refuses("[\"\xc0\xaf\"]", "config:1:3", "UTF-8");
    refuses("[\"\xed\xa0\x80\"]", "config:1:3", "UTF-8");
    refuses("[\"abc", "config:1:6", "does not end");
    refuses("\xef\xbb\xbf{}", "config:1:1", "not a value");
    refuses("// no\n{}", "config:1:1", "not a value");
    refuses("{\"svm:C\": 1, \"a\": {}, \"svm:\\u0043\": 2}", "config.svm:C", "twice");
    refuses("[{\"a\": [{\"b\": 1, \"b\": 1}]}]", "config.b", "twice");
}

static void bytes_after_a_zero_are_seen(void **state)
{
    (void)state;
    cJSON *tree;
    assert_int_equal(hone_json_parse("{}\0{", 4, NULL, "config", &tree, NULL), HONE_BAD_CONFIG);
    assert_int_equal(hone_json_parse("[\"a\0b\"]", 7, NULL, "config", &tree, NULL),
                     HONE_BAD_CONFIG);
    assert_int_equal(hone_json_parse("{} garbage", 2, NULL, "config", &tree, NULL), HONE_OK);
    cJSON_Delete(tree);
}

static char *repeated(const char *start, const char *unit, size_t count, const char *end)
{
    hone_text text = {0};
    hone_text_add(&text, start);
    for (size_t i = 0; i < count; i++)
        hone_text_add(&text, unit);
    hone_text_add(&text, end);
    return hone_text_take(&text);
}

static void refuses_repeated(const char *start, const char *unit, size_t count, const char *message)
{
    char *text = repeated(start, unit, count, "");
    cJSON *tree;
    hone_error error;
    assert_int_equal(hone_json_parse(text, strlen(text), NULL, "config", &tree, &error),
                     HONE_BAD_CONFIG);
    assert_non_null(strstr(error.message, message));
    hone_free(text);
}

static void bombs_are_refused(void **state)
{
    (void)state;
    refuses_repeated("", "[", 33, "deep");
    refuses_repeated("", "{\"a\":", 33, "deep");
    refuses_repeated("", "[", 1000000, "deep");
    refuses_repeated("{", "\"a\":1,", 4097, "keys");
    refuses_repeated("\"", "a", 70000, "too long");
    refuses_repeated("", " ", (1 << 20) + 1, "at most");
    refuses_repeated("", "1", 70000, "too large");
    char *text = repeated("", "[", 32, "");
    char *whole = repeated(text, "]", 32, "");
    cJSON_Delete(accepts(whole));
    hone_free(whole);
    hone_free(text);
}

static void every_failed_allocation_is_no_memory(void **state)
{
    (void)state;
    const char *const text = "{\"a\": [1, 2, 3], \"b\": {\"c\": \"x\", \"d\": null}}";
    for (long n = 0;; n++) {
        cJSON *tree;
        hone_alloc_fail_after(n, false);
        const hone_status status = hone_json_parse(text, strlen(text), NULL, "config", &tree, NULL);
        hone_alloc_fail_after(-1, false);
        if (status == HONE_OK) {
            assert_true(n > 1);
            cJSON_Delete(tree);
            return;
        }
        assert_int_equal(status, HONE_NO_MEMORY);
        assert_null(tree);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_keep_their_text_and_are_read_exactly),
        cmocka_unit_test(what_is_not_json_is_refused_with_its_place),
        cmocka_unit_test(bytes_after_a_zero_are_seen),
        cmocka_unit_test(bombs_are_refused),
        cmocka_unit_test(every_failed_allocation_is_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
