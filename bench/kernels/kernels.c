/* The toolbox verbs alone against the limits of the machine and against OpenBLAS, on one thread.
 *
 * Prints a JSON line a measurement: what, instruction set, shape, median seconds, rate and the
 * share of the limit that stands in the same unit above it. Build with -Dbench=true, run
 * bench_kernels.
 */
#define _POSIX_C_SOURCE 200809L
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/trial.h"
#include "toolbox/linalg.h"
#include "toolbox/panels.h"
#include "toolbox/random.h"

enum { REPEATS = 9, MOST_SECONDS = 2 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef void (*work)(void *);

/* Median seconds of a call, after one that does not count. */
static double seconds_of(work f, void *arguments)
{
    double times[REPEATS];
    int count = 0;
    f(arguments);
    for (const double start = now(); count < REPEATS && now() - start < MOST_SECONDS; count++) {
        const double begin = now();
        f(arguments);
        times[count] = now() - begin;
    }
    qsort(times, (size_t)count, sizeof *times, by_value);
    return times[count / 2];
}

static double limit_flops, limit_bytes; /* what this machine reached, a second */

static void line(const char *what, const char *isa, const char *shape, double seconds,
                 double operations, double limit)
{
    printf("{\"what\": \"%s\", \"isa\": \"%s\", \"shape\": \"%s\", \"seconds\": %.3g, "
           "\"giga_per_second\": %.2f, \"share_of_limit\": %.2f}\n",
           what, isa, shape, seconds, 1e-9 * operations / seconds,
           limit > 0 ? operations / seconds / limit : 1.0);
}

/* ---- limits ---- */

typedef struct stream {
    double *a, *b;
    int64_t n;
} stream;

static void triad(void *p)
{
    const stream *s = p;
    for (int64_t i = 0; i < s->n; i++)
        s->a[i] = s->a[i] * 0.5 + s->b[i];
}

typedef struct product {
    int64_t m, n, k;
    float *a, *b, *c;
} product;

static void single_product(void *p)
{
    const product *g = p;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)g->m, (int)g->n, (int)g->k, 1, g->a,
                (int)g->k, g->b, (int)g->k, 0, g->c, (int)g->n);
}

static void limits(hone_arena *arena)
{
    stream s = {.n = 1 << 24};
    s.a = HONE_NEW(arena, double, s.n, 1);
    s.b = HONE_NEW(arena, double, s.n, 1);
    product g = {.m = 1024, .n = 1024, .k = 512};
    g.a = HONE_NEW(arena, float, g.m, g.k);
    g.b = HONE_NEW(arena, float, g.n, g.k);
    g.c = HONE_NEW(arena, float, g.m, g.n);
    if (!s.a || !s.b || !g.a || !g.b || !g.c)
        exit(4);
    memset(s.a, 0, (size_t)s.n * 8);
    memset(s.b, 0, (size_t)s.n * 8);
    memset(g.a, 0, (size_t)(g.m * g.k) * 4);
    memset(g.b, 0, (size_t)(g.n * g.k) * 4);
    double t = seconds_of(triad, &s);
    limit_bytes = 24.0 * (double)s.n / t;
    line("stream triad, bytes", "compiler", "2^24", t, 24.0 * (double)s.n, limit_bytes);
    t = seconds_of(single_product, &g);
    limit_flops = 2.0 * (double)(g.m * g.n * g.k) / t;
    line("OpenBLAS sgemm, flops", "openblas", "1024x1024x512", t, 2.0 * (double)(g.m * g.n * g.k),
         limit_flops);
}

/* ---- distances ---- */

typedef struct block {
    hone_measure measure;
    hone_panels panels;
    hone_queries queries;
    hone_isa isa;
    int32_t *map;
    float *out;
    int64_t count;
} block;

static void distances(void *p)
{
    const block *b = p;
    hone_measure_block(b->measure, &b->queries, &b->panels, 0, b->count, b->isa, b->map, b->out,
                       b->count * HONE_LANES);
}

