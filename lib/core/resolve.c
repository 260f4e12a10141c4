/* What a configuration means for one task: rows in the order of their tables, so that a condition
 * is decided before the rows that depend on it.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/text.h"
#include "core/catalog.h"
#include "core/config.h"

/* An active row; kept sorted by key. */
typedef struct line {
    const char *key;
    const hone_param *row;
    const void *params;
    const hone_entry *given;
} line;

typedef struct work {
    const hone_config *config;
    const hone_algorithm *algorithm;
    unsigned takes; /* known when the module's own rows are */
    hone_task task;
    hone_arena *arena;
    hone_resolved *out;
    bool *taken; /* by entry */
    const char **inactive_key, **inactive_why, **defaulted_key;
    line *lines;
    int64_t count;
    hone_error *error;
} work;

static const char *task_name(hone_task task)
{
    return task == HONE_REGRESSION ? "regression" : "classification";
}

static hone_status refuse(const work *w, const char *key, const char *message)
{
    char path[96];
    hone_text_join(path, sizeof path, "config.", key, "");
    return hone_fail(w->error, HONE_BAD_CONFIG, path, "%s", message);
}

/* Texts that live as long as the result. */
HONE_PRINTF(2, 3) static const char *say(const work *w, const char *format, ...)
{
    char text[384];
    va_list arguments;
    va_start(arguments, format);
    hone_print(text, sizeof text, format, arguments);
    va_end(arguments);
    return hone_arena_text(w->arena, text);
}

static hone_status drop_key(work *w, const hone_entry *e, const char *why)
{
    if (!why)
        return hone_no_memory(w->error);
    const int64_t k = w->out->inactive++;
    w->inactive_key[k] = hone_arena_text(w->arena, e->key);
    w->inactive_why[k] = why;
    w->taken[e - w->config->entry] = true;
    return w->inactive_key[k] ? HONE_OK : hone_no_memory(w->error);
}

/* ---- one row ---- */

static const hone_entry *entry_of(const work *w, const char *prefix, const char *name,
                                  const char *suffix)
{
    const size_t a = strlen(prefix), b = a ? a + 1 : 0, c = strlen(name);
    for (int64_t i = 0; i < w->config->entries; i++) {
        const char *key = w->config->entry[i].key;
        if (strncmp(key, prefix, a) || (a && key[a] != ':') || strncmp(key + b, name, c) ||
            strcmp(key + b + c, suffix))
            continue;
        return &w->config->entry[i];
    }
    return NULL;
}

/* The entry of a row under its full or plain key; both at once is an error. */
static hone_status given_of(const work *w, const char *prefix, bool plain, const char *name,
                            const char *suffix, const hone_entry **entry)
{
    *entry = entry_of(w, prefix, name, suffix);
    const hone_entry *other = plain ? entry_of(w, "", name, suffix) : NULL;
    if (*entry && other)
        return refuse(w, other->key,
                      "is the same hyperparameter as the key with the model's name; "
                      "give one of the two");
    if (!*entry)
        *entry = other;
    if (*entry)
        w->taken[*entry - w->config->entry] = true;
    return HONE_OK;
}

static const char *condition(const work *w, const hone_param *table, const hone_param *unmet,
                             const void *params)
{
    hone_text text = {0};
    hone_text_format(&text, "needs %s = ", unmet->when.parent);
    for (const char *const *v = unmet->when.values; *v; v++)
        hone_text_format(&text, "%s%s", v == unmet->when.values ? "" : v[1] ? ", " : " or ", *v);
    const hone_param *parent = hone_param_find(table, unmet->when.parent, w->task);
    if (parent)
        hone_text_format(&text, ", but it is %s", hone_param_word(parent, params));
    const char *why = text.failed ? NULL : say(w, "%s", text.bytes);
    hone_text_drop(&text);
    return why;
}

static hone_status set_row(const work *w, const hone_param *p, const hone_entry *e, void *params)
{
    char path[96];
    hone_text_join(path, sizeof path, "config.", e->key, "");
    return hone_param_set(p, &e->value, path, params, w->error);
}

/* <name>_mode with or without <name>. */
static hone_status set_mode(const work *w, const hone_param *p, const hone_entry *mode,
                            const hone_entry *number, void *params)
{
    hone_amount *const amount = (hone_amount *)(void *)((char *)params + p->offset);
    const bool by_value = mode->value.kind == HONE_WORD && !strcmp(mode->value.word, "value");
    if (!by_value) {
        const int32_t before = number ? amount->word : -1;
        HONE_TRY(set_row(w, p, mode, params));
        if (number && before != amount->word)
            return refuse(w, mode->key, "contradicts the other key of the same hyperparameter");
        return HONE_OK;
    }
    if (number)
        return amount->word < 0
                   ? HONE_OK
                   : refuse(w, mode->key, "is \"value\", but the other key is not a number");
    const hone_param plain = {.kind = HONE_AMOUNT,
                              .offset = p->offset,
                              .default_value = p->default_value,
                              .legal = p->legal,
                              .legal_count = p->legal_count};
    hone_param_default(&plain, params);
    return hone_range_has(amount->integral ? p->legal_count : p->legal, amount->number)
               ? HONE_OK
               : refuse(w, mode->key, "is \"value\", but the number is not given");
}

