/* The support vector machine through the trial, against a plain solver of the same problem. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "algorithms/svm/exact.h"
#include "algorithms/svm/svm.h"
#include "core/params.h"
#include "core/trial.h"
#include "toolbox/random.h"

extern const hone_algorithm hone_svm;

/* ---- problems ---- */

typedef struct table {
    int64_t n, d, classes; /* classes = 0: regression */
    double *x, *y, *w;     /* w may be NULL */
    int32_t *label;
} table;

static table new_table(int64_t n, int64_t d, int64_t classes)
{
    return (table){.n = n,
                   .d = d,
                   .classes = classes,
                   .x = calloc((size_t)(n * d), sizeof(double)),
                   .y = calloc((size_t)n, sizeof(double)),
                   .label = calloc((size_t)n, sizeof(int32_t))};
}

static void free_table(table *t)
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

/* Clouds that overlap, one per class; a wave with noise when regressing. */
static table clouds(int64_t n, int64_t d, int64_t classes, uint64_t seed)
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

static svm_params defaults(const table *t)
{
    svm_params p;
    memset(&p, 0, sizeof p);
    hone_params_default(hone_svm.params, t->classes ? HONE_CLASSIFICATION : HONE_REGRESSION, &p);
    return p;
}

static hone_amount number(double v)
{
    return (hone_amount){.word = -1, .number = v};
}

static hone_matrix matrix_of(const table *t)
{
    return (hone_matrix){.values = t->x,
                         .layout = HONE_DENSE,
                         .dtype = HONE_F64,
                         .rows = t->n,
                         .cols = t->d,
                         .stored_cols = t->d,
                         .row_stride = t->d,
                         .col_stride = 1};
}

/* ---- a fit ---- */

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
} how;

typedef struct fitted {
    hone_simple_run storage;
    hone_fitted *f;
    const svm_state *s;
} fitted;

static void fit(fitted *out, const table *t, const svm_params *p, how h)
{
    const hone_run *run = hone_run_simple(&out->storage, h.threads ? h.threads : 1);
    if (h.isa)
        out->storage.run.isa = h.isa;
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
                              .run = run};
    hone_error error = {0};
    if (hone_trial_fit(&trial, cache, &out->f, NULL, &error))
        fail_msg("%s: %s", error.path, error.message);
    out->s = out->f->state;
    if (!h.cache)
        hone_cache_close(cache);
}

static double *scores(fitted *f, const hone_matrix *x)
{
    double *out = calloc((size_t)(x->rows * f->f->shape.outputs), sizeof *out);
    hone_error error = {0};
    if (hone_fitted_predict(f->f, x, &f->storage.run, NULL, out, &error))
        fail_msg("%s: %s", error.path, error.message);
    return out;
}

static int64_t best_class(const double *score, int64_t k)
{
    int64_t best = 0;
    for (int64_t c = 1; c < k; c++)
        if (score[c] > score[best])
            best = c;
    return best;
}

static double accuracy(fitted *f, const table *t)
{
    const hone_matrix x = matrix_of(t);
    double *score = scores(f, &x);
    int64_t right = 0;
    for (int64_t i = 0; i < t->n; i++)
        right += best_class(score + i * t->classes, t->classes) == t->label[i];
    free(score);
    return (double)right / (double)t->n;
}

/* ---- the same problem, solved plainly in double ---- */

static double plain_kernel(const svm_params *p, double gamma, const double *a, const double *b,
                           int64_t d)
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

/* A dual problem of m variables over n rows, as in algorithms/svm/solve.h. */
typedef struct dual {
    int64_t n, m;
    double *K, *sign, *linear, *bound, *alpha, *f;
} dual;

static double cost_of(const table *t, const svm_params *p, int64_t i)
{
    double c = p->C * (t->w ? t->w[i] : 1);
    if (p->class_weight == SVM_BALANCED) {
        double all = 0, own = 0;
        for (int64_t j = 0; j < t->n; j++) {
            all += t->w ? t->w[j] : 1;
            own += t->label[j] == t->label[i] ? t->w ? t->w[j] : 1 : 0;
        }
        c *= all / ((double)t->classes * own);
    }
    return c;
}

static dual dual_of(const table *t, const svm_params *p, double gamma)
{
    const int64_t n = t->n, m = t->classes ? n : 2 * n;
    dual q = {.n = n, .m = m};
    q.K = calloc((size_t)(n * n), sizeof(double));
    q.sign = calloc((size_t)m * 5, sizeof(double));
    q.linear = q.sign + m, q.bound = q.sign + 2 * m, q.alpha = q.sign + 3 * m;
    q.f = q.sign + 4 * m;
    for (int64_t i = 0; i < n * n; i++)
        q.K[i] = plain_kernel(p, gamma, t->x + i / n * t->d, t->x + i % n * t->d, t->d);
    for (int64_t v = 0; v < m; v++) {
        const int64_t i = v % n;
        q.sign[v] = t->classes ? (t->label[i] == 0 ? 1 : -1) : v < n ? 1 : -1;
        q.linear[v] = t->classes ? -1 : p->epsilon - q.sign[v] * t->y[i];
        q.bound[v] = cost_of(t, p, i);
    }
    return q;
}

