/* A list of chunks: bump allocation, freed together. The account sees chunks only.
 *
 * Chunks come from the heap, and the C library reuses the smaller ones; the first is small, so that
 * the arenas of a prediction of one row stay below what it gives back to the system. From two huge
 * pages on, chunks ask for huge pages, and a pool keeps them for the next arena: touching fresh
 * pages can cost more than the computation.
 */
#define _DEFAULT_SOURCE
#include "base/arena.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 64, FIRST = 1 << 13, CHUNK = 1 << 16, HUGE_PAGE = 1 << 21, HUGE = 2 * HUGE_PAGE };

typedef struct hone_chunk {
    struct hone_chunk *next;
    size_t size, used; /* bytes after the header of ALIGN bytes */
    size_t room;       /* with the header; from a pool perhaps more than was asked for */
} chunk;

struct hone_arena {
    hone_account *account;
    chunk *chunks; /* newest first */
    int64_t bytes;
    atomic_flag busy; /* a keep arena may be asked from several blocks at once */
};

static _Atomic long fail_after = -1;
static _Atomic bool fail_sticky;
static _Atomic long count;

void hone_alloc_fail_after(long n, bool sticky)
{
    atomic_store(&fail_sticky, sticky);
    atomic_store(&fail_after, n);
}

long hone_alloc_count(void)
{
    return atomic_load(&count);
}

static bool refused(void)
{
    atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
    long left = atomic_load_explicit(&fail_after, memory_order_relaxed);
    if (left < 0)
        return false;
    if (left == 0 && atomic_load(&fail_sticky))
        return true;
    return atomic_fetch_sub(&fail_after, 1) == 0;
}

void *hone_alloc(size_t bytes)
{
    return refused() ? NULL : calloc(1, bytes ? bytes : 1);
}

void *hone_realloc(void *old, size_t bytes)
{
    return refused() ? NULL : realloc(old, bytes ? bytes : 1);
}

void hone_free(void *memory)
{
    free(memory);
}

bool hone_account_take(hone_account *a, int64_t bytes)
{
    if (!a)
        return true;
    const int64_t now = atomic_fetch_add(&a->used, bytes) + bytes;
    if (a->cap && now > a->cap) {
        atomic_fetch_sub(&a->used, bytes);
        return false;
    }
    int64_t peak = atomic_load(&a->peak);
    while (peak < now && !atomic_compare_exchange_weak(&a->peak, &peak, now))
        ;
    return true;
}

void hone_account_give(hone_account *a, int64_t bytes)
{
    if (a)
        atomic_fetch_sub(&a->used, bytes);
}

