/* The canonical JSON of a configuration, from its values alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "core/config.h"

typedef struct line {
    char key[96];
    const hone_param *row; /* NULL: the model's name */
    const void *params;
} line;

static int by_key(const void *a, const void *b)
{
    return strcmp(((const line *)a)->key, ((const line *)b)->key);
}

static int64_t add_table(unsigned takes, const hone_param *table, const char *prefix,
                         const void *params, hone_task task, line *lines)
{
    int64_t n = 0;
    for (const hone_param *p = table; p->name; p++) {
        if (!hone_param_applies(p, task) || !hone_param_active(table, p, task, params, NULL) ||
            (table == hone_prep_table && (hone_prep_unless(p) & takes)))
            continue;
        if (lines) {
            snprintf(lines[n].key, sizeof lines[n].key, "%s:%s", prefix, p->name);
            lines[n].row = p, lines[n].params = params;
        }
        n++;
    }
    return n;
}

hone_status hone_config_canonical(const hone_algorithm *a, const void *params,
                                  const hone_prep_params *prep, hone_task task, hone_arena *arena,
                                  char **json, hone_error *error)
{
    const unsigned takes = hone_takes_under(a, task, params);
    const int64_t own = add_table(takes, a->params, a->name, params, task, NULL);
    const int64_t n = own + add_table(takes, hone_prep_table, "prep", prep, task, NULL) + 1;
    line *lines = HONE_NEW(arena, line, n, 1);
    if (!lines)
        return hone_no_memory(error);
    add_table(takes, a->params, a->name, params, task, lines);
    add_table(takes, hone_prep_table, "prep", prep, task, lines + own);
    strcpy(lines[n - 1].key, "model");
    qsort(lines, (size_t)n, sizeof *lines, by_key);
    hone_text text = {0};
    for (int64_t i = 0; i < n; i++) {
        hone_text_add(&text, i ? ", " : "{");
        hone_text_quoted(&text, lines[i].key);
        hone_text_add(&text, ": ");
        if (lines[i].row)
            hone_param_json(lines[i].row, lines[i].params, &text);
        else
            hone_text_quoted(&text, a->name);
    }
    hone_text_add(&text, "}");
    *json = text.failed ? NULL : hone_arena_text(arena, text.bytes);
    hone_text_drop(&text);
    return *json ? HONE_OK : hone_no_memory(error);
}
