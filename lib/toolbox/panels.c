/* Packing of panels and queries, and the doors to the kernels. */
#include "toolbox/panels.h"

#include <string.h>

#include "toolbox/rows.h"

/* Rows per block of a pass over the data. */
enum { ROWS = 512 };

/* Stored values stay below 2^50, those of queries below 2^52: squares and their sums are finite
 * for every d below 2^20. */
#define LIMIT 0x1p50
#define QUERY_LIMIT 0x1p52

/* ---- centre and unit ---- */

typedef struct survey {
    const hone_matrix *x;
    double *sum;     /* blocks x d */
    double *largest; /* per block, of |value - centre| */
    const double *centre;
} survey;

static int64_t row_count(const hone_matrix *x, int64_t block)
{
    return x->rows - block * ROWS < ROWS ? x->rows - block * ROWS : ROWS;
}

static hone_status add_columns(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    const survey *s = context;
    const int64_t d = s->x->cols;
    double *buffer = HONE_RAW(scratch, double, d, 1);
    if (!buffer)
        return hone_no_memory(error);
    double *sum = s->sum + block * d;
    for (int64_t i = 0; i < row_count(s->x, block); i++) {
        const double *row = hone_row_f64(s->x, block * ROWS + i, buffer);
        for (int64_t k = 0; k < d; k++)
            sum[k] += row[k] / (double)s->x->rows;
    }
    return HONE_OK;
}

static hone_status find_largest(void *context, int64_t block, hone_arena *scratch,
                                hone_error *error)
{
    const survey *s = context;
    const int64_t d = s->x->cols;
    double *buffer = HONE_RAW(scratch, double, d, 1);
    if (!buffer)
        return hone_no_memory(error);
    double largest = 0;
    for (int64_t i = 0; i < row_count(s->x, block); i++) {
        const double *row = hone_row_f64(s->x, block * ROWS + i, buffer);
        for (int64_t k = 0; k < d; k++)
            largest = fmax(largest, fabs(row[k] - s->centre[k]));
    }
    s->largest[block] = largest;
    return HONE_OK;
}

static hone_status find_centre(const hone_matrix *x, const hone_run *run, hone_arena *scratch,
                               double *centre, hone_error *error)
{
    const int64_t d = x->cols, blocks = (x->rows + ROWS - 1) / ROWS;
    survey s = {.x = x, .sum = HONE_NEW(scratch, double, blocks, d)};
    if (!s.sum)
        return hone_no_memory(error);
    HONE_TRY(hone_for_blocks(run, blocks, add_columns, &s, error));
    for (int64_t b = 0; b < blocks; b++)
        for (int64_t k = 0; k < d; k++)
            centre[k] += s.sum[b * d + k];
    return HONE_OK;
}

static hone_status find_unit(const hone_matrix *x, const double *centre, const hone_run *run,
                             hone_arena *scratch, double *unit, hone_error *error)
{
    const int64_t blocks = (x->rows + ROWS - 1) / ROWS;
    survey s = {.x = x, .largest = HONE_NEW(scratch, double, blocks, 1), .centre = centre};
    if (!s.largest)
        return hone_no_memory(error);
    HONE_TRY(hone_for_blocks(run, blocks, find_largest, &s, error));
    double largest = 0;
    for (int64_t b = 0; b < blocks; b++)
        largest = fmax(largest, s.largest[b]);
    int exponent = 0;
    frexp(fmin(largest, 0x1p1023) / LIMIT, &exponent);
    *unit = largest > LIMIT ? ldexp(1, exponent) : 1;
    return HONE_OK;
}

/* ---- packing ---- */

static float stored(double value, double centre, double unit, double limit)
{
    const double v = (value - centre) / unit;
    return (float)(v > limit ? limit : v < -limit ? -limit : v);
}

typedef struct packing {
    const hone_matrix *x;
    const hone_panels *panels;
    float *out, *norm;
    hone_isa isa;
} packing;

static hone_status pack(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    const packing *p = context;
    const hone_panels *to = p->panels;
    const int64_t d = to->d, first = block * ROWS;
    double *buffer = HONE_RAW(scratch, double, d, 1);
    if (!buffer)
        return hone_no_memory(error);
    const int64_t rows = row_count(p->x, block);
    for (int64_t i = 0; i < hone_panel_count(rows) * HONE_LANES; i++) {
        float *panel = p->out + (first + i) / HONE_LANES * d * HONE_LANES + i % HONE_LANES;
        if (i >= rows) {
            for (int64_t k = 0; k < d; k++)
                panel[k * HONE_LANES] = 0;
            continue;
        }
        const double *row = hone_row_f64(p->x, first + i, buffer);
        for (int64_t k = 0; k < d; k++)
            panel[k * HONE_LANES] = stored(row[k], to->centre[k], to->unit, LIMIT);
    }
    void (*norms)(const float *, int64_t, float *) = HONE_PICK(p->isa, hone_panel_norms);
    for (int64_t i = 0; i < rows; i += HONE_LANES)
        norms(p->out + (first + i) * d, d, p->norm + first + i);
    return HONE_OK;
}

