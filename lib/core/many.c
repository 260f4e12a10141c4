/* A list of trainings on one dataset, in the order that shares most.
 *
 * Trials that differ in `selects` alone are siblings: they stand together, the largest values
 * first, so that the family's full fit is made once. Families of one prepared table stand together,
 * in the order of their values from the last row of the module's table to the first: C ascends
 * inside each gamma. Small data: whole trials side by side, one thread each, but for the first of a
 * family: its siblings wait for what it makes, so it takes their threads unless other families can
 * use them. Large data: one after the other with all threads. Results are the same either way,
 * since a fit's bits depend neither on threads nor on the cache.
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/hash.h"
#include "core/training.h"

enum {
    SMALL_CELLS = 1 << 24,       /* of the table: below, whole trials run side by side */
    WAIT_NANOSECONDS = 20000000, /* between looks at the caller's cancel flag */
    POLL_NANOSECONDS = 50000000,
    MOST_WORKERS = 256,
    SELECTS = 4, /* hyperparameters that count in the order of a family, */
    OTHERS = 24  /* and in the order of families */
};

/* ---- the list ---- */

typedef struct place {
    int64_t trial, first; /* first: of its family, in the list */
    const void *params;
    hone_family family;
    uint64_t identity;
    uint64_t algorithm, prep;
    double size[SELECTS]; /* of the `selects`, in the order of the table */
    double value[OTHERS]; /* of the others, from the last to the first */
} place;

typedef struct message {
    struct message *next;
    int level;
    char line[];
} message;

/* The places of a family: [first, end) of the list. */
typedef struct family {
    int64_t first, next, end; /* next: to start */
    bool opening;             /* the first of several is at work */
} family;

/* A trial's log: its lines wait until the calling thread gives them out. */
typedef struct mailbox {
    message *first, **last;
} mailbox;

typedef struct ending {
    int64_t trial;
    message *lines;
} ending;

typedef struct list {
    const hone_config *const *configs;
    const uint64_t *seeds;
    hone_dataset *dataset;
    const hone_options *options;
    const place *places;
    int64_t n;
    hone_result **results; /* by trial */
    void (*done)(void *context, int64_t trial, const hone_result *result);
    int64_t started;

    /* Shared by the workers and the calling thread, under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    family *families;
    int64_t n_families, served; /* families before it have no place left to start */
    int64_t closed;             /* families of which none was started */
    int idle;                   /* threads; below 0 where families open beside others */
    ending *endings;
    int64_t ended, told;
    bool no_memory;
    double lead; /* the least loss of a whole trial */
    int running;
    int32_t cancel; /* atomic; what the workers' runs look at */
} list;

/* ---- order ---- */

static double size_of(const hone_param *p, const void *params)
{
    const void *at = (const char *)params + p->offset;
    switch (p->kind) {
    case HONE_INT:
        return (double)*(const int64_t *)at;
    case HONE_REAL:
        return *(const double *)at;
    case HONE_BOOL:
        return *(const bool *)at;
    case HONE_CHOICE:
        return *(const int *)at;
    case HONE_AMOUNT:
        break;
    }
    const hone_amount *a = at;
    return a->word >= 0 ? INFINITY : a->number; /* "none" is no limit */
}

static void describe(const hone_resolved *r, hone_task task, uint64_t seed, place *p)
{
    const hone_prep_params *q = &r->prep;
    const int64_t prep[] = {q->impute, q->indicator, q->encode, q->max_levels, q->scale, q->target};
    p->algorithm = hone_hash_text(0, r->algorithm->name);
    p->prep = hone_hash(0, prep, sizeof prep);
    p->identity = hone_hash(hone_params_identity(r->algorithm, r->params, task, seed, false), prep,
                            sizeof prep);
    int sizes = 0, values = 0, rows = 0;
    while (r->algorithm->params[rows].name)
        rows++;
    for (const hone_param *row = r->algorithm->params; row->name && sizes < SELECTS; row++)
        if (row->selects && hone_param_applies(row, task))
            p->size[sizes++] = size_of(row, r->params);
    for (const hone_param *row = r->algorithm->params + rows - 1; rows-- && values < OTHERS; row--)
        if (!row->selects && hone_param_applies(row, task))
            p->value[values++] = size_of(row, r->params);
}

