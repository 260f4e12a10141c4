#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "toolbox/random.h"
#include "toolbox/rows.h"
#include "toy.h"

/* ---- a forest of random cuts ---- */

typedef struct forest_params {
    int64_t n_trees, depth;
    hone_amount features;
    bool mean;
} forest_params;

static const char *const words[] = {"sqrt", "all", NULL};
/* clang-format off */
static const hone_param forest_table[] = {
    HONE_INT_PARAM(forest_params, n_trees, .help = "Trees.", .default_value = 3,
                   .legal = {1, 100}, .tune = {1, 10}),
    HONE_INT_PARAM(forest_params, depth, .help = "Depth.", .default_value = 3, .legal = {1, 12},
                   .tune = {1, 6}),
    HONE_AMOUNT_PARAM(forest_params, features, words, .help = "Columns.", .default_word = "sqrt",
                      .legal = {0, 1, HONE_OPEN_LOW}, .legal_count = {1, 1e6}),
    HONE_BOOL_PARAM(forest_params, mean, .help = "Mean of leaves.", .default_value = 1),
    {0},
};

typedef struct forest_state {
    int64_t n_trees, n_nodes;
    int64_t *start;   /* n_trees + 1 */
    int32_t *feature; /* n_nodes */
    float *threshold;
    int32_t *left;    /* -1: leaf; the right child follows */
    double *leaf;     /* n_nodes x outputs */
} forest_state;

static const hone_field forest_fields[] = {
    HONE_COUNT(forest_state, n_trees),
    HONE_COUNT(forest_state, n_nodes),
    HONE_ARRAY(forest_state, start, HONE_N(forest_state, n_trees, 1), HONE_ONE,
               HONE_STARTS(HONE_N(forest_state, n_nodes, 0))),
    HONE_ARRAY(forest_state, feature, HONE_N(forest_state, n_nodes, 0), HONE_ONE, HONE_IN(0, HONE_D)),
    HONE_ARRAY(forest_state, threshold, HONE_N(forest_state, n_nodes, 0), HONE_ONE, HONE_IS_FINITE),
    HONE_ARRAY(forest_state, left, HONE_N(forest_state, n_nodes, 0), HONE_ONE,
               HONE_IN(-1, HONE_N(forest_state, n_nodes, -1))),
    HONE_ARRAY(forest_state, leaf, HONE_N(forest_state, n_nodes, 0), HONE_C, HONE_IS_FINITE),
    {0},
};
/* clang-format on */

static void leaf_of(const hone_fit_job *job, hone_stream *s, double *leaf)
{
    const int64_t i = (int64_t)hone_below(s, (uint64_t)job->x.rows), c = job->shape.outputs;
    if (!job->label) {
        leaf[0] = job->target[i];
        return;
    }
    for (int64_t k = 0; k < c; k++)
        leaf[k] = (k == job->label[i] ? 0.9 : 0.1) / (0.9 + 0.1 * (double)(c - 1));
}

static hone_status forest_fit(const hone_fit_job *job, void *state, hone_error *error)
{
    const forest_params *p = job->params;
    forest_state *s = state;
    const int64_t per_tree = (INT64_C(2) << p->depth) - 1, c = job->shape.outputs;
    s->n_trees = p->n_trees;
    s->n_nodes = p->n_trees * per_tree;
    s->start = HONE_NEW(job->keep, int64_t, s->n_trees + 1, 1);
    s->feature = HONE_NEW(job->keep, int32_t, s->n_nodes, 1);
    s->threshold = HONE_NEW(job->keep, float, s->n_nodes, 1);
    s->left = HONE_NEW(job->keep, int32_t, s->n_nodes, 1);
    s->leaf = HONE_NEW(job->keep, double, s->n_nodes, c);
    if (!s->start || !s->feature || !s->threshold || !s->left || !s->leaf)
        return hone_no_memory(error);
    hone_stream random = hone_stream_of(job->seed, 1, 2);
    for (int64_t t = 0; t < s->n_trees; t++) {
        s->start[t + 1] = s->start[t] + per_tree;
        for (int64_t k = 0; k < per_tree; k++) {
            const int64_t node = s->start[t] + k;
            s->left[node] = k < per_tree / 2 ? (int32_t)(s->start[t] + 2 * k + 1) : -1;
            s->feature[node] = (int32_t)hone_below(&random, (uint64_t)job->shape.stored);
            s->threshold[node] = (float)(4 * hone_uniform(&random) - 1);
            leaf_of(job, &random, s->leaf + node * c);
        }
    }
    return HONE_OK;
}