static void free_dual(dual *q)
{
    free(q->K), free(q->sign);
}

static bool can_rise(const dual *q, int64_t v)
{
    return q->sign[v] > 0 ? q->alpha[v] < q->bound[v] : q->alpha[v] > 0;
}

static bool can_fall(const dual *q, int64_t v)
{
    return q->sign[v] > 0 ? q->alpha[v] > 0 : q->alpha[v] < q->bound[v];
}

static void fill_slopes(dual *q)
{
    for (int64_t v = 0; v < q->m; v++) {
        q->f[v] = q->sign[v] * q->linear[v];
        for (int64_t u = 0; u < q->m; u++)
            q->f[v] += q->sign[u] * q->alpha[u] * q->K[v % q->n * q->n + u % q->n];
    }
}

/* The KKT gap; `i` and `j` get the pair that violates most. */
static double gap_of(const dual *q, int64_t *i, int64_t *j)
{
    double least = INFINITY, most = -INFINITY;
    for (int64_t v = 0; v < q->m; v++) {
        if (can_rise(q, v) && q->f[v] < least)
            least = q->f[v], *i = v;
        if (can_fall(q, v) && q->f[v] > most)
            most = q->f[v], *j = v;
    }
    return most - least;
}

static double objective_of(const dual *q)
{
    double sum = 0;
    for (int64_t v = 0; v < q->m; v++)
        sum += q->alpha[v] * (q->sign[v] * q->f[v] + q->linear[v]) / 2;
    return sum;
}

/* Most violating pairs, nothing clever. */
static double solve_plainly(dual *q, double tol)
{
    int64_t i = 0, j = 0;
    fill_slopes(q);
    for (int64_t step = 0; step < 3000000 && gap_of(q, &i, &j) > tol; step++) {
        const double *ki = q->K + i % q->n * q->n, *kj = q->K + j % q->n * q->n;
        const double curve = ki[i % q->n] + kj[j % q->n] - 2 * ki[j % q->n];
        const double up = q->sign[i] > 0 ? q->bound[i] - q->alpha[i] : q->alpha[i];
        const double down = q->sign[j] > 0 ? q->alpha[j] : q->bound[j] - q->alpha[j];
        const double wanted = (q->f[j] - q->f[i]) / fmax(curve, 1e-12);
        const double delta = fmin(wanted, fmin(up, down));
        q->alpha[i] += q->sign[i] * delta;
        q->alpha[j] -= q->sign[j] * delta;
        if (delta == up)
            q->alpha[i] = q->sign[i] > 0 ? q->bound[i] : 0;
        if (delta == down)
            q->alpha[j] = q->sign[j] > 0 ? 0 : q->bound[j];
        for (int64_t v = 0; v < q->m; v++)
            q->f[v] += delta * (ki[v % q->n] - kj[v % q->n]);
    }
    return objective_of(q);
}

/* The dual at a fitted binary or regression model. */
static void load_model(dual *q, const svm_state *s)
{
    memset(q->alpha, 0, (size_t)q->m * sizeof(double));
    for (int64_t i = 0; i < s->n_sv; i++) {
        const int64_t r = s->support[i];
        if (q->m == q->n)
            q->alpha[r] = q->sign[r] * s->coef[i];
        else
            q->alpha[s->coef[i] > 0 ? r : r + q->n] = fabs(s->coef[i]);
    }
    fill_slopes(q);
}

/* ---- truth ---- */

/* Objective and KKT gap of a fit, both recomputed in double, against the plain solver. Float32
 * kernel values may move the gap by a part of `tol`; what they move further is solved in double. */
static void compare(const table *t, const svm_params *p)
{
    fitted f;
    fit(&f, t, p, (how){.threads = 2});
    assert_int_equal(f.s->converged, 1);
    dual q = dual_of(t, p, f.s->gamma);
    const double right = solve_plainly(&q, 1e-7);
    int64_t i = 0, j = 0;
    load_model(&q, f.s);
    const double gap = gap_of(&q, &i, &j), got = objective_of(&q);
    double balance = 0, all = 0, diagonal = 0;
    for (int64_t v = 0; v < q.m; v++) {
        assert_true(q.alpha[v] >= 0 && q.alpha[v] <= q.bound[v] * (1 + 1e-12));
        balance += q.sign[v] * q.alpha[v];
        all += q.alpha[v];
        diagonal = fmax(diagonal, q.K[v % q.n * (q.n + 1)]);
    }
    assert_true(fabs(balance) <= 1e-12 * all);
    assert_true(gap < 1.5 * p->tol + 1e-14 * all * diagonal);
    assert_true(fabs(got - right) <= 1e-6 * fabs(right));
    assert_true(fabs(f.s->objective - got) <= 1e-6 * fabs(got) + 1e-5 * all);
    hone_fitted_free(f.f);
    free_dual(&q);
}

