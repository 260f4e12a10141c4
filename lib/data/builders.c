/* The three ways to make a dataset from memory. */
#include <stdlib.h>

#include "data/cells.h"
#include "data/vector.h"

/* ---- dense ---- */

static hone_status check_array(const void *x, hone_dtype dtype, int64_t rows, int64_t cols,
                               int64_t row_stride, int64_t col_stride, hone_error *error)
{
    const int64_t size = (int64_t)hone_dtype_size(dtype);
    if (!x || !size || dtype == HONE_TEXT)
        return hone_fail(error, HONE_BAD_ARGUMENT, "data.x",
                         x ? "the element type is no number; text comes in columns"
                           : "there are no values");
    if ((uintptr_t)x % (uintptr_t)size)
        return hone_fail(error, HONE_BAD_ARGUMENT, "data.x",
                         "the memory is not aligned to its elements of %d bytes", (int)size);
    if ((rows > 1 && row_stride == 0) || (cols > 1 && col_stride == 0))
        return hone_fail(error, HONE_BAD_ARGUMENT, "data.x",
                         "a stride of 0: rows or columns lie on each other");
    int64_t down, right, all;
    if (row_stride == INT64_MIN || col_stride == INT64_MIN ||
        __builtin_mul_overflow(rows, llabs(row_stride), &down) ||
        __builtin_mul_overflow(cols, llabs(col_stride), &right) ||
        __builtin_add_overflow(down, right, &all) || __builtin_mul_overflow(all, size, &all))
        return hone_fail(error, HONE_BAD_ARGUMENT, "data.x",
                         "%lld x %lld elements with these strides exceed the address space",
                         (long long)rows, (long long)cols);
    return HONE_OK;
}

static bool any(const bool *flags, int64_t n)
{
    for (int64_t j = 0; flags && j < n; j++)
        if (flags[j])
            return true;
    return false;
}

static hone_status take_array(hone_draft *draft, const hone_cells *array, hone_error *error)
{
    hone_matrix *x = &draft->dataset->table;
    HONE_TRY(check_array(array->x, array->dtype, x->rows, x->cols, array->row_stride,
                         array->col_stride, error));
    const bool floats = array->dtype == HONE_F32 || array->dtype == HONE_F64;
    if (!floats || any(array->categorical, x->cols))
        return hone_cells_fill(draft, array, error);
    x->values = array->x;
    x->layout = HONE_DENSE;
    x->dtype = array->dtype;
    x->row_stride = array->row_stride;
    x->col_stride = array->col_stride;
    return HONE_OK;
}

hone_status hone_dataset_dense(const void *x, hone_dtype dtype, int64_t rows, int64_t cols,
                               int64_t row_stride, int64_t col_stride, hone_vector y,
                               const hone_dataset_options *options, hone_dataset **dataset,
                               hone_error *error)
{
    if (!dataset)
        return hone_fail(error, HONE_BAD_ARGUMENT, "dataset", "NULL; a place for it is needed");
    *dataset = NULL;
    hone_draft draft;
    hone_status status = hone_draft_open(&draft, rows, cols, true, NULL, options, error);
    const hone_cells array = {.x = x,
                              .dtype = dtype,
                              .row_stride = rows > 1 ? row_stride : 1,
                              .col_stride = cols > 1 ? col_stride : 1,
                              .categorical = draft.options.categorical};
    if (!status)
        status = take_array(&draft, &array, error);
    return hone_draft_close(&draft, status, y, dataset, error);
}

/* ---- columns ---- */

/* The names of the columns and their types stand in the columns themselves. */
static hone_status gather_names(const hone_column *columns, int64_t cols,
                                const hone_dataset_options *options, const char ***names,
                                hone_error *error)
{
    if (!columns || cols < 1)
        return hone_fail(error, HONE_BAD_DATA, "data.columns",
                         "%lld columns; at least one is needed", (long long)(columns ? cols : 0));
    if (options && options->size > offsetof(hone_dataset_options, categorical) &&
        (options->names || options->categorical))
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.names",
                         "names and types stand in the columns, not in the options");
    int64_t named = 0;
    for (int64_t j = 0; j < cols; j++)
        named += columns[j].name != NULL;
    if (named == 0)
        return HONE_OK;
    *names =
        (size_t)cols < SIZE_MAX / sizeof **names ? hone_alloc((size_t)cols * sizeof **names) : NULL;
    if (!*names)
        return hone_no_memory(error);
    for (int64_t j = 0; j < cols; j++)
        (*names)[j] = columns[j].name;
    return HONE_OK;
}

