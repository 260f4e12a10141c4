/* One fold: prepare, fit on the training rows, have the model judged, keep it when it is wanted.
 *
 * A limit (deadline, work) that comes before a first usable state is answered by the constant
 * model, so that the loss is always finite.
 */
#include <math.h>

#include "base/hash.h"
#include "core/catalog.h"
#include "core/fold.h"
#include "core/schema.h"
#include "core/state.h"

static const double FIT_SHARE = 0.9; /* of a fold's progress */

static void close_fit(hone_fitting *f)
{
    if (f->door_open)
        hone_shared_release(&f->door);
    if (f->table.cache)
        hone_shared_release(&f->table);
    hone_fitted_free(f->fitted);
    f->fitted = NULL;
    f->door_open = false;
}

bool hone_is_finishing(const hone_training *t)
{
    return atomic_load(&t->stop) == HONE_FINISH;
}

/* ---- fit ---- */

/* A class of the validation set that the dataset does not have cannot guide a fit. */
static bool knows_all(const hone_foreign *v)
{
    for (int64_t i = 0; v->label && i < v->table.rows; i++)
        if (v->label[i] < 0)
            return false;
    return true;
}

/* Limits do not hold for the constant model: it is what they are answered with. */
static const hone_run *run_of(const hone_fitting *f)
{
    return f->constant ? &f->t->judging : &f->t->run;
}

/* Under limits rows are judged by many calls. */
static bool is_passing(const hone_fitting *f)
{
    return !f->kept && f->t->validation != HONE_VALIDATE_OOB && !hone_is_paced(f->t);
}

static hone_trial trial_of(const hone_fitting *f)
{
    const hone_training *t = f->t;
    const hone_dataset *d = t->dataset;
    const hone_prepared *p = &f->prepared;
    return (hone_trial){.algorithm = f->algorithm,
                        .params = f->params,
                        .shape = p->shape,
                        .table = p->table,
                        .table_id = p->table_id,
                        .rows = f->train.row,
                        .n_rows = f->train.count,
                        .label = d->label,
                        .weight = d->weight,
                        .labels_id = d->labels_id,
                        .valid = f->valid.row,
                        .n_valid = f->valid.count,
                        .siblings = t->family.size,
                        .family = t->family.params,
                        .passing = is_passing(f),
                        .times = t->pilot ? t->pilot->times : 0,
                        .more = t->family.more,
                        .warm_start = t->options.warm_start,
                        .seed = t->seed,
                        .run = run_of(f)};
}

/* The target in the model's units, and an identity that knows them. */
static hone_status lend_target(hone_fitting *f, hone_trial *trial, hone_error *error)
{
    const hone_dataset *d = f->t->dataset;
    hone_pipeline *p = &f->prepared.pipeline;
    if (!d->target)
        return HONE_OK;
    HONE_TRY(hone_prepare_target(d, f->prep, f->train.row, f->train.count, f->arena, p,
                                 &trial->target, error));
    const double units[] = {p->target_mean, p->target_scale};
    if (trial->target != d->target)
        trial->labels_id = hone_hash(d->labels_id, units, sizeof units);
    return HONE_OK;
}

/* Validation rows of another table, for early stopping. */
static hone_status lend_foreign(hone_fitting *f, hone_trial *trial, hone_error *error)
{
    const hone_foreign *v = &f->t->foreign;
    const hone_pipeline *p = &f->prepared.pipeline;
    HONE_TRY(hone_pipeline_apply(p, &v->table, run_of(f), f->arena, &f->foreign, error));
    if (!knows_all(v))
        return HONE_OK;
    trial->other = f->foreign;
    trial->other_label = v->label, trial->other_weight = v->weight;
    trial->other_target = v->target;
    if (!v->target || (p->target_mean == 0 && p->target_scale == 1))
        return HONE_OK;
    double *scaled = HONE_RAW(f->arena, double, v->table.rows, 1);
    if (!scaled)
        return hone_no_memory(error);
    for (int64_t i = 0; i < v->table.rows; i++)
        scaled[i] = (v->target[i] - p->target_mean) / p->target_scale;
    trial->other_target = scaled;
    return HONE_OK;
}

