#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "knn_world.h"

#include "core/params.h"
#include "dense.h"
#include "toolbox/random.h"

/* ---- problems ---- */

table new_table(int64_t n, int64_t d, int64_t classes)
{
    return (table){.n = n,
                   .d = d,
                   .classes = classes,
                   .x = calloc((size_t)(n * d + 1), sizeof(double)),
                   .y = calloc((size_t)n, sizeof(double)),
                   .label = calloc((size_t)n, sizeof(int32_t))};
}

void free_table(table *t)
{
    free(t->x), free(t->y), free(t->w), free(t->label);
}

const int32_t LEVELS[MOST_COLUMNS] = {3, 0, 0, 1, 0, 40, 0, 2};

static double draw(int kind, hone_stream *s, int64_t k)
{
    const double u = hone_uniform(s), v = hone_uniform(s);
    switch (kind) {
    case LATTICE:
        return floor(u * 4);
    case DUPLICATES:
        return floor(u * 2) * 3.25;
    case OUTLIER:
        return u < 0.001 ? 1e9 * v : v;
    case SPARSE:
        return u < 0.8 ? 0 : floor(v * 8);
    case TINY:
        return (u - 0.5) * 1e-200;
    case MIXED: /* holes, categories, numbers, a column of one value, one of huge values */
        return u < 0.2      ? (double)NAN
               : k == 8     ? -2.5
               : k == 9     ? (v - 0.5) * 0x1p1023 * 1.9
               : LEVELS[k]  ? floor(v * LEVELS[k])
               : k % 4 == 1 ? v
                            : floor(v * 6);
    case HUGE_VALUES:
        return u < 0.1 ? (v < 0.5 ? -1.7e308 : 1.7e308) * u * 10 : (v - 0.5) * 1e300;
    default:
        return 1000 * (double)(k % 2) + u + (v < 0.3 ? 5 : 0);
    }
}

table make(int kind, int64_t n, int64_t d, int64_t classes, uint64_t seed)
{
    table t = new_table(n, d, classes);
    hone_stream s = hone_stream_of(seed, (uint64_t)n, (uint64_t)kind);
    t.levels = kind == MIXED ? LEVELS : NULL;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t k = 0; k < d; k++)
            t.x[i * d + k] = draw(kind, &s, k);
        t.label[i] = classes ? (int32_t)hone_below(&s, (uint64_t)classes) : 0;
        t.y[i] = hone_uniform(&s);
    }
    return t;
}

void weigh(table *t, uint64_t seed)
{
    hone_stream s = hone_stream_of(seed, 7, 7);
    t->w = calloc((size_t)t->n, sizeof(double));
    for (int64_t i = 0; i < t->n; i++)
        t->w[i] = (double)hone_below(&s, 4);
}

static hone_task task_of(const table *t)
{
    return t->classes ? HONE_CLASSIFICATION : HONE_REGRESSION;
}

knn_params defaults(const table *t)
{
    knn_params p;
    memset(&p, 0, sizeof p);
    hone_params_default(hone_knn.params, task_of(t), &p);
    return p;
}

hone_matrix matrix_of(const table *t)
{
    hone_matrix x = dense_of(HONE_F64, t->x, t->n, t->d);
    x.levels = t->levels;
    return x;
}

csr sparse_of(const table *t)
{
    csr s = {.start = calloc((size_t)t->n + 1, 8),
             .column = calloc((size_t)(t->n * t->d), 4),
             .value = calloc((size_t)(t->n * t->d), 8)};
    int64_t next = 0;
    for (int64_t i = 0; i < t->n; i++) {
        for (int64_t k = 0; k < t->d; k++)
            if (t->x[i * t->d + k] != 0) {
                s.column[next] = (int32_t)k;
                s.value[next++] = t->x[i * t->d + k];
            }
        s.start[i + 1] = next;
    }
    s.x = (hone_matrix){.values = s.value,
                        .layout = HONE_CSR,
                        .dtype = HONE_F64,
                        .rows = t->n,
                        .cols = t->d,
                        .stored_cols = t->d,
                        .row_start = s.start,
                        .column = s.column};
    return s;
}

