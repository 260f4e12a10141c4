#include "exact.h"

#include <float.h>
#include <string.h>

#include "point.h"
#include "smo.h"

/* Pairs between two looks at the clock, and at what is noise; a pair takes as long as so many on
 * float32 values. */
enum { POLL = 64, LOOK = 1 << 14, COST = 4 };

/* Slopes this many times as far from the gap as float32 moved any are not looked at. */
#define REACH 16.0

/* Entries of the points that are unpacked together. */
enum { UNPACKED = 1 << 20 };

/* ---- slopes ---- */

/* Some points with weights, unpacked one after the other. */
typedef struct bundle {
    int64_t count, entries, most; /* most: entries that there is room for */
    double *weight, *norm;
    int64_t *start;
    int32_t *column;
    double *value;
} bundle;

/* sum over the bundle of weight K(point, id[l]) is added to g[l]. */
typedef struct pass {
    const problem *p;
    const bundle *b;
    const int64_t *id;
    int64_t count;
    double *g;
} pass;

/* Where a block works. */
typedef struct desk {
    double *table; /* columns x EXACT_LANES, zero between blocks */
    point at;
} desk;

static bool bundle_new(const problem *p, hone_arena *scratch, bundle *b)
{
    const int64_t d = p->x->cols, fit = UNPACKED / (d + 1) + 1;
    b->most = (fit < p->n ? fit : p->n) * d;
    b->weight = HONE_RAW(scratch, double, p->n, 1);
    b->norm = HONE_RAW(scratch, double, p->n, 1);
    b->start = HONE_RAW(scratch, int64_t, p->n + 1, 1);
    b->column = HONE_RAW(scratch, int32_t, b->most, 1);
    b->value = HONE_RAW(scratch, double, b->most, 1);
    return b->weight && b->norm && b->start && b->column && b->value;
}

/* Unpacks points from row `i` on whose weight is not 0, while there is room; gives where it ended.
 */
static int64_t fill_bundle(const problem *p, const double *weight, int64_t i, bundle *b)
{
    b->count = b->entries = 0;
    for (; i < p->n && b->entries + p->x->cols <= b->most; i++) {
        if (weight[i] == 0)
            continue;
        point at = {.column = b->column + b->entries, .value = b->value + b->entries};
        point_read(p, i, &at);
        b->weight[b->count] = weight[i];
        b->norm[b->count] = at.norm;
        b->start[b->count++] = b->entries;
        b->entries += at.count;
    }
    b->start[b->count] = b->entries;
    return i;
}

static bool desk_new(const problem *p, hone_arena *scratch, desk *d)
{
    d->table = HONE_NEW(scratch, double, p->x->cols, EXACT_LANES);
    return d->table && point_new(p, scratch, &d->at);
}

/* Lane `lane` of the table becomes point i, or 0 again. */
static void put_lane(const problem *p, int64_t i, int64_t lane, bool clear, desk *d)
{
    point_read(p, i, &d->at);
    for (int64_t t = 0; t < d->at.count; t++)
        d->table[(int64_t)d->at.column[t] * EXACT_LANES + lane] = clear ? 0 : d->at.value[t];
}

/* Kernel values of the products (or distances) of one point with all lanes, in their place. */
static void kernel_lanes(const kernel *k, double *sum, double own, const double *norm)
{
    const bool square = k->type == SVM_RBF;
    if (!kernel_is_exponential(k)) {
        for (int64_t l = 0; l < EXACT_LANES; l++)
            sum[l] = kernel_exact(k, sum[l], own + norm[l]);
        return;
    }
    for (int64_t l = 0; l < EXACT_LANES; l++)
        sum[l] = square ? own + norm[l] - 2 * sum[l] : sum[l];
    for (int64_t l = 0; l < EXACT_LANES; l++)
        sum[l] = -k->full_gamma * (sum[l] > 0 ? sum[l] : 0);
    HONE_PICK(k->isa, svm_exact_exp)(sum);
    for (int64_t l = 0; l < EXACT_LANES; l++)
        sum[l] -= (double)k->less;
}