static int by_value(const place *p, const place *q)
{
    for (int k = 0; k < OTHERS; k++)
        if (p->value[k] != q->value[k])
            return p->value[k] < q->value[k] ? -1 : 1;
    return 0;
}

/* By algorithm, prepared table and family; within a family the larger ones first. */
static int by_sharing(const void *a, const void *b)
{
    const place *p = a, *q = b;
    if (p->algorithm != q->algorithm)
        return p->algorithm < q->algorithm ? -1 : 1;
    if (p->prep != q->prep)
        return p->prep < q->prep ? -1 : 1;
    if (p->first != q->first && by_value(p, q))
        return by_value(p, q);
    if (p->first != q->first)
        return p->first < q->first ? -1 : 1;
    for (int k = 0; k < SELECTS; k++)
        if (p->size[k] != q->size[k])
            return p->size[k] > q->size[k] ? -1 : 1;
    return p->trial < q->trial ? -1 : p->trial > q->trial;
}

static int by_identity(const void *a, const void *b)
{
    const place *p = a, *q = b;
    if (p->identity != q->identity)
        return p->identity < q->identity ? -1 : 1;
    return p->trial < q->trial ? -1 : p->trial > q->trial;
}

/* Of one algorithm on one prepared table. */
static bool is_kin(const place *p, const place *q)
{
    return p->params && q->params && p->algorithm == q->algorithm && p->prep == q->prep;
}

/* What each place needs of its configuration; params stay in `keep`. One that does not resolve is a
 * family of its own; its trial says why. */
static hone_status look_at_all(const list *l, place *places, hone_arena *keep, hone_error *error)
{
    const hone_dataset *d = l->dataset;
    hone_arena *arena = hone_arena_open(NULL);
    if (!arena)
        return hone_no_memory(error);
    hone_status status = HONE_OK;
    for (int64_t i = 0; i < l->n && !status; i++) {
        hone_resolved r;
        places[i] = (place){.trial = i, .identity = hone_hash(1, &i, sizeof i)};
        if (l->configs[i] && d->task &&
            !hone_config_resolve(l->configs[i], d->task, l->options->strict, arena, &r, NULL)) {
            describe(&r, d->task, l->seeds ? l->seeds[i] : 0, &places[i]);
            void *params = hone_arena_alloc(keep, 1, 1, r.algorithm->params_size);
            if (params)
                memcpy(params, r.params, r.algorithm->params_size);
            else
                status = hone_no_memory(error);
            places[i].params = params;
        }
        hone_arena_reset(arena);
    }
    hone_arena_close(arena);
    return status;
}

static hone_status arrange(const list *l, place *places, hone_arena *keep, hone_error *error)
{
    const int64_t n = l->n;
    const void **params = HONE_NEW(keep, const void *, n, 1);
    if (!params)
        return hone_no_memory(error);
    HONE_TRY(look_at_all(l, places, keep, error));
    qsort(places, (size_t)n, sizeof *places, by_identity);
    for (int64_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && places[end].identity == places[i].identity; end++)
            params[end] = places[end].params;
        for (int64_t k = i; k < end; k++) {
            places[k].first = places[i].trial;
            places[k].family = (hone_family){end - i, params[i] ? params + i : NULL, false};
        }
    }
    qsort(places, (size_t)n, sizeof *places, by_sharing);
    for (int64_t i = 0; i < n; i++)
        places[i].family.more = (i > 0 && is_kin(&places[i], &places[i - 1])) ||
                                (i + 1 < n && is_kin(&places[i], &places[i + 1]));
    return HONE_OK;
}

/* ---- one trial ---- */