void free_csr(csr *s)
{
    free(s->start), free(s->column), free(s->value);
}

/* ---- the plain loop ---- */

static int by_rank(const void *a, const void *b)
{
    const near *p = a, *q = b;
    if (p->rank != q->rank)
        return p->rank < q->rank ? -1 : 1;
    return p->row < q->row ? -1 : p->row > q->row;
}

static double norm_of(const double *a, int64_t d)
{
    double sum = 0;
    for (int64_t k = 0; k < d; k++)
        sum += a[k] * a[k];
    return sum;
}

/* Largest less smallest value of the rows of positive weight, over 4: no difference is infinite. */
static void find_ranges(const table *t, double *range)
{
    for (int64_t k = 0; k < t->d; k++) {
        double low = INFINITY, high = -INFINITY;
        for (int64_t i = 0; i < t->n; i++)
            if (!t->w || t->w[i] > 0) {
                low = fmin(low, t->x[i * t->d + k] / 4);
                high = fmax(high, t->x[i * t->d + k] / 4);
            }
        range[k] = high > low ? high - low : 0;
    }
}

/* Gower (1971): the mean over the columns that are present in both. */
static near measure_mixed(const table *t, const double *range, const double *a, const double *b)
{
    double sum = 0;
    int64_t both = 0;
    for (int64_t k = 0; k < t->d; k++) {
        if (isnan(a[k]) || isnan(b[k]))
            continue;
        both++;
        if ((t->levels && t->levels[k]) || range[k] == 0)
            sum += a[k] != b[k];
        else
            sum += fmin(1, fabs(a[k] / 4 - b[k] / 4) / range[k]);
    }
    const double mean = both ? sum / (double)both : 1;
    return (near){mean, mean, 0};
}

/* Of values over `unit`, a power of two. */
static near measure(const knn_params *p, const double *a, const double *b, int64_t d, double unit)
{
    double sum = 0;
    for (int64_t k = 0; k < d; k++) {
        const double gap = fabs(a[k] / unit - b[k] / unit);
        switch (p->metric) {
        case EUCLIDEAN:
            sum += gap * gap;
            break;
        case MANHATTAN:
            sum += gap;
            break;
        case CHEBYSHEV:
            sum = fmax(sum, gap);
            break;
        case MINKOWSKI:
            sum += pow(gap, p->p);
            break;
        case COSINE:
            sum += a[k] * b[k];
            break;
        default:
            sum += a[k] != b[k];
        }
    }
    if (p->metric == EUCLIDEAN)
        return (near){sum, sqrt(sum), 0};
    if (p->metric == MINKOWSKI)
        return (near){sum, pow(sum, 1 / p->p), 0};
    if (p->metric == COSINE) {
        const double both = norm_of(a, d) * norm_of(b, d);
        sum = both == 0 ? 1 : fmax(0, 1 - sum / sqrt(both));
    }
    return (near){sum, p->metric == HAMMING ? sum / (double)d : sum, 0};
}

static double vote_of(const knn_params *p, double distance, double nearest)
{
    if (p->weights == VOTE_UNIFORM)
        return 1;
    if (nearest == 0)
        return distance == 0;
    return pow(nearest / distance, p->weights == VOTE_POWER ? p->power : 1);
}

void plain(const table *t, const knn_params *p, const double *q, double unit, near *all,
           double *score)
{
    int64_t n = 0;
    double range[MOST_COLUMNS];
    if (p->metric == GOWER)
        find_ranges(t, range);
    for (int64_t i = 0; i < t->n; i++)
        if (!t->w || t->w[i] > 0) {
            const double *x = t->x + i * t->d;
            all[n] =
                p->metric == GOWER ? measure_mixed(t, range, q, x) : measure(p, q, x, t->d, unit);
            all[n++].row = i;
        }
    qsort(all, (size_t)n, sizeof *all, by_rank);
    const int64_t k = p->n_neighbors < n ? p->n_neighbors : n;
    double sum = 0;
    for (int64_t c = 0; c < (t->classes ? t->classes : 1); c++)
        score[c] = 0;
    for (int64_t j = 0; j < k; j++) {
        const int64_t r = all[j].row;
        const double w = t->w ? t->w[r] : 1;
        const double vote = vote_of(p, all[j].distance, all[0].distance) * w;
        sum += vote;
        if (t->classes)
            score[t->label[r]] += vote;
        else
            score[0] += vote * t->y[r];
    }
    for (int64_t c = 0; c < (t->classes ? t->classes : 1); c++)
        score[c] /= sum;
}

