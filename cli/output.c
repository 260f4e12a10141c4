/* What a command gives: on standard output, or in a file that is whole or not there. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

typedef struct output {
    void (*write)(FILE *to, const void *context);
    const void *context;
} output;

static hone_status trouble(const char *file, int number, hone_error *error)
{
    return hone_fail(error, HONE_IO, file, "%s", strerror(number));
}

/* 0, or the number of what went wrong; closes. */
static int write_and_close(const output *o, FILE *to, bool durable)
{
    errno = 0;
    o->write(to, o->context);
    int number = ferror(to) ? errno ? errno : EIO : 0;
    if (!number && (fflush(to) || (durable && fsync(fileno(to)))))
        number = errno;
    if (fclose(to) && !number)
        number = errno;
    return number;
}

/* Beside the file first, then renamed over it; a file that is there keeps its permissions. */
static hone_status replace(const char *file, const struct stat *old, const output *o,
                           hone_error *error)
{
    char draft[PATH_MAX];
    if (snprintf(draft, sizeof draft, "%s.%ld.part", file, (long)getpid()) >= (int)sizeof draft)
        return trouble(file, ENAMETOOLONG, error);
    FILE *to = fopen(draft, "wx");
    if (!to)
        return trouble(file, errno, error);
    int number = old && fchmod(fileno(to), old->st_mode & 07777) ? errno : 0;
    const int written = write_and_close(o, to, true);
    number = number ? number : written;
    if (!number && rename(draft, file))
        number = errno;
    if (!number)
        return HONE_OK;
    unlink(draft);
    return trouble(file, number, error);
}

/* A device, a pipe: nothing to replace. */
static hone_status write_through(const char *file, const output *o, hone_error *error)
{
    FILE *to = fopen(file, "w");
    const int number = to ? write_and_close(o, to, false) : errno;
    return number ? trouble(file, number, error) : HONE_OK;
}

/* One of the streams that are open already, under whatever name: /dev/stdout, a file that the shell
 * writes to. */
static FILE *stream_of(const struct stat *info)
{
    FILE *const streams[] = {stdout, stderr};
    for (size_t k = 0; k < sizeof streams / sizeof *streams; k++) {
        struct stat own;
        if (!fstat(fileno(streams[k]), &own) && own.st_dev == info->st_dev &&
            own.st_ino == info->st_ino)
            return streams[k];
    }
    return NULL;
}

static hone_status write_file(const char *file, const output *o, hone_error *error)
{
    struct stat info, link;
    char real[PATH_MAX];
    if (stat(file, &info)) {
        const bool nowhere = errno == ENOENT && !lstat(file, &link);
        return nowhere ? hone_fail(error, HONE_IO, file, "is a symbolic link to nothing")
                       : replace(file, NULL, o, error);
    }
    FILE *stream = stream_of(&info);
    if (stream) {
        o->write(stream, o->context);
        return HONE_OK;
    }
    if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))
        return write_through(file, o, error);
    if (S_ISDIR(info.st_mode) || !realpath(file, real))
        return trouble(file, S_ISDIR(info.st_mode) ? EISDIR : errno, error);
    return replace(real, &info, o, error);
}

hone_status write_output(const char *file, void (*write)(FILE *to, const void *context),
                         const void *context, hone_error *error)
{
    const output o = {write, context};
    if (file)
        return write_file(file, &o, error);
    write(stdout, context);
    return HONE_OK;
}

void write_number(FILE *to, double v)
{
    char text[32];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    fputs(text, to);
}
