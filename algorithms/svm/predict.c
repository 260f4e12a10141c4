/* Decisions of all pairs, from planes or from kernel values of unique support vectors; then votes
 * or probabilities. */
#include <float.h>
#include <string.h>

#include "combine.h"
#include "fit.h"
#include "held.h"
#include "planes.h"
#include "sigmoid.h"

enum {
    ROWS = 48,   /* rows of a block */
    PANELS = 32, /* panels of vectors between two additions */
    WIDTH = PANELS * HONE_LANES
};

/* Least probability of a pair. */
#define LEAST 1e-7

struct svm_prepared {
    planes *planes;     /* by column; NULL: dense, or none */
    hone_panels panels; /* of the support vectors */
    kernel kernel;      /* for whatever instructions a run takes */
    double *coef;       /* one coefficient: by panels; more: n_sv x cols */
    int64_t cols;       /* n_coefs, padded */
};

static bool pack_dense(const svm_state *s, int64_t d, hone_arena *keep, hone_panels *p)
{
    float *x = HONE_NEW(keep, float, hone_panel_count(s->n_sv) * HONE_LANES, d);
    for (int64_t i = 0; x && i < s->n_sv; i++)
        for (int64_t k = 0; k < d; k++)
            x[(i / HONE_LANES * d + k) * HONE_LANES + i % HONE_LANES] = s->vectors[i * d + k];
    p->x = x;
    return x;
}

static void refer_sparse(const svm_state *s, hone_panels *p)
{
    p->begin = s->sparse_start, p->end = s->sparse_start + 1;
    p->column = s->sparse_column, p->value = s->sparse_value;
}

/* One coefficient a vector lies as its kernel values do, so that no class needs a loop of its own.
 */
static bool pack_coefs(svm_state *s, hone_arena *keep)
{
    const int64_t c = s->n_coefs;
    const int64_t cols = c > 1 ? (c + COMBINE_PAD - 1) / COMBINE_PAD * COMBINE_PAD : 1;
    double *coef = HONE_NEW(keep, double, hone_panel_count(s->n_sv) * HONE_LANES, cols);
    for (int64_t v = 0; coef && v < s->n_sv; v++)
        memcpy(coef + v * cols, s->coef + v * c, (size_t)c * sizeof *coef);
    s->prepared->cols = cols;
    s->prepared->coef = coef;
    return coef;
}

static hone_status prepare_vectors(svm_state *s, const svm_params *params, int64_t d,
                                   hone_arena *keep, hone_error *error)
{
    float *norm = HONE_NEW(keep, float, hone_panel_count(s->n_sv), HONE_LANES);
    if (!norm || !pack_coefs(s, keep))
        return hone_no_memory(error);
    hone_panels *p = &s->prepared->panels;
    *p = (hone_panels){.n = s->n_sv, .d = d, .unit = s->unit, .centre = s->centre, .norm = norm};
    if (s->n_sparse)
        refer_sparse(s, p);
    else if (!pack_dense(s, d, keep, p))
        return hone_no_memory(error);
    held_norms(p, norm);
    s->prepared->kernel = kernel_of(params, s->gamma, p, HONE_ISA_PORTABLE);
    return HONE_OK;
}

hone_status svm_prepare(const hone_shape *shape, const void *params, void *state, hone_arena *keep,
                        hone_error *error)
{
    svm_state *s = state;
    s->prepared = HONE_NEW(keep, struct svm_prepared, 1, 1);
    if (!s->prepared)
        return hone_no_memory(error);
    if (((const svm_params *)params)->kernel != SVM_LINEAR)
        return prepare_vectors(s, params, shape->features, keep, error);
    return planes_prepare(s, shape->features, keep, &s->prepared->planes) ? HONE_OK
                                                                          : hone_no_memory(error);
}

/* ---- decisions ---- */

/* Adds vectors [first, first + count) to sum[r][class][coefficient]; against the rest, all to the
 * first class. */
