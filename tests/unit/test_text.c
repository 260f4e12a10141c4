/* Growing text; numbers in and out, exactly, in any locale. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <float.h>
#include <locale.h>

#include "base/arena.h"
#include "base/text.h"
#include "toolbox/random.h"

static double of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static bool same(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static int significant(const char *text)
{
    int count = 0, zeros = 0;
    for (; *text && *text != 'e'; text++)
        if (*text >= '0' && *text <= '9' && (count || *text != '0')) {
            zeros = *text == '0' ? zeros + 1 : 0;
            count++;
        }
    return count - zeros;
}

/* Reads back, and no text with fewer digits would. */
static void is_shortest(double value)
{
    char text[HONE_NUMBER_SIZE], fewer[64];
    const int length = hone_number_text(value, text);
    double back;
    assert_int_equal(length, strlen(text));
    assert_true(hone_number_read(text, (size_t)length, '.', &back));
    if (!same(back, value))
        fail_msg("%a is written as %s and read as %a", value, text, back);
    assert_true(same(strtod(text, NULL), value));
    const int count = significant(text);
    if (count > 1) {
        snprintf(fewer, sizeof fewer, "%.*e", count - 2, value);
        assert_false(same(strtod(fewer, NULL), value));
    }
}

static void a_number_is_written_in_the_fewest_digits_that_read_back(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } known[] = {{0, "0"},
                 {-0.0, "-0"},
                 {1, "1"},
                 {-10, "-10"},
                 {0.1, "0.1"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {1e15, "1000000000000000"},
                 {123456789012345680.0, "1.2345678901234568e17"},
                 {1e22, "1e22"},
                 {1e23, "1e23"},
                 {9007199254740993.0, "9007199254740992"},
                 {0.0001, "0.0001"},
                 {1e-5, "0.00001"},
                 {1e-6, "1e-6"},
                 {5e-324, "5e-324"},
                 {DBL_MAX, "1.7976931348623157e308"},
                 {DBL_MIN, "2.2250738585072014e-308"},
                 {5.684341886080802e-14, "5.684341886080802e-14"},
                 {9.5367431640625e-7, "9.5367431640625e-7"},
                 {HUGE_VAL, "Infinity"},
                 {-HUGE_VAL, "-Infinity"}};
    char text[HONE_NUMBER_SIZE];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        hone_number_text(known[i].value, text);
        assert_string_equal(text, known[i].text);
    }
    hone_number_text(NAN, text);
    assert_string_equal(text, "NaN");
    hone_stream s = hone_stream_of(1, 2, 3);
    for (int i = 0; i < 50000; i++) {
        const double value = of_bits(hone_next(&s));
        if (value - value == 0)
            is_shortest(value);
        is_shortest((double)(int64_t)hone_below(&s, 1u << 30) / 1000);
        is_shortest(of_bits(hone_below(&s, UINT64_C(1) << 52)));
    }
    for (uint64_t exponent = 1; exponent < 2047; exponent++)
        is_shortest(of_bits(exponent << 52));
}

static double read_number(const char *text)
{
    double value = 12345;
    assert_true(hone_number_read(text, strlen(text), '.', &value));
    return value;
}

static void numbers_are_read_correctly_rounded(void **state)
{
    (void)state;
    assert_true(same(read_number("-0"), -0.0));
    assert_true(same(read_number("+.5"), 0.5));
    assert_true(same(read_number("5."), 5));
    assert_true(same(read_number("1e-400"), 0));
    assert_true(same(read_number("0e999999999999"), 0));
    assert_true(same(read_number("0e2147483648"), 0));
    assert_true(same(read_number("1e23"), 1e23));
    assert_true(same(read_number("9007199254740993"), 9007199254740992.0));
    assert_true(same(read_number("9007199254740993.00000000000000000001"), 9007199254740994.0));
    assert_true(same(read_number("2.2250738585072011e-308"), 0x0.fffffffffffffp-1022));
    assert_true(same(read_number("2.4703282292062327e-324"), 0));
    assert_true(same(read_number("2.4703282292062328e-324"), 5e-324));
    /* A tie that only the last of 1,100 digits breaks. */
    char text[1200] = "9007199254740993.";
    memset(text + 17, '0', 1100);
    assert_true(same(read_number(text), 9007199254740992.0));
    text[1116] = '1';
    assert_true(same(read_number(text), 9007199254740994.0));
    memset(text, '0', 1000);
    memcpy(text + 1000, "12.5e2", 7);
    assert_true(same(read_number(text), 1250));
    hone_stream s = hone_stream_of(4, 5, 6);
    for (int i = 0; i < 100000; i++) {
        const int digits = 1 + (int)hone_below(&s, 20);
        int length = 0;
        for (int k = 0; k < digits; k++)
            length += snprintf(text + length, 8, "%s%c", k == digits / 2 ? "." : "",
                               (char)('0' + hone_below(&s, 10)));
        snprintf(text + length, 16, "e%d", (int)hone_below(&s, 640) - 330);
        const double value = strtod(text, NULL);
        if (value <= DBL_MAX)
            assert_true(same(read_number(text), value));
    }
}

static void what_is_not_a_number_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    "-",      "+",   ".",     "e5",     "1e",  "1e+",
                                      "0x1", "1 ",     " 1",  "1,5",   "nan",    "NaN", "inf",
                                      "1_0", "1e1000", "--1", "1.2.3", "1e5e5",  "1f",  "Infinity",
                                      "٣",   "1e309",  "1d5", "1.e",   "-1e999", "e",   "+-1"};
    double value = 7;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(hone_number_read(bad[i], strlen(bad[i]), '.', &value));
    assert_true(value == 7);
    assert_true(hone_number_read("1,5x", 3, ',', &value));
    assert_true(value == 1.5);
    assert_false(hone_number_read("1.5", 3, ',', &value));
}

