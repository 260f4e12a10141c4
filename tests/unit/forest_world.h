/* Tables, fits of the random forest through the trial, and their bits. */
#ifndef HONE_TESTS_FOREST_WORLD_H
#define HONE_TESTS_FOREST_WORLD_H

#include "algorithms/random_forest/grow.h"
#include "core/trial.h"

extern const hone_algorithm hone_random_forest;

enum { MOST_COLUMNS = 64 };

typedef struct table {
    int64_t n, d, classes;
    double *x, *y, *w; /* row-major; w may be NULL */
    float *narrow;     /* the same as x, in its place; NULL: x */
    int32_t *label;
    int32_t levels[MOST_COLUMNS];
    bool categories;
} table;

table new_table(int64_t n, int64_t d, int64_t classes);
void free_table(table *t);
/* Noisy rules over a few of the columns; integers in every third column. */
table rules(int64_t n, int64_t d, int64_t classes, uint64_t seed);
/* Holes in column 0 where the class is 0, and a column 2 of levels. */
table mixed(int64_t n, int64_t classes, int32_t levels, uint64_t seed);

forest_params defaults(const table *t);
hone_amount count_of(int64_t n);

/* Everything a fit may be told besides the table. */
typedef struct how {
    forest_params p;
    uint64_t seed;
    int threads;
    int64_t siblings;
    const void *const *family; /* params of the siblings, or NULL */
    hone_isa isa;
    hone_cache *cache; /* NULL: one without budget */
    const int64_t *rows;
    int64_t n_rows;
} how;

hone_trial trial_of(const table *t, const how *h, const hone_run *run);
/* Fails the test on another status; NULL unless it is HONE_OK. */
hone_fitted *fit_with(const table *t, const how *h, const hone_run *run, hone_status expect);
hone_fitted *fit(const table *t, const how *h);

/* The state as its table says it: equal hashes are equal models. */
uint64_t bits_of(const hone_fitted *f);
uint64_t fit_bits(const table *t, const how *h);

/* Scores of the rows, freed with free. */
double *predict(const hone_fitted *f, const table *t);
/* The leaf of each row in each tree, rows x trees, freed with free. */
int64_t *leaves(const hone_fitted *f, const table *t);
double accuracy(const hone_fitted *f, const table *t);
double rmse(const hone_fitted *f, const table *t);

#endif
