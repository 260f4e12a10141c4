/* Records that are trained again: journals, lines of results, models. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "search_world.h"

typedef struct verdicts {
    int of[5], stretches;
    int64_t first, last;
    char differs[256], ahead[256]; /* ahead: told before the first training */
} verdicts;

static void on_difference(void *context, int64_t first, int64_t last, const char *what)
{
    verdicts *v = context;
    for (int k = 0; k < 5; k++)
        assert_int_equal(v->of[k], 0);
    v->stretches++, v->first = first, v->last = last;
    snprintf(v->ahead, sizeof v->ahead, "%s", what);
}

static void on_record(void *context, const hone_replay_record *r)
{
    verdicts *v = context;
    v->of[r->verdict]++;
    assert_true((r->verdict == HONE_REPLAY_SAME) == (r->loss == r->recorded));
    snprintf(v->differs, sizeof v->differs, "%s", r->differs);
}

static hone_status replay(const char *file, uint64_t seed, verdicts *v, hone_error *error)
{
    hone_dataset *d = data(seed);
    const hone_replay_options options = {.size = sizeof options,
                                         .algorithms = toys,
                                         .record = on_record,
                                         .context = v,
                                         .differs = on_difference};
    hone_replayed found = {.size = sizeof found};
    const hone_status status = hone_replay(file, d, &options, &found, error);
    assert_int_equal(found.same, v->of[HONE_REPLAY_SAME]);
    assert_int_equal(found.different, v->of[HONE_REPLAY_DIFFERENT]);
    hone_dataset_free(d);
    return status;
}

static void a_journal_is_replayed_bit_for_bit_and_says_when_the_data_are_others(void **state)
{
    (void)state;
    char directory[32], file[64];
    new_journal(directory, file, sizeof file);
    const uint64_t split = 11;
    const hone_options train = {.size = sizeof train,
                                .threads = 1,
                                .validation = HONE_VALIDATE_FOLDS,
                                .folds = 3,
                                .split_seed = &split,
                                .metric = "log_loss"};
    double final;
    seen s = nothing();
    const request q = {.search = HONE_SEARCH_HALVING, .journal = file, .train = &train};
    const hone_tuned t = tuned_well(&q, &s, &final);
    hone_error error;
    verdicts same = {0}, other = {0};
    assert_int_equal(replay(file, 7, &same, &error), HONE_OK);
    assert_int_equal(same.of[HONE_REPLAY_SAME], t.trials);
    assert_string_equal(same.differs, "");
    assert_int_equal(same.stretches, 0);
    assert_int_equal(replay(file, 8, &other, &error), HONE_OK);
    assert_int_equal(other.stretches, 1);
    assert_int_equal(other.first, 2);
    assert_int_equal(other.last, 1 + t.trials);
    assert_string_equal(other.ahead, other.differs);
    assert_true(other.of[HONE_REPLAY_DIFFERENT] > 0);
    assert_memory_equal(other.differs, "data was ", 9);
    remove_journal(directory, file);
}

static void a_model_and_a_line_of_results_are_replayed(void **state)
{
    (void)state;
    char directory[32], file[64];
    new_journal(directory, file, sizeof file);
    hone_dataset *d = data(7);
    hone_config *c = NULL;
    hone_result *r = NULL;
    hone_error error;
    const double cutoff = 5;
    const hone_options options = {.size = sizeof options,
                                  .model_dir = directory,
                                  .work_limit = 1 << 30,
                                  .cutoff = &cutoff,
                                  .budget = 0.4};
    assert_int_equal(hone_space_sample(&space, 1, 2, &c, &error), HONE_BAD_ARGUMENT);
    const hone_space_options of_data = {
        .size = sizeof of_data, .models = centroid, .algorithms = toys, .dataset = d};
    assert_int_equal(hone_space_sample(&of_data, 1, 2, &c, &error), HONE_OK);
    assert_int_equal(hone_train_full(c, d, 3, &options, &r, &error), HONE_OK);
    verdicts model = {0}, line = {0};
    assert_int_equal(replay(hone_result_model_path(r), 7, &model, &error), HONE_OK);
    assert_int_equal(model.of[HONE_REPLAY_SAME], 1);
    write_file(file, hone_result_json(r));
    assert_int_equal(replay(file, 7, &line, &error), HONE_OK);
    assert_int_equal(line.of[HONE_REPLAY_SAME], 1);
    unlink(hone_result_model_path(r));
    hone_result_free(r);
    hone_config_free(c);
    hone_dataset_free(d);
    remove_journal(directory, file);
}

static void files_that_are_no_records_are_refused_by_line(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "\n\n",
        "[1]",
        "{",
        "{\"loss\":1}",
        "{\"journal\":\"hone.tune/1\"}",
        "{\"status\":\"ok\",\"loss\":\"x\",\"validation\":{\"kind\":\"auto\"}}",
        ("{\"status\":\"ok\",\"loss\":1,\"seed\":\"1\",\"validation\":"
         "{\"kind\":\"auto\",\"split_seed\":\"1\"}}")};
    char directory[32], file[64];
    new_journal(directory, file, sizeof file);
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        hone_error error;
        verdicts v = {0};
        write_file(file, texts[k]);
        assert_int_equal(replay(file, 7, &v, &error), HONE_CORRUPT);
        assert_memory_equal(error.path, file, strlen(file));
    }
    unlink(file);
    hone_error error;
    verdicts v = {0};
    assert_int_equal(replay(file, 7, &v, &error), HONE_IO);
    remove_journal(directory, file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_journal_is_replayed_bit_for_bit_and_says_when_the_data_are_others),
        cmocka_unit_test(a_model_and_a_line_of_results_are_replayed),
        cmocka_unit_test(files_that_are_no_records_are_refused_by_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
