/* Judging a fit: scores of the validation rows, and the metrics over them.
 *
 * Limits cut predictions short as well: rows are then taken in a seeded order, and the loss is that
 * of the rows done. Without a limit, and when a deadline turns out to be far away, all rows are
 * predicted by one call, which may share its work with other trials; the bits are the same.
 */
#include <math.h>
#include <string.h>

#include "core/fold.h"
#include "toolbox/random.h"

enum {
    GRACE = 30000000,       /* nanoseconds that predictions may go on after the deadline */
    PACE = 10000000,        /* nanoseconds that a block of predictions should take */
    PROBE = 20000000,       /* and after which their speed is known */
    FIRST_BLOCK = 1,        /* rows, when a deadline is set: one may take long */
    WORK_BLOCK = 256,       /* rows, when only a work limit is: a fixed cut */
    WORK_GRACE = 4,         /* predictions may go on by a quarter of the work limit */
    ORDER_KEY = 0x6f726472, /* of the seeded order */
};

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

static hone_status call_jury(hone_fitting *f, jury *j, hone_error *error)
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

/* Whether predictions have to end. To be asked to finish is a deadline that passes now. */
static bool out_of_time(hone_training *t)
{
    const hone_options *o = &t->options;
    const int64_t now = hone_clock();
    if (hone_is_set(o->finish) && (!t->deadline || t->deadline > now))
        t->deadline = now;
    if (o->work_limit && atomic_load(&t->work) >= o->work_limit + o->work_limit / WORK_GRACE)
        return true;
    return t->deadline && now > t->deadline + GRACE;
}

static hone_status predict_block(hone_fitting *f, const jury *j, const int64_t *at, int64_t count,
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
    HONE_TRY(hone_fitted_predict(f->fitted, &x, &f->t->judging, NULL, score, error));
    for (int64_t i = 0; i < count; i++) {
        memcpy(j->score + at[i] * c, score + i * c, (size_t)c * sizeof *score);
        j->done[at[i]] = true;
    }
    return HONE_OK;
}

/* Whether half of the time that is left is enough for all rows at the speed of the first `at`. */
static bool has_time(const hone_training *t, int64_t begun, int64_t at, int64_t rows)
{
    const int64_t now = hone_clock(), spent = now - begun;
    return t->deadline && !t->options.work_limit && spent >= PROBE &&
           (double)spent * (double)rows / (double)at < (double)(t->deadline - now) / 2;
}

/* All rows by one call, if it ends before the deadline: `done` is NULL then. Neither that nor a
 * memory cap which has no room for it is a failure: the rows go on in blocks. */
static hone_status predict_in_time(hone_fitting *f, jury *j, hone_arena *scratch, hone_error *error)
{
    hone_training *t = f->t;
    hone_run *run = &t->judging;
    const int64_t m = j->x.rows, c = j->judged.outputs;
    double *score = HONE_RAW(scratch, double, m, c);
    if (!score)
        return HONE_OK;
    run->deadline = t->deadline, run->finish = t->options.finish, run->whole = true;
    const hone_status status = hone_fitted_predict(f->fitted, &j->x, run, j->door, score, error);
    run->deadline = 0, run->finish = NULL, run->whole = false;
    int late = HONE_FINISH;
    const bool stopped = atomic_compare_exchange_strong(&t->judge_stop, &late, HONE_GO);
    if (status == HONE_NO_MEMORY || (status == HONE_STOPPED && stopped))
        return HONE_OK;
    HONE_TRY(status);
    memcpy(j->score, score, (size_t)(m * c) * sizeof *score);
    j->done = NULL;
    return HONE_OK;
}

/* Under a limit: blocks of rows in a seeded order, without what would predict all rows at once. */
static hone_status predict_paced(hone_fitting *f, jury *j, hone_arena *scratch, hone_error *error)
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
    int64_t block = t->deadline || hone_is_set(t->options.finish) ? FIRST_BLOCK : WORK_BLOCK;
    const int64_t begun = hone_clock();
    bool tried = false;
    for (int64_t at = 0; at < m && (at == 0 || !out_of_time(t));) {
        const int64_t count = block < m - at ? block : m - at, start = hone_clock();
        HONE_TRY(predict_block(f, j, order + at, count, scratch, error));
        hone_arena_reset(scratch);
        at += count;
        if (t->deadline && hone_clock() - start < PACE)
            block *= 2;
        hone_progress(&t->judging, (double)at / (double)m);
        if (!tried && j->door && has_time(t, begun, at, m)) {
            tried = true;
            HONE_TRY(predict_in_time(f, j, scratch, error));
            hone_arena_reset(scratch);
            if (!j->done)
                break;
        }
    }
    return HONE_OK;
}

static hone_status predict_oob(hone_fitting *f, jury *j, hone_error *error)
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

/* All rows by one call; HONE_STOPPED also when the caller asks to finish. */
static hone_status predict_whole(hone_fitting *f, jury *j, hone_error *error)
{
    hone_run *run = &f->t->judging;
    run->finish = f->t->options.finish, run->hurry = true;
    const hone_status status = hone_fitted_predict(f->fitted, &j->x, run, j->door, j->score, error);
    run->finish = NULL, run->hurry = false;
    return status;
}

bool hone_is_paced(const hone_training *t)
{
    return t->deadline || t->options.work_limit || hone_is_set(t->options.finish);
}

static hone_status predict(hone_fitting *f, jury *j, hone_error *error)
{
    hone_training *t = f->t;
    if (t->validation == HONE_VALIDATE_OOB && !f->constant)
        return predict_oob(f, j, error);
    f->door.job.run = &t->judging;
    if (!hone_is_paced(t)) {
        const hone_status status = predict_whole(f, j, error);
        if (status != HONE_STOPPED || !hone_is_set(t->options.finish))
            return status;
        atomic_store(&t->judge_stop, HONE_GO);
    }
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
static bool keep_done(hone_fitting *f, jury *j)
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

static hone_status measure(hone_fitting *f, jury *j, int32_t fold, hone_error *error)
{
    hone_training *t = f->t;
    if (!hone_judged_say(&j->judged, f->arena))
        return hone_no_memory(error);
    const bool probabilities =
        hone_gives_probabilities(f->algorithm, f->fitted->params, t->dataset->task);
    for (const hone_metric *m = hone_metrics; m->name; m++) {
        const bool asked = m == t->metric;
        if (m->task != t->dataset->task ||
            (!asked && (t->only_loss || hone_is_finishing(t) ||
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

hone_status hone_judge(hone_fitting *f, int32_t fold, hone_error *error)
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
    if (!j.judged.rows) {
        hone_training_log(t, HONE_WARNING, "every row is in every bag: the constant model answers");
        HONE_TRY(hone_fit_constant(f, error));
        return hone_judge(f, fold, error);
    }
    const bool partial = t->validation != HONE_VALIDATE_OOB && j.judged.rows < asked;
    hone_result_put(t->result, "judged_rows", fold, (double)j.judged.rows);
    hone_result_put(t->result, "partial", fold, partial);
    if (partial)
        hone_training_log(t, HONE_WARNING, "a limit left %lld of %lld rows to judge",
                          (long long)j.judged.rows, (long long)asked);
    return measure(f, &j, fold, error);
}
