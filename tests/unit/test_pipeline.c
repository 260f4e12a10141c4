/* Preprocessing: scalers and imputers against scikit-learn 1.9.1, categories, folds, copies. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "core/pipeline.h"
#include "core/prep/columns.h"
#include "core/prep/medians.h"
#include "core/trial.h"
#include "dense.h"
#include "near.h"
#include "toolbox/rows.h"

enum { ROWS = 10 };
/* Fitted on TRAIN, applied to all rows: sklearn.preprocessing of the same columns. */
static const int64_t TRAIN[] = {0, 1, 2, 4, 5, 7, 9};
enum { N_TRAIN = sizeof TRAIN / sizeof *TRAIN };
static const double X[] = {14.37,   2.5, -1.282, 2.5, -0.697, 2.5, -4.511, 2.5, 9.058, 2.5,
                           -13.111, 2.5, 15.214, 2.5, -2.328, 2.5, 5.233,  2.5, 1.254, 2.5};
static const double STANDARD[] = {1.6410446417072697,   0.0, -0.28552903683906566, 0.0,
                                  -0.21352254553127076, 0.0, -0.6829802512542278,  0.0,
                                  0.987201083028626,    0.0, -1.7415372174884782,  0.0,
                                  1.744930930021422,    0.0, -0.4142791050577896,  0.0,
                                  0.5163894090930436,   0.0, 0.026622180180708596, 0.0};
static const double MINMAX[] = {1.0,
                                0.0,
                                0.4304428514246207,
                                0.0,
                                0.45173028637968055,
                                0.0,
                                0.3129434882282305,
                                0.0,
                                0.8067028128525163,
                                0.0,
                                0.0,
                                0.0,
                                1.0307121283796077,
                                0.0,
                                0.39238018994941964,
                                0.0,
                                0.6675157381463557,
                                0.0,
                                0.5227247916742477,
                                0.0};
static const double ROBUST[] = {2.16448786093952,
                                0.0,
                                -0.08403964947565007,
                                0.0,
                                0.0,
                                0.0,
                                -0.5479097830771441,
                                0.0,
                                1.4013791121965236,
                                0.0,
                                -1.7833644591294358,
                                0.0,
                                2.28573480821721,
                                0.0,
                                -0.23430541588852175,
                                0.0,
                                0.8518890963941963,
                                0.0,
                                0.2802758224393047,
                                0.0};
static const double QUANTILE[] = {1.0,
                                  0.0,
                                  0.3333333333333334,
                                  0.0,
                                  0.5,
                                  0.0,
                                  0.13292528362545986,
                                  0.0,
                                  0.8333333333333333,
                                  0.0,
                                  0.0,
                                  0.0,
                                  1.0,
                                  0.0,
                                  0.16666666666666702,
                                  0.0,
                                  0.7516444558346147,
                                  0.0,
                                  0.6666666666666667,
                                  0.0};

typedef struct scene {
    hone_dataset data;
    hone_simple_run storage;
    hone_account account;
    hone_shared shared;
    hone_algorithm algorithm;
    hone_prep_params prep;
    hone_prepared prepared;
    hone_arena *arena;
} scene;

static void open_scene(scene *s, hone_matrix table, bool missing, unsigned takes)
{
    *s = (scene){0};
    s->data.table = table;
    s->data.missing = missing;
    s->data.task = HONE_CLASSIFICATION;
    s->data.classes.count = 2;
    s->data.table_id = 17;
    s->data.cache = hone_cache_open(1 << 20);
    s->algorithm = (hone_algorithm){.name = "toy", .takes = takes};
    s->prep = (hone_prep_params){.impute = HONE_IMPUTE_MEDIAN, .indicator = true, .max_levels = 3};
    const hone_run *run = hone_run_simple(&s->storage, 2);
    s->shared = (hone_shared){.cache = s->data.cache, .account = &s->account};
    s->shared.job.run = run;
    s->arena = hone_arena_open(NULL);
}

