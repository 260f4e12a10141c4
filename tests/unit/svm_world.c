#include "svm_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/params.h"
#include "dense.h"
#include "toolbox/random.h"

table new_table(int64_t n, int64_t d, int64_t classes)
{
    return (table){.n = n,
                   .d = d,
                   .classes = classes,
                   .x = calloc((size_t)(n * d), sizeof(double)),
                   .y = calloc((size_t)n, sizeof(double)),
                   .label = calloc((size_t)n, sizeof(int32_t))};
}

void free_table(table *t)
{
    free(t->x), free(t->y), free(t->w), free(t->label);
}

static double normal(hone_stream *s)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += hone_uniform(s);
    return sum;
}

table clouds(int64_t n, int64_t d, int64_t classes, uint64_t seed)
{
    table t = new_table(n, d, classes);
    hone_stream s = hone_stream_of(seed, (uint64_t)n, (uint64_t)d);
    for (int64_t i = 0; i < n; i++) {
        t.label[i] = classes ? (int32_t)hone_below(&s, (uint64_t)classes) : 0;
        for (int64_t k = 0; k < d; k++)
            t.x[i * d + k] = normal(&s) + (k % (classes + 1) == t.label[i] ? 1.5 : 0);
        t.y[i] = sin(t.x[i * d]) + 0.1 * normal(&s);
    }
    return t;
}

svm_params defaults(const table *t)
{
    svm_params p;
    memset(&p, 0, sizeof p);
    hone_params_default(hone_svm.params, t->classes ? HONE_CLASSIFICATION : HONE_REGRESSION, &p);
    return p;
}

hone_amount number(double v)
{
    return (hone_amount){.word = -1, .number = v};
}

hone_matrix matrix_of(const table *t)
{
    return dense_of(HONE_F64, t->x, t->n, t->d);
}

void fit(fitted *out, const table *t, const svm_params *p, how h)
{
    const hone_run *run = hone_run_simple(&out->storage, h.threads ? h.threads : 1);
    if (h.isa)
        out->storage.run.isa = h.isa;
    out->storage.run.work_limit = h.work_limit;
    if (h.stopped)
        atomic_store(&out->storage.stop, HONE_FINISH);
    hone_cache *cache = h.cache ? h.cache : hone_cache_open(h.budget);
    const hone_trial trial = {.warm_params = h.warm ? h.warm->f->params : NULL,
                              .warm_state = h.warm ? h.warm->f->state : NULL,
                              .warm_same_rows = h.warm,
                              .algorithm = &hone_svm,
                              .params = p,
                              .shape = {.features = t->d,
                                        .outputs = t->classes ? t->classes : 1,
                                        .stored = t->d,
                                        .task = t->classes ? HONE_CLASSIFICATION : HONE_REGRESSION},
                              .table = h.x ? *h.x : matrix_of(t),
                              .table_id = 1,
                              .rows = h.rows,
                              .n_rows = h.n_rows,
                              .label = t->classes ? t->label : NULL,
                              .target = t->classes ? NULL : t->y,
                              .weight = t->w,
                              .labels_id = 1,
                              .more = h.more,
                              .run = run};
    hone_error error = {0};
    if (hone_trial_fit(&trial, cache, &out->f, NULL, &error))
        fail_msg("%s: %s", error.path, error.message);
    out->s = out->f->state;
    if (!h.cache)
        hone_cache_close(cache);
}

double *scores(fitted *f, const hone_matrix *x)
{
    double *out = calloc((size_t)(x->rows * f->f->shape.outputs), sizeof *out);
    hone_error error = {0};
    if (hone_fitted_predict(f->f, x, &f->storage.run, NULL, out, &error))
        fail_msg("%s: %s", error.path, error.message);
    return out;
}

int64_t best_class(const double *score, int64_t k)
{
    int64_t best = 0;
    for (int64_t c = 1; c < k; c++)
        if (score[c] > score[best])
            best = c;
    return best;
}
void assert_same(const fitted *a, const fitted *b)
{
    assert_int_equal(a->s->n_sv, b->s->n_sv);
    assert_int_equal(a->s->iterations, b->s->iterations);
    const size_t n = (size_t)(a->s->n_sv * a->s->n_coefs);
    assert_memory_equal(a->s->coef, b->s->coef, n * sizeof(double));
    assert_memory_equal(a->s->support, b->s->support, (size_t)a->s->n_sv * sizeof(int64_t));
    assert_memory_equal(a->s->intercept, b->s->intercept, (size_t)a->s->n_pairs * sizeof(double));
}

