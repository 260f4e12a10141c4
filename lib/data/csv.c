/* CSV (RFC 4180): windows of text, cut into chunks that are parsed in parallel.
 *
 * Where a chunk begins is a guess: behind the first newline at or after its border, which is wrong
 * only when that newline stands in a quoted field. So each chunk reports where it stopped, and one
 * whose start is not where its predecessor stopped is parsed again from there. What is read depends
 * on the text alone, never on chunks, windows or threads.
 *
 * A table is rows x features in float32 until a number needs float64. It grows by realloc, which
 * moves pages and not bytes once it is large; a column that turns out to be text after its first
 * rows were read as numbers is read again from the file, alone.
 */
#include "data/csv.h"

#include <ctype.h>
#include <string.h>

/* ---- chunks ---- */

static void cut_window(csv *c)
{
    for (int i = 0; i < c->chunks; i++) {
        csv_chunk *k = &c->chunk[i];
        k->start = hone_window_line(&c->window, hone_window_border(&c->window, i, c->chunks));
        k->end = hone_window_border(&c->window, i + 1, c->chunks);
        k->first_line = i ? 0 : c->line;
    }
}

static hone_status parse_block(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    (void)scratch;
    (void)error; /* counts only if the chunk began at the right place */
    hone_csv_parse(&((csv *)context)->chunk[block], INT64_MAX);
    return HONE_OK;
}

/* Lines were counted from 0 in chunks that ran in parallel. */
static void set_lines(const csv *c, csv_chunk *k, int64_t more)
{
    for (int64_t s = 0; s < c->slots; s++) {
        csv_tally *t = &k->tally[c->at[s]];
        t->missing_line += more;
        t->large_line += more;
        if (t->witness)
            t->witness->line += more;
        for (int64_t i = 0; i < k->fresh[s].count; i++)
            k->fresh[s].word[i].line += more;
    }
}

/* Goes through the chunks in order, parsing again what began at the wrong place. Returns how many
 * hold rows; `*stop` is the first row that is left. */
static hone_status join_chunks(csv *c, int *used, const char **stop, hone_error *error)
{
    int64_t line = c->line;
    const char *at = c->window.text + c->window.from;
    for (*used = 0; *used < c->chunks; ++*used) {
        csv_chunk *k = &c->chunk[*used];
        if (k->start != at || k->status) {
            k->start = at;
            k->first_line = line;
            hone_csv_parse(k, INT64_MAX);
        }
        if (k->status) {
            if (error)
                *error = k->error;
            return k->status;
        }
        if (k->cut)
            hone_csv_parse(k, k->rows); /* forgets what it learnt from the row that is cut */
        set_lines(c, k, line - k->first_line);
        k->first_row = *used ? k[-1].first_row + k[-1].rows : c->rows;
        line += k->lines;
        at = k->stop;
        if (at < k->end) {
            ++*used;
            break;
        }
    }
    c->line = line;
    *stop = at;
    return HONE_OK;
}

/* ---- what chunks have learnt ---- */

static hone_status merge_words(csv *c, csv_chunk *k, int64_t s, hone_error *error)
{
    hone_dictionary *all = c->column[c->at[s]].levels, *fresh = &k->fresh[s];
    for (int64_t i = 0; i < fresh->count; i++) {
        hone_word *w = &fresh->word[i];
        const hone_token token = hone_dictionary_token(fresh, i);
        w->code = hone_dictionary_find(all, token, w->key);
        if (w->code < 0)
            w->code = hone_dictionary_add(all, token, w->key, w->line, w->column);
        if (w->code < 0)
            return hone_no_memory(error);
        hone_word *known = &all->word[w->code];
        if (w->line < known->line) { /* a second pass */
            known->line = w->line;
            known->column = w->column;
        }
    }
    return HONE_OK;
}

