/* What a column is, decided over all of it.
 *
 *   every token a number                     numeric
 *   95 % and more, not all                   refused: a typo must not make 30,000 levels
 *   a leading zero (007)                     categorical: a code loses its zeros as a number
 *   true and false in their spellings        categorical, boolean
 *   dates (95 %); > 1,000 words, half of the cells   refused with the hint to drop the column
 *   else, or asked for by name               categorical
 */
#include <math.h>
#include <string.h>

#include "data/csv.h"
#include "data/draft.h"
#include "data/values.h"
#include "data/words.h"

enum { BLOCK = 4096 };

hone_status hone_csv_missing(const csv *c, int64_t j, hone_error *error)
{
    char place[HONE_PLACE_SIZE];
    const csv_tally *t = &c->column[j].tally;
    return hone_fail(
        error, HONE_BAD_DATA, hone_place(place, c->r->file, t->missing_line, t->missing_column),
        "%s \"%s\" is missing", j == c->target ? "the target" : "the weight", c->column[j].name);
}

static hone_status refuse_number(const csv *c, int64_t j, hone_error *error)
{
    char place[HONE_PLACE_SIZE];
    const csv_witness *w = c->column[j].tally.witness;
    return hone_fail(error, HONE_BAD_DATA, hone_place(place, c->r->file, w->line, w->column),
                     "\"%.*s\" is not a number, as column \"%.100s\" of the training data holds",
                     CSV_TOKEN, w->token, c->column[j].name);
}

static hone_status almost_numbers(const csv *c, int64_t j, int64_t line, int64_t column,
                                  const char *token, int64_t bad, int64_t given, hone_error *error)
{
    char place[HONE_PLACE_SIZE];
    hone_place(place, c->r->file, line, column);
    const char *name = c->column[j].name;
    const bool listable = !strchr(token, ',');
    if (j == c->weight)
        return hone_fail(error, HONE_BAD_DATA, place, "weight \"%s\": \"%.*s\" is not a number",
                         name, CSV_TOKEN, token);
    return hone_fail(error, HONE_BAD_DATA, place,
                     "\"%.*s\" is not a number, but %.4g %% of column \"%.60s\" are; %s%.*s%s"
                     "--categorical \"%.60s\" or --drop \"%.60s\"",
                     CSV_TOKEN, token, 100.0 * (double)(given - bad) / (double)given, name,
                     listable ? "if it means missing: --na \"default," : "",
                     listable ? CSV_TOKEN : 0, token, listable ? "\"; else " : "", name, name);
}

hone_status hone_csv_settle(csv *c, bool *again, hone_error *error)
{
    *again = false;
    for (int64_t j = 0; j < c->cols; j++) {
        csv_column *column = &c->column[j];
        const csv_tally *t = &column->tally;
        const int64_t given = c->rows - t->missing;
        *again |= column->numbers > 0;
        if (column->how != CSV_NUMBER || !t->bad)
            continue;
        if (c->r->schema && j != c->weight)
            return refuse_number(c, j, error);
        if (j == c->weight || 20 * t->bad <= given)
            return almost_numbers(c, j, t->witness->line, t->witness->column, t->witness->token,
                                  t->bad, given, error);
        HONE_TRY(hone_csv_to_text(c, j, error));
        column->numbers = c->rows;
        *again = true;
    }
    return HONE_OK;
}

/* ---- words ---- */

static double cell(const csv *c, int64_t row, const csv_column *column)
{
    if (column->feature < 0)
        return c->label[row];
    const int64_t at = row * c->features + column->feature;
    return c->dtype == HONE_F32 ? (double)((const float *)c->table)[at]
                                : ((const double *)c->table)[at];
}

/* Counts the words of a column into `code`. Returns the cells that are not missing. */
static int64_t count_words(const csv *c, const csv_column *column)
{
    hone_dictionary *d = column->levels;
    int64_t given = 0;
    for (int64_t k = 0; k < d->count; k++)
        d->word[k].code = 0;
    for (int64_t i = 0; i < c->rows; i++) {
        const double v = cell(c, i, column);
        if (isnan(v))
            continue;
        d->word[(int64_t)v].code++;
        given++;
    }
    return given;
}

