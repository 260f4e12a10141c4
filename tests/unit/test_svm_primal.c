/* The linear machine with squared errors: its objective is convex and smooth, so where the gradient
 * is 0 is the optimum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "algorithms/svm/fit.h"
#include "core/params.h"
#include "core/trial.h"
#include "dense.h"
#include "toolbox/random.h"

extern const hone_algorithm hone_svm;

enum { N = 240, D = 6, CLASSES = 4 };

static double X[N * D], WEIGHT[N];
static int32_t LABEL[N];

/* Clouds that overlap, columns of very different size, weights of 0 to 2. */
static void fill(int64_t classes)
{
    hone_stream s = hone_stream_of(5, (uint64_t)classes, 1);
    for (int64_t i = 0; i < N; i++) {
        LABEL[i] = (int32_t)hone_below(&s, (uint64_t)classes);
        WEIGHT[i] = (double)hone_below(&s, 3);
        for (int64_t j = 0; j < D; j++)
            X[i * D + j] = pow(30, (double)j - 3) *
                           (3 * hone_uniform(&s) + (j % classes == LABEL[i] ? 1 : 0) + 2);
    }
}

static svm_params defaults(void)
{
    svm_params p;
    for (const hone_param *row = hone_svm.params; row->name; row++)
        hone_param_default(row, &p);
    p.kernel = SVM_LINEAR, p.loss = SVM_SQUARED_HINGE, p.tol = 1e-12;
    return p;
}

static hone_matrix dense(void)
{
    return dense_of(HONE_F64, X, N, D);
}

static hone_fitted *fit(const hone_matrix *x, const svm_params *p, int64_t classes, int threads)
{
    hone_simple_run storage;
    const hone_trial trial = {.algorithm = &hone_svm,
                              .params = p,
                              .table = *x,
                              .table_id = 1,
                              .label = LABEL,
                              .weight = WEIGHT,
                              .labels_id = 2,
                              .shape = {D, classes, D, NULL, HONE_CLASSIFICATION},
                              .seed = 7,
                              .run = hone_run_simple(&storage, threads)};
    hone_cache *cache = hone_cache_open(0);
    hone_fitted *fitted = NULL;
    hone_error error = {0};
    if (hone_trial_fit(&trial, cache, &fitted, NULL, &error))
        fail_msg("%s: %s", error.path, error.message);
    hone_cache_close(cache);
    return fitted;
}

/* The gradient at (w, b) of the machine of class a against b (against the rest: -1) is 0. */
static void at_optimum(const svm_params *p, int64_t a, int64_t b, const double *share,
                       const double *w, double intercept)
{
    double g[D + 1], size[D + 1];
    for (int64_t j = 0; j <= D; j++)
        g[j] = size[j] = j < D ? w[j] : 0, size[j] = fabs(size[j]);
    for (int64_t i = 0; i < N; i++) {
        if (b >= 0 && LABEL[i] != a && LABEL[i] != b)
            continue;
        const double y = LABEL[i] == a ? 1 : -1;
        double z = intercept;
        for (int64_t j = 0; j < D; j++)
            z += w[j] * X[i * D + j];
        const double r = -2 * p->C * WEIGHT[i] * share[LABEL[i]] * y * fmax(0, 1 - y * z);
        for (int64_t j = 0; j <= D; j++) {
            const double part = r * (j < D ? X[i * D + j] : 1);
            g[j] += part, size[j] += fabs(part);
        }
    }
    for (int64_t j = 0; j <= D; j++)
        if (!(fabs(g[j]) <= 1e-6 * size[j]))
            fail_msg("classes %d and %d, column %d: %g of %g", (int)a, (int)b, (int)j, g[j],
                     size[j]);
}

static void shares(const svm_params *p, int64_t classes, double *share)
{
    double total[CLASSES] = {0}, all = 0;
    for (int64_t i = 0; i < N; i++)
        total[LABEL[i]] += WEIGHT[i], all += WEIGHT[i];
    for (int64_t c = 0; c < classes; c++)
        share[c] = p->class_weight == SVM_BALANCED ? all / ((double)classes * total[c]) : 1;
}

