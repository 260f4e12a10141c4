/* Files of the library: read with limits, written whole or not at all.
 *
 * A new file is written without a name (O_TMPFILE) and linked when it is durable, so that a crash
 * leaves nothing behind. Where a name is replaced, or the file system has no nameless files, the
 * bytes go to a neighbour with a random name, which is renamed.
 */
#define _GNU_SOURCE
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "hone/interop.h"

static hone_status io_error(const char *file, const char *what, int number, hone_error *error)
{
    return hone_fail(error, HONE_IO, file, "%s: %s", what, hone_system_reason(number));
}

const char *hone_system_reason(int number)
{
    const char *reason = strerrordesc_np(number);
    return reason ? reason : "an unknown error";
}

hone_status hone_random_bits(uint64_t *bits, hone_error *error)
{
    size_t done = 0;
    while (done < sizeof *bits) {
        const ssize_t n = getrandom((char *)bits + done, sizeof *bits - done, 0);
        if (n < 0 && errno != EINTR)
            return io_error("getrandom", "no random bits", errno, error);
        done += n > 0 ? (size_t)n : 0;
    }
    return HONE_OK;
}

/* ---- reading ---- */

/* A regular file, opened so that a FIFO or a device cannot make the call hang or act. */
static hone_status open_regular(const char *file, int *fd, struct stat *info, hone_error *error)
{
    do
        *fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    while (*fd < 0 && errno == EINTR);
    if (*fd < 0)
        return io_error(file, "cannot be opened", errno, error);
    hone_status status = HONE_OK;
    if (fstat(*fd, info))
        status = io_error(file, "cannot be looked at", errno, error);
    else if (!S_ISREG(info->st_mode))
        status = hone_fail(error, HONE_IO, file, "is not a regular file");
    if (status)
        close(*fd);
    return status;
}

/* Bytes read, less than `size` at the end of the file only; -1: errno. */
static ssize_t read_all(int fd, char *bytes, size_t size)
{
    size_t done = 0;
    while (done < size) {
        const ssize_t n = read(fd, bytes + done, size - done);
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            return -1;
        done += n > 0 ? (size_t)n : 0;
    }
    return (ssize_t)done;
}

static hone_status read_open(const char *file, int fd, size_t expected, size_t limit, char **bytes,
                             size_t *size, hone_error *error)
{
    if (limit && expected > limit)
        return hone_fail(error, HONE_NO_MEMORY, file,
                         "has %zu bytes, more than the limit of %zu bytes", expected, limit);
    char *into = expected < SIZE_MAX ? hone_alloc(expected + 1) : NULL;
    if (!into)
        return hone_no_memory(error);
    const ssize_t n = read_all(fd, into, expected + 1);
    if (n >= 0 && (size_t)n == expected) {
        into[n] = 0;
        *bytes = into;
        *size = expected;
        return HONE_OK;
    }
    const int number = errno;
    hone_free(into);
    if (n < 0)
        return io_error(file, "cannot be read", number, error);
    return hone_fail(error, HONE_IO, file, "changed its size while it was read");
}

hone_status hone_file_read(const char *file, size_t limit, char **bytes, size_t *size,
                           hone_error *error)
{
    int fd;
    struct stat info;
    HONE_TRY(open_regular(file, &fd, &info, error));
    const hone_status status = read_open(file, fd, (size_t)info.st_size, limit, bytes, size, error);
    close(fd);
    return status;
}

/* ---- writing ---- */

/* The directory of `file` into `room` bytes; false: too long. */
static bool directory_of(const char *file, char *out, size_t room)
{
    const char *slash = strrchr(file, '/');
    const size_t length = slash ? (size_t)(slash - file) + (slash == file) : 1;
    if (length + 1 > room)
        return false;
    memcpy(out, slash ? file : ".", length);
    out[length] = 0;
    return true;
}

static int write_all(int fd, const char *bytes, size_t size)
{
    while (size) {
        const ssize_t n = write(fd, bytes, size);
        if (n == 0)
            return EIO;
        if (n < 0 && errno != EINTR)
            return errno;
        if (n > 0) {
            bytes += n;
            size -= (size_t)n;
        }
    }
    return 0;
}

