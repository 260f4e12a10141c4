/* z = X w by rows; X'r by columns, each summed by one thread in order. A pass costs the entries
 * times the outputs, twice. r and the curvature stay in memory: rows x kp.
 */
#include "toolbox/linear/sparse.h"

#include <string.h>

#include "toolbox/linear/tile.h"

enum { FEWEST_ROWS = 1024, MOST_BLOCKS = 256, BLOCK_ENTRIES = 16384 };

struct hone_sparse {
    hone_rows_loss rows;
    const hone_columns *columns;
    int64_t kp; /* outputs, padded unless 1 */
    int64_t row_blocks, column_blocks;
    double *w;          /* size x kp, in raw columns */
    double *r, *curve;  /* rows x kp: curvature of one output, probabilities of several */
    double *y;          /* padded */
    double *s;          /* weights, padded */
    double *part_loss;  /* row blocks */
    double *part_slope; /* row blocks x kp: of the intercepts */
    bool product;
    double *g;
};

hone_sparse *hone_sparse_open(const hone_rows_loss *rows, const hone_columns *columns,
                              hone_arena *scratch)
{
    hone_sparse *p = HONE_NEW(scratch, hone_sparse, 1, 1);
    if (!p)
        return NULL;
    const hone_design *d = rows->design;
    const int64_t padded = d->rows + HONE_TILE, entries = columns->start[d->size];
    *p = (hone_sparse){.rows = *rows, .columns = columns};
    p->kp = rows->outputs == 1 ? 1 : hone_lanes(rows->outputs);
    p->row_blocks = d->rows / FEWEST_ROWS;
    p->column_blocks = (entries + d->size) * p->kp / BLOCK_ENTRIES;
    p->row_blocks = p->row_blocks > MOST_BLOCKS ? MOST_BLOCKS : p->row_blocks + !p->row_blocks;
    p->column_blocks =
        p->column_blocks > MOST_BLOCKS ? MOST_BLOCKS : p->column_blocks + !p->column_blocks;
    p->w = HONE_NEW(scratch, double, d->size, p->kp);
    p->r = HONE_RAW(scratch, double, padded, p->kp);
    p->curve = HONE_RAW(scratch, double, padded, p->kp);
    p->y = rows->y ? HONE_NEW(scratch, double, padded, 1) : NULL;
    p->s = HONE_NEW(scratch, double, padded, 1);
    p->part_loss = HONE_NEW(scratch, double, p->row_blocks, 1);
    p->part_slope = HONE_NEW(scratch, double, p->row_blocks, p->kp);
    if (!p->w || !p->r || !p->curve || (rows->y && !p->y) || !p->s || !p->part_loss ||
        !p->part_slope)
        return NULL;
    memcpy(p->s, rows->weight, (size_t)d->rows * sizeof *p->s);
    if (rows->y)
        memcpy(p->y, rows->y, (size_t)d->rows * sizeof *p->y);
    return p;
}

/* Blocks begin at whole vectors, so that only the last one reads padding. */
static int64_t start_of(const hone_sparse *p, int64_t block)
{
    const int64_t n = p->rows.design->rows;
    return block == p->row_blocks ? n : n * block / p->row_blocks / HONE_LANES * HONE_LANES;
}

static double value_at(const hone_matrix *x, int64_t k)
{
    return x->dtype == HONE_F64 ? ((const double *)x->values)[k]
                                : (double)((const float *)x->values)[k];
}

#define DOT(name, type)                                                                            \
    static double name(const hone_matrix *x, int64_t from, int64_t end, const double *w)           \
    {                                                                                              \
        const type *values = x->values;                                                            \
        double sum[2] = {0};                                                                       \
        for (int64_t t = from; t + 1 < end; t += 2) {                                              \
            sum[0] += (double)values[t] * w[x->column[t]];                                         \
            sum[1] += (double)values[t + 1] * w[x->column[t + 1]];                                 \
        }                                                                                          \
        if ((end - from) % 2)                                                                      \
            sum[0] += (double)values[end - 1] * w[x->column[end - 1]];                             \
        return sum[0] + sum[1];                                                                    \
    }
DOT(dot_f32, float)
DOT(dot_f64, double)

static void margins(const hone_sparse *p, int64_t first, int64_t rows, double *z)
{
    const hone_matrix *x = &p->rows.x;
    const hone_design *d = p->rows.design;
    const int64_t kp = p->kp;
    for (int64_t i = 0; i < rows; i++) {
        const int64_t r = hone_row_id(x, first + i), end = x->row_start[r + 1];
        double *const to = z + i * kp;
        for (int64_t k = 0; k < kp; k++)
            to[k] = d->intercept ? p->w[d->numeric * kp + k] : 0;
        if (kp == 1) {
            to[0] += x->dtype == HONE_F64 ? dot_f64(x, x->row_start[r], end, p->w)
                                          : dot_f32(x, x->row_start[r], end, p->w);
            continue;
        }
        for (int64_t t = x->row_start[r]; t < end; t++) {
            const double v = value_at(x, t), *const w = p->w + x->column[t] * kp;
            for (int64_t k = 0; k < kp; k++)
                to[k] += v * w[k];
        }
    }
}

/* Second derivative times the change of margins z, in place. */
static void bend(const hone_sparse *p, int64_t first, int64_t rows, double *z)
{
    const double *const q = p->curve + first * p->kp;
    if (p->kp > 1) {
        const hone_isa isa = hone_run_isa(p->rows.run);
        void (*const product)(int64_t, int64_t, const double *, const double *, const double *,
                              double *) = HONE_PICK(isa, hone_tile_bend_f64);
        product(rows, p->kp, q, p->s + first, z, z);
        return;
    }
    for (int64_t i = 0; i < rows; i++)
        z[i] *= q[i];
}

