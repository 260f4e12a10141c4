/* How a table was read, as JSON beside what was trained on it, and back into options. */
#include <stddef.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "data/read.h"

static const struct {
    const char *name;
    size_t offset;
} TEXTS[] = {
    {"target", offsetof(hone_read_options, target)},
    {"weight", offsetof(hone_read_options, weight)},
    {"categorical", offsetof(hone_read_options, categorical)},
    {"drop", offsetof(hone_read_options, drop)},
    {"na", offsetof(hone_read_options, na)},
    {"labels", offsetof(hone_read_options, labels)},
    {"class_weight", offsetof(hone_read_options, class_weight)},
};
static const struct {
    const char *name;
    size_t offset;
} MARKS[] = {
    {"delimiter", offsetof(hone_read_options, delimiter)},
    {"decimal", offsetof(hone_read_options, decimal)},
};
enum { TEXT_COUNT = sizeof TEXTS / sizeof *TEXTS, MARK_COUNT = sizeof MARKS / sizeof *MARKS };

const char *const hone_format_names[HONE_FORMATS] = {"", "csv", "svmlight", "npy", "npz"};
static const char *const TASKS[] = {"", "classification", "regression"};

/* ---- out ---- */

static void add_key(hone_text *t, const char *name)
{
    hone_text_add(t, t->length > 1 ? "," : "");
    hone_text_quoted(t, name);
    hone_text_add(t, ":");
}

static void add_text(hone_text *t, const char *name, const char *value)
{
    if (!value)
        return;
    add_key(t, name);
    hone_text_quoted(t, value);
}

static void add_count(hone_text *t, const char *name, int64_t value)
{
    if (!value)
        return;
    add_key(t, name);
    hone_text_integer(t, value);
}

char *hone_reading_text(const hone_read_options *o, hone_task task)
{
    hone_text t = {0};
    hone_text_add(&t, "{");
    add_text(&t, "format", o->format ? hone_format_names[o->format] : NULL);
    for (int k = 0; k < TEXT_COUNT; k++) {
        const char *value;
        memcpy(&value, (const char *)o + TEXTS[k].offset, sizeof value);
        add_text(&t, TEXTS[k].name, value);
    }
    for (int k = 0; k < MARK_COUNT; k++) {
        const char mark[2] = {*((const char *)o + MARKS[k].offset), 0};
        add_text(&t, MARKS[k].name, *mark ? mark : NULL);
    }
    if (o->no_header) {
        add_key(&t, "no_header");
        hone_text_add(&t, "true");
    }
    add_count(&t, "zero_based", o->zero_based);
    add_count(&t, "features", o->features);
    add_text(&t, "task", task ? TASKS[task] : NULL);
    hone_text_add(&t, "}");
    return hone_text_take(&t);
}

/* ---- back ---- */

typedef struct recall {
    const cJSON *tree;
    const char *path;
    hone_arena *memory;
    hone_error *error;
} recall;

static hone_status wrong(const recall *r, const char *name)
{
    return hone_fail(r->error, HONE_CORRUPT, r->path,
                     "\"%s\" of the way the table was read is none that there is", name);
}

static hone_status text_of(const recall *r, const char *name, const char **value)
{
    const cJSON *node = hone_json_get(r->tree, name);
    if (!node || *value)
        return HONE_OK;
    if (!cJSON_IsString(node))
        return wrong(r, name);
    *value = hone_arena_text(r->memory, node->valuestring);
    return *value ? HONE_OK : hone_no_memory(r->error);
}

static hone_status mark_of(const recall *r, const char *name, char *value)
{
    const cJSON *node = hone_json_get(r->tree, name);
    if (!node || *value)
        return HONE_OK;
    if (!cJSON_IsString(node) || strlen(node->valuestring) != 1)
        return wrong(r, name);
    *value = *node->valuestring;
    return HONE_OK;
}

static hone_status count_of(const recall *r, const char *name, int64_t most, int64_t *value)
{
    const cJSON *node = hone_json_get(r->tree, name);
    if (!node || *value)
        return HONE_OK;
    return hone_json_integer(node, value) && *value >= 0 && *value <= most ? HONE_OK
                                                                           : wrong(r, name);
}

/* A word by its place in a list; the first stands for "not given". */
static hone_status word_of(const recall *r, const char *name, const char *const *words, int count,
                           int *value)
{
    const char *word = NULL;
    HONE_TRY(text_of(r, name, &word));
    if (!word || *value)
        return HONE_OK;
    for (*value = 1; *value < count; ++*value)
        if (!strcmp(words[*value], word))
            return HONE_OK;
    return wrong(r, name);
}

static hone_status fill(const recall *r, hone_read_options *o)
{
    int format = (int)o->format, task = (int)o->dataset.task;
    int64_t zero_based = o->zero_based;
    for (int k = 0; k < TEXT_COUNT; k++)
        HONE_TRY(text_of(r, TEXTS[k].name, (const char **)(void *)((char *)o + TEXTS[k].offset)));
    for (int k = 0; k < MARK_COUNT; k++)
        HONE_TRY(mark_of(r, MARKS[k].name, (char *)o + MARKS[k].offset));
    HONE_TRY(word_of(r, "format", hone_format_names, HONE_FORMATS, &format));
    HONE_TRY(word_of(r, "task", TASKS, sizeof TASKS / sizeof *TASKS, &task));
    HONE_TRY(count_of(r, "zero_based", 2, &zero_based));
    HONE_TRY(count_of(r, "features", INT32_MAX, &o->features));
    o->format = (hone_format)format;
    o->dataset.task = (hone_task)task;
    o->zero_based = (int)zero_based;
    o->no_header |= cJSON_IsTrue(hone_json_get(r->tree, "no_header"));
    return HONE_OK;
}

hone_status hone_reading_recall(const char *text, const char *path, hone_arena *memory,
                                hone_read_options *options, hone_error *error)
{
    cJSON *tree = NULL;
    const size_t length = strlen(text);
    const hone_json_limits limits = {length, 32, length, length};
    HONE_TRY(hone_json_parse(text, length, &limits, path, &tree, error));
    const hone_status status = fill(&(recall){tree, path, memory, error}, options);
    cJSON_Delete(tree);
    return status;
}
