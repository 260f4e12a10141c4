/* The random forest against plain loops: every split of a tree is the best that a search of all
 * boundaries finds, and every prediction is the walk that the state's tables describe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "algorithms/random_forest/forest.h"
#include "core/catalog.h"
#include "core/params.h"
#include "core/trial.h"
#include "dense.h"

extern const hone_algorithm hone_random_forest;

enum { COLUMNS = 6, MOST_CLASSES = 4 };

typedef struct world {
    int64_t n, classes;
    double *x, *y, *w; /* row-major */
    int32_t *label;
    const int32_t *levels; /* NULL: all numeric */
    forest_params p;
} world;

/* ---- data, fit ---- */

static world open_world(int64_t n, int64_t classes)
{
    world v = {.n = n,
               .classes = classes,
               .x = calloc((size_t)(n * COLUMNS), sizeof(double)),
               .y = calloc((size_t)n, sizeof(double)),
               .w = calloc((size_t)n, sizeof(double)),
               .label = calloc((size_t)n, sizeof(int32_t))};
    hone_params_default(hone_random_forest.params, classes ? HONE_CLASSIFICATION : HONE_REGRESSION,
                        &v.p);
    return v;
}

static void close_world(world *v)
{
    free(v->x), free(v->y), free(v->w), free(v->label);
}

/* Few values, so that ties abound; a signal in two columns; weights 1 to 3. */
static void fill(world *v, uint64_t seed, int64_t values)
{
    hone_stream r = hone_stream_of(seed, 1, 2);
    for (int64_t i = 0; i < v->n; i++) {
        double *row = v->x + i * COLUMNS;
        for (int64_t j = 0; j < COLUMNS; j++)
            row[j] = (double)hone_below(&r, (uint64_t)values) - 3;
        const double signal = row[0] * 2 + row[1] + (double)hone_below(&r, 5);
        v->y[i] = (double)hone_below(&r, 8) + (signal > 4 ? 20 : 1);
        v->label[i] = v->classes ? (int32_t)((int64_t)(signal + 100) % v->classes) : 0;
        v->w[i] = 1 + (double)hone_below(&r, 3);
    }
}

static hone_matrix matrix_of(const world *v, const double *x, int64_t n)
{
    hone_matrix table = dense_of(HONE_F64, x, n, COLUMNS);
    table.levels = v->levels;
    return table;
}

static hone_trial trial_of(const world *v, const hone_run *run)
{
    const bool classify = v->classes > 0;
    return (hone_trial){.algorithm = &hone_random_forest,
                        .params = &v->p,
                        .shape = {COLUMNS, classify ? v->classes : 1, COLUMNS, v->levels,
                                  classify ? HONE_CLASSIFICATION : HONE_REGRESSION},
                        .table = matrix_of(v, v->x, v->n),
                        .table_id = 1,
                        .label = classify ? v->label : NULL,
                        .target = classify ? NULL : v->y,
                        .weight = v->w,
                        .labels_id = 1,
                        .siblings = 1,
                        .seed = 7,
                        .run = run};
}

static hone_fitted *fit_on(const world *v, const hone_run *run, hone_status want)
{
    hone_cache *cache = hone_cache_open(0);
    const hone_trial trial = trial_of(v, run);
    hone_fitted *f = NULL;
    hone_error error = {0};
    const hone_status status = hone_trial_fit(&trial, cache, &f, NULL, &error);
    if (status != want)
        fail_msg("%s: %s", error.path, error.message);
    hone_cache_close(cache);
    return f;
}

static hone_fitted *fit(const world *v)
{
    hone_simple_run storage;
    return fit_on(v, hone_run_simple(&storage, 1), HONE_OK);
}

/* ---- the plain walk ---- */

static bool goes_left(const world *v, const forest_state *s, int64_t i, double value)
{
    const bool missing_left = s->side[i] & MISSING_LEFT;
    if (!(s->side[i] & BY_CATEGORY))
        return isnan(value) ? missing_left : value <= s->threshold[i];
    if (!(value >= 0 && value < v->levels[s->feature[i]]))
        return missing_left;
    const int64_t k = (int64_t)value;
    const int64_t first = s->set_start[s->payload[i] - s->n_rows];
    return s->words[first + k / 32] >> (k % 32) & 1;
}

static int64_t leaf_of(const world *v, const forest_state *s, int64_t t, const double *row)
{
    int64_t k = 0;
    const int64_t root = s->tree_start[t];
    while (s->child[root + k])
        k = s->child[root + k] + !goes_left(v, s, root + k, row[s->feature[root + k]]);
    return root + k;
}

