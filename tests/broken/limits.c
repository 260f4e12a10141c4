#define _GNU_SOURCE
#include "broken.h"

#include <time.h>

/* CPU seconds of this thread. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Works on, whatever it is told. */
static hone_status fit_deaf(const hone_fit_job *job, void *state, hone_error *error)
{
    const double start = now();
    while (now() - start < 2 && job->x.rows >= 100)
        ;
    return honest_fit(job, state, error);
}

/* Told to finish, it hands over a model that is not there. */
static hone_status fit_hollow(const hone_fit_job *job, void *state, hone_error *error)
{
    const double start = now();
    while (now() - start < 1 && job->x.rows >= 300 && hone_stopping(job->run) == HONE_GO)
        ;
    const hone_status status = honest_fit(job, state, error);
    honest_state *s = state;
    if (status != HONE_STOPPED || hone_stopping(job->run) != HONE_FINISH)
        return status;
    for (int64_t k = 0; k < job->shape.outputs; k++)
        s->bias[k] = (double)NAN;
    return HONE_OK;
}

/* Forgets that memory can run out, of which it takes the most. */
static hone_status fit_small(const hone_fit_job *job, void *state, hone_error *error)
{
    if (!HONE_RAW(job->scratch, char, 1 << 18, 1))
        return hone_fail(error, HONE_INTERNAL, "fit", "no memory");
    return honest_fit(job, state, error);
}

static const hone_algorithm deaf = HONEST("deaf", HONEST_TAKES, fit_deaf, honest_predict);
static const hone_algorithm hollow = HONEST("hollow", HONEST_TAKES, fit_hollow, honest_predict);
static const hone_algorithm careless = HONEST("careless", HONEST_TAKES, fit_small, honest_predict);

const twin broken_limits[] = {{&deaf, "s more"}, {&hollow, "not finite"}, {&careless, "cap"}, {0}};
