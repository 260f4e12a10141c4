/* Every bound of every hyperparameter, one step beyond and on it; unknown and mistyped ones, and
 * those that another's value switches off. The rows come from the module's own table. */
#include "contract.h"

/* ---- one value ---- */

static const hone_param *parent_of(const hone_algorithm *a, const hone_param *p, hone_task task)
{
    for (const hone_param *q = a->params; q->name; q++)
        if (p->when.parent && !strcmp(q->name, p->when.parent) && (!q->tasks || q->tasks & task))
            return q;
    return NULL;
}

/* What has to be set for the row to exist: "\"svm:kernel\":\"poly\"," */
static void add_conditions(const hone_algorithm *a, const hone_param *p, hone_task task, char *out)
{
    const hone_param *q = parent_of(a, p, task);
    if (!q)
        return;
    add_conditions(a, q, task, out);
    sprintf(out + strlen(out), "\"%s:%s\":\"%s\",", a->name, q->name, p->when.values[0]);
}

typedef struct site {
    const hone_algorithm *a;
    const hone_param *p;
    hone_task task;
} site;

static const char *settings_of(stage *s, const site *at, const char *value)
{
    char *out = stage_memory(s, 4096);
    add_conditions(at->a, at->p, at->task, out);
    snprintf(out + strlen(out), 2048, "\"%s:%s\":%s", at->a->name, at->p->name, value);
    return out;
}

/* Whether the configuration is taken for the task. */
static bool taken(stage *s, const site *at, const char *settings, hone_error *error)
{
    char *json = NULL;
    const hone_config *c = config_of(s, at->a, settings, error);
    const bool ok = c && !hone_config_json(c, at->task, &json, error);
    hone_text_free(json);
    return ok;
}

static bool is_refused(stage *s, const site *at, const char *value)
{
    char path[96];
    hone_error error = {0};
    snprintf(path, sizeof path, "config.%s:%s", at->a->name, at->p->name);
    REQUIRE(!taken(s, at, settings_of(s, at, value), &error), "%s = %s is taken", path, value);
    REQUIRE(error.status == HONE_BAD_CONFIG && !strcmp(error.path, path) && *error.message,
            "%s = %s: %s at %s", path, value, hone_status_name(error.status), error.path);
    return true;
}

/* A value on a bound is taken; what the fit then makes of eighteen rows is finite, or refused in
 * words when no search would ask for it. */
static bool is_taken(stage *s, const site *at, const char *value, bool searched)
{
    hone_error error = {0};
    const char *settings = settings_of(s, at, value);
    REQUIRE(taken(s, at, settings, &error), "legal value %s: %s: %s", value, error.path,
            error.message);
    hone_options o = with_threads(1);
    o.deadline = 0.1;
    hone_dataset *d = dataset_of(s, problem_easy(s, at->task, 18, 3, 4), PLAIN);
    const outcome t = train(s, at->a, settings, d, 1, &o);
    const bool in_words = (t.status == HONE_BAD_CONFIG || t.status == HONE_BAD_DATA ||
                           t.status == HONE_UNSUPPORTED) &&
                          *t.error.message;
    REQUIRE(t.status ? in_words && !searched : isfinite(t.loss), "legal value %s: %s %s: %s, %g",
            settings, hone_status_name(t.status), t.error.path, t.error.message, t.loss);
    const double *score = t.status ? NULL : scores_of(s, t.model, d);
    for (int64_t i = 0; score && i < 18 * hone_model_outputs(t.model); i++)
        REQUIRE(isfinite(score[i]), "legal value %s: a score is not finite", settings);
    return true;
}

/* ---- numbers ---- */

typedef enum written { AS_COUNT, AS_REAL } written;

static const char *number(stage *s, double v, written how)
{
    char *text = stage_memory(s, 40);
    if (how == AS_COUNT) {
        snprintf(text, 40, "%lld", (long long)v);
        return text;
    }
    snprintf(text, 40, "%.17g", v);
    if (!strpbrk(text, ".e"))
        strcat(text, ".0");
    return text;
}

