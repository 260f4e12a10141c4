/* Reads an svm model's members. */
#include "interop/svm.h"

#include <string.h>

#include "interop/state.h"

static double *doubles(const hone_model *m, const char *name, hone_arena *arena)
{
    const hone_member member = hone_model_member(m, name);
    const int64_t n = member.rows * member.cols;
    double *v = HONE_RAW(arena, double, n, 1);
    for (int64_t k = 0; v && k < n; k++)
        v[k] = hone_member_at(&member, k);
    return v;
}

static double *vectors(const hone_model *m, int64_t n, int64_t d, hone_arena *arena)
{
    if (hone_model_number(m, "n_sparse") == 0)
        return doubles(m, "vectors", arena);
    double *v = HONE_NEW(arena, double, n, d);
    const hone_member start = hone_model_member(m, "sparse_start");
    const hone_member column = hone_model_member(m, "sparse_column");
    const hone_member value = hone_model_member(m, "sparse_value");
    for (int64_t i = 0; v && i < n; i++)
        for (int64_t t = (int64_t)hone_member_at(&start, i);
             t < (int64_t)hone_member_at(&start, i + 1); t++)
            v[i * d + (int64_t)hone_member_at(&column, t)] = hone_member_at(&value, t);
    return v;
}

hone_status hone_svm_view_of(const hone_model *m, hone_arena *arena, hone_svm_view *s,
                             hone_error *error)
{
    const bool classes = m->task == HONE_CLASSIFICATION;
    if (classes && m->fitted->shape.outputs > 2 &&
        !strcmp(hone_model_choice(m, "multi_class"), "ovr"))
        return hone_fail(error, HONE_UNSUPPORTED, "multi_class",
                         "classes against the rest are not there in this format; ovo is");
    *s = (hone_svm_view){.kernel = hone_model_choice(m, "kernel"),
                         .gamma = hone_model_number(m, "gamma"),
                         .coef0 = hone_model_param(m, "coef0"),
                         .degree = hone_model_param(m, "degree"),
                         .unit = hone_model_number(m, "unit"),
                         .vectors = (int64_t)hone_model_number(m, "n_sv"),
                         .d = m->fitted->shape.features,
                         .pairs = (int64_t)hone_model_number(m, "n_pairs"),
                         .coefs = (int64_t)hone_model_number(m, "n_coefs"),
                         .classes = classes ? m->fitted->shape.outputs : 0};
    s->vector = vectors(m, s->vectors, s->d, arena);
    s->centre = doubles(m, "centre", arena);
    s->intercept = doubles(m, "intercept", arena);
    s->coef = doubles(m, "coef", arena);
    s->class_start = hone_model_member(m, "class_start").values;
    if (hone_model_number(m, "n_turns") > 0)
        s->turn = hone_model_member(m, "turn").values;
    if (hone_model_number(m, "n_sigmoids") > 0) {
        s->sigmoid_a = doubles(m, "sigmoid_a", arena);
        s->sigmoid_b = doubles(m, "sigmoid_b", arena);
        if (!s->sigmoid_a || !s->sigmoid_b)
            return hone_no_memory(error);
    }
    if (!s->vector || !s->centre || !s->intercept || !s->coef)
        return hone_no_memory(error);
    return HONE_OK;
}

int64_t hone_svm_pair(int64_t a, int64_t b, int64_t k)
{
    return a * k - a * (a + 1) / 2 + b - a - 1;
}

double hone_svm_coefficient(const hone_svm_view *s, int64_t i, int64_t p)
{
    if (!s->classes)
        return s->coef[i];
    int64_t a = 0, class = 0;
    for (; p >= s->classes - 1 - a; a++)
        p -= s->classes - 1 - a;
    const int64_t b = a + 1 + p;
    while (i >= s->class_start[class + 1])
        class ++;
    return class == a ? s->coef[i * s->coefs + b - 1] : class == b ? s->coef[i * s->coefs + a] : 0;
}
