/* A counting sort of the entries by column: two passes over the rows. Dense numeric columns keep
 * all their rows, also those where they are 0: shifted, they are not.
 */
#include "toolbox/linear/columns.h"

#include "toolbox/linear/tile.h"
#include "toolbox/rows.h"

static void count_csr(const hone_matrix *x, int64_t *count)
{
    for (int64_t i = 0; i < x->rows; i++) {
        const int64_t r = hone_row_id(x, i);
        for (int64_t k = x->row_start[r]; k < x->row_start[r + 1]; k++)
            count[x->column[k]]++;
    }
}

static hone_status fill_csr(const hone_fit_job *job, const hone_design *d, hone_columns *c,
                            int64_t *to, hone_error *error)
{
    int64_t most = 0;
    for (int64_t i = 0; i < d->rows; i++) {
        const int64_t room = hone_row_room(&job->x, i);
        most = room > most ? room : most;
    }
    int32_t *column = HONE_RAW(job->scratch, int32_t, most + 1, 1);
    double *value = HONE_RAW(job->scratch, double, most + 1, 1);
    if (!column || !value)
        return hone_no_memory(error);
    for (int64_t i = 0; i < d->rows; i++) {
        const int64_t count = hone_row_entries(&job->x, i, column, value);
        for (int64_t k = 0; k < count; k++) {
            const int64_t at = to[column[k]]++;
            c->row[at] = (int32_t)i;
            c->value[at] = value[k] / d->scale[column[k]];
        }
        if (i % HONE_TILE == 0 && hone_stopping(job->run) == HONE_CANCEL)
            return HONE_STOPPED;
    }
    return HONE_OK;
}

static hone_status fill_dense(const hone_fit_job *job, const hone_design *d, hone_columns *c,
                              int64_t *to, hone_error *error)
{
    double *tile = HONE_RAW(job->scratch, double, HONE_TILE, d->stride);
    if (!tile)
        return hone_no_memory(error);
    for (int64_t first = 0; first < d->rows; first += HONE_TILE) {
        const int64_t rows = d->rows - first < HONE_TILE ? d->rows - first : HONE_TILE;
        hone_design_tile_f64(d, &job->x, hone_run_isa(job->run), first, rows, tile);
        for (int64_t j = 0; j < d->numeric; j++)
            for (int64_t i = 0; i < rows; i++) {
                const int64_t at = to[j]++;
                c->row[at] = (int32_t)(first + i);
                c->value[at] = tile[i * d->stride + j];
            }
        for (int64_t i = first; i < first + rows && d->mark; i++)
            for (int64_t k = d->mark_start[i]; k < d->mark_start[i + 1]; k++) {
                c->row[to[d->mark[k]]] = (int32_t)i;
                c->value[to[d->mark[k]]++] = 1;
            }
        if (hone_stopping(job->run) == HONE_CANCEL)
            return HONE_STOPPED;
    }
    return HONE_OK;
}

hone_status hone_columns_build(const hone_fit_job *job, const hone_design *d, hone_columns *c,
                               hone_error *error)
{
    const bool sparse = job->x.layout == HONE_CSR;
    if (d->rows > INT32_MAX)
        return hone_fail(error, HONE_UNSUPPORTED, "data.x", "%lld rows are more than 2^31 - 1",
                         (long long)d->rows);
    c->start = HONE_NEW(job->keep, int64_t, d->size + 1, 1);
    int64_t *to = HONE_NEW(job->scratch, int64_t, d->size + 1, 1);
    if (!c->start || !to)
        return hone_no_memory(error);
    if (sparse)
        count_csr(&job->x, to);
    for (int64_t j = 0; j < d->numeric && !sparse; j++)
        to[j] = d->rows;
    for (int64_t k = 0; d->mark && k < d->mark_start[d->rows]; k++)
        to[d->mark[k]]++;
    for (int64_t j = 0; j < d->size; j++) {
        c->start[j + 1] = c->start[j] + to[j];
        to[j] = c->start[j];
    }
    c->row = HONE_RAW(job->keep, int32_t, c->start[d->size] + 1, 1);
    c->value = HONE_RAW(job->keep, double, c->start[d->size] + 1, 1);
    if (!c->row || !c->value)
        return hone_no_memory(error);
    hone_work(job->run, 2 * c->start[d->size]);
    return sparse ? fill_csr(job, d, c, to, error) : fill_dense(job, d, c, to, error);
}

int64_t hone_columns_block(const hone_columns *c, int64_t size, int64_t b, int64_t blocks)
{
    if (b >= blocks)
        return size;
    const int64_t entry = (c->start[size] + size) / blocks * b;
    int64_t low = 0, high = size;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (c->start[middle] + middle < entry)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static hone_status build_recipe(const hone_fit_job *job, const int64_t key[HONE_KEY], void *object,
                                hone_error *error)
{
    const hone_design *design;
    HONE_TRY(hone_design_of_rows(job->shared, key[0] != 0, &design, error));
    return hone_columns_build(job, design, object, error);
}

static const hone_recipe COLUMNS = {"linear.columns/1", HONE_OF_ROWS, sizeof(hone_columns),
                                    build_recipe};

hone_status hone_columns_of_rows(hone_shared *shared, bool intercept, const hone_columns **columns,
                                 hone_error *error)
{
    const int64_t key[HONE_KEY] = {intercept};
    const void *object = NULL;
    HONE_TRY(hone_derive(shared, &COLUMNS, key, &object, error));
    *columns = object;
    return HONE_OK;
}