static hone_status forest_check(const hone_shape *shape, const void *params, const void *state,
                                hone_error *error)
{
    (void)params;
    const forest_state *s = state;
    if (shape->stored != shape->features)
        return hone_fail(error, HONE_CORRUPT, "feature", "columns are expanded");
    for (int64_t t = 0; t < s->n_trees; t++) {
        if (s->start[t] == s->start[t + 1])
            return hone_fail(error, HONE_CORRUPT, "start", "a tree without a node");
        for (int64_t k = s->start[t]; k < s->start[t + 1]; k++)
            if (s->left[k] >= 0 && (s->left[k] <= k || s->left[k] + 1 >= s->start[t + 1]))
                return hone_fail(error, HONE_CORRUPT, "left", "a child before its parent");
    }
    return s->n_trees ? HONE_OK : hone_fail(error, HONE_CORRUPT, "n_trees", "no tree");
}

static const double *walk(const forest_state *s, int64_t tree, const double *row, int64_t c)
{
    int64_t k = s->start[tree];
    while (s->left[k] >= 0)
        k = s->left[k] + (row[s->feature[k]] > (double)s->threshold[k]);
    return s->leaf + k * c;
}

static hone_status forest_block(void *context, int64_t block, hone_arena *scratch,
                                hone_error *error)
{
    const hone_predict_job *job = context;
    const forest_state *s = job->state;
    const int64_t c = job->shape.outputs, d = job->x.cols;
    double *row = HONE_RAW(scratch, double, d, 1);
    if (!row)
        return hone_no_memory(error);
    const int64_t end = block * 64 + 64 < job->x.rows ? block * 64 + 64 : job->x.rows;
    for (int64_t i = block * 64; i < end; i++) {
        const double *x = hone_row_f64(&job->x, i, row);
        for (int64_t k = 0; k < c; k++)
            job->score[i * c + k] = 0;
        for (int64_t t = 0; t < job->members; t++)
            for (int64_t k = 0; k < c; k++)
                job->score[i * c + k] += walk(s, t, x, c)[k] / (double)job->members;
    }
    return HONE_OK;
}

static hone_status forest_predict(const hone_predict_job *job, hone_error *error)
{
    return hone_for_blocks(job->run, (job->x.rows + 63) / 64, forest_block, (void *)(uintptr_t)job,
                           error);
}

static hone_status leaf_numbers(const hone_output_job *job, double *out, hone_error *error)
{
    const forest_state *s = job->state;
    double *row = HONE_RAW(job->scratch, double, job->x.cols, 1);
    if (!row)
        return hone_no_memory(error);
    for (int64_t i = 0; i < job->x.rows; i++)
        for (int64_t t = 0; t < s->n_trees; t++)
            out[i * s->n_trees + t] =
                (double)((walk(s, t, hone_row_f64(&job->x, i, row), job->shape.outputs) - s->leaf) /
                         job->shape.outputs);
    return HONE_OK;
}

static hone_status uses(const hone_output_job *job, double *out, hone_error *error)
{
    (void)error;
    const forest_state *s = job->state;
    for (int64_t j = 0; j < job->shape.features; j++)
        out[j] = 0;
    for (int64_t k = 0; k < s->n_nodes; k++)
        out[s->feature[k]] += 1;
    return HONE_OK;
}

static hone_status training_mean(const hone_output_job *job, double *out, hone_error *error)
{
    (void)error;
    out[0] = 0;
    for (int64_t i = 0; i < job->x.rows; i++)
        out[0] += (job->label ? job->label[i] : job->target[i]) / (double)job->x.rows;
    return HONE_OK;
}

static const hone_output forest_outputs[] = {
    {"leaf",
     "Leaf of each tree.",
     {0},
     HONE_N(forest_state, n_trees, 0),
     true,
     false,
     leaf_numbers},
    {"uses", "Nodes of each column.", HONE_ONE, HONE_D, false, false, uses},
    {"training_mean", "Mean of the target.", HONE_ONE, HONE_ONE, true, true, training_mean},
    {0},
};

