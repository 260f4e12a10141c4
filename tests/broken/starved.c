#include "broken.h"

#if SANITIZED
const twin broken_starved[] = {{0}};
#else

#include <pthread.h>
#include <stdlib.h>

static void *idle(void *nothing)
{
    return nothing;
}

/* Starts threads of its own, and ends the process when it cannot. */
static hone_status fit_reckless(const hone_fit_job *job, void *state, hone_error *error)
{
    pthread_t thread[64];
    const int count = hone_threads(job->run) < 64 ? hone_threads(job->run) : 64;
    for (int k = 0; k < count; k++)
        if (pthread_create(&thread[k], NULL, idle, NULL))
            abort();
    for (int k = 0; k < count; k++)
        pthread_join(thread[k], NULL);
    return honest_fit(job, state, error);
}

static const hone_algorithm reckless =
    HONEST("reckless", HONEST_TAKES, fit_reckless, honest_predict);

const twin broken_starved[] = {{&reckless, "ended by signal"}, {0}};
#endif
