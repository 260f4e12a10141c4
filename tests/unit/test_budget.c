/* Budgets and work limits of the real models, on real data: test_budget [--long] */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "call.h"
#include "example.h"
#include "toolbox/random.h"

static bool thorough;

/* Adult takes minutes. */
static hone_dataset *real_data(void)
{
    return thorough ? example_table("adult", "income", HONE_CLASSIFICATION)
                    : example_table("spam", "type", HONE_CLASSIFICATION);
}

static hone_config *config(const char *json)
{
    return config_with(NULL, json);
}

static hone_result *trained(hone_dataset *d, const char *json, hone_options o)
{
    o.size = sizeof o;
    return train_well(d, config(json), 3, &o);
}

#define OPTIONS(...) ((hone_options){.threads = 2, __VA_ARGS__})
#define FOREST "{\"model\": \"random_forest\", \"n_estimators\": 45}"
#define SVM "{\"model\": \"svm\", \"C\": 2}"

static const char *const models[] = {FOREST, SVM, "{\"model\": \"logistic_regression\"}",
                                     "{\"model\": \"knn\"}"};

/* On a prefix of 1/9 the loss is another one. Times are compared when nothing else runs. */
static void a_ninth_of_the_budget_is_another_fit_and_a_cheap_one(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        double loss[2], seconds[2];
        for (int k = 0; k < 2; k++) {
            hone_dataset *d = real_data();
            hone_result *r = trained(d, models[i], OPTIONS(.budget = k ? 1.0 / 9 : 1));
            loss[k] = hone_result_loss(r);
            seconds[k] = hone_result_number(r, "fit_seconds", -1);
            hone_result_free(r);
            hone_dataset_free(d);
        }
        assert_true(loss[0] != loss[1] && isfinite(loss[1]));
        if (thorough && i < 2 && seconds[1] > seconds[0] / 3)
            fail_msg("%s: %g s of %g s", models[i], seconds[1], seconds[0]);
    }
}

/* What smaller budgets left behind changes no bit of the model. */
static void a_larger_budget_goes_on_from_a_smaller_one_to_the_same_model(void **state)
{
    (void)state;
    const double budgets[] = {1.0 / 9, 1.0 / 3, 1};
    for (int i = 0; i < 4; i++) {
        char *bytes[2];
        size_t size[2];
        for (int cold = 0; cold < 2; cold++) {
            hone_dataset *d = real_data();
            for (int k = cold ? 2 : 0; k < 3; k++) {
                hone_error error;
                hone_result *r =
                    trained(d, models[i],
                            OPTIONS(.budget = budgets[k], .keep_model = true, .no_refit = true));
                if (k == 2)
                    assert_int_equal(
                        hone_model_bytes(hone_result_model(r), &bytes[cold], &size[cold], &error),
                        HONE_OK);
                hone_result_free(r);
            }
            hone_dataset_free(d);
        }
        hone_error error;
        hone_model *m[2];
        for (int k = 0; k < 2; k++) {
            assert_int_equal(hone_model_load_bytes(bytes[k], size[k], NULL, &m[k], &error),
                             HONE_OK);
            hone_text_free(bytes[k]);
        }
        assert_string_equal(hone_model_record(m[0]), hone_model_record(m[1]));
        hone_model_free(m[0]);
        hone_model_free(m[1]);
    }
}

static int64_t built(const hone_dataset *d)
{
    hone_cache_stats stats = {.size = sizeof stats};
    hone_dataset_cache_stats(d, &stats);
    return stats.misses;
}

/* 45 trees are six chunks, of which 15 trees have made two: the trees of the others, and where
 * validation rows end in them. */
static void a_forest_of_the_next_budget_makes_the_missing_trees_alone(void **state)
{
    (void)state;
    hone_dataset *d = real_data();
    hone_result_free(trained(d, FOREST, OPTIONS(.budget = 1.0 / 3)));
    const int64_t before = built(d);
    hone_result_free(trained(d, FOREST, OPTIONS(.budget = 1)));
    assert_int_equal(built(d) - before, 2 * (6 - 2));
    hone_dataset_free(d);
}

/* Alone, beside siblings, after a search that left full trees, on one thread or several: a work
 * limit ends the fit at the same place. */
/* One that stands alone in its list, where others may follow it at a larger budget. */
static void a_list_of_one_at_a_small_budget_gives_what_a_call_gives(void **state)
{
    (void)state;
    const hone_options o = {.size = sizeof o, .threads = 1, .budget = 1.0 / 3};
    hone_config *c = config(FOREST);
    hone_dataset *d = example_table("spam", "type", HONE_CLASSIFICATION);
    const uint64_t seed = 3;
    hone_result *one, *listed;
    hone_error error;
    assert_int_equal(
        hone_train_many((const hone_config *const *)&c, &seed, 1, d, &o, NULL, &listed, &error),
        HONE_OK);
    one = trained(d, FOREST, o);
    assert_true(hone_result_loss(one) == hone_result_loss(listed));
    hone_result_free(one);
    hone_result_free(listed);
    hone_config_free(c);
    hone_dataset_free(d);
}

