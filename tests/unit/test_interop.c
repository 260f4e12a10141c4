/* Models that leave and enter: LIBSVM's text both ways, hostile text, the frame of ONNX files.
 * What ONNX Runtime answers is compared in tests/interop. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "hone/hone.h"

enum { ROWS = 120, COLUMNS = 3 };

static double x[ROWS * COLUMNS];

/* Three classes -1, 4, 7 in noisy corners. */
static hone_dataset *table(bool regress)
{
    static double y[ROWS];
    uint64_t s = 88172645463325252U;
    for (int i = 0; i < ROWS; i++) {
        static const double labels[] = {-1, 4, 7};
        for (int j = 0; j < COLUMNS; j++) {
            s ^= s << 13, s ^= s >> 7, s ^= s << 17;
            x[i * COLUMNS + j] = (double)(s % 2000) / 1000 - 1 + (i % 3 == j ? 1.5 : 0);
        }
        y[i] = regress ? x[i * COLUMNS] * 2 + x[i * COLUMNS + 1] : labels[i % 3];
    }
    hone_dataset_options options = {.size = sizeof options,
                                    .task = regress ? HONE_REGRESSION : HONE_CLASSIFICATION};
    hone_dataset *d = NULL;
    hone_error error = {0};
    const hone_vector target = {.values = y, .dtype = HONE_F64};
    if (hone_dataset_dense(x, HONE_F64, ROWS, COLUMNS, COLUMNS, 1, target, &options, &d, &error))
        fail_msg("%s: %s", error.path, error.message);
    return d;
}

static hone_model *trained(const char *config, bool regress)
{
    hone_config *c = NULL;
    hone_result *result = NULL;
    hone_error error = {0};
    hone_dataset *d = table(regress);
    const hone_options options = {
        .size = sizeof options, .validation = HONE_VALIDATE_NONE, .keep_model = true};
    assert_int_equal(hone_config_new(&c, NULL), HONE_OK);
    assert_int_equal(hone_config_parse(c, config, strlen(config), &error), HONE_OK);
    if (hone_train_full(c, d, 1, &options, &result, &error))
        fail_msg("%s: %s", error.path, error.message);
    hone_model *m = hone_model_retain(hone_result_model(result));
    hone_result_free(result);
    hone_config_free(c);
    hone_dataset_free(d);
    return m;
}

static void predict(const hone_model *m, double *out)
{
    assert_int_equal(hone_model_predict_dense(m, x, HONE_F64, ROWS, COLUMNS, COLUMNS, 1,
                                              HONE_LABELS, NULL, out, NULL),
                     HONE_OK);
    if (hone_model_task(m) == HONE_CLASSIFICATION)
        for (int i = 0; i < ROWS; i++)
            assert_int_equal(sscanf(hone_model_class(m, (int64_t)out[i]), "%lf", out + i), 1);
}

/* ---- LIBSVM ---- */

static void there_and_back(const char *config, bool regress)
{
    hone_model *m = trained(config, regress), *back = NULL;
    char *text = NULL, *again = NULL;
    size_t size, again_size;
    hone_error error = {0};
    double own[ROWS], other[ROWS];
    if (hone_model_to_libsvm(m, &text, &size, &error) ||
        hone_model_from_libsvm(text, size, COLUMNS, &back, &error))
        fail_msg("%s: %s", error.path, error.message);
    predict(m, own);
    predict(back, other);
    for (int i = 0; i < ROWS; i++)
        assert_float_equal(own[i], other[i], 1e-4);
    assert_int_equal(hone_model_to_libsvm(back, &again, &again_size, NULL), HONE_OK);
    assert_memory_equal(text, again, 60);
    hone_text_free(text);
    hone_text_free(again);
    hone_model_free(m);
    hone_model_free(back);
}

static void libsvm_text_keeps_the_answers(void **state)
{
    (void)state;
    there_and_back("{\"model\":\"svm\",\"prep:scale\":\"none\",\"C\":3}", false);
    there_and_back("{\"model\":\"svm\",\"prep:scale\":\"none\",\"kernel\":\"linear\"}", false);
    there_and_back("{\"model\":\"svm\",\"prep:scale\":\"none\",\"kernel\":\"poly\"}", false);
    there_and_back("{\"model\":\"svm\",\"prep:scale\":\"none\",\"prep:target\":\"none\"}", true);
}