static bool inside(hone_range r, double v)
{
    return v >= r.low && v <= r.high && isfinite(v);
}

static bool bound_holds(stage *s, const site *at, hone_range r, written how, bool up)
{
    const bool open = r.open & (up ? HONE_OPEN_HIGH : HONE_OPEN_LOW);
    const double bound = up ? r.high : r.low, away = up ? INFINITY : -INFINITY;
    const double out = how == AS_COUNT ? bound + (up ? 1 : -1) : nextafter(bound, away);
    const double in = !open             ? bound
                      : how == AS_COUNT ? bound - (up ? 1 : -1)
                                        : nextafter(bound, -away);
    if (fabs(bound) >= 0x1p53 && how == AS_COUNT)
        return is_taken(s, at, number(s, bound, how), false);
    return is_refused(s, at, number(s, open ? bound : out, how)) &&
           is_taken(s, at, number(s, in, how), false);
}

static bool range_holds(stage *s, const site *at, hone_range r, written how)
{
    if (r.low == 0 && r.high == 0)
        return true;
    return bound_holds(s, at, r, how, false) && bound_holds(s, at, r, how, true);
}

static bool tuned_holds(stage *s, const site *at, written how)
{
    const hone_range r = at->p->tune;
    if (r.low == 0 && r.high == 0)
        return true;
    return is_taken(s, at, number(s, r.low, how), true) &&
           is_taken(s, at, number(s, r.high, how), true);
}

static bool words_hold(stage *s, const site *at, const char *const *words, bool searched)
{
    for (; words && *words; words++) {
        char text[80];
        snprintf(text, sizeof text, "\"%s\"", *words);
        if (!is_taken(s, at, text, searched))
            return false;
    }
    return is_refused(s, at, "\"no such word\"") && is_refused(s, at, "true");
}

/* The special numbers come through the typed setter: JSON has none. */
static bool special_is_refused(stage *s, const site *at)
{
    static const double special[] = {NAN, INFINITY, -INFINITY};
    char key[96];
    snprintf(key, sizeof key, "%s:%s", at->a->name, at->p->name);
    for (int k = 0; k < 3; k++) {
        hone_error error = {0};
        hone_config *c = config_of(s, at->a, "", &error);
        REQUIRE(c && hone_config_set_real(c, key, special[k], &error) == HONE_BAD_CONFIG,
                "%s = %g is taken", key, special[k]);
        REQUIRE(strstr(error.path, key), "path %s", error.path);
    }
    return true;
}

static bool row_holds(stage *s, const site *at)
{
    const hone_param *p = at->p;
    switch (p->kind) {
    case HONE_INT:
        return range_holds(s, at, p->legal, AS_COUNT) && tuned_holds(s, at, AS_COUNT) &&
               is_refused(s, at, number(s, p->legal.low + 0.5, AS_REAL)) &&
               is_refused(s, at, "\"seven\"") && is_refused(s, at, "false") &&
               is_taken(s, at, number(s, p->default_value, AS_REAL), true) &&
               special_is_refused(s, at);
    case HONE_REAL:
        return range_holds(s, at, p->legal, AS_REAL) && tuned_holds(s, at, AS_REAL) &&
               is_refused(s, at, "\"seven\"") && is_refused(s, at, "false") &&
               special_is_refused(s, at);
    case HONE_BOOL:
        return is_taken(s, at, "true", !p->fixed) && is_taken(s, at, "\"False\"", !p->fixed) &&
               is_refused(s, at, "\"perhaps\"") && is_refused(s, at, "2");
    case HONE_CHOICE:
        return words_hold(s, at, p->choices, !p->fixed) && is_refused(s, at, "17");
    case HONE_AMOUNT: {
        const bool counts = p->legal_count.low != 0 || p->legal_count.high != 0;
        return range_holds(s, at, p->legal, AS_REAL) &&
               range_holds(s, at, p->legal_count, AS_COUNT) &&
               tuned_holds(s, at,
                           counts && inside(p->legal_count, p->tune.high) ? AS_COUNT : AS_REAL) &&
               words_hold(s, at, p->words, p->tune_words) && special_is_refused(s, at);
    }
    }
    return false;
}

