/* Targets, labels and weights of datasets. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dataset_world.h"

static void labels_of_any_kind_are_encoded_in_sorted_order(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4};
    const int64_t gaps[] = {100, -7, 9, 100};
    const char *const words[] = {"yes", "No", "maybe", "yes"};
    const float real[] = {0, 1, -0.0f, 1};
    const uint8_t flags[] = {1, 0, 0, 1};
    hone_dataset *d = dense(x, 4, 1, i64(gaps), NULL);
    assert_int_equal(hone_dataset_task(d), HONE_CLASSIFICATION);
    assert_int_equal(hone_dataset_classes(d), 3);
    assert_string_equal(hone_dataset_class(d, 0), "-7");
    assert_string_equal(hone_dataset_class(d, 1), "9");
    assert_string_equal(hone_dataset_class(d, 2), "100");
    assert_null(hone_dataset_class(d, 3));
    assert_memory_equal(d->label, ((int32_t[]){2, 0, 1, 2}), 16);
    hone_dataset_free(d);
    d = dense(x, 4, 1, text(words), NULL);
    assert_string_equal(hone_dataset_class(d, 0), "No"); /* byte order */
    assert_memory_equal(d->label, ((int32_t[]){2, 0, 1, 2}), 16);
    hone_dataset_free(d);
    d = dense(x, 4, 1, (hone_vector){.values = real, .dtype = HONE_F32}, NULL);
    assert_int_equal(hone_dataset_classes(d), 2);
    assert_string_equal(hone_dataset_class(d, 1), "1");
    hone_dataset_free(d);
    d = dense(x, 4, 1, (hone_vector){.values = flags, .dtype = HONE_BOOLEAN}, NULL);
    assert_string_equal(hone_dataset_class(d, 1), "true");
    hone_dataset_free(d);
}

/* n rows with k distinct whole numbers, every one of them present. */
static hone_status with_distinct(int64_t n, int64_t k, hone_task task, hone_dataset **d,
                                 hone_error *error)
{
    static double x[1000];
    int64_t y[1000];
    for (int64_t i = 0; i < n; i++)
        y[i] = (i % k) * 3 - 5;
    const hone_dataset_options options = {.size = sizeof options, .task = task};
    return hone_dataset_dense(x, HONE_F64, n, 1, 1, 1, i64(y), &options, d, error);
}

static void the_task_is_inferred_from_distinct_whole_numbers(void **state)
{
    (void)state;
    static const struct {
        int64_t rows, distinct;
        hone_task asked, task; /* task 0: refused */
    } cases[] = {
        {20, 20, 0, HONE_CLASSIFICATION},
        {21, 21, 0, HONE_REGRESSION},
        {1000, 20, 0, HONE_CLASSIFICATION},
        {1000, 21, 0, 0},
        {1000, 50, 0, 0},
        {1000, 51, 0, HONE_REGRESSION},
        {1000, 50, HONE_REGRESSION, HONE_REGRESSION},
        {1000, 50, HONE_CLASSIFICATION, HONE_CLASSIFICATION},
        {21, 21, HONE_CLASSIFICATION, HONE_CLASSIFICATION},
        {20, 2, HONE_REGRESSION, HONE_REGRESSION},
        {5, 1, 0, HONE_CLASSIFICATION},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        hone_dataset *d;
        hone_error error;
        const hone_status status =
            with_distinct(cases[k].rows, cases[k].distinct, cases[k].asked, &d, &error);
        assert_int_equal(status, cases[k].task ? HONE_OK : HONE_BAD_DATA);
        if (d) {
            assert_int_equal(hone_dataset_task(d), cases[k].task);
            assert_int_equal(d->label != NULL, cases[k].task == HONE_CLASSIFICATION);
            assert_int_equal(d->target != NULL, cases[k].task == HONE_REGRESSION);
        } else {
            assert_string_equal(error.path, "data.y");
            char count[32];
            snprintf(count, sizeof count, "%d different", (int)cases[k].distinct);
            assert_non_null(strstr(error.message, count));
        }
        hone_dataset_free(d);
    }
}

static void targets_that_contradict_are_refused(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3}, half[] = {1, 2, 0.5}, missing[] = {1, NAN, 2},
                 infinite[] = {1, 2, -INFINITY};
    const char *const words[] = {"a", "b", NULL};
    const uint8_t valid = 5;
    hone_dataset_options options = {.size = sizeof options};
    hone_dataset *d;
    hone_error error;
#define TARGET(y)                                                                                  \
    hone_dataset_dense(x, HONE_F64, 3, 1, 1, 1, y, &options, &d, &error), &d, &error, HONE_BAD_DATA
    refused(TARGET(f64(missing)), "data.y[1]", "missing");
    refused(TARGET(f64(infinite)), "data.y[2]", "infinite");
    refused(TARGET(text(words)), "data.y[2]", "missing");
    refused(TARGET(((hone_vector){x, HONE_F64, 0, &valid, 0})), "data.y[1]", "missing");
    options.task = HONE_CLASSIFICATION;
    refused(TARGET(f64(half)), "data.y[2]", "0.5 is no whole number");
    options.task = HONE_REGRESSION;
    refused(TARGET(text(words)), "data.y", "needs numbers");
#undef TARGET
}

