/** hone/derived.h - immutable things computed once and shared by trials.
 *
 * A recipe is a `const` object: of the toolbox (bins, panels, distances, neighbours) or of a module
 * (a full forest). Nobody registers it; whoever needs the object includes its header and asks.
 * An object is memory only (no destructor) and never points into another object, so that it can
 * outlive a plugin and each can be evicted alone. Recipes must not need each other in a cycle.
 */
#ifndef HONE_DERIVED_H
#define HONE_DERIVED_H

#include "hone/algorithm.h"

/** What an object may depend on. Whatever is not named is absent (NULL, 0) from the builder's job,
 * so that a builder cannot leak a validation row or a hyperparameter into a shared object. */
typedef enum hone_basis {
    HONE_OF_TABLE = 1, /**< x: every row of the table. No labels. Shared by folds. */
    HONE_OF_ROWS,      /**< x: the training rows. No labels. */
    HONE_OF_FIT,   /**< and label, target, weight, seed, params with each `selects` at default */
    HONE_OF_SPLIT, /**< x: the training rows, valid_x: the validation rows of the same table,
                        rows = 0 when there are none. No labels. For what predicting the
                        validation rows costs; never for a fit */
    HONE_OF_FIT_AND_SPLIT /**< HONE_OF_FIT and valid_x as above; never for a fit */
} hone_basis;

enum { HONE_KEY = 4 };

typedef struct hone_recipe {
    const char *name; /**< unique for ever: "forest.trees/1"; new meaning, new number */
    hone_basis basis;
    size_t size; /**< of the object's struct, zeroed before build; its arrays live in job->keep */
    hone_status (*build)(const hone_fit_job *job, const int64_t key[HONE_KEY], void *object,
                         hone_error *error);
} hone_recipe;

HONE_BEGIN

/** The object, read-only, valid until the trial ends. Found, waited for, or built by this thread
 * (and then shared, if the budget allows). A hit is charged to the trial's memory cap like a build,
 * so that a verdict never depends on what was cached. Not from inside hone_for_blocks. */
HONE_API hone_status hone_derive(hone_shared *shared, const hone_recipe *recipe,
                                 const int64_t key[HONE_KEY], const void **object,
                                 hone_error *error);

/** Bytes that one object may take. Depends on the options alone; compare before asking for much. */
HONE_API int64_t hone_derive_limit(const hone_shared *shared);

/** Whether the object is at hand. May change what a module spends, never what it answers. */
HONE_API bool hone_derive_ready(const hone_shared *shared, const hone_recipe *recipe,
                                const int64_t key[HONE_KEY]);

/** The objects of `recipe` on this basis that no trial holds make way: their memory serves the
 * next. For large objects that are quickly made. May change what a module spends, never what it
 * answers. */
HONE_API void hone_derive_clear(hone_shared *shared, const hone_recipe *recipe);

HONE_END

#endif
