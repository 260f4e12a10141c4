/* Lines are appended with one write each, under a lock of the file that ends with the process. What
 * stands behind the last newline was cut off by a crash and goes. */
#define _GNU_SOURCE
#include "core/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

enum { LARGEST = 1 << 30 };

static hone_status io_error(const char *file, const char *what, int number, hone_error *error)
{
    return hone_fail(error, HONE_IO, file, "%s: %s", what, hone_system_reason(number));
}

static hone_status open_alone(const char *file, int *fd, hone_error *error)
{
    struct stat info;
    do
        *fd = open(file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
    while (*fd < 0 && errno == EINTR);
    if (*fd < 0)
        return io_error(file, "cannot be opened", errno, error);
    if (fstat(*fd, &info))
        return io_error(file, "cannot be looked at", errno, error);
    if (!S_ISREG(info.st_mode))
        return hone_fail(error, HONE_IO, file, "is not a regular file");
    if (!flock(*fd, LOCK_EX | LOCK_NB))
        return HONE_OK;
    return errno == EWOULDBLOCK ? hone_fail(error, HONE_IO, file, "another search writes it")
                                : io_error(file, "cannot be locked", errno, error);
}

static hone_status read_line(const char *file, int64_t number, const char *text, size_t length,
                             hone_journal_reader reader, void *context, hone_error *error)
{
    char path[96], place[32];
    snprintf(place, sizeof place, ":%lld", (long long)number);
    hone_text_join(path, sizeof path, file, place, "");
    cJSON *tree = NULL;
    hone_error own = {0};
    hone_status status = hone_json_parse(text, length, NULL, path, &tree, &own);
    if (!status)
        status = reader(context, tree, text, length, &own);
    cJSON_Delete(tree);
    if (!status || status == HONE_NO_MEMORY)
        return status ? hone_no_memory(error) : HONE_OK;
    return hone_fail(error, HONE_CORRUPT, path, "%s", own.message);
}

/* The first member of `header` that the file's own first line has not, or otherwise. */
static const char *difference(const cJSON *header, const char *text, const char *was)
{
    for (const cJSON *m = header->child; m; m = m->next) {
        size_t a, b;
        const char *is = hone_json_member(text, m->string, &a);
        const char *other = hone_json_member(was, m->string, &b);
        if (!other || a != b || memcmp(is, other, a) != 0)
            return m->string;
    }
    return "list of options";
}

static hone_status refuse(const char *file, const char *header, char *was, hone_error *error)
{
    cJSON *mine = NULL, *other = NULL;
    hone_status status = hone_json_parse(header, strlen(header), NULL, file, &mine, NULL);
    if (!status)
        status = hone_json_parse(was, strlen(was), NULL, file, &other, NULL);
    if (status == HONE_NO_MEMORY)
        hone_no_memory(error);
    else if (status || !hone_json_get(other, "journal"))
        status =
            hone_fail(error, HONE_CORRUPT, file, "is no journal of a search; give another file");
    else
        status = hone_fail(error, HONE_CORRUPT, file,
                           "is of another search: its \"%s\" is not this one's; give another file",
                           difference(mine, header, was));
    cJSON_Delete(mine);
    cJSON_Delete(other);
    return status;
}

/* Gives the bytes that are whole lines. The first must be `header`, or the beginning of it. */
static hone_status read_lines(const char *file, const char *header, char *text, size_t size,
                              hone_journal_reader reader, void *context, size_t *whole,
                              hone_error *error)
{
    const size_t first = strlen(header), seen = size < first ? size : first;
    *whole = 0;
    if (memcmp(text, header, seen) != 0 || (size > first && text[first] != '\n')) {
        char *end = memchr(text, '\n', size);
        *(end ? end : text + size) = 0;
        return refuse(file, header, text, error);
    }
    for (int64_t number = 1; *whole < size; number++) {
        const char *line = text + *whole, *end = memchr(line, '\n', size - *whole);
        if (!end)
            break;
        if (number > 1)
            HONE_TRY(read_line(file, number, line, (size_t)(end - line), reader, context, error));
        *whole += (size_t)(end - line) + 1;
    }
    return HONE_OK;
}

static hone_status take_over(const hone_journal *j, const char *header, hone_journal_reader reader,
                             void *context, hone_error *error)
{
    char *text = NULL;
    size_t size = 0, whole = 0;
    HONE_TRY(hone_file_read(j->file, LARGEST, &text, &size, error));
    hone_status status =
        size ? read_lines(j->file, header, text, size, reader, context, &whole, error) : HONE_OK;
    hone_free(text);
    HONE_TRY(status);
    if (whole < size && ftruncate(j->fd, (off_t)whole))
        return io_error(j->file, "cannot be cut", errno, error);
    return whole ? HONE_OK : hone_journal_add(j, header, error);
}

hone_status hone_journal_open(const char *file, const char *header, hone_journal_reader reader,
                              void *context, hone_journal *j, hone_error *error)
{
    struct stat info;
    const bool made = stat(file, &info) != 0;
    j->file = file;
    hone_status status = open_alone(file, &j->fd, error);
    if (!status) {
        status = take_over(j, header, reader, context, error);
        if (status && made && !fstat(j->fd, &info) && !info.st_size)
            unlink(file);
    }
    if (status)
        hone_journal_close(j);
    return status;
}

/* What did not find room whole goes again. */
static hone_status write_whole(const hone_journal *j, const char *bytes, size_t size,
                               hone_error *error)
{
    struct stat before;
    if (fstat(j->fd, &before))
        return io_error(j->file, "cannot be looked at", errno, error);
    for (size_t done = 0; done < size;) {
        const ssize_t n = write(j->fd, bytes + done, size - done);
        if (n < 0 && errno != EINTR) {
            const int number = errno;
            if (ftruncate(j->fd, before.st_size))
                return io_error(j->file, "cannot be written, nor cut", number, error);
            return io_error(j->file, "cannot be written", number, error);
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return HONE_OK;
}

hone_status hone_journal_add(const hone_journal *j, const char *line, hone_error *error)
{
    hone_text t = {0};
    hone_text_add(&t, line);
    hone_text_add(&t, "\n");
    const hone_status status =
        t.failed ? hone_no_memory(error) : write_whole(j, t.bytes, t.length, error);
    hone_text_drop(&t);
    return status;
}

bool hone_journal_is(const hone_journal *j, const char *file)
{
    struct stat own, other;
    return !fstat(j->fd, &own) && !stat(file, &other) && own.st_dev == other.st_dev &&
           own.st_ino == other.st_ino;
}

void hone_journal_close(hone_journal *j)
{
    if (j->fd >= 0)
        close(j->fd);
    j->fd = -1;
}
