/* What words of a column are taken for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "data/words.h"
#include "locale_run.h"

static hone_token token(const char *text)
{
    return (hone_token){text, strlen(text)};
}

static void dates_and_times_are_told_from_words(void **state)
{
    (void)state;
    static const char *const dates[] = {"2024-01-31",
                                        "31.01.2024",
                                        "1/31/2024",
                                        "2024-01-31T10:00:00Z",
                                        "31-Jan-2024",
                                        "January 31, 2024",
                                        "Wed, 31 Jan 2024",
                                        "wednesday 31 January 2024",
                                        "Wed 2024-01-31",
                                        "Thu, 1 Feb 2024 10:00:00 +0000",
                                        "2024-01",
                                        "2024/12",
                                        "Jan 2024",
                                        "January 2024",
                                        "2024 March",
                                        "jan-2024",
                                        "10:05",
                                        "9:05:30.5 pm"};
    static const char *const others[] = {
        "",     "2024",     "2024-13", "2024-00", "2024-1",   "2024.01",   "24-01",  "Monday",
        "Mon,", "May",      "May 12",  "Sunny 3", "2024-01x", "2024-012",  "Jan 24", "mon-2024",
        "1-12", "12 grams", "a-b-c",   "25:00",   "marching", "2024 Marc", "-",      "Mon Tue"};
    for (size_t k = 0; k < sizeof dates / sizeof *dates; k++)
        if (!hone_token_is_date(token(dates[k])))
            fail_msg("%s", dates[k]);
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        if (hone_token_is_date(token(others[k])))
            fail_msg("%s", others[k]);
}

static hone_words all(const char *const *text, char decimal)
{
    hone_words words = {0};
    for (; *text; text++)
        hone_words_add(&words, token(*text), decimal);
    return words;
}

static void numbers_as_people_write_them_look_like_numbers(void **state)
{
    (void)state;
    static const char *const written[][4] = {
        {"$1.50", "$ 20", "3"},
        {"12 %", "5%", "7.5 %"},
        {"1,200", "13,000.5", "7"},
        {"1 200", "13 000", "-700"},
        {"0,5", "1,25", "-2"},
        {"1,50 \xE2\x82\xAC", "\xE2\x82\xAC 3,5"},
        {"\xC2\xA3"
         "5",
         "6"},
    };
    static const char *const others[][4] = {
        {"1", "2"},   {"007", "012"}, {"12 feet", "3 feet"}, {"1,2,3", "4,5,6"},
        {"$", "%"},   {"12,34", "x"}, {"1,20,000"},          {"red", "blue"},
        {"$a", "$b"}, {"1-2", "3-4"}, {"1,2345,678"},        {"1 2 3"},
    };
    for (size_t k = 0; k < sizeof written / sizeof *written; k++) {
        const hone_words w = all(written[k], '.');
        if (!hone_words_look_like_numbers(&w))
            fail_msg("%s", written[k][0]);
    }
    for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
        const hone_words w = all(others[k], '.');
        if (hone_words_look_like_numbers(&w))
            fail_msg("%s", others[k][0]);
    }
    const hone_words comma = all(written[4], '.'),
                     point = all((const char *const[]){"1.5", "2", NULL}, ',');
    assert_int_equal(comma.commas, 2);
    assert_int_equal(comma.first.length, 3);
    assert_int_equal(point.commas, 1);
}

static void many_words_are_no_levels(void **state)
{
    (void)state;
    assert_false(hone_words_are_many(1000, 1000));
    assert_true(hone_words_are_many(1001, 2001));
    assert_false(hone_words_are_many(1001, 2002));
    const hone_words none = {0}, dates = all((const char *const[]){"10:05", "2024-01", NULL}, '.'),
                     mixed = all((const char *const[]){"10:05", "noon", NULL}, '.');
    assert_false(hone_words_are_dates(&none));
    assert_true(hone_words_are_dates(&dates));
    assert_false(hone_words_are_dates(&mixed));
    assert_true(hone_words_are_rare(50, 99));
    assert_false(hone_words_are_rare(50, 100));
    assert_false(hone_words_are_rare(49, 49));
}

static void a_few_words_among_dates_leave_them_dates(void **state)
{
    (void)state;
    char text[20][16];
    hone_words words = {0};
    for (int k = 0; k < 20; k++) {
        snprintf(text[k], sizeof text[k], k == 0 ? "unknown" : "2024-01-%02d", k);
        hone_words_add(&words, token(text[k]), '.');
    }
    assert_true(hone_words_are_dates(&words));
    assert_int_equal(words.date, 1);
    hone_words_add(&words, token("never"), '.');
    assert_false(hone_words_are_dates(&words));
}

int main(void)
{
    if (!locale_run())
        return SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_and_times_are_told_from_words),
        cmocka_unit_test(numbers_as_people_write_them_look_like_numbers),
        cmocka_unit_test(many_words_are_no_levels),
        cmocka_unit_test(a_few_words_among_dates_leave_them_dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
