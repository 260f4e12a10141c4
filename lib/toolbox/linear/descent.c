/* An l1 penalty over many columns: proximal Newton on working sets by coordinate descent (Yuan, Ho
 * and Lin, JMLR 13, 2012; working sets as in Massias, Gramfort and Salmon, ICML 2018).
 *
 * z  margins   r  dloss/dz   h  d2loss/dz2   m  z less what the other outputs add up to
 * d  step of one output   u  X d   q  h u   set  coordinates of the step
 * A step costs the entries of all columns once (which violate their conditions?) and those of the
 * set once an epoch. Several outputs take turns: with the others fixed, a softmax is a logistic
 * loss of z_k - log(sum of the others' exp).
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "toolbox/linear/columns.h"
#include "toolbox/linear/solver.h"
#include "toolbox/linear/tile.h"

enum { HALVINGS = 40, EPOCHS = 100, FEWEST = 64, BINS = 64, BLOCK_ENTRIES = 1 << 15 };
enum { MOST_BLOCKS = 256, POLL_ENTRIES = 1 << 15 };

/* What an epoch's decrease must fall to, in shares of the first one's. */
static const double SETTLED = 0.1;
/* Longest change of a row's margin that its own curvature may ask for. */
static const double LONGEST = 16;

typedef struct descent {
    hone_solver *s;
    const hone_columns *c;
    int64_t n, size, blocks;
    double *z;                        /* outputs x n */
    double *m, *trial, *r, *h, *u;    /* n, padded */
    double *q;                        /* n */
    double *y, *weight;               /* n, padded */
    double *others;                   /* n: log of the sum of the other outputs' exp */
    double *v;                        /* of the output at work */
    double *g, *d, *bend, *violation; /* size */
    int64_t *set, count;
    double rest, F; /* what the loss has beside that of m; the objective */
    int64_t touched;
} descent;

static bool is_intercept(const descent *t, int64_t j)
{
    return t->s->rows.design->intercept && j == t->s->rows.design->numeric;
}

/* ---- one output among several ---- */

/* Loss of margins m, r and h there. */
static double evaluate(const descent *t, const double *m)
{
    const hone_isa isa = hone_run_isa(t->s->rows.run);
    switch (t->s->rows.loss) {
    case HONE_SQUARED:
        return HONE_PICK(isa, hone_tile_squared_f64)(t->n, m, t->y, t->weight, t->r, t->h);
    case HONE_SQUARED_HINGE:
        return HONE_PICK(isa, hone_tile_hinge_f64)(t->n, m, t->y, t->weight, t->r, t->h);
    case HONE_LOGISTIC:
    case HONE_SOFTMAX:
        break;
    }
    return HONE_PICK(isa, hone_tile_logistic_f64)(t->n, m, t->y, t->weight, t->r, t->h);
}

/* A row on the far side has a slope and next to no curvature: alone in a column it would be sent
 * anywhere. */
static void straighten(descent *t)
{
    if (t->s->rows.loss == HONE_LOGISTIC || t->s->rows.loss == HONE_SOFTMAX)
        for (int64_t i = 0; i < t->n; i++)
            t->h[i] = fmax(t->h[i], fabs(t->r[i]) / LONGEST);
}

static void face(descent *t, int64_t k)
{
    const int64_t outputs = t->s->rows.outputs, n = t->n;
    const int32_t *label = t->s->rows.label;
    t->v = t->s->v + k * t->size, t->rest = 0;
    for (int64_t i = 0; i < n && outputs == 1; i++)
        t->m[i] = t->z[i];
    for (int64_t i = 0; i < n && outputs > 1; i++) {
        double top = -DBL_MAX, sum = 0;
        for (int64_t l = 0; l < outputs; l++)
            top = l == k ? top : fmax(top, t->z[l * n + i]);
        for (int64_t l = 0; l < outputs; l++)
            sum += l == k ? 0 : exp(t->z[l * n + i] - top);
        t->others[i] = top + log(sum);
        t->m[i] = t->z[k * n + i] - t->others[i];
        t->y[i] = label[i] == k ? 1 : -1;
        if (label[i] != k)
            t->rest += t->weight[i] * (t->others[i] - t->z[label[i] * n + i]);
    }
}

