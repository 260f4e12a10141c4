/* hone tune: a search over the space; the loss of its best trial out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"

static hone_status search_of(const char *name, hone_search *search, hone_error *error)
{
    *search = name && !strcmp(name, "halving") ? HONE_SEARCH_HALVING : HONE_SEARCH_RANDOM;
    if (name && *search == HONE_SEARCH_RANDOM && strcmp(name, "random") != 0)
        return hone_fail(error, HONE_BAD_ARGUMENT, "--search", "must be random or halving, got %s",
                         name);
    return HONE_OK;
}

static bool numbers_of(const flags *f, hone_tune_options *o)
{
    int64_t eta = 0;
    const bool read = count_of("--trials", f->trials, &o->trials) &&
                      share_of("--min-budget", f->min_budget, &o->min_budget) &&
                      count_of("--eta", f->eta, &eta) && seconds_of("--time", f->time, &o->seconds);
    o->eta = (int32_t)(eta < INT32_MAX ? eta : INT32_MAX);
    return read;
}

/* `context` is that of the options: the flags. */
static void on_trial(void *context, const char *line)
{
    const flags *f = context;
    if (f->verbose)
        fprintf(stderr, "%s\n", line);
}

static void say_model(const hone_result *best)
{
    struct stat file;
    const char *path = hone_result_model_path(best);
    if (path && !stat(path, &file))
        fprintf(stderr, "model: %s (%lld bytes)\n", path, (long long)file.st_size);
}

/* A search that was ended within its first trials has searched nothing. */
static void say_best(const hone_tuned *t, const hone_result *best)
{
    fprintf(stderr, "%lld trainings (%lld from the journal, %lld failed) in %.1f s; ",
            (long long)t->trials, (long long)t->resumed, (long long)t->failed, t->seconds);
    if (t->trials > t->failed)
        fprintf(stderr, "the best is trial %lld\n", (long long)t->best);
    else
        fprintf(stderr,
                "warning: no trial had ended, so nothing was searched; the loss is of trial "
                "%lld as far as it came in a second\n",
                (long long)t->best);
    if (hone_result_number(best, "constant", 0) > 0)
        fputs("warning: the model is a constant, the same answer for every row\n", stderr);
    say_model(best);
}

static int report(const flags *f, const hone_tuned *t, const hone_result *best)
{
    say_best(t, best);
    if (!f->json) {
        print_loss(t->loss);
        return was_interrupted() ? INTERRUPTED : 0;
    }
    printf("{\"search\":{\"trials\":%lld,\"resumed\":%lld,\"failed\":%lld,\"best\":%lld,\"loss\":",
           (long long)t->trials, (long long)t->resumed, (long long)t->failed, (long long)t->best);
    write_number(stdout, t->loss);
    fputs(",\"seconds\":", stdout);
    write_number(stdout, t->seconds);
    printf("},\"best\":%s}\n", hone_result_json(best));
    return was_interrupted() ? INTERRUPTED : 0;
}

int tune_command(const flags *f)
{
    hone_error error = {0};
    hone_dataset *data = NULL;
    hone_result *best = NULL;
    hone_options each;
    numbers n = {0};
    model_list models = {0};
    hone_space_options space = {.size = sizeof space, .algorithms = modules};
    hone_tuned tuned = {.size = sizeof tuned};
    hone_tune_options options = {.size = sizeof options,
                                 .journal = f->journal,
                                 .incumbent = f->incumbent,
                                 .space = &space,
                                 .train = &each,
                                 .trial = on_trial,
                                 .context = (void *)(uintptr_t)f};
    if (!options_of(f, &n, &each) || !numbers_of(f, &options))
        return USAGE;
    if (!f->verbose) /* the warnings of every trial would drown the search */
        each.log = NULL;
    hone_status status = search_of(f->search, &options.search, &error);
    if (!status)
        status = split_models(f->models, &models, &error);
    space.models = f->models ? models.list : NULL;
    hone_task task = 0;
    if (!status)
        status = task_of_models(f, &models, &task, &error);
    if (!status)
        status = read_table(f, true, NULL, task, &data, &error);
    if (!status)
        status = hone_tune(data, n.seed, &options, &tuned, &best, &error);
    const int code = status ? failed(&error) : report(f, &tuned, best);
    if (status == HONE_STOPPED)
        fputs("the best model was not made\n", stderr);
    if (was_interrupted() && f->journal)
        fprintf(stderr, "the same command goes on from %s\n", f->journal);
    hone_result_free(best);
    hone_dataset_free(data);
    free(models.names);
    return code;
}
