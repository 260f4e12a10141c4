/* Records into options. Files are not trusted: a member that is missing or of another kind makes
 * the file corrupt; values are checked like any caller's options when they are used. */
#include "core/past.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "hone/hone.h"

enum { LARGEST = 1 << 30 };

typedef struct reader {
    const char *file;
    hone_arena *arena;
    hone_pasts *pasts;
    hone_past common; /* a journal: what its first line says of every trial */
    hone_error *error;
} reader;

static hone_status wrong(const reader *r, int64_t line, const char *why)
{
    char path[96], place[32] = "";
    if (line)
        snprintf(place, sizeof place, ":%lld", (long long)line);
    hone_text_join(path, sizeof path, r->file, place, "");
    return hone_fail(r->error, HONE_CORRUPT, path, "%s", why);
}

/* ---- members ---- */

static const char *string(const cJSON *object, const char *key)
{
    const cJSON *node = hone_json_get(object, key);
    return cJSON_IsString(node) ? node->valuestring : NULL;
}

static bool copy_string(const reader *r, const cJSON *object, const char *key, const char **out)
{
    const char *text = string(object, key);
    *out = text ? hone_arena_text(r->arena, text) : NULL;
    return !text || *out;
}

static uint64_t hash(const cJSON *object, const char *key)
{
    unsigned long long value = 0;
    const char *text = string(object, key);
    return text && sscanf(text, "%16llx", &value) == 1 ? value : 0;
}

static double number(const cJSON *object, const char *key, double otherwise)
{
    double value;
    const cJSON *node = hone_json_get(object, key);
    return node && hone_json_number(node, &value) ? value : otherwise;
}

static int64_t integer(const cJSON *object, const char *key)
{
    int64_t value;
    const cJSON *node = hone_json_get(object, key);
    return node && hone_json_integer(node, &value) ? value : 0;
}

static int word(const char *const *words, int count, const char *text)
{
    for (int k = 0; text && k < count; k++)
        if (!strcmp(words[k], text))
            return k;
    return -1;
}

static bool seeds(const cJSON *object, const cJSON *split, hone_past *p)
{
    const cJSON *seed = hone_json_get(object, "seed"), *other = hone_json_get(split, "split_seed");
    return seed && hone_json_unsigned(seed, &p->seed) && other &&
           hone_json_unsigned(other, &p->split_seed);
}

static void set_validation(hone_past *p, const cJSON *from, const char *kind)
{
    hone_options *o = &p->options;
    const int k = !strcmp(kind, "dataset")
                      ? HONE_VALIDATE_AUTO
                      : word(hone_validation_names, HONE_VALIDATE_NONE + 1, kind);
    o->validation = k < 0 ? HONE_VALIDATE_AUTO : (hone_validation)k;
    if (k < 0)
        p->skipped = "its validation is not one of this version";
    else if (k == HONE_VALIDATE_ROWS)
        p->skipped = "the numbers of its validation rows are not in the record";
    if (o->validation == HONE_VALIDATE_HOLDOUT || !strcmp(kind, "auto"))
        o->holdout = number(from, "holdout", 0);
    if (o->validation == HONE_VALIDATE_FOLDS)
        o->folds = (int32_t)integer(from, "folds");
}

/* A run that ended by the clock, by the caller or by memory is outside what is promised. */
static void set_end(hone_past *p, const cJSON *tree, const char *status)
{
    p->warm = cJSON_IsTrue(hone_json_get(tree, "warm_start"));
    const int end = word(hone_end_names, HONE_END_MEMORY + 1, status);
    if (end == HONE_END_DEADLINE)
        p->skipped = "it ended at a deadline";
    else if (end == HONE_END_CANCELLED)
        p->skipped = "it was cancelled";
    else if (end == HONE_END_WORK_LIMIT && p->warm)
        p->skipped = "it began warm and ended at a work limit";
    else if (end == HONE_END_MEMORY || !strcmp(status, hone_status_name(HONE_NO_MEMORY)))
        p->skipped = "it ended at its memory cap";
}

static hone_past *add(const reader *r)
{
    hone_pasts *all = r->pasts;
    if (all->count == all->room) {
        const int64_t room = all->room ? 2 * all->room : 16;
        hone_past *more = hone_realloc(all->past, (size_t)room * sizeof *more);
        if (!more)
            return NULL;
        all->past = more, all->room = room;
    }
    hone_past *p = &all->past[all->count++];
    *p = r->common;
    return p;
}

