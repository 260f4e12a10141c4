/* Growing strings, and numbers as text without a locale.
 *
 * The C library's conversions know the locale's decimal point. Here they never see one: a number is
 * printed from the digits of "%e" with whatever stands between them left out, and read as
 * "<digits>e<exponent>". Short numbers are read exactly without the library (Clinger, 1990).
 */
#define _GNU_SOURCE
#include "base/text.h"

#include <float.h>
#include <limits.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

/* ---- growing ---- */

static bool make_room(hone_text *text, size_t more)
{
    if (text->failed)
        return false;
    size_t room = text->room ? text->room : 64;
    while (room - text->length <= more) {
        if (room > SIZE_MAX / 4) {
            text->failed = true;
            return false;
        }
        room *= 2;
    }
    if (room == text->room)
        return true;
    char *bytes = hone_realloc(text->bytes, room);
    if (!bytes) {
        text->failed = true;
        return false;
    }
    text->bytes = bytes;
    text->room = room;
    return true;
}

void hone_text_add_bytes(hone_text *text, const char *more, size_t length)
{
    if (!make_room(text, length))
        return;
    memcpy(text->bytes + text->length, more, length);
    text->length += length;
    text->bytes[text->length] = 0;
}

void hone_text_add(hone_text *text, const char *more)
{
    hone_text_add_bytes(text, more, strlen(more));
}

/* The C locale is a constant of the C library: getting it allocates nothing. */
int hone_print(char *to, size_t room, const char *format, va_list arguments)
{
    const locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    const locale_t before = plain ? uselocale(plain) : (locale_t)0;
    const int length = vsnprintf(to, room, format, arguments);
    if (plain) {
        uselocale(before);
        freelocale(plain);
    }
    return length;
}

