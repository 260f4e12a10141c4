/* svmlight text: "<label> [qid:<n>] <index>:<value> ... # comment", a row a line.
 *
 * Lines are parsed in parallel blocks of a window into block-local arrays, then copied behind one
 * another; row_start counts entries. Entries that are 0 are left out, as absent ones are 0. Whether
 * indices begin at 0 or 1 is known at the end only: they are shifted once.
 */
#include <stdio.h>
#include <string.h>

#include "data/dictionary.h"
#include "data/read.h"
#include "data/token.h"
#include "data/window.h"

/* A few bytes may ask for so many columns, and memory with them; more must be said by the caller.
 */
enum { HIGHEST = INT32_MAX - 1, UNSAID = 1 << 24 };

typedef struct entry {
    int64_t index; /* as it stands in the file */
    double value;
} entry;

/* Lines that begin in [start, end) of the window. */
typedef struct block {
    const struct reader *reader;
    const char *start, *end, *line;
    int64_t first_line, lines;
    int64_t rows, entries, row_room, label_room, entry_room;
    int64_t *length; /* entries of each row */
    double *label;
    entry *entry;
    int64_t unlabelled, lowest, highest, highest_line;
    bool wide; /* some value is not a float */
    int64_t first_row, first_entry;
    hone_status status;
    hone_error error;
} block;

typedef struct reader {
    hone_reading *r;
    hone_window window;
    block block[HONE_CHUNKS];
    int64_t line; /* of the window */
    int64_t rows, entries, unlabelled, lowest, highest, highest_line;
    int64_t start_room, label_room, column_room, value_room;
    int64_t *row_start;
    double *label;
    int32_t *column;
    void *value;
    hone_dtype dtype;
} reader;

/* ---- lines ---- */

static bool refuse(block *b, const char *p, const char *shown, const char *why)
{
    char place[HONE_PLACE_SIZE];
    hone_place(place, b->reader->r->file, b->first_line + b->lines, p - b->line + 1);
    b->status = hone_fail(&b->error, HONE_BAD_DATA, place, "%s%s", shown, why);
    return false;
}

static const char *blanks(const char *p)
{
    while (*p == ' ' || *p == '\t' || (*p == '\r' && p[1] == '\n'))
        p++;
    return p;
}

static bool ends_token(const char *p)
{
    return *p == ' ' || *p == '\t' || *p == '\n' || *p == '#' || (*p == '\r' && p[1] == '\n');
}

/* The token at `p`, for messages. */
static hone_token token_at(const char *p)
{
    const char *q = p;
    while (!ends_token(q))
        q++;
    return (hone_token){p, (size_t)(q - p)};
}

static bool refuse_token(block *b, const char *p, const char *why)
{
    char shown[48] = "\"";
    const size_t length = token_at(p).length, most = length < 40 ? length : 40;
    for (size_t i = 0; i < most; i++)
        shown[i + 1] = p[i];
    for (size_t i = 1; i <= most; i++)
        if ((unsigned char)shown[i] < ' ')
            shown[i] = '?';
    memcpy(shown + most + 1, "\" ", 3);
    return refuse(b, p, shown, why);
}

static bool number(const char **p, double *value)
{
    bool zeros;
    const char *q = hone_number_scan(*p, '.', value, &zeros);
    if (!q || !ends_token(q)) {
        const hone_token t = token_at(*p);
        if (!hone_token_number(t, '.', value, &zeros))
            return false;
        q = t.text + t.length;
    }
    *p = q;
    return true;
}

/* Digits up to `colon`; -1: something else, or too many. */
static int64_t whole(const char *p, const char **end)
{
    int64_t n = 0;
    const char *start = p;
    for (; *p >= '0' && *p <= '9' && p - start < 18; p++)
        n = n * 10 + (*p - '0');
    *end = p;
    return p > start ? n : -1;
}

static bool add_entry(block *b, int64_t index, double value)
{
    if (index < b->lowest)
        b->lowest = index;
    if (index > b->highest) {
        b->highest = index;
        b->highest_line = b->lines;
    }
    if (value == 0)
        return true;
    if (!hone_grow(&b->reader->r->account, &b->entry, &b->entry_room, b->entries + 1,
                   sizeof *b->entry)) {
        b->status = hone_no_memory(&b->error);
        return false;
    }
    b->wide |= (double)(float)value != value;
    b->entry[b->entries++] = (entry){index, value};
    return true;
}

