/* Fields and rows of one chunk. The window ends with a newline, so that no loop looks for its end;
 * only a quoted field can run into it. A number goes from the text into the row at once; whatever
 * is not plainly a number takes the slow way through a token.
 */
#include "base/text.h"
#include "data/csv.h"
#include "data/draft.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void hone_csv_refuse(csv_chunk *k, const char *p, hone_status status, const char *format, ...)
{
    char place[HONE_PLACE_SIZE], message[256];
    va_list arguments;
    va_start(arguments, format);
    hone_print(message, sizeof message, format, arguments);
    va_end(arguments);
    hone_place(place, k->csv->r->file, k->first_line + k->lines, p - k->line_start + 1);
    k->status = hone_fail(&k->error, status, place, "%s", message);
}

static const char *refuse_byte(csv_chunk *k, const char *p)
{
    if (*p == 0)
        hone_csv_refuse(k, p, HONE_BAD_DATA, "a zero byte; text files have none");
    else
        hone_csv_refuse(k, p, HONE_BAD_DATA,
                        "a carriage return without line feed; lines end in LF or CRLF");
    return NULL;
}

static bool ends_field(const csv *c, const char *p)
{
    return *p == c->delimiter || *p == '\n' || (*p == '\r' && p[1] == '\n');
}

static bool keep(csv_chunk *k, int64_t used, const char *from, const char *to)
{
    if (!hone_grow(&k->csv->r->account, &k->plain, &k->plain_room, used + (to - from), 1)) {
        k->status = hone_no_memory(&k->error);
        return false;
    }
    memcpy(k->plain + used, from, (size_t)(to - from));
    return true;
}

static void count_lines(csv_chunk *k, const char *from, const char *to)
{
    const char *newline;
    while ((newline = memchr(from, '\n', (size_t)(to - from)))) {
        k->lines++;
        k->line_start = from = newline + 1;
    }
}

static const char *refuse_open(csv_chunk *k, const char *open, const char *why)
{
    k->line_start = open; /* back to the line of the opening quote */
    while (k->line_start > k->csv->window.text + k->csv->window.from && k->line_start[-1] != '\n')
        k->line_start--;
    hone_csv_refuse(k, open, HONE_BAD_DATA, "%s", why);
    return NULL;
}

/* `p` is behind the opening quote. */
static const char *quoted(csv_chunk *k, const char *p, hone_token *token)
{
    const csv *c = k->csv;
    const char *open = p - 1, *part = p, *limit = c->window.text + c->window.limit;
    const int64_t lines = k->lines;
    int64_t used = 0;
    for (;;) {
        const char *q = memchr(p, '"', (size_t)(limit - p));
        const char *stop = q ? q : limit;
        const char *zero = memchr(p, 0, (size_t)(stop - p));
        if (zero) {
            count_lines(k, p, zero);
            return refuse_byte(k, zero);
        }
        if (stop - open > CSV_FIELD || (!q && c->window.ended)) {
            k->lines = lines;
            return refuse_open(k, open,
                               q || !c->window.ended ? "a field of more than 1 MiB"
                                                     : "the quote opened here is never closed");
        }
        if (!q) {
            k->cut = true;
            return NULL;
        }
        count_lines(k, p, q);
        if (q[1] != '"') {
            if (used && !keep(k, used, part, q))
                return NULL;
            *token = used ? (hone_token){k->plain, (size_t)(used + (q - part))}
                          : (hone_token){part, (size_t)(q - part)};
            if (ends_field(c, q + 1))
                return q + 1;
            hone_csv_refuse(k, q + 1, HONE_BAD_DATA,
                            "text behind a closing quote; a quote inside a field is doubled");
            return NULL;
        }
        if (!keep(k, used, part, q + 1))
            return NULL;
        used += q + 1 - part;
        part = p = q + 2;
    }
}

/* The highest bit of the bytes of `v` that are 0; perhaps of others, but only above one. */
static uint64_t zero_bytes(uint64_t v)
{
    return (v - UINT64_C(0x0101010101010101)) & ~v & UINT64_C(0x8080808080808080);
}

/* The same of the bytes below 14, line ends and the zero byte among them. */
static uint64_t control_bytes(uint64_t v)
{
    return (v - UINT64_C(0x0E0E0E0E0E0E0E0E)) & ~v & UINT64_C(0x8080808080808080);
}

/* The delimiter, line end or zero byte that ends an unquoted field, eight bytes at a time. */
static const char *end_of_plain(const char *p, char delimiter)
{
    const uint64_t delimiters = UINT64_C(0x0101010101010101) * (unsigned char)delimiter;
    for (;;) {
        uint64_t v;
        memcpy(&v, p, sizeof v);
        const uint64_t found = zero_bytes(v ^ delimiters) | control_bytes(v);
        if (!found) {
            p += sizeof v;
            continue;
        }
        p += __builtin_ctzll(found) >> 3;
        if (*p == delimiter || *p == '\n' || *p == '\r' || *p == 0)
            return p;
        p++;
    }
}

