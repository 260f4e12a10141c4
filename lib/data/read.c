/* Files: which reader, and what all readers share. */
#define _GNU_SOURCE
#include "data/read.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "data/draft.h"

enum { SMALL = 1 << 18 };

const char *hone_place(char place[HONE_PLACE_SIZE], const char *file, int64_t line, int64_t column)
{
    char position[48] = "";
    int used = 0;
    if (line > 0)
        used = snprintf(position, sizeof position, ":%lld", (long long)line);
    if (line > 0 && column > 0)
        snprintf(position + used, sizeof position - (size_t)used, ":%lld", (long long)column);
    const size_t room = HONE_PLACE_SIZE - 1 - strlen(position), length = strlen(file);
    const bool cut = length > room;
    const char *shown = cut ? file + length - (room - 3) : file;
    snprintf(place, HONE_PLACE_SIZE, "%s%.90s", cut ? "..." : "", shown);
    strcat(place, position);
    return place;
}

bool hone_list_item(const char *list, int64_t k, const char **item, size_t *length)
{
    while (list && *list) {
        *item = list;
        *length = strcspn(list, ",");
        list += *length + (list[*length] == ',');
        if (*length && k-- == 0)
            return true;
    }
    return false;
}

int64_t hone_column_number(const char *text, int64_t cols)
{
    int64_t j;
    if (!hone_integer_read(text, strlen(text), &j) || j < -cols || j >= cols)
        return -1;
    return j < 0 ? j + cols : j;
}

hone_status hone_reading_poll(const hone_reading *r, double fraction, hone_error *error)
{
    const hone_read_options *o = r->options;
    if (o->poll && o->poll(o->dataset.context, fraction))
        return hone_fail(error, HONE_STOPPED, r->file, "the caller asked to stop");
    return HONE_OK;
}

const hone_run *hone_reading_run(const hone_reading *r, int64_t bytes)
{
    return bytes < SMALL ? &r->alone : &r->run;
}

/* ---- which format ---- */

typedef hone_status (*reader)(hone_reading *r, hone_dataset **dataset, hone_error *error);

typedef struct form {
    const char *ending;
    hone_format format;
    reader read;
    bool text; /* may be inside gzip */
} form;

