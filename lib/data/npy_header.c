/* The .npy format, versions 1 to 3: "\x93NUMPY", version, length of the header, a Python literal
 * {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }, then the elements. Nothing is
 * trusted: the header is small, the product of the shape is the size of the rest to the byte.
 */
#include "data/npy.h"

#include <stdio.h>
#include <string.h>

enum { HEADER = 10000 };

typedef struct header {
    const char *name; /* of the file */
    const char *p, *end;
    char descr[16];
    bool fortran, has[3]; /* descr, fortran_order, shape */
    int dimensions;
    int64_t shape[2];
} header;

static hone_status wrong(const char *name, hone_error *error, const char *why)
{
    char place[HONE_PLACE_SIZE];
    return hone_fail(error, HONE_BAD_DATA, hone_place(place, name, 0, 0), "%s", why);
}

/* ---- the literal ---- */

static bool skip(header *h, char c)
{
    while (h->p < h->end && (*h->p == ' ' || *h->p == '\n' || *h->p == '\t'))
        h->p++;
    if (h->p == h->end || *h->p != c)
        return false;
    h->p++;
    return true;
}

static bool word(header *h, char *out, size_t size)
{
    char quote = '\'';
    if (!skip(h, quote) && !skip(h, quote = '"'))
        return false;
    const char *close = memchr(h->p, quote, (size_t)(h->end - h->p));
    if (!close || (size_t)(close - h->p) >= size)
        return false;
    memcpy(out, h->p, (size_t)(close - h->p));
    out[close - h->p] = 0;
    h->p = close + 1;
    return true;
}

static bool literal(header *h, const char *text)
{
    const size_t n = strlen(text);
    if ((size_t)(h->end - h->p) < n || memcmp(h->p, text, n))
        return false;
    h->p += n;
    return true;
}

static bool dimension(header *h, int64_t *n)
{
    const char *start = h->p;
    *n = 0;
    for (; h->p < h->end && *h->p >= '0' && *h->p <= '9'; h->p++)
        if (__builtin_mul_overflow(*n, 10, n) || __builtin_add_overflow(*n, *h->p - '0', n))
            return false;
    return h->p > start;
}

static bool shape(header *h)
{
    if (!skip(h, '('))
        return false;
    while (!skip(h, ')')) {
        int64_t n;
        if (!dimension(h, &n))
            return false;
        if (h->dimensions < 2)
            h->shape[h->dimensions] = n;
        h->dimensions++;
        if (!skip(h, ','))
            return skip(h, ')');
    }
    return true;
}

static bool value_of(header *h, int key)
{
    skip(h, ' ');
    switch (key) {
    case 0:
        return word(h, h->descr, sizeof h->descr);
    case 1:
        h->fortran = literal(h, "True");
        return h->fortran || literal(h, "False");
    default:
        return shape(h);
    }
}

static bool entry(header *h)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    char name[16];
    if (!word(h, name, sizeof name) || !skip(h, ':'))
        return false;
    int key = 0;
    while (key < 3 && strcmp(name, keys[key]))
        key++;
    if (key == 3 || h->has[key])
        return false;
    h->has[key] = true;
    while (h->p < h->end && *h->p == ' ')
        h->p++;
    return value_of(h, key);
}

static bool dictionary(header *h)
{
    if (!skip(h, '{'))
        return false;
    while (!skip(h, '}')) {
        if (!entry(h))
            return false;
        if (!skip(h, ',')) {
            if (!skip(h, '}'))
                return false;
            break;
        }
    }
    skip(h, '\n');
    return h->p == h->end && h->has[0] && h->has[1] && h->has[2];
}

/* ---- element types ---- */

static const struct {
    const char *code; /* without the byte order */
    hone_dtype dtype;
    int size;
} TYPES[] = {{"f8", HONE_F64, 8}, {"f4", HONE_F32, 4}, {"f2", HONE_F16, 2},
             {"i8", HONE_I64, 8}, {"i4", HONE_I32, 4}, {"i2", HONE_I16, 2},
             {"i1", HONE_I8, 1},  {"u8", HONE_U64, 8}, {"u4", HONE_U32, 4},
             {"u2", HONE_U16, 2}, {"u1", HONE_U8, 1},  {"b1", HONE_BOOLEAN, 1}};

/* Bytes of one element; 0: refused. */
static int64_t element(const header *h, hone_dtype *dtype, hone_error *error)
{
    const char *code = h->descr + 1;
    char place[HONE_PLACE_SIZE];
    hone_place(place, h->name, 0, 0);
    for (size_t k = 0; k < sizeof TYPES / sizeof *TYPES; k++)
        if (!strcmp(code, TYPES[k].code)) {
            *dtype = TYPES[k].dtype;
            return TYPES[k].size;
        }
    int n;
    char more;
    if ((*code == 'U' || *code == 'S') && sscanf(code + 1, "%6d%c", &n, &more) == 1 && n > 0) {
        *dtype = HONE_TEXT;
        return *code == 'U' ? 4 * (int64_t)n : n;
    }
    if (*code == 'O')
        hone_fail(error, HONE_UNSUPPORTED, place,
                  "the array holds Python objects, which are never loaded; save numbers or text");
    else
        hone_fail(error, HONE_UNSUPPORTED, place,
                  "element type \"%s\"; save it as float64, float32, an integer type, bool or text",
                  h->descr);
    return 0;
}