const char *hone_csv_field(csv_chunk *k, const char *p, hone_token *token)
{
    const csv *c = k->csv;
    if (*p == '"')
        return quoted(k, p + 1, token);
    const char *q = end_of_plain(p, c->delimiter);
    *token = (hone_token){p, (size_t)(q - p)};
    if (q - p > CSV_FIELD) {
        hone_csv_refuse(k, p, HONE_BAD_DATA, "a field of more than 1 MiB");
        return NULL;
    }
    return ends_field(c, q) ? q : refuse_byte(k, q);
}

static void note_missing(csv_chunk *k, csv_tally *t, const char *p)
{
    if (!t->missing++) {
        t->missing_line = k->first_line + k->lines;
        t->missing_column = p - k->line_start + 1;
    }
}

static bool note_bad(csv_chunk *k, csv_tally *t, const char *p, hone_token token)
{
    if (t->bad++)
        return true;
    csv_witness *w = HONE_NEW(k->memory, csv_witness, 1, 1);
    if (!w) {
        k->status = hone_no_memory(&k->error);
        return false;
    }
    w->line = k->first_line + k->lines;
    w->column = p > k->line_start ? p - k->line_start + 1 : 1;
    const size_t most = token.length < CSV_TOKEN - 1 ? token.length : CSV_TOKEN - 1;
    memcpy(w->token, token.text, most);
    t->witness = w;
    return true;
}

/* A field of a column of numbers that is not plainly a number. */
static const char *slow_number(csv_chunk *k, const char *p, int64_t j, double *value)
{
    const csv *c = k->csv;
    hone_token token;
    const char *q = hone_csv_field(k, p, &token);
    if (!q)
        return NULL;
    csv_tally *t = &k->tally[j];
    bool zeros = false;
    *value = NAN;
    if (hone_na_holds(&c->na, token)) {
        note_missing(k, t, p);
    } else if (hone_token_number(hone_token_trim(token), c->decimal, value, &zeros)) {
        t->zeros |= zeros;
        if (j == c->target && !t->large_column && fabs(*value) > HONE_LARGEST_AMOUNT) {
            t->large_line = k->first_line + k->lines;
            t->large_column = p > k->line_start ? p - k->line_start + 1 : 1;
        }
    } else {
        *value = NAN;
        if (!note_bad(k, t, p, token))
            return NULL;
    }
    return q;
}

/* A word that the column does not know yet, or a missing one. */
static bool new_word(csv_chunk *k, const char *p, int64_t j, hone_token token, hone_key key,
                     double *value)
{
    const csv *c = k->csv;
    const csv_column *column = &c->column[j];
    hone_dictionary *fresh = &k->fresh[column->slot];
    *value = NAN;
    if (hone_na_holds(&c->na, token)) {
        note_missing(k, &k->tally[j], p);
        return true;
    }
    int64_t code = hone_dictionary_find(fresh, token, key);
    if (code < 0)
        code = hone_dictionary_add(fresh, token, key, k->first_line + k->lines,
                                   p > k->line_start ? p - k->line_start + 1 : 1);
    if (code < 0) {
        k->status = hone_no_memory(&k->error);
        return false;
    }
    *value = (double)(code + column->levels->count);
    return true;
}

/* A word of at most 16 bytes without quotes, up to the delimiter or the end of the line. NULL:
 * something else, or more. */
static const char *short_word(const char *p, char delimiter, hone_token *token)
{
    if (*p == '"')
        return NULL;
    const char *end = end_of_plain(p, delimiter);
    *token = (hone_token){p, (size_t)(end - p)};
    return token->length <= HONE_SHORT_WORD && (*end == delimiter || *end == '\n') ? end : NULL;
}

/* The word's number in the column, or in what this chunk adds to it. No token for "missing" is
 * among the words that are known. */
static const char *word(csv_chunk *k, const char *p, int64_t j, const csv_column *column,
                        char delimiter, double *value)
{
    hone_token token;
    const char *q = short_word(p, delimiter, &token);
    if (!q && !(q = hone_csv_field(k, p, &token)))
        return NULL;
    const hone_key key = hone_word_key(token);
    const int64_t code = hone_dictionary_find(column->levels, token, key);
    *value = (double)code;
    return code >= 0 || new_word(k, p, j, token, key, value) ? q : NULL;
}

/* A number of at most seven digits, as counts, prices and shares are, up to the delimiter or the
 * end of the line. NULL: something else. The general way gives the same. */
