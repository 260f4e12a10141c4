/* What training rows know of the levels of a table. */
#ifndef HONE_CORE_PREP_KNOWN_H
#define HONE_CORE_PREP_KNOWN_H

#include "core/pipeline.h"

/* `x`: the training rows of the dataset's table. `known` lives in `keep`; NULL: every level is
 * among them. O(rows x categorical columns). */
hone_status hone_known_levels(const hone_dataset *dataset, const hone_matrix *x, hone_arena *keep,
                              hone_arena *scratch, const hone_known **known, hone_error *error);

#endif
