/* Fitting: the rows of positive weight, stored once, in float32 where that loses nothing. */
#include <float.h>

#include "knn.h"

enum { ROWS = 512 }; /* of a block */

typedef struct copying {
    const hone_fit_job *job;
    knn_state *s;
} copying;

static int64_t source(const knn_state *s, int64_t i)
{
    return s->n_positions ? s->position[i] : i;
}

static bool is_exact(double v)
{
    return isnan(v) || (fabs(v) <= FLT_MAX && (double)(float)v == v);
}

static int64_t end_of(int64_t rows, int64_t block)
{
    return (block + 1) * ROWS < rows ? (block + 1) * ROWS : rows;
}

/* ---- whether float32 holds all values ---- */

typedef struct survey {
    const hone_matrix *x;
    const int64_t *position; /* of row i in x; NULL: i */
    int64_t rows;
    bool *inexact; /* by block */
} survey;

static hone_status survey_block(void *context, int64_t block, hone_arena *scratch,
                                hone_error *error)
{
    const survey *y = context;
    const int64_t d = y->x->cols, end = end_of(y->rows, block);
    double *buffer = HONE_RAW(scratch, double, d, 1);
    if (!buffer)
        return hone_no_memory(error);
    for (int64_t i = block * ROWS; i < end && !y->inexact[block]; i++) {
        const double *row = hone_row_f64(y->x, y->position ? y->position[i] : i, buffer);
        for (int64_t k = 0; k < d; k++)
            y->inexact[block] |= !is_exact(row[k]);
    }
    return HONE_OK;
}

static hone_status survey_rows(const hone_fit_job *job, const int64_t *position, int64_t rows,
                               bool *exact, hone_error *error)
{
    const int64_t blocks = (rows + ROWS - 1) / ROWS;
    survey y = {&job->x, position, rows, HONE_NEW(job->scratch, bool, blocks, 1)};
    if (!y.inexact)
        return hone_no_memory(error);
    HONE_TRY(hone_for_blocks(job->run, blocks, survey_block, &y, error));
    *exact = true;
    for (int64_t b = 0; b < blocks; b++)
        *exact &= !y.inexact[b];
    return HONE_OK;
}

/* Of all rows: once for all trials on them. */
static hone_status survey_once(const hone_fit_job *job, const int64_t key[HONE_KEY], void *object,
                               hone_error *error)
{
    (void)key;
    return survey_rows(job, NULL, job->x.rows, object, error);
}

static const hone_recipe EXACT = {"knn.exact/1", HONE_OF_ROWS, sizeof(bool), survey_once};

/* ---- rows that stay where they are ---- */

/* Counts as those of a copy. */
static hone_status borrow_rows(const hone_fit_job *job, knn_state *s, hone_error *error)
{
    static const int64_t no_key[HONE_KEY] = {0};
    const void *exact;
    HONE_TRY(hone_derive(job->shared, &EXACT, no_key, &exact, error));
    s->n_narrow = *(const bool *)exact ? s->n_rows : 0;
    s->n_wide = s->n_rows - s->n_narrow;
    s->given = job->x;
    return HONE_OK;
}

/* ---- dense rows ---- */

static hone_status copy_narrow(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    const copying *c = context;
    const int64_t d = c->job->x.cols, end = end_of(c->s->n_rows, block);
    double *buffer = HONE_RAW(scratch, double, d, 1);
    if (!buffer)
        return hone_no_memory(error);
    for (int64_t i = block * ROWS; i < end; i++) {
        const double *row = hone_row_f64(&c->job->x, source(c->s, i), buffer);
        for (int64_t k = 0; k < d; k++)
            c->s->narrow[i * d + k] = (float)row[k];
    }
    return HONE_OK;
}

static hone_status copy_wide(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    (void)scratch, (void)error;
    const copying *c = context;
    const int64_t d = c->job->x.cols, end = end_of(c->s->n_rows, block);
    for (int64_t i = block * ROWS; i < end; i++)
        hone_rows_f64(&c->job->x, source(c->s, i), 1, c->s->wide + i * d, d);
    return HONE_OK;
}

static hone_status copy_dense(const hone_fit_job *job, knn_state *s, hone_error *error)
{
    const int64_t n = s->n_rows, d = job->x.cols;
    copying c = {job, s};
    bool exact = false;
    HONE_TRY(survey_rows(job, s->n_positions ? s->position : NULL, n, &exact, error));
    s->n_narrow = exact ? n : 0;
    s->n_wide = n - s->n_narrow;
    s->narrow = HONE_RAW(job->keep, float, s->n_narrow, d);
    s->wide = HONE_RAW(job->keep, double, s->n_wide, d);
    if (!s->narrow || !s->wide)
        return hone_no_memory(error);
    return hone_for_blocks(job->run, (n + ROWS - 1) / ROWS, exact ? copy_narrow : copy_wide, &c,
                           error);
}

/* ---- sparse rows ---- */

static hone_status copy_sparse(const hone_fit_job *job, knn_state *s, hone_error *error)
{
    int64_t most = 0, next = 0;
    for (int64_t i = 0; i < s->n_rows; i++)
        most += hone_row_room(&job->x, source(s, i));
    s->n_sparse = s->n_rows;
    s->sparse_column = HONE_RAW(job->keep, int32_t, most, 1);
    double *value = HONE_RAW(job->scratch, double, most, 1);
    if (!s->sparse_column || !value)
        return hone_no_memory(error);
    for (int64_t i = 0; i < s->n_rows; i++) {
        s->sparse_start[i] = next;
        next += hone_row_entries(&job->x, source(s, i), s->sparse_column + next, value + next);
    }
    s->sparse_start[s->n_rows] = s->n_entries = next;
    bool exact = true;
    for (int64_t t = 0; t < next; t++)
        exact &= is_exact(value[t]);
    s->n_thin = exact ? next : 0;
    s->n_thick = next - s->n_thin;
    s->sparse_thin = HONE_RAW(job->keep, float, s->n_thin, 1);
    s->sparse_thick = HONE_RAW(job->keep, double, s->n_thick, 1);
    if (!s->sparse_thin || !s->sparse_thick)
        return hone_no_memory(error);
    for (int64_t t = 0; t < s->n_thin; t++)
        s->sparse_thin[t] = (float)value[t];
    memcpy(s->sparse_thick, value, (size_t)s->n_thick * sizeof *value);
    return HONE_OK;
}

