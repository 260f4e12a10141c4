/** hone/tune.h - a search over the space: trials, a journal of them, the best model. */
#ifndef HONE_TUNE_H
#define HONE_TUNE_H

#include <stddef.h>
#include <stdint.h>

#include "hone/space.h"
#include "hone/train.h"

typedef enum hone_search {
    HONE_SEARCH_RANDOM, /**< every sample of the space at full budget */
    HONE_SEARCH_HALVING /**< all at a small budget, the best of them at `eta` times as much, ... */
} hone_search;

/** {.size = sizeof(hone_tune_options)} is the default; 0 and NULL always mean "not given". */
typedef struct hone_tune_options {
    size_t size;
    hone_search search;
    int64_t trials;      /**< samples; 0: 100, at most 1,000,000 */
    double min_budget;   /**< halving: of the first rung at most; 0: 1/9 */
    int32_t eta;         /**< halving: one of `eta` goes on; 0: 3 */
    double seconds;      /**< for the search, the last training excepted; 0: no limit. Before any
                              trial has ended, the first is the best, as far as it comes in 1 s */
    const char *journal; /**< a file of JSON lines, one a trial; trials in it are not run again */
    const hone_space_options *space; /**< models; its task and dataset are not used */
    const hone_options *train; /**< of each trial, `deadline` and the caps too; its keep_model is
                                    for the best alone, and its model_dir unless keep is all */
    void (*trial)(void *context, const char *line); /**< a line of the journal, as it is made */
    void *context;                                  /**< of `trial` */
    const char *incumbent; /**< a file that always holds the line of the best trial so far */
} hone_tune_options;

/** What a search came to. */
typedef struct hone_tuned {
    size_t size;
    int64_t trials, resumed, failed; /**< trainings; of them found in the journal; without a loss */
    int64_t best;                    /**< number of the sample in the space */
    double loss;                     /**< of its trial */
    double seconds;                  /**< of the search, the last training excepted */
} hone_tuned;

HONE_BEGIN

/** Samples 0 .. trials - 1 of the space under `seed`, each trained with `seed` (so that all see the
 * same folds), then the best once more, for its model. Trials share what the dataset remembers and
 * run side by side; losses and choice do not depend on that, nor on interruptions: a search that
 * was killed and is called again with the same journal ends like one that was not (trials that end
 * at a deadline in seconds excepted).
 *
 * @param tuned  may be NULL; `size` set by the caller
 * @param best   the result of the last training, freed with hone_result_free
 * @return HONE_STOPPED  the caller asked to stop; what was finished is in the journal
 *         HONE_IO       the journal cannot be written, or another process writes it
 *         HONE_CORRUPT  a line of the journal is not one of this search; it is unchanged
 *         HONE_BAD_ARGUMENT, HONE_NO_MEMORY; the status of a trial, when every trial failed
 */
HONE_API hone_status hone_tune(hone_dataset *dataset, uint64_t seed,
                               const hone_tune_options *options, hone_tuned *tuned,
                               hone_result **best, hone_error *error);

HONE_END

#endif
