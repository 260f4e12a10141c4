/* Model files: a model as the sections of a container, and back.
 *
 * record    JSON: all but bulk numbers                                critical
 * step.<k>  fitted state of step k of the preprocessing               critical
 * state     fitted state of the algorithm                             critical
 * run       JSON: times, host, threads of the run that trained it     ancillary
 *
 * A file is untrusted until everything in it was checked; a model is handed out after that only.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/text.h"
#include "core/container.h"
#include "core/record.h"
#include "core/schema.h"
#include "core/state.h"

static const char IN_MEMORY[] = "model";

static void step_tag(int k, char tag[HONE_TAG + 1])
{
    snprintf(tag, HONE_TAG + 1, "step.%d", k % 100);
}

/* What a step's state table calls features are the stored columns that the step takes. */
static hone_shape step_shape(const hone_pipeline *p, int k)
{
    hone_shape shape = p->shape[k];
    shape.features = shape.stored;
    return shape;
}

/* Members beyond the caller's `size` mean: not given. */
static hone_save_options save_given(const hone_save_options *o)
{
    hone_save_options own = {0};
    if (o)
        memcpy(&own, o, o->size < sizeof own ? o->size : sizeof own);
    return own;
}

static hone_load_options load_given(const hone_load_options *o)
{
    hone_load_options own = {0};
    if (o)
        memcpy(&own, o, o->size < sizeof own ? o->size : sizeof own);
    return own;
}

/* ---- writing ---- */

static void plan(const hone_model *m, hone_container *c)
{
    const hone_fitted *f = m->fitted;
    hone_container_add(c, "record", true, strlen(m->record));
    for (int k = 0; k < m->pipeline.steps; k++) {
        char tag[HONE_TAG + 1];
        step_tag(k, tag);
        const hone_shape shape = step_shape(&m->pipeline, k);
        hone_container_add(
            c, tag, true,
            hone_state_save(m->pipeline.transform[k]->state, &shape, m->pipeline.state[k], NULL));
    }
    hone_container_add(c, "state", true,
                       hone_state_save(f->algorithm->state, &f->shape, f->state, NULL));
    hone_container_add(c, "run", false, strlen(m->run));
}

static void fill(const hone_model *m, hone_container *c)
{
    const hone_fitted *f = m->fitted;
    hone_section *s = c->section;
    memcpy(s->bytes, m->record, s->size);
    s++;
    for (int k = 0; k < m->pipeline.steps; k++, s++) {
        const hone_shape shape = step_shape(&m->pipeline, k);
        hone_state_save(m->pipeline.transform[k]->state, &shape, m->pipeline.state[k], s->bytes);
    }
    hone_state_save(f->algorithm->state, &f->shape, f->state, s->bytes);
    s++;
    memcpy(s->bytes, m->run, s->size);
}

static hone_status check_loadable(const hone_model *m, size_t size, hone_error *error);

hone_status hone_model_bytes(const hone_model *m, char **bytes, size_t *size, hone_error *error)
{
    if (!m || !bytes || !size)
        return hone_fail(error, HONE_BAD_ARGUMENT, "model", "must not be NULL");
    hone_container c = {0};
    plan(m, &c);
    *size = hone_container_size(&c);
    HONE_TRY(check_loadable(m, *size, error));
    unsigned char *file = *size ? hone_alloc(*size) : NULL;
    if (!file)
        return hone_no_memory(error);
    hone_container_lay_out(&c, file);
    fill(m, &c);
    hone_container_seal(&c, file);
    *bytes = (char *)file;
    return HONE_OK;
}

static hone_status write_sidecar(const hone_model *m, const char *file, bool durable,
                                 hone_error *error)
{
    hone_text name = {0};
    hone_text_add(&name, file);
    hone_text_add(&name, ".json");
    const hone_status status =
        name.failed
            ? hone_no_memory(error)
            : hone_file_write(name.bytes, m->record, strlen(m->record), true, durable, error);
    hone_text_drop(&name);
    return status;
}

