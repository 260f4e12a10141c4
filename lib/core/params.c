#include "core/params.h"

#include <string.h>

#include "base/hash.h"

static void *member(const hone_param *p, void *params)
{
    return (char *)params + p->offset;
}

static int32_t word_of(const hone_param *p, const char *word)
{
    for (int32_t i = 0; word && p->words[i]; i++)
        if (!strcmp(p->words[i], word))
            return i;
    return -1;
}

void hone_param_default(const hone_param *p, void *params)
{
    void *at = member(p, params);
    switch (p->kind) {
    case HONE_INT:
        *(int64_t *)at = (int64_t)p->default_value;
        break;
    case HONE_REAL:
        *(double *)at = p->default_value;
        break;
    case HONE_BOOL:
        *(bool *)at = p->default_value != 0;
        break;
    case HONE_CHOICE:
        *(int *)at = (int)p->default_value;
        break;
    case HONE_AMOUNT:
        *(hone_amount *)at = (hone_amount){word_of(p, p->default_word),
                                           p->default_value == (double)(int64_t)p->default_value &&
                                               hone_range_given(p->legal_count),
                                           p->default_value};
        break;
    }
}

void hone_params_default(const hone_param *table, hone_task task, void *params)
{
    for (const hone_param *p = table; p->name; p++)
        if (!p->tasks || (p->tasks & (unsigned)task))
            hone_param_default(p, params);
}

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

uint64_t hone_param_hash(const hone_param *p, const void *params, uint64_t seed)
{
    const void *at = (const char *)params + p->offset;
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
