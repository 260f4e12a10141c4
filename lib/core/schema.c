#include "core/schema.h"

#include <string.h>

bool hone_values_copy(const hone_values *from, hone_arena *keep, hone_values *to)
{
    const int64_t n = from->count;
    *to = (hone_values){.count = n, .kind = from->kind};
    int64_t *integer = from->integer ? HONE_RAW(keep, int64_t, n, 1) : NULL;
    double *real = from->real ? HONE_RAW(keep, double, n, 1) : NULL;
    const char **text = HONE_NEW(keep, const char *, n, 1);
    if (!text || (from->integer && !integer) || (from->real && !real))
        return false;
    for (int64_t k = 0; k < n; k++) {
        if (integer)
            integer[k] = from->integer[k];
        if (real)
            real[k] = from->real[k];
        text[k] = hone_arena_text(keep, from->text[k]);
        if (!text[k])
            return false;
    }
    to->integer = integer;
    to->real = real;
    to->text = text;
    return true;
}

bool hone_schema_copy(const hone_schema *from, hone_arena *keep, hone_schema *to)
{
    *to = *from;
    if (from->na && !(to->na = hone_arena_text(keep, from->na)))
        return false;
    if (!from->column)
        return true;
    hone_column_info *column = HONE_NEW(keep, hone_column_info, from->cols, 1);
    if (!column)
        return false;
    to->column = column;
    for (int64_t j = 0; j < from->cols; j++) {
        const hone_column_info *c = &from->column[j];
        column[j].type = c->type;
        column[j].name = hone_arena_text(keep, c->name);
        if (!column[j].name ||
            (c->type == HONE_CATEGORICAL && !hone_values_copy(&c->levels, keep, &column[j].levels)))
            return false;
    }
    return true;
}

int32_t hone_schema_levels(const hone_schema *s, int64_t j)
{
    const bool categorical = s->column && s->column[j].type == HONE_CATEGORICAL;
    return categorical ? (int32_t)s->column[j].levels.count : 0;
}

hone_status hone_schema_shape(const hone_schema *s, hone_arena *keep, hone_shape *shape,
                              hone_error *error)
{
    *shape = (hone_shape){.features = s->cols, .stored = s->cols};
    int64_t categorical = 0;
    for (int64_t j = 0; s->column && j < s->cols; j++)
        categorical += s->column[j].type == HONE_CATEGORICAL;
    if (!categorical)
        return HONE_OK;
    int32_t *levels = HONE_NEW(keep, int32_t, s->cols, 1);
    if (!levels)
        return hone_no_memory(error);
    for (int64_t j = 0; j < s->cols; j++)
        levels[j] = hone_schema_levels(s, j);
    shape->levels = levels;
    return HONE_OK;
}
