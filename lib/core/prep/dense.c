#include "core/prep/dense.h"

#include "core/params.h"
#include "data/vector.h"
#include "toolbox/rows.h"

bool hone_dense_needed(const hone_dataset *d, unsigned takes)
{
    return d->table.layout == HONE_CSR && !(takes & HONE_TAKES_SPARSE);
}

int64_t hone_dense_bytes(const hone_matrix *x)
{
    int64_t bytes;
    if (__builtin_mul_overflow(x->rows, x->cols, &bytes) ||
        __builtin_mul_overflow(bytes, (int64_t)hone_dtype_size(x->dtype), &bytes))
        return INT64_MAX;
    return bytes;
}

hone_status hone_dense_check(const hone_dataset *d, const hone_algorithm *a, unsigned takes,
                             const hone_account *account, hone_error *error)
{
    const int64_t bytes = hone_dense_bytes(&d->table), cap = account ? account->cap : 0;
    if (bytes <= (cap ? cap : HONE_DENSE_MOST))
        return HONE_OK;
    if (cap)
        return hone_fail(
            error, HONE_NO_MEMORY, "data",
            "%s takes no sparse rows%s, and a dense copy of %lld x %lld cells takes %lld "
            "bytes, but the memory cap is %lld",
            a->name, hone_takes_note(a, takes), (long long)d->table.rows, (long long)d->table.cols,
            (long long)bytes, (long long)cap);
    return hone_fail(
        error, HONE_UNSUPPORTED, "data",
        "%s takes no sparse rows%s, and a dense copy of %lld x %lld cells takes %lld bytes; "
        "more than %lld are taken only where a memory cap allows it",
        a->name, hone_takes_note(a, takes), (long long)d->table.rows, (long long)d->table.cols,
        (long long)bytes, (long long)HONE_DENSE_MOST);
}

hone_status hone_dense_copy(const hone_matrix *x, hone_arena *arena, hone_matrix *out,
                            hone_error *error)
{
    void *values = hone_arena_alloc_raw(arena, x->rows, x->cols, hone_dtype_size(x->dtype));
    if (!values)
        return hone_no_memory(error);
    if (x->dtype == HONE_F32)
        hone_rows_f32(x, 0, x->rows, values, x->cols);
    else
        hone_rows_f64(x, 0, x->rows, values, x->cols);
    *out = (hone_matrix){.values = values,
                         .layout = HONE_DENSE,
                         .dtype = x->dtype,
                         .rows = x->rows,
                         .cols = x->cols,
                         .stored_cols = x->cols,
                         .row_stride = x->cols,
                         .col_stride = 1};
    return HONE_OK;
}