static void close_scene(scene *s)
{
    hone_shared_release(&s->shared);
    hone_cache_close(s->data.cache);
    hone_arena_close(s->arena);
}

static hone_column_info categories(const char *const *text, int64_t count)
{
    return (hone_column_info){.name = "c",
                              .type = HONE_CATEGORICAL,
                              .levels = {.count = count, .kind = HONE_TEXT, .text = text}};
}

static hone_status prepare(scene *s, hone_error *error)
{
    return hone_prepare(&s->data, &s->algorithm, NULL, &s->prep, TRAIN, N_TRAIN, &s->shared,
                        &s->prepared, error);
}

static double cell(const hone_matrix *x, int64_t i, int64_t j)
{
    return hone_element(x, i, j);
}

static void scalers_are_those_of_scikit_learn(void **state)
{
    (void)state;
    const struct {
        int method;
        const double *expected;
    } all[] = {{HONE_SCALE_STANDARD, STANDARD},
               {HONE_SCALE_MINMAX, MINMAX},
               {HONE_SCALE_ROBUST, ROBUST},
               {HONE_SCALE_QUANTILE, QUANTILE}};
    for (int m = 0; m < 4; m++) {
        scene s;
        open_scene(&s, dense_of(HONE_F64, X, ROWS, 2), false, 0);
        s.prep.scale = all[m].method;
        assert_int_equal(prepare(&s, NULL), HONE_OK);
        for (int64_t i = 0; i < ROWS; i++)
            for (int64_t j = 0; j < 2; j++)
                assert_near(cell(&s.prepared.table, i, j), all[m].expected[i * 2 + j], 1e-12);
        close_scene(&s);
    }
}

static void rows_of_weight_0_teach_nothing(void **state)
{
    (void)state;
    scene s;
    double weight[ROWS] = {0}, target[ROWS];
    for (int i = 0; i < N_TRAIN; i++)
        weight[TRAIN[i]] = 0.5 + i;
    open_scene(&s, dense_of(HONE_F64, X, ROWS, 2), false, 0);
    s.data.weight = weight;
    s.prep.scale = HONE_SCALE_STANDARD;
    assert_int_equal(
        hone_prepare(&s.data, &s.algorithm, NULL, &s.prep, NULL, 0, &s.shared, &s.prepared, NULL),
        HONE_OK);
    for (int64_t i = 0; i < ROWS * 2; i++)
        assert_near(cell(&s.prepared.table, i / 2, i % 2), STANDARD[i], 1e-12);
    for (int64_t i = 0; i < ROWS; i++)
        target[i] = X[2 * i];
    const double *scaled;
    s.data.task = HONE_REGRESSION, s.data.target = target;
    s.prep.target = HONE_TARGET_STANDARD;
    assert_int_equal(hone_prepare_target(&s.data, &s.prep, NULL, 0, s.arena, &s.prepared.pipeline,
                                         &scaled, NULL),
                     HONE_OK);
    for (int64_t i = 0; i < ROWS; i++)
        assert_near(scaled[i], STANDARD[2 * i], 1e-12);
    close_scene(&s);
}

static void a_chain_that_changes_nothing_leaves_the_table_alone(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, dense_of(HONE_F64, X, ROWS, 2), false, 0);
    assert_int_equal(prepare(&s, NULL), HONE_OK);
    assert_ptr_equal(s.prepared.table.values, X);
    assert_true(s.prepared.table_id == s.data.table_id);
    close_scene(&s);
}

static const double NONE = NAN;

/* Columns side by side: normal, three values, constant, ascending, half missing, huge, and one
 * whose sampled rows say nothing about the others. */
