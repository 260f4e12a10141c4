/* Records are trained again in groups of equal options, each group one call of hone_train_many.
 * What has ended is told in the order of the file. */
#include "hone/replay.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/past.h"
#include "core/version.h"
#include "data/read.h"
#include "hone/hone.h"

/* What became of a record that was trained again. */
typedef struct ending {
    bool there;
    hone_status status;
    double loss;
} ending;

typedef struct replay {
    const char *file;
    hone_dataset *dataset;
    hone_replay_options options;
    hone_arena *arena;
    hone_pasts pasts;
    const char *kernels; /* of this machine */
    hone_replayed count;
    bool *grouped; /* by record */
    ending *ended; /* by record */
    int64_t told;
    hone_error why; /* of telling */
} replay;

/* Records that are trained by one call. */
typedef struct group {
    replay *replay;
    int64_t n;
    int64_t *record;
    hone_config **config;
    uint64_t *seed;
    hone_result **result;
} group;

/* ---- what is not as it was ---- */

static void add(hone_text *t, const char *what, const char *was, const char *is)
{
    hone_text_format(t, "%s%s was %s, is %s", t->length ? "; " : "", what, was, is);
}

static void add_hashes(hone_text *t, const char *what, uint64_t was, uint64_t is)
{
    char a[32], b[32];
    snprintf(a, sizeof a, "%016" PRIx64, was);
    snprintf(b, sizeof b, "%016" PRIx64, is);
    if (was != is)
        add(t, what, was ? a : "none", is ? b : "none");
}

/* NULL: no memory. */
static char *differences(const replay *r, const hone_past *p)
{
    const hone_dataset *d = r->dataset;
    hone_text t = {0};
    hone_text_add(&t, p->skipped ? p->skipped : "");
    add_hashes(&t, "data", p->data, d->fingerprint);
    add_hashes(&t, "validation data", p->valid, d->valid ? d->valid->fingerprint : 0);
    if (p->build && strcmp(p->build, hone_build) != 0)
        add(&t, "build", p->build, hone_build);
    if (p->kernels && strcmp(p->kernels, r->kernels) != 0)
        add(&t, "kernels", p->kernels, r->kernels);
    return hone_text_take(&t);
}

/* ---- verdicts ---- */

static hone_verdict judge(const replay *r, const hone_past *p, const ending *now)
{
    if (p->status || now->status)
        return p->status && !strcmp(p->status, hone_status_name(now->status))
                   ? HONE_REPLAY_SAME
                   : HONE_REPLAY_DIFFERENT;
    if (now->loss == p->loss)
        return HONE_REPLAY_SAME;
    const double near = r->options.tolerance * fmax(1, fabs(p->loss));
    return p->warm && fabs(now->loss - p->loss) <= near ? HONE_REPLAY_CLOSE : HONE_REPLAY_DIFFERENT;
}

/* Tells and counts. */
static hone_status tell(replay *r, const hone_past *p, const ending *now, hone_error *error)
{
    char *differs = differences(r, p);
    if (!differs)
        return hone_no_memory(error);
    const hone_replay_record record = {.line = p->line,
                                       .verdict =
                                           now->there ? judge(r, p, now) : HONE_REPLAY_SKIPPED,
                                       .recorded = p->loss,
                                       .loss = now->there ? now->loss : NAN,
                                       .differs = differs};
    int64_t *counts[] = {[HONE_REPLAY_SAME] = &r->count.same,
                         [HONE_REPLAY_CLOSE] = &r->count.close,
                         [HONE_REPLAY_DIFFERENT] = &r->count.different,
                         [HONE_REPLAY_SKIPPED] = &r->count.skipped};
    ++*counts[record.verdict];
    if (r->options.record)
        r->options.record(r->options.context, &record);
    hone_text_free(differs);
    return HONE_OK;
}

/* ---- groups ---- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

static bool alike(const hone_past *a, const hone_past *b)
{
    const hone_options *p = &a->options, *q = &b->options;
    return p->budget == q->budget && p->holdout == q->holdout && p->folds == q->folds &&
           p->validation == q->validation && p->isa == q->isa && p->work_limit == q->work_limit &&
           p->native_fidelity == q->native_fidelity && p->strict == q->strict &&
           same_text(p->metric, q->metric) && a->split_seed == b->split_seed &&
           (a->cutoff == b->cutoff || (isnan(a->cutoff) && isnan(b->cutoff)));
}

/* A configuration that cannot be one makes the file wrong, at the line of the record. */
static hone_status parse(const replay *r, const hone_past *p, hone_config **config,
                         hone_error *error)
{
    HONE_TRY(hone_config_new(config, error));
    const struct hone_algorithm *const *more = r->options.algorithms;
    for (int i = 0; more && more[i]; i++)
        HONE_TRY(hone_config_use(*config, more[i], error));
    hone_error why = {0};
    const hone_status status = hone_config_parse(*config, p->config, strlen(p->config), &why);
    if (!status || status == HONE_NO_MEMORY)
        return status ? hone_no_memory(error) : HONE_OK;
    char path[96], place[32] = "";
    if (p->line)
        snprintf(place, sizeof place, ":%lld", (long long)p->line);
    hone_text_join(path, sizeof path, r->file, place, "");
    return hone_fail(error, HONE_CORRUPT, path, "%s: %s", why.path, why.message);
}

