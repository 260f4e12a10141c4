#define _GNU_SOURCE
#include "broken.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#if !SANITIZED
/* Takes a lock that a child of fork inherits locked. */
static hone_status fit_locked(const hone_fit_job *job, void *state, hone_error *error)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
    const hone_status status = honest_fit(job, state, error);
    pthread_mutex_unlock(&lock);
    return status;
}

#endif

/* Knows its first process only. */
static hone_status fit_at_home(const hone_fit_job *job, void *state, hone_error *error)
{
    static pid_t home;
    if (!home)
        home = getpid();
    if (home != getpid())
        return hone_fail(error, HONE_INTERNAL, "fit", "not at home");
    return honest_fit(job, state, error);
}

static const hone_algorithm homely = HONEST("homely", HONEST_TAKES, fit_at_home, honest_predict);
#if !SANITIZED
static const hone_algorithm locked = HONEST("locked", HONEST_TAKES, fit_locked, honest_predict);
#endif

const twin broken_forks[] = {{&homely, "grandchild"},
#if !SANITIZED
                             {&locked, "in flight"},
#endif
                             {0}};
