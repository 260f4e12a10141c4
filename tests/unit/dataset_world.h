/* Datasets of a test, and how making one must fail. */
#ifndef HONE_TESTS_DATASET_WORLD_H
#define HONE_TESTS_DATASET_WORLD_H

#include "data/dataset.h"

hone_vector f64(const double *values);
hone_vector i64(const int64_t *values);
hone_vector text(const char *const *values);

/* The dataset of a call that must have made one. */
hone_dataset *made(hone_status status, hone_dataset **dataset, const hone_error *error);
hone_dataset *dense(const double *x, int64_t rows, int64_t cols, hone_vector y,
                    const hone_dataset_options *options);
hone_dataset *columns(const hone_column *c, int64_t cols, int64_t rows, hone_vector y);
/* The call must fail like this and leave no dataset. */
void refused(hone_status status, hone_dataset **dataset, const hone_error *error,
             hone_status expected, const char *path, const char *part);

#endif
