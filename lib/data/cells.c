/* Conversion in two passes: the first encodes categorical columns and finds out whether float32
 * holds every number, the second writes the table in blocks of rows, so that reads run along
 * columns and writes stay within the cache. */
#include "data/cells.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "data/values.h"
#include "data/vector.h"
#include "data/words.h"

enum { BLOCK = 256, CODES_IN_F32 = 1 << 24 };

static hone_column column_at(const hone_cells *cells, int64_t j)
{
    if (cells->column)
        return cells->column[j];
    const int64_t bytes = j * cells->col_stride * (int64_t)hone_dtype_size(cells->dtype);
    const bool levels = cells->categorical && cells->categorical[j];
    return (hone_column){
        .type = levels ? HONE_CATEGORICAL : HONE_NUMERIC,
        .values = {.values = (const char *)cells->x + bytes,
                   .dtype = cells->dtype,
                   .stride = cells->row_stride},
    };
}

static bool is_categorical(const hone_column *c)
{
    const bool words = c->levels || c->values.dtype == HONE_TEXT || c->values.dtype == HONE_BOOLEAN;
    return c->type == HONE_CATEGORICAL || (c->type == HONE_AUTO && words);
}

static hone_status fail_cell(int64_t i, int64_t j, hone_status status, hone_error *error)
{
    char path[96];
    hone_place_cell(path, i, j);
    return hone_fail_at(error, status, path);
}

/* Numbers of a column of numbers, or of text that holds numbers. */
static hone_status read_numbers(const hone_column *c, int64_t j, int64_t first, int64_t count,
                                double *out, hone_error *error)
{
    if (c->values.dtype != HONE_TEXT) {
        hone_vector_numbers(&c->values, first, count, out);
        return HONE_OK;
    }
    for (int64_t i = 0; i < count; i++) {
        const char *text = hone_vector_text(&c->values, first + i);
        out[i] = NAN;
        if (text && !hone_number_read(text, strlen(text), '.', &out[i])) {
            hone_fail(error, HONE_BAD_DATA, "data.x", "'%.64s' is no number", text);
            return fail_cell(first + i, j, HONE_BAD_DATA, error);
        }
    }
    return HONE_OK;
}

/* ---- first pass ---- */

typedef struct plan {
    const hone_cells *cells;
    int32_t **code; /* by column; NULL: numeric */
    bool narrow;    /* float32 holds everything so far */
} plan;

/* The rules of text in files: dates and free text are no features, unless it was said that the
 * column is categorical. */
static hone_status check_words(const hone_draft *draft, int64_t j, int64_t given, hone_error *error)
{
    const hone_column_info *info = &draft->column[j];
    const hone_values *levels = &info->levels;
    hone_words words = {0};
    char path[96];
    for (int64_t k = 0; k < levels->count; k++)
        hone_words_add(&words, (hone_token){levels->text[k], strlen(levels->text[k])}, '.');
    snprintf(path, sizeof path, "data.%.80s", info->name);
    if (hone_words_are_dates(&words))
        return hone_fail(error, HONE_BAD_DATA, path,
                         "the column holds dates or times (\"%.40s\"), which are no features; drop "
                         "it, or name it as categorical",
                         levels->text[words.date]);
    if (hone_words_are_many(levels->count, given))
        return hone_fail(error, HONE_BAD_DATA, path,
                         "%lld different words in %lld rows: free text; drop the column, or name "
                         "it as categorical",
                         (long long)levels->count, (long long)given);
    if (hone_words_are_rare(levels->count, given))
        hone_draft_log(
            draft, HONE_WARNING,
            "column \"%.100s\" has %lld different words in %lld rows, as names have; no "
            "model learns from words that are met once: drop it, or name it as categorical",
            info->name, (long long)levels->count, (long long)given);
    if (hone_words_look_like_numbers(&words) || (words.count && words.numbers == words.count))
        hone_draft_log(draft, HONE_WARNING,
                       "column \"%.100s\" is categorical, but its texts look like numbers "
                       "(\"%.40s\"); make numbers of them, or name it as categorical",
                       info->name, words.written ? words.first.text : levels->text[0]);
    return HONE_OK;
}

static hone_status encode_column(hone_draft *draft, plan *p, const hone_column *c, int64_t j,
                                 hone_error *error)
{
    const int64_t rows = draft->dataset->table.rows;
    hone_column_info *info = &draft->column[j];
    int64_t at;
    const hone_encoding encoding = {.values = &c->values,
                                    .rows = rows,
                                    .numbers_in_text = c->type == HONE_CATEGORICAL,
                                    .level = c->levels,
                                    .levels = c->n_levels};
    p->code[j] = HONE_RAW(draft->scratch, int32_t, rows, 1);
    if (!p->code[j])
        return hone_no_memory(error);
    info->type = HONE_CATEGORICAL;
    info->by_number = encoding.numbers_in_text;
    int64_t missing; /* counted with all others later */
    const hone_status status = hone_values_encode(&encoding, draft->dataset->memory, p->code[j],
                                                  &info->levels, &missing, &at, error);
    if (status)
        return at < 0 ? status : fail_cell(at, j, status, error);
    if (draft->wary && c->type == HONE_AUTO && info->levels.kind == HONE_TEXT)
        HONE_TRY(check_words(draft, j, rows - missing, error));
    p->narrow &= info->levels.count < CODES_IN_F32;
    return HONE_OK;
}