static const form FORMATS[] = {
    {".csv", HONE_CSV, hone_read_csv, true},
    {".tsv", HONE_CSV, hone_read_csv, true},
    {".svm", HONE_SVMLIGHT, hone_read_svmlight, true},
    {".svmlight", HONE_SVMLIGHT, hone_read_svmlight, true},
    {".libsvm", HONE_SVMLIGHT, hone_read_svmlight, true},
    {".npy", HONE_NPY, hone_read_npy, false},
    {".npz", HONE_NPZ, hone_read_npz, false},
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Capitals or not. */
static bool ends_with(const char *name, size_t length, const char *ending)
{
    const size_t n = strlen(ending);
    size_t same = 0;
    while (length > n && same < n && lower(name[length - n + same]) == ending[same])
        same++;
    return same == n;
}

bool hone_file_is_tsv(const char *file)
{
    const size_t length = strlen(file);
    return ends_with(file, length, ".tsv") || ends_with(file, length, ".tsv.gz");
}

static hone_status find_form(hone_reading *r, const form **found, hone_error *error)
{
    const hone_format asked = r->options->format;
    size_t length = strlen(r->file);
    r->gzip = ends_with(r->file, length, ".gz");
    length -= r->gzip ? 3 : 0;
    *found = NULL;
    for (size_t k = 0; !*found && k < sizeof FORMATS / sizeof *FORMATS; k++)
        if (asked ? FORMATS[k].format == asked : ends_with(r->file, length, FORMATS[k].ending))
            *found = &FORMATS[k];
    char place[HONE_PLACE_SIZE];
    if (r->gzip && *found && !(*found)->text)
        return hone_fail(error, HONE_BAD_ARGUMENT, hone_place(place, r->file, 0, 0),
                         ".gz goes around text formats only");
    if (*found)
        return HONE_OK;
    if (asked)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.format", "%d is no format", (int)asked);
    return hone_fail(error, HONE_BAD_ARGUMENT, hone_place(place, r->file, 0, 0),
                     "the name does not end in .csv, .tsv, .svm, .svmlight, .libsvm, .npy or .npz "
                     "(.gz after a text format); say which format it is");
}

/* Options that a format has no use for are refused, not passed over. */
static hone_status check_use(const hone_reading *r, hone_format format, hone_error *error)
{
    const hone_read_options *o = r->options;
    const struct {
        const char *option, *flag;
        hone_format format;
        bool given;
    } own[] = {
        {"options.na", "--na", HONE_CSV, o->na},
        {"options.delimiter", "--delimiter", HONE_CSV, o->delimiter},
        {"options.decimal", "--decimal", HONE_CSV, o->decimal},
        {"options.no_header", "--no-header", HONE_CSV, o->no_header},
        {"options.features", "--columns", HONE_SVMLIGHT, o->features},
        {"options.zero_based", "--first-index", HONE_SVMLIGHT, o->zero_based},
        {"options.labels", "--labels", HONE_NPY, o->labels},
    };
    for (size_t k = 0; k < sizeof own / sizeof *own; k++)
        if (own[k].given && own[k].format != format)
            return hone_fail(error, HONE_BAD_ARGUMENT, own[k].option,
                             "%s is for %s files, and \"%.200s\" is read as %s", own[k].flag,
                             hone_format_names[own[k].format], r->file, hone_format_names[format]);
    return HONE_OK;
}

/* ---- the call ---- */

/* Members that an older caller does not know are 0. */
static hone_status copy_options(const hone_read_options *from, hone_read_options *to,
                                hone_error *error)
{
    *to = (hone_read_options){.size = sizeof *to};
    if (!from)
        return HONE_OK;
    if (from->size < sizeof from->size || from->size > sizeof *to)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.size",
                         "%zu is no size of this struct; set it to sizeof(hone_read_options)",
                         from->size);
    memcpy(to, from, from->size);
    HONE_TRY(hone_threads_check(to->dataset.threads, "options.dataset.threads", error));
    if (to->max_bytes < 0)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.max_bytes", "%lld is negative",
                         (long long)to->max_bytes);
    return HONE_OK;
}

static void open_run(hone_reading *r)
{
    const hone_read_options *o = r->options;
    r->account.cap = o->max_bytes;
    r->run = (hone_run){.threads = hone_threads_of(o->dataset.threads),
                        .isa = HONE_ISA_PORTABLE,
                        .account = &r->account,
                        .work = &r->work,
                        .stop = &r->stop,
                        .polled = &r->polled};
    r->alone = r->run;
    r->alone.threads = 1;
    r->dataset = o->dataset;
    r->dataset.size = sizeof r->dataset;
    r->dataset.names = NULL;
    r->dataset.categorical = NULL;
    r->dataset.weight = (hone_vector){0};
}

/* "yes=2,no=1" */
static hone_status read_class_weights(hone_reading *r, hone_error *error)
{
    const char *list = r->options->class_weight, *item;
    size_t length;
    int64_t count = 0;
    if (!list)
        return HONE_OK;
    if (r->dataset.n_class_weights)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.class_weight", "is given twice");
    while (hone_list_item(list, count, &item, &length))
        count++;
    hone_class_weight *all = HONE_NEW(r->memory, hone_class_weight, count, 1);
    if (!all)
        return hone_no_memory(error);
    for (int64_t i = 0; i < count; i++) {
        hone_list_item(list, i, &item, &length);
        const char *mark = memrchr(item, '=', length);
        const size_t name = mark ? (size_t)(mark - item) : 0;
        char *label = HONE_NEW(r->memory, char, (int64_t)name + 1, 1);
        if (!label)
            return hone_no_memory(error);
        memcpy(label, item, name);
        all[i].label = label;
        if (!mark || !hone_number_read(mark + 1, length - name - 1, '.', &all[i].weight))
            return hone_fail(error, HONE_BAD_ARGUMENT, "options.class_weight",
                             "\"%.*s\" is not LABEL=WEIGHT", (int)(length < 100 ? length : 100),
                             item);
    }
    r->dataset.class_weight = all;
    r->dataset.n_class_weights = count;
    return HONE_OK;
}