static void post(void *context, int level, const char *line)
{
    mailbox *box = context;
    message *m = hone_alloc(sizeof *m + strlen(line) + 1);
    if (!m)
        return;
    m->level = level;
    strcpy(m->line, line);
    *box->last = m;
    box->last = &m->next;
}

/* In a race a trial that begins has the best loss so far as its cutoff. */
static void set_cutoff(const list *l, hone_options *o, double *cutoff)
{
    *cutoff = l->options->cutoff ? *l->options->cutoff : INFINITY;
    if (!l->options->race || !(l->lead < *cutoff))
        return;
    *cutoff = l->lead;
    o->cutoff = cutoff;
}

/* Whether the loss of a trial is over all the rows and folds that it was to be judged on. */
static bool is_whole(const hone_result *r)
{
    return r && !r->status && r->end != HONE_END_CANCELLED && r->folds == r->planned &&
           hone_result_get(r, "partial", -1) == 0;
}

static void follow(list *l, const hone_result *r)
{
    if (is_whole(r) && r->loss < l->lead)
        l->lead = r->loss;
}

/* A trial's failure is its result. NULL: no memory for that. */
static hone_result *run_trial(const list *l, const place *at, const hone_options *o)
{
    hone_result *result = NULL;
    hone_error error = {0};
    const hone_config *config = l->configs[at->trial];
    const hone_status status =
        config ? hone_training_call(config, l->dataset, l->seeds ? l->seeds[at->trial] : 0, o,
                                    &at->family, false, &result, &error)
               : hone_fail(&error, HONE_BAD_ARGUMENT, "configs", "configuration %lld is NULL",
                           (long long)at->trial);
    return status ? hone_result_failed(status, &error) : result;
}

/* On the calling thread. */
static void tell(const list *l, const ending *e, int64_t told)
{
    const hone_options *o = l->options;
    for (message *m = e->lines, *next; m; m = next) {
        next = m->next;
        o->log(o->context, m->level, m->line);
        hone_free(m);
    }
    if (l->done)
        l->done(o->context, e->trial, l->results[e->trial]);
    if (o->progress) {
        char stage[48];
        snprintf(stage, sizeof stage, "trial %lld/%lld", (long long)told, (long long)l->n);
        const double elapsed = (double)(hone_clock() - l->started) * 1e-9;
        o->progress(o->context, stage, (double)told / (double)l->n,
                    elapsed * (double)(l->n - told) / (double)told);
    }
}

static bool was_cancelled(const hone_result *r)
{
    return r->end == HONE_END_CANCELLED;
}

/* ---- one after the other ---- */

static hone_status run_serial(list *l, hone_error *error)
{
    hone_options o = *l->options;
    o.progress = NULL, o.judged = NULL;
    for (int64_t i = 0; i < l->n && !(i && hone_is_set(o.finish)); i++) {
        const int64_t trial = l->places[i].trial;
        double cutoff;
        set_cutoff(l, &o, &cutoff);
        hone_result *r = l->results[trial] = run_trial(l, &l->places[i], &o);
        if (!r)
            return hone_no_memory(error);
        follow(l, r);
        tell(l, &(ending){.trial = trial}, i + 1);
        if (was_cancelled(r) && !hone_is_set(o.finish))
            return hone_fail(error, HONE_STOPPED, "run", "the caller asked to stop");
    }
    return HONE_OK;
}

/* ---- side by side ---- */

static void find_families(list *l)
{
    for (int64_t i = 0, end; i < l->n; i = end) {
        for (end = i + 1; end < l->n && l->places[end].first == l->places[i].first;)
            end++;
        l->families[l->n_families++] = (family){i, i, end, false};
    }
    l->closed = l->n_families;
}

/* The first family that has a place to start and is not being opened; NULL: none now. */
static family *next_family(list *l)
{
    for (int64_t f = l->served; f < l->n_families; f++) {
        family *m = &l->families[f];
        if (m->next == m->end)
            l->served += f == l->served;
        else if (!m->opening)
            return m;
    }
    return NULL;
}

