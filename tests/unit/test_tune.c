/* The search: what it tries, what it keeps, how it goes on after it was cut off. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/hone.h"
#include "toolbox/random.h"
#include "toys.h"

enum { N = 90, D = 3, TRIALS = 18 };

static hone_dataset *data(uint64_t seed)
{
    static double x[N * D];
    static int32_t label[N];
    hone_stream s = hone_stream_of(seed, 0, 0);
    for (int i = 0; i < N; i++) {
        label[i] = i % 3;
        for (int j = 0; j < D; j++)
            x[i * D + j] = hone_uniform(&s) * 4 + (j == i % 3 ? 2 : 0);
    }
    const hone_dataset_options options = {.size = sizeof options, .task = HONE_CLASSIFICATION};
    hone_dataset *d = NULL;
    hone_error error = {0};
    if (hone_dataset_dense(x, HONE_F64, N, D, D, 1, (hone_vector){label, HONE_I32, 1, NULL, 0},
                           &options, &d, &error))
        fail_msg("%s: %s", error.path, error.message);
    return d;
}

static const char *const centroid[] = {"centroid", NULL};
static const hone_algorithm *const toys[] = {&toy_centroid, NULL};
static const hone_space_options space = {
    .size = sizeof space, .models = centroid, .algorithms = toys};

/* Lines of the trials, in the order they came. */
typedef struct seen {
    int lines, kill_after, stop_after;
    int32_t cancel;
    double loss[TRIALS * 3];
} seen;

static void on_trial(void *context, const char *line)
{
    seen *s = context;
    const char *loss = strstr(line, "\"loss\":"), *rung = strstr(line, "\"rung\":");
    assert_true(loss && rung && line[0] == '{' && !strchr(line, '\n'));
    const int at = atoi(rung + 7) * TRIALS + atoi(line + strlen("{\"trial\":"));
    assert_true(at >= 0 && at < TRIALS * 3 && isnan(s->loss[at]));
    s->loss[at] = strncmp(loss + 7, "null", 4) ? strtod(loss + 7, NULL) : INFINITY;
    s->lines++;
    if (s->lines == s->kill_after)
        raise(SIGKILL);
    if (s->lines == s->stop_after)
        s->cancel = 1;
}

static seen nothing(void)
{
    seen s = {0};
    for (int i = 0; i < TRIALS * 3; i++)
        s.loss[i] = NAN;
    return s;
}

typedef struct request {
    hone_search search;
    int64_t trials;
    const char *journal, *incumbent;
    const hone_options *train;
    double seconds;
    uint64_t seed;
} request;

static hone_status tune(hone_dataset *d, const request *q, seen *s, hone_tuned *tuned,
                        hone_result **best, hone_error *error)
{
    hone_options train = {.size = sizeof train, .threads = 1};
    if (q->train)
        train = *q->train;
    train.cancel = &s->cancel;
    const hone_tune_options options = {.size = sizeof options,
                                       .search = q->search,
                                       .trials = q->trials ? q->trials : TRIALS,
                                       .journal = q->journal,
                                       .incumbent = q->incumbent,
                                       .space = &space,
                                       .train = &train,
                                       .seconds = q->seconds,
                                       .trial = on_trial,
                                       .context = s};
    *tuned = (hone_tuned){.size = sizeof *tuned};
    return hone_tune(d, q->seed ? q->seed : 5, &options, tuned, best, error);
}

static hone_tuned tuned_well(const request *q, seen *s, double *final)
{
    hone_dataset *d = data(7);
    hone_tuned t;
    hone_result *best = NULL;
    hone_error error = {0};
    if (tune(d, q, s, &t, &best, &error))
        fail_msg("%s: %s", error.path, error.message);
    *final = hone_result_loss(best);
    hone_result_free(best);
    hone_dataset_free(d);
    return t;
}

/* A new name in a directory of its own. */
static void new_journal(char *directory, char *file, size_t size)
{
    strcpy(directory, "/tmp/hone_tune_XXXXXX");
    assert_non_null(mkdtemp(directory));
    assert_true(snprintf(file, size, "%s/journal", directory) < (int)size);
}

static void remove_journal(const char *directory, const char *file)
{
    unlink(file);
    assert_int_equal(rmdir(directory), 0);
}

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

/* ---- replay ---- */

static void write_file(const char *file, const char *text)
{
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

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
        cmocka_unit_test(a_journal_is_replayed_bit_for_bit_and_says_when_the_data_are_others),
        cmocka_unit_test(a_model_and_a_line_of_results_are_replayed),
        cmocka_unit_test(files_that_are_no_records_are_refused_by_line),
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