static hone_status merge_tally(csv *c, const csv_chunk *k, int64_t j, hone_error *error)
{
    csv_tally *all = &c->column[j].tally;
    const csv_tally *t = &k->tally[j];
    if (t->missing && !all->missing) {
        all->missing_line = t->missing_line;
        all->missing_column = t->missing_column;
    }
    if (t->large_column && !all->large_column) {
        all->large_line = t->large_line;
        all->large_column = t->large_column;
    }
    if (t->bad && !all->bad) {
        all->witness = HONE_NEW(c->r->memory, csv_witness, 1, 1);
        if (!all->witness)
            return hone_no_memory(error);
        *all->witness = *t->witness;
    }
    if (t->missing && (j == c->target || j == c->weight))
        return hone_csv_missing(c, j, error);
    all->missing += t->missing;
    all->bad += t->bad;
    all->zeros |= t->zeros;
    return HONE_OK;
}

/* A column of numbers with leading zeros, or more than 5 % words so far, is text from here on. */
static hone_status turn_to_text(csv *c, int64_t j, hone_error *error)
{
    csv_column *column = &c->column[j];
    const csv_tally *t = &column->tally;
    if (c->again || c->r->schema || column->how != CSV_NUMBER || j == c->weight ||
        (!t->zeros && 20 * t->bad <= c->rows - t->missing))
        return HONE_OK;
    column->numbers = c->rows;
    return hone_csv_to_text(c, j, error);
}

/* ---- a pass over the file ---- */

static hone_status merge(csv *c, int used, hone_error *error)
{
    bool wide = false;
    int64_t rows = 0;
    for (int i = 0; i < used; i++) {
        csv_chunk *k = &c->chunk[i];
        for (int64_t s = 0; s < c->slots; s++) {
            HONE_TRY(merge_words(c, k, s, error));
            HONE_TRY(merge_tally(c, k, c->at[s], error));
        }
        wide |= k->wide;
        rows += k->rows;
    }
    HONE_TRY(hone_csv_store(c, used, rows, wide, error));
    c->rows += rows;
    for (int64_t s = 0; s < c->slots; s++)
        HONE_TRY(turn_to_text(c, c->at[s], error));
    return HONE_OK;
}

static hone_status read_window(csv *c, hone_error *error)
{
    hone_window *w = &c->window;
    if (w->limit == w->from)
        return HONE_OK;
    int used = 0;
    const char *stop = NULL;
    cut_window(c);
    for (int64_t s = 0; s < c->slots; s++)
        c->known[s] = c->column[c->at[s]].levels ? c->column[c->at[s]].levels->count : 0;
    HONE_TRY(hone_for_blocks(hone_reading_run(c->r, w->limit - w->from), c->chunks, parse_block, c,
                             error));
    HONE_TRY(join_chunks(c, &used, &stop, error));
    w->larger = stop == w->text + w->from; /* one row is larger than the window */
    HONE_TRY(merge(c, used, error));
    w->from = stop - w->text;
    return HONE_OK;
}

static hone_status pass(csv *c, int64_t until, hone_error *error)
{
    do {
        HONE_TRY(read_window(c, error));
        if (c->rows >= until)
            return HONE_OK;
        HONE_TRY(hone_reading_poll(c->r, hone_source_fraction(c->window.source), error));
        HONE_TRY(hone_window_fill(&c->window, error));
    } while (c->window.limit > c->window.from);
    return HONE_OK;
}

/* The columns that turned out to be text, their first rows. */
static hone_status second_pass(csv *c, hone_error *error)
{
    const int64_t rows = c->rows;
    int64_t until = 0;
    for (int64_t j = 0; j < c->cols; j++) {
        csv_column *column = &c->column[j];
        column->how = column->numbers ? CSV_TEXT : CSV_SKIP;
        if (column->numbers > until)
            until = column->numbers;
        if (column->numbers)
            column->tally = (csv_tally){0};
    }
    HONE_TRY(hone_csv_slots(c, error));
    HONE_TRY(hone_source_rewind(c->window.source, error));
    HONE_TRY(hone_csv_begin(c, false, error));
    c->again = true;
    c->all_rows = rows;
    c->rows = 0;
    HONE_TRY(pass(c, until, error));
    if (c->rows < until)
        return hone_fail(error, HONE_IO, c->r->file, "changed while it was read");
    c->rows = rows;
    return HONE_OK;
}

/* ---- the whole read ---- */