static void plain_scores(const world *v, const forest_state *s, const double *row, double *out)
{
    const int64_t c = v->classes ? v->classes : 1;
    memset(out, 0, (size_t)c * sizeof *out);
    for (int64_t t = 0; t < s->n_trees; t++) {
        const int64_t i = leaf_of(v, s, t, row), k = s->payload[i];
        if (!v->classes)
            out[0] += s->threshold[i];
        else
            for (int64_t e = s->row_start[k]; e < s->row_start[k + 1]; e++)
                out[s->entry_class[e]] += s->entry_share[e];
    }
    for (int64_t k = 0; k < c; k++)
        out[k] /= (double)s->n_trees;
}

/* ---- the plain search ---- */

typedef struct side {
    double weight, sum, squares, of[MOST_CLASSES];
    double *target, *each; /* rows of the side, for absolute errors */
    int64_t rows;
} side;

static void add(const world *v, side *s, int64_t i)
{
    s->target[s->rows] = v->y[i], s->each[s->rows] = v->w[i];
    s->rows++;
    s->weight += v->w[i], s->sum += v->w[i] * v->y[i], s->squares += v->w[i] * v->y[i] * v->y[i];
    if (v->classes)
        s->of[v->label[i]] += v->w[i];
}

static double absolute_error(const side *s)
{
    double least = INFINITY; /* some target is a median */
    for (int64_t a = 0; a < s->rows; a++) {
        double sum = 0;
        for (int64_t b = 0; b < s->rows; b++)
            sum += s->each[b] * fabs(s->target[b] - s->target[a]);
        least = sum < least ? sum : least;
    }
    return least;
}

/* Weight times impurity. */
static double impurity(const world *v, const side *s)
{
    double sum = 0;
    if (!v->classes) {
        if (v->p.criterion == ABSOLUTE_ERROR)
            return absolute_error(s);
        const double mean = s->sum / s->weight;
        return v->p.criterion == POISSON ? -s->sum * log(mean) : s->squares - s->sum * mean;
    }
    for (int64_t k = 0; k < v->classes; k++) {
        const double share = s->of[k] / s->weight;
        if (v->p.criterion == GINI)
            sum += share * (1 - share);
        else if (share > 0)
            sum -= share * log2(share);
    }
    return s->weight * sum;
}

static double targets[2][512], weights[2][512];

/* The impurity left when rows with `value` of column j up to `cut` go left, missing to a side;
 * infinite when a limit forbids it. */
static double left_over(const world *v, const int64_t *row, int64_t m, int64_t j, double cut,
                        bool missing_left)
{
    side s[2] = {{.target = targets[0], .each = weights[0]},
                 {.target = targets[1], .each = weights[1]}};
    for (int64_t i = 0; i < m; i++) {
        const double value = v->x[row[i] * COLUMNS + j];
        add(v, &s[!(isnan(value) ? missing_left : value <= cut)], row[i]);
    }
    const int64_t least = (int64_t)v->p.min_samples_leaf.number;
    if (s[0].rows < least || s[1].rows < least)
        return INFINITY;
    return impurity(v, &s[0]) + impurity(v, &s[1]);
}

static double best_of_all(const world *v, const int64_t *row, int64_t m)
{
    double best = INFINITY;
    for (int64_t j = 0; j < COLUMNS; j++)
        for (int64_t i = 0; i < m; i++)
            for (int missing_left = 0; missing_left < 2; missing_left++) {
                const double cut = v->x[row[i] * COLUMNS + j];
                const double now =
                    left_over(v, row, m, j, isnan(cut) ? INFINITY : cut, missing_left);
                best = now < best ? now : best;
            }
    return best;
}

static bool is_pure(const world *v, const int64_t *row, int64_t m)
{
    for (int64_t i = 1; i < m; i++)
        if (v->classes ? v->label[row[i]] != v->label[row[0]] : v->y[row[i]] != v->y[row[0]])
            return false;
    return true;
}

