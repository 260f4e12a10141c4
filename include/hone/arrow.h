/** hone/arrow.h - datasets from Arrow tables, through the Arrow C data and C stream interfaces
 * (https://arrow.apache.org/docs/format/CDataInterface.html): what pyarrow, polars, DuckDB and
 * others hand over as __arrow_c_array__ and __arrow_c_stream__. */
#ifndef HONE_ARROW_H
#define HONE_ARROW_H

#include "hone/dataset.h"

/* The structures are the specification's own, under its guards. */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

struct ArrowSchema {
    const char *format, *name, *metadata;
    int64_t flags, n_children;
    struct ArrowSchema **children, *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children, *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#endif

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};

#endif

HONE_BEGIN

/** A dataset from a record batch of the Arrow C data interface; everything is copied. Columns:
 * booleans, integers and floats of every width but half, utf8, large_utf8, utf8_view, null, and
 * dictionaries of text, booleans or integers (categorical). Nulls are missing; dates, free text and
 * other types are refused by name, unless they are dropped.
 *
 * @param batch    a struct array; it and `schema` are released, also on error
 * @param options  target, weight, categorical, drop, max_bytes, poll and dataset are used; may be
 *                 NULL
 * @return HONE_BAD_DATA     counts that do not fit together, a code outside its dictionary (path
 *                           data.schema, data.array, data.<column>[i])
 *         HONE_UNSUPPORTED  a type that is not read
 *
 * Pointers are trusted: they come from the same process.
 */
HONE_API hone_status hone_dataset_arrow(struct ArrowArray *batch, struct ArrowSchema *schema,
                                        const hone_read_options *options, hone_dataset **dataset,
                                        hone_error *error);

/** The same from a stream of batches, read to its end and released.
 *
 * @return HONE_IO  the stream failed (path data.stream)
 */
HONE_API hone_status hone_dataset_arrow_stream(struct ArrowArrayStream *stream,
                                               const hone_read_options *options,
                                               hone_dataset **dataset, hone_error *error);

HONE_END

#endif