typedef struct kinds {
    bool boolean, zeros;
    hone_words words;
    int64_t numbers;          /* distinct, codes such as 007 among them */
    const hone_word *strange; /* first that is no number */
    const hone_word *zero;    /* first number with a leading zero */
    const hone_word *padded;  /* first that is another word but for blanks at its ends */
} kinds;

static hone_status look(const csv *c, const csv_column *column, kinds *k, hone_error *error)
{
    const hone_dictionary *d = column->levels;
    *k = (kinds){.boolean = d->count > 0};
    for (int64_t i = 0; i < d->count; i++) {
        const hone_token token = hone_dictionary_token(d, i);
        const hone_word *w = &d->word[i];
        double value;
        bool zeros = false;
        const int64_t wrong = hone_token_not_utf8(token);
        if (wrong >= 0) {
            char place[HONE_PLACE_SIZE];
            return hone_fail(error, HONE_BAD_DATA,
                             hone_place(place, c->r->file, w->line, w->column),
                             "column \"%s\": the text is not UTF-8 (byte 0x%02X)", column->name,
                             (unsigned char)token.text[wrong]);
        }
        k->boolean &= hone_token_boolean(token) >= 0 && !c->r->schema; /* the schema's kind rules */
        hone_words_add(&k->words, token, c->decimal);
        const hone_token bare = hone_token_trim(token);
        if (!k->padded && bare.length < token.length &&
            hone_dictionary_find(d, bare, hone_word_key(bare)) >= 0)
            k->padded = w;
        if (hone_token_number(bare, c->decimal, &value, &zeros))
            k->numbers++;
        else if (!k->strange || w->line < k->strange->line)
            k->strange = w;
        k->zeros |= zeros;
        if (zeros && (!k->zero || w->line < k->zero->line))
            k->zero = w;
    }
    return HONE_OK;
}

static hone_status refuse_words(const csv *c, int64_t j, const kinds *k, hone_error *error)
{
    const csv_column *column = &c->column[j];
    const hone_dictionary *d = column->levels;
    char place[HONE_PLACE_SIZE];
    if (!d->count || column->asked || c->r->schema)
        return HONE_OK;
    const bool dates = hone_words_are_dates(&k->words);
    if (!hone_words_are_many(d->count, 0) && !dates && (!k->numbers || k->zeros || !k->strange))
        return HONE_OK;
    const int64_t given = count_words(c, column);
    const bool many = hone_words_are_many(d->count, given);
    const hone_word *first = &d->word[dates ? k->words.date : 0];
    hone_place(place, c->r->file, first->line, first->column);
    if (dates && j != c->target)
        return hone_fail(
            error, HONE_BAD_DATA, place,
            "column \"%.100s\" holds dates or times (\"%.*s\"), which are no features; "
            "--drop \"%.100s\"",
            column->name, CSV_TOKEN, d->text + first->at, column->name);
    int64_t numbers = 0;
    for (int64_t i = 0; i < d->count; i++) {
        double value;
        bool zeros;
        if (hone_token_number(hone_token_trim(hone_dictionary_token(d, i)), c->decimal, &value,
                              &zeros))
            numbers += d->word[i].code;
    }
    if (!k->zeros && k->strange && 20 * (given - numbers) <= given)
        return almost_numbers(c, j, k->strange->line, k->strange->column, d->text + k->strange->at,
                              given - numbers, given, error);
    if (many && k->zero && !k->strange)
        return hone_fail(error, HONE_BAD_DATA,
                         hone_place(place, c->r->file, k->zero->line, k->zero->column),
                         "\"%.*s\" has a leading zero, which makes column \"%.100s\" codes, but "
                         "%lld of its %lld values differ; write it without, or --drop \"%.100s\"",
                         CSV_TOKEN, d->text + k->zero->at, column->name, (long long)d->count,
                         (long long)given, column->name);
    if (many && c->decimal == '.' && k->words.commas && hone_words_look_like_numbers(&k->words))
        return hone_fail(error, HONE_BAD_DATA, place,
                         "column \"%.100s\" holds words such as \"%.*s\"; if they are numbers "
                         "with a decimal comma: --decimal ,",
                         column->name, (int)k->words.first.length, k->words.first.text);
    if (many)
        return hone_fail(error, HONE_BAD_DATA, place,
                         "column \"%.100s\" has %lld different words in %lld rows: %s \"%.100s\"",
                         column->name, (long long)d->count, (long long)given,
                         j == c->target ? "not classes; check --target" : "free text; --drop",
                         column->name);
    return HONE_OK;
}

