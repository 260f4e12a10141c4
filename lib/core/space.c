/* The search space: as ConfigSpace's JSON (format_version 0.4), as samples, as a check.
 *
 * The root is `model`; every other hyperparameter is conditional on it; no clause forbids, no
 * integer is on a log scale, booleans are texts, nothing is None. Sample `number` draws each
 * hyperparameter from a stream of its own, keyed by seed, number and name.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "core/knobs.h"
#include "toolbox/random.h"

/* ---- JSON ---- */

static void member_text(hone_text *t, const char *name, const char *value)
{
    hone_text_format(t, ", \"%s\": ", name);
    hone_text_quoted(t, value);
}

static void member_number(hone_text *t, const char *name, double value, bool whole)
{
    hone_text_format(t, ", \"%s\": ", name);
    if (whole) {
        hone_text_integer(t, (int64_t)value);
        return;
    }
    hone_text_number(t, value);
    if (value == floor(value) && fabs(value) < 1e15)
        hone_text_add(t, ".0");
}

static void write_words(hone_text *t, const char *const *words)
{
    for (int k = 0; words[k]; k++) {
        hone_text_add(t, k ? ", " : "[");
        hone_text_quoted(t, words[k]);
    }
    hone_text_add(t, "]");
}

static void write_model(hone_text *t, const hone_knobs *k)
{
    if (k->models == 1) {
        hone_text_add(t, "{\"type\": \"constant\", \"name\": \"model\"");
        member_text(t, "value", k->model[0]->name);
    } else {
        hone_text_add(t, "{\"type\": \"categorical\", \"name\": \"model\", \"choices\": ");
        for (int64_t i = 0; i < k->models; i++) {
            hone_text_add(t, i ? ", " : "[");
            hone_text_quoted(t, k->model[i]->name);
        }
        hone_text_add(t, "], \"weights\": null");
        member_text(t, "default_value", k->model[0]->name);
    }
    hone_text_add(t, ", \"meta\": null}");
}

static void write_knob(hone_text *t, const hone_knob *k)
{
    const char *type = k->words ? "categorical" : k->whole ? "uniform_int" : "uniform_float";
    hone_text_format(t, ",\n  {\"type\": \"%s\"", type);
    member_text(t, "name", k->key);
    if (k->words) {
        hone_text_add(t, ", \"choices\": ");
        write_words(t, k->words);
        hone_text_add(t, ", \"weights\": null");
        member_text(t, "default_value", k->word);
    } else {
        member_number(t, "lower", k->row->tune.low, k->whole);
        member_number(t, "upper", k->row->tune.high, k->whole);
        member_number(t, "default_value", k->number, k->whole);
        hone_text_format(t, ", \"log\": %s", k->row->log ? "true" : "false");
    }
    hone_text_add(t, ", \"meta\": null}");
}

static void open_condition(hone_text *t, const hone_knob *k, const char *parent)
{
    hone_text_add(t, "{\"type\": \"IN\"");
    member_text(t, "child", k->key);
    member_text(t, "parent", parent);
    hone_text_add(t, ", \"values\": ");
}

/* Which models the knob belongs to; false: to all of them. */
static bool write_model_condition(hone_text *t, const hone_knobs *space, const hone_knob *k)
{
    int64_t of = 0;
    for (int64_t i = 0; i < space->models; i++)
        of += hone_knob_of_model(k, space->model[i]);
    if (of == space->models)
        return false;
    open_condition(t, k, "model");
    bool first = true;
    for (int64_t i = 0; i < space->models; i++) {
        if (!hone_knob_of_model(k, space->model[i]))
            continue;
        hone_text_add(t, first ? "[" : ", ");
        hone_text_quoted(t, space->model[i]->name);
        first = false;
    }
    hone_text_add(t, "]}");
    return true;
}

static void write_condition(hone_text *t, const hone_knobs *space, const hone_knob *k, bool *first)
{
    hone_text model = {0}, own = {0};
    const bool by_model = write_model_condition(&model, space, k), by_own = k->when >= 0;
    if (by_own) {
        open_condition(&own, k, space->knob[k->when].key);
        write_words(&own, k->values);
        hone_text_add(&own, "}");
    }
    t->failed |= model.failed || own.failed;
    if ((by_model || by_own) && !t->failed) {
        hone_text_add(t, *first ? "\n  " : ",\n  ");
        *first = false;
        if (by_model && by_own) {
            hone_text_add(t, "{\"type\": \"AND\"");
            member_text(t, "child", k->key);
            hone_text_add(t, ", \"conditions\": [");
        }
        hone_text_add(t, by_model ? model.bytes : "");
        hone_text_add(t, by_model && by_own ? ", " : "");
        hone_text_add(t, by_own ? own.bytes : "");
        hone_text_add(t, by_model && by_own ? "]}" : "");
    }
    hone_text_drop(&model);
    hone_text_drop(&own);
}

