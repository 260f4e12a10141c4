#define _GNU_SOURCE
#include "broken.h"

#include <fcntl.h>
#include <fenv.h>
#include <stdio.h>
#include <unistd.h>

/* Prints. */
static hone_status fit_loud(const hone_fit_job *job, void *state, hone_error *error)
{
    printf("fitting %d rows\n", (int)job->x.rows);
    return honest_fit(job, state, error);
}

/* Leaves a file open. */
static hone_status fit_littering(const hone_fit_job *job, void *state, hone_error *error)
{
    if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
        return hone_fail(error, HONE_IO, "/dev/null", "cannot be opened");
    return honest_fit(job, state, error);
}

/* Rounds as it likes. */
static hone_status fit_rounding(const hone_fit_job *job, void *state, hone_error *error)
{
    const hone_status status = honest_fit(job, state, error);
    static int fits;
    fesetround(++fits > 3 ? FE_UPWARD : FE_TONEAREST);
    return status;
}

/* Sets the threads of the host's OpenBLAS. */
void openblas_set_num_threads(int n) __attribute__((weak));

static hone_status fit_alone(const hone_fit_job *job, void *state, hone_error *error)
{
    if (openblas_set_num_threads)
        openblas_set_num_threads(1);
    return honest_fit(job, state, error);
}

static const hone_algorithm loud = HONEST("loud", HONEST_TAKES, fit_loud, honest_predict);
static const hone_algorithm littering =
    HONEST("littering", HONEST_TAKES, fit_littering, honest_predict);
static const hone_algorithm rounding =
    HONEST("rounding", HONEST_TAKES, fit_rounding, honest_predict);
static const hone_algorithm alone = HONEST("alone", HONEST_TAKES, fit_alone, honest_predict);

const twin broken_host[] = {{&loud, "bytes written"},
                            {&littering, "open files"},
                            {&rounding, "state of the process"},
                            {&alone, "OpenBLAS"},
                            {0}};
