/* Rows of hyperparameter tables: defaults, conditions, ranges, hashes. */
#include "core/params.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"

static void *member(const hone_param *p, void *params)
{
    return (char *)params + p->offset;
}

static const void *value_at(const hone_param *p, const void *params)
{
    return (const char *)params + p->offset;
}

int hone_word_index(const char *const *words, const char *word)
{
    for (int i = 0; words && word && words[i]; i++)
        if (!strcmp(words[i], word))
            return i;
    return -1;
}

const char *hone_param_word(const hone_param *p, const void *params)
{
    const void *at = value_at(p, params);
    if (p->kind == HONE_BOOL)
        return *(const bool *)at ? "true" : "false";
    return p->choices[*(const int *)at];
}

/* ---- rows ---- */

bool hone_param_applies(const hone_param *p, hone_task task)
{
    return !p->tasks || !task || (p->tasks & (unsigned)task);
}

const hone_param *hone_param_find(const hone_param *table, const char *name, hone_task task)
{
    for (const hone_param *p = table; p->name; p++)
        if (hone_param_applies(p, task) && !strcmp(p->name, name))
            return p;
    return NULL;
}

bool hone_param_active(const hone_param *table, const hone_param *p, hone_task task,
                       const void *params, const hone_param **unmet)
{
    const hone_param *deepest = NULL;
    while (p->when.parent) {
        const hone_param *parent = hone_param_find(table, p->when.parent, task);
        if (!parent || hone_word_index(p->when.values, hone_param_word(parent, params)) < 0)
            deepest = p;
        if (!parent)
            break;
        p = parent;
    }
    if (unmet && deepest)
        *unmet = deepest;
    return !deepest;
}

unsigned hone_takes_under(const hone_algorithm *a, hone_task task, const void *params)
{
    unsigned takes = a->takes;
    for (const hone_param *p = a->params; p && p->name; p++) {
        if (!p->takes || !hone_param_applies(p, task) ||
            !hone_param_active(a->params, p, task, params, NULL))
            continue;
        const unsigned own = p->takes[*(const int *)value_at(p, params)];
        takes = own ? own : takes;
    }
    return takes;
}

const char *hone_takes_note(const hone_algorithm *a, unsigned takes)
{
    return takes == a->takes ? "" : " with these hyperparameters";
}

void hone_param_default(const hone_param *p, void *params)
{
    void *at = member(p, params);
    const double v = p->default_value;
    switch (p->kind) {
    case HONE_INT:
        *(int64_t *)at = (int64_t)v;
        break;
    case HONE_REAL:
        *(double *)at = v;
        break;
    case HONE_BOOL:
        *(bool *)at = v != 0;
        break;
    case HONE_CHOICE:
        *(int *)at = (int)v;
        break;
    case HONE_AMOUNT:
        *(hone_amount *)at =
            (hone_amount){hone_word_index(p->words, p->default_word),
                          !p->default_word && hone_range_given(p->legal_count) &&
                              !(hone_range_given(p->legal) && hone_range_has(p->legal, v)),
                          v};
        break;
    }
}

void hone_params_default(const hone_param *table, hone_task task, void *params)
{
    for (const hone_param *p = table; p->name; p++)
        if (hone_param_applies(p, task))
            hone_param_default(p, params);
}

/* ---- ranges ---- */

bool hone_range_given(hone_range r)
{
    return r.low < r.high;
}

bool hone_range_has(hone_range r, double v)
{
    const bool low = r.open & HONE_OPEN_LOW ? v > r.low : v >= r.low;
    const bool high = r.open & HONE_OPEN_HIGH ? v < r.high : v <= r.high;
    return low && high;
}

static void bound_text(double v, hone_text *out)
{
    if (v - v == 0)
        hone_text_number(out, v);
    else
        hone_text_add(out, v > 0 ? "inf" : "-inf");
}

void hone_range_text(hone_range r, hone_text *out)
{
    const bool no_low = r.low < 0 && r.low - r.low != 0, no_high = r.high - r.high != 0;
    hone_text_add(out, r.open & HONE_OPEN_LOW || no_low ? "(" : "[");
    bound_text(r.low, out);
    hone_text_add(out, ", ");
    bound_text(r.high, out);
    hone_text_add(out, r.open & HONE_OPEN_HIGH || no_high ? ")" : "]");
}

bool hone_tunes_counts(const hone_param *p)
{
    return hone_range_given(p->legal_count) &&
           !(hone_range_given(p->legal) && hone_range_has(p->legal, p->tune.low) &&
             hone_range_has(p->legal, p->tune.high));
}

/* ---- distance ---- */

/* Without a tuned range: relative to the larger. */
static double distance(const hone_param *p, double a, double b)
{
    const hone_range r = p->tune;
    double d = fabs(a - b) / (fabs(a) + fabs(b));
    if (hone_range_given(r))
        d = p->log ? fabs(log(a) - log(b)) / log(r.high / r.low) : fabs(a - b) / (r.high - r.low);
    return a == b ? 0 : isnan(d) ? INFINITY : d;
}

static double amount_distance(const hone_param *p, const hone_amount *a, const hone_amount *b)
{
    if (a->word != b->word || (a->word < 0 && a->integral != b->integral))
        return 1;
    return a->word < 0 ? distance(p, a->number, b->number) : 0;
}

double hone_param_distance(const hone_param *p, const void *a, const void *b)
{
    const void *x = value_at(p, a), *y = value_at(p, b);
    switch (p->kind) {
    case HONE_INT:
        return distance(p, (double)*(const int64_t *)x, (double)*(const int64_t *)y);
    case HONE_REAL:
        return distance(p, *(const double *)x, *(const double *)y);
    case HONE_BOOL:
        return *(const bool *)x != *(const bool *)y;
    case HONE_CHOICE:
        return *(const int *)x != *(const int *)y;
    case HONE_AMOUNT:
        break;
    }
    return amount_distance(p, x, y);
}

/* ---- hash ---- */

uint64_t hone_param_hash(const hone_param *p, const void *params, uint64_t seed)
{
    const void *at = value_at(p, params);
    const uint64_t h = hone_hash_text(seed, p->name);
    switch (p->kind) {
    case HONE_INT:
    case HONE_REAL:
        return hone_hash(h, at, 8);
    case HONE_BOOL:
        return hone_hash(h, at, sizeof(bool));
    case HONE_CHOICE:
        return hone_hash(h, at, sizeof(int));
    case HONE_AMOUNT:
        break;
    }
    const hone_amount *a = at;
    const int32_t kind[] = {a->word, a->word < 0 && a->integral};
    const double number = a->word < 0 ? a->number : 0;
    return hone_hash(hone_hash(h, kind, sizeof kind), &number, sizeof number);
}
