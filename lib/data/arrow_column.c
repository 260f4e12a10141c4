/* Chunks of one Arrow column as one vector: in place when it is a single aligned chunk of numbers,
 * else copied; text and dictionaries as codes of interned words, so that a chunk may have a
 * dictionary of its own. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/arrow.h"
#include "data/vector.h"

enum { LONGEST = 1 << 20, SHORT = 12, AT_ONCE = 1 << 16 };

static const char *name_of(const hone_arrow *t, int64_t j)
{
    return t->schema.children[j]->name ? t->schema.children[j]->name : "";
}

static hone_status wrong(const hone_arrow *t, int64_t j, int64_t row, const char *why,
                         hone_error *error)
{
    char path[96];
    snprintf(path, sizeof path, "data.%.60s[%lld]", name_of(t, j), (long long)row);
    return hone_fail(error, HONE_BAD_DATA, path, "%s", why);
}

/* The part of a column that belongs to chunk k: elements [first, first + count). */
typedef struct part {
    const struct ArrowArray *a;
    int64_t first, count;
} part;

static part part_of(const hone_arrow *t, int64_t k, int64_t j)
{
    const struct ArrowArray *chunk = &t->chunk[k], *a = chunk->children[j];
    return (part){a, chunk->offset + a->offset, chunk->length};
}

/* Between rows, every AT_ONCE of them. */
static hone_status poll_row(const hone_arrow *t, int64_t j, int64_t row, hone_error *error)
{
    if (row % AT_ONCE)
        return HONE_OK;
    const double done = (double)j + (double)row / (double)t->rows;
    return hone_reading_poll(t->r, 0.5 + 0.5 * done / (double)t->schema.n_children, error);
}

/* ---- numbers ---- */

static bool in_place(const hone_arrow *t, int64_t j, const hone_arrow_type *type, hone_vector *out)
{
    const part p = part_of(t, 0, j);
    const size_t size = hone_dtype_size(type->dtype);
    if (t->chunks != 1 || (uintptr_t)p.a->buffers[1] % size)
        return false;
    *out = (hone_vector){.values = (const char *)p.a->buffers[1] + (size_t)p.first * size,
                         .dtype = type->dtype,
                         .valid = p.a->null_count ? p.a->buffers[0] : NULL,
                         .valid_offset = p.first};
    return true;
}

static void copy_part(const part *p, const hone_arrow_type *type, int64_t begin, int64_t end,
                      int64_t row, char *to, uint8_t *valid)
{
    const size_t size = hone_dtype_size(type->dtype);
    const char *from = p->a->buffers[1];
    if (type->layout == HONE_ARROW_NUMBERS)
        memcpy(to + (size_t)row * size, from + (size_t)(p->first + begin) * size,
               (size_t)(end - begin) * size);
    for (int64_t i = begin; i < end; i++, row++) {
        const int64_t at = p->first + i;
        if (type->layout == HONE_ARROW_BITS)
            to[row] = from[at >> 3] >> (at & 7) & 1;
        if (!hone_arrow_null(p->a, at))
            valid[row >> 3] |= (uint8_t)(1u << (row & 7));
    }
}

static hone_status copy_numbers(const hone_arrow *t, int64_t j, const hone_arrow_type *type,
                                hone_vector *out, hone_error *error)
{
    char *to = hone_arena_alloc_raw(t->r->memory, t->rows, 1, hone_dtype_size(type->dtype));
    uint8_t *valid = HONE_NEW(t->r->memory, uint8_t, t->rows / 8 + 1, 1);
    if (!to || !valid)
        return hone_no_memory(error);
    int64_t row = 0;
    for (int64_t k = 0; k < t->chunks; k++) {
        const part p = part_of(t, k, j);
        for (int64_t i = 0; i < p.count; i += AT_ONCE) {
            const int64_t end = i + AT_ONCE < p.count ? i + AT_ONCE : p.count;
            HONE_TRY(poll_row(t, j, row + i, error));
            copy_part(&p, type, i, end, row + i, to, valid);
        }
        row += p.count;
    }
    *out = (hone_vector){.values = to, .dtype = type->dtype, .valid = valid};
    return HONE_OK;
}

static hone_status take_numbers(const hone_arrow *t, int64_t j, const hone_arrow_type *type,
                                hone_vector *out, hone_error *error)
{
    if (type->layout == HONE_ARROW_NUMBERS && in_place(t, j, type, out))
        return HONE_OK;
    return copy_numbers(t, j, type, out, error);
}

