/* Dense linear algebra: OpenBLAS and LAPACKE on fixed tiles of at most TILE rows, so that a call is
 * short and its bits do not depend on the number of threads. A row-major lower triangle is the
 * column-major upper one: nothing is transposed on the way.
 */
#define _GNU_SOURCE
#include "toolbox/linalg.h"

#include <cblas.h>
#include <lapacke.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "toolbox/run.h"

enum { TILE = 128, MOST_WORK = 100000000, BLAS_BUFFER = 1 << 27 };

/* ---- one call at a time ---- */

/* The serial OpenBLAS hands its work buffers out without a lock: two calls at once may share one
 * and give wrong sums. The process that is inside; a child born while a thread of its parent was
 * takes it over, as that thread is not in the child. */
static _Atomic int inside = 0;

static void enter(void)
{
    const int own = (int)getpid();
    int seen = 0;
    while (!atomic_compare_exchange_weak_explicit(&inside, &seen, own, memory_order_acquire,
                                                  memory_order_relaxed))
        if (seen == own) {
            sched_yield();
            seen = 0;
        }
}

static void leave(void)
{
    atomic_store_explicit(&inside, 0, memory_order_release);
}

/* OpenBLAS never returns when it gets no work buffer. So one is mapped and given back, and a call
 * that needs it follows at once: it then keeps the buffer. */
hone_status hone_linalg_ready(hone_error *error)
{
    static _Atomic int proven = 0;
    if (atomic_load(&proven))
        return HONE_OK;
    enter();
    void *room = mmap(NULL, BLAS_BUFFER, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room != MAP_FAILED) {
        double one = 1;
        munmap(room, BLAS_BUFFER);
        LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', 1, &one, 1);
        atomic_store(&proven, 1);
    }
    leave();
    return room == MAP_FAILED ? hone_no_memory(error) : HONE_OK;
}

/* ---- Cholesky ---- */

typedef struct factor {
    double *a;
    int64_t n, k; /* order, first row of the tile column at work */
} factor;

static int64_t tile_rows(const factor *f, int64_t first)
{
    return f->n - first < TILE ? f->n - first : TILE;
}

/* Tile row b below the diagonal tile: a_ik := a_ik L_kk^-T */
static hone_status panel(void *context, int64_t b, hone_arena *scratch, hone_error *error)
{
    (void)scratch, (void)error;
    const factor *f = context;
    const int64_t i = f->k + TILE * (b + 1);
    enter();
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit,
                (int)tile_rows(f, i), TILE, 1, f->a + f->k * f->n + f->k, (int)f->n,
                f->a + i * f->n + f->k, (int)f->n);
    leave();
    return HONE_OK;
}

/* Tile row b of what remains: a_ij -= a_ik a_jk' for the tiles j <= i, at most TILE * TILE * n. */
static hone_status update(void *context, int64_t b, hone_arena *scratch, hone_error *error)
{
    (void)scratch, (void)error;
    const factor *f = context;
    const int64_t first = f->k + TILE, i = first + TILE * b, rows = tile_rows(f, i);
    const double *const left = f->a + i * f->n + f->k;
    if (i > first) {
        enter();
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)(i - first), TILE, -1,
                    left, (int)f->n, f->a + first * f->n + f->k, (int)f->n, 1,
                    f->a + i * f->n + first, (int)f->n);
        leave();
    }
    enter();
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, (int)rows, TILE, -1, left, (int)f->n, 1,
                f->a + i * f->n + i, (int)f->n);
    leave();
    return HONE_OK;
}