const hone_algorithm toy_forest = {
    .abi = HONE_ABI,
    .name = "toy_forest",
    .summary = "Trees of random cuts.",
    .tasks = HONE_CLASSIFICATION | HONE_REGRESSION,
    .takes = HONE_TAKES_MISSING | HONE_TAKES_CATEGORIES | HONE_TAKES_SPARSE,
    .params_size = sizeof(forest_params),
    .state_size = sizeof(forest_state),
    .params = forest_table,
    .state = forest_fields,
    .outputs = forest_outputs,
    .fit = forest_fit,
    .predict = forest_predict,
    .check = forest_check,
    .members = HONE_N(forest_state, n_trees, 0),
};

/* ---- nearest mean ---- */

typedef struct centroid_params {
    int norm;
    double shrink;
} centroid_params;

static const char *const norms[] = {"l2", "l1", NULL};
static const hone_param centroid_table[] = {
    HONE_CHOICE_PARAM(centroid_params, norm, norms, .help = "Distance."),
    HONE_REAL_PARAM(centroid_params, shrink, .help = "Shrinking.", .default_value = 0.1,
                    .legal = {0, 1}, .tune = {0, 1}),
    {0},
};

typedef struct centroid_state {
    double *mean; /* outputs x features */
    double base;  /* of a regression */
    int64_t rows;
    double *length; /* made by prepare: outputs */
} centroid_state;

static const hone_field centroid_fields[] = {
    HONE_ARRAY(centroid_state, mean, HONE_C, HONE_D, HONE_IS_FINITE),
    HONE_NUMBER(centroid_state, base),
    HONE_COUNT(centroid_state, rows),
    {0},
};

static hone_status centroid_fit(const hone_fit_job *job, void *state, hone_error *error)
{
    const centroid_params *p = job->params;
    centroid_state *s = state;
    const int64_t c = job->shape.outputs, d = job->x.cols;
    s->mean = HONE_NEW(job->keep, double, c, d);
    double *row = HONE_RAW(job->scratch, double, d, 1),
           *count = HONE_NEW(job->scratch, double, c, 1);
    if (!s->mean || !row || !count)
        return hone_no_memory(error);
    s->rows = job->x.rows;
    for (int64_t i = 0; i < job->x.rows; i++) {
        const int64_t k = job->label ? job->label[i] : 0;
        const double *x = hone_row_f64(&job->x, i, row);
        count[k]++;
        for (int64_t j = 0; j < d; j++)
            s->mean[k * d + j] += (x[j] - s->mean[k * d + j]) / count[k];
        if (job->target)
            s->base += (job->target[i] - s->base) / count[0];
    }
    for (int64_t k = 0; k < c * d; k++)
        s->mean[k] *= 1 - p->shrink;
    return HONE_OK;
}

static hone_status centroid_prepare(const hone_shape *shape, const void *params, void *state,
                                    hone_arena *keep, hone_error *error)
{
    (void)params;
    centroid_state *s = state;
    s->length = HONE_NEW(keep, double, shape->outputs, 1);
    if (!s->length)
        return hone_no_memory(error);
    for (int64_t k = 0; k < shape->outputs; k++)
        for (int64_t j = 0; j < shape->features; j++)
            s->length[k] += fabs(s->mean[k * shape->features + j]);
    return HONE_OK;
}

static hone_status centroid_predict(const hone_predict_job *job, hone_error *error)
{
    const centroid_params *p = job->params;
    const centroid_state *s = job->state;
    const int64_t c = job->shape.outputs, d = job->x.cols;
    double *row = HONE_RAW(job->scratch, double, d, 1);
    if (!row)
        return hone_no_memory(error);
    for (int64_t i = 0; i < job->x.rows; i++) {
        const double *x = hone_row_f64(&job->x, i, row);
        for (int64_t k = 0; k < c; k++) {
            double sum = 0;
            for (int64_t j = 0; j < d; j++) {
                const double gap = x[j] - s->mean[k * d + j];
                sum += p->norm ? fabs(gap) : gap * gap;
            }
            job->score[i * c + k] = job->shape.task == HONE_REGRESSION ? s->base + 1e-3 * sum
                                                                       : -sum / (1 + s->length[k]);
        }
    }
    return HONE_OK;
}

static hone_scores margins(const void *params)
{
    (void)params;
    return HONE_MARGIN;
}