static hone_status check_column(const hone_column *c, int64_t rows, int64_t j, hone_error *error)
{
    char path[96];
    hone_place_element(path, "data.columns", j);
    if (!c->values.values)
        return hone_fail(error, HONE_BAD_ARGUMENT, path, "the column has no values");
    if (c->type < HONE_AUTO || c->type > HONE_CATEGORICAL)
        return hone_fail(error, HONE_BAD_ARGUMENT, path, "%d is no column type", (int)c->type);
    HONE_TRY(hone_vector_check(&c->values, rows, path, error));
    if (!c->levels)
        return HONE_OK;
    if (c->type == HONE_NUMERIC || !hone_dtype_whole(c->values.dtype) || c->n_levels < 0 ||
        c->n_levels > INT32_MAX)
        return hone_fail(error, HONE_BAD_ARGUMENT, path,
                         "a column with levels has whole numbers as codes and is not numeric");
    return HONE_OK;
}

/* Whether float32 holds every number of the column. */
static hone_status fits_f32(const hone_column *c, int64_t rows, int64_t j, bool *fits,
                            hone_error *error)
{
    double number[BLOCK];
    for (int64_t i = 0; i < rows && *fits; i += BLOCK) {
        const int64_t count = rows - i < BLOCK ? rows - i : BLOCK;
        HONE_TRY(read_numbers(c, j, i, count, number, error));
        for (int64_t k = 0; k < count; k++)
            *fits &= isnan(number[k]) || (double)(float)number[k] == number[k];
    }
    return HONE_OK;
}

static hone_status look(hone_draft *draft, plan *p, hone_error *error)
{
    const hone_matrix *x = &draft->dataset->table;
    for (int64_t j = 0; j < x->cols; j++) {
        const hone_column c = column_at(p->cells, j);
        HONE_TRY(check_column(&c, x->rows, j, error));
        if (is_categorical(&c))
            HONE_TRY(encode_column(draft, p, &c, j, error));
        else if (!p->cells->column)
            p->narrow &= hone_dtype_fits_f32(c.values.dtype);
        else if (p->narrow && !hone_dtype_fits_f32(c.values.dtype))
            HONE_TRY(fits_f32(&c, x->rows, j, &p->narrow, error));
    }
    return HONE_OK;
}

/* ---- second pass ---- */

static hone_status read_block(const plan *p, int64_t j, int64_t first, int64_t count, double *out,
                              hone_error *error)
{
    const int32_t *code = p->code[j];
    if (!code) {
        const hone_column c = column_at(p->cells, j);
        return read_numbers(&c, j, first, count, out, error);
    }
    for (int64_t i = 0; i < count; i++)
        out[i] = code[first + i] < 0 ? (double)NAN : (double)code[first + i];
    return HONE_OK;
}

static hone_status write_table(const plan *p, const hone_matrix *x, void *values, hone_error *error)
{
    double block[BLOCK];
    for (int64_t first = 0; first < x->rows; first += BLOCK) {
        const int64_t count = x->rows - first < BLOCK ? x->rows - first : BLOCK;
        for (int64_t j = 0; j < x->cols; j++) {
            HONE_TRY(read_block(p, j, first, count, block, error));
            float *narrow = (float *)values + first * x->cols + j;
            double *wide = (double *)values + first * x->cols + j;
            if (p->narrow)
                for (int64_t i = 0; i < count; i++)
                    narrow[i * x->cols] = (float)block[i];
            else
                for (int64_t i = 0; i < count; i++)
                    wide[i * x->cols] = block[i];
        }
    }
    return HONE_OK;
}

static hone_status keep_levels(hone_draft *draft, hone_error *error)
{
    hone_dataset *d = draft->dataset;
    int32_t *levels = HONE_NEW(d->memory, int32_t, d->table.cols, 1);
    if (!levels)
        return hone_no_memory(error);
    for (int64_t j = 0; j < d->table.cols; j++)
        levels[j] = (int32_t)draft->column[j].levels.count;
    d->table.levels = levels;
    return HONE_OK;
}

hone_status hone_cells_fill(hone_draft *draft, const hone_cells *cells, hone_error *error)
{
    hone_dataset *d = draft->dataset;
    hone_matrix *x = &d->table;
    plan p = {cells, HONE_NEW(draft->scratch, int32_t *, x->cols, 1), true};
    if (!p.code)
        return hone_no_memory(error);
    HONE_TRY(look(draft, &p, error));
    void *values = hone_arena_alloc_raw(d->memory, x->rows, x->cols, p.narrow ? 4 : 8);
    if (!values)
        return hone_no_memory(error);
    HONE_TRY(write_table(&p, x, values, error));
    x->values = values;
    x->layout = HONE_DENSE;
    x->dtype = p.narrow ? HONE_F32 : HONE_F64;
    x->row_stride = x->cols;
    x->col_stride = 1;
    for (int64_t j = 0; j < x->cols; j++)
        if (p.code[j])
            return keep_levels(draft, error);
    return HONE_OK;
}
