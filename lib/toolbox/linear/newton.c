/* Newton's method with a factored Hessian; with an l1 penalty, the quadratic model is minimised by
 * coordinate descent instead (proximal Newton: Lee, Sun and Saunders, SIAM J. Optim. 24, 2014).
 *
 * g  gradient of loss + ridge   H  its Hessian, all x ld   d  step   F  objective
 * A fused pass gives F, g and H at once, in float from the panel while that resolves the decrease,
 * then in double from the data. With H a pass costs about all / 16 times what it costs without. So
 * many rows begin with a sample of their tiles or with what fits of other penalties left (linear.h,
 * lead), H is of some tiles where no few rows decide a column, and near the optimum an old H serves
 * for steps as long as each lowers the foreseen decrease enough (Shamanskii, 1967). A new H costs
 * all^3 / 3 more.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "toolbox/linalg.h"
#include "toolbox/linear/solver.h"

/* What float sums can tell apart in an objective, and in the pivots of a Hessian. */
static const double FLOAT_DECREASE = 1e-6, FLOAT_PIVOT = 1e-5, FLOAT_NOISE = 1e-7;
static const double JITTER = 1e-11,
                    ROUNDING = 4e-16; /* of sums in float; in double, a coordinate */
static const double FINEST = 1e-9;    /* tolerance of the objective */
/* Of foreseen decreases, from one step to the next: what an old Hessian has to reach, and what
 * makes it worth a try. */
static const double SLOWEST = 0.1, SLOWEST_EXACT = 0.3, PROMISING = 0.12;
/* The sample: rows a coordinate; its own noise is about half a coordinate a row. */
static const double SAMPLE_NOISE = 0.125, NEAR = 0.1;
enum { SAMPLE_ROWS = 2048, SAMPLE_PER_COORDINATE = 16, SAMPLE_STEPS = 12 };
/* A thin Hessian: rows a coordinate, of one output and of all. A step with it leaves about 1 part
 * in 30 of the decrease; with more left that near the optimum, it is not the rows' own. */
enum { THIN_PER_COORDINATE = 64, ROUGH_HALVINGS = 3 };
static const double ROUGH_NEAR = 1e-2;
/* The lead: its last step foresees no more than this share of the objective. */
static const double LEAD_NEAR = 0.1;
enum { LEAD_STEPS = 12 };
enum { HALVINGS = 40, EPOCHS = 400, BETWEEN_POLISHES = 8, MOST_POLISHED = 1000 };

typedef struct newton {
    hone_solver *s;
    hone_pass *pass;
    int64_t ld;
    bool exact;                                /* in double */
    enum { NONE, FRESH, FACTORED, OLD } model; /* of h: made elsewhere, here, solved, of before */
    bool rough;                                /* h is of some rows only */
    double last, ratio; /* decrease foreseen for the step before; this one's share of that */
    double F;           /* at s->v */
    double *g, *h;      /* at s->v; g all, h all x ld, lower triangle until factored */
    double *trial, *d, *q;
    double *l;        /* all x all: the factor */
    double *bound;    /* all: diagonal of the model */
    int64_t *support; /* all */
    double *start;    /* all */
} newton;

static hone_status evaluate(newton *t, const double *v, hone_curvature wanted, double *F,
                            hone_error *error)
{
    const hone_solver *s = t->s;
    if (s->gram)
        *F = hone_gram_at(s->gram, v, t->g, wanted ? t->h : NULL, t->ld);
    else
        HONE_TRY(hone_pass_run(t->pass, v, t->exact, wanted, F, t->g, t->h, error));
    *F += hone_solver_penalty(s, v);
    for (int64_t i = 0; i < s->all; i++)
        t->g[i] += s->ridge[i % s->size] * v[i];
    if (wanted)
        t->model = FRESH, t->rough = t->pass && hone_pass_is_thin(t->pass);
    return HONE_OK;
}

static hone_status evaluate_here(newton *t, hone_curvature wanted, hone_error *error)
{
    return evaluate(t, t->s->v, wanted, &t->F, error);
}

