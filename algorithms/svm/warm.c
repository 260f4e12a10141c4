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

/* Number among the support vectors by row of the job, or -1. */
static int64_t *number_vectors(const fit *f, const svm_state *s, hone_arena *scratch)
{
    int64_t *all = HONE_RAW(scratch, int64_t, f->all_rows, 1);
    for (int64_t i = 0; all && i < f->all_rows; i++)
        all[i] = -1;
    for (int64_t i = 0; all && i < s->n_sv; i++)
        all[s->support[i]] = i;
    for (int64_t i = 0; all && f->row_of && i < f->job->x.rows; i++)
        all[i] = all[f->row_of[i]]; /* row_of[i] >= i */
    return all;
}

hone_status svm_begin(fit *f, hone_arena *scratch, hone_error *error)
{
    const svm_state *s = f->job->warm_state;
    const svm_params *was = f->job->warm_params;
    if (!s || !f->job->warm_same_rows || s->n_rows != f->all_rows || !helps(f, was, s))
        return HONE_OK;
    const int64_t *number = number_vectors(f, s, scratch);
    if (!number)
        return hone_no_memory(error);
    const double ratio = f->params->C / was->C * f->kernel.scale;
    for (int64_t k = 0; k < f->n_parts; k++) {
        part *p = &f->parts[k];
        p->begun = true;
        for (int64_t i = 0; i < p->n; i++) {
            const int64_t at = number[p->row[i]];
            if (at < 0)
                continue;
            const double bound = f->cost[p->row[i]];
            const double c = s->coef[at * s->n_coefs + part_column(f, p, p->row[i])] * ratio;
            p->coef[i] = fabs(c) > bound * (1 - ROUNDING) ? copysign(bound, c) : c;
        }
    }
    return HONE_OK;
}
