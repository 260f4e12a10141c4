/* One read in a fresh process: bench_readers FILE TARGET THREADS, or bench_readers array ROWS COLS
 * for a dataset on an array of doubles. Prints seconds and memory as JSON; bench/readers/run
 * compares them with its peers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hone/hone.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A line of /proc/self/status, in bytes. VmHWM: the most that was resident; RssAnon: resident now
 * and not the pages of a file. */
static long long memory(const char *name)
{
    char line[256];
    long long kilobytes = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, name, strlen(name)))
            kilobytes = atoll(line + strlen(name) + 1);
    if (f)
        fclose(f);
    return kilobytes << 10;
}

static int report(hone_status status, const hone_error *error, hone_dataset *d, double seconds,
                  long long before)
{
    if (status) {
        fprintf(stderr, "%s: %s\n", error->path, error->message);
        return 1;
    }
    printf("{\"seconds\": %.6f, \"peak\": %lld, \"kept\": %lld, \"rows\": %lld, \"cols\": %lld, "
           "\"fingerprint\": \"%016llx\"}\n",
           seconds, memory("VmHWM"), memory("RssAnon") - before, (long long)hone_dataset_rows(d),
           (long long)hone_dataset_cols(d), (unsigned long long)hone_dataset_fingerprint(d));
    hone_dataset_free(d);
    return 0;
}

static int read_file(const char *file, const char *target, int threads)
{
    hone_error error = {0};
    hone_dataset *d = NULL;
    const hone_read_options options = {
        .size = sizeof options, .target = *target ? target : NULL, .dataset = {.threads = threads}};
    const long long before = memory("RssAnon");
    const double start = now();
    const hone_status status = hone_dataset_read(file, &options, &d, &error);
    return report(status, &error, d, now() - start, before);
}

static int from_array(int64_t rows, int64_t cols)
{
    hone_error error = {0};
    hone_dataset *d = NULL;
    double *x = malloc((size_t)(rows * cols) * sizeof *x);
    float *y = malloc((size_t)rows * sizeof *y);
    if (!x || !y)
        return 1;
    for (int64_t k = 0; k < rows * cols; k++)
        x[k] = (double)(k % 1009) / 7;
    for (int64_t i = 0; i < rows; i++)
        y[i] = (float)i / 3;
    const long long before = memory("RssAnon");
    const double start = now();
    const hone_status status =
        hone_dataset_dense(x, HONE_F64, rows, cols, cols, 1,
                           (hone_vector){.values = y, .dtype = HONE_F32}, NULL, &d, &error);
    const int code = report(status, &error, d, now() - start, before);
    free(x);
    free(y);
    return code;
}

int main(int count, char **words)
{
    if (count != 4) {
        fprintf(stderr, "bench_readers FILE TARGET THREADS | bench_readers array ROWS COLS\n");
        return 2;
    }
    if (!strcmp(words[1], "array"))
        return from_array(atoll(words[2]), atoll(words[3]));
    return read_file(words[1], words[2], atoi(words[3]));
}
