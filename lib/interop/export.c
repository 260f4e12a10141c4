/* A model as an ONNX file: rows, scores, then the label or the amount. */
#include <string.h>

#include "hone/interop.h"
#include "interop/onnx.h"
#include "interop/state.h"

static const struct {
    const char *algorithm;
    hone_onnx_writer write;
} WRITERS[] = {{"knn", hone_onnx_knn},
               {"linear_regression", hone_onnx_linear},
               {"logistic_regression", hone_onnx_linear},
               {"random_forest", hone_onnx_forest},
               {"svm", hone_onnx_svm}};

static hone_onnx_writer writer_of(const char *algorithm)
{
    for (size_t k = 0; k < sizeof WRITERS / sizeof *WRITERS; k++)
        if (!strcmp(WRITERS[k].algorithm, algorithm))
            return WRITERS[k].write;
    return NULL;
}

/* The class names as what they are: texts, integers or numbers. */
static const char *class_names(hone_onnx *g, const hone_values *classes, int *type)
{
    if (classes->kind == HONE_TEXT) {
        *type = ONNX_STRING;
        return hone_onnx_texts(g, classes->text, classes->count);
    }
    if (classes->kind == HONE_F64) {
        *type = ONNX_DOUBLE;
        return hone_onnx_doubles(g, classes->real, 0, classes->count);
    }
    *type = ONNX_INT64;
    return hone_onnx_integers(g, classes->integer, classes->count);
}

static void write_label(hone_onnx *g, const hone_model *m, const hone_onnx_scores *scores)
{
    int type;
    const char *names = class_names(g, &m->classes, &type);
    hone_onnx_begin(g, "ArgMax", false);
    hone_onnx_in(g, scores->winner ? scores->winner : scores->value);
    hone_onnx_int(g, "axis", 1);
    hone_onnx_int(g, "keepdims", 0);
    const char *best = hone_onnx_end(g);
    hone_onnx_output(g, hone_onnx_call(g, "Gather", names, best), "label", type, 0);
    hone_onnx_output(g, scores->value, scores->what, ONNX_DOUBLE, scores->cols);
}

/* mean + scale * score, as a vector. */
static void write_amount(hone_onnx *g, const hone_model *m, const hone_onnx_scores *scores)
{
    const int64_t flat = -1;
    const hone_pipeline *p = &m->pipeline;
    const char *v = scores->value;
    if (p->target_scale != 1)
        v = hone_onnx_call(g, "Mul", v, hone_onnx_number(g, p->target_scale));
    if (p->target_mean != 0)
        v = hone_onnx_call(g, "Add", v, hone_onnx_number(g, p->target_mean));
    v = hone_onnx_call(g, "Reshape", v, hone_onnx_integers(g, &flat, 1));
    hone_onnx_output(g, v, "prediction", ONNX_DOUBLE, 0);
}

hone_status hone_model_to_onnx(const hone_model *m, char **bytes, size_t *size, hone_error *error)
{
    if (!m || !bytes || !size)
        return hone_fail(error, HONE_BAD_ARGUMENT, "export", "an argument is NULL");
    *bytes = NULL;
    const hone_onnx_writer write = writer_of(hone_model_algorithm(m));
    if (!write)
        return hone_fail(error, HONE_UNSUPPORTED, "model", "%s cannot be expressed in ONNX",
                         hone_model_algorithm(m));
    hone_onnx g = {.arena = hone_arena_open(NULL)};
    if (!g.arena)
        return hone_no_memory(error);
    const char *x = NULL;
    hone_onnx_scores scores = {0};
    hone_status status = hone_onnx_rows(&g, m, &x, error);
    if (!status)
        status = write(&g, m, x, &scores, error);
    if (!status && m->task == HONE_CLASSIFICATION)
        write_label(&g, m, &scores);
    else if (!status)
        write_amount(&g, m, &scores);
    const hone_status finished =
        hone_onnx_finish(&g, hone_model_algorithm(m), bytes, size, status ? NULL : error);
    hone_arena_close(g.arena);
    if (status)
        hone_text_free(*bytes), *bytes = NULL;
    return status ? status : finished;
}
