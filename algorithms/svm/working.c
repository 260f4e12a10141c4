/* The outer loop: choose a working set, solve it by pairs, carry the change to the gradient. */
#include "working.h"

#include <string.h>

#include "rows.h"
#include "select.h"
#include "subproblem.h"

enum {
    WORKING = 512, /* variables of a working set, */
    WIDE = 1024,   /* and after so many */
    STEPS = 16,    /* steps: hard problems take fewer wide ones; then twice as many when most of
                      a set moves, up to WORKING_WIDEST */
    KEPT = 4,      /* a set has one of so many places at least for new variables */
    INNER = 40,    /* pairs per variable before the gradient is brought up to date */
    QUERIES = 48   /* kernel rows of a block */
};

/* Pairs inside a working set stop at this share of its first gap: half doubles the outer steps, a
 * fiftieth buys nothing. */
#define SHARE 0.1

/* A variable of the set, by its row. */
typedef struct seat {
    int64_t row, at;
} seat;

typedef struct working {
    problem *p;
    hone_arena *scratch;
    hone_panels points; /* where rows are computed: those of the problem, laid out for picking */
    smo s;
    float *K; /* of the set, `stride` floats a row */
    int64_t stride;
    int64_t q, steps;   /* most variables of a set; sets so far */
    int64_t capacity;   /* variables that K has room for */
    int64_t free;       /* variables off their bounds, when the set was chosen */
    int64_t held, kept; /* those in it; those in front were there before */
    int64_t *variable;  /* q */
    int32_t *stayed;    /* q: where those in front were in the last set */
    int32_t *run;       /* q: neighbours there from one on */
    int64_t *id;        /* q: rows of the set, */
    seat *seats;        /* q: and in their order */
    int32_t *next;      /* q */
    bool *chosen;       /* m */
    wishes up, low;
    hone_panel_room room; /* panels of the set's rows */
    hone_panels panels;
    hone_queries fresh; /* the set's new rows */
    double *weight;     /* n: change of y alpha by row */
    int64_t *row;       /* rows that changed, ascending */
    double *change;     /* their weights */
    double *old;        /* q: alpha before the pairs */
    int32_t *first;     /* n: -1, but while the set is put in order: the first variable of a row */
    double *spare;      /* n: the gradient before it is made anew */
    rows rows;
    double gap;
} working;

/* Room for sets of `q` variables; what was there is not kept. */
static bool make_matrix(working *w, int64_t q)
{
    const int64_t stride = subproblem_stride(q);
    float *K = HONE_RAW(w->scratch, float, hone_panel_count(q) * HONE_LANES, stride);
    if (!K)
        return false;
    w->K = K, w->stride = stride, w->capacity = q;
    return true;
}

static bool make_arrays(working *w, problem *p, const whole *all, hone_arena *scratch)
{
    const int64_t q = p->m < WORKING_WIDEST ? p->m : WORKING_WIDEST;
    w->p = p, w->scratch = scratch;
    w->variable = HONE_NEW(scratch, int64_t, q, 1);
    w->stayed = HONE_NEW(scratch, int32_t, q, 1);
    w->run = HONE_NEW(scratch, int32_t, q, 1);
    w->id = HONE_NEW(scratch, int64_t, q, 1);
    w->seats = HONE_NEW(scratch, seat, q, 1);
    w->next = HONE_NEW(scratch, int32_t, q, 1);
    w->chosen = HONE_NEW(scratch, bool, p->m, 1);
    w->weight = HONE_NEW(scratch, double, p->n, 1);
    w->row = HONE_NEW(scratch, int64_t, p->n, 1);
    w->change = HONE_NEW(scratch, double, p->n, 1);
    w->old = HONE_NEW(scratch, double, q, 1);
    w->first = HONE_RAW(scratch, int32_t, p->n, 1);
    if (w->first)
        memset(w->first, -1, (size_t)p->n * sizeof *w->first);
    w->spare = HONE_RAW(scratch, double, hone_panel_count(p->n), HONE_LANES);
    return make_matrix(w, q < WIDE ? q : WIDE) && w->variable && w->stayed && w->run && w->id &&
           w->seats && w->next && w->chosen && wishes_new(&w->up, 2 * q + 2, scratch) &&
           wishes_new(&w->low, 2 * q + 2, scratch) && w->weight && w->row && w->change && w->old &&
           w->first && w->spare && subproblem_make(&w->s, q, p->nu > 0, scratch) &&
           rows_open(&w->rows, p, all, scratch) &&
           (all || (hone_panel_room_new(p->panels, q, scratch, &w->room) &&
                    hone_queries_new(p->panels, NULL, 0, q, scratch, &w->fresh)));
}