double plain_kernel(const svm_params *p, double gamma, const double *a, const double *b, int64_t d)
{
    double inner = 0, square = 0, manhattan = 0;
    for (int64_t k = 0; k < d; k++) {
        inner += a[k] * b[k];
        square += (a[k] - b[k]) * (a[k] - b[k]);
        manhattan += fabs(a[k] - b[k]);
    }
    switch (p->kernel) {
    case SVM_LINEAR:
        return inner;
    case SVM_POLY:
        return pow(gamma * inner + p->coef0, (double)p->degree);
    case SVM_SIGMOID:
        return tanh(gamma * inner + p->coef0);
    case SVM_RBF:
        return exp(-gamma * square);
    default:
        return exp(-gamma * manhattan);
    }
}

static void place_points(posed *w, int64_t n, int64_t d, bool regress, bool sparse)
{
    double *values = HONE_NEW(w->arena, double, n, d);
    int64_t *start = HONE_NEW(w->arena, int64_t, n + 1, 1);
    int32_t *column = HONE_NEW(w->arena, int32_t, n, d);
    assert_true(values && start && column);
    hone_stream s = hone_stream_of(3, (uint64_t)n, (uint64_t)d);
    for (int64_t i = 0; i < n; i++) {
        start[i + 1] = (i + 1) * d;
        for (int64_t k = 0; k < d; k++) {
            values[i * d + k] = hone_uniform(&s) * 4 + (k || regress ? 0.1 : i % 2 ? 1 : -1);
            column[i * d + k] = (int32_t)k;
        }
    }
    w->values = values;
    w->x = dense_of(HONE_F64, values, n, d);
    if (sparse)
        w->x = (hone_matrix){.values = values,
                             .layout = HONE_CSR,
                             .dtype = HONE_F64,
                             .rows = n,
                             .cols = d,
                             .stored_cols = d,
                             .row_start = start,
                             .column = column};
}

void pose_again(posed *w, const svm_params *params, double gamma)
{
    problem *p = &w->p;
    const bool centred = params->kernel != SVM_LINEAR;
    const hone_run *run = &w->storage.run;
    assert_int_equal(hone_panels_make(&w->x, centred, run, w->arena, w->arena, &w->panels, NULL),
                     HONE_OK);
    w->kernel = kernel_of(params, gamma, &w->panels, hone_run_isa(run));
    for (int64_t v = 0; v < p->m; v++)
        p->bound[v] = params->C * w->kernel.scale;
}

static void pose_any(posed *w, int64_t n, int64_t d, const svm_params *params, double gamma,
                     bool regress, bool sparse)
{
    problem *p = &w->p;
    const hone_run *run = hone_run_simple(&w->storage, 1);
    w->arena = hone_arena_open(&w->storage.account);
    assert_non_null(w->arena);
    w->effort = (effort){.run = run};
    place_points(w, n, d, regress, sparse);
    *p = (problem){.panels = &w->panels, .x = &w->x, .kernel = &w->kernel, .effort = &w->effort};
    p->n = n, p->m = regress ? 2 * n : n, p->tol = 1e-3, p->max_iter = 1 << 20;
    p->sign = HONE_NEW(w->arena, signed char, p->m, 1);
    p->linear = HONE_NEW(w->arena, double, p->m, 1);
    p->bound = HONE_NEW(w->arena, double, p->m, 1);
    p->alpha = HONE_NEW(w->arena, double, p->m, 1);
    p->g = HONE_NEW(w->arena, double, n + HONE_LANES, 1);
    p->w = HONE_NEW(w->arena, double, d, 1);
    assert_true(p->sign && p->linear && p->bound && p->alpha && p->g && p->w);
    for (int64_t v = 0; v < p->m; v++) {
        const int64_t i = v % n;
        const double *x = w->values + i * d, z = x[0] - 2 * x[1] + sin(3 * (double)i);
        p->sign[v] = regress ? (v < n ? 1 : -1) : i % 2 ? 1 : -1;
        p->linear[v] = regress ? 0.1 - p->sign[v] * z : -1;
    }
    pose_again(w, params, gamma);
}

void pose(posed *w, int64_t n, int64_t d, const svm_params *p, double gamma, bool sparse)
{
    pose_any(w, n, d, p, gamma, false, sparse);
}

void pose_targets(posed *w, int64_t n, int64_t d, const svm_params *p, bool sparse)
{
    pose_any(w, n, d, p, 1, true, sparse);
}
