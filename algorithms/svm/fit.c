/* From a fit job to dual problems, and from their solutions to the state. Classification solves one
 * problem per pair of classes, or one per class; small ones side by side, large ones in turn. */
#include "fit.h"

#include <string.h>

#include "gamma.h"
#include "gram.h"
#include "interior.h"
#include "parts.h"
#include "primal.h"

/* Parts side by side between two looks at a work limit. */
enum { PORTION = 8 };

/* ---- the data ---- */

static int64_t count_weightless(const hone_fit_job *job)
{
    int64_t count = 0;
    for (int64_t i = 0; job->weight && i < job->x.rows; i++)
        count += !(job->weight[i] > 0);
    return count;
}

/* Rows of weight 0 are as if absent: neither the centre of the points nor gamma knows them. The
 * job that is left shares nothing with trials, whose rows are those of the table. */
static hone_status leave_weightless(fit *f, hone_fit_job *own, hone_error *error)
{
    const hone_fit_job *job = f->job;
    const int64_t n = job->x.rows - count_weightless(job);
    if (n == job->x.rows)
        return HONE_OK;
    int64_t *row = HONE_RAW(job->scratch, int64_t, n, 1);
    int64_t *id = HONE_RAW(job->scratch, int64_t, n, 1);
    int32_t *label = job->label ? HONE_RAW(job->scratch, int32_t, n, 1) : NULL;
    double *target = job->target ? HONE_RAW(job->scratch, double, n, 1) : NULL;
    double *weight = HONE_RAW(job->scratch, double, n, 1);
    if (!row || !id || !weight || (job->label && !label) || (job->target && !target))
        return hone_no_memory(error);
    for (int64_t i = 0, k = 0; i < job->x.rows; i++) {
        if (!(job->weight[i] > 0))
            continue;
        row[k] = i, id[k] = hone_row_id(&job->x, i), weight[k] = job->weight[i];
        if (label)
            label[k] = job->label[i];
        if (target)
            target[k] = job->target[i];
        k++;
    }
    *own = *job;
    own->x.rows = n, own->x.row = id;
    own->label = label, own->target = target, own->weight = weight;
    f->job = own, f->row_of = row, f->shared = NULL;
    return HONE_OK;
}

static hone_status pack(fit *f, bool centred, hone_error *error)
{
    const hone_fit_job *job = f->job;
    if (f->shared)
        return hone_panels_of_rows(f->shared, centred, &f->panels, error);
    hone_panels *own = HONE_NEW(job->scratch, hone_panels, 1, 1);
    f->panels = own;
    return own ? hone_panels_make(&job->x, centred, job->run, job->scratch, job->scratch, own,
                                  error)
               : hone_no_memory(error);
}

/* The largest C of a row; the legal values of C end there. What is more says no more: slopes in
 * double cannot tell the least change of an alpha so large. */
#define MOST_COST 1e12
/* Where a row has more, costs keep their ratios, but none falls below this for it. */
#define PLENTY 1e6

double *svm_weights(const hone_fit_job *job, const svm_params *params)
{
    const int64_t n = job->x.rows, k = job->shape.outputs;
    const bool balanced = job->label && params->class_weight == SVM_BALANCED;
    double *weight = HONE_RAW(job->scratch, double, n, 1);
    double *sum = HONE_NEW(job->scratch, double, k, 1);
    if (!weight || !sum)
        return NULL;
    double all = 0;
    int64_t present = 0;
    for (int64_t i = 0; i < n; i++) {
        weight[i] = job->weight ? job->weight[i] : 1;
        if (!balanced)
            continue;
        present += weight[i] > 0 && sum[job->label[i]] == 0;
        sum[job->label[i]] += weight[i];
        all += weight[i];
    }
    for (int64_t i = 0; i < n && balanced; i++)
        if (weight[i] > 0)
            weight[i] *= all / (double)present / sum[job->label[i]];
    return weight;
}

/* nu-SVC: only ratios count, and slopes are those of a mean weight of 1. */
static void divide_by_mean(double *weight, int64_t n)
{
    const double unit = svm_unit(weight, n);
    double mean = 0;
    for (int64_t i = 0; i < n; i++)
        mean += weight[i] / unit / (double)n;
    for (int64_t i = 0; i < n; i++)
        weight[i] = weight[i] / unit / mean;
}