hone_status hone_panels_make(const hone_matrix *x, bool centred, const hone_run *run,
                             hone_arena *keep, hone_arena *scratch, hone_panels *panels,
                             hone_error *error)
{
    const int64_t d = x->cols, count = hone_panel_count(x->rows);
    float *out = NULL, *norm = HONE_RAW(keep, float, count, HONE_LANES);
    double *centre = HONE_NEW(keep, double, d, 1);
    if (count <= INT64_MAX / HONE_LANES / (d + 1))
        out = HONE_RAW(keep, float, count, d *HONE_LANES);
    if (!out || !norm || !centre)
        return hone_no_memory(error);
    if (centred)
        HONE_TRY(find_centre(x, run, scratch, centre, error));
    *panels = (hone_panels){x->rows, d, 1, centre, out, norm};
    HONE_TRY(find_unit(x, centre, run, scratch, &panels->unit, error));
    packing p = {x, panels, out, norm, hone_run_isa(run)};
    return hone_for_blocks(run, (x->rows + ROWS - 1) / ROWS, pack, &p, error);
}

void hone_panels_pick(const hone_panels *from, const int64_t *id, int64_t n, float *x, float *norm,
                      hone_panels *panels)
{
    const int64_t d = from->d, lanes = hone_panel_count(n) * HONE_LANES;
    for (int64_t i = 0; i < lanes; i++) {
        float *to = x + i / HONE_LANES * d * HONE_LANES + i % HONE_LANES;
        const int64_t r = i < n ? id[i] : 0;
        const float *at = from->x + r / HONE_LANES * d * HONE_LANES + r % HONE_LANES;
        for (int64_t k = 0; k < d * HONE_LANES; k += HONE_LANES)
            to[k] = i < n ? at[k] : 0;
        norm[i] = i < n ? from->norm[r] : 0;
    }
    *panels = *from;
    panels->n = n, panels->x = x, panels->norm = norm;
}

/* ---- recipes ---- */

static hone_status build(const hone_fit_job *job, const int64_t key[HONE_KEY], void *object,
                         hone_error *error)
{
    return hone_panels_make(&job->x, key[0] != 0, job->run, job->keep, job->scratch, object, error);
}

static const hone_recipe OF_ROWS = {"panels.rows/1", HONE_OF_ROWS, sizeof(hone_panels), build};
static const hone_recipe OF_TABLE = {"panels.table/1", HONE_OF_TABLE, sizeof(hone_panels), build};

hone_status hone_panels_of_rows(hone_shared *shared, bool centred, const hone_panels **panels,
                                hone_error *error)
{
    const int64_t key[HONE_KEY] = {centred};
    return hone_derive(shared, &OF_ROWS, key, (const void **)panels, error);
}

hone_status hone_panels_of_table(hone_shared *shared, bool centred, const hone_panels **panels,
                                 hone_error *error)
{
    const int64_t key[HONE_KEY] = {centred};
    return hone_derive(shared, &OF_TABLE, key, (const void **)panels, error);
}

/* ---- queries ---- */

bool hone_queries_new(int64_t most, int64_t d, hone_arena *arena, hone_queries *q)
{
    const int64_t tiles = (most + HONE_TILE - 1) / HONE_TILE;
    *q = (hone_queries){.d = d, .most = tiles * HONE_TILE};
    if (d >= INT64_MAX / HONE_TILE)
        return false;
    q->x = HONE_NEW(arena, float, tiles, d *HONE_TILE);
    q->norm = HONE_NEW(arena, float, tiles, HONE_TILE);
    return q->x && q->norm;
}

/* Where query i's dimension 0 goes; dimension k is 12 k further. */
static float *query(const hone_queries *q, int64_t i)
{
    return q->x + i / HONE_TILE * q->d * HONE_TILE + i % HONE_TILE;
}

static void finish(hone_queries *q, int64_t count, hone_isa isa)
{
    q->m = count;
    for (int64_t i = count; i % HONE_TILE; i++)
        for (int64_t k = 0; k < q->d; k++)
            query(q, i)[k * HONE_TILE] = 0;
    void (*norms)(const float *, int64_t, float *) = HONE_PICK(isa, hone_tile_norms);
    for (int64_t i = 0; i < count; i += HONE_TILE)
        norms(q->x + i * q->d, q->d, q->norm + i);
}

void hone_queries_read(const hone_panels *p, const hone_matrix *x, int64_t first, int64_t count,
                       hone_isa isa, double *buffer, hone_queries *q)
{
    for (int64_t i = 0; i < count; i++) {
        const double *row = hone_row_f64(x, first + i, buffer);
        float *to = query(q, i);
        for (int64_t k = 0; k < p->d; k++)
            to[k * HONE_TILE] = stored(row[k], p->centre[k], p->unit, QUERY_LIMIT);
    }
    finish(q, count, isa);
}

void hone_queries_pick(const hone_panels *p, const int64_t *id, int64_t count, hone_isa isa,
                       hone_queries *q)
{
    for (int64_t i = 0; i < count; i++) {
        const float *from = p->x + id[i] / HONE_LANES * p->d * HONE_LANES + id[i] % HONE_LANES;
        float *to = query(q, i);
        for (int64_t k = 0; k < p->d; k++)
            to[k * HONE_TILE] = from[k * HONE_LANES];
    }
    finish(q, count, isa);
}

void hone_measure_block(hone_measure measure, const hone_queries *q, const hone_panels *panels,
                        int64_t first, int64_t count, hone_isa isa, float *out, int64_t stride)
{
    HONE_PICK(isa, hone_measure_tiles)(measure, q, panels, first, count, out, stride);
}

void hone_exp_f32(float *v, int64_t n, float scale, hone_isa isa)
{
    HONE_PICK(isa, hone_exp_kernel)(v, n, scale);
}
