/* Bytes of a file in order. read() and not mmap: a file that another process truncates while it is
 * read ends early here, where a mapping would kill the process.
 */
#define _GNU_SOURCE
#include "data/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/file.h"

enum { PACKED = 1 << 17 };

struct hone_source {
    const char *file;
    int descriptor;
    int64_t size, taken;
    bool gzip, ended; /* ended: the last gzip member is complete */
    z_stream stream;  /* gzip */
    unsigned char *packed;
};

static void *z_alloc(void *context, unsigned items, unsigned size)
{
    (void)context;
    return hone_alloc((size_t)items * size);
}

static void z_free(void *context, void *memory)
{
    (void)context;
    hone_free(memory);
}

static hone_status unreadable(const hone_source *source, hone_error *error)
{
    return hone_fail(error, HONE_IO, source->file, "cannot be read: %s", hone_system_reason(errno));
}

static hone_status start_gzip(hone_source *s, hone_error *error)
{
    s->stream = (z_stream){.zalloc = z_alloc, .zfree = z_free};
    s->packed = hone_alloc(PACKED);
    if (!s->packed)
        return hone_no_memory(error);
    /* 16: gzip only */
    if (inflateInit2(&s->stream, 16 + MAX_WBITS) != Z_OK) {
        hone_free(s->packed);
        s->packed = NULL;
        return hone_no_memory(error);
    }
    return HONE_OK;
}

hone_status hone_source_open(const char *file, bool gzip, hone_source **source, hone_error *error)
{
    *source = NULL;
    hone_source *s = hone_alloc(sizeof *s);
    if (!s)
        return hone_no_memory(error);
    *s = (hone_source){.file = file, .gzip = gzip};
    s->descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat about;
    hone_status status = HONE_OK;
    if (s->descriptor < 0 || fstat(s->descriptor, &about) != 0)
        status = hone_fail(error, HONE_IO, file, "cannot be opened: %s", hone_system_reason(errno));
    else if (!S_ISREG(about.st_mode))
        status = hone_fail(error, HONE_IO, file, "is not a regular file");
    else
        s->size = about.st_size;
    if (!status && gzip)
        status = start_gzip(s, error);
    if (status)
        hone_source_close(s);
    else
        *source = s;
    return status;
}

static hone_status read_file(hone_source *s, void *bytes, size_t size, size_t *got,
                             hone_error *error)
{
    *got = 0;
    while (*got < size) {
        const ssize_t n = read(s->descriptor, (char *)bytes + *got, size - *got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return unreadable(s, error);
        if (n == 0)
            break;
        *got += (size_t)n;
        s->taken += n;
    }
    return HONE_OK;
}

static hone_status damaged(const hone_source *s, const char *why, hone_error *error)
{
    return hone_fail(error, HONE_BAD_DATA, s->file, "damaged gzip at byte %lld: %s",
                     (long long)(s->taken - s->stream.avail_in), why);
}

static hone_status inflate_some(hone_source *s, hone_error *error)
{
    z_stream *z = &s->stream;
    if (z->avail_in == 0) {
        size_t n;
        HONE_TRY(read_file(s, s->packed, PACKED, &n, error));
        z->next_in = s->packed;
        z->avail_in = (unsigned)n;
        if (n == 0)
            return s->ended ? HONE_OK : damaged(s, "the file ends too early", error);
    }
    if (s->ended) { /* another member follows */
        s->ended = false;
        inflateReset(z);
    }
    switch (inflate(z, Z_NO_FLUSH)) {
    case Z_OK:
    case Z_BUF_ERROR:
        return HONE_OK;
    case Z_STREAM_END:
        s->ended = true;
        return HONE_OK;
    case Z_MEM_ERROR:
        return hone_no_memory(error);
    default:
        return damaged(s, z->msg ? z->msg : "not a gzip stream", error);
    }
}

/* ---- a plain file in pieces, side by side ---- */

enum { PIECE = 1 << 19 };

typedef struct pieces {
    hone_source *source;
    char *bytes;
    size_t size;
    _Atomic int64_t shortest; /* offset where the file ended */
} pieces;

static hone_status read_piece(void *context, int64_t k, hone_arena *scratch, hone_error *error)
{
    pieces *p = context;
    (void)scratch;
    const size_t from = (size_t)k * PIECE, left = p->size - from,
                 size = left < PIECE ? left : PIECE;
    for (size_t got = 0; got < size;) {
        const off_t at = (off_t)(p->source->taken + (int64_t)(from + got));
        const ssize_t n = pread(p->source->descriptor, p->bytes + from + got, size - got, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return unreadable(p->source, error);
        if (n == 0) {
            const int64_t end = (int64_t)(from + got);
            int64_t known = atomic_load(&p->shortest);
            while (end < known && !atomic_compare_exchange_weak(&p->shortest, &known, end))
                ;
            return HONE_OK;
        }
        got += (size_t)n;
    }
    return HONE_OK;
}

static hone_status read_pieces(hone_source *s, const hone_run *run, char *bytes, size_t size,
                               size_t *got, hone_error *error)
{
    pieces p = {s, bytes, size, (int64_t)size};
    HONE_TRY(hone_for_blocks(run, (int64_t)((size + PIECE - 1) / PIECE), read_piece, &p, error));
    *got = (size_t)atomic_load(&p.shortest);
    s->taken += (int64_t)*got;
    return HONE_OK;
}

hone_status hone_source_read(hone_source *s, const hone_run *run, char *bytes, size_t size,
                             size_t *got, hone_error *error)
{
    if (!s->gzip && s->size <= PIECE)
        return read_file(s, bytes, size, got, error);
    if (!s->gzip)
        return read_pieces(s, run, bytes, size, got, error);
    *got = 0;
    while (*got < size) {
        const size_t most = size - *got < (1u << 30) ? size - *got : (1u << 30);
        s->stream.next_out = (unsigned char *)bytes + *got;
        s->stream.avail_out = (unsigned)most;
        HONE_TRY(inflate_some(s, error));
        *got += most - s->stream.avail_out;
        if (s->ended && s->stream.avail_in == 0 && s->taken >= s->size)
            break;
    }
    return HONE_OK;
}

hone_status hone_source_rewind(hone_source *s, hone_error *error)
{
    if (lseek(s->descriptor, 0, SEEK_SET) != 0)
        return unreadable(s, error);
    s->taken = 0;
    s->ended = false;
    if (s->gzip) {
        inflateReset(&s->stream);
        s->stream.avail_in = 0;
    }
    return HONE_OK;
}

double hone_source_fraction(const hone_source *s)
{
    return s->size > 0 && s->taken < s->size ? (double)s->taken / (double)s->size : 1;
}

int64_t hone_source_size(const hone_source *s)
{
    return s->size;
}

void hone_source_close(hone_source *s)
{
    if (!s)
        return;
    if (s->packed)
        inflateEnd(&s->stream);
    hone_free(s->packed);
    if (s->descriptor >= 0)
        close(s->descriptor);
    hone_free(s);
}
