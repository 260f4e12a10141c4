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

/* A shared OpenBLAS belongs to the host, and other bits come with other numbers of its threads: it
 * gets pieces of 2^18 multiply-adds, for which it starts none. */
#ifdef HONE_BLAS_SHARED
enum { SHARED = 1, TILE = 64, MOST_WORK = 1 << 18 };
#else
enum { SHARED = 0, TILE = 128, MOST_WORK = 100000000 };
#endif
enum { BLAS_BUFFER = 1 << 27 };

static int least(int64_t a, int64_t b)
{
    return (int)(a < b ? a : b);
}

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
    const int64_t most = MOST_WORK / (TILE * TILE);
    for (int64_t j = first; j < i; j += most) {
        enter();
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, least(i - j, most), TILE,
                    -1, left, (int)f->n, f->a + j * f->n + f->k, (int)f->n, 1, f->a + i * f->n + j,
                    (int)f->n);
        leave();
    }
    enter();
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, (int)rows, TILE, -1, left, (int)f->n, 1,
                f->a + i * f->n + i, (int)f->n);
    leave();
    return HONE_OK;
}

/* Factors the diagonal tile; the first row that is not positive definite, or -1. */
static int64_t diagonal(const factor *f)
{
    enter();
    const lapack_int bad =
        LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', (lapack_int)tile_rows(f, f->k),
                            f->a + f->k * f->n + f->k, (lapack_int)f->n);
    leave();
    return bad ? f->k + bad - 1 : -1;
}

static int64_t tiles_below(const factor *f)
{
    return (f->n - f->k - tile_rows(f, f->k) + TILE - 1) / TILE;
}

int64_t hone_cholesky_inside(double *a, int64_t n)
{
    factor f = {a, n, 0};
    int64_t pivot = -1;
    for (f.k = 0; f.k < n && pivot < 0; f.k += TILE) {
        const int64_t below = tiles_below(&f);
        pivot = diagonal(&f);
        for (int64_t b = 0; b < below && pivot < 0; b++)
            panel(&f, b, NULL, NULL);
        for (int64_t b = 0; b < below && pivot < 0; b++)
            update(&f, b, NULL, NULL);
    }
    return pivot;
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
        const int64_t below = tiles_below(&f);
        *pivot = diagonal(&f);
        if (*pivot >= 0 || !below)
            break;
        HONE_TRY(hone_for_blocks(&alone, below, panel, &f, error));
        HONE_TRY(hone_for_blocks(&alone, below, update, &f, error));
        hone_work(run, below * TILE * (n - f.k) / 2 * TILE);
    }
    return HONE_OK;
}

/* Plain substitution: what LAPACK does there is too much for a shared OpenBLAS in one call. */
static void substitute(const double *l, int64_t n, double *b)
{
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < i; j++)
            b[i] -= l[i * n + j] * b[j];
        b[i] /= l[i * n + i];
    }
    for (int64_t i = n - 1; i >= 0; i--) {
        b[i] /= l[i * n + i];
        for (int64_t j = 0; j < i; j++)
            b[j] -= l[i * n + j] * b[i];
    }
}

void hone_cholesky_solve(const double *l, int64_t n, double *b, int64_t m)
{
    for (int64_t i = 0; i < m && SHARED; i++)
        substitute(l, n, b + i * n);
    const int64_t most = MOST_WORK / (n * n + 1) + 1;
    for (int64_t i = 0; i < m && !SHARED; i += most) {
        enter();
        LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'U', (lapack_int)n, least(m - i, most), l,
                            (lapack_int)n, b + i * n, (lapack_int)n);
        leave();
    }
}

/* ---- products, in pieces along the long side; of a shared OpenBLAS along all ---- */

#define SYRK(name, type, syrk, gemm)                                                               \
    void name(int64_t n, int64_t d, type alpha, const type *a, int64_t lda, type *c, int64_t ldc)  \
    {                                                                                              \
        const int64_t side = SHARED ? TILE : d;                                                    \
        const int64_t most = SHARED ? TILE : MOST_WORK / (d * d + 1) + 1;                          \
        for (int64_t k = 0; k < n; k += most)                                                      \
            for (int64_t i = 0; i < d; i += side) {                                                \
                const type *const right = a + k * lda + i;                                         \
                enter();                                                                           \
                syrk(CblasRowMajor, CblasLower, CblasTrans, least(d - i, side),                    \
                     least(n - k, most), alpha, right, (int)lda, 1, c + i * ldc + i, (int)ldc);    \
                for (int64_t j = 0; j < i; j += side)                                              \
                    gemm(CblasRowMajor, CblasTrans, CblasNoTrans, least(d - i, side), (int)side,   \
                         least(n - k, most), alpha, right, (int)lda, a + k * lda + j, (int)lda, 1, \
                         c + i * ldc + j, (int)ldc);                                               \
                leave();                                                                           \
            }                                                                                      \
    }
SYRK(hone_syrk, double, cblas_dsyrk, cblas_dgemm)
SYRK(hone_syrk_f32, float, cblas_ssyrk, cblas_sgemm)

void hone_gemm(int64_t m, int64_t n, int64_t k, double alpha, const double *a, int64_t lda,
               const double *b, int64_t ldb, double beta, double *c, int64_t ldc)
{
    const int64_t rows = SHARED ? TILE : MOST_WORK / (n * k + 1) + 1;
    const int64_t cols = SHARED ? TILE : n, depth = SHARED ? TILE : k;
    for (int64_t i = 0; i < m; i += rows)
        for (int64_t j = 0; j < n; j += cols)
            for (int64_t t = 0; t < k; t += depth) {
                enter();
                cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, least(m - i, rows),
                            least(n - j, cols), least(k - t, depth), alpha, a + i * lda + t,
                            (int)lda, b + t * ldb + j, (int)ldb, t ? 1 : beta, c + i * ldc + j,
                            (int)ldc);
                leave();
            }
}

/* ---- eigenvalues ---- */

hone_status hone_eigen(double *a, int64_t n, double *values, double *v, hone_arena *scratch,
                       hone_error *error)
{
    if (SHARED && n > TILE)
        return hone_fail(error, HONE_UNSUPPORTED, "eigen",
                         "order %lld is above %d, the most with a shared OpenBLAS", (long long)n,
                         TILE);
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
