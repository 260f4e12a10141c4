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

int hone_algorithm_count(void)
{
    int n = 0;
    while (hone_catalog[n])
        n++;
    return n;
}

const hone_algorithm *hone_algorithm_at(int k)
{
    return k >= 0 && k < hone_algorithm_count() ? hone_catalog[k] : NULL;
}