/* ---- conditions of all columns ---- */

static hone_status gradient_block(void *context, int64_t block, hone_arena *scratch,
                                  hone_error *error)
{
    (void)scratch, (void)error;
    descent *t = context;
    const hone_solver *s = t->s;
    const int64_t end = hone_columns_block(t->c, t->size, block + 1, t->blocks);
    for (int64_t j = hone_columns_block(t->c, t->size, block, t->blocks); j < end; j++) {
        double g = 0;
        for (int64_t i = 0; i < t->n && is_intercept(t, j); i++)
            g += t->r[i];
        g += hone_column_dot(t->c, j, t->r) + s->ridge[j] * t->v[j];
        const double lasso = s->lasso[j];
        t->g[j] = g;
        t->violation[j] = t->v[j] > 0   ? fabs(g + lasso)
                          : t->v[j] < 0 ? fabs(g - lasso)
                                        : fmax(fabs(g) - lasso, 0);
    }
    return HONE_OK;
}

/* Violations of all columns of the output that `face` and `evaluate` have made ready. */
static hone_status look(descent *t, hone_error *error)
{
    HONE_TRY(hone_for_blocks(t->s->rows.run, t->blocks, gradient_block, t, error));
    hone_work(t->s->rows.run, t->c->start[t->size]);
    return HONE_OK;
}

/* The set: non-zeros, the intercept, and the worst violators, about as many as non-zeros. Gives the
 * decrease that columns would bring one by one. */
static double choose(descent *t)
{
    const hone_solver *s = t->s;
    double most = 0, mean = 0, sum = 0;
    int64_t bins[BINS + 1] = {0}, support = 0, taken = 0, lowest = BINS;
    for (int64_t i = 0; i < t->n; i++)
        mean += t->h[i];
    for (int64_t j = 0; j < t->size; j++) {
        const double bend = mean + s->ridge[j];
        most = fmax(most, t->violation[j]);
        sum += bend > DBL_MIN ? t->violation[j] * t->violation[j] / bend / 2 : 0;
        support += t->v[j] != 0;
    }
    t->count = 0;
    for (int64_t j = 0; j < t->size && most > 0; j++)
        if (t->v[j] == 0 && t->violation[j] > 0)
            bins[(int64_t)(t->violation[j] / most * BINS)]++;
    const int64_t wanted = support > FEWEST ? support : FEWEST;
    for (; lowest >= 0 && taken < wanted; lowest--)
        taken += bins[lowest];
    for (int64_t j = 0; j < t->size; j++)
        if (t->v[j] != 0 || is_intercept(t, j) ||
            (t->violation[j] > 0 && (int64_t)(t->violation[j] / most * BINS) > lowest))
            t->set[t->count++] = j;
    return sum;
}

/* ---- the step ---- */

/* Slope of the model's smooth part along coordinate j of the set, at d. */
static double slope_of(const descent *t, int64_t j)
{
    double sum = t->g[j] + t->s->ridge[j] * t->d[j];
    for (int64_t i = 0; i < t->n && is_intercept(t, j); i++)
        sum += t->q[i];
    return sum + hone_column_dot(t->c, j, t->q);
}

static double curvature_of(const descent *t, int64_t j)
{
    double sum = t->s->ridge[j];
    for (int64_t i = 0; i < t->n && is_intercept(t, j); i++)
        sum += t->h[i];
    for (int64_t k = t->c->start[j]; k < t->c->start[j + 1]; k++)
        sum += t->c->value[k] * t->c->value[k] * t->h[t->c->row[k]];
    return sum;
}

/* u += by * column j */
static void add_column(const descent *t, int64_t j, double by, double *u)
{
    for (int64_t i = 0; i < t->n && is_intercept(t, j); i++)
        u[i] += by;
    for (int64_t k = t->c->start[j]; k < t->c->start[j + 1]; k++)
        u[t->c->row[k]] += by * t->c->value[k];
}

/* q += by * h * column j */
static void bend_column(const descent *t, int64_t j, double by)
{
    for (int64_t i = 0; i < t->n && is_intercept(t, j); i++)
        t->q[i] += by * t->h[i];
    for (int64_t k = t->c->start[j]; k < t->c->start[j + 1]; k++)
        t->q[t->c->row[k]] += by * t->c->value[k] * t->h[t->c->row[k]];
}

