/* The dual of a support vector machine, solved to LIBSVM's stopping rule: the KKT gap over all
 * variables, in double, below `tol`.
 *
 * Small problems: their whole kernel matrix, pairs on it. Others: working sets of q variables, half
 * of them new and most violating, half kept (or all that are off their bounds); pairs inside the
 * working set; then the gradient is updated with the kernel rows of what changed, in blocks of
 * columns. Rows are kept in memory while there is room: a row's bits do not depend on when it is
 * computed, so room changes time only.
 * Cost: (rows that change) n d for the kernel, (changes) n for the gradient.
 * After ThunderSVM (Wen et al., JMLR 2018) and LIBSVM (Chang and Lin, 2011).
 */
#ifndef HONE_SVM_SOLVE_H
#define HONE_SVM_SOLVE_H

#include "effort.h"
#include "kernel.h"

/* Variables v in [0, m): m = n, or 2 n where v and v + n belong to row v (regression). */
typedef struct problem {
    const hone_panels *panels; /* the n rows */
    const hone_matrix *x;      /* and where they come from: row[i], or i when NULL */
    const int64_t *row;
    const kernel *kernel;
    int64_t n, m;
    int64_t stands;    /* rows of the problem whose way is taken: n, unless it is a pilot */
    signed char *sign; /* y_v */
    double *linear;    /* p_v */
    double *bound;     /* in units of the kernel: C scale */
    double nu; /* 0, or alpha sums to nu / 2 of the rows' bounds over y = 1 and over y = -1 */
    double tol;
    int64_t max_iter;  /* pairs */
    int64_t row_bytes; /* that kept kernel rows may take */
    bool repeats;      /* it is solved again, under other bounds */
    effort *effort;
    bool more;           /* trials on these rows follow */
    hone_shared *shared; /* of what trials share; NULL unless these are all training rows */
    const struct whole *distances; /* of all training rows, of which row[] are ours; may be NULL */

    const double *shift; /* of the columns in double (point.h); NULL until they are needed */
    double *alpha;       /* m */
    double *g;           /* n: sum over v of y_v alpha_v K(row of v, .) */
    double rho, gap, objective;
    double level; /* nu: half the distance between the slopes of both signs */
    int64_t iterations;
    bool converged, doubtful; /* doubtful: the gap in double is not known */
    double *w; /* columns: room for w of a linear kernel, without the intercept; may be NULL */
    bool told; /* it is there, and rho and the gap are its own: of alpha they are beyond double */
} problem;

/* Kernel values, or the distances or inner products behind them, of all pairs of rows. */
typedef struct whole {
    const float *value; /* n x stride */
    int64_t stride;
} whole;

/* Rows of the problem that one of n rows stands for. */
static inline int64_t solve_stands_for(const hone_fit_job *job, int64_t n)
{
    return job->times > 1 ? (int64_t)fmin((double)n * job->times, 0x1p60) : n;
}

/* Whether the whole kernel matrix is taken: such problems may be solved inside blocks. */
bool solve_is_small(int64_t n, int64_t m);

/* Entries of a row, on average, up to which a linear kernel goes without kernel rows. */
enum { ROWS_FEW = 512 };

/* Slots of kernel rows whose variables rest on a bound, one for so many others: the rest of them
 * make way. A fresh page costs as much as its values, and a row that has come to rest is seldom
 * asked for again. */
enum { ROWS_SPARE = 4 };

/* What stays between solutions of one problem under different bounds: kernel values. A variable
 * whose bound is 0 takes no part, but `g` covers its row too. */
#define UNKNOWN_GAP 0x1p1000

typedef struct solver {
    problem *p;
    struct pairs *pairs;     /* pairs on all of a small problem, */
    struct lazy *rows;       /* whose rows may be made as they are asked for, */
    struct working *working; /* or working sets */
    bool ready;              /* either is there: the run was not stopped before */
    hone_arena *scratch;
} solver;

hone_status solver_open(solver *s, problem *p, hone_arena *scratch, hone_error *error);

/* Solves from alpha = 0, or from the first rows with nu. */
hone_status solver_run(solver *s, hone_error *error);
/* The same from p->alpha, which is feasible, and p->rho; not with nu. Both stay where a run that is
 * to finish leaves no time for slopes: the gap is UNKNOWN_GAP then. */
hone_status solver_resume(solver *s, hone_error *error);

/* Takes what the sum of y alpha has too much from alphas of its sign. */
void solver_balance(problem *p);

/* Row of a variable. */
static inline int64_t row_of(const problem *p, int64_t v)
{
    return v < p->n ? v : v - p->n;
}

/* f_v = y_v (Qa + p)_v */
static inline double slope(const problem *p, int64_t v)
{
    return p->g[row_of(p, v)] + p->sign[v] * p->linear[v];
}

#endif
