/* What the solvers of linear models share: the problem in the coordinates of its design. */
#ifndef HONE_TOOLBOX_LINEAR_SOLVER_H
#define HONE_TOOLBOX_LINEAR_SOLVER_H

#include "toolbox/linear/columns.h"
#include "toolbox/linear/gram.h"
#include "toolbox/linear/linear.h"

typedef struct hone_solver {
    const hone_linear *problem;
    hone_rows_loss rows;
    const hone_columns *columns; /* NULL: not needed */
    const hone_gram *gram;       /* squared loss; NULL: not needed */
    const hone_gram *lead;       /* NULL: begins from v */
    int64_t size, all;           /* coordinates of one output, of all */
    bool begun;                  /* v was given to begin from, and not left yet */
    double *ridge, *lasso;       /* size: penalties of a coordinate */
    double *v;                   /* all: where it stands; the answer */
    double *w;                   /* outputs x (cols + 1): room for `enough` */
    hone_linear_fit *fit;
} hone_solver;

/* Sum of the penalties at v. */
double hone_solver_penalty(const hone_solver *s, const double *v);
/* Largest entry of the subgradient of least size, given the gradient of the smooth part. */
double hone_solver_gradient(const hone_solver *s, const double *v, const double *g);
/* The mean loss where all coordinates are 0: of the squared loss, of targets of variance 1. */
double hone_solver_loss_at_zero(const hone_solver *s);
/* True when the fit has to begin anew: v is where one begins that is given nothing. So it is, once,
 * when the solver cannot move from where it was given to begin (`stuck`), or when the objective F
 * there is above that at 0: on the far side of many rows a loss has a slope and no curvature. */
bool hone_solver_begins_anew(hone_solver *s, double F, bool stuck);
/* Counts an iteration. True when the fit has to end: told to finish, or enough. */
bool hone_solver_ends(hone_solver *s);

/* Whether F, at most tol in log 2, proves that no optimum is finite: without a penalty and below
 * the loss of the lightest row on the border, every row is on the side of its class, and longer
 * coefficients only bring the objective nearer to 0. */
bool hone_solver_separates(const hone_solver *s, double F);

/* Newton's method with the whole Hessian in memory. */
hone_status hone_newton(hone_solver *s, hone_error *error);
/* Its first steps: the loss about where they end, in `keep`. */
hone_status hone_newton_lead(hone_solver *s, hone_gram *lead, hone_arena *keep, hone_error *error);
/* Rows that a Hessian is made of, for the choice of the solver. */
int64_t hone_newton_rows(const hone_design *design, int64_t outputs);
/* Newton's method with conjugate gradients; no l1 penalty. */
hone_status hone_conjugate(hone_solver *s, hone_error *error);
/* Coordinate descent on working sets, for an l1 penalty over many columns. */
hone_status hone_descent(hone_solver *s, hone_error *error);

#endif
