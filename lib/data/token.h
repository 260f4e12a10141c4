/* What one field of a text file is: a missing value, a number, a word. No locale anywhere. */
#ifndef HONE_DATA_TOKEN_H
#define HONE_DATA_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

typedef struct hone_token {
    const char *text;
    size_t length;
} hone_token;

/* Bytes behind a text that may be read, not used. */
enum { HONE_PADDING = 8 };

/* Tokens that mean "missing" besides the empty field. */
typedef struct hone_na {
    bool first[256]; /* some token begins with this byte */
    int count;
    hone_token *token;
} hone_na;

/* `list`: comma-separated, `default` among them for the default ones; NULL: these alone. */
hone_status hone_na_make(const char *list, hone_arena *arena, hone_na *na, hone_error *error);
bool hone_na_holds(const hone_na *na, hone_token token);

/* Without blanks and tabs at both ends. */
hone_token hone_token_trim(hone_token token);

/* The highest bits of the bytes of text that are no digits: adding 0x76 to their distance from '0'
 * reaches it. All are right up to the first byte of 0x80 or more, that included: only such a byte
 * carries. */
static inline uint64_t hone_no_digits(uint64_t text)
{
    const uint64_t b = text ^ UINT64_C(0x3030303030303030);
    return ((b + UINT64_C(0x7676767676767676)) | b) & UINT64_C(0x8080808080808080);
}

/* Number of the first byte with a highest bit; 8: none. */
static inline int hone_first_byte(uint64_t bits)
{
    return bits ? __builtin_ctzll(bits) >> 3 : 8;
}

/* How many of eight bytes of text are digits before the first that is none. */
static inline int hone_leading_digits(uint64_t text)
{
    return hone_first_byte(hone_no_digits(text));
}

/* The number that the first n (1 to 8) of these bytes say: moved to the high bytes, zeros below
 * them, and summed in pairs, fours and eights. */
static inline uint64_t hone_digits_value(uint64_t text, int n)
{
    uint64_t b = (text ^ UINT64_C(0x3030303030303030)) << (8 - n) * 8;
    b = b * 2561 >> 8 & UINT64_C(0x00FF00FF00FF00FF);
    b = b * 6553601 >> 16 & UINT64_C(0x0000FFFF0000FFFF);
    return b * UINT64_C(42949672960001) >> 32;
}

/* Reads a number at the start of `text`, which must be followed by a byte that is not part of one,
 * and by HONE_PADDING bytes of memory.
 *
 * @param zeros  set when the digits begin with a superfluous zero (007): a code, not an amount
 * @return the byte after it; NULL when it is no number, overflows, or is not simple enough for the
 *         fast path: hone_token_number decides
 */
const char *hone_number_scan(const char *text, char decimal, double *value, bool *zeros);

/* Reads the whole token as a finite number. */
bool hone_token_number(hone_token token, char decimal, double *value, bool *zeros);

/* 0, 1: false, true in the usual spellings; -1: neither. */
int hone_token_boolean(hone_token token);

/* 2024-01-31, 31.01.2024, 1/31/2024, 2024-01-31T10:00:00Z, 31-Jan-2024, January 31, 2024, Wed, 31
 * Jan 2024, 2024-01, Jan 2024, 10:05, 9:05:30.5 pm and the like. */
bool hone_token_is_date(hone_token token);

/* Offset of the first byte that is not UTF-8; -1: all is. */
int64_t hone_token_not_utf8(hone_token token);

#endif