/* Few-valued columns of numbers as people write them are levels, which may not be what was meant.
 */
static void warn_of_numbers(const csv *c, const csv_column *column, const kinds *k,
                            const hone_draft *draft)
{
    const hone_words *w = &k->words;
    if (column->asked || c->r->schema || !hone_words_look_like_numbers(w))
        return;
    hone_draft_log(
        draft, HONE_WARNING,
        "column \"%.100s\" is categorical, but its words look like numbers (\"%.*s\"); %s; "
        "if they are levels: --categorical \"%.100s\"",
        column->name, (int)w->first.length, w->first.text,
        !w->commas          ? "numbers have no sign of a currency or percent, and no "
                              "mark between thousands"
        : c->decimal == '.' ? "with a decimal comma: --decimal ,"
                            : "with a decimal point: --decimal .",
        column->name);
}

/* Words that few models can learn from, or that were meant to be one. */
static void warn_of_words(const csv *c, const csv_column *column, const kinds *k,
                          const hone_draft *draft)
{
    const hone_dictionary *d = column->levels;
    if (c->r->schema)
        return;
    if (k->padded)
        hone_draft_log(draft, HONE_WARNING,
                       "column \"%.100s\": \"%.*s\" and the same word without blanks at its ends "
                       "are two levels",
                       column->name, CSV_TOKEN, d->text + k->padded->at);
    if (!column->asked && column->feature >= 0 && hone_words_are_rare(d->count, c->rows))
        hone_draft_log(draft, HONE_WARNING,
                       "column \"%.100s\" has %lld different words in %lld rows, as names have; no "
                       "model learns from words that are met once: --drop \"%.100s\"",
                       column->name, (long long)d->count, (long long)c->rows, column->name);
}

/* Gives the words their place in the sorted set of levels, into `code` of each. */
static hone_status sort_words(csv *c, csv_column *column, const kinds *k, hone_draft *draft,
                              hone_values *levels, hone_error *error)
{
    hone_dictionary *d = column->levels;
    hone_arena *scratch = c->r->memory;
    int32_t *code = HONE_NEW(scratch, int32_t, d->count, 1);
    const char **text = HONE_NEW(scratch, const char *, d->count, 1);
    uint8_t *boolean = HONE_NEW(scratch, uint8_t, d->count, 1);
    if (!code || !text || !boolean)
        return hone_no_memory(error);
    for (int64_t i = 0; i < d->count; i++) {
        text[i] = d->text + d->word[i].at;
        boolean[i] = hone_token_boolean(hone_dictionary_token(d, i)) == 1;
    }
    const hone_vector vector = {.values = k->boolean ? (const void *)boolean : text,
                                .dtype = k->boolean ? HONE_BOOLEAN : HONE_TEXT};
    const hone_encoding encoding = {
        .values = &vector, .rows = d->count, .numbers_in_text = column->asked};
    int64_t missing, at;
    HONE_TRY(
        hone_values_encode(&encoding, draft->dataset->memory, code, levels, &missing, &at, error));
    for (int64_t i = 0; i < d->count; i++)
        d->word[i].code = code[i];
    return HONE_OK;
}