static void add_vectors(const svm_state *s, int64_t classes, bool rest, int64_t first,
                        int64_t count, const float *values, int64_t rows, hone_isa isa, double *sum)
{
    const struct svm_prepared *p = s->prepared;
    const int64_t cols = p->cols, end = first + count;
    if (cols == 1) {
        HONE_PICK(isa, svm_combine_one)
        (values, WIDTH, rows, p->coef + first, hone_panel_count(count) * HONE_LANES, sum, classes);
        return;
    }
    if (rest)
        HONE_PICK(isa, svm_combine_many)
    (values, WIDTH, rows, p->coef + first * cols, cols, count, sum, classes * cols);
    for (int64_t c = 0; c < classes && !rest; c++) {
        const int64_t from = s->class_start[c] > first ? s->class_start[c] : first;
        const int64_t to = s->class_start[c + 1] < end ? s->class_start[c + 1] : end;
        if (from < to)
            HONE_PICK(isa, svm_combine_many)
        (values + from - first, WIDTH, rows, p->coef + from * cols, cols, to - from, sum + c * cols,
         classes * cols);
    }
}

/* sum[class][coefficient], or sum[0][pair] where classes have no pairs. */
static void sum_up(const svm_state *s, int64_t k, bool by_pair, const double *sum, double *decision)
{
    const int64_t cols = s->prepared->cols;
    for (int64_t p = 0; p < s->n_pairs && by_pair; p++)
        decision[p] = sum[p] + s->intercept[p];
    for (int64_t a = 0; a < k && !by_pair; a++)
        for (int64_t b = a + 1; b < k; b++) {
            const int64_t p = svm_pair(a, b, k);
            decision[p] = sum[a * cols + b - 1] + sum[b * cols + a] + s->intercept[p];
        }
}

/* Class a or b of a pair. A decision of 0 goes to the class whose turn is later, as in LIBSVM. */
static int64_t chosen(const svm_state *s, int64_t a, int64_t b, double decision)
{
    const bool turned = s->n_turns && s->turn[a] > s->turn[b];
    return decision > 0 || (decision == 0 && turned) ? a : b;
}

/* Votes, ties to the class whose turn comes first as in LIBSVM; a margin term below one half tells
 * scores apart without changing the winner. */
static void vote(const svm_state *s, const double *decision, int64_t k, double *score)
{
    double best_vote = 0, best_margin = 0;
    int64_t winner = -1;
    for (int64_t c = 0; c < k; c++)
        score[c] = 0;
    for (int64_t a = 0; a < k; a++)
        for (int64_t b = a + 1; b < k; b++)
            score[chosen(s, a, b, decision[svm_pair(a, b, k)])]++;
    for (int64_t c = 0; c < k; c++)
        if (winner < 0 || score[c] > best_vote ||
            (score[c] == best_vote && s->n_turns && s->turn[c] < s->turn[winner])) {
            winner = c;
            best_vote = score[c];
        }
    best_margin = -1;
    for (int64_t c = 0; c < k; c++) {
        const bool tied = score[c] == best_vote;
        double margin = 0;
        for (int64_t o = 0; o < k; o++)
            if (o != c)
                margin += c < o ? decision[svm_pair(c, o, k)] : -decision[svm_pair(o, c, k)];
        margin = margin / (3 * (fabs(margin) + 1));
        score[c] += margin;
        if (tied)
            best_margin = fmax(best_margin, margin);
    }
    if (winner >= 0)
        score[winner] = s->n_turns ? nextafter(best_vote + best_margin, best_vote + 1)
                                   : best_vote + best_margin;
}

/* r[a][b] of every pair, kept off 0 and 1 as in LIBSVM; `room`: 2 k k + k. */
static void give_probabilities(const svm_state *s, int64_t k, const double *decision, double *room,
                               double *score)
{
    double *r = room;
    for (int64_t a = 0; a < k; a++)
        for (int64_t b = a + 1; b < k; b++) {
            const int64_t p = svm_pair(a, b, k);
            const double v = sigmoid_at(s->sigmoid_a[p], s->sigmoid_b[p], decision[p]);
            r[a * k + b] = fmin(fmax(v, LEAST), 1 - LEAST);
            r[b * k + a] = 1 - r[a * k + b];
        }
    if (k == 2) {
        score[0] = r[1];
        score[1] = r[2];
    } else {
        sigmoid_couple(r, k, room + k * k, score);
    }
}