static void pass_block(const pass *a, int64_t block, desk *d)
{
    const kernel *k = a->p->kernel;
    const bundle *b = a->b;
    const int64_t first = block * EXACT_LANES, left = a->count - first;
    const int64_t lanes = left < EXACT_LANES ? left : EXACT_LANES;
    const bool manhattan = k->type == SVM_LAPLACIAN;
    double norm[EXACT_LANES] = {0};
    for (int64_t l = 0; l < lanes; l++) {
        put_lane(a->p, a->id[first + l], l, false, d);
        norm[l] = d->at.norm;
    }
    for (int64_t i = 0; i < b->count && (i % POLL || effort_stopping(a->p->effort) == HONE_GO);
         i++) {
        double sum[EXACT_LANES] = {0};
        if (manhattan)
            memcpy(sum, norm, sizeof sum);
        HONE_PICK(k->isa, svm_exact_sums)
        (b->column + b->start[i], b->value + b->start[i], b->start[i + 1] - b->start[i], d->table,
         manhattan, sum);
        kernel_lanes(k, sum, b->norm[i], norm);
        for (int64_t l = 0; l < lanes; l++)
            a->g[first + l] += b->weight[i] * sum[l];
    }
    for (int64_t l = 0; l < lanes; l++)
        put_lane(a->p, a->id[first + l], l, true, d);
}

static hone_status pass_apart(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    desk d;
    const pass *a = context;
    if (!desk_new(a->p, scratch, &d))
        return hone_no_memory(error);
    pass_block(a, block, &d);
    return HONE_OK;
}

static hone_status pass_run(pass *a, hone_arena *scratch, hone_error *error)
{
    const problem *p = a->p;
    const int64_t blocks = (a->count + EXACT_LANES - 1) / EXACT_LANES;
    if (!p->effort->inside && blocks > 1)
        return hone_for_blocks(p->effort->run, blocks, pass_apart, a, error);
    desk d;
    if (!desk_new(p, scratch, &d))
        return hone_no_memory(error);
    for (int64_t b = 0; b < blocks; b++)
        pass_block(a, b, &d);
    return HONE_OK;
}

/* What weighted points add to g with a linear kernel: products with their sum. */
static hone_status slopes_along(const problem *p, const double *weight, const int64_t *id,
                                int64_t count, double *g, bool *done, hone_arena *scratch,
                                hone_error *error)
{
    double *sum = HONE_NEW(scratch, double, p->x->cols, 1);
    point at;
    if (!sum || !point_new(p, scratch, &at))
        return hone_no_memory(error);
    for (int64_t i = 0; i < p->n && (i % POLL || effort_stopping(p->effort) == HONE_GO); i++) {
        if (weight[i] == 0)
            continue;
        point_read(p, i, &at);
        for (int64_t t = 0; t < at.count; t++)
            sum[at.column[t]] += weight[i] * at.value[t];
        effort_add(p->effort, at.count);
    }
    for (int64_t l = 0; l < count && (l % POLL || effort_stopping(p->effort) == HONE_GO); l++) {
        double product = 0;
        point_read(p, id[l], &at);
        for (int64_t t = 0; t < at.count; t++)
            product += sum[at.column[t]] * at.value[t];
        g[l] += product / p->kernel->scale;
        effort_add(p->effort, at.count);
    }
    *done = effort_stopping(p->effort) == HONE_GO;
    return HONE_OK;
}

/* What p->alpha less `since` (NULL: 0) adds to g of rows id[0 .. count), in double; not done when
 * the run stops meanwhile. */
static hone_status slopes(const problem *p, const double *since, const int64_t *id, int64_t count,
                          double *g, bool *done, hone_arena *scratch, hone_error *error)
{
    double *weight = HONE_NEW(scratch, double, p->n, 1);
    bundle b;
    if (!weight)
        return hone_no_memory(error);
    for (int64_t v = 0; v < p->m; v++)
        weight[row_of(p, v)] += p->sign[v] * (p->alpha[v] - (since ? since[v] : 0));
    if (p->kernel->type == SVM_LINEAR)
        return slopes_along(p, weight, id, count, g, done, scratch, error);
    if (!bundle_new(p, scratch, &b))
        return hone_no_memory(error);
    pass a = {p, &b, id, count, g};
    for (int64_t i = 0; i < p->n && effort_stopping(p->effort) == HONE_GO;) {
        i = fill_bundle(p, weight, i, &b);
        HONE_TRY(pass_run(&a, scratch, error));
        effort_add(p->effort, b.entries * count);
    }
    *done = effort_stopping(p->effort) == HONE_GO;
    return HONE_OK;
}

/* Of rows id[0 .. count): base->g, from alpha or from what changed since base->alpha. */
static hone_status slopes_of(const problem *p, exact_base *base, bool anew, const int64_t *id,
                             int64_t count, bool *done, hone_arena *scratch, hone_error *error)
{
    double *g = HONE_RAW(scratch, double, count, 1);
    if (!g)
        return hone_no_memory(error);
    if (count == 0)
        return HONE_OK;
    for (int64_t l = 0; l < count; l++)
        g[l] = anew ? 0 : base->g[id[l]];
    HONE_TRY(slopes(p, anew ? NULL : base->alpha, id, count, g, done, scratch, error));
    for (int64_t l = 0; l < count; l++)
        base->g[id[l]] = g[l];
    return HONE_OK;
}