static void a_work_limit_does_not_see_what_is_cached_or_who_else_is_there(void **state)
{
    (void)state;
    const char *deep = "{\"model\": \"random_forest\", \"n_estimators\": 45, \"max_depth\": 9}";
    for (int i = 0; i < 4; i++) {
        hone_dataset *cold = real_data(), *warm = real_data();
        hone_result *whole = trained(warm, models[i], OPTIONS(.budget = 1));
        const double work = hone_result_number(whole, "work", -1);
        hone_result_free(whole);
        for (int part = 1; part <= 3; part++) {
            const hone_options o = {
                .size = sizeof o, .threads = part, .work_limit = (int64_t)(work * part / 4) + 1};
            hone_result *alone = trained(cold, models[i], o), *after = trained(warm, models[i], o);
            assert_true(hone_result_loss(alone) == hone_result_loss(after));
            assert_int_equal(hone_result_end(alone), hone_result_end(after));
            hone_config *configs[] = {config(models[i]), config(i ? models[i] : deep)};
            hone_result *both[2];
            hone_error error;
            assert_int_equal(hone_train_many((const hone_config *const *)configs,
                                             (const uint64_t[]){3, 3}, 2, cold, &o, NULL, both,
                                             &error),
                             HONE_OK);
            assert_true(hone_result_loss(alone) == hone_result_loss(both[0]));
            for (int k = 0; k < 2; k++) {
                hone_result_free(both[k]);
                hone_config_free(configs[k]);
            }
            hone_result_free(alone);
            hone_result_free(after);
        }
        hone_dataset_free(cold);
        hone_dataset_free(warm);
    }
}

/* Kernel rows that are kept, made again for want of a cache, or at hand as a matrix. */
static void a_work_limit_does_not_see_whether_there_is_a_cache(void **state)
{
    (void)state;
    enum { ROWS = 400, COLUMNS = 20 };
    static double x[ROWS * COLUMNS], target[ROWS];
    hone_stream s = hone_stream_of(4, 0, 0);
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < COLUMNS; j++)
            x[i * COLUMNS + j] = hone_uniform(&s);
        target[i] = sin(9 * x[i * COLUMNS]) + hone_uniform(&s);
    }
    const char *rough = "{\"model\": \"svm\", \"C\": 1000, \"epsilon\": 0.01}";
    hone_options o = {.size = sizeof o, .threads = 1};
    double loss[4];
    for (int k = 0; k < 4; k++) { /* to the end, without a cache, first, after another */
        const hone_dataset_options options = {
            .size = sizeof options, .task = HONE_REGRESSION, .cache_bytes = k == 1 ? -1 : 0};
        hone_dataset *d;
        hone_error error;
        assert_int_equal(hone_dataset_dense(x, HONE_F64, ROWS, COLUMNS, COLUMNS, 1,
                                            (hone_vector){target, HONE_F64, 1, NULL, 0}, &options,
                                            &d, &error),
                         HONE_OK);
        for (int pass = 0; pass < (k == 3 ? 2 : 0); pass++)
            hone_result_free(trained(d, rough, o));
        hone_result *r = trained(d, rough, o);
        assert_int_equal(hone_result_end(r), k ? HONE_END_WORK_LIMIT : HONE_END_OK);
        if (!k)
            o.work_limit = (int64_t)(hone_result_number(r, "work", -1) / 2);
        loss[k] = hone_result_loss(r);
        hone_result_free(r);
        hone_dataset_free(d);
    }
    assert_true(loss[1] != loss[0] && loss[2] == loss[1] && loss[3] == loss[1]);
}

int main(int count, char **words)
{
    thorough = count > 1 && !strcmp(words[1], "--long");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ninth_of_the_budget_is_another_fit_and_a_cheap_one),
        cmocka_unit_test(a_larger_budget_goes_on_from_a_smaller_one_to_the_same_model),
        cmocka_unit_test(a_forest_of_the_next_budget_makes_the_missing_trees_alone),
        cmocka_unit_test(a_list_of_one_at_a_small_budget_gives_what_a_call_gives),
        cmocka_unit_test(a_work_limit_does_not_see_what_is_cached_or_who_else_is_there),
        cmocka_unit_test(a_work_limit_does_not_see_whether_there_is_a_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
