/* Bytes of a fit and of judging, from above: every row a support vector, every kernel row kept that
 * the solver has room for. */
#include "toolbox/bound.h"
#include "fit.h"
#include "gram.h"
#include "hone/derived.h"
#include "interior.h"
#include "planes.h"
#include "primal.h"
#include "svm.h"
#include "working.h"

/* Points as panels: packed values and what stands beside them. */
static double panels_bytes(const hone_matrix *x, double rows, double entries)
{
    const bool sparse = x->layout == HONE_CSR;
    return sparse ? entries * 20 + rows * 32
                  : (rows + 64) * (double)x->cols * 4 + rows * 16 + 0x1p16;
}

static bool is_small(const hone_fit_job *job, double n)
{
    return job->shape.task == HONE_CLASSIFICATION && n < 0x1p30 &&
           solve_is_small((int64_t)n, (int64_t)n);
}

/* One solver on n rows; probabilities solve it again on parts of them. */
static double solver_bytes(const hone_fit_job *job, double n)
{
    const svm_params *p = job->params;
    const bool regress = job->shape.task == HONE_REGRESSION;
    const double limit = fmin((double)hone_derive_limit(job->shared), (double)SVM_ROW_BYTES);
    const double matrix = 4 * (n + 64) * (n + 64);
    /* kernel rows, and the distances behind them that trials share, or parts of a whole matrix */
    const double rows = 2 * (is_small(job, n) ? matrix : fmin(limit, matrix)) + 0x1p23;
    /* points and rows of the kernel in double, for the last steps */
    const double exact = 0x1p25 + n * 128 + fmin(limit, 8 * n * n);
    const double interior =
        p->kernel == SVM_LINEAR
            ? interior_bytes(n, regress ? 2 * n : n, fmin((double)job->x.cols, INTERIOR_COLUMNS))
            : 0;
    const double share = n / fmax(1, (double)job->x.rows);
    const double own = panels_bytes(&job->x, n, share * hone_entries_of(&job->x));
    /* a working set, which grows twice: its matrix, its points as panels and as queries */
    const double m = regress ? 2 * n : n, set = fmin(m, WORKING_WIDEST);
    const double sets = is_small(job, n) ? 0 : 7 * (set + 64) * (set + 64) + 2 * own * set / n;
    return (n * (regress ? 540 : 280) + 2 * own + rows + sets + exact + interior) *
               (p->probability && !regress ? 6 : 1) +
           0x1p20;
}

/* Small pairs are solved in blocks that give their memory back, the others one after the other. */
static double solvers_bytes(const hone_fit_job *job)
{
    const svm_params *p = job->params;
    const int64_t k = job->shape.outputs;
    const double all = solver_bytes(job, (double)job->x.rows);
    double small = 0, large = 0;
    if (job->shape.task == HONE_REGRESSION || k < 2)
        return all;
    if (svm_against_rest(p, k)) /* each class against the rest */
        return all * (double)k;
    int64_t *count = HONE_NEW(job->scratch, int64_t, k, 1);
    if (!count)
        return all * (double)k * (double)(k - 1) / 2;
    for (int64_t i = 0; i < job->x.rows; i++)
        count[job->label[i]]++;
    for (int64_t a = 0; a < k; a++)
        for (int64_t b = a + 1; b < k; b++) {
            const int64_t n = count[a] + count[b];
            const double bytes = solver_bytes(job, (double)n);
            if (k > 2 && solve_is_small(n, n))
                small = fmax(small, bytes);
            else
                large += bytes;
        }
    return large + small * hone_threads(job->run);
}

/* What makes the memory of kernel values. */
typedef struct likely {
    const hone_fit_job *job;
    double entries, share; /* of a row; of the rows whose kernel values are kept */
    double limit;          /* what trials may share */
    double up;             /* rows of the whole over those at hand: its way is taken */
} likely;

/* Kernel values kept for one problem of `n` rows. */
static double part_bytes(const likely *l, double n)
{
    const svm_params *p = l->job->params;
    if (is_small(l->job, n * l->up))
        return 4 * n * n;
    return p->kernel == SVM_LINEAR && l->entries <= ROWS_FEW
               ? 0
               : fmin(fmin(l->limit, (double)SVM_ROW_BYTES), 4 * n * n * l->share);
}

