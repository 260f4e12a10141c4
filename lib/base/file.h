/* Files: read with limits, written whole or not at all. */
#ifndef HONE_BASE_FILE_H
#define HONE_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hone/error.h"

/* Reads a regular file (no FIFO, device, directory) of at most `limit` bytes (0: none) into memory
 * freed with hone_free. */
hone_status hone_file_read(const char *file, size_t limit, char **bytes, size_t *size,
                           hone_error *error);

/* Writes `file` so that at any time, also after a crash, the name holds nothing, the old or the new
 * whole content. `replace`: what a symbolic link leads to is replaced, not the link; false: fails
 * with HONE_IO when the name exists. `durable`: fsync of file and directory. */
hone_status hone_file_write(const char *file, const void *bytes, size_t size, bool replace,
                            bool durable, hone_error *error);

/* Makes a directory and its parents when missing. HONE_IO when it is not one or not writable. */
hone_status hone_directory_make(const char *directory, hone_error *error);

/* What a number of errno means, in English whatever the locale. Never freed. */
const char *hone_system_reason(int number);

/* 64 random bits of the system, never the same twice, also after fork. */
hone_status hone_random_bits(uint64_t *bits, hone_error *error);

#endif
