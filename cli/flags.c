#include "flags.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef enum kind { TEXT, SWITCH, LIST } kind;

enum {
    SPACES = SPACE | SAMPLE,
    ONE = TRAIN | ESTIMATE,
    TRAINS = ONE | TRAIN_MANY,
    LISTS = TRAIN_MANY | TUNE,
    RUNS = TRAINS | TUNE,
    ROWS = RUNS | REPLAY | PREDICT | EVALUATE | DESCRIBE | SPACES,
    EVERY = ROWS | INSPECT | EXPORT | IMPORT | REFERENCE
};

typedef struct flag {
    const char *name, *value, *help;
    unsigned commands;
    kind kind;
    size_t offset, count; /* of the member, and of a list's length */
    int most;             /* entries of a list */
} flag;

#define FLAG(member) offsetof(flags, member)
#define LIST_FLAG(member, length, room) LIST, FLAG(member), FLAG(length), room

/* clang-format off */
static const flag FLAGS[] = {
    {"--data", "FILE", "the table; .csv, .tsv, .svm (also .gz), .npy, .npz", ROWS, TEXT, FLAG(data)},
    {"--format", "csv|svmlight|npy|npz", "of the table; otherwise from its name", ROWS, TEXT, FLAG(format)},
    {"--format", "onnx|libsvm", "to write", EXPORT, TEXT, FLAG(format)},
    {"--format", "libsvm", "of the file", IMPORT, TEXT, FLAG(format)},
    {"--data", "FILE", "a model of another program", IMPORT, TEXT, FLAG(data)},
    {"--columns", "N", "of an svmlight table (those of the model, or the largest index)", ROWS, TEXT, FLAG(columns)},
    {"--first-index", "0|1", "of an svmlight table (as the model's, or 1 unless a 0 occurs)", ROWS, TEXT, FLAG(first_index)},
    {"--columns", "N", "of the rows to predict (0: the largest index)", IMPORT, TEXT, FLAG(columns)},
    {"--target", "NAME|INDEX", "the column to predict", ROWS, TEXT, FLAG(target)},
    {"--labels", "FILE", "the target of an .npy table, an .npy itself", ROWS, TEXT, FLAG(labels)},
    {"--weight", "NAME", "the column of row weights", ROWS, TEXT, FLAG(weight)},
    {"--class-weight", "LABEL=W,...", "what the weights of a class's rows are multiplied by", RUNS | REPLAY | DESCRIBE, TEXT, FLAG(class_weight)},
    {"--categorical", "A,B", "columns whose numbers are levels", ROWS, TEXT, FLAG(categorical)},
    {"--drop", "A,B", "columns to leave out", ROWS, TEXT, FLAG(drop)},
    {"--na", "TOKENS", "missing cells besides empty ones; default,- adds - to those of no flag", ROWS, TEXT, FLAG(na)},
    {"--delimiter", "C", "between the cells of a row, or tab (, but in .tsv a tab)", ROWS, TEXT, FLAG(delimiter)},
    {"--decimal", "C", "the decimal mark, . or , (.)", ROWS, TEXT, FLAG(decimal)},
    {"--no-header", NULL, "the first line is a row", ROWS, SWITCH, FLAG(no_header)},
    {"--task", "classification|regression", "otherwise from the target", ROWS, TEXT, FLAG(task)},
    {"--config", "FILE", "hyperparameters as a JSON object", ONE, TEXT, FLAG(config)},
    {"--configs", "FILE", "one JSON object a line", TRAIN_MANY, TEXT, FLAG(configs)},
    {"--set", "KEY=VALUE", "one hyperparameter; may be repeated", TRAINS, LIST_FLAG(setting, settings, MOST_SETTINGS)},
    {"--search", "random|halving", "how configurations are chosen (random)", TUNE, TEXT, FLAG(search)},
    {"--trials", "N", "samples of the space (100)", TUNE, TEXT, FLAG(trials)},
    {"--min-budget", "F", "halving: of the first rung (1/9)", TUNE, TEXT, FLAG(min_budget)},
    {"--eta", "N", "halving: one of N goes on to N times the budget (3)", TUNE, TEXT, FLAG(eta)},
    {"--time", "SECONDS", "for the whole search", TUNE, TEXT, FLAG(time)},
    {"--journal", "FILE", "a line a trial; the same command goes on from it", TUNE, TEXT, FLAG(journal)},
    {"--incumbent", "FILE", "always holds the line of the best trial so far", TUNE, TEXT, FLAG(incumbent)},
    {"--seed", "N", "of the model and the split, or of the sample (0)", RUNS | SAMPLE, TEXT, FLAG(seed)},
    {"--split-seed", "N", "of the split alone", RUNS, TEXT, FLAG(split_seed)},
    {"--models", "A,B", "only these models (all)", SPACES | TUNE, TEXT, FLAG(models)},
    {"--n", "N", "configurations to draw (1)", SAMPLE, TEXT, FLAG(n)},
    {"--threads", "N", "0: as many as this process may use", ROWS, TEXT, FLAG(threads)},
    {"--validation", "MODE", "holdout:0.25 (default), cv:5, oob or none", RUNS, TEXT, FLAG(validation)},
    {"--valid-data", "FILE", "validation rows of their own", RUNS | REPLAY, TEXT, FLAG(valid_data)},
    {"--metric", "NAME", "accuracy, rmse, ...; evaluate takes several", RUNS | EVALUATE, LIST_FLAG(metric, metrics, MOST_SETTINGS)},
    {"--budget", "F", "in (0, 1]: a cheaper, rougher training", RUNS, TEXT, FLAG(budget)},
    {"--fidelity", "rows|native", "what a budget scales (trees of a forest, else rows); native: iterations or tol", RUNS, TEXT, FLAG(fidelity)},
    {"--deadline", "SECONDS", "stop with the best model so far (2, 500ms, 1m)", RUNS, TEXT, FLAG(deadline)},
    {"--memory", "BYTES", "that reading and each training may allocate, such as 2GiB (no limit)", RUNS, TEXT, FLAG(memory)},
    {"--work-limit", "N", "operations: a deadline that is the same everywhere", RUNS, TEXT, FLAG(work_limit)},
    {"--cutoff", "LOSS", "stop when the loss cannot get below", RUNS, TEXT, FLAG(cutoff)},
    {"--race", NULL, "the best loss so far is the cutoff of the trials to come", LISTS, SWITCH, FLAG(race)},
    {"--warm-start", NULL, "fits that can begin from the nearest solution of an earlier trial", LISTS, SWITCH, FLAG(warm_start)},
    {"--model-dir", "DIR", "save the model there", RUNS, TEXT, FLAG(model_dir)},
    {"--keep", "best|all|none", "which models are saved there (best)", LISTS, TEXT, FLAG(keep)},
    {"--no-refit", NULL, "save the validation model, not one of all rows", RUNS, SWITCH, FLAG(no_refit)},
    {"--strict", NULL, "refuse hyperparameters that have no effect", RUNS, SWITCH, FLAG(strict)},
    {"--quiet", NULL, "no progress; replay: only what is not the same", RUNS | REPLAY, SWITCH, FLAG(quiet)},
    {"--verbose", NULL, "what happens, step by step", RUNS, SWITCH, FLAG(verbose)},
    {"--pilot", "F", "share of the training rows to extrapolate from (0: bound alone)", ESTIMATE, TEXT, FLAG(pilot)},
    {"--json", NULL, "one JSON object instead of the last line", RUNS | REPLAY | EVALUATE, SWITCH, FLAG(json)},
    {"--model", "FILE", "a saved model", PREDICT | EVALUATE | EXPORT | DESCRIBE, TEXT, FLAG(model)},
    {"--trees", "N", "as if a forest had its first N trees alone (all)", PREDICT | EVALUATE, TEXT, FLAG(trees)},
    {"--proba", NULL, "one column per class instead of labels", PREDICT, SWITCH, FLAG(proba)},
    {"--output", "FILE", "instead of standard output; whole or not at all", PREDICT | EXPORT | IMPORT, TEXT, FLAG(output)},
    {"--hash", NULL, "only the hash of all but how the run went", INSPECT, SWITCH, FLAG(hash)},
    {"--plugin", "FILE", "a shared library with modules; may be repeated", EVERY, LIST_FLAG(plugin, plugins, MOST_PLUGINS)},
    {0},
};
/* clang-format on */

