#include "data/words.h"

#include <string.h>

enum { MANY = 1000, SOME = 50, LONGEST = 40 };

bool hone_words_are_many(int64_t words, int64_t given)
{
    return words > MANY && 2 * words > given;
}

bool hone_words_are_rare(int64_t words, int64_t given)
{
    return words >= SOME && 2 * words > given;
}

static const char *const SIGNS[] = {"$", "%", "\xE2\x82\xAC", "\xC2\xA3",
                                    "\xC2\xA5"}; /* EUR GBP JPY */

/* Without one sign and blanks at either end. */
static hone_token without_sign(hone_token t)
{
    t = hone_token_trim(t);
    for (size_t k = 0; k < sizeof SIGNS / sizeof *SIGNS; k++) {
        const size_t n = strlen(SIGNS[k]);
        if (t.length > n && !memcmp(t.text, SIGNS[k], n))
            return hone_token_trim((hone_token){t.text + n, t.length - n});
        if (t.length > n && !memcmp(t.text + t.length - n, SIGNS[k], n))
            return hone_token_trim((hone_token){t.text, t.length - n});
    }
    return t;
}

/* Whether digits stand in threes behind a first group of one to three: 1,234,567.89. `out` gets
 * them without the marks between them. */
static bool without_thousands(hone_token t, char between, char decimal, char out[LONGEST],
                              size_t *length)
{
    size_t digits = 0, groups = 0, i = 0;
    *length = 0;
    for (; i < t.length && t.text[i] != decimal; i++) {
        const char c = t.text[i];
        if (c == between) {
            if (groups ? digits != 3 : digits < 1 || digits > 3)
                return false;
            groups++, digits = 0;
            continue;
        }
        digits += c >= '0' && c <= '9';
        out[(*length)++] = c;
    }
    if (!groups || digits != 3)
        return false;
    memcpy(out + *length, t.text + i, t.length - i);
    *length += t.length - i;
    return true;
}

static bool is_number(hone_token t, char decimal)
{
    double value;
    bool zeros;
    return hone_token_number(t, decimal, &value, &zeros) && !zeros;
}

/* A number as people write it; `comma`: with a decimal comma where `decimal` is the point. */
static bool is_written(hone_token t, char decimal, bool *comma)
{
    char plain[LONGEST];
    size_t length;
    const char other = decimal == '.' ? ',' : '.';
    *comma = false;
    t = without_sign(t);
    if (t.length == 0 || t.length >= LONGEST)
        return false;
    if (is_number(t, decimal))
        return true;
    if (without_thousands(t, other, decimal, plain, &length) ||
        without_thousands(t, ' ', decimal, plain, &length))
        return is_number((hone_token){plain, length}, decimal);
    *comma = is_number(t, other);
    return *comma;
}

void hone_words_add(hone_words *w, hone_token word, char decimal)
{
    bool comma;
    const int64_t number = w->count++;
    if (hone_token_is_date(word)) {
        if (!w->dates++)
            w->date = number;
    } else if (is_number(hone_token_trim(word), decimal)) {
        w->numbers++;
    } else if (is_written(word, decimal, &comma)) {
        if (!w->written++)
            w->first = word;
        w->commas += comma;
    }
}

bool hone_words_are_dates(const hone_words *w)
{
    return w->dates > 0 && 20 * w->dates >= 19 * w->count;
}

bool hone_words_look_like_numbers(const hone_words *w)
{
    return w->written > 0 && 20 * (w->numbers + w->written) >= 19 * w->count;
}