static void integers_are_read_to_the_last_of_64_bits(void **state)
{
    (void)state;
    int64_t value;
    assert_true(hone_integer_read("-9223372036854775808", 20, &value));
    assert_true(value == INT64_MIN);
    assert_true(hone_integer_read("9223372036854775807", 19, &value));
    assert_true(value == INT64_MAX);
    assert_false(hone_integer_read("9223372036854775808", 19, &value));
    assert_false(hone_integer_read("-9223372036854775809", 20, &value));
    assert_false(hone_integer_read("99999999999999999999", 20, &value));
    assert_false(hone_integer_read("10.0", 4, &value));
    assert_false(hone_integer_read("", 0, &value));
    assert_false(hone_integer_read("-", 1, &value));
    bool negative;
    uint64_t whole;
    assert_true(hone_whole_read("18446744073709551615", 20, &negative, &whole));
    assert_true(whole == UINT64_MAX && !negative);
    assert_false(hone_whole_read("18446744073709551616", 20, &negative, &whole));
    assert_true(hone_whole_read("-10.0", 5, &negative, &whole) && negative && whole == 10);
    assert_true(hone_whole_read("12.5e1", 6, &negative, &whole) && whole == 125);
    assert_true(hone_whole_read("1e19", 4, &negative, &whole));
    assert_false(hone_whole_read("1e20", 4, &negative, &whole));
    assert_false(hone_whole_read("10.5", 4, &negative, &whole));
    assert_false(hone_whole_read("1e-1", 4, &negative, &whole));
    assert_true(hone_whole_read("-0.0", 4, &negative, &whole) && !negative && whole == 0);
}

static void a_decimal_comma_of_the_host_changes_nothing(void **state)
{
    (void)state;
    if (!setlocale(LC_ALL, "de_DE.UTF-8"))
        skip();
    char library[32], text[HONE_NUMBER_SIZE];
    snprintf(library, sizeof library, "%g", 1.5);
    assert_string_equal(library, "1,5");
    hone_number_text(1234567.25, text);
    assert_string_equal(text, "1234567.25");
    hone_number_text(0.1 + 0.2, text);
    assert_string_equal(text, "0.30000000000000004");
    assert_true(same(read_number("2.2250738585072011e-308"), 0x0.fffffffffffffp-1022));
    assert_true(same(read_number("3.14159265358979311599796346854"), 3.141592653589793));
    double value;
    assert_false(hone_number_read("1,5", 3, '.', &value));
    setlocale(LC_ALL, "C");
}

static void quoted_text_is_json(void **state)
{
    (void)state;
    hone_text text = {0};
    hone_text_quoted(&text, "a\"\\\n\t\x7f\xc3\xa4\xff\xed\xa0\x80");
    char *bytes = hone_text_take(&text);
    assert_string_equal(bytes,
                        "\"a\\\"\\\\\\n\\u0009\\u007f\xc3\xa4\\ufffd\\ufffd\\ufffd\\ufffd\"");
    hone_free(bytes);
}

static void text_grows_and_survives_a_failed_allocation(void **state)
{
    (void)state;
    hone_text text = {0};
    for (int i = 0; i < 1000; i++)
        hone_text_format(&text, "%d,", i);
    assert_int_equal(text.length, 3890);
    assert_int_equal(strlen(text.bytes), 3890);
    char big[10000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = 0;
    hone_alloc_fail_after(0, false);
    hone_text_add(&text, big);
    hone_text_add(&text, "y");
    assert_true(text.failed);
    assert_int_equal(text.length, 3890);
    assert_null(hone_text_take(&text));
    char *empty = hone_text_take(&text);
    assert_string_equal(empty, "");
    hone_free(empty);
}

static void joined_text_is_cut_at_a_character(void **state)
{
    (void)state;
    char out[8];
    hone_text_join(out, sizeof out, "abc", "\n", "d\xc3\xa4\xc3\xa4");
    assert_string_equal(out, "abc?d\xc3\xa4");
    hone_text_join(out, sizeof out, "\xff", "", "");
    assert_string_equal(out, "?");
}

static void a_message_has_only_characters_that_a_terminal_shows(void **state)
{
    (void)state;
    char text[] = "a\xc3\xa4\xff\x1b[1m\xed\xa0\x80\n\tb\x7f\xc3";
    hone_text_mend(text);
    assert_string_equal(text, "a\xc3\xa4??[1m???\n\tb??");
    hone_error error;
    hone_fail(&error, HONE_BAD_DATA, "data", "\"%s\"", "caf\xe9");
    assert_string_equal(error.message, "\"caf?\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_written_in_the_fewest_digits_that_read_back),
        cmocka_unit_test(numbers_are_read_correctly_rounded),
        cmocka_unit_test(what_is_not_a_number_is_refused),
        cmocka_unit_test(integers_are_read_to_the_last_of_64_bits),
        cmocka_unit_test(a_decimal_comma_of_the_host_changes_nothing),
        cmocka_unit_test(quoted_text_is_json),
        cmocka_unit_test(text_grows_and_survives_a_failed_allocation),
        cmocka_unit_test(joined_text_is_cut_at_a_character),
        cmocka_unit_test(a_message_has_only_characters_that_a_terminal_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