static void the_objective_is_the_optimum_over_c_and_gamma(void **state)
{
    (void)state;
    table t = clouds(120, 4, 2, 1);
    svm_params p = defaults(&t);
    const double gammas[] = {1e-4, 1e-2, 1, 30};
    p.tol = 1e-6;
    for (double C = 1e-3; C < 2e5; C *= 100)
        for (size_t g = 0; g < sizeof gammas / sizeof *gammas; g++) {
            p.C = C, p.gamma = number(gammas[g]);
            compare(&t, &p);
        }
    free_table(&t);
}

/* nu-SVC equals C-SVC with the C that its level implies; here found from the coefficients. */
static void nu_bounds_the_shares_and_gives_a_c_machine(void **state)
{
    (void)state;
    for (int z = 0; z < 2; z++) {
        const int64_t n = z ? 1700 : 300;
        table t = clouds(n, 3, 2, 20);
        svm_params p = defaults(&t);
        p.formulation = SVM_FORMULATION_NU, p.nu = 0.3, p.tol = 1e-6;
        fitted a, b;
        fit(&a, &t, &p, (how){.threads = 2});
        assert_int_equal(a.s->converged, 1);
        double most = 0;
        int64_t bounded = 0;
        for (int64_t i = 0; i < a.s->n_sv; i++)
            most = fmax(most, fabs(a.s->coef[i]));
        for (int64_t i = 0; i < a.s->n_sv; i++)
            bounded += fabs(a.s->coef[i]) >= most * (1 - 1e-9);
        assert_true((double)bounded <= 0.3 * (double)n && 0.3 * (double)n <= (double)a.s->n_sv);
        p.formulation = SVM_FORMULATION_C, p.C = most;
        fit(&b, &t, &p, (how){.threads = 2});
        const hone_matrix x = matrix_of(&t);
        double *u = scores(&a, &x), *v = scores(&b, &x);
        for (int64_t i = 0; i < 2 * n; i++)
            assert_true(fabs(u[i] - v[i]) < 3e-5 * most);
        free(u), free(v);
        hone_fitted_free(a.f), hone_fitted_free(b.f);
        free_table(&t);
    }
}

static void nu_regression_has_its_share_outside_the_tube(void **state)
{
    (void)state;
    table t = clouds(400, 2, 0, 21);
    svm_params p = defaults(&t);
    p.formulation = SVM_FORMULATION_NU, p.nu = 0.2, p.tol = 1e-5;
    fitted a, b;
    fit(&a, &t, &p, (how){0});
    assert_int_equal(a.s->converged, 1);
    assert_true(a.s->n_sv >= 80 && a.s->n_sv < 160);
    const hone_matrix x = matrix_of(&t);
    double *u = scores(&a, &x), tube = 0;
    int64_t free_ones = 0; /* all at one distance: the epsilon that nu chose */
    for (int64_t i = 0; i < a.s->n_sv; i++)
        if (fabs(a.s->coef[i]) < 0.999) {
            tube += fabs(t.y[a.s->support[i]] - u[a.s->support[i]]);
            free_ones++;
        }
    p.formulation = SVM_FORMULATION_C, p.epsilon = tube / (double)free_ones;
    fit(&b, &t, &p, (how){0});
    double *v = scores(&b, &x);
    for (int64_t i = 0; i < t.n; i++)
        assert_true(fabs(u[i] - v[i]) < 1e-3);
    free(u), free(v);
    hone_fitted_free(a.f), hone_fitted_free(b.f);
    free_table(&t);
}

static void every_kernel_reaches_the_optimum(void **state)
{
    (void)state;
    table t = clouds(100, 3, 2, 2);
    svm_params p = defaults(&t);
    p.tol = 1e-5;
    const int kernels[] = {SVM_LINEAR, SVM_POLY, SVM_RBF, SVM_LAPLACIAN};
    for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++) {
        p.kernel = kernels[k], p.coef0 = 0.5, p.degree = 2;
        compare(&t, &p);
    }
    free_table(&t);
}

static void working_sets_reach_the_optimum(void **state)
{
    (void)state;
    table t = clouds(1700, 5, 2, 3);
    svm_params p = defaults(&t);
    p.tol = 1e-4;
    compare(&t, &p);
    free_table(&t);
}

static void regression_reaches_the_optimum(void **state)
{
    (void)state;
    table t = clouds(150, 2, 0, 4);
    svm_params p = defaults(&t);
    p.tol = 1e-6;
    for (double C = 0.01; C < 200; C *= 100) {
        p.C = C;
        compare(&t, &p);
    }
    free_table(&t);
}

