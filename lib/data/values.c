/* Sorted sets of distinct values. A hash table numbers the values in order of appearance, a sort of
 * the distinct ones turns these numbers into codes: O(n) hashing and O(c log c) comparisons. */
#include "data/values.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "data/vector.h"

/* Doubles up to here are exact integers. */
#define EXACT 9007199254740992.0

/* ---- the table ---- */

typedef struct item {
    uint64_t word;    /* int64 or double bits; of a text its hash */
    const char *text; /* of the caller; NULL: a number */
    int32_t seen;     /* number in order of appearance */
} item;

typedef struct table {
    item *item;
    int64_t count, room;
    int32_t *slot; /* number of an item, -1 empty; a power of two of them, at most half full */
    int64_t slots;
} table;

static void table_close(table *t)
{
    hone_free(t->item);
    hone_free(t->slot);
}

static int64_t probe(const table *t, uint64_t word, const char *text)
{
    const uint64_t mask = (uint64_t)t->slots - 1;
    uint64_t at = hone_hash(0, &word, sizeof word) & mask;
    for (; t->slot[at] >= 0; at = (at + 1) & mask) {
        const item *e = &t->item[t->slot[at]];
        if (e->word == word && (!text || !strcmp(text, e->text)))
            break;
    }
    return (int64_t)at;
}

static bool grow(table *t)
{
    const int64_t room = t->room ? t->room * 2 : 32;
    item *items = hone_realloc(t->item, (size_t)room * sizeof *items);
    if (!items)
        return false;
    t->item = items;
    t->room = room;
    int32_t *slot = hone_alloc((size_t)room * 2 * sizeof *slot);
    if (!slot)
        return false;
    hone_free(t->slot);
    t->slot = slot;
    t->slots = room * 2;
    memset(slot, -1, (size_t)t->slots * sizeof *slot);
    for (int64_t k = 0; k < t->count; k++)
        slot[probe(t, items[k].word, items[k].text)] = (int32_t)k;
    return true;
}

/* Number of a value in order of appearance; -1: no memory. */
static int32_t number_of(table *t, uint64_t word, const char *text)
{
    if (t->count == t->room && (t->count == INT32_MAX || !grow(t)))
        return -1;
    const int64_t at = probe(t, word, text);
    if (t->slot[at] < 0) {
        t->item[t->count] = (item){word, text, (int32_t)t->count};
        t->slot[at] = (int32_t)t->count++;
    }
    return t->slot[at];
}

/* ---- reading values ---- */

static bool whole_number(double v)
{
    return v == nearbyint(v) && fabs(v) <= EXACT;
}

/* A whole number in any spelling (3, +3, 3.0, 3e0, blanks around it) but with leading zeros. */
static bool whole_text(const char *text, int64_t *out)
{
    text += strspn(text, " \t");
    text += *text == '+' && text[1] != '-';
    const char *digits = text + (*text == '-');
    size_t length = strlen(text);
    while (length && strchr(" \t", text[length - 1]))
        length--;
    if (*digits == '0' && digits[1] >= '0' && digits[1] <= '9')
        return false;
    double number;
    if (hone_integer_read(text, length, out))
        return true;
    if (!hone_number_read(text, length, '.', &number) || !whole_number(number))
        return false;
    *out = (int64_t)number;
    return true;
}

static bool text_is_utf8(const char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        const size_t step = hone_utf8_length(text, left);
        if (!step)
            return false;
        text += step;
        left -= step;
    }
    return true;
}

enum { MET = 256 };

/* The texts behind a vector: its own, or those of its codes. */
typedef struct source {
    const hone_encoding *e;
    hone_dtype kind;      /* canonical */
    int32_t *of_code;     /* codes with levels: number in order of appearance, -2 not seen yet */
    const int32_t *codes; /* the codes where they lie side by side and none is masked */
    /* Texts met before, by the place where they lie: readers give one place to equal words. */
    const char *met[MET];
    int32_t met_number[MET];
} source;

static hone_status refused(hone_error *error, const char *why)
{
    return hone_fail(error, HONE_BAD_DATA, "data", "%s", why);
}

