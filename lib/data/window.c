#define _GNU_SOURCE
#include "data/window.h"

#include <string.h>

#include "data/dictionary.h"

enum { WINDOW = HONE_CHUNKS * HONE_CHUNK };

hone_status hone_window_fill(hone_window *w, hone_error *error)
{
    const int64_t left = w->filled - w->from;
    if (left && w->from)
        memmove(w->text, w->text + w->from, (size_t)left);
    w->from = 0;
    w->filled = left;
    for (int64_t want = w->larger ? 2 * left : WINDOW;; want = 2 * w->filled) {
        if (want < WINDOW)
            want = WINDOW;
        if (!hone_grow(w->account, &w->text, &w->room, want + 1 + HONE_PADDING, 1))
            return hone_no_memory(error);
        size_t got = 0;
        const size_t ask = (size_t)(want - w->filled);
        if (!w->ended)
            HONE_TRY(hone_source_read(w->source, w->run, w->text + w->filled, ask, &got, error));
        w->filled += (int64_t)got;
        if (got < ask && !w->ended) {
            w->ended = true;
            if (w->filled > 0 && w->text[w->filled - 1] != '\n')
                w->text[w->filled++] = '\n'; /* the missing last newline */
        }
        memset(w->text + w->filled, 0, HONE_PADDING);
        const char *last = memrchr(w->text, '\n', (size_t)w->filled);
        w->limit = last ? last + 1 - w->text : 0;
        if (last || w->ended)
            return HONE_OK;
    }
}

const char *hone_window_border(const hone_window *w, int k, int chunks)
{
    return w->text + w->from + (w->limit - w->from) * k / chunks;
}

const char *hone_window_line(const hone_window *w, const char *border)
{
    const char *end = w->text + w->limit;
    if (border == w->text + w->from)
        return border;
    const char *newline = memchr(border - 1, '\n', (size_t)(end - border + 1));
    return newline ? newline + 1 : end;
}

void hone_window_close(hone_window *w)
{
    hone_account_give(w->account, w->room);
    hone_free(w->text);
    w->text = NULL;
    w->room = w->from = w->limit = w->filled = 0;
}

const char *hone_window_content(const hone_window *w)
{
    static const struct {
        const char *bytes;
        size_t count;
        const char *what;
    } known[] = {
        {"\x1F\x8B", 2, "gzip; its name must end in .gz"},
        {"PK\x03\x04", 4, "a zip file, as .npz and .xlsx are"},
        {"PAR1\x15", 5, "Parquet; read it as an Arrow table"},
        {"ARROW1\0\0", 8, "an Arrow file; read it as an Arrow table"},
        {"\x93NUMPY", 6, "a .npy array"},
        {"\x28\xB5\x2F\xFD", 4, "zstd; unpack it"},
        {"BZh91AY&SY", 10, "bzip2; unpack it"},
        {"\xFD"
         "7zXZ",
         5, "xz; unpack it"},
        {"\xD0\xCF\x11\xE0", 4, "an .xls file; save it as CSV"},
        {"\xFF\xFE", 2, "UTF-16; save it as UTF-8"},
        {"\xFE\xFF", 2, "UTF-16; save it as UTF-8"},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if ((size_t)w->filled >= known[k].count && !memcmp(w->text, known[k].bytes, known[k].count))
            return known[k].what;
    return NULL;
}