/* ---- choosing ---- */

/* Adds up to `most` of the best wishes whose variables are not in the set. */
static void take(working *w, wishes *list, int64_t most)
{
    int64_t free = 0;
    for (int64_t i = 0; i < list->n; i++)
        if (!w->chosen[list->at[i].variable])
            list->at[free++] = list->at[i];
    list->n = free;
    int64_t k = w->q - w->held < most ? w->q - w->held : most;
    k = k < free ? k : free;
    select_least(list->at, free, k);
    for (int64_t i = 0; i < k; i++) {
        w->variable[w->held++] = list->at[i].variable;
        w->chosen[list->at[i].variable] = true;
    }
}

static bool is_free(const problem *p, int64_t v)
{
    return p->alpha[v] > 0 && p->alpha[v] < p->bound[v];
}

/* Adds the variables of one sign (0: of both) that violate most, up to `share` in each direction,
 * and measures their gap. */
static void choose_sign(working *w, int sign, int64_t share)
{
    const problem *p = w->p;
    /* those of the set, those that the other direction takes, and twice one's share */
    const int64_t k = w->kept + 3 * share;
    wishes *up = &w->up, *low = &w->low;
    wishes_begin(up, k);
    wishes_begin(low, k);
    for (int64_t v = 0; v < p->m; v++) {
        const double f = slope(p, v);
        if (sign && p->sign[v] != sign)
            continue;
        w->free += is_free(p, v);
        if (f < up->bar && smo_up(p->sign[v], p->alpha[v], p->bound[v]))
            wishes_add(up, f, v);
        if (-f < low->bar && smo_low(p->sign[v], p->alpha[v], p->bound[v]))
            wishes_add(low, -f, v);
    }
    w->gap = fmax(w->gap, -wishes_least(low) - wishes_least(up));
    take(w, up, share);
    take(w, low, share);
    if (!sign)
        take(w, up, share);
}

/* Keeps the newest half of the set or, when there is room for all variables off their bounds,
 * those. */
static void keep(working *w)
{
    const bool all = w->q > WIDE && w->free < w->q - w->q / KEPT;
    const int64_t newest = w->held - w->q / 2;
    w->kept = 0;
    for (int64_t i = 0; i < w->held; i++) {
        const int64_t v = w->variable[i];
        w->chosen[v] = all ? is_free(w->p, v) : i >= newest;
        if (!w->chosen[v])
            continue;
        w->variable[w->kept] = v;
        w->stayed[w->kept++] = (int32_t)i;
    }
    w->held = w->kept;
}

/* Kernel values of those that stay move up, neighbours together: none is overwritten before it was
 * read. */
static void move_matrix(working *w)
{
    for (int64_t j = w->kept - 1; j >= 0; j--)
        w->run[j] = j + 1 < w->kept && w->stayed[j + 1] == w->stayed[j] + 1 ? w->run[j + 1] + 1 : 1;
    for (int64_t i = 0; i < w->kept; i++) {
        const float *from = w->K + w->stayed[i] * w->stride;
        float *to = w->K + i * w->stride;
        for (int64_t j = 0; j < w->kept; j += w->run[j])
            memmove(to + j, from + w->stayed[j], (size_t)w->run[j] * sizeof *to);
    }
}

