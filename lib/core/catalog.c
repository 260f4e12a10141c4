#include "core/catalog.h"

#include <string.h>

static const hone_algorithm *find(const hone_algorithm *const *list, const char *name)
{
    for (; list && *list; list++)
        if (!strcmp((*list)->name, name))
            return *list;
    return NULL;
}

const hone_algorithm *hone_catalog_find(const hone_algorithm *const *more, const char *name)
{
    const hone_algorithm *own = find(more, name);
    return own ? own : find(hone_catalog, name);
}
