/* The outer shape of a model file: a header, a table of sections, sections. It knows no model.
 *
 * All numbers little-endian. Sections stand in the order of the table, each at the next multiple of
 * 64; the bytes between are zero; the last one ends the file. See docs/model-file.md.
 */
#ifndef HONE_CORE_CONTAINER_H
#define HONE_CORE_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hone/error.h"

enum { HONE_SECTIONS = 16, HONE_TAG = 8 };
enum { HONE_FORMAT_MAJOR = 1, HONE_FORMAT_MINOR = 0 };

typedef struct hone_section {
    char tag[HONE_TAG + 1];
    bool critical; /* a reader that does not know it must refuse the file; part of the content */
    size_t size;
    unsigned char *bytes; /* in the file's memory; reading: not to be written to */
    uint64_t checksum;
} hone_section;

/* {0} is empty. */
typedef struct hone_container {
    int count;
    int major, minor; /* of the file that was read */
    size_t size;      /* of the file */
    hone_section section[HONE_SECTIONS];
} hone_container;

/* ---- writing: add sections, lay out, fill `bytes` of each, seal ---- */

void hone_container_add(hone_container *container, const char *tag, bool critical, size_t size);
/* Bytes of the file; 0: too many for a size_t. */
size_t hone_container_size(const hone_container *container);
/* Places the sections into `file`, hone_container_size() zeroed bytes. */
void hone_container_lay_out(hone_container *container, unsigned char *file);
void hone_container_seal(hone_container *container, unsigned char *file);

/* ---- reading ---- */

/* Views of the sections of a whole file, every checksum right.
 *
 * @param path  named in errors
 * @return HONE_CORRUPT; HONE_UNSUPPORTED: a newer format */
hone_status hone_container_read(const unsigned char *file, size_t size, const char *path,
                                hone_container *container, hone_error *error);

/* NULL: none of this name and kind. */
const hone_section *hone_container_find(const hone_container *container, const char *tag,
                                        bool critical);

/* Hash of names and contents of the critical sections. */
uint64_t hone_container_content(const hone_container *container);

/* "<path>:<what>" for an error, with the end of a path that is too long. */
enum { HONE_PLACE = 96 };
void hone_container_place(char place[HONE_PLACE], const char *path, const char *what);

#endif
