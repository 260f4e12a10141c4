/* A part of a text file in memory, in whole lines. */
#ifndef HONE_DATA_WINDOW_H
#define HONE_DATA_WINDOW_H

#include "base/arena.h"
#include "data/source.h"

enum { HONE_CHUNK = 1 << 19, HONE_CHUNKS = 8 }; /* bytes of text for one block, blocks at once */

typedef struct hone_window {
    hone_source *source;
    const hone_run *run;
    hone_account *account; /* pays; may be NULL */
    char *text;            /* [from, filled) is unread, [from, limit) whole lines */
    int64_t room, from, limit, filled;
    bool larger; /* what begins at `from` did not end in the window: make it twice as large */
    bool ended;  /* the window reaches the end of the file, which ends with a newline */
} hone_window;

/* Moves the unread rest to the front and reads on, until the window holds a whole line. `limit` is
 * `from` at the end of the file. */
hone_status hone_window_fill(hone_window *w, hone_error *error);

/* Cuts the lines of the window: border k of `chunks`, from 0 to `chunks` included. */
const char *hone_window_border(const hone_window *w, int k, int chunks);
/* First line that begins at or behind a border. */
const char *hone_window_line(const hone_window *w, const char *border);

void hone_window_close(hone_window *w);

/* What the first bytes of a text file say that it is instead, to be told after "is"; NULL: nothing.
 */
const char *hone_window_content(const hone_window *window);

#endif