/* Rows of equal fate: the keys that were given for an inactive row are dropped. */
static hone_status drop_row(work *w, const hone_entry *given, const hone_entry *mode,
                            const char *why)
{
    if (given)
        HONE_TRY(drop_key(w, given, why));
    return mode ? drop_key(w, mode, why) : HONE_OK;
}

static hone_status add_line(work *w, const char *prefix, const hone_param *p, const void *params,
                            const hone_entry *given)
{
    const char *key = say(w, "%s:%s", prefix, p->name);
    if (!key)
        return hone_no_memory(w->error);
    int64_t k = w->count++;
    for (; k > 0 && strcmp(w->lines[k - 1].key, key) > 0; k--)
        w->lines[k] = w->lines[k - 1];
    w->lines[k] = (line){key, p, params, given};
    if (!given)
        w->defaulted_key[w->out->defaulted++] = key;
    return HONE_OK;
}

static hone_status resolve_row(work *w, const hone_param *table, const hone_param *p,
                               const char *prefix, bool plain, void *params)
{
    const hone_entry *given = NULL, *mode = NULL;
    const hone_param *unmet;
    HONE_TRY(given_of(w, prefix, plain, p->name, "", &given));
    if (p->tune_words)
        HONE_TRY(given_of(w, prefix, plain, p->name, "_mode", &mode));
    if (!hone_param_active(table, p, w->task, params, &unmet))
        return drop_row(w, given, mode, condition(w, table, unmet, params));
    if (table == hone_prep_table && (hone_prep_unless(p) & w->takes))
        return drop_row(w, given, mode,
                        say(w, "%s takes such columns as they are%s", w->algorithm->name,
                            hone_takes_note(w->algorithm, w->takes)));
    if (given)
        HONE_TRY(set_row(w, p, given, params));
    if (mode)
        HONE_TRY(set_mode(w, p, mode, given, params));
    return add_line(w, prefix, p, params, given ? given : mode);
}

static hone_status resolve_table(work *w, const hone_param *table, const char *prefix, bool plain,
                                 void *params)
{
    for (const hone_param *p = table; p->name; p++)
        if (hone_param_applies(p, w->task))
            HONE_TRY(resolve_row(w, table, p, prefix, plain, params));
    return HONE_OK;
}

/* ---- all of it ---- */

static const line *line_of(const work *w, const hone_param *row)
{
    for (int64_t i = 0; i < w->count; i++)
        if (w->lines[i].row == row)
            return &w->lines[i];
    return NULL;
}

static bool differs(const hone_param *row, const void *params, const void *defaults)
{
    return hone_param_hash(row, params, 0) != hone_param_hash(row, defaults, 0);
}

/* Two keys that exclude each other may both be given when one says no more than its default: a
 * canonical configuration does. `defaults` holds the default of every row. */
static hone_status check_excludes(const work *w, const void *params, void *defaults)
{
    hone_params_default(w->algorithm->params, w->task, defaults);
    for (int64_t i = 0; i < w->count; i++) {
        const line *l = &w->lines[i];
        if (!l->given || !l->row->excludes)
            continue;
        const hone_param *other = hone_param_find(w->algorithm->params, l->row->excludes, w->task);
        const line *o = other ? line_of(w, other) : NULL;
        if (o && o->given && differs(l->row, params, defaults) &&
            differs(other, params, defaults)) {
            char message[160];
            hone_text_join(message, sizeof message, "excludes ", o->given->key,
                           "; give one of the two");
            return refuse(w, l->given->key, message);
        }
    }
    return HONE_OK;
}

/* Why a key that no row took has no effect. */
static const char *why_unused(const work *w, const hone_entry *e)
{
    hone_key parts;
    bool mode;
    if (!hone_key_split(w->config->module, e->key, &parts))
        return "";
    if (parts.algorithm && parts.algorithm != w->algorithm)
        return say(w, "model is %s", w->algorithm->name);
    const hone_param *table = parts.prep ? hone_prep_table : w->algorithm->params;
    if (hone_key_row(table, NULL, parts.name, 0, &mode))
        return say(w, "has no effect in %s", task_name(w->task));
    return say(w, "%s has no such hyperparameter", w->algorithm->name);
}