/* ---- a fit ---- */

hone_status try_fit(fitted *out, const table *t, const knn_params *p, how h, hone_error *error)
{
    const hone_run *run = hone_run_simple(&out->storage, h.threads ? h.threads : 1);
    if (h.isa)
        out->storage.run.isa = h.isa;
    hone_cache *cache = hone_cache_open(0);
    if (!cache)
        return hone_no_memory(error);
    const hone_trial trial = {.algorithm = &hone_knn,
                              .params = p,
                              .shape = {.features = t->d,
                                        .outputs = t->classes ? t->classes : 1,
                                        .stored = t->d,
                                        .levels = t->levels,
                                        .task = task_of(t)},
                              .table = h.x ? *h.x : matrix_of(t),
                              .table_id = 1,
                              .label = t->classes ? t->label : NULL,
                              .target = t->classes ? NULL : t->y,
                              .weight = t->w,
                              .labels_id = 1,
                              .run = run};
    const hone_status status = hone_trial_fit(&trial, cache, &out->f, NULL, error);
    out->s = status ? NULL : out->f->state;
    hone_cache_close(cache);
    return status;
}

void fit(fitted *out, const table *t, const knn_params *p, how h)
{
    hone_error error = {0};
    if (try_fit(out, t, p, h, &error))
        fail_msg("%s: %s", error.path, error.message);
}

double *scores(fitted *f, const hone_matrix *x)
{
    double *out = calloc((size_t)(x->rows * f->f->shape.outputs), sizeof *out);
    hone_error error = {0};
    if (hone_fitted_predict(f->f, x, &f->storage.run, NULL, out, &error))
        fail_msg("%s: %s", error.path, error.message);
    return out;
}

void expect_plain(const table *t, const table *q, const knn_params *p, how h)
{
    fitted f;
    fit(&f, t, p, h);
    const hone_matrix x = matrix_of(q);
    const int64_t c = f.f->shape.outputs;
    double *got = scores(&f, &x), *want = calloc((size_t)c, sizeof *want);
    near *all = calloc((size_t)t->n, sizeof *all);
    const double unit = f.s->points->rule.unit;
    for (int64_t i = 0; i < q->n; i++) {
        plain(t, p, q->x + i * q->d, unit, all, want);
        for (int64_t k = 0; k < c; k++)
            if (got[i * c + k] != want[k])
                fail_msg("metric %d, k %lld, row %lld: %.17g is not %.17g", p->metric,
                         (long long)p->n_neighbors, (long long)i, got[i * c + k], want[k]);
    }
    free(got), free(want), free(all);
    hone_fitted_free(f.f);
}

void tell(const fitted *f, const char *name, const hone_matrix *x, double *out)
{
    hone_error error = {0};
    hone_arena *arena = hone_arena_open(NULL);
    const hone_output_job job = {.x = *x,
                                 .shape = f->f->shape,
                                 .params = f->f->params,
                                 .state = f->f->state,
                                 .run = &f->storage.run,
                                 .scratch = arena};
    const hone_output *o = hone_knn.outputs;
    while (o->name && strcmp(o->name, name) != 0)
        o++;
    assert_non_null(o->name);
    assert_int_equal(o->compute(&job, out, &error), HONE_OK);
    hone_arena_close(arena);
}

hone_isa best_isa(void)
{
    hone_isa best;
    assert_int_equal(hone_isa_of(HONE_ISA_AUTO, &best, NULL), HONE_OK);
    return best;
}
