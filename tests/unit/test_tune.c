/* The search: what it tries, what it keeps, how it goes on after it was cut off. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "search_world.h"

static void a_trial_of_a_search_has_the_loss_of_the_same_training_alone(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 3; threads += 2) {
        const hone_options train = {.size = sizeof train, .threads = threads};
        seen s = nothing();
        double final, least = INFINITY;
        const hone_tuned t = tuned_well(&(request){.train = &train}, &s, &final);
        assert_int_equal(s.lines, TRIALS);
        assert_int_equal(t.trials, TRIALS);
        assert_true(t.resumed == 0 && t.failed == 0 && final == t.loss);
        for (int i = 0; i < TRIALS; i++) {
            hone_dataset *d = data(7); /* with a cache of its own */
            hone_space_options own = space;
            hone_config *c = NULL;
            hone_result *r = NULL;
            hone_error error = {0};
            own.dataset = d;
            assert_int_equal(hone_space_sample(&own, 5, (uint64_t)i, &c, &error), HONE_OK);
            assert_int_equal(hone_train_full(c, d, 5, NULL, &r, &error), HONE_OK);
            assert_true(hone_result_loss(r) == s.loss[i]);
            least = fmin(least, s.loss[i]);
            hone_result_free(r);
            hone_config_free(c);
            hone_dataset_free(d);
        }
        assert_true(t.loss == least && s.loss[t.best] == least);
        for (int i = 0; i < t.best; i++)
            assert_true(s.loss[i] > least);
    }
}

static void halving_gives_the_best_third_three_times_as_much(void **state)
{
    (void)state;
    seen s = nothing();
    double final;
    const hone_tuned t = tuned_well(&(request){.search = HONE_SEARCH_HALVING}, &s, &final);
    assert_int_equal(t.trials, 18 + 6 + 2);
    int went = 0;
    double worst = -INFINITY, out = INFINITY;
    for (int i = 0; i < TRIALS; i++)
        if (isnan(s.loss[TRIALS + i]))
            out = fmin(out, s.loss[i]);
        else
            worst = fmax(worst, s.loss[i]), went++;
    assert_int_equal(went, 6);
    assert_true(worst <= out);
    assert_true(s.loss[2 * TRIALS + t.best] == t.loss && final == t.loss);
}

static void a_killed_search_goes_on_and_ends_like_a_whole_one(void **state)
{
    (void)state;
    for (int search = HONE_SEARCH_RANDOM; search <= HONE_SEARCH_HALVING; search++) {
        char directory[64], file[96];
        new_journal(directory, file, sizeof file);
        seen whole = nothing();
        double final, again;
        const hone_tuned t = tuned_well(&(request){.search = search}, &whole, &final);
        for (int round = 0; round < 2; round++) {
            const pid_t child = fork();
            if (!child) {
                for (int k = 1; k < SIGRTMIN; k++)
                    signal(k, SIG_DFL); /* a crash ends the child, never runs its next test */
                seen s = nothing();
                s.kill_after = 8;
                tuned_well(&(request){.search = search, .journal = file}, &s, &again);
                _exit(1); /* should have been killed */
            }
            int how = 0;
            assert_int_equal(waitpid(child, &how, 0), child);
            assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
        }
        FILE *f = fopen(file, "a"); /* what a crash leaves of a line */
        assert_non_null(f);
        fputs("{\"trial\":17,\"ru", f);
        fclose(f);
        seen rest = nothing();
        const hone_tuned u =
            tuned_well(&(request){.search = search, .journal = file}, &rest, &again);
        assert_int_equal(u.resumed, 16);
        assert_int_equal(u.trials, t.trials);
        assert_int_equal(rest.lines, t.trials - 16);
        assert_true(u.best == t.best && u.loss == t.loss && again == final);
        seen none = nothing();
        const hone_tuned v =
            tuned_well(&(request){.search = search, .journal = file}, &none, &again);
        assert_true(none.lines == 0 && v.resumed == t.trials && v.loss == t.loss);
        remove_journal(directory, file);
    }
}

