/* Tables for tests of k-NN, fits of them through the trial, and a plain loop in double. */
#ifndef HONE_TESTS_KNN_WORLD_H
#define HONE_TESTS_KNN_WORLD_H

#include "algorithms/knn/knn.h"
#include "core/trial.h"

extern const hone_algorithm hone_knn;

/* ---- problems ---- */

typedef struct table {
    int64_t n, d, classes; /* classes = 0: regression */
    double *x, *y, *w;     /* w may be NULL */
    int32_t *label;
    const int32_t *levels; /* NULL: all numbers */
} table;

enum { CLOUDS, LATTICE, DUPLICATES, OUTLIER, SPARSE, TINY, HUGE_VALUES, MIXED };

enum { MOST_COLUMNS = 12 };
extern const int32_t LEVELS[MOST_COLUMNS]; /* of MIXED */

/* Zeros. */
table new_table(int64_t n, int64_t d, int64_t classes);
table make(int kind, int64_t n, int64_t d, int64_t classes, uint64_t seed);
/* Gives it weights of 0 to 3. */
void weigh(table *t, uint64_t seed);
void free_table(table *t);

knn_params defaults(const table *t);
hone_matrix matrix_of(const table *t);

typedef struct csr {
    hone_matrix x;
    int64_t *start;
    int32_t *column;
    double *value;
} csr;

csr sparse_of(const table *t);
void free_csr(csr *s);

/* ---- the plain loop ---- */

typedef struct near {
    double rank, distance;
    int64_t row;
} near;

/* Scores of one row of `q`, of values over `unit`; the neighbours are left in `all`. */
void plain(const table *t, const knn_params *p, const double *q, double unit, near *all,
           double *score);

/* ---- a fit ---- */

typedef struct how {
    int threads;
    hone_isa isa; /* 0: the best */
    const hone_matrix *x;
} how;

typedef struct fitted {
    hone_simple_run storage;
    hone_fitted *f;
    const knn_state *s;
} fitted;

hone_status try_fit(fitted *out, const table *t, const knn_params *p, how h, hone_error *error);
void fit(fitted *out, const table *t, const knn_params *p, how h);
double *scores(fitted *f, const hone_matrix *x);
/* Scores of the rows of `q` have the bits of the plain loop. */
void expect_plain(const table *t, const table *q, const knn_params *p, how h);
/* The module's output of that name for rows of x: one row a row of x. */
void tell(const fitted *f, const char *name, const hone_matrix *x, double *out);
hone_isa best_isa(void);

#endif