/* Rows that reach node `i`: the split is the best one, and its cut is midway between values. */
static void check_node(const world *v, const forest_state *s, int64_t i, int64_t *row, int64_t m)
{
    assert_true(m > 0);
    if (!s->child[i]) {
        if (!is_pure(v, row, m))
            assert_true(best_of_all(v, row, m) == INFINITY);
        return;
    }
    assert_false(is_pure(v, row, m));
    const int64_t j = s->feature[i];
    double below = -INFINITY, above = INFINITY;
    int64_t left = 0, right = 0, *part = calloc((size_t)m, sizeof *part);
    for (int64_t k = 0; k < m; k++) {
        const double value = v->x[row[k] * COLUMNS + j];
        const bool goes = goes_left(v, s, i, value);
        if (goes && value > below)
            below = value;
        if (!goes && value < above)
            above = value;
        if (goes)
            row[left++] = row[k];
        else
            part[right++] = row[k];
    }
    memcpy(row + left, part, (size_t)right * sizeof *row);
    free(part);
    if (below > -INFINITY && above < INFINITY)
        assert_true(s->threshold[i] == (below + above) / 2);
    const double cut = below > -INFINITY ? below : -1e300;
    const double now =
        left_over(v, row, m, j, above < INFINITY ? cut : 1e300, s->side[i] & MISSING_LEFT);
    const double best = best_of_all(v, row, m);
    assert_true(now <= best + 1e-9 * (1 + fabs(best)));
    check_node(v, s, s->child[i], row, left);
    check_node(v, s, s->child[i] + 1, row + left, right);
}

static void check_tree(world *v)
{
    v->p.n_estimators = 1, v->p.bootstrap = false;
    v->p.max_features = (hone_amount){FEATURES_ALL, false, 0};
    hone_fitted *f = fit(v);
    const forest_state *s = f->state;
    int64_t *row = calloc((size_t)v->n, sizeof *row);
    for (int64_t i = 0; i < v->n; i++)
        row[i] = i;
    assert_true(s->n_nodes > 7);
    check_node(v, s, 0, row, v->n);
    free(row);
    hone_fitted_free(f);
}

static void every_split_of_classes_is_the_best(void **state)
{
    (void)state;
    for (int64_t classes = 2; classes <= 4; classes++)
        for (int criterion = GINI; criterion <= ENTROPY; criterion++)
            for (int64_t least = 1; least < 4; least += 2) {
                world v = open_world(90, classes);
                fill(&v, (uint64_t)classes, 7);
                v.p.criterion = criterion;
                v.p.min_samples_leaf = (hone_amount){-1, true, (double)least};
                check_tree(&v);
                close_world(&v);
            }
}

static void every_split_of_amounts_is_the_best(void **state)
{
    (void)state;
    for (int criterion = SQUARED_ERROR; criterion <= POISSON; criterion++)
        for (int64_t least = 1; least < 4; least += 2) {
            world v = open_world(criterion == ABSOLUTE_ERROR ? 40 : 90, 0);
            fill(&v, 11, 9);
            v.p.criterion = criterion;
            v.p.min_samples_leaf = (hone_amount){-1, true, (double)least};
            check_tree(&v);
            close_world(&v);
        }
}

static void the_best_split_has_missing_values_on_their_better_side(void **state)
{
    (void)state;
    for (int64_t classes = 0; classes <= 3; classes += 3) {
        world v = open_world(80, classes);
        fill(&v, 5, 6);
        for (int64_t k = 0; k < v.n * COLUMNS; k += 5)
            v.x[k] = NAN;
        check_tree(&v);
        close_world(&v);
    }
}

/* Above 128 rows with `max_bins = none`, and with fewer values than bins: exact as well. */
static void large_nodes_of_few_values_are_exact(void **state)
{
    (void)state;
    for (int64_t classes = 0; classes <= 3; classes++) {
        world v = open_world(400, classes == 1 ? 2 : classes);
        fill(&v, 3, 12);
        v.p.max_depth = (hone_amount){-1, true, 3};
        v.p.n_estimators = 1, v.p.bootstrap = false;
        v.p.max_features = (hone_amount){FEATURES_ALL, false, 0};
        hone_fitted *f = fit(&v);
        const forest_state *s = f->state;
        int64_t row[400];
        for (int64_t i = 0; i < v.n; i++)
            row[i] = i;
        const double best = best_of_all(&v, row, v.n);
        const double now = left_over(&v, row, v.n, s->feature[0], s->threshold[0], false);
        assert_true(now <= best + 1e-9 * (1 + fabs(best)));
        hone_fitted_free(f);
        close_world(&v);
    }
}

/* ---- prediction ---- */

static const int32_t LEVELS[COLUMNS] = {0, 5, 0, 63, 64, 200};

/* steps: numbers are few, and middles between them are floats */
static void fill_mixed(double *x, int64_t n, bool holes, bool steps, const int32_t *levels)
{
    hone_stream r = hone_stream_of(99, (uint64_t)n, holes);
    for (int64_t k = 0; k < n * COLUMNS; k++) {
        const int32_t most = levels ? levels[k % COLUMNS] : 0;
        const double v = hone_uniform(&r) * 6 - 3;
        x[k] = most ? (double)hone_below(&r, (uint64_t)most) : steps ? rint(64 * v) / 64 : v;
        if (holes && hone_below(&r, 9) == 0)
            x[k] = NAN;
    }
}

