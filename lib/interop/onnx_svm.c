/* SVM in double: kernel values of all support vectors by one product, decisions by another. */
#include <math.h>
#include <string.h>

#include "interop/onnx.h"
#include "interop/state.h"
#include "interop/svm.h"

/* max(0, |z|^2 + |v|^2 - 2 z v) */
static const char *distances(hone_onnx *g, const hone_svm_view *s, const char *z, const char *inner,
                             double *norm)
{
    for (int64_t i = 0; i < s->vectors; i++) {
        norm[i] = 0;
        for (int64_t j = 0; j < s->d; j++)
            norm[i] += s->vector[i * s->d + j] * s->vector[i * s->d + j];
    }
    const char *twice = hone_onnx_call(g, "Mul", inner, hone_onnx_number(g, 2));
    const char *own = hone_onnx_sum(g, hone_onnx_call(g, "Mul", z, z), 1);
    const char *sum = hone_onnx_call(g, "Add", own, hone_onnx_doubles(g, norm, 1, s->vectors));
    return hone_onnx_call(g, "Max", hone_onnx_call(g, "Sub", sum, twice), hone_onnx_number(g, 0));
}

static const char *scaled(hone_onnx *g, const char *x, double by)
{
    return by == 1 ? x : hone_onnx_call(g, "Mul", x, hone_onnx_number(g, by));
}

/* rows x vectors */
static hone_status kernel_values(hone_onnx *g, const hone_svm_view *s, const char *x,
                                 const char **out, hone_error *error)
{
    double *turned = HONE_RAW(g->arena, double, s->d, s->vectors);
    double *norm = HONE_RAW(g->arena, double, s->vectors, 1);
    if (!turned || !norm)
        return hone_no_memory(error);
    for (int64_t i = 0; i < s->vectors; i++)
        for (int64_t j = 0; j < s->d; j++)
            turned[j * s->vectors + i] = s->vector[i * s->d + j];
    const char *z = hone_onnx_call(g, "Sub", x, hone_onnx_doubles(g, s->centre, 1, s->d));
    if (s->unit != 1)
        z = hone_onnx_call(g, "Div", z, hone_onnx_number(g, s->unit));
    if (!strcmp(s->kernel, "laplacian")) {
        const char *gaps = hone_onnx_gaps(g, z, s->vector, s->vectors, s->d, GAP_SUM, 1);
        if (!gaps)
            return hone_no_memory(error);
        *out = hone_onnx_call(g, "Exp", scaled(g, gaps, -s->gamma * s->unit), NULL);
        return HONE_OK;
    }
    const char *inner =
        hone_onnx_call(g, "MatMul", z, hone_onnx_doubles(g, turned, s->d, s->vectors));
    const double square = s->unit * s->unit;
    if (!strcmp(s->kernel, "rbf")) {
        const char *distance = distances(g, s, z, inner, norm);
        *out = hone_onnx_call(g, "Exp", scaled(g, distance, -s->gamma * square), NULL);
    } else {
        const char *base = hone_onnx_call(g, "Add", scaled(g, inner, s->gamma * square),
                                          hone_onnx_number(g, s->coef0));
        *out = !strcmp(s->kernel, "poly")
                   ? hone_onnx_call(g, "Pow", base, hone_onnx_number(g, s->degree))
                   : hone_onnx_call(g, "Tanh", base, NULL);
    }
    return HONE_OK;
}

/* Coefficients of every vector for every pair (vectors x pairs), then the products. */
static hone_status decisions(hone_onnx *g, const hone_svm_view *s, const char *kernel,
                             const char **out, hone_error *error)
{
    double *a = HONE_NEW(g->arena, double, s->vectors, s->pairs);
    if (!a)
        return hone_no_memory(error);
    for (int64_t i = 0; i < s->vectors; i++)
        for (int64_t p = 0; p < s->pairs; p++)
            a[i * s->pairs + p] = hone_svm_coefficient(s, i, p);
    const char *sum =
        hone_onnx_call(g, "MatMul", kernel, hone_onnx_doubles(g, a, s->vectors, s->pairs));
    *out = hone_onnx_call(g, "Add", sum, hone_onnx_doubles(g, s->intercept, 1, s->pairs));
    return HONE_OK;
}

/* A linear kernel needs no vectors: one weight a column for every pair. */
static hone_status linear_decisions(hone_onnx *g, const hone_svm_view *s, const char *x,
                                    const char **out, hone_error *error)
{
    double *w = HONE_NEW(g->arena, double, s->d, s->pairs);
    if (!w)
        return hone_no_memory(error);
    for (int64_t i = 0; i < s->vectors; i++)
        for (int64_t p = 0; p < s->pairs; p++) {
            const double a = hone_svm_coefficient(s, i, p) * s->unit;
            for (int64_t j = 0; a != 0 && j < s->d; j++)
                w[j * s->pairs + p] += a * s->vector[i * s->d + j];
        }
    const char *z = hone_onnx_call(g, "Sub", x, hone_onnx_doubles(g, s->centre, 1, s->d));
    const char *sum = hone_onnx_call(g, "MatMul", z, hone_onnx_doubles(g, w, s->d, s->pairs));
    *out = hone_onnx_call(g, "Add", sum, hone_onnx_doubles(g, s->intercept, 1, s->pairs));
    return HONE_OK;
}