static void one_distance(hone_simple_run *storage, const hone_run *run, hone_arena *arena,
                         hone_isa isa, const char *isa_name, int64_t d)
{
    static const struct {
        hone_measure measure;
        const char *name;
        double flops; /* a dimension */
    } measures[] = {{HONE_INNER, "inner products, flops", 2},
                    {HONE_SQUARE, "squared distances, flops", 2},
                    {HONE_MANHATTAN, "manhattan, flops", 3},
                    {HONE_CHEBYSHEV, "chebyshev, flops", 3}};
    const int64_t n = 2048, m = 240;
    storage->run.isa = isa;
    double *values = HONE_NEW(arena, double, n, d);
    int64_t *id = HONE_NEW(arena, int64_t, m, 1);
    block b = {.isa = isa, .count = hone_panel_count(n)};
    b.out = HONE_NEW(arena, float, m, b.count *HONE_LANES);
    if (!values || !id || !b.out)
        exit(4);
    hone_stream s = hone_stream_of(1, (uint64_t)n, (uint64_t)d);
    for (int64_t i = 0; i < n * d; i++)
        values[i] = hone_uniform(&s);
    for (int64_t i = 0; i < m; i++)
        id[i] = i * 7;
    const hone_matrix x = {.values = values,
                           .layout = HONE_DENSE,
                           .dtype = HONE_F64,
                           .rows = n,
                           .cols = d,
                           .stored_cols = d,
                           .row_stride = d,
                           .col_stride = 1};
    if (hone_panels_make(&x, true, run, arena, arena, &b.panels, NULL) != HONE_OK ||
        !hone_queries_new(&b.panels, NULL, 0, m, arena, &b.queries) ||
        !hone_map_new(&b.panels, arena, &b.map))
        exit(4);
    hone_queries_pick(&b.panels, id, m, isa, &b.queries);
    for (size_t k = 0; k < sizeof measures / sizeof *measures; k++) {
        b.measure = measures[k].measure;
        char shape[64];
        snprintf(shape, sizeof shape, "%dx%dx%d", (int)m, (int)n, (int)d);
        line(measures[k].name, isa_name, shape, seconds_of(distances, &b),
             measures[k].flops * (double)(m * n * d), limit_flops);
    }
}

/* ---- exp ---- */

typedef struct exponent {
    float *v;
    int64_t n;
    hone_isa isa;
} exponent;

static void exponentials(void *p)
{
    const exponent *e = p;
    hone_exp_f32(e->v, e->n, -1e-3F, 0, e->isa);
}

static void one_exp(hone_arena *arena, hone_isa isa, const char *isa_name)
{
    exponent e = {.n = 1 << 14, .isa = isa};
    e.v = HONE_NEW(arena, float, e.n, 1);
    if (!e.v)
        exit(4);
    for (int64_t i = 0; i < e.n; i++)
        e.v[i] = 0.5F;
    line("exp, numbers", isa_name, "2^14", seconds_of(exponentials, &e), (double)e.n, 0);
}

/* ---- Gram matrices ---- */

typedef struct gram {
    int64_t n, d;
    double *a, *c;
} gram;

static void gram_blas(void *p)
{
    const gram *g = p;
    hone_syrk(g->n, g->d, 1, g->a, g->d, g->c, g->d);
}

static void gram_plain(void *p)
{
    const gram *g = p;
    for (int64_t i = 0; i < g->n; i++)
        for (int64_t j = 0; j < g->d; j++)
            for (int64_t k = 0; k <= j; k++)
                g->c[j * g->d + k] += g->a[i * g->d + j] * g->a[i * g->d + k];
}