static void every_machine_ends_where_its_gradient_is_0(void **state)
{
    (void)state;
    static const double C[] = {1e-3, 1, 1e3};
    for (int k = 0; k < 24; k++) {
        const int64_t classes = k % 2 ? CLASSES : 2;
        svm_params p = defaults();
        p.C = C[k / 2 % 3];
        p.class_weight = k / 6 % 2 ? SVM_BALANCED : SVM_UNWEIGHTED;
        p.multi_class = k / 12 ? SVM_ONE_VS_REST : SVM_ONE_VS_ONE;
        fill(classes);
        const hone_matrix x = dense();
        hone_fitted *f = fit(&x, &p, classes, 2);
        const svm_state *s = f->state;
        double share[CLASSES];
        shares(&p, classes, share);
        const bool rest = svm_against_rest(&p, classes);
        assert_true(s->converged && s->iterations > 0 && s->objective < 0);
        assert_int_equal(s->n_planes, rest ? classes : classes * (classes - 1) / 2);
        for (int64_t a = 0, v = 0; a < classes; a++)
            for (int64_t b = rest ? -1 : a + 1; b < (rest ? 0 : classes); b++, v++)
                at_optimum(&p, a, b, share, s->plane + v * D, s->intercept[v]);
        hone_fitted_free(f);
    }
}

static void predict(const hone_fitted *f, const hone_matrix *x, double *score)
{
    hone_simple_run storage;
    assert_int_equal(hone_fitted_predict(f, x, hone_run_simple(&storage, 2), NULL, score, NULL),
                     HONE_OK);
}

/* Two classes: a score is w x + b. Sparse rows give the model of dense ones, threads its bits. */
static void scores_are_those_of_the_coefficients(void **state)
{
    (void)state;
    static double score[2][N * 2], values[N * D];
    static int64_t row_start[N + 1];
    static int32_t column[N * D];
    svm_params p = defaults();
    fill(2);
    for (int64_t i = 0, k = 0; i < N; i++, row_start[i] = k)
        for (int64_t j = 0; j < D; j++) {
            X[i * D + j] *= (i + j) % 3 ? 1 : 0;
            if (X[i * D + j] != 0)
                values[k] = X[i * D + j], column[k++] = (int32_t)j;
        }
    const hone_matrix x = dense();
    const hone_matrix csr = {values, HONE_CSR, HONE_F64, N,    D,         D,     0,
                             0,      NULL,     NULL,     NULL, row_start, column};
    hone_fitted *a = fit(&x, &p, 2, 1), *b = fit(&csr, &p, 2, 2), *c = fit(&x, &p, 2, 3);
    const svm_state *s = a->state, *t = c->state;
    assert_int_equal(s->n_planes, 1);
    assert_memory_equal(s->plane, t->plane, D * sizeof(double));
    assert_memory_equal(s->intercept, t->intercept, sizeof(double));
    predict(a, &x, score[0]), predict(b, &csr, score[1]);
    for (int64_t i = 0; i < N; i++) {
        double z = s->intercept[0], size = fabs(z);
        for (int64_t j = 0; j < D; j++)
            z += s->plane[j] * X[i * D + j], size += fabs(s->plane[j] * X[i * D + j]);
        assert_true(fabs(score[0][2 * i] - z) <= 1e-14 * size);
        assert_true(fabs(score[1][2 * i] - z) <= 1e-5 * size);
    }
    hone_fitted_free(a), hone_fitted_free(b), hone_fitted_free(c);
}

static void hopeless_data_end_with_finite_scores(void **state)
{
    (void)state;
    static double score[N * CLASSES];
    for (int kind = 0; kind < 6; kind++)
        for (int rest = 0; rest < 2; rest++)
            for (int probability = 0; probability < 2; probability++) {
                svm_params p = defaults();
                p.multi_class = rest, p.probability = probability, p.C = kind == 5 ? 1e12 : 1;
                fill(CLASSES);
                for (int64_t i = 0; i < N; i++) {
                    double *const x = X + i * D;
                    if (kind == 0) /* one class has rows */
                        LABEL[i] = 1;
                    else if (kind == 1) /* two of four */
                        LABEL[i] = LABEL[i] % 2 * 3;
                    else if (kind == 2) /* separated, constant and equal columns */
                        x[0] = LABEL[i], x[1] = 5, x[2] = x[3];
                    else if (kind == 3) /* huge and tiny */
                        x[0] *= 1e30, x[1] *= 1e-30;
                    else if (kind == 4) /* a row a class counts */
                        WEIGHT[i] = i < CLASSES, LABEL[i] = (int32_t)(i % CLASSES);
                }
                const hone_matrix x = dense();
                hone_fitted *f = fit(&x, &p, CLASSES, 2);
                predict(f, &x, score);
                for (int64_t i = 0; i < N; i++) {
                    int64_t best = 0;
                    for (int64_t c = 0; c < CLASSES; c++) {
                        assert_true(isfinite(score[i * CLASSES + c]));
                        best = score[i * CLASSES + c] > score[i * CLASSES + best] ? c : best;
                    }
                    if (kind == 0)
                        assert_int_equal(best, 1);
                    if (kind == 1)
                        assert_true(best == 0 || best == 3);
                }
                hone_fitted_free(f);
            }
}

