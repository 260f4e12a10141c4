#define _GNU_SOURCE
#include "broken.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum { MOST = 64 };

/* All fits share one place to work in. Atomics, so that it is wrong and not undefined. */
static hone_status fit_in_one_place(const hone_fit_job *job, void *state, hone_error *error)
{
    static _Atomic double place[MOST];
    HONE_TRY(honest_fit(job, state, error));
    honest_state *s = state;
    const int64_t n = job->shape.features < MOST ? job->shape.features : MOST;
    for (int64_t j = 0; j < n; j++)
        atomic_store(&place[j], s->weight[j] + (double)job->seed);
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    for (int64_t j = 0; j < n; j++)
        s->weight[j] = atomic_load(&place[j]);
    return HONE_OK;
}

static const hone_algorithm crowded =
    HONEST("crowded", HONEST_TAKES, fit_in_one_place, honest_predict);

const twin broken_together[] = {{&crowded, "at once"}, {0}};