static char *write_space(const hone_knobs *space)
{
    hone_text t = {0};
    bool first = true;
    hone_text_add(&t, "{\"name\": \"hone\", \"hyperparameters\": [\n  ");
    write_model(&t, space);
    for (int64_t i = 0; i < space->count; i++)
        write_knob(&t, &space->knob[i]);
    hone_text_add(&t, "\n], \"conditions\": [");
    for (int64_t i = 0; i < space->count; i++)
        write_condition(&t, space, &space->knob[i], &first);
    hone_text_add(&t, "\n], \"forbiddens\": [], \"python_module_version\": \"1.2.0\", "
                      "\"format_version\": 0.4}\n");
    return hone_text_take(&t);
}

hone_status hone_space_json(const hone_space_options *options, char **json, hone_error *error)
{
    if (!json)
        return hone_fail(error, HONE_BAD_ARGUMENT, "space", "json is NULL");
    *json = NULL;
    hone_arena *arena = hone_arena_open(NULL);
    if (!arena)
        return hone_no_memory(error);
    hone_knobs space;
    hone_status status = hone_knobs_of(options, arena, &space, error);
    if (!status) {
        *json = write_space(&space);
        status = *json ? HONE_OK : hone_no_memory(error);
    }
    hone_arena_close(arena);
    return status;
}

/* ---- samples ---- */

typedef struct draw {
    const hone_knobs *space;
    uint64_t seed, number;
    const hone_algorithm *model;
    const char **word; /* by knob: what was drawn; NULL: not there, or a number */
    hone_config *config;
    hone_error *error;
} draw;

static hone_stream stream_of(const draw *d, const char *key)
{
    return hone_stream_of(d->seed, d->number, hone_hash_text(0, key));
}

static bool is_there(const draw *d, const hone_knob *k)
{
    if (!hone_knob_of_model(k, d->model))
        return false;
    return k->when < 0 || (d->word[k->when] && hone_word_index(k->values, d->word[k->when]) >= 0);
}

static hone_status draw_word(draw *d, int64_t i, hone_stream *s)
{
    const hone_knob *k = &d->space->knob[i];
    uint64_t n = 0;
    while (k->words[n])
        n++;
    d->word[i] = k->words[hone_below(s, n)];
    return hone_config_set_text(d->config, k->key, d->word[i], d->error);
}

static hone_status draw_number(const draw *d, const hone_knob *k, hone_stream *s)
{
    const double low = k->row->tune.low, high = k->row->tune.high;
    if (k->whole)
        return hone_config_set_integer(
            d->config, k->key, (int64_t)low + (int64_t)hone_below(s, (uint64_t)(high - low) + 1),
            d->error);
    const double u = hone_uniform(s);
    const double v =
        k->row->log ? exp(log(low) + u * (log(high) - log(low))) : low + u * (high - low);
    return hone_config_set_real(d->config, k->key, fmin(fmax(v, low), high), d->error);
}

static hone_status draw_all(draw *d)
{
    const hone_knobs *space = d->space;
    for (int64_t i = 0; space->own && space->own[i]; i++)
        HONE_TRY(hone_config_use(d->config, space->own[i], d->error));
    hone_stream s = stream_of(d, "model");
    d->model = space->model[hone_below(&s, (uint64_t)space->models)];
    HONE_TRY(hone_config_set_text(d->config, "model", d->model->name, d->error));
    for (int64_t i = 0; i < space->count; i++) {
        const hone_knob *k = &space->knob[i];
        if (!is_there(d, k))
            continue;
        s = stream_of(d, k->key);
        HONE_TRY(k->words ? draw_word(d, i, &s) : draw_number(d, k, &s));
    }
    return HONE_OK;
}

static hone_status sample(const hone_space_options *options, draw *d, hone_arena *arena)
{
    hone_knobs space;
    HONE_TRY(hone_knobs_of(options, arena, &space, d->error));
    d->space = &space;
    d->word = HONE_NEW(arena, const char *, space.count + 1, 1);
    if (!d->word)
        return hone_no_memory(d->error);
    HONE_TRY(hone_config_new(&d->config, d->error));
    return draw_all(d);
}

