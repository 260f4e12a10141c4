/* Threads, stop and messages of one run. The only file with a parallel region. */
#define _GNU_SOURCE
#include "toolbox/run.h"
#include "base/text.h"

#include <limits.h>
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

enum { POLL_NANOSECONDS = 50000000 };

int64_t hone_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* Never over a HONE_CANCEL that another thread has just set. */
static void finish(const hone_run *run)
{
    int go = HONE_GO;
    atomic_compare_exchange_strong_explicit(run->stop, &go, HONE_FINISH, memory_order_relaxed,
                                            memory_order_relaxed);
}

/* On the calling thread only: Python's signals, a service's own flag. */
static void poll_caller(const hone_run *run)
{
    const hone_listener *to = run->listener;
    if (!to || !to->poll)
        return;
    const int64_t now = hone_clock();
    if (now - atomic_load_explicit(run->polled, memory_order_relaxed) < POLL_NANOSECONDS)
        return;
    atomic_store_explicit(run->polled, now, memory_order_relaxed);
    if (to->poll(to->context))
        atomic_store_explicit(run->stop, HONE_CANCEL, memory_order_relaxed);
}

bool hone_is_set(const int32_t *flag)
{
    return flag && __atomic_load_n(flag, __ATOMIC_RELAXED);
}

static bool is_late(const hone_run *run)
{
    return hone_is_set(run->finish) || (run->deadline && hone_clock() > run->deadline);
}

hone_stop hone_stopping(const hone_run *run)
{
    int stop = atomic_load_explicit(run->stop, memory_order_relaxed);
    if (stop == HONE_CANCEL)
        return HONE_CANCEL;
    if (hone_is_set(run->cancel) || (run->hurry && hone_is_set(run->finish))) {
        atomic_store_explicit(run->stop, HONE_CANCEL, memory_order_relaxed);
        return HONE_CANCEL;
    }
    if (!stop && is_late(run))
        finish(run);
    if (omp_get_thread_num() == 0) /* the calling thread, in a team too: a block may take seconds */
        poll_caller(run);
    return (hone_stop)atomic_load_explicit(run->stop, memory_order_relaxed);
}

void hone_work(const hone_run *run, int64_t operations)
{
    const int64_t done = atomic_fetch_add_explicit(run->work, operations, memory_order_relaxed);
    if (run->work_limit && done + operations >= run->work_limit)
        finish(run);
    poll_caller(run);
}

int64_t hone_work_left(const hone_run *run)
{
    const int64_t left = run->work_limit - atomic_load_explicit(run->work, memory_order_relaxed);
    return !run->work_limit ? INT64_MAX : left > 0 ? left : 0;
}

int hone_threads(const hone_run *run)
{
    return run->threads;
}

hone_isa hone_run_isa(const hone_run *run)
{
    return run->isa;
}

const hone_run *hone_run_simple(hone_simple_run *r, int threads)
{
    *r = (hone_simple_run){0};
    hone_isa isa;
    if (hone_isa_of(HONE_ISA_AUTO, &isa, NULL))
        isa = HONE_ISA_PORTABLE;
    r->run = (hone_run){.threads = hone_threads_of(threads),
                        .isa = isa,
                        .account = &r->account,
                        .work = &r->work,
                        .stop = &r->stop,
                        .polled = &r->polled};
    return &r->run;
}

/* ---- messages ---- */

void hone_log(const hone_run *run, hone_level level, const char *format, ...)
{
    const hone_listener *to = run->listener;
    if (!to || !to->log)
        return;
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    hone_print(line, sizeof line, format, arguments);
    va_end(arguments);
    to->log(to->context, level, line);
}

void hone_progress(const hone_run *run, double fraction)
{
    const hone_listener *to = run->listener;
    if (to && to->progress)
        to->progress(to->context, fraction);
    poll_caller(run);
}

hone_status hone_adjust(const hone_run *run, const char *name, double used, hone_error *error)
{
    const hone_listener *to = run->listener;
    return to && to->adjust ? to->adjust(to->context, name, used, error) : HONE_OK;
}

/* ---- threads ---- */

int hone_cpu_quota(const char *file)
{
    long long limit = 0, period = 0;
    FILE *f = fopen(file, "re");
    if (!f)
        return 0;
    const int found = fscanf(f, "%lld %lld", &limit, &period);
    fclose(f);
    if (found != 2 || limit <= 0 || period <= 0)
        return 0;
    const long long cpus = limit / period + (limit % period != 0);
    return cpus < INT_MAX ? (int)cpus : 0;
}

