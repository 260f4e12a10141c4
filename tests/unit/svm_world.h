/* Random problems for tests of the support vector machine, and its fits through the trial. */
#ifndef HONE_TESTS_SVM_WORLD_H
#define HONE_TESTS_SVM_WORLD_H

#include "algorithms/svm/solve.h"
#include "core/trial.h"

extern const hone_algorithm hone_svm;

typedef struct table {
    int64_t n, d, classes; /* classes = 0: regression */
    double *x, *y, *w;     /* w may be NULL */
    int32_t *label;
} table;

table new_table(int64_t n, int64_t d, int64_t classes);
void free_table(table *t);
/* Clouds that overlap, one per class; a wave with noise when regressing. */
table clouds(int64_t n, int64_t d, int64_t classes, uint64_t seed);
hone_matrix matrix_of(const table *t);

svm_params defaults(const table *t);
hone_amount number(double v);

struct fitted;

typedef struct how {
    int threads;
    hone_isa isa;        /* 0: the best */
    const int64_t *rows; /* NULL: all */
    int64_t n_rows;
    int64_t budget;       /* of the cache */
    const hone_matrix *x; /* instead of the table's */
    hone_cache *cache;    /* instead of one of its own */
    const struct fitted *warm;
    int64_t work_limit; /* 0: none */
    bool stopped;       /* before it began */
    bool more;          /* fits on these rows are told to follow */
} how;

typedef struct fitted {
    hone_simple_run storage;
    hone_fitted *f;
    const svm_state *s;
} fitted;

/* Fails the test on an error. */
void fit(fitted *out, const table *t, const svm_params *p, how h);
/* A row of scores for each of `x`; the caller frees them. */
double *scores(fitted *f, const hone_matrix *x);
int64_t best_class(const double *score, int64_t k);
void assert_same(const fitted *a, const fitted *b);

/* One problem by itself, without the fit around it. */
typedef struct posed {
    hone_simple_run storage;
    hone_arena *arena; /* closed by the caller */
    hone_matrix x;
    hone_panels panels;
    kernel kernel;
    effort effort;
    problem p;
    double *values; /* n x d: of x, whatever its layout */
} posed;

/* Two clouds that overlap in their first column, every second row of each; bounds are C. */
void pose(posed *w, int64_t n, int64_t d, const svm_params *p, double gamma, bool sparse);
/* The same points, of one cloud, with the target x0 - 2 x1 + a wave. */
void pose_targets(posed *w, int64_t n, int64_t d, const svm_params *p, bool sparse);
/* Panels and kernel anew, of other values: sizes of bounds follow. */
void pose_again(posed *w, const svm_params *p, double gamma);

/* A value of the kernel, written down as it is defined. */
double plain_kernel(const svm_params *p, double gamma, const double *a, const double *b, int64_t d);

#endif