static double tall_cell(int64_t i, int64_t j)
{
    const uint64_t drawn = (uint64_t)(i * 40 + j + 1) * UINT64_C(0x9e3779b97f4a7c15);
    const double u = (double)(drawn >> 11) * 0x1p-53;
    switch (j % 7) {
    case 0:
        return u * u - u;
    case 1:
        return floor(3 * u);
    case 2:
        return 7;
    case 3:
        return (double)i;
    case 4:
        return u < 0.5 ? NONE : u;
    case 5:
        return (u - 0.25) * 1e38;
    default:
        return i % 8 ? 5 + u : -u;
    }
}

static void medians_of_many_rows_are_those_of_sorting(void **state)
{
    (void)state;
    enum { N = 8197, D = 37 };
    scene s;
    open_scene(&s, dense_of(HONE_F32, NULL, N, D), true, 0);
    float *x = HONE_RAW(s.arena, float, N, D);
    double *column = HONE_RAW(s.arena, double, N, 1);
    assert_true(x && column);
    for (int64_t k = 0; k < (int64_t)N * D; k++)
        x[k] = (float)tall_cell(k / D, k % D);
    const hone_pipeline none = {0};
    const hone_step_job job = {&none, dense_of(HONE_F32, x, N, D), s.shared.job.run, s.arena,
                               s.arena};
    double median[D];
    uint8_t holes[D] = {0};
    bool done[D] = {0};
    int32_t levels[D] = {0};
    levels[3] = 2;
    assert_int_equal(hone_medians(&job, levels, median, holes, done, NULL), HONE_OK);
    for (int64_t j = 0; j < D; j++) {
        assert_int_equal(done[j], j != 3 && j % 7 != 6);
        int64_t n = 0;
        for (int64_t i = 0; i < N; i++)
            if (!isnan(x[i * D + j]))
                column[n++] = (double)x[i * D + j];
        hone_sort_values(column, n);
        if (done[j]) {
            assert_near(median[j], hone_sorted_quantile(column, n, 0.5), 0);
            assert_int_equal(holes[j], n < N);
        }
    }
    close_scene(&s);
}

static void missing_numbers_take_the_median_and_an_indicator(void **state)
{
    (void)state;
    float x[ROWS * 2];
    for (int i = 0; i < ROWS; i++) {
        x[i * 2] = (float)i;
        x[i * 2 + 1] = 1;
    }
    x[2 * 2] = (float)NONE;
    x[3 * 2] = (float)NONE; /* not a training row */
    scene s;
    open_scene(&s, dense_of(HONE_F32, x, ROWS, 2), true, 0);
    assert_int_equal(prepare(&s, NULL), HONE_OK);
    const hone_matrix *t = &s.prepared.table;
    assert_int_equal(t->stored_cols, 3);
    assert_int_equal(t->cols, 3);
    assert_int_equal(t->layout, HONE_ONE_HOT);
    double row[3];
    const double median = (4 + 5) / 2.0; /* of 0 1 4 5 7 9 */
    const double *r = hone_row_f64(t, 2, row);
    assert_near(r[0], median, 0);
    assert_near(r[2], 1, 0);
    r = hone_row_f64(t, 3, row);
    assert_near(r[0], median, 0);
    assert_near(r[2], 1, 0);
    r = hone_row_f64(t, 4, row);
    assert_near(r[0], 4, 0);
    assert_near(r[2], 0, 0);
    close_scene(&s);
}

/* Column 0: levels a..e, cut to the two most frequent of the training rows and "other"; column 1:
 * levels p, q with a hole among the training rows. */