/* Every record before the first that is still to be trained. */
static hone_status tell_ready(replay *r, hone_error *error)
{
    for (; r->told < r->pasts.count; r->told++) {
        const hone_past *p = &r->pasts.past[r->told];
        if (!p->skipped && !r->ended[r->told].there)
            return HONE_OK;
        HONE_TRY(tell(r, p, &r->ended[r->told], error));
    }
    return HONE_OK;
}

static void on_done(void *context, int64_t trial, const hone_result *result)
{
    const group *g = context;
    replay *r = g->replay;
    if (hone_result_end(result) == HONE_END_CANCELLED)
        return;
    r->ended[g->record[trial]] =
        (ending){true, hone_result_status(result, NULL), hone_result_loss(result)};
    if (!r->why.status)
        tell_ready(r, &r->why);
}

static bool poll(void *context)
{
    const replay *r = ((const group *)context)->replay;
    return r->why.status || (r->options.poll && r->options.poll(r->options.context));
}

static hone_options options_of(group *g)
{
    const replay *r = g->replay;
    const hone_past *p = &r->pasts.past[g->record[0]];
    hone_options o = p->options;
    hone_isa isa;
    if (hone_isa_of(o.isa, &isa, NULL)) /* not of this machine: `differs` says so */
        o.isa = HONE_ISA_AUTO;
    o.split_seed = &p->split_seed;
    o.cutoff = isnan(p->cutoff) ? NULL : &p->cutoff;
    o.threads = r->options.threads, o.cancel = r->options.cancel;
    o.poll = poll, o.context = g;
    return o;
}

/* The record `first` and those behind it that are like it. */
static void gather(group *g, int64_t first)
{
    replay *r = g->replay;
    for (int64_t i = first; i < r->pasts.count; i++)
        if (!r->grouped[i] && !r->pasts.past[i].skipped &&
            alike(&r->pasts.past[first], &r->pasts.past[i])) {
            r->grouped[i] = true;
            g->record[g->n++] = i;
        }
}

static hone_status train(group *g, hone_error *error)
{
    replay *r = g->replay;
    for (int64_t i = 0; i < g->n; i++) {
        const hone_past *p = &r->pasts.past[g->record[i]];
        HONE_TRY(parse(r, p, &g->config[i], error));
        g->seed[i] = p->seed;
    }
    const hone_options o = options_of(g);
    const hone_status status = hone_train_many((const hone_config *const *)g->config, g->seed, g->n,
                                               r->dataset, &o, on_done, g->result, error);
    if (r->why.status && error)
        *error = r->why;
    return r->why.status ? r->why.status : status;
}

static hone_status run_group(replay *r, int64_t first, hone_error *error)
{
    const size_t most = (size_t)(r->pasts.count - first);
    group g = {.replay = r,
               .record = hone_alloc(most * sizeof *g.record),
               .config = hone_alloc(most * sizeof *g.config),
               .seed = hone_alloc(most * sizeof *g.seed),
               .result = hone_alloc(most * sizeof *g.result)};
    hone_status status = HONE_OK;
    if (!g.record || !g.config || !g.seed || !g.result) {
        status = hone_no_memory(error);
    } else {
        gather(&g, first);
        status = train(&g, error);
    }
    for (int64_t i = 0; i < g.n; i++) {
        hone_config_free(g.config[i]);
        hone_result_free(g.result[i]);
    }
    hone_free(g.record);
    hone_free(g.config);
    hone_free(g.seed);
    hone_free(g.result);
    return status;
}

/* Of the records first .. last, which differ alike. */
static void tell_difference(const replay *r, int64_t first, int64_t last, const char *what)
{
    if (what && *what)
        r->options.differs(r->options.context, r->pasts.past[first].line, r->pasts.past[last].line,
                           what);
}

