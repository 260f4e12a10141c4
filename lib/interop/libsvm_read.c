/* A parsed LIBSVM file as a model: classes in ascending order, as everywhere in Hone; a pair whose
 * classes change places changes the sign of its decision.
 *
 * The model that comes out has gone through the loader of model files, so that every rule that
 * holds for those holds here.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/catalog.h"
#include "core/record.h"
#include "core/schema.h"
#include "core/state.h"
#include "data/vector.h"
#include "hone/interop.h"
#include "interop/libsvm.h"
#include "interop/state.h"
#include "interop/svm.h"

enum { MOST_UNTOLD = 1 << 16 };

typedef struct importer {
    const hone_libsvm *file;
    hone_arena *arena;
    int64_t columns;
    int64_t *rank, *was; /* new number of the file's class, and back */
    hone_model *model;
    hone_fitted *fitted;
    hone_error *error;
} importer;

/* ---- classes ---- */

static hone_status sort_classes(importer *m)
{
    const hone_libsvm *f = m->file;
    m->rank = HONE_NEW(m->arena, int64_t, f->k, 1);
    m->was = HONE_NEW(m->arena, int64_t, f->k, 1);
    if (!m->rank || !m->was)
        return hone_no_memory(m->error);
    for (int64_t a = 0; a < f->k; a++) {
        for (int64_t b = 0; f->classes && b < f->k; b++)
            m->rank[a] += f->label[b] < f->label[a];
        m->was[m->rank[a]] = a;
    }
    return HONE_OK;
}

static hone_status name_classes(importer *m)
{
    const hone_libsvm *f = m->file;
    hone_values *to = &m->model->classes;
    int64_t *integer = HONE_NEW(m->model->memory, int64_t, f->k, 1);
    const char **text = HONE_NEW(m->model->memory, const char *, f->k, 1);
    if (!integer || !text)
        return hone_no_memory(m->error);
    for (int64_t a = 0; a < f->k; a++) {
        hone_text t = {0};
        integer[a] = f->label[m->was[a]];
        hone_text_integer(&t, integer[a]);
        text[a] = t.failed ? NULL : hone_arena_text(m->model->memory, t.bytes);
        hone_text_drop(&t);
        if (!text[a])
            return hone_no_memory(m->error);
    }
    *to = (hone_values){.count = f->k, .kind = HONE_I64, .integer = integer, .text = text};
    return HONE_OK;
}

/* ---- hyperparameters ---- */

static hone_status set_params(importer *m, hone_config *c)
{
    const hone_libsvm *f = m->file;
    const struct {
        const char *key, *value;
    } words[] = {{"model", "svm"},
                 {"svm:kernel", f->kernel},
                 {"svm:formulation", f->formulation},
                 {"prep:scale", "none"},
                 {"prep:target", "none"}};
    for (size_t k = 0; k < sizeof words / sizeof *words; k++)
        HONE_TRY(hone_config_set_text(c, words[k].key, words[k].value, m->error));
    if (f->gamma > 0)
        HONE_TRY(hone_config_set_real(c, "svm:gamma", f->gamma, m->error));
    HONE_TRY(hone_config_set_integer(c, "svm:degree", (int64_t)f->degree, m->error));
    HONE_TRY(hone_config_set_real(c, "svm:coef0", f->coef0, m->error));
    return hone_config_set_bool(c, "svm:probability", f->classes && f->prob_a, m->error);
}

/* A value that LIBSVM takes and Hone does not (degree 0, gamma 1e300) ends here, with its line. */
static hone_status refused(const importer *m, hone_status status)
{
    const struct {
        const char *path;
        int64_t line;
    } values[] = {{"config.svm:degree", m->file->degree_line},
                  {"config.svm:gamma", m->file->gamma_line},
                  {"config.svm:coef0", m->file->coef0_line}};
    for (size_t k = 0; m->error && k < sizeof values / sizeof *values; k++)
        if (values[k].line && !strcmp(m->error->path, values[k].path)) {
            const hone_error was = *m->error;
            char place[64];
            snprintf(place, sizeof place, "libsvm:%lld", (long long)values[k].line);
            return hone_fail(m->error, HONE_UNSUPPORTED, place, "%s: %s",
                             strchr(values[k].path, ':') + 1, was.message);
        }
    return status;
}

