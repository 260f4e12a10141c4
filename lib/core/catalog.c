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
    const hone_algorithm *const constant[] = {&hone_constant, NULL};
    const hone_algorithm *found = find(more, name);
    if (!found)
        found = find(hone_catalog, name);
    return found ? found : find(constant, name);
}