static hone_status take_nothing(const hone_arrow *t, hone_vector *out, hone_error *error)
{
    double *nothing = HONE_RAW(t->r->memory, double, t->rows, 1);
    if (!nothing)
        return hone_no_memory(error);
    for (int64_t i = 0; i < t->rows; i++)
        nothing[i] = NAN;
    *out = (hone_vector){.values = nothing, .dtype = HONE_F64};
    return HONE_OK;
}

/* ---- words ---- */

/* A NULL text: offsets that cannot be, or it is longer than 1 MiB. */
static hone_token text_between(const char *bytes, int64_t begin, int64_t end)
{
    if (begin < 0 || end < begin || end - begin > LONGEST)
        return (hone_token){0};
    return end == begin ? (hone_token){"", 0}
                        : (hone_token){bytes ? bytes + begin : NULL, (size_t)(end - begin)};
}

/* A view: length, then the text, or 4 bytes of it, a buffer's number and an offset. The last buffer
 * holds the sizes of those between. */
static hone_token viewed(const struct ArrowArray *a, int64_t at)
{
    const char *view = (const char *)a->buffers[1] + (size_t)at * 16;
    const int64_t *sizes = a->buffers[a->n_buffers - 1];
    int32_t field[4];
    int64_t size;
    memcpy(field, view, sizeof field);
    if (field[0] >= 0 && field[0] <= SHORT)
        return text_between(view + 4, 0, field[0]);
    if (field[2] < 0 || field[2] >= a->n_buffers - 3 || !sizes || field[3] < 0)
        return (hone_token){0};
    memcpy(&size, sizes + field[2], sizeof size);
    const int64_t end = (int64_t)field[3] + field[0];
    return end > size ? (hone_token){0} : text_between(a->buffers[2 + field[2]], field[3], end);
}

static hone_token text_at(const struct ArrowArray *a, const hone_arrow_type *type, int64_t at)
{
    const char *offset = a->buffers[1];
    if (type->layout == HONE_ARROW_VIEWS)
        return viewed(a, at);
    if (type->layout == HONE_ARROW_TEXT64) {
        int64_t edge[2];
        memcpy(edge, offset + (size_t)at * sizeof *edge, sizeof edge);
        return text_between(a->buffers[2], edge[0], edge[1]);
    }
    int32_t edge[2];
    memcpy(edge, offset + (size_t)at * sizeof *edge, sizeof edge);
    return text_between(a->buffers[2], edge[0], edge[1]);
}

/* A value of a dictionary as text. */
static hone_token word_at(const struct ArrowArray *a, const hone_arrow_type *type, int64_t at,
                          char made[32])
{
    if (type->dtype == HONE_TEXT)
        return text_at(a, type, at);
    if (type->layout == HONE_ARROW_BITS) {
        const bool bit = ((const uint8_t *)a->buffers[1])[at >> 3] >> (at & 7) & 1;
        return bit ? (hone_token){"true", 4} : (hone_token){"false", 5};
    }
    const hone_vector v = {.values = a->buffers[1], .dtype = type->dtype};
    int64_t whole = 0;
    bool overflow = false;
    hone_vector_integer(&v, at, &whole, &overflow);
    const int length = overflow ? snprintf(made, 32, "%llu", (unsigned long long)whole)
                                : snprintf(made, 32, "%lld", (long long)whole);
    return (hone_token){made, (size_t)length};
}

/* Number of a word; -1: refused. */
static hone_status intern(hone_dictionary *words, const hone_arrow *t, int64_t j, int64_t row,
                          hone_token word, int32_t *code, hone_error *error)
{
    if (!word.text)
        return wrong(
            t, j, row,
            "the offsets of the text descend or leave its buffer, or it is longer than 1 MiB",
            error);
    const hone_key key = hone_word_key(word);
    int64_t number = hone_dictionary_find(words, word, key);
    if (number < 0) {
        if (word.length && memchr(word.text, 0, word.length))
            return wrong(t, j, row, "the text holds a zero byte", error);
        if (hone_token_not_utf8(word) >= 0)
            return wrong(t, j, row, "the text is not UTF-8", error);
        number = hone_dictionary_add(words, word, key, row, 0);
        if (number < 0)
            return hone_no_memory(error);
    }
    *code = (int32_t)number;
    return HONE_OK;
}

