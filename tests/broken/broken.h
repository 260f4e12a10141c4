/* The twins: for each contract, modules with one defect that it must find. */
#ifndef TESTS_BROKEN_H
#define TESTS_BROKEN_H

#include "honest.h"

/* Some things cannot be tried under sanitizers: they need the address space, and their allocators
 * do not survive a fork in flight. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif
typedef struct twin {
    const hone_algorithm *module;
    const char *because; /* stands in the reason */
} twin;

/* Each ends with {0}. */
extern const twin broken_allocations[], broken_capabilities[], broken_degenerate[], broken_files[],
    broken_forks[], broken_host[], broken_leakage[], broken_learns[], broken_limits[],
    broken_paths[], broken_permutations[], broken_seeds[], broken_space[], broken_starved[],
    broken_tables[], broken_threads[], broken_together[], broken_views[], broken_weights[],
    broken_wide[];

#endif
