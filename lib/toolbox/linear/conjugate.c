/* Truncated Newton with preconditioned conjugate gradients, for problems whose Hessian is too large
 * to factor (Lin, Weng and Keerthi, JMLR 9, 2008; the stopping rule of Nash and Sofer, 1990).
 *
 * g  gradient of loss + ridge   d  step, H d ~ g   M  preconditioner   F  objective
 * M is the diagonal of H, or with few columns and several outputs the factored blocks within each
 * output, which serve for as many steps as need about as few products as the first of them and
 * foresee ever less. A product with H costs a pass without a Hessian. Sparse rows are summed in
 * double; dense ones in float until the decrease is too small for that, then in double from the
 * data, products with H always in float.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "toolbox/linalg.h"
#include "toolbox/linear/solver.h"
#include "toolbox/linear/sparse.h"

static const double FLOAT_DECREASE = 1e-6, FLOAT_NOISE = 1e-7, DOUBLE_NOISE = 1e-14;
/* What old factors have to reach: foreseen decreases, from one step to the next. */
static const double SLOWEST = 0.5;
enum { WORTH_NEW_FACTORS = 6, HALVINGS = 40, MOST_PRODUCTS = 500, MOST_BLOCK_ELEMENTS = 1 << 21 };

typedef struct conjugate {
    hone_solver *s;
    hone_sparse *sparse; /* or */
    hone_pass *pass;
    bool blocks, exact, fresh; /* fresh: h is newer than its factors */
    int products, least;       /* of the last step; of the first step with these factors */
    int64_t ld;
    double F, first;       /* at s->v; norm of the first gradient, in M */
    double *g, *h;         /* h: outputs x size x ld */
    double *diagonal, *l;  /* all; outputs x size x size */
    double *share, *bend;  /* size: mean squares of coordinates; outputs: mean curvature */
    double *trial, *d, *r; /* all: r = g - H d */
    double *z, *p, *q;     /* all: M^-1 r, direction, H p */
} conjugate;

static double dot(int64_t n, const double *a, const double *b)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static hone_status evaluate(conjugate *t, const double *v, hone_curvature wanted, double *F,
                            hone_error *error)
{
    const hone_solver *s = t->s;
    if (t->sparse)
        HONE_TRY(hone_sparse_slope(t->sparse, v, F, t->g, error));
    else
        HONE_TRY(hone_pass_run(t->pass, v, t->exact, t->blocks ? wanted : HONE_SLOPE, F, t->g, t->h,
                               error));
    t->fresh = t->fresh || (t->blocks && wanted);
    *F += hone_solver_penalty(s, v);
    for (int64_t i = 0; i < s->all; i++)
        t->g[i] += s->ridge[i % s->size] * v[i];
    return HONE_OK;
}

/* q = H p */
static hone_status multiply(conjugate *t, hone_error *error)
{
    const hone_solver *s = t->s;
    if (t->sparse)
        HONE_TRY(hone_sparse_product(t->sparse, t->p, t->q, error));
    else
        HONE_TRY(hone_pass_product(t->pass, t->p, t->q, error));
    for (int64_t i = 0; i < s->all; i++)
        t->q[i] += s->ridge[i % s->size] * t->p[i];
    return HONE_OK;
}

/* ---- the preconditioner ---- */

/* Weighted mean squares: 1 for scaled columns, the share of its rows for a mark. */
static void set_shares(conjugate *t)
{
    const hone_design *d = t->s->rows.design;
    for (int64_t j = 0; j < d->base; j++)
        t->share[j] = 1;
    for (int64_t i = 0; i < d->rows && d->mark; i++)
        for (int64_t k = d->mark_start[i]; k < d->mark_start[i + 1]; k++)
            t->share[d->mark[k]] += t->s->rows.weight[i];
}

static void set_diagonal(conjugate *t)
{
    const hone_solver *s = t->s;
    if (t->sparse)
        hone_sparse_curvature(t->sparse, t->bend);
    else
        hone_pass_curvature(t->pass, t->bend);
    for (int64_t i = 0; i < s->all; i++) {
        const double h = t->bend[i / s->size] * t->share[i % s->size] + s->ridge[i % s->size];
        t->diagonal[i] = h > DBL_MIN ? h : 1;
    }
}