hone_status hone_space_sample(const hone_space_options *options, uint64_t seed, uint64_t number,
                              hone_config **config, hone_error *error)
{
    if (!config)
        return hone_fail(error, HONE_BAD_ARGUMENT, "space", "config is NULL");
    *config = NULL;
    hone_arena *arena = hone_arena_open(NULL);
    if (!arena)
        return hone_no_memory(error);
    draw d = {.seed = seed, .number = number, .error = error};
    const hone_status status = sample(options, &d, arena);
    hone_arena_close(arena);
    if (status)
        hone_config_free(d.config);
    else
        *config = d.config;
    return status;
}

/* ---- membership ---- */

static hone_status outside(const char *key, const char *why, hone_error *error)
{
    char path[128];
    hone_text_join(path, sizeof path, "config.", key, "");
    return hone_fail(error, HONE_BAD_CONFIG, path, "%s", why);
}

static bool is_searched(const hone_knobs *space, const hone_algorithm *a, const hone_param *row)
{
    for (int64_t i = 0; i < space->count; i++)
        if (space->knob[i].row == row && space->knob[i].algorithm == a)
            return true;
    return false;
}

static bool in_tuned_range(const hone_param *p, const void *params)
{
    const void *at = (const char *)params + p->offset;
    switch (p->kind) {
    case HONE_INT:
        return hone_range_has(p->tune, (double)*(const int64_t *)at);
    case HONE_REAL:
        return hone_range_has(p->tune, *(const double *)at);
    case HONE_AMOUNT: {
        const hone_amount *a = at;
        return a->word >= 0 ? p->tune_words
                            : hone_range_given(p->tune) && hone_range_has(p->tune, a->number);
    }
    case HONE_CHOICE:
        return !p->tune_choices ||
               hone_word_index(p->tune_choices, hone_param_word(p, params)) >= 0;
    default:
        return true;
    }
}

static hone_status check_table(const hone_knobs *space, const hone_algorithm *a,
                               const hone_param *table, const char *prefix, const void *params,
                               const void *defaults, hone_error *error)
{
    for (const hone_param *p = table; p->name; p++) {
        if (!hone_param_applies(p, space->task) ||
            !hone_param_active(table, p, space->task, params, NULL))
            continue;
        const bool searched = is_searched(space, a, p);
        char key[96];
        hone_text_join(key, sizeof key, prefix, ":", p->name);
        if (searched && !in_tuned_range(p, params))
            return outside(key, "lies outside the range of the space", error);
        if (!searched && hone_param_hash(p, params, 0) != hone_param_hash(p, defaults, 0))
            return outside(key, "is not part of the space and has not its default", error);
    }
    return HONE_OK;
}

static hone_status check_config(const hone_knobs *space, const hone_config *config,
                                hone_arena *arena, hone_error *error)
{
    hone_resolved r;
    HONE_TRY(hone_config_resolve(config, space->task, true, arena, &r, error));
    bool there = false;
    for (int64_t i = 0; i < space->models; i++)
        there |= space->model[i] == r.algorithm;
    if (!there)
        return outside("model", "is not part of the space", error);
    void *defaults = hone_arena_alloc(arena, 1, 1, r.algorithm->params_size);
    if (!defaults)
        return hone_no_memory(error);
    hone_params_default(r.algorithm->params, space->task, defaults);
    hone_prep_params prep;
    hone_prep_default(hone_takes_under(r.algorithm, space->task, r.params), space->task, &prep);
    HONE_TRY(check_table(space, r.algorithm, r.algorithm->params, r.algorithm->name, r.params,
                         defaults, error));
    return check_table(space, NULL, hone_prep_table, "prep", &r.prep, &prep, error);
}

hone_status hone_space_check(const hone_space_options *options, const hone_config *config,
                             hone_error *error)
{
    if (!config)
        return hone_fail(error, HONE_BAD_ARGUMENT, "space", "config is NULL");
    hone_arena *arena = hone_arena_open(NULL);
    if (!arena)
        return hone_no_memory(error);
    hone_knobs space;
    hone_status status = hone_knobs_of(options, arena, &space, error);
    if (!status)
        status = check_config(&space, config, arena, error);
    hone_arena_close(arena);
    return status;
}
