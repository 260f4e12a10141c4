/* Save and load of any fitted state, from its field table.
 *
 * Counts are read before the arrays whose lengths they give; an array is allocated once the bytes
 * that fill it are known to be there, and its rule is applied before anything uses it. Bytes are
 * those of a little-endian machine, fields in the order of the table, each padded with zeros to a
 * multiple of 8.
 */
#include "core/state.h"

#include <string.h>

#include "data/vector.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "states are stored as they lie");

/* No count of anything reaches this: products of two counts are checked apart. */
static const int64_t MOST = INT64_C(1) << 48;

int64_t hone_extent_length(hone_extent e, const hone_shape *shape, const void *state)
{
    switch (e.of) {
    case HONE_COUNT_AT:
        return *(const int64_t *)((const char *)state + e.offset) + e.plus;
    case HONE_FEATURES:
        return shape->features + e.plus;
    case HONE_OUTPUTS:
        return shape->outputs + e.plus;
    case HONE_PLAIN:
        break;
    }
    return e.plus;
}

int64_t hone_field_rows(const hone_field *f, const hone_shape *shape, const void *state)
{
    return f->is_array ? hone_extent_length(f->rows, shape, state) : 1;
}

int64_t hone_field_cols(const hone_field *f, const hone_shape *shape, const void *state)
{
    return f->is_array ? hone_extent_length(f->cols, shape, state) : 1;
}

const void *hone_field_values(const hone_field *f, const void *state)
{
    const void *at = (const char *)state + f->offset;
    return f->is_array ? *(const void *const *)at : at;
}

static size_t padding(size_t bytes)
{
    return (8 - bytes % 8) % 8;
}

size_t hone_state_save(const hone_field *fields, const hone_shape *shape, const void *state,
                       unsigned char *out)
{
    size_t done = 0;
    for (const hone_field *f = fields; f->name; f++) {
        const size_t bytes = (size_t)hone_field_rows(f, shape, state) *
                             (size_t)hone_field_cols(f, shape, state) * hone_dtype_size(f->dtype);
        if (out && bytes)
            memcpy(out + done, hone_field_values(f, state), bytes);
        done += bytes;
        if (out)
            memset(out + done, 0, padding(bytes));
        done += padding(bytes);
    }
    return done;
}

hone_status hone_state_copy(const hone_field *fields, const hone_shape *shape, const void *state,
                            hone_arena *keep, void *copy, hone_error *error)
{
    for (const hone_field *f = fields; f->name; f++) {
        const int64_t rows = hone_field_rows(f, shape, state);
        const int64_t cols = hone_field_cols(f, shape, state);
        const size_t bytes = (size_t)rows * (size_t)cols * hone_dtype_size(f->dtype);
        void *to = (char *)copy + f->offset;
        if (f->is_array) {
            void *array = hone_arena_alloc_raw(keep, rows, cols, hone_dtype_size(f->dtype));
            if (!array)
                return hone_no_memory(error);
            memcpy(to, &array, sizeof array);
            to = array;
        }
        if (bytes)
            memcpy(to, hone_field_values(f, state), bytes);
    }
    return HONE_OK;
}

/* ---- rules ---- */

static bool all_finite(const hone_field *f, const void *values, int64_t count)
{
    if (f->dtype != HONE_F32 && f->dtype != HONE_F64)
        return true;
    for (int64_t k = 0; k < count; k++)
        if (!isfinite(f->dtype == HONE_F64 ? ((const double *)values)[k]
                                           : (double)((const float *)values)[k]))
            return false;
    return true;
}

/* False for element types that are no integers of the field macros. */
static bool integer(hone_dtype dtype, const void *values, int64_t k, int64_t *v)
{
    switch (dtype) {
    case HONE_U8:
        *v = ((const uint8_t *)values)[k];
        return true;
    case HONE_U16:
        *v = ((const uint16_t *)values)[k];
        return true;
    case HONE_U32:
        *v = ((const uint32_t *)values)[k];
        return true;
    case HONE_I32:
        *v = ((const int32_t *)values)[k];
        return true;
    case HONE_I64:
        *v = ((const int64_t *)values)[k];
        return true;
    default:
        return false;
    }
}

static bool all_within(const hone_field *f, const void *values, int64_t count, int64_t below)
{
    for (int64_t k = 0, v; k < count; k++)
        if (!integer(f->dtype, values, k, &v) || v < f->rule.low || v >= below)
            return false;
    return true;
}

static bool are_offsets(const hone_field *f, const void *values, int64_t count, int64_t last)
{
    int64_t before = 0, v = -1;
    for (int64_t k = 0; k < count; k++, before = v)
        if (!integer(f->dtype, values, k, &v) || v < before || (k == 0 && v != 0))
            return false;
    return v == last;
}

