/* Fused passes: margins, losses, gradient and Hessian of each tile while it is in the cache.
 *
 * Cost of a pass over n rows, size D, K outputs, per row: dense 2 D K for the gradient and
 * D^2 / 2 (HONE_WITHIN_OUTPUTS: K D^2 / 2, HONE_FULL: K (K + 1) / 2 * D^2 / 2) for the Hessian;
 * with p marks and q numeric columns D is p + q in the first and (p + q)^2 instead of D^2 in the
 * second.
 */
#include "toolbox/linear/pass.h"

#include <math.h>
#include <string.h>

#include "toolbox/linear/tile.h"

enum { LEAST_SPARED = 4, MOST_CHUNKS = 64, FEWEST_ROWS = 2048, MOST_BYTES = 1 << 25 };
enum { MOST_WIDE = 32 };

struct hone_pass {
    hone_rows_loss rows;
    int64_t kp;     /* outputs, padded unless 1 */
    int64_t stride; /* of Hessians */
    int64_t every;  /* tiles: the ones that count */
    double share;   /* of the weight, in them */
    int64_t bent;   /* without a sample: the tiles that Hessians are of */
    double bent_share;
    int64_t chunks, g_size, h_size, w_size, room_bytes;
    float *y_f32, *s_f32, *w_f32;
    double *y_f64, *s_f64, *w_f64;
    double *part_g, *part_h, *part_loss; /* chunks x ... */
    float *curve;                        /* rows x kp: for products; NULL: not kept */
    hone_curvature wanted;
    double *g, *h;
};

/* Chunks begin at whole vectors, so that only the last one reads padding. */
static int64_t start_of(const hone_pass *p, int64_t chunk)
{
    const int64_t n = p->rows.design->rows;
    return chunk == p->chunks ? n : n * chunk / p->chunks / HONE_LANES * HONE_LANES;
}

/* Whether the tile at row i of a chunk adds to the Hessian that is wanted. */
static bool bends_at(const hone_pass *p, int64_t chunk, int64_t i)
{
    return p->wanted && (p->every > 1 || (i - start_of(p, chunk)) / HONE_TILE % p->bent == 0);
}

#define PICK(isa, name) HONE_PICK(isa, name)
#define E(name) PICK(hone_run_isa(p->rows.run), T(name))
#define E_F32(name) PICK(hone_run_isa(p->rows.run), HONE_GLUE(name, f32))
#define real double
#define T(name) HONE_GLUE(name, f64)
#define CURVE(p, first, rows, x, m, out) curve_f64(p, first, rows, x, (m)->h, (m)->scaled, out)
#include "toolbox/linear/pass.inc.h"
#undef real
#undef T
#undef CURVE
#define real float
#define T(name) HONE_GLUE(name, f32)
#define CURVE(p, first, rows, x, m, out) curve_narrow(p, first, rows, x, (m)->h, m, out)
static void curve_narrow(const hone_pass *p, int64_t first, int64_t rows, const float *x,
                         const float *h, const void *room, double *out);
#include "toolbox/linear/pass.inc.h"
#undef real
#undef T
#undef CURVE

/* Marks are often collinear (all levels of a column and the intercept): with a small penalty only
 * sums in double tell such a Hessian from one that is not positive definite. They are of the same
 * rows and weights, in float, and as cheap where the numeric columns are few. */
static void curve_narrow(const hone_pass *p, int64_t first, int64_t rows, const float *x,
                         const float *h, const void *room, double *out)
{
    const room_f32 *m = room;
    const hone_design *d = p->rows.design;
    const int64_t cells = rows * d->stride;
    double *const wide = m->wide, *const scaled = wide + cells, *const weight = scaled + cells;
    if (!d->mark || d->base > MOST_WIDE) {
        curve_f32(p, first, rows, x, h, m->scaled, out);
        return;
    }
    for (int64_t i = 0; i < cells; i++)
        wide[i] = (double)x[i];
    for (int64_t i = 0; i < rows; i++)
        weight[i] = (double)h[i];
    curve_f64(p, first, rows, wide, weight, scaled, out);
}