hone_status hone_reading_open(hone_reading *r, const char *file, const hone_read_options *options,
                              hone_read_options *own, hone_error *error)
{
    *r = (hone_reading){.file = file, .options = own};
    HONE_TRY(copy_options(options, own, error));
    open_run(r);
    r->memory = hone_arena_open(&r->account);
    if (!r->memory)
        return hone_no_memory(error);
    const hone_status status = read_class_weights(r, error);
    if (status)
        hone_arena_close(r->memory);
    return status;
}

/* What the schema says unless the caller does. */
static void follow(hone_reading *r, hone_read_options *own, const hone_schema *schema)
{
    r->schema = schema;
    if (!own->na)
        own->na = schema->na;
    if (!own->features)
        own->features = schema->cols;
    if (!own->zero_based)
        own->zero_based = (int)schema->base;
    if (!r->dataset.task)
        r->dataset.task = schema->task;
}

static hone_status take_valid_file(const hone_reading *r, hone_dataset *d, hone_error *error)
{
    hone_read_options o = *r->options;
    if (o.dataset.valid)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.valid_file",
                         "validation rows are given twice: also as a dataset");
    if (o.labels)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.labels",
                         "is one file and cannot label the validation rows too; name a target");
    const hone_schema schema = hone_dataset_schema(d);
    const char *file = o.valid_file;
    hone_dataset *valid;
    o.valid_file = NULL;
    o.class_weight = NULL; /* they weigh as classes of `d` */
    o.dataset.class_weight = NULL, o.dataset.n_class_weights = 0;
    HONE_TRY(hone_dataset_read_as(file, &o, &schema, &valid, error));
    const hone_status status = hone_dataset_take_valid(d, valid, &r->dataset, error);
    hone_dataset_free(valid);
    hone_dataset_seal(d);
    return status;
}

/* For the records of what is trained on it. */
static hone_status keep_reading(const hone_reading *r, hone_dataset *d, hone_error *error)
{
    char *text = hone_reading_text(r->options, d->task);
    d->reading = text ? hone_arena_text(d->memory, text) : NULL;
    hone_free(text);
    return d->reading ? HONE_OK : hone_no_memory(error);
}

static hone_status read_both(hone_reading *r, hone_read_options *own, const hone_schema *schema,
                             hone_dataset **dataset, hone_error *error)
{
    const form *found;
    HONE_TRY(find_form(r, &found, error));
    HONE_TRY(check_use(r, found->format, error));
    if (schema)
        follow(r, own, schema);
    HONE_TRY(found->read(r, dataset, error));
    hone_status status = keep_reading(r, *dataset, error);
    if (!status && r->options->valid_file)
        status = take_valid_file(r, *dataset, error);
    if (status) {
        hone_dataset_free(*dataset);
        *dataset = NULL;
    }
    return status;
}

hone_status hone_dataset_read(const char *file, const hone_read_options *options,
                              hone_dataset **dataset, hone_error *error)
{
    return hone_dataset_read_as(file, options, NULL, dataset, error);
}

hone_status hone_dataset_read_as(const char *file, const hone_read_options *options,
                                 const hone_schema *schema, hone_dataset **dataset,
                                 hone_error *error)
{
    hone_read_options own;
    hone_reading r;
    if (!dataset)
        return hone_fail(error, HONE_BAD_ARGUMENT, "dataset", "is NULL");
    *dataset = NULL;
    if (!file)
        return hone_fail(error, HONE_BAD_ARGUMENT, "file", "is NULL");
    HONE_TRY(hone_reading_open(&r, file, options, &own, error));
    const hone_status status = read_both(&r, &own, schema, dataset, error);
    hone_arena_close(r.memory);
    char place[HONE_PLACE_SIZE];
    return status == HONE_NO_MEMORY && own.max_bytes
               ? hone_fail(error, HONE_NO_MEMORY, hone_place(place, file, 0, 0),
                           "needs more than the %lld bytes that it may take",
                           (long long)own.max_bytes)
               : status;
}
