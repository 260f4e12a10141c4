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

#include "toolbox/linear/marks.h"
#include "toolbox/linear/tile.h"
#include "toolbox/rows.h"

enum { MOST_BLOCKS = 64, FEWEST_ROWS = 1024, SLICE = 32 };

typedef struct building {
    const hone_matrix *x;
    bool in_place; /* rows are read as they lie */
    hone_design *design;
    hone_marks marks;
    hone_isa isa;
    int64_t blocks, width; /* width: numeric, padded */
    double *first;         /* width: the value that sums are taken around */
    double *sums;          /* blocks x 4 x width: low, high, sum, squares */
} building;

static int64_t start_of(const building *b, int64_t block)
{
    return b->design->rows * block / b->blocks;
}

/* Numeric columns of rows [first, first + rows), unscaled, with leading dimension `stride`. */
static void raw_tile(const hone_design *d, const hone_matrix *x, int64_t first, int64_t rows,
                     double *out, int64_t stride)
{
    if (x->layout == HONE_CSR || d->numeric == x->stored_cols)
        hone_rows_f64(x, first, rows, out, stride);
    else
        hone_stored_tile(x, first, rows, d->numeric, d->stored, out, stride);
}

static void find_rows(const hone_matrix *x, int64_t first, int64_t rows, const void *row[HONE_TILE])
{
    for (int64_t i = 0; i < rows; i++) {
        const int64_t at = hone_row_id(x, first + i) * x->row_stride;
        row[i] = x->dtype == HONE_F32 ? (const void *)((const float *)x->values + at)
                                      : (const void *)((const double *)x->values + at);
    }
}

static hone_status measure(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    const building *b = context;
    const int64_t w = b->width, end = start_of(b, block + 1);
    double *const low = b->sums + block * 4 * w, *const high = low + w, *const sum = high + w,
                  *const squares = sum + w;
    double *tile = HONE_NEW(scratch, double, b->in_place ? 0 : SLICE, w);
    if (!tile)
        return hone_no_memory(error);
    const void *row[HONE_TILE];
    for (int64_t j = 0; j < w; j++)
        low[j] = DBL_MAX, high[j] = -DBL_MAX;
    for (int64_t i = start_of(b, block); i < end; i += SLICE) {
        const int64_t rows = end - i < SLICE ? end - i : SLICE;
        if (b->in_place) {
            find_rows(b->x, i, rows, row);
            HONE_PICK(b->isa, hone_tile_measure_rows)
            (b->x->dtype == HONE_F32, rows, b->design->numeric, row, b->first, low, high, sum,
             squares);
            continue;
        }
        raw_tile(b->design, b->x, i, rows, tile, w);
        HONE_PICK(b->isa, hone_tile_measure)(rows, w, tile, b->first, low, high, sum, squares);
    }
    return HONE_OK;
}

/* From sums around `first` to shift and scale of column j. Without an intercept nothing may be
 * shifted. */
static void settle(const building *b, int64_t j, bool centred)
{
    hone_design *d = b->design;
    const int64_t w = b->width;
    double low = DBL_MAX, high = -DBL_MAX, sum = 0, squares = 0;
    for (int64_t block = 0; block < b->blocks; block++) {
        const double *const s = b->sums + block * 4 * w + j;
        low = s[0] < low ? s[0] : low;
        high = s[w] > high ? s[w] : high;
        sum += s[2 * w];
        squares += s[3 * w];
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
    d->inverse[j] = 1 / d->scale[j];
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
        d->inverse[j] = 1 / d->scale[j];
        d->shift[j] = 0;
    }
}

static hone_status fill(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    const building *b = context;
    hone_design *d = b->design;
    double *tile = HONE_NEW(scratch, double, HONE_TILE, d->stride);
    if (!tile)
        return hone_no_memory(error);
    const int64_t end = start_of(b, block + 1);
    for (int64_t i = start_of(b, block); i < end; i += HONE_TILE) {
        const int64_t rows = end - i < HONE_TILE ? end - i : HONE_TILE;
        float *const out = d->panel + i * d->stride;
        raw_tile(d, b->x, i, rows, tile, d->stride);
        HONE_PICK(b->isa, hone_tile_enter_f32)(rows, d->stride, tile, d->shift, d->inverse, out);
        for (int64_t k = 0; k < rows && d->intercept; k++)
            out[k * d->stride + d->numeric] = 1;
    }
    return d->mark ? hone_marks_fill(&b->marks, block, d, scratch, error) : HONE_OK;
}

/* Coordinates: which column each one is. */
static void lay_out(const hone_matrix *x, const hone_marks *m, hone_design *d)
{
    for (int64_t j = 0; j < d->size; j++)
        d->scale[j] = 1, d->column[j] = -1;
    for (int64_t j = 0, k = 0, q = 0; j < x->stored_cols; j++) {
        if (k < m->count && m->of[k].stored == j) {
            k++;
            continue;
        }
        d->column[q] = x->layout == HONE_ONE_HOT ? x->first[j] : j;
        d->stored[q++] = (int32_t)j;
    }
    for (int64_t k = 0; k < m->count; k++) {
        hone_marked *const of = &m->of[k];
        of->coordinate += d->base;
        for (int32_t l = 0; l < (of->levels ? of->levels : 1); l++)
            d->column[of->coordinate + l] = of->column + l;
        if (!of->levels)
            d->shift[of->coordinate] = of->usual, d->scale[of->coordinate] = of->other - of->usual;
        else if (of->common >= 0)
            d->shift[of->coordinate + of->common] = 1, d->scale[of->coordinate + of->common] = -1;
    }
}

