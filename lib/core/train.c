/* The call: folds in order, their mean, a refit when a model is wanted, and the file.
 *
 * Order of events is fixed by the request, never by what finishes first. A limit keeps what was
 * finished: the folds that ended whole, or the first as far as it came.
 */
#include <float.h>
#include <math.h>

#include "core/training.h"

/* ---- ends ---- */

static hone_end reason_of_stop(const hone_training *t)
{
    if (hone_stopping(&t->run) == HONE_CANCEL || hone_is_set(t->options.finish))
        return HONE_END_CANCELLED;
    return t->options.work_limit && atomic_load(&t->work) >= t->options.work_limit
               ? HONE_END_WORK_LIMIT
               : HONE_END_DEADLINE;
}

/* The least loss that a fold can have: every metric ends at a perfect score of 1 or an error of 0.
 */
static double floor_of(const hone_metric *m)
{
    return m->greater_is_better ? -1 : 0;
}

/* Whether the mean over all folds cannot get below the cutoff any more. Exact with the floor above.
 * Losses without a ceiling make that bound weak: there, from two folds on, the mean so far decides.
 */
static bool lost(const hone_training *t, int32_t finished)
{
    if (!t->options.cutoff)
        return false;
    double sum = 0;
    for (int32_t f = 0; f < finished; f++)
        sum += hone_result_number(t->result, "loss", f);
    /* rounded like the mean of all folds: a loss that equals the cutoff is always lost */
    const double best = (sum + floor_of(t->metric) * (t->folds - finished)) / t->folds;
    if (best >= *t->options.cutoff)
        return true;
    const bool open =
        t->metric->task == HONE_REGRESSION || t->metric->needs == HONE_NEEDS_PROBABILITIES;
    return open && finished >= 2 && sum / finished > *t->options.cutoff;
}

/* Whether the caller has seen enough. */
static bool given_up(const hone_training *t, int32_t finished)
{
    double sum = 0;
    for (int32_t f = 0; f < finished; f++)
        sum += hone_result_number(t->result, "loss", f);
    return t->options.judged &&
           t->options.judged(t->options.context, finished, t->folds, sum / finished);
}

/* ---- folds ---- */

static void log_fold(const hone_training *t, int32_t f)
{
    if (t->folds == 1)
        return;
    char number[HONE_NUMBER_SIZE];
    hone_number_text(hone_result_number(t->result, t->metric->name, f), number);
    hone_training_log(t, HONE_INFO, "fold %d of %d: %s %s", (int)f + 1, (int)t->folds,
                      t->metric->name, number);
}

/* A fold that a limit cut short counts only when there is no other. */
static hone_status run_folds(hone_training *t, hone_error *error)
{
    hone_result *r = t->result;
    for (int32_t f = 0; f < t->folds; f++) {
        const hone_status status =
            hone_fold_run(t, f, t->keep && f == 0 ? &t->candidate : NULL, error);
        if (status == HONE_STOPPED && f > 0) {
            r->end = HONE_END_CANCELLED;
            return HONE_OK;
        }
        HONE_TRY(status);
        const bool whole =
            atomic_load(&t->stop) == HONE_GO && hone_result_get(r, "partial", f) == 0;
        if (whole || f == 0) {
            r->folds = f + 1;
            log_fold(t, f);
        }
        if (!whole || (f + 1 < t->folds && hone_stopping(&t->run) != HONE_GO)) {
            r->end = reason_of_stop(t);
            return HONE_OK;
        }
        if (given_up(t, f + 1) || lost(t, f + 1)) {
            r->end = HONE_END_CUTOFF;
            return HONE_OK;
        }
    }
    return HONE_OK;
}

/* The validation model stays when the refit cannot end. */
static hone_status refit(hone_training *t, hone_error *error)
{
    if (!t->all.count || t->result->end != HONE_END_OK)
        return HONE_OK;
    hone_error own = {0};
    const hone_status status = hone_fold_refit(t, &t->candidate, &own);
    switch (status) {
    case HONE_OK:
        return HONE_OK;
    case HONE_NO_MEMORY:
        t->result->end = HONE_END_MEMORY;
        break;
    case HONE_STOPPED:
        t->result->end = reason_of_stop(t);
        break;
    default:
        if (error)
            *error = own;
        return status;
    }
    hone_training_log(t, HONE_WARNING,
                      "the fit of all rows could not end: the model of the "
                      "training rows is kept");
    return HONE_OK;
}

/* ---- the model ---- */

static hone_status make_model(hone_training *t, hone_error *error)
{
    hone_candidate *c = &t->candidate;
    char *record = hone_report_record(t), *run = hone_report_run(t);
    hone_status status = HONE_OK;
    if (record && run) {
        const hone_model_parts parts = {.dataset = t->dataset,
                                        .column = c->column,
                                        .pipeline = &c->pipeline,
                                        .fitted = c->fitted,
                                        .trained_rows = c->rows,
                                        .config = c->config,
                                        .config_hash = t->resolved.hash,
                                        .record = record,
                                        .run_part = run};
        status = hone_model_new(&parts, &t->result->model, error);
    } else {
        status = hone_no_memory(error);
    }
    hone_text_free(record);
    hone_text_free(run);
    if (!status)
        c->fitted = NULL;
    return status;
}

/* A run that lost at the cutoff leaves no model. */
static hone_status keep_model(hone_training *t, hone_error *error)
{
    hone_result *r = t->result;
    if (!t->candidate.fitted || r->end == HONE_END_CUTOFF)
        return HONE_OK;
    HONE_TRY(make_model(t, error));
    if (t->options.model_dir) {
        HONE_TRY(hone_model_save(r->model, t->options.model_dir, NULL, &r->path, error));
        hone_training_log(t, HONE_INFO, "saved %s", r->path);
    }
    return HONE_OK;
}