static void categories_are_cut_and_missing_is_a_level(void **state)
{
    (void)state;
    const float a[ROWS] = {0, 3, 3, 4, 3, 1, 1, 1, 1, 2}, hole = (float)NONE;
    const float b[ROWS] = {0, 1, hole, 0, 1, 0, 1, 0, hole, 1};
    float x[ROWS * 2];
    for (int i = 0; i < ROWS; i++) {
        x[2 * i] = a[i];
        x[2 * i + 1] = b[i];
    }
    const int32_t levels[] = {5, 2};
    static const char *const letters[] = {"a", "b", "c", "d", "e"};
    const hone_column_info column[] = {categories(letters, 5), categories(letters, 2)};
    scene s;
    hone_matrix table = dense_of(HONE_F32, x, ROWS, 2);
    table.levels = levels;
    open_scene(&s, table, true, 0);
    s.data.column = column;
    assert_int_equal(prepare(&s, NULL), HONE_OK);
    const hone_matrix *t = &s.prepared.table;
    assert_int_equal(t->levels[0], 3);
    assert_int_equal(t->levels[1], 3);
    assert_int_equal(t->cols, 6);
    const double code[] = {2, 1, 1, 2, 1, 0, 0, 0, 0, 2}; /* b 0, d 1, the rest 2 */
    for (int i = 0; i < ROWS; i++) {
        assert_near(cell(t, i, 0), code[i], 0);
        assert_near(cell(t, i, 1), isnan(b[i]) ? 2 : b[i], 0);
    }
    const float unknown[] = {5, 2};
    hone_matrix row = dense_of(HONE_F32, unknown, 1, 2), out;
    double expanded[6];
    assert_int_equal(
        hone_pipeline_apply(&s.prepared.pipeline, &row, &s.storage.run, s.arena, &out, NULL),
        HONE_OK);
    const double *r = hone_row_f64(&out, 0, expanded);
    assert_near(r[2], 1, 0); /* other */
    assert_near(r[3] + r[4] + r[5], 0, 0);
    close_scene(&s);
}

/* Codes 1 and 3 stand in rows alone that do not train; so does the word that made texts of 2 and
 * 10, which are numbers without it and change places. */
static void levels_of_other_rows_are_unknown_ones(void **state)
{
    (void)state;
    static const char *const words[] = {"10", "2", "2.0", "x"};
    static const double code[] = {0, 1, 2, 3}, known[] = {1, 0, 0, 2};
    double x[ROWS];
    for (int i = 0; i < ROWS; i++)
        x[i] = code[i % 2];
    x[3] = 2, x[6] = 3, x[8] = NAN; /* not training rows */
    const int32_t levels[] = {4};
    hone_column_info column = categories(words, 4);
    for (int by_number = 0; by_number < 2; by_number++)
        for (unsigned takes = 0; takes <= HONE_TAKES_CATEGORIES; takes += HONE_TAKES_CATEGORIES) {
            scene s;
            hone_matrix table = dense_of(HONE_F64, x, ROWS, 1);
            table.levels = levels;
            open_scene(&s, table, true, takes | HONE_TAKES_MISSING);
            column.by_number = by_number;
            s.data.column = &column;
            assert_int_equal(prepare(&s, NULL), HONE_OK);
            const hone_matrix *t = &s.prepared.table;
            assert_int_equal(t->levels[0], 2);
            assert_int_equal(t->cols, takes ? 1 : 2);
            const hone_known *k = s.prepared.pipeline.known;
            assert_string_equal(k->column->levels.text[0], by_number ? "2" : "10");
            for (int i = 0; i < ROWS; i++) {
                const double c = by_number ? known[(int)x[i == 8 ? 0 : i]] : x[i] < 2 ? x[i] : 2;
                assert_true(i == 8 ? isnan(cell(t, i, 0)) : cell(t, i, 0) == c);
            }
            close_scene(&s);
        }
}

static void modules_that_take_them_get_categories_and_holes_raw(void **state)
{
    (void)state;
    const float x[] = {0, 1, 2, (float)NAN, 1, 0, 2, 1, 0, 2};
    const int32_t levels[] = {3};
    scene s;
    hone_matrix table = dense_of(HONE_F32, x, ROWS, 1);
    table.levels = levels;
    open_scene(&s, table, true, HONE_TAKES_CATEGORIES | HONE_TAKES_MISSING);
    assert_int_equal(prepare(&s, NULL), HONE_OK);
    assert_ptr_equal(s.prepared.table.values, x);
    assert_int_equal(s.prepared.table.layout, HONE_DENSE);
    assert_int_equal(s.prepared.shape.levels[0], 3);
    close_scene(&s);
}

