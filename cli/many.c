/* hone train-many: one configuration a line in, one loss a line out, in the same order. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

typedef struct trials {
    const flags *f;
    hone_config **configs;
    int64_t *line; /* of each configuration in its file */
    hone_result **results;
    int64_t n, room;
} trials;

static void free_trials(trials *t)
{
    for (int64_t i = 0; i < t->n; i++) {
        hone_config_free(t->configs[i]);
        if (t->results)
            hone_result_free(t->results[i]);
    }
    free(t->configs);
    free(t->line);
    free(t->results);
}

static hone_status grow(trials *t, hone_error *error)
{
    if (t->n < t->room)
        return HONE_OK;
    const int64_t room = t->room ? 2 * t->room : 64;
    hone_config **configs = realloc(t->configs, (size_t)room * sizeof *configs);
    t->configs = configs ? configs : t->configs;
    int64_t *line = realloc(t->line, (size_t)room * sizeof *line);
    t->line = line ? line : t->line;
    if (!configs || !line)
        return hone_fail(error, HONE_NO_MEMORY, "--configs", "do not fit into memory");
    t->room = room;
    return HONE_OK;
}

static hone_status add_line(trials *t, const char *text, size_t length, int64_t line,
                            hone_error *error)
{
    if (strspn(text, " \t\r\n") >= length)
        return HONE_OK;
    HONE_TRY(grow(t, error));
    hone_config *config = NULL;
    hone_error why = {0};
    hone_status status = new_config(&config, &why);
    if (!status)
        status = hone_config_parse(config, text, length, &why);
    if (!status)
        status = set_all(t->f, config, &why);
    if (status) {
        hone_config_free(config);
        return hone_fail(error, status, why.path, "%s (%s:%lld)", why.message, t->f->configs,
                         (long long)line);
    }
    t->configs[t->n] = config;
    t->line[t->n++] = line;
    return HONE_OK;
}

static hone_status read_configs(trials *t, hone_error *error)
{
    if (!t->f->configs)
        return hone_fail(error, HONE_BAD_ARGUMENT, "--configs", "is needed");
    FILE *from = fopen(t->f->configs, "r");
    if (!from)
        return hone_fail(error, HONE_IO, t->f->configs, "%s", reason_of(errno));
    char *text = NULL;
    size_t room = 0;
    ssize_t length;
    hone_status status = HONE_OK;
    for (int64_t line = 1; !status && (length = getline(&text, &room, from)) >= 0; line++)
        status = add_line(t, text, (size_t)length, line, error);
    if (!status && !feof(from))
        status = hone_fail(error, HONE_IO, t->f->configs, "cannot be read: %s", reason_of(errno));
    if (!status && !t->n)
        status = hone_fail(error, HONE_BAD_CONFIG, t->f->configs, "holds no configuration");
    free(text);
    fclose(from);
    return status;
}

/* `context` is that of the options: the flags. */
static void on_done(void *context, int64_t trial, const hone_result *result)
{
    const flags *f = context;
    if (f->verbose && !hone_result_status(result, NULL))
        fprintf(stderr, "configuration %lld: loss %.6g\n", (long long)trial + 1,
                hone_result_loss(result));
}

/* One line; a trial that failed or was not reached has the loss nan. */
static int report(const trials *t, int64_t i)
{
    hone_error error = {0};
    const hone_result *result = t->results[i];
    if (result && !hone_result_status(result, &error)) {
        if (t->f->json)
            puts(hone_result_json(result));
        else
            print_loss(hone_result_loss(result));
        return 0;
    }
    puts(!t->f->json ? "nan" : result ? hone_result_json(result) : "null");
    if (!result)
        return 0;
    fprintf(stderr, "%s:%lld: ", t->f->configs, (long long)t->line[i]);
    return failed(&error);
}

static int report_all(const trials *t)
{
    int code = 0;
    for (int64_t i = 0; i < t->n; i++) {
        const int one = report(t, i);
        code = code ? code : one;
    }
    return code;
}

static hone_status train(trials *t, hone_dataset *data, uint64_t seed, const hone_options *options,
                         hone_error *error)
{
    t->results = calloc((size_t)t->n, sizeof(hone_result *));
    uint64_t *seeds = malloc((size_t)t->n * sizeof *seeds);
    hone_status status = t->results && seeds ? HONE_OK
                                             : hone_fail(error, HONE_NO_MEMORY, "--configs",
                                                         "do not fit into memory");
    for (int64_t i = 0; !status && i < t->n; i++)
        seeds[i] = seed;
    if (!status)
        status = hone_train_many((const hone_config *const *)t->configs, seeds, t->n, data, options,
                                 on_done, t->results, error);
    free(seeds);
    return status;
}

static hone_task task_of_all(const trials *t)
{
    const hone_task task = task_of_config(t->f, t->configs[0]);
    for (int64_t i = 1; i < t->n; i++)
        if (task_of_config(t->f, t->configs[i]) != task)
            return 0;
    return task;
}

int train_many_command(const flags *f)
{
    hone_error error = {0};
    trials t = {.f = f};
    hone_dataset *data = NULL;
    hone_options options;
    numbers n = {0};
    if (!options_of(f, &n, &options))
        return USAGE;
    hone_status status = read_configs(&t, &error);
    if (!status)
        status = read_table(f, true, NULL, task_of_all(&t), &data, &error);
    if (!status)
        status = train(&t, data, n.seed, &options, &error);
    int code = status ? failed(&error) : 0;
    if (!status || (status == HONE_STOPPED && t.results)) {
        const int reported = report_all(&t);
        code = code ? code : reported;
    }
    if (!status && was_interrupted())
        code = INTERRUPTED;
    free_trials(&t);
    hone_dataset_free(data);
    return code;
}
