/* hone train: configuration and data in, loss out. What train-many shares with it stands here. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

/* The whole of a configuration file, at most 1 MiB. */
static hone_status read_text(const char *file, char *text, size_t room, size_t *length,
                             hone_error *error)
{
    FILE *f = fopen(file, "rb");
    if (!f)
        return hone_fail(error, HONE_IO, file, "%s", reason_of(errno));
    *length = fread(text, 1, room, f);
    const int number = ferror(f) ? errno : 0;
    fclose(f);
    if (number)
        return hone_fail(error, HONE_IO, file, "cannot be read: %s", reason_of(number));
    if (*length == room)
        return hone_fail(error, HONE_BAD_CONFIG, file, "is larger than 1 MiB");
    return HONE_OK;
}

static hone_status parse_file(hone_config *config, const char *file, hone_error *error)
{
    enum { ROOM = (1 << 20) + 1 };
    char *text = malloc(ROOM);
    if (!text)
        return hone_fail(error, HONE_NO_MEMORY, file, "out of memory");
    size_t length = 0;
    hone_status status = read_text(file, text, ROOM, &length, error);
    if (!status)
        status = hone_config_parse(config, text, length, error);
    free(text);
    return status;
}

static hone_status set(hone_config *config, const char *setting, hone_error *error)
{
    char key[128];
    const char *equals = strchr(setting, '=');
    if (!equals || equals == setting || (size_t)(equals - setting) >= sizeof key)
        return hone_fail(error, HONE_BAD_ARGUMENT, "--set", "must be KEY=VALUE, got %s", setting);
    memcpy(key, setting, (size_t)(equals - setting));
    key[equals - setting] = 0;
    return hone_config_set_text(config, key, equals + 1, error);
}

hone_status new_config(hone_config **config, hone_error *error)
{
    HONE_TRY(hone_config_new(config, error));
    hone_status status = HONE_OK;
    for (int i = 0; modules[i] && !status; i++)
        status = hone_config_use(*config, modules[i], error);
    return status;
}

hone_status set_all(const flags *f, hone_config *config, hone_error *error)
{
    for (int i = 0; i < f->settings; i++)
        HONE_TRY(set(config, f->setting[i], error));
    return HONE_OK;
}

hone_status make_config(const flags *f, hone_config **config, hone_error *error)
{
    HONE_TRY(new_config(config, error));
    if (f->config)
        HONE_TRY(parse_file(*config, f->config, error));
    return set_all(f, *config, error);
}

hone_task task_of_config(const flags *f, const hone_config *config)
{
    return hone_config_task(config, f->metrics ? f->metric[f->metrics - 1] : NULL);
}

static void on_progress(void *context, const char *stage, double fraction, double eta)
{
    (void)context;
    fprintf(stderr, "\r%-12s %3.0f %%  %6.1f s left\033[K", stage, fraction * 100,
            eta > 0 ? eta : 0);
    if (fraction >= 1)
        fprintf(stderr, "\r\033[K");
}

static bool validation_of(const char *text, hone_options *o)
{
    char *end = NULL;
    if (!text)
        return true;
    if (!strcmp(text, "oob") || !strcmp(text, "none")) {
        o->validation = *text == 'o' ? HONE_VALIDATE_OOB : HONE_VALIDATE_NONE;
        return true;
    }
    if (!strncmp(text, "holdout:", 8)) {
        o->validation = HONE_VALIDATE_HOLDOUT;
        o->holdout = strtod(text + 8, &end);
    } else if (!strncmp(text, "cv:", 3)) {
        o->validation = HONE_VALIDATE_FOLDS;
        const long folds = strtol(text + 3, &end, 10);
        o->folds = folds > INT32_MAX ? INT32_MAX : folds < 0 ? 0 : (int32_t)folds;
    }
    if (end && !*end && end[-1] != ':' && (o->holdout > 0 || o->folds > 1))
        return true;
    fprintf(stderr, "hone: --validation: must be holdout:FRACTION, cv:FOLDS, oob or none, got %s\n",
            text);
    return false;
}

static bool keep_of(const char *text, hone_keep *keep)
{
    static const char *const words[] = {[HONE_KEEP_ALL] = "all", "best", "none"};
    *keep = HONE_KEEP_DEFAULT;
    for (int k = HONE_KEEP_ALL; text && k <= HONE_KEEP_NONE; k++)
        if (!strcmp(text, words[k]))
            *keep = (hone_keep)k;
    if (text && !*keep)
        fprintf(stderr, "hone: --keep: must be best, all or none, got %s\n", text);
    return !text || *keep;
}

static bool fidelity_of(const char *text, bool *native)
{
    *native = text && !strcmp(text, "native");
    if (!text || *native || !strcmp(text, "rows"))
        return true;
    fprintf(stderr, "hone: --fidelity: must be rows or native, got %s\n", text);
    return false;
}

bool options_of(const flags *f, numbers *n, hone_options *o)
{
    *o = (hone_options){.size = sizeof *o,
                        .metric = f->metrics ? f->metric[f->metrics - 1] : NULL,
                        .cancel = &cancelled,
                        .finish = &interrupted,
                        .log = on_log,
                        .context = (void *)(uintptr_t)f,
                        .strict = f->strict,
                        .model_dir = f->model_dir,
                        .no_refit = f->no_refit,
                        .race = f->race,
                        .warm_start = f->warm_start};
    if (!f->quiet && isatty(2))
        o->progress = on_progress;
    const bool read = unsigned_of("--seed", f->seed, &n->seed) &&
                      unsigned_of("--split-seed", f->split_seed, &n->split_seed) &&
                      threads_of(f, &o->threads) && validation_of(f->validation, o) &&
                      keep_of(f->keep, &o->keep) && share_of("--budget", f->budget, &o->budget) &&
                      fidelity_of(f->fidelity, &o->native_fidelity) &&
                      seconds_of("--deadline", f->deadline, &o->deadline) &&
                      bytes_of("--memory", f->memory, &o->memory_cap) &&
                      count_of("--work-limit", f->work_limit, &o->work_limit) &&
                      number_of("--cutoff", f->cutoff, &n->cutoff);
    o->split_seed = f->split_seed ? &n->split_seed : NULL;
    o->cutoff = f->cutoff ? &n->cutoff : NULL;
    return read;
}

void print_loss(double loss)
{
    write_number(stdout, loss);
    putchar('\n');
}

static int report(const flags *f, const hone_result *result)
{
    if (f->json)
        printf("%s\n", hone_result_json(result));
    else
        print_loss(hone_result_loss(result));
    if (!f->json && hone_result_model_path(result))
        fprintf(stderr, "model: %s\n", hone_result_model_path(result));
    return was_interrupted() ? INTERRUPTED : 0;
}

int train_command(const flags *f)
{
    hone_error error = {0};
    hone_config *config = NULL;
    hone_dataset *data = NULL;
    hone_result *result = NULL;
    hone_options options;
    numbers n = {0};
    int code = USAGE;
    if (!options_of(f, &n, &options))
        return code;
    hone_status status = make_config(f, &config, &error);
    if (!status)
        status = read_table(f, true, NULL, task_of_config(f, config), &data, &error);
    if (!status)
        status = hone_train_full(config, data, n.seed, &options, &result, &error);
    code = status ? failed(&error) : report(f, result);
    hone_result_free(result);
    hone_dataset_free(data);
    hone_config_free(config);
    return code;
}