/* Ridge on the diagonal, and what keeps a model that is flat somewhere solvable without moving its
 * minimum: a weight on directions in which the gradient has no part (all outputs of a free
 * coordinate together, coordinates without data) and a jitter on free ones. */
static void shape_model(newton *t)
{
    const hone_solver *s = t->s;
    const int64_t outputs = s->rows.outputs;
    const double jitter = t->exact ? fmin(ROUNDING * (double)s->all, JITTER) : JITTER;
    for (int64_t i = 0; i < s->all; i++) {
        const double curvature = t->h[i * t->ld + i];
        const bool is_free = s->ridge[i % s->size] == 0;
        t->bound[i] = curvature;
        t->h[i * t->ld + i] += is_free ? jitter * curvature : s->ridge[i % s->size];
        if (t->h[i * t->ld + i] <= 0)
            t->h[i * t->ld + i] = 1;
    }
    for (int64_t j = 0; j < s->size && outputs > 1; j++) {
        if (s->ridge[j] > 0 || s->lasso[j] > 0)
            continue;
        double mean = 0;
        for (int64_t k = 0; k < outputs; k++)
            mean += t->bound[k * s->size + j] / (double)(outputs * outputs);
        for (int64_t k = 0; k < outputs; k++)
            for (int64_t l = 0; l <= k; l++)
                t->h[(k * s->size + j) * t->ld + l * s->size + j] += mean;
    }
}

/* ---- the step without an l1 penalty ---- */

/* Whether the numeric pivots can be trusted: a pivot is what a column adds to those before it. */
static bool resolved(const newton *t)
{
    const hone_solver *s = t->s;
    for (int64_t i = 0; i < s->all; i++)
        if (i % s->size < s->rows.design->base &&
            t->l[i * s->all + i] * t->l[i * s->all + i] < FLOAT_PIVOT * t->h[i * t->ld + i])
            return false;
    return true;
}

/* A Hessian that is not positive definite is damped until it is. `again`: the numbers are beyond
 * float and have to be made in double. */
static hone_status factor_model(newton *t, bool *again, hone_error *error)
{
    const hone_solver *s = t->s;
    const int64_t all = s->all;
    for (double damping = 0;; damping = damping > 0 ? damping * 100 : 1e-10) {
        for (int64_t i = 0; i < all; i++) {
            memcpy(t->l + i * all, t->h + i * t->ld, (size_t)(i + 1) * sizeof *t->l);
            t->l[i * all + i] *= 1 + damping;
        }
        int64_t pivot;
        HONE_TRY(hone_cholesky(s->rows.run, t->l, all, &pivot, error));
        if (!t->exact && (pivot >= 0 || !resolved(t))) {
            *again = true;
            return HONE_OK;
        }
        if (pivot < 0)
            return HONE_OK;
        s->fit->dampings++;
        if (damping > 1e10)
            return hone_fail(error, HONE_INTERNAL, "newton", "the Hessian is not finite");
    }
}

/* d = H^-1 g */
static hone_status solve_model(newton *t, bool *again, hone_error *error)
{
    if (t->model == FRESH)
        HONE_TRY(factor_model(t, again, error));
    memcpy(t->d, t->g, (size_t)t->s->all * sizeof *t->d);
    if (!*again)
        hone_cholesky_solve(t->l, t->s->all, t->d, 1);
    return HONE_OK;
}

static double foreseen_by_factor(const newton *t)
{
    double sum = 0;
    for (int64_t i = 0; i < t->s->all; i++)
        sum += t->g[i] * t->d[i];
    return sum / 2;
}

/* ---- the step with one: coordinate descent on the model ---- */

static double shrink(double value, double by)
{
    return value > by ? value - by : value < -by ? value + by : 0;
}

/* Moves coordinate i of the model to its minimum; q = H (v - d - v) is kept. Returns the decrease
 * in units of curvature. */
