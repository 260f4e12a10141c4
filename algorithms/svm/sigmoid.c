#include "sigmoid.h"

#include <float.h>
#include <string.h>

#include "planes.h"
#include "toolbox/random.h"
#include "toolbox/rows.h"

enum { STEPS = 100 };

/* ---- decisions ---- */

void sigmoid_deal(const signed char *sign, int64_t n, int64_t *order, int32_t *fold)
{
    hone_stream stream = hone_stream_of(0, (uint64_t)n, SIGMOID_FOLDS);
    int64_t dealt[2] = {0, 0};
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    hone_shuffle(&stream, order, n);
    for (int64_t i = 0; i < n; i++)
        fold[order[i]] = (int32_t)(dealt[sign[order[i]] > 0]++ % SIGMOID_FOLDS);
}

/* g of the rows of fold f, which have no alpha. Of a linear kernel from its plane in double: at a
 * large C the g that the solver kept for rows without alpha has lost its digits. */
typedef struct look {
    const problem *p;
    double *coef, *w; /* n; d, NULL: other kernels */
    double *told;     /* d: room for the w that a solution tells */
} look;

static bool look_new(const problem *p, hone_arena *scratch, look *l)
{
    *l = (look){.p = p};
    if (p->kernel->type != SVM_LINEAR)
        return true;
    l->coef = HONE_RAW(scratch, double, p->n, 1);
    l->w = HONE_RAW(scratch, double, p->x->cols, 1);
    l->told = HONE_RAW(scratch, double, p->x->cols, 1);
    return l->coef && l->w && l->told;
}

static void look_at(const look *l, const int32_t *fold, int32_t f, double *g)
{
    const problem *p = l->p;
    const double *w = p->told ? l->told : l->w;
    for (int64_t i = 0; i < p->n && l->w; i++)
        l->coef[i] = p->sign[i] * p->alpha[i];
    if (l->w && !p->told)
        planes_sum(p->x, p->row, l->coef, p->n, kernel_product(p->kernel, p->panels), l->w);
    for (int64_t i = 0; i < p->n; i++)
        if (fold[i] == f)
            g[i] = w ? hone_row_dot(p->x, p->row ? p->row[i] : i, w) : p->g[i];
}

hone_status sigmoid_decisions(solver *s, double *decision, hone_arena *scratch, hone_error *error)
{
    problem *p = s->p;
    int64_t *order = HONE_RAW(scratch, int64_t, p->n, 1);
    int32_t *fold = HONE_RAW(scratch, int32_t, p->n, 1);
    double *bound = HONE_RAW(scratch, double, p->n, 1);
    look at;
    if (!order || !fold || !bound || !look_new(p, scratch, &at))
        return hone_no_memory(error);
    sigmoid_deal(p->sign, p->n, order, fold);
    p->w = at.told;
    memcpy(bound, p->bound, (size_t)p->n * sizeof *bound);
    for (int32_t f = 0; f < SIGMOID_FOLDS; f++) {
        for (int64_t i = 0; i < p->n; i++)
            p->bound[i] = fold[i] == f ? 0 : bound[i];
        HONE_TRY(solver_run(s, error));
        look_at(&at, fold, f, decision);
        for (int64_t i = 0; i < p->n; i++)
            if (fold[i] == f)
                decision[i] = (decision[i] - p->rho) / (p->nu > 0 && p->level > 0 ? p->level : 1);
    }
    return HONE_OK;
}

/* ---- the sigmoid ---- */

typedef struct logistic {
    const double *decision, *weight;
    const signed char *sign;
    int64_t n;
    double high, low; /* targets, moved off 1 and 0 by Bayes' rule of succession */
    double prior;     /* the best b where a is 0, nearly */
} logistic;

static double target(const logistic *l, int64_t i)
{
    return l->sign[i] > 0 ? l->high : l->low;
}

static double loss(const logistic *l, double a, double b)
{
    double sum = 0;
    for (int64_t i = 0; i < l->n; i++) {
        const double u = a * l->decision[i] + b, t = target(l, i);
        sum += l->weight[i] * (u >= 0 ? t * u + log1p(exp(-u)) : (t - 1) * u + log1p(exp(u)));
    }
    return sum;
}

