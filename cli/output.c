/* What a command gives: on standard output, or in a file that is whole or not there. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

/* Beside the file first, then renamed over it. */
static hone_status write_file(const char *file, void (*write)(FILE *to, const void *context),
                              const void *context, hone_error *error)
{
    char draft[4096];
    if (snprintf(draft, sizeof draft, "%s.%ld.part", file, (long)getpid()) >= (int)sizeof draft)
        return hone_fail(error, HONE_IO, "--output", "the name is too long");
    FILE *to = fopen(draft, "wx");
    if (!to)
        return hone_fail(error, HONE_IO, file, "%s", strerror(errno));
    write(to, context);
    const bool bad = fflush(to) || ferror(to) || fsync(fileno(to));
    if (fclose(to) || bad || rename(draft, file)) {
        const int why = errno;
        unlink(draft);
        return hone_fail(error, HONE_IO, file, "%s", strerror(why));
    }
    return HONE_OK;
}

hone_status write_output(const char *file, void (*write)(FILE *to, const void *context),
                         const void *context, hone_error *error)
{
    if (file)
        return write_file(file, write, context, error);
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
