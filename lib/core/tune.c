/* The search: rungs of trials, up to BATCH of them by one call of hone_train_many.
 *
 * A random search is one rung at full budget. Successive halving (Jamieson and Talwalkar, AISTATS
 * 2016) has rungs of budgets eta^-R, ..., 1/eta, 1; the best ceil(N / eta^r) of rung r - 1, ties to
 * the lower number, make up rung r. Which trials run depends on losses alone, so that a search
 * resumed from its journal takes the same way.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "core/journal.h"
#include "core/training.h"
#include "core/version.h"
#include "hone/hone.h"

enum { MOST_TRIALS = 1000000, MOST_RUNGS = 32, BATCH = 1024 };

typedef struct search {
    hone_dataset *dataset;
    uint64_t seed;
    hone_tune_options options; /* with defaults in place of 0 */
    hone_space_options space;
    hone_options train, trial; /* as given; and what a trial gets */
    hone_options checked;
    int64_t n;
    int rungs;
    double budget[MOST_RUNGS];
    hone_arena *arena;
    double *loss; /* rungs x n: NaN not yet, infinite failed */
    bool *rough; /* rungs x n: the loss is of some of the rows or folds that others are judged on */
    int64_t incumbent; /* place in `loss` of the best so far; -1: none */
    char *best_line;   /* of the incumbent in the journal that was found; NULL: none */
    hone_journal journal;
    hone_tuned tuned;
    int64_t started;

    /* Of the rung at work, and of its trials [first, first + BATCH). */
    int rung;
    int64_t members, first;
    int64_t *member;
    hone_config *config[BATCH];
    hone_result *result[BATCH];
    int32_t stop; /* atomic; what the trials look at */
    bool by_caller;
    hone_status failure;  /* of the journal */
    hone_error why, last; /* last: of a trial */
} search;

static double *loss_at(const search *s, int rung, int64_t trial)
{
    return &s->loss[(int64_t)rung * s->n + trial];
}

static bool *rough_at(const search *s, int rung, int64_t trial)
{
    return &s->rough[(int64_t)rung * s->n + trial];
}

static bool is_rough(const hone_result *r)
{
    return !r->status && (hone_result_number(r, "partial", -1) > 0 || r->folds < r->planned);
}

typedef struct ranked {
    bool rough;
    double loss;
    int64_t trial;
} ranked;

/* A trial that was judged on a few rows before its deadline may have had luck with them: it stands
 * behind all that were judged whole. */
static int by_loss(const void *a, const void *b)
{
    const ranked *p = a, *q = b;
    if (p->rough != q->rough)
        return p->rough ? 1 : -1;
    if (p->loss != q->loss)
        return p->loss < q->loss ? -1 : 1;
    return p->trial < q->trial ? -1 : p->trial > q->trial;
}

/* Whether the trial at this place of `loss` is the best so far: of the largest budget, by loss. */
static bool leads(search *s, int64_t place)
{
    const int64_t best = s->incumbent;
    const ranked one = {s->rough[place], s->loss[place], place % s->n};
    if (!isfinite(one.loss) || (best >= 0 && place / s->n < best / s->n))
        return false;
    if (best >= 0 && place / s->n == best / s->n) {
        const ranked other = {s->rough[best], s->loss[best], best % s->n};
        if (by_loss(&one, &other) > 0)
            return false;
    }
    s->incumbent = place;
    return true;
}

/* ---- what was asked ---- */

static hone_status copy(const hone_tune_options *given, search *s, hone_error *error)
{
    hone_tune_options *o = &s->options;
    if (given && given->size < sizeof given->size)
        return hone_option_refuse(error, "size", "not set; it must be sizeof(hone_tune_options)");
    if (given && given->size > sizeof *o)
        return hone_fail(error, HONE_UNSUPPORTED, "options.size",
                         "the options are of a later version of Hone");
    if (given)
        memcpy(o, given, given->size);
    HONE_TRY(hone_options_read(o->train, &s->checked, error));
    s->train = (hone_options){.size = sizeof s->train};
    if (o->train)
        memcpy(&s->train, o->train,
               o->train->size < sizeof s->train ? o->train->size : sizeof s->train);
    s->train.size = sizeof s->train;
    if (o->space && o->space->size > sizeof s->space)
        return hone_option_refuse(error, "space", "of a later version of Hone");
    if (o->space)
        memcpy(&s->space, o->space, o->space->size);
    s->space.size = sizeof s->space;
    s->space.task = 0;
    s->space.dataset = s->dataset;
    return HONE_OK;
}

