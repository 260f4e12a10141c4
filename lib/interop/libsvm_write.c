/* An svm model as LIBSVM's text: the decisions of both are the same sums. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "hone/interop.h"
#include "interop/state.h"
#include "interop/svm.h"

static const char *const KERNELS[][2] = {
    {"linear", "linear"}, {"poly", "polynomial"}, {"rbf", "rbf"}, {"sigmoid", "sigmoid"}};

static const char *kernel_name(const char *own)
{
    for (size_t k = 0; k < sizeof KERNELS / sizeof *KERNELS; k++)
        if (!strcmp(KERNELS[k][0], own))
            return KERNELS[k][1];
    return NULL;
}

static void list(hone_text *t, const char *name, const double *values, int64_t count, double sign)
{
    hone_text_add(t, name);
    for (int64_t k = 0; k < count; k++) {
        hone_text_add(t, " ");
        hone_text_number(t, sign * values[k] + 0.0);
    }
    hone_text_add(t, "\n");
}

static void head(hone_text *t, const hone_model *m, const hone_svm_view *s)
{
    const bool nu = !strcmp(hone_model_choice(m, "formulation"), "nu");
    hone_text_format(t, "svm_type %s\nkernel_type %s\n",
                     s->classes ? (nu ? "nu_svc" : "c_svc") : (nu ? "nu_svr" : "epsilon_svr"),
                     kernel_name(s->kernel));
    if (!strcmp(s->kernel, "poly"))
        hone_text_format(t, "degree %lld\n", (long long)s->degree);
    if (strcmp(s->kernel, "linear"))
        list(t, "gamma", &s->gamma, 1, 1);
    if (!strcmp(s->kernel, "poly") || !strcmp(s->kernel, "sigmoid"))
        list(t, "coef0", &s->coef0, 1, 1);
    hone_text_format(t, "nr_class %lld\ntotal_sv %lld\n", (long long)(s->classes ? s->classes : 2),
                     (long long)s->vectors);
    list(t, "rho", s->intercept, s->pairs, -1);
    if (!s->classes)
        return;
    hone_text_add(t, "label");
    for (int64_t k = 0; k < s->classes; k++)
        hone_text_format(t, " %lld", (long long)m->classes.integer[k]);
    hone_text_add(t, "\n");
    if (s->sigmoid_a) {
        list(t, "probA", s->sigmoid_a, s->pairs, 1);
        list(t, "probB", s->sigmoid_b, s->pairs, 1);
    }
    hone_text_add(t, "nr_sv");
    for (int64_t k = 0; k < s->classes; k++)
        hone_text_format(t, " %lld", (long long)(s->class_start[k + 1] - s->class_start[k]));
    hone_text_add(t, "\n");
}

static void vectors(hone_text *t, const hone_svm_view *s)
{
    hone_text_add(t, "SV\n");
    for (int64_t i = 0; i < s->vectors; i++) {
        for (int64_t c = 0; c < s->coefs; c++) {
            hone_text_number(t, s->coef[i * s->coefs + c]);
            hone_text_add(t, " ");
        }
        for (int64_t j = 0; j < s->d; j++) {
            const double v = s->vector[i * s->d + j] * s->unit + s->centre[j];
            if (v == 0)
                continue;
            hone_text_format(t, "%lld:", (long long)j + 1);
            hone_text_number(t, v);
            hone_text_add(t, " ");
        }
        hone_text_add(t, "\n");
    }
}

/* Whether a row goes into the algorithm as it is. */
static bool raw_rows(const hone_model *m)
{
    const hone_pipeline *p = &m->pipeline;
    if (p->one_hot || p->shape[p->steps].stored != m->schema.cols)
        return false;
    for (int k = 0; k < p->steps; k++)
        if (p->transform[k] == &hone_scale || p->shape[k].levels)
            return false;
    return true;
}

/* LIBSVM keeps labels as C ints. */
static bool integer_classes(const hone_model *m)
{
    if (m->task != HONE_CLASSIFICATION)
        return true;
    if (m->classes.kind != HONE_I64 && m->classes.kind != HONE_BOOLEAN)
        return false;
    for (int64_t k = 0; k < m->classes.count; k++)
        if (m->classes.integer[k] < INT32_MIN || m->classes.integer[k] > INT32_MAX)
            return false;
    return true;
}

static hone_status expressible(const hone_model *m, hone_error *error)
{
    if (strcmp(hone_model_algorithm(m), "svm") != 0)
        return hone_fail(error, HONE_UNSUPPORTED, "model", "%s is no model of LIBSVM; svm is",
                         hone_model_algorithm(m));
    if (!kernel_name(hone_model_choice(m, "kernel")))
        return hone_fail(error, HONE_UNSUPPORTED, "svm:kernel", "LIBSVM has no %s",
                         hone_model_choice(m, "kernel"));
    if (!raw_rows(m))
        return hone_fail(error, HONE_UNSUPPORTED, "prep",
                         "LIBSVM's text holds no preprocessing; train on numeric columns with "
                         "prep:scale = none");
    if (m->pipeline.target_scale != 1 || m->pipeline.target_mean != 0)
        return hone_fail(error, HONE_UNSUPPORTED, "prep:target",
                         "LIBSVM's text holds no scaled target; train with prep:target = none");
    if (!integer_classes(m))
        return hone_fail(error, HONE_UNSUPPORTED, "model.classes",
                         "LIBSVM's labels are 32-bit integers; these are not");
    return HONE_OK;
}

hone_status hone_model_to_libsvm(const hone_model *m, char **text, size_t *size, hone_error *error)
{
    if (!m || !text || !size)
        return hone_fail(error, HONE_BAD_ARGUMENT, "export", "an argument is NULL");
    *text = NULL;
    HONE_TRY(expressible(m, error));
    hone_arena *arena = hone_arena_open(NULL);
    if (!arena)
        return hone_no_memory(error);
    hone_svm_view s;
    const hone_status status = hone_svm_view_of(m, arena, &s, error);
    hone_text t = {0};
    if (!status) {
        head(&t, m, &s);
        vectors(&t, &s);
    }
    hone_arena_close(arena);
    *size = t.length;
    if (!status)
        *text = hone_text_take(&t);
    else
        hone_text_drop(&t);
    return status ? status : *text ? HONE_OK : hone_no_memory(error);
}
