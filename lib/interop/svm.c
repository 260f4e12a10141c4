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

/* n x d from members as VECTORS names them. */
static double *entries(const hone_model *m, const char *const name[5], int64_t n, int64_t d,
                       hone_arena *arena)
{
    if (hone_model_number(m, name[0]) == 0)
        return doubles(m, name[1], arena);
    double *v = HONE_NEW(arena, double, n, d);
    const hone_member start = hone_model_member(m, name[2]);
    const hone_member column = hone_model_member(m, name[3]);
    const hone_member value = hone_model_member(m, name[4]);
    for (int64_t i = 0; v && i < n; i++)
        for (int64_t t = (int64_t)hone_member_at(&start, i);
             t < (int64_t)hone_member_at(&start, i + 1); t++)
            v[i * d + (int64_t)hone_member_at(&column, t)] = hone_member_at(&value, t);
    return v;
}

/* How many rows are sparse; rows, or the starts, columns and values of their entries. */
static const char *const VECTORS[] = {"n_sparse", "vectors", "sparse_start", "sparse_column",
                                      "sparse_value"};
static const char *const PLANES[] = {"n_sparse_planes", "plane", "plane_start", "plane_column",
                                     "plane_value"};

static hone_status view_vectors(const hone_model *m, hone_arena *arena, hone_svm_view *s,
                                hone_error *error)
{
    s->vectors = (int64_t)hone_model_number(m, "n_sv");
    s->vector = entries(m, VECTORS, s->vectors, s->d, arena);
    s->coef = doubles(m, "coef", arena);
    s->class_start = hone_model_member(m, "class_start").values;
    return s->vector && s->coef ? HONE_OK : hone_no_memory(error);
}

/* w of each pair as the one vector of a machine, of its first class. */
static hone_status view_planes(const hone_model *m, hone_arena *arena, hone_svm_view *s,
                               hone_error *error)
{
    const int64_t k = s->classes;
    int64_t *class_start = HONE_NEW(arena, int64_t, k + 1, 1);
    s->vectors = s->pairs;
    s->vector = entries(m, PLANES, s->vectors, s->d, arena);
    s->coef = HONE_NEW(arena, double, s->vectors, s->coefs);
    if (!class_start || !s->vector || !s->coef)
        return hone_no_memory(error);
    for (int64_t a = 0, p = 0; a < k; a++) {
        for (int64_t b = a + 1; b < k; b++, p++)
            s->coef[p * s->coefs + b - 1] = 1;
        class_start[a + 1] = p;
    }
    if (!k)
        s->coef[0] = 1;
    s->class_start = class_start;
    return HONE_OK;
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
                         .d = m->fitted->shape.features,
                         .pairs = (int64_t)hone_model_number(m, "n_pairs"),
                         .coefs = (int64_t)hone_model_number(m, "n_coefs"),
                         .classes = classes ? m->fitted->shape.outputs : 0};
    s->centre = doubles(m, "centre", arena);
    s->intercept = doubles(m, "intercept", arena);
    if (!s->centre || !s->intercept)
        return hone_no_memory(error);
    HONE_TRY(strcmp(s->kernel, "linear") ? view_vectors(m, arena, s, error)
                                         : view_planes(m, arena, s, error));
    if (hone_model_number(m, "n_turns") > 0)
        s->turn = hone_model_member(m, "turn").values;
    if (hone_model_number(m, "n_sigmoids") > 0) {
        s->sigmoid_a = doubles(m, "sigmoid_a", arena);
        s->sigmoid_b = doubles(m, "sigmoid_b", arena);
        if (!s->sigmoid_a || !s->sigmoid_b)
            return hone_no_memory(error);
    }
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