/* Against what is known before the file is read. */
static bool refuse_index(block *b, const char *token, int64_t index, int64_t last)
{
    const hone_read_options *o = b->reader->r->options;
    const int64_t most = o->zero_based == 1 ? o->features - 1 : o->features;
    if (index > HIGHEST)
        return refuse_token(b, token, "has an index above 2147483646");
    if (index > UNSAID && !o->features)
        return refuse_token(b, token,
                            "has an index above 16777216; if there are so many columns, say "
                            "how many (--columns)");
    if (o->features && index > most) {
        char why[96];
        snprintf(why, sizeof why, "has an index above %lld, the last of the %lld columns",
                 (long long)most, (long long)o->features);
        return refuse_token(b, token, why);
    }
    if (index == 0 && o->zero_based == 2)
        return refuse_token(b, token, "has the index 0, but indices begin at 1");
    return refuse_token(b, token,
                        index == last ? "has the index of the pair before it"
                                      : "has an index below the one before it");
}

/* Indices of a pair lie in [least, most]. */
static void limits_of(const hone_read_options *o, int64_t *least, int64_t *most)
{
    *least = o->zero_based == 2;
    *most = o->features ? o->features - (o->zero_based == 1) : UNSAID;
    *most = *most < HIGHEST ? *most : HIGHEST;
}

static bool pairs(block *b, const char *p)
{
    int64_t last, most;
    limits_of(b->reader->r->options, &last, &most);
    last--;
    for (p = blanks(p); *p != '\n' && *p != '#'; p = blanks(p)) {
        const char *token = p;
        double value;
        const int64_t index = whole(p, &p);
        if (index < 0 || *p != ':')
            return refuse_token(b, token, "is not <index>:<value>");
        if (index <= last || index > most)
            return refuse_index(b, token, index, last);
        last = index;
        p++;
        if (!number(&p, &value))
            return refuse_token(b, token, "is not <index>:<finite number>");
        if (!add_entry(b, index, value))
            return false;
    }
    return true;
}

/* "qid:3" says which query a row belongs to; Hone does not rank. */
static const char *skip_query(const char *p)
{
    const char *q = blanks(p);
    if (strncmp(q, "qid:", 4))
        return p;
    const int64_t n = whole(q + 4, &q);
    return n >= 0 && ends_token(q) ? q : p;
}

static bool row(block *b, const char *p)
{
    double label = 0;
    const hone_token first = token_at(p);
    const bool unlabelled = memchr(first.text, ':', first.length) != NULL;
    if (unlabelled)
        b->unlabelled++;
    else if (!number(&p, &label))
        return refuse_token(b, p, "is no label; labels are finite numbers");
    if (b->unlabelled != 0 && b->unlabelled != b->rows + 1)
        return refuse(b, p, "",
                      unlabelled ? "a row without label below rows with one"
                                 : "a row with label below rows without");
    const int64_t before = b->entries;
    if (!pairs(b, skip_query(p)))
        return false;
    hone_account *account = &b->reader->r->account;
    if (!hone_grow(account, &b->length, &b->row_room, b->rows + 1, sizeof *b->length) ||
        !hone_grow(account, &b->label, &b->label_room, b->rows + 1, sizeof *b->label)) {
        b->status = hone_no_memory(&b->error);
        return false;
    }
    b->length[b->rows] = b->entries - before;
    b->label[b->rows++] = label;
    return true;
}

static void parse(block *b)
{
    b->rows = b->entries = b->lines = b->unlabelled = 0;
    b->lowest = INT64_MAX;
    b->highest = -1;
    b->wide = false;
    b->status = HONE_OK;
    for (const char *p = b->start; p < b->end; b->lines++) {
        b->line = p;
        const char *q = blanks(p),
                   *next = memchr(p, '\n',
                                  (size_t)(b->reader->window.text + b->reader->window.limit - p));
        if (*q != '\n' && *q != '#' && !row(b, q))
            return;
        p = next + 1;
    }
}

static hone_status parse_block(void *context, int64_t k, hone_arena *scratch, hone_error *error)
{
    (void)scratch;
    (void)error; /* lines are counted from 0 here: a failing block is parsed again in its turn */
    parse(&((reader *)context)->block[k]);
    return HONE_OK;
}

/* ---- arrays ---- */

static void widen(reader *s)
{
    double *wide = s->value;
    const float *narrow = s->value;
    for (int64_t k = s->entries; k-- > 0;) {
        const float v = narrow[k];
        wide[k] = v;
    }
}

