/* The header, the role of each column, and a first guess of its type from the first rows. A wrong
 * guess costs time, never a result: csv_types.c decides over the whole column.
 */
#include <stdio.h>
#include <string.h>

#include "data/csv.h"

enum { SNIFF = 200 };

/* ---- header ---- */

static hone_status marks(csv *c, hone_error *error)
{
    const unsigned char *b = (const unsigned char *)c->window.text;
    const char *content = hone_window_content(&c->window);
    char place[HONE_PLACE_SIZE];
    if (content)
        return hone_fail(error, HONE_BAD_DATA, hone_place(place, c->r->file, 1, 1),
                         "the file is %s", content);
    if (c->window.filled >= 3 && b[0] == 0xEF && b[1] == 0xBB && b[2] == 0xBF)
        c->window.from = 3;
    const int64_t left = c->window.filled - c->window.from;
    if (left == 0 || (c->window.from && left == 1 && c->window.text[3] == '\n'))
        return hone_fail(error, HONE_BAD_DATA, hone_place(place, c->r->file, 0, 0),
                         c->window.from ? "the file is empty but for a byte order mark"
                                        : "the file is empty");
    return HONE_OK;
}

/* Fields of the row at the chunk's start, each given to `take` (may be NULL). Returns the start of
 * the next row; NULL: wrong, or cut. */
static const char *fields_of_row(csv_chunk *k, const char *p,
                                 bool (*take)(csv_chunk *k, int64_t j, const char *at,
                                              hone_token token),
                                 int64_t *count)
{
    for (*count = 0;;) {
        hone_token token;
        const char *q = hone_csv_field(k, p, &token);
        if (!q || (take && !take(k, *count, p, token)))
            return NULL;
        ++*count;
        if (*q != k->csv->delimiter)
            return q + (*q == '\r') + 1;
        p = q + 1;
    }
}

static void probe_at(csv *c, csv_chunk *k)
{
    k->start = k->line_start = c->window.text + c->window.from;
    k->first_line = c->line;
    k->lines = 0;
    k->status = HONE_OK;
    k->cut = false;
}

static bool keep_name(csv_chunk *k, int64_t j, const char *at, hone_token token)
{
    csv *c = (csv *)(uintptr_t)k->csv;
    char made[32];
    const int64_t wrong = hone_token_not_utf8(token);
    if (wrong >= 0) {
        hone_csv_refuse(k, at, HONE_BAD_DATA, "the column name is not UTF-8 (byte 0x%02X)",
                        (unsigned char)token.text[wrong]);
        return false;
    }
    token = hone_token_trim(token);
    if (!token.length) {
        snprintf(made, sizeof made, "x%lld", (long long)j);
        token = (hone_token){made, strlen(made)};
    }
    char *name = HONE_RAW(c->r->memory, char, (int64_t)token.length + 1, 1);
    if (!name) {
        k->status = hone_no_memory(&k->error);
        return false;
    }
    memcpy(name, token.text, token.length);
    name[token.length] = 0;
    c->column[j].name = name;
    return true;
}

static bool differs(csv_chunk *k, int64_t j, const char *at, hone_token token)
{
    const csv *c = k->csv;
    hone_dictionary *names = &k->fresh[0];
    (void)token;
    const char *name = c->column[j].name;
    const hone_token t = {name, strlen(name)};
    const hone_key key = hone_word_key(t);
    const int64_t other = hone_dictionary_find(names, t, key);
    if (other >= 0) {
        hone_csv_refuse(k, at, HONE_BAD_DATA, "columns %lld and %lld are both called \"%s\"",
                        (long long)other + 1, (long long)j + 1, name);
        return false;
    }
    if (hone_dictionary_add(names, t, key, 1, 1) >= 0)
        return true;
    k->status = hone_no_memory(&k->error);
    return false;
}

