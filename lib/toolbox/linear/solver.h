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
    double *ridge, *lasso;       /* size: penalties of a coordinate */
    double *v;                   /* all: where it stands; the answer */
    double *w;                   /* outputs x (cols + 1): room for `enough` */
    hone_linear_fit *fit;
} hone_solver;

/* Sum of the penalties at v. */
double hone_solver_penalty(const hone_solver *s, const double *v);
/* Largest entry of the subgradient of least size, given the gradient of the smooth part. */
double hone_solver_gradient(const hone_solver *s, const double *v, const double *g);
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
