/* What a training is going to do: options, configuration, limits, rows. Everything that can be
 * refused is refused here, before anything is fitted. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "core/training.h"

/* ---- options ---- */

hone_status hone_option_refuse(hone_error *error, const char *name, const char *rule)
{
    char path[64];
    hone_text_join(path, sizeof path, "options.", name, "");
    return hone_fail(error, HONE_BAD_ARGUMENT, path, "%s", rule);
}

hone_status hone_option_outside(hone_error *error, const char *name, double value, const char *rule)
{
    char path[64];
    hone_text_join(path, sizeof path, "options.", name, "");
    return hone_fail(error, HONE_BAD_ARGUMENT, path, "is %.10g; must %s", value, rule);
}

/* A caller built against a later version may hand over more than this one knows. */
static hone_status copy(const hone_options *given, hone_options *o, hone_error *error)
{
    *o = (hone_options){.size = sizeof *o};
    if (!given)
        return HONE_OK;
    if (given->size < sizeof given->size)
        return hone_option_refuse(error, "size", "not set; it must be sizeof(hone_options)");
    const unsigned char *bytes = (const unsigned char *)given;
    for (size_t i = sizeof *o; i < given->size; i++)
        if (bytes[i])
            return hone_fail(error, HONE_UNSUPPORTED, "options.size",
                             "an option of a later version of Hone is set");
    memcpy(o, given, given->size < sizeof *o ? given->size : sizeof *o);
    o->size = sizeof *o;
    return HONE_OK;
}

/* An option that another one's value leaves without effect is a mistake. */
static hone_status check_validation(const hone_options *o, hone_error *error)
{
    if (o->validation > HONE_VALIDATE_NONE)
        return hone_option_refuse(error, "validation", "not one of hone_validation");
    if (!(o->holdout >= 0 && o->holdout < 1))
        return hone_option_outside(error, "holdout", o->holdout, "lie in (0, 1); 0 means 0.25");
    if (o->folds < 0 || o->folds == 1)
        return hone_option_outside(error, "folds", o->folds, "be at least 2; 0 means 5");
    if (o->folds && o->validation != HONE_VALIDATE_FOLDS)
        return hone_option_refuse(error, "folds", "given, but the validation is not by folds");
    if (o->holdout > 0 && o->validation != HONE_VALIDATE_HOLDOUT &&
        o->validation != HONE_VALIDATE_AUTO)
        return hone_option_refuse(error, "holdout", "given, but the validation is not a holdout");
    const bool rows = o->validation == HONE_VALIDATE_ROWS;
    if (rows != (o->valid_rows != NULL) || (rows ? o->n_valid_rows < 1 : o->n_valid_rows != 0))
        return hone_option_refuse(
            error, "valid_rows",
            "must be given, with n_valid_rows, exactly when validation is by rows");
    return HONE_OK;
}

hone_status hone_options_read(const hone_options *given, hone_options *o, hone_error *error)
{
    HONE_TRY(copy(given, o, error));
    HONE_TRY(hone_threads_check(o->threads, "options.threads", error));
    if (!(o->budget >= 0 && o->budget <= 1))
        return hone_option_outside(error, "budget", o->budget, "lie in (0, 1]; 0 means 1");
    if (!(o->deadline >= 0 && o->deadline < 1e9))
        return hone_option_outside(error, "deadline", o->deadline,
                                   "lie in (0, 1e9) seconds; 0 means none");
    if (o->memory_cap < 0)
        return hone_option_outside(error, "memory_cap", (double)o->memory_cap,
                                   "be bytes above 0; 0 means none");
    if (o->work_limit < 0)
        return hone_option_outside(error, "work_limit", (double)o->work_limit,
                                   "be operations above 0; 0 means none");
    if (o->cutoff && isnan(*o->cutoff))
        return hone_option_refuse(error, "cutoff", "must be a number");
    if (o->keep > HONE_KEEP_NONE)
        return hone_option_refuse(error, "keep", "not one of hone_keep");
    if (o->keep == HONE_KEEP_NONE)
        o->model_dir = NULL, o->keep_model = false;
    if (o->model_dir && !*o->model_dir)
        return hone_option_refuse(error, "model_dir", "is an empty name");
    if (o->warm_start && o->warm_from)
        return hone_option_refuse(error, "warm_start", "given, but warm_from says where to begin");
    HONE_TRY(check_validation(o, error));
    if (o->budget == 0)
        o->budget = 1;
    if (o->holdout == 0)
        o->holdout = 0.25;
    if (!o->folds)
        o->folds = 5;
    return HONE_OK;
}

