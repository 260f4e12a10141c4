/* One fold: prepare, fit on the training rows, judge on the validation rows.
 *
 * A limit (deadline, work) that comes before a first usable state is answered by the constant
 * model, so that the loss is always finite. Limits also cut the predictions short: rows are then
 * judged in a seeded order, and the loss is that of the rows done.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "core/catalog.h"
#include "core/state.h"
#include "core/training.h"
#include "toolbox/random.h"

enum {
    GRACE = 50000000,       /* nanoseconds that predictions may go on after the deadline */
    PACE = 20000000,        /* nanoseconds that a block of predictions should take */
    FIRST_BLOCK = 16,       /* rows, when a deadline is set */
    WORK_BLOCK = 256,       /* rows, when only a work limit is: a fixed cut */
    WORK_GRACE = 4,         /* predictions may go on by a quarter of the work limit */
    ORDER_KEY = 0x6f726472, /* of the seeded order */
};

static const double FIT_SHARE = 0.9; /* of a fold's progress */

/* A fit and everything it stands on. */
typedef struct fitting {
    hone_training *t;
    const hone_algorithm *algorithm;
    const void *params;
    const hone_prep_params *prep;
    const char *config;
    hone_rows train, valid;
    hone_matrix foreign; /* validation rows of the dataset's own validation set, prepared */
    hone_arena *arena;
    hone_shared table, door; /* pins of the prepared table, and of the fit */
    bool door_open;
    hone_prepared prepared;
    hone_fitted *fitted;
    bool constant;
} fitting;

static void close_fit(fitting *f)
{
    if (f->door_open)
        hone_shared_release(&f->door);
    if (f->table.cache)
        hone_shared_release(&f->table);
    hone_fitted_free(f->fitted);
    f->fitted = NULL;
    f->door_open = false;
}

static bool finishing(const hone_training *t)
{
    return atomic_load(&t->stop) == HONE_FINISH;
}

/* ---- fit ---- */

/* Validation rows of another table, with the target in the model's units. */
static hone_status lend_foreign(fitting *f, const hone_prepared *p, hone_trial *trial,
                                hone_error *error)
{
    const hone_foreign *v = &f->t->foreign;
    HONE_TRY(
        hone_pipeline_apply(&p->pipeline, &v->table, &f->t->run, f->arena, &f->foreign, error));
    trial->other = f->foreign;
    trial->other_label = v->label, trial->other_weight = v->weight;
    trial->other_target = v->target;
    if (!v->target || (p->pipeline.target_mean == 0 && p->pipeline.target_scale == 1))
        return HONE_OK;
    double *scaled = HONE_RAW(f->arena, double, v->table.rows, 1);
    if (!scaled)
        return hone_no_memory(error);
    for (int64_t i = 0; i < v->table.rows; i++)
        scaled[i] = (v->target[i] - p->pipeline.target_mean) / p->pipeline.target_scale;
    trial->other_target = scaled;
    return HONE_OK;
}

/* A class of the validation set that the dataset does not have cannot guide a fit. */
static bool knows_all(const hone_foreign *v)
{
    for (int64_t i = 0; v->label && i < v->table.rows; i++)
        if (v->label[i] < 0)
            return false;
    return true;
}

