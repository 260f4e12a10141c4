/* Memory by lifetime, counted against a cap. */
#ifndef HONE_BASE_ARENA_H
#define HONE_BASE_ARENA_H

#include <stdatomic.h>

#include "hone/algorithm.h"

/* Large chunks that arenas gave back, for those that come next: fresh pages can cost more than what
 * is computed in them. Lock-free, so that a forked child can go on with it. */
enum { HONE_POOLED = 16 };
typedef struct hone_pool {
    _Atomic(struct hone_chunk *) chunk[HONE_POOLED];
    _Atomic int64_t bytes; /* that they take, */
    int64_t limit;         /* at most */
} hone_pool;

/* Gives all that is in it now back to the system. */
void hone_pool_close(hone_pool *pool);

/* One per trial, and one per object under construction. Touched once per chunk, not per request. */
typedef struct hone_account {
    _Atomic int64_t used, peak;
    int64_t cap;     /* bytes; 0: none */
    hone_pool *pool; /* of large chunks; may be NULL */
} hone_account;

bool hone_account_take(hone_account *account, int64_t bytes);
void hone_account_give(hone_account *account, int64_t bytes);

/* `account` may be NULL: uncounted. NULL when memory runs out. */
hone_arena *hone_arena_open(hone_account *account);
/* Makes the first chunk hold `bytes`; false: no memory. On an empty arena. */
bool hone_arena_reserve(hone_arena *arena, int64_t bytes);
/* Empties it; keeps its memory as one chunk, so that the next block like the last takes no fresh
 * pages. */
void hone_arena_reset(hone_arena *arena);
void hone_arena_close(hone_arena *arena);
/* Moves the charge of `arena` and the chunks of `other` (closed by this) to `account`. */
void hone_arena_adopt(hone_arena *arena, hone_account *account, hone_arena *other);
int64_t hone_arena_bytes(const hone_arena *arena);

/* A copy of a zero-terminated text; NULL when memory runs out. */
char *hone_arena_text(hone_arena *arena, const char *text);

/* malloc, calloc, realloc and free of the whole library: the place where tests make them fail. */
void *hone_alloc(size_t bytes);
void *hone_realloc(void *old, size_t bytes);
void hone_free(void *memory);

/* Asks for huge pages where `memory` is large enough for some. */
void hone_huge_pages(void *memory, size_t bytes);

/* Tests only: the n-th allocation from now on fails (0: the next); -1: none does. `sticky`: all
 * later ones fail too. */
void hone_alloc_fail_after(long n, bool sticky);
/* Tests only: allocations since the start. */
long hone_alloc_count(void);

#endif