static const char MODEL[] = "svm_type c_svc\nkernel_type rbf\ngamma 0.5\nnr_class 2\ntotal_sv 3\n"
                            "rho 0.25\nlabel 1 -1\nnr_sv 1 2\nSV\n1.5 1:0.5 3:1\n-1 2:1\n-0.5 1:-1 "
                            "3:0.25\n";

static hone_status from(const char *text, size_t size, hone_error *error)
{
    hone_model *m = NULL;
    const hone_status status = hone_model_from_libsvm(text, size, 0, &m, error);
    assert_true((status == HONE_OK) == (m != NULL));
    hone_model_free(m);
    return status;
}

/* f(x) = 1.5 K(v0, x) - K(v1, x) - 0.5 K(v2, x) - 0.25 decides for label 1. */
static void a_file_with_its_labels_turned_gives_its_own_signs(void **state)
{
    (void)state;
    hone_model *m = NULL;
    assert_int_equal(hone_model_from_libsvm(MODEL, sizeof MODEL - 1, 0, &m, NULL), HONE_OK);
    assert_string_equal(hone_model_class(m, 0), "-1");
    const double rows[] = {0.5, 0, 1, 0, 1, 0};
    double score[4];
    assert_int_equal(
        hone_model_predict_dense(m, rows, HONE_F64, 2, 3, 3, 1, HONE_SCORES, NULL, score, NULL),
        HONE_OK);
    const double to_1 = exp(-0.5 * 2.25), to_2 = exp(-0.5 * (2.25 + 0.5625));
    assert_true(fabs(score[1] - (1.5 - to_1 - 0.5 * to_2 - 0.25)) < 1e-6);
    assert_float_equal(score[0], -score[1], 1e-12);
    const double between = exp(-0.5 * (1 + 1 + 0.0625));
    assert_true(fabs(score[3] - (1.5 * to_1 - 1 - 0.5 * between - 0.25)) < 1e-6);
    hone_model_free(m);
}

/* Three decisions of a circle: each class has one vote, and the file's first class wins. */
static void equal_votes_go_to_the_first_class_of_the_file(void **state)
{
    (void)state;
    static const char circle[] =
        "svm_type c_svc\nkernel_type linear\nnr_class 3\ntotal_sv 3\nrho -1 1 -1\nlabel 5 9 2\n"
        "nr_sv 1 1 1\nSV\n0 0 1:1\n0 0 1:1\n0 0 1:1\n";
    const double row = 1;
    double label;
    for (int round = 0; round < 2; round++) {
        hone_model *m = NULL, *again = NULL;
        char *text = NULL;
        size_t size;
        assert_int_equal(hone_model_from_libsvm(circle, sizeof circle - 1, 0, &m, NULL), HONE_OK);
        assert_int_equal(hone_model_to_libsvm(m, &text, &size, NULL), HONE_OK);
        assert_non_null(strstr(text, "label 5 9 2\n"));
        assert_int_equal(hone_model_from_libsvm(text, size, 0, &again, NULL), HONE_OK);
        assert_int_equal(hone_model_predict_dense(round ? again : m, &row, HONE_F64, 1, 1, 1, 1,
                                                  HONE_LABELS, NULL, &label, NULL),
                         HONE_OK);
        assert_string_equal(hone_model_class(m, (int64_t)label), "5");
        hone_text_free(text);
        hone_model_free(m);
        hone_model_free(again);
    }
}

/* svm_predict of LIBSVM: the first class of the file above 0, else the second. */
static void a_decision_of_zero_goes_where_libsvm_sends_it(void **state)
{
    (void)state;
    static const char *const labels[] = {"1 2", "2 1", "5 9 2", "2 5 9", "9 5 2"};
    static const char *const expected[] = {"2", "1", "2", "9", "2"};
    for (size_t k = 0; k < sizeof labels / sizeof *labels; k++) {
        char text[300];
        const bool two = strlen(labels[k]) == 3;
        snprintf(text, sizeof text,
                 "svm_type c_svc\nkernel_type linear\nnr_class %d\ntotal_sv %d\nrho %s\nlabel "
                 "%s\nnr_sv %s\nSV\n%s",
                 two ? 2 : 3, two ? 2 : 3, two ? "0" : "0 0 0", labels[k], two ? "1 1" : "1 1 1",
                 two ? "1 1:1\n-1 1:1\n" : "1 1 1:1\n-1 1 1:1\n-1 -1 1:1\n");
        hone_model *m = NULL;
        hone_error error = {0};
        if (hone_model_from_libsvm(text, strlen(text), 0, &m, &error))
            fail_msg("%s: %s", error.path, error.message);
        const double row = 1;
        double label;
        assert_int_equal(hone_model_predict_dense(m, &row, HONE_F64, 1, 1, 1, 1, HONE_LABELS, NULL,
                                                  &label, NULL),
                         HONE_OK);
        assert_string_equal(hone_model_class(m, (int64_t)label), expected[k]);
        hone_model_free(m);
    }
}