static hone_status save(const hone_model *m, const char *file, bool replace,
                        const hone_save_options *o, hone_error *error)
{
    char *bytes;
    size_t size;
    HONE_TRY(hone_model_bytes(m, &bytes, &size, error));
    const hone_save_options given = save_given(o);
    const bool durable = !given.fast;
    hone_status status = hone_file_write(file, bytes, size, replace, durable, error);
    hone_free(bytes);
    if (!status && given.sidecar)
        status = write_sidecar(m, file, durable, error);
    return status;
}

hone_status hone_model_save_as(const hone_model *m, const char *file,
                               const hone_save_options *options, hone_error *error)
{
    if (!m || !file)
        return hone_fail(error, HONE_BAD_ARGUMENT, m ? "file" : "model", "must not be NULL");
    return save(m, file, true, options, error);
}

/* <directory>/<model>-<configuration>-<UTC>-<random>.hone */
static hone_status unique_name(const hone_model *m, const char *directory, char **name,
                               hone_error *error)
{
    uint64_t random;
    HONE_TRY(hone_random_bits(&random, error));
    const time_t now = time(NULL);
    struct tm utc;
    char when[32];
    if (!gmtime_r(&now, &utc) || !strftime(when, sizeof when, "%Y%m%dT%H%M%S", &utc))
        return hone_fail(error, HONE_INTERNAL, "time", "cannot be written as a date");
    hone_text t = {0};
    hone_text_add(&t, directory);
    if (t.length && t.bytes[t.length - 1] != '/')
        hone_text_add(&t, "/");
    hone_text_format(&t, "%s-%012llx-%s-%016llx.hone", m->fitted->algorithm->name,
                     (unsigned long long)(m->config_hash >> 16), when, (unsigned long long)random);
    *name = hone_text_take(&t);
    return *name ? HONE_OK : hone_no_memory(error);
}

hone_status hone_model_save(const hone_model *m, const char *directory,
                            const hone_save_options *options, char **path, hone_error *error)
{
    if (!m || !directory)
        return hone_fail(error, HONE_BAD_ARGUMENT, m ? "directory" : "model", "must not be NULL");
    char *name;
    HONE_TRY(hone_directory_make(directory, error));
    HONE_TRY(unique_name(m, directory, &name, error));
    const hone_status status = save(m, name, false, options, error);
    if (status || !path)
        hone_free(name);
    else
        *path = name;
    return status;
}

/* ---- reading ---- */

/* What is known about a file while it is read. */
typedef struct loader {
    const char *path;
    hone_container container;
    const hone_algorithm *const *more;
    int64_t most;            /* bytes that may be used beside the file */
    const hone_model *given; /* what is to be written: its parts in place of sections */
    hone_model *model;
    uint64_t seed;
    hone_resolved resolved;
} loader;

/* An error of a part, under the file's name. */
static hone_status within(const loader *l, const char *section, hone_status status,
                          hone_error *error)
{
    if (!status || !error || status == HONE_NO_MEMORY)
        return status;
    char place[HONE_PLACE], what[HONE_PLACE];
    snprintf(what, sizeof what, "%s.%.40s", section, error->path);
    hone_container_place(place, l->path, what);
    memcpy(error->path, place, sizeof place);
    error->status = HONE_CORRUPT;
    return HONE_CORRUPT;
}

static hone_status find(const loader *l, const char *tag, bool critical,
                        const hone_section **section, hone_error *error)
{
    *section = hone_container_find(&l->container, tag, critical);
    if (*section)
        return HONE_OK;
    char place[HONE_PLACE];
    hone_container_place(place, l->path, tag);
    return hone_fail(error, HONE_CORRUPT, place, "the section is missing");
}

