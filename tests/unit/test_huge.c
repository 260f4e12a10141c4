/* A table of more than 2^31 cells: far cells are met where they are. Memory that nobody wrote to is
 * one page of zeros of the system, so that 8.6 GB of address space cost next to no memory. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "hone/hone.h"
#include "near.h"

/* Address sanitizers keep a shadow of what is mapped, and take minutes for it. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

enum { ROWS = 65600, COLS = 32800, LAST = 40, SKIPPED = 77 };
static const size_t BYTES = (size_t)ROWS * COLS * sizeof(float);

static hone_dataset *table(const float *x, int64_t rows, hone_vector y, hone_error *error)
{
    const hone_dataset_options options = {.size = sizeof options, .task = HONE_CLASSIFICATION};
    hone_dataset *d = NULL;
    hone_dataset_dense(x, HONE_F32, rows, COLS, COLS, 1, y, &options, &d, error);
    return d;
}

/* A forest on the last rows: their class stands in every column. */
static hone_result *trained(const float *last)
{
    static const char json[] = "{\"model\":\"random_forest\",\"n_estimators\":3,\"max_depth\":2}";
    const hone_options options = {
        .size = sizeof options, .validation = HONE_VALIDATE_NONE, .keep_model = true};
    int32_t y[LAST];
    for (int i = 0; i < LAST; i++)
        y[i] = i % 2;
    hone_error error = {0};
    hone_dataset *d = table(last, LAST, (hone_vector){.values = y, .dtype = HONE_I32}, &error);
    hone_config *config = NULL;
    hone_result *result = NULL;
    if (!d || hone_config_new(&config, &error) ||
        hone_config_parse(config, json, sizeof json - 1, &error) ||
        hone_train_full(config, d, 1, &options, &result, &error))
        fail_msg("%s: %s", error.path, error.message);
    hone_config_free(config);
    hone_dataset_free(d);
    return result;
}

static void far_cells_are_met_where_they_are(void **state)
{
    (void)state;
    float *x = mmap(NULL, BYTES, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(x != MAP_FAILED);
    const float *last = x + (size_t)(ROWS - LAST) * COLS;
    for (int64_t k = 0; k < (int64_t)LAST * COLS; k++)
        x[(size_t)(ROWS - LAST) * COLS + k] = k / COLS % 2 ? 1.0f : -1.0f;
    hone_result *result = trained(last);
    const hone_model *model = hone_result_model(result);

    x[(size_t)ROWS * COLS - 1] = NAN;
    hone_error error = {0};
    hone_dataset *d = table(x, ROWS, (hone_vector){0}, &error);
    if (!d)
        fail_msg("%s: %s", error.path, error.message);
    char *text = NULL;
    assert_int_equal(hone_dataset_describe(d, &text, &error), HONE_OK);
    const char *column = strstr(text, "\"x32799\"");
    assert_non_null(column);
    assert_non_null(strstr(column, "\"missing\": 1"));
    hone_text_free(text);
    double *label = malloc(ROWS * sizeof *label);
    assert_int_equal(hone_model_predict(model, d, HONE_LABELS, NULL, label, &error), HONE_OK);
    for (int64_t i = 0; i < LAST; i++)
        assert_true(label[ROWS - LAST + i] == (double)(i % 2));
    hone_dataset_free(d);
    free(label);

    x[(size_t)ROWS * COLS - 2] = INFINITY;
    assert_null(table(x, ROWS, (hone_vector){0}, &error));
    assert_string_equal(error.path, "data.x[65599,32798]");
    hone_result_free(result);
    munmap(x, BYTES);
}

int main(void)
{
    if (SANITIZED)
        return SKIPPED;
    const struct CMUnitTest tests[] = {cmocka_unit_test(far_cells_are_met_where_they_are)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
