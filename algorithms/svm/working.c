/* The outer loop: choose a working set, solve it by pairs, carry the change to the gradient. */
#include "working.h"

#include <string.h>

#include "rows.h"
#include "select.h"
#include "subproblem.h"

enum {
    WORKING = 512, /* variables of a working set */
    INNER = 40,    /* pairs per variable before the gradient is brought up to date */
    QUERIES = 48   /* kernel rows of a block */
};

/* Pairs inside a working set stop at this share of its first gap: half doubles the outer steps, a
 * fiftieth buys nothing. */
#define SHARE 0.1

typedef struct working {
    problem *p;
    smo s;
    int64_t held, kept;   /* variables in the set; those in front were there before */
    int64_t *variable;    /* q */
    bool *chosen;         /* m */
    wish *up, *low;       /* m */
    hone_panel_room room; /* panels of the set's rows */
    hone_panels panels;
    hone_queries fresh; /* the set's new rows */
    double *weight;     /* n: change of y alpha by row */
    int64_t *row;       /* rows that changed, ascending */
    double *change;     /* their weights */
    double *old;        /* q: alpha before the pairs */
    rows rows;
    double gap;
} working;

static bool make_arrays(working *w, problem *p, hone_arena *scratch)
{
    const int64_t q = p->m < WORKING ? p->m : WORKING;
    *w = (working){.p = p};
    w->variable = HONE_NEW(scratch, int64_t, q, 1);
    w->chosen = HONE_NEW(scratch, bool, p->m, 1);
    w->up = HONE_RAW(scratch, wish, p->m, 1);
    w->low = HONE_RAW(scratch, wish, p->m, 1);
    w->weight = HONE_NEW(scratch, double, p->n, 1);
    w->row = HONE_NEW(scratch, int64_t, p->n, 1);
    w->change = HONE_NEW(scratch, double, p->n, 1);
    w->old = HONE_NEW(scratch, double, q, 1);
    return w->variable && w->chosen && w->up && w->low && w->weight && w->row && w->change &&
           w->old && subproblem_make(&w->s, q, p->nu > 0, scratch) &&
           hone_panel_room_new(p->panels, q, scratch, &w->room) &&
           hone_queries_new(p->panels, NULL, 0, q, scratch, &w->fresh) &&
           rows_open(&w->rows, p, scratch);
}

/* ---- choosing ---- */

static void take(working *w, wish *wishes, int64_t n, int64_t most)
{
    const int64_t q = w->p->m < WORKING ? w->p->m : WORKING;
    int64_t free = 0;
    for (int64_t i = 0; i < n; i++)
        if (!w->chosen[wishes[i].variable])
            wishes[free++] = wishes[i];
    int64_t k = q - w->held < most ? q - w->held : most;
    k = k < free ? k : free;
    select_least(wishes, free, k);
    for (int64_t i = 0; i < k; i++) {
        w->variable[w->held++] = wishes[i].variable;
        w->chosen[wishes[i].variable] = true;
    }
}

/* Adds the variables of one sign (0: of both) that violate most, up to `share` in each direction,
 * and measures their gap. */
static void choose_sign(working *w, int sign, int64_t share)
{
    const problem *p = w->p;
    int64_t ups = 0, lows = 0;
    double least = INFINITY, most = -INFINITY;
    for (int64_t v = 0; v < p->m; v++) {
        const double f = slope(p, v);
        if (sign && p->sign[v] != sign)
            continue;
        if (smo_up(p->sign[v], p->alpha[v], p->bound[v])) {
            w->up[ups++] = (wish){f, v};
            least = fmin(least, f);
        }
        if (smo_low(p->sign[v], p->alpha[v], p->bound[v])) {
            w->low[lows++] = (wish){-f, v};
            most = fmax(most, f);
        }
    }
    w->gap = fmax(w->gap, most - least);
    take(w, w->up, ups, share);
    take(w, w->low, lows, share);
    if (!sign)
        take(w, w->up, ups, share);
}

/* Keeps the newest half of the set and fills it up. */
static void choose(working *w)
{
    const problem *p = w->p;
    const int64_t q = p->m < WORKING ? p->m : WORKING;
    w->kept = w->held < q / 2 ? w->held : q / 2;
    for (int64_t i = 0; i < w->held - w->kept; i++)
        w->chosen[w->variable[i]] = false;
    memmove(w->variable, w->variable + w->held - w->kept, (size_t)w->kept * sizeof *w->variable);
    w->held = w->kept;
    w->gap = -INFINITY;
    if (p->nu > 0) {
        choose_sign(w, 1, (q - w->kept + 3) / 4);
        choose_sign(w, -1, (q - w->kept + 3) / 4);
    } else {
        choose_sign(w, 0, (q - w->kept + 1) / 2);
    }
}

/* ---- the set's kernel matrix ---- */

