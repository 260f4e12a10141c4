/* Which of the things that trials share has to go when the budget is used up. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
/* cmocka needs the above */
#include <cmocka.h>

#include "core/trial.h"
#include "data/cache.h"

enum { UNIT = 1 << 20, BUDGET = 4 * UNIT }; /* far above the blocks of an arena */

typedef struct object {
    const char *bytes;
} object;

static int builds;

/* key[0]: bytes; key[1]: milliseconds that it takes; key[2]: which. */
static hone_status build(const hone_fit_job *job, const int64_t key[HONE_KEY], void *made,
                         hone_error *error)
{
    builds++;
    nanosleep(&(struct timespec){.tv_nsec = key[1] * 1000000}, NULL);
    ((object *)made)->bytes = HONE_NEW(job->keep, char, key[0], 1);
    return ((object *)made)->bytes ? HONE_OK : hone_no_memory(error);
}

static const hone_recipe recipe = {"test.object/1", HONE_OF_TABLE, sizeof(object), build};

static hone_simple_run run_of_all;

static hone_shared door_of(hone_cache *cache)
{
    hone_shared s = {.cache = cache};
    s.job.run = hone_run_simple(&run_of_all, 1);
    s.account = run_of_all.run.account;
    return s;
}

/* A trial that needs one object; whether it had to be built. */
static bool had_to_build(hone_cache *cache, int64_t bytes, int64_t milliseconds, int64_t which)
{
    hone_shared s = door_of(cache);
    const int64_t key[HONE_KEY] = {bytes, milliseconds, which};
    const void *found = NULL;
    hone_error error = {0};
    const int before = builds;
    if (hone_derive_as(&s, &recipe, 1, key, NULL, &found, &error))
        fail_msg("%s: %s", error.path, error.message);
    assert_non_null(found);
    hone_shared_release(&s);
    assert_int_equal(run_of_all.account.used, 0);
    return builds > before;
}

static hone_cache_stats stats_of(hone_cache *cache)
{
    hone_cache_stats s = {.size = sizeof s};
    hone_cache_read_stats(cache, &s);
    assert_true(s.bytes <= s.budget);
    return s;
}

static void the_cheapest_to_build_by_byte_goes_first(void **state)
{
    (void)state;
    hone_cache *cache = hone_cache_open(BUDGET);
    assert_true(had_to_build(cache, UNIT, 300, 0)); /* oldest, and dearest */
    for (int64_t i = 1; i < 8; i++)
        assert_true(had_to_build(cache, UNIT, 0, i));
    assert_true(stats_of(cache).evictions >= 4);
    assert_false(had_to_build(cache, UNIT, 300, 0));
    hone_cache_close(cache);
}

static void of_equally_long_builds_the_larger_goes_first(void **state)
{
    (void)state;
    hone_cache *cache = hone_cache_open(BUDGET);
    assert_true(had_to_build(cache, UNIT / 20, 40, 0));
    assert_true(had_to_build(cache, 3 * UNIT, 40, 1));
    assert_true(had_to_build(cache, UNIT, 40, 2));
    assert_int_equal(stats_of(cache).evictions, 1);
    assert_false(had_to_build(cache, UNIT / 20, 40, 0));
    assert_false(had_to_build(cache, UNIT, 40, 2));
    assert_true(had_to_build(cache, 3 * UNIT, 40, 1));
    hone_cache_close(cache);
}

static void what_nobody_asks_for_goes_in_the_end_however_dear(void **state)
{
    (void)state;
    hone_cache *cache = hone_cache_open(BUDGET);
    assert_true(had_to_build(cache, UNIT, 20, 0));
    int64_t i = 1;
    for (; i < 200; i++) {
        assert_true(had_to_build(cache, UNIT, 2, i));
        hone_cache_stats s = stats_of(cache);
        assert_true(s.entries <= 3);
    }
    assert_true(had_to_build(cache, UNIT, 20, 0));
    hone_cache_close(cache);
}

static void nothing_goes_for_an_object_that_cannot_stay(void **state)
{
    (void)state;
    hone_cache *cache = hone_cache_open(BUDGET);
    assert_true(had_to_build(cache, UNIT, 0, 0));
    assert_true(had_to_build(cache, 5 * UNIT, 50, 1));
    const hone_cache_stats s = stats_of(cache);
    assert_true(s.evictions == 0 && s.entries == 1);
    assert_false(had_to_build(cache, UNIT, 0, 0));
    assert_true(had_to_build(cache, 5 * UNIT, 50, 1));
    hone_cache_close(cache);
}

static void what_a_trial_holds_never_goes(void **state)
{
    (void)state;
    hone_cache *cache = hone_cache_open(BUDGET);
    hone_shared holder = door_of(cache);
    const int64_t key[HONE_KEY] = {3 * UNIT};
    const void *held = NULL, *again = NULL;
    assert_int_equal(hone_derive_as(&holder, &recipe, 1, key, NULL, &held, NULL), HONE_OK);
    hone_shared other = door_of(cache);
    for (int64_t i = 1; i < 4; i++) {
        const void *found = NULL;
        const int64_t more[HONE_KEY] = {UNIT, 0, i};
        assert_int_equal(hone_derive_as(&other, &recipe, 1, more, NULL, &found, NULL), HONE_OK);
    }
    assert_int_equal(hone_derive_as(&holder, &recipe, 1, key, NULL, &again, NULL), HONE_OK);
    assert_ptr_equal(held, again);
    hone_shared_release(&other);
    hone_shared_release(&holder);
    assert_int_equal(stats_of(cache).evictions, 0);
    hone_cache_close(cache);
}

/* ---- memory that is passed on ---- */