/* The variable that most wants to move up, among those of `sign` (0: all), and the ends of the
 * gap among them. */
typedef struct end {
    int64_t i;
    double least, most;
} end;

static end find_end(const problem *p, int sign)
{
    end e = {-1, INFINITY, -INFINITY};
    for (int64_t v = 0; v < p->m; v++) {
        if (sign && p->sign[v] != sign)
            continue;
        const double f = slope(p, v);
        if (f < e.least && smo_up(p->sign[v], p->alpha[v], p->bound[v])) {
            e.i = v;
            e.least = f;
        }
        if (f > e.most && smo_low(p->sign[v], p->alpha[v], p->bound[v]))
            e.most = f;
    }
    return e;
}

/* Lists rows that may decide the gap or have a part in the objective, and are not known. */
static int64_t list_near(const problem *p, const exact_base *base, int64_t *id)
{
    const double reach = REACH * base->moved;
    const end plus = find_end(p, p->nu > 0), minus = p->nu > 0 ? find_end(p, -1) : plus;
    int64_t count = 0;
    for (int64_t r = 0; r < p->n; r++) {
        bool near = isinf(reach);
        for (int64_t v = r; v < p->m && !near; v += p->n) {
            const end e = p->sign[v] > 0 ? plus : minus;
            const double f = slope(p, v);
            near = p->alpha[v] > 0 ||
                   (f - e.least <= reach && smo_up(p->sign[v], p->alpha[v], p->bound[v])) ||
                   (e.most - f <= reach && smo_low(p->sign[v], p->alpha[v], p->bound[v]));
        }
        if (near && !base->known[r])
            id[count++] = r;
    }
    return count;
}

static bool base_open(const problem *p, exact_base *base, hone_arena *scratch)
{
    if (base->alpha)
        return true;
    base->alpha = HONE_NEW(scratch, double, p->m, 1);
    base->g = HONE_NEW(scratch, double, p->n, 1);
    base->known = HONE_NEW(scratch, bool, p->n, 1);
    return base->alpha && base->g && base->known;
}

hone_status exact_gradient(problem *p, exact_base *base, hone_arena *scratch, bool *done,
                           hone_error *error)
{
    int64_t *id = HONE_RAW(scratch, int64_t, p->n, 1), count = 0;
    if (!id || !base_open(p, base, scratch) || !point_shift(p, scratch))
        return hone_no_memory(error);
    for (int64_t r = 0; r < p->n; r++)
        if (base->known[r])
            id[count++] = r;
    *done = true;
    HONE_TRY(slopes_of(p, base, false, id, count, done, scratch, error));
    memcpy(base->alpha, p->alpha, (size_t)p->m * sizeof *base->alpha);
    while (*done) {
        for (int64_t l = 0; l < count; l++) {
            const int64_t r = id[l];
            base->moved = fmax(base->moved, fabs(base->g[r] - p->g[r]));
            base->known[r] = true;
            p->g[r] = base->g[r];
        }
        count = list_near(p, base, id);
        if (count == 0)
            break;
        HONE_TRY(slopes_of(p, base, true, id, count, done, scratch, error));
    }
    return HONE_OK;
}

hone_status exact_drift(const problem *p, const exact_base *base, double *largest,
                        hone_arena *scratch, hone_error *error)
{
    int64_t *id = HONE_RAW(scratch, int64_t, p->n, 1), all = 0;
    double g[EXACT_LANES], worst = 0;
    bool done;
    if (!id)
        return hone_no_memory(error);
    *largest = INFINITY;
    if (list_near(p, base, id))
        return HONE_OK;
    for (int64_t r = 0; r < p->n; r++)
        if (base->known[r])
            id[all++] = r;
    const int64_t count = all < EXACT_LANES ? all : EXACT_LANES;
    for (int64_t l = 0; l < count; l++) {
        id[l] = id[l * all / count];
        g[l] = base->g[id[l]];
    }
    HONE_TRY(slopes(p, base->alpha, id, count, g, &done, scratch, error));
    for (int64_t l = 0; l < count; l++)
        worst = fmax(worst, fabs(g[l] - p->g[id[l]]));
    *largest = done ? worst : INFINITY;
    return HONE_OK;
}

