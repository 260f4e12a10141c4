#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forest_world.h"

#include "base/hash.h"
#include "core/params.h"
#include "dense.h"

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
    free(t->x), free(t->narrow), free(t->y), free(t->w), free(t->label);
}

forest_params defaults(const table *t)
{
    forest_params p;
    memset(&p, 0, sizeof p);
    hone_params_default(hone_random_forest.params,
                        t->classes ? HONE_CLASSIFICATION : HONE_REGRESSION, &p);
    p.n_estimators = 10;
    return p;
}

hone_amount count_of(int64_t n)
{
    return (hone_amount){-1, true, (double)n};
}

hone_trial trial_of(const table *t, const how *h, const hone_run *run)
{
    hone_matrix x = t->narrow ? dense_of(HONE_F32, t->narrow, t->n, t->d)
                              : dense_of(HONE_F64, t->x, t->n, t->d);
    x.levels = t->categories ? t->levels : NULL;
    const hone_shape shape = {t->d, t->classes ? t->classes : 1, t->d, x.levels,
                              t->classes ? HONE_CLASSIFICATION : HONE_REGRESSION};
    return (hone_trial){.algorithm = &hone_random_forest,
                        .params = &h->p,
                        .shape = shape,
                        .table = x,
                        .table_id = hone_hash(0, t->x, (size_t)(t->n * t->d) * sizeof(double)),
                        .rows = h->rows,
                        .n_rows = h->n_rows,
                        .label = t->classes ? t->label : NULL,
                        .target = t->classes ? NULL : t->y,
                        .weight = t->w,
                        .labels_id = 1,
                        .siblings = h->siblings,
                        .family = h->family,
                        .seed = h->seed,
                        .run = run};
}

hone_fitted *fit_with(const table *t, const how *h, const hone_run *run, hone_status expect)
{
    hone_cache *own = h->cache ? NULL : hone_cache_open(0);
    const hone_trial trial = trial_of(t, h, run);
    hone_fitted *f;
    hone_error error = {0};
    const hone_status status = hone_trial_fit(&trial, h->cache ? h->cache : own, &f, NULL, &error);
    if (status != expect)
        print_error("%s: %s\n", error.path, error.message);
    assert_int_equal(status, expect);
    hone_cache_close(own);
    return f;
}

hone_fitted *fit(const table *t, const how *h)
{
    hone_simple_run storage;
    const hone_run *run = hone_run_simple(&storage, h->threads ? h->threads : 1);
    if (h->isa)
        storage.run.isa = h->isa;
    return fit_with(t, h, run, HONE_OK);
}

static int64_t extent(hone_extent e, const hone_fitted *f)
{
    switch (e.of) {
    case HONE_COUNT_AT:
        return *(const int64_t *)((const char *)f->state + e.offset) + e.plus;
    case HONE_FEATURES:
        return f->shape.features + e.plus;
    case HONE_OUTPUTS:
        return f->shape.outputs + e.plus;
    case HONE_PLAIN:
        break;
    }
    return e.plus;
}

uint64_t bits_of(const hone_fitted *f)
{
    static const size_t size[] = {[HONE_F32] = 4, [HONE_F64] = 8, [HONE_U8] = 1, [HONE_U16] = 2,
                                  [HONE_U32] = 4, [HONE_I32] = 4, [HONE_I64] = 8};
    uint64_t h = 0;
    for (const hone_field *field = f->algorithm->state; field->name; field++) {
        const char *at = (const char *)f->state + field->offset;
        if (!field->is_array) {
            h = hone_hash(h, at, 8);
            continue;
        }
        const int64_t n = extent(field->rows, f) * extent(field->cols, f);
        const void *values;
        memcpy(&values, at, sizeof values);
        h = hone_hash(h, values, (size_t)n * size[field->dtype]);
    }
    return h;
}

uint64_t fit_bits(const table *t, const how *h)
{
    hone_fitted *f = fit(t, h);
    const uint64_t bits = bits_of(f);
    hone_fitted_free(f);
    return bits;
}

