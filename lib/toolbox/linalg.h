/* Dense linear algebra in double: the only door to OpenBLAS and LAPACKE, one call at a time, in
 * pieces of at most 1e8 multiply-adds (2^18 with a shared OpenBLAS); hone_cholesky polls between
 * them, callers of the products do. Matrices are row-major. */
#ifndef HONE_TOOLBOX_LINALG_H
#define HONE_TOOLBOX_LINALG_H

#include "hone/algorithm.h"

/* Proves that OpenBLAS can get its work buffer: NO_MEMORY instead of a call that never returns.
 * Once before the calls below; hone_cholesky and hone_eigen do it. */
hone_status hone_linalg_ready(hone_error *error);

/* a (n x n, lower triangle) = L L' in place, on tiles. `pivot` gets the
 * first row that is not positive definite, or -1. HONE_STOPPED when cancelled. */
hone_status hone_cholesky(const hone_run *run, double *a, int64_t n, int64_t *pivot,
                          hone_error *error);
/* The same inside a block, for n of some hundreds, after hone_linalg_ready: it starts no blocks,
 * asks nobody and counts no work. Gives the pivot. */
int64_t hone_cholesky_inside(double *a, int64_t n);
/* Solves L L' x = b for m right-hand sides (rows of b, m x n) in place. */
void hone_cholesky_solve(const double *l, int64_t n, double *b, int64_t m);
/* c (d x d, lower triangle) += alpha * a' a for a (n x d, leading dimension lda). */
void hone_syrk(int64_t n, int64_t d, double alpha, const double *a, int64_t lda, double *c,
               int64_t ldc);
void hone_syrk_f32(int64_t n, int64_t d, float alpha, const float *a, int64_t lda, float *c,
                   int64_t ldc);
/* c (m x n) = alpha * a (m x k) b (k x n) + beta * c; k at least 1. */
void hone_gemm(int64_t m, int64_t n, int64_t k, double alpha, const double *a, int64_t lda,
               const double *b, int64_t ldb, double beta, double *c, int64_t ldc);
/* Eigenvalues (ascending, n) and eigenvectors (rows of v, n x n) of a symmetric matrix (lower
 * triangle of a, destroyed). INTERNAL when LAPACK does not converge, UNSUPPORTED above order 64
 * with a shared OpenBLAS. */
hone_status hone_eigen(double *a, int64_t n, double *values, double *v, hone_arena *scratch,
                       hone_error *error);

#endif