static hone_status lend_warm(const hone_fitting *f, hone_trial *trial, hone_error *error)
{
    const hone_model *warm = f->constant ? NULL : f->t->options.warm_from;
    if (!warm)
        return HONE_OK;
    const int64_t has = warm->fitted->shape.features, needs = trial->shape.features;
    if (has != needs && f->t->dataset->categories) {
        hone_training_log(f->t, HONE_INFO,
                          "cold start: the model that was given knows other levels, %lld columns "
                          "after preprocessing and not %lld",
                          (long long)has, (long long)needs);
        return HONE_OK;
    }
    if (has != needs)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.warm_from",
                         "the model has %lld columns after preprocessing, this fit %lld",
                         (long long)has, (long long)needs);
    trial->warm_params = warm->fitted->params;
    trial->warm_state = warm->fitted->state;
    trial->warm_same_table = warm->fingerprint == f->t->dataset->fingerprint &&
                             warm->trained_rows == f->t->dataset->table.rows;
    return HONE_OK;
}

static hone_status fit(hone_fitting *f, hone_error *error)
{
    hone_training *t = f->t;
    const hone_dataset *d = t->dataset;
    f->table = (hone_shared){.cache = d->cache, .account = &t->account};
    f->table.job.run = run_of(f);
    HONE_TRY(hone_prepare(d, f->algorithm, f->params, f->prep, f->train.row, f->train.count,
                          &f->table, &f->prepared, error));
    hone_trial trial = trial_of(f);
    HONE_TRY(lend_warm(f, &trial, error));
    HONE_TRY(lend_target(f, &trial, error));
    if (t->foreign.table.rows)
        HONE_TRY(lend_foreign(f, &trial, error));
    const hone_status status =
        hone_trial_fit_open(&trial, d->cache, f->arena, &f->door, &f->fitted, error);
    f->door_open = !status;
    return status;
}

/* Class shares or the mean, in place of a model that a limit left without a state. */
hone_status hone_fit_constant(hone_fitting *f, hone_error *error)
{
    hone_training *t = f->t;
    hone_config *config;
    hone_resolved *r = HONE_NEW(t->arena, hone_resolved, 1, 1);
    if (!r)
        return hone_no_memory(error);
    HONE_TRY(hone_config_new(&config, error));
    hone_status status = hone_config_set_text(config, "model", hone_constant.name, error);
    if (!status)
        status = hone_config_resolve(config, t->dataset->task, false, t->arena, r, error);
    hone_config_free(config);
    HONE_TRY(status);
    close_fit(f);
    f->algorithm = r->algorithm, f->params = r->params, f->prep = &r->prep, f->config = r->json;
    f->constant = true;
    return fit(f, error);
}

static hone_status fit_or_constant(hone_fitting *f, hone_error *error)
{
    hone_training *t = f->t;
    if (hone_stopping(&t->run) != HONE_FINISH) {
        const hone_status status = fit(f, error);
        if (status != HONE_STOPPED || !hone_is_finishing(t))
            return status;
    }
    hone_training_log(t, HONE_WARNING, "stopped before a first state: the constant model answers");
    return hone_fit_constant(f, error);
}

/* ---- keep ---- */

double hone_fitted_bytes(const hone_fitted *f)
{
    return (double)hone_state_save(f->algorithm->state, &f->shape, f->state, NULL);
}

void hone_candidate_drop(hone_candidate *c)
{
    hone_fitted_free(c->fitted);
    hone_arena_close(c->memory);
    *c = (hone_candidate){0};
}

static hone_status fill_candidate(const hone_fitting *f, hone_candidate *c, hone_error *error)
{
    const hone_known *known = f->prepared.pipeline.known;
    hone_schema schema = hone_dataset_schema(f->t->dataset), own;
    c->config = hone_arena_text(c->memory, f->config);
    if (!c->config)
        return hone_no_memory(error);
    if (known) {
        schema.column = known->column;
        if (!hone_schema_copy(&schema, c->memory, &own))
            return hone_no_memory(error);
        c->column = own.column;
    }
    return hone_pipeline_copy(&f->prepared.pipeline, c->memory, &c->pipeline, error);
}