hone_status hone_cholesky(const hone_run *run, double *a, int64_t n, int64_t *pivot,
                          hone_error *error)
{
    *pivot = -1;
    if (n > INT32_MAX / 2)
        return hone_fail(error, HONE_UNSUPPORTED, "cholesky", "order %lld is too large",
                         (long long)n);
    HONE_TRY(hone_linalg_ready(error));
    factor f = {a, n, 0};
    hone_run alone = *run;
    alone.threads = 1; /* calls go one at a time: more threads would only wait for each other */
    for (f.k = 0; f.k < n; f.k += TILE) {
        const int64_t rows = tile_rows(&f, f.k);
        enter();
        const lapack_int bad = LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', (lapack_int)rows,
                                                   a + f.k * n + f.k, (lapack_int)n);
        leave();
        if (bad) {
            *pivot = f.k + bad - 1;
            return HONE_OK;
        }
        const int64_t below = (n - f.k - rows + TILE - 1) / TILE;
        if (!below)
            break;
        HONE_TRY(hone_for_blocks(&alone, below, panel, &f, error));
        HONE_TRY(hone_for_blocks(&alone, below, update, &f, error));
        hone_work(run, below * TILE * (n - f.k) / 2 * TILE);
    }
    return HONE_OK;
}

void hone_cholesky_solve(const double *l, int64_t n, double *b, int64_t m)
{
    const int64_t most = MOST_WORK / (n * n + 1) + 1;
    for (int64_t i = 0; i < m; i += most) {
        enter();
        LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'U', (lapack_int)n,
                            (lapack_int)(m - i < most ? m - i : most), l, (lapack_int)n, b + i * n,
                            (lapack_int)n);
        leave();
    }
}

/* ---- products, in pieces along the long side ---- */

void hone_syrk(int64_t n, int64_t d, double alpha, const double *a, int64_t lda, double *c,
               int64_t ldc)
{
    const int64_t most = MOST_WORK / (d * d + 1) + 1;
    for (int64_t i = 0; i < n; i += most) {
        enter();
        cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, (int)d,
                    (int)(n - i < most ? n - i : most), alpha, a + i * lda, (int)lda, 1, c,
                    (int)ldc);
        leave();
    }
}

void hone_syrk_f32(int64_t n, int64_t d, float alpha, const float *a, int64_t lda, float *c,
                   int64_t ldc)
{
    const int64_t most = MOST_WORK / (d * d + 1) + 1;
    for (int64_t i = 0; i < n; i += most) {
        enter();
        cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, (int)d,
                    (int)(n - i < most ? n - i : most), alpha, a + i * lda, (int)lda, 1, c,
                    (int)ldc);
        leave();
    }
}

void hone_gemm(int64_t m, int64_t n, int64_t k, double alpha, const double *a, int64_t lda,
               const double *b, int64_t ldb, double beta, double *c, int64_t ldc)
{
    const int64_t most = MOST_WORK / (n * k + 1) + 1;
    for (int64_t i = 0; i < m; i += most) {
        enter();
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)(m - i < most ? m - i : most),
                    (int)n, (int)k, alpha, a + i * lda, (int)lda, b, (int)ldb, beta, c + i * ldc,
                    (int)ldc);
        leave();
    }
}

/* ---- eigenvalues ---- */

hone_status hone_eigen(double *a, int64_t n, double *values, double *v, hone_arena *scratch,
                       hone_error *error)
{
    HONE_TRY(hone_linalg_ready(error));
    const int64_t room = 64 * n + 64;
    double *work = HONE_NEW(scratch, double, room, 1);
    lapack_int *whole = HONE_NEW(scratch, lapack_int, 10 * n + 10, 1);
    lapack_int *support = HONE_NEW(scratch, lapack_int, 2 * n + 2, 1);
    if (!work || !whole || !support)
        return hone_no_memory(error);
    lapack_int found = 0;
    const lapack_int order = (lapack_int)n;
    enter();
    const lapack_int info = LAPACKE_dsyevr_work(LAPACK_COL_MAJOR, 'V', 'A', 'U', order, a, order, 0,
                                                0, 0, 0, 0, &found, values, v, order, support, work,
                                                (lapack_int)room, whole, 10 * order + 10);
    leave();
    if (info || found != order)
        return hone_fail(error, HONE_INTERNAL, "eigen", "LAPACK dsyevr failed with %d of order %d",
                         (int)info, (int)order);
    return HONE_OK;
}