/* Errors of kernel values have random signs; those of an exponent grow with the norms in it. */
static bool could_matter(const problem *p)
{
    double square = 0, norm = 0;
    for (int64_t v = 0; v < p->m; v++)
        square += p->alpha[v] * p->alpha[v];
    for (int64_t i = 0; i < p->n; i++)
        norm = fmax(norm, (double)p->panels->norm[i]);
    const double exponent = kernel_is_exponential(p->kernel) ? p->kernel->full_gamma * norm : 0;
    return (1 + exponent) * (double)FLT_EPSILON * sqrt(square) > EXACT_DOUBT * p->tol;
}

hone_status exact_error(problem *p, double *largest, hone_arena *scratch, hone_error *error)
{
    *largest = 0;
    if (p->panels->unit != 1 || !could_matter(p))
        return HONE_OK;
    if (!point_shift(p, scratch))
        return hone_no_memory(error);
    double g[EXACT_LANES] = {0}, worst = 0;
    int64_t id[EXACT_LANES] = {0};
    const int64_t count = p->n < EXACT_LANES ? p->n : EXACT_LANES;
    for (int64_t l = 0; l < count; l++)
        id[l] = l * p->n / count;
    bool done;
    HONE_TRY(slopes(p, NULL, id, count, g, &done, scratch, error));
    for (int64_t l = 0; l < count; l++)
        worst = fmax(worst, fabs(g[l] - p->g[id[l]]));
    *largest = done ? worst : INFINITY;
    return HONE_OK;
}

/* ---- pairs ---- */

/* Rows of the kernel in double: as many as there is room for, the oldest makes way. */
typedef struct store {
    problem *p;
    hone_arena *arena;
    double **row;   /* n: NULL, or its values */
    double *norm;   /* n */
    double *self;   /* n: the kernel of a row with itself */
    double tiny;    /* least curvature of a pair */
    int64_t *owner; /* of the slots */
    int64_t used, room, next;
    double *wide; /* the point whose row is made, by column */
    point at;
} store;

static double self(const kernel *k, double norm)
{
    const bool product = k->type != SVM_RBF && k->type != SVM_LAPLACIAN;
    return kernel_exact(k, product ? norm : 0, 0);
}

static bool store_open(store *s, problem *p, hone_arena *scratch)
{
    const int64_t fit = p->row_bytes / (p->n * (int64_t)sizeof(double));
    const int64_t room = fit < 2 ? 2 : fit < p->n ? fit : p->n;
    *s = (store){.p = p, .arena = scratch, .room = room, .tiny = SMO_TINY / p->kernel->scale};
    s->self = HONE_RAW(scratch, double, p->n, 1);
    s->row = HONE_NEW(scratch, double *, p->n, 1);
    s->norm = HONE_RAW(scratch, double, p->n, 1);
    s->owner = HONE_RAW(scratch, int64_t, room, 1);
    s->wide = HONE_NEW(scratch, double, p->x->cols, 1);
    if (!s->row || !s->norm || !s->self || !s->owner || !s->wide || !point_new(p, scratch, &s->at))
        return false;
    for (int64_t i = 0; i < p->n; i++) {
        point_read(p, i, &s->at);
        s->norm[i] = s->at.norm;
        s->self[i] = self(p->kernel, s->norm[i]);
    }
    return true;
}

/* Memory for one more row, not that of row `busy`; NULL: none. */
static double *take_slot(store *s, int64_t i, int64_t busy)
{
    double *at = s->used < s->room ? HONE_RAW(s->arena, double, s->p->n, 1) : NULL;
    if (at) {
        s->owner[s->used++] = i;
        return at;
    }
    s->room = s->used;
    if (s->room < 2)
        return NULL;
    if (s->owner[s->next] == busy)
        s->next = (s->next + 1) % s->room;
    const int64_t old = s->owner[s->next];
    s->owner[s->next] = i;
    s->next = (s->next + 1) % s->room;
    at = s->row[old];
    s->row[old] = NULL;
    return at;
}

static double product(const store *s, const point *at)
{
    const bool manhattan = s->p->kernel->type == SVM_LAPLACIAN;
    double sum = 0;
    for (int64_t t = 0; t < at->count; t++) {
        const double x = s->wide[at->column[t]], v = at->value[t];
        sum += manhattan ? fabs(x - v) - fabs(x) : x * v;
    }
    return sum;
}

