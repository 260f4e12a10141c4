/* The table that grows: rows x features, float32 until a number needs float64. */
#include "data/csv.h"

#include <string.h>

static void widen(csv *c)
{
    const float *narrow = c->table;
    double *wide = c->table;
    for (int64_t i = (c->again ? c->all_rows : c->rows) * c->features; i-- > 0;) {
        const float v = narrow[i];
        wide[i] = v;
    }
}

static int64_t expected_rows(const csv *c, int64_t rows)
{
    const double share = hone_source_fraction(c->window.source);
    const double all = share > 0 ? (double)rows / share : 0;
    return all > (double)rows && all < 1e15 ? (int64_t)(all * 1.02) : rows;
}

/* Rows to come are foreseen, so that a large table is laid out once: pages that are not written
 * take no memory. */
static bool grow_exactly(hone_account *account, void *array, int64_t *room, int64_t need,
                         int64_t foreseen, size_t element)
{
    if (need <= *room)
        return true;
    void **at = array;
    const int64_t wish[2] = {foreseen > need ? foreseen : need, need};
    for (int i = 0; i < 2; i++) {
        const int64_t bytes = (wish[i] - *room) * (int64_t)element;
        if (wish[i] > INT64_MAX / 2 / (int64_t)element || !hone_account_take(account, bytes))
            continue;
        void *larger = hone_realloc(*at, (size_t)wish[i] * element);
        if (larger) {
            hone_huge_pages(larger, (size_t)wish[i] * element);
            *at = larger;
            *room = wish[i];
            return true;
        }
        hone_account_give(account, bytes);
    }
    return false;
}

static hone_status make_room(csv *c, int64_t rows, bool wide, hone_error *error)
{
    const int64_t foreseen = expected_rows(c, rows);
    hone_account *account = &c->r->account;
    if (wide && c->dtype == HONE_F32) {
        hone_account_give(account, c->table_room * 4);
        const int64_t room = c->table_room / 2;
        c->table_room = room;
        c->dtype = HONE_F64;
        if (!hone_account_take(account, room * 8))
            return hone_no_memory(error);
        if (!grow_exactly(account, &c->table, &c->table_room, rows * c->features,
                          foreseen * c->features, 8))
            return hone_no_memory(error);
        widen(c);
    }
    const size_t element = c->dtype == HONE_F32 ? 4 : 8;
    if (!grow_exactly(account, &c->table, &c->table_room, rows * c->features,
                      foreseen * c->features, element) ||
        (c->target >= 0 && !grow_exactly(account, &c->label, &c->label_room, rows, foreseen, 8)) ||
        (c->weight >= 0 &&
         !grow_exactly(account, &c->weights, &c->weights_room, rows, foreseen, 8)))
        return hone_no_memory(error);
    return HONE_OK;
}

/* Words that were new to the chunk get their number in the column. */
static void recode(const csv *c, csv_chunk *k)
{
    for (int64_t s = 0; s < c->slots; s++) {
        const hone_dictionary *fresh = &k->fresh[s];
        const double known = (double)c->known[s];
        for (int64_t i = 0; fresh->count && i < k->rows; i++) {
            double *v = &k->values[i * c->slots + s];
            if (*v >= known)
                *v = (double)fresh->word[(int64_t)(*v - known)].code;
        }
    }
}

static void put(const csv *c, int64_t row, int64_t feature, double value)
{
    const int64_t at = row * c->features + feature;
    if (c->dtype == HONE_F32)
        ((float *)c->table)[at] = (float)value;
    else
        ((double *)c->table)[at] = value;
}

static void put_row(const csv *c, int64_t row, const double *values)
{
    if (c->dtype == HONE_F64) {
        memcpy((double *)c->table + row * c->features, values,
               (size_t)c->features * sizeof *values);
        return;
    }
    float *to = (float *)c->table + row * c->features;
    for (int64_t j = 0; j < c->features; j++)
        to[j] = (float)values[j];
}

static hone_status store_chunk(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    const csv *c = context;
    csv_chunk *k = (csv_chunk *)&c->chunk[block];
    (void)scratch;
    (void)error;
    recode(c, k);
    for (int64_t i = 0; i < k->rows; i++) {
        const double *values = k->values + i * c->slots;
        const int64_t row = k->first_row + i;
        if (!c->again)
            put_row(c, row, values);
        for (int64_t s = c->again ? 0 : c->features; s < c->slots; s++) {
            const csv_column *column = &c->column[c->at[s]];
            if (column->feature >= 0)
                put(c, row, column->feature, values[s]);
            else
                (c->at[s] == c->target ? c->label : c->weights)[row] = values[s];
        }
    }
    return HONE_OK;
}

hone_status hone_csv_store(csv *c, int used, int64_t rows, bool wide, hone_error *error)
{
    for (int64_t s = 0; s < c->slots; s++) { /* a code is a float up to 2^24 */
        const hone_dictionary *d = c->column[c->at[s]].levels;
        wide |= d && d->count > 1 << 24;
    }
    if (c->again && c->rows + rows > c->all_rows)
        return hone_fail(error, HONE_IO, c->r->file, "changed while it was read");
    HONE_TRY(make_room(c, c->again ? c->all_rows : c->rows + rows, wide, error));
    const hone_run *run = hone_reading_run(c->r, rows * c->features * (int64_t)sizeof(double));
    return hone_for_blocks(run, used, store_chunk, c, error);
}
