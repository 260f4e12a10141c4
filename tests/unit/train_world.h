/* A small table and trainings of toys on it. Include after cmocka.h. */
#ifndef HONE_TEST_TRAIN_WORLD_H
#define HONE_TEST_TRAIN_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "toolbox/random.h"
#include "toys.h"

enum { N = 150, D = 4 };

/* Three overlapping groups; the amount depends on the first column. */
static inline hone_dataset *data(hone_task task, hone_dataset_options *more)
{
    static double x[N * D];
    static int32_t label[N];
    static double amount[N];
    hone_stream s = hone_stream_of(7, 0, 0);
    for (int i = 0; i < N; i++) {
        label[i] = i % 3;
        for (int j = 0; j < D; j++)
            x[i * D + j] = hone_uniform(&s) * 4 + (j == i % 3 ? 2 : 0);
        amount[i] = 100 + 2 * x[i * D] + hone_uniform(&s);
    }
    hone_dataset_options options = more ? *more : (hone_dataset_options){0};
    options.size = sizeof options, options.task = task;
    const hone_vector y = task == HONE_CLASSIFICATION ? (hone_vector){label, HONE_I32, 1, NULL, 0}
                                                      : (hone_vector){amount, HONE_F64, 1, NULL, 0};
    hone_dataset *d = NULL;
    hone_error error = {0};
    if (hone_dataset_dense(x, HONE_F64, N, D, D, 1, y, &options, &d, &error))
        fail_msg("%s: %s", error.path, error.message);
    return d;
}

static inline hone_config *config(const char *json)
{
    return config_with((const hone_algorithm *const[]){&toy_centroid, &toy_slow, NULL}, json);
}

static inline hone_status train_on(hone_dataset *d, const char *json, uint64_t seed,
                                   const hone_options *options, hone_result **result,
                                   hone_error *error)
{
    hone_config *c = config(json);
    const hone_status status = hone_train_full(c, d, seed, options, result, error);
    hone_config_free(c);
    return status;
}

/* A training that must succeed. */
static inline hone_result *trained(hone_dataset *d, const char *json, uint64_t seed,
                                   const hone_options *options)
{
    return train_well(d, config(json), seed, options);
}

#define OPTIONS(...) (&(hone_options){.size = sizeof(hone_options), __VA_ARGS__})
#define CENTROID "{\"model\": \"centroid\", \"prep:scale\": \"standard\"}"
#define SLOW(steps, first) "{\"model\": \"slow\", \"steps\": " #steps ", \"first\": " #first "}"

static inline double number(const hone_result *r, const char *name)
{
    return hone_result_number(r, name, -1);
}

/* The part of the JSON that is under the promise. */
static inline size_t record_length(const char *json)
{
    return (size_t)(strstr(json, "\"model_path\"") - json);
}

static inline void assert_same(const hone_result *a, const hone_result *b)
{
    const char *x = hone_result_json(a), *y = hone_result_json(b);
    assert_int_equal(record_length(x), record_length(y));
    assert_memory_equal(x, y, record_length(x));
}

#endif