/* ---- together ---- */

static void sum_up(hone_training *t)
{
    hone_result *r = t->result;
    hone_result_summarise(r);
    r->loss = hone_result_number(r, "loss", -1);
    if (t->candidate.fitted) {
        hone_result_put(r, "trained_rows", -1, (double)t->candidate.rows);
        hone_result_put(r, "model_bytes", -1, hone_fitted_bytes(t->candidate.fitted));
    }
    hone_result_put(r, "work", -1, (double)atomic_load(&t->work));
    hone_result_put(r, "seconds", -1, (double)(hone_clock() - t->started) * 1e-9);
    hone_result_put(r, "peak_bytes", -1, (double)atomic_load(&t->account.peak));
    hone_result_put(r, "threads", -1, t->run.threads);
}

static void log_end(const hone_training *t)
{
    char loss[HONE_NUMBER_SIZE];
    hone_number_text(t->result->loss, loss);
    if (!isnan(t->result->loss))
        hone_training_log(t, HONE_INFO, "loss %s", loss);
    if (t->result->end == HONE_END_CUTOFF)
        hone_training_log(t, HONE_INFO, "stopped at the cutoff after %d of %d folds",
                          (int)t->result->folds, (int)t->folds);
    else if (t->result->end != HONE_END_OK)
        hone_training_log(t, HONE_WARNING, "stopped: %s", hone_end_names[t->result->end]);
}

static void blank_out_of_fold(const hone_training *t)
{
    const hone_dataset *d = t->dataset;
    const int64_t c = d->task == HONE_CLASSIFICATION ? d->classes.count : 1;
    for (int64_t i = 0; t->options.out_of_fold && i < d->table.rows * c; i++)
        t->options.out_of_fold[i] = NAN;
}

static hone_status lead(hone_training *t, const hone_config *config, hone_error *error)
{
    HONE_TRY(hone_training_open(t, config, error));
    hone_training_announce(t);
    blank_out_of_fold(t);
    HONE_TRY(run_folds(t, error));
    HONE_TRY(refit(t, error));
    sum_up(t);
    log_end(t);
    HONE_TRY(keep_model(t, error));
    hone_training_stage(t, "done", t->folds + (t->all.count > 0), 0, 0);
    t->result->json = t->only_loss ? NULL : hone_report_result(t);
    return t->only_loss || t->result->json ? HONE_OK : hone_no_memory(error);
}

/* `asked` has what the caller chose. */
static hone_status call(const hone_training *asked, const hone_config *config, hone_result **result,
                        hone_error *error)
{
    *result = NULL;
    hone_training *t = hone_alloc(sizeof *t);
    if (!t)
        return hone_no_memory(error);
    t->dataset = asked->dataset, t->options = asked->options, t->seed = asked->seed;
    t->family = asked->family, t->only_loss = asked->only_loss, t->pilot = asked->pilot;
    t->started = hone_clock();
    const hone_status status = lead(t, config, error);
    if (!status) {
        *result = t->result;
        t->result = NULL;
    }
    hone_training_close(t);
    hone_free(t);
    return status;
}

hone_status hone_training_call(const hone_config *config, hone_dataset *dataset, uint64_t seed,
                               const hone_options *options, const hone_family *family,
                               bool only_loss, hone_result **result, hone_error *error)
{
    const hone_training asked = {.dataset = dataset,
                                 .options = *options,
                                 .seed = seed,
                                 .family = family ? *family : (hone_family){.size = 1},
                                 .only_loss = only_loss};
    return call(&asked, config, result, error);
}

hone_status hone_training_pilot(const hone_config *config, hone_dataset *dataset, uint64_t seed,
                                const hone_options *options, hone_pilot *pilot,
                                hone_result **result, hone_error *error)
{
    const hone_training asked = {.dataset = dataset,
                                 .options = *options,
                                 .seed = seed,
                                 .family = {.size = 1},
                                 .only_loss = true,
                                 .pilot = pilot};
    return call(&asked, config, result, error);
}

hone_status hone_train_full(const hone_config *config, hone_dataset *dataset, uint64_t seed,
                            const hone_options *options, hone_result **result, hone_error *error)
{
    if (!result)
        return hone_fail(error, HONE_BAD_ARGUMENT, "result", "NULL; a place for it is needed");
    *result = NULL;
    if (!config || !dataset)
        return hone_fail(error, HONE_BAD_ARGUMENT, config ? "dataset" : "config", "NULL");
    hone_options checked;
    HONE_TRY(hone_options_read(options, &checked, error));
    if (checked.race)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.race", "one training has no rival");
    return hone_training_call(config, dataset, seed, &checked, NULL, false, result, error);
}

hone_status hone_train(const hone_config *config, hone_dataset *dataset, uint64_t seed,
                       const char *model_dir, double *loss, hone_error *error)
{
    if (!config || !dataset || !loss)
        return hone_fail(error, HONE_BAD_ARGUMENT,
                         !config    ? "config"
                         : !dataset ? "dataset"
                                    : "loss",
                         "NULL");
    hone_options options;
    HONE_TRY(hone_options_read(NULL, &options, error));
    options.model_dir = model_dir;
    hone_result *result;
    HONE_TRY(hone_training_call(config, dataset, seed, &options, NULL, !model_dir, &result, error));
    *loss = result->loss;
    hone_result_free(result);
    return HONE_OK;
}