double *predict(const hone_fitted *f, const table *t)
{
    hone_simple_run storage;
    const hone_run *run = hone_run_simple(&storage, 1);
    const how h = {0};
    const hone_trial trial = trial_of(t, &h, run);
    double *score = malloc((size_t)(t->n * f->shape.outputs) * sizeof *score);
    assert_int_equal(hone_fitted_predict(f, &trial.table, run, NULL, score, NULL), HONE_OK);
    return score;
}

int64_t *leaves(const hone_fitted *f, const table *t)
{
    const hone_output *o = hone_random_forest.outputs;
    while (strcmp(o->name, "leaf"))
        o++;
    hone_simple_run storage;
    const hone_run *run = hone_run_simple(&storage, 1);
    const how h = {0};
    const int64_t trees = ((const forest_state *)f->state)->n_trees;
    hone_arena *arena = hone_arena_open(NULL);
    const hone_output_job job = {.x = trial_of(t, &h, run).table,
                                 .shape = f->shape,
                                 .params = f->params,
                                 .state = f->state,
                                 .run = run,
                                 .scratch = arena};
    double *out = malloc((size_t)(t->n * trees) * sizeof *out);
    int64_t *leaf = malloc((size_t)(t->n * trees) * sizeof *leaf);
    assert_int_equal(o->compute(&job, out, NULL), HONE_OK);
    for (int64_t i = 0; i < t->n * trees; i++)
        leaf[i] = (int64_t)out[i];
    hone_arena_close(arena);
    free(out);
    return leaf;
}

double accuracy(const hone_fitted *f, const table *t)
{
    double *score = predict(f, t), right = 0;
    for (int64_t i = 0; i < t->n; i++) {
        int64_t best = 0;
        for (int64_t k = 1; k < t->classes; k++)
            if (score[i * t->classes + k] > score[i * t->classes + best])
                best = k;
        right += best == t->label[i];
    }
    free(score);
    return right / (double)t->n;
}

double rmse(const hone_fitted *f, const table *t)
{
    double *score = predict(f, t), sum = 0;
    for (int64_t i = 0; i < t->n; i++)
        sum += (score[i] - t->y[i]) * (score[i] - t->y[i]);
    free(score);
    return sqrt(sum / (double)t->n);
}

/* ---- data ---- */

table rules(int64_t n, int64_t d, int64_t classes, uint64_t seed)
{
    table t = new_table(n, d, classes);
    hone_stream r = hone_stream_of(seed, 0, 0);
    for (int64_t i = 0; i < n; i++) {
        double *x = t.x + i * d;
        for (int64_t j = 0; j < d; j++)
            x[j] = j % 3 == 2 ? (double)hone_below(&r, 7) : hone_uniform(&r);
        const double z = 3 * x[0] + (x[1 % d] > 0.4) + 0.3 * x[2 % d];
        t.y[i] = z + 0.1 * hone_uniform(&r);
        if (classes)
            t.label[i] = (int32_t)((int64_t)(z * 1.7) % classes);
    }
    return t;
}

table mixed(int64_t n, int64_t classes, int32_t levels, uint64_t seed)
{
    table t = new_table(n, 4, classes);
    hone_stream r = hone_stream_of(seed, 1, 0);
    t.categories = true;
    t.levels[2] = levels;
    for (int64_t i = 0; i < n; i++) {
        double *x = t.x + i * 4;
        x[0] = hone_uniform(&r), x[1] = hone_uniform(&r), x[3] = hone_uniform(&r);
        x[2] = (double)hone_below(&r, (uint64_t)levels);
        const bool hole = hone_below(&r, 5) == 0;
        const int64_t kind = (int64_t)(hone_mix((uint64_t)x[2] * 77) % 3) + (hole ? 1 : 0);
        if (hole)
            x[0] = NAN;
        t.y[i] = (double)kind + 0.01 * x[1];
        if (classes)
            t.label[i] = (int32_t)(kind % classes);
        if (hone_below(&r, 30) == 0)
            x[2] = NAN;
    }
    return t;
}
