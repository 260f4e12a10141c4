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
    double *sum;    /* blocks x d, of values up to `most` */
    int64_t *count; /* and how many they are */
    double most;
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
    int64_t *count = s->count + block * d;
    for (int64_t i = 0; i < row_count(s->x, block); i++) {
        const double *row = hone_row_f64(s->x, block * ROWS + i, buffer);
        for (int64_t k = 0; k < d; k++)
            if (fabs(row[k]) <= s->most)
                sum[k] += row[k] / (double)s->x->rows, count[k]++;
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

/* The mean of values up to `most`; where there are none the centre stays as it was. */
static hone_status find_centre(const hone_matrix *x, double most, const hone_run *run,
                               hone_arena *scratch, double *centre, hone_error *error)
{
    const int64_t d = x->cols, blocks = (x->rows + ROWS - 1) / ROWS;
    survey s = {.x = x,
                .most = most,
                .sum = HONE_NEW(scratch, double, blocks, d),
                .count = HONE_NEW(scratch, int64_t, blocks, d)};
    if (!s.sum || !s.count)
        return hone_no_memory(error);
    HONE_TRY(hone_for_blocks(run, blocks, add_columns, &s, error));
    for (int64_t k = 0; k < d; k++) {
        double sum = 0, count = 0;
        for (int64_t b = 0; b < blocks; b++)
            sum += s.sum[b * d + k], count += (double)s.count[b * d + k];
        centre[k] = count > 0 ? sum * ((double)x->rows / count) : centre[k];
    }
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

static hone_status pack_dense(const hone_matrix *x, bool centred, const hone_run *run,
                              hone_arena *keep, hone_arena *scratch, hone_panels *panels,
                              double *centre, float *norm, hone_error *error)
{
    const int64_t d = x->cols, count = hone_panel_count(x->rows);
    float *out = NULL;
    if (count <= INT64_MAX / HONE_LANES / (d + 1))
        out = HONE_RAW(keep, float, count, d *HONE_LANES);
    if (!out)
        return hone_no_memory(error);
    panels->x = out;
    if (centred)
        HONE_TRY(find_centre(x, INFINITY, run, scratch, centre, error));
    HONE_TRY(find_unit(x, centre, run, scratch, &panels->unit, error));
    if (centred && panels->unit > 1) { /* a few huge values must not draw all others to one point */
        HONE_TRY(find_centre(x, LIMIT, run, scratch, centre, error));
        HONE_TRY(find_unit(x, centre, run, scratch, &panels->unit, error));
    }
    packing p = {x, panels, out, norm, hone_run_isa(run)};
    return hone_for_blocks(run, (x->rows + ROWS - 1) / ROWS, pack, &p, error);
}

/* ---- sparse rows ---- */

static double power_that_bounds(const double *value, int64_t n)
{
    double largest = 0;
    int exponent = 0;
    for (int64_t t = 0; t < n; t++)
        largest = fmax(largest, fabs(value[t]));
    frexp(largest / LIMIT, &exponent);
    return largest > LIMIT ? ldexp(1, exponent) : 1;
}

static hone_status pack_sparse(const hone_matrix *x, const hone_run *run, hone_arena *keep,
                               hone_arena *scratch, hone_panels *panels, float *norm,
                               hone_error *error)
{
    int64_t all = 0, next = 0;
    for (int64_t i = 0; i < x->rows; i++)
        all += hone_row_room(x, i);
    int64_t *start = HONE_RAW(keep, int64_t, x->rows + 1, 1);
    int32_t *column = HONE_RAW(keep, int32_t, all, 1);
    float *value = HONE_RAW(keep, float, all, 1);
    double *wide = HONE_RAW(scratch, double, all, 1);
    if (!start || !column || !value || !wide)
        return hone_no_memory(error);
    for (int64_t i = 0; i < x->rows; i++) {
        start[i] = next;
        next += hone_row_entries(x, i, column + next, wide + next);
    }
    start[x->rows] = next;
    panels->unit = power_that_bounds(wide, next);
    for (int64_t t = 0; t < next; t++)
        value[t] = stored(wide[t], 0, panels->unit, LIMIT);
    float (*norms)(const float *, int64_t) = HONE_PICK(hone_run_isa(run), hone_sparse_norm);
    for (int64_t i = 0; i < x->rows; i++)
        norm[i] = norms(value + start[i], start[i + 1] - start[i]);
    panels->begin = start, panels->end = start + 1;
    panels->column = column, panels->value = value;
    return HONE_OK;
}

hone_status hone_panels_make(const hone_matrix *x, bool centred, const hone_run *run,
                             hone_arena *keep, hone_arena *scratch, hone_panels *panels,
                             hone_error *error)
{
    float *norm = HONE_NEW(keep, float, hone_panel_count(x->rows), HONE_LANES);
    double *centre = HONE_NEW(keep, double, x->cols, 1);
    if (!norm || !centre)
        return hone_no_memory(error);
    *panels = (hone_panels){.n = x->rows, .d = x->cols, .unit = 1, .centre = centre, .norm = norm};
    if (x->layout == HONE_CSR)
        return pack_sparse(x, run, keep, scratch, panels, norm, error);
    return pack_dense(x, centred, run, keep, scratch, panels, centre, norm, error);
}

/* ---- panels of some points ---- */

bool hone_panel_room_new(const hone_panels *from, int64_t n, hone_arena *arena,
                         hone_panel_room *room)
{
    const int64_t count = hone_panel_count(n);
    *room = (hone_panel_room){.norm = HONE_RAW(arena, float, count, HONE_LANES)};
    if (from->x) {
        room->x = HONE_RAW(arena, float, count, from->d *HONE_LANES);
        return room->norm && room->x;
    }
    room->begin = HONE_RAW(arena, int64_t, n, 1);
    room->end = HONE_RAW(arena, int64_t, n, 1);
    return room->norm && room->begin && room->end;
}

typedef struct layout {
    const hone_panels *panels;
    float *rows;
} layout;

static hone_status lay_block(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    (void)scratch, (void)error;
    const layout *l = context;
    const int64_t d = l->panels->d, n = l->panels->n, end = (block + 1) * ROWS;
    for (int64_t i = block * ROWS; i < (end < n ? end : n); i++) {
        const float *from = l->panels->x + i / HONE_LANES * d * HONE_LANES + i % HONE_LANES;
        for (int64_t k = 0; k < d; k++)
            l->rows[i * d + k] = from[k * HONE_LANES];
    }
    return HONE_OK;
}

hone_status hone_panels_lay_out(hone_panels *panels, const hone_run *run, bool inside,
                                hone_arena *arena, hone_error *error)
{
    layout l = {panels, HONE_RAW(arena, float, panels->n, panels->d)};
    const int64_t blocks = (panels->n + ROWS - 1) / ROWS;
    if (!l.rows)
        return hone_no_memory(error);
    if (!inside)
        HONE_TRY(hone_for_blocks(run, blocks, lay_block, &l, error));
    for (int64_t b = 0; inside && b < blocks; b++)
        HONE_TRY(lay_block(&l, b, arena, error));
    panels->rows = l.rows;
    return HONE_OK;
}

/* Dimension k of the point is to[k * stride]. */
static void copy_point(const hone_panels *from, int64_t r, float *to, int64_t stride)
{
    const float *row = from->rows ? from->rows + r * from->d : NULL;
    for (int64_t k = 0; row && k < from->d; k++)
        to[k * stride] = row[k];
    if (row)
        return;
    const float *at = from->x + r / HONE_LANES * from->d * HONE_LANES + r % HONE_LANES;
    for (int64_t k = 0; k < from->d; k++)
        to[k * stride] = at[k * HONE_LANES];
}

void hone_panels_pick(const hone_panels *from, const int64_t *id, int64_t n,
                      const hone_panel_room *room, hone_panels *panels)
{
    const int64_t d = from->d, lanes = hone_panel_count(n) * HONE_LANES;
    for (int64_t i = 0; i < n; i++) {
        room->norm[i] = from->norm[id[i]];
        if (from->x) {
            copy_point(from, id[i], room->x + i / HONE_LANES * d * HONE_LANES + i % HONE_LANES,
                       HONE_LANES);
        } else {
            room->begin[i] = from->begin[id[i]];
            room->end[i] = from->end[id[i]];
        }
    }
    for (int64_t i = n; i < lanes; i++) {
        room->norm[i] = 0;
        float *to = from->x ? room->x + i / HONE_LANES * d * HONE_LANES + i % HONE_LANES : NULL;
        for (int64_t k = 0; to && k < d * HONE_LANES; k += HONE_LANES)
            to[k] = 0;
    }
    *panels = *from;
    panels->rows = NULL;
    panels->n = n, panels->x = room->x, panels->norm = room->norm;
    panels->begin = room->begin, panels->end = room->end;
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

/* Entries of `most` points at most, each point up to twice. */
static int64_t most_entries(const hone_panels *p, const hone_matrix *x, int64_t first, int64_t most)
{
    int64_t all = 0, longest = 0;
    for (int64_t i = 0; x && i < most; i++)
        all += hone_row_room(x, first + i);
    for (int64_t i = 0; !x && i < p->n; i++) {
        const int64_t count = p->end[i] - p->begin[i];
        all += count;
        longest = count > longest ? count : longest;
    }
    if (x)
        return all;
    return longest < 2 * all / most ? longest * most : 2 * all;
}

static bool new_sparse(const hone_panels *p, int64_t entries, int64_t most, hone_arena *arena,
                       hone_queries *q)
{
    const int64_t tiles = (most + HONE_SPARSE_TILE - 1) / HONE_SPARSE_TILE;
    q->room = entries + tiles;
    q->start = HONE_NEW(arena, int64_t, tiles + 1, 1);
    q->column = HONE_RAW(arena, int32_t, q->room, 1);
    q->table = HONE_RAW(arena, float, q->room, HONE_SPARSE_TILE);
    q->norm = HONE_NEW(arena, float, tiles, HONE_SPARSE_TILE);
    q->map = HONE_NEW(arena, int32_t, p->d, 1);
    return q->start && q->column && q->table && q->norm && q->map;
}

bool hone_queries_new(const hone_panels *p, const hone_matrix *x, int64_t first, int64_t most,
                      hone_arena *arena, hone_queries *q)
{
    const int64_t tiles = (most + HONE_TILE - 1) / HONE_TILE;
    *q = (hone_queries){.d = p->d, .most = most};
    if (!p->x)
        return new_sparse(p, most ? most_entries(p, x, first, most) : 0, most, arena, q);
    if (p->d >= INT64_MAX / HONE_TILE)
        return false;
    q->x = HONE_NEW(arena, float, tiles, p->d *HONE_TILE);
    q->norm = HONE_NEW(arena, float, tiles, HONE_TILE);
    return q->x && q->norm;
}

bool hone_query_buffer_new(int64_t d, hone_arena *arena, hone_query_buffer *buffer)
{
    buffer->row = HONE_RAW(arena, double, d, 1);
    buffer->value = HONE_RAW(arena, float, d, 1);
    buffer->column = HONE_RAW(arena, int32_t, d, 1);
    return buffer->row && buffer->value && buffer->column;
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

/* Sparse queries come one after the other: a tile opens with its row of zeros, gets a row for every
 * new column, and leaves the map as it found it. */
static void open_tile(hone_queries *q, int64_t t)
{
    memset(q->table + q->start[t] * HONE_SPARSE_TILE, 0, HONE_SPARSE_TILE * sizeof(float));
    q->start[t + 1] = q->start[t] + 1;
}

static void add_entry(hone_queries *q, int64_t i, int32_t column, float value)
{
    const int64_t t = i / HONE_SPARSE_TILE, first = q->start[t];
    if (!q->map[column]) {
        const int64_t at = q->start[t + 1]++;
        q->map[column] = (int32_t)(at - first);
        q->column[at] = column;
        memset(q->table + at * HONE_SPARSE_TILE, 0, HONE_SPARSE_TILE * sizeof(float));
    }
    q->table[(first + q->map[column]) * HONE_SPARSE_TILE + i % HONE_SPARSE_TILE] = value;
}

static void close_tile(hone_queries *q, int64_t t)
{
    for (int64_t u = q->start[t] + 1; u < q->start[t + 1]; u++)
        q->map[q->column[u]] = 0;
}

static void read_sparse(const hone_panels *p, const hone_matrix *x, int64_t first, int64_t count,
                        hone_isa isa, const hone_query_buffer *buffer, hone_queries *q)
{
    float (*norms)(const float *, int64_t) = HONE_PICK(isa, hone_sparse_norm);
    q->m = count;
    for (int64_t i = 0; i < count; i++) {
        const int64_t t = i / HONE_SPARSE_TILE;
        if (i % HONE_SPARSE_TILE == 0)
            open_tile(q, t);
        const int64_t entries = hone_row_entries(x, first + i, buffer->column, buffer->row);
        for (int64_t e = 0; e < entries; e++) {
            buffer->value[e] = stored(buffer->row[e], 0, p->unit, QUERY_LIMIT);
            add_entry(q, i, buffer->column[e], buffer->value[e]);
        }
        q->norm[i] = norms(buffer->value, entries);
        if (i % HONE_SPARSE_TILE == HONE_SPARSE_TILE - 1 || i == count - 1)
            close_tile(q, t);
    }
}

static void pick_sparse(const hone_panels *p, const int64_t *id, int64_t count, hone_queries *q)
{
    q->m = count;
    for (int64_t i = 0; i < count; i++) {
        const int64_t t = i / HONE_SPARSE_TILE;
        if (i % HONE_SPARSE_TILE == 0)
            open_tile(q, t);
        for (int64_t e = p->begin[id[i]]; e < p->end[id[i]]; e++)
            add_entry(q, i, p->column[e], p->value[e]);
        q->norm[i] = p->norm[id[i]];
        if (i % HONE_SPARSE_TILE == HONE_SPARSE_TILE - 1 || i == count - 1)
            close_tile(q, t);
    }
}

void hone_queries_read(const hone_panels *p, const hone_matrix *x, int64_t first, int64_t count,
                       hone_isa isa, const hone_query_buffer *buffer, hone_queries *q)
{
    if (!p->x) {
        read_sparse(p, x, first, count, isa, buffer, q);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        const double *row = hone_row_f64(x, first + i, buffer->row);
        float *to = query(q, i);
        for (int64_t k = 0; k < p->d; k++)
            to[k * HONE_TILE] = stored(row[k], p->centre[k], p->unit, QUERY_LIMIT);
    }
    finish(q, count, isa);
}

void hone_queries_pick(const hone_panels *p, const int64_t *id, int64_t count, hone_isa isa,
                       hone_queries *q)
{
    if (!p->x) {
        pick_sparse(p, id, count, q);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        copy_point(p, id[i], query(q, i), HONE_TILE);
    finish(q, count, isa);
}

hone_queries hone_queries_part(const hone_queries *q, int64_t first, int64_t count)
{
    hone_queries part = *q;
    part.m = count;
    part.norm += first;
    if (q->x)
        part.x += first * q->d;
    else
        part.start += first / HONE_SPARSE_TILE;
    return part;
}

/* ---- blocks ---- */

bool hone_map_new(const hone_panels *panels, hone_arena *arena, int32_t **map)
{
    *map = panels->x ? NULL : HONE_NEW(arena, int32_t, panels->d, 1);
    return panels->x || *map;
}

static void measure_sparse(hone_measure measure, const hone_queries *q, const hone_panels *panels,
                           int64_t first, int64_t count, hone_isa isa, int32_t *map, float *out,
                           int64_t stride)
{
    void (*tile)(hone_measure, const float *, int64_t, const int32_t *, const float *, int64_t,
                 const hone_panels *, int64_t, int64_t, float *, int64_t) =
        HONE_PICK(isa, hone_sparse_tile);
    for (int64_t i = 0; i < q->m; i += HONE_SPARSE_TILE) {
        const int64_t t = i / HONE_SPARSE_TILE, rows = q->m - i;
        const int64_t from = q->start[t], used = q->start[t + 1] - from;
        for (int64_t u = 1; u < used; u++)
            map[q->column[from + u]] = (int32_t)u;
        tile(measure, q->table + from * HONE_SPARSE_TILE, used, map, q->norm + i,
             rows < HONE_SPARSE_TILE ? rows : HONE_SPARSE_TILE, panels, first, count,
             out + i * stride, stride);
        for (int64_t u = 1; u < used; u++)
            map[q->column[from + u]] = 0;
    }
}

void hone_measure_block(hone_measure measure, const hone_queries *q, const hone_panels *panels,
                        int64_t first, int64_t count, hone_isa isa, int32_t *map, float *out,
                        int64_t stride)
{
    if (panels->x)
        HONE_PICK(isa, hone_measure_tiles)(measure, q, panels, first, count, out, stride);
    else
        measure_sparse(measure, q, panels, first, count, isa, map, out, stride);
}

void hone_exp_f32(float *v, int64_t n, float scale, float less, hone_isa isa)
{
    HONE_PICK(isa, hone_exp_kernel)(v, n, scale, less);
}
