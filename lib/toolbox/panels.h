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

enum { HONE_LANES = 16, HONE_TILE = 12 };

typedef struct hone_panels {
    int64_t n, d;
    double unit;
    const double *centre; /* d; 0 when not centred */
    const float *x;       /* hone_panel_count(n) x d x 16 */
    const float *norm;    /* 16 hone_panel_count(n): squared norms */
} hone_panels;

/* A few points against which panels are measured. */
typedef struct hone_queries {
    int64_t m, d; /* queries now held */
    int64_t most; /* room */
    float *x;     /* tiles x d x 12 */
    float *norm;  /* tiles x 12 */
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

/* Packs the rows of `x`; dense memory whatever the layout, so not for wide sparse data. `centred`:
 * the column means are taken off, which shrinks norms and with them the rounding of distances. */
hone_status hone_panels_make(const hone_matrix *x, bool centred, const hone_run *run,
                             hone_arena *keep, hone_arena *scratch, hone_panels *panels,
                             hone_error *error);

/* The panels of the training rows, or of every row of the table, shared by trials. */
hone_status hone_panels_of_rows(hone_shared *shared, bool centred, const hone_panels **panels,
                                hone_error *error);
hone_status hone_panels_of_table(hone_shared *shared, bool centred, const hone_panels **panels,
                                 hone_error *error);

/* Points `id[0 .. n)` as panels of their own, in room for hone_panel_count(n) of them. */
void hone_panels_pick(const hone_panels *from, const int64_t *id, int64_t n, float *x, float *norm,
                      hone_panels *panels);

/* Room for `most` queries of `d` dimensions; false: no memory. */
bool hone_queries_new(int64_t most, int64_t d, hone_arena *arena, hone_queries *queries);
/* Rows [first, first + count) of a view, moved and scaled as the panels are. `buffer`: d. */
void hone_queries_read(const hone_panels *panels, const hone_matrix *x, int64_t first,
                       int64_t count, hone_isa isa, double *buffer, hone_queries *queries);
/* Points `id[0 .. count)` of the panels themselves. */
void hone_queries_pick(const hone_panels *panels, const int64_t *id, int64_t count, hone_isa isa,
                       hone_queries *queries);

/* out[i * stride + j]: query i against point 16 first + j, for `count` panels. Every panel is
 * written whole: stride >= 16 count, a multiple of 8, `out` aligned to 64 bytes or at least 32. */
void hone_measure_block(hone_measure measure, const hone_queries *queries,
                        const hone_panels *panels, int64_t first, int64_t count, hone_isa isa,
                        float *out, int64_t stride);

/* v = exp(scale * v) for `n` numbers, a multiple of 16, 32-byte aligned; scale * v <= 88; 0 where
 * the result would be below 2^-125. Within 2 ulp. */
void hone_exp_f32(float *v, int64_t n, float scale, hone_isa isa);

/* ---- kernels (distance.isa.c) ---- */

HONE_DECLARE(void, hone_measure_tiles,
             (hone_measure measure, const hone_queries *queries, const hone_panels *panels,
              int64_t first, int64_t count, float *out, int64_t stride));
HONE_DECLARE(void, hone_panel_norms, (const float *x, int64_t d, float *norm));
HONE_DECLARE(void, hone_tile_norms, (const float *q, int64_t d, float *norm));
HONE_DECLARE(void, hone_exp_kernel, (float *v, int64_t n, float scale));

#endif