static int affinity(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

hone_status hone_threads_check(int threads, const char *path, hone_error *error)
{
    if (threads >= 0 && threads <= HONE_MOST_THREADS)
        return HONE_OK;
    return hone_fail(error, HONE_BAD_ARGUMENT, path, "is %d; must lie in 1 .. %d; 0 chooses",
                     threads, HONE_MOST_THREADS);
}

int hone_threads_of(int threads)
{
    if (omp_in_parallel())
        return 1;
    if (threads > 0)
        return threads;
    int n = omp_get_max_threads();
    const int limits[] = {affinity(), hone_cpu_quota("/sys/fs/cgroup/cpu.max")};
    for (int i = 0; i < 2; i++)
        if (limits[i] > 0 && limits[i] < n)
            n = limits[i];
    return n < 1 ? 1 : n < HONE_MOST_THREADS ? n : HONE_MOST_THREADS;
}

/* libgomp ends the process when it cannot start a thread. Each calling thread has a pool of its
 * own, which keeps the threads of the last team and no more. So all teams of a run have one size,
 * and before one that is larger than the last, plain threads are started and joined: twice as many
 * as it lacks, since the kernel counts a thread for a while after it is joined. What could be
 * started decides the size; a team that came out small is not questioned again for a tenth of a
 * second. */
static _Thread_local int last_team = 1;
static _Thread_local int64_t doubtful; /* no probe until then, by the clock */

enum { PROBE_PAUSE = 100000000 };

static void *idle(void *go)
{
    while (!atomic_load((_Atomic int *)go))
        sched_yield();
    return NULL;
}

/* Starts up to `wanted` threads at once; gives how many there were. */
static int startable(int wanted)
{
    pthread_t thread[2 * HONE_MOST_THREADS];
    _Atomic int go = 0;
    int started = 0;
    while (started < wanted && !pthread_create(&thread[started], NULL, idle, &go))
        started++;
    atomic_store(&go, 1);
    for (int i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    return started;
}

/* With libgomp a child of fork inherits a pool whose threads are gone and hangs in its first
 * parallel region: the pool is dissolved before the fork, and parent and child make new ones.
 * LLVM's runtime resets itself and must not get the call. */
static void before_fork(void)
{
#if !defined(__clang__)
    if (!omp_in_parallel()) {
        omp_pause_resource_all(omp_pause_hard);
        last_team = 1;
    }
#endif
}

static void survive_fork(void)
{
    pthread_atfork(before_fork, NULL, NULL);
}

static int team(int wanted)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, survive_fork);
    if (wanted > HONE_MOST_THREADS)
        wanted = HONE_MOST_THREADS;
    if (wanted > last_team && hone_clock() < doubtful)
        wanted = last_team;
    if (wanted > last_team) {
        const int more = startable(2 * (wanted - last_team)) / 2;
        if (more < wanted - last_team) {
            doubtful = hone_clock() + PROBE_PAUSE;
            wanted = last_team + more;
        }
    }
    last_team = wanted;
    return wanted;
}

/* ---- blocks ---- */

/* A failure of the lowest block wins: every lower block has been started before it. */
typedef struct outcome {
    _Atomic int64_t next;
    _Atomic bool failed;
    pthread_mutex_t lock;
    int64_t block;
    hone_status status;
    hone_error error;
} outcome;

static void note(outcome *o, int64_t block, hone_status status, const hone_error *error)
{
    pthread_mutex_lock(&o->lock);
    if (!o->status || block < o->block) {
        o->block = block;
        o->status = status;
        o->error = *error;
    }
    pthread_mutex_unlock(&o->lock);
    atomic_store(&o->failed, true);
}

/* A work limit lets what is begun whole end whole: a hit in the cache counts all of its operations,
 * and where predictions stop must not tell the two apart. */
static bool ends(const hone_run *run)
{
    const hone_stop stop = hone_stopping(run);
    return stop == HONE_CANCEL || (stop == HONE_FINISH && run->whole && is_late(run));
}

static void work(const hone_run *run, outcome *o, int64_t blocks, hone_block body, void *context,
                 bool caller)
{
    hone_error error = {0};
    hone_arena *own = caller ? run->block_scratch : NULL;
    hone_arena *scratch = own ? own : hone_arena_open(run->account);
    for (;;) {
        if (atomic_load(&o->failed) || ends(run))
            break;
        const int64_t b = atomic_fetch_add(&o->next, 1);
        if (b >= blocks)
            break;
        const hone_status status =
            scratch ? body(context, b, scratch, &error) : hone_no_memory(&error);
        if (status)
            note(o, b, status, &error);
        else
            hone_arena_reset(scratch);
        if (caller)
            poll_caller(run);
    }
    if (!own)
        hone_arena_close(scratch);
}

hone_status hone_for_blocks(const hone_run *run, int64_t blocks, hone_block body, void *context,
                            hone_error *error)
{
    outcome o = {.lock = PTHREAD_MUTEX_INITIALIZER};
    const int threads = run->threads > 1 && blocks > 1 ? team(run->threads) : 1;
    if (threads <= 1) {
        work(run, &o, blocks, body, context, true);
    } else {
#pragma omp parallel num_threads(threads)
        work(run, &o, blocks, body, context, omp_get_thread_num() == 0);
    }
    if (o.status) {
        if (error)
            *error = o.error;
        return o.status;
    }
    if (ends(run))
        return hone_fail(error, HONE_STOPPED, "run",
                         hone_stopping(run) == HONE_CANCEL ? "the caller asked to stop"
                                                           : "the deadline has passed");
    return HONE_OK;
}
