/* A sample of rows brackets the median of each column; one pass counts what lies below the bracket,
 * at its ends and inside, and keeps the inside, about a tenth. Exact: where a rank is not in the
 * bracket, or too much is, the column is left to others.
 */
#include "core/prep/medians.h"

#include <math.h>

#include "core/prep/columns.h"
#include "toolbox/bracket.h"

/* Larger values are added up in other units (hone_moments_of). */
static const double LARGEST = 1e150;

/* Of the sample: rows, and how far from its median the bracket reaches (three deviations). */
enum { LARGE = 8192, SAMPLE = 1024, REACH = 48, SHARE_KEPT = 8, TILE = 128 };
enum { MEANS = 4 * HONE_BRACKETS }; /* columns */

typedef struct medians {
    const hone_matrix *x;
    hone_isa isa;
    const int32_t *levels;
    double *median;
    uint8_t *holes;
    bool *done;
} medians;

static void read_cells(const hone_matrix *x, int64_t row, int64_t from, int64_t count, double *v)
{
    const int64_t at = hone_row_id(x, row) * x->row_stride + from;
    for (int64_t c = 0; c < count && x->dtype == HONE_F64; c++)
        v[c] = ((const double *)x->values)[at + c];
    for (int64_t c = 0; c < count && x->dtype != HONE_F64; c++)
        v[c] = (double)((const float *)x->values)[at + c];
}

/* The ends of the brackets; NaN, which nothing is near, where no bracket is found or wanted. */
static void set_ends(const medians *m, int64_t from, int64_t count, double *sample, hone_bracket *b)
{
    const int64_t step = m->x->rows / SAMPLE;
    for (int64_t i = 0; i < SAMPLE; i++)
        read_cells(m->x, i * step, from, count, sample + i * HONE_BRACKETS);
    for (int64_t c = 0; c < HONE_BRACKETS; c++) {
        double column[SAMPLE];
        int64_t here = 0;
        b->low[c] = b->high[c] = NAN;
        if (c >= count || (m->levels && m->levels[from + c]))
            continue;
        for (int64_t i = 0; i < SAMPLE; i++) {
            column[here] = sample[i * HONE_BRACKETS + c];
            here += !isnan(column[here]);
        }
        if (here <= 2 * REACH)
            continue;
        hone_sort_values(column, here);
        b->low[c] = column[here / 2 - REACH], b->high[c] = column[here / 2 + REACH];
    }
}

/* The value at rank k, if the bracket of column c knows it. */
static bool value_at(hone_bracket *b, int64_t c, int64_t k, double *value)
{
    double *const inside = b->inside + c * b->room;
    k -= b->less[c];
    const int64_t behind = k - b->at_low[c] - b->count[c];
    if (k < 0 || (behind >= 0 && !(b->low[c] < b->high[c] && behind < b->at_high[c])))
        return false;
    if (k < b->at_low[c]) {
        *value = b->low[c];
    } else if (behind >= 0) {
        *value = b->high[c];
    } else {
        hone_part_at(inside, b->count[c], k - b->at_low[c]);
        *value = inside[k - b->at_low[c]];
    }
    return true;
}

static void settle(const medians *m, int64_t j, hone_bracket *b, int64_t c)
{
    const int64_t here = b->here[c], below = (here - 1) / 2;
    double pair[2];
    if (isnan(b->low[c]) || !value_at(b, c, below, &pair[0]) || !value_at(b, c, here / 2, &pair[1]))
        return;
    m->median[j] = hone_sorted_quantile(pair, 2, here % 2 ? 0 : 0.5);
    m->holes[j] = here < m->x->rows;
    m->done[j] = true;
}

static hone_status block(void *context, int64_t number, hone_arena *scratch, hone_error *error)
{
    const medians *m = context;
    const int64_t n = m->x->rows, from = number * HONE_BRACKETS;
    const int64_t left = m->x->stored_cols - from;
    const int64_t count = left < HONE_BRACKETS ? left : HONE_BRACKETS;
    hone_bracket b = {.room = n / SHARE_KEPT + TILE};
    b.inside = HONE_RAW(scratch, double, b.room, HONE_BRACKETS);
    double *cells = HONE_NEW(scratch, double, SAMPLE, HONE_BRACKETS);
    if (!b.inside || !cells)
        return hone_no_memory(error);
    set_ends(m, from, count, cells, &b);
    for (int64_t i = 0; i < n; i += TILE) {
        const int64_t rows = n - i < TILE ? n - i : TILE;
        for (int64_t c = 0; c < HONE_BRACKETS; c++)
            if (b.count[c] + TILE >= b.room)
                b.low[c] = b.high[c] = NAN, b.count[c] = 0;
        for (int64_t k = 0; k < rows; k++)
            read_cells(m->x, i + k, from, count, cells + k * HONE_BRACKETS);
        HONE_PICK(m->isa, hone_bracket_take)(&b, cells, rows);
    }
    for (int64_t c = 0; c < count; c++)
        settle(m, from + c, &b, c);
    return HONE_OK;
}

hone_status hone_medians(const hone_step_job *job, const int32_t *levels, double *median,
                         uint8_t *holes, bool *done, hone_error *error)
{
    const hone_matrix *x = &job->x;
    if (x->rows < LARGE || x->col_stride != 1 || job->before->steps)
        return HONE_OK;
    medians m = {x, hone_run_isa(job->run), levels, median, holes, done};
    return hone_for_blocks(job->run, (x->stored_cols + HONE_BRACKETS - 1) / HONE_BRACKETS, block,
                           &m, error);
}

/* ---- means ---- */

/* Several groups of columns while their rows are in the cache. */
static hone_status mean_block(void *context, int64_t number, hone_arena *scratch, hone_error *error)
{
    const medians *m = context;
    const int64_t n = m->x->rows, from = number * MEANS, left = m->x->stored_cols - from;
    const int64_t cols = left < MEANS ? left : MEANS;
    double *cells = HONE_NEW(scratch, double, TILE, HONE_BRACKETS);
    if (!cells)
        return hone_no_memory(error);
    double sum[MEANS] = {0}, most[MEANS] = {0};
    for (int64_t i = 0; i < n; i += TILE)
        for (int64_t c = 0; c < cols; c += HONE_BRACKETS) {
            const int64_t rows = n - i < TILE ? n - i : TILE;
            const int64_t some = cols - c < HONE_BRACKETS ? cols - c : HONE_BRACKETS;
            for (int64_t k = 0; k < rows; k++)
                read_cells(m->x, i + k, from + c, some, cells + k * HONE_BRACKETS);
            HONE_PICK(m->isa, hone_bracket_add)(sum + c, most + c, cells, rows);
        }
    for (int64_t c = 0; c < cols; c++) {
        if (isnan(sum[c]) || most[c] > LARGEST || (m->levels && m->levels[from + c]))
            continue;
        m->median[from + c] = sum[c] / (double)n;
        m->done[from + c] = true;
    }
    return HONE_OK;
}

hone_status hone_means(const hone_step_job *job, const int32_t *levels, double *mean, bool *done,
                       hone_error *error)
{
    const hone_matrix *x = &job->x;
    if (x->col_stride != 1 || job->before->steps)
        return HONE_OK;
    medians m = {x, hone_run_isa(job->run), levels, mean, NULL, done};
    return hone_for_blocks(job->run, (x->stored_cols + MEANS - 1) / MEANS, mean_block, &m, error);
}