static hone_status fit(fitting *f, hone_error *error)
{
    hone_training *t = f->t;
    const hone_dataset *d = t->dataset;
    hone_prepared *p = &f->prepared;
    const hone_model *warm = f->constant ? NULL : t->options.warm_from;
    f->table = (hone_shared){.cache = d->cache, .account = &t->account};
    f->table.job.run = &t->run;
    HONE_TRY(
        hone_prepare(d, f->algorithm, f->prep, f->train.row, f->train.count, &f->table, p, error));
    hone_trial trial = {.algorithm = f->algorithm,
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
                        .siblings = t->siblings,
                        .seed = t->seed,
                        .run = &t->run};
    if (warm)
        trial.warm_params = warm->fitted->params, trial.warm_state = warm->fitted->state;
    if (warm && warm->fitted->shape.features != p->shape.features)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.warm_from",
                         "the model has %lld columns after preprocessing, this fit %lld",
                         (long long)warm->fitted->shape.features, (long long)p->shape.features);
    if (d->target) {
        HONE_TRY(hone_prepare_target(d, f->prep, f->train.row, f->train.count, f->arena,
                                     &p->pipeline, &trial.target, error));
        const double units[] = {p->pipeline.target_mean, p->pipeline.target_scale};
        if (trial.target != d->target)
            trial.labels_id = hone_hash(d->labels_id, units, sizeof units);
    }
    if (t->foreign.table.rows) {
        HONE_TRY(lend_foreign(f, p, &trial, error));
        if (!knows_all(&t->foreign))
            trial.other.rows = 0;
    }
    const hone_status status =
        hone_trial_fit_open(&trial, d->cache, f->arena, &f->door, &f->fitted, error);
    f->door_open = !status;
    return status;
}

/* Class shares or the mean, in place of a model that a limit left without a state. */
static hone_status fit_constant(fitting *f, hone_error *error)
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
    hone_training_log(t, HONE_WARNING, "stopped before a first state: the constant model answers");
    f->algorithm = r->algorithm, f->params = r->params, f->prep = &r->prep, f->config = r->json;
    f->constant = true;
    return fit(f, error);
}

static hone_status fit_or_constant(fitting *f, hone_error *error)
{
    hone_training *t = f->t;
    if (hone_stopping(&t->run) == HONE_FINISH)
        return fit_constant(f, error);
    const hone_status status = fit(f, error);
    return status == HONE_STOPPED && finishing(t) ? fit_constant(f, error) : status;
}

/* ---- predict ---- */

/* The rows that are judged, the truth about them, and what the model says. */
typedef struct jury {
    hone_matrix x;
    hone_shared *door; /* NULL: the rows are of another table */
    const hone_rows *rows;
    hone_judged judged;
    double *score;
    bool *done; /* NULL: all */
} jury;

static bool gather(hone_arena *arena, const hone_dataset *d, const hone_rows *rows, hone_judged *j)
{
    int32_t *label = d->label ? HONE_RAW(arena, int32_t, rows->count, 1) : NULL;
    double *target = d->target ? HONE_RAW(arena, double, rows->count, 1) : NULL;
    double *weight = d->weight ? HONE_RAW(arena, double, rows->count, 1) : NULL;
    if ((d->label && !label) || (d->target && !target) || (d->weight && !weight))
        return false;
    for (int64_t i = 0; i < rows->count; i++) {
        const int64_t r = rows->row ? rows->row[i] : i;
        if (label)
            label[i] = d->label[r];
        if (target)
            target[i] = d->target[r];
        if (weight)
            weight[i] = d->weight[r];
    }
    j->label = label, j->target = target, j->weight = weight;
    return true;
}

static hone_status call_jury(fitting *f, jury *j, hone_error *error)
{
    const hone_training *t = f->t;
    *j = (jury){.x = f->prepared.table};
    j->judged.outputs = f->prepared.shape.outputs;
    if (f->foreign.rows) {
        j->x = f->foreign;
        j->judged.label = t->foreign.label, j->judged.target = t->foreign.target;
        j->judged.weight = t->foreign.weight;
    } else {
        j->rows = f->valid.row ? &f->valid : &f->train;
        j->x.rows = j->rows->count, j->x.row = j->rows->row;
        j->door = &f->door;
        if (!gather(f->arena, t->dataset, j->rows, &j->judged))
            return hone_no_memory(error);
    }
    j->judged.rows = j->x.rows;
    j->score = HONE_RAW(f->arena, double, j->x.rows, j->judged.outputs);
    j->judged.score = j->score;
    return j->score ? HONE_OK : hone_no_memory(error);
}