/* The kind of the set, from all values; refuses what no set may hold. */
static hone_status kind_of(const hone_encoding *e, hone_dtype *kind, int64_t *at, hone_error *error)
{
    const hone_vector *v = e->values;
    if (v->dtype == HONE_BOOLEAN && !e->level) {
        *kind = HONE_BOOLEAN;
        return HONE_OK;
    }
    if (e->level || v->dtype == HONE_TEXT) {
        *kind = e->numbers_in_text ? HONE_I64 : HONE_TEXT;
        const int64_t n = e->level ? e->levels : e->rows;
        for (int64_t i = 0; i < n && *kind == HONE_I64; i++) {
            const char *text = e->level ? e->level[i] : hone_vector_text(v, i);
            int64_t whole;
            if (text && !whole_text(text, &whole))
                *kind = HONE_TEXT;
        }
        return HONE_OK;
    }
    *kind = HONE_I64;
    if (hone_dtype_whole(v->dtype))
        return HONE_OK;
    for (int64_t i = 0; i < e->rows; i++) {
        double x;
        hone_vector_numbers(v, i, 1, &x);
        *at = i;
        if (isinf(x))
            return refused(error, "the value is infinite");
        if (!isnan(x) && !whole_number(x))
            *kind = HONE_F64;
    }
    return HONE_OK;
}

/* Number (in order of appearance) of a text; -2: refused. */
static int32_t number_of_text(table *t, hone_dtype kind, const char *text, hone_status *status,
                              hone_error *error)
{
    int64_t whole;
    if (kind == HONE_I64 && whole_text(text, &whole))
        return number_of(t, (uint64_t)whole, NULL);
    const int64_t before = t->count;
    const int32_t number = number_of(t, hone_hash_text(0, text), text);
    if (t->count > before && !text_is_utf8(text))
        *status = refused(error, "the text is not UTF-8");
    return number;
}

static int32_t number_of_code(table *t, const source *s, int64_t code, hone_status *status,
                              hone_error *error)
{
    if (code >= s->e->levels) {
        *status = hone_fail(error, HONE_BAD_DATA, "data", "code %lld is outside the %lld levels",
                            (long long)code, (long long)s->e->levels);
        return -1;
    }
    const char *text = code < 0 ? NULL : s->e->level[code];
    if (!text)
        return -1;
    if (s->of_code[code] == -2)
        s->of_code[code] = number_of_text(t, s->kind, text, status, error);
    return s->of_code[code];
}

/* Number of element i, -1: missing. Fails when `status` is set, or when memory ran out, which is
 * `*lost`. */
static int32_t number_at(table *t, source *s, int64_t i, bool *lost, hone_status *status,
                         hone_error *error)
{
    const hone_vector *v = s->e->values;
    bool overflow = false;
    int64_t whole = 0;
    int32_t number;
    if (v->dtype == HONE_TEXT) {
        const char *text = hone_vector_text(v, i);
        if (!text)
            return -1;
        const size_t place = ((uintptr_t)text ^ (uintptr_t)text >> 8) % MET;
        if (s->met[place] == text)
            return s->met_number[place];
        number = number_of_text(t, s->kind, text, status, error);
        s->met[place] = *status || number < 0 ? NULL : text;
        s->met_number[place] = number;
    } else if (hone_dtype_whole(v->dtype)) {
        const bool given = hone_vector_integer(v, i, &whole, &overflow);
        if (overflow)
            *status = refused(error, "integers above 9223372036854775807 must be given as text");
        if (!given || (s->e->level && whole < 0))
            return -1;
        if (s->e->level) {
            number = number_of_code(t, s, whole, status, error);
            *lost = number < 0 && !*status && whole < s->e->levels && s->e->level[whole];
            return number;
        }
        number = number_of(t, (uint64_t)whole, NULL);
    } else {
        double x;
        hone_vector_numbers(v, i, 1, &x);
        if (isnan(x))
            return -1;
        x += 0.0; /* -0 is 0 */
        uint64_t word = (uint64_t)(int64_t)(s->kind == HONE_I64 ? x : 0);
        if (s->kind == HONE_F64)
            memcpy(&word, &x, sizeof word);
        number = number_of(t, word, NULL);
    }
    *lost = number < 0;
    return number;
}

