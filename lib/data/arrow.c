/* Arrow tables, in one batch or as a stream of them. What the caller hands over is released exactly
 * once, whatever happens; the dataset holds copies. */
#include "data/arrow.h"

#include <string.h>

/* ---- columns to a dataset ---- */

typedef struct roles {
    int64_t target, weight; /* -1: none */
    bool *drop, *categorical;
} roles;

static int64_t column_named(const hone_arrow *t, const char *name, size_t length)
{
    for (int64_t j = 0; j < t->schema.n_children; j++) {
        const char *own = t->schema.children[j]->name;
        if (own && strlen(own) == length && !memcmp(own, name, length))
            return j;
    }
    return -1;
}

static hone_status no_column(const char *option, const char *name, size_t length, hone_error *error)
{
    return hone_fail(error, HONE_BAD_ARGUMENT, option, "there is no column \"%.*s\"", (int)length,
                     name);
}

static hone_status find_role(const hone_arrow *t, const char *option, const char *name, int64_t *j,
                             hone_error *error)
{
    *j = -1;
    if (!name)
        return HONE_OK;
    *j = column_named(t, name, strlen(name));
    if (*j < 0)
        *j = hone_column_number(name, t->schema.n_children);
    return *j < 0 ? no_column(option, name, strlen(name), error) : HONE_OK;
}

static hone_status mark_listed(const hone_arrow *t, const char *option, const char *list,
                               bool *marked, hone_error *error)
{
    const char *item;
    size_t length;
    for (int64_t i = 0; hone_list_item(list, i, &item, &length); i++) {
        const int64_t j = column_named(t, item, length);
        if (j < 0)
            return no_column(option, item, length, error);
        marked[j] = true;
    }
    return HONE_OK;
}

static hone_status read_roles(const hone_arrow *t, roles *s, hone_error *error)
{
    const hone_read_options *o = t->r->options;
    s->drop = HONE_NEW(t->r->memory, bool, t->schema.n_children, 1);
    s->categorical = HONE_NEW(t->r->memory, bool, t->schema.n_children, 1);
    if (!s->drop || !s->categorical)
        return hone_no_memory(error);
    HONE_TRY(find_role(t, "options.target", o->target, &s->target, error));
    HONE_TRY(find_role(t, "options.weight", o->weight, &s->weight, error));
    HONE_TRY(mark_listed(t, "options.drop", o->drop, s->drop, error));
    HONE_TRY(mark_listed(t, "options.categorical", o->categorical, s->categorical, error));
    if (s->target >= 0 && s->target == s->weight)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.weight",
                         "the column is the target, so it cannot be the weight");
    if ((s->target >= 0 && s->drop[s->target]) || (s->weight >= 0 && s->drop[s->weight]))
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.drop",
                         "a column is dropped that is the target or the weight");
    return HONE_OK;
}

/* Codes and their names as texts: what a target is. */
static hone_status texts(const hone_arrow *t, hone_arrow_column *c, hone_vector *y,
                         hone_error *error)
{
    *y = c->column.values;
    if (!c->column.levels)
        return HONE_OK;
    const char **text = HONE_RAW(t->r->memory, const char *, t->rows, 1);
    if (!text)
        return hone_no_memory(error);
    const int32_t *code = c->column.values.values;
    for (int64_t i = 0; i < t->rows; i++)
        text[i] = code[i] < 0 ? NULL : c->column.levels[code[i]];
    *y = (hone_vector){.values = text, .dtype = HONE_TEXT};
    return HONE_OK;
}

static hone_status make(const hone_arrow *t, const roles *s, hone_arrow_column *taken,
                        hone_column *column, hone_dataset **dataset, hone_error *error)
{
    hone_dataset_options *options = &t->r->dataset;
    hone_vector y = {0};
    int64_t kept = 0;
    for (int64_t j = 0; j < t->schema.n_children; j++) {
        hone_arrow_column *c = &taken[j];
        if (s->drop[j])
            continue;
        c->column.type = s->categorical[j] ? HONE_CATEGORICAL : HONE_AUTO;
        HONE_TRY(
            hone_reading_poll(t->r, 0.5 + 0.5 * (double)j / (double)t->schema.n_children, error));
        HONE_TRY(hone_arrow_take_column(t, j, c, error));
        if (j == s->target)
            HONE_TRY(texts(t, c, &y, error));
        else if (j == s->weight && c->column.levels)
            return hone_fail(error, HONE_BAD_DATA, "data.weight", "weights are numbers, not text");
        else if (j == s->weight)
            options->weight = c->column.values;
        else
            column[kept++] = c->column;
    }
    if (!kept)
        return hone_fail(error, HONE_BAD_DATA, "data.schema",
                         "no column is left besides target, weight and dropped ones");
    if (s->target >= 0 && !options->target_name)
        options->target_name = taken[s->target].column.name;
    return hone_dataset_columns(column, kept, t->rows, y, options, dataset, error);
}

static hone_status convert(const hone_arrow *t, hone_dataset **dataset, hone_error *error)
{
    roles s;
    const int64_t cols = t->schema.n_children;
    if (!t->rows)
        return hone_fail(error, HONE_BAD_DATA, "data.array", "no rows; at least one is needed");
    HONE_TRY(read_roles(t, &s, error));
    hone_arrow_column *taken = HONE_NEW(t->r->memory, hone_arrow_column, cols, 1);
    hone_column *column = HONE_NEW(t->r->memory, hone_column, cols, 1);
    if (!taken || !column)
        return hone_no_memory(error);
    const hone_status status = make(t, &s, taken, column, dataset, error);
    for (int64_t j = 0; j < cols; j++)
        hone_dictionary_free(&taken[j].words);
    return status;
}