static hone_status read_state(const loader *l, const char *tag, const hone_field *fields,
                              const hone_shape *shape, hone_arena *keep, void *state,
                              hone_error *error)
{
    const hone_section *s;
    HONE_TRY(find(l, tag, true, &s, error));
    return within(l, tag, hone_state_load(fields, shape, s->bytes, s->size, keep, state, error),
                  error);
}

/* What would be said of a state that lies in memory, as `own` shapes it. */
static hone_status check_state(const loader *l, const char *tag, const hone_field *fields,
                               const hone_shape *shape, const hone_shape *own, const void *state,
                               hone_error *error)
{
    const bool fits =
        hone_state_save(fields, shape, state, NULL) == hone_state_save(fields, own, state, NULL);
    return within(l, tag,
                  fits ? hone_state_check(fields, shape, state, error)
                       : hone_fail(error, HONE_CORRUPT, "size", "is not what the record says"),
                  error);
}

static hone_status take_step(loader *l, const char *tag, const hone_transform *t, void **state,
                             hone_error *error)
{
    const hone_pipeline *p = &l->model->pipeline;
    const hone_shape shape = step_shape(p, p->steps);
    if (l->given) {
        const hone_pipeline *given = &l->given->pipeline;
        if (p->steps >= given->steps || given->transform[p->steps] != t)
            return hone_fail(error, HONE_CORRUPT, tag, "is not the step that the record says");
        const hone_shape own = step_shape(given, p->steps);
        *state = given->state[p->steps];
        return check_state(l, tag, t->state, &shape, &own, *state, error);
    }
    *state = hone_arena_alloc(l->model->memory, 1, 1, t->state_size);
    return *state ? read_state(l, tag, t->state, &shape, l->model->memory, *state, error)
                  : hone_no_memory(error);
}

static hone_status load_step(loader *l, const hone_transform *t, hone_error *error)
{
    hone_pipeline *p = &l->model->pipeline;
    char tag[HONE_TAG + 1];
    step_tag(p->steps, tag);
    p->transform[p->steps] = t;
    HONE_TRY(take_step(l, tag, t, &p->state[p->steps], error));
    p->steps++;
    return within(l, tag, hone_pipeline_reshape(p, l->model->memory, error), error);
}

/* Steps follow from schema and configuration; each needs the shape that those before it give. */
static hone_status load_pipeline(loader *l, hone_error *error)
{
    hone_model *m = l->model;
    const unsigned takes = hone_takes_under(l->resolved.algorithm, m->task, l->resolved.params);
    hone_pipeline *p = &m->pipeline;
    p->prep = l->resolved.prep;
    p->sparse = m->schema.sparse;
    HONE_TRY(hone_schema_shape(&m->schema, m->memory, &p->shape[0], error));
    HONE_TRY(hone_pipeline_reshape(p, m->memory, error));
    for (int i = 0; hone_transforms[i]; i++) {
        const hone_transform *t = hone_transforms[i];
        if (t->present(&p->shape[p->steps], p->sparse, takes, &p->prep))
            HONE_TRY(load_step(l, t, error));
    }
    if (l->given && l->given->pipeline.steps != p->steps)
        return hone_fail(error, HONE_CORRUPT, "steps", "are more than the record says");
    return HONE_OK;
}

static hone_status load_fitted(loader *l, hone_error *error)
{
    hone_model *m = l->model;
    const hone_algorithm *a = l->resolved.algorithm;
    hone_shape shape = m->pipeline.shape[m->pipeline.steps];
    shape.task = m->task;
    shape.outputs = m->task == HONE_CLASSIFICATION ? m->classes.count : 1;
    const int64_t left = l->most - hone_arena_bytes(m->memory);
    m->fitted = hone_fitted_new(a, &shape, l->resolved.params, left > 0 ? left : 1);
    if (!m->fitted)
        return hone_no_memory(error);
    hone_fitted *f = m->fitted;
    f->seed = l->seed;
    const hone_fitted *given = l->given ? l->given->fitted : NULL;
    const void *state = given ? given->state : f->state;
    HONE_TRY(given ? check_state(l, "state", a->state, &f->shape, &given->shape, state, error)
                   : read_state(l, "state", a->state, &f->shape, f->keep, f->state, error));
    if (a->check)
        HONE_TRY(within(l, "state", a->check(&f->shape, f->params, state, error), error));
    if (a->prepare && !given)
        HONE_TRY(
            within(l, "state", a->prepare(&f->shape, f->params, f->state, f->keep, error), error));
    return HONE_OK;
}

