/* NULL where something is needed: BAD_ARGUMENT with its name, or what nothing has. */
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "call.h"
#include "toys.h"

#define REFUSED(name, call)                                                                        \
    do {                                                                                           \
        hone_error error = {0};                                                                    \
        assert_int_equal(call, HONE_BAD_ARGUMENT);                                                 \
        assert_string_equal(error.path, name);                                                     \
    } while (0)

static void configurations_need_their_arguments(void **state)
{
    (void)state;
    hone_config *c, *copy;
    char *text;
    uint64_t hash;
    assert_int_equal(hone_config_new(&c, NULL), HONE_OK);
    REFUSED("config", hone_config_new(NULL, &error));
    REFUSED("config", hone_config_use(NULL, NULL, &error));
    REFUSED("algorithm", hone_config_use(c, NULL, &error));
    REFUSED("algorithm", hone_algorithm_check(NULL, &error));
    REFUSED("config", hone_config_parse(NULL, "{}", 2, &error));
    REFUSED("text", hone_config_parse(c, NULL, 2, &error));
    REFUSED("config", hone_config_set_text(NULL, "model", "knn", &error));
    REFUSED("key", hone_config_set_text(c, NULL, "knn", &error));
    REFUSED("value", hone_config_set_text(c, "model", NULL, &error));
    REFUSED("config", hone_config_set_integer(NULL, "C", 1, &error));
    REFUSED("key", hone_config_set_integer(c, NULL, 1, &error));
    REFUSED("key", hone_config_set_real(c, NULL, 1, &error));
    REFUSED("key", hone_config_set_bool(c, NULL, true, &error));
    REFUSED("key", hone_config_set_none(c, NULL, &error));
    REFUSED("config", hone_config_json(NULL, HONE_REGRESSION, &text, &error));
    REFUSED("text", hone_config_json(c, HONE_REGRESSION, NULL, &error));
    REFUSED("task", hone_config_json(c, (hone_task)0, &text, &error));
    REFUSED("config", hone_config_hash(NULL, HONE_REGRESSION, &hash, &error));
    REFUSED("hash", hone_config_hash(c, HONE_REGRESSION, NULL, &error));
    REFUSED("config", hone_config_copy(NULL, &copy, &error));
    REFUSED("config", hone_config_copy(c, NULL, &error));
    hone_config_free(c);
}

static void datasets_need_their_arguments(void **state)
{
    (void)state;
    const double x[] = {1, 2};
    const hone_vector none = {0};
    char *json;
    hone_cache_stats stats;
    hone_dataset *d = NULL;
    assert_int_equal(hone_dataset_dense(x, HONE_F64, 2, 1, 1, 1, none, NULL, &d, NULL), HONE_OK);
    REFUSED("dataset", hone_dataset_dense(x, HONE_F64, 2, 1, 1, 1, none, NULL, NULL, &error));
    REFUSED("dataset", hone_dataset_columns(NULL, 0, 0, none, NULL, NULL, &error));
    REFUSED("dataset", hone_dataset_describe(NULL, &json, &error));
    REFUSED("json", hone_dataset_describe(d, NULL, &error));
    hone_dataset_cache_stats(NULL, &stats);
    hone_dataset_cache_stats(d, NULL);
    hone_dataset_free(d);
    assert_int_equal(hone_dataset_rows(NULL) + hone_dataset_cols(NULL) +
                         (int)hone_dataset_task(NULL) + hone_dataset_classes(NULL) +
                         hone_dataset_levels(NULL, 0) + (int64_t)hone_dataset_fingerprint(NULL),
                     0);
    assert_null(hone_dataset_class(NULL, 0));
    assert_null(hone_dataset_level(NULL, 0, 0));
    assert_null(hone_dataset_column_name(NULL, 0));
}

static void no_model_and_no_result_have_nothing(void **state)
{
    (void)state;
    assert_int_equal(
        hone_model_features(NULL) + hone_model_outputs(NULL) + (int)hone_model_task(NULL), 0);
    assert_null(hone_model_algorithm(NULL));
    assert_null(hone_model_feature_name(NULL, 0));
    assert_null(hone_model_class(NULL, 0));
    assert_null(hone_model_record(NULL));
    assert_false(hone_model_has_probabilities(NULL));
    assert_int_equal(hone_model_level(NULL, 0, "a"), -1);
    REFUSED("result", hone_result_status(NULL, &error));
    assert_int_equal(hone_result_end(NULL), HONE_END_OK);
    assert_true(isnan(hone_result_loss(NULL)));
    assert_null(hone_result_json(NULL));
    assert_null(hone_result_model_path(NULL));
    assert_null(hone_result_model(NULL));
    assert_true(isnan(hone_metric_as_loss(NULL, HONE_REGRESSION, 1)));
    assert_true(isnan(hone_metric_as_loss("accuracy", HONE_REGRESSION, 1)));
    assert_float_equal(hone_metric_as_loss("accuracy", HONE_CLASSIFICATION, 0.5), -0.5, 0);
}

static void numbers_of_threads_that_no_team_has_are_refused(void **state)
{
    (void)state;
    static const double x[] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const int32_t y[] = {0, 1, 0, 1, 0, 1, 0, 1};
    static const int wrong[] = {-1, INT_MIN, HONE_MOST_THREADS + 1};
    const hone_vector labels = {y, HONE_I32, 1, NULL, 0};
    const char *const metrics[] = {"accuracy", NULL};
    hone_dataset *d = NULL, *other;
    assert_int_equal(hone_dataset_dense(x, HONE_F64, 8, 1, 1, 1, labels, NULL, &d, NULL), HONE_OK);
    hone_result *r = train_well(
        d, config_with((const hone_algorithm *const[]){&toy_slow, NULL}, "{\"model\": \"slow\"}"),
        1, &(hone_options){.size = sizeof(hone_options), .keep_model = true});
    const hone_model *m = hone_result_model(r);
    for (int k = 0; k < 3; k++) {
        const hone_dataset_options data = {.size = sizeof data, .threads = wrong[k]};
        const hone_read_options read = {.size = sizeof read, .dataset = data};
        const hone_predict_options predict = {.size = sizeof predict, .threads = wrong[k]};
        const hone_replay_options replay = {.size = sizeof replay, .threads = wrong[k]};
        hone_replayed count = {.size = sizeof count};
        double out[8];
        REFUSED("options.threads",
                hone_dataset_dense(x, HONE_F64, 8, 1, 1, 1, labels, &data, &other, &error));
        REFUSED("options.dataset.threads", hone_dataset_read("t.csv", &read, &other, &error));
        REFUSED("options.threads", hone_model_predict(m, d, HONE_LABELS, &predict, out, &error));
        REFUSED("options.threads", hone_model_predict_dense(m, x, HONE_F64, 8, 1, 1, 1, HONE_LABELS,
                                                            &predict, out, &error));
        REFUSED("options.threads", hone_model_evaluate(m, d, metrics, &predict, out, &error));
        REFUSED("options.threads", hone_replay("t.json", d, &replay, &count, &error));
    }
    hone_result_free(r);
    hone_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configurations_need_their_arguments),
        cmocka_unit_test(datasets_need_their_arguments),
        cmocka_unit_test(no_model_and_no_result_have_nothing),
        cmocka_unit_test(numbers_of_threads_that_no_team_has_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
