/* What one field is. Numbers are exact: up to 19 significant digits m and a decimal exponent
 * |e| <= 27 take the paths below, the rest goes to hone_number_read.
 *
 *   m <= 2^53, |e| <= 22   one correctly rounded operation on exact doubles (Clinger 1990)
 *   e in [-27, -1]         one 128 by 64 bit division by 5^-e; quotient and "remainder or not"
 *                          decide the rounding, so no error bound is needed
 *   e in [1, 27]           one 64 by 64 bit product with 5^e
 */
#include "data/token.h"

#include <string.h>

#include "base/text.h"

static const double TEN[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                             1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static const uint32_t WHOLE_TEN[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};

/* 5^27 is the last power of five below 2^64. */
static const uint64_t FIVE[] = {1u,
                                5u,
                                25u,
                                125u,
                                625u,
                                3125u,
                                15625u,
                                78125u,
                                390625u,
                                1953125u,
                                9765625u,
                                48828125u,
                                244140625u,
                                1220703125u,
                                6103515625u,
                                30517578125u,
                                152587890625u,
                                762939453125u,
                                3814697265625u,
                                19073486328125u,
                                95367431640625u,
                                476837158203125u,
                                2384185791015625u,
                                11920928955078125u,
                                59604644775390625u,
                                298023223876953125u,
                                1490116119384765625u,
                                7450580596923828125u};
enum { MOST_FIVES = sizeof FIVE / sizeof *FIVE - 1 };

__extension__ typedef unsigned __int128 pair;

/* q * 2^power to 53 bits, ties to even; `rest`: a little more than q. q >= 2^62, so that 10 bits or
 * more decide; the result is a normal number. */
static double rounded(uint64_t q, bool rest, int power)
{
    const int drop = 11 - __builtin_clzll(q);
    const uint64_t half = UINT64_C(1) << (drop - 1), low = q & (2 * half - 1);
    q >>= drop;
    if (low > half || (low == half && (rest || (q & 1))))
        q++;
    union {
        uint64_t bits;
        double value;
    } scale = {.bits = (uint64_t)(1023 + power + drop) << 52};
    return (double)q * scale.value;
}

/* m / 10^e, correctly rounded; m > 0. The quotient of the normalised numbers has 63 or 64 bits. */
static double divided(uint64_t m, int e)
{
    const int up = __builtin_clzll(m), lift = __builtin_clzll(FIVE[e]);
    const uint64_t divisor = FIVE[e] << lift;
    const pair n = (pair)(m << up) << 63;
    const uint64_t q = (uint64_t)(n / divisor); /* in (2^62, 2^64) */
    return rounded(q, (pair)q * divisor != n, lift - up - 63 - e);
}

/* m * 10^e, correctly rounded; m > 0. The product fits 128 bits. */
static double multiplied(uint64_t m, int e)
{
    const pair n = (pair)m * FIVE[e];
    const uint64_t high = (uint64_t)(n >> 64);
    const int up = high ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)n);
    const pair top = n << up;
    return rounded((uint64_t)(top >> 64), (uint64_t)top != 0, 64 - up + e);
}

/* m * 10^e when that can be had exactly; false: not here. */
static bool compose(uint64_t m, int e, double *value)
{
    if (e == 0 || m == 0)
        *value = (double)m;
    else if (m >> 53 == 0 && e < 0 && e >= -22)
        *value = (double)m / TEN[-e];
    else if (m >> 53 == 0 && e > 0 && e <= 22)
        *value = (double)m * TEN[e];
    else if (e < 0 && e >= -MOST_FIVES)
        *value = divided(m, -e);
    else if (e > 0 && e <= MOST_FIVES)
        *value = multiplied(m, e);
    else
        return false;
    return true;
}

/* Eight at once. */
static const char *digits(const char *p, uint64_t *m)
{
    for (;;) {
        uint64_t text;
        memcpy(&text, p, sizeof text);
        const int n = hone_leading_digits(text);
        if (n == 0)
            return p;
        *m = *m * WHOLE_TEN[n] + hone_digits_value(text, n);
        p += n;
        if (n < 8)
            return p;
    }
}

static const char *exponent(const char *p, int *e)
{
    if ((*p | 0x20) != 'e')
        return p;
    p++;
    const bool minus = *p == '-';
    p += *p == '-' || *p == '+';
    uint64_t n = 0;
    const char *start = p;
    p = digits(p, &n);
    if (p == start || p - start > 4)
        return NULL;
    *e += minus ? -(int)n : (int)n;
    return p;
}

const char *hone_number_scan(const char *p, char decimal, double *value, bool *zeros)
{
    const bool minus = *p == '-';
    p += *p == '-' || *p == '+';
    const char *first = p;
    uint64_t m = 0;
    int e = 0;
    p = digits(p, &m);
    int64_t count = p - first;
    const bool zero = count > 1 && *first == '0';
    if (*p == decimal) {
        const char *point = ++p;
        p = digits(p, &m);
        e = (int)(point - p);
        count += p - point;
    }
    for (; count > 19 && (*first == '0' || *first == decimal); first++)
        count -= *first == '0'; /* zeros in front are no significant digits */
    if (count == 0 || count > 19)
        return NULL;
    p = exponent(p, &e);
    double size;
    if (!p || !compose(m, e, &size))
        return NULL;
    *value = minus ? -size : size;
    *zeros = zero;
    return p;
}

