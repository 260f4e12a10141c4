/* Files: whole or not there, on full disks, under limits, with other kinds of files in the way. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"

typedef struct place {
    char directory[64], file[128];
} place;

static int set_up(void **state)
{
    place *p = calloc(1, sizeof *p);
    if (!p)
        return 1;
    snprintf(p->directory, sizeof p->directory, "/tmp/hone-test-XXXXXX");
    if (!mkdtemp(p->directory))
        return 1;
    snprintf(p->file, sizeof p->file, "%s/file", p->directory);
    *state = p;
    return 0;
}

static int entries(const char *directory)
{
    int count = 0;
    DIR *d = opendir(directory);
    for (struct dirent *e; d && (e = readdir(d));)
        count += e->d_name[0] != '.' || strlen(e->d_name) > 2;
    closedir(d);
    return count;
}

static int tear_down(void **state)
{
    place *p = *state;
    DIR *d = opendir(p->directory);
    for (struct dirent *e; d && (e = readdir(d));)
        unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    rmdir(p->directory);
    free(p);
    return 0;
}

static void holds(const char *file, const char *text)
{
    char *bytes;
    size_t size;
    assert_int_equal(hone_file_read(file, 0, &bytes, &size, NULL), HONE_OK);
    assert_int_equal(size, strlen(text));
    assert_string_equal(bytes, text);
    hone_free(bytes);
}

static void what_was_written_is_read(void **state)
{
    const place *p = *state;
    for (int durable = 0; durable < 2; durable++) {
        assert_int_equal(hone_file_write(p->file, "abc", 3, true, durable, NULL), HONE_OK);
        holds(p->file, "abc");
    }
    assert_int_equal(hone_file_write(p->file, "", 0, true, false, NULL), HONE_OK);
    holds(p->file, "");
    assert_int_equal(entries(p->directory), 1);
}

static void a_name_that_exists_is_replaced_only_when_asked(void **state)
{
    const place *p = *state;
    hone_error error;
    assert_int_equal(hone_file_write(p->file, "old", 3, false, true, NULL), HONE_OK);
    assert_int_equal(hone_file_write(p->file, "new", 3, false, true, &error), HONE_IO);
    assert_string_equal(error.path, p->file);
    holds(p->file, "old");
    chmod(p->file, 0640);
    assert_int_equal(hone_file_write(p->file, "new", 3, true, true, NULL), HONE_OK);
    holds(p->file, "new");
    struct stat info;
    assert_int_equal(stat(p->file, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    assert_int_equal(entries(p->directory), 1);
}

static void what_a_link_leads_to_is_replaced(void **state)
{
    const place *p = *state;
    char link[160];
    struct stat info;
    snprintf(link, sizeof link, "%s/link", p->directory);
    assert_int_equal(symlink(p->file, link), 0);
    hone_error error = {0};
    assert_int_equal(hone_file_write(link, "abc", 3, true, false, &error), HONE_IO);
    assert_non_null(strstr(error.message, "leads nowhere"));
    assert_int_equal(hone_file_write(p->file, "old", 3, true, false, NULL), HONE_OK);
    assert_int_equal(hone_file_write(link, "new", 3, true, true, NULL), HONE_OK);
    assert_int_equal(lstat(link, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    holds(p->file, "new");
    assert_int_equal(entries(p->directory), 2);
}

static void a_file_name_without_a_directory_is_in_the_working_one(void **state)
{
    const place *p = *state;
    char before[1024];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(p->directory), 0);
    assert_int_equal(hone_file_write("file", "abc", 3, true, true, NULL), HONE_OK);
    holds("file", "abc");
    assert_int_equal(chdir(before), 0);
}

static void only_regular_files_within_the_limit_are_read(void **state)
{
    const place *p = *state;
    char *bytes;
    size_t size;
    assert_int_equal(hone_file_read(p->directory, 0, &bytes, &size, NULL), HONE_IO);
    assert_int_equal(hone_file_read("/dev/zero", 0, &bytes, &size, NULL), HONE_IO);
    assert_int_equal(hone_file_read(p->file, 0, &bytes, &size, NULL), HONE_IO);
    assert_int_equal(mkfifo(p->file, 0600), 0);
    assert_int_equal(hone_file_read(p->file, 0, &bytes, &size, NULL), HONE_IO);
    assert_int_equal(hone_file_write(p->file, "abc", 3, true, true, NULL), HONE_IO);
    unlink(p->file);
    assert_int_equal(hone_file_write(p->file, "abcdef", 6, true, true, NULL), HONE_OK);
    assert_int_equal(hone_file_read(p->file, 5, &bytes, &size, NULL), HONE_NO_MEMORY);
    assert_int_equal(hone_file_read(p->file, 6, &bytes, &size, NULL), HONE_OK);
    hone_free(bytes);
}

static void a_place_that_cannot_be_written_is_an_error(void **state)
{
    const place *p = *state;
    char inside[160];
    assert_int_equal(hone_file_write(p->file, "abc", 3, true, true, NULL), HONE_OK);
    snprintf(inside, sizeof inside, "%s/inside", p->file);
    assert_int_equal(hone_file_write(inside, "abc", 3, true, true, NULL), HONE_IO);
    assert_int_equal(hone_directory_make(inside, NULL), HONE_IO);
    assert_int_equal(hone_directory_make(p->file, NULL), HONE_IO);
    assert_int_equal(hone_file_write("/proc/hone-test", "abc", 3, true, true, NULL), HONE_IO);
    assert_int_equal(hone_file_write("/tmp/hone-none/at/all", "a", 1, true, true, NULL), HONE_IO);
}

static void a_directory_is_made_with_its_parents(void **state)
{
    const place *p = *state;
    char deep[160];
    snprintf(deep, sizeof deep, "%s/a//b/c/", p->directory);
    assert_int_equal(hone_directory_make(deep, NULL), HONE_OK);
    assert_int_equal(hone_directory_make(deep, NULL), HONE_OK);
    for (int k = 0; k < 3; k++) {
        const char *parts[] = {"/a/b/c", "/a/b", "/a"};
        snprintf(deep, sizeof deep, "%s%s", p->directory, parts[k]);
        assert_int_equal(rmdir(deep), 0);
    }
}

/* In a child, since limits and mounts are the process's own. */
static void in_a_child(void (*body)(const place *p), const place *p)
{
    const pid_t child = fork();
    if (child == 0) {
        alarm(20);
        body(p);
        _exit(0);
    }
    int status = 1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            _exit(__LINE__ % 200 + 1);                                                             \
    } while (0)