static hone_status resolve(importer *m, hone_resolved *resolved)
{
    hone_config *c = NULL;
    HONE_TRY(hone_config_new(&c, m->error));
    hone_status status = set_params(m, c);
    if (!status)
        status = hone_config_resolve(c, m->model->task, false, m->arena, resolved, m->error);
    hone_config_free(c);
    return status == HONE_BAD_CONFIG ? refused(m, status) : status;
}

/* ---- state ---- */

/* Members that stay 0; false: no memory. */
static bool fill_blank(importer *m, const char *const *names)
{
    bool there = true;
    for (; *names; names++)
        there = hone_fitted_array(m->fitted, *names) && there;
    return there;
}

/* Rows of which three quarters are zeros stay rows. */
static bool is_mostly_zero(int64_t entries, double rows, int64_t columns)
{
    return (double)entries < 0.25 * rows * (double)columns;
}

/* The file's coefficient of a vector of class a (old numbers) towards class b. */
static double coefficient(const hone_libsvm *f, int64_t i, int64_t a, int64_t b)
{
    return f->coef[i * f->coefs + (b < a ? b : b - 1)];
}

/* Members by pair; the new pair (a, b) was (b, a) in the file when its classes changed places. */
static hone_status fill_pairs(importer *m)
{
    const hone_libsvm *f = m->file;
    const bool sigmoids = f->classes && f->prob_a;
    double *intercept = hone_fitted_array(m->fitted, "intercept");
    double *a_of = hone_fitted_array(m->fitted, "sigmoid_a");
    double *b_of = hone_fitted_array(m->fitted, "sigmoid_b");
    if (!intercept || !a_of || !b_of)
        return hone_no_memory(m->error);
    if (!f->classes) {
        intercept[0] = -f->rho[0];
        return HONE_OK;
    }
    for (int64_t a = 0, p = 0; a < f->k; a++)
        for (int64_t b = a + 1; b < f->k; b++, p++) {
            const int64_t x = m->was[a], y = m->was[b];
            const int64_t old = hone_svm_pair(x < y ? x : y, x < y ? y : x, f->k);
            intercept[p] = x < y ? -f->rho[old] : f->rho[old];
            if (sigmoids) {
                a_of[p] = f->prob_a[old];
                b_of[p] = x < y ? f->prob_b[old] : -f->prob_b[old];
            }
        }
    return HONE_OK;
}

/* The file's vector i, of its class `x`, as vector `to` of the model. */
static void fill_coefficients(const importer *m, int64_t i, int64_t x, double *to)
{
    const hone_libsvm *f = m->file;
    if (!f->classes) {
        to[0] = f->coef[i];
        return;
    }
    for (int64_t b = 0, c = 0; b < f->k; b++) {
        const int64_t y = m->was[b];
        if (y == x)
            continue;
        const bool turned = (x < y) != (m->rank[x] < m->rank[y]);
        const double v = coefficient(f, i, x, y);
        to[c++] = turned ? -v : v;
    }
}

/* Distances of rows around 0 lose the least to float32; inner products must not be moved. */
static void find_centre(const importer *m, double *centre)
{
    const hone_libsvm *f = m->file;
    if (strcmp(f->kernel, "rbf") != 0)
        return;
    for (int64_t t = 0; t < f->entries; t++)
        centre[f->column[t]] += f->value[t] / (double)f->vectors;
}

typedef struct arrays {
    double *coef, *centre;
    float *dense, *value;
    int64_t *start, *support;
    int32_t *column;
} arrays;

static void fill_vector(const importer *m, int64_t i, int64_t to, arrays *a)
{
    const hone_libsvm *f = m->file;
    const int64_t from = f->start[i], count = f->start[i + 1] - from;
    a->support[to] = to;
    if (!a->start) {
        float *row = a->dense + to * m->columns;
        for (int64_t j = 0; j < m->columns; j++)
            row[j] = (float)-a->centre[j];
        for (int64_t t = from; t < from + count; t++)
            row[f->column[t]] = (float)(f->value[t] - a->centre[f->column[t]]);
        return;
    }
    const int64_t at = a->start[to];
    memcpy(a->column + at, f->column + from, (size_t)count * sizeof *a->column);
    for (int64_t t = 0; t < count; t++)
        a->value[at + t] = (float)f->value[from + t];
    a->start[to + 1] = at + count;
}

