/* Deadline, cancel, poll and memory cap: honoured within a tenth of a second, with a usable model
 * or a status. Measured in CPU time of the training thread, so that a busy machine does not count.
 */
#define _GNU_SOURCE
#include "contract.h"

#include <pthread.h>
#include <time.h>

static double cpu_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- an alarm beside the training ---- */

typedef struct bell {
    clockid_t clock; /* CPU time of the training thread */
    double after;    /* seconds */
    int32_t rung;
    double at; /* CPU time of the training when it rang */
} bell;

static void *ring(void *arg)
{
    bell *b = arg;
    const struct timespec t = {(time_t)b->after, (long)((b->after - floor(b->after)) * 1e9)};
    nanosleep(&t, NULL);
    b->at = cpu_of(b->clock);
    __atomic_store_n(&b->rung, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* Trains on one thread while the bell waits; gives the CPU seconds after it rang. */
static double overrun(stage *s, const hone_algorithm *a, hone_dataset *d, double after,
                      hone_options o, bool cancels, outcome *out)
{
    bell b = {.after = after};
    pthread_t thread;
    pthread_getcpuclockid(pthread_self(), &b.clock);
    o.cancel = cancels ? &b.rung : NULL;
    pthread_create(&thread, NULL, ring, &b);
    *out = train(s, a, "", d, 1, &o);
    const double end = cpu_of(b.clock);
    pthread_join(thread, NULL);
    return end - fmin(end, b.at);
}

/* ---- a training that takes a while ---- */

enum { COLS = 12, LEAST = 500, MOST = 128000 };

static hone_dataset *long_work(stage *s, const hone_algorithm *a, hone_task task, double *seconds)
{
    for (int64_t rows = LEAST;; rows *= 4) {
        hone_dataset *d = dataset_of(s, problem_hard(s, task, rows, COLS, 31), PLAIN);
        hone_options o = with_threads(1);
        o.deadline = 1;
        const double start = cpu_of(CLOCK_THREAD_CPUTIME_ID);
        const outcome t = train(s, a, "", d, 1, &o);
        *seconds = cpu_of(CLOCK_THREAD_CPUTIME_ID) - start;
        if (t.status || *seconds > 0.4 || rows >= MOST)
            return d;
    }
}

static bool is_usable(stage *s, const outcome *t, hone_dataset *d)
{
    REQUIRE(isfinite(t->loss), "a stopped run: its loss is not finite");
    if (!t->model)
        return true;
    const double *score = scores_of(s, t->model, d);
    for (int64_t i = 0; i < hone_dataset_rows(d) * hone_model_outputs(t->model); i++)
        REQUIRE(isfinite(score[i]), "a stopped run: usable model");
    return true;
}

static bool cancel_is_heard(stage *s, const hone_algorithm *a, hone_dataset *d, double seconds)
{
    for (int k = 0; k < (s->thorough ? 20 : 4); k++) {
        outcome t;
        hone_options o = with_threads(1);
        o.model_dir = s->directory;
        const double late = overrun(s, a, d, fmin(seconds, 1) * k / 20, o, true, &t);
        REQUIRE(late < PATIENCE, "cancelled, and %.3f s more", late);
        REQUIRE(t.status == HONE_STOPPED || !t.status, "cancelled: %s", hone_status_name(t.status));
        if (!t.status && !is_usable(s, &t, d))
            return false;
        const bool saved = !t.status && hone_result_model_path(t.result);
        REQUIRE(stage_files(s) == saved, "cancelled: %d files", stage_files(s));
        if (saved)
            remove(hone_result_model_path(t.result));
    }
    return true;
}

static bool deadline_is_kept(stage *s, const hone_algorithm *a, hone_dataset *d, double seconds)
{
    for (int k = 1; k <= (s->thorough ? 20 : 4); k++) {
        outcome t;
        hone_options o = with_threads(1);
        o.deadline = fmin(seconds, 1) * k / 25;
        const double late = overrun(s, a, d, o.deadline, o, false, &t);
        REQUIRE(!t.status, "deadline %g: %s: %s", o.deadline, t.error.path, t.error.message);
        REQUIRE(late < PATIENCE, "deadline %g, and %.3f s more", o.deadline, late);
        REQUIRE(t.end == HONE_END_OK || t.end == HONE_END_DEADLINE, "deadline: end %d", (int)t.end);
        if (!is_usable(s, &t, d))
            return false;
    }
    return true;
}

static bool stops_at_once(void *context)
{
    ++*(int *)context;
    return true;
}

/* ---- memory ---- */

static bool caps_hold(stage *s, const hone_algorithm *a, hone_task task)
{
    hone_dataset *d = dataset_of(s, problem_hard(s, task, 200, 6, 2), PLAIN);
    hone_options o = with_threads(1);
    const outcome free = train(s, a, "", d, 1, &o);
    REQUIRE(!free.status, "%s: %s", free.error.path, free.error.message);
    const double peak = hone_result_number(free.result, "peak_bytes", -1);
    const int steps = s->thorough ? 100 : 10;
    for (int k = 1; k <= steps; k++) {
        o.memory_cap = (int64_t)(peak * k / steps) + 1;
        const outcome t = train(s, a, "", d, 1, &o);
        REQUIRE(t.status == HONE_NO_MEMORY || !t.status, "cap %lld: %s", (long long)o.memory_cap,
                hone_status_name(t.status));
        REQUIRE(t.status || t.end == HONE_END_MEMORY || same_bits(&t.loss, &free.loss, 1),
                "cap %lld: loss %g, not %g", (long long)o.memory_cap, t.loss, free.loss);
        REQUIRE(t.status || hone_result_number(t.result, "peak_bytes", -1) <= (double)o.memory_cap,
                "cap %lld: passed", (long long)o.memory_cap);
    }
    return true;
}

static bool holds(stage *s, const hone_algorithm *a)
{
    EACH_TASK(task, a)
    {
        double seconds = 0;
        hone_dataset *d = long_work(s, a, task, &seconds);
        if (!deadline_is_kept(s, a, d, seconds) || !cancel_is_heard(s, a, d, seconds))
            return false;
        int polls = 0;
        hone_options o = with_threads(1);
        o.poll = stops_at_once, o.context = &polls;
        const outcome t = train(s, a, "", d, 1, &o);
        REQUIRE(seconds < 0.2 || (polls > 0 && (t.status == HONE_STOPPED || !t.status)),
                "%d polls: %s", polls, hone_status_name(t.status));
        if (!caps_hold(s, a, task))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    return contract_main(argc, argv,
                         &(contract){.holds = holds, .broken = broken_limits, .seconds = 240});
}