/* Whether predictions have to end. */
static bool out_of_time(const hone_training *t)
{
    const hone_options *o = &t->options;
    if (o->work_limit && atomic_load(&t->work) >= o->work_limit + o->work_limit / WORK_GRACE)
        return true;
    return t->deadline && hone_clock() > t->deadline + GRACE;
}

static hone_status predict_block(fitting *f, const jury *j, const int64_t *at, int64_t count,
                                 hone_arena *scratch, hone_error *error)
{
    const int64_t c = j->judged.outputs;
    int64_t *row = HONE_RAW(scratch, int64_t, count, 1);
    double *score = HONE_RAW(scratch, double, count, c);
    if (!row || !score)
        return hone_no_memory(error);
    for (int64_t i = 0; i < count; i++)
        row[i] = hone_row_id(&j->x, at[i]);
    hone_matrix x = j->x;
    x.row = row, x.rows = count;
    HONE_TRY(hone_fitted_predict(f->fitted, &x, &f->t->judging, j->door, score, error));
    for (int64_t i = 0; i < count; i++) {
        memcpy(j->score + at[i] * c, score + i * c, (size_t)c * sizeof *score);
        j->done[at[i]] = true;
    }
    return HONE_OK;
}

/* Under a limit: blocks of rows in a seeded order. */
static hone_status predict_paced(fitting *f, jury *j, hone_arena *scratch, hone_error *error)
{
    hone_training *t = f->t;
    const int64_t m = j->x.rows;
    int64_t *order = HONE_RAW(f->arena, int64_t, m, 1);
    j->done = HONE_NEW(f->arena, bool, m, 1);
    if (!order || !j->done)
        return hone_no_memory(error);
    for (int64_t i = 0; i < m; i++)
        order[i] = i;
    hone_stream s = hone_stream_of(t->split_seed, ORDER_KEY, (uint64_t)m);
    hone_shuffle(&s, order, m);
    int64_t block = t->deadline ? FIRST_BLOCK : WORK_BLOCK;
    for (int64_t at = 0; at < m && (at == 0 || !out_of_time(t));) {
        const int64_t count = block < m - at ? block : m - at, start = hone_clock();
        HONE_TRY(predict_block(f, j, order + at, count, scratch, error));
        hone_arena_reset(scratch);
        at += count;
        if (t->deadline && hone_clock() - start < PACE)
            block *= 2;
        hone_progress(&t->judging, (double)at / (double)m);
    }
    return HONE_OK;
}

static hone_status predict_oob(fitting *f, jury *j, hone_error *error)
{
    const hone_output *o = f->algorithm->outputs;
    while (strcmp(o->name, "oob_score") != 0)
        o++;
    const hone_training *t = f->t;
    const hone_output_job job = {.x = j->x,
                                 .label = f->door.job.label,
                                 .target = f->door.job.target,
                                 .weight = f->door.job.weight,
                                 .shape = f->prepared.shape,
                                 .params = f->fitted->params,
                                 .state = f->fitted->state,
                                 .seed = t->seed,
                                 .run = &t->judging,
                                 .scratch = f->arena};
    HONE_TRY(o->compute(&job, j->score, error));
    const int64_t m = j->x.rows, c = j->judged.outputs;
    j->done = HONE_NEW(f->arena, bool, m, 1);
    for (int64_t i = 0; j->done && i < m; i++)
        j->done[i] = !isnan(j->score[i * c]);
    return j->done ? HONE_OK : hone_no_memory(error);
}

static hone_status predict(fitting *f, jury *j, hone_error *error)
{
    hone_training *t = f->t;
    if (t->validation == HONE_VALIDATE_OOB && !f->constant)
        return predict_oob(f, j, error);
    f->door.job.run = &t->judging;
    if (!t->deadline && !t->run.work_limit)
        return hone_fitted_predict(f->fitted, &j->x, &t->judging, j->door, j->score, error);
    hone_arena *scratch = hone_arena_open(&t->account);
    const hone_status status =
        scratch ? predict_paced(f, j, scratch, error) : hone_no_memory(error);
    hone_arena_close(scratch);
    return status;
}