/* ---- labels and weights ---- */

/* Rows of weight 0 are as if absent. */
static hone_status choose_rows(const hone_fit_job *job, knn_state *s, hone_error *error)
{
    const int64_t n = job->x.rows;
    s->n_rows = n;
    for (int64_t i = 0; job->weight && i < n; i++)
        s->n_rows -= job->weight[i] == 0;
    if (s->n_rows > INT32_MAX)
        return hone_fail(error, HONE_UNSUPPORTED, "knn", "takes fewer than 2^31 rows");
    s->n_positions = s->n_rows < n ? s->n_rows : 0;
    s->position = HONE_RAW(job->keep, int64_t, s->n_positions, 1);
    if (!s->position)
        return hone_no_memory(error);
    int64_t next = 0;
    for (int64_t i = 0; s->n_positions && i < n; i++)
        if (job->weight[i] > 0)
            s->position[next++] = i;
    return HONE_OK;
}

/* Factors that make classes weigh the same. A class's sum is one of weights over its largest, which
 * can neither vanish nor be too large, whatever weights are given. */
static hone_status balance(const hone_fit_job *job, knn_state *s, hone_error *error)
{
    const int64_t classes = job->shape.outputs;
    double *sum = HONE_NEW(job->scratch, double, classes, 2), *largest = sum + classes;
    int64_t present = 0;
    if (!sum)
        return hone_no_memory(error);
    for (int64_t i = 0; i < s->n_rows; i++)
        largest[s->label[i]] = fmax(largest[s->label[i]], s->weight[i]);
    for (int64_t i = 0; i < s->n_rows; i++)
        sum[s->label[i]] += s->weight[i] / largest[s->label[i]];
    for (int64_t c = 0; c < classes; c++)
        present += sum[c] > 0;
    for (int64_t i = 0; i < s->n_rows; i++) {
        const int32_t c = s->label[i];
        const double share = s->weight[i] / largest[c] / sum[c];
        s->weight[i] = fmax(share * ((double)s->n_rows / (double)present), DBL_MIN);
    }
    return HONE_OK;
}

/* Votes by the largest weight: their sums are finite. */
static hone_status copy_weights(const hone_fit_job *job, knn_state *s, hone_error *error)
{
    const knn_params *params = job->params;
    const bool balanced = s->n_labels && params->class_weight == WEIGHTS_BALANCED;
    s->n_weights = job->weight || balanced ? s->n_rows : 0;
    s->weight = HONE_RAW(job->keep, double, s->n_weights, 1);
    if (!s->weight)
        return hone_no_memory(error);
    for (int64_t i = 0; i < s->n_weights; i++)
        s->weight[i] = job->weight ? job->weight[source(s, i)] : 1;
    if (balanced)
        HONE_TRY(balance(job, s, error));
    return HONE_OK;
}

static hone_status copy_answers(const hone_fit_job *job, knn_state *s, hone_error *error)
{
    s->n_labels = job->label ? s->n_rows : 0;
    s->n_targets = s->n_rows - s->n_labels;
    if (s->later) {
        s->label = (int32_t *)job->label, s->target = (double *)job->target;
        return copy_weights(job, s, error);
    }
    s->label = HONE_RAW(job->keep, int32_t, s->n_labels, 1);
    s->target = HONE_RAW(job->keep, double, s->n_targets, 1);
    if (!s->label || !s->target)
        return hone_no_memory(error);
    for (int64_t i = 0; i < s->n_labels; i++)
        s->label[i] = job->label[source(s, i)];
    for (int64_t i = 0; i < s->n_targets; i++)
        s->target[i] = job->target[source(s, i)];
    return copy_weights(job, s, error);
}

static hone_status copy_rows(const hone_fit_job *job, knn_state *s, hone_error *error)
{
    const bool sparse = job->x.layout == HONE_CSR;
    s->sparse_start = HONE_NEW(job->keep, int64_t, sparse ? s->n_rows + 1 : 1, 1);
    if (!s->sparse_start)
        return hone_no_memory(error);
    return sparse ? copy_sparse(job, s, error) : copy_dense(job, s, error);
}

hone_status knn_copy_rows(const hone_fit_job *job, knn_state *s, hone_error *error)
{
    HONE_TRY(choose_rows(job, s, error));
    return copy_rows(job, s, error);
}

hone_status knn_fit(const hone_fit_job *job, void *state, hone_error *error)
{
    knn_state *s = state;
    const knn_params *params = job->params;
    HONE_TRY(choose_rows(job, s, error));
    s->shares = !s->n_positions;
    s->later = s->shares && job->passing && job->x.layout != HONE_CSR;
    HONE_TRY(s->later ? borrow_rows(job, s, error) : copy_rows(job, s, error));
    s->neighbors = params->n_neighbors;
    if (s->neighbors > s->n_rows) {
        s->neighbors = s->n_rows;
        HONE_TRY(hone_adjust(job->run, "n_neighbors", (double)s->n_rows, error));
    }
    HONE_TRY(copy_answers(job, s, error));
    hone_work(job->run, s->n_rows * job->x.cols);
    return HONE_OK;
}
