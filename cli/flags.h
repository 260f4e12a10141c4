/* The flags of all commands: one table says names, which commands take them, and the help. */
#ifndef HONE_CLI_FLAGS_H
#define HONE_CLI_FLAGS_H

#include <hone/hone.h>
#include <stdio.h>

enum {
    TRAIN = 1,
    PREDICT = 2,
    EVALUATE = 4,
    DESCRIBE = 8,
    INSPECT = 16,
    EXPORT = 32,
    IMPORT = 64,
    SPACE = 128,
    SAMPLE = 256,
    REFERENCE = 512,
    TRAIN_MANY = 1024,
    TUNE = 2048,
    REPLAY = 4096,
    ESTIMATE = 8192
};
enum { MOST_SETTINGS = 256, MOST_PLUGINS = 16 };

/* What the command line said; NULL, 0 and false: not given. */
typedef struct flags {
    unsigned command;
    const char *data, *format, *labels, *target, *weight, *class_weight, *categorical, *drop, *na,
        *delimiter, *decimal, *task;
    bool no_header;
    const char *config, *configs, *seed, *split_seed, *threads, *validation, *valid_data, *budget,
        *fidelity, *deadline, *trees;
    const char *memory, *work_limit, *cutoff, *model_dir, *model, *output, *columns, *models, *n;
    const char *first_index;
    const char *search, *trials, *min_budget, *eta, *time, *journal, *incumbent, *keep, *pilot;
    bool race, warm_start, no_refit, strict, quiet, verbose, json, proba, hash;
    const char *setting[MOST_SETTINGS]; /* KEY=VALUE */
    int settings;
    const char *metric[MOST_SETTINGS];
    int metrics;
    const char *plugin[MOST_PLUGINS];
    int plugins;
    const char *file; /* of inspect and replay */
} flags;

/* False after a message to stderr that says what is wrong. */
bool flags_read(int count, char **words, flags *out);
void flags_help(FILE *to);

/* Numbers of flags, with units where they have some ("500ms", "2GiB"). `text` NULL: `out` stays. */
bool number_of(const char *flag, const char *text, double *out);
/* Above 0. */
bool share_of(const char *flag, const char *text, double *out);
bool count_of(const char *flag, const char *text, int64_t *out);
bool whole_of(const char *flag, const char *text, int64_t *out);
/* Of --threads. */
bool threads_of(const flags *f, int *threads);
bool unsigned_of(const char *flag, const char *text, uint64_t *out);
bool seconds_of(const char *flag, const char *text, double *out);
bool bytes_of(const char *flag, const char *text, int64_t *out);

#endif