static hone_status recode_block(void *context, int64_t block, hone_arena *scratch,
                                hone_error *error)
{
    const csv *c = context;
    (void)scratch;
    (void)error;
    const int64_t end = (block + 1) * BLOCK < c->rows ? (block + 1) * BLOCK : c->rows;
    for (int64_t j = 0; j < c->cols; j++) {
        const csv_column *column = &c->column[j];
        if (!column->levels || column->feature < 0)
            continue;
        const hone_word *word = column->levels->word;
        for (int64_t i = block * BLOCK; i < end; i++) {
            const double v = cell(c, i, column);
            if (isnan(v))
                continue;
            const int64_t at = i * c->features + column->feature;
            if (c->dtype == HONE_F32)
                ((float *)c->table)[at] = (float)word[(int64_t)v].code;
            else
                ((double *)c->table)[at] = (double)word[(int64_t)v].code;
        }
    }
    return HONE_OK;
}

/* ---- hand-over ---- */

static hone_status describe(csv *c, hone_draft *draft, hone_error *error)
{
    hone_matrix *x = &draft->dataset->table;
    int32_t *levels = NULL;
    for (int64_t j = 0; j < c->cols; j++) {
        csv_column *column = &c->column[j];
        if (!column->levels || column->feature < 0)
            continue;
        kinds k;
        HONE_TRY(look(c, column, &k, error));
        HONE_TRY(refuse_words(c, j, &k, error));
        warn_of_numbers(c, column, &k, draft);
        warn_of_words(c, column, &k, draft);
        hone_column_info *info = &draft->column[column->feature];
        info->type = HONE_CATEGORICAL;
        info->by_number = column->asked;
        HONE_TRY(sort_words(c, column, &k, draft, &info->levels, error));
        if (!levels && !(levels = HONE_NEW(draft->dataset->memory, int32_t, c->features, 1)))
            return hone_no_memory(error);
        levels[column->feature] = (int32_t)info->levels.count;
    }
    if (levels)
        HONE_TRY(hone_for_blocks(hone_reading_run(c->r, c->rows * c->features * 8),
                                 (c->rows + BLOCK - 1) / BLOCK, recode_block, c, error));
    x->levels = levels;
    return HONE_OK;
}

static hone_status check_weights(const csv *c, hone_error *error)
{
    char place[HONE_PLACE_SIZE];
    double sum = 0;
    for (int64_t i = 0; c->weight >= 0 && i < c->rows; i++)
        sum += c->weights[i];
    if (c->weight < 0 || (sum > 0 && isfinite(sum)))
        return HONE_OK;
    return hone_fail(error, HONE_BAD_DATA, hone_place(place, c->r->file, 1, 0),
                     "column \"%.100s\": the weights sum to %g; the sum must be positive and "
                     "finite",
                     c->column[c->weight].name, sum);
}

/* The words of a target, or their truth, where their numbers stood. */
static void shorten(const csv *c, bool boolean)
{
    const hone_dictionary *d = c->column[c->target].levels;
    char *to = (char *)c->label;
    for (int64_t i = 0; i < c->rows; i++) {
        const int32_t code = (int32_t)c->label[i];
        if (boolean)
            to[i] = hone_token_boolean(hone_dictionary_token(d, code)) == 1;
        else
            memcpy(to + i * (int64_t)sizeof code, &code, sizeof code);
    }
}

/* Gives back what was foreseen for more rows, or for wider elements. */
static void cut_label(csv *c, size_t element)
{
    double *exact = hone_realloc(c->label, (size_t)c->rows * element);
    c->label = exact ? exact : c->label;
}

static hone_status target_words(csv *c, hone_draft *draft, hone_vector *y, hone_error *error)
{
    csv_column *column = &c->column[c->target];
    const hone_dictionary *d = column->levels;
    kinds k;
    HONE_TRY(look(c, column, &k, error));
    HONE_TRY(refuse_words(c, c->target, &k, error));
    warn_of_words(c, column, &k, draft);
    const char **word = HONE_RAW(c->r->memory, const char *, d->count, 1);
    if (!word)
        return hone_no_memory(error);
    for (int64_t i = 0; i < d->count; i++)
        word[i] = hone_dictionary_token(d, i).text;
    shorten(c, k.boolean);
    cut_label(c, k.boolean ? 1 : sizeof(int32_t));
    *y = (hone_vector){.values = c->label, .dtype = k.boolean ? HONE_BOOLEAN : HONE_I32};
    draft->word = k.boolean ? NULL : word;
    draft->words = d->count;
    return HONE_OK;
}