/* A caller who gave another table by mistake need not wait for the first training. */
static hone_status announce(const replay *r, hone_error *error)
{
    int64_t first = 0, last = 0;
    char *stretch = NULL;
    for (int64_t i = 0; r->options.differs && i < r->pasts.count; i++) {
        if (r->pasts.past[i].skipped)
            continue;
        char *what = differences(r, &r->pasts.past[i]);
        if (!what) {
            hone_text_free(stretch);
            return hone_no_memory(error);
        }
        if (!stretch || strcmp(stretch, what) != 0) {
            tell_difference(r, first, last, stretch);
            first = i;
        }
        hone_text_free(stretch);
        stretch = what, last = i;
    }
    tell_difference(r, first, last, stretch);
    hone_text_free(stretch);
    return HONE_OK;
}

static hone_status run(replay *r, hone_error *error)
{
    const int64_t n = r->pasts.count;
    r->grouped = HONE_NEW(r->arena, bool, n, 1);
    r->ended = HONE_NEW(r->arena, ending, n, 1);
    if (!r->grouped || !r->ended)
        return hone_no_memory(error);
    HONE_TRY(announce(r, error));
    HONE_TRY(tell_ready(r, error));
    for (int64_t i = 0; i < n; i++)
        if (!r->grouped[i] && !r->pasts.past[i].skipped)
            HONE_TRY(run_group(r, i, error));
    return HONE_OK;
}

/* ---- the table ---- */

static hone_status read_table(const char *file, const char *table, hone_arena *arena,
                              hone_pasts *pasts, hone_read_options *o, hone_dataset **dataset,
                              hone_error *error)
{
    HONE_TRY(hone_past_read(file, arena, pasts, error));
    int64_t i = 0;
    while (i < pasts->count && !pasts->past[i].reading)
        i++;
    if (i < pasts->count)
        HONE_TRY(hone_reading_recall(pasts->past[i].reading, file, arena, o, error));
    HONE_TRY(hone_dataset_read(table, o, dataset, error));
    if ((*dataset)->task)
        return HONE_OK;
    hone_dataset_free(*dataset);
    *dataset = NULL;
    return hone_fail(error, HONE_BAD_ARGUMENT, "options.target",
                     "is needed: %.300s does not say which column it was", file);
}

hone_status hone_replay_read(const char *file, const char *table, const hone_read_options *options,
                             hone_dataset **dataset, hone_error *error)
{
    if (!file || !table || !dataset)
        return hone_fail(error, HONE_BAD_ARGUMENT,
                         !file    ? "file"
                         : !table ? "table"
                                  : "dataset",
                         "missing");
    *dataset = NULL;
    hone_read_options own = {.size = sizeof own};
    if (options && (options->size < sizeof options->size || options->size > sizeof own))
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.size",
                         "must be sizeof(hone_read_options)");
    if (options)
        memcpy(&own, options, options->size);
    own.size = sizeof own;
    hone_arena *arena = hone_arena_open(NULL);
    if (!arena)
        return hone_no_memory(error);
    hone_pasts pasts = {0};
    const hone_status status = read_table(file, table, arena, &pasts, &own, dataset, error);
    hone_free(pasts.past);
    hone_arena_close(arena);
    return status;
}

/* ---- together ---- */

hone_status hone_replay(const char *file, hone_dataset *dataset, const hone_replay_options *options,
                        hone_replayed *replayed, hone_error *error)
{
    if (!file || !dataset || !replayed || replayed->size < sizeof replayed->size)
        return hone_fail(error, HONE_BAD_ARGUMENT,
                         !file      ? "file"
                         : !dataset ? "dataset"
                                    : "replayed.size",
                         "missing");
    replay r = {.file = file, .dataset = dataset, .count.size = replayed->size};
    if (options && (options->size < sizeof options->size || options->size > sizeof r.options))
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.size",
                         "must be sizeof(hone_replay_options)");
    if (options)
        memcpy(&r.options, options, options->size);
    HONE_TRY(hone_threads_check(r.options.threads, "options.threads", error));
    if (!(r.options.tolerance >= 0 && r.options.tolerance < INFINITY))
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.tolerance", "is %.10g; must be above 0",
                         r.options.tolerance);
    if (r.options.tolerance == 0)
        r.options.tolerance = 1e-3;
    hone_isa isa;
    HONE_TRY(hone_isa_of(HONE_ISA_AUTO, &isa, error));
    r.kernels = hone_isa_names[isa];
    r.arena = hone_arena_open(NULL);
    if (!r.arena)
        return hone_no_memory(error);
    hone_status status = hone_past_read(file, r.arena, &r.pasts, error);
    if (!status)
        status = run(&r, error);
    hone_free(r.pasts.past);
    hone_arena_close(r.arena);
    const size_t size = r.count.size < sizeof r.count ? r.count.size : sizeof r.count;
    memcpy(replayed, &r.count, size);
    return status;
}