static hone_status make_room(reader *s, int64_t rows, int64_t entries, bool wide, hone_error *error)
{
    hone_account *account = &s->r->account;
    const bool turn = wide && s->dtype == HONE_F32;
    if (turn) {
        s->value_room /= 2;
        s->dtype = HONE_F64;
    }
    const size_t size = s->dtype == HONE_F32 ? 4 : 8;
    if (!hone_grow(account, &s->row_start, &s->start_room, rows + 1, sizeof *s->row_start) ||
        !hone_grow(account, &s->label, &s->label_room, rows, sizeof *s->label) ||
        !hone_grow(account, &s->column, &s->column_room, entries, sizeof *s->column) ||
        !hone_grow(account, &s->value, &s->value_room, entries, size))
        return hone_no_memory(error);
    if (turn)
        widen(s);
    return HONE_OK;
}

static hone_status copy_block(void *context, int64_t k, hone_arena *scratch, hone_error *error)
{
    (void)scratch;
    (void)error;
    reader *s = context;
    const block *b = &s->block[k];
    if (b->rows)
        memcpy(s->label + b->first_row, b->label, (size_t)b->rows * sizeof *b->label);
    for (int64_t i = 0, at = b->first_entry; i < b->rows; i++)
        s->row_start[b->first_row + i + 1] = at += b->length[i];
    for (int64_t e = 0; e < b->entries; e++) {
        s->column[b->first_entry + e] = (int32_t)b->entry[e].index;
        if (s->dtype == HONE_F32)
            ((float *)s->value)[b->first_entry + e] = (float)b->entry[e].value;
        else
            ((double *)s->value)[b->first_entry + e] = b->entry[e].value;
    }
    return HONE_OK;
}

static hone_status take_block(reader *s, block *b, int64_t *rows, int64_t *entries,
                              hone_error *error)
{
    if (b->status) {
        b->first_line = s->line;
        parse(b);
    }
    if (!b->status && b->rows && *rows && (b->unlabelled > 0) != (s->unlabelled > 0)) {
        b->lines = 0;
        b->first_line = s->line;
        b->line = b->start;
        refuse(b, b->start, "", "rows with and without labels in one file");
    }
    if (b->status) {
        if (error)
            *error = b->error;
        return b->status;
    }
    b->first_row = *rows;
    b->first_entry = *entries;
    *rows += b->rows;
    *entries += b->entries;
    s->unlabelled += b->unlabelled;
    s->lowest = b->lowest < s->lowest ? b->lowest : s->lowest;
    if (b->highest > s->highest) {
        s->highest = b->highest;
        s->highest_line = s->line + b->highest_line;
    }
    s->line += b->lines;
    return HONE_OK;
}

static hone_status read_window(reader *s, hone_error *error)
{
    hone_window *w = &s->window;
    const hone_run *run = hone_reading_run(s->r, w->limit - w->from);
    for (int k = 0; k < HONE_CHUNKS; k++) {
        block *b = &s->block[k];
        b->reader = s;
        b->start = hone_window_line(w, hone_window_border(w, k, HONE_CHUNKS));
        b->end = hone_window_border(w, k + 1, HONE_CHUNKS);
        b->first_line = 0;
    }
    HONE_TRY(hone_for_blocks(run, HONE_CHUNKS, parse_block, s, error));
    int64_t rows = s->rows, entries = s->entries;
    bool wide = false;
    for (int k = 0; k < HONE_CHUNKS; k++) {
        HONE_TRY(take_block(s, &s->block[k], &rows, &entries, error));
        wide |= s->block[k].wide;
    }
    HONE_TRY(make_room(s, rows, entries, wide, error));
    HONE_TRY(hone_for_blocks(run, HONE_CHUNKS, copy_block, s, error));
    s->rows = rows;
    s->entries = entries;
    w->from = w->limit;
    return HONE_OK;
}

/* ---- the file ---- */

static bool from_one(const reader *s)
{
    const int said = s->r->options->zero_based;
    return said == 2 || (said == 0 && s->lowest > 0);
}

static hone_status columns(reader *s, int64_t *cols, hone_error *error)
{
    const hone_read_options *o = s->r->options;
    char place[HONE_PLACE_SIZE];
    const bool shifted = from_one(s);
    for (int64_t k = 0; shifted && k < s->entries; k++)
        s->column[k]--;
    const int64_t seen = s->highest + (shifted ? 0 : 1);
    if (o->features && seen > o->features)
        return hone_fail(error, HONE_BAD_DATA, hone_place(place, s->r->file, s->highest_line, 0),
                         "index %lld is above %lld, the last of the %lld columns, as indices begin "
                         "at 0 in this file",
                         (long long)s->highest, (long long)o->features - 1, (long long)o->features);
    *cols = o->features ? o->features : seen;
    return *cols > 0 ? HONE_OK
                     : hone_fail(error, HONE_BAD_DATA, s->r->file,
                                 "no row has an entry; say how many columns there are (--columns)");
}