static void the_incumbent_does_not_replace_the_journal(void **state)
{
    (void)state;
    char directory[32], file[64];
    new_journal(directory, file, sizeof file);
    seen s = nothing();
    hone_dataset *d = data(7);
    hone_tuned t;
    hone_result *best;
    hone_error error;
    const request q = {.journal = file, .incumbent = file};
    assert_int_equal(tune(d, &q, &s, &t, &best, &error), HONE_BAD_ARGUMENT);
    assert_string_equal(error.path, "options.incumbent");
    hone_dataset_free(d);
    remove_journal(directory, file);
}

static void the_incumbent_file_holds_the_best_line(void **state)
{
    (void)state;
    char directory[32], file[64], other[80], line[4096] = "", expected[64];
    new_journal(directory, file, sizeof file);
    snprintf(other, sizeof other, "%s.best", file);
    for (int k = 0; k < 4; k++) { /* goes on from the journal; the last time nothing is left */
        double final;
        seen s = nothing();
        const int64_t trials[] = {6, 12, TRIALS, TRIALS};
        const request q = {
            .search = HONE_SEARCH_RANDOM, .journal = file, .incumbent = other, .trials = trials[k]};
        const hone_tuned t = tuned_well(&q, &s, &final);
        FILE *f = fopen(other, "r");
        assert_non_null(f);
        assert_non_null(fgets(line, sizeof line, f));
        fclose(f);
        snprintf(expected, sizeof expected, "{\"trial\":%d,", (int)t.best);
        assert_memory_equal(line, expected, strlen(expected));
        unlink(other); /* as if killed before it was written: a search that goes on writes it */
    }
    remove_journal(directory, file);
}

static void a_random_search_may_be_made_longer(void **state)
{
    (void)state;
    char directory[64], file[96];
    new_journal(directory, file, sizeof file);
    double final;
    seen first = nothing(), second = nothing(), whole = nothing();
    tuned_well(&(request){.trials = 7, .journal = file}, &first, &final);
    const hone_tuned t = tuned_well(&(request){.journal = file}, &second, &final);
    const hone_tuned w = tuned_well(&(request){0}, &whole, &final);
    assert_true(t.resumed == 7 && second.lines == TRIALS - 7);
    assert_true(t.loss == w.loss && t.best == w.best);
    remove_journal(directory, file);
}

/* More trials than one call of hone_train_many takes. */
static void a_long_search_misses_no_trial_and_repeats_none(void **state)
{
    (void)state;
    enum { MANY = 1100 };
    char directory[32], file[64];
    new_journal(directory, file, sizeof file);
    hone_dataset *d = data(7);
    const hone_options train = {.size = sizeof train, .threads = 1};
    const hone_tune_options options = {
        .size = sizeof options, .trials = MANY, .journal = file, .space = &space, .train = &train};
    hone_tuned t[2];
    for (int k = 0; k < 2; k++) { /* the second finds everything in the journal */
        hone_result *best = NULL;
        hone_error error;
        t[k] = (hone_tuned){.size = sizeof *t};
        if (hone_tune(d, 5, &options, &t[k], &best, &error))
            fail_msg("%s: %s", error.path, error.message);
        assert_int_equal(t[k].trials, MANY);
        assert_int_equal(t[k].resumed, k ? MANY : 0);
        assert_true(hone_result_loss(best) == t[k].loss);
        hone_result_free(best);
    }
    assert_true(t[0].best == t[1].best && t[0].loss == t[1].loss);
    hone_dataset_free(d);
    remove_journal(directory, file);
}

static void a_cancelled_search_keeps_what_was_finished(void **state)
{
    (void)state;
    char directory[64], file[96];
    new_journal(directory, file, sizeof file);
    hone_dataset *d = data(7);
    seen s = nothing();
    s.stop_after = 4;
    hone_tuned t;
    hone_result *best = NULL;
    hone_error error = {0};
    assert_int_equal(tune(d, &(request){.journal = file}, &s, &t, &best, &error), HONE_STOPPED);
    assert_null(best);
    assert_true(s.lines >= 4 && s.lines < TRIALS);
    seen rest = nothing();
    double final;
    const hone_tuned u = tuned_well(&(request){.journal = file}, &rest, &final);
    assert_int_equal(u.resumed, s.lines);
    hone_dataset_free(d);
    remove_journal(directory, file);
}