static double descend(newton *t, int64_t i)
{
    const hone_solver *s = t->s;
    const double curvature = t->h[i * t->ld + i], at = s->v[i] - t->d[i];
    const double slope = t->g[i] + t->q[i];
    const double next = shrink(at - slope / curvature, s->lasso[i % s->size] / curvature);
    const double move = next - at;
    if (move == 0)
        return 0;
    t->d[i] -= move;
    const double *row = t->h + i * t->ld;
    for (int64_t j = 0; j < s->all; j++)
        t->q[j] += row[j] * move;
    return curvature * move * move;
}

/* q += H (delta of the `count` coordinates in `at`), which are moved. */
static void move_all(newton *t, int64_t count, const int64_t *at, const double *delta)
{
    for (int64_t k = 0; k < count; k++) {
        const double *const row = t->h + at[k] * t->ld;
        t->d[at[k]] -= delta[k];
        for (int64_t j = 0; j < t->s->all; j++)
            t->q[j] += row[j] * delta[k];
    }
}

/* Coordinate descent crawls where columns are alike. So now and then the model is minimised over
 * its non-zeros with their signs, by a factor, up to the first of them that reaches 0. */
static hone_status polish(newton *t, hone_error *error)
{
    const hone_solver *s = t->s;
    int64_t count = 0;
    for (int64_t i = 0; i < s->all; i++)
        if (s->v[i] - t->d[i] != 0)
            t->support[count++] = i;
    if (count == 0 || count > MOST_POLISHED)
        return HONE_OK;
    for (int64_t k = 0; k < count; k++) {
        const int64_t i = t->support[k];
        const double sign = s->v[i] > t->d[i] ? 1 : -1;
        t->bound[k] = -(t->g[i] + t->q[i] + sign * s->lasso[i % s->size]);
        for (int64_t l = 0; l <= k; l++)
            t->l[k * count + l] = t->h[i * t->ld + t->support[l]];
        t->l[k * count + k] *= 1 + JITTER;
    }
    int64_t pivot;
    HONE_TRY(hone_cholesky(s->rows.run, t->l, count, &pivot, error));
    if (pivot >= 0)
        return HONE_OK;
    hone_cholesky_solve(t->l, count, t->bound, 1);
    double length = 1;
    int64_t first = -1;
    for (int64_t k = 0; k < count; k++) {
        const double at = s->v[t->support[k]] - t->d[t->support[k]];
        if (s->lasso[t->support[k] % s->size] > 0 && at * (at + length * t->bound[k]) < 0)
            length = -at / t->bound[k], first = k;
    }
    for (int64_t k = 0; k < count; k++)
        t->bound[k] *= length;
    if (first >= 0)
        t->bound[first] = t->d[t->support[first]] - s->v[t->support[first]];
    move_all(t, count, t->support, t->bound);
    if (first >= 0)
        t->d[t->support[first]] = s->v[t->support[first]];
    hone_work(s->rows.run, count * count * count / 6 + count * s->all);
    return HONE_OK;
}

static hone_status descend_model(newton *t, double enough, hone_error *error)
{
    const hone_solver *s = t->s;
    for (int64_t i = 0; i < s->all; i++) {
        t->d[i] = t->q[i] = 0;
        for (int64_t j = 0; j < i; j++)
            t->h[j * t->ld + i] = t->h[i * t->ld + j];
    }
    bool every = true;
    for (int epoch = 1; epoch <= EPOCHS && hone_stopping(s->rows.run) != HONE_CANCEL; epoch++) {
        double most = 0;
        for (int64_t i = 0; i < s->all; i++)
            if (every || s->v[i] - t->d[i] != 0)
                most = fmax(most, descend(t, i));
        hone_work(s->rows.run, s->all * s->all);
        if (most <= enough && every)
            break;
        every = most <= enough;
        if (epoch % BETWEEN_POLISHES == 0)
            HONE_TRY(polish(t, error));
    }
    return HONE_OK;
}

static double foreseen_by_descent(const newton *t)
{
    const hone_solver *s = t->s;
    double sum = 0;
    for (int64_t i = 0; i < s->all; i++)
        sum += t->g[i] * t->d[i] + t->q[i] * t->d[i] / 2 +
               s->lasso[i % s->size] * (fabs(s->v[i]) - fabs(s->v[i] - t->d[i]));
    return sum;
}