static hone_status check_options(const hone_reading *r, hone_error *error)
{
    const hone_read_options *o = r->options;
    const char *const given[] = {o->target, o->weight, o->categorical, o->drop};
    static const char *const name[] = {"options.target", "options.weight", "options.categorical",
                                       "options.drop"};
    for (int k = 0; k < 4; k++)
        if (given[k])
            return hone_fail(error, HONE_BAD_ARGUMENT, name[k],
                             "svmlight has no named columns; the label is the target");
    if (o->zero_based < 0 || o->zero_based > 2)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.zero_based", "%d is not 0, 1 or 2",
                         o->zero_based);
    if (o->features < 0 || o->features > INT32_MAX)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.features",
                         "%lld is not between 1 and 2147483647", (long long)o->features);
    return HONE_OK;
}

static void release(void *owner)
{
    void **part = owner;
    for (int k = 0; k < 3; k++)
        hone_free(part[k]);
    hone_free(part);
}

static hone_status finish(reader *s, hone_dataset **dataset, hone_error *error)
{
    int64_t cols = 0;
    HONE_TRY(columns(s, &cols, error));
    void **owner = hone_alloc(3 * sizeof *owner);
    if (!owner)
        return hone_no_memory(error);
    const hone_vector y =
        s->unlabelled ? (hone_vector){0} : (hone_vector){.values = s->label, .dtype = HONE_F64};
    const hone_matrix x = {.values = s->value,
                           .dtype = s->dtype,
                           .rows = s->rows,
                           .cols = cols,
                           .row_start = s->row_start,
                           .column = s->column};
    const hone_indices indices = {.base = from_one(s) ? HONE_FROM_ONE : HONE_FROM_ZERO,
                                  .base_given = s->r->options->zero_based != 0,
                                  .open_width = s->r->options->features == 0};
    const hone_status status =
        hone_dataset_indexed(&x, &indices, y, &s->r->dataset, dataset, error);
    if (status) {
        hone_free(owner);
        return status;
    }
    owner[0] = s->row_start;
    owner[1] = s->column;
    owner[2] = s->value;
    s->row_start = NULL;
    s->column = NULL;
    s->value = NULL;
    (*dataset)->owner = owner;
    (*dataset)->release = release;
    return HONE_OK;
}

static hone_status read_all(reader *s, hone_dataset **dataset, hone_error *error)
{
    HONE_TRY(check_options(s->r, error));
    HONE_TRY(hone_source_open(s->r->file, s->r->gzip, &s->window.source, error));
    HONE_TRY(make_room(s, 0, 0, false, error));
    char place[HONE_PLACE_SIZE];
    s->row_start[0] = 0;
    for (;;) {
        const bool first = s->window.filled == 0;
        HONE_TRY(hone_window_fill(&s->window, error));
        const char *content = first ? hone_window_content(&s->window) : NULL;
        if (content)
            return hone_fail(error, HONE_BAD_DATA, hone_place(place, s->r->file, 1, 1),
                             "the file is %s", content);
        if (first && s->window.limit >= 3 && !memcmp(s->window.text, "\xEF\xBB\xBF", 3))
            s->window.from = 3;
        if (s->window.limit == s->window.from)
            break;
        HONE_TRY(read_window(s, error));
        HONE_TRY(hone_reading_poll(s->r, hone_source_fraction(s->window.source), error));
    }
    if (s->rows == 0)
        return hone_fail(error, HONE_BAD_DATA, s->r->file, "the file has no rows");
    return finish(s, dataset, error);
}

hone_status hone_read_svmlight(hone_reading *r, hone_dataset **dataset, hone_error *error)
{
    reader *s = HONE_NEW(r->memory, reader, 1, 1);
    if (!s)
        return hone_no_memory(error);
    *s = (reader){.r = r,
                  .window = {.account = &r->account, .run = &r->run},
                  .line = 1,
                  .lowest = INT64_MAX,
                  .highest = -1,
                  .dtype = HONE_F32};
    const hone_status status = read_all(s, dataset, error);
    for (int k = 0; k < HONE_CHUNKS; k++) {
        hone_free(s->block[k].length);
        hone_free(s->block[k].label);
        hone_free(s->block[k].entry);
    }
    hone_free(s->row_start);
    hone_free(s->column);
    hone_free(s->value);
    hone_free(s->label);
    hone_window_close(&s->window);
    hone_source_close(s->window.source);
    return status;
}