static int sync_file(int fd)
{
    int failed;
    do
        failed = fsync(fd);
    while (failed && errno == EINTR);
    return failed ? errno : 0;
}

/* What a write is about: names are relative to the open directory. */
typedef struct target {
    const char *file, *name; /* as given, and its last part */
    int directory;
    bool durable;
    mode_t mode;
} target;

/* Above its file size limit a process gets a signal, which would end it. */
static bool over_limit(size_t size)
{
    struct rlimit limit;
    return !getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur != RLIM_INFINITY &&
           size > limit.rlim_cur;
}

static hone_status write_bytes(const target *t, int fd, const void *bytes, size_t size,
                               hone_error *error)
{
    int number = write_all(fd, bytes, size);
    if (!number && t->durable)
        number = sync_file(fd);
    return number ? io_error(t->file, "cannot be written", number, error) : HONE_OK;
}

/* Through /proc where linking by descriptor needs a privilege. */
static int link_nameless(const target *t, int fd)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (!linkat(AT_FDCWD, path, t->directory, t->name, AT_SYMLINK_FOLLOW))
        return 0;
    if (errno == ENOENT && !linkat(fd, "", t->directory, t->name, AT_EMPTY_PATH))
        return 0;
    return errno;
}

/* HONE_UNSUPPORTED, without a message: no nameless files here. */
static hone_status write_nameless(const target *t, const void *bytes, size_t size,
                                  hone_error *error)
{
    const int fd = openat(t->directory, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    if (fd < 0)
        return HONE_UNSUPPORTED;
    hone_status status = write_bytes(t, fd, bytes, size, error);
    const int number = status ? 0 : link_nameless(t, fd);
    if (number == EEXIST)
        status = hone_fail(error, HONE_IO, t->file, "exists already");
    else if (number)
        status = HONE_UNSUPPORTED;
    if (close(fd) && !status) {
        const int failed = errno;
        unlinkat(t->directory, t->name, 0);
        status = io_error(t->file, "cannot be closed", failed, error);
    }
    return status;
}

static int put_in_place(const target *t, const char *from, bool replace)
{
    if (replace)
        return renameat(t->directory, from, t->directory, t->name) ? errno : 0;
    const int number = linkat(t->directory, from, t->directory, t->name, 0) ? errno : 0;
    if (!number)
        unlinkat(t->directory, from, 0);
    return number;
}

static hone_status write_neighbour(const target *t, const void *bytes, size_t size, bool replace,
                                   hone_error *error)
{
    uint64_t random;
    char name[64];
    HONE_TRY(hone_random_bits(&random, error));
    snprintf(name, sizeof name, ".hone-%016llx.tmp", (unsigned long long)random);
    const int fd = openat(t->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return io_error(t->file, "cannot be made", errno, error);
    hone_status status = write_bytes(t, fd, bytes, size, error);
    if (!status && t->mode && fchmod(fd, t->mode))
        status = io_error(t->file, "cannot be given its permissions", errno, error);
    if (close(fd) && !status)
        status = io_error(t->file, "cannot be closed", errno, error);
    if (!status) {
        const int number = put_in_place(t, name, replace);
        if (number == EEXIST)
            status = hone_fail(error, HONE_IO, t->file, "exists already");
        else if (number)
            status = io_error(t->file, "cannot be put in place", number, error);
    }
    if (status)
        unlinkat(t->directory, name, 0);
    return status;
}

/* A replaced name keeps its permissions. */
static hone_status write_target(target *t, const void *bytes, size_t size, bool replace,
                                hone_error *error)
{
    struct stat info;
    if (!fstatat(t->directory, t->name, &info, 0)) {
        if (!replace)
            return hone_fail(error, HONE_IO, t->file, "exists already");
        if (!S_ISREG(info.st_mode))
            return hone_fail(error, HONE_IO, t->file, "exists and is not a regular file");
        t->mode = info.st_mode & 07777;
        return write_neighbour(t, bytes, size, true, error);
    }
    const hone_status status = write_nameless(t, bytes, size, error);
    if (status == HONE_UNSUPPORTED)
        return write_neighbour(t, bytes, size, replace, error);
    return status;
}

/* What is replaced is what a symbolic link leads to, not the link. */
static hone_status follow(const char **file, char real[PATH_MAX], hone_error *error)
{
    struct stat info;
    if (lstat(*file, &info) || !S_ISLNK(info.st_mode))
        return HONE_OK;
    if (!realpath(*file, real))
        return io_error(*file, "is a symbolic link that leads nowhere", errno, error);
    *file = real;
    return HONE_OK;
}

hone_status hone_file_write(const char *file, const void *bytes, size_t size, bool replace,
                            bool durable, hone_error *error)
{
    enum { PATH_ROOM = 4096 };
    char path[PATH_ROOM], real[PATH_MAX];
    if (replace)
        HONE_TRY(follow(&file, real, error));
    if (!directory_of(file, path, sizeof path))
        return io_error(file, "cannot be written", ENAMETOOLONG, error);
    if (over_limit(size))
        return io_error(file, "cannot be written", EFBIG, error);
    const char *slash = strrchr(file, '/');
    target t = {file, slash ? slash + 1 : file, -1, durable, 0};
    t.directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (t.directory < 0)
        return io_error(file, "its directory cannot be opened", errno, error);
    hone_status status = write_target(&t, bytes, size, replace, error);
    if (!status && durable) {
        const int number = sync_file(t.directory);
        if (number && number != EINVAL)
            status = io_error(path, "cannot be made durable", number, error);
    }
    close(t.directory);
    return status;
}

/* A device, a pipe: nothing to replace. */
static hone_status write_through(const char *file, const void *bytes, size_t size,
                                 hone_error *error)
{
    const int fd = open(file, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return io_error(file, "cannot be opened", errno, error);
    int number = write_all(fd, bytes, size);
    if (close(fd) && !number)
        number = errno;
    return number ? io_error(file, "cannot be written", number, error) : HONE_OK;
}

hone_status hone_file_save(const char *file, const void *bytes, size_t size, hone_error *error)
{
    struct stat info;
    if (!file || (!bytes && size))
        return hone_fail(error, HONE_BAD_ARGUMENT, file ? "bytes" : "file", "must not be NULL");
    if (stat(file, &info) || S_ISREG(info.st_mode))
        return hone_file_write(file, bytes, size, true, true, error);
    if (S_ISDIR(info.st_mode))
        return io_error(file, "cannot be written", EISDIR, error);
    return write_through(file, bytes, size, error);
}

/* ---- directories ---- */

static hone_status make_one(const char *path, hone_error *error)
{
    struct stat info;
    if (!mkdir(path, 0777) || errno == EEXIST) {
        if (!stat(path, &info) && S_ISDIR(info.st_mode))
            return HONE_OK;
        return hone_fail(error, HONE_IO, path, "is not a directory");
    }
    return io_error(path, "cannot be made", errno, error);
}

hone_status hone_directory_make(const char *directory, hone_error *error)
{
    enum { PATH_ROOM = 4096 };
    char path[PATH_ROOM];
    const size_t length = strlen(directory);
    if (!length || length >= sizeof path)
        return io_error(directory, "is no name of a directory", length ? ENAMETOOLONG : ENOENT,
                        error);
    memcpy(path, directory, length + 1);
    struct stat info;
    if (stat(path, &info))
        for (size_t k = 1; k <= length; k++)
            if (path[k] == '/' || !path[k]) {
                path[k] = 0;
                HONE_TRY(make_one(path, error));
                path[k] = directory[k];
            }
    if (stat(path, &info) || !S_ISDIR(info.st_mode))
        return hone_fail(error, HONE_IO, directory, "is not a directory");
    if (access(path, W_OK | X_OK))
        return io_error(directory, "cannot be written to", errno, error);
    return HONE_OK;
}