static bool superfluous_zero(hone_token t)
{
    if (t.length && (*t.text == '-' || *t.text == '+'))
        t = (hone_token){t.text + 1, t.length - 1};
    return t.length > 1 && t.text[0] == '0' && t.text[1] >= '0' && t.text[1] <= '9';
}

bool hone_token_number(hone_token t, char decimal, double *value, bool *zeros)
{
    if (t.length == 0 || !hone_number_read(t.text, t.length, decimal, value))
        return false;
    *zeros = superfluous_zero(t);
    return *value - *value == 0;
}

hone_token hone_token_trim(hone_token t)
{
    while (t.length && (*t.text == ' ' || *t.text == '\t'))
        t = (hone_token){t.text + 1, t.length - 1};
    while (t.length && (t.text[t.length - 1] == ' ' || t.text[t.length - 1] == '\t'))
        t.length--;
    return t;
}

static const char DEFAULT[] = "NA,NaN,nan,null,NULL,None,?,N/A,n/a,#N/A";

static int64_t length_of_list(const char *list)
{
    int64_t n = 1;
    for (; *list; list++)
        n += *list == ',';
    return n;
}

static void add_list(hone_na *na, const char *list, bool *with_default)
{
    for (const char *p = list;;) {
        const hone_token t = {p, strcspn(p, ",")};
        if (with_default && t.length == 7 && !memcmp(p, "default", 7)) {
            *with_default = true;
        } else if (t.length) {
            na->first[(unsigned char)*p] = true;
            na->token[na->count++] = t;
        }
        p += t.length;
        if (!*p++)
            return;
    }
}

hone_status hone_na_make(const char *list, hone_arena *arena, hone_na *na, hone_error *error)
{
    bool with_default = !list;
    const int64_t most = (list ? length_of_list(list) : 0) + length_of_list(DEFAULT);
    *na = (hone_na){.token = HONE_NEW(arena, hone_token, most, 1)};
    if (!na->token)
        return hone_no_memory(error);
    if (list && hone_token_not_utf8((hone_token){list, strlen(list)}) >= 0)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.na", "is not UTF-8");
    if (list)
        add_list(na, list, &with_default);
    if (with_default)
        add_list(na, DEFAULT, NULL);
    return HONE_OK;
}

static bool listed(const hone_na *na, hone_token t)
{
    for (int k = 0; k < na->count; k++)
        if (na->token[k].length == t.length && !memcmp(na->token[k].text, t.text, t.length))
            return true;
    return false;
}

bool hone_na_holds(const hone_na *na, hone_token t)
{
    if (t.length == 0)
        return true;
    if (*t.text == ' ' || *t.text == '\t') {
        t = hone_token_trim(t);
        return t.length == 0 || listed(na, t);
    }
    return na->first[(unsigned char)*t.text] && listed(na, hone_token_trim(t));
}

int hone_token_boolean(hone_token t)
{
    static const char *const words[] = {"false", "False", "FALSE", "true", "True", "TRUE"};
    for (int k = 0; k < 6; k++)
        if (strlen(words[k]) == t.length && !memcmp(words[k], t.text, t.length))
            return k / 3;
    return -1;
}

/* Length of the run of digits at `at`; the number goes to `value`. */
static size_t run(hone_token t, size_t at, int *value)
{
    size_t n = 0;
    *value = 0;
    while (at + n < t.length && n < 5 && t.text[at + n] >= '0' && t.text[at + n] <= '9')
        *value = *value * 10 + (t.text[at + n++] - '0');
    return n;
}

/* Three numbers. */
static bool is_plain_date(hone_token t)
{
    int part[3];
    size_t length[3], at = 0;
    char mark = 0;
    for (int k = 0; k < 3; k++) {
        length[k] = run(t, at, &part[k]);
        at += length[k];
        if (length[k] == 0 || length[k] == 3 || length[k] > 4)
            return false;
        if (k == 2)
            break;
        if (at >= t.length || !strchr("-/.", t.text[at]) || (mark && t.text[at] != mark))
            return false;
        mark = t.text[at++];
    }
    const bool year_first = length[0] == 4;
    if (year_first == (length[2] == 4) && length[2] != 2)
        return false;
    const int a = part[1], b = year_first ? part[2] : part[0];
    if (a < 1 || b < 1 || a > 31 || b > 31 || (a > 12 && b > 12))
        return false;
    return at == t.length || t.text[at] == ' ' || t.text[at] == 'T';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Length of the name of a month at `at`, whole or its first three letters; 0: none. */
static size_t month(hone_token t, size_t at)
{
    static const char *const names[] = {"january",   "february", "march",    "april",
                                        "may",       "june",     "july",     "august",
                                        "september", "october",  "november", "december"};
    size_t n = 0;
    while (at + n < t.length && lower(t.text[at + n]) >= 'a' && lower(t.text[at + n]) <= 'z')
        n++;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        size_t same = 0;
        while (same < n && lower(t.text[at + same]) == names[k][same])
            same++;
        if (same == n && (n == 3 || (n > 3 && !names[k][n])))
            return n;
    }
    return 0;
}

