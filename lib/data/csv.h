/* The parts of the CSV reader and what passes between them.
 *
 *   csv.c        windows of text, chunks in parallel, passes over the file
 *   csv_row.c    fields and rows of one chunk
 *   csv_table.c  the growing table
 *   csv_plan.c   options, header, first guess of the types
 *   csv_types.c  types of whole columns, hand-over to the dataset
 */
#ifndef HONE_DATA_CSV_H
#define HONE_DATA_CSV_H

#include "data/dictionary.h"
#include "data/read.h"
#include "data/window.h"

enum { CSV_FIELD = 1 << 20, CSV_TOKEN = 40 };

typedef enum csv_how { CSV_SKIP, CSV_NUMBER, CSV_TEXT } csv_how;

/* The first token that is no number, in a column of numbers. */
typedef struct csv_witness {
    int64_t line, column;
    char token[CSV_TOKEN];
} csv_witness;

/* What a chunk, and then the file, says about a column. */
typedef struct csv_tally {
    int64_t missing, bad;
    int64_t missing_line, missing_column;
    csv_witness *witness;             /* of the first bad one */
    int64_t large_line, large_column; /* of the first target that is too large an amount */
    bool zeros;                       /* some number has a leading zero */
} csv_tally;

/* One column of the file. */
typedef struct csv_column {
    const char *name;
    csv_how how;
    bool asked;      /* categorical by name */
    int64_t slot;    /* place in a parsed row; -1: skipped */
    int64_t feature; /* column of the table; -1: target, weight or dropped */
    int64_t numbers; /* rows read as numbers before the column turned out to be text */
    csv_tally tally;
    hone_dictionary *levels; /* text */
} csv_column;

/* Rows that begin in [start, end). All positions lie in the window. */
typedef struct csv_chunk {
    const struct csv *csv;
    const char *start, *end;
    int64_t first_line; /* of `start`; counted from 0 in parallel, where only differences count */
    const char *stop;   /* first row that was not parsed */
    bool cut;           /* the row at `stop` does not end in the window */
    bool wide;          /* some number is not a float */
    int64_t rows, lines;
    double *values; /* rows x slots */
    int64_t room;
    int64_t first_row;      /* in the table */
    csv_tally *tally;       /* per column of the file */
    hone_dictionary *fresh; /* per slot: words that the column does not know yet */
    char *plain;            /* an unquoted copy of one field */
    int64_t plain_room;
    hone_arena *memory; /* witnesses */
    const char *line_start;
    hone_status status;
    hone_error error;
} csv_chunk;

typedef struct csv {
    hone_reading *r;
    hone_window window;
    char delimiter, decimal;
    hone_na na;
    int64_t cols;
    csv_column *column;
    int64_t target, weight; /* columns, or -1 */
    /* The plan of a pass: slot s holds column `at[s]`. Features come first, in their order. */
    int64_t slots, features;
    int64_t *at;
    int64_t *known; /* per slot: words of the column when the window was begun */
    int64_t line;   /* of the window's first row, from 1 */
    int chunks;
    csv_chunk chunk[HONE_CHUNKS];
    /* The table: rows x features, row-major; codes in text columns. */
    void *table;
    int64_t table_room;
    hone_dtype dtype;
    int64_t rows;
    double *label, *weights;
    int64_t label_room, weights_room;
    bool again; /* second pass: overwrite the table */
    int64_t all_rows;
} csv;

/* Parses at most `most` rows; fills status and error when a row is wrong. */
void hone_csv_parse(csv_chunk *k, int64_t most);

/* One field at `p` of the chunk's text. Returns the byte that ends it; NULL with `cut` or `status`
 * set. `token` may lie in the chunk's own memory, until the next field. */
const char *hone_csv_field(csv_chunk *k, const char *p, hone_token *token);

/* Refuses something at `p`. */
HONE_PRINTF(4, 5)
void hone_csv_refuse(csv_chunk *k, const char *p, hone_status status, const char *format, ...);

/* Begins a pass: first window, byte order mark, header. The names are kept when `plan`. */
hone_status hone_csv_begin(csv *c, bool plan, hone_error *error);
/* Column roles and first types, from the first window. */
hone_status hone_csv_plan(csv *c, hone_error *error);
/* Makes a column one of words. */
hone_status hone_csv_to_text(csv *c, int64_t j, hone_error *error);
/* Slots of a pass over the columns that are not skipped. */
hone_status hone_csv_slots(csv *c, hone_error *error);

/* Puts the rows of the first `used` chunks into the table. */
hone_status hone_csv_store(csv *c, int used, int64_t rows, bool wide, hone_error *error);

/* Marks columns of numbers that hold words: text, to be read again, or refused. */
hone_status hone_csv_settle(csv *c, bool *again, hone_error *error);
hone_status hone_csv_dataset(csv *c, hone_dataset **dataset, hone_error *error);

/* A way out when all of a row is one column, which looks like several; else "". */
const char *hone_csv_hint(const csv *c);

/* "a missing target" with its place. */
hone_status hone_csv_missing(const csv *c, int64_t j, hone_error *error);

#endif