static const struct {
    const char *name;
    unsigned command;
    const char *help;
} COMMANDS[] = {
    {"train", TRAIN, "trains a model and prints its loss"},
    {"train-many", TRAIN_MANY, "trains many configurations on one table, sharing what they share"},
    {"estimate", ESTIMATE,
     "what a training would take: bytes at most; with --pilot likely bytes and seconds"},
    {"tune", TUNE, "searches the space for the best configuration and saves its model"},
    {"replay", REPLAY,
     "trains again what a model, journal or file of results records: hone replay FILE"},
    {"predict", PREDICT, "predicts the rows of a table with a saved model, as CSV"},
    {"evaluate", EVALUATE, "metrics of a saved model on a table with its target"},
    {"describe", DESCRIBE, "what a table or a saved model holds, as JSON"},
    {"export", EXPORT, "a saved model for other programs"},
    {"import", IMPORT, "a model of another program, saved as Hone's"},
    {"space", SPACE, "the search space as ConfigSpace JSON, for a task or a table"},
    {"sample", SAMPLE, "configurations drawn from the space, one JSON object a line"},
    {"reference", REFERENCE, "every model and hyperparameter, as JSON"},
    {"inspect", INSPECT, "the record of a saved model, as JSON: hone inspect FILE"},
    {0},
};