const hone_algorithm toy_centroid = {
    .abi = HONE_ABI,
    .name = "toy_centroid",
    .summary = "The class of the nearest mean.",
    .tasks = HONE_CLASSIFICATION | HONE_REGRESSION,
    .takes = HONE_LIKES_SCALED | HONE_LIKES_SCALED_TARGET | HONE_TAKES_SPARSE,
    .params_size = sizeof(centroid_params),
    .state_size = sizeof(centroid_state),
    .params = centroid_table,
    .state = centroid_fields,
    .fit = centroid_fit,
    .predict = centroid_predict,
    .prepare = centroid_prepare,
    .scores = margins,
};

const hone_algorithm *const toy_modules[] = {&toy_forest, &toy_centroid, NULL};

const hone_algorithm *toy_module(int k)
{
    return k < 2 ? toy_modules[k] : hone_catalog[k - 2];
}

const char *toy_config(const hone_algorithm *a)
{
    return !strcmp(a->name, "random_forest") ? "{\"n_estimators\":3,\"max_depth\":4}" : "{}";
}

/* ---- data ---- */

static hone_vector answers(hone_task task)
{
    static double amount[TOY_ROWS];
    static const char *label[TOY_ROWS];
    static const char *const names[] = {"low \"bar\"", "middle", "\u00fcber"};
    for (int i = 0; i < TOY_ROWS; i++) {
        amount[i] = 100 + 3.25 * i + (i % 7);
        label[i] = names[(i / 11 + i % 2) % 3];
    }
    if (task == HONE_REGRESSION)
        return (hone_vector){.values = amount, .dtype = HONE_F64};
    return (hone_vector){.values = label, .dtype = HONE_TEXT};
}

static void must(hone_status status, const hone_error *error)
{
    if (status)
        fail_msg("%s: %s: %s", hone_status_name(status), error->path, error->message);
}

hone_dataset *toy_data(hone_task task)
{
    static double width[TOY_ROWS], height[TOY_ROWS];
    static int64_t count[TOY_ROWS];
    static const char *colour[TOY_ROWS];
    static uint8_t flag[TOY_ROWS];
    static const char *const colours[] = {"red", "green", "blue", "grey"};
    hone_stream s = hone_stream_of(5, 6, 7);
    for (int i = 0; i < TOY_ROWS; i++) {
        width[i] = 4 * hone_uniform(&s) + (i / 11) % 3;
        height[i] = i % 13 == 5 ? NAN : hone_uniform(&s) - 0.5;
        count[i] = (int64_t)hone_below(&s, 9);
        colour[i] = i % 17 == 3 ? NULL : colours[hone_below(&s, 4)];
        flag[i] = i % 3 == 0;
    }
    const hone_column columns[TOY_COLS] = {
        {"width", 0, {width, HONE_F64}, NULL, 0},   {"height", 0, {height, HONE_F64}, NULL, 0},
        {"count", 0, {count, HONE_I64}, NULL, 0},   {"colour", 0, {colour, HONE_TEXT}, NULL, 0},
        {"flag", 0, {flag, HONE_BOOLEAN}, NULL, 0},
    };
    hone_dataset *d;
    hone_error error;
    const hone_dataset_options o = {.size = sizeof o, .task = task, .target_name = "size"};
    must(hone_dataset_columns(columns, TOY_COLS, TOY_ROWS, answers(task), &o, &d, &error), &error);
    return d;
}

hone_dataset *toy_numbers(double x[TOY_ROWS * TOY_COLS], hone_task task)
{
    hone_stream s = hone_stream_of(8, 9, 10);
    for (int k = 0; k < TOY_ROWS * TOY_COLS; k++)
        x[k] = 4 * hone_uniform(&s) - 1;
    hone_dataset *d;
    hone_error error;
    const hone_dataset_options o = {.size = sizeof o, .task = task};
    must(hone_dataset_dense(x, HONE_F64, TOY_ROWS, TOY_COLS, TOY_COLS, 1, answers(task), &o, &d,
                            &error),
         &error);
    return d;
}

hone_dataset *toy_sparse(hone_task task)
{
    static float values[TOY_ROWS];
    static int64_t start[TOY_ROWS + 1];
    static int32_t column[TOY_ROWS];
    for (int i = 0; i < TOY_ROWS; i++) {
        values[i] = 0.5F + (float)(i % 5);
        start[i + 1] = i + 1;
        column[i] = (i * 7) % 40;
    }
    hone_dataset *d;
    hone_error error;
    const hone_dataset_options o = {.size = sizeof o, .task = task};
    must(hone_dataset_csr(values, HONE_F32, start, HONE_I64, column, HONE_I32, TOY_ROWS, 40,
                          answers(task), &o, &d, &error),
         &error);
    return d;
}

