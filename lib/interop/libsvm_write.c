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

/* A text under way: class x of the file is class order[x] of the model, so that ties go to the same
 * class on both sides. */
typedef struct writing {
    hone_text *t;
    const hone_model *m;
    const hone_svm_view *s;
    int64_t *order; /* classes */
} writing;

static hone_status order_classes(writing *w, hone_arena *arena)
{
    const hone_svm_view *s = w->s;
    w->order = HONE_NEW(arena, int64_t, s->classes, 1);
    for (int64_t c = 0; w->order && c < s->classes; c++)
        w->order[s->turn ? s->turn[c] : c] = c;
    return w->order ? HONE_OK : HONE_NO_MEMORY;
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

/* Values by pair of the file's classes; `turned`: the sign of those whose classes change places. */
static void pairs(const writing *w, const char *name, const double *values, double sign,
                  double turned)
{
    const int64_t k = w->s->classes;
    hone_text_add(w->t, name);
    for (int64_t x = 0; x < k; x++)
        for (int64_t y = x + 1; y < k; y++) {
            const int64_t a = w->order[x], b = w->order[y];
            const double v = values[a < b ? hone_svm_pair(a, b, k) : hone_svm_pair(b, a, k)];
            hone_text_add(w->t, " ");
            hone_text_number(w->t, (a < b ? sign : turned) * v + 0.0);
        }
    hone_text_add(w->t, "\n");
}

static void kernel(hone_text *t, const hone_svm_view *s)
{
    hone_text_format(t, "kernel_type %s\n", kernel_name(s->kernel));
    if (!strcmp(s->kernel, "poly"))
        hone_text_format(t, "degree %lld\n", (long long)s->degree);
    if (strcmp(s->kernel, "linear"))
        list(t, "gamma", &s->gamma, 1, 1);
    if (!strcmp(s->kernel, "poly") || !strcmp(s->kernel, "sigmoid"))
        list(t, "coef0", &s->coef0, 1, 1);
}

static void head(const writing *w)
{
    const hone_svm_view *s = w->s;
    const bool nu = !strcmp(hone_model_choice(w->m, "formulation"), "nu");
    hone_text_format(w->t, "svm_type %s\n",
                     s->classes ? (nu ? "nu_svc" : "c_svc") : (nu ? "nu_svr" : "epsilon_svr"));
    kernel(w->t, s);
    hone_text_format(w->t, "nr_class %lld\ntotal_sv %lld\n",
                     (long long)(s->classes ? s->classes : 2), (long long)s->vectors);
    if (!s->classes) {
        list(w->t, "rho", s->intercept, 1, -1);
        return;
    }
    pairs(w, "rho", s->intercept, -1, 1);
    hone_text_add(w->t, "label");
    for (int64_t x = 0; x < s->classes; x++)
        hone_text_format(w->t, " %lld", (long long)w->m->classes.integer[w->order[x]]);
    hone_text_add(w->t, "\n");
    if (s->sigmoid_a) {
        pairs(w, "probA", s->sigmoid_a, 1, 1);
        pairs(w, "probB", s->sigmoid_b, 1, -1);
    }
    hone_text_add(w->t, "nr_sv");
    for (int64_t x = 0; x < s->classes; x++) {
        const int64_t *start = s->class_start + w->order[x];
        hone_text_format(w->t, " %lld", (long long)(start[1] - start[0]));
    }
    hone_text_add(w->t, "\n");
}

/* Coefficients of vector i, of the file's class x, towards the file's other classes. */
static void coefficients(const writing *w, int64_t i, int64_t x)
{
    const hone_svm_view *s = w->s;
    for (int64_t y = 0; y < s->classes; y++) {
        const int64_t a = w->order[x], b = w->order[y];
        if (y == x)
            continue;
        const double v = s->coef[i * s->coefs + (b < a ? b : b - 1)];
        hone_text_number(w->t, ((x < y) == (a < b) ? v : -v) + 0.0);
        hone_text_add(w->t, " ");
    }
}

static void entries(const writing *w, int64_t i)
{
    const hone_svm_view *s = w->s;
    for (int64_t j = 0; j < s->d; j++) {
        const double v = s->vector[i * s->d + j] * s->unit + s->centre[j];
        if (v == 0)
            continue;
        hone_text_format(w->t, "%lld:", (long long)j + 1);
        hone_text_number(w->t, v);
        hone_text_add(w->t, " ");
    }
    hone_text_add(w->t, "\n");
}

static void vectors(const writing *w)
{
    const hone_svm_view *s = w->s;
    hone_text_add(w->t, "SV\n");
    for (int64_t i = 0; !s->classes && i < s->vectors; i++) {
        hone_text_number(w->t, s->coef[i]);
        hone_text_add(w->t, " ");
        entries(w, i);
    }
    for (int64_t x = 0; x < s->classes; x++)
        for (int64_t i = s->class_start[w->order[x]]; i < s->class_start[w->order[x] + 1]; i++) {
            coefficients(w, i, x);
            entries(w, i);
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
    const hone_shape *in;
    if (!m->pipeline.prep.indicator && hone_model_step(m, &hone_impute, &in))
        return hone_fail(error, HONE_UNSUPPORTED, "prep:impute",
                         "LIBSVM's text holds no values for missing cells; train with "
                         "prep:indicator = true on columns without holes");
    if (m->pipeline.target_scale != 1 || m->pipeline.target_mean != 0)
        return hone_fail(error, HONE_UNSUPPORTED, "prep:target",
                         "LIBSVM's text holds no scaled target; train with prep:target = none");
    if (m->task == HONE_CLASSIFICATION && m->classes.count < 2)
        return hone_fail(error, HONE_UNSUPPORTED, "model.classes", "one class needs no model");
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
    hone_text t = {0};
    writing w = {.t = &t, .m = m, .s = &s};
    hone_status status = hone_svm_view_of(m, arena, &s, error);
    if (!status && order_classes(&w, arena))
        status = hone_no_memory(error);
    if (!status) {
        head(&w);
        vectors(&w);
    }
    hone_arena_close(arena);
    *size = t.length;
    if (!status)
        *text = hone_text_take(&t);
    else
        hone_text_drop(&t);
    return status ? status : *text ? HONE_OK : hone_no_memory(error);
}
