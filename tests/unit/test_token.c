/* Numbers of text files: the fast path gives the bits of strtod, or leaves the token to the slow
 * one, which gives them too. */
#define _GNU_SOURCE
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/token.h"
#include "locale_run.h"

static uint64_t dice = 88172645463325252u;

static uint64_t roll(uint64_t below)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return dice % below;
}

/* strtod without the locale of the run: a decimal comma would cut the text. */
static double truth(const char *text)
{
    static locale_t plain;
    if (!plain)
        plain = newlocale(LC_ALL_MASK, "C", 0);
    return strtod_l(text, NULL, plain);
}

static void same_number(const char *text, bool fast_is_needed)
{
    char padded[128] = {0};
    const size_t length = strlen(text);
    memcpy(padded, text, length);
    padded[length] = ',';
    const double expected = truth(text);
    double value = 0;
    bool zeros;
    const char *end = hone_number_scan(padded, '.', &value, &zeros);
    if (end && (end != padded + length || memcmp(&value, &expected, sizeof value)))
        fail_msg("%s: %.17g, not %.17g", text, value, expected);
    if (!end && fast_is_needed)
        fail_msg("%s took the slow way", text);
    if (!hone_token_number((hone_token){text, length}, '.', &value, &zeros) || value != expected)
        fail_msg("%s: slowly %.17g, not %.17g", text, value, expected);
}

static void any_digits_and_exponent_give_the_nearest_double(void **state)
{
    (void)state;
    char text[64];
    for (int k = 0; k < 200000; k++) {
        char *at = text;
        const int whole = (int)roll(10), part = (int)roll(k % 2 ? 10 : 22);
        if (roll(2))
            *at++ = '-';
        for (int i = 0; i <= whole; i++)
            *at++ = (char)('0' + roll(10));
        *at++ = '.';
        for (int i = 0; i < part; i++)
            *at++ = (char)('0' + roll(10));
        *at = 0;
        if (roll(2))
            sprintf(at, "e%d", (int)roll(81) - 40);
        same_number(text, false);
    }
}

/* Halfway between two doubles, and one digit off. */
static void ties_go_to_the_even_neighbour(void **state)
{
    (void)state;
    char text[64];
    for (int k = 0; k < 50000; k++) {
        const uint64_t m = (UINT64_C(1) << 53 | roll(UINT64_C(1) << 53)) & ~UINT64_C(1);
        for (int off = -1; off <= 1; off++) {
            const uint64_t half = 2 * m + 1 + (uint64_t)(int64_t)off;
            sprintf(text, "%llu", (unsigned long long)half);
            same_number(text, true);
            sprintf(text, "%llue%d", (unsigned long long)half, (int)roll(55) - 27);
            same_number(text, true);
        }
    }
}

static void doubles_as_they_are_printed_take_the_fast_way(void **state)
{
    (void)state;
    char text[64];
    for (int k = 0; k < 100000; k++) {
        const double size = truth((const char *[]){"1e-9", "1e-3", "1", "1e6", "1e15"}[k % 5]);
        const double v = (double)roll(UINT64_C(1) << 53) / (double)(UINT64_C(1) << 53) * size;
        locale_t plain = newlocale(LC_ALL_MASK, "C", 0), old = uselocale(plain);
        sprintf(text, "%.*g", 15 + k % 3, v);
        uselocale(old);
        freelocale(plain);
        same_number(text, v > 1e-10 && v < 1e19);
    }
}

static void the_end_of_a_number_is_found_anywhere(void **state)
{
    (void)state;
    for (int digits = 1; digits <= 19; digits++)
        for (int byte = 1; byte < 256; byte++) {
            char text[64] = {0};
            double value;
            bool zeros;
            if (strchr("0123456789.eE", byte))
                continue;
            memset(text, '7', (size_t)digits);
            text[digits] = (char)byte;
            memset(text + digits + 1, '8', 12);
            assert_ptr_equal(hone_number_scan(text, '.', &value, &zeros), text + digits);
        }
}

int main(void)
{
    if (!locale_run())
        return SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_digits_and_exponent_give_the_nearest_double),
        cmocka_unit_test(ties_go_to_the_even_neighbour),
        cmocka_unit_test(doubles_as_they_are_printed_take_the_fast_way),
        cmocka_unit_test(the_end_of_a_number_is_found_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