static void damaged_text_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *place;
    } bad[] = {
        {"", "libsvm:1"},
        {"svm_type c_svc\n", "libsvm:2"},
        {"hello\n", "libsvm:1"},
        {"svm_type one_class\n", "libsvm:1"},
        {"svm_type c_svc\nnr_class 70000\n", "libsvm:2"},
        {"svm_type c_svc\nnr_class 2\ntotal_sv 999999999999\n", "libsvm:3"},
        {"svm_type c_svc\nnr_class 2\ntotal_sv 1\nrho nan\n", "libsvm:4"},
        {"svm_type c_svc\nsvm_type c_svc\n", "libsvm:2"},
        {"svm_type c_svc\nkernel_type linear\nnr_class 2\ntotal_sv 2\nrho 0\nlabel 1 1\n",
         "libsvm:6"},
        {"svm_type c_svc\nkernel_type linear\nnr_class 2\ntotal_sv 2\nrho 0\nlabel 1 2\nnr_sv 1 "
         "2\n",
         "libsvm:7"},
        {"svm_type epsilon_svr\nkernel_type linear\nnr_class 2\ntotal_sv 1\nrho 0\nSV\n1 3:1 2:1\n",
         "libsvm:7"},
        {"svm_type epsilon_svr\nkernel_type linear\nnr_class 2\ntotal_sv 1\nrho 0\nSV\n1 0:1\n",
         "libsvm:7"},
        {"svm_type epsilon_svr\nkernel_type linear\nnr_class 2\ntotal_sv 1\nrho 0\nSV\n1 1:inf\n",
         "libsvm:7"},
        {"svm_type epsilon_svr\nkernel_type linear\nnr_class 2\ntotal_sv 2\nrho 0\nSV\n1 1:1\n",
         "libsvm:8"},
        {"\xef\xbb\xbfsvm_type c_svc\n", "libsvm:1"},
        {"svm_type epsilon_svr\nkernel_type polynomial\ndegree 25\ngamma 1\nnr_class 2\ntotal_sv "
         "1\nrho 0\nSV\n1 1:1\n",
         "libsvm:3"},
        {"svm_type epsilon_svr\nkernel_type polynomial\ndegree 0\ngamma 1\nnr_class 2\ntotal_sv "
         "1\nrho 0\nSV\n1 1:1\n",
         "libsvm:3"},
        {"svm_type epsilon_svr\nkernel_type rbf\ngamma 1e300\nnr_class 2\ntotal_sv 1\nrho "
         "0\nSV\n1 1:1\n",
         "libsvm:3"},
        {"svm_type epsilon_svr\nkernel_type sigmoid\ngamma 1\ncoef0 1e300\nnr_class 2\ntotal_sv "
         "1\nrho 0\nSV\n1 1:1\n",
         "libsvm:4"},
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        hone_error error = {0};
        assert_int_not_equal(from(bad[k].text, strlen(bad[k].text), &error), HONE_OK);
        assert_string_equal(error.path, bad[k].place);
    }
}

static void a_far_index_needs_the_number_of_columns(void **state)
{
    (void)state;
    static const char far_index[] = "svm_type epsilon_svr\nkernel_type linear\nnr_class "
                                    "2\ntotal_sv 1\nrho 0\nSV\n1 20000000:1\n";
    hone_error error = {0};
    assert_int_equal(from(far_index, sizeof far_index - 1, &error), HONE_CORRUPT);
    assert_non_null(strstr(error.message, "index 20000000 is above 65536"));
    hone_model *m = NULL;
    assert_int_equal(hone_model_from_libsvm(far_index, sizeof far_index - 1, 20000000, &m, NULL),
                     HONE_OK);
    hone_model_free(m);
}

static void text_cut_or_changed_anywhere_never_harms(void **state)
{
    (void)state;
    char text[sizeof MODEL];
    for (size_t n = 0; n + 1 < sizeof MODEL; n++) {
        from(MODEL, n, NULL);
        for (int bit = 0; bit < 8; bit++) {
            memcpy(text, MODEL, sizeof MODEL);
            text[n] = (char)(text[n] ^ 1 << bit);
            from(text, sizeof MODEL - 1, NULL);
        }
    }
}