static hone_status target_of(csv *c, hone_draft *draft, hone_vector *y, hone_error *error)
{
    if (c->target < 0)
        return HONE_OK;
    const csv_tally *t = &c->column[c->target].tally;
    char place[HONE_PLACE_SIZE];
    if (t->large_column)
        return hone_fail(error, HONE_BAD_DATA,
                         hone_place(place, c->r->file, t->large_line, t->large_column),
                         "too large for a target: at most %g, of either sign", HONE_LARGEST_AMOUNT);
    if (c->column[c->target].levels)
        return target_words(c, draft, y, error);
    cut_label(c, sizeof *c->label);
    *y = (hone_vector){.values = c->label, .dtype = HONE_F64};
    draft->lasting = true;
    return HONE_OK;
}

/* What outlives the read: the table, and amounts of a target. */
static void release(void *owner)
{
    void **part = owner;
    hone_free(part[0]);
    hone_free(part[1]);
    hone_free(part);
}

static hone_status fill(csv *c, hone_draft *draft, hone_vector *y, hone_error *error)
{
    hone_dataset *d = draft->dataset;
    if (*hone_csv_hint(c))
        hone_draft_log(draft, HONE_WARNING, "there is one column, \"%.100s\"%s", c->column[0].name,
                       hone_csv_hint(c));
    HONE_TRY(describe(c, draft, error));
    HONE_TRY(target_of(c, draft, y, error));
    HONE_TRY(check_weights(c, error));
    const size_t bytes = (size_t)(c->rows * c->features) * (c->dtype == HONE_F32 ? 4 : 8);
    void *exact = hone_realloc(c->table, bytes), **owner = hone_alloc(2 * sizeof *owner);
    c->table = exact ? exact : c->table;
    if (!owner)
        return hone_no_memory(error);
    owner[0] = c->table;
    d->table.values = c->table;
    d->owner = owner;
    d->release = release;
    c->table = NULL;
    d->table.layout = HONE_DENSE;
    d->table.dtype = c->dtype;
    d->table.row_stride = c->features;
    d->table.col_stride = 1;
    return HONE_OK;
}

static hone_status finish(csv *c, hone_draft *draft, hone_status status, hone_vector y,
                          hone_dataset **dataset, hone_error *error)
{
    HONE_TRY(hone_draft_close(draft, status, y, dataset, error));
    hone_dataset *d = *dataset;
    if (d->target && d->target == c->label) {
        ((void **)d->owner)[1] = c->label;
        c->label = NULL;
    }
    return HONE_OK;
}

hone_status hone_csv_dataset(csv *c, hone_dataset **dataset, hone_error *error)
{
    hone_dataset_options *options = &c->r->dataset;
    const char **names = HONE_NEW(c->r->memory, const char *, c->features, 1);
    if (!names)
        return hone_no_memory(error);
    for (int64_t j = 0; j < c->cols; j++)
        if (c->column[j].feature >= 0)
            names[c->column[j].feature] = c->column[j].name;
    if (c->target >= 0 && !options->target_name)
        options->target_name = c->column[c->target].name;
    if (c->weight >= 0)
        options->weight = (hone_vector){.values = c->weights, .dtype = HONE_F64};
    hone_draft draft;
    hone_vector y = {0};
    const char *na = c->r->options->na;
    hone_status status = hone_draft_open(&draft, c->rows, c->features, true, names, options, error);
    if (!status && na && !(draft.dataset->na = hone_arena_text(draft.dataset->memory, na)))
        status = hone_no_memory(error);
    if (!status)
        status = fill(c, &draft, &y, error);
    return finish(c, &draft, status, y, dataset, error);
}
