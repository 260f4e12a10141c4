/* Every allocation fails once, and all from it on: no crash, no leak, no file, and the next call
 * gives the usual bits. Injected below malloc for the whole process, so that the libraries under
 * Hone are covered; the C library's own calls for threads and for printing errors are spared. */
#define _GNU_SOURCE
#include "contract.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>

/* ---- an allocator that fails on demand ---- */

/* The C library's own, or a sanitizer's. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *memory);
void *__interceptor_malloc(size_t size) __attribute__((weak));
void *__interceptor_calloc(size_t count, size_t size) __attribute__((weak));
void *__interceptor_realloc(void *old, size_t size) __attribute__((weak));
void *__interceptor_memalign(size_t align, size_t size) __attribute__((weak));
void __interceptor_free(void *memory) __attribute__((weak));

static _Atomic long left = -1; /* allocations until one fails; < 0: none does */
static _Atomic bool for_good;
static _Atomic long asked, alive;

static bool refused(void)
{
    atomic_fetch_add(&asked, 1);
    const long now = atomic_load(&left);
    if (now < 0)
        return false;
    if (now == 0) {
        if (!atomic_load(&for_good))
            atomic_store(&left, -1);
        errno = ENOMEM;
        return true;
    }
    atomic_store(&left, now - 1);
    return false;
}

static void *counted(void *memory)
{
    if (memory)
        atomic_fetch_add(&alive, 1);
    return memory;
}

void *malloc(size_t size)
{
    if (refused())
        return NULL;
    return counted(__interceptor_malloc ? __interceptor_malloc(size) : __libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    if (refused())
        return NULL;
    return counted(__interceptor_calloc ? __interceptor_calloc(count, size)
                                        : __libc_calloc(count, size));
}

void *realloc(void *old, size_t size)
{
    if (refused())
        return NULL;
    void *memory =
        __interceptor_realloc ? __interceptor_realloc(old, size) : __libc_realloc(old, size);
    return old ? memory : counted(memory);
}

void *memalign(size_t align, size_t size)
{
    if (refused())
        return NULL;
    return counted(__interceptor_memalign ? __interceptor_memalign(align, size)
                                          : __libc_memalign(align, size));
}

void *aligned_alloc(size_t align, size_t size)
{
    return memalign(align, size);
}

int posix_memalign(void **memory, size_t align, size_t size)
{
    *memory = memalign(align, size);
    return *memory ? 0 : ENOMEM;
}

void free(void *memory)
{
    if (memory)
        atomic_fetch_sub(&alive, 1);
    if (__interceptor_free)
        __interceptor_free(memory);
    else
        __libc_free(memory);
}

/* ---- the whole way through ---- */

typedef struct way {
    const hone_algorithm *a;
    const problem *p;
    const char *directory;
    double loss, score[64 * 3];
} way;

static hone_status predict_saved(const way *w, const char *path, hone_dataset *d, double *score)
{
    const hone_algorithm *const more[] = {w->a, NULL};
    const hone_load_options load = {.size = sizeof load, .algorithms = more};
    hone_model *m = NULL;
    HONE_TRY(hone_model_load(path, &load, &m, NULL));
    const hone_status status = hone_model_predict(m, d, HONE_SCORES, NULL, score, NULL);
    hone_model_free(m);
    return status;
}

static hone_status train_one(way *w, hone_config *c, hone_dataset *d)
{
    char json[128];
    snprintf(json, sizeof json, "{\"model\":\"%s\"}", w->a->name);
    HONE_TRY(hone_config_use(c, w->a, NULL));
    HONE_TRY(hone_config_parse(c, json, strlen(json), NULL));
    hone_options o = with_threads(1);
    o.model_dir = w->directory;
    hone_result *r = NULL;
    HONE_TRY(hone_train_full(c, d, 1, &o, &r, NULL));
    w->loss = hone_result_loss(r);
    const char *path = hone_result_model_path(r);
    hone_status status = path ? predict_saved(w, path, d, w->score) : HONE_NO_MEMORY;
    hone_result_free(r);
    return status;
}

static hone_status go(way *w)
{
    const problem *p = w->p;
    const hone_dataset_options o = {.size = sizeof o, .task = p->task};
    hone_dataset *d = NULL;
    HONE_TRY(hone_dataset_dense(p->x, HONE_F64, p->rows, p->cols, p->cols, 1,
                                (hone_vector){.values = p->y, .dtype = HONE_F64}, &o, &d, NULL));
    hone_config *c = NULL;
    hone_status status = hone_config_new(&c, NULL);
    if (!status)
        status = train_one(w, c, d);
    hone_config_free(c);
    hone_dataset_free(d);
    return status;
}

/* ---- the contract ---- */

static int sweep_files(const stage *s)
{
    const int count = stage_files(s);
    stage_sweep(s);
    return count;
}

static bool fails_well(stage *s, way *w, const way *first, long k, bool sticky)
{
    const long before = atomic_load(&alive);
    atomic_store(&for_good, sticky);
    atomic_store(&left, k);
    const hone_status status = go(w);
    atomic_store(&left, -1);
    const long after = atomic_load(&alive);
    REQUIRE(status == HONE_OK || status == HONE_NO_MEMORY || status == HONE_IO,
            "allocation %ld%s: %s", k, sticky ? " and on" : "", hone_status_name(status));
    REQUIRE(after <= before, "allocation %ld%s: a leak of %ld blocks", k, sticky ? " and on" : "",
            after - before);
    REQUIRE(status || same_bits(&w->loss, &first->loss, 1), "allocation %ld: loss %g, not %g", k,
            w->loss, first->loss);
    const int files = sweep_files(s);
    REQUIRE(files <= 1, "allocation %ld: %d files", k, files);
    return true;
}

static bool holds(stage *s, const hone_algorithm *a)
{
    EACH_TASK(task, a)
    {
        way first = {.a = a, .p = problem_hard(s, task, 48, 3, 3), .directory = s->directory};
        way w = first;
        REQUIRE(!go(&w) && !go(&first), "without failures");
        sweep_files(s);
        const long start = atomic_load(&asked);
        REQUIRE(!go(&first), "without failures");
        sweep_files(s);
        const long count = atomic_load(&asked) - start;
        const long step = s->thorough ? 1 : count / 60 + 1;
        for (long k = 0; k < count; k += step)
            if (!fails_well(s, &w, &first, k, false) ||
                !fails_well(s, &w, &first, k + step / 2, true))
                return false;
        REQUIRE(!go(&w) && same_bits(w.score, first.score, w.p->rows), "the call after failures");
    }
    return true;
}

int main(int argc, char **argv)
{
    return contract_main(argc, argv,
                         &(contract){.holds = holds, .broken = broken_allocations, .seconds = 240});
}
