/* Points as float32 panels of 16, dimension-major, and blocks of distances between them: the one
 * register tile behind k-NN and kernel rows.
 *
 *     panel p:  x[p][k][lane]    point 16 p + lane, dimension k; points beyond n are 0
 *     tile t:   q[t][k][i]       query 12 t + i
 *
 * An element depends on its two points alone, never on where they lie, and is symmetric: bits are
 * equal whoever asks for it, in whatever block. Equal points are at distance 0 exactly: norms are
 * summed in the order of the products. `unit` is a power of two, 1 unless values are huge: stored =
 * (value - centre) / unit, so that squares never overflow; a squared distance of the data is
 * unit^2 times the stored one. Cost of a block: m n d multiply-adds.
 */
#ifndef HONE_TOOLBOX_PANELS_H
#define HONE_TOOLBOX_PANELS_H

#include "hone/derived.h"
#include "toolbox/isa.h"

enum { HONE_LANES = 16, HONE_TILE = 12, HONE_SPARSE_TILE = 16 };

typedef struct hone_panels {
    int64_t n, d;
    double unit;
    const double *centre; /* d; 0 when not centred */
    const float *x;       /* hone_panel_count(n) x d x 16; NULL when sparse */
    const float *norm;    /* 16 hone_panel_count(n): squared norms */
    const float *rows;    /* n x d: the dense points once more, one after the other, or NULL */
    /* Sparse points stay rows: point i has value[t] in column[t] for t in [begin[i], end[i]). */
    const int64_t *begin, *end;
    const int32_t *column;
    const float *value;
} hone_panels;

/* A few points against which panels are measured. */
typedef struct hone_queries {
    int64_t m, d; /* queries now held */
    int64_t most; /* room */
    float *x;     /* tiles x d x 12; NULL when sparse */
    float *norm;  /* by query */
    /* Sparse queries: 16 a tile, whose columns in use are rows start[t] .. start[t + 1] of `table`,
     * 16 floats each; the first row of a tile is 0 and belongs to no column. */
    int64_t *start;
    int32_t *column;
    float *table;
    int64_t room; /* rows of the table */
    int32_t *map; /* d zeros, to be used while queries are filled */
} hone_queries;

typedef enum hone_measure {
    HONE_INNER,     /* q x */
    HONE_SQUARE,    /* max(0, |q|^2 + |x|^2 - 2 q x) */
    HONE_MANHATTAN, /* sum |q - x| */
    HONE_CHEBYSHEV  /* max |q - x| */
} hone_measure;

static inline int64_t hone_panel_count(int64_t n)
{
    return (n + HONE_LANES - 1) / HONE_LANES;
}

/* Packs the rows of `x`: CSR stays sparse, every other layout becomes dense. `centred`: the column
 * means of dense data are taken off, which shrinks norms and with them the rounding of
 * distances. */
hone_status hone_panels_make(const hone_matrix *x, bool centred, const hone_run *run,
                             hone_arena *keep, hone_arena *scratch, hone_panels *panels,
                             hone_error *error);

/* The panels of the training rows, or of every row of the table, shared by trials. */
hone_status hone_panels_of_rows(hone_shared *shared, bool centred, const hone_panels **panels,
                                hone_error *error);
hone_status hone_panels_of_table(hone_shared *shared, bool centred, const hone_panels **panels,
                                 hone_error *error);

/* Fills `rows`, from which many small picks are quicker: a point in a panel lies d cache lines
 * wide. `inside`: of a block. */
hone_status hone_panels_lay_out(hone_panels *panels, const hone_run *run, bool inside,
                                hone_arena *arena, hone_error *error);

/* Room for panels of at most `n` points picked from others. */
typedef struct hone_panel_room {
    float *x, *norm;
    int64_t *begin, *end;
} hone_panel_room;

bool hone_panel_room_new(const hone_panels *from, int64_t n, hone_arena *arena,
                         hone_panel_room *room);
/* Points `id[0 .. n)` as panels of their own; sparse ones refer to the entries of `from`. */
void hone_panels_pick(const hone_panels *from, const int64_t *id, int64_t n,
                      const hone_panel_room *room, hone_panels *panels);

/* Room for `most` queries: rows [first, first + most) of `x`, or any points of the panels when `x`
 * is NULL; false: no memory. */
bool hone_queries_new(const hone_panels *panels, const hone_matrix *x, int64_t first, int64_t most,
                      hone_arena *arena, hone_queries *queries);
/* Where rows of d columns are unpacked; false: no memory. */
typedef struct hone_query_buffer {
    double *row;
    float *value;
    int32_t *column;
} hone_query_buffer;

bool hone_query_buffer_new(int64_t d, hone_arena *arena, hone_query_buffer *buffer);
/* Rows [first, first + count) of a view, moved and scaled as the panels are. */
void hone_queries_read(const hone_panels *panels, const hone_matrix *x, int64_t first,
                       int64_t count, hone_isa isa, const hone_query_buffer *buffer,
                       hone_queries *queries);
/* Points `id[0 .. count)` of the panels themselves. */
void hone_queries_pick(const hone_panels *panels, const int64_t *id, int64_t count, hone_isa isa,
                       hone_queries *queries);
/* Queries [first, first + count) of others, first a multiple of 48. */
hone_queries hone_queries_part(const hone_queries *queries, int64_t first, int64_t count);

/* out[i * stride + j]: query i against point 16 first + j, for `count` panels. Every panel is
 * written whole: stride >= 16 count. `map`: d zeros, which it gives back; NULL when dense.
 * Chebyshev distances of sparse points are not there. */
void hone_measure_block(hone_measure measure, const hone_queries *queries,
                        const hone_panels *panels, int64_t first, int64_t count, hone_isa isa,
                        int32_t *map, float *out, int64_t stride);

/* The map of a block: d zeros for sparse panels, else nothing; false: no memory. */
bool hone_map_new(const hone_panels *panels, hone_arena *arena, int32_t **map);

/* v = exp(scale * v) - less for `n` numbers, a multiple of 16; `less` is 0 or 1; scale * v <= 88;
 * -less where exp would be below 2^-125. Within 2 ulp, small differences from 1 too. */
void hone_exp_f32(float *v, int64_t n, float scale, float less, hone_isa isa);

/* ---- kernels (distance.isa.c, sparse.isa.c) ---- */

HONE_DECLARE(void, hone_measure_tiles,
             (hone_measure measure, const hone_queries *queries, const hone_panels *panels,
              int64_t first, int64_t count, float *out, int64_t stride));
HONE_DECLARE(void, hone_panel_norms, (const float *x, int64_t d, float *norm));
HONE_DECLARE(void, hone_tile_norms, (const float *q, int64_t d, float *norm));
/* One tile of sparse queries, `map` from columns to rows of `table`, against sparse panels. */
HONE_DECLARE(void, hone_sparse_tile,
             (hone_measure measure, const float *table, int64_t used, const int32_t *map,
              const float *qnorm, int64_t rows, const hone_panels *panels, int64_t first,
              int64_t count, float *out, int64_t stride));
/* The squared norm of one sparse point, summed in the order of the products. */
HONE_DECLARE(float, hone_sparse_norm, (const float *value, int64_t count));
HONE_DECLARE(void, hone_exp_kernel, (float *v, int64_t n, float scale, float less));

#endif
