/* Saves that are killed, that run side by side, that cannot be finished: every file that has a
 * name loads. With an argument: that many kills. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/state.h"
#include "toolbox/random.h"
#include "toy.h"

static int kills = 100;

typedef struct place {
    char directory[64];
    hone_model *model;
} place;

static int set_up(void **state)
{
    place *p = calloc(1, sizeof *p);
    if (!p)
        return 1;
    snprintf(p->directory, sizeof p->directory, "/tmp/hone-test-XXXXXX");
    hone_dataset *d = toy_data(HONE_CLASSIFICATION);
    p->model = toy_model(&toy_forest, d, "{\"n_trees\":20,\"depth\":7}");
    hone_dataset_free(d);
    *state = p;
    return !mkdtemp(p->directory);
}

/* Calls `look` for each file, and removes it. */
static int sweep(const char *directory, void (*look)(const char *file))
{
    int count = 0;
    DIR *d = opendir(directory);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        char file[512];
        snprintf(file, sizeof file, "%s/%s", directory, e->d_name);
        if (look)
            look(file);
        unlink(file);
        count++;
    }
    closedir(d);
    return count;
}

static int tear_down(void **state)
{
    place *p = *state;
    sweep(p->directory, NULL);
    rmdir(p->directory);
    hone_model_free(p->model);
    free(p);
    return 0;
}

static void loads(const char *file)
{
    const hone_load_options o = {.size = sizeof o, .algorithms = toy_modules};
    hone_model *m;
    hone_error error;
    if (hone_model_load(file, &o, &m, &error))
        fail_msg("%s: %s", error.path, error.message);
    hone_model_free(m);
}

/* Of a replacing save a temporary neighbour may be left by a kill, never a damaged model. */
static void loads_unless_temporary(const char *file)
{
    if (!strstr(file, ".tmp"))
        loads(file);
}

static void names_say_what_is_inside(void **state)
{
    const place *p = *state;
    char deep[128], *path, hash[17];
    snprintf(deep, sizeof deep, "%s/models", p->directory);
    const hone_save_options o = {.size = sizeof o, .sidecar = true};
    assert_int_equal(hone_model_save(p->model, deep, &o, &path, NULL), HONE_OK);
    const char *name = strrchr(path, '/') + 1;
    unsigned long long random, when, time;
    assert_int_equal(
        sscanf(name, "toy_forest-%12[0-9a-f]-%8lluT%6llu-%16llx.hone", hash, &when, &time, &random),
        4);
    assert_int_equal(strlen(name), strlen("toy_forest-") + 12 + 1 + 15 + 1 + 16 + 5);
    char whole[17];
    snprintf(whole, sizeof whole, "%016llx", (unsigned long long)p->model->config_hash);
    assert_memory_equal(whole, hash, 12);
    char sidecar[256], text[16384] = "";
    snprintf(sidecar, sizeof sidecar, "%s.json", path);
    FILE *f = fopen(sidecar, "r");
    assert_non_null(f);
    assert_true(fread(text, 1, sizeof text - 1, f) > 0);
    fclose(f);
    assert_string_equal(text, hone_model_record(p->model));
    unlink(sidecar);
    loads(path);
    hone_text_free(path);
    assert_int_equal(sweep(deep, NULL), 1);
    rmdir(deep);
}

/* Every array that must be finite, one after the other, holds a number that is not. */
static void what_would_not_load_is_not_saved(void **state)
{
    const place *p = *state;
    const hone_fitted *f = p->model->fitted;
    int tried = 0;
    for (const hone_field *field = f->algorithm->state; field->name; field++) {
        if (!field->is_array || field->rule.kind != HONE_FINITE)
            continue;
        hone_error error;
        char *path = NULL;
        void *values = (void *)(uintptr_t)hone_field_values(field, f->state);
        double kept;
        memcpy(&kept, values, sizeof kept);
        memcpy(values, &(double){NAN}, sizeof kept);
        assert_int_equal(hone_model_save(p->model, p->directory, NULL, &path, &error),
                         HONE_INTERNAL);
        assert_non_null(strstr(error.path, field->name));
        assert_int_equal(sweep(p->directory, NULL), 0);
        memcpy(values, &kept, sizeof kept);
        tried++;
    }
    assert_int_equal(tried, 2);
    char *path = NULL;
    assert_int_equal(hone_model_save(p->model, p->directory, NULL, &path, NULL), HONE_OK);
    loads(path);
    hone_text_free(path);
    assert_int_equal(sweep(p->directory, NULL), 1);
}