/* ---- judge ---- */

static void undo_target(const hone_pipeline *p, const jury *j)
{
    if (p->target_mean == 0 && p->target_scale == 1)
        return;
    for (int64_t i = 0; i < j->judged.rows * j->judged.outputs; i++)
        j->score[i] = p->target_mean + p->target_scale * j->score[i];
}

/* Scores of validation rows go out by row of the dataset. */
static void give_out_of_fold(const hone_training *t, const jury *j)
{
    const int64_t c = j->judged.outputs;
    for (int64_t i = 0; t->options.out_of_fold && i < j->judged.rows; i++)
        if (!j->done || j->done[i])
            memcpy(t->options.out_of_fold + (j->rows->row ? j->rows->row[i] : i) * c,
                   j->score + i * c, (size_t)c * sizeof(double));
}

/* Leaves out the rows that have no score; their order stays. The truth is the jury's own copy, or
 * copied here when it is the dataset's. */
static bool keep_done(fitting *f, jury *j)
{
    hone_judged *g = &j->judged;
    const int64_t m = g->rows, c = g->outputs;
    int32_t *label = g->label ? HONE_RAW(f->arena, int32_t, m, 1) : NULL;
    double *target = g->target ? HONE_RAW(f->arena, double, m, 1) : NULL;
    double *weight = g->weight ? HONE_RAW(f->arena, double, m, 1) : NULL;
    if ((g->label && !label) || (g->target && !target) || (g->weight && !weight))
        return false;
    int64_t k = 0;
    for (int64_t i = 0; i < m; i++) {
        if (!j->done[i])
            continue;
        memmove(j->score + k * c, j->score + i * c, (size_t)c * sizeof(double));
        if (label)
            label[k] = g->label[i];
        if (target)
            target[k] = g->target[i];
        if (weight)
            weight[k] = g->weight[i];
        k++;
    }
    g->rows = k, g->label = label, g->target = target, g->weight = weight;
    return true;
}

static hone_status measure(fitting *f, const jury *j, int32_t fold, hone_error *error)
{
    hone_training *t = f->t;
    const bool probabilities =
        hone_gives_probabilities(f->algorithm, f->fitted->params, t->dataset->task);
    for (const hone_metric *m = hone_metrics; m->name; m++) {
        const bool asked = m == t->metric;
        if (m->task != t->dataset->task ||
            (!asked && (t->only_loss || finishing(t) ||
                        (m->needs == HONE_NEEDS_PROBABILITIES && !probabilities))))
            continue;
        bool undefined = false, no_memory = false;
        double value = m->value(&j->judged, f->arena, &undefined, &no_memory);
        if (no_memory)
            return hone_no_memory(error);
        hone_result_put(t->result, m->name, fold, value);
        if (undefined && asked)
            hone_training_log(t, HONE_WARNING,
                              "%s is not defined on these rows; its worst value is taken", m->name);
        if (asked)
            hone_result_put(t->result, "loss", fold, hone_metric_loss(m, value));
    }
    return HONE_OK;
}

