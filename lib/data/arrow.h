/* What a table of the Arrow C data interface looks like while it is read. */
#ifndef HONE_DATA_ARROW_H
#define HONE_DATA_ARROW_H

#include "data/dictionary.h"
#include "data/read.h"
#include "hone/arrow.h"

/* How the elements of a column lie in memory. */
typedef enum hone_arrow_layout {
    HONE_ARROW_NUMBERS, /* of `dtype` */
    HONE_ARROW_BITS,
    HONE_ARROW_TEXT32, /* offsets of 32 bits */
    HONE_ARROW_TEXT64,
    HONE_ARROW_VIEWS, /* 16 bytes a text: itself when short, else its place */
    HONE_ARROW_NULLS  /* nothing: all missing */
} hone_arrow_layout;

typedef struct hone_arrow_type {
    hone_arrow_layout layout;
    hone_dtype dtype;
    int64_t buffers; /* views: at least */
} hone_arrow_type;

/* A table: batches of rows. */
typedef struct hone_arrow {
    hone_reading *r;
    struct ArrowSchema schema;
    struct ArrowArray *chunk; /* hone_free */
    int64_t chunks, room;
    int64_t rows;
} hone_arrow;

/* A format string that Hone reads. HONE_UNSUPPORTED else, by the type's name. */
hone_status hone_arrow_type_of(const struct ArrowSchema *schema, hone_arrow_type *type,
                               hone_error *error);

/* Pointers are trusted, counts are not: what the structs say of themselves must fit together. */
hone_status hone_arrow_check_schema(const struct ArrowSchema *schema, hone_error *error);
hone_status hone_arrow_check_chunk(const struct ArrowSchema *schema, const struct ArrowArray *chunk,
                                   hone_error *error);

/* One column over all chunks. `words` holds the words of a column of text. */
typedef struct hone_arrow_column {
    hone_column column;
    hone_dictionary words;
} hone_arrow_column;

hone_status hone_arrow_take_column(const hone_arrow *t, int64_t j, hone_arrow_column *out,
                                   hone_error *error);

/* Whether element i of an array is null, from its own first element on. */
static inline bool hone_arrow_null(const struct ArrowArray *a, int64_t i)
{
    const uint8_t *valid = a->null_count && a->n_buffers ? (const uint8_t *)a->buffers[0] : NULL;
    return valid && !(valid[i >> 3] >> (i & 7) & 1);
}

#endif