static void save_for_ever(const place *p, const char *file)
{
    for (int k = 1; k < SIGRTMIN; k++)
        signal(k, SIG_DFL); /* a crash ends the child instead of starting its next test */
    for (;;)
        if (file ? hone_model_save_as(p->model, file, NULL, NULL)
                 : hone_model_save(p->model, p->directory, NULL, NULL, NULL))
            _exit(1);
}

static int kill_savers(const place *p, const char *file, void (*look)(const char *file))
{
    int files = 0;
    hone_stream s = hone_stream_of((uint64_t)getpid(), 1, 2);
    for (int k = 0; k < kills; k++) {
        const pid_t child = fork();
        if (child == 0)
            save_for_ever(p, file);
        usleep(500 + (useconds_t)hone_below(&s, 4000));
        kill(child, SIGKILL);
        int status;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        files += sweep(p->directory, look);
    }
    return files;
}

static void a_killed_save_leaves_whole_files_and_no_litter(void **state)
{
    const place *p = *state;
    print_message("%d kills, %d whole files\n", kills, kill_savers(p, NULL, loads));
}

static void a_killed_replacement_leaves_a_whole_file(void **state)
{
    const place *p = *state;
    char file[128];
    snprintf(file, sizeof file, "%s/model.hone", p->directory);
    assert_true(kill_savers(p, file, loads_unless_temporary) > 0);
}

static void sixteen_processes_save_side_by_side(void **state)
{
    enum { PROCESSES = 16, SAVES = 20 };
    const place *p = *state;
    const hone_save_options o = {.size = sizeof o, .fast = true};
    for (int k = 0; k < PROCESSES; k++)
        if (fork() == 0) {
            int failures = 0;
            for (int i = 0; i < SAVES; i++)
                failures += hone_model_save(p->model, p->directory, &o, NULL, NULL) != HONE_OK;
            _exit(failures);
        }
    for (int k = 0; k < PROCESSES; k++) {
        int status;
        wait(&status);
        assert_int_equal(status, 0);
    }
    assert_int_equal(sweep(p->directory, loads), PROCESSES * SAVES);
}

static void what_is_no_model_is_refused_as_a_file(void **state)
{
    const place *p = *state;
    char file[128];
    hone_model *m;
    hone_error error;
    snprintf(file, sizeof file, "%s/no-model", p->directory);
    assert_int_equal(hone_model_load(file, NULL, &m, &error), HONE_IO);
    assert_string_equal(error.path, file);
    assert_int_equal(hone_model_load(p->directory, NULL, &m, NULL), HONE_IO);
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs("width,height\n1,2\n", f);
    fclose(f);
    assert_int_equal(hone_model_load(file, NULL, &m, &error), HONE_CORRUPT);
    assert_memory_equal(error.path, file, strlen(file));
    char *json;
    assert_int_equal(hone_model_inspect(file, &json, NULL), HONE_CORRUPT);
    char inside[160];
    snprintf(inside, sizeof inside, "%s/inside", file);
    assert_int_equal(hone_model_save(p->model, inside, NULL, NULL, &error), HONE_IO);
    assert_int_equal(hone_model_save(p->model, file, NULL, NULL, &error), HONE_IO);
}

#define IN_A_PLACE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int count, char **words)
{
    kills = count > 1 ? atoi(words[1]) : kills;
    const struct CMUnitTest tests[] = {
        IN_A_PLACE(names_say_what_is_inside),
        IN_A_PLACE(what_would_not_load_is_not_saved),
        IN_A_PLACE(a_killed_save_leaves_whole_files_and_no_litter),
        IN_A_PLACE(a_killed_replacement_leaves_a_whole_file),
        IN_A_PLACE(sixteen_processes_save_side_by_side),
        IN_A_PLACE(what_is_no_model_is_refused_as_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
