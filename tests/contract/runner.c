/* Runs a contract case by case, each in a child: modules of the build and the honest one must keep
 * it, broken twins must not. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "contract.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "stage.h"

enum { MOST = 64, WALL = 20 };

typedef struct trial {
    const contract *c;
    const hone_algorithm *module;
    const char *because; /* it is broken, and the reason says so; NULL: it is not */
} trial;

static bool thorough;

/* In the child. The reason goes to the pipe; a leak or a sanitizer's report changes the exit. */
static void perform(const trial *t, int pipe)
{
    stage *s = stage_open(thorough);
    const bool held = t->c->holds(s, t->module);
    if (!held && write(pipe, s->reason, strlen(s->reason)) < 0)
        _exit(3);
    close(pipe);
    stage_close(s);
    if (t->because)
        _exit(held ? 0 : 1); /* whatever it leaks */
    exit(held ? 0 : 1);
}

/* A limit of CPU time ends what spins, one of time what sleeps; a crash ends the child and is not
 * cmocka's to catch. */
static void limit(int seconds)
{
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
    for (size_t k = 0; k < sizeof deadly / sizeof *deadly; k++)
        signal(deadly[k], SIG_DFL);
    const struct rlimit cpu = {(rlim_t)seconds, (rlim_t)seconds + 5};
    setrlimit(RLIMIT_CPU, &cpu);
    const struct rlimit core = {0, 0};
    setrlimit(RLIMIT_CORE, &core);
    alarm((unsigned)(seconds * WALL));
}

/* NULL: it held. */
static const char *outcome_of(const trial *t)
{
    static char reason[800];
    int ends[2];
    if (pipe(ends))
        return "no pipe";
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        limit(t->c->seconds ? t->c->seconds : 60);
        perform(t, ends[1]);
    }
    close(ends[1]);
    ssize_t got = 0, more;
    while ((more = read(ends[0], reason + got, sizeof reason - 1 - (size_t)got)) > 0)
        got += more;
    reason[got] = 0;
    close(ends[0]);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        snprintf(reason, sizeof reason, "ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) && !got)
        snprintf(reason, sizeof reason, "exit status %d", WEXITSTATUS(status));
    return WIFEXITED(status) && !WEXITSTATUS(status) ? NULL : reason;
}

static void keeps_it(void **state)
{
    const char *reason = outcome_of(*state);
    if (reason)
        fail_msg("%s", reason);
}

static void is_found_out(void **state)
{
    const trial *t = *state;
    const char *reason = outcome_of(t);
    if (!reason)
        fail_msg("the twin passed");
    if (!strstr(reason, t->because))
        fail_msg("found out for another reason than %s: %s", t->because, reason);
    print_message("           %s\n", reason);
}

static bool asked_for(const char *name, int argc, char **argv)
{
    bool any = false, this = false;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--long") != 0)
            any = true, this |= !strcmp(argv[i], name);
    return !any || this;
}

int contract_main(int argc, char **argv, const contract *c)
{
    static trial trials[MOST];
    static struct CMUnitTest tests[MOST];
    for (int i = 1; i < argc; i++)
        thorough |= !strcmp(argv[i], "--long");
    size_t count = 0;
    for (int k = 0; k <= hone_algorithm_count(); k++)
        trials[count++] = (trial){c, k ? hone_algorithm_at(k - 1) : &hone_honest, NULL};
    for (const twin *b = c->broken; b->module; b++)
        trials[count++] = (trial){c, b->module, b->because};
    size_t n = 0;
    for (size_t k = 0; k < count; k++)
        if (asked_for(trials[k].module->name, argc, argv))
            tests[n++] =
                (struct CMUnitTest){.name = trials[k].module->name,
                                    .test_func = trials[k].because ? is_found_out : keeps_it,
                                    .initial_state = &trials[k]};
    return _cmocka_run_group_tests("contract", tests, n, NULL, NULL);
}