/* ---- run ---- */

/* Of the deadline: fits end that much earlier. */
static const double FOR_JUDGING = 0.1;

static hone_status make_run(hone_training *t, hone_error *error)
{
    const hone_options *o = &t->options;
    hone_isa isa;
    HONE_TRY(hone_isa_of(o->isa, &isa, error));
    t->account.cap = o->memory_cap;
    t->account.pool = hone_cache_pool(t->dataset->cache);
    hone_training_listen(t);
    t->run = (hone_run){.threads = hone_threads_of(o->threads),
                        .isa = isa,
                        .cancel = o->cancel,
                        .finish = o->finish,
                        .deadline = o->deadline > 0 ? t->started + (int64_t)(o->deadline * 1e9) : 0,
                        .work_limit = o->work_limit,
                        .account = &t->account,
                        .work = &t->work,
                        .stop = &t->stop,
                        .polled = &t->polled,
                        .listener = &t->listener};
    t->judging = t->run;
    t->judging.deadline = t->judging.work_limit = 0;
    t->judging.finish = NULL;
    t->deadline = t->run.deadline;
    t->run.deadline -= (int64_t)(o->deadline * 1e9 * FOR_JUDGING);
    t->judging.stop = &t->judge_stop;
    t->arena = hone_arena_open(&t->account);
    return t->arena ? HONE_OK : hone_no_memory(error);
}

/* ---- configuration ---- */

bool hone_gives_probabilities(const hone_algorithm *a, const void *params, hone_task task)
{
    return task == HONE_CLASSIFICATION && (!a->scores || a->scores(params) == HONE_PROBABILITY);
}

static const hone_output *oob_output(const hone_algorithm *a)
{
    for (const hone_output *o = a->outputs; o && o->name; o++)
        if (!strcmp(o->name, "oob_score"))
            return o;
    return NULL;
}

/* Sets the switch `name` of the module, if it has one; `changed` tells whether it was otherwise. */
static hone_status set_switch(hone_training *t, const char *name, bool value, bool *changed,
                              hone_error *error)
{
    const hone_algorithm *a = t->resolved.algorithm;
    const hone_param *p = hone_param_find(a->params, name, t->dataset->task);
    if (!p || p->kind != HONE_BOOL)
        return HONE_OK;
    bool *now = (bool *)(void *)((char *)t->resolved.params + p->offset);
    if (*now == value)
        return HONE_OK;
    *now = value, *changed = true;
    return hone_adjust(&t->run, name, value, error);
}

static hone_status satisfy_metric(hone_training *t, bool *changed, hone_error *error)
{
    const hone_algorithm *a = t->resolved.algorithm;
    const hone_task task = t->dataset->task;
    HONE_TRY(hone_metric_find(t->options.metric, task, &t->metric, error));
    if (t->metric->needs != HONE_NEEDS_PROBABILITIES ||
        hone_gives_probabilities(a, t->resolved.params, task))
        return HONE_OK;
    HONE_TRY(set_switch(t, "probability", true, changed, error)); /* of a module of margins */
    if (!hone_gives_probabilities(a, t->resolved.params, task))
        return hone_fail(error, HONE_UNSUPPORTED, "options.metric",
                         "%s needs probabilities; %s gives margins", t->metric->name, a->name);
    return HONE_OK;
}

static hone_status resolve(hone_training *t, const hone_config *config, hone_error *error)
{
    const hone_options *o = &t->options;
    const hone_dataset *d = t->dataset;
    hone_resolved *r = &t->resolved;
    HONE_TRY(hone_config_resolve(config, d->task, o->strict, t->arena, r, error));
    if (d->weight && !(hone_takes_under(r->algorithm, d->task, r->params) & HONE_TAKES_WEIGHTS))
        return hone_fail(error, HONE_UNSUPPORTED, "data.weight", "%s takes no sample weights",
                         r->algorithm->name);
    bool changed = false;
    HONE_TRY(satisfy_metric(t, &changed, error));
    if (o->validation == HONE_VALIDATE_OOB) /* without a bootstrap no row is out of a bag */
        HONE_TRY(set_switch(t, "bootstrap", true, &changed, error));
    if (o->validation == HONE_VALIDATE_NONE && !oob_output(r->algorithm)) /* nothing to watch */
        HONE_TRY(set_switch(t, "early_stopping", false, &changed, error));
    if (o->budget < 1) {
        const bool scaled =
            hone_params_scale(r->algorithm, r->params, d->task, o->budget, o->native_fidelity);
        t->prefix = !scaled;
        if (scaled && t->family.size < 2)
            t->family.size = 2, t->family.params = NULL; /* the next budget may follow, of
                                                            whatever values */
        changed |= scaled;
    }
    return changed ? hone_config_canonical(r->algorithm, r->params, &r->prep, d->task, t->arena,
                                           &r->json, error)
                   : HONE_OK;
}

