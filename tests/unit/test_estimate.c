/* Estimates over the space: test_estimate [--long [TABLE [SAMPLES]]]
 *
 * The long form waits for trainings up to 10 s, tells the guesses that were not near and judges
 * seconds too; it wants a machine without other work. There a training finds nothing of earlier
 * ones. */
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

#include "example.h"
#include "hone/hone.h"

static int samples = 14;
static bool thorough;
static const char *only;

/* What is varied besides the configuration. */
static hone_options options_of(int i)
{
    hone_options o = {.size = sizeof o, .threads = i % 3 + 1, .deadline = thorough ? 10 : 0.3};
    o.keep_model = i % 3 == 0;
    if (i % 4 == 1)
        o.validation = HONE_VALIDATE_FOLDS, o.folds = 3;
    if (i % 4 == 2)
        o.validation = HONE_VALIDATE_NONE;
    if (i % 7 == 1)
        o.budget = 0.3;
    return o;
}

static int by_size(const void *a, const void *b)
{
    const double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

/* The long form tells the guesses that are not. */
static bool is_near(const char *what, double guess, double found, const hone_config *c,
                    hone_task task)
{
    if (fabs(log(guess / found)) <= log(3))
        return true;
    char *json = NULL;
    if (thorough && !hone_config_json(c, task, &json, NULL))
        print_message("%s: guess %.3g, found %.3g: %s\n", what, guess, found, json);
    hone_text_free(json);
    return false;
}

/* Bytes: the bound always holds; the guess is mostly within a factor of 3. Seconds of the short
 * form are told, not judged: the machine may be busy. */
static void hold_over_the_space(const char *name, const char *target, hone_task task)
{
    if (only && strcmp(only, name) != 0)
        return;
    hone_dataset *d = example_table(name, target, task);
    hone_space_options space = {.size = sizeof space, .dataset = d};
    int likely = 0, timely = 0, whole = 0;
    double closest = 0, *over = calloc((size_t)samples, sizeof *over);
    assert_non_null(over);
    for (int i = 0; i < samples; i++) {
        hone_config *c;
        hone_result *r = NULL;
        hone_error error;
        hone_estimated e = {.size = sizeof e};
        const hone_options o = options_of(i);
        assert_int_equal(hone_space_sample(&space, 7, (uint64_t)i, &c, &error), HONE_OK);
        if (thorough) {
            hone_dataset_free(d);
            space.dataset = d = example_table(name, target, task);
        }
        if (hone_estimate(c, d, 1, &o, 0.01, &e, &error) ||
            hone_train_full(c, d, 1, &o, &r, &error))
            fail_msg("%d: %s: %s", i, error.path, error.message);
        const double peak = hone_result_number(r, "peak_bytes", -1);
        if (peak > (double)e.bytes_bound)
            fail_msg("%s, sample %d: peak %.0f, bound %.0f: %s", name, i, peak,
                     (double)e.bytes_bound, hone_result_json(r));
        assert_true(e.bytes_likely <= e.bytes_bound && e.seconds_likely > 0);
        closest = fmax(closest, peak / (double)e.bytes_bound);
        over[i] = (double)e.bytes_bound / peak;
        if (hone_result_end(r) == HONE_END_OK) {
            whole++;
            likely += is_near("bytes", (double)e.bytes_likely, peak, c, task);
            timely +=
                is_near("seconds", e.seconds_likely, hone_result_number(r, "seconds", -1), c, task);
        }
        hone_result_free(r);
        hone_config_free(c);
    }
    qsort(over, (size_t)samples, sizeof *over, by_size);
    print_message("%s: %d trainings, %d whole; peak at most %.2f of the bound, half of them above "
                  "1 / %.0f; of the whole ones %.0f %% of likely bytes and %.0f %% of likely "
                  "seconds within a factor of 3\n",
                  name, samples, whole, closest, over[samples / 2], 100.0 * likely / whole,
                  100.0 * timely / whole);
    free(over);
    assert_true(likely >= 0.8 * whole);
    assert_true(!thorough || timely >= 0.8 * whole);
    hone_dataset_free(d);
}

static void no_training_takes_more_than_its_bound(void **state)
{
    (void)state;
    hold_over_the_space("vehicle", "Class", HONE_CLASSIFICATION);
    hold_over_the_space("abalone", "Rings", HONE_REGRESSION);
    hold_over_the_space("abalone", "Rings", HONE_CLASSIFICATION);
    if (only) {
        hold_over_the_space("adult", "income", HONE_CLASSIFICATION);
        hold_over_the_space("diamonds", "price", HONE_REGRESSION);
    }
}

static void a_bound_is_for_a_built_in_model_and_a_pilot_is_a_share(void **state)
{
    (void)state;
    hone_dataset *d = example_table("vehicle", "Class", HONE_CLASSIFICATION);
    hone_config *c;
    hone_error error;
    hone_estimated e = {.size = sizeof e};
    assert_int_equal(hone_config_new(&c, &error), HONE_OK);
    assert_int_equal(hone_estimate(c, d, 1, NULL, 0, &e, &error), HONE_BAD_CONFIG);
    assert_int_equal(hone_config_set_text(c, "model", "knn", &error), HONE_OK);
    assert_int_equal(hone_estimate(c, d, 1, NULL, 1.5, &e, &error), HONE_BAD_ARGUMENT);
    assert_string_equal(error.path, "pilot");
    /* one thread: what several take at a time is up to chance */
    hone_options options = {.size = sizeof options, .threads = 1};
    assert_int_equal(hone_estimate(c, d, 1, &options, 0, &e, &error), HONE_OK);
    assert_true(e.bytes_bound > 0 && e.bytes_likely == 0 && isnan(e.seconds_likely));
    const int64_t bound = e.bytes_bound;
    options.deadline = 1e-9, options.work_limit = 1;
    hone_dataset_free(d); /* the table is prepared anew */
    d = example_table("vehicle", "Class", HONE_CLASSIFICATION);
    assert_int_equal(hone_estimate(c, d, 1, &options, 0, &e, &error), HONE_OK);
    assert_true(e.bytes_bound == bound);
    hone_config_free(c);
    hone_dataset_free(d);
}

int main(int count, char **words)
{
    thorough = count > 1 && !strcmp(words[1], "--long");
    only = count > 2 ? words[2] : NULL;
    samples = thorough ? 333 : samples; /* on each of three tables */
    if (count > 3)
        samples = atoi(words[3]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_training_takes_more_than_its_bound),
        cmocka_unit_test(a_bound_is_for_a_built_in_model_and_a_pilot_is_a_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
