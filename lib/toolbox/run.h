/* What hone_run is made of. Private to lib: modules see hone_stopping and hone_for_blocks. */
#ifndef HONE_TOOLBOX_RUN_H
#define HONE_TOOLBOX_RUN_H

#include "base/arena.h"
#include "toolbox/isa.h"

/* What the run tells the caller. Called on the calling thread only. */
typedef struct hone_listener {
    void *context;
    void (*log)(void *context, int level, const char *line);
    void (*progress)(void *context, double fraction);
    bool (*poll)(void *context);
    /* HONE_OK, or the refusal of a strict run */
    hone_status (*adjust)(void *context, const char *name, double used, hone_error *error);
} hone_listener;

struct hone_run {
    int threads;
    hone_isa isa;          /* resolved: never HONE_ISA_AUTO */
    const int32_t *cancel; /* the caller's, read atomically; NULL: none */
    const int32_t *finish; /* the same, for HONE_FINISH; where `hurry` is set HONE_CANCEL too */
    bool hurry;
    int64_t deadline;   /* nanoseconds of the monotonic clock; 0: none */
    int64_t work_limit; /* 0: none */
    hone_account *account;
    _Atomic int64_t *work;         /* operations so far */
    _Atomic int *stop;             /* hone_stop, sticky; the one mutable thing of a run */
    _Atomic int64_t *polled;       /* time of the last poll */
    const hone_listener *listener; /* NULL: silent */
    /* Of a predictor, so that a call allocates nothing; NULL: opened when needed. The scratch of
     * the predict call, and that of blocks on the calling thread. */
    hone_arena *call_scratch, *block_scratch;
    int64_t members; /* of an ensemble, that a predict call asks for; 0: all */
    bool whole;      /* what is made is of no use in part: no block starts after the deadline */
};

/* A run without limits, for tests and short calls: fills everything from threads. */
typedef struct hone_simple_run {
    hone_run run;
    hone_account account;
    _Atomic int stop;
    _Atomic int64_t work, polled;
} hone_simple_run;
const hone_run *hone_run_simple(hone_simple_run *storage, int threads);

/* Whether a flag of the caller is there and set. */
bool hone_is_set(const int32_t *flag);

/* Nanoseconds of the monotonic clock. */
int64_t hone_clock(void);

/* Refuses what is no number of threads; `path` is the option's. */
hone_status hone_threads_check(int threads, const char *path, hone_error *error);

/* `threads` of the options, resolved: 0 means min(omp_get_max_threads(), affinity, cgroup). */
int hone_threads_of(int threads);

/* The CPUs, rounded up, that a file such as cpu.max of a cgroup (version 2) grants: "quota period";
 * 0: no limit, or no such file. */
int hone_cpu_quota(const char *file);

#endif
