/* Configurations: what is taken, what is refused and where, what is canonical. */
#include <string.h>

#include "base/arena.h"
#include "core/config.h"
#include "near.h"

typedef struct toy_params {
    int64_t k;
    double c;
    bool flag;
    int kernel;
    double degree, share;
    hone_amount gamma;
} toy_params;

static const char *const KERNELS[] = {"rbf", "poly", NULL};
static const char *const POLY[] = {"poly", NULL};
static const char *const GAMMAS[] = {"scale", "auto", NULL};

/* clang-format off */
static const hone_param PARAMS[] = {
    HONE_INT_PARAM(toy_params, k, .help = "A count.", .default_value = 5, .legal = {1, 100}, .tune = {1, 50}),
    HONE_PARAM_AS(toy_params, c, "C", HONE_REAL, double, .help = "A real.", .default_value = 1,
                  .legal = {0, INFINITY, HONE_OPEN}, .tune = {1e-3, 1e3}, .log = true),
    HONE_BOOL_PARAM(toy_params, flag, .help = "A flag."),
    HONE_CHOICE_PARAM(toy_params, kernel, KERNELS, .help = "A choice."),
    HONE_REAL_PARAM(toy_params, degree, .help = "Only for poly.", .default_value = 3, .legal = {1, 9},
                    .tune = {2, 5}, .when = {"kernel", POLY}),
    HONE_REAL_PARAM(toy_params, share, .help = "Instead of k.", .default_value = 0.5, .legal = {0, 1},
                    .excludes = "k"),
    HONE_AMOUNT_PARAM(toy_params, gamma, GAMMAS, .help = "A number or a word.", .default_word = "scale",
                      .legal = {0, INFINITY, HONE_OPEN}, .tune = {1e-4, 10}, .log = true, .tune_words = true),
    {0},
};
/* clang-format on */

static hone_status fit(const hone_fit_job *job, void *state, hone_error *error)
{
    (void)job, (void)state, (void)error;
    return HONE_OK;
}

static hone_status predict(const hone_predict_job *job, hone_error *error)
{
    (void)job, (void)error;
    return HONE_OK;
}

static const hone_field STATE[] = {{0}};
static const hone_algorithm TOY = {.abi = HONE_ABI,
                                   .name = "toy",
                                   .summary = "A table.",
                                   .tasks = HONE_CLASSIFICATION | HONE_REGRESSION,
                                   .takes = HONE_LIKES_SCALED,
                                   .params_size = sizeof(toy_params),
                                   .state_size = sizeof(int64_t),
                                   .params = PARAMS,
                                   .state = STATE,
                                   .fit = fit,
                                   .predict = predict};

static hone_config *with(const char *json)
{
    hone_config *config = NULL;
    assert_int_equal(hone_config_new(&config, NULL), HONE_OK);
    hone_error error;
    if (hone_config_use(config, &TOY, &error))
        fail_msg("%s: %s", error.path, error.message);
    if (hone_config_parse(config, json, strlen(json), &error))
        fail_msg("%s: %s: %s", json, error.path, error.message);
    return config;
}

typedef struct outcome {
    hone_status status;
    hone_error error;
    toy_params params;
    hone_prep_params prep;
    int64_t inactive;
} outcome;

static outcome resolve(const char *json, bool strict)
{
    outcome o = {0};
    hone_config *config = NULL;
    assert_int_equal(hone_config_new(&config, NULL), HONE_OK);
    assert_int_equal(hone_config_use(config, &TOY, NULL), HONE_OK);
    hone_arena *arena = hone_arena_open(NULL);
    hone_resolved resolved;
    o.status = hone_config_parse(config, json, strlen(json), &o.error);
    if (!o.status)
        o.status =
            hone_config_resolve(config, HONE_CLASSIFICATION, strict, arena, &resolved, &o.error);
    if (!o.status) {
        o.params = *(const toy_params *)resolved.params;
        o.prep = resolved.prep;
        o.inactive = resolved.inactive;
    }
    hone_arena_close(arena);
    hone_config_free(config);
    return o;
}

static void missing_keys_take_their_defaults(void **state)
{
    (void)state;
    const outcome o = resolve("{\"model\": \"toy\"}", true);
    assert_int_equal(o.status, HONE_OK);
    assert_int_equal(o.params.k, 5);
    assert_near(o.params.c, 1, 0);
    assert_int_equal(o.params.gamma.word, 0);
    assert_int_equal(o.prep.scale, HONE_SCALE_STANDARD);
}

static void both_spellings_and_all_kinds_are_taken(void **state)
{
    (void)state;
    const outcome o = resolve("{\"model\": \"toy\", \"toy:C\": 0.5, \"k\": 10.0, \"flag\": "
                              "\"True\", \"kernel\": \"poly\", \"degree\": 4, \"gamma\": 0.25}",
                              true);
    assert_int_equal(o.status, HONE_OK);
    assert_near(o.params.c, 0.5, 0);
    assert_int_equal(o.params.k, 10);
    assert_true(o.params.flag);
    assert_int_equal(o.params.kernel, 1);
    assert_near(o.params.degree, 4, 0);
    assert_int_equal(o.params.gamma.word, -1);
    assert_near(o.params.gamma.number, 0.25, 0);
}