static void weights_and_balance_scale_the_bounds(void **state)
{
    (void)state;
    table t = clouds(150, 3, 2, 5);
    t.w = calloc(150, sizeof *t.w);
    for (int i = 0; i < 150; i++)
        t.w[i] = i % 5 ? 0.5 + i % 3 : 0;
    svm_params p = defaults(&t);
    p.tol = 1e-6, p.class_weight = SVM_BALANCED;
    compare(&t, &p);
    free_table(&t);
}

static void exponentials_in_double_are_those_of_the_c_library(void **state)
{
    (void)state;
    hone_isa isa;
    assert_int_equal(hone_isa_of(HONE_ISA_AUTO, &isa, NULL), HONE_OK);
    for (double from = 1e-9; from < 1e3; from *= 1.01) {
        double best[EXACT_LANES], plain[EXACT_LANES];
        for (int l = 0; l < EXACT_LANES; l++)
            best[l] = plain[l] = l ? -from * (1 + l / 37.0) : -0.0;
        HONE_PICK(isa, svm_exact_exp)(best);
        svm_exact_exp_portable(plain);
        for (int l = 0; l < EXACT_LANES; l++) {
            const double right = exp(fmax(l ? -from * (1 + l / 37.0) : 0, -700));
            assert_true(fabs(best[l] - right) <= 1e-15 * right);
            assert_true(fabs(plain[l] - right) <= 1e-15 * right);
        }
    }
}

static void rows_of_weight_zero_are_as_if_absent(void **state)
{
    (void)state;
    table t = clouds(200, 3, 3, 6), less = clouds(200, 3, 3, 6);
    t.w = calloc(200, sizeof *t.w);
    int64_t rows[200], n = 0;
    for (int64_t i = 0; i < 200; i++) {
        t.w[i] = i % 4 != 0;
        if (i % 4)
            rows[n++] = i;
    }
    fitted a, b;
    svm_params p = defaults(&t);
    for (int64_t i = 0; i < 200 * 3; i++) /* far away: neither the centre nor gamma follow */
        t.x[i] += t.w[i / 3] > 0 ? 0 : 1e6;
    for (int k = SVM_LINEAR; k <= SVM_LAPLACIAN; k++) {
        p.kernel = k;
        fit(&a, &t, &p, (how){0});
        fit(&b, &less, &p, (how){.rows = rows, .n_rows = n});
        assert_int_equal(a.s->n_sv, b.s->n_sv);
        for (int64_t i = 0; i < a.s->n_sv; i++)
            assert_int_equal(a.s->support[i], rows[b.s->support[i]]);
        assert_memory_equal(a.s->coef, b.s->coef, (size_t)(a.s->n_sv * 2) * sizeof(double));
        assert_memory_equal(a.s->intercept, b.s->intercept, 3 * sizeof(double));
        hone_fitted_free(a.f), hone_fitted_free(b.f);
    }
    free_table(&t), free_table(&less);
}

/* ---- bits ---- */

static void assert_same(const fitted *a, const fitted *b)
{
    assert_int_equal(a->s->n_sv, b->s->n_sv);
    assert_int_equal(a->s->iterations, b->s->iterations);
    const size_t n = (size_t)(a->s->n_sv * a->s->n_coefs);
    assert_memory_equal(a->s->coef, b->s->coef, n * sizeof(double));
    assert_memory_equal(a->s->support, b->s->support, (size_t)a->s->n_sv * sizeof(int64_t));
    assert_memory_equal(a->s->intercept, b->s->intercept, (size_t)a->s->n_pairs * sizeof(double));
}

static void threads_and_room_never_change_bits(void **state)
{
    (void)state;
    const int64_t classes[] = {0, 2, 5};
    for (int z = 0; z < 3; z++) {
        table t = clouds(1800, 6, classes[z], 7);
        svm_params p = defaults(&t);
        const hone_matrix x = matrix_of(&t);
        fitted one;
        fit(&one, &t, &p, (how){.threads = 1, .budget = INT64_C(1) << 30});
        double *right = scores(&one, &x);
        const how others[] = {{.threads = 2, .budget = 3 << 20}, {.threads = 3}, {.threads = 7}};
        for (int o = 0; o < 3; o++) {
            fitted f;
            fit(&f, &t, &p, others[o]);
            assert_same(&one, &f);
            double *got = scores(&f, &x);
            assert_memory_equal(got, right, (size_t)(t.n * one.f->shape.outputs) * sizeof(double));
            free(got);
            hone_fitted_free(f.f);
        }
        free(right);
        hone_fitted_free(one.f);
        free_table(&t);
    }
}