static hone_status find_costs(fit *f, hone_error *error)
{
    const int64_t n = f->job->x.rows;
    const bool nu = f->params->formulation == SVM_FORMULATION_NU;
    const double C = f->job->label && nu ? 1 : f->params->C;
    f->cost = svm_weights(f->job, f->params);
    f->cut = HONE_NEW(f->job->scratch, bool, n, 1);
    if (!f->cost || !f->cut)
        return hone_no_memory(error);
    if (f->job->label && nu)
        divide_by_mean(f->cost, n);
    const double unit = svm_unit(f->cost, n);
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, f->cost[i] / unit * C);
    for (int64_t i = 0; i < n; i++) {
        const double asked = f->cost[i] * C, share = f->cost[i] / unit * C / most;
        f->cost[i] = asked;
        if (most > MOST_COST / unit)
            f->cost[i] = fmax(share * MOST_COST, fmin(asked, PLENTY));
        f->cut[i] = f->cost[i] < asked;
        f->cost[i] = fmin(f->cost[i] * f->kernel.scale, 0x1p1000);
    }
    return HONE_OK;
}

/* ---- parts ---- */

/* Rows with a cost, by class, each class ascending; regression has one. */
typedef struct classes {
    int64_t *start, *row;
} classes;

static int64_t class_of(const hone_fit_job *job, int64_t row)
{
    return job->label ? job->label[row] : 0;
}

static hone_status sort_rows(const fit *f, classes *c, hone_error *error)
{
    const hone_fit_job *job = f->job;
    const int64_t n = job->x.rows, k = job->shape.outputs;
    int64_t *next = HONE_NEW(job->scratch, int64_t, k + 1, 1);
    c->start = HONE_NEW(job->scratch, int64_t, k + 1, 1);
    c->row = HONE_RAW(job->scratch, int64_t, n, 1);
    if (!next || !c->start || !c->row)
        return hone_no_memory(error);
    for (int64_t i = 0; i < n; i++)
        c->start[class_of(job, i) + 1] += f->cost[i] > 0;
    for (int64_t a = 0; a < k; a++)
        c->start[a + 1] += c->start[a];
    memcpy(next, c->start, (size_t)k * sizeof *next);
    for (int64_t i = 0; i < n; i++)
        if (f->cost[i] > 0)
            c->row[next[class_of(job, i)]++] = i;
    return HONE_OK;
}

static int64_t count_rows(const classes *c, int64_t class)
{
    return c->start[class + 1] - c->start[class];
}

static void merge_rows(const classes *c, int64_t a, int64_t b, int64_t *to)
{
    int64_t i = c->start[a], j = c->start[b];
    while (i < c->start[a + 1] || j < c->start[b + 1]) {
        const bool first = j == c->start[b + 1] || (i < c->start[a + 1] && c->row[i] < c->row[j]);
        *to++ = c->row[first ? i++ : j++];
    }
}

/* Of classes a and b, or of all when b < 0. */
static hone_status list_part(fit *f, const classes *c, int64_t a, int64_t b, hone_error *error)
{
    const hone_fit_job *job = f->job;
    part *p = &f->parts[f->n_parts++];
    *p = (part){.a = a, .b = b};
    p->n = b < 0 ? c->start[job->shape.outputs] : count_rows(c, a) + count_rows(c, b);
    p->whole = p->n == job->x.rows;
    p->row = HONE_RAW(job->scratch, int64_t, p->n, 1);
    p->coef = HONE_NEW(job->scratch, double, p->n, 1);
    const bool plane = f->kernel.type == SVM_LINEAR && job->x.cols <= INTERIOR_COLUMNS;
    p->w = plane ? HONE_RAW(job->scratch, double, job->x.cols, 1) : NULL;
    if (!p->row || !p->coef || (plane && !p->w))
        return hone_no_memory(error);
    if (b >= 0)
        merge_rows(c, a, b, p->row);
    for (int64_t i = 0, count = 0; b < 0 && i < job->x.rows; i++)
        if (f->cost[i] > 0)
            p->row[count++] = i;
    return HONE_OK;
}