typedef struct prediction {
    const hone_predict_job *job;
    bool margins; /* also where probabilities were asked for */
    bool linear;  /* by planes; else by */
    kernel kernel;
    const held *held; /* distances at hand, or NULL */
} prediction;

/* One against the rest: a decision belongs to its class. */
static void score_classes(const svm_state *s, int64_t k, bool sigmoids, const double *decision,
                          double *score)
{
    double all = 0;
    for (int64_t c = 0; c < k; c++) {
        score[c] = decision[c];
        if (sigmoids)
            score[c] = fmax(sigmoid_at(s->sigmoid_a[c], s->sigmoid_b[c], score[c]), LEAST);
        all += score[c];
    }
    for (int64_t c = 0; c < k && sigmoids; c++)
        score[c] /= all;
}

static bool decides_by_pair(const hone_predict_job *job)
{
    return job->shape.task == HONE_REGRESSION || svm_against_rest(job->params, job->shape.outputs);
}

static void score_row(const prediction *p, const double *decision, double *room, double *score)
{
    const hone_predict_job *job = p->job;
    const svm_state *s = job->state;
    const bool sigmoids = s->n_sigmoids && !p->margins;
    const int64_t k = job->shape.outputs;
    if (job->shape.task == HONE_REGRESSION) {
        score[0] = decision[0];
    } else if (decides_by_pair(job)) {
        score_classes(s, k, sigmoids, decision, score);
    } else if (k == 1) {
        score[0] = 1;
    } else if (sigmoids) {
        give_probabilities(s, k, decision, room, score);
    } else if (k == 2) {
        score[0] = decision[0];
        score[1] = -decision[0];
        if (decision[0] == 0) /* the least number that tells the classes apart */
            score[chosen(s, 0, 1, 0)] = DBL_TRUE_MIN;
    } else {
        vote(s, decision, k, score);
    }
}

/* ---- blocks of rows ---- */

/* Rows of a block and where their distances come from. */
typedef struct desk {
    hone_queries q;
    int32_t *map;
    float *values; /* rows x WIDTH */
} desk;

static bool desk_new(const prediction *p, int64_t first, int64_t rows, hone_arena *scratch, desk *d)
{
    const hone_predict_job *job = p->job;
    const hone_panels *panels = &((const svm_state *)job->state)->prepared->panels;
    hone_query_buffer buffer;
    d->values = HONE_RAW(scratch, float, rows, WIDTH);
    if (p->held)
        return d->values;
    if (!hone_queries_new(panels, &job->x, first, rows, scratch, &d->q) ||
        !hone_query_buffer_new(panels->d, scratch, &buffer) ||
        !hone_map_new(panels, scratch, &d->map))
        return false;
    hone_queries_read(panels, &job->x, first, rows, p->kernel.isa, &buffer, &d->q);
    return d->values;
}

/* Kernel values of the block with vectors from panel `at` on. */
static void fill_values(const prediction *p, int64_t first, int64_t rows, int64_t at, int64_t count,
                        const desk *d)
{
    const svm_state *s = p->job->state;
    const int64_t from = at * HONE_LANES, most = count * HONE_LANES;
    const int64_t some = s->n_sv - from < most ? s->n_sv - from : most;
    if (!p->held) {
        kernel_block(&p->kernel, &d->q, &s->prepared->panels, at, count, d->map, d->values, WIDTH);
        return;
    }
    for (int64_t r = 0; r < rows; r++) {
        const float *distance = p->held->value + (first + r) * p->held->stride;
        float *to = d->values + r * WIDTH;
        for (int64_t v = 0; v < some; v++)
            to[v] = distance[s->support[from + v]];
        for (int64_t v = some; v < most; v++)
            to[v] = 0;
        kernel_values(&p->kernel, to, most, to);
    }
}