void hone_mean_weights(double *weight, int64_t rows)
{
    double most = 0, sum = 0;
    for (int64_t i = 0; i < rows; i++)
        most = weight[i] > most ? weight[i] : most;
    for (int64_t i = 0; i < rows; i++)
        sum += weight[i] / most;
    const double share = 1 / most / sum;
    if (isnormal(share)) {
        for (int64_t i = 0; i < rows; i++)
            weight[i] *= share;
        return;
    }
    for (int64_t i = 0; i < rows; i++)
        weight[i] = weight[i] / most / sum;
}

/* ---- room ---- */

static int64_t hessian_size(int64_t size, int64_t outputs, hone_curvature most)
{
    const int64_t wide = most == HONE_FULL ? size * outputs : size;
    return most ? outputs * size * (hone_lanes(wide) + HONE_LANES) + HONE_LANES : 0;
}

static int64_t chunks_of(int64_t rows, int64_t size, int64_t outputs, hone_curvature most)
{
    const int64_t bytes = 8 * (hessian_size(size, outputs, most) + size * outputs);
    int64_t chunks = rows / FEWEST_ROWS;
    if (chunks * bytes > MOST_BYTES)
        chunks = MOST_BYTES / bytes;
    return chunks < 1 ? 1 : chunks > MOST_CHUNKS ? MOST_CHUNKS : chunks;
}

int64_t hone_pass_bytes(int64_t rows, int64_t size, int64_t outputs, hone_curvature most)
{
    const int64_t kp = hone_lanes(outputs);
    const int64_t room = 8 * HONE_TILE * (3 * (size + HONE_LANES) + 3 * kp);
    return chunks_of(rows, size, outputs, most) *
               (8 * (hessian_size(size, outputs, most) + (size + HONE_LANES) * kp) + room) +
           (rows + HONE_TILE) * 24 + 16 * (2 * size + HONE_LANES) * kp;
}

int64_t hone_pass_stride(const hone_pass *p)
{
    return p->stride;
}

hone_pass *hone_pass_open(const hone_rows_loss *rows, hone_curvature most, hone_arena *scratch)
{
    hone_pass *p = HONE_NEW(scratch, hone_pass, 1, 1);
    if (!p)
        return NULL;
    const hone_design *d = rows->design;
    const int64_t outputs = rows->outputs, n = d->rows, padded = n + HONE_TILE;
    p->rows = *rows;
    p->every = p->bent = 1, p->share = p->bent_share = 1;
    p->kp = outputs == 1 ? 1 : hone_lanes(outputs);
    p->stride = hone_lanes(most == HONE_FULL ? d->size * outputs : d->size) + HONE_LANES;
    p->chunks = chunks_of(n, d->size, outputs, most);
    p->g_size = (hone_lanes(d->size) + HONE_LANES) * p->kp;
    p->h_size = hessian_size(d->size, outputs, most);
    p->w_size = (d->stride + d->size) * p->kp;
    p->room_bytes = 8 * HONE_TILE * (3 * d->stride + 3 * p->kp);
    p->w_f32 = HONE_NEW(scratch, float, p->w_size, 1);
    p->w_f64 = HONE_NEW(scratch, double, p->w_size, 1);
    p->s_f32 = HONE_NEW(scratch, float, padded, 1);
    p->s_f64 = HONE_NEW(scratch, double, padded, 1);
    p->y_f32 = rows->y ? HONE_NEW(scratch, float, padded, 1) : NULL;
    p->y_f64 = rows->y ? HONE_NEW(scratch, double, padded, 1) : NULL;
    p->part_g = HONE_RAW(scratch, double, p->chunks, p->g_size);
    p->part_h = HONE_RAW(scratch, double, p->chunks, p->h_size);
    p->part_loss = HONE_NEW(scratch, double, p->chunks, 1);
    if (!p->w_f32 || !p->w_f64 || !p->s_f32 || !p->s_f64 || (rows->y && (!p->y_f32 || !p->y_f64)) ||
        !p->part_g || !p->part_h || !p->part_loss)
        return NULL;
    for (int64_t i = 0; i < n; i++) {
        p->s_f64[i] = rows->weight[i];
        p->s_f32[i] = (float)rows->weight[i];
        if (rows->y)
            p->y_f64[i] = rows->y[i], p->y_f32[i] = (float)rows->y[i];
    }
    return p;
}

