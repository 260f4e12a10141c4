/* The process is the caller's: nothing is written to its outputs, nothing read from its
 * environment, and descriptors, signals, locale, rounding and other libraries' threads stay. */
#define _GNU_SOURCE
#include "contract.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <fenv.h>
#include <locale.h>
#include <omp.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- calls that the library must not make ---- */

static const void *lookups; /* who asked for the environment, when it was Hone */
static int blas_calls;

/* In place of OpenBLAS, and of the C library: calls of other libraries go through. */
void openblas_set_num_threads(int n);
void goto_set_num_threads(int n);

void openblas_set_num_threads(int n)
{
    (void)n;
    blas_calls++;
}

void goto_set_num_threads(int n)
{
    openblas_set_num_threads(n);
}

static bool of_hone(const void *caller)
{
    Dl_info who;
    return dladdr(caller, &who) && who.dli_fname && strstr(who.dli_fname, "libhone");
}

char *getenv(const char *name)
{
    if (of_hone(__builtin_return_address(0)))
        lookups = name;
    const size_t n = strlen(name);
    for (char **e = environ; e && *e; e++)
        if (!strncmp(*e, name, n) && (*e)[n] == '=')
            return *e + n + 1;
    return NULL;
}

/* ---- the process ---- */

enum { SIGNALS = 32 };

typedef struct host {
    int files, rounding, most_threads;
    mode_t mask;
    char locale[64], folder[256];
    void (*handler[SIGNALS])(int);
    bool blocked[SIGNALS];
} host;

static int open_files(void)
{
    int count = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        count++;
    if (d)
        closedir(d);
    return count;
}

static host look(void)
{
    host h = {0};
    h.files = open_files();
    h.rounding = fegetround();
    h.most_threads = omp_get_max_threads();
    h.mask = umask(0);
    umask(h.mask);
    snprintf(h.locale, sizeof h.locale, "%s", setlocale(LC_ALL, NULL));
    if (!getcwd(h.folder, sizeof h.folder))
        *h.folder = 0;
    sigset_t blocked;
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    for (int k = 1; k < SIGNALS; k++) {
        struct sigaction action;
        sigaction(k, NULL, &action);
        h.handler[k] = action.sa_handler;
        h.blocked[k] = sigismember(&blocked, k) == 1;
    }
    return h;
}

static bool same_host(const host *a, const host *b)
{
    for (int k = 1; k < SIGNALS; k++)
        if (a->handler[k] != b->handler[k] || a->blocked[k] != b->blocked[k])
            return false;
    return a->rounding == b->rounding && a->most_threads == b->most_threads && a->mask == b->mask &&
           !strcmp(a->locale, b->locale) && !strcmp(a->folder, b->folder);
}

/* ---- the outputs ---- */

typedef struct captured {
    int kept[2];
    FILE *file;
} captured;

static void capture(captured *c)
{
    fflush(NULL);
    c->file = tmpfile();
    for (int fd = 1; fd <= 2; fd++) {
        c->kept[fd - 1] = dup(fd);
        dup2(fileno(c->file), fd);
    }
}

static long release(captured *c)
{
    fflush(NULL);
    for (int fd = 1; fd <= 2; fd++) {
        dup2(c->kept[fd - 1], fd);
        close(c->kept[fd - 1]);
    }
    struct stat st;
    const long size = fstat(fileno(c->file), &st) ? -1 : (long)st.st_size;
    fclose(c->file);
    return size;
}

static void hear(void *context, int level, const char *line)
{
    (void)level, (void)line;
    ++*(int *)context;
}

/* A training that has things to say, one that fails, and predictions. */
static hone_status busy(stage *s, const hone_algorithm *a, hone_dataset *d, int *lines)
{
    hone_options o = with_threads(3);
    o.log = hear, o.context = lines;
    const outcome wrong = train(s, a, "\"no_such_key\":1", d, 1, &o);
    const outcome t = train(s, a, "", d, 1, &o);
    if (t.status || wrong.status != HONE_BAD_CONFIG)
        return t.status ? t.status : HONE_INTERNAL;
    scores_of(s, t.model, d);
    return *hash_of(s, t.model) ? HONE_OK : HONE_IO;
}

static bool holds_for(stage *s, const hone_algorithm *a, hone_task task)
{
    hone_dataset *d = dataset_of(s, problem_hard(s, task, 90, 4, 3), PLAIN);
    int lines = 0;
    REQUIRE(!busy(s, a, d, &lines), "the first training");
    const host before = look();
    captured c;
    capture(&c);
    lookups = NULL;
    const hone_status status = busy(s, a, d, &lines);
    const void *asked = lookups;
    const long written = release(&c);
    const host after = look();
    REQUIRE(!status, "%s", hone_status_name(status));
    REQUIRE(written == 0, "%ld bytes written to the outputs", written);
    REQUIRE(lines > 0, "no line of the log came");
    REQUIRE(!asked, "the environment was read: %s", (const char *)asked);
    REQUIRE(!blas_calls, "the threads of OpenBLAS were set");
    REQUIRE(before.files == after.files, "%d open files, %d before", after.files, before.files);
    REQUIRE(same_host(&before, &after), "the state of the process");
    return true;
}

static bool holds(stage *s, const hone_algorithm *a)
{
    EACH_TASK(task, a)
    if (!holds_for(s, a, task))
        return false;
    return true;
}

int main(int argc, char **argv)
{
    return contract_main(argc, argv, &(contract){.holds = holds, .broken = broken_host});
}
