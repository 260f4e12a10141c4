/* Lists of trainings: which models are kept, and races. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "toolbox/random.h"
#include "toys.h"

#define CENTROID "{\"model\": \"centroid\"}"
#define SLOW(n, first) "{\"model\": \"slow\", \"steps\": " #n ", \"first\": " #first "}"

enum { N = 150, D = 4 };

/* Classes whose centres lie so far apart. */
static hone_dataset *data_of(double apart)
{
    static double x[N * D];
    static int32_t label[N];
    hone_stream s = hone_stream_of(1, 0, 0);
    for (int i = 0; i < N; i++) {
        label[i] = i % 3;
        for (int j = 0; j < D; j++)
            x[i * D + j] = hone_uniform(&s) + (j == i % 3 ? apart : 0);
    }
    const hone_dataset_options options = {.size = sizeof options, .task = HONE_CLASSIFICATION};
    hone_dataset *d = NULL;
    hone_error error;
    assert_int_equal(hone_dataset_dense(x, HONE_F64, N, D, D, 1,
                                        (hone_vector){label, HONE_I32, 1, NULL, 0}, &options, &d,
                                        &error),
                     HONE_OK);
    return d;
}

static hone_dataset *data(void)
{
    return data_of(2);
}

static hone_config *config(const char *json)
{
    return config_with((const hone_algorithm *const[]){&toy_centroid, &toy_slow, NULL}, json);
}

