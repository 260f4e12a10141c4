/* Trainings of a stage, and what can be compared about them. */
#include "stage.h"

static void drop_config(void *c)
{
    hone_config_free(c);
}

static void drop_result(void *r)
{
    hone_result_free(r);
}

/* Of the catalog: known already. */
static bool is_built_in(const hone_algorithm *a)
{
    for (int k = 0; k < hone_algorithm_count(); k++)
        if (hone_algorithm_at(k) == a)
            return true;
    return false;
}

hone_config *config_of(stage *s, const hone_algorithm *a, const char *settings, hone_error *error)
{
    hone_config *c = NULL;
    if (hone_config_new(&c, error))
        return NULL;
    stage_keep(s, c, drop_config);
    if (!is_built_in(a) && hone_config_use(c, a, error))
        return NULL;
    char *json = stage_memory(s, strlen(settings) + strlen(a->name) + 32);
    sprintf(json, "{\"model\":\"%s\"%s%s}", a->name, *settings ? "," : "", settings);
    return hone_config_parse(c, json, strlen(json), error) ? NULL : c;
}

outcome train(stage *s, const hone_algorithm *a, const char *settings, hone_dataset *d,
              uint64_t seed, const hone_options *options)
{
    outcome o = {.loss = NAN};
    const hone_config *c = config_of(s, a, settings, &o.error);
    if (!c) {
        o.status = o.error.status;
        return o;
    }
    hone_result *r = NULL;
    o.status = hone_train_full(c, d, seed, options, &r, &o.error);
    if (o.status)
        return o;
    stage_keep(s, r, drop_result);
    o.result = r;
    o.end = hone_result_end(r);
    o.loss = hone_result_loss(r);
    o.model = hone_result_model(r);
    return o;
}

hone_options with_threads(int threads)
{
    return (hone_options){.size = sizeof(hone_options), .threads = threads, .keep_model = true};
}

double *scores_of(stage *s, const hone_model *m, hone_dataset *d)
{
    const int64_t n = hone_dataset_rows(d), c = hone_model_outputs(m);
    double *score = stage_memory(s, (size_t)(n * c) * sizeof *score);
    hone_error error = {0};
    if (hone_model_predict(m, d, HONE_SCORES, NULL, score, &error)) {
        fprintf(stderr, "predict: %s: %s\n", error.path, error.message);
        abort();
    }
    return score;
}

const char *hash_of(stage *s, const hone_model *m)
{
    char *hash = stage_memory(s, 64), *json = NULL;
    const char *file = stage_path(s, "hash.hone");
    const hone_save_options o = {.size = sizeof o, .fast = true};
    hone_error error = {0};
    if (hone_model_save_as(m, file, &o, &error) || hone_model_inspect(file, &json, &error)) {
        fprintf(stderr, "hash: %s: %s\n", error.path, error.message);
        return hash;
    }
    const char *key = "\"content_hash\":", *at = strstr(json, key);
    if (at)
        sscanf(at + strlen(key), " \"%63[0-9a-f]\"", hash);
    hone_text_free(json);
    remove(file);
    return hash;
}

bool same_bits(const double *a, const double *b, int64_t n)
{
    return !memcmp(a, b, (size_t)n * sizeof *a);
}

bool same_outcome(stage *s, const outcome *a, const outcome *b)
{
    if (a->status || b->status || !a->model || !b->model)
        return a->status == b->status && !a->model == !b->model;
    const char *x = hash_of(s, a->model), *y = hash_of(s, b->model);
    return same_bits(&a->loss, &b->loss, 1) && *x && !strcmp(x, y);
}