/* ---- keys ---- */

static bool unknown_is_refused(stage *s, const hone_algorithm *a)
{
    char settings[96];
    hone_error error = {0};
    REQUIRE(!config_of(s, a, "\"no_such_key\":1", &error), "an unknown key is taken");
    REQUIRE(error.status == HONE_BAD_CONFIG && !strcmp(error.path, "config.no_such_key"), "%s: %s",
            error.path, error.message);
    snprintf(settings, sizeof settings, "\"%s:%sx\":1", a->name, a->params[0].name);
    REQUIRE(!config_of(s, a, settings, &error), "%s is taken", settings);
    REQUIRE(error.status == HONE_BAD_CONFIG && strstr(error.message, a->params[0].name),
            "the nearest name is not in: %s", error.message);
    return true;
}

/* A value of the parent under which the row does not exist; NULL: none. */
static const char *other_value(const hone_param *q, const hone_param *p)
{
    static const char *const truths[] = {"false", "true", NULL};
    for (const char *const *v = q->kind == HONE_BOOL ? truths : q->choices; *v; v++) {
        bool listed = false;
        for (const char *const *w = p->when.values; *w; w++)
            listed |= !strcmp(*v, *w);
        if (!listed)
            return *v;
    }
    return NULL;
}

static bool inactive_is_dropped(stage *s, const site *at)
{
    const hone_param *q = parent_of(at->a, at->p, at->task);
    const char *off = q ? other_value(q, at->p) : NULL;
    if (!off)
        return true;
    char *settings = stage_memory(s, 4096), value[64], key[96];
    add_conditions(at->a, q, at->task, settings);
    if (at->p->kind == HONE_CHOICE || at->p->kind == HONE_BOOL)
        snprintf(value, sizeof value, "\"%s\"", at->p->choices ? at->p->choices[0] : "true");
    else
        snprintf(value, sizeof value, "%.17g",
                 at->p->default_word ? at->p->tune.high : at->p->default_value);
    snprintf(key, sizeof key, "%s:%s", at->a->name, at->p->name);
    sprintf(settings + strlen(settings), "\"%s:%s\":\"%s\",\"%s\":%s", at->a->name, q->name, off,
            key, value);
    hone_dataset *d = dataset_of(s, problem_easy(s, at->task, 18, 3, 4), PLAIN);
    hone_options o = with_threads(1);
    const outcome loose = train(s, at->a, settings, d, 1, &o);
    if (loose.status && at->p->default_word)
        return true; /* it has no number to name */
    REQUIRE(!loose.status, "%s: %s", loose.error.path, loose.error.message);
    const char *json = hone_result_json(loose.result), *list = strstr(json, "\"inactive\"");
    REQUIRE(list && strstr(list, key), "%s is not listed as inactive", key);
    o.strict = true;
    const outcome strict = train(s, at->a, settings, d, 1, &o);
    REQUIRE(strict.status == HONE_BAD_CONFIG && strstr(strict.error.path, key),
            "strict, inactive %s: %s at %s", key, hone_status_name(strict.status),
            strict.error.path);
    return true;
}

static bool holds(stage *s, const hone_algorithm *a)
{
    hone_error error = {0};
    REQUIRE(!hone_algorithm_check(a, &error), "%s: %s", error.path, error.message);
    EACH_TASK(task, a)
    for (const hone_param *p = a->params; p->name; p++) {
        const site at = {a, p, task};
        if ((!p->tasks || p->tasks & task) && !(row_holds(s, &at) && inactive_is_dropped(s, &at)))
            return false;
    }
    return unknown_is_refused(s, a);
}

int main(int argc, char **argv)
{
    return contract_main(argc, argv, &(contract){.holds = holds, .broken = broken_tables});
}