static void what_the_text_cannot_hold_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const configs[][2] = {
        {"{\"model\":\"svm\"}", "prep"},
        {"{\"model\":\"svm\",\"prep:scale\":\"none\",\"prep:indicator\":false}", "prep:impute"},
        {"{\"model\":\"svm\",\"prep:scale\":\"none\",\"kernel\":\"laplacian\"}", "svm:kernel"}};
    for (size_t k = 0; k < sizeof configs / sizeof *configs; k++) {
        hone_model *m = trained(configs[k][0], false);
        char *text;
        size_t size;
        hone_error error = {0};
        assert_int_equal(hone_model_to_libsvm(m, &text, &size, &error), HONE_UNSUPPORTED);
        assert_string_equal(error.path, configs[k][1]);
        hone_model_free(m);
    }
}

/* ---- ONNX ---- */

static uint64_t varint(const unsigned char **at, const unsigned char *end)
{
    uint64_t v = 0;
    for (int shift = 0; *at < end; shift += 7) {
        const unsigned char byte = *(*at)++;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            break;
    }
    return v;
}

/* Whether the bytes are whole fields of the two wire types that are written. */
static void assert_fields(const char *bytes, size_t size, int wanted_fields)
{
    const unsigned char *at = (const unsigned char *)bytes, *end = at + size;
    int fields = 0;
    for (; at < end; fields++) {
        const uint64_t tag = varint(&at, end);
        assert_true((tag & 7) == 0 || (tag & 7) == 2);
        const uint64_t value = varint(&at, end);
        if ((tag & 7) == 2) {
            assert_true(value <= (uint64_t)(end - at));
            at += value;
        }
    }
    assert_int_equal(fields, wanted_fields);
}

static void onnx_files_are_whole(void **state)
{
    (void)state;
    static const char *const configs[] = {"{\"model\":\"svm\"}", "{\"model\":\"random_forest\"}",
                                          "{\"model\":\"knn\"}"};
    for (size_t k = 0; k < sizeof configs / sizeof *configs; k++)
        for (int regress = 0; regress < 2; regress++) {
            hone_model *m = trained(configs[k], regress);
            char *bytes = NULL;
            size_t size;
            hone_error error = {0};
            if (hone_model_to_onnx(m, &bytes, &size, &error))
                fail_msg("%s: %s", error.path, error.message);
            assert_fields(bytes, size, 5);
            hone_text_free(bytes);
            hone_model_free(m);
        }
}

static void export_starved(const char *config)
{
    hone_model *m = trained(config, false);
    for (long n = 0;; n++) {
        char *bytes = NULL;
        size_t size;
        hone_alloc_fail_after(n, true);
        const hone_status status = hone_model_to_onnx(m, &bytes, &size, NULL);
        hone_alloc_fail_after(-1, false);
        hone_text_free(bytes);
        if (status == HONE_OK)
            break;
        assert_int_equal(status, HONE_NO_MEMORY);
        assert_null(bytes);
    }
    hone_model_free(m);
}

static void an_export_without_memory_ends_cleanly(void **state)
{
    (void)state;
    static const char *const configs[] = {"{\"model\":\"random_forest\",\"n_estimators\":2}",
                                          "{\"model\":\"knn\"}",
                                          "{\"model\":\"knn\",\"metric\":\"manhattan\"}"};
    for (size_t k = 0; k < sizeof configs / sizeof *configs; k++)
        export_starved(configs[k]);
}

static void an_import_without_memory_ends_cleanly(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        hone_alloc_fail_after(n, true);
        const hone_status status = from(MODEL, sizeof MODEL - 1, NULL);
        hone_alloc_fail_after(-1, false);
        if (status == HONE_OK)
            break;
        assert_int_equal(status, HONE_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libsvm_text_keeps_the_answers),
        cmocka_unit_test(a_file_with_its_labels_turned_gives_its_own_signs),
        cmocka_unit_test(equal_votes_go_to_the_first_class_of_the_file),
        cmocka_unit_test(a_decision_of_zero_goes_where_libsvm_sends_it),
        cmocka_unit_test(damaged_text_is_refused_with_its_line),
        cmocka_unit_test(a_far_index_needs_the_number_of_columns),
        cmocka_unit_test(text_cut_or_changed_anywhere_never_harms),
        cmocka_unit_test(what_the_text_cannot_hold_is_refused_by_name),
        cmocka_unit_test(onnx_files_are_whole),
        cmocka_unit_test(an_export_without_memory_ends_cleanly),
        cmocka_unit_test(an_import_without_memory_ends_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
