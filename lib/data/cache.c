/* A fixed table of entries: absent, under construction, or ready.
 *
 * What has to go is chosen by GreedyDual-Size (Cao and Irani, USITS 1997): an entry's worth is its
 * seconds per byte on top of the worth of the last one that went, so that dear entries stay for
 * long, but not for ever when nobody asks for them.
 *
 * One mutex guards the table and is never held while building. An entry is published by its state
 * alone and its memory is one arena, so a forked child can take over what is ready: on the first
 * call in a new process the lock is made anew and what was under construction is dropped.
 */
#define _POSIX_C_SOURCE 200809L
#include "data/cache.h"

#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "toolbox/run.h"

enum {
    SLOTS = 512,
    POOL_SHARE = 8 /* part of the budget that memory without an object may take beside it */
};

typedef struct entry {
    enum { ABSENT, BUILDING, READY } state;
    bool private; /* does not fit the budget: goes when its only trial ends */
    const hone_recipe *recipe;
    char name[64]; /* of the recipe: outlives a plugin */
    uint64_t identity;
    int64_t key[HONE_KEY];
    hone_account account; /* of the arena; peak is what the build needed */
    hone_arena *arena;
    void *object;
    int64_t pins;
    double worth;   /* of keeping it, set at each use */
    double seconds; /* that the build took */
    int64_t work;   /* and its operations */
} entry;

struct hone_cache {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    _Atomic pid_t process;
    int64_t budget;
    hone_cache_stats stats;
    double age; /* worth of the last entry that went */
    hone_pool pool;
    entry slot[SLOTS];
};

hone_cache *hone_cache_open(int64_t budget)
{
    hone_cache *c = hone_alloc(sizeof *c);
    if (!c)
        return NULL;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    c->process = getpid();
    c->budget = budget;
    c->pool.limit = budget / POOL_SHARE;
    return c;
}

/* It is absent before its memory goes: another thread may fork in between. */
static void drop(entry *e)
{
    e->state = ABSENT;
    atomic_signal_fence(memory_order_seq_cst);
    hone_arena_close(e->arena);
    *e = (entry){0};
}

void hone_cache_close(hone_cache *c)
{
    for (int i = 0; c && i < SLOTS; i++)
        drop(&c->slot[i]);
    if (c)
        hone_pool_close(&c->pool);
    hone_free(c);
}

hone_pool *hone_cache_pool(hone_cache *c)
{
    return &c->pool;
}

/* In a child only the thread that forked is left; whoever held the lock or was building is not. */
static void lock(hone_cache *c)
{
    pid_t was = atomic_load(&c->process);
    const pid_t is = getpid();
    if (was != is && atomic_compare_exchange_strong(&c->process, &was, is)) {
        pthread_mutex_init(&c->lock, NULL);
        pthread_cond_init(&c->changed, NULL);
        for (int i = 0; i < SLOTS; i++) {
            if (c->slot[i].state == BUILDING)
                c->slot[i] = (entry){0}; /* its arena may be half written: left alone */
            c->slot[i].pins = 0;
        }
    }
    pthread_mutex_lock(&c->lock);
}

static int64_t used(const hone_cache *c)
{
    int64_t bytes = 0;
    for (int i = 0; i < SLOTS; i++)
        if (c->slot[i].state == READY && !c->slot[i].private)
            bytes += c->slot[i].account.used;
    return bytes;
}

void hone_cache_read_stats(hone_cache *c, hone_cache_stats *stats)
{
    lock(c);
    const size_t size = stats->size ? stats->size : sizeof *stats;
    hone_cache_stats now = c->stats;
    now.bytes = used(c);
    now.budget = c->budget;
    for (int i = 0; i < SLOTS; i++)
        now.entries += c->slot[i].state == READY && !c->slot[i].private;
    now.size = size;
    memcpy(stats, &now, size < sizeof now ? size : sizeof now);
    pthread_mutex_unlock(&c->lock);
}

