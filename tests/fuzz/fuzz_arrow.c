/* Any bytes as an Arrow batch or stream: counts, offsets, formats, nulls and dictionaries come from
 * the input, the memory behind each buffer is as large as the largest count asks for. Everything is
 * released once, and what is read describes itself. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hone/hone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 64, COLUMNS = 4, BUFFERS = 3, ROOM = 16 * (MOST + 16), BATCHES = 2 };

typedef struct input {
    const uint8_t *at;
    size_t left;
} input;

static unsigned next(input *in)
{
    if (!in->left)
        return 0;
    in->left--;
    return *in->at++;
}

static int live; /* structures that were not released */

static void release_schema(struct ArrowSchema *s)
{
    for (int64_t k = 0; k < s->n_children; k++)
        if (s->children[k]->release)
            s->children[k]->release(s->children[k]);
    if (s->dictionary && s->dictionary->release)
        s->dictionary->release(s->dictionary);
    s->release = NULL;
    live--;
}

static void release_array(struct ArrowArray *a)
{
    for (int64_t k = 0; k < a->n_children && a->children; k++)
        if (a->children[k]->release)
            a->children[k]->release(a->children[k]);
    if (a->dictionary && a->dictionary->release)
        a->dictionary->release(a->dictionary);
    a->release = NULL;
    live--;
}

typedef struct column {
    struct ArrowSchema schema, words;
    struct ArrowArray array[BATCHES], dictionary[BATCHES];
    const void *buffer[BATCHES][2][BUFFERS];
    uint64_t memory[BATCHES][2][BUFFERS][ROOM / 8];
    char name[2];
} column;

static const char *const FORMATS[] = {"n", "b", "c", "C", "s", "S", "i",   "I",  "l", "L",
                                      "f", "g", "u", "U", "e", "z", "tdD", "+s", "",  "x"};

static bool is_text(const char *format)
{
    return *format == 'u' || *format == 'U';
}

static void fill(input *in, struct ArrowArray *a, const char *format, int64_t length,
                 const void **buffer, uint64_t memory[BUFFERS][ROOM / 8])
{
    const unsigned odd = next(in);
    *a = (struct ArrowArray){.length = odd == 1 ? -1 : length,
                             .offset = odd == 2 ? -1 : (int64_t)(next(in) % 9),
                             .null_count = (int64_t)(next(in) % 4) - 1,
                             .n_buffers = odd == 3   ? 0
                                          : odd == 4 ? 7
                                                     : (*format == 'n'    ? 0
                                                        : is_text(format) ? 3
                                                                          : 2),
                             .buffers = buffer,
                             .release = release_array};
    for (int b = 0; b < BUFFERS; b++) {
        for (int k = 0; k < 24; k++)
            ((uint8_t *)memory[b])[k * 7 % ROOM] = (uint8_t)next(in);
        buffer[b] = b == 0 && odd % 2 ? NULL : memory[b];
    }
    int32_t at = 0; /* offsets of text stay within its memory */
    for (int k = 0; is_text(format) && k < MOST + 16; k++) {
        if (*format == 'u')
            ((int32_t *)(void *)memory[1])[k] = odd == 5 && k == 3 ? -1 : at;
        else
            ((int64_t *)(void *)memory[1])[k] = odd == 5 && k == 3 ? -1 : at;
        at += (int32_t)(next(in) % 8);
    }
    live++;
}

static void make_column(input *in, column *c, int64_t rows)
{
    const char *format = FORMATS[next(in) % (sizeof FORMATS / sizeof *FORMATS)];
    const bool coded = next(in) % 4 == 0;
    c->name[0] = (char)('a' + next(in) % 5);
    c->schema = (struct ArrowSchema){
        .format = format, .name = c->name, .flags = 2, .release = release_schema};
    live++;
    if (coded) {
        c->words =
            (struct ArrowSchema){.format = next(in) % 2 ? "u" : "l", .release = release_schema};
        c->schema.dictionary = &c->words;
        live++;
    }
    for (int b = 0; b < BATCHES; b++) {
        fill(in, &c->array[b], format, rows, c->buffer[b][0], c->memory[b][0]);
        if (!coded)
            continue;
        fill(in, &c->dictionary[b], c->words.format, (int64_t)(next(in) % MOST), c->buffer[b][1],
             c->memory[b][1]);
        if (next(in) % 8)
            c->array[b].dictionary = &c->dictionary[b];
        else
            c->dictionary[b].release(&c->dictionary[b]);
    }
}

