/* The search space: what it lists, samples that resolve, what lies outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/json.h"
#include "hone/hone.h"

static const hone_task TASKS[] = {HONE_CLASSIFICATION, HONE_REGRESSION};

static hone_space_options for_task(hone_task task)
{
    return (hone_space_options){.size = sizeof(hone_space_options), .task = task};
}

static char *text_of(const hone_config *c, hone_task task)
{
    char *json = NULL;
    hone_error error = {0};
    if (hone_config_json(c, task, &json, &error))
        fail_msg("%s: %s", error.path, error.message);
    return json;
}

static void every_sample_lies_in_the_space_and_is_active_whole(void **state)
{
    (void)state;
    for (int t = 0; t < 2; t++)
        for (uint64_t i = 0; i < 1000; i++) {
            const hone_space_options o = for_task(TASKS[t]);
            hone_config *c = NULL;
            hone_error error = {0};
            if (hone_space_sample(&o, 7, i, &c, &error) || hone_space_check(&o, c, &error))
                fail_msg("sample %d: %s: %s", (int)i, error.path, error.message);
            hone_config_free(c);
        }
}

static void equal_seeds_and_numbers_give_equal_samples(void **state)
{
    (void)state;
    const hone_space_options o = for_task(HONE_CLASSIFICATION);
    int same = 0;
    for (uint64_t i = 0; i < 50; i++) {
        hone_config *c[3];
        char *text[3];
        for (int k = 0; k < 3; k++) {
            assert_int_equal(hone_space_sample(&o, k == 2 ? 4 : 3, i, &c[k], NULL), HONE_OK);
            text[k] = text_of(c[k], o.task);
            hone_config_free(c[k]);
        }
        assert_string_equal(text[0], text[1]);
        same += !strcmp(text[0], text[2]);
        for (int k = 0; k < 3; k++)
            hone_text_free(text[k]);
    }
    assert_true(same < 5);
}

static cJSON *space_of(const hone_space_options *o)
{
    char *json = NULL;
    cJSON *tree = NULL;
    hone_error error = {0};
    if (hone_space_json(o, &json, &error) ||
        hone_json_parse(json, strlen(json), NULL, "space", &tree, &error))
        fail_msg("%s: %s", error.path, error.message);
    hone_text_free(json);
    return tree;
}

static const cJSON *named(const cJSON *space, const char *name)
{
    const cJSON *h;
    cJSON_ArrayForEach(
        h,
        hone_json_get(space, "hyperparameters")) if (!strcmp(hone_json_get(h, "name")->valuestring,
                                                             name)) return h;
    return NULL;
}

static void no_integer_is_on_a_log_scale_and_no_clause_forbids(void **state)
{
    (void)state;
    for (int t = 0; t < 2; t++) {
        const hone_space_options o = for_task(TASKS[t]);
        cJSON *space = space_of(&o);
        const cJSON *h;
        cJSON_ArrayForEach(h, hone_json_get(space, "hyperparameters"))
        {
            const char *type = hone_json_get(h, "type")->valuestring;
            if (!strcmp(type, "uniform_int"))
                assert_true(cJSON_IsFalse(hone_json_get(h, "log")));
        }
        assert_int_equal(cJSON_GetArraySize(hone_json_get(space, "forbiddens")), 0);
        cJSON_Delete(space);
    }
}

static void one_model_is_a_constant_and_the_others_are_gone(void **state)
{
    (void)state;
    static const char *const models[] = {"svm", NULL};
    hone_space_options o = for_task(HONE_CLASSIFICATION);
    o.models = models;
    cJSON *space = space_of(&o);
    assert_string_equal(hone_json_get(named(space, "model"), "type")->valuestring, "constant");
    assert_string_equal(hone_json_get(named(space, "model"), "value")->valuestring, models[0]);
    cJSON_Delete(space);
}

static void a_table_without_holes_and_categories_has_no_such_preprocessing(void **state)
{
    (void)state;
    static const double x[] = {1, 2, 3, 4, 5, 6, 7, 8}, y[] = {0, 1, 0, 1};
    const hone_dataset_options d = {.size = sizeof d, .task = HONE_CLASSIFICATION};
    const hone_vector target = {.values = y, .dtype = HONE_F64};
    hone_dataset *data = NULL;
    assert_int_equal(hone_dataset_dense(x, HONE_F64, 4, 2, 2, 1, target, &d, &data, NULL), HONE_OK);
    hone_space_options o = for_task(0);
    o.dataset = data;
    cJSON *space = space_of(&o);
    assert_null(named(space, "prep:impute"));
    assert_null(named(space, "prep:encode"));
    assert_non_null(named(space, "prep:scale"));
    cJSON_Delete(space);
    o.no_preprocessing = true;
    space = space_of(&o);
    assert_null(named(space, "prep:scale"));
    cJSON_Delete(space);
    hone_dataset_free(data);
}

static void what_lies_outside_is_named(void **state)
{
    (void)state;
    static const char *const outside[][2] = {
        {"{\"model\":\"svm\",\"C\":1e9}", "config.svm:C"},
        {"{\"model\":\"svm\",\"tol\":0.5}", "config.svm:tol"},
    };
    hone_space_options o = for_task(HONE_CLASSIFICATION);
    hone_error error = {0};
    for (size_t k = 0; k < sizeof outside / sizeof *outside; k++) {
        hone_config *c = NULL;
        assert_int_equal(hone_config_new(&c, NULL), HONE_OK);
        assert_int_equal(hone_config_parse(c, outside[k][0], strlen(outside[k][0]), NULL), HONE_OK);
        assert_int_equal(hone_space_check(&o, c, &error), HONE_BAD_CONFIG);
        assert_string_equal(error.path, outside[k][1]);
        hone_config_free(c);
    }
    char *json;
    o.task = 0;
    assert_int_equal(hone_space_json(&o, &json, &error), HONE_BAD_ARGUMENT);
    const char *const unknown[] = {"swm", NULL};
    o = for_task(HONE_CLASSIFICATION);
    o.models = unknown;
    assert_int_equal(hone_space_json(&o, &json, &error), HONE_BAD_CONFIG);
    assert_string_equal(error.path, "config.model");
}

static void the_reference_is_json_with_a_sentence_for_each_row(void **state)
{
    (void)state;
    char *json = NULL;
    cJSON *tree = NULL;
    hone_error error = {0};
    const hone_json_limits limits = {1 << 22, 32, 1 << 16, 1 << 16};
    if (hone_reference_json(NULL, &json, &error) ||
        hone_json_parse(json, strlen(json), &limits, "reference", &tree, &error))
        fail_msg("%s: %s", error.path, error.message);
    const cJSON *model, *row;
    int rows = 0;
    cJSON_ArrayForEach(model, hone_json_get(tree, "models"))
    {
        cJSON_ArrayForEach(row, hone_json_get(model, "hyperparameters"))
        {
            assert_true(strlen(hone_json_get(row, "help")->valuestring) > 5);
            rows++;
        }
    }
    assert_true(rows > 20);
    cJSON_Delete(tree);
    hone_text_free(json);
}

static void no_memory_ends_a_space_cleanly(void **state)
{
    (void)state;
    const hone_space_options o = for_task(HONE_CLASSIFICATION);
    for (long n = 0;; n++) {
        char *json = NULL;
        hone_config *c = NULL;
        hone_alloc_fail_after(n, true);
        hone_status status = hone_space_json(&o, &json, NULL);
        if (!status)
            status = hone_space_sample(&o, 1, 1, &c, NULL);
        hone_alloc_fail_after(-1, false);
        hone_text_free(json);
        hone_config_free(c);
        if (!status)
            break;
        assert_int_equal(status, HONE_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_lies_in_the_space_and_is_active_whole),
        cmocka_unit_test(equal_seeds_and_numbers_give_equal_samples),
        cmocka_unit_test(no_integer_is_on_a_log_scale_and_no_clause_forbids),
        cmocka_unit_test(one_model_is_a_constant_and_the_others_are_gone),
        cmocka_unit_test(a_table_without_holes_and_categories_has_no_such_preprocessing),
        cmocka_unit_test(what_lies_outside_is_named),
        cmocka_unit_test(the_reference_is_json_with_a_sentence_for_each_row),
        cmocka_unit_test(no_memory_ends_a_space_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
