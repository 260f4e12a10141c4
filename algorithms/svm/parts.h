/* The problems of a fit, which fit.c makes and solves, warm.c begins and state.c tells of. */
#ifndef HONE_SVM_PARTS_H
#define HONE_SVM_PARTS_H

#include "fit.h"
#include "sigmoid.h"
#include "solve.h"

/* One problem of the fit: rows `row[0 .. n)` of the data, ascending. */
typedef struct part {
    int64_t a, b; /* classes; b < 0: all others */
    int64_t n;
    int64_t *row;
    bool whole;   /* every row, in order */
    double *coef; /* n: y alpha in units of the kernel; before the fit where it begins */
    double *w;    /* columns: room for w of a linear kernel, or NULL, */
    bool told;    /* and whether it is there: in place of the sum of the coefficients */
    bool begun;   /* at a solution of other parameters, not at 0 */
    double rho, gap, objective;
    int64_t iterations, work; /* work: of parts side by side, to be counted */
    bool converged, leans;    /* leans: on a cost that was cut */
    sigmoid sigmoid;          /* when probabilities are asked for */
} part;

typedef struct fit {
    const hone_fit_job *job;
    const svm_params *params;
    const hone_panels *panels;
    hone_shared *shared;    /* what trials share; NULL: nothing, as rows without weight are gone */
    const whole *distances; /* of all rows, for pairs; may be NULL */
    const int64_t *row_of;  /* the caller's number of each row of `job`; NULL: its own */
    int64_t all_rows;       /* of the caller */
    kernel kernel;
    bool rest;        /* one against the rest */
    double gamma, nu; /* nu: 0 unless that is the formulation */
    double *cost;     /* n: C of each row, in units of the kernel, */
    bool *cut;        /* and whether it is less than asked for */
    part *parts;
    int64_t n_parts;
    int64_t *small; /* numbers of the parts that run side by side, */
    int64_t first;  /* from this one on at the moment, */
    int64_t left;   /* each of which may do so much work */
} fit;

/* The column of a row's coefficients that is about part `p`. */
static inline int64_t part_column(const fit *f, const part *p, int64_t row)
{
    return !f->job->label ? 0 : f->rest ? p->a : f->job->label[row] == p->a ? p->b - 1 : p->a;
}

static inline int64_t part_pair(const fit *f, const part *p)
{
    return !f->job->label ? 0 : f->rest ? p->a : svm_pair(p->a, p->b, f->job->shape.outputs);
}

/* Begins the parts at the solution in job->warm_state, its coefficients taken to the new C, where
 * it is one of the same problems under a kernel close by. */
hone_status svm_begin(fit *f, hone_arena *scratch, hone_error *error);

/* Where nothing can begin at the model that the caller gave. */
void svm_tell_cold(const hone_fit_job *job);

hone_status svm_make_state(const fit *f, svm_state *s, hone_error *error);

/* Whom a machine tells apart: class a from b, or from all others when b < 0. */
typedef struct sides {
    int64_t a, b;
} sides;

/* The machines of k classes, by ascending pairs of those `present`. NULL: no memory. */
sides *svm_list_sides(const bool *present, int64_t k, bool rest, hone_arena *scratch,
                      int64_t *count);

/* What each row counts: its weight, with `balanced` times all weights / (classes with weight *
 * weights of its class); in scratch. NULL: no memory. */
double *svm_weights(const hone_fit_job *job, const svm_params *params);

/* A class of k without rows loses against every class that has some. */
void svm_settle_absent(int64_t k, bool rest, const bool *present, svm_state *s);

#endif