/* A member as it is written; NULL when there is none. */
static bool copy_json(const reader *r, const char *text, const char *key, const char **out)
{
    size_t length;
    const char *json = text ? hone_json_member(text, key, &length) : NULL;
    char *copy = json ? hone_arena_alloc(r->arena, 1, (int64_t)length + 1, 1) : NULL;
    if (copy)
        memcpy(copy, json, length);
    *out = copy;
    return !json || copy;
}

/* From the part of a record that says how the run went. */
static bool set_kernels(const reader *r, const cJSON *run, hone_past *p)
{
    const int isa = word(hone_isa_names, HONE_ISA_AVX512 + 1, string(run, "kernels"));
    p->options.isa = isa > 0 ? (hone_isa)isa : HONE_ISA_AUTO;
    return copy_string(r, run, "kernels", &p->kernels);
}

/* ---- the record of a training: a model's, or a line of results ---- */

static hone_status read_record(const reader *r, int64_t line, const char *text, const cJSON *tree,
                               hone_error *error)
{
    const cJSON *data = hone_json_get(tree, "data"), *how = hone_json_get(tree, "validation");
    const char *status = string(tree, "status"), *kind = string(how, "kind");
    hone_past *p = add(r);
    if (!p)
        return hone_no_memory(error);
    p->line = line;
    if (status && !strcmp(status, "failed")) {
        p->skipped = "it failed, and its configuration is not in the record";
        return HONE_OK;
    }
    const cJSON *loss = hone_json_get(tree, "loss");
    if (!status || !kind || !loss || !hone_json_number(loss, &p->loss) || !seeds(tree, how, p))
        return wrong(r, line, "is no record of a training: status, loss, seed or validation");
    const char *run = hone_json_member(text, "run", &(size_t){0});
    if (!copy_json(r, text, "config", &p->config) || !copy_json(r, run, "read", &p->reading))
        return hone_no_memory(error);
    if (!p->config)
        return wrong(r, line, "has no configuration");
    set_end(p, tree, status);
    set_validation(p, how, kind);
    p->data = hash(data, "fingerprint"), p->valid = hash(data, "valid_fingerprint");
    const char *fidelity = string(tree, "fidelity");
    if (fidelity && !strcmp(fidelity, "rows")) /* else the configuration is scaled already */
        p->options.budget = number(tree, "budget", 0);
    p->options.work_limit = integer(tree, "work_limit");
    p->cutoff = number(tree, "cutoff", NAN);
    if (!copy_string(r, tree, "metric", &p->options.metric) ||
        !copy_string(r, tree, "build", &p->build) || !set_kernels(r, hone_json_get(tree, "run"), p))
        return hone_no_memory(error);
    return HONE_OK;
}

/* ---- a journal ---- */

static hone_status read_header(reader *r, const char *text, const cJSON *tree, hone_error *error)
{
    hone_past *p = &r->common;
    hone_options *o = &p->options;
    const char *kind = string(tree, "validation"), *metric = string(tree, "metric");
    if (!kind || !metric || !seeds(tree, tree, p))
        return wrong(r, 1, "is no header of a journal: validation, metric or seeds");
    set_validation(p, tree, kind);
    p->data = hash(tree, "data"), p->valid = hash(tree, "valid_data");
    o->work_limit = integer(tree, "work_limit");
    o->native_fidelity = cJSON_IsTrue(hone_json_get(tree, "native"));
    o->strict = cJSON_IsTrue(hone_json_get(tree, "strict"));
    o->race = cJSON_IsTrue(hone_json_get(tree, "race"));
    o->isa = (hone_isa)integer(tree, "isa");
    p->cutoff = number(tree, "cutoff", NAN);
    return copy_string(r, tree, "build", &p->build) && copy_json(r, text, "read", &p->reading) &&
                   (!*metric || copy_string(r, tree, "metric", &o->metric))
               ? HONE_OK
               : hone_no_memory(error);
}