static hone_status keep_fit(hone_fitting *f, bool refit, hone_candidate *to, hone_error *error)
{
    hone_candidate c = {.memory = hone_arena_open(NULL),
                        .rows = f->train.count,
                        .refit = refit,
                        .constant = f->constant};
    if (!c.memory)
        return hone_no_memory(error);
    const hone_status status = fill_candidate(f, &c, error);
    if (status) {
        hone_candidate_drop(&c);
        return status;
    }
    c.fitted = f->fitted;
    f->fitted = NULL;
    hone_candidate_drop(to);
    *to = c;
    return HONE_OK;
}

/* ---- together ---- */

static hone_status open_fit(hone_training *t, hone_fitting *f, hone_error *error)
{
    const hone_resolved *r = &t->resolved;
    *f = (hone_fitting){.t = t,
                        .algorithm = r->algorithm,
                        .params = r->params,
                        .prep = &r->prep,
                        .config = r->json,
                        .arena = hone_arena_open(&t->account)};
    return f->arena ? HONE_OK : hone_no_memory(error);
}

static void end_fit(hone_fitting *f)
{
    close_fit(f);
    hone_arena_close(f->arena);
}

/* A pilot tells how its training would grow. */
static void tell_pilot(hone_fitting *f, hone_pilot *pilot)
{
    const hone_algorithm *a = f->algorithm;
    hone_fit_job job = f->door.job;
    job.params = f->params, job.shared = &f->door, job.scratch = f->arena;
    pilot->prepared = f->table.seconds;
    pilot->growth = a->growth ? a->growth(&job, f->fitted->state, pilot->times) : NAN;
    pilot->steps = a->steps ? a->steps(&job) : INFINITY;
}

static hone_status fit_and_judge(hone_fitting *f, int32_t fold, hone_candidate *keep,
                                 hone_error *error)
{
    hone_training *t = f->t;
    hone_result *r = t->result;
    const int64_t start = hone_clock();
    hone_training_stage(t, "fit", fold, 0, FIT_SHARE);
    HONE_TRY(fit_or_constant(f, error));
    const int64_t fitted = hone_clock();
    if (t->options.unjudged && t->validation == HONE_VALIDATE_NONE) {
        hone_result_put(r, "partial", fold, 0);
    } else {
        hone_training_stage(t, "judge", fold, FIT_SHARE, 1);
        HONE_TRY(hone_judge(f, fold, error));
    }
    hone_result_put(r, "fit_seconds", fold, (double)(fitted - start) * 1e-9);
    hone_result_put(r, "predict_seconds", fold, (double)(hone_clock() - fitted) * 1e-9);
    hone_result_put(r, "shared_seconds", fold, f->table.seconds + f->door.seconds);
    hone_result_put(r, "trained_rows", fold, (double)f->train.count);
    hone_result_put(r, "constant", fold, f->constant);
    hone_result_put(r, "model_bytes", fold, hone_fitted_bytes(f->fitted));
    if (!f->constant)
        hone_result_put_state(r, fold, f->algorithm, f->fitted->state);
    if (t->pilot && fold == 0)
        tell_pilot(f, t->pilot);
    return keep ? keep_fit(f, false, keep, error) : HONE_OK;
}

/* A caller's stop that came while predicting counts for the whole run. */
static void join_stops(hone_training *t)
{
    if (atomic_load(&t->judge_stop) == HONE_CANCEL)
        atomic_store(&t->stop, HONE_CANCEL);
}

hone_status hone_fold_run(hone_training *t, int32_t fold, hone_candidate *keep, hone_error *error)
{
    hone_fitting f;
    HONE_TRY(open_fit(t, &f, error));
    f.train = t->split[fold].train, f.valid = t->split[fold].valid;
    f.kept = keep != NULL;
    const hone_status status = fit_and_judge(&f, fold, keep, error);
    join_stops(t);
    end_fit(&f);
    return status;
}

hone_status hone_fold_refit(hone_training *t, hone_candidate *keep, hone_error *error)
{
    hone_fitting f;
    HONE_TRY(open_fit(t, &f, error));
    f.train = t->all;
    f.kept = true;
    hone_training_stage(t, "refit", t->folds, 0, 1);
    hone_status status = fit(&f, error);
    if (!status && hone_stopping(&t->run) != HONE_GO)
        status = hone_fail(error, HONE_STOPPED, "run", "a limit ended the fit of all rows");
    if (!status)
        status = keep_fit(&f, true, keep, error);
    end_fit(&f);
    return status;
}