/* A critical section that this version does not know changes what the file means. */
static hone_status refuse_unknown(const loader *l, hone_error *error)
{
    const hone_container *c = &l->container;
    for (int k = 0; k < c->count; k++) {
        const char *tag = c->section[k].tag;
        bool known = !c->section[k].critical || !strcmp(tag, "record") || !strcmp(tag, "state");
        for (int step = 0; step < l->model->pipeline.steps && !known; step++) {
            char own[HONE_TAG + 1];
            step_tag(step, own);
            known = !strcmp(tag, own);
        }
        if (!known)
            return hone_fail(error, HONE_UNSUPPORTED, l->path,
                             "needs section '%s', which this version of Hone does not know", tag);
    }
    return HONE_OK;
}

typedef struct text {
    const char *bytes;
    size_t size;
} text;

static hone_status take_text(const loader *l, const char *tag, bool critical, const char *given,
                             text *t, hone_error *error)
{
    const hone_section *s;
    if (given) {
        *t = (text){given, strlen(given)};
        return HONE_OK;
    }
    HONE_TRY(find(l, tag, critical, &s, error));
    *t = (text){(const char *)s->bytes, s->size};
    return HONE_OK;
}

static hone_status load_all(loader *l, hone_error *error)
{
    hone_model *m = l->model;
    text record, run;
    HONE_TRY(take_text(l, "record", true, l->given ? l->given->record : NULL, &record, error));
    HONE_TRY(take_text(l, "run", false, l->given ? l->given->run : NULL, &run, error));
    HONE_TRY(hone_record_read(m, record.bytes, record.size, l->more, l->most, l->path, &l->resolved,
                              &l->seed, error));
    char place[HONE_PLACE];
    hone_container_place(place, l->path, "run");
    HONE_TRY(hone_record_check(run.bytes, run.size, l->most, place, error));
    char *copy = HONE_NEW(m->memory, char, (int64_t)run.size + 1, 1);
    if (!copy)
        return hone_no_memory(error);
    m->run = memcpy(copy, run.bytes, run.size);
    HONE_TRY(load_pipeline(l, error));
    HONE_TRY(load_fitted(l, error));
    return refuse_unknown(l, error);
}

/* By default 16 times the file, at least 64 MiB: small files of many names need it. */
static int64_t cap_of(const hone_load_options *o, size_t size)
{
    enum { LEAST = 64 << 20 };
    if (o->max_bytes > 0)
        return o->max_bytes;
    return size > LEAST / 16 ? (int64_t)size * 16 : LEAST;
}

/* Nothing is written that would not load: what a load looks at is looked at before. */
static hone_status check_loadable(const hone_model *m, size_t size, hone_error *error)
{
    const hone_algorithm *const own[] = {m->fitted->algorithm, NULL};
    hone_error why = {0};
    loader l = {.path = IN_MEMORY,
                .most = cap_of(&(hone_load_options){0}, size),
                .more = own,
                .given = m,
                .model = hone_model_empty(0)};
    if (!l.model)
        return hone_no_memory(error);
    const hone_status status = load_all(&l, &why);
    hone_model_free(l.model);
    if (!status || status == HONE_NO_MEMORY)
        return status ? hone_no_memory(error) : HONE_OK;
    return hone_fail(error, HONE_INTERNAL, why.path, "it could not be loaded again: %.380s",
                     why.message);
}