/* Rows of every k-th tile and their share of the weight; 0 rows: the weight lies elsewhere, which
 * makes another problem of them. */
static int64_t count_every(const hone_pass *p, int64_t every, double *share)
{
    int64_t count = 0;
    *share = 0;
    for (int64_t c = 0; c < p->chunks; c++) {
        const int64_t end = start_of(p, c + 1);
        for (int64_t i = start_of(p, c); i < end; i += every * HONE_TILE)
            for (int64_t k = i; k < i + HONE_TILE && k < end; k++, count++)
                *share += p->s_f64[k];
    }
    return *share < 0.5 * (double)count / (double)p->rows.design->rows ? 0 : count;
}

int64_t hone_pass_sample(hone_pass *p, int64_t rows)
{
    const int64_t n = p->rows.design->rows;
    p->every = 1, p->share = 1;
    if (rows <= 0 || n / LEAST_SPARED < rows || n / LEAST_SPARED < p->chunks * HONE_TILE)
        return 0;
    double share;
    const int64_t count = count_every(p, n / rows, &share);
    if (!count || count > n / LEAST_SPARED)
        return 0;
    p->every = n / rows, p->share = share;
    return count;
}

void hone_pass_thin(hone_pass *p, int64_t rows)
{
    double share;
    p->bent = 1, p->bent_share = 1;
    const int64_t every = rows > 0 ? p->rows.design->rows / rows : 1;
    if (every < 2 || !count_every(p, every, &share))
        return;
    p->bent = every, p->bent_share = share;
}

bool hone_pass_is_thin(const hone_pass *p)
{
    return p->every == 1 && p->bent > 1;
}

/* ---- a pass ---- */

/* Rows of the Hessian, chunk by chunk in order; the block is a coordinate. */
static hone_status add_row(void *context, int64_t row, hone_arena *scratch, hone_error *error)
{
    (void)scratch, (void)error;
    const hone_pass *p = context;
    double *const to = p->h + row * p->stride;
    const int64_t inside = row % p->rows.design->size;
    const int64_t cols = p->wanted == HONE_FULL ? row + 1 : inside + 1;
    memcpy(to, p->part_h + row * p->stride, (size_t)cols * sizeof *to);
    for (int64_t c = 1; c < p->chunks; c++) {
        const double *from = p->part_h + c * p->h_size + row * p->stride;
        for (int64_t j = 0; j < cols; j++)
            to[j] += from[j];
    }
    const double share = p->every > 1 ? p->share : p->bent_share;
    for (int64_t j = 0; j < cols; j++)
        to[j] /= share;
    return HONE_OK;
}

/* Blocks between two outputs are symmetric and only their lower triangles were summed. */
static void complete(const hone_pass *p)
{
    const int64_t size = p->rows.design->size;
    for (int64_t k = 1; k < p->rows.outputs && p->wanted == HONE_FULL; k++)
        for (int64_t l = 0; l < k; l++)
            for (int64_t i = 0; i < size; i++)
                for (int64_t j = i + 1; j < size; j++)
                    p->h[(k * size + i) * p->stride + l * size + j] =
                        p->h[(k * size + j) * p->stride + l * size + i];
}

static void add_gradients(const hone_pass *p)
{
    const int64_t size = p->rows.design->size;
    memset(p->g, 0, (size_t)(size * p->rows.outputs) * sizeof *p->g);
    for (int64_t c = 0; c < p->chunks; c++)
        for (int64_t k = 0; k < p->rows.outputs; k++)
            for (int64_t j = 0; j < size; j++)
                p->g[k * size + j] += p->part_g[c * p->g_size + j * p->kp + k];
    for (int64_t i = 0; i < size * p->rows.outputs; i++)
        p->g[i] /= p->share;
}

