/* hone space, sample, reference. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

/* What --models, --task and --data say; `models` backs the options. */
typedef struct request {
    hone_space_options options;
    hone_dataset *data;
    model_list models;
} request;

static void close_request(request *r)
{
    hone_dataset_free(r->data);
    free(r->models.names);
}

hone_status split_models(const char *models, model_list *out, hone_error *error)
{
    int count = 0;
    if (!models)
        return HONE_OK;
    out->names = strdup(models);
    if (!out->names)
        return hone_fail(error, HONE_NO_MEMORY, "--models", "does not fit into memory");
    char *rest;
    for (char *name = strtok_r(out->names, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        if (count == MOST_SETTINGS)
            return hone_fail(error, HONE_BAD_ARGUMENT, "--models", "at most %d are taken",
                             MOST_SETTINGS);
        out->list[count++] = name;
    }
    return HONE_OK;
}

hone_status task_of_models(const flags *f, const model_list *models, hone_task *task,
                           hone_error *error)
{
    hone_config *config = NULL;
    hone_status status = new_config(&config, error);
    *task = status ? 0 : task_of_config(f, config);
    for (int i = 0; !status && models->names && models->list[i]; i++) {
        status = hone_config_set_text(config, "model", models->list[i], error);
        const hone_task one = status ? 0 : task_of_config(f, config);
        *task = i && one != *task ? 0 : one;
    }
    hone_config_free(config);
    return status;
}

static hone_status open_request(const flags *f, request *r, hone_error *error)
{
    r->options.size = sizeof r->options;
    r->options.algorithms = modules;
    HONE_TRY(split_models(f->models, &r->models, error));
    r->options.models = f->models ? r->models.list : NULL;
    hone_task task;
    HONE_TRY(task_of_models(f, &r->models, &task, error));
    if (f->data)
        HONE_TRY(read_table(f, true, NULL, task, &r->data, error));
    else
        HONE_TRY(task_of(f->task, &r->options.task, error));
    r->options.dataset = r->data;
    if (!f->data && !r->options.task)
        return hone_fail(error, HONE_BAD_ARGUMENT, "--task", "or --data with --target is needed");
    return HONE_OK;
}

int space_command(const flags *f)
{
    hone_error error = {0};
    request r = {0};
    char *json = NULL;
    hone_status status = open_request(f, &r, &error);
    if (!status)
        status = hone_space_json(&r.options, &json, &error);
    if (!status)
        fputs(json, stdout);
    hone_text_free(json);
    close_request(&r);
    return status ? failed(&error) : 0;
}

static hone_status print_sample(const request *r, hone_task task, uint64_t seed, uint64_t number,
                                hone_error *error)
{
    hone_config *config = NULL;
    char *json = NULL;
    hone_status status = hone_space_sample(&r->options, seed, number, &config, error);
    if (!status)
        status = hone_config_json(config, task, &json, error);
    if (!status)
        printf("%s\n", json);
    hone_text_free(json);
    hone_config_free(config);
    return status;
}

int sample_command(const flags *f)
{
    hone_error error = {0};
    request r = {0};
    uint64_t seed = 0, n = 1;
    if (!unsigned_of("--seed", f->seed, &seed) || !unsigned_of("--n", f->n, &n))
        return USAGE;
    hone_status status = open_request(f, &r, &error);
    const hone_task task = r.data ? hone_dataset_task(r.data) : r.options.task;
    for (uint64_t i = 0; i < n && !status && !ferror(stdout); i++)
        status = print_sample(&r, task, seed, i, &error);
    close_request(&r);
    return status ? failed(&error) : 0;
}

int reference_command(const flags *f)
{
    (void)f;
    hone_error error = {0};
    char *json = NULL;
    const hone_status status = hone_reference_json(modules, &json, &error);
    if (!status)
        fputs(json, stdout);
    hone_text_free(json);
    return status ? failed(&error) : 0;
}