static hone_status open_chunks(csv *c, hone_error *error)
{
    const int64_t most = (1 << 20) / (c->cols + 1);
    c->chunks = most < 1 ? 1 : most < HONE_CHUNKS ? (int)most : HONE_CHUNKS;
    for (int i = 0; i < c->chunks; i++) {
        csv_chunk *k = &c->chunk[i];
        k->tally = HONE_NEW(c->r->memory, csv_tally, c->cols, 1);
        k->fresh = HONE_NEW(c->r->memory, hone_dictionary, c->cols, 1);
        k->memory = hone_arena_open(&c->r->account);
        if (!k->tally || !k->fresh || !k->memory)
            return hone_no_memory(error);
        for (int64_t s = 0; s < c->cols; s++)
            k->fresh[s].account = &c->r->account;
    }
    return HONE_OK;
}

static void close_chunks(csv *c)
{
    for (int i = 0; i < HONE_CHUNKS; i++) {
        csv_chunk *k = &c->chunk[i];
        for (int64_t s = 0; k->fresh && s < c->cols; s++)
            hone_dictionary_free(&k->fresh[s]);
        hone_account_give(&c->r->account, k->room * (int64_t)sizeof *k->values);
        hone_free(k->values);
        hone_free(k->plain);
        hone_arena_close(k->memory);
        *k = (csv_chunk){.csv = c};
    }
    hone_window_close(&c->window);
}

static void close_csv(csv *c)
{
    close_chunks(c);
    for (int64_t j = 0; c->column && j < c->cols; j++)
        if (c->column[j].levels)
            hone_dictionary_free(c->column[j].levels);
    hone_free(c->table);
    hone_free(c->label);
    hone_free(c->weights);
    hone_source_close(c->window.source);
}

static hone_status check_marks(csv *c, hone_error *error)
{
    const hone_read_options *o = c->r->options;
    c->delimiter = o->delimiter ? o->delimiter : hone_file_is_tsv(c->r->file) ? '\t' : ',';
    c->decimal = o->decimal ? o->decimal : '.';
    const unsigned char d = (unsigned char)c->delimiter;
    if (strchr("\"\n\r+-", c->delimiter) || isalnum(d) || d >= 0x80)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.delimiter",
                         "a quote, a line end, a sign, a letter, a digit or a byte that is not "
                         "ASCII cannot be the delimiter");
    if (c->decimal != '.' && c->decimal != ',')
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.decimal", "must be '.' or ','");
    if (c->decimal == c->delimiter)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.decimal",
                         "is the delimiter too; set delimiter to ';'");
    return hone_na_make(o->na, c->r->memory, &c->na, error);
}

static hone_status read_all(csv *c, hone_dataset **dataset, hone_error *error)
{
    bool again;
    HONE_TRY(check_marks(c, error));
    HONE_TRY(hone_source_open(c->r->file, c->r->gzip, &c->window.source, error));
    HONE_TRY(hone_csv_begin(c, true, error));
    HONE_TRY(hone_csv_plan(c, error));
    HONE_TRY(hone_csv_slots(c, error));
    HONE_TRY(open_chunks(c, error));
    HONE_TRY(pass(c, INT64_MAX, error));
    char place[HONE_PLACE_SIZE];
    if (c->rows == 0)
        return hone_fail(error, HONE_BAD_DATA, hone_place(place, c->r->file, c->line, 1),
                         "there are no rows below the header");
    HONE_TRY(hone_csv_settle(c, &again, error));
    if (again)
        HONE_TRY(second_pass(c, error));
    close_chunks(c);
    return hone_csv_dataset(c, dataset, error);
}

hone_status hone_read_csv(hone_reading *r, hone_dataset **dataset, hone_error *error)
{
    csv *c = HONE_NEW(r->memory, csv, 1, 1);
    if (!c)
        return hone_no_memory(error);
    c->r = r;
    c->window.account = &r->account;
    c->window.run = &r->run;
    c->target = c->weight = -1;
    c->dtype = HONE_F32;
    for (int i = 0; i < HONE_CHUNKS; i++)
        c->chunk[i].csv = c;
    const hone_status status = read_all(c, dataset, error);
    close_csv(c);
    return status;
}
