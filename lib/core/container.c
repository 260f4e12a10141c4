#include "core/container.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"

/* Header: magic 8, major u16, minor u16, oldest minor that can read it u16, zero u16, size u64,
 * sections u32, zero 28, checksum u64 of the 56 bytes before and of the table.
 * Entry of the table: tag 8, flags u32 (1: critical), zero u32, offset u64, size u64, checksum u64.
 */
enum { ALIGN = 64, HEADER = 64, CHECKED = 56, ENTRY = 40, CRITICAL = 1 };
enum { AT_MAJOR = 8, AT_MINOR = 10, AT_READER = 12, AT_SIZE = 16, AT_COUNT = 24 };

/* The first byte is no text, the rest shows a transfer that changed line ends. */
static const unsigned char MAGIC[8] = {0x89, 'H', 'O', 'N', 'E', '\r', '\n', 0x1a};

static void put(unsigned char *to, uint64_t value, int bytes)
{
    for (int k = 0; k < bytes; k++)
        to[k] = (unsigned char)(value >> (8 * k));
}

static uint64_t get(const unsigned char *from, int bytes)
{
    uint64_t value = 0;
    for (int k = 0; k < bytes; k++)
        value |= (uint64_t)from[k] << (8 * k);
    return value;
}

static size_t aligned(size_t size)
{
    return (size + ALIGN - 1) / ALIGN * ALIGN;
}

static uint64_t header_checksum(const unsigned char *file, int count)
{
    return hone_hash(hone_hash(0, file, CHECKED), file + HEADER, (size_t)count * ENTRY);
}

/* ---- writing ---- */

void hone_container_add(hone_container *c, const char *tag, bool critical, size_t size)
{
    hone_section *s = &c->section[c->count++];
    *s = (hone_section){.critical = critical, .size = size};
    memcpy(s->tag, tag, strlen(tag));
}

size_t hone_container_size(const hone_container *c)
{
    size_t end = HEADER + (size_t)c->count * ENTRY;
    for (int k = 0; k < c->count; k++)
        if (__builtin_add_overflow(aligned(end), c->section[k].size, &end) || end > SIZE_MAX / 2)
            return 0;
    return end;
}

void hone_container_lay_out(hone_container *c, unsigned char *file)
{
    size_t end = HEADER + (size_t)c->count * ENTRY;
    for (int k = 0; k < c->count; k++) {
        c->section[k].bytes = file + aligned(end);
        end = aligned(end) + c->section[k].size;
    }
    c->size = end;
}

void hone_container_seal(hone_container *c, unsigned char *file)
{
    memcpy(file, MAGIC, sizeof MAGIC);
    put(file + AT_MAJOR, HONE_FORMAT_MAJOR, 2);
    put(file + AT_MINOR, HONE_FORMAT_MINOR, 2);
    put(file + AT_READER, 0, 2);
    put(file + AT_SIZE, c->size, 8);
    put(file + AT_COUNT, (uint64_t)c->count, 4);
    for (int k = 0; k < c->count; k++) {
        hone_section *s = &c->section[k];
        unsigned char *entry = file + HEADER + (size_t)k * ENTRY;
        s->checksum = hone_hash(0, s->bytes, s->size);
        memcpy(entry, s->tag, HONE_TAG);
        put(entry + 8, s->critical ? CRITICAL : 0, 4);
        put(entry + 16, (uint64_t)(s->bytes - file), 8);
        put(entry + 24, s->size, 8);
        put(entry + 32, s->checksum, 8);
    }
    put(file + CHECKED, header_checksum(file, c->count), 8);
}

/* ---- reading ---- */

void hone_container_place(char place[HONE_PLACE], const char *path, const char *what)
{
    const size_t room = HONE_PLACE - 2 - (strlen(what) < 40 ? strlen(what) : 40);
    const size_t length = strlen(path);
    snprintf(place, HONE_PLACE, "%s:%.40s", length > room ? path + length - room : path, what);
}

static hone_status damaged(const char *path, const char *what, const char *why, hone_error *error)
{
    char place[HONE_PLACE];
    hone_container_place(place, path, what);
    return hone_fail(error, HONE_CORRUPT, place, "%s", why);
}

