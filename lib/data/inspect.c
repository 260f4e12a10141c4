/* One pass over a table: checks, counts, content hash.
 *
 * The hash is XXH3 over the hashes of units, which are runs of UNIT cells in whole rows. A unit's
 * hash is XXH3 over its entries that are not zero, as pairs (row * cols + column, value as double),
 * in row order and in chunks of CHUNK pairs. So it is the same for float32 and float64 of equal
 * numbers, for every stride, for dense and sparse storage and any number of threads; NaN counts as
 * one value and -0 as 0. About 2 ns an entry.
 */
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "data/draft.h"
#include "data/values.h"
#include "toolbox/entries.h"
#include "toolbox/run.h"

enum { CHUNK = 1024, TILE = 4096, UNIT = 1 << 16, TASKS = 64 };

#define EXPONENT UINT64_C(0x7ff0000000000000)
#define CANONICAL_NAN UINT64_C(0x7ff8000000000000)

typedef struct digest {
    uint64_t hash;
    int64_t count;
    uint64_t pair[CHUNK + TILE][2];
} digest;

/* At most TILE entries were added since the last call. */
static void settle(digest *d)
{
    int64_t from = 0;
    for (; d->count - from >= CHUNK; from += CHUNK)
        d->hash = hone_hash(d->hash, d->pair[from], CHUNK * sizeof d->pair[0]);
    memmove(d->pair[0], d->pair[from], (size_t)(d->count - from) * sizeof d->pair[0]);
    d->count -= from;
}

static uint64_t finish(digest *d)
{
    return hone_hash(d->hash, d->pair[0], (size_t)d->count * sizeof d->pair[0]);
}

static uint64_t bits_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/* ---- dense ---- */

/* A tile: rows [i, i + rows) of columns [j, j + cols), row-major. Reads along the smaller stride.
 */
typedef struct tile {
    int64_t i, j, rows, cols;
    double value[TILE];
} tile;

#define READ(type)                                                                                 \
    static void read_##type(const hone_matrix *x, tile *t)                                         \
    {                                                                                              \
        const type *from = (const type *)x->values + t->i * x->row_stride + t->j * x->col_stride;  \
        const int64_t down = x->row_stride, right = x->col_stride;                                 \
        if (right == 1 || t->rows == 1) {                                                          \
            for (int64_t i = 0; i < t->rows; i++)                                                  \
                for (int64_t j = 0; j < t->cols; j++)                                              \
                    t->value[i * t->cols + j] = (double)from[i * down + j * right];                \
            return;                                                                                \
        }                                                                                          \
        for (int64_t j = 0; j < t->cols; j++)                                                      \
            for (int64_t i = 0; i < t->rows; i++)                                                  \
                t->value[i * t->cols + j] = (double)from[i * down + j * right];                    \
    }

READ(float)
READ(double)
#undef READ

/* The entries of a tile; false: an infinity, at `*at` of the tile. */
static bool add_tile(digest *d, const tile *t, hone_isa isa, int64_t row_width, int64_t *missing,
                     int64_t *at)
{
    int64_t count = d->count;
    for (int64_t i = 0, k = 0; i < t->rows; i++) {
        const uint64_t position = (uint64_t)(t->i + i) * (uint64_t)row_width + (uint64_t)t->j;
        int64_t j = HONE_PICK(isa, hone_entries)(t->cols, t->value + k, position, d->pair + count);
        for (k += j, count += j; j < t->cols; j++, k++) {
            uint64_t bits = bits_of(t->value[k]);
            if ((bits & EXPONENT) == EXPONENT) {
                if (isinf(t->value[k])) {
                    *at = k;
                    return false;
                }
                bits = CANONICAL_NAN;
                missing[j]++;
            }
            d->pair[count][0] = position + (uint64_t)j;
            d->pair[count][1] = bits;
            count += (bits << 1) != 0;
        }
    }
    d->count = count;
    settle(d);
    return true;
}

/* What one task works with. */
typedef struct desk {
    digest digest;
    tile tile;
    hone_isa isa;
    int64_t *missing; /* cols; dense */
} desk;

static hone_status dense(const hone_matrix *x, int64_t first, int64_t end, desk *k,
                         hone_error *error)
{
    tile *t = &k->tile;
    const int64_t cols = x->cols < TILE ? x->cols : TILE, rows = TILE / cols;
    for (t->i = first; t->i < end; t->i += rows) {
        t->rows = end - t->i < rows ? end - t->i : rows;
        for (t->j = 0; t->j < x->cols; t->j += cols) {
            t->cols = x->cols - t->j < cols ? x->cols - t->j : cols;
            if (x->dtype == HONE_F32)
                read_float(x, t);
            else
                read_double(x, t);
            int64_t at;
            if (!add_tile(&k->digest, t, k->isa, x->cols, k->missing + t->j, &at)) {
                char path[96];
                hone_place_cell(path, t->i + at / t->cols, t->j + at % t->cols);
                return hone_fail(error, HONE_BAD_DATA, path,
                                 "the value is infinite; values must be finite, NaN is missing");
            }
        }
    }
    return HONE_OK;
}

/* ---- sparse ---- */