static hone_status read_names(csv *c, csv_chunk *k, hone_error *error)
{
    hone_dictionary names = {.account = &c->r->account};
    int64_t count;
    c->column = HONE_NEW(c->r->memory, csv_column, c->cols, 1);
    if (!c->column)
        return hone_no_memory(error);
    if (c->r->options->no_header) {
        for (int64_t j = 0; j < c->cols; j++) {
            char made[32];
            snprintf(made, sizeof made, "x%lld", (long long)j);
            if (!(c->column[j].name = hone_arena_text(c->r->memory, made)))
                return hone_no_memory(error);
        }
        return HONE_OK;
    }
    probe_at(c, k);
    k->fresh = &names;
    if (fields_of_row(k, k->start, keep_name, &count)) {
        probe_at(c, k);
        fields_of_row(k, k->start, differs, &count);
    }
    k->fresh = NULL;
    hone_dictionary_free(&names);
    if (k->status && error)
        *error = k->error;
    return k->status;
}

/* Above the first row, as between rows. */
static hone_status skip_blank_lines(csv *c, hone_error *error)
{
    hone_window *w = &c->window;
    char place[HONE_PLACE_SIZE];
    for (;;) {
        if (w->from == w->limit && !w->ended)
            HONE_TRY(hone_window_fill(w, error));
        if (w->from == w->filled)
            return hone_fail(error, HONE_BAD_DATA, hone_place(place, c->r->file, 0, 0),
                             "the file holds blank lines alone");
        const char *p = w->text + w->from;
        const int64_t length = *p == '\n' ? 1 : *p == '\r' && p[1] == '\n' ? 2 : 0;
        if (!length)
            return HONE_OK;
        w->from += length;
        c->line++;
    }
}

hone_status hone_csv_begin(csv *c, bool plan, hone_error *error)
{
    c->window.from = c->window.limit = c->window.filled = 0;
    c->window.ended = c->window.larger = false;
    c->line = 1;
    HONE_TRY(hone_window_fill(&c->window, error));
    HONE_TRY(marks(c, error));
    HONE_TRY(skip_blank_lines(c, error));
    csv_chunk *k = &c->chunk[0];
    const char *next;
    int64_t cols;
    for (;;) {
        probe_at(c, k);
        next = fields_of_row(k, k->start, NULL, &cols);
        if (!k->cut)
            break;
        c->window.larger = true;
        HONE_TRY(hone_window_fill(&c->window, error));
    }
    c->window.larger = false;
    if (!next) {
        if (error)
            *error = k->error;
        return k->status;
    }
    if (plan) {
        c->cols = cols;
        const int64_t lines = k->lines;
        HONE_TRY(read_names(c, k, error));
        k->lines = lines;
    }
    if (!c->r->options->no_header) {
        c->line += k->lines + 1;
        c->window.from = next - c->window.text;
    }
    return HONE_OK;
}

/* ---- roles ---- */

const char *hone_csv_hint(const csv *c)
{
    static const char *const hints[][2] = {
        {";", "; cells seem to be separated by ';': --delimiter ';'"},
        {"\t", "; cells seem to be separated by tabs: --delimiter tab"},
        {"|", "; cells seem to be separated by '|': --delimiter '|'"},
        {",", "; cells seem to be separated by ',': --delimiter ,"}};
    for (size_t k = 0; c->cols == 1 && k < sizeof hints / sizeof *hints; k++)
        if (c->column && strpbrk(c->column[0].name, hints[k][0]))
            return hints[k][1];
    return "";
}

static int64_t column_named(const csv *c, const char *name, size_t length)
{
    for (int64_t j = 0; j < c->cols; j++)
        if (strlen(c->column[j].name) == length && !memcmp(c->column[j].name, name, length))
            return j;
    return -1;
}

static hone_status no_column(const csv *c, const char *what, const char *name, size_t length,
                             hone_error *error)
{
    char place[HONE_PLACE_SIZE], known[200] = "";
    size_t used = 0;
    for (int64_t j = 0; j < c->cols; j++) {
        const size_t more = strlen(c->column[j].name);
        if (used + more + 8 > sizeof known) {
            used += (size_t)snprintf(known + used, sizeof known - used, ", ...");
            break;
        }
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", j ? ", " : "",
                                 c->column[j].name);
    }
    return hone_fail(error, HONE_BAD_ARGUMENT, hone_place(place, c->r->file, 1, 0),
                     "%s: there is no column \"%.*s\"; there are %s%s", what, (int)length, name,
                     known, hone_csv_hint(c));
}

