/* What a list of trials costs together and one by one: search DATA TARGET CONFIGS [FOLDS]
 *
 * CONFIGS holds one JSON object a line. All trials run twice: each alone on a dataset that
 * remembers nothing, then in one call on a dataset that does. The losses must be the same doubles.
 * CPU seconds of all threads are counted, since the machine may have other work.
 *
 *     cc search.c $(pkg-config --cflags --libs hone) -o search
 *     hone sample --task classification --n 50 >configs.jsonl
 *     ./search adult.csv.gz income configs.jsonl 5
 */
#define _POSIX_C_SOURCE 200809L
#include <hone/hone.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST = 10000 };

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int64_t read_configs(const char *file, hone_config **configs)
{
    FILE *from = fopen(file, "r");
    if (!from) {
        perror(file);
        return -1;
    }
    hone_error why = {0};
    char *line = NULL;
    size_t room = 0;
    int64_t n = 0;
    for (ssize_t length; n < MOST && (length = getline(&line, &room, from)) > 0; n++)
        if (hone_config_new(&configs[n], &why) ||
            hone_config_parse(configs[n], line, (size_t)length, &why)) {
            fprintf(stderr, "%s:%" PRId64 ": %s: %s\n", file, n + 1, why.path, why.message);
            n = -2;
            break;
        }
    free(line);
    fclose(from);
    return n < 0 ? -1 : n;
}

static hone_dataset *read_table(const char *file, const char *target, int64_t cache_bytes)
{
    hone_read_options options = {.size = sizeof options, .target = target};
    options.dataset.size = sizeof options.dataset;
    options.dataset.cache_bytes = cache_bytes;
    hone_dataset *data = NULL;
    hone_error why = {0};
    if (hone_dataset_read(file, &options, &data, &why))
        fprintf(stderr, "%s: %s\n", why.path, why.message);
    return data;
}

/* CPU seconds of all and of the dearest. */
static double one_by_one(hone_dataset *data, hone_config *const *configs, int64_t n,
                         const hone_options *options, hone_result **results, double *dearest)
{
    double all = 0;
    *dearest = 0;
    for (int64_t i = 0; i < n; i++) {
        hone_error why = {0};
        const double start = cpu_seconds();
        if (hone_train_full(configs[i], data, 1, options, &results[i], &why))
            fprintf(stderr, "trial %" PRId64 ": %s: %s\n", i, why.path, why.message);
        const double took = cpu_seconds() - start;
        all += took;
        *dearest = took > *dearest ? took : *dearest;
    }
    return all;
}

static double together(hone_dataset *data, hone_config *const *configs, int64_t n,
                       const hone_options *options, hone_result **results)
{
    static uint64_t seeds[MOST];
    hone_error why = {0};
    for (int64_t i = 0; i < n; i++)
        seeds[i] = 1;
    const double start = cpu_seconds();
    if (hone_train_many((const hone_config *const *)configs, seeds, n, data, options, NULL, results,
                        &why))
        fprintf(stderr, "%s: %s\n", why.path, why.message);
    return cpu_seconds() - start;
}

static int64_t count_other_losses(hone_result *const *a, hone_result *const *b, int64_t n)
{
    int64_t other = 0;
    for (int64_t i = 0; i < n; i++) {
        const double p = a[i] ? hone_result_loss(a[i]) : 0, q = b[i] ? hone_result_loss(b[i]) : 0;
        other += memcmp(&p, &q, sizeof p) != 0 && (p == p || q == q);
    }
    return other;
}

static void measure(hone_dataset *forgetful, hone_dataset *data, hone_config *const *configs,
                    int64_t n, const hone_options *options)
{
    static hone_result *alone[MOST], *many[MOST];
    double dearest;
    const double apart = one_by_one(forgetful, configs, n, options, alone, &dearest);
    const double joint = together(data, configs, n, options, many);
    hone_cache_stats s = {.size = sizeof s};
    hone_dataset_cache_stats(data, &s);
    printf("trials %" PRId64 ", CPU seconds alone %.2f (dearest %.2f), together %.2f: %.1fx, "
           "%.1f times the dearest\n",
           n, apart, dearest, joint, apart / joint, joint / dearest);
    printf("losses that differ: %" PRId64 "\n", count_other_losses(alone, many, n));
    printf("cache: %" PRId64 " hits, %" PRId64 " misses, %" PRId64 " evictions, %.1f of %.1f MiB, "
           "%.2f s saved\n",
           s.hits, s.misses, s.evictions, (double)s.bytes / 0x1p20, (double)s.budget / 0x1p20,
           s.seconds_saved);
    for (int64_t i = 0; i < n; i++) {
        hone_result_free(alone[i]);
        hone_result_free(many[i]);
    }
}

int main(int count, char **words)
{
    static hone_config *configs[MOST];
    if (count < 4) {
        fprintf(stderr, "usage: search DATA TARGET CONFIGS [FOLDS]\n");
        return 2;
    }
    hone_options options = {.size = sizeof options};
    if (count > 4)
        options.validation = HONE_VALIDATE_FOLDS, options.folds = atoi(words[4]);
    const int64_t n = read_configs(words[3], configs);
    hone_dataset *forgetful = read_table(words[1], words[2], -1);
    hone_dataset *data = read_table(words[1], words[2], 0);
    if (n > 0 && forgetful && data)
        measure(forgetful, data, configs, n, &options);
    for (int64_t i = 0; i < n; i++)
        hone_config_free(configs[i]);
    const int code = n > 0 && forgetful && data ? 0 : 1;
    hone_dataset_free(data);
    hone_dataset_free(forgetful);
    return code;
}
