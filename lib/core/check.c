/* The tables of a module, checked before anything trusts them. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "core/params.h"
#include "hone/space.h"

enum { TAKES = 2 * HONE_STARTS_WARM - 1 };

typedef struct check {
    const hone_algorithm *algorithm;
    hone_error *error;
} check;

static hone_status refuse(const check *c, const char *row, const char *why)
{
    char path[96], name[64];
    hone_text_join(name, sizeof name, "algorithm.", c->algorithm->name, *row ? ":" : "");
    hone_text_join(path, sizeof path, name, row, "");
    return hone_fail(c->error, HONE_UNSUPPORTED, path, "%s", why);
}

/* Letters, digits and underscores, a letter first. */
static bool is_name(const char *name)
{
    size_t n = 0;
    for (; name[n]; n++)
        if (!isalnum((unsigned char)name[n]) && name[n] != '_')
            return false;
    return n > 0 && n <= 40 && isalpha((unsigned char)name[0]);
}

static bool is_sentence(const char *help)
{
    const size_t n = help ? strlen(help) : 0;
    return n > 1 && help[n - 1] == '.';
}

static bool distinct_names(const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (hone_word_index(words, words[i]) != i || !*words[i])
            return false;
    return true;
}

static int word_count(const char *const *words)
{
    int n = 0;
    while (words && words[n])
        n++;
    return n;
}

static size_t member_size(hone_kind kind)
{
    switch (kind) {
    case HONE_INT:
        return sizeof(int64_t);
    case HONE_REAL:
        return sizeof(double);
    case HONE_BOOL:
        return sizeof(bool);
    case HONE_CHOICE:
        return sizeof(int);
    case HONE_AMOUNT:
        return sizeof(hone_amount);
    }
    return 0;
}

static size_t member_align(hone_kind kind)
{
    return kind == HONE_BOOL ? 1 : kind == HONE_CHOICE ? _Alignof(int) : _Alignof(double);
}

static bool share_a_task(const hone_param *a, const hone_param *b)
{
    return !a->tasks || !b->tasks || (a->tasks & b->tasks);
}

/* ---- hyperparameters ---- */

static bool has_number(const hone_param *p, double v)
{
    return (hone_range_given(p->legal) && hone_range_has(p->legal, v)) ||
           (hone_range_given(p->legal_count) && hone_range_has(p->legal_count, v) && v == floor(v));
}

static const char *number_row(const hone_param *p)
{
    if (p->choices || p->tune_choices || p->takes)
        return "choices, and what is taken under one, are for a choice";
    if (!hone_range_given(p->legal) && !hone_range_given(p->legal_count))
        return "has no legal range";
    if (p->kind != HONE_AMOUNT && (hone_range_given(p->legal_count) || p->words))
        return "words and a range of counts are for an amount";
    if (p->default_word ? hone_word_index(p->words, p->default_word) < 0
                        : !has_number(p, p->default_value))
        return "the default is not legal";
    if (p->kind == HONE_INT && p->default_value != floor(p->default_value))
        return "the default is not an integer";
    if (p->log && (p->kind == HONE_INT || (p->kind == HONE_AMOUNT && hone_tunes_counts(p))))
        return "a log scale is for reals";
    if (p->tune_words && p->kind != HONE_AMOUNT)
        return "tune_words is for an amount";
    if (p->fixed)
        return "fixed is for choices and booleans; an empty tuned range says the same";
    if (!hone_range_given(p->tune))
        return p->log ? "a log scale without a tuned range" : NULL;
    if (p->tune.open || !has_number(p, p->tune.low) || !has_number(p, p->tune.high))
        return "the tuned range must be closed and inside the legal one";
    return p->log && p->tune.low <= 0 ? "a log scale needs a positive range" : NULL;
}

static bool tuned_choices(const hone_param *p)
{
    if (p->kind != HONE_CHOICE || p->fixed || !distinct_names(p->tune_choices))
        return false;
    for (int i = 0; p->tune_choices[i]; i++)
        if (hone_word_index(p->choices, p->tune_choices[i]) < 0)
            return false;
    return hone_word_index(p->tune_choices, p->choices[(int)p->default_value]) >= 0;
}

