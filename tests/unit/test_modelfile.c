/* Model files: what was saved comes back bit for bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "core/container.h"
#include "core/state.h"
#include "modelfile_world.h"
#include "toolbox/random.h"

/* ---- what was saved ---- */

static void comes_back(const hone_model *m, hone_dataset *d)
{
    enum { MOST = TOY_ROWS * 8 };
    double before[MOST], after[MOST];
    const size_t used = sizeof(double) * (size_t)(TOY_ROWS * hone_model_outputs(m));
    const bytes first = bytes_of(m), twice = bytes_of(m);
    assert_int_equal(first.size, twice.size);
    assert_memory_equal(first.at, twice.at, first.size);
    hone_model *again = loaded(first);
    const bytes second = bytes_of(again);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.at, second.at, first.size);
    assert_int_equal(hone_model_predict(m, d, HONE_SCORES, NULL, before, NULL), HONE_OK);
    assert_int_equal(hone_model_predict(again, d, HONE_SCORES, NULL, after, NULL), HONE_OK);
    assert_memory_equal(before, after, used);
    assert_string_equal(hone_model_record(m), hone_model_record(again));
    assert_int_equal(hone_model_has_probabilities(m), hone_model_has_probabilities(again));
    for (int64_t k = 0; k < hone_model_outputs(m) && hone_model_class(m, k); k++)
        assert_string_equal(hone_model_class(m, k), hone_model_class(again, k));
    hone_text_free(first.at);
    hone_text_free(twice.at);
    hone_text_free(second.at);
    hone_model_free(again);
}

static void a_model_comes_back_bit_for_bit(void **state)
{
    (void)state;
    for_all_models(comes_back);
}

static void a_file_for_a_later_reader_says_which(void **state)
{
    (void)state;
    hone_dataset *d = toy_data(HONE_CLASSIFICATION);
    hone_model *m = toy_model(&toy_forest, d, "{}"), *none;
    const bytes file = bytes_of(m);
    hone_error error = {0};
    ((unsigned char *)file.at)[12] = 7;
    assert_int_equal(toy_load(file.at, file.size, &none, &error), HONE_UNSUPPORTED);
    assert_non_null(strstr(error.message, "needs a reader of format 1.7"));
    hone_text_free(file.at);
    hone_model_free(m);
    hone_dataset_free(d);
}

static uint64_t content_hash(const char *file)
{
    char *json;
    cJSON *tree;
    uint64_t hash = 0;
    hone_error error;
    if (hone_model_inspect(file, &json, &error))
        fail_msg("%s: %s", error.path, error.message);
    assert_int_equal(hone_json_parse(json, strlen(json), NULL, "json", &tree, NULL), HONE_OK);
    assert_int_equal(sscanf(hone_json_get(tree, "content_hash")->valuestring, "%lx", &hash), 1);
    assert_non_null(hone_json_get(hone_json_get(tree, "record"), "config"));
    assert_non_null(hone_json_get(tree, "run"));
    cJSON_Delete(tree);
    hone_text_free(json);
    return hash;
}

static void the_content_hash_leaves_the_run_out(void **state)
{
    (void)state;
    hone_dataset *d = toy_data(HONE_CLASSIFICATION);
    hone_model *m = toy_model(&toy_forest, d, "{}");
    char file[64];
    snprintf(file, sizeof file, "/tmp/hone-test-%d.hone", (int)getpid());
    uint64_t hash[3];
    char record[8192];
    snprintf(record, sizeof record, "{\"more\":1,%s", m->record + 1);
    for (int k = 0; k < 3; k++) {
        m->run = k == 0 ? "{}" : "{\"seconds\":17}";
        if (k == 2)
            m->record = record;
        assert_int_equal(hone_model_save_as(m, file, NULL, NULL), HONE_OK);
        hash[k] = content_hash(file);
    }
    assert_true(hash[0] == hash[1] && hash[1] != hash[2]);
    remove(file);
    hone_model_free(m);
    hone_dataset_free(d);
}

static void a_model_of_an_unknown_module_is_refused_with_its_name(void **state)
{
    (void)state;
    hone_dataset *d = toy_data(HONE_CLASSIFICATION);
    hone_model *m = toy_model(&toy_forest, d, "{}"), *again;
    const bytes b = bytes_of(m);
    hone_error error;
    assert_int_equal(hone_model_load_bytes(b.at, b.size, NULL, &again, &error), HONE_UNSUPPORTED);
    assert_non_null(strstr(error.message, "toy_forest"));
    assert_null(again);
    hone_text_free(b.at);
    hone_model_free(m);
    hone_dataset_free(d);
}

static void a_load_stays_within_max_bytes(void **state)
{
    (void)state;
    hone_dataset *d = toy_data(HONE_CLASSIFICATION);
    hone_model *m = toy_model(&toy_forest, d, "{\"n_trees\":40,\"depth\":9}"), *again;
    const bytes b = bytes_of(m);
    int accepted = 0;
    for (int64_t cap = 1; cap < INT64_C(32) << 20; cap *= 2) {
        const hone_load_options o = {.size = sizeof o, .max_bytes = cap, .algorithms = toy_modules};
        const hone_status status = hone_model_load_bytes(b.at, b.size, &o, &again, NULL);
        assert_true(status == HONE_OK || status == HONE_NO_MEMORY);
        accepted += status == HONE_OK;
        assert_true(status || cap >= (int64_t)b.size);
        hone_model_free(again);
    }
    assert_true(accepted > 0);
    hone_text_free(b.at);
    hone_model_free(m);
    hone_dataset_free(d);
}

static void an_allocation_that_fails_while_loading_is_reported(void **state)
{
    (void)state;
    hone_dataset *d = toy_data(HONE_CLASSIFICATION);
    hone_model *m = toy_model(&toy_centroid, d, "{}"), *again;
    const bytes b = bytes_of(m);
    for (int sticky = 0; sticky < 2; sticky++)
        for (long n = 0;; n++) {
            hone_alloc_fail_after(n, sticky);
            const hone_status status = toy_load(b.at, b.size, &again, NULL);
            hone_alloc_fail_after(-1, false);
            hone_model_free(again);
            if (status == HONE_OK)
                break;
            assert_int_equal(status, HONE_NO_MEMORY);
        }
    hone_text_free(b.at);
    hone_model_free(m);
    hone_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_comes_back_bit_for_bit),
        cmocka_unit_test(a_file_for_a_later_reader_says_which),
        cmocka_unit_test(the_content_hash_leaves_the_run_out),
        cmocka_unit_test(a_model_of_an_unknown_module_is_refused_with_its_name),
        cmocka_unit_test(a_load_stays_within_max_bytes),
        cmocka_unit_test(an_allocation_that_fails_while_loading_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