/* ---- elements ---- */

static void swap(unsigned char *bytes, int64_t count, int size)
{
    for (int64_t i = 0; i < count; i++, bytes += size)
        for (int k = 0; k < size / 2; k++) {
            const unsigned char b = bytes[k];
            bytes[k] = bytes[size - 1 - k];
            bytes[size - 1 - k] = b;
        }
}

static size_t encode(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
        c = 0xFFFD;
    const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xC0, 0xE0, 0xF0};
    for (int k = more; k > 0; k--, c >>= 6)
        out[k] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(lead[more] | c);
    return (size_t)more + 1;
}

/* Text of `width` bytes a value, padded with zeros: UTF-32, or bytes. */
static hone_status texts(hone_array *a, const unsigned char *bytes, int64_t width, bool wide,
                         bool big, hone_arena *memory, hone_error *error)
{
    const int64_t count = a->rows * a->cols;
    const char **text = HONE_NEW(memory, const char *, a->rows, a->cols);
    char *at = HONE_RAW(memory, char, count, width + 1);
    if (!text || !at)
        return hone_no_memory(error);
    for (int64_t i = 0; i < count; i++, bytes += width) {
        text[i] = at;
        for (int64_t k = 0; k < width; k += wide ? 4 : 1) {
            uint32_t c = bytes[k];
            if (wide)
                c = big ? (uint32_t)bytes[k] << 24 | (uint32_t)bytes[k + 1] << 16 |
                              (uint32_t)bytes[k + 2] << 8 | bytes[k + 3]
                        : (uint32_t)bytes[k + 3] << 24 | (uint32_t)bytes[k + 2] << 16 |
                              (uint32_t)bytes[k + 1] << 8 | bytes[k];
            if (!c)
                break;
            if (wide)
                at += encode(c, at);
            else
                *at++ = (char)c;
        }
        *at++ = 0;
    }
    a->values = text;
    return HONE_OK;
}

static hone_status take_elements(const header *h, unsigned char *bytes, int64_t size,
                                 hone_arena *memory, hone_array *a, hone_error *error)
{
    const int64_t width = element(h, &a->dtype, error);
    int64_t total;
    if (!width)
        return HONE_UNSUPPORTED;
    if (__builtin_mul_overflow(a->rows, a->cols, &total) ||
        __builtin_mul_overflow(total, width, &total) || total != size) {
        char place[HONE_PLACE_SIZE];
        return hone_fail(error, HONE_BAD_DATA, hone_place(place, h->name, 0, 0),
                         "shape (%lld, %lld) of \"%s\" does not fit the %lld bytes that follow",
                         (long long)a->rows, (long long)a->cols, h->descr, (long long)size);
    }
    const bool big = *h->descr == '>';
    if (a->dtype == HONE_TEXT)
        return texts(a, bytes, width, h->descr[1] == 'U', big, memory, error);
    const uintptr_t odd = (uintptr_t)bytes % (uintptr_t)width;
    if (odd) /* down, onto the header */
        memmove(bytes - odd, bytes, (size_t)size);
    a->values = bytes - odd;
    const bool other = big != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
    if (other && width > 1)
        swap(a->values, a->rows * a->cols, (int)width);
    return HONE_OK;
}

hone_status hone_npy_parse(const char *name, unsigned char *bytes, int64_t size, hone_arena *memory,
                           hone_array *array, hone_error *error)
{
    *array = (hone_array){0};
    if (size < 10 || memcmp(bytes, "\x93NUMPY", 6))
        return wrong(name, error, "is not a .npy array");
    if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0)
        return wrong(name, error, "is a .npy array of an unknown version");
    const int prefix = bytes[6] == 1 ? 10 : 12;
    int64_t length = bytes[8] | bytes[9] << 8;
    if (prefix == 12) {
        if (size < 12)
            return wrong(name, error, "the file ends inside the header");
        length |= (int64_t)bytes[10] << 16 | (int64_t)bytes[11] << 24;
    }
    if (length > HEADER)
        return wrong(name, error, "the header is longer than 10,000 bytes");
    if (length > size - prefix)
        return wrong(name, error, "the file ends inside the header");
    header h = {.name = name, .p = (const char *)bytes + prefix};
    h.end = h.p + length;
    while (h.end > h.p && (h.end[-1] == ' ' || h.end[-1] == '\n'))
        h.end--;
    if (!dictionary(&h))
        return wrong(name, error,
                     "the header is not {'descr': <type>, 'fortran_order': .., 'shape': ..}; "
                     "arrays of records are not read");
    if (!strchr("<>|=", *h.descr) || !*h.descr)
        return wrong(name, error, "the element type has no byte order");
    if (h.dimensions < 1 || h.dimensions > 2)
        return wrong(name, error, "the array must have one or two dimensions");
    array->flat = h.dimensions == 1;
    array->rows = h.shape[0];
    array->cols = array->flat ? 1 : h.shape[1];
    array->row_stride = h.fortran ? 1 : array->cols;
    array->col_stride = h.fortran ? array->rows : 1;
    return take_elements(&h, bytes + prefix + length, size - prefix - length, memory, array, error);
}