/* Vectors grouped by class, in the new order. */
static hone_status fill_vectors(importer *m, bool sparse)
{
    const hone_libsvm *f = m->file;
    arrays a = {.coef = hone_fitted_array(m->fitted, "coef"),
                .centre = hone_fitted_array(m->fitted, "centre"),
                .support = hone_fitted_array(m->fitted, "support"),
                .dense = hone_fitted_array(m->fitted, "vectors"),
                .column = hone_fitted_array(m->fitted, "sparse_column"),
                .value = hone_fitted_array(m->fitted, "sparse_value")};
    int64_t *start = hone_fitted_array(m->fitted, "sparse_start");
    int64_t *class_start = hone_fitted_array(m->fitted, "class_start");
    if (!a.coef || !a.support || !a.dense || !a.column || !a.value || !start || !class_start ||
        !a.centre || !fill_blank(m, (const char *[]){"plane_start", NULL}))
        return hone_no_memory(m->error);
    a.start = sparse ? start : NULL;
    if (!sparse)
        find_centre(m, a.centre);
    int64_t to = 0;
    for (int64_t c = 0; c < (f->classes ? f->k : 1); c++) {
        const int64_t x = m->was[c];
        int64_t first = 0;
        for (int64_t o = 0; f->classes && o < x; o++)
            first += f->count[o];
        const int64_t count = f->classes ? f->count[x] : f->vectors;
        for (int64_t i = first; i < first + count; i++, to++) {
            fill_coefficients(m, i, x, a.coef + to * f->coefs);
            fill_vector(m, i, to, &a);
        }
        class_start[c + 1] = to;
    }
    return HONE_OK;
}

/* ---- planes of a linear kernel ---- */

static void add_vector(const hone_libsvm *f, int64_t i, double coef, double *w)
{
    for (int64_t t = f->start[i]; t < f->start[i + 1]; t++)
        w[f->column[t]] += coef * f->value[t];
}

/* w of the new pair (a, b): the vectors of both classes. */
static void sum_pair(const importer *m, int64_t a, int64_t b, double *w)
{
    const hone_libsvm *f = m->file;
    const int64_t x = m->was[a], y = m->was[b];
    for (int64_t c = 0, i = 0; c < f->k; c++)
        for (const int64_t end = i + f->count[c]; i < end; i++)
            if (c == x || c == y)
                add_vector(f, i, (x > y ? -1 : 1) * coefficient(f, i, c, c == x ? y : x), w);
}

/* w of each pair in turn, `room` for one, to `take`. */
static void each_plane(const importer *m, double *room, void *to,
                       void (*take)(void *to, int64_t pair, const double *w, int64_t d))
{
    const hone_libsvm *f = m->file;
    for (int64_t a = 0, p = 0; a < (f->classes ? f->k : 1); a++)
        for (int64_t b = a + 1; b < (f->classes ? f->k : 2); b++, p++) {
            memset(room, 0, (size_t)m->columns * sizeof *room);
            if (f->classes)
                sum_pair(m, a, b, room);
            for (int64_t i = 0; i < f->vectors && !f->classes; i++)
                add_vector(f, i, f->coef[i], room);
            take(to, p, room, m->columns);
        }
}

static void count_entries(void *to, int64_t pair, const double *w, int64_t d)
{
    (void)pair;
    for (int64_t j = 0; j < d; j++)
        *(int64_t *)to += w[j] != 0;
}

typedef struct flat {
    double *dense, *value;
    int64_t *start; /* NULL: dense */
    int32_t *column;
} flat;

static void fill_plane(void *to, int64_t pair, const double *w, int64_t d)
{
    const flat *p = to;
    if (!p->start) {
        memcpy(p->dense + pair * d, w, (size_t)d * sizeof *w);
        return;
    }
    int64_t at = p->start[pair];
    for (int64_t j = 0; j < d; j++)
        if (w[j] != 0)
            p->column[at] = (int32_t)j, p->value[at++] = w[j];
    p->start[pair + 1] = at;
}

