/* Arrow tables built by hand, by a producer that counts what is not released. */
#ifndef HONE_TESTS_ARROW_WORLD_H
#define HONE_TESTS_ARROW_WORLD_H

#include "data/arrow.h"

extern int live; /* structures that were made and not released */

void release_schema(struct ArrowSchema *s);
void release_array(struct ArrowArray *a);

enum { MOST = 16 };

/* A table whose parts are all in one place; the test changes what it wants before it is used. */
typedef struct table {
    struct ArrowSchema schema, field[MOST], words_schema, *fields[MOST];
    struct ArrowArray batch, array[MOST], words, *arrays[MOST];
    const void *buffers[MOST][3], *words_buffers[3], *none[1];
    int64_t cols;
} table;

void begin(table *t, int64_t rows);
struct ArrowArray *add(table *t, const char *format, const char *name, const void *valid,
                       const void *values, const void *text);
void add_dictionary(table *t, struct ArrowArray *a, const char *format, int64_t length,
                    const void *values, const void *text);

/* Reads it; all must be released then. */
hone_status read_table(table *t, const hone_read_options *options, hone_dataset **d,
                       hone_error *error);
hone_dataset *taken(table *t, const char *target);
/* It must fail like this and leave no dataset. */
void refused(table *t, hone_status status, const char *path, const char *part);
double cell(const hone_dataset *d, int64_t i, int64_t j);

#endif