sides *svm_list_sides(const bool *present, int64_t k, bool rest, hone_arena *scratch,
                      int64_t *count)
{
    sides *list = HONE_RAW(scratch, sides, rest ? k : k * (k - 1) / 2, 1);
    *count = 0;
    for (int64_t a = 0; list && a < k; a++) {
        if (rest && present[a])
            list[(*count)++] = (sides){a, -1};
        for (int64_t b = a + 1; b < k && !rest; b++)
            if (present[a] && present[b])
                list[(*count)++] = (sides){a, b};
    }
    return list;
}

static hone_status list_parts(fit *f, hone_error *error)
{
    const int64_t k = f->job->shape.outputs;
    const bool regress = f->job->shape.task == HONE_REGRESSION;
    hone_arena *scratch = f->job->scratch;
    bool *present = HONE_NEW(scratch, bool, k, 1);
    classes c;
    int64_t count = 1;
    if (!present)
        return hone_no_memory(error);
    HONE_TRY(sort_rows(f, &c, error));
    for (int64_t a = 0; a < k; a++)
        present[a] = count_rows(&c, a) > 0;
    f->rest = !regress && svm_against_rest(f->params, k);
    const sides *of =
        regress ? &(sides){0, -1} : svm_list_sides(present, k, f->rest, scratch, &count);
    f->parts = HONE_NEW(scratch, part, count, 1);
    if (!of || !f->parts)
        return hone_no_memory(error);
    for (int64_t i = 0; i < count; i++)
        HONE_TRY(list_part(f, &c, of[i].a, of[i].b, error));
    return HONE_OK;
}

/* The largest nu of a pair is twice the smaller class's share. */
static hone_status find_nu(fit *f, hone_error *error)
{
    if (f->params->formulation != SVM_FORMULATION_NU)
        return HONE_OK;
    f->nu = f->params->nu;
    double feasible = 1;
    for (int64_t i = 0; f->job->label && i < f->n_parts; i++) {
        const part *p = &f->parts[i];
        double sum[2] = {0, 0};
        for (int64_t r = 0; r < p->n; r++)
            sum[f->job->label[p->row[r]] == p->a] += f->cost[p->row[r]];
        feasible = fmin(feasible, 2 * fmin(sum[0], sum[1]) / (sum[0] + sum[1]));
    }
    return feasible < f->nu ? hone_adjust(f->job->run, "nu", feasible, error) : HONE_OK;
}

/* ---- problems ---- */

static hone_status make_arrays(const fit *f, const part *p, int64_t m, problem *q,
                               hone_arena *scratch, hone_error *error)
{
    const int64_t lanes = hone_panel_count(p->n) * HONE_LANES;
    *q = (problem){.kernel = &f->kernel,
                   .n = p->n,
                   .m = m,
                   .stands = solve_stands_for(f->job, p->n),
                   .x = &f->job->x,
                   .row = p->whole ? NULL : p->row,
                   .w = p->w,
                   .nu = f->nu,
                   .tol = f->params->tol,
                   .max_iter = f->params->max_iter};
    q->sign = HONE_RAW(scratch, signed char, m, 1);
    q->linear = HONE_RAW(scratch, double, m, 1);
    q->bound = HONE_RAW(scratch, double, m, 1);
    q->alpha = HONE_NEW(scratch, double, m, 1);
    q->g = HONE_NEW(scratch, double, lanes, 1);
    if (!q->sign || !q->linear || !q->bound || !q->alpha || !q->g)
        return hone_no_memory(error);
    if (p->whole) {
        q->panels = f->panels;
        return HONE_OK;
    }
    hone_panels *own = HONE_NEW(scratch, hone_panels, 1, 1);
    hone_panel_room room;
    if (!own || !hone_panel_room_new(f->panels, p->n, scratch, &room))
        return hone_no_memory(error);
    hone_panels_pick(f->panels, p->row, p->n, &room, own);
    q->panels = own;
    return HONE_OK;
}

static void set_classes(const fit *f, const part *p, problem *q)
{
    for (int64_t i = 0; i < p->n; i++) {
        q->sign[i] = f->job->label[p->row[i]] == p->a ? 1 : -1;
        q->linear[i] = q->nu > 0 ? 0 : -1;
        q->bound[i] = f->cost[p->row[i]];
    }
}