/* Factors the blocks within outputs; those that are not positive definite get a heavier diagonal.
 */
static hone_status set_blocks(conjugate *t, hone_error *error)
{
    const hone_solver *s = t->s;
    const int64_t size = s->size;
    for (int64_t k = 0; k < s->rows.outputs; k++) {
        const double *const h = t->h + k * size * t->ld;
        double *const l = t->l + k * size * size;
        int64_t pivot = 0;
        for (double damping = 1e-8; pivot >= 0; damping *= 100) {
            for (int64_t i = 0; i < size; i++) {
                memcpy(l + i * size, h + i * t->ld, (size_t)(i + 1) * sizeof *l);
                l[i * size + i] += damping * h[i * t->ld + i] + s->ridge[i];
                if (l[i * size + i] <= DBL_MIN)
                    l[i * size + i] = 1;
            }
            HONE_TRY(hone_cholesky(s->rows.run, l, size, &pivot, error));
            if (damping > 1e10)
                return hone_fail(error, HONE_INTERNAL, "conjugate", "the Hessian is not finite");
        }
    }
    return HONE_OK;
}

/* z = M^-1 r */
static void precondition(conjugate *t)
{
    const hone_solver *s = t->s;
    for (int64_t i = 0; i < s->all; i++)
        t->z[i] = t->blocks ? t->r[i] : t->r[i] / t->diagonal[i];
    for (int64_t k = 0; k < s->rows.outputs && t->blocks; k++)
        hone_cholesky_solve(t->l + k * s->size * s->size, s->size, t->z + k * s->size, 1);
}

/* ---- the step ---- */

/* d ~ H^-1 g, and the decrease that the quadratic model foresees for it. */
static hone_status find_step(conjugate *t, double *foreseen, hone_error *error)
{
    const hone_solver *s = t->s;
    const int64_t all = s->all;
    const bool renewed = t->fresh;
    if (renewed)
        HONE_TRY(set_blocks(t, error));
    if (!t->blocks)
        set_diagonal(t);
    t->fresh = false;
    memset(t->d, 0, (size_t)all * sizeof *t->d);
    memcpy(t->r, t->g, (size_t)all * sizeof *t->r);
    precondition(t);
    memcpy(t->p, t->z, (size_t)all * sizeof *t->p);
    double rz = dot(all, t->r, t->z), model = 0;
    if (t->first == 0)
        t->first = rz;
    const double force = t->first > 0 ? fmin(0.2, pow(rz / t->first, 0.25)) : 0;
    for (int k = 1; k <= MOST_PRODUCTS && rz > 0; k++) {
        HONE_TRY(multiply(t, error));
        t->products = k;
        const double curvature = dot(all, t->p, t->q);
        if (!(curvature > DBL_MIN))
            break;
        const double length = rz / curvature;
        for (int64_t i = 0; i < all; i++) {
            t->d[i] += length * t->p[i];
            t->r[i] -= length * t->q[i];
        }
        const double gain = length * rz / 2; /* of the model, by this direction */
        model += gain;
        if (gain * k <= force * model || hone_stopping(s->rows.run) != HONE_GO)
            break;
        precondition(t);
        const double next = dot(all, t->r, t->z);
        for (int64_t i = 0; i < all; i++)
            t->p[i] = t->z[i] + next / rz * t->p[i];
        rz = next;
    }
    if (renewed)
        t->least = t->products;
    *foreseen = model;
    return HONE_OK;
}

/* Halves the step until the objective falls as foreseen. */
static hone_status advance(conjugate *t, double foreseen, hone_curvature wanted, bool *moved,
                           hone_error *error)
{
    hone_solver *s = t->s;
    const double noise = (t->exact ? DOUBLE_NOISE : FLOAT_NOISE) * fabs(t->F);
    double length = 1;
    *moved = false;
    for (int k = 0; k < HALVINGS && !*moved; k++, length /= 2) {
        for (int64_t i = 0; i < s->all; i++)
            t->trial[i] = s->v[i] - length * t->d[i];
        double F;
        HONE_TRY(evaluate(t, t->trial, wanted, &F, error));
        *moved = F <= t->F - 1e-4 * length * foreseen + noise;
        if (*moved)
            t->F = F;
        if (!*moved && hone_stopping(s->rows.run))
            break;
    }
    if (*moved) {
        double *const old = s->v;
        s->v = t->trial, t->trial = old;
        s->fit->gradient = hone_solver_gradient(s, s->v, t->g);
    }
    return HONE_OK;
}

