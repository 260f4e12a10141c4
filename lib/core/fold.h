/* A fit under way: private to fold.c, which makes it, and judge.c, which measures it. */
#ifndef HONE_CORE_FOLD_H
#define HONE_CORE_FOLD_H

#include "core/training.h"

/* A fit and everything it stands on. */
typedef struct hone_fitting {
    hone_training *t;
    const hone_algorithm *algorithm;
    const void *params;
    const hone_prep_params *prep;
    const char *config;
    hone_rows train, valid;
    hone_matrix foreign; /* validation rows of the dataset's own validation set, prepared */
    hone_arena *arena;
    hone_shared table, door; /* pins of the prepared table, and of the fit */
    bool door_open;
    hone_prepared prepared;
    hone_fitted *fitted;
    bool kept; /* by the call, as its model */
    bool constant;
} hone_fitting;

/* Puts class shares or the mean in place of a model that a limit left without a state. */
hone_status hone_fit_constant(hone_fitting *fitting, hone_error *error);

/* Whether validation rows are predicted in blocks, since a limit may cut that short. */
bool hone_is_paced(const hone_training *t);

/* Predicts the validation rows and writes the metrics into row `fold` of the result. */
hone_status hone_judge(hone_fitting *fitting, int32_t fold, hone_error *error);

/* Whether a limit has ended the fits. */
bool hone_is_finishing(const hone_training *t);

#endif