static hone_status check(search *s, hone_error *error)
{
    hone_tune_options *o = &s->options;
    const bool halving = o->search == HONE_SEARCH_HALVING;
    if (o->search != HONE_SEARCH_RANDOM && !halving)
        return hone_option_refuse(error, "search", "not one of hone_search");
    if (o->trials < 0 || o->trials > MOST_TRIALS)
        return hone_option_outside(error, "trials", (double)o->trials,
                                   "lie in 1 .. 1,000,000; 0 means 100");
    if (!halving && (o->min_budget != 0 || o->eta))
        return hone_option_refuse(error, o->eta ? "eta" : "min_budget",
                                  "given, but the search has one rung");
    if (!(o->min_budget >= 0 && o->min_budget <= 1))
        return hone_option_outside(error, "min_budget", o->min_budget,
                                   "lie in (0, 1]; 0 means 1/9");
    if (o->eta < 0 || o->eta == 1)
        return hone_option_outside(error, "eta", o->eta, "be at least 2; 0 means 3");
    if (!(o->seconds >= 0 && o->seconds < 1e9))
        return hone_option_outside(error, "seconds", o->seconds, "be above 0; 0 means no limit");
    if (halving && s->checked.budget < 1)
        return hone_option_refuse(error, "train.budget", "is what successive halving chooses");
    if (s->checked.out_of_fold)
        return hone_option_refuse(error, "train.out_of_fold",
                                  "one array cannot take the scores of many");
    if (s->checked.warm_from)
        return hone_option_refuse(error, "train.warm_from",
                                  "one model cannot begin trials of every kind");
    o->trials = o->trials ? o->trials : 100;
    o->min_budget = o->min_budget > 0 ? o->min_budget : 1.0 / 9;
    o->eta = o->eta ? o->eta : 3;
    s->n = o->trials;
    return HONE_OK;
}

static void plan_rungs(search *s)
{
    const hone_tune_options *o = &s->options;
    int steps = 0;
    double least = 1;
    while (o->search == HONE_SEARCH_HALVING && steps < MOST_RUNGS - 1 &&
           least > o->min_budget * (1 + 1e-9)) /* 1/3/3 is 1/9 but for rounding */
        least /= o->eta, steps++;
    s->rungs = steps + 1;
    s->budget[steps] = s->checked.budget;
    for (int r = steps - 1; r >= 0; r--)
        s->budget[r] = s->budget[r + 1] / o->eta;
}

static int64_t members_of(const search *s, int rung)
{
    int64_t n = s->n;
    for (int r = 0; r < rung; r++)
        n = (n + s->options.eta - 1) / s->options.eta;
    return n;
}

/* ---- journal ---- */

static void add_validation(const search *s, hone_text *t)
{
    const hone_options *o = &s->checked;
    const hone_dataset *valid = s->dataset->valid;
    hone_text_format(t,
                     ",\"validation\":\"%s\",\"holdout\":", hone_validation_names[o->validation]);
    hone_text_number(t, o->holdout);
    hone_text_format(t, ",\"folds\":%d,\"rows\":\"%016" PRIx64 "\",\"split_seed\":\"%" PRIu64 "\"",
                     (int)o->folds,
                     hone_hash(0, o->valid_rows, (size_t)o->n_valid_rows * sizeof *o->valid_rows),
                     o->split_seed ? *o->split_seed : s->seed);
    hone_text_format(t, ",\"valid_data\":\"%016" PRIx64 "\"", valid ? valid->fingerprint : 0);
}

/* Everything that a loss or the choice of trials depends on. */
static char *header_of(const search *s, const char *space)
{
    const hone_options *o = &s->checked;
    hone_text t = {0};
    hone_text_format(&t,
                     "{\"journal\":\"hone.tune/1\",\"build\":\"%s\",\"data\":\"%016" PRIx64
                     "\",\"space\":\"%016" PRIx64 "\",\"seed\":\"%" PRIu64 "\",\"metric\":",
                     hone_build, s->dataset->fingerprint, hone_hash_text(0, space), s->seed);
    hone_text_quoted(&t, o->metric ? o->metric : "");
    add_validation(s, &t);
    hone_text_add(&t, ",\"deadline\":");
    hone_text_number(&t, o->deadline);
    hone_text_format(&t, ",\"memory_cap\":%" PRId64 ",\"work_limit\":%" PRId64 ",\"cutoff\":",
                     o->memory_cap, o->work_limit);
    if (o->cutoff && isfinite(*o->cutoff))
        hone_text_number(&t, *o->cutoff);
    else
        hone_text_add(&t, o->cutoff ? "true" : "null");
    hone_text_format(&t,
                     ",\"native\":%s,\"strict\":%s,\"race\":%s,\"warm_start\":%s,\"isa\":%d,"
                     "\"budgets\":[",
                     o->native_fidelity ? "true" : "false", o->strict ? "true" : "false",
                     o->race ? "true" : "false", o->warm_start ? "true" : "false", (int)o->isa);
    for (int r = 0; r < s->rungs; r++) {
        hone_text_add(&t, r ? "," : "");
        hone_text_number(&t, s->budget[r]);
    }
    hone_text_add(&t, "]");
    if (s->dataset->reading) {
        hone_text_add(&t, ",\"read\":");
        hone_text_add(&t, s->dataset->reading);
    }
    if (s->rungs > 1) /* a random search may be made longer */
        hone_text_format(&t, ",\"trials\":%" PRId64 ",\"eta\":%d", s->n, (int)s->options.eta);
    hone_text_add(&t, "}");
    return hone_text_take(&t);
}