static void weights_are_checked(void **state)
{
    (void)state;
    const double x[] = {1, 2}, y[] = {0.5, 1}, negative[] = {1, -1}, zero[] = {0, 0},
                 missing[] = {NAN, 1}, huge[] = {1e308, 1e308};
    const int32_t ones[] = {1, 1}, some[] = {0, 2};
    hone_dataset_options options = {.size = sizeof options};
    hone_dataset *d;
    hone_error error;
#define WEIGHT(w, type)                                                                            \
    (options.weight = (hone_vector){.values = w, .dtype = type},                                   \
     hone_dataset_dense(x, HONE_F64, 2, 1, 1, 1, f64(y), &options, &d, &error))
    refused(WEIGHT(negative, HONE_F64), &d, &error, HONE_BAD_DATA, "data.weight[1]", "-1");
    refused(WEIGHT(missing, HONE_F64), &d, &error, HONE_BAD_DATA, "data.weight[0]", "weight");
    refused(WEIGHT(zero, HONE_F64), &d, &error, HONE_BAD_DATA, "data.weight", "positive");
    refused(WEIGHT(huge, HONE_F64), &d, &error, HONE_BAD_DATA, "data.weight", "finite");
    made(WEIGHT(some, HONE_I32), &d, &error);
    assert_true(d->weight[1] == 2);
    hone_dataset_free(d);
    made(WEIGHT(ones, HONE_I32), &d, &error);
    assert_null(d->weight); /* all 1 is no weight */
    hone_dataset_free(d);
#undef WEIGHT
}

static void classes_weigh_what_they_are_given(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4}, own[] = {1, 2, 0, 1};
    const char *const y[] = {"b", "a", "b", "c"}, *const later[] = {"c", "b", "z", "b"};
    static const hone_class_weight weights[] = {{"b", 3}, {"a", 0.5}};
    hone_dataset *rows = dense(x, 4, 1, text(later), NULL);
    hone_dataset_options o = {
        .size = sizeof o, .class_weight = weights, .n_class_weights = 2, .valid = rows};
    hone_dataset *d = dense(x, 4, 1, text(y), &o);
    assert_memory_equal(d->weight, ((double[]){3, 0.5, 3, 1}), 32);
    assert_memory_equal(d->valid->weight, ((double[]){1, 3, 1, 3}), 32);
    hone_dataset_free(d);
    hone_dataset_free(rows);
    o.valid = NULL, o.weight = f64(own);
    d = dense(x, 4, 1, text(y), &o);
    assert_memory_equal(d->weight, ((double[]){3, 1, 0, 1}), 32);
    hone_dataset_free(d);
    static const struct {
        hone_class_weight weight[2];
        const char *said;
    } wrong[] = {{{{"d", 1}, {"a", 1}}, "no class"},  {{{"a", 0}, {"b", 1}}, "above 0"},
                 {{{"a", 1}, {"b", NAN}}, "above 0"}, {{{"a", 1}, {"b", INFINITY}}, "above 0"},
                 {{{"a", 1}, {"a", 1}}, "twice"},     {{{NULL, 1}, {"a", 1}}, "no class"}};
    hone_error error;
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        o.class_weight = wrong[k].weight;
        refused(hone_dataset_dense(x, HONE_F64, 4, 1, 1, 1, text(y), &o, &d, &error), &d, &error,
                HONE_BAD_ARGUMENT, "options.class_weight", wrong[k].said);
    }
    o.task = HONE_REGRESSION;
    refused(hone_dataset_dense(x, HONE_F64, 4, 1, 1, 1, f64(x), &o, &d, &error), &d, &error,
            HONE_BAD_ARGUMENT, "options.class_weight", "no classes");
}

static void labels_are_recoded_for_other_classes(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4};
    const char *const words[] = {"c", "a", "b"};
    const int64_t whole[] = {3, 1, 2, 1}, more[] = {1, 2, 3, 9};
    const float real[] = {3, 1, 7, 1};
    hone_dataset *a = dense(x, 3, 1, text(words), NULL), *c = dense(x, 4, 1, i64(whole), NULL),
                 *d = dense(x, 4, 1, (hone_vector){.values = real, .dtype = HONE_F32}, NULL),
                 *e = dense(x, 4, 1, i64(more), NULL);
    int32_t label[4];
    hone_dataset_recode(d, &c->classes, label);
    assert_memory_equal(label, ((int32_t[]){2, 0, -1, 0}), 16);
    hone_dataset_recode(e, &c->classes, label);
    assert_memory_equal(label, ((int32_t[]){0, 1, 2, -1}), 16);
    hone_dataset_recode(a, &a->classes, label);
    assert_memory_equal(label, ((int32_t[]){2, 0, 1}), 12);
    double amount[4];
    hone_error error;
    assert_int_equal(hone_dataset_amounts(c, amount, &error), HONE_OK);
    assert_true(amount[0] == 3 && amount[2] == 2);
    assert_int_equal(hone_dataset_amounts(a, amount, &error), HONE_BAD_DATA);
    hone_dataset_free(a);
    hone_dataset_free(c);
    hone_dataset_free(d);
    hone_dataset_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_of_any_kind_are_encoded_in_sorted_order),
        cmocka_unit_test(the_task_is_inferred_from_distinct_whole_numbers),
        cmocka_unit_test(targets_that_contradict_are_refused),
        cmocka_unit_test(weights_are_checked),
        cmocka_unit_test(classes_weigh_what_they_are_given),
        cmocka_unit_test(labels_are_recoded_for_other_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