/* Gradient and Hessian of the loss; the ridge keeps the Hessian definite. */
static void derive(const logistic *l, double a, double b, double g[2], double h[3])
{
    g[0] = g[1] = h[2] = 0;
    h[0] = h[1] = 1e-12;
    for (int64_t i = 0; i < l->n; i++) {
        const double d = l->decision[i], p = sigmoid_at(a, b, d);
        const double w = l->weight[i], curve = w * p * (1 - p), slope = w * (target(l, i) - p);
        h[0] += d * d * curve;
        h[1] += curve;
        h[2] += d * curve;
        g[0] += d * slope;
        g[1] += slope;
    }
}

static sigmoid descend(const logistic *l)
{
    sigmoid s = {0, l->prior};
    double value = loss(l, s.a, s.b);
    for (int step = 0; step < STEPS; step++) {
        double g[2], h[3];
        derive(l, s.a, s.b, g, h);
        if (fabs(g[0]) < 1e-5 && fabs(g[1]) < 1e-5)
            break;
        const double det = h[0] * h[1] - h[2] * h[2];
        const double da = -(h[1] * g[0] - h[2] * g[1]) / det;
        const double db = -(h[0] * g[1] - h[2] * g[0]) / det, slope = g[0] * da + g[1] * db;
        double length = 1, next = INFINITY;
        while (length >= 1e-10) {
            next = loss(l, s.a + length * da, s.b + length * db);
            if (next < value + 1e-4 * length * slope)
                break;
            length /= 2;
        }
        if (!(length >= 1e-10))
            break;
        s.a += length * da, s.b += length * db;
        value = next;
    }
    return s;
}

sigmoid sigmoid_fit(double *decision, const signed char *sign, double *weight, int64_t n)
{
    const double unit = svm_unit(decision, n), heavy = svm_unit(weight, n);
    double positive = 0, negative = 0;
    for (int64_t i = 0; i < n; i++) {
        decision[i] /= unit, weight[i] /= heavy;
        *(sign[i] > 0 ? &positive : &negative) += weight[i];
    }
    const double mean = (positive + negative) / (double)n;
    for (int64_t i = 0; i < n; i++)
        weight[i] /= mean;
    positive /= mean, negative /= mean;
    const logistic l = {.decision = decision,
                        .weight = weight,
                        .sign = sign,
                        .n = n,
                        .high = (positive + 1) / (positive + 2),
                        .low = 1 / (negative + 2),
                        .prior = log((negative + 1) / (positive + 1))};
    const sigmoid s = descend(&l);
    if (s.a > 0) /* decisions that mislead say nothing */
        return (sigmoid){0, l.prior};
    return (sigmoid){fmax(fmin(s.a / unit, DBL_MAX), -DBL_MAX), s.b};
}

double sigmoid_at(double a, double b, double decision)
{
    const double u = a * decision + b;
    return u >= 0 ? exp(-u) / (1 + exp(-u)) : 1 / (1 + exp(u));
}

/* ---- classes ---- */

/* q = Q p with Q[t][j] = -r[j][t] r[t][j], Q[t][t] = sum over j of r[j][t]^2; gives p'Qp. */
static double fill_gradient(const double *q, int64_t k, const double *p, double *gradient)
{
    double all = 0;
    for (int64_t t = 0; t < k; t++) {
        gradient[t] = 0;
        for (int64_t j = 0; j < k; j++)
            gradient[t] += q[t * k + j] * p[j];
        all += p[t] * gradient[t];
    }
    return all;
}

void sigmoid_couple(const double *r, int64_t k, double *room, double *p)
{
    double *q = room, *gradient = room + k * k;
    for (int64_t t = 0; t < k; t++) {
        p[t] = 1 / (double)k;
        q[t * k + t] = 0;
        for (int64_t j = 0; j < k; j++)
            if (j != t) {
                q[t * k + t] += r[j * k + t] * r[j * k + t];
                q[t * k + j] = -r[j * k + t] * r[t * k + j];
            }
    }
    const int64_t most = k > STEPS ? k : STEPS;
    for (int64_t step = 0; step < most; step++) {
        double all = fill_gradient(q, k, p, gradient), worst = 0;
        for (int64_t t = 0; t < k; t++)
            worst = fmax(worst, fabs(gradient[t] - all));
        if (worst < 0.005 / (double)k)
            break;
        for (int64_t t = 0; t < k; t++) {
            const double move = (all - gradient[t]) / q[t * k + t];
            p[t] += move;
            all = (all + move * (move * q[t * k + t] + 2 * gradient[t])) / (1 + move) / (1 + move);
            for (int64_t j = 0; j < k; j++) {
                gradient[j] = (gradient[j] + move * q[t * k + j]) / (1 + move);
                p[j] /= 1 + move;
            }
        }
    }
}