static hone_status drop_unused(work *w)
{
    for (int64_t i = 0; i < w->config->entries; i++) {
        const hone_entry *e = &w->config->entry[i];
        if (!w->taken[i] && strcmp(e->key, "model"))
            HONE_TRY(drop_key(w, e, why_unused(w, e)));
    }
    return HONE_OK;
}

static hone_status find_model(work *w)
{
    const hone_entry *e = entry_of(w, "", "model", "");
    hone_text all = {0};
    if (!e) {
        hone_list_models(w->config->module, &all);
        const hone_status status =
            all.failed
                ? hone_no_memory(w->error)
                : hone_fail(w->error, HONE_BAD_CONFIG, "config.model", "is missing; it must be %s",
                            all.bytes ? all.bytes : "a model, and this build has none");
        hone_text_drop(&all);
        return status;
    }
    w->algorithm = hone_catalog_find(w->config->module, e->word);
    if (!w->algorithm)
        return hone_model_unknown(w->config->module, e->word, w->error);
    if (!(w->algorithm->tasks & (unsigned)w->task))
        return hone_fail(w->error, HONE_UNSUPPORTED, "config.model", "%s does no %s",
                         w->algorithm->name, task_name(w->task));
    return HONE_OK;
}

static int64_t table_rows(const hone_param *table)
{
    int64_t n = 0;
    while (table[n].name)
        n++;
    return n;
}

static bool make_room(work *w)
{
    const int64_t n = w->config->entries + 1;
    const int64_t rows = table_rows(w->algorithm->params) + table_rows(hone_prep_table);
    w->out->params = hone_arena_alloc(w->arena, 1, 1, w->algorithm->params_size);
    w->taken = HONE_NEW(w->arena, bool, n, 1);
    w->inactive_key = HONE_NEW(w->arena, const char *, n, 1);
    w->inactive_why = HONE_NEW(w->arena, const char *, n, 1);
    w->defaulted_key = HONE_NEW(w->arena, const char *, rows, 1);
    w->lines = HONE_NEW(w->arena, line, rows, 1);
    return w->out->params && w->taken && w->inactive_key && w->inactive_why && w->defaulted_key &&
           w->lines;
}

hone_status hone_config_resolve(const hone_config *config, hone_task task, bool strict,
                                hone_arena *arena, hone_resolved *resolved, hone_error *error)
{
    work w = {.config = config, .task = task, .arena = arena, .out = resolved, .error = error};
    *resolved = (hone_resolved){0};
    HONE_TRY(find_model(&w));
    if (!make_room(&w))
        return hone_no_memory(error);
    resolved->algorithm = w.algorithm;
    hone_params_default(w.algorithm->params, task, resolved->params);
    HONE_TRY(resolve_table(&w, w.algorithm->params, w.algorithm->name, true, resolved->params));
    w.takes = hone_takes_under(w.algorithm, task, resolved->params);
    hone_prep_default(w.takes, task, &resolved->prep);
    HONE_TRY(resolve_table(&w, hone_prep_table, "prep", false, &resolved->prep));
    HONE_TRY(drop_unused(&w));
    void *defaults = hone_arena_alloc(arena, 1, 1, w.algorithm->params_size);
    if (!defaults)
        return hone_no_memory(error);
    HONE_TRY(check_excludes(&w, resolved->params, defaults));
    HONE_TRY(hone_config_canonical(w.algorithm, resolved->params, &resolved->prep, task, arena,
                                   &resolved->json, error));
    resolved->hash = hone_hash(0, resolved->json, strlen(resolved->json));
    resolved->inactive_key = w.inactive_key;
    resolved->inactive_why = w.inactive_why;
    resolved->defaulted_key = w.defaulted_key;
    if (strict && resolved->inactive) {
        char message[384];
        hone_text_join(message, sizeof message, "has no effect: ", w.inactive_why[0], "");
        return refuse(&w, w.inactive_key[0], message);
    }
    return HONE_OK;
}

bool hone_params_scale(const hone_algorithm *algorithm, void *params, hone_task task, double budget,
                       bool native)
{
    bool any = false;
    for (const hone_param *p = algorithm->params; p->name; p++) {
        if (!hone_param_applies(p, task) || !p->fidelity || !(native || p->fidelity_default) ||
            !hone_param_active(algorithm->params, p, task, params, NULL))
            continue;
        void *const at = (char *)params + p->offset;
        any = true;
        if (p->kind == HONE_INT) {
            /* Not one more than 7 for 0.07 * 100. */
            const double scaled = ceil(budget * (double)*(int64_t *)at - 1e-9);
            *(int64_t *)at = (int64_t)fmax(scaled, p->legal.low);
        } else {
            const double scaled = fmin(*(double *)at / budget, p->legal.high);
            if (hone_range_has(p->legal, scaled))
                *(double *)at = scaled;
        }
    }
    return any;
}