/* The line of a trial that leads, until the journal is read. */
static hone_status keep_line(search *s, const char *text, size_t length, hone_error *error)
{
    char *copy = hone_realloc(s->best_line, length + 1);
    if (!copy)
        return hone_no_memory(error);
    s->best_line = copy;
    memcpy(copy, text, length);
    copy[length] = 0;
    return HONE_OK;
}

static hone_status read_trial(void *context, const cJSON *line, const char *text, size_t length,
                              hone_error *error)
{
    search *s = context;
    int64_t trial, rung;
    double loss = INFINITY;
    const cJSON *given = hone_json_get(line, "loss");
    if (!hone_json_integer(hone_json_get(line, "trial"), &trial) || trial < 0 ||
        !hone_json_integer(hone_json_get(line, "rung"), &rung) || rung < 0 || rung >= s->rungs)
        return hone_fail(error, HONE_CORRUPT, "", "its trial or rung is not one of this search");
    if (!given || (!cJSON_IsNull(given) && !hone_json_number(given, &loss)))
        return hone_fail(error, HONE_CORRUPT, "", "its loss is neither a number nor null");
    if (trial >= s->n)
        return HONE_OK;
    double *at = loss_at(s, (int)rung, trial);
    if (!isnan(*at))
        return hone_fail(error, HONE_CORRUPT, "", "its trial stands twice");
    *at = loss;
    *rough_at(s, (int)rung, trial) = cJSON_IsTrue(hone_json_get(line, "partial"));
    s->tuned.trials++, s->tuned.resumed++;
    s->tuned.failed += isinf(loss);
    return leads(s, rung * s->n + trial) ? keep_line(s, text, length, error) : HONE_OK;
}

static hone_status write_incumbent(const search *s, const char *line, hone_error *error)
{
    return s->options.incumbent
               ? hone_file_write(s->options.incumbent, line, strlen(line), true, false, error)
               : HONE_OK;
}

static hone_status open_journal(search *s, hone_error *error)
{
    char *space = NULL;
    if (!s->options.journal)
        return HONE_OK;
    HONE_TRY(hone_space_json(&s->space, &space, error));
    char *header = header_of(s, space);
    hone_status status =
        header ? hone_journal_open(s->options.journal, header, read_trial, s, &s->journal, error)
               : hone_no_memory(error);
    hone_text_free(header);
    hone_text_free(space);
    if (!status && s->options.incumbent && hone_journal_is(&s->journal, s->options.incumbent))
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.incumbent",
                         "is the journal, which it would replace");
    if (!status && s->best_line) /* a search that was killed may not have come to it */
        status = write_incumbent(s, s->best_line, error);
    return status;
}

static char *line_of(const search *s, int64_t trial, const hone_result *r, const char *config)
{
    hone_text t = {0};
    hone_text_format(&t, "{\"trial\":%" PRId64 ",\"rung\":%d,\"budget\":", trial, s->rung);
    hone_text_number(&t, s->budget[s->rung]);
    hone_text_format(&t, ",\"status\":\"%s\",\"loss\":",
                     r->status ? hone_status_name(r->status) : hone_end_names[r->end]);
    if (r->status)
        hone_text_add(&t, "null");
    else
        hone_text_number(&t, r->loss);
    if (r->status) {
        hone_text_add(&t, ",\"path\":");
        hone_text_quoted(&t, r->error.path);
        hone_text_add(&t, ",\"message\":");
        hone_text_quoted(&t, r->error.message);
    } else {
        hone_text_add(&t, is_rough(r) ? ",\"partial\":true" : "");
        hone_text_add(&t, r->warm ? ",\"warm_start\":true" : "");
        hone_text_add(&t, ",\"seconds\":");
        hone_text_number(&t, hone_result_number(r, "seconds", -1));
        if (r->path) {
            hone_text_add(&t, ",\"model\":");
            hone_text_quoted(&t, r->path);
        }
    }
    hone_text_add(&t, ",\"config\":");
    hone_text_add(&t, config);
    hone_text_add(&t, "}");
    return hone_text_take(&t);
}

