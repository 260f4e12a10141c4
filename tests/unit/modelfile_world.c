#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "modelfile_world.h"

bytes bytes_of(const hone_model *m)
{
    bytes b;
    assert_int_equal(hone_model_bytes(m, &b.at, &b.size, NULL), HONE_OK);
    return b;
}

hone_model *model_of(int k, hone_task task, int kind, hone_dataset **d)
{
    static double x[TOY_ROWS * TOY_COLS];
    *d = kind == 0 ? toy_data(task) : kind == 1 ? toy_numbers(x, task) : toy_sparse(task);
    return toy_model(toy_module(k), *d, toy_config(toy_module(k)));
}

void for_all_models(void (*body)(const hone_model *m, hone_dataset *d))
{
    for (int k = 0; toy_module(k); k++)
        for (hone_task task = HONE_CLASSIFICATION; task <= HONE_REGRESSION; task++)
            for (int kind = 0; kind < 3; kind++) {
                hone_dataset *d;
                hone_model *m = model_of(k, task, kind, &d);
                if (m)
                    body(m, d);
                hone_model_free(m);
                hone_dataset_free(d);
            }
}

hone_model *loaded(bytes b)
{
    hone_model *m;
    hone_error error;
    if (toy_load(b.at, b.size, &m, &error))
        fail_msg("%s: %s", error.path, error.message);
    return m;
}