static hone_status obey(const hone_field *f, const hone_shape *shape, const void *state,
                        const void *values, int64_t count, hone_error *error)
{
    const int64_t below = hone_extent_length(f->rule.below, shape, state);
    switch (f->rule.kind) {
    case HONE_ANY:
        return HONE_OK;
    case HONE_FINITE:
        if (all_finite(f, values, count))
            return HONE_OK;
        return hone_fail(error, HONE_CORRUPT, f->name, "holds a value that is not finite");
    case HONE_WITHIN:
        if (all_within(f, values, count, below))
            return HONE_OK;
        return hone_fail(error, HONE_CORRUPT, f->name, "holds a value outside [%lld, %lld)",
                         (long long)f->rule.low, (long long)below);
    case HONE_OFFSETS:
        if (are_offsets(f, values, count, below))
            return HONE_OK;
        return hone_fail(error, HONE_CORRUPT, f->name, "must ascend from 0 to %lld",
                         (long long)below);
    case HONE_UNRULED:
        break;
    }
    return hone_fail(error, HONE_INTERNAL, f->name, "has no rule in the module's state table");
}

static hone_status obey_scalar(const hone_field *f, const void *state, hone_error *error)
{
    const char *member = (const char *)state + f->offset;
    if (f->dtype == HONE_F64 && !isfinite(*(const double *)(const void *)member))
        return hone_fail(error, HONE_CORRUPT, f->name, "is not finite");
    if (f->dtype == HONE_I64) {
        const int64_t count = *(const int64_t *)(const void *)member;
        if (count < 0 || count > MOST)
            return hone_fail(error, HONE_CORRUPT, f->name, "is no count: %lld", (long long)count);
    }
    return HONE_OK;
}

hone_status hone_state_check(const hone_field *fields, const hone_shape *shape, const void *state,
                             hone_error *error)
{
    for (const hone_field *f = fields; f->name; f++) {
        const int64_t rows = hone_field_rows(f, shape, state);
        const int64_t cols = hone_field_cols(f, shape, state);
        if (rows < 0 || cols < 0)
            return hone_fail(error, HONE_CORRUPT, f->name, "%lld x %lld values are none",
                             (long long)rows, (long long)cols);
        if (f->is_array && rows && cols && !hone_field_values(f, state))
            return hone_fail(error, HONE_CORRUPT, f->name, "%lld x %lld values are not there",
                             (long long)rows, (long long)cols);
        HONE_TRY(f->is_array
                     ? obey(f, shape, state, hone_field_values(f, state), rows * cols, error)
                     : obey_scalar(f, state, error));
    }
    return HONE_OK;
}

/* ---- load ---- */

typedef struct reader {
    const unsigned char *in;
    size_t left;
} reader;

/* `bytes` and their padding, which must be zero; NULL: not there. */
static const void *take(reader *r, size_t bytes)
{
    const unsigned char *at = r->in;
    const size_t pad = padding(bytes);
    if (bytes > r->left || pad > r->left - bytes)
        return NULL;
    for (size_t k = 0; k < pad; k++)
        if (at[bytes + k])
            return NULL;
    r->in += bytes + pad;
    r->left -= bytes + pad;
    return at;
}

static hone_status load_scalar(const hone_field *f, reader *r, void *state, hone_error *error)
{
    const void *at = take(r, 8);
    if (!at)
        return hone_fail(error, HONE_CORRUPT, f->name, "is cut off");
    memcpy((char *)state + f->offset, at, 8);
    return obey_scalar(f, state, error);
}

static hone_status load_array(const hone_field *f, const hone_shape *shape, reader *r,
                              hone_arena *keep, void *state, hone_error *error)
{
    const int64_t rows = hone_field_rows(f, shape, state);
    const int64_t cols = hone_field_cols(f, shape, state);
    size_t bytes;
    const void *at = NULL;
    if (rows >= 0 && cols >= 0 && !__builtin_mul_overflow((size_t)rows, (size_t)cols, &bytes) &&
        !__builtin_mul_overflow(bytes, hone_dtype_size(f->dtype), &bytes))
        at = take(r, bytes);
    if (!at)
        return hone_fail(error, HONE_CORRUPT, f->name,
                         "%lld x %lld values are not there, or not padded with zeros",
                         (long long)rows, (long long)cols);
    void *array = hone_arena_alloc_raw(keep, rows, cols, hone_dtype_size(f->dtype));
    if (!array)
        return hone_no_memory(error);
    memcpy(array, at, bytes);
    memcpy((char *)state + f->offset, &array, sizeof array);
    return obey(f, shape, state, array, rows * cols, error);
}

hone_status hone_state_load(const hone_field *fields, const hone_shape *shape,
                            const unsigned char *in, size_t size, hone_arena *keep, void *state,
                            hone_error *error)
{
    reader r = {in, size};
    for (const hone_field *f = fields; f->name; f++)
        HONE_TRY(f->is_array ? load_array(f, shape, &r, keep, state, error)
                             : load_scalar(f, &r, state, error));
    if (r.left)
        return hone_fail(error, HONE_CORRUPT, "end", "%zu bytes follow the last field", r.left);
    return HONE_OK;
}