void hone_huge_pages(void *memory, size_t bytes)
{
    const uintptr_t first = ((uintptr_t)memory + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    const uintptr_t end = ((uintptr_t)memory + bytes) / HUGE_PAGE * HUGE_PAGE;
    if (end > first) /* advice: failure changes nothing */
        madvise((void *)first, end - first, MADV_HUGEPAGE);
}

/* ---- what is kept for later ---- */

static chunk *pull(hone_pool *pool, int slot)
{
    chunk *c = atomic_exchange(&pool->chunk[slot], NULL);
    if (c)
        atomic_fetch_sub(&pool->bytes, (int64_t)c->room);
    return c;
}

/* Older chunks make way: the newest is the likeliest to be asked for again. */
static void put(hone_pool *pool, chunk *c)
{
    const int64_t room = (int64_t)c->room, limit = pool->limit;
    int64_t bytes = atomic_fetch_add(&pool->bytes, room) + room;
    for (int slot = 0; slot < HONE_POOLED && room <= limit && bytes > limit; slot++) {
        free(pull(pool, slot));
        bytes = atomic_load(&pool->bytes);
    }
    for (int slot = 0; slot < HONE_POOLED && bytes <= limit; slot++) {
        chunk *none = NULL;
        if (atomic_compare_exchange_strong(&pool->chunk[slot], &none, c))
            return;
    }
    atomic_fetch_sub(&pool->bytes, room);
    free(c);
}

/* A chunk of at least `room` bytes, at most a quarter more; NULL: there is none. */
static chunk *reuse(hone_pool *pool, size_t room)
{
    for (int slot = 0; slot < HONE_POOLED; slot++) {
        chunk *c = pull(pool, slot);
        if (c && c->room >= room && c->room - room <= room / 4)
            return c;
        if (c)
            put(pool, c);
    }
    return NULL;
}

void hone_pool_close(hone_pool *pool)
{
    for (int slot = 0; slot < HONE_POOLED; slot++)
        free(pull(pool, slot));
}

/* ---- chunks ---- */

static bool is_pooled(const hone_arena *arena, size_t size)
{
    return size >= HUGE && arena->account && arena->account->pool;
}

/* From the C library. */
static chunk *fresh(size_t size, size_t room)
{
    const bool huge = size >= HUGE;
    chunk *c = aligned_alloc(huge ? HUGE_PAGE : ALIGN, room);
    if (c && huge)
        hone_huge_pages(c, room);
    return c;
}

static chunk *make(hone_arena *arena, size_t size)
{
    const int64_t bytes = (int64_t)(size + ALIGN);
    if (!hone_account_take(arena->account, bytes))
        return NULL;
    const size_t step = size >= HUGE ? HUGE_PAGE : ALIGN;
    size_t room = (size + ALIGN + step - 1) / step * step;
    hone_pool *pool = arena->account ? arena->account->pool : NULL;
    chunk *c = is_pooled(arena, size) ? reuse(pool, room) : NULL;
    if (c)
        room = c->room;
    else
        c = fresh(size, room);
    if (!c && pool) {
        hone_pool_close(pool); /* what it keeps may be what is missing */
        c = fresh(size, room);
    }
    if (!c) {
        hone_account_give(arena->account, bytes);
        return NULL;
    }
    *c = (chunk){arena->chunks, size, 0, room};
    arena->chunks = c;
    arena->bytes += bytes;
    return c;
}

static chunk *get(hone_arena *arena, size_t size)
{
    return refused() ? NULL : make(arena, size);
}

hone_arena *hone_arena_open(hone_account *account)
{
    hone_arena *arena = hone_alloc(sizeof *arena);
    if (arena) {
        arena->account = account;
        atomic_flag_clear(&arena->busy);
    }
    return arena;
}

bool hone_arena_reserve(hone_arena *arena, int64_t bytes)
{
    return get(arena, ((size_t)bytes + ALIGN - 1) / ALIGN * ALIGN) != NULL;
}

void *hone_arena_alloc_raw(hone_arena *arena, int64_t rows, int64_t cols, size_t element)
{
    size_t bytes;
    if (rows < 0 || cols < 0 || __builtin_mul_overflow((size_t)rows, (size_t)cols, &bytes) ||
        __builtin_mul_overflow(bytes, element, &bytes) || bytes > SIZE_MAX / 4)
        return NULL;
    bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    while (atomic_flag_test_and_set_explicit(&arena->busy, memory_order_acquire))
        sched_yield(); /* with more threads than cores its holder may be waiting for one */
    chunk *c = arena->chunks;
    if (!c || c->size - c->used < bytes) {
        const size_t usual = (c ? CHUNK : FIRST) - ALIGN;
        c = get(arena, bytes > usual ? bytes : usual);
    }
    void *at = c ? (char *)c + ALIGN + c->used : NULL;
    if (c)
        c->used += bytes;
    atomic_flag_clear_explicit(&arena->busy, memory_order_release);
    return at;
}

void *hone_arena_alloc(hone_arena *arena, int64_t rows, int64_t cols, size_t element)
{
    void *at = hone_arena_alloc_raw(arena, rows, cols, element);
    return at ? memset(at, 0, (size_t)rows * (size_t)cols * element) : NULL;
}

char *hone_arena_text(hone_arena *arena, const char *text)
{
    const size_t size = strlen(text) + 1;
    char *copy = hone_arena_alloc_raw(arena, (int64_t)size, 1, 1);
    return copy ? memcpy(copy, text, size) : NULL;
}

static void drop(hone_arena *arena, const chunk *until)
{
    while (arena->chunks != until) {
        chunk *c = arena->chunks;
        arena->chunks = c->next;
        arena->bytes -= (int64_t)(c->size + ALIGN);
        hone_account_give(arena->account, (int64_t)(c->size + ALIGN));
        if (is_pooled(arena, c->size))
            put(arena->account->pool, c);
        else
            free(c);
    }
}

void hone_arena_reset(hone_arena *arena)
{
    if (arena->chunks && arena->chunks->next) {
        size_t all = 0;
        for (const chunk *c = arena->chunks; c; c = c->next)
            all += c->size;
        drop(arena, NULL);
        make(arena, all); /* only spares later requests the time */
    }
    if (arena->chunks)
        arena->chunks->used = 0;
}

void hone_arena_close(hone_arena *arena)
{
    if (!arena)
        return;
    drop(arena, NULL);
    hone_free(arena);
}

int64_t hone_arena_bytes(const hone_arena *arena)
{
    return arena->bytes;
}

hone_status hone_no_memory(hone_error *error)
{
    return hone_fail(error, HONE_NO_MEMORY, "memory",
                     "out of memory, or over the memory cap of the run");
}

void hone_arena_adopt(hone_arena *arena, hone_account *account, hone_arena *other)
{
    hone_account_give(arena->account, arena->bytes);
    arena->account = account;
    if (account) {
        const int64_t cap = account->cap;
        account->cap = 0;
        hone_account_take(account, arena->bytes);
        account->cap = cap;
    }
    chunk **end = &arena->chunks;
    while (*end)
        end = &(*end)->next;
    *end = other->chunks;
    arena->bytes += other->bytes;
    other->chunks = NULL;
    hone_free(other);
}
