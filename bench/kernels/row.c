/* Microseconds of predicting one row from C: bench_row MODEL ROWS
 *
 * ROWS are raw doubles, row-major, as many a row as the model has features. Prints the median and
 * the 99th percentile over all rows of one pass after another, on one thread with a predictor of
 * its own.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "hone/hone.h"

enum { PASSES = 5 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double *read_all(const char *file, size_t *count)
{
    FILE *f = fopen(file, "rb");
    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    *count = (size_t)ftell(f) / sizeof(double);
    rewind(f);
    double *values = malloc(*count * sizeof *values + 1);
    if (values && fread(values, sizeof *values, *count, f) != *count)
        *count = 0;
    fclose(f);
    return values;
}

int main(int count, char **words)
{
    hone_error why = {0};
    hone_model *model = NULL;
    hone_predictor *predictor = NULL;
    size_t cells = 0;
    double *x = count == 3 ? read_all(words[2], &cells) : NULL;
    if (!x || hone_model_load(words[1], NULL, &model, &why) ||
        hone_predictor_new(model, 1, &predictor, &why)) {
        fprintf(stderr, "bench_row MODEL ROWS: %s\n", why.message);
        return 1;
    }
    const size_t d = (size_t)hone_model_features(model), rows = cells / d;
    double *times = calloc(PASSES * rows + 1, sizeof *times), *out = calloc(4096, sizeof *out);
    size_t n = 0;
    for (int pass = 0; pass < PASSES && times && out; pass++)
        for (size_t i = 0; i < rows; i++) {
            const double start = now();
            if (hone_predictor_run(predictor, x + i * d, 1, HONE_LABELS, out, &why))
                return 1;
            times[n++] = now() - start;
        }
    qsort(times, n, sizeof *times, by_value);
    printf("%.2f %.2f\n", 1e6 * times[n / 2], 1e6 * times[n / 100 * 99]);
    free(times), free(out), free(x);
    hone_predictor_free(predictor);
    hone_model_free(model);
    return 0;
}
