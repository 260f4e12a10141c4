/* What the readers of all formats share. */
#ifndef HONE_DATA_READ_H
#define HONE_DATA_READ_H

#include "data/dataset.h"
#include "data/source.h"
#include "toolbox/run.h"

/* One call of hone_dataset_read. */
typedef struct hone_reading {
    const char *file;
    bool gzip;
    const hone_read_options *options;
    const hone_schema *schema;    /* what the columns are; NULL: inferred */
    hone_dataset_options dataset; /* what the dataset is made with */
    hone_account account;         /* caps the read at max_bytes */
    hone_arena *memory;           /* until the call ends */
    hone_run run, alone;          /* alone: on the calling thread */
    _Atomic int stop;
    _Atomic int64_t work, polled;
} hone_reading;

/* Copies the options into `own`, which lives as long as the call. The caller closes `memory`. */
hone_status hone_reading_open(hone_reading *r, const char *file, const hone_read_options *options,
                              hone_read_options *own, hone_error *error);

enum { HONE_PLACE_SIZE = 96 };

/* By hone_format. */
enum { HONE_FORMATS = HONE_NPZ + 1 };
extern const char *const hone_format_names[HONE_FORMATS];

/* "<file>:<line>:<column>", a long file name cut at its front; a line or column of 0 is left out.
 */
const char *hone_place(char place[HONE_PLACE_SIZE], const char *file, int64_t line, int64_t column);

/* Whether the name ends in .tsv or .tsv.gz. */
bool hone_file_is_tsv(const char *file);

/* Item `k` of the list; false behind the last. */
bool hone_list_item(const char *list, int64_t k, const char **item, size_t *length);

/* Tells the caller how far the read is; HONE_STOPPED when it asks to stop. */
hone_status hone_reading_poll(const hone_reading *r, double fraction, hone_error *error);

/* The run for `bytes` of text: small work starts no thread. */
const hone_run *hone_reading_run(const hone_reading *r, int64_t bytes);

/* A column number of `cols`: "3", or "-1" for the last; -1: not a number or outside. */
int64_t hone_column_number(const char *text, int64_t cols);

/* How a table is read, as JSON: what `options` say, and the task that it came to. NULL: no memory.
 */
char *hone_reading_text(const hone_read_options *options, hone_task task);
/* Fills what `options` leave open with what such a text says; texts live in `memory`. It comes from
 * a file and is not trusted.
 *
 * @return HONE_CORRUPT at `path`, HONE_NO_MEMORY */
hone_status hone_reading_recall(const char *text, const char *path, hone_arena *memory,
                                hone_read_options *options, hone_error *error);

hone_status hone_read_csv(hone_reading *r, hone_dataset **dataset, hone_error *error);
hone_status hone_read_svmlight(hone_reading *r, hone_dataset **dataset, hone_error *error);
hone_status hone_read_npy(hone_reading *r, hone_dataset **dataset, hone_error *error);
hone_status hone_read_npz(hone_reading *r, hone_dataset **dataset, hone_error *error);

#endif