/* A mark between the parts of a date, or a comma or point and a blank. */
static size_t mark(hone_token t, size_t at)
{
    if (at >= t.length || !strchr("-/ .,", t.text[at]))
        return 0;
    return 1 + (at + 1 < t.length && strchr(".,", t.text[at]) && t.text[at + 1] == ' ');
}

/* The name of a month, a day and a year: 31-Jan-2024, Jan 31, 2024, 2024 January 31. */
static bool is_named_date(hone_token t)
{
    size_t at = 0;
    int names = 0, days = 0, years = 0;
    for (int k = 0; k < 3; k++) {
        int value;
        const size_t digits = run(t, at, &value), name = digits ? 0 : month(t, at);
        const bool day = digits && digits <= 2 && value >= 1 && value <= 31 && (k < 2 || !days);
        names += name > 0;
        days += day;
        years += !day && (digits == 4 || digits == 2);
        at += digits + name;
        const size_t gap = k < 2 ? mark(t, at) : 0;
        if (k < 2 && !gap)
            return false;
        at += gap;
    }
    return names == 1 && days == 1 && years == 1 &&
           (at == t.length || t.text[at] == ' ' || t.text[at] == 'T');
}

/* 10:05, 10:05:30, 10:05:30.25, 9:05 am. */
static bool is_time(hone_token t)
{
    int value;
    size_t at = run(t, 0, &value);
    if (at < 1 || at > 2 || value > 23)
        return false;
    int parts = 0;
    for (; parts < 2 && at < t.length && t.text[at] == ':'; parts++) {
        if (run(t, at + 1, &value) != 2 || value > 59 + parts) /* seconds may leap */
            return false;
        at += 3;
    }
    if (parts == 2 && at < t.length && (t.text[at] == '.' || t.text[at] == ','))
        for (at++; at < t.length && t.text[at] >= '0' && t.text[at] <= '9';)
            at++;
    at += at < t.length && t.text[at] == ' ';
    const bool half =
        at + 2 == t.length && strchr("ap", lower(t.text[at])) && lower(t.text[at + 1]) == 'm';
    return parts && (at == t.length || half);
}

/* A month of a year: 2024-01, 2024/12, Jan 2024, 2024 January. */
static bool is_month(hone_token t)
{
    int value;
    const size_t first = run(t, 0, &value), name = first ? 0 : month(t, 0);
    if (first ? first != 4 : !name)
        return false;
    size_t at = first + name;
    if (first && at < t.length && strchr("-/", t.text[at]) && run(t, at + 1, &value) == 2)
        return value >= 1 && value <= 12 && at + 3 == t.length;
    const size_t gap = mark(t, at);
    at += gap;
    return gap && at + (first ? month(t, at) : run(t, at, &value)) == t.length &&
           (first || (t.length >= 4 && t.length - at == 4)) && at < t.length;
}

/* Behind the name of a day of the week, whole or its first three letters, and a mark. */
static hone_token behind_weekday(hone_token t)
{
    static const char *const names[] = {"monday", "tuesday",  "wednesday", "thursday",
                                        "friday", "saturday", "sunday"};
    size_t n = 0, same = 0;
    while (n < t.length && lower(t.text[n]) >= 'a' && lower(t.text[n]) <= 'z')
        n++;
    for (size_t k = 0; k < sizeof names / sizeof *names && n >= 3; k++, same = 0) {
        while (same < n && lower(t.text[same]) == names[k][same])
            same++;
        if (same == n && (n == 3 || !names[k][n]) && mark(t, n))
            return (hone_token){t.text + n + mark(t, n), t.length - n - mark(t, n)};
    }
    return t;
}

bool hone_token_is_date(hone_token t)
{
    const hone_token rest = behind_weekday(t);
    return is_plain_date(rest) || is_named_date(rest) || is_time(rest) || is_month(t);
}

/* Bytes of the UTF-8 character at `p`; 0: none. Table 3-7 of the Unicode standard. */
static size_t character(const unsigned char *p, size_t left)
{
    const unsigned char a = p[0];
    if (a < 0x80)
        return 1;
    const size_t n = a >= 0xF0 ? 4 : a >= 0xE0 ? 3 : 2;
    if (a < 0xC2 || a > 0xF4 || n > left)
        return 0;
    const unsigned low = a == 0xE0 ? 0xA0 : a == 0xF0 ? 0x90 : 0x80;
    const unsigned high = a == 0xED ? 0x9F : a == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t k = 2; k < n; k++)
        if ((p[k] & 0xC0) != 0x80)
            return 0;
    return n;
}

int64_t hone_token_not_utf8(hone_token t)
{
    for (size_t i = 0, n; i < t.length; i += n)
        if (!(n = character((const unsigned char *)t.text + i, t.length - i)))
            return (int64_t)i;
    return -1;
}
