/* Coordinates of linear solvers: column statistics, the scaled panel and the codes.
 *
 * Two passes over the rows, O(rows x stored columns) each, in blocks of BLOCK rows. The statistics
 * need not be exact (they only set the coordinates), but they must be finite and the same at any
 * number of threads: partial sums are added in block order.
 */
#include "toolbox/linear/design.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "toolbox/linear/tile.h"
#include "toolbox/rows.h"

enum { MOST_BLOCKS = 64, FEWEST_ROWS = 1024 };

typedef struct building {
    const hone_matrix *x;
    hone_design *design;
    int64_t blocks;
    double *first; /* numeric: the value that sums are taken around */
    double *sums;  /* blocks x 4 x numeric: low, high, sum, squares */
} building;

static int64_t start_of(const building *b, int64_t block)
{
    return b->design->rows * block / b->blocks;
}

/* Numeric columns of rows [first, first + rows), unscaled, with leading dimension `stride`. */
static void raw_tile(const hone_design *d, const hone_matrix *x, int64_t first, int64_t rows,
                     double *out, int64_t stride)
{
    if (!d->codes) {
        hone_rows_f64(x, first, rows, out, stride);
        return;
    }
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < d->numeric; j++)
            out[i * stride + j] = hone_element(x, first + i, d->stored[j]);
}

static hone_status measure(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    const building *b = context;
    const int64_t q = b->design->numeric, end = start_of(b, block + 1);
    double *const low = b->sums + block * 4 * q, *const high = low + q, *const sum = high + q,
                  *const squares = sum + q;
    double *tile = HONE_RAW(scratch, double, HONE_TILE, q);
    if (!tile)
        return hone_no_memory(error);
    for (int64_t j = 0; j < q; j++)
        low[j] = DBL_MAX, high[j] = -DBL_MAX;
    for (int64_t i = start_of(b, block); i < end; i += HONE_TILE) {
        const int64_t rows = end - i < HONE_TILE ? end - i : HONE_TILE;
        raw_tile(b->design, b->x, i, rows, tile, q);
        for (int64_t k = 0; k < rows; k++)
            for (int64_t j = 0; j < q; j++) {
                const double v = tile[k * q + j], away = v - b->first[j];
                low[j] = v < low[j] ? v : low[j];
                high[j] = v > high[j] ? v : high[j];
                sum[j] += away;
                squares[j] += away * away;
            }
    }
    return HONE_OK;
}

/* From sums around `first` to shift and scale of column j. Without an intercept nothing may be
 * shifted. */
static void settle(const building *b, int64_t j, bool centred)
{
    hone_design *d = b->design;
    const int64_t q = d->numeric;
    double low = DBL_MAX, high = -DBL_MAX, sum = 0, squares = 0;
    for (int64_t block = 0; block < b->blocks; block++) {
        const double *const s = b->sums + block * 4 * q + j;
        low = s[0] < low ? s[0] : low;
        high = s[q] > high ? s[q] : high;
        sum += s[2 * q];
        squares += s[3 * q];
    }
    const double n = (double)d->rows, about = sum / n;
    double shift = b->first[j] + about, scale = sqrt(squares / n - about * about);
    if (!centred) {
        shift = 0;
        scale = sqrt(squares / n + b->first[j] * (2 * about + b->first[j]));
    }
    if (low >= high && centred)
        shift = low, scale = 1;
    else if (!isfinite(scale) || !isfinite(shift) || scale <= DBL_MIN) {
        shift = centred ? low / 2 + high / 2 : 0;
        scale = centred ? high / 2 - low / 2 : fmax(fabs(low), fabs(high));
    }
    d->shift[j] = shift;
    d->scale[j] = scale > DBL_MIN ? scale : 1;
}