static void what_trials_share_changes_no_bits(void **state)
{
    (void)state;
    const int64_t rows[] = {300, 1300};
    for (int z = 0; z < 6; z++)
        for (int k = SVM_POLY; k <= SVM_LAPLACIAN; k++) {
            table t = clouds(rows[z % 2], 50, z / 2 ? 2 * (z / 2) : 0, 7);
            svm_params p = defaults(&t);
            p.kernel = k;
            hone_cache *cache = hone_cache_open(INT64_C(1) << 28);
            for (int trial = 0; trial < 4; trial++) {
                p.gamma = number(trial % 2 ? 0.01 : 0.03);
                p.C = trial < 2 ? 1 : 5;
                fitted alone, shared;
                fit(&alone, &t, &p, (how){0});
                fit(&shared, &t, &p, (how){.cache = cache, .threads = 2});
                assert_same(&alone, &shared);
                hone_fitted_free(alone.f), hone_fitted_free(shared.f);
            }
            hone_cache_close(cache);
            free_table(&t);
        }
}

static void rows_held_out_have_the_scores_of_any_rows(void **state)
{
    (void)state;
    for (int64_t classes = 0; classes <= 4; classes += 2) {
        table t = clouds(400, 50, classes, 12);
        svm_params p = defaults(&t);
        int64_t rows[300], valid[100];
        for (int64_t i = 0; i < 400; i++)
            *(i % 4 ? &rows[i - i / 4 - 1] : &valid[i / 4]) = i;
        hone_simple_run storage;
        hone_cache *cache = hone_cache_open(INT64_C(1) << 28);
        hone_trial trial = {.algorithm = &hone_svm,
                            .params = &p,
                            .shape = {.features = t.d,
                                      .outputs = classes ? classes : 1,
                                      .stored = t.d,
                                      .task = classes ? HONE_CLASSIFICATION : HONE_REGRESSION},
                            .table = matrix_of(&t),
                            .table_id = 1,
                            .rows = rows,
                            .n_rows = 300,
                            .label = classes ? t.label : NULL,
                            .target = classes ? NULL : t.y,
                            .labels_id = 1,
                            .valid = valid,
                            .n_valid = 100,
                            .run = hone_run_simple(&storage, 2)};
        hone_arena *arena = hone_arena_open(NULL);
        hone_matrix x = trial.table;
        x.row = valid, x.rows = 100;
        for (int k = SVM_LINEAR; k <= SVM_LAPLACIAN; k++) {
            p.kernel = k;
            hone_shared door;
            hone_fitted *f;
            hone_error error = {0};
            double one[400], two[400];
            assert_int_equal(hone_trial_fit_open(&trial, cache, arena, &door, &f, &error), 0);
            assert_int_equal(hone_fitted_predict(f, &x, trial.run, &door, one, &error), 0);
            assert_int_equal(hone_fitted_predict(f, &x, trial.run, NULL, two, &error), 0);
            assert_memory_equal(one, two, (size_t)(100 * f->shape.outputs) * sizeof *one);
            hone_shared_release(&door);
            hone_fitted_free(f);
        }
        hone_arena_close(arena);
        hone_cache_close(cache);
        free_table(&t);
    }
}

static void a_warm_start_ends_at_the_same_optimum(void **state)
{
    (void)state;
    for (int z = 0; z < 4; z++)
        for (int k = SVM_LINEAR; k <= SVM_LAPLACIAN; k += k == SVM_RBF ? 2 : 1) { /* definite */
            table t = clouds(z % 2 ? 1500 : 300, 4, z / 2 ? 3 : 0, 13);
            svm_params p = defaults(&t);
            p.kernel = k;
            fitted first, cold, warm;
            fit(&first, &t, &p, (how){0});
            p.C = 2, p.tol = 1e-4;
            fit(&cold, &t, &p, (how){0});
            fit(&warm, &t, &p, (how){.warm = &first});
            assert_true(warm.s->converged >= cold.s->converged);
            if (cold.s->converged)
                assert_true(fabs(warm.s->objective - cold.s->objective) <=
                            1e-5 * fabs(cold.s->objective));
            if (k == SVM_RBF)
                assert_true(warm.s->iterations < cold.s->iterations);
            hone_fitted_free(first.f), hone_fitted_free(cold.f), hone_fitted_free(warm.f);
            free_table(&t);
        }
}

static void every_instruction_set_agrees_to_the_tolerance(void **state)
{
    (void)state;
    table t = clouds(700, 5, 3, 8);
    svm_params p = defaults(&t);
    p.tol = 1e-5;
    const hone_matrix x = matrix_of(&t);
    hone_simple_run storage;
    const int best = (int)hone_run_isa(hone_run_simple(&storage, 1));
    fitted one;
    fit(&one, &t, &p, (how){.isa = HONE_ISA_PORTABLE});
    double *right = scores(&one, &x);
    for (int isa = HONE_ISA_PORTABLE + 1; isa <= best; isa++) {
        fitted f;
        fit(&f, &t, &p, (how){.isa = (hone_isa)isa});
        assert_true(fabs(f.s->objective - one.s->objective) <= 1e-6 * fabs(one.s->objective));
        double *got = scores(&f, &x);
        int64_t differ = 0;
        for (int64_t i = 0; i < t.n; i++)
            differ += best_class(got + 3 * i, 3) != best_class(right + 3 * i, 3);
        assert_true(differ <= 1);
        free(got);
        hone_fitted_free(f.f);
    }
    free(right);
    hone_fitted_free(one.f);
    free_table(&t);
}

