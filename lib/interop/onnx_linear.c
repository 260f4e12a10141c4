/* Linear models: one product in double, then what makes probabilities of it. */
#include <string.h>

#include "interop/onnx.h"
#include "interop/state.h"

/* rows x models: x W' + b */
static hone_status products(hone_onnx *g, const hone_model *m, const char *x, const char **z,
                            hone_error *error)
{
    const hone_member coef = hone_model_member(m, "coef");
    const hone_member intercept = hone_model_member(m, "intercept");
    const int64_t d = m->fitted->shape.features, models = coef.rows * coef.cols / d;
    double *turned = HONE_RAW(g->arena, double, d, models);
    if (!turned)
        return hone_no_memory(error);
    for (int64_t k = 0; k < models; k++)
        for (int64_t j = 0; j < d; j++)
            turned[j * models + k] = hone_member_at(&coef, k * d + j);
    *z = hone_onnx_call(g, "MatMul", x, hone_onnx_doubles(g, turned, d, models));
    *z = hone_onnx_call(g, "Add", *z, hone_onnx_doubles(g, intercept.values, 1, models));
    return HONE_OK;
}

/* One against the rest: the models' own probabilities, made to sum to 1. */
static const char *shares(hone_onnx *g, const char *z)
{
    const char *own = hone_onnx_call(g, "Sigmoid", z, NULL);
    return hone_onnx_call(g, "Div", own, hone_onnx_sum(g, own, 1));
}

static const char *softmax(hone_onnx *g, const char *z)
{
    hone_onnx_begin(g, "Softmax", false);
    hone_onnx_in(g, z);
    hone_onnx_int(g, "axis", 1);
    return hone_onnx_end(g);
}

hone_status hone_onnx_linear(hone_onnx *g, const hone_model *model, const char *x,
                             hone_onnx_scores *scores, hone_error *error)
{
    const int64_t classes = model->fitted->shape.outputs;
    const char *z = NULL;
    HONE_TRY(products(g, model, x, &z, error));
    *scores = (hone_onnx_scores){z, "prediction", 1, NULL};
    if (model->task == HONE_REGRESSION)
        return HONE_OK;
    const char *parts[] = {hone_onnx_call(g, "Neg", z, NULL), z};
    const char *multi = hone_model_choice(model, "multi_class");
    scores->what = "probabilities";
    scores->cols = classes;
    if (classes == 2)
        scores->value = hone_onnx_call(g, "Sigmoid", hone_onnx_beside(g, parts, 2), NULL);
    else
        scores->value = multi && !strcmp(multi, "ovr") ? shares(g, z) : softmax(g, z);
    return HONE_OK;
}
