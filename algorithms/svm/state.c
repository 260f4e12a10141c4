/* The state of a fit from the solutions of its problems. */
#include <string.h>

#include "parts.h"
#include "planes.h"

/* As a logit. */
#define CERTAIN 16

/* More than any margin. */
#define NEVER 0x1p1000

/* Support vectors by class, each row once. `slot`: by row, its number among them or -1. */
static hone_status list_vectors(const fit *f, svm_state *s, int64_t *slot, hone_error *error)
{
    const hone_fit_job *job = f->job;
    const int64_t n = job->x.rows, k = job->shape.outputs;
    memset(slot, -1, (size_t)n * sizeof *slot);
    for (int64_t p = 0; p < f->n_parts; p++)
        for (int64_t i = 0; i < f->parts[p].n; i++)
            if (f->parts[p].coef[i] != 0 && slot[f->parts[p].row[i]] < 0) {
                slot[f->parts[p].row[i]] = 0;
                s->n_sv++;
            }
    s->support = HONE_NEW(job->keep, int64_t, s->n_sv, 1);
    s->class_start = HONE_NEW(job->keep, int64_t, k + 1, 1);
    if (!s->support || !s->class_start)
        return hone_no_memory(error);
    int64_t next = 0;
    for (int64_t c = 0; c < k; c++) {
        for (int64_t i = 0; i < n; i++)
            if (slot[i] >= 0 && (!job->label || job->label[i] == c)) {
                slot[i] = next;
                s->support[next++] = i;
            }
        s->class_start[c + 1] = next;
    }
    return HONE_OK;
}

static hone_status copy_dense(const fit *f, svm_state *s, hone_error *error)
{
    const hone_panels *p = f->panels;
    s->n_dense = s->n_sv;
    s->vectors = HONE_RAW(f->job->keep, float, s->n_sv, p->d);
    if (!s->vectors)
        return hone_no_memory(error);
    for (int64_t i = 0; i < s->n_sv; i++) {
        const int64_t r = s->support[i];
        const float *from = p->x + r / HONE_LANES * p->d * HONE_LANES + r % HONE_LANES;
        for (int64_t k = 0; k < p->d; k++)
            s->vectors[i * p->d + k] = from[k * HONE_LANES];
    }
    return HONE_OK;
}

static hone_status copy_sparse(const fit *f, svm_state *s, hone_error *error)
{
    const hone_panels *p = f->panels;
    hone_arena *keep = f->job->keep;
    s->n_sparse = s->n_sv;
    for (int64_t i = 0; i < s->n_sv; i++)
        s->n_entries += p->end[s->support[i]] - p->begin[s->support[i]];
    s->sparse_start = HONE_NEW(keep, int64_t, s->n_sv + 1, 1);
    s->sparse_column = HONE_RAW(keep, int32_t, s->n_entries, 1);
    s->sparse_value = HONE_RAW(keep, float, s->n_entries, 1);
    if (!s->sparse_start || !s->sparse_column || !s->sparse_value)
        return hone_no_memory(error);
    for (int64_t i = 0, next = 0; i < s->n_sv; i++) {
        const int64_t from = p->begin[s->support[i]], count = p->end[s->support[i]] - from;
        memcpy(s->sparse_column + next, p->column + from, (size_t)count * sizeof(int32_t));
        memcpy(s->sparse_value + next, p->value + from, (size_t)count * sizeof(float));
        s->sparse_start[i + 1] = next += count;
    }
    return HONE_OK;
}

static int64_t plane_of(const void *context, int64_t i, double *w)
{
    const fit *f = context;
    const part *p = &f->parts[i];
    if (p->told)
        memcpy(w, p->w, (size_t)f->job->x.cols * sizeof *w);
    else
        planes_sum(&f->job->x, p->row, p->coef, p->n, kernel_product(&f->kernel, f->panels), w);
    w[f->job->x.cols] = -p->rho;
    return part_pair(f, p);
}