static hone_status read_header(const unsigned char *file, size_t size, const char *path,
                               hone_container *c, hone_error *error)
{
    if (size < HEADER || memcmp(file, MAGIC, sizeof MAGIC))
        return damaged(path, "header", "this is no model file of Hone", error);
    c->major = (int)get(file + AT_MAJOR, 2);
    c->minor = (int)get(file + AT_MINOR, 2);
    c->size = size;
    const int reader = (int)get(file + AT_READER, 2);
    if (c->major != HONE_FORMAT_MAJOR || reader > HONE_FORMAT_MINOR)
        return hone_fail(error, HONE_UNSUPPORTED, path,
                         "needs a reader of format %d.%d; this version of Hone reads %d.%d",
                         c->major, reader, HONE_FORMAT_MAJOR, HONE_FORMAT_MINOR);
    if (get(file + AT_SIZE, 8) != size)
        return damaged(path, "header", "the file was cut off or something was appended", error);
    const uint64_t count = get(file + AT_COUNT, 4);
    if (count > HONE_SECTIONS || HEADER + count * ENTRY > size)
        return damaged(path, "header", "the number of sections is wrong", error);
    c->count = (int)count;
    if (get(file + CHECKED, 8) != header_checksum(file, c->count))
        return damaged(path, "header", "the checksum is wrong", error);
    for (int k = AT_READER + 2; k < CHECKED; k++)
        if (file[k] && (k < AT_SIZE || k >= AT_COUNT + 4))
            return damaged(path, "header", "a reserved byte is not zero", error);
    return HONE_OK;
}

static bool zeros(const unsigned char *bytes, size_t count)
{
    while (count && !*bytes) {
        bytes++;
        count--;
    }
    return count == 0;
}

/* Letters, digits and dots, then zeros. */
static bool read_tag(const unsigned char *entry, char tag[HONE_TAG + 1])
{
    int length = 0;
    while (length < HONE_TAG &&
           ((entry[length] >= 'a' && entry[length] <= 'z') ||
            (entry[length] >= '0' && entry[length] <= '9') || entry[length] == '.'))
        length++;
    memcpy(tag, entry, (size_t)length);
    tag[length] = 0;
    return length && zeros(entry + length, (size_t)(HONE_TAG - length));
}

/* Section k must begin at the first aligned byte after `end`, which moves behind it. */
static hone_status read_section(const unsigned char *file, int k, size_t *end, const char *path,
                                hone_container *c, hone_error *error)
{
    const unsigned char *entry = file + HEADER + (size_t)k * ENTRY;
    hone_section *s = &c->section[k];
    const uint64_t flags = get(entry + 8, 4), offset = get(entry + 16, 8);
    if (!read_tag(entry, s->tag) || flags > CRITICAL || get(entry + 12, 4))
        return damaged(path, "sections", "the name or the flags of a section are wrong", error);
    for (int other = 0; other < k; other++)
        if (!strcmp(c->section[other].tag, s->tag))
            return damaged(path, s->tag, "stands twice", error);
    s->critical = flags & CRITICAL;
    const uint64_t bytes = get(entry + 24, 8);
    if (offset != aligned(*end) || offset > c->size || bytes > c->size - offset)
        return damaged(path, s->tag, "does not lie where it must", error);
    if (!zeros(file + *end, offset - *end))
        return damaged(path, s->tag, "the bytes before it are not zero", error);
    s->bytes = (unsigned char *)(uintptr_t)(file + offset);
    s->size = bytes;
    s->checksum = get(entry + 32, 8);
    *end = offset + bytes;
    if (hone_hash(0, s->bytes, s->size) != s->checksum)
        return damaged(path, s->tag, "the checksum is wrong", error);
    return HONE_OK;
}

hone_status hone_container_read(const unsigned char *file, size_t size, const char *path,
                                hone_container *c, hone_error *error)
{
    *c = (hone_container){0};
    HONE_TRY(read_header(file, size, path, c, error));
    size_t end = HEADER + (size_t)c->count * ENTRY;
    for (int k = 0; k < c->count; k++)
        HONE_TRY(read_section(file, k, &end, path, c, error));
    if (end != size)
        return damaged(path, "end", "bytes follow the last section", error);
    return HONE_OK;
}

const hone_section *hone_container_find(const hone_container *c, const char *tag, bool critical)
{
    for (int k = 0; k < c->count; k++)
        if (!strcmp(c->section[k].tag, tag) && c->section[k].critical == critical)
            return &c->section[k];
    return NULL;
}

uint64_t hone_container_content(const hone_container *c)
{
    uint64_t h = 0;
    for (int k = 0; k < c->count; k++) {
        const hone_section *s = &c->section[k];
        if (!s->critical)
            continue;
        const uint64_t content[] = {s->size, s->checksum};
        h = hone_hash(hone_hash_text(h, s->tag), content, sizeof content);
    }
    return h;
}
