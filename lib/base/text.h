/* A growing string, and numbers as text without a locale. */
#ifndef HONE_BASE_TEXT_H
#define HONE_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hone/error.h"

/* {0} is empty. After a failed allocation it stays what it was and `failed` is set: append without
 * checking, check once at the end. */
typedef struct hone_text {
    char *bytes; /* zero-terminated; NULL while empty */
    size_t length, room;
    bool failed;
} hone_text;

void hone_text_add(hone_text *text, const char *more);
void hone_text_add_bytes(hone_text *text, const char *more, size_t length);
/* vsnprintf without the locale of the process: a message says 96.77, never 96,77. */
HONE_PRINTF(3, 0)
int hone_print(char *to, size_t room, const char *format, va_list arguments);

/* Bytes that are not UTF-8, and control characters but line feeds and tabs, become '?'. */
void hone_text_mend(char *text);

/* Like printf, in no locale. */
HONE_PRINTF(2, 3) void hone_text_format(hone_text *text, const char *format, ...);
/* Shortest text that reads back to the same double; "NaN", "Infinity", "-Infinity". */
void hone_text_number(hone_text *text, double value);
void hone_text_integer(hone_text *text, int64_t value);
/* As a JSON string with quotes; a byte that is not UTF-8 becomes U+FFFD. */
void hone_text_quoted(hone_text *text, const char *value);
/* Hands the bytes over (never NULL on success); NULL when an allocation had failed. */
char *hone_text_take(hone_text *text);
void hone_text_drop(hone_text *text);

enum { HONE_NUMBER_SIZE = 32 };
/* Shortest round-trip text of a double into `out`; returns its length. */
int hone_number_text(double value, char out[HONE_NUMBER_SIZE]);
/* Reads the whole of [text, text + length) as a decimal number, correctly rounded, whatever the
 * locale: digits, one `point`, exponent; no spaces, hex, infinity or NaN. False also for numbers
 * beyond the largest double. */
bool hone_number_read(const char *text, size_t length, char point, double *value);
/* Reads the whole of it as a signed 64-bit integer: a sign and digits. */
bool hone_integer_read(const char *text, size_t length, int64_t *value);
/* Reads the whole of it as an integer, however written: 10, 10.0, 1e1; false: not one, or beyond 64
 * bits. */
bool hone_whole_read(const char *text, size_t length, bool *negative, uint64_t *magnitude);
/* False: beyond int64_t. */
bool hone_integer_of(bool negative, uint64_t magnitude, int64_t *value);

/* Three texts joined into `out` for an error: cut at a character when too long; control characters
 * and bytes that are not UTF-8 become '?'. */
void hone_text_join(char *out, size_t size, const char *a, const char *b, const char *c);

/* Bytes of the UTF-8 character at `text`; 0: not valid UTF-8. */
size_t hone_utf8_length(const char *text, size_t length);

#endif