static hone_status write_down(search *s, int64_t place, const hone_result *r, hone_error *error)
{
    const int64_t trial = s->member[s->first + place];
    char *config = NULL;
    HONE_TRY(hone_config_json(s->config[place], s->dataset->task, &config, error));
    char *line = line_of(s, trial, r, config);
    hone_status status = line ? HONE_OK : hone_no_memory(error);
    if (!status && s->journal.fd >= 0)
        status = hone_journal_add(&s->journal, line, error);
    if (!status && leads(s, (int64_t)s->rung * s->n + trial))
        status = write_incumbent(s, line, error);
    if (!status && s->options.trial)
        s->options.trial(s->options.context, line);
    hone_text_free(line);
    hone_text_free(config);
    return status;
}

/* ---- a rung ---- */

static void stop(search *s)
{
    __atomic_store_n(&s->stop, 1, __ATOMIC_RELAXED);
}

static void look_around(search *s)
{
    const hone_options *o = &s->train;
    if (hone_is_set(o->cancel))
        s->by_caller = true, stop(s);
    if (hone_is_set(o->finish))
        stop(s);
    if (s->options.seconds > 0 && (double)(hone_clock() - s->started) * 1e-9 >= s->options.seconds)
        stop(s);
}

static bool poll(void *context)
{
    search *s = context;
    look_around(s);
    if (s->train.poll && s->train.poll(s->train.context))
        s->by_caller = true, stop(s);
    return __atomic_load_n(&s->stop, __ATOMIC_RELAXED) != 0;
}

static void pass_log(void *context, int level, const char *line)
{
    const search *s = context;
    s->train.log(s->train.context, level, line);
}

static void pass_progress(void *context, const char *stage, double fraction, double eta)
{
    const search *s = context;
    s->train.progress(s->train.context, stage, fraction, eta);
}

static void note(void *context, int64_t place, const hone_result *r)
{
    search *s = context;
    const int64_t trial = s->member[s->first + place];
    look_around(s);
    if (r->end == HONE_END_CANCELLED || s->failure)
        return;
    *loss_at(s, s->rung, trial) = r->status ? INFINITY : r->loss;
    *rough_at(s, s->rung, trial) = is_rough(r);
    s->tuned.trials++;
    s->tuned.failed += r->status != HONE_OK;
    if (r->status)
        s->last = r->error;
    s->failure = write_down(s, place, r, &s->why);
    if (s->failure)
        stop(s);
}

/* The trials of a rung that are not known yet. */
static hone_status choose(search *s, hone_error *error)
{
    int64_t n = 0;
    ranked *order = hone_alloc((size_t)s->n * sizeof *order);
    if (!order)
        return hone_no_memory(error);
    for (int64_t i = 0; i < s->n; i++) {
        const double loss = s->rung ? *loss_at(s, s->rung - 1, i) : 0;
        if (isfinite(loss))
            order[n++] = (ranked){s->rung && *rough_at(s, s->rung - 1, i), loss, i};
    }
    qsort(order, (size_t)n, sizeof *order, by_loss);
    const int64_t most = members_of(s, s->rung);
    s->members = 0;
    for (int64_t k = 0; k < n && k < most; k++) {
        const int64_t i = order[k].trial;
        if (!isnan(*loss_at(s, s->rung, i)))
            continue;
        s->member[s->members++] = i;
    }
    hone_free(order);
    return HONE_OK;
}

static hone_status train_batch(search *s, int64_t n, hone_error *error)
{
    uint64_t seeds[BATCH];
    for (int64_t k = 0; k < n; k++) {
        seeds[k] = s->seed;
        HONE_TRY(hone_space_sample(&s->space, s->seed, (uint64_t)s->member[s->first + k],
                                   &s->config[k], error));
    }
    return hone_train_many((const hone_config *const *)s->config, seeds, n, s->dataset, &s->trial,
                           note, s->result, error);
}

static hone_status run_batch(search *s, hone_error *error)
{
    const int64_t left = s->members - s->first, n = left < BATCH ? left : BATCH;
    const hone_status status = train_batch(s, n, error);
    for (int64_t k = 0; k < n; k++) {
        hone_config_free(s->config[k]);
        hone_result_free(s->result[k]);
        s->config[k] = NULL, s->result[k] = NULL;
    }
    if (s->failure) {
        if (error)
            *error = s->why;
        return s->failure;
    }
    if (s->by_caller)
        return hone_fail(error, HONE_STOPPED, "search", "the caller asked to stop");
    return status == HONE_STOPPED ? HONE_OK : status;
}

