#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataset_world.h"

hone_vector f64(const double *values)
{
    return (hone_vector){.values = values, .dtype = HONE_F64};
}

hone_vector i64(const int64_t *values)
{
    return (hone_vector){.values = values, .dtype = HONE_I64};
}

hone_vector text(const char *const *values)
{
    return (hone_vector){.values = values, .dtype = HONE_TEXT};
}

hone_dataset *made(hone_status status, hone_dataset **dataset, const hone_error *error)
{
    if (status)
        fail_msg("%s: %s", error->path, error->message);
    assert_non_null(*dataset);
    return *dataset;
}

hone_dataset *dense(const double *x, int64_t rows, int64_t cols, hone_vector y,
                    const hone_dataset_options *options)
{
    hone_dataset *d;
    hone_error error;
    return made(hone_dataset_dense(x, HONE_F64, rows, cols, cols, 1, y, options, &d, &error), &d,
                &error);
}

hone_dataset *columns(const hone_column *c, int64_t cols, int64_t rows, hone_vector y)
{
    hone_dataset *d;
    hone_error error;
    return made(hone_dataset_columns(c, cols, rows, y, NULL, &d, &error), &d, &error);
}

void refused(hone_status status, hone_dataset **dataset, const hone_error *error,
             hone_status expected, const char *path, const char *part)
{
    assert_int_equal(status, expected);
    assert_null(*dataset);
    assert_string_equal(error->path, path);
    if (!strstr(error->message, part))
        fail_msg("'%s' does not contain '%s'", error->message, part);
}
