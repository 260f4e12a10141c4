/* How long after its deadline a training goes on, over the space: test_deadline [--long [TABLE]];
 * the long form is about 1,000 configurations.
 *
 * Seconds are CPU time of the training thread from the moment of the deadline, so that a busy
 * machine does not count. Each training has a table and a cache of its own state: what a trial
 * finds there shortens it.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "example.h"
#include "hone/hone.h"
#include "toolbox/random.h"

static int samples = 6;
static bool thorough;
/* CPU seconds: of a hundred overshoots one may be longer. The long form measures; the short one,
 * which runs beside other tests and under sanitizers, finds what does not look at the clock. */
static double patience = 1;
static const char *only;
static double *all; /* overshoots of all tables */
static int n_all;

/* ---- tables ---- */

/* More columns than rows; `x` is the caller's to free. */
static hone_dataset *wide(int64_t rows, int64_t cols, hone_task task, float **x)
{
    hone_stream s = hone_stream_of(5, 0, 0);
    double *y = malloc((size_t)rows * sizeof *y);
    *x = malloc((size_t)(rows * cols) * sizeof **x);
    assert_true(y && *x);
    for (int64_t i = 0; i < rows; i++) {
        double z = 0;
        for (int64_t j = 0; j < cols; j++) {
            const double v = hone_uniform(&s);
            (*x)[i * cols + j] = (float)v;
            z += j < 20 ? v - 0.5 : 0;
        }
        y[i] = task == HONE_REGRESSION ? z : (z > -0.5) + (z > 0.5);
    }
    const hone_dataset_options options = {.size = sizeof options, .task = task};
    hone_dataset *d = NULL;
    hone_error error;
    if (hone_dataset_dense(*x, HONE_F32, rows, cols, cols, 1,
                           (hone_vector){y, HONE_F64, 1, NULL, 0}, &options, &d, &error))
        fail_msg("%s: %s", error.path, error.message);
    free(y);
    return d;
}

/* ---- an alarm beside the training ---- */

typedef struct bell {
    clockid_t clock; /* CPU time of the training thread */
    double after;
    double at; /* CPU time of the training when it rang */
} bell;

static double cpu_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *ring(void *context)
{
    bell *b = context;
    const struct timespec t = {(time_t)b->after, (long)(fmod(b->after, 1) * 1e9)};
    nanosleep(&t, NULL);
    b->at = cpu_of(b->clock);
    return NULL;
}

static double overshoot(hone_dataset *d, const hone_config *c, double deadline, int i)
{
    const hone_options o = {.size = sizeof o,
                            .threads = 1,
                            .deadline = deadline,
                            .keep_model = i % 3 == 0,
                            .validation = i % 4 == 1 ? HONE_VALIDATE_FOLDS : HONE_VALIDATE_AUTO};
    bell b = {.after = deadline};
    pthread_t thread;
    hone_result *r = NULL;
    hone_error error;
    pthread_getcpuclockid(pthread_self(), &b.clock);
    assert_int_equal(pthread_create(&thread, NULL, ring, &b), 0);
    const hone_status status = hone_train_full(c, d, 1, &o, &r, &error);
    const double end = cpu_of(b.clock);
    pthread_join(thread, NULL);
    if (status)
        fail_msg("%s: %s", error.path, error.message);
    assert_true(isfinite(hone_result_loss(r)));
    hone_result_free(r);
    return fmax(end - b.at, 0);
}

static int by_size(const void *a, const void *b)
{
    const double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

static void judge(const char *name, double *late, int n)
{
    qsort(late, (size_t)n, sizeof *late, by_size);
    const double p99 = late[(n * 99 - 1) / 100], most = late[n - 1];
    print_message("%s: %d trainings, overshoot p50 %.1f ms, p99 %.1f ms, most %.1f ms\n", name, n,
                  late[n / 2] * 1e3, p99 * 1e3, most * 1e3);
    if (p99 > patience)
        fail_msg("%s: one of a hundred trainings goes on for %.3f s", name, p99);
}

/* Deadlines between 10 and 300 ms; those that are too late are told with their configuration. */
static void measure(const char *name, hone_dataset *d)
{
    double *late = all + n_all;
    const hone_space_options space = {.size = sizeof space, .dataset = d};
    hone_stream dice = hone_stream_of(9, 0, 0);
    for (int i = 0; i < samples; i++) {
        hone_config *c;
        hone_error error;
        char *json = NULL;
        assert_int_equal(hone_space_sample(&space, 11, (uint64_t)i, &c, &error), HONE_OK);
        const double deadline = 0.01 + 0.29 * hone_uniform(&dice);
        late[i] = overshoot(d, c, deadline, i);
        if (late[i] > patience && !hone_config_json(c, hone_dataset_task(d), &json, &error))
            print_message("%s: %.0f ms after a deadline of %.0f ms: %s\n", name, late[i] * 1e3,
                          deadline * 1e3, json);
        hone_text_free(json);
        hone_config_free(c);
    }
    n_all += samples;
    judge(name, late, samples);
}

static const struct table {
    const char *name, *target;
    hone_task task;
    int64_t rows, cols; /* made here */
    bool is_long;
} TABLES[] = {{"spam", "type", HONE_CLASSIFICATION, 0, 0, false},
              {"abalone", "Rings", HONE_REGRESSION, 0, 0, false},
              {"wide", NULL, HONE_CLASSIFICATION, 600, 3000, false},
              {"adult", "income", HONE_CLASSIFICATION, 0, 0, true},
              {"diamonds", "price", HONE_REGRESSION, 0, 0, true},
              {"wider", NULL, HONE_CLASSIFICATION, 2000, 20000, true},
              {0}};

static void a_training_ends_at_its_deadline(void **state)
{
    (void)state;
    all = calloc(sizeof TABLES / sizeof *TABLES * (size_t)samples, sizeof *all);
    assert_non_null(all);
    for (const struct table *t = TABLES; t->name; t++) {
        float *x = NULL;
        if ((t->is_long && !thorough) || (only && strcmp(only, t->name) != 0))
            continue;
        hone_dataset *d = t->target ? example_table(t->name, t->target, t->task)
                                    : wide(t->rows, t->cols, t->task, &x);
        measure(t->name, d);
        hone_dataset_free(d);
        free(x);
    }
    judge("all", all, n_all);
    free(all);
}

int main(int count, char **words)
{
    thorough = count > 1 && !strcmp(words[1], "--long");
    samples = thorough ? 170 : samples; /* on each of six tables */
    patience = thorough ? 0.1 : patience;
    only = count > 2 ? words[2] : NULL;
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_training_ends_at_its_deadline)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