/* Sparse columns: root of the mean square, in units of the largest value so that it is finite. */
static void settle_sparse(const hone_matrix *x, hone_design *d)
{
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < x->rows; i++) {
            const int64_t r = hone_row_id(x, i);
            for (int64_t k = x->row_start[r]; k < x->row_start[r + 1]; k++) {
                const int32_t j = x->column[k];
                const double v = fabs(x->dtype == HONE_F64 ? ((const double *)x->values)[k]
                                                           : (double)((const float *)x->values)[k]);
                if (pass == 0)
                    d->shift[j] = fmax(d->shift[j], v);
                else if (v > 0)
                    d->scale[j] += v / d->shift[j] * (v / d->shift[j]);
            }
        }
    for (int64_t j = 0; j < d->numeric; j++) {
        const double scale = d->shift[j] * sqrt((d->scale[j] - 1) / (double)d->rows);
        d->scale[j] = scale > DBL_MIN ? scale : 1;
        d->shift[j] = 0;
    }
}

static hone_status fill(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    const building *b = context;
    hone_design *d = b->design;
    double *tile = HONE_RAW(scratch, double, HONE_TILE, d->stride);
    if (!tile)
        return hone_no_memory(error);
    const int64_t end = start_of(b, block + 1);
    for (int64_t i = start_of(b, block); i < end; i += HONE_TILE) {
        const int64_t rows = end - i < HONE_TILE ? end - i : HONE_TILE;
        hone_design_tile_f64(d, b->x, i, rows, tile);
        for (int64_t k = 0; k < rows * d->stride; k++)
            d->panel[i * d->stride + k] = (float)tile[k];
    }
    for (int64_t i = start_of(b, block); i < end && d->codes; i++)
        for (int64_t j = 0, at = 0, from = d->base; j < b->x->stored_cols; j++) {
            const int32_t levels = hone_levels(b->x, j);
            if (!levels)
                continue;
            const double code = hone_element(b->x, i, j);
            const bool known = code >= 0 && code < levels;
            d->code[i * d->codes + at++] = (int32_t)(known ? from + (int64_t)code : d->size - 1);
            from += levels;
        }
    return HONE_OK;
}

/* Coordinates: which column each one is. */
static void lay_out(const hone_matrix *x, hone_design *d)
{
    int64_t q = 0, to = d->base;
    for (int64_t j = 0; j < d->size; j++)
        d->scale[j] = 1, d->column[j] = -1;
    for (int64_t j = 0; j < x->stored_cols; j++) {
        const int32_t levels = d->codes ? hone_levels(x, j) : 0;
        const int64_t logical = d->codes ? x->first[j] : j;
        if (!levels) {
            d->column[q] = logical;
            d->stored[q++] = (int32_t)j;
        }
        for (int32_t l = 0; l < levels; l++)
            d->column[to++] = logical + l;
    }
}

hone_status hone_design_build(const hone_fit_job *job, bool intercept, hone_design *d,
                              hone_error *error)
{
    const hone_matrix *x = &job->x;
    int64_t levels = 0;
    *d = (hone_design){.rows = x->rows, .intercept = intercept};
    for (int64_t j = 0; j < x->stored_cols; j++)
        if (x->layout == HONE_ONE_HOT && hone_levels(x, j))
            d->codes++, levels += hone_levels(x, j);
    d->numeric = x->stored_cols - d->codes;
    d->base = d->numeric + intercept;
    d->stride = hone_lanes(d->base);
    d->size = d->base + levels + (d->codes > 0);
    if (d->size >= INT32_MAX)
        return hone_fail(error, HONE_UNSUPPORTED, "data.x", "%lld columns are more than 2^31 - 2",
                         (long long)d->size);
    const bool sparse = x->layout == HONE_CSR;
    building b = {.x = x, .design = d, .blocks = d->rows / FEWEST_ROWS};
    b.blocks = b.blocks < 1 ? 1 : b.blocks > MOST_BLOCKS ? MOST_BLOCKS : b.blocks;
    d->shift = HONE_NEW(job->keep, double, d->size, 1);
    d->scale = HONE_NEW(job->keep, double, d->size, 1);
    d->column = HONE_NEW(job->keep, int64_t, d->size, 1);
    d->stored = HONE_NEW(job->keep, int32_t, d->numeric, 1);
    d->code = d->codes ? HONE_RAW(job->keep, int32_t, d->rows, d->codes) : NULL;
    d->panel = sparse ? NULL : HONE_RAW(job->keep, float, d->rows, d->stride);
    b.first = HONE_NEW(job->scratch, double, d->stride, 1);
    b.sums = sparse ? b.first : HONE_NEW(job->scratch, double, b.blocks * 4, d->numeric);
    if (!d->shift || !d->scale || !d->column || !d->stored || (d->codes && !d->code) ||
        (!sparse && !d->panel) || !b.first || !b.sums)
        return hone_no_memory(error);
    lay_out(x, d);
    if (sparse) {
        settle_sparse(x, d);
        return HONE_OK;
    }
    raw_tile(d, x, 0, 1, b.first, d->stride);
    HONE_TRY(hone_for_blocks(job->run, b.blocks, measure, &b, error));
    for (int64_t j = 0; j < d->numeric; j++)
        settle(&b, j, intercept);
    hone_work(job->run, 2 * d->rows * x->stored_cols);
    return hone_for_blocks(job->run, b.blocks, fill, &b, error);
}

