/* A fit that begins at the solution of another C, tol or a kernel close by.
 *
 * alpha C' / C is feasible for C', and its slopes are those of alpha times C' / C: bounded vectors
 * stay at their bound. After liquidSVM (Steinwart and Thomann, 2017). */
#include "parts.h"

/* Ratio of two gammas up to which a solution helps. */
#define CLOSE 4.0

/* Relative distance to a bound that is rounding. */
#define ROUNDING 0x1p-48

static bool is_close(double a, double b)
{
    return a <= CLOSE * b && b <= CLOSE * a;
}

static bool helps(const fit *f, const svm_params *was, const svm_state *s)
{
    const svm_params *p = f->params;
    const bool classes = f->job->label;
    if (p->formulation != SVM_FORMULATION_C || was->formulation != SVM_FORMULATION_C ||
        p->kernel != was->kernel || was->loss != SVM_HINGE ||
        (classes && (p->class_weight != was->class_weight || p->multi_class != was->multi_class)))
        return false;
    if (p->kernel == SVM_LINEAR)
        return true;
    return p->degree == was->degree && p->coef0 == was->coef0 && is_close(f->gamma, s->gamma);
}

/* Of a solution that the caller named: those of a cache are not asked for one by one. */
void svm_tell_cold(const hone_fit_job *job)
{
    if (job->warm_state && !job->warm_same_rows)
        hone_log(job->run, HONE_INFO,
                 "cold start: svm begins only at a model of all rows of this table, of the hinge, "
                 "formulation c, the same kernel and a gamma within a factor of 4");
}

/* Number among the support vectors by row of that fit, or -1. */
static int64_t *number_vectors(const svm_state *s, hone_arena *scratch)
{
    int64_t *number = HONE_RAW(scratch, int64_t, s->n_rows, 1);
    for (int64_t i = 0; number && i < s->n_rows; i++)
        number[i] = -1;
    for (int64_t i = 0; number && i < s->n_sv; i++)
        number[s->support[i]] = i;
    return number;
}

/* What that fit called row i of the job. */
static int64_t old_row(const fit *f, int64_t i)
{
    if (!f->job->warm_same_rows)
        return hone_row_id(&f->job->x, i);
    return f->row_of ? f->row_of[i] : i;
}

static bool knows_rows(const fit *f, const svm_state *s)
{
    return f->job->warm_same_rows ? s->n_rows == f->all_rows : f->job->warm_same_table;
}

hone_status svm_begin(fit *f, hone_arena *scratch, hone_error *error)
{
    const svm_state *s = f->job->warm_state;
    const svm_params *was = f->job->warm_params;
    if (!s)
        return HONE_OK;
    if (!knows_rows(f, s) || !helps(f, was, s)) {
        svm_tell_cold(f->job);
        return HONE_OK;
    }
    const int64_t *number = number_vectors(s, scratch);
    if (!number)
        return hone_no_memory(error);
    const double ratio = f->params->C / was->C * f->kernel.scale;
    for (int64_t k = 0; k < f->n_parts; k++) {
        part *p = &f->parts[k];
        p->begun = true, p->rho = -s->intercept[part_pair(f, p)];
        for (int64_t i = 0; i < p->n; i++) {
            const int64_t old = old_row(f, p->row[i]), at = old < s->n_rows ? number[old] : -1;
            if (at < 0)
                continue;
            const double bound = f->cost[p->row[i]];
            const double c = s->coef[at * s->n_coefs + part_column(f, p, p->row[i])] * ratio;
            p->coef[i] = fabs(c) > bound * (1 - ROUNDING) ? copysign(bound, c) : c;
        }
    }
    return HONE_OK;
}
