/* Bytes of a text file in order, plain or inflated from gzip. */
#ifndef HONE_DATA_SOURCE_H
#define HONE_DATA_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hone/algorithm.h"

typedef struct hone_source hone_source;

/* `gzip`: the file is gzip, whatever its name says. Regular files only: nothing that blocks. */
hone_status hone_source_open(const char *file, bool gzip, hone_source **source, hone_error *error);

/* Reads up to `size` bytes, on the run's threads; fewer only at the end.
 *
 * @return HONE_IO, HONE_BAD_DATA for damaged gzip */
hone_status hone_source_read(hone_source *source, const hone_run *run, char *bytes, size_t size,
                             size_t *got, hone_error *error);

/* Back to the first byte. */
hone_status hone_source_rewind(hone_source *source, hone_error *error);

/* Share of the file that was read. */
double hone_source_fraction(const hone_source *source);

/* Bytes of the file as it lies on disk. */
int64_t hone_source_size(const hone_source *source);

void hone_source_close(hone_source *source);

#endif