/* The vectors that the coefficients belong to, or what a linear kernel makes of them. */
static hone_status copy_vectors(const fit *f, svm_state *s, hone_error *error)
{
    const hone_panels *p = f->panels;
    const bool linear = f->kernel.type == SVM_LINEAR;
    hone_arena *keep = f->job->keep;
    s->unit = linear ? 1 : p->unit;
    s->centre = HONE_NEW(keep, double, p->d, 1);
    s->sparse_start = HONE_NEW(keep, int64_t, 1, 1);
    s->plane_start = HONE_NEW(keep, int64_t, 1, 1);
    if (!s->centre || !s->sparse_start || !s->plane_start)
        return hone_no_memory(error);
    if (linear)
        return planes_keep(f->job, f->n_parts, plane_of, f, s, error);
    memcpy(s->centre, p->centre, (size_t)p->d * sizeof *s->centre);
    return p->x ? copy_dense(f, s, error) : copy_sparse(f, s, error);
}

static void copy_part(const fit *f, const part *p, svm_state *s, const int64_t *slot)
{
    for (int64_t i = 0; i < p->n; i++) {
        const int64_t at = slot[p->row[i]];
        if (at < 0)
            continue;
        s->coef[at * s->n_coefs + part_column(f, p, p->row[i])] = p->coef[i] / f->kernel.scale;
    }
    const int64_t pair = part_pair(f, p);
    s->intercept[pair] = -p->rho;
    if (s->n_sigmoids) {
        s->sigmoid_a[pair] = p->sigmoid.a;
        s->sigmoid_b[pair] = p->sigmoid.b;
    }
    s->gap = fmax(s->gap, p->gap);
    s->objective += p->objective;
    s->iterations += p->iterations;
    s->converged = s->converged && p->converged;
}

void svm_settle_absent(int64_t k, bool rest, const bool *present, svm_state *s)
{
    for (int64_t a = 0; a < k && rest; a++)
        if (!present[a]) {
            s->intercept[a] = -NEVER;
            if (s->n_sigmoids)
                s->sigmoid_b[a] = CERTAIN;
        }
    for (int64_t a = 0; a < k && !rest; a++)
        for (int64_t b = a + 1; b < k; b++)
            if (present[a] != present[b]) {
                s->intercept[svm_pair(a, b, k)] = present[a] ? 1 : -1;
                if (s->n_sigmoids)
                    s->sigmoid_b[svm_pair(a, b, k)] = present[a] ? -CERTAIN : CERTAIN;
            }
}

hone_status svm_make_state(const fit *f, svm_state *s, hone_error *error)
{
    const hone_fit_job *job = f->job;
    const int64_t n = job->x.rows, k = job->shape.outputs;
    int64_t *slot = HONE_RAW(job->scratch, int64_t, n, 1);
    bool *present = HONE_NEW(job->scratch, bool, k, 1);
    if (!slot || !present)
        return hone_no_memory(error);
    HONE_TRY(list_vectors(f, s, slot, error));
    s->shares = f->shared != NULL;
    s->n_rows = f->all_rows, s->gamma = f->gamma, s->converged = 1;
    s->n_coefs = f->rest ? k : job->label ? k - 1 : 1;
    s->n_pairs = f->rest ? k : job->label ? k * (k - 1) / 2 : 1;
    s->n_sigmoids = job->label && f->params->probability ? s->n_pairs : 0;
    s->coef = HONE_NEW(job->keep, double, s->n_sv, s->n_coefs);
    s->intercept = HONE_NEW(job->keep, double, s->n_pairs, 1);
    s->sigmoid_a = HONE_NEW(job->keep, double, s->n_sigmoids, 1);
    s->sigmoid_b = HONE_NEW(job->keep, double, s->n_sigmoids, 1);
    if (!s->coef || !s->intercept || !s->sigmoid_a || !s->sigmoid_b)
        return hone_no_memory(error);
    HONE_TRY(copy_vectors(f, s, error));
    for (int64_t i = 0; job->label && i < n; i++)
        present[job->label[i]] = present[job->label[i]] || f->cost[i] > 0;
    if (job->label)
        svm_settle_absent(k, f->rest, present, s);
    for (int64_t p = 0; p < f->n_parts; p++)
        copy_part(f, &f->parts[p], s, slot);
    for (int64_t i = 0; f->row_of && i < s->n_sv; i++)
        s->support[i] = f->row_of[s->support[i]];
    return HONE_OK;
}