static const char *word_row(const hone_param *p)
{
    const int count = p->kind == HONE_BOOL ? 2 : word_count(p->choices);
    if ((p->kind == HONE_CHOICE) != (p->choices != NULL))
        return "choices are for a choice, which needs them";
    if (p->words || p->default_word || p->tune_words || p->log || hone_range_given(p->legal) ||
        hone_range_given(p->legal_count) || hone_range_given(p->tune))
        return "ranges, words and scales are for numbers";
    if (count == 0 || (p->choices && !distinct_names(p->choices)))
        return "the choices must be distinct and at least one";
    if (!(p->default_value >= 0 && p->default_value < count) ||
        p->default_value != floor(p->default_value))
        return "the default is not one of the choices";
    if (p->tune_choices && !tuned_choices(p))
        return "the tuned choices must be distinct choices, with the default, of a choice";
    for (int i = 0; p->takes && i < count; i++)
        if (p->kind != HONE_CHOICE || (p->takes[i] & ~(unsigned)TAKES))
            return "takes what is not known";
    return p->fidelity ? "the fidelity is an integer or a real" : NULL;
}

static const char *amount_row(const hone_param *p)
{
    if (p->kind != HONE_AMOUNT)
        return NULL;
    if (p->words && (word_count(p->words) == 0 || !distinct_names(p->words)))
        return "the words must be distinct and at least one";
    if (p->words && hone_word_index(p->words, "value") >= 0)
        return "the word \"value\" is taken: it stands for the number";
    return p->fidelity ? "the fidelity is an integer or a real" : NULL;
}

static const char *condition_row(const hone_param *table, const hone_param *p)
{
    if (!p->when.parent)
        return p->when.values ? "a condition without a parent" : NULL;
    const hone_param *parent = NULL;
    for (const hone_param *q = table; q < p; q++)
        if (!strcmp(q->name, p->when.parent) && share_a_task(p, q))
            parent = q;
    if (!parent)
        return "the parent of the condition does not stand above";
    if (parent->kind != HONE_CHOICE && parent->kind != HONE_BOOL)
        return "the parent of a condition must be a choice or a boolean";
    if (word_count(p->when.values) == 0)
        return "a condition without values";
    static const char *const truths[] = {"false", "true", NULL};
    for (const char *const *v = p->when.values; *v; v++)
        if (hone_word_index(parent->choices ? parent->choices : truths, *v) < 0)
            return "a value of the condition is not one of the parent";
    return NULL;
}

static const char *place_row(const hone_algorithm *a, const hone_param *p)
{
    const size_t size = member_size(p->kind);
    if (size == 0)
        return "the kind is unknown";
    if (p->offset % member_align(p->kind) || p->offset > a->params_size ||
        a->params_size - p->offset < size)
        return "lies outside the params struct";
    for (const hone_param *q = a->params; q < p; q++) {
        const bool twin = !strcmp(p->name, q->name);
        if (twin && share_a_task(p, q))
            return "stands twice for one task";
        if (twin && p->offset == q->offset && p->kind == q->kind)
            continue;
        if (p->offset < q->offset + member_size(q->kind) && q->offset < p->offset + size)
            return "overlaps another member";
        if (q->tune_words && !strncmp(p->name, q->name, strlen(q->name)) &&
            !strcmp(p->name + strlen(q->name), "_mode"))
            return "the name is taken by the words of another row";
    }
    return NULL;
}

static const char *param_row(const hone_algorithm *a, const hone_param *p)
{
    const bool words = p->kind == HONE_CHOICE || p->kind == HONE_BOOL;
    const char *why = place_row(a, p);
    if (!why && (!is_name(p->name) || !strcmp(p->name, "model")))
        why = "the name must be letters, digits and underscores, and not \"model\"";
    if (!why && !is_sentence(p->help))
        why = "help must be a sentence with a full stop";
    if (!why && (p->tasks & ~a->tasks))
        why = "is for a task that the module does not do";
    if (!why)
        why = words ? word_row(p) : number_row(p);
    if (!why)
        why = amount_row(p);
    if (!why)
        why = condition_row(a->params, p);
    if (!why && p->excludes && !hone_param_find(a->params, p->excludes, 0))
        why = "excludes a hyperparameter that is not there";
    if (!why && p->fidelity_default && !p->fidelity)
        why = "fidelity_default without fidelity";
    return why;
}

/* ---- state ---- */

static size_t field_size(const hone_field *f)
{
    return f->is_array ? sizeof(void *) : 8;
}

static bool is_float(hone_dtype dtype)
{
    return dtype == HONE_F32 || dtype == HONE_F64;
}

static bool extent_good(const hone_field *table, const hone_field *f, const hone_extent *e)
{
    if (e->of != HONE_COUNT_AT)
        return e->of == HONE_PLAIN || e->of == HONE_FEATURES || e->of == HONE_OUTPUTS;
    for (const hone_field *q = table; q < f; q++)
        if (!q->is_array && q->dtype == HONE_I64 && q->offset == e->offset)
            return true;
    return false;
}