static hone_status fill_planes(importer *m)
{
    const double all = (double)m->file->pairs;
    double *room = HONE_RAW(m->arena, double, m->columns, 1);
    int64_t entries = 0;
    if (!room)
        return hone_no_memory(m->error);
    each_plane(m, room, &entries, count_entries);
    const bool sparse = is_mostly_zero(entries, all, m->columns);
    hone_fitted_set(m->fitted, "n_planes", sparse ? 0 : all);
    hone_fitted_set(m->fitted, "n_sparse_planes", sparse ? all : 0);
    hone_fitted_set(m->fitted, "n_plane_entries", sparse ? (double)entries : 0);
    if (!fill_blank(m, (const char *[]){"sparse_start", "class_start", "centre", NULL}))
        return hone_no_memory(m->error);
    int64_t *start = hone_fitted_array(m->fitted, "plane_start");
    flat p = {.dense = hone_fitted_array(m->fitted, "plane"),
              .column = hone_fitted_array(m->fitted, "plane_column"),
              .value = hone_fitted_array(m->fitted, "plane_value"),
              .start = sparse ? start : NULL};
    if (!p.dense || !p.column || !p.value || !start)
        return hone_no_memory(m->error);
    each_plane(m, room, &p, fill_plane);
    return HONE_OK;
}

/* ---- the whole state ---- */

static bool is_sparse(const importer *m)
{
    return is_mostly_zero(m->file->entries, (double)m->file->vectors, m->columns);
}

static bool is_linear(const importer *m)
{
    return !strcmp(m->file->kernel, "linear");
}

/* Whether the file's classes are in Hone's order; else the file's decides between equal votes. */
static bool ascending(const importer *m)
{
    for (int64_t a = 0; a < m->file->k; a++)
        if (m->was[a] != a)
            return false;
    return true;
}

static hone_status fill_state(importer *m, bool sparse)
{
    const hone_libsvm *f = m->file;
    const double turns = f->classes && !ascending(m) ? (double)f->k : 0;
    const double n = is_linear(m) ? 0 : (double)f->vectors;
    const struct {
        const char *name;
        double value;
    } numbers[] = {{"n_sv", n},
                   {"n_dense", sparse ? 0 : n},
                   {"n_sparse", sparse ? n : 0},
                   {"n_entries", sparse && n > 0 ? (double)f->entries : 0},
                   {"n_coefs", (double)f->coefs},
                   {"n_pairs", (double)f->pairs},
                   {"n_sigmoids", f->classes && f->prob_a ? (double)f->pairs : 0},
                   {"n_turns", turns},
                   {"n_rows", (double)f->vectors},
                   {"converged", 1},
                   {"gamma", f->gamma},
                   {"unit", 1}};
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        hone_fitted_set(m->fitted, numbers[k].name, numbers[k].value);
    HONE_TRY(fill_pairs(m));
    int64_t *turn = hone_fitted_array(m->fitted, "turn");
    if (!turn)
        return hone_no_memory(m->error);
    for (int64_t c = 0; c < (int64_t)turns; c++)
        turn[c] = m->was[c];
    return is_linear(m) ? fill_planes(m) : fill_vectors(m, sparse);
}

/* ---- the model ---- */

/* Dense rows go through the step that fills missing cells, as those of every svm do. Its state is
 * all zeros: what is absent is 0, as in LIBSVM. */
static hone_status add_impute(importer *m)
{
    hone_model *model = m->model;
    hone_pipeline *p = &model->pipeline;
    p->state[0] = hone_arena_alloc(model->memory, 1, 1, hone_impute.state_size);
    if (!p->state[0])
        return hone_no_memory(m->error);
    for (const hone_field *f = hone_impute.state; f->name; f++) {
        if (!f->is_array)
            continue;
        void *zeros =
            hone_arena_alloc(model->memory, hone_field_rows(f, p->shape, p->state[0]),
                             hone_field_cols(f, p->shape, p->state[0]), hone_dtype_size(f->dtype));
        if (!zeros)
            return hone_no_memory(m->error);
        memcpy((char *)p->state[0] + f->offset, &zeros, sizeof zeros);
    }
    p->transform[0] = &hone_impute;
    p->steps = 1;
    return HONE_OK;
}

