#include "broken.h"

#include <stdlib.h>
#include <string.h>

enum { PLENTY = 1 << 17 };

/* Uses what it asked for without a look; a sanitizer must leave the crash to the contract. */
__attribute__((no_sanitize("undefined"))) static hone_status
fit_trusting(const hone_fit_job *job, void *state, hone_error *error)
{
    for (int k = 0; k < 64; k++) {
        double *place = HONE_RAW(job->scratch, double, PLENTY / 8, 1);
        memset(place, k, PLENTY);
    }
    return honest_fit(job, state, error);
}

/* Keeps a block of its own for ever. */
static hone_status fit_leaking(const hone_fit_job *job, void *state, hone_error *error)
{
    static void *kept;
    void **block = malloc(64);
    if (!block)
        return hone_no_memory(error);
    *block = kept;
    kept = block;
    return honest_fit(job, state, error);
}

static const hone_algorithm trusting =
    HONEST("trusting", HONEST_TAKES, fit_trusting, honest_predict);
static const hone_algorithm leaking = HONEST("leaking", HONEST_TAKES, fit_leaking, honest_predict);

const twin broken_allocations[] = {{&trusting, "signal"}, {&leaking, "leak"}, {0}};
