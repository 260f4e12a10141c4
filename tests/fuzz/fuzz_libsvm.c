/* Any bytes as LIBSVM's text: refused, or a model that predicts and survives its own round trips.
 * Seeds: tests/data/libsvm. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hone/hone.h"
#include "hone/interop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition)
        abort();
}

/* Three rows of odd numbers; a failure of the model's own arithmetic is an error, never a crash. */
static void use(const hone_model *m)
{
    enum { ROWS = 3, WIDE = 4096 };
    const int64_t d = hone_model_features(m), c = hone_model_outputs(m);
    if (d > WIDE || c > WIDE)
        return;
    static const double odd[] = {0, 1, -0.5, 2, 1e9, -1};
    double *x = calloc((size_t)(ROWS * d), sizeof *x),
           *out = calloc((size_t)(ROWS * c), sizeof *out);
    must(x && out);
    for (int64_t k = 0; k < ROWS * d; k++)
        x[k] = odd[k % 6];
    (void)hone_model_predict_dense(m, x, HONE_F64, ROWS, d, d, 1, HONE_SCORES, NULL, out, NULL);
    free(x);
    free(out);
}

/* As LIBSVM's text and as a model file: what was accepted is accepted again. */
static void leave_and_enter(const hone_model *m, int64_t columns)
{
    char *text = NULL, *bytes = NULL;
    size_t size;
    hone_model *again = NULL;
    must(!hone_model_to_libsvm(m, &text, &size, NULL));
    must(!hone_model_from_libsvm(text, size, columns, &again, NULL));
    hone_text_free(text);
    hone_model_free(again);
    again = NULL;
    must(!hone_model_bytes(m, &bytes, &size, NULL));
    must(!hone_model_load_bytes(bytes, size, NULL, &again, NULL));
    hone_text_free(bytes);
    hone_model_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const int64_t columns = data[0] % 3 * 50;
    hone_model *m = NULL;
    if (hone_model_from_libsvm((const char *)data + 1, size - 1, columns, &m, NULL))
        return 0;
    use(m);
    leave_and_enter(m, hone_model_features(m));
    hone_model_free(m);
    return 0;
}