static hone_status fresh_block(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    working *w = context;
    const int64_t first = block * QUERIES, left = w->fresh.m - first;
    const hone_queries some = hone_queries_part(&w->fresh, first, left < QUERIES ? left : QUERIES);
    int32_t *map;
    if (!hone_map_new(&w->panels, scratch, &map))
        return hone_no_memory(error);
    kernel_block(w->p->kernel, &some, &w->panels, 0, hone_panel_count(w->held), map,
                 w->s.K + (w->kept + first) * w->s.stride, w->s.stride);
    return HONE_OK;
}

/* `before`: the size of the last set, whose last `kept` variables are now the first. */
static hone_status fill_matrix(working *w, int64_t before, hone_error *error)
{
    const int64_t stride = w->s.stride, from = before - w->kept;
    float *K = w->s.K;
    int64_t id[WORKING];
    for (int64_t i = 0; i < w->held; i++)
        id[i] = row_of(w->p, w->variable[i]);
    hone_panels_pick(w->p->panels, id, w->held, &w->room, &w->panels);
    hone_queries_pick(w->p->panels, id + w->kept, w->held - w->kept, w->p->kernel->isa, &w->fresh);
    for (int64_t i = 0; from > 0 && i < w->kept; i++)
        memmove(K + i * stride, K + (from + i) * stride + from, (size_t)w->kept * sizeof *K);
    HONE_TRY(
        hone_for_blocks(w->p->run, (w->fresh.m + QUERIES - 1) / QUERIES, fresh_block, w, error));
    for (int64_t i = 0; i < w->kept; i++)
        for (int64_t j = w->kept; j < w->held; j++)
            K[i * stride + j] = K[j * stride + i];
    return HONE_OK;
}

/* ---- a step ---- */

static void load_set(working *w)
{
    w->s.q = hone_panel_count(w->held) * HONE_LANES;
    for (int64_t i = 0; i < w->held; i++) {
        subproblem_load(&w->s, i, w->p, w->variable[i]);
        w->old[i] = w->s.alpha[i];
    }
    subproblem_pad(&w->s, w->held);
}

/* The rows whose weight is not 0, ascending; the weights are 0 again. */
static int64_t list_rows(working *w)
{
    int64_t count = 0;
    for (int64_t r = 0; r < w->p->n; r++)
        if (w->weight[r] != 0) {
            w->row[count] = r;
            w->change[count++] = w->weight[r];
            w->weight[r] = 0;
        }
    return count;
}

/* Takes the set's alpha over; gives the number of rows that changed. */
static int64_t collect(working *w)
{
    problem *p = w->p;
    for (int64_t i = 0; i < w->held; i++) {
        const int64_t v = w->variable[i];
        p->alpha[v] = w->s.alpha[i];
        w->weight[row_of(p, v)] += p->sign[v] * (w->s.alpha[i] - w->old[i]);
    }
    return list_rows(w);
}

/* The gradient anew from all of alpha: what rounding has added up is gone. */
static hone_status rebuild(working *w, hone_error *error)
{
    problem *p = w->p;
    memset(p->g, 0, (size_t)w->rows.width * sizeof *p->g);
    rows_begin(&w->rows);
    for (int64_t v = 0; v < p->m; v++)
        w->weight[row_of(p, v)] += p->sign[v] * p->alpha[v];
    return rows_update(&w->rows, p->g, w->row, w->change, list_rows(w), error);
}

hone_status working_open(working **w, problem *p, hone_arena *scratch, hone_error *error)
{
    *w = HONE_NEW(scratch, working, 1, 1);
    return *w && make_arrays(*w, p, scratch) ? HONE_OK : hone_no_memory(error);
}

bool working_is_linear(const working *w)
{
    return w->rows.w != NULL;
}

hone_status working_start(working *w, hone_error *error)
{
    return rebuild(w, error);
}

hone_status working_run(working *w, hone_error *error)
{
    problem *p = w->p;
    bool rebuilt = false;
    double first = 0;
    w->held = 0;
    rows_begin(&w->rows);
    memset(w->chosen, 0, (size_t)p->m * sizeof *w->chosen);
    while (p->iterations < p->max_iter && hone_stopping(p->run) == HONE_GO) {
        const int64_t before = w->held;
        choose(w);
        if (!(w->gap >= p->tol))
            break;
        HONE_TRY(fill_matrix(w, before, error));
        load_set(w);
        const int64_t left = p->max_iter - p->iterations, most = INNER * w->held;
        p->iterations += smo_solve(&w->s, 0.9 * p->tol, SHARE, left < most ? left : most, p->run,
                                   p->kernel->isa);
        const int64_t count = collect(w);
        if (count == 0 && rebuilt)
            break; /* the gap is below what double can move */
        if (count == 0)
            HONE_TRY(rebuild(w, error));
        else
            HONE_TRY(rows_update(&w->rows, p->g, w->row, w->change, count, error));
        rebuilt = count == 0;
        first = fmax(first, w->gap);
        hone_progress(p->run, fmin(1, log(first / w->gap) / log(first / p->tol)));
    }
    return HONE_OK;
}