static void check_predictions(const world *v, bool holes, bool steps)
{
    static const int64_t sizes[] = {1, 2, 17, 2500};
    hone_fitted *f = fit(v);
    assert_true(((const forest_state *)f->state)->slim || !steps);
    const int64_t c = v->classes ? v->classes : 1;
    for (int k = 0; k < 4; k++) {
        const int64_t n = sizes[k];
        double *x = calloc((size_t)(n * COLUMNS), sizeof *x);
        double *got = calloc((size_t)(n * c), sizeof *got), want[MOST_CLASSES];
        fill_mixed(x, n, holes, steps, v->levels);
        const hone_matrix m = matrix_of(v, x, n);
        for (int threads = 1; threads < 4; threads += 2) {
            hone_simple_run storage;
            hone_error error = {0};
            const hone_run *run = hone_run_simple(&storage, threads);
            storage.run.isa = threads > 1 ? HONE_ISA_PORTABLE : storage.run.isa;
            assert_int_equal(hone_fitted_predict(f, &m, run, NULL, got, &error), HONE_OK);
            for (int64_t i = 0; i < n; i++) {
                plain_scores(v, f->state, x + i * COLUMNS, want);
                assert_memory_equal(got + i * c, want, (size_t)c * sizeof *want);
            }
        }
        free(x), free(got);
    }
    hone_fitted_free(f);
}

static void a_prediction_is_the_walk_down_the_tables(void **state)
{
    (void)state;
    for (int64_t classes = 0; classes <= 4; classes += 2)
        for (int kind = 0; kind < 6; kind++) {
            const bool holes = kind & 1, steps = kind > 3;
            world v = open_world(500, classes);
            fill(&v, 2, 40);
            v.levels = kind & 2 ? LEVELS : NULL;
            fill_mixed(v.x, v.n, holes, steps, v.levels);
            v.p.n_estimators = 23;
            v.p.min_samples_leaf = (hone_amount){-1, true, classes == 4 ? 5 : 1};
            check_predictions(&v, holes, steps);
            close_world(&v);
        }
}

/* On the best instruction set and the plain one. */
static void check_walks(const world *v, const hone_fitted *f, const hone_matrix *m, const double *x,
                        double *got)
{
    const int64_t c = v->classes ? v->classes : 1;
    for (int plain = 0; plain < 2; plain++) {
        hone_simple_run storage;
        const hone_run *run = hone_run_simple(&storage, 1);
        storage.run.isa = plain ? HONE_ISA_PORTABLE : storage.run.isa;
        assert_int_equal(hone_fitted_predict(f, m, run, NULL, got, NULL), HONE_OK);
        for (int64_t i = 0; i < m->rows; i++) {
            double want[MOST_CLASSES];
            plain_scores(v, f->state, x + i * COLUMNS, want);
            assert_memory_equal(got + i * c, want, (size_t)c * sizeof *want);
        }
    }
}

/* A threshold that is a float, and values around it: what 8 bytes a node say is what 16 say. */
static void values_next_to_thresholds_go_to_their_side(void **state)
{
    (void)state;
    static const double far[] = {
        0.0,     -0.0,  5e-324, -5e-324,        1e-50,          -1e-50,         3.5e38,
        -3.5e38, 1e300, -1e300, 0x1.fffffep127, 0x1.ffffffp127, -0x1.ffffffp127};
    enum { FAR = sizeof far / sizeof *far, EACH = 7 };
    for (int64_t classes = 0; classes <= 2; classes += 2)
        for (int floats = 0; floats < 2; floats++) {
            world v = open_world(400, classes);
            fill(&v, 3, 30);
            for (int64_t k = 0; k < v.n * COLUMNS; k++)
                v.x[k] += floats ? 0 : 0.1 * (double)k; /* no float between them */
            v.p.n_estimators = 5;
            hone_fitted *f = fit(&v);
            const forest_state *s = f->state;
            assert_true((s->slim != NULL) == floats && (s->walk != NULL) == !floats);
            const int64_t n = s->n_nodes * EACH + FAR;
            double *x = calloc((size_t)(n * COLUMNS), sizeof *x);
            double *got = calloc((size_t)(n * 2), sizeof *got);
            for (int64_t i = 0; i < s->n_nodes; i++)
                for (int k = 0; k < EACH; k++) {
                    const double t = s->threshold[i], to = k % 2 ? INFINITY : -INFINITY;
                    double *row = x + (i * EACH + k) * COLUMNS;
                    memcpy(row, v.x + i % v.n * COLUMNS, COLUMNS * sizeof *row);
                    row[s->feature[i]] = k < 2   ? nextafter(t, to)
                                         : k < 4 ? (double)nextafterf((float)t, (float)to)
                                         : k < 6 ? t + (k % 2 ? 1 : -1) * 0x1p-30
                                                 : t;
                }
            for (int64_t i = 0; i < FAR; i++)
                for (int64_t j = 0; j < COLUMNS; j++)
                    x[(n - FAR + i) * COLUMNS + j] = far[i];
            const hone_matrix m = matrix_of(&v, x, n);
            check_walks(&v, f, &m, x, got);
            free(x), free(got);
            hone_fitted_free(f);
            close_world(&v);
        }
}

