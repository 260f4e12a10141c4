/* Under a limit of address space or of processes, training with sixteen threads ends with OK or
 * NO_MEMORY, in time, alive and silent. Sanitizers need the address space themselves. */
#define _GNU_SOURCE
#include "contract.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 10, THREADS = 16, NOBODY = 65534 };

static rlim_t address_space(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%lu", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void limit_space(int64_t extra)
{
    const rlim_t most = address_space() + (rlim_t)extra;
    const struct rlimit r = {most, most};
    setrlimit(RLIMIT_AS, &r);
}

/* The superuser has no such limit: the child becomes somebody else first. */
static void limit_processes(int64_t extra)
{
    const struct rlimit r = {(rlim_t)extra + 1, (rlim_t)extra + 1};
    setrlimit(RLIMIT_NPROC, &r);
    if (getuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY))
        _exit(3);
}

typedef struct starving {
    const hone_algorithm *a;
    hone_config *config;
    hone_dataset *dataset;
} starving;

/* In the child: 0 OK, 1 NO_MEMORY, 2 something else. */
static int run(const starving *h, void (*limit)(int64_t extra), int64_t extra, int output)
{
    dup2(output, 1);
    dup2(output, 2);
    alarm(SECONDS);
    limit(extra);
    hone_options o = with_threads(THREADS);
    hone_result *r = NULL;
    const hone_status status = hone_train_full(h->config, h->dataset, 1, &o, &r, NULL);
    hone_result_free(r);
    return status == HONE_OK ? 0 : status == HONE_NO_MEMORY ? 1 : 2;
}

static bool survives(stage *s, const starving *h, void (*limit)(int64_t extra), int64_t extra,
                     const char *what)
{
    int ends[2];
    REQUIRE(!pipe(ends), "no pipe");
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        _exit(run(h, limit, extra, ends[1]));
    }
    close(ends[1]);
    char said[200];
    ssize_t got = 0, more;
    while ((more = read(ends[0], said + got, sizeof said - 1 - (size_t)got)) > 0)
        got += more;
    said[got] = 0;
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    REQUIRE(WIFEXITED(status), "%s + %lld: ended by signal %d: %s", what, (long long)extra,
            WTERMSIG(status), said);
    REQUIRE(got == 0, "%s + %lld: it said: %s", what, (long long)extra, said);
    REQUIRE(WEXITSTATUS(status) < 2, "%s + %lld: exit %d", what, (long long)extra,
            WEXITSTATUS(status));
    return true;
}

static bool holds(stage *s, const hone_algorithm *a)
{
    if (SANITIZED)
        return true;
    const int64_t step = s->thorough ? 4 : 32, unit = INT64_C(1) << 20;
    EACH_TASK(task, a)
    {
        const starving h = {a, config_of(s, a, "", NULL),
                            dataset_of(s, problem_hard(s, task, 300, 6, 3), PLAIN)};
        REQUIRE(h.config, "no configuration");
        for (int64_t extra = 0; extra <= 256; extra += step)
            if (!survives(s, &h, limit_space, extra * unit, "address space"))
                return false;
        for (int64_t extra = 0; extra < 16; extra += s->thorough ? 1 : 5)
            if (!survives(s, &h, limit_processes, extra, "processes"))
                return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    return contract_main(argc, argv,
                         &(contract){.holds = holds, .broken = broken_starved, .seconds = 240});
}
