/* Two small modules with hard states, datasets with every kind of column, and models of them. */
#ifndef TESTS_TOY_H
#define TESTS_TOY_H

#include "core/catalog.h"
#include "core/model.h"

extern const hone_algorithm toy_forest;   /* offsets, indices, a check; takes codes and NaN */
extern const hone_algorithm toy_centroid; /* margins; prepare; takes finite numbers only */
extern const hone_algorithm *const toy_modules[]; /* NULL-terminated */

enum { TOY_ROWS = 90, TOY_COLS = 5 };

/* Numbers with holes, an integer column, a text and a boolean column. */
hone_dataset *toy_data(hone_task task);
/* Without holes: x is the row-major array. */
hone_dataset *toy_numbers(double x[TOY_ROWS * TOY_COLS], hone_task task);
hone_dataset *toy_sparse(hone_task task);

/* A model of `algorithm` (a toy or of the catalog) under a configuration in JSON, which may be
 * "{}"; NULL: it does not do this task or these data. Fails the test on any other error. */
hone_model *toy_model(const hone_algorithm *algorithm, hone_dataset *data, const char *json);

/* All modules there are: toys, then the catalog; NULL-terminated. */
const hone_algorithm *toy_module(int k);
/* A configuration that makes small models. */
const char *toy_config(const hone_algorithm *algorithm);

/* Loads with the toys known. */
hone_status toy_load(const void *bytes, size_t size, hone_model **model, hone_error *error);

/* Predicts rows that ask for trouble; false: refused. Numbers must be finite. */
bool toy_use(const hone_model *model);

#endif
