/* One switch over the element types per block of elements, none per element. */
#include "data/vector.h"

#include <math.h>

static int64_t stride_of(const hone_vector *v)
{
    return v->stride ? v->stride : 1;
}

size_t hone_dtype_size(hone_dtype dtype)
{
    switch (dtype) {
    case HONE_U8:
    case HONE_I8:
    case HONE_BOOLEAN:
        return 1;
    case HONE_U16:
    case HONE_I16:
    case HONE_F16:
        return 2;
    case HONE_F32:
    case HONE_U32:
    case HONE_I32:
        return 4;
    case HONE_F64:
    case HONE_I64:
    case HONE_U64:
        return 8;
    case HONE_TEXT:
        return sizeof(char *);
    }
    return 0;
}

bool hone_dtype_real(hone_dtype dtype)
{
    return dtype == HONE_F32 || dtype == HONE_F64 || dtype == HONE_F16;
}

bool hone_dtype_whole(hone_dtype dtype)
{
    return !hone_dtype_real(dtype) && dtype != HONE_TEXT;
}

bool hone_dtype_fits_f32(hone_dtype dtype)
{
    return dtype == HONE_F32 || (dtype != HONE_TEXT && hone_dtype_size(dtype) <= 2);
}

hone_status hone_vector_check(const hone_vector *v, int64_t rows, const char *path,
                              hone_error *error)
{
    const size_t size = hone_dtype_size(v->dtype);
    if (!size)
        return hone_fail(error, HONE_BAD_ARGUMENT, path, "element type %d is unknown",
                         (int)v->dtype);
    if ((uintptr_t)v->values % size)
        return hone_fail(error, HONE_BAD_ARGUMENT, path,
                         "the memory is not aligned to its elements of %zu bytes", size);
    int64_t bytes;
    if (__builtin_mul_overflow(rows, stride_of(v), &bytes) ||
        __builtin_mul_overflow(bytes, (int64_t)size, &bytes))
        return hone_fail(error, HONE_BAD_ARGUMENT, path,
                         "%lld elements with stride %lld exceed the address space", (long long)rows,
                         (long long)v->stride);
    if (v->valid_offset < 0)
        return hone_fail(error, HONE_BAD_ARGUMENT, path, "the bitmap offset %lld is negative",
                         (long long)v->valid_offset);
    return HONE_OK;
}

bool hone_vector_absent(const hone_vector *v, int64_t i)
{
    if (!v->valid)
        return false;
    const int64_t bit = i + v->valid_offset;
    return !(v->valid[bit >> 3] >> (bit & 7) & 1);
}

/* 1 bit of sign, 5 of exponent, 10 of fraction. */
static double half(uint16_t bits)
{
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const double size = exponent == 31 ? (fraction ? (double)NAN : (double)INFINITY)
                        : exponent     ? ldexp(1024 + fraction, exponent - 25)
                                       : ldexp(fraction, -24);
    return bits >> 15 ? -size : size;
}

#define COPY(type, value)                                                                          \
    do {                                                                                           \
        const type *from = (const type *)v->values + first * step;                                 \
        for (int64_t i = 0; i < count; i++) {                                                      \
            const type e = from[i * step];                                                         \
            out[i] = (double)(value);                                                              \
        }                                                                                          \
    } while (0)

void hone_vector_numbers(const hone_vector *v, int64_t first, int64_t count, double *out)
{
    const int64_t step = stride_of(v);
    switch (v->dtype) {
    case HONE_F32:
        COPY(float, e);
        break;
    case HONE_F64:
        COPY(double, e);
        break;
    case HONE_U8:
        COPY(uint8_t, e);
        break;
    case HONE_U16:
        COPY(uint16_t, e);
        break;
    case HONE_U32:
        COPY(uint32_t, e);
        break;
    case HONE_U64:
        COPY(uint64_t, e);
        break;
    case HONE_I8:
        COPY(int8_t, e);
        break;
    case HONE_I16:
        COPY(int16_t, e);
        break;
    case HONE_I32:
        COPY(int32_t, e);
        break;
    case HONE_I64:
        COPY(int64_t, e);
        break;
    case HONE_BOOLEAN:
        COPY(uint8_t, e != 0);
        break;
    case HONE_F16:
        COPY(uint16_t, half(e));
        break;
    case HONE_TEXT:
        break;
    }
    if (v->valid)
        for (int64_t i = 0; i < count; i++)
            if (hone_vector_absent(v, first + i))
                out[i] = NAN;
}

#undef COPY

bool hone_vector_integer(const hone_vector *v, int64_t i, int64_t *out, bool *overflow)
{
    if (hone_vector_absent(v, i))
        return false;
    const int64_t at = i * stride_of(v);
    switch (v->dtype) {
    case HONE_U8:
        *out = ((const uint8_t *)v->values)[at];
        break;
    case HONE_U16:
        *out = ((const uint16_t *)v->values)[at];
        break;
    case HONE_U32:
        *out = ((const uint32_t *)v->values)[at];
        break;
    case HONE_U64:
        *out = (int64_t)((const uint64_t *)v->values)[at];
        if (*out < 0) {
            *overflow = true;
            return false;
        }
        break;
    case HONE_I8:
        *out = ((const int8_t *)v->values)[at];
        break;
    case HONE_I16:
        *out = ((const int16_t *)v->values)[at];
        break;
    case HONE_I32:
        *out = ((const int32_t *)v->values)[at];
        break;
    case HONE_I64:
        *out = ((const int64_t *)v->values)[at];
        break;
    case HONE_BOOLEAN:
        *out = ((const uint8_t *)v->values)[at] != 0;
        break;
    case HONE_F32:
    case HONE_F64:
    case HONE_F16:
    case HONE_TEXT:
        return false;
    }
    return true;
}

const char *hone_vector_text(const hone_vector *v, int64_t i)
{
    return hone_vector_absent(v, i) ? NULL : ((const char *const *)v->values)[i * stride_of(v)];
}
