#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "linear_world.h"

#include "core/params.h"
#include "dense.h"
#include "toolbox/random.h"

extern const hone_algorithm hone_logistic_regression;

void world_make(world *w, int64_t n, int64_t d, int64_t c, double condition, uint64_t seed)
{
    double rule[400];
    hone_stream s = hone_stream_of(seed, 1, 2);
    w->n = n, w->d = d, w->c = c;
    assert_true(n * d <= MOST && d * c <= 400);
    for (int64_t j = 0; j < d * c; j++)
        rule[j] = 4 * hone_uniform(&s) - 2;
    for (int64_t i = 0; i < n; i++) {
        double top = -1e9;
        for (int64_t j = 0; j < d; j++)
            w->x[i * d + j] = 2 * hone_uniform(&s) - 1;
        for (int64_t k = 0; k < c; k++) {
            double z = -2 * log(-log(hone_uniform(&s) + 1e-12) + 1e-12);
            for (int64_t j = 0; j < d; j++)
                z += rule[k * d + j] * w->x[i * d + j];
            if (z > top)
                top = z, w->label[i] = (int32_t)k;
        }
        w->weight[i] = 1 + (double)hone_below(&s, 3);
        for (int64_t j = 0; j < d; j++) {
            const double scale = d > 1 ? pow(condition, -(double)j / (double)(d - 1)) : 1;
            w->x[i * d + j] = scale * (w->x[i * d + j] + 3);
        }
    }
}

logistic_params world_params(void)
{
    logistic_params p;
    for (const hone_param *row = hone_logistic_regression.params; row->name; row++)
        hone_param_default(row, &p);
    return p;
}

hone_matrix world_dense(const world *w)
{
    return dense_of(HONE_F64, w->x, w->n, w->d);
}

hone_trial world_trial(const world *w, const hone_matrix *x, const logistic_params *p,
                       bool weighted, const hone_run *run)
{
    hone_trial trial = {.algorithm = &hone_logistic_regression,
                        .params = p,
                        .table = x ? *x : world_dense(w),
                        .table_id = 1,
                        .label = w->label,
                        .weight = weighted ? w->weight : NULL,
                        .labels_id = 2,
                        .seed = 7,
                        .run = run};
    trial.shape = (hone_shape){trial.table.cols, w->c, trial.table.stored_cols, trial.table.levels,
                               HONE_CLASSIFICATION};
    return trial;
}

hone_fitted *world_fit_trial(const hone_trial *trial)
{
    hone_cache *cache = hone_cache_open(0);
    hone_fitted *fitted = NULL;
    hone_error error = {0};
    if (hone_trial_fit(trial, cache, &fitted, NULL, &error))
        fail_msg("%s: %s", error.path, error.message);
    hone_cache_close(cache);
    return fitted;
}

hone_fitted *world_fit(const world *w, const hone_matrix *x, const logistic_params *p,
                       bool weighted, int threads, int isa)
{
    hone_simple_run storage;
    const hone_run *run = hone_run_simple(&storage, threads);
    if (isa)
        storage.run.isa = (hone_isa)isa;
    const hone_trial trial = world_trial(w, x, p, weighted, run);
    return world_fit_trial(&trial);
}

/* ---- the plain solver: all classes, rows of `size` = d + 1 ---- */

static long double margin(const world *w, const long double *v, int64_t i, int64_t k)
{
    long double z = v[k * (w->d + 1) + w->d];
    for (int64_t j = 0; j < w->d; j++)
        z += v[k * (w->d + 1) + j] * (long double)w->x[i * w->d + j];
    return z;
}

/* Loss of row i; p gets the probabilities of the models: one for two classes. */
static long double row_loss(const world *w, const long double *v, int64_t i, long double *p)
{
    if (w->c == 2) {
        const long double z = margin(w, v, i, 0), t = w->label[i] == 1 ? z : -z;
        p[0] = 1 / (1 + expl(-z));
        return t > 0 ? log1pl(expl(-t)) : -t + log1pl(expl(t));
    }
    long double top = -INFINITY, sum = 0;
    for (int64_t k = 0; k < w->c; k++) {
        p[k] = margin(w, v, i, k);
        top = p[k] > top ? p[k] : top;
    }
    const long double own = p[w->label[i]];
    for (int64_t k = 0; k < w->c; k++)
        sum += p[k] = expl(p[k] - top);
    for (int64_t k = 0; k < w->c; k++)
        p[k] /= sum;
    return logl(sum) + top - own;
}

static int64_t models(const world *w)
{
    return w->c == 2 ? 1 : w->c;
}

