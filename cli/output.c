/* What a command gives: on standard output, or in a file that is whole or not there. */
#include <stdlib.h>
#include <sys/stat.h>

#include "command.h"

/* One of the streams that are open already, under whatever name: /dev/stdout, a file that the shell
 * writes to. */
static FILE *stream_of(const char *file)
{
    FILE *const streams[] = {stdout, stderr};
    struct stat info, own;
    if (stat(file, &info))
        return NULL;
    for (size_t k = 0; k < sizeof streams / sizeof *streams; k++)
        if (!fstat(fileno(streams[k]), &own) && own.st_dev == info.st_dev &&
            own.st_ino == info.st_ino)
            return streams[k];
    return NULL;
}

hone_status write_output(const char *file, void (*write)(FILE *to, const void *context),
                         const void *context, hone_error *error)
{
    FILE *stream = file ? stream_of(file) : stdout;
    if (stream) {
        write(stream, context);
        return HONE_OK;
    }
    char *bytes = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&bytes, &size);
    if (to)
        write(to, context);
    const bool failed = !to || ferror(to);
    const bool whole = to && !fclose(to) && !failed;
    const hone_status status = whole ? hone_file_save(file, bytes, size, error)
                                     : hone_fail(error, HONE_NO_MEMORY, file,
                                                 "what it shall hold does not fit into memory");
    free(bytes);
    return status;
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