/* ---- meaning ---- */

static void scores_have_the_largest_vote_and_ties_go_to_the_lower_class(void **state)
{
    (void)state;
    enum { K = 6 };
    table t = clouds(400, 7, K, 9);
    svm_params p = defaults(&t);
    p.gamma = number(0.1);
    fitted f;
    fit(&f, &t, &p, (how){0});
    table z = clouds(300, 7, K, 10);
    const hone_matrix x = matrix_of(&z);
    double *score = scores(&f, &x);
    for (int64_t i = 0; i < z.n; i++) {
        int votes[K] = {0};
        double margin = INFINITY;
        int64_t pair = 0;
        for (int64_t a = 0; a < K; a++)
            for (int64_t b = a + 1; b < K; b++, pair++) {
                double sum = f.s->intercept[pair];
                for (int64_t v = f.s->class_start[a]; v < f.s->class_start[a + 1]; v++)
                    sum += f.s->coef[v * (K - 1) + b - 1] *
                           plain_kernel(&p, 0.1, t.x + f.s->support[v] * 7, z.x + i * 7, 7);
                for (int64_t v = f.s->class_start[b]; v < f.s->class_start[b + 1]; v++)
                    sum += f.s->coef[v * (K - 1) + a] *
                           plain_kernel(&p, 0.1, t.x + f.s->support[v] * 7, z.x + i * 7, 7);
                votes[sum > 0 ? a : b]++;
                margin = fmin(margin, fabs(sum));
            }
        int64_t winner = 0;
        for (int64_t c = 1; c < K; c++)
            if (votes[c] > votes[winner])
                winner = c;
        if (margin > 1e-4)
            assert_int_equal(best_class(score + i * K, K), winner);
    }
    free(score);
    hone_fitted_free(f.f);
    free_table(&t), free_table(&z);
}

static void order_of_rows_changes_nothing_beyond_the_tolerance(void **state)
{
    (void)state;
    table t = clouds(500, 4, 2, 11);
    svm_params p = defaults(&t);
    p.tol = 1e-6;
    int64_t order[500];
    for (int64_t i = 0; i < 500; i++)
        order[i] = i;
    hone_stream s = hone_stream_of(1, 2, 3);
    hone_shuffle(&s, order, 500);
    table mixed = new_table(500, 4, 2);
    for (int64_t i = 0; i < 500; i++) {
        memcpy(mixed.x + 4 * i, t.x + 4 * order[i], 4 * sizeof(double));
        mixed.label[i] = t.label[order[i]];
    }
    fitted a, b;
    fit(&a, &t, &p, (how){0});
    fit(&b, &mixed, &p, (how){0});
    assert_true(fabs(a.s->objective - b.s->objective) <= 1e-6 * fabs(a.s->objective));
    const hone_matrix x = matrix_of(&t);
    double *u = scores(&a, &x), *v = scores(&b, &x);
    for (int64_t i = 0; i < 500; i++)
        assert_true(fabs(u[2 * i] - v[2 * i]) < 1e-4);
    free(u), free(v);
    hone_fitted_free(a.f), hone_fitted_free(b.f);
    free_table(&t), free_table(&mixed);
}