static hone_status check_warm(const hone_training *t, hone_error *error)
{
    const hone_model *m = t->options.warm_from;
    if (!m)
        return HONE_OK;
    const hone_dataset *d = t->dataset;
    const int64_t outputs = d->task == HONE_CLASSIFICATION ? d->classes.count : 1;
    if (strcmp(m->fitted->algorithm->name, t->resolved.algorithm->name) != 0 ||
        m->task != d->task || m->fitted->shape.outputs != outputs)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.warm_from",
                         "a model of %s for another task or other classes; %s is being trained",
                         m->fitted->algorithm->name, t->resolved.algorithm->name);
    return HONE_OK;
}

/* ---- rows ---- */

static hone_status all_rows(hone_training *t, hone_rows *rows, hone_error *error)
{
    rows->count = t->dataset->table.rows;
    rows->row = HONE_RAW(t->arena, int64_t, rows->count, 1);
    if (!rows->row)
        return hone_no_memory(error);
    for (int64_t i = 0; i < rows->count; i++)
        rows->row[i] = i;
    return HONE_OK;
}

static hone_status take_prefix(hone_training *t, hone_rows *train, hone_error *error)
{
    const hone_dataset *d = t->dataset;
    const double share = (t->prefix ? t->options.budget : 1) * (t->pilot ? t->pilot->share : 1);
    if (share == 1) {
        train->count = train->row ? train->count : d->table.rows;
        return HONE_OK;
    }
    hone_rows whole = *train;
    if (!whole.row)
        HONE_TRY(all_rows(t, &whole, error));
    return hone_split_prefix(&whole, d->label, d->classes.count, share, t->split_seed, t->arena,
                             train, error);
}

static hone_status cut(hone_training *t, hone_error *error)
{
    const hone_dataset *d = t->dataset;
    const hone_options *o = &t->options;
    const int64_t n = d->table.rows;
    hone_split *s = t->split;
    switch (t->validation) {
    case HONE_VALIDATE_HOLDOUT:
        return hone_split_holdout(n, d->label, d->classes.count, o->holdout, t->split_seed,
                                  t->arena, &s->train, &s->valid, error);
    case HONE_VALIDATE_ROWS:
        return t->foreign.table.rows ? HONE_OK
                                     : hone_split_given(n, o->valid_rows, o->n_valid_rows, t->arena,
                                                        &s->train, &s->valid, error);
    case HONE_VALIDATE_FOLDS: {
        hone_rows *rows = HONE_NEW(t->arena, hone_rows, 2, t->folds);
        if (!rows)
            return hone_no_memory(error);
        HONE_TRY(hone_split_folds(n, d->label, d->classes.count, t->folds, t->split_seed, t->arena,
                                  rows, rows + t->folds, error));
        for (int32_t f = 0; f < t->folds; f++)
            s[f] = (hone_split){rows[f], rows[t->folds + f]};
        return HONE_OK;
    }
    case HONE_VALIDATE_AUTO:
    case HONE_VALIDATE_OOB:
    case HONE_VALIDATE_NONE:
        break;
    }
    return HONE_OK;
}

/* The modules are promised weights that are positive in sum. */
static hone_status check_weights(const hone_training *t, const hone_rows *train, hone_error *error)
{
    const double *w = t->dataset->weight;
    for (int64_t i = 0; w && i < train->count; i++)
        if (w[train->row ? train->row[i] : i] > 0)
            return HONE_OK;
    return w ? hone_fail(error, HONE_BAD_DATA, "data.weight",
                         "all %lld training rows of a split have weight 0", (long long)train->count)
             : HONE_OK;
}