/* The matrix of a problem of all rows, which trials share, or the place that is kept for it. */
static double shared_bytes(const likely *l, double n)
{
    const svm_params *p = l->job->params;
    const double matrix = 4 * n * n;
    return p->kernel == SVM_LINEAR || matrix > l->limit / GRAM_SHARES ? 0
           : is_small(l->job, n * l->up)                              ? matrix
                                                                      : 2 * matrix;
}

/* Classes are taken to be of one size. */
static double kernel_bytes(const likely *l, double n)
{
    const hone_fit_job *job = l->job;
    const double k = job->shape.task == HONE_REGRESSION ? 1 : (double)job->shape.outputs;
    if (k <= 2 || svm_against_rest(job->params, job->shape.outputs))
        return (k <= 2 ? 1 : k) * (part_bytes(l, n) + shared_bytes(l, n));
    const double pair = 2 * n / k;
    if (!is_small(job, pair * l->up))
        return k * (k - 1) / 2 * part_bytes(l, pair);
    const double distances = l->entries >= GRAM_LONG ? shared_bytes(l, n) : 0;
    return distances + hone_threads(job->run) * part_bytes(l, pair);
}

static double likely_bytes(const likely *l, double times)
{
    const hone_matrix *x = &l->job->x;
    const double n = (double)x->rows * times;
    const double each = l->job->shape.task == HONE_REGRESSION ? 540 : 280;
    return 2 * panels_bytes(x, n, n * l->entries) + n * each + kernel_bytes(l, n);
}

/* Rows that are kept: of coefficients off their bounds, and some at rest. */
static double kept_rows(const hone_fit_job *job, const svm_state *s)
{
    const svm_params *p = job->params;
    double most = 0, moving = 0;
    if (s->n_coefs != 1 || (p->probability && job->shape.task == HONE_CLASSIFICATION))
        return (double)s->n_sv;
    for (int64_t i = 0; i < s->n_sv; i++)
        most = fmax(most, fabs(s->coef[i]));
    for (int64_t i = 0; i < s->n_sv; i++)
        moving += fabs(s->coef[i]) < most;
    return fmin(moving + moving / ROWS_SPARE, (double)s->n_sv);
}

double svm_growth(const hone_fit_job *job, const void *state, double times)
{
    const svm_state *s = state;
    const double n = (double)job->x.rows;
    const likely all = {job, hone_entries_of(&job->x) / n, kept_rows(job, s) / n,
                        (double)hone_derive_limit(job->shared), 1};
    likely pilot = all;
    pilot.up = times;
    return fmax(likely_bytes(&all, times) - likely_bytes(&pilot, 1), 0);
}

/* Each of its problems has max_iter of them. */
double svm_steps(const hone_fit_job *job)
{
    const svm_params *p = job->params;
    const double k = job->shape.task == HONE_REGRESSION ? 2 : (double)job->shape.outputs;
    const double problems = k <= 2                                    ? 1
                            : svm_against_rest(p, job->shape.outputs) ? k
                                                                      : k * (k - 1) / 2;
    return problems * (double)p->max_iter;
}

int64_t svm_bound(const hone_fit_job *job)
{
    const svm_params *p = job->params;
    const bool regress = job->shape.task == HONE_REGRESSION;
    const bool primal = !regress && p->loss == SVM_SQUARED_HINGE;
    const double solvers = primal ? svm_primal_bound(job) : solvers_bytes(job);
    const double n = (double)job->x.rows, all = n + (double)job->valid_x.rows;
    const double k = regress ? 2 : (double)job->shape.outputs, pairs = k * (k - 1) / 2;
    const double panels = panels_bytes(&job->x, all, hone_entries_of(&job->x) * (all / fmax(n, 1)));
    const double flat =
        p->kernel == SVM_LINEAR ? 2 * planes_bytes(pairs + k, (double)job->x.cols) : 0;
    const double state = n * fmax(1, k - 1) * 40 + pairs * 512 + flat;
    const double judging = hone_threads(job->run) * (0x1p21 + 64 * 8 * (pairs + k * k));
    return hone_bytes_of(1.1 * (4 * panels + solvers + state + judging) +
                         (64 + 8 * pairs) * HONE_CHUNK_BYTES);
}