static hone_status role(const csv *c, const char *what, const char *name, int64_t *j,
                        hone_error *error)
{
    *j = -1;
    if (!name)
        return HONE_OK;
    *j = column_named(c, name, strlen(name));
    if (*j < 0)
        *j = hone_column_number(name, c->cols);
    return *j >= 0 ? HONE_OK : no_column(c, what, name, strlen(name), error);
}

static hone_status mark_listed(csv *c, const char *what, const char *list, bool drop,
                               hone_error *error)
{
    const char *item;
    size_t length;
    for (int64_t i = 0; hone_list_item(list, i, &item, &length); i++) {
        const int64_t j = column_named(c, item, length);
        if (j < 0)
            return no_column(c, what, item, length, error);
        if (drop && (j == c->target || j == c->weight))
            return hone_fail(error, HONE_BAD_ARGUMENT, "options.drop",
                             "column \"%s\" is dropped, but it is the %s", c->column[j].name,
                             j == c->target ? "target" : "weight");
        if (drop)
            c->column[j].how = CSV_SKIP;
        else
            c->column[j].asked = true;
    }
    return HONE_OK;
}

/* ---- stored types ---- */

static hone_status index_names(const hone_schema *s, hone_dictionary *names, hone_error *error)
{
    for (int64_t k = 0; k < s->cols; k++) {
        const hone_token t = {s->column[k].name, strlen(s->column[k].name)};
        if (hone_dictionary_add(names, t, hone_word_key(t), 1, 1) < 0)
            return hone_no_memory(error);
    }
    return HONE_OK;
}

static int64_t stored_column(const hone_schema *s, const hone_dictionary *names, const char *name,
                             int64_t place)
{
    const hone_token t = {name, strlen(name)};
    return s->named ? hone_dictionary_find(names, t, hone_word_key(t)) : place;
}

/* Each column is what it was in the schema; those that it lacks are passed over. */
static hone_status take_types(csv *c, const hone_dictionary *names, hone_error *error)
{
    const hone_schema *s = c->r->schema;
    int64_t place = 0;
    bool *met = HONE_NEW(c->r->memory, bool, s->cols, 1);
    if (!met)
        return hone_no_memory(error);
    for (int64_t j = 0; j < c->cols; j++) {
        csv_column *column = &c->column[j];
        if (column->how == CSV_SKIP || j == c->target || j == c->weight)
            continue;
        const int64_t k = stored_column(s, names, column->name, place++);
        const bool there = k >= 0 && k < s->cols;
        const bool words = there && s->column && s->column[k].type == HONE_CATEGORICAL;
        column->how = k < 0 ? CSV_SKIP : words ? CSV_TEXT : CSV_NUMBER;
        if (there)
            met[k] = true;
    }
    for (int64_t k = 0; s->named && k < s->cols; k++)
        if (!met[k]) {
            char place_of[HONE_PLACE_SIZE];
            return hone_fail(error, HONE_BAD_DATA, hone_place(place_of, c->r->file, 1, 0),
                             "column \"%.100s\" of the training data is missing",
                             s->column[k].name);
        }
    if (c->target >= 0 && s->task) {
        const bool words = s->task == HONE_CLASSIFICATION &&
                           (s->class_kind == HONE_TEXT || s->class_kind == HONE_BOOLEAN);
        c->column[c->target].how = words ? CSV_TEXT : CSV_NUMBER;
    }
    return HONE_OK;
}

static hone_status follow_schema(csv *c, hone_error *error)
{
    hone_dictionary names = {.account = &c->r->account};
    hone_status status = c->r->schema->named ? index_names(c->r->schema, &names, error) : HONE_OK;
    if (!status)
        status = take_types(c, &names, error);
    hone_dictionary_free(&names);
    return status;
}

/* ---- first types ---- */