static void set_targets(const fit *f, const part *p, problem *q)
{
    const double epsilon = q->nu > 0 ? 0 : f->params->epsilon;
    for (int64_t i = 0; i < p->n; i++) {
        const double z = f->job->target[p->row[i]];
        q->sign[i] = 1, q->sign[i + p->n] = -1;
        q->linear[i] = epsilon - z;
        q->linear[i + p->n] = epsilon + z;
        q->bound[i] = q->bound[i + p->n] = f->cost[p->row[i]];
    }
}

/* The sigmoid of a pair, from decisions of rows that were left out. */
static hone_status calibrate(const fit *f, part *p, solver *work, hone_arena *scratch,
                             hone_error *error)
{
    double *decision = HONE_RAW(scratch, double, p->n, 1);
    double *weight = HONE_RAW(scratch, double, p->n, 1);
    if (!decision || !weight)
        return hone_no_memory(error);
    HONE_TRY(sigmoid_decisions(work, decision, scratch, error));
    for (int64_t i = 0; i < p->n; i++)
        weight[i] = f->job->weight ? f->job->weight[p->row[i]] : 1;
    p->sigmoid = sigmoid_fit(decision, work->p->sign, weight, p->n);
    return HONE_OK;
}

/* Alpha from y alpha, less what rounding has made of their sum. */
static void begin(const part *p, problem *q)
{
    for (int64_t v = 0; v < q->m; v++)
        q->alpha[v] = fmin(fmax(q->sign[v] * p->coef[row_of(q, v)], 0), q->bound[v]);
    solver_balance(q);
}

static bool is_untouched(const part *p)
{
    int64_t i = 0;
    while (i < p->n && p->coef[i] == 0)
        i++;
    return i == p->n;
}

/* The intercept of a pair that was stopped before anything moved: the class of more weight. */
static double side_with_more(const fit *f, const part *p)
{
    double more = 0;
    for (int64_t i = 0; i < p->n; i++)
        more += (f->job->label[p->row[i]] == p->a ? 1 : -1) * f->cost[p->row[i]];
    return more > 0 ? -1 : 1;
}

/* Whether costs that were cut bound the solution: it is that of other weights. */
static bool leans_on_cut(const fit *f, const part *p, const problem *q)
{
    bool leans = false;
    for (int64_t v = 0; v < q->m && !leans; v++)
        leans = f->cut[p->row[row_of(q, v)]] && q->alpha[v] >= q->bound[v];
    return leans;
}

static hone_status solve_part(const fit *f, part *p, bool inside, hone_arena *scratch,
                              hone_error *error)
{
    const bool regress = f->job->shape.task == HONE_REGRESSION;
    effort own = {.run = f->job->run, .inside = inside, .most = f->left};
    problem q;
    HONE_TRY(make_arrays(f, p, regress ? 2 * p->n : p->n, &q, scratch, error));
    if (regress)
        set_targets(f, p, &q);
    else
        set_classes(f, p, &q);
    const int64_t limit = hone_derive_limit(f->job->shared);
    q.row_bytes = limit < SVM_ROW_BYTES ? limit : SVM_ROW_BYTES;
    q.repeats = f->params->probability && !regress;
    q.effort = &own;
    q.rho = p->rho;
    q.shared = p->whole && !inside ? f->shared : NULL;
    q.more = f->job->more;
    q.distances = f->distances;
    if (p->begun)
        begin(p, &q);
    solver work;
    HONE_TRY(solver_open(&work, &q, scratch, error));
    HONE_TRY(p->begun ? solver_resume(&work, error) : solver_run(&work, error));
    /* nu-SVC is C-SVC with C = 1 / level */
    const double level = q.nu > 0 && !regress && q.level > 0 ? q.level : 1;
    memset(p->coef, 0, (size_t)p->n * sizeof *p->coef);
    for (int64_t v = 0; v < q.m; v++)
        p->coef[row_of(&q, v)] += q.sign[v] * q.alpha[v] / level;
    p->rho = q.rho / level, p->gap = q.gap, p->objective = q.objective / (level * level);
    p->iterations = q.iterations, p->told = q.told;
    p->leans = leans_on_cut(f, p, &q), p->converged = q.converged && !p->leans;
    if (!regress && !q.converged && is_untouched(p))
        p->rho = side_with_more(f, p);
    if (q.repeats)
        HONE_TRY(calibrate(f, p, &work, scratch, error));
    p->work = own.done;
    return HONE_OK;
}