hone_status hone_dataset_columns(const hone_column *columns, int64_t cols, int64_t rows,
                                 hone_vector y, const hone_dataset_options *options,
                                 hone_dataset **dataset, hone_error *error)
{
    if (!dataset)
        return hone_fail(error, HONE_BAD_ARGUMENT, "dataset", "NULL; a place for it is needed");
    *dataset = NULL;
    const char **names = NULL;
    HONE_TRY(gather_names(columns, cols, options, &names, error));
    hone_draft draft;
    hone_status status = hone_draft_open(&draft, rows, cols, true, names, options, error);
    draft.wary = y.values && !draft.options.any_words;
    if (!status)
        status = hone_cells_fill(&draft, &(hone_cells){.column = columns}, error);
    hone_free(names);
    return hone_draft_close(&draft, status, y, dataset, error);
}

/* ---- sparse rows ---- */

typedef struct sparse {
    const void *values, *row_start, *column;
    hone_dtype dtype, row_start_dtype, column_dtype;
} sparse;

static hone_status check_sparse(const sparse *s, const hone_matrix *x, hone_error *error)
{
    const hone_dtype whole[] = {s->row_start_dtype, s->column_dtype};
    const void *memory[] = {s->row_start, s->column};
    static const char *const path[] = {"data.indptr", "data.indices"};
    for (int k = 0; k < 2; k++) {
        if (whole[k] != HONE_I32 && whole[k] != HONE_I64 && whole[k] != HONE_U32 &&
            whole[k] != HONE_U64)
            return hone_fail(error, HONE_BAD_ARGUMENT, path[k],
                             "element type %d; 32 or 64-bit integers are needed", (int)whole[k]);
        if ((uintptr_t)memory[k] % hone_dtype_size(whole[k]))
            return hone_fail(error, HONE_BAD_ARGUMENT, path[k], "the memory is not aligned");
    }
    if (!s->row_start)
        return hone_fail(error, HONE_BAD_ARGUMENT, "data.indptr", "there are no offsets");
    if (x->cols > INT32_MAX)
        return hone_fail(error, HONE_BAD_DATA, "data.x",
                         "%lld columns; sparse rows have at most 2147483647", (long long)x->cols);
    return HONE_OK;
}

/* Offsets from 0, ascending; int64 ones stay where they are. */
static hone_status take_offsets(hone_draft *draft, const sparse *s, hone_error *error)
{
    hone_dataset *d = draft->dataset;
    const int64_t count = d->table.rows + 1;
    const hone_vector given = {.values = s->row_start, .dtype = s->row_start_dtype};
    int64_t *made = s->row_start_dtype == HONE_I64 ? NULL : HONE_RAW(d->memory, int64_t, count, 1);
    if (s->row_start_dtype != HONE_I64 && !made)
        return hone_no_memory(error);
    int64_t last = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t at = -1;
        bool overflow = false;
        hone_vector_integer(&given, i, &at, &overflow);
        if (overflow || at < last || (i == 0 && at != 0)) {
            char path[96];
            hone_place_element(path, "data.indptr", i);
            return hone_fail(error, HONE_BAD_DATA, path,
                             "%lld: offsets start at 0 and never descend", (long long)at);
        }
        last = at;
        if (made)
            made[i] = at;
    }
    d->table.row_start = made ? made : s->row_start;
    return HONE_OK;
}

static hone_status take_columns(hone_draft *draft, const sparse *s, hone_error *error)
{
    hone_dataset *d = draft->dataset;
    const int64_t *start = d->table.row_start;
    const hone_vector given = {.values = s->column, .dtype = s->column_dtype};
    int32_t *made =
        s->column_dtype == HONE_I32 ? NULL : HONE_RAW(d->memory, int32_t, start[d->table.rows], 1);
    if (s->column_dtype != HONE_I32 && !made)
        return hone_no_memory(error);
    for (int64_t i = 0; i < d->table.rows; i++) {
        int64_t last = -1;
        for (int64_t k = start[i]; k < start[i + 1]; k++) {
            int64_t j = -1;
            bool overflow = false;
            hone_vector_integer(&given, k, &j, &overflow);
            if (overflow || j <= last || j >= d->table.cols) {
                char path[96];
                hone_place_element(path, "data.indices", k);
                return hone_fail(
                    error, HONE_BAD_DATA, path,
                    "column %lld in row %lld: columns of a row ascend within 0 .. %lld",
                    (long long)j, (long long)i, (long long)d->table.cols - 1);
            }
            last = j;
            if (made)
                made[k] = (int32_t)j;
        }
    }
    d->table.column = made ? made : s->column;
    return HONE_OK;
}