/* Gives the threads of the place that is started. */
static int start(list *l, family *m)
{
    int threads = 1;
    if (m->next == m->first) {
        m->opening = m->end - m->first > 1;
        if (m->opening && l->idle / l->closed > 1)
            threads = (int)(l->idle / l->closed);
        l->closed--;
    }
    l->idle -= threads;
    m->next++;
    return threads;
}

static void wait_a_little(list *l)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += WAIT_NANOSECONDS;
    if (until.tv_nsec >= 1000000000)
        until.tv_sec++, until.tv_nsec -= 1000000000;
    pthread_cond_timedwait(&l->changed, &l->lock, &until);
}

static bool goes_on(const list *l)
{
    const bool begun = l->closed < l->n_families;
    return l->served < l->n_families && !l->no_memory && !hone_is_set(&l->cancel) &&
           !(begun && hone_is_set(l->options->finish));
}

static void run_place(list *l, family *m, hone_options *o)
{
    const place *at = &l->places[m->next];
    double cutoff;
    o->threads = start(l, m);
    set_cutoff(l, o, &cutoff);
    pthread_mutex_unlock(&l->lock);
    mailbox box = {.last = &box.first};
    o->log = l->options->log ? post : NULL, o->context = &box;
    hone_result *r = run_trial(l, at, o);
    pthread_mutex_lock(&l->lock);
    m->opening = false;
    l->idle += o->threads;
    l->results[at->trial] = r;
    l->no_memory |= !r;
    follow(l, r);
    l->endings[l->ended++] = (ending){at->trial, box.first};
    pthread_cond_broadcast(&l->changed);
}