static char big[1 << 20];

static void write_under_a_size_limit(const place *p)
{
    const struct rlimit limit = {1 << 16, 1 << 16};
    MUST(!setrlimit(RLIMIT_FSIZE, &limit));
    MUST(hone_file_write(p->file, big, sizeof big, true, true, NULL) == HONE_IO);
    MUST(hone_file_write(p->file, big, 1 << 16, true, true, NULL) == HONE_OK);
}

static void a_file_above_the_size_limit_is_an_error_and_no_signal(void **state)
{
    const place *p = *state;
    assert_int_equal(hone_file_write(p->file, "old", 3, true, true, NULL), HONE_OK);
    in_a_child(write_under_a_size_limit, p);
    assert_int_equal(entries(p->directory), 1);
}

static void write_as_somebody_else(const place *p)
{
    MUST(!chmod(p->directory, 0555));
    if (geteuid() == 0)
        MUST(!setuid(65534));
    MUST(hone_file_write(p->file, "abc", 3, false, true, NULL) == HONE_IO);
    MUST(hone_directory_make(p->directory, NULL) == HONE_IO);
}

static void a_directory_without_permission_is_an_error(void **state)
{
    const place *p = *state;
    in_a_child(write_as_somebody_else, p);
    chmod(p->directory, 0755);
    assert_int_equal(entries(p->directory), 0);
}

static void write_to_a_full_disk(const place *p)
{
    MUST(hone_file_write(p->file, "old", 3, true, true, NULL) == HONE_OK);
    MUST(hone_file_write(p->file, big, sizeof big, true, true, NULL) == HONE_IO);
    char *bytes;
    size_t size;
    MUST(hone_file_read(p->file, 0, &bytes, &size, NULL) == HONE_OK && size == 3);
    hone_free(bytes);
    char other[160];
    snprintf(other, sizeof other, "%s.other", p->file);
    MUST(hone_file_write(other, big, sizeof big, false, true, NULL) == HONE_IO);
    MUST(entries(p->directory) == 1);
}

static void a_full_disk_leaves_the_old_file_and_nothing_else(void **state)
{
    const place *p = *state;
    if (mount("none", p->directory, "tmpfs", 0, "size=16k"))
        skip();
    in_a_child(write_to_a_full_disk, p);
    assert_int_equal(umount(p->directory), 0);
}

static void random_bits_differ_also_after_fork(void **state)
{
    (void)state;
    uint64_t bits[3];
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(hone_random_bits(&bits[0], NULL), HONE_OK);
    const pid_t child = fork();
    assert_int_equal(hone_random_bits(&bits[1], NULL), HONE_OK);
    if (child == 0)
        _exit(write(pipes[1], &bits[1], 8) != 8);
    assert_int_equal(read(pipes[0], &bits[2], 8), 8);
    waitpid(child, NULL, 0);
    close(pipes[0]);
    close(pipes[1]);
    assert_true(bits[0] != bits[1] && bits[1] != bits[2] && bits[0] != bits[2]);
}

#define IN_A_PLACE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_PLACE(what_was_written_is_read),
        IN_A_PLACE(a_name_that_exists_is_replaced_only_when_asked),
        IN_A_PLACE(what_a_link_leads_to_is_replaced),
        IN_A_PLACE(a_file_name_without_a_directory_is_in_the_working_one),
        IN_A_PLACE(only_regular_files_within_the_limit_are_read),
        IN_A_PLACE(a_place_that_cannot_be_written_is_an_error),
        IN_A_PLACE(a_directory_is_made_with_its_parents),
        IN_A_PLACE(a_file_above_the_size_limit_is_an_error_and_no_signal),
        IN_A_PLACE(a_directory_without_permission_is_an_error),
        IN_A_PLACE(a_full_disk_leaves_the_old_file_and_nothing_else),
        cmocka_unit_test(random_bits_differ_also_after_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