/* Of how many variables the next set is. A wider one begins anew. */
static bool size_set(working *w, int64_t moved)
{
    const int64_t m = w->p->m, least = w->steps++ < STEPS ? WORKING : WIDE;
    int64_t q = w->q > least ? w->q : least;
    if (q >= WIDE && 5 * moved > 3 * q)
        q = 2 * q < WORKING_WIDEST ? 2 * q : WORKING_WIDEST;
    w->q = q < m ? q : m;
    if (w->q <= w->capacity)
        return true;
    for (int64_t i = 0; i < w->held; i++)
        w->chosen[w->variable[i]] = false;
    w->held = 0;
    return make_matrix(w, w->q);
}

/* The next set; `moved`: rows that the last one changed. */
static bool choose(working *w, int64_t moved)
{
    const problem *p = w->p;
    if (!size_set(w, moved))
        return false;
    keep(w);
    move_matrix(w);
    const int64_t rest = w->q - w->kept;
    w->gap = -INFINITY;
    w->free = 0;
    if (p->nu > 0) {
        choose_sign(w, 1, (rest + 3) / 4);
        choose_sign(w, -1, (rest + 3) / 4);
    } else {
        choose_sign(w, 0, (rest + 1) / 2);
    }
    return true;
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
                 w->K + (w->kept + first) * w->stride, w->stride);
    return HONE_OK;
}

/* Variables of the set in the order of their rows; in regression two may share one. */
static void seat_by_row(working *w)
{
    int64_t count = 0;
    for (int64_t j = w->held - 1; j >= 0; j--) {
        w->next[j] = w->first[w->id[j]];
        w->first[w->id[j]] = (int32_t)j;
    }
    for (int64_t r = 0; r < w->p->n && count < w->held; r++) {
        for (int32_t j = w->first[r]; j >= 0; j = w->next[j])
            w->seats[count++] = (seat){r, j};
        w->first[r] = -1;
    }
}

/* The set's new rows from those of all points, each read from front to back. */
static void gather(working *w)
{
    const whole *all = &w->rows.all;
    const int64_t padded = hone_panel_count(w->held) * HONE_LANES;
    const seat *seats = w->seats;
    seat_by_row(w);
    for (int64_t i = w->kept; i < w->held; i++) {
        const float *from = all->value + w->id[i] * all->stride;
        float *to = w->K + i * w->stride;
        for (int64_t j = 0; j < w->held; j++)
            to[seats[j].at] = from[seats[j].row];
        for (int64_t j = w->held; j < padded; j++)
            to[j] = 0;
    }
}

static hone_status compute(working *w, hone_error *error)
{
    hone_panels_pick(w->p->panels, w->id, w->held, &w->room, &w->panels);
    hone_queries_pick(w->p->panels, w->id + w->kept, w->held - w->kept, w->p->kernel->isa,
                      &w->fresh);
    return hone_for_blocks(w->p->effort->run, (w->fresh.m + QUERIES - 1) / QUERIES, fresh_block, w,
                           error);
}

static hone_status fill_matrix(working *w, hone_error *error)
{
    const int64_t stride = w->stride;
    float *K = w->K;
    for (int64_t i = 0; i < w->held; i++)
        w->id[i] = row_of(w->p, w->variable[i]);
    if (w->rows.all.value)
        gather(w);
    else
        HONE_TRY(compute(w, error));
    for (int64_t i = 0; i < w->kept; i++)
        for (int64_t j = w->kept; j < w->held; j++)
            K[i * stride + j] = K[j * stride + i];
    return HONE_OK;
}

/* ---- a step ---- */

