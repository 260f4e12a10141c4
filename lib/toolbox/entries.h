/* Cells of a table as pairs of place and value, for its fingerprint. */
#ifndef HONE_TOOLBOX_ENTRIES_H
#define HONE_TOOLBOX_ENTRIES_H

#include "toolbox/isa.h"

/* The first of n neighbouring cells, up to one that is 0 or not finite: pairs of place and bits, of
 * as many as it tells, a multiple of four. */
HONE_DECLARE(int64_t, hone_entries,
             (int64_t n, const double *value, uint64_t place, uint64_t (*pair)[2]));

#endif
