/* A growing string, and numbers as text without a locale. */
#ifndef HONE_BASE_TEXT_H
#define HONE_BASE_TEXT_H

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
HONE_PRINTF(2, 3) void hone_text_format(hone_text *text, const char *format, ...);
/* Shortest text that reads back to the same double; "NaN", "Infinity", "-Infinity". */
void hone_text_number(hone_text *text, double value);
void hone_text_integer(hone_text *text, int64_t value);
/* As a JSON string with quotes. */
void hone_text_quoted(hone_text *text, const char *value);
/* Hands the bytes over (never NULL on success); NULL when an allocation had failed. */
char *hone_text_take(hone_text *text);
void hone_text_drop(hone_text *text);

enum { HONE_NUMBER_SIZE = 32 };
/* Shortest round-trip text of a double into `out`; returns its length. */
int hone_number_text(double value, char out[HONE_NUMBER_SIZE]);
/* Reads the whole of [text, text + length) as a decimal number, correctly rounded, whatever the
 * locale: digits, one `decimal`, exponent; no spaces, hex, infinity or NaN. */
bool hone_number_read(const char *text, size_t length, char decimal, double *value);
/* Reads the whole of it as a signed 64-bit integer. */
bool hone_integer_read(const char *text, size_t length, int64_t *value);

#endif