/* Weights that leave no penalty to speak of. */
static void huge_weights_end_at_the_widest_margin(void **state)
{
    (void)state;
    static double score[N * 2];
    for (int kind = 0; kind < 6; kind++) {
        svm_params p = defaults();
        p.probability = kind % 2, p.tol = 1e-3;
        fill(2);
        for (int64_t i = 0; i < N; i++) {
            if (kind / 2 == 0) /* separated */
                X[i * D] = 1e-3 * (LABEL[i] ? 1 + (double)(i % 5) : -1 - (double)(i % 7));
            WEIGHT[i] = kind / 2 < 2 ? 1e300 : i % 3 ? 1e-300 : 1e300;
            if (kind / 2 == 2 && i % 3 == 0) /* those that count are separated */
                X[i * D] = 1e-3 * (LABEL[i] ? 1 + (double)(i % 5) : -1 - (double)(i % 7));
        }
        const hone_matrix x = dense();
        hone_fitted *f = fit(&x, &p, 2, 2);
        const svm_state *s = f->state;
        predict(f, &x, score);
        for (int64_t i = 0; i < N; i++) {
            assert_true(isfinite(score[2 * i]));
            if (kind / 2 == 0 || (kind / 2 == 2 && i % 3 == 0))
                assert_int_equal(score[2 * i + 1] > score[2 * i], LABEL[i]);
        }
        assert_true(s->converged && s->iterations < 500);
        hone_fitted_free(f);
    }
}

static void probabilities_rise_with_the_score(void **state)
{
    (void)state;
    static double score[N * 2], probability[N * 2];
    svm_params p = defaults();
    fill(2);
    const hone_matrix x = dense();
    hone_fitted *a = fit(&x, &p, 2, 2);
    p.probability = true;
    hone_fitted *b = fit(&x, &p, 2, 2);
    predict(a, &x, score), predict(b, &x, probability);
    for (int64_t i = 0; i < N; i++) {
        assert_true(fabs(probability[2 * i] + probability[2 * i + 1] - 1) < 1e-12);
        for (int64_t k = 0; k < i; k++)
            if (score[2 * i] > score[2 * k] + 1e-9)
                assert_true(probability[2 * i] >= probability[2 * k]);
    }
    hone_fitted_free(a), hone_fitted_free(b);
}

static void nu_has_no_squared_hinge(void **state)
{
    (void)state;
    svm_params p = defaults();
    p.formulation = SVM_FORMULATION_NU;
    fill(2);
    hone_simple_run storage;
    const hone_trial trial = {.algorithm = &hone_svm,
                              .params = &p,
                              .table = dense(),
                              .table_id = 1,
                              .label = LABEL,
                              .labels_id = 2,
                              .shape = {D, 2, D, NULL, HONE_CLASSIFICATION},
                              .run = hone_run_simple(&storage, 1)};
    hone_cache *cache = hone_cache_open(0);
    hone_fitted *fitted = NULL;
    hone_error error = {0};
    assert_int_equal(hone_trial_fit(&trial, cache, &fitted, NULL, &error), HONE_UNSUPPORTED);
    assert_string_equal(error.path, "config.svm:loss");
    hone_cache_close(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_machine_ends_where_its_gradient_is_0),
        cmocka_unit_test(scores_are_those_of_the_coefficients),
        cmocka_unit_test(hopeless_data_end_with_finite_scores),
        cmocka_unit_test(huge_weights_end_at_the_widest_margin),
        cmocka_unit_test(probabilities_rise_with_the_score),
        cmocka_unit_test(nu_has_no_squared_hinge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