static hone_status make_room(const hone_fit_job *job, building *b, hone_error *error)
{
    hone_design *d = b->design;
    const int64_t marks = b->marks.count ? b->marks.before[b->blocks] : 0;
    const bool sparse = job->x.layout == HONE_CSR;
    d->base = d->numeric + d->intercept;
    d->stride = hone_lanes(d->base);
    d->size = d->base + b->marks.coordinates;
    b->width = hone_lanes(d->numeric);
    if (d->size >= INT32_MAX)
        return hone_fail(error, HONE_UNSUPPORTED, "data.x", "%lld columns are more than 2^31 - 2",
                         (long long)d->size);
    d->shift = HONE_NEW(job->keep, double, d->size + HONE_LANES, 1);
    d->scale = HONE_NEW(job->keep, double, d->size, 1);
    d->inverse = HONE_NEW(job->keep, double, d->stride, 1);
    d->column = HONE_NEW(job->keep, int64_t, d->size, 1);
    d->stored = HONE_NEW(job->keep, int32_t, d->numeric, 1);
    if (!d->shift || !d->scale || !d->inverse || !d->column || !d->stored)
        return hone_no_memory(error);
    if (sparse)
        return HONE_OK;
    b->first = HONE_NEW(job->scratch, double, b->width, 1);
    b->sums = HONE_NEW(job->scratch, double, b->blocks * 4, b->width);
    if (b->marks.count) {
        d->mark_start = HONE_RAW(job->keep, int64_t, d->rows + 1, 1);
        d->mark = HONE_RAW(job->keep, int32_t, marks + 1, 1);
    }
    return b->first && b->sums && (!b->marks.count || (d->mark_start && d->mark))
               ? HONE_OK
               : hone_no_memory(error);
}

hone_status hone_design_build(const hone_fit_job *job, bool intercept, hone_design *d,
                              hone_error *error)
{
    const hone_matrix *x = &job->x;
    *d = (hone_design){.rows = x->rows,
                       .intercept = intercept,
                       .numeric = x->stored_cols,
                       .dense = x->layout != HONE_CSR};
    building b = {
        .x = x, .design = d, .isa = hone_run_isa(job->run), .blocks = d->rows / FEWEST_ROWS};
    b.blocks = b.blocks < 1 ? 1 : b.blocks > MOST_BLOCKS ? MOST_BLOCKS : b.blocks;
    if (x->layout != HONE_CSR)
        HONE_TRY(hone_marks_find(job, intercept, b.blocks, &b.marks, error));
    d->numeric -= b.marks.count;
    b.in_place = x->layout == HONE_DENSE && x->col_stride == 1 && d->numeric == x->stored_cols;
    HONE_TRY(make_room(job, &b, error));
    lay_out(x, &b.marks, d);
    if (x->layout == HONE_CSR) {
        settle_sparse(x, d);
        return HONE_OK;
    }
    raw_tile(d, x, 0, 1, b.first, b.width);
    HONE_TRY(hone_for_blocks(job->run, b.blocks, measure, &b, error));
    for (int64_t j = 0; j < d->numeric; j++)
        settle(&b, j, intercept);
    hone_work(job->run, 2 * d->rows * x->stored_cols);
    if (b.in_place)
        return HONE_OK;
    d->panel = HONE_RAW(job->keep, float, d->rows, d->stride);
    if (!d->panel)
        return hone_no_memory(error);
    return hone_for_blocks(job->run, b.blocks, fill, &b, error);
}

static hone_status build_recipe(const hone_fit_job *job, const int64_t key[HONE_KEY], void *object,
                                hone_error *error)
{
    return hone_design_build(job, key[0] != 0, object, error);
}

static const hone_recipe DESIGN = {"linear.design/2", HONE_OF_ROWS, sizeof(hone_design),
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

const double *hone_design_tile_f64(const hone_design *d, const hone_matrix *x, hone_isa isa,
                                   int64_t first, int64_t rows, double *buffer)
{
    raw_tile(d, x, first, rows, buffer, d->stride);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = d->numeric; j < d->stride; j++)
            buffer[i * d->stride + j] = 0;
    HONE_PICK(isa, hone_tile_enter_f64)(rows, d->stride, buffer, d->shift, d->inverse, buffer);
    for (int64_t i = 0; i < rows && d->intercept; i++)
        buffer[i * d->stride + d->numeric] = 1;
    return buffer;
}

const float *hone_design_tile_f32(const hone_design *d, const hone_matrix *x, hone_isa isa,
                                  int64_t first, int64_t rows, float *buffer)
{
    if (d->panel)
        return d->panel + first * d->stride;
    if (d->dense) {
        const void *row[HONE_TILE];
        find_rows(x, first, rows, row);
        HONE_PICK(isa, hone_tile_take)
        (x->dtype == HONE_F32, rows, d->numeric, row, d->shift, d->inverse, d->base, buffer,
         d->stride);
        return buffer;
    }
    hone_rows_f32(x, first, rows, buffer, d->stride);
    for (int64_t i = 0; i < rows; i++) {
        float *const row = buffer + i * d->stride;
        for (int64_t j = 0; j < d->numeric; j++)
            row[j] = (float)((double)row[j] * d->inverse[j]);
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
