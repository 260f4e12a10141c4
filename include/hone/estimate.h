/** hone/estimate.h - what a training will cost. */
#ifndef HONE_ESTIMATE_H
#define HONE_ESTIMATE_H

#include <stddef.h>
#include <stdint.h>

#include "hone/train.h"

typedef struct hone_estimated {
    size_t size;
    int64_t bytes_bound;   /**< `peak_bytes` of the training is never above; may be far below */
    int64_t bytes_likely;  /**< from a pilot; 0: none was asked for */
    double seconds_likely; /**< from a pilot, on this machine as it is now; NaN: none */
} hone_estimated;

HONE_BEGIN

/** What hone_train_full would take with the same arguments. The table is prepared, which the
 * training then finds; nothing is fitted unless a pilot is asked for.
 *
 * @param pilot      0: none; else a share of a fold's training rows, in (0, 1]: half of it, the
 *                   share, twice and four times as much are trained. 0.01 is a good choice. Guesses
 *                   of bytes and seconds are mostly within a factor of 3
 * @param estimated  `size` set by the caller
 * @return the errors of hone_train_full; HONE_UNSUPPORTED: the module has no bound
 */
HONE_API hone_status hone_estimate(const hone_config *config, hone_dataset *dataset, uint64_t seed,
                                   const hone_options *options, double pilot,
                                   hone_estimated *estimated, hone_error *error);

HONE_END

#endif