/* ---- sorting ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(((const item *)a)->text, ((const item *)b)->text);
}

static int by_integer(const void *a, const void *b)
{
    const int64_t x = (int64_t)((const item *)a)->word, y = (int64_t)((const item *)b)->word;
    return (x > y) - (x < y);
}

static double as_real(uint64_t word)
{
    double x;
    memcpy(&x, &word, sizeof x);
    return x;
}

static int by_real(const void *a, const void *b)
{
    const double x = as_real(((const item *)a)->word), y = as_real(((const item *)b)->word);
    return (x > y) - (x < y);
}

static char *text_of(hone_dtype kind, const item *e, hone_arena *keep)
{
    char buffer[HONE_NUMBER_SIZE];
    if (kind == HONE_TEXT)
        return hone_arena_text(keep, e->text);
    if (kind == HONE_BOOLEAN)
        return hone_arena_text(keep, e->word ? "true" : "false");
    if (kind == HONE_F64)
        hone_number_text(as_real(e->word), buffer);
    else
        snprintf(buffer, sizeof buffer, "%lld", (long long)(int64_t)e->word);
    return hone_arena_text(keep, buffer);
}

/* Sorts the table and writes the set. `new_code` gets one code per number of appearance. */
static bool sorted(table *t, hone_dtype kind, hone_arena *keep, int32_t *new_code, hone_values *out)
{
    if (t->count)
        qsort(t->item, (size_t)t->count, sizeof *t->item,
              kind == HONE_TEXT  ? by_text
              : kind == HONE_F64 ? by_real
                                 : by_integer);
    const char **text = HONE_RAW(keep, const char *, t->count, 1);
    int64_t *integer = NULL;
    double *real = NULL;
    if (kind == HONE_F64)
        real = HONE_RAW(keep, double, t->count, 1);
    else if (kind != HONE_TEXT)
        integer = HONE_RAW(keep, int64_t, t->count, 1);
    if (!text || (kind == HONE_F64 ? !real : kind != HONE_TEXT && !integer))
        return false;
    for (int64_t k = 0; k < t->count; k++) {
        new_code[t->item[k].seen] = (int32_t)k;
        if (integer)
            integer[k] = (int64_t)t->item[k].word;
        if (real)
            real[k] = as_real(t->item[k].word);
        text[k] = text_of(kind, &t->item[k], keep);
        if (!text[k])
            return false;
    }
    *out = (hone_values){t->count, kind, integer, real, text};
    return true;
}

/* Number of a code whose text was met before; negative: number_at knows. */
static int32_t number_met(const source *s, int64_t i)
{
    const int32_t code = s->codes ? s->codes[i] : -1;
    return code >= 0 && code < s->e->levels ? s->of_code[code] : -1;
}

/* Numbers every element in order of appearance. */
static hone_status scan(table *t, source *s, int32_t *code, int64_t *missing, int64_t *at,
                        hone_error *error)
{
    const hone_encoding *e = s->e;
    hone_status status = HONE_OK;
    bool lost = false;
    *missing = 0;
    for (int64_t i = 0; i < e->rows; i++) {
        if ((code[i] = number_met(s, i)) >= 0)
            continue;
        code[i] = number_at(t, s, i, &lost, &status, error);
        *at = i;
        if (status)
            return status;
        if (lost) {
            *at = -1;
            return t->count == INT32_MAX ? refused(error, "there are more than 2^31 - 1 values")
                                         : hone_no_memory(error);
        }
        *missing += code[i] < 0;
        if (e->most && t->count > e->most)
            break;
    }
    *at = -1;
    return HONE_OK;
}

static hone_status encode(table *t, source *s, hone_arena *keep, int32_t *code, hone_values *out,
                          int64_t *missing, int64_t *at, hone_error *error)
{
    const hone_encoding *e = s->e;
    if (e->level) {
        s->of_code = hone_alloc((size_t)e->levels * sizeof *s->of_code);
        if (!s->of_code)
            return hone_no_memory(error);
        for (int64_t k = 0; k < e->levels; k++)
            s->of_code[k] = -2;
        const hone_vector *v = e->values;
        if (v->dtype == HONE_I32 && !v->valid && v->stride >= 0 && v->stride <= 1)
            s->codes = v->values;
    }
    HONE_TRY(scan(t, s, code, missing, at, error));
    if (e->most && t->count > e->most) {
        *out = (hone_values){.count = t->count, .kind = s->kind};
        return HONE_OK;
    }
    int32_t *new_code = hone_alloc((size_t)t->count * sizeof *new_code);
    const bool done = new_code && sorted(t, s->kind, keep, new_code, out);
    for (int64_t i = 0; done && i < e->rows; i++)
        code[i] = code[i] < 0 ? -1 : new_code[code[i]];
    hone_free(new_code);
    return done ? HONE_OK : hone_no_memory(error);
}

hone_status hone_values_encode(const hone_encoding *e, hone_arena *keep, int32_t *code,
                               hone_values *out, int64_t *missing, int64_t *at, hone_error *error)
{
    source s = {.e = e};
    table t = {0};
    *at = -1;
    HONE_TRY(kind_of(e, &s.kind, at, error));
    const hone_status status = encode(&t, &s, keep, code, out, missing, at, error);
    hone_free(s.of_code);
    table_close(&t);
    return status;
}