static void sparse_rows_give_the_model_of_dense_ones(void **state)
{
    (void)state;
    const int kernels[] = {SVM_LINEAR, SVM_POLY, SVM_RBF, SVM_SIGMOID, SVM_LAPLACIAN};
    for (int z = 0; z < 7; z++) {
        const int64_t n = z == 5 ? 1700 : 300, d = 12;
        table t = clouds(n, d, z == 6 ? 0 : z == 5 ? 2 : 3, 19);
        int64_t *start = calloc((size_t)n + 1, sizeof *start), next = 0;
        int32_t *column = calloc((size_t)(n * d), sizeof *column);
        double *value = calloc((size_t)(n * d), sizeof *value);
        for (int64_t i = 0; i < n; i++) {
            for (int64_t k = 0; k < d; k++) {
                if (fabs(t.x[i * d + k]) < 1)
                    t.x[i * d + k] = 0;
                if (t.x[i * d + k] == 0)
                    continue;
                column[next] = (int32_t)k;
                value[next++] = t.x[i * d + k];
            }
            start[i + 1] = next;
        }
        hone_matrix x = matrix_of(&t), sparse = x;
        sparse.layout = HONE_CSR, sparse.values = value;
        sparse.row_start = start, sparse.column = column;
        svm_params p = defaults(&t);
        p.kernel = z < 5 ? kernels[z] : SVM_RBF;
        p.C = 0.1, p.tol = 1e-5;
        p.gamma = z == 5 ? p.gamma : number(0.02);
        fitted a, b;
        fit(&a, &t, &p, (how){0});
        fit(&b, &t, &p, (how){.x = &sparse, .threads = 3});
        assert_true(b.s->n_sparse == b.s->n_sv && a.s->n_dense == a.s->n_sv);
        assert_true(fabs(a.s->gamma - b.s->gamma) <= 1e-12 * a.s->gamma);
        assert_true(fabs(a.s->objective - b.s->objective) <= 1e-5 * fabs(a.s->objective));
        double *u = scores(&a, &x), *v = scores(&b, &sparse), *w = scores(&b, &x);
        const int64_t outputs = a.f->shape.outputs;
        int64_t differ = 0;
        for (int64_t i = 0; i < n; i++)
            differ += best_class(u + i * outputs, outputs) != best_class(v + i * outputs, outputs);
        for (int64_t i = 0; outputs == 1 && i < n; i++)
            assert_true(fabs(u[i] - v[i]) < 1e-4);
        assert_true(differ <= 2);
        assert_memory_equal(v, w, (size_t)(n * outputs) * sizeof *v);
        free(u), free(v), free(w), free(start), free(column), free(value);
        hone_fitted_free(a.f), hone_fitted_free(b.f);
        free_table(&t);
    }
}

/* Nine coefficients a vector, padded, and one: tiles of all sizes; a row alone has a path of its
 * own down to the distances. */
static void a_row_alone_has_the_bits_of_the_batch(void **state)
{
    (void)state;
    for (int64_t k = 2; k <= 10; k += 4) {
        table t = clouds(403, 7, k, 30);
        svm_params p = defaults(&t);
        fitted f;
        fit(&f, &t, &p, (how){0});
        hone_matrix x = matrix_of(&t);
        double *all = scores(&f, &x);
        x.rows = 1;
        for (int64_t i = 0; i < t.n; i++) {
            x.values = t.x + i * t.d;
            double *one = scores(&f, &x);
            assert_memory_equal(one, all + i * k, (size_t)k * sizeof *one);
            free(one);
        }
        free(all);
        hone_fitted_free(f.f);
        free_table(&t);
    }
}

static void it_learns_what_overlaps_little(void **state)
{
    (void)state;
    table t = clouds(600, 8, 4, 12);
    svm_params p = defaults(&t);
    fitted f;
    fit(&f, &t, &p, (how){0});
    assert_true(accuracy(&f, &t) > 0.85);
    hone_fitted_free(f.f);
    free_table(&t);
}

/* ---- data that other solvers do not survive ---- */

static void assert_valid(const table *t, const svm_params *p)
{
    fitted f;
    fit(&f, t, p, (how){.threads = 2});
    const hone_matrix x = matrix_of(t);
    double *score = scores(&f, &x);
    for (int64_t i = 0; i < t->n * f.f->shape.outputs; i++)
        assert_true(isfinite(score[i]));
    assert_true(isfinite(f.s->gap) && isfinite(f.s->objective));
    free(score);
    hone_fitted_free(f.f);
}

static void degenerate_data_end_with_a_valid_model(void **state)
{
    (void)state;
    for (int type = SVM_LINEAR; type <= SVM_LAPLACIAN; type++)
        for (int what = 0; what < 7; what++) {
            table t = clouds(what == 0 ? 1 : 60, 2, what == 6 ? 0 : 3, 13);
            svm_params p = defaults(&t);
            p.kernel = type, p.C = what == 5 ? 1e8 : 10, p.max_iter = 20000;
            for (int64_t i = 0; i < t.n; i++) {
                if (what == 1)
                    t.label[i] = 2; /* one class of three */
                if (what == 2)
                    t.x[2 * i] = t.x[2 * i + 1] = 1; /* one point, every label */
                if (what == 3)
                    t.x[2 * i] *= 1e30;
                if (what == 4)
                    t.label[i] = t.label[i] == 1 ? 0 : t.label[i]; /* a class without rows */
                if (what == 6)
                    t.y[i] = i % 2 ? 1e30 : -1e30;
            }
            assert_valid(&t, &p);
            free_table(&t);
        }
}

static void a_class_without_rows_is_never_predicted(void **state)
{
    (void)state;
    table t = clouds(90, 3, 4, 14);
    for (int64_t i = 0; i < t.n; i++)
        t.label[i] = t.label[i] == 0 || t.label[i] == 2 ? 3 : t.label[i];
    svm_params p = defaults(&t);
    fitted f;
    fit(&f, &t, &p, (how){0});
    const hone_matrix x = matrix_of(&t);
    double *score = scores(&f, &x);
    for (int64_t i = 0; i < t.n; i++)
        assert_true(best_class(score + 4 * i, 4) % 2 == 1);
    free(score);
    hone_fitted_free(f.f);
    free_table(&t);
}