static int64_t pooled(hone_cache *cache)
{
    return atomic_load(&hone_cache_pool(cache)->bytes);
}

static void what_makes_way_for_the_next_of_its_kind(void **state)
{
    (void)state;
    hone_cache *cache = hone_cache_open(BUDGET);
    hone_shared s = door_of(cache);
    const hone_recipe other = {"test.other/1", HONE_OF_TABLE, sizeof(object), build};
    s.identity.table = 1;
    assert_true(had_to_build(cache, UNIT, 0, 0));
    hone_derive_clear(&s, &other);
    assert_false(had_to_build(cache, UNIT, 0, 0));
    s.identity.table = 2;
    hone_derive_clear(&s, &recipe);
    assert_false(had_to_build(cache, UNIT, 0, 0));
    s.identity.table = 1;
    const int64_t held[HONE_KEY] = {UNIT, 0, 1};
    const void *found;
    hone_error error;
    assert_int_equal(hone_derive(&s, &recipe, held, &found, &error), HONE_OK);
    hone_derive_clear(&s, &recipe);
    assert_int_equal(stats_of(cache).entries, 1);
    assert_int_equal(stats_of(cache).evictions, 1);
    hone_shared_release(&s);
    assert_false(had_to_build(cache, UNIT, 0, 1));
    assert_true(had_to_build(cache, UNIT, 0, 0));
    hone_cache_close(cache);
}

static void large_memory_goes_from_what_was_evicted_to_what_is_built(void **state)
{
    (void)state;
    enum { SIZE = 5 * UNIT, ROOM = 6 * UNIT, SOME = 12 }; /* in whole huge pages of 2 UNIT */
    hone_cache *cache = hone_cache_open((int64_t)64 * UNIT);
    for (int64_t i = 0; i < SOME; i++)
        assert_true(had_to_build(cache, SIZE, 0, i));
    assert_int_equal(stats_of(cache).entries, SOME);
    assert_int_equal(pooled(cache), 0);
    assert_true(had_to_build(cache, SIZE, 0, SOME)); /* takes fresh memory, and one goes for it */
    assert_int_equal(pooled(cache), ROOM);
    assert_true(had_to_build(cache, SIZE, 0, SOME + 1)); /* takes that, and one goes for it */
    assert_int_equal(pooled(cache), ROOM);
    assert_true(had_to_build(cache, SIZE * 3 / 2, 0, SOME + 2)); /* does not fit there */
    assert_true(pooled(cache) <= 8 * UNIT);
    hone_cache_close(cache);
}

static void a_pool_keeps_the_newest_chunks_within_its_limit(void **state)
{
    (void)state;
    hone_pool pool = {.limit = 20 * UNIT};
    hone_account account = {.pool = &pool};
    const int64_t sizes[] = {4, 4, 8, 13, 21, 3, 17};
    const int64_t kept[] = {6,  6,  16, 14,
                            14, 14, 18}; /* with a header, in pages; small ones never */
    for (int i = 0; i < 7; i++) {
        hone_arena *arena = hone_arena_open(&account);
        char *at = HONE_RAW(arena, char, sizes[i] * UNIT, 1);
        assert_non_null(at);
        memset(at, i, (size_t)(sizes[i] * UNIT));
        assert_true(account.used >= sizes[i] * UNIT && account.used < (sizes[i] + 1) * UNIT);
        hone_arena_close(arena);
        assert_int_equal(account.used, 0);
        assert_int_equal(pool.bytes, kept[i] * UNIT);
    }
    hone_arena *arena = hone_arena_open(&account);
    assert_non_null(HONE_RAW(arena, char, 15 * UNIT, 1)); /* a quarter more is not too much */
    assert_int_equal(pool.bytes, 0);
    hone_arena_close(arena);
    assert_int_equal(pool.bytes, 18 * UNIT);
    hone_pool_close(&pool);
    assert_int_equal(pool.bytes, 0);
}

/* ---- a fork while memory is given back ---- */

/* Sanitizers have a free of their own. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#if !defined(SANITIZED)
static hone_cache *forking; /* the next call of free forks, and the child asks this cache */
static int ended;

void __libc_free(void *memory);

void free(void *memory)
{
    hone_cache *cache = forking;
    if (cache && memory) {
        forking = NULL;
        const pid_t child = fork();
        if (child == 0) {
            alarm(10);
            _exit(had_to_build(cache, UNIT, 0, 0) ? 0 : 1);
        }
        waitpid(child, &ended, 0);
    }
    __libc_free(memory);
}
#endif

static void what_is_being_dropped_is_absent_in_a_child(void **state)
{
    (void)state;
#if defined(SANITIZED)
    skip();
#else
    hone_cache *cache = hone_cache_open(BUDGET);
    assert_true(had_to_build(cache, UNIT, 0, 0));
    forking = cache;
    hone_cache_close(cache);
    assert_null(forking);
    assert_int_equal(ended, 0);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cheapest_to_build_by_byte_goes_first),
        cmocka_unit_test(of_equally_long_builds_the_larger_goes_first),
        cmocka_unit_test(what_nobody_asks_for_goes_in_the_end_however_dear),
        cmocka_unit_test(nothing_goes_for_an_object_that_cannot_stay),
        cmocka_unit_test(what_a_trial_holds_never_goes),
        cmocka_unit_test(what_makes_way_for_the_next_of_its_kind),
        cmocka_unit_test(large_memory_goes_from_what_was_evicted_to_what_is_built),
        cmocka_unit_test(a_pool_keeps_the_newest_chunks_within_its_limit),
        cmocka_unit_test(what_is_being_dropped_is_absent_in_a_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