static const char *short_number(const char *p, char delimiter, char decimal, double *value)
{
    static const double sign[] = {1, -1}, ten[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7};
    const bool minus = *p == '-';
    uint64_t text;
    p += minus;
    memcpy(&text, p, sizeof text);
    uint64_t others = hone_no_digits(text);
    const int whole = hone_first_byte(others);
    int digits = whole;
    const char *end = p + whole;
    if (others && *end == decimal) { /* the bytes behind it take its place */
        const uint64_t before = ((others & -others) >> 7) - 1;
        text = ((text ^ text >> 8) & before) ^ text >> 8;
        others &= others - 1;
        digits = hone_first_byte(others) - 1;
        end = p + digits + 1;
    }
    if (digits == 0 || digits == 8 || (*end != delimiter && *end != '\n') ||
        (whole > 1 && *p == '0'))
        return NULL;
    *value = sign[minus] * (double)(int64_t)hone_digits_value(text, digits);
    if (digits > whole)
        *value /= ten[digits - whole];
    return end;
}

static const char *long_number(csv_chunk *k, const char *p, int64_t j, double *value)
{
    bool zeros = false;
    const char *q = hone_number_scan(p, k->csv->decimal, value, &zeros);
    if (!q || !ends_field(k->csv, q))
        return slow_number(k, p, j, value);
    k->tally[j].zeros |= zeros;
    return q;
}

static const char *value_of(csv_chunk *k, const char *p, int64_t j, const csv_column *column,
                            char delimiter, double *row)
{
    const csv *c = k->csv;
    hone_token token;
    if (column->how == CSV_SKIP)
        return hone_csv_field(k, p, &token);
    double *value = &row[column->slot];
    if (column->how == CSV_TEXT)
        return word(k, p, j, column, delimiter, value);
    const char *q = short_number(p, delimiter, c->decimal, value);
    if (!q && !(q = long_number(k, p, j, value)))
        return NULL;
    if (!k->wide)
        k->wide = (double)(float)*value != *value && *value == *value;
    if (j == c->weight && *value < 0) {
        hone_csv_refuse(k, p, HONE_BAD_DATA, "%g is no weight: weights are finite and not negative",
                        *value);
        return NULL;
    }
    return q;
}

static const char *ragged(csv_chunk *k, const char *p, int64_t fields, bool more)
{
    hone_csv_refuse(k, p, HONE_BAD_DATA, "%s %lld field%s where the header has %lld%s",
                    more ? "more than" : "a row of", (long long)fields, fields == 1 ? "" : "s",
                    (long long)k->csv->cols, hone_csv_hint(k->csv));
    return NULL;
}

/* Returns the start of the next row. */
static const char *row_at(csv_chunk *k, const char *p, double *row)
{
    const csv *c = k->csv;
    const csv_column *column = c->column;
    const char delimiter = c->delimiter;
    for (int64_t j = 0, last = c->cols - 1;; j++, column++) {
        const char *q = value_of(k, p, j, column, delimiter, row);
        if (!q)
            return NULL;
        const bool more = *q == delimiter;
        if (more && j < last) {
            p = q + 1;
            continue;
        }
        if (more)
            return ragged(k, q, last + 1, true);
        if (j < last)
            return ragged(k, q, j + 1, false);
        return q + (*q == '\r') + 1;
    }
}

static void start_chunk(csv_chunk *k)
{
    const csv *c = k->csv;
    k->status = HONE_OK;
    k->cut = k->wide = false;
    k->rows = k->lines = 0;
    hone_arena_reset(k->memory);
    memset(k->tally, 0, (size_t)c->cols * sizeof *k->tally);
    for (int64_t s = 0; s < c->slots; s++)
        hone_dictionary_clear(&k->fresh[s]);
}

void hone_csv_parse(csv_chunk *k, int64_t most)
{
    const csv *c = k->csv;
    start_chunk(k);
    const char *p = k->start;
    while (p < k->end && k->rows < most) {
        k->line_start = p;
        if (c->cols > 1 && (*p == '\n' || (*p == '\r' && p[1] == '\n'))) {
            p += 1 + (*p == '\r');
            k->lines++;
            continue;
        }
        const int64_t room = (k->rows + 1) * c->slots;
        if (room > k->room &&
            !hone_grow(&c->r->account, &k->values, &k->room, room, sizeof *k->values)) {
            k->status = hone_no_memory(&k->error);
            return;
        }
        const int64_t lines = k->lines;
        const char *next = row_at(k, p, k->values + k->rows * c->slots);
        if (!next) {
            k->lines = lines;
            break;
        }
        p = next;
        k->rows++;
        k->lines++;
    }
    k->stop = p;
}