static hone_status take_texts(const hone_arrow *t, int64_t j, const hone_arrow_type *type,
                              const part *p, int64_t row, hone_arrow_column *out, int32_t *code,
                              hone_error *error)
{
    for (int64_t i = 0; i < p->count; i++) {
        code[i] = -1;
        HONE_TRY(poll_row(t, j, row + i, error));
        if (!hone_arrow_null(p->a, p->first + i))
            HONE_TRY(intern(&out->words, t, j, row + i, text_at(p->a, type, p->first + i), &code[i],
                            error));
    }
    return HONE_OK;
}

static hone_status intern_dictionary(const hone_arrow *t, int64_t j, int64_t row,
                                     const hone_arrow_type *type, const struct ArrowArray *values,
                                     hone_dictionary *words, int32_t *of, hone_error *error)
{
    char made[32];
    for (int64_t v = 0; v < values->length; v++) {
        const int64_t at = values->offset + v;
        of[v] = -1;
        if (!hone_arrow_null(values, at))
            HONE_TRY(intern(words, t, j, row, word_at(values, type, at, made), &of[v], error));
    }
    return HONE_OK;
}

static hone_status take_codes(const hone_arrow *t, int64_t j, const hone_arrow_type *type,
                              const hone_arrow_type *value, const part *p, int64_t row,
                              hone_arrow_column *out, int32_t *code, hone_error *error)
{
    const struct ArrowArray *values = p->a->dictionary;
    int32_t *of = hone_alloc((size_t)(values->length + 1) * sizeof *of);
    if (!of)
        return hone_no_memory(error);
    hone_status status = intern_dictionary(t, j, row, value, values, &out->words, of, error);
    const hone_vector codes = {.values = p->a->buffers[1], .dtype = type->dtype};
    for (int64_t i = 0; i < p->count && !status; i++) {
        int64_t at = -1;
        bool overflow = false;
        code[i] = -1;
        status = poll_row(t, j, row + i, error);
        if (status || hone_arrow_null(p->a, p->first + i))
            continue;
        if (!hone_vector_integer(&codes, p->first + i, &at, &overflow) || at < 0 ||
            at >= values->length)
            status = wrong(t, j, row + i, "the code lies outside the dictionary", error);
        else
            code[i] = of[at];
    }
    hone_free(of);
    return status;
}

static hone_status take_words(const hone_arrow *t, int64_t j, const hone_arrow_type *type,
                              hone_arrow_column *out, hone_error *error)
{
    const struct ArrowSchema *s = t->schema.children[j];
    hone_arrow_type value = *type;
    if (s->dictionary)
        HONE_TRY(hone_arrow_type_of(s->dictionary, &value, error));
    if (hone_dtype_real(value.dtype))
        return hone_fail(error, HONE_UNSUPPORTED, "data.schema",
                         "column \"%.60s\" has a dictionary of floats or nulls; decode it",
                         name_of(t, j));
    int32_t *code = HONE_RAW(t->r->memory, int32_t, t->rows, 1);
    if (!code)
        return hone_no_memory(error);
    int64_t row = 0;
    for (int64_t k = 0; k < t->chunks; k++) {
        const part p = part_of(t, k, j);
        HONE_TRY(p.count == 0    ? HONE_OK
                 : s->dictionary ? take_codes(t, j, type, &value, &p, row, out, code + row, error)
                                 : take_texts(t, j, type, &p, row, out, code + row, error));
        row += p.count;
    }
    if (value.layout == HONE_ARROW_NUMBERS)
        out->column.type = HONE_CATEGORICAL; /* 3 and 3.0 are one level */
    const char **level = HONE_RAW(t->r->memory, const char *, out->words.count + 1, 1);
    if (!level)
        return hone_no_memory(error);
    for (int64_t k = 0; k < out->words.count; k++)
        level[k] = hone_dictionary_token(&out->words, k).text;
    out->column.values = (hone_vector){.values = code, .dtype = HONE_I32};
    out->column.levels = level;
    out->column.n_levels = out->words.count;
    return HONE_OK;
}

hone_status hone_arrow_take_column(const hone_arrow *t, int64_t j, hone_arrow_column *out,
                                   hone_error *error)
{
    hone_arrow_type type;
    HONE_TRY(hone_arrow_type_of(t->schema.children[j], &type, error));
    out->column.name = name_of(t, j);
    out->words.account = &t->r->account;
    if (type.dtype == HONE_TEXT || t->schema.children[j]->dictionary)
        return take_words(t, j, &type, out, error);
    if (type.layout == HONE_ARROW_NULLS)
        return take_nothing(t, &out->column.values, error);
    return take_numbers(t, j, &type, &out->column.values, error);
}