static void a_journal_of_something_else_is_refused_and_left_alone(void **state)
{
    (void)state;
    char directory[64], file[96];
    new_journal(directory, file, sizeof file);
    hone_dataset *d = data(7), *other = data(8);
    seen s = nothing();
    hone_tuned t;
    hone_result *best = NULL;
    hone_error error = {0};
    write_file(file, "my only copy of a poem");
    assert_int_equal(tune(d, &(request){.journal = file}, &s, &t, &best, &error), HONE_CORRUPT);
    struct stat info;
    assert_int_equal(stat(file, &info), 0);
    assert_int_equal(info.st_size, strlen("my only copy of a poem"));
    unlink(file);
    assert_int_equal(tune(d, &(request){.journal = file}, &s, &t, &best, &error), HONE_OK);
    hone_result_free(best);
    const request wrong[] = {
        {.journal = file, .seed = 6},
        {.journal = file, .search = HONE_SEARCH_HALVING},
        {.journal = file,
         .train = &(hone_options){.size = sizeof(hone_options), .work_limit = 1000000}},
        {.journal = file, .train = &(hone_options){.size = sizeof(hone_options), .holdout = 0.5}}};
    const char *const other_member[] = {"\"seed\"", "\"budgets\"", "\"work_limit\"", "\"holdout\""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(tune(d, &wrong[i], &s, &t, &best, &error), HONE_CORRUPT);
        assert_non_null(strstr(error.message, other_member[i]));
    }
    assert_int_equal(tune(other, &(request){.journal = file}, &s, &t, &best, &error), HONE_CORRUPT);
    FILE *f = fopen(file, "a");
    fputs("{\"trial\":3,\"rung\":0,\"loss\":-1}\n", f);
    fclose(f);
    assert_int_equal(tune(d, &(request){.journal = file}, &s, &t, &best, &error), HONE_CORRUPT);
    assert_non_null(strstr(error.path, "journal:"));
    assert_non_null(strstr(error.message, "twice"));
    assert_int_equal(tune(d, &(request){.journal = directory}, &s, &t, &best, &error), HONE_IO);
    hone_dataset_free(other);
    hone_dataset_free(d);
    remove_journal(directory, file);
}

/* A second search on the journal of the first, from within it. */
typedef struct rival {
    const char *file;
    hone_status status;
} rival;

static void start_rival(void *context, const char *line)
{
    (void)line;
    rival *r = context;
    hone_dataset *d = data(7);
    seen s = nothing();
    hone_tuned t;
    hone_result *best = NULL;
    r->status = tune(d, &(request){.journal = r->file}, &s, &t, &best, NULL);
    hone_result_free(best);
    hone_dataset_free(d);
}

/* A journal whose trials all ended, the least loss among them found on a part of the rows. */
static void a_trial_judged_on_some_rows_is_not_the_best(void **state)
{
    (void)state;
    char directory[64], file[96];
    new_journal(directory, file, sizeof file);
    seen s = nothing();
    double final;
    const hone_tuned whole = tuned_well(&(request){.journal = file}, &s, &final);
    char text[32768];
    FILE *f = fopen(file, "r");
    const size_t length = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[length] = 0;
    assert_true(length < sizeof text - 1);
    char number[32];
    snprintf(number, sizeof number, "{\"trial\":%d,", whole.best == 4 ? 5 : 4);
    char *line = strstr(text, number), *rest = strchr(line, '\n') + 1;
    for (int partial = 1; partial >= 0; partial--) {
        f = fopen(file, "w");
        fwrite(text, 1, (size_t)(line - text), f);
        fprintf(f, "%s\"rung\":0,\"loss\":-7%s}\n%s", number, partial ? ",\"partial\":true" : "",
                rest);
        fclose(f);
        seen none = nothing();
        const hone_tuned t = tuned_well(&(request){.journal = file}, &none, &final);
        assert_int_equal(t.resumed, TRIALS);
        assert_int_equal(t.best == whole.best && t.loss == whole.loss, partial);
        assert_int_equal(t.loss == -7, !partial);
    }
    remove_journal(directory, file);
}

