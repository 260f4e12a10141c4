/* The handle: made from a draft, shared by references, asked about itself. */
#include "data/dataset.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "data/draft.h"
#include "data/values.h"
#include "toolbox/run.h"

enum { NAME = 24 }; /* "x" and any int64 */

/* ---- references ---- */

hone_dataset *hone_dataset_retain(hone_dataset *dataset)
{
    if (dataset)
        atomic_fetch_add_explicit(&dataset->references, 1, memory_order_relaxed);
    return dataset;
}

void hone_dataset_free(hone_dataset *dataset)
{
    if (!dataset || atomic_fetch_sub_explicit(&dataset->references, 1, memory_order_acq_rel) > 1)
        return;
    hone_cache_close(dataset->cache);
    hone_dataset_free(dataset->valid);
    hone_dataset_free(dataset->origin);
    hone_free(atomic_load(&dataset->made_names));
    hone_arena_close(dataset->memory);
    if (dataset->release)
        dataset->release(dataset->owner);
    hone_free(dataset);
}

/* ---- questions ---- */

int64_t hone_dataset_rows(const hone_dataset *dataset)
{
    return dataset ? dataset->table.rows : 0;
}

int64_t hone_dataset_cols(const hone_dataset *dataset)
{
    return dataset ? dataset->table.cols : 0;
}

hone_task hone_dataset_task(const hone_dataset *dataset)
{
    return dataset ? dataset->task : (hone_task)0;
}

int64_t hone_dataset_classes(const hone_dataset *dataset)
{
    return dataset ? dataset->classes.count : 0;
}

const char *hone_dataset_class(const hone_dataset *dataset, int64_t k)
{
    return k >= 0 && k < hone_dataset_classes(dataset) ? dataset->classes.text[k] : NULL;
}

int64_t hone_dataset_levels(const hone_dataset *dataset, int64_t j)
{
    const bool given = dataset && dataset->column && j >= 0 && j < dataset->table.cols;
    return given ? dataset->column[j].levels.count : 0;
}

const char *hone_dataset_level(const hone_dataset *dataset, int64_t j, int64_t level)
{
    return level >= 0 && level < hone_dataset_levels(dataset, j)
               ? dataset->column[j].levels.text[level]
               : NULL;
}

uint64_t hone_dataset_fingerprint(const hone_dataset *dataset)
{
    return dataset ? dataset->fingerprint : 0;
}

void hone_dataset_cache_stats(const hone_dataset *dataset, hone_cache_stats *stats)
{
    if (dataset && stats)
        hone_cache_read_stats(dataset->cache, stats);
}

const char *hone_column_name(const hone_dataset *dataset, int64_t j, char buffer[32])
{
    if (dataset->column)
        return dataset->column[j].name;
    snprintf(buffer, 32, "x%lld", (long long)j);
    return buffer;
}

/* Wide sparse data has no names until somebody wants a pointer to one. */
const char *hone_dataset_column_name(const hone_dataset *dataset, int64_t j)
{
    if (j < 0 || j >= hone_dataset_cols(dataset))
        return NULL;
    if (dataset->column)
        return dataset->column[j].name;
    _Atomic(char *) *made = &((hone_dataset *)(uintptr_t)dataset)->made_names;
    char *names = atomic_load(made);
    if (!names) {
        names = hone_alloc((size_t)dataset->table.cols * NAME);
        if (!names)
            return NULL;
        for (int64_t k = 0; k < dataset->table.cols; k++)
            snprintf(names + k * NAME, NAME, "x%lld", (long long)k);
        char *first = NULL;
        if (!atomic_compare_exchange_strong(made, &first, names)) {
            hone_free(names);
            names = first;
        }
    }
    return names + j * NAME;
}

/* ---- places ---- */

void hone_place_cell(char path[96], int64_t i, int64_t j)
{
    snprintf(path, 96, "data.x[%lld,%lld]", (long long)i, (long long)j);
}

void hone_place_element(char path[96], const char *vector, int64_t i)
{
    snprintf(path, 96, "%s[%lld]", vector, (long long)i);
}

hone_status hone_fail_at(hone_error *error, hone_status status, const char *path)
{
    if (error)
        snprintf(error->path, sizeof error->path, "%s", path);
    return status;
}

/* ---- drafts ---- */

void hone_draft_log(const hone_draft *draft, hone_level level, const char *format, ...)
{
    if (!draft->options.log)
        return;
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    hone_print(line, sizeof line, format, arguments);
    va_end(arguments);
    hone_text_mend(line);
    draft->options.log(draft->options.context, level, line);
}

/* A struct of an older or newer caller: absent members are 0, unknown ones must be. */
static hone_status read_options(const hone_dataset_options *from, hone_dataset_options *to,
                                hone_error *error)
{
    *to = (hone_dataset_options){.size = sizeof *to};
    if (!from)
        return HONE_OK;
    if (from->size < sizeof from->size)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.size",
                         "%zu is no size of this struct; set it to sizeof(hone_dataset_options)",
                         from->size);
    const unsigned char *bytes = (const unsigned char *)from;
    for (size_t k = sizeof *to; k < from->size; k++)
        if (bytes[k])
            return hone_fail(error, HONE_BAD_ARGUMENT, "options.size",
                             "options of a newer version are set, which this library lacks");
    memcpy(to, from, from->size < sizeof *to ? from->size : sizeof *to);
    if (to->task && to->task != HONE_CLASSIFICATION && to->task != HONE_REGRESSION)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.task", "%d is no task", (int)to->task);
    HONE_TRY(hone_threads_check(to->threads, "options.threads", error));
    if (to->cache_bytes < -1)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.cache_bytes",
                         "%lld must be a number of bytes, 0 (1 GiB) or -1 (keep nothing)",
                         (long long)to->cache_bytes);
    return HONE_OK;
}

