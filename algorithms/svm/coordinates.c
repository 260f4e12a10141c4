#include "coordinates.h"

#include <string.h>

#include "toolbox/random.h"

/* Passes at most: where this many do not do, working sets are the better way. */
enum { PASSES = 100 };

typedef struct descent {
    problem *p;
    const float *row; /* n x d when dense */
    double *w;        /* d: in units of the kernel */
    double *curve;    /* n */
    int64_t *order;   /* the rows that still move, in front */
    int64_t active;
    double level, sum, penalty; /* the multiplier, y'a, and what its square costs */
    double most, least;         /* projected gradients of the last pass: beyond them rows rest */
} descent;

/* Rows of dense panels, one after the other. */
static bool unfold(descent *c, hone_arena *scratch)
{
    const hone_panels *x = c->p->panels;
    if (!x->x)
        return true;
    float *row = HONE_RAW(scratch, float, x->n, x->d);
    for (int64_t i = 0; row && i < x->n; i++)
        for (int64_t k = 0; k < x->d; k++)
            row[i * x->d + k] = x->x[(i / HONE_LANES * x->d + k) * HONE_LANES + i % HONE_LANES];
    c->row = row;
    return row;
}

static double product(const descent *c, int64_t i)
{
    const hone_panels *x = c->p->panels;
    double sum = 0;
    if (c->row)
        for (int64_t k = 0; k < x->d; k++)
            sum += (double)c->row[i * x->d + k] * c->w[k];
    else
        for (int64_t t = x->begin[i]; t < x->end[i]; t++)
            sum += (double)x->value[t] * c->w[x->column[t]];
    return sum;
}

static void add_row(const descent *c, int64_t i, double weight)
{
    const hone_panels *x = c->p->panels;
    const double scaled = weight * (double)c->p->kernel->gamma;
    if (c->row)
        for (int64_t k = 0; k < x->d; k++)
            c->w[k] += scaled * (double)c->row[i * x->d + k];
    else
        for (int64_t t = x->begin[i]; t < x->end[i]; t++)
            c->w[x->column[t]] += scaled * (double)x->value[t];
}

/* Moves alpha i; false: it rests at its bound and will stay there. Widens the ends of this pass. */
static bool step(descent *c, int64_t i, double *most, double *least)
{
    problem *p = c->p;
    const double y = p->sign[i], old = p->alpha[i], bound = p->bound[i];
    const double slope_at = y * (product(c, i) - c->level + c->penalty * c->sum) + p->linear[i];
    double projected = slope_at;
    if (old <= 0) {
        if (slope_at > c->most)
            return false;
        projected = fmin(slope_at, 0);
    } else if (old >= bound) {
        if (slope_at < c->least)
            return false;
        projected = fmax(slope_at, 0);
    }
    *most = fmax(*most, projected);
    *least = fmin(*least, projected);
    if (fabs(projected) < 1e-12)
        return true;
    p->alpha[i] = fmin(fmax(old - slope_at / (c->curve[i] + c->penalty), 0), bound);
    const double moved = y * (p->alpha[i] - old);
    add_row(c, i, moved);
    c->sum += moved;
    p->iterations++;
    return true;
}

/* A pass over the active rows in a new order; gives the width of the projected gradients. */
static double pass(descent *c, int64_t number)
{
    hone_stream stream = hone_stream_of(0, (uint64_t)c->p->n, (uint64_t)number);
    hone_shuffle(&stream, c->order, c->active);
    double most = -INFINITY, least = INFINITY;
    for (int64_t k = 0; k < c->active;) {
        if (step(c, c->order[k], &most, &least)) {
            k++;
            continue;
        }
        const int64_t rests = c->order[k];
        c->order[k] = c->order[--c->active];
        c->order[c->active] = rests;
    }
    c->most = most > 0 ? most : INFINITY;
    c->least = least < 0 ? least : -INFINITY;
    return c->active ? most - least : 0;
}

hone_status coordinates_run(problem *p, hone_arena *scratch, hone_error *error)
{
    const double gamma = (double)p->kernel->gamma;
    descent c = {.p = p, .active = p->n, .most = INFINITY, .least = -INFINITY};
    c.w = HONE_NEW(scratch, double, p->panels->d, 1);
    c.curve = HONE_RAW(scratch, double, p->n, 1);
    c.order = HONE_RAW(scratch, int64_t, p->n, 1);
    if (!c.w || !c.curve || !c.order || !unfold(&c, scratch))
        return hone_no_memory(error);
    int64_t entries = 0;
    for (int64_t i = 0; i < p->n; i++) {
        c.order[i] = i;
        c.curve[i] = gamma * (double)p->panels->norm[i];
        c.penalty += c.curve[i] / (double)p->n;
        c.sum += p->sign[i] * p->alpha[i];
        if (p->alpha[i] > 0)
            add_row(&c, i, p->sign[i] * p->alpha[i]);
        entries += p->panels->x ? p->panels->d : p->panels->end[i] - p->panels->begin[i];
    }
    c.penalty = fmax(c.penalty, 1e-12);
    for (int64_t k = 0; k < PASSES && p->iterations < p->max_iter; k++) {
        if (effort_stopping(p->effort) != HONE_GO)
            break;
        const bool all = c.active == p->n;
        const double width = pass(&c, k), off = c.penalty * fabs(c.sum);
        c.level -= c.penalty * c.sum;
        effort_add(p->effort, entries);
        if (fmax(width, 2 * off) < p->tol) {
            if (all)
                break;
            c.active = p->n;
            c.most = INFINITY, c.least = -INFINITY;
        }
    }
    solver_balance(p);
    return HONE_OK;
}