static long double objective(const world *w, const logistic_params *p, bool weighted,
                             const long double *v)
{
    long double sum = 0, probability[64], penalty = 0;
    for (int64_t i = 0; i < w->n; i++)
        sum += (weighted ? (long double)w->weight[i] : 1) * row_loss(w, v, i, probability);
    const double l1 = p->penalty == PENALTY_L1           ? 1
                      : p->penalty == PENALTY_ELASTICNET ? p->l1_ratio
                                                         : 0;
    for (int64_t k = 0; k < models(w); k++)
        for (int64_t j = 0; j < w->d; j++) {
            const long double at = v[k * (w->d + 1) + j];
            penalty += (1 - (long double)l1) * at * at / 2 + (long double)l1 * fabsl(at);
        }
    return p->penalty == PENALTY_NONE ? sum : (long double)p->C * sum + penalty;
}

long double world_objective(const world *w, const logistic_params *p, bool weighted,
                            const double *coef, const double *intercept)
{
    long double v[400];
    for (int64_t k = 0; k < models(w); k++) {
        for (int64_t j = 0; j < w->d; j++)
            v[k * (w->d + 1) + j] = (long double)coef[k * w->d + j];
        v[k * (w->d + 1) + w->d] = (long double)intercept[k];
    }
    return objective(w, p, weighted, v);
}

/* a x = b by Gaussian elimination with pivoting; singular directions get 0. */
static void eliminate(long double *a, long double *b, int64_t n)
{
    for (int64_t c = 0; c < n; c++) {
        int64_t top = c;
        for (int64_t r = c + 1; r < n; r++)
            if (fabsl(a[r * n + c]) > fabsl(a[top * n + c]))
                top = r;
        for (int64_t k = 0; k < n; k++) {
            const long double t = a[c * n + k];
            a[c * n + k] = a[top * n + k], a[top * n + k] = t;
        }
        const long double t = b[c];
        b[c] = b[top], b[top] = t;
        for (int64_t r = c + 1; r < n; r++) {
            const long double by = a[r * n + c] / a[c * n + c];
            for (int64_t k = c; k < n; k++)
                a[r * n + k] -= by * a[c * n + k];
            b[r] -= by * b[c];
        }
    }
    for (int64_t c = n; c-- > 0;) {
        for (int64_t k = c + 1; k < n; k++)
            b[c] -= a[c * n + k] * b[k];
        b[c] /= a[c * n + c];
    }
}

long double world_optimum(const world *w, const logistic_params *p, bool weighted)
{
    const int64_t rows = models(w), size = w->d + 1, all = rows * size;
    long double *v = calloc((size_t)all, sizeof *v), *g = calloc((size_t)all, sizeof *g),
                *h = calloc((size_t)(all * all), sizeof *h), *t = calloc((size_t)all, sizeof *t);
    const long double C = p->penalty == PENALTY_NONE ? 1 : (long double)p->C;
    const long double ridge = p->penalty == PENALTY_NONE ? 1e-16L : 1;
    long double F = objective(w, p, weighted, v);
    for (int step = 0; step < 200; step++) {
        memset(g, 0, (size_t)all * sizeof *g);
        memset(h, 0, (size_t)(all * all) * sizeof *h);
        for (int64_t i = 0; i < w->n; i++) {
            long double q[64];
            const long double s = C * (weighted ? (long double)w->weight[i] : 1);
            row_loss(w, v, i, q);
            for (int64_t a = 0; a < all; a++) {
                const int64_t k = a / size, j = a % size;
                const long double x = j < w->d ? (long double)w->x[i * w->d + j] : 1;
                const bool own = w->label[i] == (w->c == 2 ? 1 : k);
                g[a] += s * (q[k] - own) * x;
                for (int64_t b = 0; b < all; b++) {
                    const int64_t l = b / size, m = b % size;
                    const long double y = m < w->d ? (long double)w->x[i * w->d + m] : 1;
                    h[a * all + b] += s * q[k] * ((k == l) - q[l]) * x * y;
                }
            }
        }
        for (int64_t a = 0; a < all; a++) {
            if (a % size < w->d) {
                g[a] += ridge * v[a];
                h[a * all + a] += ridge;
            } else if (rows > 1) {
                for (int64_t l = 0; l < rows; l++)
                    h[a * all + l * size + w->d] += 1;
            }
        }
        eliminate(h, g, all);
        long double length = 1, next = F;
        for (int k = 0; k < 60; k++, length /= 2) {
            for (int64_t a = 0; a < all; a++)
                t[a] = v[a] - length * g[a];
            next = objective(w, p, weighted, t);
            if (next < F)
                break;
        }
        if (!(next < F))
            break;
        memcpy(v, t, (size_t)all * sizeof *v);
        const bool done = F - next < 1e-16L * F;
        F = next;
        if (done)
            break;
    }
    free(v), free(g), free(h), free(t);
    return F;
}