static hone_status build(importer *m)
{
    hone_model *model = m->model;
    const hone_libsvm *f = m->file;
    model->task = f->classes ? HONE_CLASSIFICATION : HONE_REGRESSION;
    HONE_TRY(sort_classes(m));
    hone_resolved resolved = {0};
    HONE_TRY(resolve(m, &resolved));
    const bool sparse = is_sparse(m);
    model->schema = (hone_schema){.cols = m->columns, .sparse = sparse};
    model->pipeline = (hone_pipeline){.prep = resolved.prep, .sparse = sparse, .target_scale = 1};
    model->pipeline.shape[0] = (hone_shape){.features = m->columns, .stored = m->columns};
    if (!sparse)
        HONE_TRY(add_impute(m));
    HONE_TRY(hone_pipeline_reshape(&model->pipeline, model->memory, m->error));
    if (f->classes)
        HONE_TRY(name_classes(m));
    const hone_shape shape = {.features = m->columns,
                              .stored = m->columns,
                              .outputs = f->classes ? f->k : 1,
                              .task = model->task};
    m->fitted = model->fitted = hone_fitted_new(resolved.algorithm, &shape, resolved.params, 0);
    if (!m->fitted)
        return hone_no_memory(m->error);
    HONE_TRY(fill_state(m, sparse));
    model->config_hash = resolved.hash;
    model->target_name = "target";
    model->run = "{}";
    model->config = hone_arena_text(model->memory, resolved.json);
    if (!model->config)
        return hone_no_memory(m->error);
    return hone_record_write(model, "{\"imported\":\"libsvm\"}", m->error);
}

/* Through bytes: the loader checks what a file must satisfy, and prepares the state. */
static hone_status admit(const hone_model *made, hone_model **model, hone_error *error)
{
    char *bytes = NULL;
    size_t size = 0;
    HONE_TRY(hone_model_bytes(made, &bytes, &size, error));
    const hone_status status = hone_model_load_bytes(bytes, size, NULL, model, error);
    hone_text_free(bytes);
    return status;
}

static hone_status import(importer *m, const char *text, size_t size, int64_t columns,
                          hone_model **model)
{
    hone_libsvm file;
    HONE_TRY(hone_libsvm_parse(text, size, m->arena, &file, m->error));
    if (columns && columns < file.columns)
        return hone_fail(m->error, HONE_BAD_ARGUMENT, "columns",
                         "must be at least %lld, the largest index of the file; got %lld",
                         (long long)file.columns, (long long)columns);
    const int64_t most = size > MOST_UNTOLD ? (int64_t)size : MOST_UNTOLD;
    if (!columns && file.columns > most)
        return hone_fail(m->error, HONE_CORRUPT, "libsvm",
                         "index %lld is above %lld, the most that %zu bytes may have untold; say "
                         "how many columns the rows have to allow it",
                         (long long)file.columns, (long long)most, size);
    m->file = &file;
    m->columns = columns ? columns : file.columns ? file.columns : 1;
    HONE_TRY(build(m));
    return admit(m->model, model, m->error);
}

hone_status hone_model_from_libsvm(const char *text, size_t size, int64_t columns,
                                   hone_model **model, hone_error *error)
{
    if (!text || !model)
        return hone_fail(error, HONE_BAD_ARGUMENT, "import", "an argument is NULL");
    if (columns < 0 || columns > INT32_MAX)
        return hone_fail(error, HONE_BAD_ARGUMENT, "columns", "must be in [0, 2^31), got %lld",
                         (long long)columns);
    *model = NULL;
    if (!hone_catalog_find(NULL, "svm"))
        return hone_fail(error, HONE_UNSUPPORTED, "model", "svm is not in this build");
    importer m = {.arena = hone_arena_open(NULL), .model = hone_model_empty(0), .error = error};
    hone_status status =
        m.arena && m.model ? import(&m, text, size, columns, model) : hone_no_memory(error);
    hone_model_free(m.model);
    hone_arena_close(m.arena);
    return status;
}
