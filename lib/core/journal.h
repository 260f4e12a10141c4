/* A file of JSON lines that only grows. The first line says whose it is; a line is there whole or
 * not at all, also after the writer was killed. One writer at a time. */
#ifndef HONE_CORE_JOURNAL_H
#define HONE_CORE_JOURNAL_H

#include <stddef.h>

#include "base/json.h"
#include "hone/error.h"

typedef struct hone_journal {
    const char *file;
    int fd; /* -1: closed */
} hone_journal;

/* Takes one line, parsed and as it stands; a failure gets the path of the line. */
typedef hone_status (*hone_journal_reader)(void *context, const cJSON *line, const char *text,
                                           size_t length, hone_error *error);

/* Opens, or makes, the journal whose first line is `header`, and hands the others to `reader`.
 * Changes nothing unless the file begins with the header, or is empty. */
hone_status hone_journal_open(const char *file, const char *header, hone_journal_reader reader,
                              void *context, hone_journal *journal, hone_error *error);
/* `line` without its newline. */
hone_status hone_journal_add(const hone_journal *journal, const char *line, hone_error *error);
void hone_journal_close(hone_journal *journal);

/* Whether `file` is another name of the journal. */
bool hone_journal_is(const hone_journal *journal, const char *file);

#endif
