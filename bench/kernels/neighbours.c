/* k-NN from C, on one thread: milliseconds of a fit with its tree, of a batch of queries, and the
 * microseconds of one row through a predictor.
 *
 * Build with -Dbench=true, run bench_neighbours [train queries columns].
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hone/hone.h"

enum { CLASSES = 26, LATENT = 6, ROWS = 2000, REPEATS = 5 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) * 0x1p-53;
}

/* Classes are clouds around points; columns mix a few hidden numbers. */
static void fill(double *x, int32_t *label, int64_t rows, int64_t cols)
{
    uint64_t state = 42, world = 7;
    double *mix = malloc((size_t)(LATENT * cols) * sizeof *mix), centre[CLASSES][LATENT];
    for (int64_t k = 0; k < LATENT * cols; k++)
        mix[k] = uniform(&world) - 0.5;
    for (int c = 0; c < CLASSES; c++)
        for (int k = 0; k < LATENT; k++)
            centre[c][k] = 3 * uniform(&world);
    for (int64_t i = 0; i < rows; i++) {
        label[i] = (int32_t)(uniform(&state) * CLASSES);
        for (int64_t k = 0; k < cols; k++)
            x[i * cols + k] = 0.4 * uniform(&state);
        for (int l = 0; l < LATENT; l++) {
            const double v = centre[label[i]][l] + uniform(&state) + uniform(&state);
            for (int64_t k = 0; k < cols; k++)
                x[i * cols + k] += v * mix[l * cols + k];
        }
    }
    free(mix);
}

static void die(const char *what, const hone_error *error)
{
    fprintf(stderr, "%s: %s: %s\n", what, error->path, error->message);
    exit(1);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static hone_model *fit(const double *x, const int32_t *label, int64_t rows, int64_t cols)
{
    const char *json = "{\"model\": \"knn\", \"n_neighbors\": 10, \"prep:scale\": \"none\"}";
    const hone_dataset_options about = {.size = sizeof about, .task = HONE_CLASSIFICATION};
    const hone_options options = {
        .size = sizeof options, .threads = 1, .holdout = 0.01, .keep_model = true};
    hone_error error = {0};
    hone_dataset *data = NULL;
    hone_config *config = NULL;
    hone_result *result = NULL;
    if (hone_dataset_dense(x, HONE_F64, rows, cols, cols, 1,
                           (hone_vector){.values = label, .dtype = HONE_I32}, &about, &data,
                           &error) ||
        hone_config_new(&config, &error) || hone_config_parse(config, json, strlen(json), &error) ||
        hone_train_full(config, data, 1, &options, &result, &error))
        die("fit", &error);
    hone_model *model = hone_model_retain(hone_result_model(result));
    hone_result_free(result);
    hone_config_free(config);
    hone_dataset_free(data);
    return model;
}

static double batch(const hone_model *m, const double *q, int64_t rows, int64_t cols)
{
    const hone_predict_options options = {.size = sizeof options, .threads = 1};
    double *out = malloc((size_t)rows * sizeof *out), times[REPEATS];
    hone_error error = {0};
    for (int r = 0; r < REPEATS; r++) {
        const double start = now();
        if (hone_model_predict_dense(m, q, HONE_F64, rows, cols, cols, 1, HONE_LABELS, &options,
                                     out, &error))
            die("predict", &error);
        times[r] = now() - start;
    }
    free(out);
    qsort(times, REPEATS, sizeof *times, by_value);
    return times[REPEATS / 2];
}

/* Microseconds of one row: the median and the 99th percentile. */
static void one_by_one(const hone_model *m, const double *q, int64_t rows, int64_t cols)
{
    hone_error error = {0};
    hone_predictor *p;
    double times[ROWS], out;
    if (hone_predictor_new(m, 1, &p, &error))
        die("predictor", &error);
    for (int64_t i = 0; i < ROWS; i++) {
        const double start = now();
        if (hone_predictor_run(p, q + i % rows * cols, 1, HONE_LABELS, &out, &error))
            die("row", &error);
        times[i] = 1e6 * (now() - start);
    }
    hone_predictor_free(p);
    qsort(times, ROWS, sizeof *times, by_value);
    printf(", \"row_us\": %.1f, \"row_us_p99\": %.1f}\n", times[ROWS / 2], times[ROWS * 99 / 100]);
}

int main(int count, char **words)
{
    const int64_t n = count > 1 ? atoll(words[1]) : 15000, m = count > 2 ? atoll(words[2]) : 5000;
    const int64_t d = count > 3 ? atoll(words[3]) : 16;
    double *x = malloc((size_t)((n + m) * d) * sizeof *x);
    int32_t *label = malloc((size_t)(n + m) * sizeof *label);
    if (n < 1 || m < 1 || d < 1 || !x || !label)
        return 2;
    fill(x, label, n + m, d);
    const double start = now();
    hone_model *model = fit(x, label, n, d);
    const double fitted = now() - start;
    printf("{\"what\": \"neighbours\", \"shape\": \"%lld x %lld\", \"fit_ms\": %.1f, "
           "\"queries\": %lld, \"batch_ms\": %.1f",
           (long long)n, (long long)d, 1e3 * fitted, (long long)m,
           1e3 * batch(model, x + n * d, m, d));
    one_by_one(model, x + n * d, m, d);
    hone_model_free(model);
    free(x), free(label);
    return 0;
}