static hone_status split_rows(hone_training *t, hone_error *error)
{
    if (t->dataset->table.rows < 2 && t->validation != HONE_VALIDATE_NONE &&
        t->validation != HONE_VALIDATE_OOB && !t->foreign.table.rows)
        return hone_fail(error, HONE_BAD_DATA, "data",
                         "one row cannot be split; give more rows or validation none");
    if (t->validation == HONE_VALIDATE_FOLDS)
        HONE_TRY(hone_split_check_folds(t->dataset->table.rows, t->folds, error));
    t->split = HONE_NEW(t->arena, hone_split, t->folds, 1);
    if (!t->split)
        return hone_no_memory(error);
    HONE_TRY(cut(t, error));
    for (int32_t f = 0; f < t->folds; f++) {
        HONE_TRY(take_prefix(t, &t->split[f].train, error));
        HONE_TRY(check_weights(t, &t->split[f].train, error));
    }
    const bool elsewhere = t->split[0].valid.row != NULL; /* some rows were not trained on */
    return t->keep && elsewhere && !t->options.no_refit ? take_prefix(t, &t->all, error) : HONE_OK;
}

/* The dataset's own validation rows, in its columns and classes. */
static hone_status take_foreign(hone_training *t, hone_error *error)
{
    const hone_dataset *d = t->dataset, *v = d->valid;
    const hone_schema schema = hone_dataset_schema(d);
    hone_foreign *f = &t->foreign;
    if (v->task != d->task)
        return hone_fail(error, HONE_BAD_DATA, "data.valid",
                         v->task ? "the target of the validation rows is of another task"
                                 : "the validation rows have no target");
    HONE_TRY(hone_dataset_align(v, &schema, t->arena, &f->table, error));
    f->target = v->target;
    f->weight = v->weight;
    if (d->task == HONE_CLASSIFICATION) {
        int32_t *label = HONE_RAW(t->arena, int32_t, f->table.rows, 1);
        if (!label)
            return hone_no_memory(error);
        hone_dataset_recode(v, &d->classes, label);
        f->label = label;
    }
    return HONE_OK;
}

static hone_status choose_validation(hone_training *t, hone_error *error)
{
    const hone_options *o = &t->options;
    if (t->dataset->valid && o->validation != HONE_VALIDATE_AUTO)
        return hone_option_refuse(
            error, "validation",
            "given, but the dataset has validation rows of its own; give one of the two");
    t->validation = o->validation;
    t->folds = o->validation == HONE_VALIDATE_FOLDS ? o->folds : 1;
    if (o->validation == HONE_VALIDATE_AUTO) {
        t->validation = t->dataset->valid ? HONE_VALIDATE_ROWS : HONE_VALIDATE_HOLDOUT;
        if (t->dataset->valid)
            HONE_TRY(take_foreign(t, error));
    }
    if (t->validation == HONE_VALIDATE_OOB && !oob_output(t->resolved.algorithm))
        return hone_fail(error, HONE_UNSUPPORTED, "options.validation", "%s has no out-of-bag rows",
                         t->resolved.algorithm->name);
    if (o->out_of_fold && (t->foreign.table.rows || t->validation == HONE_VALIDATE_NONE))
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.out_of_fold",
                         "no row of the dataset is a validation row here");
    return HONE_OK;
}

/* ---- together ---- */

hone_status hone_training_open(hone_training *t, const hone_config *config, hone_error *error)
{
    const hone_options *o = &t->options;
    t->split_seed = o->split_seed ? *o->split_seed : t->seed;
    t->keep = o->model_dir || o->keep_model;
    HONE_TRY(make_run(t, error));
    if (!t->dataset->task)
        return hone_fail(error, HONE_BAD_DATA, "data.y", "the dataset has no target");
    HONE_TRY(resolve(t, config, error));
    HONE_TRY(check_warm(t, error));
    HONE_TRY(choose_validation(t, error));
    HONE_TRY(split_rows(t, error));
    if (o->model_dir)
        HONE_TRY(hone_directory_make(o->model_dir, error));
    t->result = hone_result_new(t->resolved.algorithm, t->dataset->task, t->folds);
    if (!t->result)
        return hone_no_memory(error);
    t->result->warm =
        o->warm_from || (o->warm_start && t->resolved.algorithm->takes & HONE_STARTS_WARM);
    return HONE_OK;
}

void hone_training_close(hone_training *t)
{
    hone_candidate_drop(&t->candidate);
    hone_result_free(t->result);
    hone_arena_close(t->arena);
}