static void max_iter_ends_the_fit_and_says_so(void **state)
{
    (void)state;
    table t = clouds(300, 3, 2, 15);
    svm_params p = defaults(&t);
    p.max_iter = 10;
    fitted f;
    fit(&f, &t, &p, (how){0});
    assert_int_equal(f.s->iterations, 10);
    assert_int_equal(f.s->converged, 0);
    assert_true(f.s->gap > p.tol);
    hone_fitted_free(f.f);
    free_table(&t);
}

/* Calibrated: among rows of a fresh sample told p, a share of about p is of the class. */
static void probabilities_are_consistent_and_calibrated(void **state)
{
    (void)state;
    for (int64_t k = 2; k <= 4; k++) {
        table t = clouds(k == 2 ? 1600 : 700, 3, k, 16), z = clouds(4000, 3, k, 17);
        svm_params p = defaults(&t);
        p.probability = true;
        fitted f;
        fit(&f, &t, &p, (how){.threads = 2});
        const hone_matrix x = matrix_of(&z);
        double *score = scores(&f, &x), told = 0, loss = 0, chance = 0;
        int64_t right = 0;
        for (int64_t i = 0; i < z.n; i++) {
            double sum = 0;
            for (int64_t c = 0; c < k; c++) {
                assert_true(score[i * k + c] > 0 && score[i * k + c] < 1);
                sum += score[i * k + c];
            }
            assert_true(fabs(sum - 1) < 1e-9);
            const int64_t best = best_class(score + i * k, k);
            told += score[i * k + best] / (double)z.n;
            right += best == z.label[i];
            loss -= log(score[i * k + z.label[i]]) / (double)z.n;
            chance += log((double)k) / (double)z.n;
        }
        assert_true(fabs(told - (double)right / (double)z.n) < 0.03);
        assert_true(loss < 0.75 * chance);
        free(score);
        hone_fitted_free(f.f);
        free_table(&t), free_table(&z);
    }
}

static void probabilities_survive_tiny_classes(void **state)
{
    (void)state;
    table t = clouds(40, 2, 4, 18);
    for (int64_t i = 0; i < t.n; i++)
        t.label[i] = i == 0 ? 1 : i < 4 ? 0 : 3; /* one row, three rows, none, the rest */
    svm_params p = defaults(&t);
    p.probability = true;
    fitted f;
    fit(&f, &t, &p, (how){0});
    const hone_matrix x = matrix_of(&t);
    double *score = scores(&f, &x);
    for (int64_t i = 0; i < t.n; i++) {
        assert_true(best_class(score + 4 * i, 4) != 2);
        for (int64_t c = 0; c < 4; c++)
            assert_true(isfinite(score[4 * i + c]));
    }
    free(score);
    hone_fitted_free(f.f);
    free_table(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_objective_is_the_optimum_over_c_and_gamma),
        cmocka_unit_test(nu_bounds_the_shares_and_gives_a_c_machine),
        cmocka_unit_test(nu_regression_has_its_share_outside_the_tube),
        cmocka_unit_test(every_kernel_reaches_the_optimum),
        cmocka_unit_test(working_sets_reach_the_optimum),
        cmocka_unit_test(regression_reaches_the_optimum),
        cmocka_unit_test(weights_and_balance_scale_the_bounds),
        cmocka_unit_test(exponentials_in_double_are_those_of_the_c_library),
        cmocka_unit_test(rows_of_weight_zero_are_as_if_absent),
        cmocka_unit_test(threads_and_room_never_change_bits),
        cmocka_unit_test(what_trials_share_changes_no_bits),
        cmocka_unit_test(rows_held_out_have_the_scores_of_any_rows),
        cmocka_unit_test(a_warm_start_ends_at_the_same_optimum),
        cmocka_unit_test(every_instruction_set_agrees_to_the_tolerance),
        cmocka_unit_test(scores_have_the_largest_vote_and_ties_go_to_the_lower_class),
        cmocka_unit_test(order_of_rows_changes_nothing_beyond_the_tolerance),
        cmocka_unit_test(sparse_rows_give_the_model_of_dense_ones),
        cmocka_unit_test(a_row_alone_has_the_bits_of_the_batch),
        cmocka_unit_test(it_learns_what_overlaps_little),
        cmocka_unit_test(degenerate_data_end_with_a_valid_model),
        cmocka_unit_test(a_class_without_rows_is_never_predicted),
        cmocka_unit_test(probabilities_are_consistent_and_calibrated),
        cmocka_unit_test(probabilities_survive_tiny_classes),
        cmocka_unit_test(max_iter_ends_the_fit_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