static void grams(hone_arena *arena)
{
    gram g = {.n = 2000, .d = 200};
    g.a = HONE_NEW(arena, double, g.n, g.d);
    g.c = HONE_NEW(arena, double, g.d, g.d);
    if (!g.a || !g.c)
        exit(4);
    memset(g.a, 0, (size_t)(g.n * g.d) * 8);
    memset(g.c, 0, (size_t)(g.d * g.d) * 8);
    const double flops = (double)(g.n * g.d * (g.d + 1));
    line("Gram matrix by OpenBLAS, flops", "openblas", "2000x200", seconds_of(gram_blas, &g), flops,
         limit_flops / 2);
    line("Gram matrix by a plain loop, flops", "compiler", "2000x200", seconds_of(gram_plain, &g),
         flops, limit_flops / 2);
}

/* ---- factors ---- */

typedef struct factor {
    const hone_run *run;
    hone_arena *arena;
    int64_t n;
    double *matrix, *a, *values, *vectors; /* n x n, but for values */
} factor;

static void begin_factor(const factor *f)
{
    memcpy(f->a, f->matrix, (size_t)(f->n * f->n) * sizeof *f->a);
}

static void cholesky(void *p)
{
    const factor *f = p;
    int64_t pivot;
    begin_factor(f);
    if (hone_cholesky(f->run, f->a, f->n, &pivot, NULL) || pivot >= 0)
        exit(1);
}

static void cholesky_plain(void *p)
{
    const factor *f = p;
    begin_factor(f);
    for (int64_t i = 0; i < f->n; i++)
        for (int64_t j = 0; j <= i; j++) {
            double sum = f->a[i * f->n + j];
            for (int64_t k = 0; k < j; k++)
                sum -= f->a[i * f->n + k] * f->a[j * f->n + k];
            f->a[i * f->n + j] = i == j ? sqrt(sum) : sum / f->a[j * f->n + j];
        }
}

static void eigen(void *p)
{
    const factor *f = p;
    begin_factor(f);
    if (hone_eigen(f->a, f->n, f->values, f->vectors, f->arena, NULL))
        exit(1);
}

static void factors(const hone_run *run, hone_arena *arena)
{
    static const int64_t orders[] = {26, 100, 500};
    for (size_t k = 0; k < sizeof orders / sizeof *orders; k++) {
        const int64_t n = orders[k];
        factor f = {.run = run, .arena = arena, .n = n};
        f.matrix = HONE_NEW(arena, double, n, n);
        f.a = HONE_NEW(arena, double, n, n);
        f.values = HONE_NEW(arena, double, n, 1);
        f.vectors = HONE_NEW(arena, double, n, n);
        if (!f.matrix || !f.a || !f.values || !f.vectors)
            exit(4);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j <= i; j++)
                f.matrix[i * n + j] = i == j ? 2 : 1 / (1 + (double)(i - j) * (double)(i - j));
        const double flops = (double)(n * n * n) / 3;
        char shape[32];
        snprintf(shape, sizeof shape, "%lld", (long long)n);
        line("Cholesky factor, flops", "openblas", shape, seconds_of(cholesky, &f), flops,
             limit_flops / 2);
        line("Cholesky factor by a plain loop, flops", "compiler", shape,
             seconds_of(cholesky_plain, &f), flops, limit_flops / 2);
        line("eigendecomposition, flops of a factor", "openblas", shape, seconds_of(eigen, &f),
             flops, limit_flops / 2);
    }
}

int main(void)
{
    static const char *names[] = {"portable", "avx2", "avx512"};
    static const hone_isa sets[] = {HONE_ISA_PORTABLE, HONE_ISA_AVX2, HONE_ISA_AVX512};
    static const int64_t widths[] = {4, 16, 100, 1000};
    hone_simple_run storage;
    const hone_run *run = hone_run_simple(&storage, 1);
    hone_arena *arena = hone_arena_open(&storage.account);
    if (!arena)
        return 4;
    limits(arena);
    grams(arena);
    factors(run, arena);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        hone_isa isa;
        if (hone_isa_of(sets[i], &isa, NULL) != HONE_OK)
            continue;
        one_exp(arena, isa, names[i]);
        for (size_t k = 0; k < sizeof widths / sizeof *widths; k++)
            one_distance(&storage, run, arena, isa, names[i], widths[k]);
    }
    hone_arena_close(arena);
    return 0;
}
