/* A configuration: keys with values as they were given, each checked against the tables at once.
 *
 * What a key means may depend on the task and on keys that come later; resolve.c decides that.
 */
#include "core/config.h"

#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "core/catalog.h"
#include "core/metrics.h"
#include "hone/space.h"

enum { KEY_PATH = 96, LONGEST_WORD = 1 << 16 };

static hone_status needs(const void *argument, const char *name, hone_error *error)
{
    return argument ? HONE_OK : hone_fail(error, HONE_BAD_ARGUMENT, name, "NULL");
}

/* ---- storage ---- */

hone_status hone_config_new(hone_config **config, hone_error *error)
{
    HONE_TRY(needs(config, "config", error));
    *config = hone_alloc(sizeof **config);
    if (!*config)
        return hone_no_memory(error);
    **config = (hone_config){0};
    return HONE_OK;
}

static void clear(hone_config *c)
{
    for (int64_t i = 0; i < c->entries; i++) {
        hone_free(c->entry[i].key);
        hone_free(c->entry[i].word);
    }
    hone_free(c->entry);
    hone_free(c->module);
}

void hone_config_free(hone_config *config)
{
    if (!config)
        return;
    clear(config);
    hone_free(config);
}

static char *copy_text(const char *text)
{
    const size_t size = strlen(text) + 1;
    char *copy = hone_alloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

static hone_entry *find(const hone_config *c, const char *key)
{
    for (int64_t i = 0; i < c->entries; i++)
        if (!strcmp(c->entry[i].key, key))
            return &c->entry[i];
    return NULL;
}

/* Sets one entry; on failure nothing has changed. */
static hone_status store(hone_config *c, const char *key, const hone_value *value,
                         hone_error *error)
{
    char *word = value->kind == HONE_WORD ? copy_text(value->word) : NULL;
    if (value->kind == HONE_WORD && !word)
        return hone_no_memory(error);
    hone_entry *e = find(c, key);
    if (!e) {
        if (c->entries == c->room) {
            const int64_t room = c->room ? 2 * c->room : 16;
            hone_entry *more = hone_realloc(c->entry, (size_t)room * sizeof *more);
            if (more) {
                c->entry = more;
                c->room = room;
            }
        }
        char *name = c->entries < c->room ? copy_text(key) : NULL;
        if (!name) {
            hone_free(word);
            return hone_no_memory(error);
        }
        e = &c->entry[c->entries++];
        *e = (hone_entry){.key = name};
    }
    hone_free(e->word);
    e->word = word;
    e->value = *value;
    e->value.word = word;
    return HONE_OK;
}

hone_status hone_config_copy(const hone_config *config, hone_config **copy, hone_error *error)
{
    HONE_TRY(needs(config, "config", error));
    HONE_TRY(hone_config_new(copy, error));
    hone_status status = HONE_OK;
    for (int64_t i = 0; i < config->entries && status == HONE_OK; i++)
        status = store(*copy, config->entry[i].key, &config->entry[i].value, error);
    if (status == HONE_OK && config->module) {
        const size_t size = (size_t)(config->modules + 1) * sizeof *config->module;
        (*copy)->module = hone_alloc(size);
        if ((*copy)->module) {
            memcpy((*copy)->module, config->module, size);
            (*copy)->modules = config->modules;
        } else {
            status = hone_no_memory(error);
        }
    }
    if (status != HONE_OK) {
        hone_config_free(*copy);
        *copy = NULL;
    }
    return status;
}

hone_status hone_config_use(hone_config *config, const hone_algorithm *algorithm, hone_error *error)
{
    HONE_TRY(needs(config, "config", error));
    HONE_TRY(hone_algorithm_check(algorithm, error));
    const size_t count = (size_t)config->modules;
    const hone_algorithm **more = hone_realloc(config->module, (count + 2) * sizeof *more);
    if (!more)
        return hone_no_memory(error);
    more[count] = algorithm;
    more[count + 1] = NULL;
    config->module = more;
    config->modules++;
    return HONE_OK;
}

const hone_algorithm *const *hone_config_modules(const hone_config *config)
{
    return config->module;
}

/* ---- one key ---- */

/* "value" besides the words of a HONE_AMOUNT row. */
static hone_status check_mode(const hone_param *p, const hone_value *value, const char *path,
                              hone_error *error)
{
    const hone_param words = {.kind = HONE_CHOICE, .choices = p->words};
    if (value->kind == HONE_WORD && !strcmp(value->word, "value"))
        return HONE_OK;
    const hone_status status = hone_param_set(&words, value, path, NULL, error);
    if (status == HONE_BAD_CONFIG && error) {
        char message[sizeof error->message];
        hone_text_join(message, sizeof message, error->message, "; or \"value\"", "");
        return hone_fail(error, status, path, "%s", message);
    }
    return status;
}

/* Whether some row of `table` takes the value: HONE_OK, BAD_CONFIG (the first row's reason), or
 * UNSUPPORTED when no row has the name. */
static hone_status check_table(const hone_param *table, const char *name, const hone_value *value,
                               const char *path, hone_error *error)
{
    hone_status status = HONE_UNSUPPORTED;
    bool mode;
    for (const hone_param *p = NULL; (p = hone_key_row(table, p, name, 0, &mode));) {
        hone_error *reason = status == HONE_UNSUPPORTED ? error : NULL;
        const hone_status now = mode ? check_mode(p, value, path, reason)
                                     : hone_param_set(p, value, path, NULL, reason);
        if (now == HONE_OK || now == HONE_NO_MEMORY)
            return now;
        status = now;
    }
    return status;
}

static const hone_algorithm *chosen(const hone_config *c)
{
    const hone_entry *e = find(c, "model");
    return e ? hone_catalog_find(c->module, e->word) : NULL;
}

/* A plain key: the chosen model's reason first, then that of any model that has the name. */
static hone_status check_plain(const hone_config *c, const char *name, const hone_value *value,
                               const char *path, hone_error *error)
{
    const hone_algorithm *const first = chosen(c);
    hone_status status =
        first ? check_table(first->params, name, value, path, error) : HONE_UNSUPPORTED;
    for (int64_t i = 0; status != HONE_OK && status != HONE_NO_MEMORY;) {
        const hone_algorithm *a = hone_module_at(c->module, &i);
        if (!a)
            break;
        const hone_status now =
            check_table(a->params, name, value, path, status == HONE_UNSUPPORTED ? error : NULL);
        status = now == HONE_UNSUPPORTED ? status : now;
    }
    return status;
}

static hone_status check_model(const hone_config *c, const hone_value *value, hone_error *error)
{
    if (value->kind != HONE_WORD)
        return hone_fail(error, HONE_BAD_CONFIG, "config.model", "must be the name of a model");
    return hone_catalog_find(c->module, value->word)
               ? HONE_OK
               : hone_model_unknown(c->module, value->word, error);
}

static hone_status set(hone_config *c, const char *key, const hone_value *value, hone_error *error)
{
    char path[KEY_PATH];
    hone_key parts;
    HONE_TRY(needs(c, "config", error));
    HONE_TRY(needs(key, "key", error));
    hone_text_join(path, sizeof path, "config.", key, "");
    if (!hone_key_split(c->module, key, &parts))
        return hone_key_unknown(c->module, key, error);
    const hone_status status =
        parts.model       ? check_model(c, value, error)
        : parts.prep      ? check_table(hone_prep_table, parts.name, value, path, error)
        : parts.algorithm ? check_table(parts.algorithm->params, parts.name, value, path, error)
                          : check_plain(c, parts.name, value, path, error);
    if (status == HONE_UNSUPPORTED)
        return hone_key_unknown(c->module, key, error);
    return status == HONE_OK ? store(c, key, value, error) : status;
}

hone_status hone_config_set_text(hone_config *config, const char *key, const char *value,
                                 hone_error *error)
{
    HONE_TRY(needs(value, "value", error));
    return set(config, key, &(hone_value){.kind = HONE_WORD, .word = value}, error);
}

hone_status hone_config_set_integer(hone_config *config, const char *key, int64_t value,
                                    hone_error *error)
{
    return set(config, key, &(hone_value){.kind = HONE_WHOLE, .whole = value}, error);
}

hone_status hone_config_set_real(hone_config *config, const char *key, double value,
                                 hone_error *error)
{
    return set(config, key, &(hone_value){.kind = HONE_DECIMAL, .decimal = value}, error);
}

hone_status hone_config_set_bool(hone_config *config, const char *key, bool value,
                                 hone_error *error)
{
    return set(config, key, &(hone_value){.kind = HONE_TRUTH, .truth = value}, error);
}

hone_status hone_config_set_none(hone_config *config, const char *key, hone_error *error)
{
    return set(config, key, &(hone_value){.kind = HONE_NONE}, error);
}

/* ---- JSON ---- */

static hone_status set_node(hone_config *c, const cJSON *node, hone_error *error)
{
    char path[KEY_PATH];
    hone_value value = {.kind = HONE_NONE};
    if (cJSON_IsBool(node))
        value = (hone_value){.kind = HONE_TRUTH, .truth = cJSON_IsTrue(node)};
    else if (cJSON_IsString(node))
        value = (hone_value){.kind = HONE_WORD, .word = node->valuestring};
    else if (hone_json_is_number(node))
        hone_value_number(node->valuestring, strlen(node->valuestring), &value);
    else if (!cJSON_IsNull(node)) {
        hone_text_join(path, sizeof path, "config.", node->string, "");
        return hone_fail(error, HONE_BAD_CONFIG, path,
                         "must be a number, a text, true, false or null, not a list or an object%s",
                         strstr(node->string, "class_weight")
                             ? "; weights of single classes belong to the dataset"
                             : "");
    }
    return set(c, node->string, &value, error);
}

/* The model first: it decides which row a plain key means. */
static hone_status set_members(hone_config *c, const cJSON *tree, hone_error *error)
{
    if (!cJSON_IsObject(tree))
        return hone_fail(error, HONE_BAD_CONFIG, "config", "must be a JSON object");
    const cJSON *const model = hone_json_get(tree, "model");
    if (model)
        HONE_TRY(set_node(c, model, error));
    for (const cJSON *node = tree->child; node; node = node->next)
        if (node != model)
            HONE_TRY(set_node(c, node, error));
    return HONE_OK;
}

hone_status hone_config_parse(hone_config *config, const char *text, size_t length,
                              hone_error *error)
{
    cJSON *tree = NULL;
    hone_config *next = NULL;
    HONE_TRY(needs(config, "config", error));
    HONE_TRY(needs(text, "text", error));
    if (length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
        return hone_fail(error, HONE_BAD_CONFIG, "config",
                         "begins with a byte order mark; JSON has none");
    hone_status status = hone_json_parse(text, length, NULL, "config", &tree, error);
    if (status == HONE_OK)
        status = hone_config_copy(config, &next, error);
    if (status == HONE_OK)
        status = set_members(next, tree, error);
    if (status == HONE_OK) {
        const hone_config old = *config;
        *config = *next;
        *next = old;
    }
    hone_config_free(next);
    cJSON_Delete(tree);
    return status;
}

static hone_status canonical(const hone_config *config, hone_task task, char **text, uint64_t *hash,
                             hone_error *error)
{
    HONE_TRY(needs(config, "config", error));
    if (task != HONE_CLASSIFICATION && task != HONE_REGRESSION)
        return hone_fail(error, HONE_BAD_ARGUMENT, "task", "must be one of hone_task");
    hone_arena *arena = hone_arena_open(NULL);
    hone_resolved resolved;
    hone_status status = arena ? hone_config_resolve(config, task, false, arena, &resolved, error)
                               : hone_no_memory(error);
    if (status == HONE_OK && hash)
        *hash = resolved.hash;
    if (status == HONE_OK && text) {
        *text = copy_text(resolved.json);
        status = *text ? HONE_OK : hone_no_memory(error);
    }
    hone_arena_close(arena);
    return status;
}

hone_status hone_config_json(const hone_config *config, hone_task task, char **text,
                             hone_error *error)
{
    HONE_TRY(needs(text, "text", error));
    *text = NULL;
    return canonical(config, task, text, NULL, error);
}

hone_status hone_config_hash(const hone_config *config, hone_task task, uint64_t *hash,
                             hone_error *error)
{
    HONE_TRY(needs(hash, "hash", error));
    return canonical(config, task, NULL, hash, error);
}

void hone_text_free(char *text)
{
    hone_free(text);
}

hone_task hone_config_task(const hone_config *config, const char *metric)
{
    const unsigned both = HONE_CLASSIFICATION | HONE_REGRESSION;
    unsigned tasks = both, judged = 0;
    const hone_algorithm *a = config ? chosen(config) : NULL;
    if (a)
        tasks = a->tasks;
    for (const hone_metric *m = hone_metrics; metric && m->name; m++)
        if (!strcmp(m->name, metric))
            judged |= (unsigned)m->task;
    tasks &= judged ? judged : both;
    return tasks == both ? (hone_task)0 : (hone_task)tasks;
}