static void *worker(void *context)
{
    list *l = context;
    hone_options o = *l->options;
    o.cancel = &l->cancel, o.poll = NULL, o.progress = NULL, o.judged = NULL;
    pthread_mutex_lock(&l->lock);
    while (goes_on(l)) {
        family *m = next_family(l);
        if (m)
            run_place(l, m, &o);
        else if (l->served < l->n_families)
            wait_a_little(l);
    }
    l->running--;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static void look_at_caller(list *l, int64_t *polled)
{
    const hone_options *o = l->options;
    bool stop = o->cancel && __atomic_load_n(o->cancel, __ATOMIC_RELAXED);
    const int64_t now = hone_clock();
    if (!stop && o->poll && now - *polled >= POLL_NANOSECONDS) {
        *polled = now;
        stop = o->poll(o->context);
    }
    if (stop)
        __atomic_store_n(&l->cancel, 1, __ATOMIC_RELAXED);
}

/* The calling thread gives results out and listens to the caller while the workers train. */
static void attend(list *l)
{
    int64_t polled = 0;
    pthread_mutex_lock(&l->lock);
    while (l->running || l->told < l->ended) {
        if (l->told == l->ended)
            wait_a_little(l);
        while (l->told < l->ended) {
            const ending e = l->endings[l->told++];
            const int64_t told = l->told;
            pthread_mutex_unlock(&l->lock);
            tell(l, &e, told);
            pthread_mutex_lock(&l->lock);
        }
        pthread_mutex_unlock(&l->lock);
        look_at_caller(l, &polled);
        pthread_mutex_lock(&l->lock);
    }
    pthread_mutex_unlock(&l->lock);
}

static hone_status run_side_by_side(list *l, int threads, hone_error *error)
{
    pthread_t thread[MOST_WORKERS];
    int started = 0;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->changed, NULL);
    pthread_mutex_lock(&l->lock);
    while (started < threads && !pthread_create(&thread[started], NULL, worker, l))
        started++;
    l->running = l->idle = started;
    pthread_mutex_unlock(&l->lock);
    attend(l);
    for (int i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    if (!started)
        return run_serial(l, error);
    if (l->no_memory)
        return hone_no_memory(error);
    return l->cancel ? hone_fail(error, HONE_STOPPED, "run", "the caller asked to stop") : HONE_OK;
}

/* ---- the call ---- */

static int workers(const list *l)
{
    const hone_matrix *x = &l->dataset->table;
    const double cells = (double)x->rows * (double)x->stored_cols;
    const int threads = hone_threads_of(l->options->threads);
    const int64_t most = threads < l->n ? threads : l->n;
    return cells > SMALL_CELLS ? 1 : (int)(most < MOST_WORKERS ? most : MOST_WORKERS);
}

/* The first of the best among those judged whole, else among the others; -1: none. */
static int64_t best_of(const list *l)
{
    int64_t best = -1;
    for (int64_t i = 0; i < l->n; i++) {
        const hone_result *r = l->results[i], *b = best < 0 ? NULL : l->results[best];
        if (!r || r->status || (b && is_whole(b) && !is_whole(r)))
            continue;
        if (!b || is_whole(r) != is_whole(b) || r->loss < b->loss)
            best = i;
    }
    return best;
}

/* The one model that is kept: the best trial again, this time with all that a model needs. One that
 * the caller ended early gets the time that it had. */
static hone_status keep_best(list *l, const hone_options *given, hone_error *error)
{
    const int64_t best = best_of(l);
    if (best < 0 || (!given->model_dir && !given->keep_model))
        return HONE_OK;
    hone_options o = *given;
    o.race = false, o.progress = NULL, o.judged = NULL, o.finish = NULL;
    if (was_cancelled(l->results[best]))
        o.deadline = hone_result_number(l->results[best], "seconds", -1);
    hone_result *result;
    HONE_TRY(hone_training_call(l->configs[best], l->dataset, l->seeds ? l->seeds[best] : 0, &o,
                                NULL, false, &result, error));
    hone_result_free(l->results[best]);
    l->results[best] = result;
    return HONE_OK;
}

static hone_status run_list(list *l, hone_error *error)
{
    place *places = hone_alloc((size_t)l->n * sizeof *places);
    hone_arena *keep = hone_arena_open(NULL);
    l->endings = hone_alloc((size_t)l->n * sizeof *l->endings);
    l->families = hone_alloc((size_t)l->n * sizeof *l->families);
    hone_status status =
        places && keep && l->endings && l->families ? HONE_OK : hone_no_memory(error);
    if (!status)
        status = arrange(l, places, keep, error);
    l->places = places;
    if (!status) {
        find_families(l);
        const int threads = workers(l);
        status = threads > 1 ? run_side_by_side(l, threads, error) : run_serial(l, error);
    }
    hone_free(l->families);
    hone_free(l->endings);
    hone_arena_close(keep);
    hone_free(places);
    return status;
}

hone_status hone_train_many(const hone_config *const *configs, const uint64_t *seeds, int64_t n,
                            hone_dataset *dataset, const hone_options *options,
                            void (*done)(void *context, int64_t trial, const hone_result *result),
                            hone_result **results, hone_error *error)
{
    if (n < 0 || !dataset || (n && (!configs || !results)))
        return hone_fail(error, HONE_BAD_ARGUMENT,
                         !dataset   ? "dataset"
                         : !configs ? "configs"
                         : !results ? "results"
                                    : "n",
                         "missing or negative");
    for (int64_t i = 0; i < n; i++)
        results[i] = NULL;
    hone_options checked;
    HONE_TRY(hone_options_read(options, &checked, error));
    if (checked.out_of_fold)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.out_of_fold",
                         "one array cannot take the scores of many trials");
    if (!n)
        return HONE_OK;
    const hone_options given = checked;
    if (given.model_dir)
        HONE_TRY(hone_directory_make(given.model_dir, error));
    if (given.keep != HONE_KEEP_ALL)
        checked.model_dir = NULL, checked.keep_model = false;
    list l = {.configs = configs,
              .seeds = seeds,
              .dataset = dataset,
              .options = &checked,
              .n = n,
              .results = results,
              .done = done,
              .lead = INFINITY,
              .started = hone_clock()};
    HONE_TRY(run_list(&l, error));
    return given.keep == HONE_KEEP_ALL ? HONE_OK : keep_best(&l, &given, error);
}