/* ---- batches ---- */

static hone_status add_chunk(hone_arrow *t, struct ArrowArray *chunk, hone_error *error)
{
    hone_status status = hone_arrow_check_chunk(&t->schema, chunk, error);
    int64_t rows = 0;
    if (!status && __builtin_add_overflow(t->rows, chunk->length, &rows))
        status = hone_fail(error, HONE_BAD_DATA, "data.array", "more than 2^63 rows");
    if (!status && !hone_grow(&t->r->account, &t->chunk, &t->room, t->chunks + 1, sizeof *t->chunk))
        status = hone_no_memory(error);
    if (status) {
        chunk->release(chunk);
        return status;
    }
    t->chunk[t->chunks++] = *chunk; /* a move: the structure may lie anywhere */
    chunk->release = NULL;
    t->rows = rows;
    return HONE_OK;
}

static hone_status finish(hone_arrow *t, hone_status status, hone_dataset **dataset,
                          hone_error *error)
{
    if (!status)
        status = convert(t, dataset, error);
    for (int64_t k = 0; k < t->chunks; k++)
        t->chunk[k].release(&t->chunk[k]);
    hone_account_give(&t->r->account, t->room * (int64_t)sizeof *t->chunk);
    hone_free(t->chunk);
    if (t->schema.release)
        t->schema.release(&t->schema);
    return status;
}

static hone_status read_batch(hone_reading *r, struct ArrowArray *batch, struct ArrowSchema *schema,
                              hone_dataset **dataset, hone_error *error)
{
    hone_arrow t = {.r = r, .schema = *schema};
    schema->release = NULL;
    hone_status status = hone_arrow_check_schema(&t.schema, error);
    if (!status)
        status = add_chunk(&t, batch, error);
    return finish(&t, status, dataset, error);
}

static hone_status broken(struct ArrowArrayStream *stream, int code, hone_error *error)
{
    const char *why = stream->get_last_error ? stream->get_last_error(stream) : NULL;
    return hone_fail(error, HONE_IO, "data.stream", "error %d: %.300s", code,
                     why ? why : "the stream says no more");
}

static hone_status read_chunks(hone_arrow *t, struct ArrowArrayStream *stream, hone_error *error)
{
    for (;;) {
        struct ArrowArray chunk = {0};
        HONE_TRY(hone_reading_poll(t->r, 0.5 - 0.5 / (double)(t->chunks + 1), error));
        const int code = stream->get_next(stream, &chunk);
        if (code)
            return broken(stream, code, error);
        if (!chunk.release)
            return HONE_OK;
        HONE_TRY(add_chunk(t, &chunk, error));
    }
}

static hone_status read_stream(hone_reading *r, struct ArrowArrayStream *stream,
                               hone_dataset **dataset, hone_error *error)
{
    hone_arrow t = {.r = r};
    const int code = stream->get_schema(stream, &t.schema);
    hone_status status = HONE_OK;
    if (code) {
        t.schema.release = NULL;
        status = broken(stream, code, error);
    } else if (!t.schema.release)
        status = hone_fail(error, HONE_BAD_DATA, "data.schema", "the stream has no schema");
    if (!status)
        status = hone_arrow_check_schema(&t.schema, error);
    if (!status)
        status = read_chunks(&t, stream, error);
    return finish(&t, status, dataset, error);
}

/* ---- the calls ---- */

hone_status hone_dataset_arrow(struct ArrowArray *batch, struct ArrowSchema *schema,
                               const hone_read_options *options, hone_dataset **dataset,
                               hone_error *error)
{
    hone_read_options own;
    hone_reading r;
    hone_status status = HONE_OK;
    if (dataset)
        *dataset = NULL;
    if (!batch || !schema || !dataset || !batch->release || !schema->release)
        status = hone_fail(error, HONE_BAD_ARGUMENT, "data.array",
                           "batch, schema or dataset is NULL, or was released already");
    if (!status)
        status = hone_reading_open(&r, "data", options, &own, error);
    if (!status) {
        status = read_batch(&r, batch, schema, dataset, error);
        hone_arena_close(r.memory);
    }
    if (batch && batch->release)
        batch->release(batch);
    if (schema && schema->release)
        schema->release(schema);
    return status;
}

hone_status hone_dataset_arrow_stream(struct ArrowArrayStream *stream,
                                      const hone_read_options *options, hone_dataset **dataset,
                                      hone_error *error)
{
    hone_read_options own;
    hone_reading r;
    if (dataset)
        *dataset = NULL;
    if (!stream || !stream->release)
        return hone_fail(error, HONE_BAD_ARGUMENT, "data.stream",
                         "is NULL or was released already");
    hone_status status = dataset ? hone_reading_open(&r, "data", options, &own, error)
                                 : hone_fail(error, HONE_BAD_ARGUMENT, "dataset", "is NULL");
    if (!status) {
        status = read_stream(&r, stream, dataset, error);
        hone_arena_close(r.memory);
    }
    stream->release(stream);
    return status;
}
