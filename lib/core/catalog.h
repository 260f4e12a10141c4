/* The algorithms of this build, written by meson from -Dalgorithms. */
#ifndef HONE_CORE_CATALOG_H
#define HONE_CORE_CATALOG_H

#include "hone/algorithm.h"

/* NULL-terminated. */
extern const hone_algorithm *const hone_catalog[];

/* What a run answers with that was stopped before its first state. Found by name, since model files
 * hold it, but not in the catalog: nothing searches it. */
extern const hone_algorithm hone_constant;

/* By name: first `more` (NULL-terminated, may be NULL), then the catalog, then the constant model;
 * NULL: none. */
const hone_algorithm *hone_catalog_find(const hone_algorithm *const *more, const char *name);

#endif