/* ---- models ---- */

static hone_status fit(const hone_algorithm *a, hone_dataset *d, const hone_resolved *r,
                       hone_arena *arena, hone_model **model, hone_error *error)
{
    hone_simple_run storage;
    hone_shared shared = {.cache = d->cache};
    shared.job.run = hone_run_simple(&storage, 2);
    shared.account = storage.run.account;
    hone_prepared prepared;
    HONE_TRY(hone_prepare(d, a, r->params, &r->prep, NULL, 0, &shared, &prepared, error));
    const double *target;
    must(hone_prepare_target(d, &r->prep, NULL, 0, arena, &prepared.pipeline, &target, error),
         error);
    const hone_trial trial = {.algorithm = a,
                              .params = r->params,
                              .shape = prepared.shape,
                              .table = prepared.table,
                              .table_id = prepared.table_id,
                              .label = d->label,
                              .target = target,
                              .labels_id = d->labels_id,
                              .seed = UINT64_C(18446744073709551557),
                              .run = &storage.run};
    hone_fitted *fitted;
    must(hone_trial_fit(&trial, d->cache, &fitted, NULL, error), error);
    const hone_model_parts parts = {.dataset = d,
                                    .pipeline = &prepared.pipeline,
                                    .fitted = fitted,
                                    .trained_rows = d->table.rows,
                                    .config = r->json,
                                    .config_hash = r->hash,
                                    .record = "{\"loss\":-0.9,\"metric\":\"accuracy\"}",
                                    .run_part = "{\"seconds\":0.25,\"threads\":2}"};
    must(hone_model_new(&parts, model, error), error);
    hone_shared_release(&shared);
    return HONE_OK;
}

static bool is_toy(const hone_algorithm *a)
{
    return a == &toy_forest || a == &toy_centroid;
}

hone_model *toy_model(const hone_algorithm *a, hone_dataset *data, const char *json)
{
    hone_error error;
    if (!(a->tasks & (unsigned)hone_dataset_task(data)))
        return NULL;
    hone_config *config;
    must(hone_config_new(&config, &error), &error);
    if (is_toy(a))
        must(hone_config_use(config, a, &error), &error);
    must(hone_config_parse(config, json, strlen(json), &error), &error);
    must(hone_config_set_text(config, "model", a->name, &error), &error);
    hone_arena *arena = hone_arena_open(NULL);
    hone_resolved resolved;
    must(hone_config_resolve(config, hone_dataset_task(data), false, arena, &resolved, &error),
         &error);
    hone_model *model = NULL;
    const hone_status status = fit(a, data, &resolved, arena, &model, &error);
    if (status != HONE_UNSUPPORTED)
        must(status, &error);
    hone_arena_close(arena);
    hone_config_free(config);
    return model;
}

hone_status toy_load(const void *bytes, size_t size, hone_model **model, hone_error *error)
{
    const hone_load_options o = {.size = sizeof o, .algorithms = toy_modules};
    return hone_model_load_bytes(bytes, size, &o, model, error);
}

bool toy_use(const hone_model *m)
{
    enum { ROWS = 9 };
    static const double odd[] = {0, 1, -1, NAN, 2, 1e30, -1e30, 0.5, 3, 1e-300};
    const int64_t d = hone_model_features(m), c = hone_model_outputs(m);
    double *x = calloc((size_t)(ROWS * d), sizeof *x),
           *out = calloc((size_t)(ROWS * c), sizeof *out);
    assert_true(x && out);
    for (int64_t i = 0; i < ROWS; i++)
        for (int64_t j = 0; j < d; j++) {
            const bool code = m->pipeline.shape[0].levels && m->pipeline.shape[0].levels[j];
            x[i * d + j] = odd[(i + j) % (code ? 5 : 10)];
        }
    const hone_status status =
        hone_model_predict_dense(m, x, HONE_F64, ROWS, d, d, 1, HONE_SCORES, NULL, out, NULL);
    if (!status && hone_model_has_probabilities(m))
        assert_int_equal(
            hone_model_predict_dense(m, x, HONE_F64, ROWS, d, d, 1, HONE_LABELS, NULL, out, NULL),
            HONE_OK);
    free(x);
    free(out);
    return status == HONE_OK;
}