static const char *rule_of(const hone_field *table, const hone_field *f)
{
    switch (f->rule.kind) {
    case HONE_UNRULED:
        return "an array needs a rule";
    case HONE_ANY:
        return NULL;
    case HONE_FINITE:
        return is_float(f->dtype) ? NULL : "finite is a rule for floats";
    case HONE_WITHIN:
    case HONE_OFFSETS:
        if (is_float(f->dtype))
            return "is a rule for integers";
        return extent_good(table, f, &f->rule.below) ? NULL
                                                     : "the count of the rule does not stand above";
    }
    return "the rule is unknown";
}

static const char *field_row(const hone_algorithm *a, const hone_field *f)
{
    const size_t size = field_size(f);
    if (!is_name(f->name))
        return "the name must be letters, digits and underscores";
    if (f->dtype < HONE_F32 || f->dtype > HONE_I64)
        return "the element type cannot be saved";
    if (!f->is_array && f->dtype != HONE_I64 && f->dtype != HONE_F64)
        return "a member that is no array must be a count or a number";
    if (f->offset % 8 || f->offset > a->state_size || a->state_size - f->offset < size)
        return "lies outside the state struct";
    for (const hone_field *q = a->state; q < f; q++) {
        if (!strcmp(f->name, q->name))
            return "stands twice";
        if (f->offset < q->offset + field_size(q) && q->offset < f->offset + size)
            return "overlaps another member";
    }
    if (!f->is_array)
        return NULL;
    if (!extent_good(a->state, f, &f->rows) || !extent_good(a->state, f, &f->cols))
        return "a length names a count that does not stand above";
    return rule_of(a->state, f);
}

/* ---- the module ---- */

static const char *output_row(const hone_algorithm *a, const hone_output *o)
{
    const hone_field *last = a->state;
    while (last->name)
        last++;
    if (!is_name(o->name) || !is_sentence(o->help))
        return "needs a name and a sentence with a full stop";
    if (!o->compute)
        return "has no function";
    return extent_good(a->state, last, &o->rows) && extent_good(a->state, last, &o->cols)
               ? NULL
               : "a length names a count that the state does not have";
}

static const char *module_row(const hone_algorithm *a)
{
    enum { TASKS = HONE_CLASSIFICATION | HONE_REGRESSION };
    if (!is_name(a->name) || !strcmp(a->name, "prep") || !strcmp(a->name, "model"))
        return "the name must be letters, digits and underscores, not \"prep\" or \"model\"";
    if (!is_sentence(a->summary))
        return "the summary must be a sentence with a full stop";
    if (!a->tasks || (a->tasks & ~(unsigned)TASKS))
        return "must do classification, regression or both";
    if (a->takes & ~(unsigned)TAKES)
        return "takes what is not known";
    if (!a->params || !a->state || !a->params_size || !a->state_size)
        return "a table or the size of a struct is missing";
    if (!a->fit || !a->predict)
        return "fit or predict is missing";
    return NULL;
}

hone_status hone_algorithm_check(const hone_algorithm *algorithm, hone_error *error)
{
    const check c = {algorithm, error};
    if (!algorithm)
        return hone_fail(error, HONE_BAD_ARGUMENT, "algorithm", "NULL");
    if (algorithm->abi != HONE_ABI)
        return hone_fail(error, HONE_UNSUPPORTED, "algorithm",
                         "was built against another version of hone/algorithm.h: rebuild it");
    const char *why = algorithm->name ? module_row(algorithm) : "has no name";
    if (!algorithm->name)
        return hone_fail(error, HONE_UNSUPPORTED, "algorithm", "%s", why);
    if (why)
        return refuse(&c, "", why);
    for (const hone_param *p = algorithm->params; p->name; p++)
        if ((why = param_row(algorithm, p)))
            return refuse(&c, p->name, why);
    for (const hone_field *f = algorithm->state; f->name; f++)
        if ((why = field_row(algorithm, f)))
            return refuse(&c, f->name, why);
    for (const hone_output *o = algorithm->outputs; o && o->name; o++)
        if ((why = output_row(algorithm, o)))
            return refuse(&c, o->name, why);
    const hone_field *last = algorithm->state;
    while (last->name)
        last++;
    return extent_good(algorithm->state, last, &algorithm->members)
               ? HONE_OK
               : refuse(&c, "members", "names a count that the state does not have");
}
