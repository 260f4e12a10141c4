/* What trials on one dataset share. Owned by the dataset handle. */
#ifndef HONE_DATA_CACHE_H
#define HONE_DATA_CACHE_H

#include "base/arena.h"
#include "hone/dataset.h"
#include "hone/derived.h"

typedef struct hone_cache hone_cache;

/* `budget` bytes for all objects together; 0: everything is private to its trial. */
hone_cache *hone_cache_open(int64_t budget);
void hone_cache_close(hone_cache *cache);
void hone_cache_read_stats(hone_cache *cache, hone_cache_stats *stats);
/* Memory that trials on the dataset pass on, for their accounts: an eighth of the budget at most.
 */
hone_pool *hone_cache_pool(hone_cache *cache);

/* Identities, each a hash of content: never an address, never a row count. */
typedef struct hone_identity {
    uint64_t table; /* dataset, chain of preprocessing steps that do something (their state too) */
    uint64_t rows;  /* table, training rows */
    uint64_t split; /* rows, validation rows */
    uint64_t fit;   /* rows, labels and weights, algorithm, seed, every hyperparameter that is not
                       `selects` */
} hone_identity;

enum { HONE_PINS = 256 };

/* One trial's (one fold's) door to the cache. On the stack of the trial. */
struct hone_shared {
    hone_cache *cache;
    hone_identity identity;
    hone_fit_job job;      /* what HONE_OF_FIT may see: params with `selects` at default; and
                              valid_x, for the bases with a split alone */
    hone_matrix table;     /* every row */
    hone_account *account; /* of the trial */
    int64_t charged;
    double seconds; /* this trial spent building what is shared */
    int pins;
    void *pinned[HONE_PINS]; /* entries */
};

/* Unpins everything the trial holds and gives its charge back. */
void hone_shared_release(hone_shared *shared);

/* Derived data for code that has no fit job (the transformed table of a trial): like hone_derive
 * with a builder of its own and an explicit identity. */
hone_status hone_derive_as(hone_shared *shared, const hone_recipe *recipe, uint64_t identity,
                           const int64_t key[HONE_KEY], const void *context, const void **object,
                           hone_error *error);

/* Of the objects of `recipe` under `identity` that are at hand, the one at the least finite
 * `distance`, which is asked under the cache's lock; ties go to the smaller key. NULL: there is
 * none. Valid like an object that was derived. */
hone_status hone_derive_nearest(hone_shared *shared, const hone_recipe *recipe, uint64_t identity,
                                double (*distance)(const void *context, const void *object),
                                const void *context, const void **object, hone_error *error);

#endif