/* ---- the iteration ---- */

int64_t hone_newton_rows(const hone_design *d, int64_t outputs)
{
    const int64_t rows = THIN_PER_COORDINATE * d->size * (1 + outputs);
    return !d->mark && d->dense && rows <= d->rows / 2 ? rows : d->rows;
}

/* Later Hessians are of all rows. */
static void thicken(newton *t)
{
    if (t->pass)
        hone_pass_thin(t->pass, 0);
}

/* The step of the model at hand and the decrease that it foresees. */
static hone_status minimise_model(newton *t, double *foreseen, bool *again, hone_error *error)
{
    const hone_solver *s = t->s;
    *again = false;
    if (t->model == FRESH)
        shape_model(t);
    if (s->problem->l1 > 0) {
        const double precise = t->exact ? fmax(s->problem->tol * 1e-2, 1e-14) : FLOAT_NOISE;
        const double enough = fmin(1e-2 * s->fit->gap, precise * t->F) / (double)s->all;
        HONE_TRY(descend_model(t, fmax(enough, 1e-18 * t->F), error));
        *foreseen = foreseen_by_descent(t);
    } else {
        HONE_TRY(solve_model(t, again, error));
        *foreseen = *again ? 0 : foreseen_by_factor(t);
    }
    t->model = t->model == FRESH ? FACTORED : t->model;
    return HONE_OK;
}

static hone_status find_step(newton *t, double *foreseen, hone_error *error)
{
    const hone_solver *s = t->s;
    for (;;) {
        if (t->model == NONE)
            HONE_TRY(evaluate_here(t, HONE_FULL, error));
        s->fit->gradient = hone_solver_gradient(s, s->v, t->g);
        bool again;
        HONE_TRY(minimise_model(t, foreseen, &again, error));
        t->ratio = *foreseen / t->last;
        const bool fine = *foreseen <= FLOAT_DECREASE * t->F && s->problem->tol < FLOAT_DECREASE;
        if (!t->exact && (again || fine)) {
            t->exact = true, t->last = INFINITY;
            thicken(t);
            HONE_TRY(evaluate_here(t, again ? HONE_FULL : HONE_SLOPE, error));
        } else if (t->model == OLD && t->ratio > (t->exact ? SLOWEST_EXACT : SLOWEST)) {
            t->model = NONE;
            if (t->rough && t->last <= ROUGH_NEAR * t->F)
                thicken(t);
        } else {
            return HONE_OK;
        }
    }
}

/* Goes to v - length * d when the objective falls there as foreseen, up to its noise. */
static hone_status try_step(newton *t, double length, double foreseen, hone_curvature wanted,
                            bool *moved, hone_error *error)
{
    hone_solver *s = t->s;
    const double noise = (t->exact ? 1e-14 : FLOAT_NOISE) * fabs(t->F);
    for (int64_t i = 0; i < s->all; i++)
        t->trial[i] = s->v[i] - length * t->d[i];
    double F;
    t->model = wanted ? NONE : t->model == NONE ? NONE : OLD;
    HONE_TRY(evaluate(t, t->trial, wanted, &F, error));
    *moved = F <= t->F - 1e-4 * length * foreseen + noise;
    if (!*moved) {
        t->model = t->model == OLD ? OLD : NONE;
        return HONE_OK;
    }
    double *const old = s->v;
    s->v = t->trial, t->trial = old, t->F = F;
    s->fit->gradient = hone_solver_gradient(s, s->v, t->g);
    return HONE_OK;
}

/* Halves the step until it is taken. */
static hone_status advance(newton *t, double foreseen, hone_curvature wanted, bool *moved,
                           hone_error *error)
{
    double length = 1;
    const int most = t->rough ? ROUGH_HALVINGS : HALVINGS;
    *moved = false;
    for (int k = 0; k < most && !*moved; k++, length /= 2) {
        if (k == 1 && t->rough)
            thicken(t);
        HONE_TRY(try_step(t, length, foreseen, wanted, moved, error));
        wanted = HONE_SLOPE;
        if (!*moved && hone_stopping(t->s->rows.run))
            break;
    }
    t->last = foreseen;
    return HONE_OK;
}