/* ---- permutation importances ---- */

static void permute(const world *v, const hone_fitted *f, int threads, double *out)
{
    hone_simple_run storage;
    hone_arena *arena = hone_arena_open(NULL);
    const hone_run *run = hone_run_simple(&storage, threads);
    const hone_trial t = trial_of(v, run);
    const hone_output_job job = {.x = t.table,
                                 .label = t.label,
                                 .target = t.target,
                                 .weight = t.weight,
                                 .shape = t.shape,
                                 .params = f->params,
                                 .state = f->state,
                                 .seed = t.seed,
                                 .run = run,
                                 .scratch = arena};
    const hone_output *o = hone_random_forest.outputs;
    while (strcmp(o->name, "permutation_importances"))
        o++;
    assert_int_equal(o->compute(&job, out, NULL), HONE_OK);
    hone_arena_close(arena);
}

/* One column decides; its exchange makes half of the classes wrong, or leaves the squared
 * error of two strangers: twice the variance. */
static void permuting_what_decides_costs_what_chance_says(void **state)
{
    (void)state;
    for (int64_t classes = 0; classes <= 2; classes += 2) {
        world v = open_world(6000, classes);
        fill(&v, 1, 30);
        for (int64_t i = 0; i < v.n; i++) {
            v.x[i * COLUMNS + 2] = 1; /* constant: no node asks for it */
            v.label[i] = (int32_t)(i % 2), v.y[i] = 10.0 * (double)(i % 2);
            v.x[i * COLUMNS + 3] = (double)(i % 2);
        }
        v.p.n_estimators = 40;
        v.p.max_features = (hone_amount){FEATURES_ALL, false, 0};
        hone_fitted *f = fit(&v);
        double one[COLUMNS], three[COLUMNS];
        permute(&v, f, 1, one);
        permute(&v, f, 3, three);
        assert_memory_equal(one, three, sizeof one);
        assert_true(fabs(one[3] - (classes ? 0.5 : 50)) < (classes ? 0.01 : 1));
        for (int64_t j = 0; j < COLUMNS; j++)
            assert_true(j == 3 || one[j] == 0);
        hone_fitted_free(f);
        close_world(&v);
    }
}

static void permuting_noise_costs_next_to_nothing(void **state)
{
    (void)state;
    world v = open_world(3000, 2);
    fill(&v, 1, 30);
    for (int64_t i = 0; i < v.n; i++)
        v.label[i] = 2 * v.x[i * COLUMNS] + v.x[i * COLUMNS + 1] > 34;
    v.p.n_estimators = 30;
    hone_fitted *f = fit(&v);
    double out[COLUMNS];
    permute(&v, f, 2, out);
    assert_true(out[0] > 0.2 && out[1] > 0.05 && out[0] > out[1]);
    for (int64_t j = 2; j < COLUMNS; j++)
        assert_true(fabs(out[j]) < 0.01);
    hone_fitted_free(f);
    v.p.bootstrap = false; /* no row is outside a bag */
    f = fit(&v);
    permute(&v, f, 2, out);
    for (int64_t j = 0; j < COLUMNS; j++)
        assert_true(isnan(out[j]));
    hone_fitted_free(f);
    close_world(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_split_of_classes_is_the_best),
        cmocka_unit_test(every_split_of_amounts_is_the_best),
        cmocka_unit_test(the_best_split_has_missing_values_on_their_better_side),
        cmocka_unit_test(large_nodes_of_few_values_are_exact),
        cmocka_unit_test(a_prediction_is_the_walk_down_the_tables),
        cmocka_unit_test(values_next_to_thresholds_go_to_their_side),
        cmocka_unit_test(permuting_what_decides_costs_what_chance_says),
        cmocka_unit_test(permuting_noise_costs_next_to_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
