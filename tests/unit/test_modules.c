/* Modules that do not keep the contract. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "call.h"
#include "toys.h"

static hone_dataset *data(void)
{
    static const double x[] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const int32_t y[] = {0, 1, 0, 1, 0, 1, 0, 1};
    hone_dataset *d = NULL;
    assert_int_equal(hone_dataset_dense(x, HONE_F64, 8, 1, 1, 1,
                                        (hone_vector){y, HONE_I32, 1, NULL, 0}, NULL, &d, NULL),
                     HONE_OK);
    return d;
}

static hone_status gives_up(const hone_fit_job *job, void *s, hone_error *error)
{
    (void)job, (void)s, (void)error;
    return HONE_BAD_DATA;
}

static hone_status gives_nonsense(const hone_predict_job *job, hone_error *error)
{
    (void)job, (void)error;
    return (hone_status)77;
}

static hone_status leaves_no_array(const hone_fit_job *job, void *s, hone_error *error)
{
    const hone_status status = toy_slow.fit(job, s, error);
    for (const hone_field *f = toy_slow.state; f->name; f++)
        if (f->is_array)
            *(void **)((char *)s + f->offset) = NULL;
    return status;
}

static hone_status leaves_no_count(const hone_fit_job *job, void *s, hone_error *error)
{
    const hone_status status = toy_slow.fit(job, s, error);
    *(int64_t *)((char *)s + toy_slow.state->offset) = -1;
    return status;
}

static hone_status refuses(const hone_shape *shape, const void *params, const void *s,
                           hone_error *error)
{
    (void)shape, (void)params, (void)s;
    return hone_fail(error, HONE_CORRUPT, "value", "sums to 2");
}

static hone_status scores_nothing(const hone_predict_job *job, hone_error *error)
{
    const hone_status status = toy_slow.predict(job, error);
    job->score[job->shape.outputs] = (double)NAN;
    return status;
}

static void a_loss_of_what_is_no_state_or_no_score_is_not_given(void **state)
{
    (void)state;
    hone_algorithm a[4] = {toy_slow, toy_slow, toy_slow, toy_slow};
    a[0].fit = leaves_no_array, a[1].fit = leaves_no_count, a[2].check = refuses;
    a[3].predict = scores_nothing;
    static const char *const says[] = {
        "fit left a state that breaks its rules: value: 2 x 1 values are not there",
        "fit left a state that breaks its rules: iterations: is no count: -1",
        "fit left a state that breaks its rules: value: sums to 2",
        "predict gave row 1 a score that is not a number"};
    hone_dataset *d = data();
    for (int k = 0; k < 4; k++) {
        hone_config *c = config_with((const hone_algorithm *const[]){&a[k], NULL},
                                     "{\"model\": \"slow\", \"steps\": 1}");
        hone_error error = {0};
        hone_result *r;
        assert_int_equal(hone_train_full(c, d, 1, NULL, &r, &error), HONE_INTERNAL);
        assert_string_equal(error.path, "algorithm.slow");
        assert_string_equal(error.message, says[k]);
        hone_config_free(c);
    }
    hone_dataset_free(d);
}

static void a_module_that_fails_without_a_word_is_named(void **state)
{
    (void)state;
    hone_algorithm silent = toy_centroid, odd = toy_centroid;
    silent.fit = gives_up, odd.predict = gives_nonsense;
    const struct {
        const hone_algorithm *a;
        hone_status status;
        const char *says;
    } cases[] = {{&silent, HONE_BAD_DATA, "fit failed"}, {&odd, HONE_INTERNAL, "predict failed"}};
    hone_dataset *d = data();
    for (int k = 0; k < 2; k++) {
        hone_config *c = config_with((const hone_algorithm *const[]){cases[k].a, NULL},
                                     "{\"model\": \"centroid\"}");
        hone_error error = {.message = "of an earlier call"};
        hone_result *r;
        assert_int_equal(hone_train_full(c, d, 1, NULL, &r, &error), cases[k].status);
        assert_string_equal(error.path, "algorithm.centroid");
        assert_non_null(strstr(error.message, cases[k].says));
        hone_config_free(c);
    }
    hone_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_module_that_fails_without_a_word_is_named),
        cmocka_unit_test(a_loss_of_what_is_no_state_or_no_score_is_not_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