static uint64_t identity_of(const hone_shared *s, const hone_recipe *r)
{
    switch (r->basis) {
    case HONE_OF_TABLE:
        return s->identity.table;
    case HONE_OF_ROWS:
        return s->identity.rows;
    case HONE_OF_SPLIT:
        return s->identity.split;
    case HONE_OF_FIT_AND_SPLIT:
        return hone_hash(s->identity.fit, &s->identity.split, sizeof s->identity.split);
    case HONE_OF_FIT:
        break;
    }
    return s->identity.fit;
}

/* What is asked for. */
typedef struct request {
    const hone_recipe *recipe;
    uint64_t identity;
    const int64_t *key;
    const void *context; /* replaces job.params for the builder when not NULL */
} request;

/* By name: the same recipe of a plugin that was loaded twice is the same recipe. */
static bool answers(const entry *e, const request *q)
{
    return e->identity == q->identity && !memcmp(e->key, q->key, sizeof e->key) &&
           !strcmp(e->name, q->recipe->name);
}

static entry *find(hone_cache *c, const request *q)
{
    for (int i = 0; i < SLOTS; i++) {
        entry *e = &c->slot[i];
        if (e->state != ABSENT && !e->private && answers(e, q))
            return e;
    }
    return NULL;
}

static void use(const hone_cache *c, entry *e)
{
    e->worth = c->age + e->seconds / ((double)e->account.used + 1);
}

/* Cheapest to lose among those that no trial holds. */
static entry *cheapest(hone_cache *c)
{
    entry *least = NULL;
    for (int i = 0; i < SLOTS; i++) {
        entry *e = &c->slot[i];
        if (e->state == READY && !e->pins && (!least || e->worth < least->worth))
            least = e;
    }
    return least;
}

static void evict(hone_cache *c, entry *e)
{
    c->stats.evictions++;
    c->age = e->worth;
    drop(e);
}

static entry *free_slot(hone_cache *c)
{
    for (int i = 0; i < SLOTS; i++)
        if (c->slot[i].state == ABSENT)
            return &c->slot[i];
    entry *e = cheapest(c);
    if (e)
        evict(c, e);
    return e;
}

/* The builder's job: whatever the basis does not name is gone. */
static hone_fit_job narrowed(const hone_shared *s, const request *q)
{
    hone_fit_job job = s->job;
    const hone_basis basis = q->recipe->basis;
    const bool fit = basis == HONE_OF_FIT || basis == HONE_OF_FIT_AND_SPLIT;
    if (basis != HONE_OF_SPLIT && basis != HONE_OF_FIT_AND_SPLIT)
        job.valid_x = (hone_matrix){0};
    job.valid_label = NULL, job.valid_target = job.valid_weight = NULL;
    job.warm_params = job.warm_state = NULL;
    if (!fit) {
        job.label = NULL, job.target = job.weight = NULL, job.params = NULL, job.seed = 0;
        job.shape.outputs = 0;
    }
    if (basis == HONE_OF_TABLE)
        job.x = s->table;
    if (q->context)
        job.params = q->context;
    return job;
}

/* What the build itself takes from the cache is charged to the build, and let go after it: an
 * object never points into another one. */