/* Moves coordinate j to the minimum of the model; gives the decrease in units of curvature. */
static double descend(descent *t, int64_t j)
{
    const double bend = t->bend[j], lasso = t->s->lasso[j];
    if (!(bend > DBL_MIN))
        return 0;
    const double at = t->v[j] + t->d[j], goal = at - slope_of(t, j) / bend, edge = lasso / bend;
    const double next = goal > edge ? goal - edge : goal < -edge ? goal + edge : 0;
    const double move = next - at;
    t->touched += 2 * (t->c->start[j + 1] - t->c->start[j]) + (is_intercept(t, j) ? t->n : 1);
    if (move == 0)
        return 0;
    t->d[j] = next - t->v[j];
    bend_column(t, j, move);
    return bend * move * move;
}

/* Coordinates that rest at 0 sit out until the others have settled. False: cancelled. */
static bool descend_set(descent *t, double enough)
{
    const hone_run *run = t->s->rows.run;
    memset(t->u, 0, (size_t)t->n * sizeof *t->u);
    memset(t->q, 0, (size_t)t->n * sizeof *t->q);
    for (int64_t k = 0; k < t->count; k++)
        t->d[t->set[k]] = 0, t->bend[t->set[k]] = curvature_of(t, t->set[k]);
    bool every = true;
    double first = 0;
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        double sum = 0;
        for (int64_t k = 0; k < t->count; k++) {
            const int64_t j = t->set[k];
            if (every || t->v[j] + t->d[j] != 0)
                sum += descend(t, j);
            if (t->touched > POLL_ENTRIES) {
                hone_work(run, t->touched);
                t->touched = 0;
                if (hone_stopping(run) == HONE_CANCEL)
                    return false;
            }
        }
        first = epoch ? first : sum;
        const bool settled = sum <= fmax(enough, SETTLED * first);
        if (settled && every)
            break;
        every = settled;
    }
    for (int64_t k = 0; k < t->count; k++)
        if (t->d[t->set[k]] != 0)
            add_column(t, t->set[k], t->d[t->set[k]], t->u);
    return true;
}

static double foreseen(const descent *t)
{
    double sum = 0, square = 0;
    for (int64_t k = 0; k < t->count; k++) {
        const int64_t j = t->set[k];
        sum -= t->g[j] * t->d[j] + t->s->lasso[j] * (fabs(t->v[j] + t->d[j]) - fabs(t->v[j]));
        square += t->s->ridge[j] * t->d[j] * t->d[j];
    }
    for (int64_t i = 0; i < t->n; i++)
        square += t->h[i] * t->u[i] * t->u[i];
    return sum - square / 2;
}

/* Change of the penalty by `length` of the step. */
static double penalty_change(const descent *t, double length)
{
    double sum = 0;
    for (int64_t k = 0; k < t->count; k++) {
        const int64_t j = t->set[k];
        const double from = t->v[j], to = from + length * t->d[j];
        sum += t->s->lasso[j] * (fabs(to) - fabs(from)) +
               t->s->ridge[j] * (to - from) * (to + from) / 2;
    }
    return sum;
}

/* Halves the step until the objective falls as foreseen. `loss` is that of m. */
static bool advance(descent *t, int64_t k, double loss, double decrease)
{
    double length = 1;
    for (int half = 0; half < HALVINGS; half++, length /= 2) {
        for (int64_t i = 0; i < t->n; i++)
            t->trial[i] = t->m[i] + length * t->u[i];
        const double next = evaluate(t, t->trial), change = next - loss + penalty_change(t, length);
        if (!(change <= -1e-4 * length * decrease + 1e-15 * t->F))
            continue;
        for (int64_t i = 0; i < t->n; i++)
            t->z[k * t->n + i] += length * t->u[i];
        for (int64_t a = 0; a < t->count; a++) {
            const int64_t j = t->set[a];
            t->v[j] = length == 1 && t->v[j] + t->d[j] == 0 ? 0 : t->v[j] + length * t->d[j];
        }
        t->F += change;
        return true;
    }
    return false;
}