enum { BLOCK = 1024 };

static hone_status take_values(hone_draft *draft, const sparse *s, hone_error *error)
{
    hone_dataset *d = draft->dataset;
    const int64_t count = d->table.row_start[d->table.rows];
    const hone_vector given = {.values = s->values, .dtype = s->dtype};
    if (s->dtype == HONE_TEXT)
        return hone_fail(error, HONE_BAD_ARGUMENT, "data.values", "values are numbers, not text");
    HONE_TRY(hone_vector_check(&given, count, "data.values", error));
    if (count && (!s->values || !s->column))
        return hone_fail(error, HONE_BAD_ARGUMENT, "data.values",
                         "%lld entries, but no values or no column numbers", (long long)count);
    d->table.dtype = hone_dtype_fits_f32(s->dtype) ? HONE_F32 : HONE_F64;
    d->table.values = s->values;
    if (s->dtype == d->table.dtype)
        return HONE_OK;
    const bool narrow = d->table.dtype == HONE_F32;
    void *made = hone_arena_alloc_raw(d->memory, count, 1, narrow ? 4 : 8);
    if (!made)
        return hone_no_memory(error);
    double block[BLOCK];
    for (int64_t k = 0; k < count; k += BLOCK) {
        const int64_t some = count - k < BLOCK ? count - k : BLOCK;
        hone_vector_numbers(&given, k, some, block);
        for (int64_t e = 0; e < some; e++)
            if (narrow)
                ((float *)made)[k + e] = (float)block[e];
            else
                ((double *)made)[k + e] = block[e];
    }
    d->table.values = made;
    return HONE_OK;
}

static hone_status take_sparse(hone_draft *draft, const sparse *s, hone_error *error)
{
    draft->dataset->table.layout = HONE_CSR;
    if (draft->options.categorical && any(draft->options.categorical, draft->dataset->table.cols))
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.categorical",
                         "sparse rows hold numbers only");
    HONE_TRY(check_sparse(s, &draft->dataset->table, error));
    HONE_TRY(take_offsets(draft, s, error));
    HONE_TRY(take_values(draft, s, error));
    return take_columns(draft, s, error);
}

static hone_status make_sparse(const sparse *s, int64_t rows, int64_t cols,
                               const hone_indices *indices, hone_vector y,
                               const hone_dataset_options *options, hone_dataset **dataset,
                               hone_error *error)
{
    if (!dataset)
        return hone_fail(error, HONE_BAD_ARGUMENT, "dataset", "NULL; a place for it is needed");
    *dataset = NULL;
    hone_draft draft;
    hone_status status = hone_draft_open(&draft, rows, cols, false, NULL, options, error);
    if (!status) {
        draft.dataset->indices = *indices;
        status = take_sparse(&draft, s, error);
    }
    return hone_draft_close(&draft, status, y, dataset, error);
}

hone_status hone_dataset_csr(const void *values, hone_dtype dtype, const void *row_start,
                             hone_dtype row_start_dtype, const void *column,
                             hone_dtype column_dtype, int64_t rows, int64_t cols, hone_vector y,
                             const hone_dataset_options *options, hone_dataset **dataset,
                             hone_error *error)
{
    const sparse s = {values, row_start, column, dtype, row_start_dtype, column_dtype};
    return make_sparse(&s, rows, cols, &(hone_indices){0}, y, options, dataset, error);
}

hone_status hone_dataset_indexed(const hone_matrix *x, const hone_indices *indices, hone_vector y,
                                 const hone_dataset_options *options, hone_dataset **dataset,
                                 hone_error *error)
{
    const sparse s = {x->values, x->row_start, x->column, x->dtype, HONE_I64, HONE_I32};
    return make_sparse(&s, x->rows, x->cols, indices, y, options, dataset, error);
}