/* Multiply-adds of a pass, for the work limit. */
static int64_t work_of(const hone_pass *p)
{
    const hone_design *d = p->rows.design;
    const int64_t touched = (int64_t)ceil(hone_design_touched(d)), k = p->rows.outputs;
    const int64_t blocks = !p->wanted ? 0 : p->wanted == HONE_FULL ? k * (k + 1) / 2 : k;
    const int64_t rows = d->rows / p->every, bent = hone_pass_is_thin(p) ? rows / p->bent : rows;
    return rows * 2 * touched * k + bent * (blocks * touched * touched / 2);
}

hone_status hone_pass_run(hone_pass *p, const double *v, bool exact, hone_curvature wanted,
                          double *loss, double *g, double *h, hone_error *error)
{
    p->wanted = wanted, p->g = g, p->h = h;
    if (exact)
        load_f64(p, v);
    else
        load_f32(p, v);
    HONE_TRY(hone_for_blocks(p->rows.run, p->chunks, exact ? chunk_f64 : chunk_f32, p, error));
    *loss = 0;
    for (int64_t c = 0; c < p->chunks; c++)
        *loss += p->part_loss[c] / p->share;
    add_gradients(p);
    hone_work(p->rows.run, work_of(p));
    if (!wanted)
        return HONE_OK;
    const int64_t rows = p->rows.design->size * p->rows.outputs;
    if (p->chunks * p->h_size > 1 << 20) {
        HONE_TRY(hone_for_blocks(p->rows.run, rows, add_row, p, error));
    } else {
        for (int64_t i = 0; i < rows; i++)
            add_row(p, i, NULL, NULL);
    }
    complete(p);
    return HONE_OK;
}

/* ---- products ---- */

bool hone_pass_keep(hone_pass *p, hone_arena *scratch)
{
    p->curve = HONE_RAW(scratch, float, p->rows.design->rows, p->kp);
    return p->curve != NULL;
}

/* r = the second derivative times the change of margins z, both rows x kp */
static void bend(const hone_pass *p, int64_t first, int64_t rows, const float *z, float *r)
{
    const float *const q = p->curve + first * p->kp;
    if (p->kp > 1) {
        E_F32(hone_tile_bend)(rows, p->kp, q, p->s_f32 + first, z, r);
        return;
    }
    for (int64_t i = 0; i < rows; i++)
        r[i] = q[i] * z[i];
}

static hone_status product_chunk(void *context, int64_t chunk, hone_arena *scratch,
                                 hone_error *error)
{
    const hone_pass *p = context;
    room_f32 m;
    if (!open_room_f32(p, scratch, &m))
        return hone_no_memory(error);
    double *const g = p->part_g + chunk * p->g_size;
    memset(g, 0, (size_t)p->g_size * sizeof *g);
    const hone_isa isa = hone_run_isa(p->rows.run);
    const int64_t end = start_of(p, chunk + 1);
    for (int64_t i = start_of(p, chunk); i < end; i += HONE_TILE) {
        const int64_t rows = end - i < HONE_TILE ? end - i : HONE_TILE;
        const float *x = hone_design_tile_f32(p->rows.design, &p->rows.x, isa, i, rows, m.x);
        margins_f32(p, p->w_f32, i, rows, x, m.z);
        bend(p, i, rows, m.z, m.r);
        slope_f32(p, i, rows, x, m.r, g);
        if (hone_stopping(p->rows.run) == HONE_CANCEL)
            break;
    }
    return HONE_OK;
}

hone_status hone_pass_product(hone_pass *p, const double *d, double *out, hone_error *error)
{
    p->wanted = HONE_SLOPE, p->g = out;
    load_f32(p, d);
    HONE_TRY(hone_for_blocks(p->rows.run, p->chunks, product_chunk, p, error));
    add_gradients(p);
    hone_work(p->rows.run, work_of(p));
    return HONE_OK;
}

void hone_pass_curvature(const hone_pass *p, double *mean)
{
    for (int64_t k = 0; k < p->rows.outputs; k++) {
        mean[k] = 0;
        for (int64_t i = 0; i < p->rows.design->rows; i++) {
            const double q = (double)p->curve[i * p->kp + k];
            mean[k] += p->kp == 1 ? q : p->s_f64[i] * q * (1 - q);
        }
    }
}