static void what_is_wrong_is_refused_with_its_place(void **state)
{
    (void)state;
    const char *const wrong[] = {
        "{\"model\": \"toy\", \"k\": 10.5}",
        "{\"model\": \"toy\", \"k\": 0}",
        "{\"model\": \"toy\", \"k\": 101}",
        "{\"model\": \"toy\", \"C\": 0}",
        "{\"model\": \"toy\", \"C\": \"x\"}",
        "{\"model\": \"toy\", \"C\": 1e999}",
        "{\"model\": \"toy\", \"C\": 1, \"C\": 1}",
        "{\"model\": \"toy\", \"kernel\": \"rbff\"}",
        "{\"model\": \"toy\", \"C\": 1, \"toy:C\": 1}",
        "{\"model\": \"toy\", \"flag\": 1}",
        "{\"model\": \"toys\"}",
        "{}",
        "{\"model\": \"toy\", \"gamma\": \"best\"}",
        "{\"model\": \"toy\", \"C\": null}",
        "{\"model\": \"toy\", \"C\": [1]}",
        "{\"model\": \"toy\"",
        "{\"model\": \"toy\"} x",
        "",
        "{\"model\": \"toy\", \"k\": 3, \"share\": 0.1}",
        "{\"model\": \"toy\", \"C\": NaN}",
        "{\"model\": \"toy\", \"kk\": 3}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const outcome o = resolve(wrong[i], false);
        if (o.status != HONE_BAD_CONFIG)
            fail_msg("%s gave %s", wrong[i], hone_status_name(o.status));
        assert_true(strncmp(o.error.path, "config", 6) == 0);
        assert_true(*o.error.message != 0);
    }
}

static void an_unknown_key_names_the_nearest_one(void **state)
{
    (void)state;
    const outcome o = resolve("{\"model\": \"toy\", \"degre\": 3}", false);
    assert_int_equal(o.status, HONE_BAD_CONFIG);
    assert_non_null(strstr(o.error.message, "degree"));
}

static void a_key_without_a_name_is_like_no_other(void **state)
{
    (void)state;
    static const char *const wrong[] = {"{\"model\": \"toy\", \"\": 3}",
                                        "{\"model\": \"toy\", \"toy:\": 3}",
                                        "{\"model\": \"toy\", \":\": 3}"};
    for (int k = 0; k < 3; k++) {
        const outcome o = resolve(wrong[k], false);
        assert_int_equal(o.status, HONE_BAD_CONFIG);
        assert_non_null(strstr(o.error.message, "names nothing"));
    }
}

static void an_inactive_key_is_dropped_or_refused_when_strict(void **state)
{
    (void)state;
    const char *json = "{\"model\": \"toy\", \"kernel\": \"rbf\", \"degree\": 4}";
    const outcome loose = resolve(json, false), strict = resolve(json, true);
    assert_int_equal(loose.status, HONE_OK);
    assert_int_equal(loose.inactive, 1);
    assert_near(loose.params.degree, 3, 0);
    assert_int_equal(strict.status, HONE_BAD_CONFIG);
}

static void canonical_text_and_hash_do_not_depend_on_spelling(void **state)
{
    (void)state;
    hone_config *a = with("{\"model\": \"toy\", \"C\": 10, \"k\": 5}");
    hone_config *b = with("{\"toy:C\": 1e1, \"model\": \"toy\"}");
    hone_config *c = with("{\"toy:C\": 11, \"model\": \"toy\"}");
    uint64_t ha, hb, hc;
    assert_int_equal(hone_config_hash(a, HONE_CLASSIFICATION, &ha, NULL), HONE_OK);
    assert_int_equal(hone_config_hash(b, HONE_CLASSIFICATION, &hb, NULL), HONE_OK);
    assert_int_equal(hone_config_hash(c, HONE_CLASSIFICATION, &hc, NULL), HONE_OK);
    assert_true(ha == hb);
    assert_true(ha != hc);
    char *text = NULL;
    assert_int_equal(hone_config_json(a, HONE_CLASSIFICATION, &text, NULL), HONE_OK);
    assert_non_null(strstr(text, "\"toy:C\""));
    hone_config *again = with(text);
    uint64_t h;
    assert_int_equal(hone_config_hash(again, HONE_CLASSIFICATION, &h, NULL), HONE_OK);
    assert_true(h == ha);
    hone_text_free(text);
    hone_config_free(again);
    hone_config_free(a);
    hone_config_free(b);
    hone_config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_keys_take_their_defaults),
        cmocka_unit_test(both_spellings_and_all_kinds_are_taken),
        cmocka_unit_test(what_is_wrong_is_refused_with_its_place),
        cmocka_unit_test(an_unknown_key_names_the_nearest_one),
        cmocka_unit_test(a_key_without_a_name_is_like_no_other),
        cmocka_unit_test(an_inactive_key_is_dropped_or_refused_when_strict),
        cmocka_unit_test(canonical_text_and_hash_do_not_depend_on_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
