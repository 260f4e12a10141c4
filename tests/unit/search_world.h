/* A small search and its journal, for tests of searches and replays. Include after cmocka.h. */
#ifndef HONE_TEST_SEARCH_WORLD_H
#define HONE_TEST_SEARCH_WORLD_H

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hone/hone.h"
#include "toolbox/random.h"
#include "toys.h"

enum { N = 90, D = 3, TRIALS = 18 };

static inline hone_dataset *data(uint64_t seed)
{
    static double x[N * D];
    static int32_t label[N];
    hone_stream s = hone_stream_of(seed, 0, 0);
    for (int i = 0; i < N; i++) {
        label[i] = i % 3;
        for (int j = 0; j < D; j++)
            x[i * D + j] = hone_uniform(&s) * 4 + (j == i % 3 ? 2 : 0);
    }
    const hone_dataset_options options = {.size = sizeof options, .task = HONE_CLASSIFICATION};
    hone_dataset *d = NULL;
    hone_error error = {0};
    if (hone_dataset_dense(x, HONE_F64, N, D, D, 1, (hone_vector){label, HONE_I32, 1, NULL, 0},
                           &options, &d, &error))
        fail_msg("%s: %s", error.path, error.message);
    return d;
}

static const char *const centroid[] = {"centroid", NULL};
static const hone_algorithm *const toys[] = {&toy_centroid, NULL};
static const hone_space_options space = {
    .size = sizeof space, .models = centroid, .algorithms = toys};

/* Lines of the trials, in the order they came. */
typedef struct seen {
    int lines, kill_after, stop_after;
    int32_t cancel;
    double loss[TRIALS * 3];
} seen;

static inline void on_trial(void *context, const char *line)
{
    seen *s = context;
    const char *loss = strstr(line, "\"loss\":"), *rung = strstr(line, "\"rung\":");
    assert_true(loss && rung && line[0] == '{' && !strchr(line, '\n'));
    const int at = atoi(rung + 7) * TRIALS + atoi(line + strlen("{\"trial\":"));
    assert_true(at >= 0 && at < TRIALS * 3 && isnan(s->loss[at]));
    s->loss[at] = strncmp(loss + 7, "null", 4) ? strtod(loss + 7, NULL) : INFINITY;
    s->lines++;
    if (s->lines == s->kill_after)
        raise(SIGKILL);
    if (s->lines == s->stop_after)
        s->cancel = 1;
}

static inline seen nothing(void)
{
    seen s = {0};
    for (int i = 0; i < TRIALS * 3; i++)
        s.loss[i] = NAN;
    return s;
}

typedef struct request {
    hone_search search;
    int64_t trials;
    const char *journal, *incumbent;
    const hone_options *train;
    double seconds;
    uint64_t seed;
} request;

static inline hone_status tune(hone_dataset *d, const request *q, seen *s, hone_tuned *tuned,
                               hone_result **best, hone_error *error)
{
    hone_options train = {.size = sizeof train, .threads = 1};
    if (q->train)
        train = *q->train;
    train.cancel = &s->cancel;
    const hone_tune_options options = {.size = sizeof options,
                                       .search = q->search,
                                       .trials = q->trials ? q->trials : TRIALS,
                                       .journal = q->journal,
                                       .incumbent = q->incumbent,
                                       .space = &space,
                                       .train = &train,
                                       .seconds = q->seconds,
                                       .trial = on_trial,
                                       .context = s};
    *tuned = (hone_tuned){.size = sizeof *tuned};
    return hone_tune(d, q->seed ? q->seed : 5, &options, tuned, best, error);
}

static inline hone_tuned tuned_well(const request *q, seen *s, double *final)
{
    hone_dataset *d = data(7);
    hone_tuned t;
    hone_result *best = NULL;
    hone_error error = {0};
    if (tune(d, q, s, &t, &best, &error))
        fail_msg("%s: %s", error.path, error.message);
    *final = hone_result_loss(best);
    hone_result_free(best);
    hone_dataset_free(d);
    return t;
}

/* A new name in a directory of its own. */
static inline void new_journal(char *directory, char *file, size_t size)
{
    strcpy(directory, "/tmp/hone_tune_XXXXXX");
    assert_non_null(mkdtemp(directory));
    assert_true(snprintf(file, size, "%s/journal", directory) < (int)size);
}

static inline void remove_journal(const char *directory, const char *file)
{
    unlink(file);
    assert_int_equal(rmdir(directory), 0);
}

static inline void write_file(const char *file, const char *text)
{
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

#endif