/* ---- the iteration ---- */

static bool prepare(conjugate *t, hone_arena *scratch)
{
    const hone_solver *s = t->s;
    const int64_t all = s->all, outputs = s->rows.outputs;
    double **const vectors[] = {&t->g, &t->diagonal, &t->trial, &t->d, &t->r, &t->z, &t->p, &t->q};
    for (size_t k = 0; k < sizeof vectors / sizeof *vectors; k++)
        if (!(*vectors[k] = HONE_NEW(scratch, double, all, 1)))
            return false;
    t->share = HONE_NEW(scratch, double, s->size, 1);
    t->bend = HONE_NEW(scratch, double, outputs, 1);
    if (!t->share || !t->bend)
        return false;
    set_shares(t);
    if (s->columns) {
        t->sparse = hone_sparse_open(&s->rows, s->columns, scratch);
        t->exact = true;
        return t->sparse != NULL;
    }
    t->blocks = outputs > 1 && outputs * s->size * s->size <= MOST_BLOCK_ELEMENTS;
    t->pass = hone_pass_open(&s->rows, t->blocks ? HONE_WITHIN_OUTPUTS : HONE_SLOPE, scratch);
    if (!t->pass || !hone_pass_keep(t->pass, scratch))
        return false;
    t->ld = hone_pass_stride(t->pass);
    t->h = HONE_NEW(scratch, double, t->blocks ? all : 0, t->ld);
    t->l = HONE_RAW(scratch, double, t->blocks ? all : 0, s->size);
    return !t->blocks || (t->h && t->l);
}

static hone_status make_exact(conjugate *t, hone_error *error)
{
    t->exact = true;
    return evaluate(t, t->s->v, HONE_SLOPE, &t->F, error);
}

hone_status hone_conjugate(hone_solver *s, hone_error *error)
{
    conjugate t = {.s = s};
    const double tol = s->problem->tol;
    double before = INFINITY;
    if (!prepare(&t, s->problem->job->scratch))
        return hone_no_memory(error);
    HONE_TRY(evaluate(&t, s->v, HONE_WITHIN_OUTPUTS, &t.F, error));
    if (hone_solver_begins_anew(s, t.F, false))
        HONE_TRY(evaluate(&t, s->v, HONE_WITHIN_OUTPUTS, &t.F, error));
    while (s->fit->iterations < s->problem->max_iter) {
        double foreseen;
        HONE_TRY(find_step(&t, &foreseen, error));
        if (!t.exact && foreseen <= FLOAT_DECREASE * t.F && tol < FLOAT_DECREASE) {
            HONE_TRY(make_exact(&t, error));
            continue;
        }
        s->fit->gradient = hone_solver_gradient(s, s->v, t.g);
        s->fit->gap = foreseen;
        /* A step that is this small is taken, and ends the fit. */
        const bool last =
            foreseen <= 0.1 * tol * t.F || t.F <= DBL_MIN || hone_solver_separates(s, t.F);
        const bool serve =
            last || (t.products < t.least + WORTH_NEW_FACTORS && foreseen <= SLOWEST * before);
        before = foreseen;
        bool moved;
        HONE_TRY(advance(&t, foreseen, serve ? HONE_SLOPE : HONE_WITHIN_OUTPUTS, &moved, error));
        if (!moved && t.exact && !last && hone_solver_begins_anew(s, t.F, true)) {
            HONE_TRY(evaluate(&t, s->v, HONE_WITHIN_OUTPUTS, &t.F, error));
            before = INFINITY;
            continue;
        }
        if (last || (!moved && t.exact)) {
            s->fit->converged = last;
            hone_solver_ends(s);
            break;
        }
        if (!moved) {
            HONE_TRY(make_exact(&t, error));
            continue;
        }
        if (hone_solver_ends(s))
            break;
    }
    s->fit->objective = t.F;
    return HONE_OK;
}
