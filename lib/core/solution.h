/* Solutions that trials leave in the dataset's cache for later trials of the same module, rows and
 * labels under other hyperparameters. Only trials that ask for a warm start look or leave any. */
#ifndef HONE_CORE_SOLUTION_H
#define HONE_CORE_SOLUTION_H

#include "core/trial.h"

/* Makes `trial` begin from the nearest solution, when there is one. It stays valid until `shared`
 * is released. */
hone_status hone_solution_find(hone_shared *shared, hone_trial *trial, hone_error *error);
hone_status hone_solution_leave(hone_shared *shared, const hone_trial *trial,
                                const hone_fitted *fitted, hone_error *error);

#endif