static hone_status judge(fitting *f, int32_t fold, hone_error *error)
{
    hone_training *t = f->t;
    jury j;
    HONE_TRY(call_jury(f, &j, error));
    HONE_TRY(predict(f, &j, error));
    undo_target(&f->prepared.pipeline, &j);
    give_out_of_fold(t, &j);
    const int64_t asked = j.judged.rows;
    if (j.done && !keep_done(f, &j))
        return hone_no_memory(error);
    if (!j.judged.rows) { /* every row was in every bag */
        HONE_TRY(fit_constant(f, error));
        return judge(f, fold, error);
    }
    const bool partial = t->validation != HONE_VALIDATE_OOB && j.judged.rows < asked;
    hone_result_put(t->result, "judged_rows", fold, (double)j.judged.rows);
    hone_result_put(t->result, "partial", fold, partial);
    if (partial)
        hone_training_log(t, HONE_WARNING, "a limit left %lld of %lld rows to judge",
                          (long long)j.judged.rows, (long long)asked);
    return measure(f, &j, fold, error);
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

static hone_status keep_fit(fitting *f, bool refit, hone_candidate *to, hone_error *error)
{
    hone_candidate c = {.memory = hone_arena_open(NULL),
                        .rows = f->train.count,
                        .refit = refit,
                        .constant = f->constant};
    if (!c.memory)
        return hone_no_memory(error);
    c.config = hone_arena_text(c.memory, f->config);
    const hone_status status =
        c.config ? hone_pipeline_copy(&f->prepared.pipeline, c.memory, &c.pipeline, error)
                 : hone_no_memory(error);
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

static hone_status open_fit(hone_training *t, fitting *f, hone_error *error)
{
    const hone_resolved *r = &t->resolved;
    *f = (fitting){.t = t,
                   .algorithm = r->algorithm,
                   .params = r->params,
                   .prep = &r->prep,
                   .config = r->json,
                   .arena = hone_arena_open(&t->account)};
    return f->arena ? HONE_OK : hone_no_memory(error);
}

static void end_fit(fitting *f)
{
    close_fit(f);
    hone_arena_close(f->arena);
}

static hone_status fit_and_judge(fitting *f, int32_t fold, hone_candidate *keep, hone_error *error)
{
    hone_training *t = f->t;
    hone_result *r = t->result;
    const int64_t start = hone_clock();
    hone_training_stage(t, "fit", fold, 0, FIT_SHARE);
    HONE_TRY(fit_or_constant(f, error));
    const int64_t fitted = hone_clock();
    hone_training_stage(t, "judge", fold, FIT_SHARE, 1);
    HONE_TRY(judge(f, fold, error));
    hone_result_put(r, "fit_seconds", fold, (double)(fitted - start) * 1e-9);
    hone_result_put(r, "predict_seconds", fold, (double)(hone_clock() - fitted) * 1e-9);
    hone_result_put(r, "shared_seconds", fold, f->table.seconds + f->door.seconds);
    hone_result_put(r, "trained_rows", fold, (double)f->train.count);
    hone_result_put(r, "constant", fold, f->constant);
    hone_result_put(r, "model_bytes", fold, hone_fitted_bytes(f->fitted));
    if (!f->constant)
        hone_result_put_state(r, fold, f->algorithm, f->fitted->state);
    return keep ? keep_fit(f, false, keep, error) : HONE_OK;
}

/* A caller's stop that came while predicting counts for the whole run. */
static void join_stops(hone_training *t)
{
    if (atomic_load(&t->judge_stop) == HONE_ABANDON)
        atomic_store(&t->stop, HONE_ABANDON);
}

hone_status hone_fold_run(hone_training *t, int32_t fold, hone_candidate *keep, hone_error *error)
{
    fitting f;
    HONE_TRY(open_fit(t, &f, error));
    f.train = t->split[fold].train, f.valid = t->split[fold].valid;
    const hone_status status = fit_and_judge(&f, fold, keep, error);
    join_stops(t);
    end_fit(&f);
    return status;
}

hone_status hone_fold_refit(hone_training *t, hone_candidate *keep, hone_error *error)
{
    fitting f;
    HONE_TRY(open_fit(t, &f, error));
    f.train = t->all;
    hone_training_stage(t, "refit", t->folds, 0, 1);
    hone_status status = fit(&f, error);
    if (!status && hone_stopping(&t->run) != HONE_GO)
        status = hone_fail(error, HONE_STOPPED, "run", "a limit ended the fit of all rows");
    if (!status)
        status = keep_fit(&f, true, keep, error);
    end_fit(&f);
    return status;
}