/* Default names "x0", "x1", ... in one block. */
static bool number_columns(hone_draft *draft, int64_t cols)
{
    char *names = HONE_RAW(draft->dataset->memory, char, cols, NAME);
    for (int64_t j = 0; names && j < cols; j++) {
        draft->column[j].name = names + j * NAME;
        snprintf(names + j * NAME, NAME, "x%lld", (long long)j);
    }
    return names != NULL;
}

static hone_status name_columns(hone_draft *draft, int64_t cols, hone_error *error)
{
    const char *const *names = draft->options.names;
    hone_dataset *d = draft->dataset;
    char path[96];
    int32_t *code = HONE_RAW(draft->scratch, int32_t, cols, 1);
    const hone_vector vector = {.values = names, .dtype = HONE_TEXT};
    const hone_encoding encoding = {.values = &vector, .rows = cols};
    hone_values distinct;
    int64_t missing, at;
    if (!code)
        return hone_no_memory(error);
    hone_status status =
        hone_values_encode(&encoding, draft->scratch, code, &distinct, &missing, &at, error);
    hone_place_element(path, "data.columns", at);
    if (status)
        return at < 0 ? status : hone_fail_at(error, status, path);
    bool *seen = HONE_NEW(draft->scratch, bool, distinct.count, 1);
    if (!seen)
        return hone_no_memory(error);
    for (int64_t j = 0; j < cols; j++) {
        hone_place_element(path, "data.columns", j);
        if (code[j] < 0)
            return hone_fail(error, HONE_BAD_DATA, path, "the name is NULL");
        if (seen[code[j]])
            return hone_fail(error, HONE_BAD_DATA, path,
                             "the name '%s' is given twice; names must differ", names[j]);
        seen[code[j]] = true;
        draft->column[j].name = hone_arena_text(d->memory, names[j]);
        if (!draft->column[j].name)
            return hone_no_memory(error);
    }
    d->named = true;
    return HONE_OK;
}

static hone_status describe_columns(hone_draft *draft, int64_t cols, hone_error *error)
{
    hone_dataset *d = draft->dataset;
    draft->column = HONE_NEW(d->memory, hone_column_info, cols, 1);
    d->column = draft->column;
    if (!draft->column)
        return hone_no_memory(error);
    for (int64_t j = 0; j < cols; j++)
        draft->column[j].type = HONE_NUMERIC;
    if (draft->options.names)
        return name_columns(draft, cols, error);
    return number_columns(draft, cols) ? HONE_OK : hone_no_memory(error);
}

hone_status hone_draft_open(hone_draft *draft, int64_t rows, int64_t cols, bool described,
                            const char *const *names, const hone_dataset_options *options,
                            hone_error *error)
{
    *draft = (hone_draft){0};
    HONE_TRY(read_options(options, &draft->options, error));
    if (names)
        draft->options.names = names;
    if (rows < 1 || cols < 1)
        return hone_fail(error, HONE_BAD_DATA, "data.x",
                         "%lld rows and %lld columns; at least one of each is needed",
                         (long long)rows, (long long)cols);
    hone_dataset *d = draft->dataset = hone_alloc(sizeof *d);
    if (!d)
        return hone_no_memory(error);
    atomic_init(&d->references, 1);
    d->memory = hone_arena_open(NULL);
    draft->scratch = hone_arena_open(NULL);
    if (!d->memory || !draft->scratch)
        return hone_no_memory(error);
    d->table.rows = rows;
    d->table.cols = d->table.stored_cols = cols;
    const char *target = draft->options.target_name;
    d->target_name = hone_arena_text(d->memory, target ? target : "target");
    if (!d->target_name)
        return hone_no_memory(error);
    return described || draft->options.names ? describe_columns(draft, cols, error) : HONE_OK;
}

void hone_dataset_seal(hone_dataset *d)
{
    const uint64_t parts[] = {d->table_id, d->labels_id, d->valid ? d->valid->fingerprint : 0};
    d->fingerprint = hone_hash(d->task, parts, sizeof parts);
}

static hone_status complete(hone_draft *draft, const hone_vector *y, hone_error *error)
{
    hone_dataset *d = draft->dataset;
    HONE_TRY(hone_draft_inspect(draft, error));
    HONE_TRY(hone_draft_target(draft, y, error));
    if (draft->options.valid)
        HONE_TRY(hone_dataset_take_valid(d, draft->options.valid, &draft->options, error));
    hone_dataset_seal(d);
    const int64_t bytes = draft->options.cache_bytes;
    d->cache = hone_cache_open(bytes == 0 ? INT64_C(1) << 30 : bytes < 0 ? 0 : bytes);
    return d->cache ? HONE_OK : hone_no_memory(error);
}

hone_status hone_draft_close(hone_draft *draft, hone_status status, hone_vector y,
                             hone_dataset **dataset, hone_error *error)
{
    if (!status)
        status = complete(draft, &y, error);
    hone_arena_close(draft->scratch);
    if (status)
        hone_dataset_free(draft->dataset);
    else
        *dataset = draft->dataset;
    return status;
}