/* What to make of the next step beside its gradient: an old Hessian serves while steps shrink fast.
 */
static hone_curvature next_curvature(newton *t)
{
    if (t->ratio <= PROMISING)
        return HONE_SLOPE;
    if (t->rough && t->last <= ROUGH_NEAR * t->F)
        thicken(t);
    return HONE_FULL;
}

/* ---- the sample ---- */

static hone_status descend_sample(newton *t, int64_t rows, hone_error *error)
{
    HONE_TRY(evaluate_here(t, HONE_FULL, error));
    t->s->fit->gap = t->last = t->F;
    for (int k = 0; k < SAMPLE_STEPS && hone_stopping(t->s->rows.run) == HONE_GO; k++) {
        double foreseen;
        bool moved;
        HONE_TRY(find_step(t, &foreseen, error));
        if (foreseen <= SAMPLE_NOISE * (double)t->s->all / (double)rows)
            break;
        t->s->fit->gap = foreseen;
        HONE_TRY(advance(t, foreseen, next_curvature(t), &moved, error));
        if (!moved)
            break;
    }
    return HONE_OK;
}

/* ---- the lead ---- */

/* Begins where the lead ends. False: the penalty is so large there that 0 is nearer. */
static bool follow(newton *t)
{
    hone_solver *s = t->s;
    const hone_gram *lead = s->lead;
    t->F = lead->loss + hone_solver_penalty(s, lead->origin);
    if (!(t->F <= hone_solver_loss_at_zero(s)))
        return false;
    for (int64_t i = 0; i < s->all; i++) {
        s->v[i] = lead->origin[i];
        t->g[i] = lead->g[i] + s->ridge[i % s->size] * s->v[i];
        memcpy(t->h + i * t->ld, lead->h + i * t->ld, (size_t)(i + 1) * sizeof *t->h);
    }
    t->model = FRESH, t->exact = lead->exact, t->rough = lead->thin;
    t->last = NEAR * t->F;
    return true;
}

/* ---- the begin ---- */

/* Where the first step over all rows begins. Left as it was where the sample misleads: its optimum
 * must be better for all rows than the start is for the sample. */
static hone_status begin(newton *t, hone_error *error)
{
    hone_solver *s = t->s;
    const int64_t fewest = s->all * SAMPLE_PER_COORDINATE;
    int64_t rows = 0;
    if (s->lead && follow(t))
        return HONE_OK;
    if (t->pass && !t->exact && !s->problem->start)
        rows = hone_pass_sample(t->pass, fewest > SAMPLE_ROWS ? fewest : SAMPLE_ROWS);
    if (rows) {
        memcpy(t->start, s->v, (size_t)s->all * sizeof *t->start);
        HONE_TRY(evaluate_here(t, HONE_SLOPE, error));
        const double before = t->F;
        HONE_TRY(descend_sample(t, rows, error));
        hone_pass_sample(t->pass, 0);
        HONE_TRY(evaluate_here(t, HONE_FULL, error));
        t->last = NEAR * t->F;
        if (t->F <= before)
            return HONE_OK;
        memcpy(s->v, t->start, (size_t)s->all * sizeof *t->start);
    }
    HONE_TRY(evaluate_here(t, HONE_FULL, error));
    if (hone_solver_begins_anew(s, t->F, false))
        HONE_TRY(evaluate_here(t, HONE_FULL, error));
    t->last = t->F;
    return HONE_OK;
}