/* Nothing gets below -1: the cutoff ends each trial after its first fold. */
static void lines_say_which_losses_are_not_of_all_folds(void **state)
{
    (void)state;
    char directory[64], file[96];
    new_journal(directory, file, sizeof file);
    const hone_options cut = {.size = sizeof cut,
                              .threads = 1,
                              .validation = HONE_VALIDATE_FOLDS,
                              .folds = 5,
                              .cutoff = &(double){-1.5}};
    seen s = nothing();
    double final;
    tuned_well(&(request){.journal = file, .train = &cut}, &s, &final);
    char line[4096];
    FILE *f = fopen(file, "r");
    int lines = 0, partial = 0;
    for (; fgets(line, sizeof line, f); lines++)
        partial += strstr(line, "\"partial\":true") != NULL;
    fclose(f);
    assert_int_equal(lines, 1 + TRIALS);
    assert_int_equal(partial, TRIALS);
    remove_journal(directory, file);
}

static void two_searches_cannot_write_one_journal(void **state)
{
    (void)state;
    char directory[64], file[96];
    new_journal(directory, file, sizeof file);
    hone_dataset *d = data(7);
    rival r = {file, HONE_OK};
    const hone_tune_options options = {.size = sizeof options,
                                       .trials = 2,
                                       .journal = file,
                                       .space = &space,
                                       .trial = start_rival,
                                       .context = &r};
    hone_result *best = NULL;
    assert_int_equal(hone_tune(d, 5, &options, NULL, &best, NULL), HONE_OK);
    assert_int_equal(r.status, HONE_IO);
    hone_result_free(best);
    hone_dataset_free(d);
    remove_journal(directory, file);
}

static void failed_trials_are_written_down_and_the_search_goes_on(void **state)
{
    (void)state;
    hone_dataset *d = data(7);
    const hone_options starved = {.size = sizeof starved, .threads = 1, .memory_cap = 64};
    seen s = nothing();
    hone_tuned t;
    hone_result *best = NULL;
    hone_error error = {0};
    assert_int_equal(tune(d, &(request){.train = &starved}, &s, &t, &best, &error), HONE_NO_MEMORY);
    assert_int_equal(s.lines, TRIALS);
    assert_null(best);
    hone_dataset_free(d);
}

static void options_that_make_no_sense_are_refused_by_name(void **state)
{
    (void)state;
    hone_dataset *d = data(7);
    const struct {
        hone_tune_options options;
        const char *path;
    } wrong[] = {
        {{0}, "options.size"},
        {{.size = sizeof(hone_tune_options), .trials = -1}, "options.trials"},
        {{.size = sizeof(hone_tune_options), .eta = 3}, "options.eta"},
        {{.size = sizeof(hone_tune_options), .search = HONE_SEARCH_HALVING, .eta = 1},
         "options.eta"},
        {{.size = sizeof(hone_tune_options), .search = HONE_SEARCH_HALVING, .min_budget = NAN},
         "options.min_budget"},
        {{.size = sizeof(hone_tune_options), .search = (hone_search)7}, "options.search"},
        {{.size = sizeof(hone_tune_options), .seconds = -1}, "options.seconds"},
        {{.size = sizeof(hone_tune_options),
          .search = HONE_SEARCH_HALVING,
          .train = &(hone_options){.size = sizeof(hone_options), .budget = 0.5}},
         "options.train.budget"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        hone_result *best = NULL;
        hone_error error = {0};
        assert_int_not_equal(hone_tune(d, 1, &wrong[i].options, NULL, &best, &error), HONE_OK);
        assert_string_equal(error.path, wrong[i].path);
    }
    hone_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trial_of_a_search_has_the_loss_of_the_same_training_alone),
        cmocka_unit_test(halving_gives_the_best_third_three_times_as_much),
        cmocka_unit_test(a_killed_search_goes_on_and_ends_like_a_whole_one),
        cmocka_unit_test(the_incumbent_file_holds_the_best_line),
        cmocka_unit_test(the_incumbent_does_not_replace_the_journal),
        cmocka_unit_test(a_random_search_may_be_made_longer),
        cmocka_unit_test(a_long_search_misses_no_trial_and_repeats_none),
        cmocka_unit_test(a_cancelled_search_keeps_what_was_finished),
        cmocka_unit_test(a_journal_of_something_else_is_refused_and_left_alone),
        cmocka_unit_test(a_trial_judged_on_some_rows_is_not_the_best),
        cmocka_unit_test(lines_say_which_losses_are_not_of_all_folds),
        cmocka_unit_test(two_searches_cannot_write_one_journal),
        cmocka_unit_test(failed_trials_are_written_down_and_the_search_goes_on),
        cmocka_unit_test(options_that_make_no_sense_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