static hone_status build(hone_shared *s, entry *e, const request *q, hone_error *error)
{
    const int64_t start = hone_clock(), work = atomic_load(s->job.run->work);
    if (s->account && s->account->cap) {
        e->account.cap = s->account->cap - atomic_load(&s->account->used);
        if (e->account.cap <= 0)
            return hone_no_memory(error);
    }
    hone_shared inner = *s;
    e->account.pool = &s->cache->pool;
    inner.account = &e->account, inner.charged = 0, inner.pins = 0;
    hone_fit_job job = narrowed(s, q);
    hone_run run = *job.run;
    run.account = &e->account, run.whole = true;
    job.run = &run, job.shared = &inner, inner.job.run = &run;
    job.keep = e->arena = hone_arena_open(&e->account);
    job.scratch = hone_arena_open(&e->account);
    if (job.keep && job.scratch)
        e->object = hone_arena_alloc(job.keep, 1, 1, q->recipe->size);
    hone_status status =
        e->object ? q->recipe->build(&job, q->key, e->object, error) : hone_no_memory(error);
    if (!status && hone_stopping(&run) == HONE_CANCEL)
        status = hone_fail(error, HONE_STOPPED, q->recipe->name, "the caller asked to stop");
    hone_arena_close(job.scratch);
    hone_shared_release(&inner);
    e->seconds = (double)(hone_clock() - start) * 1e-9;
    e->work = atomic_load(s->job.run->work) - work;
    s->seconds += e->seconds;
    return status;
}

static hone_status pin(hone_shared *s, entry *e, hone_error *error)
{
    const int64_t spike = e->account.peak - e->account.used;
    if (s->pins == HONE_PINS || !hone_account_take(s->account, e->account.used))
        return hone_no_memory(error);
    s->charged += e->account.used;
    s->pinned[s->pins++] = e;
    e->pins++;
    if (!hone_account_take(s->account, spike)) /* a hit pays for the build's peak as well */
        return hone_no_memory(error);
    hone_account_give(s->account, spike);
    return HONE_OK;
}

static void publish(hone_cache *c, entry *e)
{
    e->account.cap = 0;
    e->state = READY;
    e->private = e->account.used > c->budget; /* nothing goes for what cannot stay */
    e->pins++;                                /* not to be evicted by its own arrival */
    for (entry *other; !e->private && used(c) > c->budget && (other = cheapest(c));)
        evict(c, other);
    e->private |= used(c) > c->budget;
    e->pins--;
    c->stats.misses++;
}

static hone_status stopped(const request *q, hone_error *error)
{
    return hone_fail(error, HONE_STOPPED, q->recipe->name, "the run was stopped");
}

/* A hit counts as much work as the build did, and both stop a run that is then at its limit: where
 * a limit stops a trial does not depend on what was cached. */
static bool within_limit(const hone_shared *s)
{
    const hone_run *run = s->job.run;
    return !run->work_limit || atomic_load(run->work) < run->work_limit;
}

static bool pay_work(const hone_shared *s, const entry *e)
{
    const hone_run *run = s->job.run;
    atomic_fetch_add(run->work,
                     e->work); /* not hone_work: it may call the caller, under our lock */
    if (within_limit(s))
        return true;
    int go = HONE_GO;
    atomic_compare_exchange_strong(run->stop, &go, HONE_FINISH);
    return false;
}

static void wait_a_little(hone_cache *c)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 5000000;
    if (until.tv_nsec >= 1000000000)
        until.tv_sec++, until.tv_nsec -= 1000000000;
    pthread_cond_timedwait(&c->changed, &c->lock, &until);
}

/* Under the lock. Waits while another thread builds; the trial's own stop still works. */
static hone_status take(hone_shared *s, const request *q, entry **found, hone_error *error)
{
    hone_cache *c = s->cache;
    while ((*found = find(c, q)) && (*found)->state == BUILDING) {
        wait_a_little(c);
        if (hone_stopping(s->job.run) != HONE_GO)
            return stopped(q, error);
    }
    if (*found) {
        c->stats.hits++;
        c->stats.seconds_saved += (*found)->seconds;
        return pay_work(s, *found) ? HONE_OK : stopped(q, error);
    }
    entry *e = free_slot(c);
    if (!e)
        return hone_no_memory(error);
    *e = (entry){.state = BUILDING, .recipe = q->recipe, .identity = q->identity};
    strncpy(e->name, q->recipe->name, sizeof e->name - 1);
    memcpy(e->key, q->key, sizeof e->key);
    pthread_mutex_unlock(&c->lock);
    const hone_status status = build(s, e, q, error);
    lock(c);
    if (status)
        drop(e);
    else
        publish(c, e), *found = e;
    pthread_cond_broadcast(&c->changed);
    return status || within_limit(s) ? status : stopped(q, error);
}

