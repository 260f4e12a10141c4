/* Names: modules, keys of a configuration, and what somebody meant by an unknown one. */
#include <limits.h>
#include <string.h>

#include "base/nearest.h"
#include "core/catalog.h"
#include "core/config.h"

static bool hidden(const hone_algorithm *const *own, const hone_algorithm *algorithm)
{
    return hone_catalog_find(own, algorithm->name) != algorithm;
}

const hone_algorithm *hone_module_at(const hone_algorithm *const *own, int64_t *i)
{
    int64_t modules = 0;
    while (own && own[modules])
        modules++;
    for (;;) {
        const int64_t k = (*i)++;
        const hone_algorithm *a = k < modules ? own[k] : hone_catalog[k - modules];
        if (!a || !hidden(own, a))
            return a;
    }
}

bool hone_key_split(const hone_algorithm *const *own, const char *key, hone_key *parts)
{
    const char *colon = strchr(key, ':');
    *parts = (hone_key){.name = colon ? colon + 1 : key, .model = !strcmp(key, "model")};
    if (!colon)
        return true;
    const size_t length = (size_t)(colon - key);
    parts->prep = length == 4 && !memcmp(key, "prep", 4);
    if (parts->prep)
        return true;
    for (int64_t i = 0;;) {
        const hone_algorithm *a = hone_module_at(own, &i);
        if (!a)
            return false;
        if (strlen(a->name) == length && !memcmp(a->name, key, length)) {
            parts->algorithm = a;
            return true;
        }
    }
}

static bool is_mode_of(const hone_param *p, const char *name)
{
    const size_t length = strlen(p->name);
    return p->tune_words && !strncmp(name, p->name, length) && !strcmp(name + length, "_mode");
}

const hone_param *hone_key_row(const hone_param *table, const hone_param *after, const char *name,
                               hone_task task, bool *mode)
{
    for (const hone_param *p = after ? after + 1 : table; p->name; p++) {
        if (!hone_param_applies(p, task))
            continue;
        *mode = is_mode_of(p, name);
        if (*mode || !strcmp(p->name, name))
            return p;
    }
    return NULL;
}

void hone_list_models(const hone_algorithm *const *own, hone_text *out)
{
    int64_t i = 0;
    const hone_algorithm *a = hone_module_at(own, &i), *next;
    for (bool first = true; a; a = next, first = false) {
        next = hone_module_at(own, &i);
        hone_text_format(out, "%s%s", first ? "" : next ? ", " : " or ", a->name);
    }
}

/* ---- unknown names ---- */

typedef struct best {
    const char *key;
    int cost;
    char prefix[64], name[64];
} best;

/* A wrong prefix costs little: "rf:max_depth" is near "random_forest:max_depth". */
static void consider(best *b, const char *prefix, const char *name)
{
    enum { WRONG_PREFIX = 5 };
    const char *colon = strchr(b->key, ':');
    const char *tail = colon ? colon + 1 : b->key;
    int cost = hone_edit_distance(tail, strlen(tail), name, strlen(name));
    if (colon) {
        const int distance =
            hone_edit_distance(b->key, (size_t)(colon - b->key), prefix, strlen(prefix));
        cost += distance < WRONG_PREFIX ? distance : WRONG_PREFIX;
    }
    if (cost < b->cost) {
        b->cost = cost;
        hone_text_join(b->prefix, sizeof b->prefix, colon ? prefix : "",
                       colon && *prefix ? ":" : "", "");
        hone_text_join(b->name, sizeof b->name, name, "", "");
    }
}

static void consider_table(best *b, const char *prefix, const hone_param *table)
{
    for (const hone_param *p = table; p->name; p++) {
        consider(b, prefix, p->name);
        if (p->tune_words) {
            char mode[64];
            hone_text_join(mode, sizeof mode, p->name, "_mode", "");
            consider(b, prefix, mode);
        }
    }
}

hone_status hone_key_unknown(const hone_algorithm *const *own, const char *key, hone_error *error)
{
    char path[96];
    const char *colon = strchr(key, ':');
    hone_text_join(path, sizeof path, "config.", key, "");
    if (!*(colon ? colon + 1 : key))
        return hone_fail(error, HONE_BAD_CONFIG, path, "the key \"%s\" names nothing", key);
    best b = {.key = key, .cost = INT_MAX};
    consider(&b, "", "model");
    for (int64_t i = 0;;) {
        const hone_algorithm *a = hone_module_at(own, &i);
        if (!a)
            break;
        consider_table(&b, a->name, a->params);
    }
    if (colon)
        consider_table(&b, "prep", hone_prep_table);
    return hone_fail(error, HONE_BAD_CONFIG, path,
                     "no model knows this key; the nearest known one is \"%s%s\"", b.prefix,
                     b.name);
}

hone_status hone_model_unknown(const hone_algorithm *const *own, const char *name,
                               hone_error *error)
{
    char shown[64];
    const char *nearest = "";
    int cost = INT_MAX;
    for (int64_t i = 0;;) {
        const hone_algorithm *a = hone_module_at(own, &i);
        if (!a)
            break;
        const int d = hone_edit_distance(name, strlen(name), a->name, strlen(a->name));
        if (d < cost) {
            cost = d;
            nearest = a->name;
        }
    }
    hone_text all = {0};
    hone_list_models(own, &all);
    hone_text_join(shown, sizeof shown, name, "", "");
    const hone_status status =
        all.failed ? hone_no_memory(error)
                   : hone_fail(error, HONE_BAD_CONFIG, "config.model",
                               "no model is called \"%s\"; the nearest is \"%s\", all are %s",
                               shown, nearest, all.bytes ? all.bytes : "absent from this build");
    hone_text_drop(&all);
    return status;
}