static int files_in(const char *directory)
{
    int n = 0;
    DIR *d = opendir(directory);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

/* Four trials, the third the best: it alone is saved, with the loss that it has alone. */
static void a_list_keeps_the_best_model_all_or_none(void **state)
{
    (void)state;
    const char *json[] = {SLOW(3, 1), SLOW(4, 1), CENTROID, CENTROID};
    enum { SOME = 5 };
    const int expected[] = {[HONE_KEEP_DEFAULT] = 1, SOME - 1, 1, 0};
    hone_config *configs[SOME];
    for (int i = 0; i < SOME; i++) {
        hone_error error;
        if (i < SOME - 1)
            configs[i] = config(json[i]);
        else /* without a model: fails */
            assert_int_equal(hone_config_new(&configs[i], &error), HONE_OK);
    }
    for (int keep = HONE_KEEP_DEFAULT; keep <= HONE_KEEP_NONE; keep++) {
        char directory[] = "/tmp/hone_keep_XXXXXX";
        assert_non_null(mkdtemp(directory));
        hone_dataset *d = data();
        const hone_options options = {
            .size = sizeof options, .threads = 2, .model_dir = directory, .keep = (hone_keep)keep};
        hone_result *results[SOME];
        hone_error error;
        assert_int_equal(hone_train_many((const hone_config *const *)configs, NULL, SOME, d,
                                         &options, NULL, results, &error),
                         HONE_OK);
        assert_int_equal(files_in(directory), expected[keep]);
        for (int i = 0; i < SOME; i++) {
            const char *path = hone_result_model_path(results[i]);
            const bool best = keep == HONE_KEEP_ALL ? i < SOME - 1 : i == 2;
            assert_int_equal(path != NULL, best && keep != HONE_KEEP_NONE);
            if (path)
                unlink(path);
            hone_result_free(results[i]);
        }
        assert_int_equal(rmdir(directory), 0);
        hone_dataset_free(d);
    }
    for (int i = 0; i < SOME; i++)
        hone_config_free(configs[i]);
}

/* The first trial is the best; in a race the others see after a fold or two that they are not. */
static void a_race_ends_hopeless_trials_and_finds_the_same_best(void **state)
{
    (void)state;
    enum { SOME = 4 };
    const hone_config *configs[SOME] = {config(CENTROID), config(SLOW(3, 1)), config(SLOW(4, 1)),
                                        config(SLOW(5, 1))};
    hone_dataset *d = data();
    double loss[2];
    for (int race = 0; race < 2; race++) {
        const hone_options options = {.size = sizeof options,
                                      .threads = 1,
                                      .race = race,
                                      .folds = 5,
                                      .validation = HONE_VALIDATE_FOLDS};
        hone_result *results[SOME];
        hone_error error;
        assert_int_equal(hone_train_many(configs, NULL, SOME, d, &options, NULL, results, &error),
                         HONE_OK);
        loss[race] = hone_result_loss(results[0]);
        assert_int_equal(hone_result_end(results[0]), HONE_END_OK);
        for (int i = 0; i < SOME; i++) {
            assert_int_equal(hone_result_end(results[i]),
                             race && i ? HONE_END_CUTOFF : HONE_END_OK);
            hone_result_free(results[i]);
        }
    }
    assert_true(loss[0] == loss[1]);
    const hone_options alone = {.size = sizeof alone, .race = true};
    hone_result *result;
    hone_error error;
    assert_int_equal(hone_train_full(configs[0], d, 0, &alone, &result, &error), HONE_BAD_ARGUMENT);
    assert_string_equal(error.path, "options.race");
    for (int i = 0; i < SOME; i++)
        hone_config_free((hone_config *)(uintptr_t)configs[i]);
    hone_dataset_free(d);
}

static void a_loss_that_equals_the_cutoff_is_lost_however_it_is_rounded(void **state)
{
    (void)state;
    const hone_config *c = config(CENTROID);
    hone_dataset *d = data_of(0.3);
    for (uint64_t seed = 0; seed < 40; seed++) {
        double loss = INFINITY;
        for (int pass = 0; pass < 2; pass++) {
            const hone_options options = {.size = sizeof options,
                                          .threads = 1,
                                          .folds = 3 + (int32_t)seed % 7,
                                          .cutoff = &loss,
                                          .validation = HONE_VALIDATE_FOLDS};
            hone_result *r;
            hone_error error;
            assert_int_equal(hone_train_full(c, d, seed, &options, &r, &error), HONE_OK);
            assert_int_equal(hone_result_end(r), pass ? HONE_END_CUTOFF : HONE_END_OK);
            loss = hone_result_loss(r);
            hone_result_free(r);
        }
    }
    hone_config_free((hone_config *)(uintptr_t)c);
    hone_dataset_free(d);
}

/* Neighbours of a family are searched once, under a deadline too: a list without one finds all that
 * it needs, and gives the same bits. */
static void a_family_of_neighbours_under_a_far_deadline_shares_one_search(void **state)
{
    (void)state;
    enum { ROWS = 10000, COLS = 128, TRIALS = 6 };
    float *x = malloc((size_t)ROWS * COLS * sizeof *x);
    int32_t *label = malloc(ROWS * sizeof *label);
    assert_true(x && label);
    hone_stream s = hone_stream_of(3, 0, 0);
    for (int64_t i = 0; i < ROWS; i++) {
        label[i] = (int32_t)(i % 2);
        for (int j = 0; j < COLS; j++)
            x[i * COLS + j] = (float)hone_uniform(&s) + (j < 10 && i % 2 ? 0.3F : 0);
    }
    hone_dataset_options options = {.size = sizeof options, .task = HONE_CLASSIFICATION};
    hone_dataset *d = NULL;
    assert_int_equal(hone_dataset_dense(x, HONE_F32, ROWS, COLS, COLS, 1,
                                        (hone_vector){label, HONE_I32, 1, NULL, 0}, &options, &d,
                                        NULL),
                     HONE_OK);
    const hone_config *configs[TRIALS];
    for (int i = 0; i < TRIALS; i++) {
        char json[96];
        snprintf(json, sizeof json,
                 "{\"model\": \"knn\", \"n_neighbors\": %d, \"weights\": \"%s\"}", 1 + 3 * (i / 2),
                 i % 2 ? "uniform" : "distance");
        configs[i] = config(json);
    }
    hone_result *under[TRIALS], *without[TRIALS];
    hone_options o = {.size = sizeof o, .threads = 2, .deadline = 1000};
    hone_cache_stats first = {.size = sizeof first}, second = {.size = sizeof second};
    assert_int_equal(hone_train_many(configs, NULL, TRIALS, d, &o, NULL, under, NULL), HONE_OK);
    hone_dataset_cache_stats(d, &first);
    o.deadline = 0;
    assert_int_equal(hone_train_many(configs, NULL, TRIALS, d, &o, NULL, without, NULL), HONE_OK);
    hone_dataset_cache_stats(d, &second);
    assert_true(second.misses <= first.misses + 1); /* and whether float32 holds the rows */
    for (int i = 0; i < TRIALS; i++) /* the others wait for what the first one makes */
        assert_int_equal((int)hone_result_number(without[i], "threads", -1),
                         i == TRIALS - 2 ? 2 : 1);
    for (int i = 0; i < TRIALS; i++) {
        assert_int_equal(hone_result_end(under[i]), HONE_END_OK);
        assert_true(hone_result_loss(under[i]) == hone_result_loss(without[i]));
        hone_result_free(under[i]);
        hone_result_free(without[i]);
        hone_config_free((hone_config *)(uintptr_t)configs[i]);
    }
    hone_dataset_free(d);
    free(label);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_keeps_the_best_model_all_or_none),
        cmocka_unit_test(a_race_ends_hopeless_trials_and_finds_the_same_best),
        cmocka_unit_test(a_loss_that_equals_the_cutoff_is_lost_however_it_is_rounded),
        cmocka_unit_test(a_family_of_neighbours_under_a_far_deadline_shares_one_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