static hone_status by_vectors(const prediction *p, int64_t first, int64_t rows, hone_arena *scratch,
                              double *decision, hone_error *error)
{
    const hone_predict_job *job = p->job;
    const svm_state *s = job->state;
    const hone_panels *panels = &s->prepared->panels;
    const int64_t k = job->shape.outputs, cell = k * s->prepared->cols;
    const int64_t all = hone_panel_count(panels->n);
    const bool by_pair = decides_by_pair(job);
    desk d;
    double *sum = HONE_NEW(scratch, double, rows, cell);
    if (!desk_new(p, first, rows, scratch, &d) || !sum)
        return hone_no_memory(error);
    for (int64_t at = 0; at < all; at += PANELS) {
        const int64_t count = all - at < PANELS ? all - at : PANELS, v = at * HONE_LANES;
        fill_values(p, first, rows, at, count, &d);
        const int64_t true_count = panels->n - v < WIDTH ? panels->n - v : WIDTH;
        add_vectors(s, k, by_pair, v, true_count, d.values, rows, p->kernel.isa, sum);
    }
    for (int64_t i = 0; i < rows * cell; i++)
        sum[i] *= p->kernel.scale;
    for (int64_t r = 0; r < rows; r++)
        sum_up(s, k, by_pair, sum + r * cell, decision + r * s->n_pairs);
    return HONE_OK;
}

static hone_status predict_block(void *context, int64_t block, hone_arena *scratch,
                                 hone_error *error)
{
    const prediction *p = context;
    const hone_predict_job *job = p->job;
    const svm_state *s = job->state;
    const int64_t first = block * ROWS, left = job->x.rows - first, k = job->shape.outputs;
    const int64_t rows = left < ROWS ? left : ROWS;
    double *decision = HONE_RAW(scratch, double, rows, s->n_pairs);
    double *room = HONE_RAW(scratch, double, 2 * k + 1, k);
    if (!decision || !room)
        return hone_no_memory(error);
    if (p->linear)
        HONE_TRY(planes_decide(s, s->prepared->planes, &job->x, first, rows, hone_run_isa(job->run),
                               scratch, decision, error));
    else
        HONE_TRY(by_vectors(p, first, rows, scratch, decision, error));
    for (int64_t r = 0; r < rows; r++)
        score_row(p, decision + r * s->n_pairs, room, job->score + (first + r) * k);
    return HONE_OK;
}

static hone_status predict(const hone_predict_job *job, bool margins, hone_error *error)
{
    const svm_state *s = job->state;
    const hone_panels *vectors = &s->prepared->panels;
    prediction p = {.job = job,
                    .margins = margins,
                    .linear = ((const svm_params *)job->params)->kernel == SVM_LINEAR};
    if (!p.linear) {
        p.kernel = s->prepared->kernel;
        p.kernel.isa = hone_run_isa(job->run);
        HONE_TRY(held_find(job, &p.kernel, vectors, &p.held, error));
    }
    return hone_for_blocks(job->run, (job->x.rows + ROWS - 1) / ROWS, predict_block, &p, error);
}

hone_status svm_predict(const hone_predict_job *job, hone_error *error)
{
    return predict(job, false, error);
}

static hone_status tell_margins(const hone_output_job *job, double *out, hone_error *error)
{
    const hone_predict_job as = {.x = job->x,
                                 .shape = job->shape,
                                 .params = job->params,
                                 .state = job->state,
                                 .run = job->run,
                                 .scratch = job->scratch,
                                 .score = out};
    return predict(&as, true, error);
}

const hone_output svm_outputs[] = {
    {"margins", "Scores of rows as they are without probabilities.", .cols = HONE_C,
     .needs_x = true, .compute = tell_margins},
    {0},
};