void hone_text_format(hone_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length = hone_print(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0 || !make_room(text, (size_t)length))
        return;
    va_start(arguments, format);
    hone_print(text->bytes + text->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    text->length += (size_t)length;
}

char *hone_text_take(hone_text *text)
{
    if (!text->bytes)
        make_room(text, 0);
    char *bytes = NULL;
    if (text->failed) {
        hone_free(text->bytes);
    } else {
        bytes = text->bytes;
        bytes[text->length] = 0;
    }
    *text = (hone_text){0};
    return bytes;
}

void hone_text_drop(hone_text *text)
{
    hone_free(text->bytes);
    *text = (hone_text){0};
}

size_t hone_utf8_length(const char *text, size_t length)
{
    const unsigned char *s = (const unsigned char *)text;
    if (length == 0)
        return 0;
    if (s[0] < 0x80)
        return 1;
    const size_t need = s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    if (need == 0 || need > length)
        return 0;
    for (size_t i = 1; i < need; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    const bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    const bool surrogate = s[0] == 0xed && s[1] >= 0xa0;
    const bool beyond = s[0] == 0xf4 && s[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : need;
}

void hone_text_mend(char *text)
{
    for (size_t left = strlen(text), step; left > 0; text += step, left -= step) {
        step = hone_utf8_length(text, left);
        const unsigned char c = (unsigned char)*text;
        if (!step || (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            *text = '?';
        step = step ? step : 1;
    }
}

void hone_text_quoted(hone_text *text, const char *value)
{
    hone_text_add_bytes(text, "\"", 1);
    size_t left = strlen(value);
    while (left > 0) {
        const unsigned char c = (unsigned char)*value;
        size_t step = hone_utf8_length(value, left);
        if (c == '"' || c == '\\')
            hone_text_format(text, "\\%c", c);
        else if (c == '\n')
            hone_text_add_bytes(text, "\\n", 2);
        else if (c < 0x20 || c == 0x7f)
            hone_text_format(text, "\\u%04x", c);
        else if (step == 0)
            hone_text_add_bytes(text, "\\ufffd", 6);
        else
            hone_text_add_bytes(text, value, step);
        step = step ? step : 1;
        value += step;
        left -= step;
    }
    hone_text_add_bytes(text, "\"", 1);
}

void hone_text_join(char *out, size_t size, const char *a, const char *b, const char *c)
{
    const char *const parts[] = {a, b, c};
    size_t used = 0;
    out[0] = 0;
    for (int i = 0; i < 3; i++)
        for (size_t left = strlen(parts[i]), at = 0; left > 0;) {
            const size_t valid = hone_utf8_length(parts[i] + at, left);
            const size_t step = valid ? valid : 1;
            if (used + step >= size)
                return;
            memcpy(out + used, parts[i] + at, step);
            if (!valid || (unsigned char)out[used] < 0x20 || out[used] == 0x7f)
                out[used] = '?';
            used += step;
            out[used] = 0;
            at += step;
            left -= step;
        }
}

/* ---- reading ---- */

/* More digits than any double needs to be told from its neighbours (767). */
enum { DIGITS = 800, FAR = 1 << 20 };

typedef struct decimal {
    bool negative;
    int count; /* digits kept, the first is not 0; 0: the number is zero */
    bool more; /* a digit that was not kept is not 0 */
    int exponent;
    char digit[DIGITS];
} decimal;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void take_digit(decimal *d, char c, bool fraction)
{
    if (fraction)
        d->exponent--;
    if (d->count == 0 && c == '0')
        return;
    if (d->count < DIGITS) {
        d->digit[d->count++] = c;
    } else {
        d->more |= c != '0';
        d->exponent++;
    }
}

/* Splits a number into digits and exponent; false: not a number. Lengths are below 2^30. */
static bool split(const char *s, size_t length, char point, decimal *d)
{
    const char *const end = s + length;
    d->negative = false;
    d->more = false;
    d->count = d->exponent = 0;
    if (length > INT_MAX / 4)
        return false;
    if (s < end && (*s == '-' || *s == '+'))
        d->negative = *s++ == '-';
    int seen = 0;
    for (; s < end && is_digit(*s); s++, seen = 1)
        take_digit(d, *s, false);
    if (s < end && *s == point)
        for (s++; s < end && is_digit(*s); s++, seen = 1)
            take_digit(d, *s, true);
    if (!seen)
        return false;
    if (s < end && (*s == 'e' || *s == 'E')) {
        s++;
        const bool down = s < end && *s == '-';
        s += s < end && (*s == '-' || *s == '+');
        if (s == end)
            return false;
        int power = 0;
        for (; s < end && is_digit(*s); s++)
            power = power < INT_MAX / 20 ? power * 10 + (*s - '0') : power;
        d->exponent += down ? -power : power;
    }
    return s == end;
}

/* Digits and exponent as the C library reads them, in no locale's notation. */
static double convert(const decimal *d)
{
    char text[DIGITS + 1 + 32];
    int exponent = d->exponent, count = d->count;
    memcpy(text, d->digit, (size_t)count);
    if (d->more) {
        text[count++] = '1';
        exponent--;
    }
    exponent = exponent > FAR ? FAR : exponent < -FAR ? -FAR : exponent;
    snprintf(text + count, 32, "e%d", exponent);
    return strtod(text, NULL);
}

static bool is_short(const decimal *d)
{
    return !d->more && d->count <= 15 && d->exponent >= -22 && d->exponent <= 22;
}

/* Exact: the digits and the power are both doubles, and one operation rounds once. */
static double short_value(const decimal *d)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    int64_t whole = 0;
    for (int i = 0; i < d->count; i++)
        whole = whole * 10 + (d->digit[i] - '0');
    return d->exponent < 0 ? (double)whole / power[-d->exponent]
                           : (double)whole * power[d->exponent];
}

bool hone_number_read(const char *text, size_t length, char point, double *value)
{
    decimal d;
    if (!split(text, length, point, &d))
        return false;
    const double v = d.count == 0 ? 0 : is_short(&d) ? short_value(&d) : convert(&d);
    if (v > DBL_MAX)
        return false;
    *value = d.negative ? -v : v;
    return true;
}

bool hone_whole_read(const char *text, size_t length, bool *negative, uint64_t *magnitude)
{
    decimal d;
    if (!split(text, length, '.', &d) || d.more)
        return false;
    while (d.count > 0 && d.digit[d.count - 1] == '0') {
        d.count--;
        d.exponent++;
    }
    *negative = d.negative && d.count > 0;
    *magnitude = 0;
    if (d.count == 0)
        return true;
    if (d.exponent < 0 || d.count + d.exponent > 20)
        return false;
    uint64_t whole = 0;
    for (int i = 0; i < d.count + d.exponent; i++) {
        const unsigned digit = i < d.count ? (unsigned)(d.digit[i] - '0') : 0;
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, digit, &whole))
            return false;
    }
    *magnitude = whole;
    return true;
}

bool hone_integer_of(bool negative, uint64_t magnitude, int64_t *value)
{
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

bool hone_integer_read(const char *text, size_t length, int64_t *value)
{
    size_t i = length > 0 && (text[0] == '-' || text[0] == '+');
    const bool negative = i && text[0] == '-';
    if (i == length)
        return false;
    uint64_t whole = 0;
    for (; i < length; i++) {
        if (!is_digit(text[i]) || __builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, (unsigned)(text[i] - '0'), &whole))
            return false;
    }
    return hone_integer_of(negative, whole, value);
}

/* ---- printing ---- */

/* The nearest decimal with `count` digits to a positive double. */
static void nearest(double value, int count, decimal *d)
{
    char text[64];
    snprintf(text, sizeof text, "%.*e", count - 1, value);
    d->negative = d->more = false;
    d->count = 0;
    const char *s = text;
    for (; *s != 'e'; s++)
        if (is_digit(*s))
            d->digit[d->count++] = *s;
    d->exponent = atoi(s + 1) - (count - 1);
}

static void strip(decimal *d)
{
    while (d->count > 1 && d->digit[d->count - 1] == '0') {
        d->count--;
        d->exponent++;
    }
}

/* The next decimal above: at a power of two the nearest one may lie outside the narrow side. */
static void step_up(decimal *d)
{
    int i = d->count - 1;
    for (; i > 0 && d->digit[i] == '9'; i--)
        d->digit[i] = '0';
    d->digit[i]++;
}

/* The shortest decimal that reads back as `value` > 0. Up to 15 digits survive a double, so that a
 * shorter one shows as trailing zeros; denormal numbers have fewer. */
static void shortest(double value, decimal *d)
{
    for (int count = value < DBL_MIN ? 1 : 15; count < 17; count++) {
        nearest(value, count, d);
        strip(d);
        if (convert(d) == value)
            return;
        if (count == 16 && d->count == 16 && d->digit[0] != '9') {
            step_up(d);
            if (convert(d) == value)
                return;
        }
    }
    nearest(value, 17, d);
    strip(d);
}

int hone_number_text(double value, char out[HONE_NUMBER_SIZE])
{
    if (value != value)
        return snprintf(out, HONE_NUMBER_SIZE, "NaN");
    const char *sign = __builtin_signbit(value) ? "-" : "";
    value = value < 0 ? -value : value;
    if (value > DBL_MAX)
        return snprintf(out, HONE_NUMBER_SIZE, "%sInfinity", sign);
    if (value < 1e15 && value == (double)(int64_t)value)
        return snprintf(out, HONE_NUMBER_SIZE, "%s%lld", sign, (long long)value);
    decimal d;
    shortest(value, &d);
    const int point = d.count + d.exponent; /* digits before the decimal point */
    if (point > 17 || point < -4) {
        const char *dot = d.count > 1 ? "." : "";
        return snprintf(out, HONE_NUMBER_SIZE, "%s%c%s%.*se%d", sign, d.digit[0], dot, d.count - 1,
                        d.digit + 1, point - 1);
    }
    if (point <= 0)
        return snprintf(out, HONE_NUMBER_SIZE, "%s0.%.*s%.*s", sign, -point, "0000", d.count,
                        d.digit);
    if (point < d.count)
        return snprintf(out, HONE_NUMBER_SIZE, "%s%.*s.%.*s", sign, point, d.digit, d.count - point,
                        d.digit + point);
    return snprintf(out, HONE_NUMBER_SIZE, "%s%.*s%.*s", sign, d.count, d.digit, point - d.count,
                    "00000000000000000");
}

void hone_text_number(hone_text *text, double value)
{
    char number[HONE_NUMBER_SIZE];
    hone_text_add_bytes(text, number, (size_t)hone_number_text(value, number));
}

void hone_text_integer(hone_text *text, int64_t value)
{
    hone_text_format(text, "%lld", (long long)value);
}
