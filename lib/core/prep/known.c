/* A table's columns have the levels of all of its rows. To a model those that no training row holds
 * must look like levels that nobody ever saw: neither their number nor their place in the order may
 * change its fit.
 */
#include "core/prep/known.h"

#include "data/values.h"
#include "toolbox/rows.h"

/* Marks the levels that the rows hold; gives how many they do not. */
static int64_t mark(const hone_matrix *x, const int64_t *start, const int64_t *categorical,
                    int64_t count, bool *there)
{
    int64_t left = start[x->cols];
    for (int64_t i = 0; i < x->rows && left; i++)
        for (int64_t c = 0; c < count; c++) {
            const int64_t j = categorical[c];
            const double v = hone_element(x, i, j);
            if (!(v >= 0 && v < x->levels[j]))
                continue;
            bool *level = &there[start[j] + (int64_t)v];
            left -= !*level;
            *level = true;
        }
    return left;
}

/* The levels of column `j` that are there, and the new code of each old one. */
static hone_status learn(const hone_column_info *from, const bool *there, hone_arena *keep,
                         hone_arena *scratch, hone_column_info *to, int32_t *code,
                         hone_error *error)
{
    const hone_values *all = &from->levels;
    HONE_TRY(hone_values_part(all, there, from->by_number, keep, scratch, &to->levels, error));
    for (int64_t k = 0; k < all->count; k++) {
        const int64_t now = hone_values_match(all, k, &to->levels);
        code[k] = (int32_t)(now < 0 ? to->levels.count : now);
    }
    return HONE_OK;
}

static hone_status learn_all(const hone_dataset *d, const bool *there, const int64_t *start,
                             hone_arena *keep, hone_arena *scratch, hone_known *known,
                             hone_error *error)
{
    const int64_t cols = d->table.cols;
    hone_column_info *column = HONE_RAW(keep, hone_column_info, cols, 1);
    int32_t *code = HONE_RAW(keep, int32_t, start[cols], 1);
    int32_t *levels = HONE_RAW(keep, int32_t, cols, 1);
    if (!column || !code || !levels)
        return hone_no_memory(error);
    for (int64_t j = 0; j < cols; j++) {
        column[j] = d->column[j];
        if (column[j].type == HONE_CATEGORICAL)
            HONE_TRY(learn(&d->column[j], there + start[j], keep, scratch, &column[j],
                           code + start[j], error));
        levels[j] = (int32_t)column[j].levels.count;
    }
    *known = (hone_known){column, levels, start, code};
    return HONE_OK;
}

hone_status hone_known_levels(const hone_dataset *d, const hone_matrix *x, hone_arena *keep,
                              hone_arena *scratch, const hone_known **known, hone_error *error)
{
    const int64_t cols = x->cols;
    *known = NULL;
    if (!x->levels || !x->row) /* whatever a column's levels are, some row holds each */
        return HONE_OK;
    hone_known *own = HONE_NEW(keep, hone_known, 1, 1);
    int64_t *start = HONE_NEW(keep, int64_t, cols + 1, 1);
    int64_t *categorical = HONE_RAW(scratch, int64_t, cols, 1), count = 0;
    if (!own || !start || !categorical)
        return hone_no_memory(error);
    for (int64_t j = 0; j < cols; j++) {
        start[j + 1] = start[j] + x->levels[j];
        if (x->levels[j])
            categorical[count++] = j;
    }
    bool *there = HONE_NEW(scratch, bool, start[cols], 1);
    if (!there)
        return hone_no_memory(error);
    if (!mark(x, start, categorical, count, there))
        return HONE_OK;
    HONE_TRY(learn_all(d, there, start, keep, scratch, own, error));
    *known = own;
    return HONE_OK;
}