static bool prepare(newton *t, hone_arena *scratch)
{
    const int64_t all = t->s->all;
    if (!t->s->gram && !(t->pass = hone_pass_open(&t->s->rows, HONE_FULL, scratch)))
        return false;
    if (t->pass && !t->exact)
        hone_pass_thin(t->pass, hone_newton_rows(t->s->rows.design, t->s->rows.outputs));
    t->ld = t->s->gram ? t->s->gram->stride : hone_pass_stride(t->pass);
    t->g = HONE_NEW(scratch, double, all, 1);
    t->h = HONE_NEW(scratch, double, all, t->ld);
    t->l = HONE_RAW(scratch, double, all, all);
    t->trial = HONE_NEW(scratch, double, all, 1);
    t->d = HONE_NEW(scratch, double, all, 1);
    t->q = HONE_NEW(scratch, double, all, 1);
    t->bound = HONE_NEW(scratch, double, all, 1);
    t->support = HONE_NEW(scratch, int64_t, all, 1);
    t->start = HONE_NEW(scratch, double, all, 1);
    return t->g && t->h && t->l && t->trial && t->d && t->q && t->bound && t->support && t->start;
}

/* Whether this step is the last. With a new Hessian of all rows it squares the error: with 0.1 tol
 * before it, tol is far away after it. An old one has to leave as little. */
static bool ends_here(const newton *t, double foreseen)
{
    const double tol = t->s->problem->tol, enough = 0.1 * tol * t->F;
    /* Whoever asks for less than that wants digits of the coefficients: the objective shows their
     * squares. */
    const double left = tol < FINEST ? 1e-18 * t->F : fmax(3e-4 * enough, 1e-11 * t->F);
    return t->F <= DBL_MIN || hone_solver_separates(t->s, t->F) ||
           (foreseen <= enough && ((t->model != OLD && !t->rough) || t->ratio * foreseen <= left));
}

hone_status hone_newton(hone_solver *s, hone_error *error)
{
    newton t = {.s = s, .exact = s->rows.loss == HONE_SQUARED};
    if (!prepare(&t, s->problem->job->scratch))
        return hone_no_memory(error);
    HONE_TRY(begin(&t, error));
    s->fit->gap = t.F;
    while (s->fit->iterations < s->problem->max_iter) {
        double foreseen;
        HONE_TRY(find_step(&t, &foreseen, error));
        s->fit->gap = foreseen;
        if (ends_here(&t, foreseen)) {
            bool taken;
            HONE_TRY(try_step(&t, 1, foreseen, HONE_SLOPE, &taken, error));
            s->fit->converged = true;
            hone_solver_ends(s);
            break;
        }
        bool moved;
        const bool old = t.model == OLD || t.rough;
        HONE_TRY(advance(&t, foreseen, next_curvature(&t), &moved, error));
        if (!moved && t.exact && !old && !hone_solver_begins_anew(s, t.F, true))
            break; /* at the last digit of the objective */
        if (!moved) {
            t.exact = t.exact || !old, t.last = INFINITY;
            HONE_TRY(evaluate_here(&t, HONE_FULL, error));
            continue;
        }
        if (hone_solver_ends(s))
            break;
    }
    s->fit->objective = t.F;
    return HONE_OK;
}

hone_status hone_newton_lead(hone_solver *s, hone_gram *lead, hone_arena *keep, hone_error *error)
{
    newton t = {.s = s};
    double foreseen = INFINITY;
    bool moved = true;
    if (!prepare(&t, s->problem->job->scratch))
        return hone_no_memory(error);
    HONE_TRY(begin(&t, error));
    for (int k = 0; k < LEAD_STEPS && moved && foreseen > LEAD_NEAR * t.F; k++) {
        HONE_TRY(find_step(&t, &foreseen, error));
        HONE_TRY(advance(&t, foreseen, HONE_FULL, &moved, error));
    }
    if (t.model != FRESH)
        HONE_TRY(evaluate_here(&t, HONE_FULL, error));
    HONE_TRY(hone_gram_open(lead, s->all, t.ld, keep, error));
    lead->exact = t.exact, lead->thin = t.rough;
    lead->loss = t.F - hone_solver_penalty(s, s->v);
    for (int64_t i = 0; i < s->all; i++) {
        lead->origin[i] = s->v[i];
        lead->g[i] = t.g[i] - s->ridge[i % s->size] * s->v[i];
        memcpy(lead->h + i * t.ld, t.h + i * t.ld, (size_t)(i + 1) * sizeof *t.h);
    }
    return HONE_OK;
}