/* ---- parts of a set ---- */

static void put_value(const hone_values *from, int64_t k, hone_dtype kind, int64_t at, void *to)
{
    switch (kind) {
    case HONE_TEXT:
        ((const char **)to)[at] = from->text[k];
        break;
    case HONE_F64:
        ((double *)to)[at] = from->real[k];
        break;
    case HONE_BOOLEAN:
        ((uint8_t *)to)[at] = from->integer[k] != 0;
        break;
    default:
        ((int64_t *)to)[at] = from->integer[k];
        break;
    }
}

hone_status hone_values_part(const hone_values *from, const bool *there, bool numbers_in_text,
                             hone_arena *keep, hone_arena *scratch, hone_values *out,
                             hone_error *error)
{
    int64_t count = 0, missing, at;
    void *values = HONE_RAW(scratch, int64_t, from->count, 1); /* no kind is wider */
    int32_t *code = HONE_RAW(scratch, int32_t, from->count, 1);
    if (!values || !code)
        return hone_no_memory(error);
    for (int64_t k = 0; k < from->count; k++)
        if (there[k])
            put_value(from, k, from->kind, count++, values);
    const hone_vector vector = {.values = values, .dtype = from->kind};
    const hone_encoding encoding = {
        .values = &vector, .rows = count, .numbers_in_text = numbers_in_text};
    return hone_values_encode(&encoding, keep, code, out, &missing, &at, error);
}

/* ---- looking up ---- */

static int64_t find_integer(const hone_values *v, int64_t wanted)
{
    int64_t low = 0, high = v->count;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (v->integer[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low < v->count && v->integer[low] == wanted ? low : -1;
}

static int64_t find_real(const hone_values *v, double wanted)
{
    int64_t low = 0, high = v->count;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (v->real[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low < v->count && v->real[low] == wanted ? low : -1;
}

static int64_t find_text(const hone_values *v, const char *wanted)
{
    int64_t low = 0, high = v->count;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (strcmp(v->text[middle], wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < v->count && !strcmp(v->text[low], wanted) ? low : -1;
}

int64_t hone_values_find_number(const hone_values *v, double number)
{
    if (isnan(number))
        return -1;
    if (v->kind == HONE_F64)
        return find_real(v, number);
    if (v->kind == HONE_TEXT) {
        char buffer[HONE_NUMBER_SIZE];
        hone_number_text(number + 0.0, buffer);
        return find_text(v, buffer);
    }
    return whole_number(number) ? find_integer(v, (int64_t)number) : -1;
}

/* true, True, TRUE and the like; -1: no boolean. */
static int boolean_text(const char *text)
{
    static const char *const words[2][3] = {{"false", "False", "FALSE"}, {"true", "True", "TRUE"}};
    for (int b = 0; b < 2; b++)
        for (int k = 0; k < 3; k++)
            if (!strcmp(text, words[b][k]))
                return b;
    return -1;
}

int64_t hone_values_find(const hone_values *v, const char *text)
{
    if (v->kind == HONE_TEXT)
        return find_text(v, text);
    int64_t whole;
    double number;
    if (v->kind == HONE_BOOLEAN && boolean_text(text) >= 0)
        return find_integer(v, boolean_text(text));
    if (v->kind != HONE_F64)
        return whole_text(text, &whole) ? find_integer(v, whole) : -1;
    return hone_number_read(text, strlen(text), '.', &number) ? hone_values_find_number(v, number)
                                                              : -1;
}

int64_t hone_values_match(const hone_values *from, int64_t k, const hone_values *to)
{
    if (from->integer && to->integer)
        return find_integer(to, from->integer[k]);
    if (from->real)
        return hone_values_find_number(to, from->real[k]);
    return hone_values_find(to, from->text[k]);
}

double hone_values_number(const hone_values *v, int64_t k)
{
    double number;
    if (v->integer)
        return (double)v->integer[k];
    if (v->real)
        return v->real[k];
    return hone_number_read(v->text[k], strlen(v->text[k]), '.', &number) ? number : NAN;
}

uint64_t hone_values_hash(const hone_values *v, uint64_t seed)
{
    const int64_t head[] = {v->count, v->kind};
    uint64_t h = hone_hash(seed, head, sizeof head);
    for (int64_t k = 0; k < v->count; k++)
        h = hone_hash_text(h, v->text[k]);
    return h;
}