static hone_status load(const unsigned char *bytes, size_t size, const char *path,
                        const hone_load_options *o, hone_model **model, hone_error *error)
{
    loader l = {.path = path, .most = cap_of(o, size), .more = o->algorithms};
    HONE_TRY(hone_container_read(bytes, size, path, &l.container, error));
    l.model = hone_model_empty(l.most);
    if (!l.model)
        return hone_no_memory(error);
    const hone_status status = load_all(&l, error);
    if (status)
        hone_model_free(l.model);
    else
        *model = l.model;
    return status;
}

hone_status hone_model_load_bytes(const void *bytes, size_t size, const hone_load_options *options,
                                  hone_model **model, hone_error *error)
{
    if (!model || (!bytes && size))
        return hone_fail(error, HONE_BAD_ARGUMENT, model ? "bytes" : "model", "must not be NULL");
    *model = NULL;
    const hone_load_options o = load_given(options);
    return load(bytes, size, IN_MEMORY, &o, model, error);
}

hone_status hone_model_load(const char *file, const hone_load_options *options, hone_model **model,
                            hone_error *error)
{
    if (!file || !model)
        return hone_fail(error, HONE_BAD_ARGUMENT, file ? "model" : "file", "must not be NULL");
    *model = NULL;
    char *bytes;
    size_t size;
    const hone_load_options o = load_given(options);
    const size_t limit = o.max_bytes > 0 ? (size_t)o.max_bytes : 0;
    HONE_TRY(hone_file_read(file, limit, &bytes, &size, error));
    const hone_status status = load((const unsigned char *)bytes, size, file, &o, model, error);
    hone_free(bytes);
    return status;
}

/* ---- inspecting ---- */

static void describe(const hone_container *c, hone_text *t)
{
    const hone_section *record = hone_container_find(c, "record", true);
    const hone_section *run = hone_container_find(c, "run", false);
    hone_text_format(t, "{\"format\":\"%d.%d\",\"bytes\":%zu,\"content_hash\":\"%016llx\"",
                     c->major, c->minor, c->size, (unsigned long long)hone_container_content(c));
    hone_text_add(t, ",\"sections\":{");
    for (int k = 0; k < c->count; k++)
        hone_text_format(t, "%s\"%s\":%zu", k ? "," : "", c->section[k].tag, c->section[k].size);
    hone_text_add(t, "},\"record\":");
    hone_text_add_bytes(t, (const char *)record->bytes, record->size);
    hone_text_add(t, ",\"run\":");
    hone_text_add_bytes(t, (const char *)run->bytes, run->size);
    hone_text_add(t, "}");
}

static hone_status inspect(const char *bytes, size_t size, const char *file, char **json,
                           hone_error *error)
{
    static const char *const parts[] = {"record", "run"};
    loader l = {.path = file, .most = cap_of(&(hone_load_options){0}, size)};
    HONE_TRY(hone_container_read((const unsigned char *)bytes, size, file, &l.container, error));
    for (int k = 0; k < 2; k++) {
        const hone_section *s;
        char place[HONE_PLACE];
        hone_container_place(place, file, parts[k]);
        HONE_TRY(find(&l, parts[k], k == 0, &s, error));
        HONE_TRY(hone_record_check((const char *)s->bytes, s->size, l.most, place, error));
    }
    hone_text t = {0};
    describe(&l.container, &t);
    *json = hone_text_take(&t);
    return *json ? HONE_OK : hone_no_memory(error);
}

hone_status hone_model_inspect(const char *file, char **json, hone_error *error)
{
    if (!file || !json)
        return hone_fail(error, HONE_BAD_ARGUMENT, file ? "json" : "file", "must not be NULL");
    *json = NULL;
    char *bytes;
    size_t size;
    HONE_TRY(hone_file_read(file, 0, &bytes, &size, error));
    const hone_status status = inspect(bytes, size, file, json, error);
    hone_free(bytes);
    return status;
}