static bool look_at(csv_chunk *k, int64_t j, const char *at, hone_token token)
{
    csv *c = (csv *)(uintptr_t)k->csv;
    (void)at;
    double value;
    bool zeros = false;
    if (j >= c->cols)
        return false;
    csv_column *column = &c->column[j];
    if (column->how == CSV_NUMBER && j != c->weight && !hone_na_holds(&c->na, token) &&
        (!hone_token_number(hone_token_trim(token), c->decimal, &value, &zeros) || zeros))
        column->how = CSV_TEXT;
    return true;
}

static void sniff(csv *c)
{
    csv_chunk *k = &c->chunk[0];
    probe_at(c, k);
    const char *p = k->start, *end = c->window.text + c->window.limit;
    int64_t count;
    for (int i = 0; i < SNIFF && p && p < end; i++) {
        k->line_start = p;
        p = fields_of_row(k, p, look_at, &count); /* a wrong row is refused when it is parsed */
    }
}

hone_status hone_csv_to_text(csv *c, int64_t j, hone_error *error)
{
    csv_column *column = &c->column[j];
    column->how = CSV_TEXT;
    column->levels = HONE_NEW(c->r->memory, hone_dictionary, 1, 1);
    if (!column->levels)
        return hone_no_memory(error);
    column->levels->account = &c->r->account;
    return HONE_OK;
}

static hone_status number_features(csv *c, hone_error *error)
{
    c->features = 0;
    for (int64_t j = 0; j < c->cols; j++) {
        csv_column *column = &c->column[j];
        const bool feature = column->how != CSV_SKIP && j != c->target && j != c->weight;
        column->feature = feature ? c->features++ : -1;
        if (column->how == CSV_TEXT)
            HONE_TRY(hone_csv_to_text(c, j, error));
    }
    char place[HONE_PLACE_SIZE];
    if (c->features == 0)
        return hone_fail(error, HONE_BAD_DATA, hone_place(place, c->r->file, 1, 0),
                         "no column is left besides target, weight and dropped ones%s",
                         hone_csv_hint(c));
    return HONE_OK;
}

hone_status hone_csv_plan(csv *c, hone_error *error)
{
    const hone_read_options *o = c->r->options;
    HONE_TRY(role(c, "target", o->target, &c->target, error));
    HONE_TRY(role(c, "weight", o->weight, &c->weight, error));
    if (c->target >= 0 && c->target == c->weight)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.weight",
                         "column \"%s\" is the target, so it cannot be the weight",
                         c->column[c->target].name);
    for (int64_t j = 0; j < c->cols; j++)
        c->column[j].how = CSV_NUMBER;
    HONE_TRY(mark_listed(c, "drop", o->drop, true, error));
    HONE_TRY(mark_listed(c, "categorical", o->categorical, false, error));
    if (c->r->schema) {
        HONE_TRY(follow_schema(c, error));
        return number_features(c, error);
    }
    for (int64_t j = 0; j < c->cols; j++)
        if (c->column[j].asked && c->column[j].how != CSV_SKIP)
            c->column[j].how = CSV_TEXT;
    sniff(c);
    return number_features(c, error);
}

static void add_slot(csv *c, int64_t j)
{
    c->column[j].slot = c->slots;
    c->at[c->slots++] = j;
}

hone_status hone_csv_slots(csv *c, hone_error *error)
{
    c->slots = 0;
    if (!c->at) {
        c->at = HONE_NEW(c->r->memory, int64_t, c->cols, 1);
        c->known = HONE_NEW(c->r->memory, int64_t, c->cols, 1);
        if (!c->at || !c->known)
            return hone_no_memory(error);
    }
    for (int64_t j = 0; j < c->cols; j++) {
        c->column[j].slot = -1;
        if (c->column[j].how != CSV_SKIP && c->column[j].feature >= 0)
            add_slot(c, j);
    }
    for (int i = 0; i < 2; i++) {
        const int64_t j = i ? c->weight : c->target;
        if (j >= 0 && c->column[j].how != CSV_SKIP)
            add_slot(c, j);
    }
    return HONE_OK;
}
