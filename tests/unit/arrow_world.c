#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arrow_world.h"

int live;

void release_schema(struct ArrowSchema *s)
{
    for (int64_t j = 0; j < s->n_children; j++)
        if (s->children[j]->release)
            s->children[j]->release(s->children[j]);
    if (s->dictionary && s->dictionary->release)
        s->dictionary->release(s->dictionary);
    s->release = NULL;
    live--;
}

void release_array(struct ArrowArray *a)
{
    for (int64_t j = 0; j < a->n_children; j++)
        if (a->children[j]->release)
            a->children[j]->release(a->children[j]);
    if (a->dictionary && a->dictionary->release)
        a->dictionary->release(a->dictionary);
    a->release = NULL;
    live--;
}

void begin(table *t, int64_t rows)
{
    memset(t, 0, sizeof *t);
    t->schema = (struct ArrowSchema){
        .format = "+s", .name = "", .children = t->fields, .release = release_schema};
    t->batch = (struct ArrowArray){.length = rows,
                                   .n_buffers = 1,
                                   .buffers = t->none,
                                   .children = t->arrays,
                                   .release = release_array};
    live += 2;
}

struct ArrowArray *add(table *t, const char *format, const char *name, const void *valid,
                       const void *values, const void *text)
{
    const int64_t j = t->cols++;
    t->field[j] = (struct ArrowSchema){.format = format, .name = name, .release = release_schema};
    t->buffers[j][0] = valid, t->buffers[j][1] = values, t->buffers[j][2] = text;
    t->array[j] = (struct ArrowArray){.length = t->batch.length + t->batch.offset,
                                      .null_count = valid ? -1 : 0,
                                      .n_buffers = *format == 'n'          ? 0
                                                   : strpbrk(format, "uU") ? 3
                                                                           : 2,
                                      .buffers = t->buffers[j],
                                      .release = release_array};
    t->fields[j] = &t->field[j], t->arrays[j] = &t->array[j];
    t->schema.n_children = t->batch.n_children = t->cols;
    live += 2;
    return &t->array[j];
}

void add_dictionary(table *t, struct ArrowArray *a, const char *format, int64_t length,
                    const void *values, const void *text)
{
    t->words_schema = (struct ArrowSchema){.format = format, .release = release_schema};
    t->words_buffers[1] = values, t->words_buffers[2] = text;
    t->words = (struct ArrowArray){.length = length,
                                   .n_buffers = text ? 3 : 2,
                                   .buffers = t->words_buffers,
                                   .release = release_array};
    a->dictionary = &t->words;
    t->field[a - t->array].dictionary = &t->words_schema;
    live += 2;
}

hone_status read_table(table *t, const hone_read_options *options, hone_dataset **d,
                       hone_error *error)
{
    const hone_status status = hone_dataset_arrow(&t->batch, &t->schema, options, d, error);
    assert_null(t->batch.release);
    assert_null(t->schema.release);
    assert_int_equal(live, 0);
    return status;
}

hone_dataset *taken(table *t, const char *target)
{
    const hone_read_options options = {.size = sizeof options, .target = target};
    hone_dataset *d = NULL;
    hone_error error = {0};
    if (read_table(t, &options, &d, &error))
        fail_msg("%s: %s", error.path, error.message);
    return d;
}

void refused(table *t, hone_status status, const char *path, const char *part)
{
    hone_dataset *d;
    hone_error error = {0};
    const hone_read_options options = {.size = sizeof options};
    assert_int_equal(read_table(t, &options, &d, &error), status);
    assert_null(d);
    assert_string_equal(error.path, path);
    if (!strstr(error.message, part))
        fail_msg("'%s' lacks '%s'", error.message, part);
}

double cell(const hone_dataset *d, int64_t i, int64_t j)
{
    const hone_matrix *x = &d->table;
    const int64_t at = i * x->row_stride + j * x->col_stride;
    return x->dtype == HONE_F32 ? (double)((const float *)x->values)[at]
                                : ((const double *)x->values)[at];
}