/* Row i; NULL: no memory. */
static const double *kernel_row(store *s, int64_t i, int64_t busy)
{
    if (s->row[i])
        return s->row[i];
    double *to = take_slot(s, i, busy);
    if (!to)
        return NULL;
    const problem *p = s->p;
    point_read(p, i, &s->at);
    for (int64_t t = 0; t < s->at.count; t++)
        s->wide[s->at.column[t]] = s->at.value[t];
    const double own = p->kernel->type == SVM_LAPLACIAN ? s->norm[i] : 0;
    for (int64_t j = 0; j < p->n; j++) {
        point_read(p, j, &s->at);
        to[j] = kernel_exact(p->kernel, own + product(s, &s->at), s->norm[i] + s->norm[j]);
    }
    point_read(p, i, &s->at);
    for (int64_t t = 0; t < s->at.count; t++)
        s->wide[s->at.column[t]] = 0;
    return s->row[i] = to;
}

/* Second-order partner of `e.i`, whose kernel row is `ki`. */
static int64_t find_partner(const store *s, int sign, const end *e, const double *ki)
{
    const problem *p = s->p;
    const double own = s->self[row_of(p, e->i)];
    double best = 0;
    int64_t found = -1;
    for (int64_t v = 0; v < p->m; v++) {
        const double gap = slope(p, v) - e->least;
        if ((sign && p->sign[v] != sign) || !(gap > 0) ||
            !smo_low(p->sign[v], p->alpha[v], p->bound[v]))
            continue;
        const int64_t r = row_of(p, v);
        const double gain = gap * gap / fmax(own + s->self[r] - 2 * ki[r], s->tiny);
        if (gain > best) {
            best = gain;
            found = v;
        }
    }
    return found;
}

/* Moves y alpha of i up and of j down; false: too little for double. */
static bool move(const store *s, int64_t i, int64_t j, const double *ki, const double *kj)
{
    problem *p = s->p;
    const int64_t ri = row_of(p, i), rj = row_of(p, j);
    const double curve = fmax(s->self[ri] + s->self[rj] - 2 * ki[rj], s->tiny);
    const double up = p->sign[i] > 0 ? p->bound[i] - p->alpha[i] : p->alpha[i];
    const double down = p->sign[j] > 0 ? p->alpha[j] : p->bound[j] - p->alpha[j];
    const double delta = fmin((slope(p, j) - slope(p, i)) / curve, fmin(up, down));
    const double before_i = p->alpha[i], before_j = p->alpha[j];
    p->alpha[i] = delta == up ? (p->sign[i] > 0 ? p->bound[i] : 0) : before_i + p->sign[i] * delta;
    p->alpha[j] =
        delta == down ? (p->sign[j] > 0 ? 0 : p->bound[j]) : before_j - p->sign[j] * delta;
    for (int64_t r = 0; r < p->n; r++)
        p->g[r] += delta * (ki[r] - kj[r]);
    return p->alpha[i] != before_i || p->alpha[j] != before_j;
}

/* What rounding of the largest kernel value may do to a slope. */
static double find_noise(const store *s)
{
    double square = 0, most = 0;
    for (int64_t v = 0; v < s->p->m; v++)
        square += s->p->alpha[v] * s->p->alpha[v];
    for (int64_t i = 0; i < s->p->n; i++)
        most = fmax(most, fabs(s->self[i]));
    return DBL_EPSILON / 2 * sqrt(square) * most;
}

hone_status exact_pairs(problem *p, hone_arena *scratch, hone_error *error)
{
    store s;
    double noise = 0;
    if (!point_shift(p, scratch) || !store_open(&s, p, scratch))
        return hone_no_memory(error);
    const int64_t most = p->iterations + (p->max_iter - p->iterations + COST - 1) / COST;
    for (int64_t step = 0; p->iterations < most; step++) {
        int sign = p->nu > 0 ? 1 : 0;
        end e = find_end(p, sign);
        const end other = p->nu > 0 ? find_end(p, -1) : e;
        if (other.most - other.least > e.most - e.least) {
            e = other;
            sign = -1;
        }
        if (step % LOOK == 0)
            noise = find_noise(&s);
        if (!(e.most - e.least >= fmax(p->tol, noise)) ||
            (step % POLL == 0 && effort_stopping(p->effort) != HONE_GO))
            return HONE_OK;
        const double *ki = kernel_row(&s, row_of(p, e.i), -1);
        const int64_t j = ki ? find_partner(&s, sign, &e, ki) : -1;
        const double *kj = j < 0 ? NULL : kernel_row(&s, row_of(p, j), row_of(p, e.i));
        if (!ki || (j >= 0 && !kj))
            return hone_no_memory(error);
        if (j < 0 || !move(&s, e.i, j, ki, kj))
            return HONE_OK;
        p->iterations++;
        effort_add(p->effort, 4 * p->m);
    }
    return HONE_OK;
}
