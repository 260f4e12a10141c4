/* What may be wrong with an Arrow table before a value is read. */
#include <stdio.h>
#include <string.h>

#include "data/arrow.h"
#include "data/vector.h"

static const struct {
    const char *format;
    hone_arrow_type type;
} TYPES[] = {
    {"n", {HONE_ARROW_NULLS, HONE_F64, 0}},   {"b", {HONE_ARROW_BITS, HONE_BOOLEAN, 2}},
    {"c", {HONE_ARROW_NUMBERS, HONE_I8, 2}},  {"C", {HONE_ARROW_NUMBERS, HONE_U8, 2}},
    {"s", {HONE_ARROW_NUMBERS, HONE_I16, 2}}, {"S", {HONE_ARROW_NUMBERS, HONE_U16, 2}},
    {"i", {HONE_ARROW_NUMBERS, HONE_I32, 2}}, {"I", {HONE_ARROW_NUMBERS, HONE_U32, 2}},
    {"l", {HONE_ARROW_NUMBERS, HONE_I64, 2}}, {"L", {HONE_ARROW_NUMBERS, HONE_U64, 2}},
    {"f", {HONE_ARROW_NUMBERS, HONE_F32, 2}}, {"g", {HONE_ARROW_NUMBERS, HONE_F64, 2}},
    {"e", {HONE_ARROW_NUMBERS, HONE_F16, 2}}, {"u", {HONE_ARROW_TEXT32, HONE_TEXT, 3}},
    {"U", {HONE_ARROW_TEXT64, HONE_TEXT, 3}}, {"vu", {HONE_ARROW_VIEWS, HONE_TEXT, 3}},
};

/* By the beginning of the format. */
static const struct {
    const char *format, *name, *way_out;
} REFUSED[] = {
    {"z", "binary", "drop it"},
    {"Z", "large_binary", "drop it"},
    {"vz", "binary_view", "drop it"},
    {"d:", "decimal", "cast it to float64"},
    {"w:", "fixed_size_binary", "drop it"},
    {"td", "dates", "they are no features: drop it"},
    {"tt", "times", "they are no features: drop it"},
    {"ts", "timestamps", "they are no features: drop it"},
    {"tD", "durations", "cast it to int64"},
    {"ti", "intervals", "drop it"},
    {"+r", "runs (run_end_encoded)", "decode it"},
    {"+", "nested values", "flatten or drop it"},
};

static const char *name_of(const struct ArrowSchema *s)
{
    return s->name ? s->name : "";
}

hone_status hone_arrow_type_of(const struct ArrowSchema *s, hone_arrow_type *type,
                               hone_error *error)
{
    for (size_t k = 0; k < sizeof TYPES / sizeof *TYPES; k++)
        if (!strcmp(s->format, TYPES[k].format)) {
            *type = TYPES[k].type;
            return HONE_OK;
        }
    for (size_t k = 0; k < sizeof REFUSED / sizeof *REFUSED; k++)
        if (!strncmp(s->format, REFUSED[k].format, strlen(REFUSED[k].format)))
            return hone_fail(error, HONE_UNSUPPORTED, "data.schema",
                             "column \"%.60s\" holds %s (format \"%.20s\"); %s", name_of(s),
                             REFUSED[k].name, s->format, REFUSED[k].way_out);
    return hone_fail(error, HONE_UNSUPPORTED, "data.schema",
                     "column \"%.60s\" has the unknown format \"%.20s\"", name_of(s), s->format);
}

static hone_status wrong(const struct ArrowSchema *s, const char *why, hone_error *error)
{
    return hone_fail(error, HONE_BAD_DATA, "data.schema", "column \"%.60s\" %s", name_of(s), why);
}

static hone_status check_field(const struct ArrowSchema *s, hone_error *error)
{
    hone_arrow_type type;
    if (!s)
        return hone_fail(error, HONE_BAD_DATA, "data.schema", "a column has no schema");
    if (!s->release)
        return wrong(s, "was released already", error);
    if (!s->format)
        return wrong(s, "has no format", error);
    if (!s->dictionary)
        return HONE_OK; /* its type matters when it is used: it may be dropped */
    if (hone_arrow_type_of(s, &type, error))
        return HONE_UNSUPPORTED;
    if (type.layout != HONE_ARROW_NUMBERS || hone_dtype_real(type.dtype))
        return wrong(s, "has a dictionary, but its codes are no integers", error);
    if (!s->dictionary->release || !s->dictionary->format)
        return wrong(s, "has a dictionary without a format", error);
    return s->dictionary->dictionary ? wrong(s, "has a dictionary of a dictionary", error)
                                     : HONE_OK;
}

