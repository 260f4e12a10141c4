/* Any bytes as a model file: refused, or it predicts and survives its own round trip.
 *
 * The input is tried as it is, and once more with sizes and checksums repaired: otherwise only the
 * checksums would be tested. Seeds: small model files. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "hone/hone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Offsets of docs/model-file.md. */
enum { HEADER = 64, CHECKED = 56, ENTRY = 40, MOST = 16 };

static uint64_t get(const uint8_t *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static void put(uint8_t *at, uint64_t v)
{
    memcpy(at, &v, sizeof v);
}

static void repair(uint8_t *file, size_t size)
{
    static const uint8_t start[16] = {0x89, 'H', 'O', 'N', 'E', '\r', '\n', 0x1a, 1};
    memcpy(file, start, sizeof start);
    size_t count = file[24] % MOST;
    if (HEADER + count * ENTRY > size)
        count = (size - HEADER) / ENTRY;
    put(file + 16, size);
    memset(file + 24, 0, CHECKED - 24);
    file[24] = (uint8_t)count;
    for (size_t k = 0; k < count; k++) {
        uint8_t *entry = file + HEADER + k * ENTRY;
        const uint64_t offset = get(entry + 16), length = get(entry + 24);
        if (offset <= size && length <= size - offset)
            put(entry + 32, hone_hash(0, file + offset, length));
    }
    put(file + CHECKED, hone_hash(hone_hash(0, file, CHECKED), file + HEADER, count * ENTRY));
}

static void must(int condition)
{
    if (!condition)
        abort();
}

static void use(const hone_model *m)
{
    enum { ROWS = 3, WIDE = 4096 };
    const int64_t d = hone_model_features(m), c = hone_model_outputs(m);
    if (d > WIDE || c > WIDE)
        return;
    static const double odd[] = {0, 1, 2, -1, 1e9, -0.5};
    double *x = calloc((size_t)(ROWS * d), sizeof *x),
           *out = calloc((size_t)(ROWS * c), sizeof *out);
    must(x && out);
    for (int64_t k = 0; k < ROWS * d; k++)
        x[k] = odd[k % (k % 2 ? 4 : 6)];
    (void)hone_model_predict_dense(m, x, HONE_F64, ROWS, d, d, 1, HONE_SCORES, NULL, out, NULL);
    free(x);
    free(out);
}

static void try_file(const uint8_t *file, size_t size)
{
    const hone_load_options options = {.size = sizeof options, .max_bytes = 64 << 20};
    hone_model *m = NULL, *again = NULL;
    char *bytes = NULL;
    size_t length;
    if (hone_model_load_bytes(file, size, &options, &m, NULL))
        return;
    use(m);
    must(!hone_model_bytes(m, &bytes, &length, NULL));
    must(!hone_model_load_bytes(bytes, length, NULL, &again, NULL));
    hone_text_free(bytes);
    hone_model_free(again);
    hone_model_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_file(data, size);
    if (size < HEADER)
        return 0;
    uint8_t *copy = malloc(size);
    must(copy != NULL);
    memcpy(copy, data, size);
    repair(copy, size);
    try_file(copy, size);
    free(copy);
    return 0;
}
