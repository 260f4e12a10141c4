/* A list of chunks: bump allocation, freed together. The account sees chunks only.
 *
 * Small chunks come from the heap, large ones too: the C library keeps and reuses both, so that
 * trials after the first do not pay for fresh pages. From two huge pages on, chunks ask for huge
 * pages: touching fresh small ones can cost more than the computation.
 */
#define _DEFAULT_SOURCE
#include "base/arena.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 64, CHUNK = 1 << 16, HUGE_PAGE = 1 << 21, HUGE = 2 * HUGE_PAGE };

typedef struct chunk {
    struct chunk *next;
    size_t size, used; /* bytes after the header of ALIGN bytes */
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

static chunk *make(hone_arena *arena, size_t size)
{
    const int64_t bytes = (int64_t)(size + ALIGN);
    if (!hone_account_take(arena->account, bytes))
        return NULL;
    const bool huge = size >= HUGE;
    const size_t alignment = huge ? HUGE_PAGE : ALIGN; /* sizes are a multiple of it */
    const size_t room = (size + ALIGN + alignment - 1) / alignment * alignment;
    chunk *c = aligned_alloc(alignment, room);
    if (c && huge)
        hone_huge_pages(c, room);
    if (!c) {
        hone_account_give(arena->account, bytes);
        return NULL;
    }
    *c = (chunk){arena->chunks, size, 0};
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
    if (!c || c->size - c->used < bytes)
        c = get(arena, bytes > CHUNK - ALIGN ? bytes : CHUNK - ALIGN);
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