void flags_help(FILE *to)
{
    fprintf(to,
            "hone %s: one train() for tabular machine learning\n\nUsage: hone COMMAND [FLAG]...\n",
            hone_version());
    for (int c = 0; COMMANDS[c].name; c++) {
        fprintf(to, "\n%s  %s\n", COMMANDS[c].name, COMMANDS[c].help);
        for (const flag *f = FLAGS; f->name; f++)
            if (f->commands & COMMANDS[c].command)
                fprintf(to, "    %-15s %-26s %s\n", f->name, f->value ? f->value : "", f->help);
    }
    fprintf(
        to,
        "\nExit codes: 0 done, 1 internal, 2 usage or configuration, 3 data, 4 memory, 5 file,\n"
        "6 model file refused, 7 not supported, 8 a replay that differs, 130 interrupted.\n");
}

static unsigned command_of(const char *word)
{
    for (int c = 0; COMMANDS[c].name; c++)
        if (!strcmp(COMMANDS[c].name, word))
            return COMMANDS[c].command;
    return 0;
}

static bool add(const flag *f, const char *value, flags *out)
{
    const char **list = (const char **)((char *)out + f->offset);
    int *count = (int *)((char *)out + f->count);
    if (*count == f->most - 1) {
        fprintf(stderr, "hone: %s: at most %d are taken\n", f->name, f->most - 1);
        return false;
    }
    list[(*count)++] = value;
    return true;
}

static bool store(const flag *f, const char *value, flags *out)
{
    void *at = (char *)out + f->offset;
    switch (f->kind) {
    case TEXT:
        *(const char **)at = value;
        return true;
    case SWITCH:
        *(bool *)at = true;
        return true;
    case LIST:
        break;
    }
    return add(f, value, out);
}

static const flag *find(const char *word, unsigned command)
{
    for (const flag *f = FLAGS; f->name; f++)
        if (!strcmp(f->name, word) && (f->commands & command))
            return f;
    return NULL;
}

/* A word that is no flag of the command; `file`: what it has taken as its file. */
static void say_unknown(const char *word, const char *command, const char *file)
{
    if (*word != '-' && file)
        fprintf(stderr, "hone: %s: '%s' takes one file, and has %s\n", word, command, file);
    else
        fprintf(stderr, "hone: %s: no such flag of '%s'; hone --help lists them\n", word, command);
}