static void load_set(working *w)
{
    w->s.q = hone_panel_count(w->held) * HONE_LANES;
    w->s.K = w->K, w->s.stride = w->stride;
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

/* The gradient anew from all of alpha: what rounding has added up is gone. A run that stops
 * meanwhile leaves the old one; `done`: it did not. */
static hone_status rebuild(working *w, bool *done, hone_error *error)
{
    problem *p = w->p;
    const size_t bytes = (size_t)w->rows.width * sizeof *p->g;
    int64_t some;
    memcpy(w->spare, p->g, bytes);
    memset(p->g, 0, bytes);
    rows_begin(&w->rows);
    for (int64_t v = 0; v < p->m; v++)
        w->weight[row_of(p, v)] += p->sign[v] * p->alpha[v];
    const int64_t count = list_rows(w);
    HONE_TRY(rows_update(&w->rows, p->g, w->row, w->change, count, &some, error));
    *done = some == count;
    if (!*done)
        memcpy(p->g, w->spare, bytes);
    return HONE_OK;
}

/* Carries the set's change to the gradient; a run that stops meanwhile takes it back. */
static hone_status carry(working *w, int64_t count, hone_error *error)
{
    problem *p = w->p;
    int64_t done, undone;
    HONE_TRY(rows_update(&w->rows, p->g, w->row, w->change, count, &done, error));
    if (done == count)
        return HONE_OK;
    for (int64_t i = 0; i < w->held; i++)
        p->alpha[w->variable[i]] = w->old[i];
    for (int64_t i = 0; i < done; i++)
        w->change[i] = -w->change[i];
    for (int64_t from = 0; from < done; from += undone)
        HONE_TRY(rows_update(&w->rows, p->g, w->row + from, w->change + from, done - from, &undone,
                             error));
    return HONE_OK;
}

hone_status working_open(working **w, problem *p, const whole *all, hone_arena *scratch,
                         hone_error *error)
{
    *w = HONE_NEW(scratch, working, 1, 1);
    if (!*w)
        return hone_no_memory(error);
    if (!all && p->panels->x) {
        (*w)->points = *p->panels;
        p->panels = &(*w)->points;
        HONE_TRY(
            hone_panels_lay_out(&(*w)->points, p->effort->run, p->effort->inside, scratch, error));
    }
    return make_arrays(*w, p, all, scratch) ? HONE_OK : hone_no_memory(error);
}

bool working_is_linear(const working *w)
{
    return w->rows.w != NULL;
}

hone_status working_start(working *w, bool *done, hone_error *error)
{
    return rebuild(w, done, error);
}

/* The first run of a solution begins with no set, others with what stayed of the last one. */
static void begin(working *w)
{
    if (w->p->iterations == 0)
        w->kept = w->steps = w->q = w->free = 0;
    for (int64_t i = w->kept; i < w->held; i++)
        w->chosen[w->variable[i]] = false;
    w->held = w->kept;
}

hone_status working_run(working *w, hone_error *error)
{
    problem *p = w->p;
    bool rebuilt = false;
    double first = 0;
    int64_t count = 0;
    rows_begin(&w->rows);
    begin(w);
    while (p->iterations < p->max_iter && effort_stopping(p->effort) == HONE_GO) {
        if (!choose(w, count))
            return hone_no_memory(error);
        if (!(w->gap >= p->tol))
            break;
        HONE_TRY(fill_matrix(w, error));
        load_set(w);
        const int64_t left = p->max_iter - p->iterations, most = INNER * w->held;
        p->iterations += smo_solve(&w->s, 0.9 * p->tol, SHARE, left < most ? left : most, p->effort,
                                   p->kernel->isa);
        count = collect(w);
        if (count == 0 && rebuilt)
            break; /* the gap is below what double can move */
        if (count == 0)
            HONE_TRY(rebuild(w, &rebuilt, error));
        else
            HONE_TRY(carry(w, count, error));
        rebuilt = rebuilt && count == 0;
        first = fmax(first, w->gap);
        if (!p->effort->inside)
            hone_progress(p->effort->run, fmin(1, log(first / w->gap) / log(first / p->tol)));
    }
    return HONE_OK;
}