/* Makes an output ready; gives the loss of m. */
static double turn_to(descent *t, int64_t k)
{
    face(t, k);
    const double loss = evaluate(t, t->m);
    if (k == 0)
        t->F = loss + t->rest + hone_solver_penalty(t->s, t->s->v);
    return loss;
}

/* One step of output k; adds what it foresaw. */
static hone_status visit(descent *t, int64_t k, double *decrease, bool *moved, hone_error *error)
{
    const double loss = turn_to(t, k);
    HONE_TRY(look(t, error));
    straighten(t);
    const double singly = choose(t);
    if (!descend_set(t, 1e-3 * t->s->problem->tol * t->F))
        return HONE_STOPPED;
    const double jointly = foreseen(t);
    *decrease += fmax(singly, jointly);
    if (advance(t, k, loss, fmax(jointly, 0)))
        *moved = true;
    return HONE_OK;
}

/* ---- the iteration ---- */

static bool prepare(descent *t, hone_arena *scratch)
{
    const hone_rows_loss *rows = &t->s->rows;
    const int64_t padded = t->n + HONE_TILE, outputs = rows->outputs;
    t->z = HONE_NEW(scratch, double, outputs, t->n);
    double **const tall[] = {&t->m, &t->trial, &t->r,      &t->h,     &t->u,
                             &t->q, &t->y,     &t->weight, &t->others};
    double **const wide[] = {&t->g, &t->d, &t->bend, &t->violation};
    for (size_t k = 0; k < sizeof tall / sizeof *tall; k++)
        if (!(*tall[k] = HONE_NEW(scratch, double, padded, 1)))
            return false;
    for (size_t k = 0; k < sizeof wide / sizeof *wide; k++)
        if (!(*wide[k] = HONE_NEW(scratch, double, t->size, 1)))
            return false;
    t->set = HONE_NEW(scratch, int64_t, t->size, 1);
    if (!t->z || !t->set)
        return false;
    memcpy(t->weight, rows->weight, (size_t)t->n * sizeof *t->weight);
    if (rows->y)
        memcpy(t->y, rows->y, (size_t)t->n * sizeof *t->y);
    return true;
}

/* z of v. */
static void stand(descent *t)
{
    const int64_t outputs = t->s->rows.outputs;
    memset(t->z, 0, (size_t)(outputs * t->n) * sizeof *t->z);
    for (int64_t k = 0; k < outputs; k++)
        for (int64_t j = 0; j < t->size; j++)
            if (t->s->v[k * t->size + j] != 0)
                add_column(t, j, t->s->v[k * t->size + j], t->z + k * t->n);
}

/* Objective and gradient of the answer. */
static hone_status certify(descent *t, hone_error *error)
{
    hone_linear_fit *fit = t->s->fit;
    fit->gradient = 0;
    for (int64_t k = 0; k < t->s->rows.outputs; k++) {
        turn_to(t, k);
        HONE_TRY(look(t, error));
        for (int64_t j = 0; j < t->size; j++)
            fit->gradient = fmax(fit->gradient, t->violation[j]);
    }
    fit->objective = t->F;
    return HONE_OK;
}

hone_status hone_descent(hone_solver *s, hone_error *error)
{
    const int64_t entries = s->columns->start[s->size];
    descent t = {.s = s, .c = s->columns, .n = s->rows.design->rows, .size = s->size};
    t.blocks = entries / BLOCK_ENTRIES + 1;
    t.blocks = t.blocks > MOST_BLOCKS ? MOST_BLOCKS : t.blocks;
    if (!prepare(&t, s->problem->job->scratch))
        return hone_no_memory(error);
    stand(&t);
    turn_to(&t, 0);
    if (hone_solver_begins_anew(s, t.F, false))
        stand(&t);
    while (s->fit->iterations < s->problem->max_iter) {
        double decrease = 0;
        bool moved = false;
        for (int64_t k = 0; k < s->rows.outputs; k++)
            HONE_TRY(visit(&t, k, &decrease, &moved, error));
        s->fit->gap = decrease;
        s->fit->converged = decrease <= 0.1 * s->problem->tol * t.F || t.F <= DBL_MIN;
        if (hone_solver_ends(s) || s->fit->converged)
            break;
        if (!moved && !hone_solver_begins_anew(s, t.F, true))
            break;
        if (!moved)
            stand(&t);
    }
    return certify(&t, error);
}