hone_status hone_arrow_check_schema(const struct ArrowSchema *s, hone_error *error)
{
    if (!s->format || strcmp(s->format, "+s") != 0)
        return hone_fail(error, HONE_BAD_DATA, "data.schema",
                         "a table is a struct of columns (format \"+s\"), not \"%.20s\"",
                         s->format ? s->format : "");
    if (s->n_children < 1 || !s->children)
        return hone_fail(error, HONE_BAD_DATA, "data.schema",
                         "%lld columns; at least one is needed", (long long)s->n_children);
    for (int64_t j = 0; j < s->n_children; j++)
        HONE_TRY(check_field(s->children[j], error));
    return HONE_OK;
}

static hone_status bad(const struct ArrowSchema *s, const char *why, long long value,
                       hone_error *error)
{
    return hone_fail(error, HONE_BAD_DATA, "data.array", "column \"%.60s\": %s (%lld)", name_of(s),
                     why, value);
}

/* Counts of one array, of which elements up to `need` are used. */
static hone_status check_array(const struct ArrowSchema *s, const struct ArrowArray *a,
                               const hone_arrow_type *type, int64_t need, hone_error *error)
{
    int64_t end;
    if (!a || !a->release)
        return bad(s, "the array is missing or was released already", 0, error);
    if (a->length < 0 || a->offset < 0 || __builtin_add_overflow(a->offset, a->length, &end))
        return bad(s, "length or offset is negative or too large",
                   a->length < 0 ? a->length : a->offset, error);
    if (a->length < need)
        return bad(s, "fewer values than the table has rows", a->length, error);
    if (a->n_children != 0)
        return bad(s, "a column of values has children", a->n_children, error);
    const bool more = a->n_buffers > type->buffers && type->layout == HONE_ARROW_VIEWS;
    if ((a->n_buffers != type->buffers && !more) || (a->n_buffers && !a->buffers))
        return bad(s, "another number of buffers than its type has", a->n_buffers, error);
    if (a->null_count < -1 || a->null_count > a->length)
        return bad(s, "a count of nulls that cannot be", a->null_count, error);
    if (type->buffers && a->null_count > 0 && !a->buffers[0])
        return bad(s, "nulls without a bitmap", a->null_count, error);
    if (type->buffers && a->length && !a->buffers[1])
        return bad(s, "values without a buffer", a->length, error);
    return HONE_OK;
}

static hone_status check_column(const struct ArrowSchema *s, const struct ArrowArray *a,
                                int64_t need, hone_error *error)
{
    hone_arrow_type type;
    if (hone_arrow_type_of(s, &type, NULL))
        return HONE_OK; /* refused when it is used */
    HONE_TRY(check_array(s, a, &type, need, error));
    if ((s->dictionary != NULL) != (a->dictionary != NULL))
        return bad(s, "schema and array disagree about a dictionary", 0, error);
    if (!s->dictionary || hone_arrow_type_of(s->dictionary, &type, NULL))
        return HONE_OK;
    HONE_TRY(check_array(s, a->dictionary, &type, 0, error));
    return a->dictionary->length > INT32_MAX
               ? bad(s, "a dictionary too large", a->dictionary->length, error)
               : HONE_OK;
}

hone_status hone_arrow_check_chunk(const struct ArrowSchema *s, const struct ArrowArray *a,
                                   hone_error *error)
{
    int64_t need;
    if (a->length < 0 || a->offset < 0 || __builtin_add_overflow(a->length, a->offset, &need))
        return hone_fail(error, HONE_BAD_DATA, "data.array",
                         "length %lld and offset %lld cannot be", (long long)a->length,
                         (long long)a->offset);
    if (a->n_children != s->n_children || !a->children)
        return hone_fail(error, HONE_BAD_DATA, "data.array",
                         "%lld columns, but the schema has %lld", (long long)a->n_children,
                         (long long)s->n_children);
    if (a->n_buffers != 1 || !a->buffers)
        return hone_fail(error, HONE_BAD_DATA, "data.array",
                         "%lld buffers; a struct of columns has one", (long long)a->n_buffers);
    for (int64_t i = a->offset; i < need; i++)
        if (hone_arrow_null(a, i))
            return hone_fail(error, HONE_BAD_DATA, "data.array", "row %lld is null as a whole",
                             (long long)(i - a->offset));
    for (int64_t j = 0; j < s->n_children; j++)
        HONE_TRY(check_column(s->children[j], a->children[j], need, error));
    return HONE_OK;
}