/* Losses of a tile; r and the curvature go to their places. z is padded and overwritten. */
static double losses(const hone_sparse *p, int64_t first, int64_t rows, double *z)
{
    const hone_isa isa = hone_run_isa(p->rows.run);
    double *const r = p->r + first * p->kp, *const h = p->curve + first * p->kp;
    const double *y = p->y ? p->y + first : NULL, *s = p->s + first;
    double out[HONE_TILE], curve[HONE_TILE], loss = 0;
    switch (p->rows.loss) {
    case HONE_SOFTMAX:
        loss = HONE_PICK(isa, hone_tile_softmax_f64)(rows, p->rows.outputs, p->kp, z,
                                                     p->rows.label + first, s, r);
        memcpy(h, z, (size_t)(rows * p->kp) * sizeof *h);
        return loss;
    case HONE_LOGISTIC:
        loss = HONE_PICK(isa, hone_tile_logistic_f64)(rows, z, y, s, out, curve);
        break;
    case HONE_SQUARED:
        loss = HONE_PICK(isa, hone_tile_squared_f64)(rows, z, y, s, out, curve);
        break;
    case HONE_SQUARED_HINGE:
        loss = HONE_PICK(isa, hone_tile_hinge_f64)(rows, z, y, s, out, curve);
        break;
    }
    memcpy(r, out, (size_t)rows * sizeof *r);
    memcpy(h, curve, (size_t)rows * sizeof *h);
    return loss;
}

static hone_status forward(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    hone_sparse *p = context;
    const int64_t begin = start_of(p, block), end = start_of(p, block + 1), kp = p->kp;
    double *const z = HONE_NEW(scratch, double, HONE_TILE, kp);
    if (!z)
        return hone_no_memory(error);
    double *const slope = p->part_slope + block * kp;
    memset(slope, 0, (size_t)kp * sizeof *slope);
    p->part_loss[block] = 0;
    for (int64_t i = begin; i < end; i += HONE_TILE) {
        const int64_t rows = end - i < HONE_TILE ? end - i : HONE_TILE;
        if (kp == 1)
            memset(z + rows, 0, (size_t)(HONE_TILE - rows) * sizeof *z);
        margins(p, i, rows, z);
        if (p->product) {
            bend(p, i, rows, z);
            memcpy(p->r + i * kp, z, (size_t)(rows * kp) * sizeof *z);
        } else {
            p->part_loss[block] += losses(p, i, rows, z);
        }
        for (int64_t t = 0; t < rows; t++)
            for (int64_t k = 0; k < kp; k++)
                slope[k] += p->r[(i + t) * kp + k];
        if (hone_stopping(p->rows.run) == HONE_CANCEL)
            break;
    }
    return HONE_OK;
}

static hone_status back(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    hone_sparse *p = context;
    const hone_columns *c = p->columns;
    const int64_t size = p->rows.design->size, kp = p->kp;
    const int64_t end = hone_columns_block(c, size, block + 1, p->column_blocks);
    double *const sum = HONE_NEW(scratch, double, kp, 1);
    if (!sum)
        return hone_no_memory(error);
    for (int64_t j = hone_columns_block(c, size, block, p->column_blocks); j < end; j++) {
        if (kp == 1) {
            p->g[j] = hone_column_dot(c, j, p->r);
            continue;
        }
        memset(sum, 0, (size_t)kp * sizeof *sum);
        for (int64_t t = c->start[j]; t < c->start[j + 1]; t++) {
            const double v = c->value[t], *const r = p->r + (int64_t)c->row[t] * kp;
            for (int64_t k = 0; k < kp; k++)
                sum[k] += v * r[k];
        }
        for (int64_t k = 0; k < p->rows.outputs; k++)
            p->g[k * size + j] = sum[k];
    }
    return HONE_OK;
}

static hone_status run(hone_sparse *p, const double *v, bool product, double *g, hone_error *error)
{
    const hone_design *d = p->rows.design;
    p->product = product, p->g = g;
    for (int64_t k = 0; k < p->rows.outputs; k++)
        for (int64_t j = 0; j < d->size; j++)
            p->w[j * p->kp + k] = v[k * d->size + j] / d->scale[j];
    HONE_TRY(hone_for_blocks(p->rows.run, p->row_blocks, forward, p, error));
    HONE_TRY(hone_for_blocks(p->rows.run, p->column_blocks, back, p, error));
    hone_work(p->rows.run, 2 * p->columns->start[d->size] * p->rows.outputs);
    for (int64_t k = 0; k < p->rows.outputs && d->intercept; k++) {
        double sum = 0;
        for (int64_t b = 0; b < p->row_blocks; b++)
            sum += p->part_slope[b * p->kp + k];
        g[k * d->size + d->numeric] = sum;
    }
    return HONE_OK;
}

hone_status hone_sparse_slope(hone_sparse *p, const double *v, double *loss, double *g,
                              hone_error *error)
{
    HONE_TRY(run(p, v, false, g, error));
    *loss = 0;
    for (int64_t b = 0; b < p->row_blocks; b++)
        *loss += p->part_loss[b];
    return HONE_OK;
}

hone_status hone_sparse_product(hone_sparse *p, const double *d, double *out, hone_error *error)
{
    return run(p, d, true, out, error);
}

void hone_sparse_curvature(const hone_sparse *p, double *mean)
{
    for (int64_t k = 0; k < p->rows.outputs; k++) {
        mean[k] = 0;
        for (int64_t i = 0; i < p->rows.design->rows; i++) {
            const double q = p->curve[i * p->kp + k];
            mean[k] += p->kp == 1 ? q : p->s[i] * q * (1 - q);
        }
    }
}
