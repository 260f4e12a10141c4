/* hone predict, evaluate, describe, inspect. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

/* ---- predict ---- */

static void write_cell(FILE *to, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, to);
        return;
    }
    fputc('"', to);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', to);
        fputc(*text, to);
    }
    fputc('"', to);
}

static void write_header(FILE *to, const hone_model *model, bool proba)
{
    if (!proba)
        fputs("prediction", to);
    for (int64_t k = 0; proba && k < hone_model_outputs(model); k++) {
        char name[512];
        snprintf(name, sizeof name, "proba:%s", hone_model_class(model, k));
        fputs(k ? "," : "", to);
        write_cell(to, name);
    }
    fputc('\n', to);
}

static void write_rows(FILE *to, const hone_model *model, bool proba, const double *out,
                       int64_t rows)
{
    const int64_t width = proba ? hone_model_outputs(model) : 1;
    const bool classes = hone_model_task(model) == HONE_CLASSIFICATION;
    write_header(to, model, proba);
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t k = 0; k < width; k++) {
            fputs(k ? "," : "", to);
            if (classes && !proba)
                write_cell(to, hone_model_class(model, (int64_t)out[i]));
            else
                write_number(to, out[i * width + k]);
        }
        fputc('\n', to);
    }
}

typedef struct answer {
    const flags *f;
    const hone_model *model;
    const double *out;
    int64_t rows;
} answer;

static void write_answer(FILE *to, const void *context)
{
    const answer *a = context;
    write_rows(to, a->model, a->f->proba, a->out, a->rows);
}

/* How a model is to answer. */
static hone_status answer_options(const flags *f, hone_predict_options *options, hone_error *error)
{
    *options = (hone_predict_options){.size = sizeof *options,
                                      .cancel = &interrupted,
                                      .log = on_log,
                                      .context = (void *)(uintptr_t)f};
    const bool read =
        threads_of(f, &options->threads) && count_of("--trees", f->trees, &options->trees);
    return read ? HONE_OK : told(error);
}

static hone_status predict(const flags *f, const hone_model *model, const hone_dataset *data,
                           hone_error *error)
{
    const int64_t rows = hone_dataset_rows(data);
    const int64_t width = f->proba ? hone_model_outputs(model) : 1;
    hone_predict_options options;
    hone_status status = answer_options(f, &options, error);
    if (status)
        return status;
    double *out = calloc((size_t)(rows * width) + 1, sizeof *out);
    if (!out)
        return hone_fail(error, HONE_NO_MEMORY, "memory", "%lld rows of output do not fit",
                         (long long)rows);
    status = hone_model_predict(model, data, f->proba ? HONE_PROBABILITIES : HONE_LABELS, &options,
                                out, error);
    const answer a = {f, model, out, rows};
    if (!status)
        status = write_output(f->output, write_answer, &a, error);
    free(out);
    return status;
}

hone_status open_model(const flags *f, hone_model **model, hone_error *error)
{
    if (!f->model)
        return hone_fail(error, HONE_BAD_ARGUMENT, "--model", "is needed");
    const hone_load_options options = {.size = sizeof options, .algorithms = modules};
    return hone_model_load(f->model, &options, model, error);
}

static hone_status check_proba(const flags *f, const hone_model *model, hone_error *error)
{
    return !f->proba || hone_model_has_probabilities(model)
               ? HONE_OK
               : hone_fail(error, HONE_UNSUPPORTED, "--proba", "this %s model has no probabilities",
                           hone_model_algorithm(model));
}

int predict_command(const flags *f)
{
    hone_error error = {0};
    hone_model *model = NULL;
    hone_dataset *data = NULL;
    hone_status status = open_model(f, &model, &error);
    if (!status)
        status = check_proba(f, model, &error);
    if (!status)
        status = read_table(f, false, model, 0, &data, &error);
    if (!status)
        status = predict(f, model, data, &error);
    hone_dataset_free(data);
    hone_model_free(model);
    return status ? failed(&error) : 0;
}

/* ---- evaluate ---- */

static void write_members(const char *const *names, const double *values, int count)
{
    for (int i = 0; i < count; i++) {
        printf("%s\"%s\": ", i ? ", " : "", names[i]);
        write_number(stdout, values[i]);
    }
}

/* With --json also the losses: the metrics turned so that smaller is better. */
static void write_metrics(const flags *f, hone_task task, const char *const *names,
                          const double *values, int count)
{
    double losses[MOST_SETTINGS];
    for (int i = 0; i < count; i++) {
        losses[i] = hone_metric_as_loss(names[i], task, values[i]);
        if (f->json)
            continue;
        printf("%s ", names[i]);
        print_loss(values[i]);
    }
    if (!f->json)
        return;
    putchar('{');
    write_members(names, values, count);
    fputs(", \"loss\": {", stdout);
    write_members(names, losses, count);
    puts("}}");
}

int evaluate_command(const flags *f)
{
    hone_error error = {0};
    hone_model *model = NULL;
    hone_dataset *data = NULL;
    double values[MOST_SETTINGS];
    const char *names[MOST_SETTINGS] = {0};
    hone_predict_options options;
    hone_status status = answer_options(f, &options, &error);
    if (!status)
        status = open_model(f, &model, &error);
    if (!status)
        status = read_table(f, true, model, 0, &data, &error);
    int count = f->metrics;
    memcpy(names, f->metric, (size_t)count * sizeof *names);
    if (!status && !count)
        names[count++] = hone_model_task(model) == HONE_CLASSIFICATION ? "accuracy" : "rmse";
    if (!status)
        status = hone_model_evaluate(model, data, names, &options, values, &error);
    if (!status)
        write_metrics(f, hone_model_task(model), names, values, count);
    hone_dataset_free(data);
    hone_model_free(model);
    return status ? failed(&error) : 0;
}

/* ---- describe, inspect ---- */

int describe_command(const flags *f)
{
    hone_error error = {0};
    hone_dataset *data = NULL;
    hone_model *model = NULL;
    char *json = NULL;
    hone_status status =
        f->model ? open_model(f, &model, &error) : read_table(f, false, NULL, 0, &data, &error);
    if (!status)
        status = model ? hone_model_describe(model, &json, &error)
                       : hone_dataset_describe(data, &json, &error);
    if (!status)
        printf("%s\n", json);
    hone_text_free(json);
    hone_model_free(model);
    hone_dataset_free(data);
    return status ? failed(&error) : 0;
}

/* The value of "content_hash", which holds no escapes. */
static void print_hash(const char *json)
{
    static const char key[] = "\"content_hash\":\"";
    const char *hash = strstr(json, key) + strlen(key);
    printf("%.*s\n", (int)strcspn(hash, "\""), hash);
}

int inspect_command(const flags *f)
{
    hone_error error = {0};
    char *json = NULL;
    if (!f->file) {
        fprintf(stderr, "hone: inspect: needs a FILE\n");
        return USAGE;
    }
    const hone_status status = hone_model_inspect(f->file, &json, &error);
    if (!status && f->hash)
        print_hash(json);
    else if (!status)
        printf("%s\n", json);
    hone_text_free(json);
    return status ? failed(&error) : 0;
}
