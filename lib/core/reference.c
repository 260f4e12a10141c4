/* Every model and hyperparameter as JSON, from the tables: help texts, the reference page and the
 * Python classes are made from it. */
#include <math.h>

#include "core/config.h"
#include "hone/space.h"

static void quoted(hone_text *t, const char *name, const char *value)
{
    hone_text_format(t, ", \"%s\": ", name);
    hone_text_quoted(t, value);
}

static void list(hone_text *t, const char *name, const char *const *words)
{
    if (!words)
        return;
    hone_text_format(t, ", \"%s\": [", name);
    for (int k = 0; words[k]; k++) {
        hone_text_add(t, k ? ", " : "");
        hone_text_quoted(t, words[k]);
    }
    hone_text_add(t, "]");
}

typedef struct flag_name {
    unsigned bit;
    const char *name;
} flag_name;

static void flag_list(hone_text *t, unsigned mask, const flag_name *names)
{
    bool first = true;
    hone_text_add(t, "[");
    for (; names->name; names++)
        if (mask & names->bit) {
            hone_text_format(t, "%s\"%s\"", first ? "" : ", ", names->name);
            first = false;
        }
    hone_text_add(t, "]");
}

static void flags(hone_text *t, const char *name, unsigned mask, const flag_name *names)
{
    hone_text_format(t, ", \"%s\": ", name);
    flag_list(t, mask, names);
}

static const flag_name TASKS[] = {
    {HONE_CLASSIFICATION, "classification"}, {HONE_REGRESSION, "regression"}, {0}};
static const flag_name TAKES[] = {{HONE_TAKES_MISSING, "missing"},
                                  {HONE_TAKES_CATEGORIES, "categories"},
                                  {HONE_TAKES_SPARSE, "sparse"},
                                  {HONE_TAKES_WEIGHTS, "weights"},
                                  {0}};
static const char *const KINDS[] = {[HONE_INT] = "integer",
                                    [HONE_REAL] = "real",
                                    [HONE_BOOL] = "boolean",
                                    [HONE_CHOICE] = "choice",
                                    [HONE_AMOUNT] = "number or word"};

static void range(hone_text *t, const char *name, hone_range r)
{
    if (!hone_range_given(r))
        return;
    hone_text text = {0};
    hone_range_text(r, &text);
    t->failed |= text.failed;
    if (!text.failed)
        quoted(t, name, text.bytes);
    hone_text_drop(&text);
}

/* What the module takes under each choice that changes it. */
static void choice_takes(hone_text *t, const hone_param *p)
{
    bool first = true;
    hone_text_add(t, ", \"choice_takes\": {");
    for (int k = 0; p->choices[k]; k++) {
        if (!p->takes[k])
            continue;
        hone_text_format(t, "%s\"%s\": ", first ? "" : ", ", p->choices[k]);
        flag_list(t, p->takes[k], TAKES);
        first = false;
    }
    hone_text_add(t, "}");
}

static void write_row(hone_text *t, const hone_param *p, bool first)
{
    hone_text expects = {0};
    hone_text_format(t,
                     "%s\n    {\"name\": \"%s\", \"kind\": \"%s\", \"default\": ", first ? "" : ",",
                     p->name, KINDS[p->kind]);
    hone_param_default_json(p, t);
    quoted(t, "help", p->help);
    hone_param_expects(p, &expects);
    t->failed |= expects.failed;
    if (!expects.failed)
        quoted(t, "takes", expects.bytes);
    hone_text_drop(&expects);
    flags(t, "tasks", p->tasks ? p->tasks : HONE_CLASSIFICATION | HONE_REGRESSION, TASKS);
    range(t, "legal", p->legal);
    range(t, "legal_count", p->legal_count);
    range(t, "tune", p->tune);
    list(t, "choices", p->choices);
    list(t, "tune_choices", p->tune_choices);
    if (p->takes)
        choice_takes(t, p);
    list(t, "words", p->words);
    if (p->when.parent) {
        quoted(t, "parent", p->when.parent);
        list(t, "values", p->when.values);
    }
    if (p->excludes)
        quoted(t, "excludes", p->excludes);
    hone_text_format(t, ", \"log\": %s, \"fixed\": %s, \"fidelity\": %s}",
                     p->log ? "true" : "false", p->fixed ? "true" : "false",
                     p->fidelity ? "true" : "false");
}

static void write_table(hone_text *t, const hone_param *table)
{
    for (const hone_param *p = table; p->name; p++)
        write_row(t, p, p == table);
}

hone_status hone_reference_json(const hone_algorithm *const *algorithms, char **json,
                                hone_error *error)
{
    if (!json)
        return hone_fail(error, HONE_BAD_ARGUMENT, "reference", "json is NULL");
    hone_text t = {0};
    hone_text_add(&t, "{\"models\": [");
    int64_t i = 0;
    const hone_algorithm *a;
    while ((a = hone_module_at(algorithms, &i))) {
        hone_text_format(&t, "%s\n  {\"name\": \"%s\"", i > 1 ? "," : "", a->name);
        quoted(&t, "summary", a->summary);
        flags(&t, "tasks", a->tasks, TASKS);
        flags(&t, "takes", a->takes, TAKES);
        hone_text_add(&t, ", \"hyperparameters\": [");
        write_table(&t, a->params);
        hone_text_add(&t, "\n  ]}");
    }
    hone_text_add(&t, "\n], \"preprocessing\": [");
    write_table(&t, hone_prep_table);
    hone_text_add(&t, "\n]}\n");
    *json = hone_text_take(&t);
    return *json ? HONE_OK : hone_no_memory(error);
}