static hone_status read_trial(const reader *r, int64_t line, const char *text, const cJSON *tree,
                              hone_error *error)
{
    const char *status = string(tree, "status");
    const cJSON *loss = hone_json_get(tree, "loss");
    hone_past *p = add(r);
    if (!p)
        return hone_no_memory(error);
    p->line = line;
    p->options.budget = number(tree, "budget", 1);
    if (!copy_json(r, text, "config", &p->config))
        return hone_no_memory(error);
    if (!status || !loss || !p->config)
        return wrong(r, line, "is no trial: status, loss or config");
    set_end(p, tree, status);
    if (p->options.race && !strcmp(status, hone_end_names[HONE_END_CUTOFF]))
        p->skipped = "a race cut it short";
    p->options.race = false;
    if (cJSON_IsNull(loss)) {
        p->status = hone_arena_text(r->arena, status);
        return p->status ? HONE_OK : hone_no_memory(error);
    }
    return hone_json_number(loss, &p->loss) ? HONE_OK : wrong(r, line, "its loss is no number");
}

/* ---- files ---- */

static hone_status read_line(reader *r, int64_t line, const char *text, size_t length)
{
    cJSON *tree = NULL;
    const hone_json_limits limits = {length, 32, length, length};
    hone_error own = {0};
    hone_status status = hone_json_parse(text, length, &limits, "", &tree, &own);
    if (status == HONE_NO_MEMORY)
        return hone_no_memory(r->error);
    if (status)
        return wrong(r, line, own.message);
    if (!cJSON_IsObject(tree))
        status = wrong(r, line, "is no JSON object");
    else if (line == 1 && string(tree, "journal"))
        status = read_header(r, text, tree, r->error);
    else if (r->common.line)
        status = read_trial(r, line, text, tree, r->error);
    else
        status = read_record(r, line, text, tree, r->error);
    if (line == 1 && string(tree, "journal"))
        r->common.line = 1;
    cJSON_Delete(tree);
    return status;
}

static hone_status read_lines(reader *r, char *text, size_t size)
{
    for (int64_t line = 1; size; line++) {
        char *end = memchr(text, '\n', size);
        const size_t length = end ? (size_t)(end - text) : size;
        if (!end && r->common.line) /* a line of a journal that a crash cut off */
            return HONE_OK;
        if (length)
            HONE_TRY(read_line(r, line, text, length));
        text += length + (end != NULL), size -= length + (end != NULL);
    }
    return HONE_OK;
}

static hone_status read_run(const reader *r, const char *text, size_t length)
{
    cJSON *run = NULL;
    HONE_TRY(hone_json_parse(text, length, &HONE_JSON_LIMITS, r->file, &run, r->error));
    hone_past *p = &r->pasts->past[0];
    const bool set = set_kernels(r, run, p) && copy_json(r, text, "read", &p->reading);
    cJSON_Delete(run);
    return set ? HONE_OK : hone_no_memory(r->error);
}

static hone_status read_model(reader *r)
{
    char *json = NULL;
    size_t length = 0;
    HONE_TRY(hone_model_inspect(r->file, &json, r->error));
    const char *record = hone_json_member(json, "record", &length);
    const char *training = record ? hone_json_member(record, "training", &length) : NULL;
    hone_status status = training ? read_line(r, 0, training, length)
                                  : wrong(r, 0, "the model has no record of a training");
    const char *run = hone_json_member(json, "run", &length);
    if (!status && run)
        status = read_run(r, run, length);
    hone_text_free(json);
    return status;
}

hone_status hone_past_read(const char *file, hone_arena *arena, hone_pasts *pasts,
                           hone_error *error)
{
    static const unsigned char magic[] = {0x89, 'H', 'O', 'N', 'E'};
    reader r = {.file = file,
                .arena = arena,
                .pasts = pasts,
                .common = {.loss = NAN, .cutoff = NAN, .options.size = sizeof(hone_options)},
                .error = error};
    char *bytes = NULL;
    size_t size = 0;
    HONE_TRY(hone_file_read(file, LARGEST, &bytes, &size, error));
    const bool model = size >= sizeof magic && !memcmp(bytes, magic, sizeof magic);
    hone_status status = model ? read_model(&r) : read_lines(&r, bytes, size);
    hone_free(bytes);
    if (!status && !pasts->count)
        status = wrong(&r, 0, "holds no training");
    return status;
}