static hone_status solve_small_part(void *context, int64_t block, hone_arena *scratch,
                                    hone_error *error)
{
    const fit *f = context;
    return solve_part(f, &f->parts[f->small[f->first + block]], true, scratch, error);
}

static hone_status solve_small_parts(fit *f, int64_t count, hone_error *error)
{
    const hone_run *run = f->job->run;
    f->left = hone_work_left(run);
    const int64_t most = f->left == INT64_MAX ? count : PORTION;
    for (f->first = 0; f->first < count; f->first += most) {
        const int64_t left = count - f->first, some = left < most ? left : most;
        f->left = hone_work_left(run);
        HONE_TRY(hone_for_blocks(run, some, solve_small_part, f, error));
        for (int64_t i = 0; i < some; i++)
            hone_work(run, f->parts[f->small[f->first + i]].work);
    }
    return HONE_OK;
}

static hone_status solve_parts(fit *f, hone_error *error)
{
    const hone_fit_job *job = f->job;
    int64_t count = 0;
    f->small = HONE_RAW(job->scratch, int64_t, f->n_parts, 1);
    if (!f->small)
        return hone_no_memory(error);
    const bool regress = job->shape.task == HONE_REGRESSION;
    for (int64_t i = 0; i < f->n_parts; i++) {
        const int64_t rows = solve_stands_for(job, f->parts[i].n);
        if (f->n_parts > 1 && !regress && solve_is_small(rows, rows))
            f->small[count++] = i;
    }
    if (count && f->shared)
        HONE_TRY(gram_distances(job, &f->kernel, f->panels, &f->distances, error));
    HONE_TRY(solve_small_parts(f, count, error));
    for (int64_t i = 0, next = 0; i < f->n_parts; i++) {
        if (next < count && f->small[next] == i)
            next++;
        else
            HONE_TRY(solve_part(f, &f->parts[i], false, job->scratch, error));
    }
    return HONE_OK;
}

static void report(const fit *f, const svm_state *s)
{
    const hone_run *run = f->job->run;
    bool leans = false;
    for (int64_t i = 0; i < f->n_parts; i++)
        leans = leans || f->parts[i].leans;
    hone_log(run, HONE_DEBUG, "svm: %lld support vectors, %lld pairs moved, gap %.3g",
             (long long)s->n_sv, (long long)s->iterations, s->gap);
    if (leans)
        hone_log(run, HONE_WARNING, "svm took products of C and a weight above %g as that",
                 MOST_COST);
    else if (!s->converged)
        hone_log(run, HONE_WARNING, "svm did not converge: gap %.3g after %lld iterations%s",
                 s->gap, (long long)s->iterations,
                 hone_stopping(run) != HONE_GO ? "" : "; raise max_iter or tol, or lower C");
}

hone_status svm_fit(const hone_fit_job *job, void *state, hone_error *error)
{
    fit f = {.job = job, .params = job->params, .shared = job->shared, .all_rows = job->x.rows};
    const bool moves = f.params->kernel == SVM_RBF || f.params->kernel == SVM_LAPLACIAN;
    hone_fit_job weighted;
    if (job->label && f.params->loss == SVM_SQUARED_HINGE)
        return svm_primal(job, state, error);
    HONE_TRY(leave_weightless(&f, &weighted, error));
    job = f.job;
    HONE_TRY(pack(&f, moves, error));
    HONE_TRY(svm_gamma(job, f.params, &f.gamma, error));
    f.kernel = kernel_of(f.params, f.gamma, f.panels, hone_run_isa(job->run));
    HONE_TRY(find_costs(&f, error));
    HONE_TRY(list_parts(&f, error));
    HONE_TRY(find_nu(&f, error));
    HONE_TRY(svm_begin(&f, job->scratch, error));
    HONE_TRY(solve_parts(&f, error));
    HONE_TRY(svm_make_state(&f, state, error));
    report(&f, state);
    return HONE_OK;
}
