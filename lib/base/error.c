/* Status codes and the caller-owned error. */
#include "hone/error.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

hone_status hone_fail(hone_error *error, hone_status status, const char *path, const char *format,
                      ...)
{
    if (!error)
        return status;
    error->status = status;
    snprintf(error->path, sizeof error->path, "%s", path);
    va_list arguments;
    va_start(arguments, format);
    hone_print(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    hone_text_mend(error->message);
    return status;
}

const char *hone_status_name(hone_status status)
{
    switch (status) {
#define X(name, number, text)                                                                      \
    case HONE_##name:                                                                              \
        return #name;
        HONE_STATUS_LIST(X)
#undef X
    }
    return "UNKNOWN";
}

const char *hone_status_text(hone_status status)
{
    switch (status) {
#define X(name, number, text)                                                                      \
    case HONE_##name:                                                                              \
        return text;
        HONE_STATUS_LIST(X)
#undef X
    }
    return "no such status";
}