static hone_status sparse(const hone_matrix *x, int64_t first, int64_t end, digest *d,
                          hone_error *error)
{
    int64_t since = 0;
    for (int64_t i = first; i < end; i++)
        for (int64_t k = x->row_start[i]; k < x->row_start[i + 1]; k++) {
            const double v = x->dtype == HONE_F32 ? (double)((const float *)x->values)[k]
                                                  : ((const double *)x->values)[k];
            if (!isfinite(v)) {
                char path[96];
                hone_place_element(path, "data.values", k);
                return hone_fail(error, HONE_BAD_DATA, path,
                                 isnan(v) ? "the value is NaN; rows with missing cells are given "
                                            "as a dense table"
                                          : "the value is infinite; values must be finite");
            }
            const uint64_t bits = bits_of(v);
            d->pair[d->count][0] = (uint64_t)i * (uint64_t)x->cols + (uint64_t)x->column[k];
            d->pair[d->count][1] = bits;
            d->count += (bits << 1) != 0;
            if (++since == TILE)
                settle(d), since = 0;
        }
    settle(d);
    return HONE_OK;
}

/* ---- both ---- */

/* Shape, names and types. Numeric columns with the default names add nothing. */
static uint64_t hash_schema(const hone_dataset *d)
{
    const int64_t shape[] = {d->table.rows, d->table.cols, d->named};
    uint64_t h = hone_hash(0, shape, sizeof shape);
    for (int64_t j = 0; d->column && j < d->table.cols; j++) {
        if (d->named)
            h = hone_hash_text(h, d->column[j].name);
        if (d->column[j].type == HONE_CATEGORICAL)
            h = hone_values_hash(&d->column[j].levels, h + (uint64_t)j);
    }
    return h;
}

/* Sums up the columns, and says which hold nothing. */
static void sum_up(hone_draft *draft)
{
    hone_dataset *d = draft->dataset;
    int64_t empty = 0, first = 0, levels = 0, holes = 0;
    for (int64_t j = 0; draft->column && j < d->table.cols; j++) {
        const hone_column_info *c = &draft->column[j];
        d->missing |= c->missing > 0;
        d->categories |= c->type == HONE_CATEGORICAL;
        levels += c->type == HONE_CATEGORICAL;
        holes += c->missing;
        if (c->missing == d->table.rows && !empty++)
            first = j;
    }
    hone_draft_log(draft, HONE_INFO,
                   "table: %lld rows, %lld numeric and %lld categorical columns, "
                   "%lld missing cells",
                   (long long)d->table.rows, (long long)(d->table.cols - levels), (long long)levels,
                   (long long)holes);
    for (int64_t j = 0; levels && j < d->table.cols; j++)
        if (draft->column[j].type == HONE_CATEGORICAL)
            hone_draft_log(draft, HONE_DEBUG, "column '%s': categorical, %lld levels",
                           draft->column[j].name, (long long)draft->column[j].levels.count);
    if (empty)
        hone_draft_log(draft, HONE_WARNING, "%lld column%s no value at all%s '%s'",
                       (long long)empty, empty == 1 ? " has" : "s have",
                       empty == 1 ? ":" : "; the first is", draft->column[first].name);
}

/* Units are dealt to the tasks in runs. */
typedef struct inspection {
    hone_draft *draft;
    hone_isa isa;
    int64_t unit_rows, units, tasks;
    uint64_t *hash; /* units */
} inspection;

static hone_status inspect_task(void *context, int64_t task, hone_arena *scratch, hone_error *error)
{
    const inspection *all = context;
    const hone_matrix *x = &all->draft->dataset->table;
    desk *k = HONE_RAW(scratch, desk, 1, 1);
    const bool is_sparse = x->layout == HONE_CSR;
    if (!k || !(k->missing = HONE_NEW(scratch, int64_t, is_sparse ? 0 : x->cols, 1)))
        return hone_no_memory(error);
    k->isa = all->isa;
    for (int64_t u = all->units * task / all->tasks; u < all->units * (task + 1) / all->tasks;
         u++) {
        const int64_t first = u * all->unit_rows;
        const int64_t end = x->rows - first < all->unit_rows ? x->rows : first + all->unit_rows;
        k->digest.hash = 0;
        k->digest.count = 0;
        HONE_TRY(is_sparse ? sparse(x, first, end, &k->digest, error)
                           : dense(x, first, end, k, error));
        all->hash[u] = finish(&k->digest);
    }
    for (int64_t j = 0; !is_sparse && j < x->cols; j++)
        if (k->missing[j])
            __atomic_fetch_add(&all->draft->column[j].missing, k->missing[j], __ATOMIC_RELAXED);
    return HONE_OK;
}

hone_status hone_draft_inspect(hone_draft *draft, hone_error *error)
{
    hone_dataset *d = draft->dataset;
    const int64_t rows = UNIT / d->table.cols > 1 ? UNIT / d->table.cols : 1;
    hone_simple_run storage;
    const hone_run *run = hone_run_simple(&storage, draft->options.threads);
    inspection all = {draft, hone_run_isa(run), rows, (d->table.rows + rows - 1) / rows, 0, NULL};
    all.tasks = all.units < TASKS ? all.units : TASKS;
    all.hash = HONE_RAW(draft->scratch, uint64_t, all.units, 1);
    if (!all.hash)
        return hone_no_memory(error);
    HONE_TRY(hone_for_blocks(run, all.tasks, inspect_task, &all, error));
    d->table_id = hone_hash(hash_schema(d), all.hash, (size_t)all.units * sizeof *all.hash);
    sum_up(draft);
    return HONE_OK;
}
