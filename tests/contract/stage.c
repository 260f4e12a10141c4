#define _GNU_SOURCE
#include "stage.h"

#include <dirent.h>
#include <stdarg.h>
#include <unistd.h>

stage *stage_open(bool thorough)
{
    stage *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->thorough = thorough;
    snprintf(s->directory, sizeof s->directory, "/tmp/hone-contract-XXXXXX");
    if (!mkdtemp(s->directory))
        abort();
    return s;
}

static int empty(const char *directory, bool remove)
{
    int count = 0;
    DIR *d = opendir(directory);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        count++;
        if (remove)
            unlinkat(dirfd(d), e->d_name, 0);
    }
    if (d)
        closedir(d);
    return count;
}

int stage_files(const stage *s)
{
    return empty(s->directory, false);
}

void stage_sweep(const stage *s)
{
    empty(s->directory, true);
}

void stage_clear(stage *s)
{
    for (prop *p = s->props, *next; p; p = next) {
        next = p->next;
        p->drop(p->thing);
        free(p);
    }
    s->props = NULL;
}

void stage_close(stage *s)
{
    stage_clear(s);
    empty(s->directory, true);
    rmdir(s->directory);
    free(s);
}

void stage_keep(stage *s, void *thing, void (*drop)(void *thing))
{
    prop *p = malloc(sizeof *p);
    if (!p || !thing)
        abort();
    *p = (prop){s->props, thing, drop};
    s->props = p;
}

bool stage_refuse(stage *s, const char *file, int line, const char *what, const char *format, ...)
{
    const char *name = strrchr(file, '/');
    int at =
        snprintf(s->reason, sizeof s->reason, "%s:%d: %s ", name ? name + 1 : file, line, what);
    va_list arguments;
    va_start(arguments, format);
    if (at > 0 && (size_t)at < sizeof s->reason)
        vsnprintf(s->reason + at, sizeof s->reason - (size_t)at, format, arguments);
    va_end(arguments);
    return false;
}

void *stage_memory(stage *s, size_t bytes)
{
    void *memory = calloc(1, bytes ? bytes : 1);
    stage_keep(s, memory, free);
    return memory;
}

const char *stage_path(stage *s, const char *name)
{
    char *path = stage_memory(s, sizeof s->directory + strlen(name) + 2);
    sprintf(path, "%s/%s", s->directory, name);
    return path;
}

static void close_inner(void *s)
{
    stage_close(s);
}

stage *stage_within(stage *s)
{
    stage *inner = stage_open(s->thorough);
    stage_keep(s, inner, close_inner);
    return inner;
}