bool flags_read(int count, char **words, flags *out)
{
    *out = (flags){.command = count > 1 ? command_of(words[1]) : 0};
    if (count < 2) {
        fputs("Usage: hone COMMAND [FLAG]...; hone --help lists them\n", stderr);
        return false;
    }
    if (!out->command) {
        fprintf(stderr, "hone: '%s' is no command; hone --help lists them\n", words[1]);
        return false;
    }
    for (int i = 2; i < count; i++) {
        if (out->command & (INSPECT | REPLAY) && !out->file && *words[i] != '-') {
            out->file = words[i];
            continue;
        }
        const flag *f = find(words[i], out->command);
        if (!f) {
            say_unknown(words[i], words[1], out->file);
            return false;
        }
        if (f->kind != SWITCH && i + 1 == count) {
            fprintf(stderr, "hone: %s: needs a value (%s)\n", f->name, f->value);
            return false;
        }
        if (!store(f, f->kind == SWITCH ? NULL : words[++i], out))
            return false;
    }
    return true;
}

/* ---- numbers ---- */

typedef struct unit {
    const char *name;
    double factor;
} unit;

static bool scaled(const char *name, const char *text, const unit *units, double *out)
{
    if (!text)
        return true;
    char *end;
    const double v = strtod(text, &end);
    for (const unit *u = units; end != text && u->name; u++)
        if (!strcmp(end, u->name)) {
            *out = v * u->factor;
            return true;
        }
    fprintf(stderr, "hone: %s: '%s' is no number that it takes\n", name, text);
    return false;
}

/* Within the library 0 says "not given"; here it would be an answer that has no effect. */
static bool positive(const char *name, const char *text, double v)
{
    if (text && !(v > 0)) {
        fprintf(stderr, "hone: %s: '%s' must be above 0\n", name, text);
        return false;
    }
    return true;
}

bool number_of(const char *name, const char *text, double *out)
{
    static const unit none[] = {{"", 1}, {0}};
    return scaled(name, text, none, out);
}

bool share_of(const char *name, const char *text, double *out)
{
    return number_of(name, text, out) && positive(name, text, *out);
}

bool seconds_of(const char *name, const char *text, double *out)
{
    static const unit units[] = {{"", 1}, {"s", 1}, {"ms", 1e-3}, {"m", 60}, {"h", 3600}, {0}};
    return scaled(name, text, units, out) && positive(name, text, *out);
}

bool count_of(const char *name, const char *text, int64_t *out)
{
    return whole_of(name, text, out) && positive(name, text, (double)*out);
}

bool threads_of(const flags *f, int *threads)
{
    int64_t n = 0;
    if (!whole_of("--threads", f->threads, &n))
        return false;
    if (n > HONE_MOST_THREADS) {
        fprintf(stderr, "hone: --threads: '%s' must lie in 1 .. %d; 0 chooses\n", f->threads,
                HONE_MOST_THREADS);
        return false;
    }
    *threads = (int)n;
    return true;
}

bool bytes_of(const char *name, const char *text, int64_t *out)
{
    static const unit units[] = {{"", 1},         {"B", 1},        {"KiB", 0x1p10},
                                 {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"kB", 1e3},
                                 {"MB", 1e6},     {"GB", 1e9},     {0}};
    double v = 0;
    if (!scaled(name, text, units, &v))
        return false;
    if (text && !(v >= 1 && v < 0x1p62)) {
        fprintf(stderr, "hone: %s: '%s' must lie in 1 .. 2^62 bytes\n", name, text);
        return false;
    }
    *out = text ? (int64_t)v : *out;
    return true;
}

bool unsigned_of(const char *name, const char *text, uint64_t *out)
{
    if (!text)
        return true;
    char *end;
    errno = 0;
    const unsigned long long v = strtoull(text, &end, 10);
    if (end == text || *end || errno || *text == '-') {
        fprintf(stderr, "hone: %s: '%s' must be a whole number from 0 to 2^64 - 1\n", name, text);
        return false;
    }
    *out = v;
    return true;
}

bool whole_of(const char *name, const char *text, int64_t *out)
{
    uint64_t v = (uint64_t)*out;
    if (!unsigned_of(name, text, &v))
        return false;
    if (v > INT64_MAX) {
        fprintf(stderr, "hone: %s: '%s' is too large\n", name, text);
        return false;
    }
    *out = (int64_t)v;
    return true;
}
