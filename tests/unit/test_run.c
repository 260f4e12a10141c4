/* Blocks, stop and errors of a run. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <omp.h>

#include "core/trial.h"

static hone_status fails_from_ten(void *context, int64_t block, hone_arena *scratch,
                                  hone_error *error)
{
    (void)scratch;
    atomic_fetch_add((_Atomic int64_t *)context, 1);
    if (block >= 10)
        return hone_fail(error, HONE_BAD_DATA, "block", "%d", (int)block);
    return HONE_OK;
}

static void the_lowest_failing_block_is_reported(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 8; threads++)
        for (int k = 0; k < 50; k++) {
            hone_simple_run storage;
            _Atomic int64_t calls = 0;
            hone_error error;
            assert_int_equal(hone_for_blocks(hone_run_simple(&storage, threads), 40, fails_from_ten,
                                             (void *)&calls, &error),
                             HONE_BAD_DATA);
            assert_string_equal(error.message, "10");
        }
}

static hone_status square(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    int64_t *room = HONE_NEW(scratch, int64_t, 1000, 1);
    if (!room)
        return hone_no_memory(error);
    ((int64_t *)context)[block] = block * block + room[999];
    return HONE_OK;
}

static void every_block_runs_once_with_any_number_of_threads(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 7; threads++) {
        int64_t out[100] = {0};
        hone_simple_run storage;
        assert_int_equal(
            hone_for_blocks(hone_run_simple(&storage, threads), 100, square, out, NULL), HONE_OK);
        for (int64_t i = 0; i < 100; i++)
            assert_int_equal(out[i], i * i);
    }
}

static void a_forked_child_and_grandchild_run_blocks(void **state)
{
    (void)state;
    int64_t out[100];
    hone_simple_run storage;
    assert_int_equal(hone_for_blocks(hone_run_simple(&storage, 2), 100, square, out, NULL),
                     HONE_OK);
    const pid_t child = fork();
    if (child == 0) {
        alarm(20);
        if (hone_for_blocks(hone_run_simple(&storage, 2), 100, square, out, NULL))
            _exit(1);
        const pid_t grandchild = fork();
        if (grandchild == 0)
            _exit(hone_for_blocks(hone_run_simple(&storage, 3), 100, square, out, NULL) != 0);
        int status = 1;
        waitpid(grandchild, &status, 0);
        _exit(status != 0);
    }
    int status = 1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

static void threads_are_those_asked_for_and_one_within_a_team(void **state)
{
    (void)state;
    const int before = omp_get_max_threads();
    int within[2] = {0};
#pragma omp parallel num_threads(2)
    within[omp_get_thread_num()] = hone_threads_of(omp_get_thread_num() ? 0 : 7);
    assert_int_equal(within[0], 1);
    assert_true(within[1] <= 1); /* 0: the team had one thread */
    assert_int_equal(hone_threads_of(7), 7);
    omp_set_num_threads(1);
    assert_int_equal(hone_threads_of(0), 1);
    omp_set_num_threads(before);
}

static void the_quota_of_a_cgroup_is_rounded_up(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int cpus;
    } FILES[] = {
        {"max 100000\n", 0},    {"100000 100000\n", 1},
        {"150000 100000\n", 2}, {"1000 100000\n", 1},
        {"400000 100000\n", 4}, {"", 0},
        {"100000\n", 0},        {"100000 0\n", 0},
        {"-1 100000\n", 0},     {"9223372036854775807 1", 0},
    };
    char name[] = "/tmp/hone-test-XXXXXX";
    const int handle = mkstemp(name);
    assert_true(handle >= 0);
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        const size_t length = strlen(FILES[i].text);
        assert_int_equal(ftruncate(handle, 0), 0);
        assert_int_equal(pwrite(handle, FILES[i].text, length, 0), length);
        assert_int_equal(hone_cpu_quota(name), FILES[i].cpus);
    }
    close(handle);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(hone_cpu_quota(name), 0);
}

static void a_cancelled_run_stops(void **state)
{
    (void)state;
    hone_simple_run storage;
    hone_run_simple(&storage, 2);
    const int32_t cancel = 1;
    storage.run.cancel = &cancel;
    int64_t out[100];
    assert_int_equal(hone_for_blocks(&storage.run, 100, square, out, NULL), HONE_STOPPED);
}

static void the_cap_of_an_account_holds(void **state)
{
    (void)state;
    hone_account account = {.cap = 1 << 20};
    hone_arena *arena = hone_arena_open(&account);
    assert_non_null(HONE_NEW(arena, char, 1 << 19, 1));
    assert_null(HONE_NEW(arena, char, 1 << 20, 1));
    assert_null(HONE_NEW(arena, double, INT64_MAX, INT64_MAX));
    hone_arena_close(arena);
    assert_int_equal(account.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lowest_failing_block_is_reported),
        cmocka_unit_test(every_block_runs_once_with_any_number_of_threads),
        cmocka_unit_test(a_forked_child_and_grandchild_run_blocks),
        cmocka_unit_test(threads_are_those_asked_for_and_one_within_a_team),
        cmocka_unit_test(the_quota_of_a_cgroup_is_rounded_up),
        cmocka_unit_test(a_cancelled_run_stops),
        cmocka_unit_test(the_cap_of_an_account_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