/* Sparse rows of two columns. */
static hone_matrix sparse_pair(const void *values, hone_dtype dtype, int64_t rows,
                               const int64_t *start, const int32_t *column)
{
    return (hone_matrix){.values = values,
                         .layout = HONE_CSR,
                         .dtype = dtype,
                         .rows = rows,
                         .cols = 2,
                         .stored_cols = 2,
                         .row_start = start,
                         .column = column};
}

static void sparse_data_stay_sparse_and_are_not_centred(void **state)
{
    (void)state;
    const int64_t start[] = {0, 1, 2, 3, 3, 3, 3, 3, 3, 3, 4};
    const int32_t column[] = {0, 0, 1, 1};
    const double values[] = {2, 4, -3, 1};
    const hone_matrix x = sparse_pair(values, HONE_F64, ROWS, start, column);
    scene s;
    open_scene(&s, x, false, HONE_TAKES_SPARSE);
    s.prep.scale = HONE_SCALE_STANDARD;
    assert_int_equal(prepare(&s, NULL), HONE_OK);
    const double *out = s.prepared.table.values;
    const double mean = 6.0 / N_TRAIN, deviation = sqrt(20.0 / N_TRAIN - mean * mean);
    assert_near(out[0], 2 / deviation, 1e-12);
    assert_near(out[1], 4 / deviation, 1e-12);
    close_scene(&s);
}

/* Modules that take no sparse rows get dense ones, within the memory cap. */
static void sparse_rows_are_made_dense_where_they_must(void **state)
{
    (void)state;
    const float values[] = {2, 3, 4, 5};
    const int64_t start[] = {0, 1, 1, 2, 2, 2, 3, 3, 4, 4, 4};
    const int32_t column[] = {0, 1, 0, 1};
    const hone_matrix x = sparse_pair(values, HONE_F32, ROWS, start, column);
    scene s;
    open_scene(&s, x, false, HONE_TAKES_MISSING);
    assert_int_equal(prepare(&s, NULL), HONE_OK);
    const hone_matrix *t = &s.prepared.table;
    assert_int_equal(t->layout, HONE_DENSE);
    assert_int_equal(t->dtype, HONE_F32);
    for (int i = 0; i < ROWS; i++) {
        assert_near(cell(t, i, 0), i == 0 ? 2 : i == 5 ? 4 : 0, 0);
        assert_near(cell(t, i, 1), i == 2 ? 3 : i == 7 ? 5 : 0, 0);
    }
    const hone_matrix last = sparse_pair(values, HONE_F32, 1, start + 7, column);
    hone_matrix out;
    assert_int_equal(
        hone_pipeline_apply(&s.prepared.pipeline, &last, &s.storage.run, s.arena, &out, NULL),
        HONE_OK);
    assert_near(cell(&out, 0, 0) + cell(&out, 0, 1), 5, 0);
    close_scene(&s);
    hone_error error;
    open_scene(&s, x, false, 0);
    s.account.cap = 79;
    assert_int_equal(prepare(&s, &error), HONE_NO_MEMORY);
    assert_non_null(strstr(error.message, "80 bytes"));
    close_scene(&s);
    hone_matrix wide = x;
    wide.cols = wide.stored_cols = (INT64_C(1) << 30) / ROWS + 1; /* 4 GiB and a little */
    open_scene(&s, wide, false, 0);
    assert_int_equal(prepare(&s, &error), HONE_UNSUPPORTED);
    close_scene(&s);
}