static hone_status derive(hone_shared *s, const request *q, const void **object, hone_error *error)
{
    entry *e = NULL;
    lock(s->cache);
    for (int i = 0; i < s->pins && !e; i++) /* a private entry is found by its trial only */
        if (answers(s->pinned[i], q))
            e = s->pinned[i];
    hone_status status = HONE_OK;
    if (!e) {
        status = take(s, q, &e, error);
        if (!status)
            status = pin(s, e, error);
        if (status && e && e->private && !e->pins)
            drop(e);
    }
    if (!status) {
        use(s->cache, e);
        *object = e->object;
    }
    pthread_mutex_unlock(&s->cache->lock);
    return status;
}

hone_status hone_derive(hone_shared *s, const hone_recipe *r, const int64_t key[HONE_KEY],
                        const void **object, hone_error *error)
{
    return derive(s, &(request){r, identity_of(s, r), key, NULL}, object, error);
}

hone_status hone_derive_as(hone_shared *s, const hone_recipe *r, uint64_t identity,
                           const int64_t key[HONE_KEY], const void *context, const void **object,
                           hone_error *error)
{
    return derive(s, &(request){r, identity, key, context}, object, error);
}

hone_status hone_derive_nearest(hone_shared *s, const hone_recipe *r, uint64_t identity,
                                double (*distance)(const void *context, const void *object),
                                const void *context, const void **object, hone_error *error)
{
    entry *nearest = NULL;
    double least = INFINITY;
    *object = NULL;
    lock(s->cache);
    for (int i = 0; i < SLOTS; i++) {
        entry *e = &s->cache->slot[i];
        if (e->state != READY || e->private || e->identity != identity || strcmp(e->name, r->name))
            continue;
        const double d = distance(context, e->object);
        if (d < least || (nearest && d == least && memcmp(e->key, nearest->key, sizeof e->key) < 0))
            nearest = e, least = d;
    }
    const hone_status status = nearest ? pin(s, nearest, error) : HONE_OK;
    if (nearest && !status) {
        s->cache->stats.hits++;
        use(s->cache, nearest);
        *object = nearest->object;
    }
    pthread_mutex_unlock(&s->cache->lock);
    return status;
}

int64_t hone_derive_limit(const hone_shared *s)
{
    const int64_t cap = s->account ? s->account->cap : 0;
    return cap && cap / 2 < s->cache->budget ? cap / 2 : s->cache->budget;
}

bool hone_derive_ready(const hone_shared *s, const hone_recipe *r, const int64_t key[HONE_KEY])
{
    lock(s->cache);
    const entry *e = find(s->cache, &(request){r, identity_of(s, r), key, NULL});
    const bool ready = e && e->state == READY;
    pthread_mutex_unlock(&s->cache->lock);
    return ready;
}

void hone_derive_clear(hone_shared *s, const hone_recipe *r)
{
    hone_cache *c = s->cache;
    const uint64_t identity = identity_of(s, r);
    lock(c);
    for (int i = 0; i < SLOTS; i++) {
        entry *e = &c->slot[i];
        if (e->state != READY || e->pins || e->identity != identity || strcmp(e->name, r->name))
            continue;
        c->stats.evictions++;
        drop(e);
    }
    pthread_mutex_unlock(&c->lock);
}

void hone_shared_release(hone_shared *s)
{
    lock(s->cache);
    for (int i = 0; i < s->pins; i++) {
        entry *e = s->pinned[i];
        if (!--e->pins && e->private)
            drop(e);
    }
    pthread_mutex_unlock(&s->cache->lock);
    hone_account_give(s->account, s->charged);
    s->pins = 0;
    s->charged = 0;
}