static hone_status build_recipe(const hone_fit_job *job, const int64_t key[HONE_KEY], void *object,
                                hone_error *error)
{
    return hone_design_build(job, key[0] != 0, object, error);
}

static const hone_recipe DESIGN = {"linear.design/1", HONE_OF_ROWS, sizeof(hone_design),
                                   build_recipe};

hone_status hone_design_of_rows(hone_shared *shared, bool intercept, const hone_design **design,
                                hone_error *error)
{
    const int64_t key[HONE_KEY] = {intercept};
    const void *object = NULL;
    HONE_TRY(hone_derive(shared, &DESIGN, key, &object, error));
    *design = object;
    return HONE_OK;
}

/* ---- tiles ---- */

const double *hone_design_tile_f64(const hone_design *d, const hone_matrix *x, int64_t first,
                                   int64_t rows, double *buffer)
{
    raw_tile(d, x, first, rows, buffer, d->stride);
    for (int64_t i = 0; i < rows; i++) {
        double *const row = buffer + i * d->stride;
        for (int64_t j = 0; j < d->numeric; j++)
            row[j] = (row[j] - d->shift[j]) / d->scale[j];
        for (int64_t j = d->numeric; j < d->stride; j++)
            row[j] = j < d->base;
    }
    return buffer;
}

const float *hone_design_tile_f32(const hone_design *d, const hone_matrix *x, int64_t first,
                                  int64_t rows, float *buffer)
{
    if (d->panel)
        return d->panel + first * d->stride;
    hone_rows_f32(x, first, rows, buffer, d->stride);
    for (int64_t i = 0; i < rows; i++) {
        float *const row = buffer + i * d->stride;
        for (int64_t j = 0; j < d->numeric; j++)
            row[j] = (float)((double)row[j] / d->scale[j]);
        for (int64_t j = d->numeric; j < d->stride; j++)
            row[j] = j < d->base;
    }
    return buffer;
}

/* ---- coefficients ---- */

void hone_design_enter(const hone_design *d, int64_t cols, const double *w, double *v)
{
    double intercept = w[cols];
    memset(v, 0, (size_t)d->size * sizeof *v);
    for (int64_t j = 0; j < d->size; j++)
        if (d->column[j] >= 0) {
            v[j] = w[d->column[j]] * d->scale[j];
            intercept += w[d->column[j]] * d->shift[j];
        }
    if (d->intercept)
        v[d->numeric] = intercept;
}

void hone_design_leave(const hone_design *d, int64_t cols, const double *v, double *w)
{
    double intercept = d->intercept ? v[d->numeric] : 0;
    for (int64_t j = 0; j < d->size; j++)
        if (d->column[j] >= 0) {
            w[d->column[j]] = v[j] / d->scale[j];
            intercept -= w[d->column[j]] * d->shift[j];
        }
    w[cols] = intercept;
}