static void a_copy_does_the_same_without_the_cache(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, dense_of(HONE_F64, X, ROWS, 2), false, 0);
    s.prep.scale = HONE_SCALE_QUANTILE;
    assert_int_equal(prepare(&s, NULL), HONE_OK);
    hone_pipeline copy;
    assert_int_equal(hone_pipeline_copy(&s.prepared.pipeline, s.arena, &copy, NULL), HONE_OK);
    double expected[2 * ROWS];
    for (int64_t i = 0; i < 2 * ROWS; i++)
        expected[i] = cell(&s.prepared.table, i / 2, i % 2);
    hone_shared_release(&s.shared);
    hone_cache_close(s.data.cache);
    s.data.cache = hone_cache_open(0);
    s.shared.cache = s.data.cache;
    const hone_matrix in = dense_of(HONE_F64, X, ROWS, 2);
    hone_matrix out;
    assert_int_equal(hone_pipeline_apply(&copy, &in, &s.storage.run, s.arena, &out, NULL), HONE_OK);
    for (int64_t i = 0; i < 2 * ROWS; i++)
        assert_near(cell(&out, i / 2, i % 2), expected[i], 0);
    close_scene(&s);
}

/* Holes that training did not have are filled with the training median. */
static void holes_at_predict_are_filled_though_training_had_none(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, dense_of(HONE_F64, X, ROWS, 2), false, 0);
    assert_int_equal(prepare(&s, NULL), HONE_OK);
    const double row[] = {NAN, 1};
    const hone_matrix in = dense_of(HONE_F64, row, 1, 2);
    hone_matrix out;
    assert_int_equal(
        hone_pipeline_apply(&s.prepared.pipeline, &in, &s.storage.run, s.arena, &out, NULL),
        HONE_OK);
    assert_true(isfinite(cell(&out, 0, 0)));
    hone_error error;
    const double bad[] = {1, INFINITY};
    const hone_matrix wrong = dense_of(HONE_F64, bad, 1, 2);
    assert_int_equal(
        hone_pipeline_apply(&s.prepared.pipeline, &wrong, &s.storage.run, s.arena, &out, &error),
        HONE_BAD_DATA);
    assert_string_equal(error.path, "data.x[0,1]");
    close_scene(&s);
}

static void huge_and_constant_columns_stay_finite(void **state)
{
    (void)state;
    double x[ROWS * 3];
    for (int i = 0; i < ROWS; i++) {
        x[3 * i] = i % 2 ? 1e308 : -1e308;
        x[3 * i + 1] = 0.1;
        x[3 * i + 2] = 1e30 * i;
    }
    for (int method = HONE_SCALE_STANDARD; method <= HONE_SCALE_QUANTILE; method++) {
        scene s;
        open_scene(&s, dense_of(HONE_F64, x, ROWS, 3), false, 0);
        s.prep.scale = method;
        assert_int_equal(prepare(&s, NULL), HONE_OK);
        for (int64_t i = 0; i < ROWS; i++)
            for (int64_t j = 0; j < 3; j++)
                assert_true(isfinite(cell(&s.prepared.table, i, j)));
        assert_near(cell(&s.prepared.table, 0, 1), 0, 1e-12);
        close_scene(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalers_are_those_of_scikit_learn),
        cmocka_unit_test(rows_of_weight_0_teach_nothing),
        cmocka_unit_test(a_chain_that_changes_nothing_leaves_the_table_alone),
        cmocka_unit_test(medians_of_many_rows_are_those_of_sorting),
        cmocka_unit_test(missing_numbers_take_the_median_and_an_indicator),
        cmocka_unit_test(categories_are_cut_and_missing_is_a_level),
        cmocka_unit_test(modules_that_take_them_get_categories_and_holes_raw),
        cmocka_unit_test(sparse_data_stay_sparse_and_are_not_centred),
        cmocka_unit_test(sparse_rows_are_made_dense_where_they_must),
        cmocka_unit_test(levels_of_other_rows_are_unknown_ones),
        cmocka_unit_test(a_copy_does_the_same_without_the_cache),
        cmocka_unit_test(holes_at_predict_are_filled_though_training_had_none),
        cmocka_unit_test(huge_and_constant_columns_stay_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