static hone_status run_rung(search *s, hone_error *error)
{
    HONE_TRY(choose(s, error));
    s->trial.budget = s->budget[s->rung];
    look_around(s);
    for (s->first = 0; s->first < s->members && !s->stop; s->first += BATCH)
        HONE_TRY(run_batch(s, error));
    return s->by_caller ? hone_fail(error, HONE_STOPPED, "search", "the caller asked to stop")
                        : HONE_OK;
}

/* ---- together ---- */

static hone_status make_room(search *s, hone_error *error)
{
    const int64_t losses = s->n * s->rungs;
    s->loss = HONE_RAW(s->arena, double, losses, 1);
    s->rough = HONE_NEW(s->arena, bool, losses, 1);
    s->member = HONE_RAW(s->arena, int64_t, s->n, 1);
    if (!s->loss || !s->rough || !s->member)
        return hone_no_memory(error);
    for (int64_t i = 0; i < losses; i++)
        s->loss[i] = NAN;
    return HONE_OK;
}

/* Seconds of the first trial, when the search ended before it had. */
static const double LAST_RESORT = 1;

static hone_status take_best(search *s, hone_error *error)
{
    const int64_t best = s->incumbent;
    if (best >= 0) {
        s->tuned.best = best % s->n, s->tuned.loss = s->loss[best];
        return HONE_OK;
    }
    if (s->last.status)
        return hone_fail(error, s->last.status, s->last.path, "%s", s->last.message);
    if (s->tuned.failed)
        return hone_fail(error, HONE_STOPPED, "search", "every trial of the journal has failed");
    if (!(s->train.deadline > 0 && s->train.deadline < LAST_RESORT))
        s->train.deadline = LAST_RESORT;
    return HONE_OK;
}

static hone_status run(search *s, hone_result **best, hone_error *error)
{
    HONE_TRY(make_room(s, error));
    HONE_TRY(open_journal(s, error));
    s->trial = s->train;
    s->trial.keep_model = false;
    if (s->train.keep == HONE_KEEP_ALL)
        s->train.model_dir = NULL;
    else
        s->trial.model_dir = NULL;
    s->trial.finish = NULL, s->trial.cancel = &s->stop, s->trial.poll = poll, s->trial.context = s;
    s->trial.log = s->train.log ? pass_log : NULL;
    s->trial.progress = s->train.progress ? pass_progress : NULL, s->trial.judged = NULL;
    for (s->rung = 0; s->rung < s->rungs && !s->stop; s->rung++)
        HONE_TRY(run_rung(s, error));
    s->tuned.seconds = (double)(hone_clock() - s->started) * 1e-9;
    HONE_TRY(take_best(s, error));
    s->train.race = false, s->train.finish = NULL;
    hone_config *config;
    HONE_TRY(hone_space_sample(&s->space, s->seed, (uint64_t)s->tuned.best, &config, error));
    const hone_status status = hone_train_full(config, s->dataset, s->seed, &s->train, best, error);
    hone_config_free(config);
    HONE_TRY(status);
    if (s->incumbent < 0)
        s->tuned.loss = (*best)->loss;
    return HONE_OK;
}

hone_status hone_tune(hone_dataset *dataset, uint64_t seed, const hone_tune_options *options,
                      hone_tuned *tuned, hone_result **best, hone_error *error)
{
    if (best)
        *best = NULL;
    if (!dataset || !best || (tuned && tuned->size < sizeof tuned->size))
        return hone_fail(error, HONE_BAD_ARGUMENT,
                         !dataset ? "dataset"
                         : !best  ? "best"
                                  : "tuned.size",
                         "missing");
    search s = {.dataset = dataset,
                .seed = seed,
                .journal.fd = -1,
                .incumbent = -1,
                .started = hone_clock()};
    HONE_TRY(copy(options, &s, error));
    HONE_TRY(check(&s, error));
    plan_rungs(&s);
    s.arena = hone_arena_open(NULL);
    if (!s.arena)
        return hone_no_memory(error);
    const hone_status status = run(&s, best, error);
    hone_journal_close(&s.journal);
    hone_free(s.best_line);
    hone_arena_close(s.arena);
    if (!status && tuned) {
        const size_t size = tuned->size < sizeof s.tuned ? tuned->size : sizeof s.tuned;
        s.tuned.size = tuned->size;
        memcpy(tuned, &s.tuned, size);
    }
    return status;
}