typedef struct table {
    column column[COLUMNS];
    struct ArrowSchema schema, *schemas[COLUMNS];
    struct ArrowArray batch[BATCHES], *arrays[BATCHES][COLUMNS];
    const void *none[1];
    int given;
} table;

static void make_table(input *in, table *t)
{
    const int cols = 1 + (int)(next(in) % COLUMNS);
    const int64_t rows = (int64_t)(next(in) % MOST);
    for (int j = 0; j < cols; j++) {
        make_column(in, &t->column[j], rows);
        t->schemas[j] = &t->column[j].schema;
        for (int b = 0; b < BATCHES; b++)
            t->arrays[b][j] = &t->column[j].array[b];
    }
    t->schema = (struct ArrowSchema){.format = next(in) % 16 ? "+s" : "l",
                                     .n_children = cols,
                                     .children = t->schemas,
                                     .release = release_schema};
    live++;
    for (int b = 0; b < BATCHES; b++) {
        t->batch[b] = (struct ArrowArray){.length = rows,
                                          .n_buffers = 1,
                                          .buffers = t->none,
                                          .n_children = next(in) % 16 ? cols : cols - 1,
                                          .children = t->arrays[b],
                                          .release = release_array};
        if (t->batch[b].n_children < cols)
            t->arrays[b][cols - 1]->release(t->arrays[b][cols - 1]);
        live++;
    }
}

static int get_schema(struct ArrowArrayStream *s, struct ArrowSchema *out)
{
    table *t = s->private_data;
    *out = t->schema;
    t->schema.release = NULL;
    return 0;
}

static int get_next(struct ArrowArrayStream *s, struct ArrowArray *out)
{
    table *t = s->private_data;
    *out = (struct ArrowArray){0};
    if (t->given == BATCHES)
        return 0;
    *out = t->batch[t->given];
    t->batch[t->given++].release = NULL;
    return 0;
}

static const char *last_error(struct ArrowArrayStream *s)
{
    (void)s;
    return NULL;
}

static void release_stream(struct ArrowArrayStream *s)
{
    s->release = NULL;
    live--;
}

static void drop_rest(table *t)
{
    if (t->schema.release)
        t->schema.release(&t->schema);
    for (int b = 0; b < BATCHES; b++)
        if (t->batch[b].release)
            t->batch[b].release(&t->batch[b]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, size};
    table *t = calloc(1, sizeof *t);
    hone_dataset *d = NULL;
    if (!t)
        return 0;
    const unsigned o = next(&in);
    const hone_read_options options = {.size = sizeof options,
                                       .target = o & 1 ? "a" : NULL,
                                       .weight = o & 2 ? "b" : NULL,
                                       .drop = o & 4 ? "c" : NULL,
                                       .categorical = o & 8 ? "d" : NULL,
                                       .max_bytes = 1 << 24};
    live = 0;
    make_table(&in, t);
    if (o & 16) {
        struct ArrowArrayStream stream = {get_schema, get_next, last_error, release_stream, t};
        live++;
        hone_dataset_arrow_stream(&stream, &options, &d, NULL);
    } else {
        hone_dataset_arrow(&t->batch[0], &t->schema, &options, &d, NULL);
    }
    drop_rest(t);
    char *json = NULL;
    if (live != 0 || (d && hone_dataset_describe(d, &json, NULL)))
        abort();
    hone_text_free(json);
    hone_dataset_free(d);
    free(t);
    return 0;
}