/* rows x k. Of a pair (a, b) class a has the vote where the decision is above 0, and at 0 the class
 * whose turn is later: a pair whose turns are not in order is looked at from the other side. */
static hone_status votes(hone_onnx *g, const hone_svm_view *s, const char *decision,
                         const char **out, hone_error *error)
{
    const int64_t k = s->classes;
    double *won = HONE_NEW(g->arena, double, s->pairs, k), *base = HONE_NEW(g->arena, double, k, 1);
    double *side = HONE_RAW(g->arena, double, s->pairs, 1);
    if (!won || !base || !side)
        return hone_no_memory(error);
    for (int64_t a = 0, p = 0; a < k; a++)
        for (int64_t b = a + 1; b < k; b++, p++) {
            const bool turned = s->turn && s->turn[a] > s->turn[b];
            side[p] = turned ? -1 : 1;
            won[p * k + a] = side[p];
            won[p * k + b] = -side[p];
            base[turned ? a : b]++;
        }
    if (s->turn)
        decision = hone_onnx_call(g, "Mul", decision, hone_onnx_doubles(g, side, 1, s->pairs));
    const char *above = hone_onnx_call(g, "Greater", decision, hone_onnx_number(g, 0));
    const char *moved = hone_onnx_call(g, "MatMul", hone_onnx_cast(g, above, ONNX_DOUBLE),
                                       hone_onnx_doubles(g, won, s->pairs, k));
    *out = hone_onnx_call(g, "Add", moved, hone_onnx_doubles(g, base, 1, k));
    return HONE_OK;
}

/* [decision, -decision] for two classes; votes for more. */
static hone_status label_by_votes(hone_onnx *g, const hone_svm_view *s, const char *decision,
                                  hone_onnx_scores *scores, hone_error *error)
{
    const int64_t k = s->classes;
    const char *vote = NULL;
    HONE_TRY(votes(g, s, decision, &vote, error));
    if (k == 2) {
        const char *parts[] = {decision, hone_onnx_call(g, "Neg", decision, NULL)};
        *scores = (hone_onnx_scores){hone_onnx_beside(g, parts, 2), "scores", k, vote};
        return HONE_OK;
    }
    *scores = (hone_onnx_scores){vote, "votes", k, NULL};
    if (!s->turn)
        return HONE_OK;
    double *late = HONE_RAW(g->arena, double, k, 1);
    if (!late)
        return hone_no_memory(error);
    for (int64_t c = 0; c < k; c++)
        late[c] = (double)s->turn[c] / (double)k;
    scores->winner = hone_onnx_call(g, "Sub", vote, hone_onnx_doubles(g, late, 1, k));
    return HONE_OK;
}

/* 1 / (1 + exp(A f + B)), kept off 0 and 1, and its complement. */
static void two_probabilities(hone_onnx *g, const hone_svm_view *s, const char *decision,
                              hone_onnx_scores *scores)
{
    const char *power = hone_onnx_call(g, "Add", scaled(g, decision, -s->sigmoid_a[0]),
                                       hone_onnx_number(g, -s->sigmoid_b[0]));
    const char *share = hone_onnx_call(g, "Sigmoid", power, NULL);
    share = hone_onnx_call(g, "Max", share, hone_onnx_number(g, 1e-7));
    share = hone_onnx_call(g, "Min", share, hone_onnx_number(g, 1 - 1e-7));
    const char *rest = hone_onnx_call(g, "Sub", hone_onnx_number(g, 1), share);
    const char *parts[] = {share, rest};
    *scores = (hone_onnx_scores){hone_onnx_beside(g, parts, 2), "probabilities", 2, NULL};
}

hone_status hone_onnx_svm(hone_onnx *g, const hone_model *model, const char *x,
                          hone_onnx_scores *scores, hone_error *error)
{
    hone_svm_view s;
    HONE_TRY(hone_svm_view_of(model, g->arena, &s, error));
    if (s.sigmoid_a && s.classes != 2)
        return hone_fail(error, HONE_UNSUPPORTED, "svm:probability",
                         "coupled probabilities of %lld classes cannot be expressed in ONNX; train "
                         "with probability = false",
                         (long long)s.classes);
    if (s.classes == 1)
        return hone_fail(error, HONE_UNSUPPORTED, "svm", "one class needs no model");
    const char *kernel = NULL, *decision = NULL;
    if (!strcmp(s.kernel, "linear")) {
        HONE_TRY(linear_decisions(g, &s, x, &decision, error));
    } else {
        HONE_TRY(kernel_values(g, &s, x, &kernel, error));
        HONE_TRY(decisions(g, &s, kernel, &decision, error));
    }
    if (!s.classes)
        *scores = (hone_onnx_scores){decision, "prediction", 1, NULL};
    else if (s.sigmoid_a)
        two_probabilities(g, &s, decision, scores);
    else
        return label_by_votes(g, &s, decision, scores, error);
    return HONE_OK;
}
