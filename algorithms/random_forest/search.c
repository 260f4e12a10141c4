/* The best split of a node: rows gathered into groups of equal code, one pass over the groups.
 *
 * A score is larger for better: the sum over both sides of sum_k C_k^2 / W (COUNTS), of S^2 / W
 * less that of the node and times its weight (MOMENT), of sum_k C_k log C_k - W log W (LOGS), of S
 * log(S / W) (RATE). Equal scores: the feature drawn first, then the lower cut. Cost per feature
 * and node: O(m) + groups x width. Categories are ordered by mean target (two classes, regression:
 * the best split of all subsets is a prefix of that order; Fisher 1958, Breiman et al. 1984), with
 * more classes by the share of each of the MOST frequent classes in turn.
 */
#include <float.h>

#include "grow.h"
#include "logarithm.h"

enum { MOST = 8 };

hone_status forest_search_open(search *s, const problem *p, int64_t n, bool votes,
                               hone_arena *scratch, hone_error *error)
{
    const int64_t q = p->width;
    const int64_t words = p->panel->words <= p->features ? p->panel->words : 0;
    const int64_t marks = p->params->splitter == SPLIT_RANDOM ? words * LOOKED_AT : 0;
    int64_t most = BINS + 1; /* groups */
    for (int64_t j = 0; j < p->panel->features; j++) {
        const feature_codes *f = &p->panel->feature[j];
        if ((f->fine >= 0 || p->kind == MEDIAN) && f->codes > most)
            most = f->codes;
    }
    most = most < n ? most : n;
    *s = (search){.p = p,
                  .tree_weight = s->tree_weight,
                  .min_leaf_weight = s->min_leaf_weight,
                  .total = HONE_NEW(scratch, double, q, 3),
                  .key = HONE_RAW(scratch, uint64_t, n, 1),
                  .spare = HONE_RAW(scratch, uint64_t, n, 1),
                  .spare_cell = HONE_RAW(scratch, double, votes ? n : 1, 2),
                  .same = HONE_NEW(scratch, uint64_t, p->panel->words + 1, 1),
                  .mark = HONE_RAW(scratch, uint64_t, marks + 1, 1),
                  .sequence = HONE_RAW(scratch, uint32_t, n, 1),
                  .code = HONE_RAW(scratch, uint32_t, n, 1),
                  .bins = HONE_NEW(scratch, double, BINS + 1, q),
                  .bin_rows = HONE_NEW(scratch, uint32_t, BINS + 1, 1),
                  .mean = HONE_RAW(scratch, double, most + 1, 1),
                  .best_level = HONE_RAW(scratch, uint16_t, most + 1, 1),
                  .bucket = HONE_RAW(scratch, uint32_t, 256, 1)};
    bool ok = s->total && s->key && s->spare && s->spare_cell && s->same && s->mark &&
              s->sequence && s->code && s->bins && s->bin_rows && s->mean && s->best_level &&
              s->bucket;
    groups *const all[] = {&s->by_code, &s->ordered};
    for (int i = 0; i < 2; i++) {
        *all[i] = (groups){.code = HONE_RAW(scratch, uint32_t, most + 1, 1),
                           .rows = HONE_RAW(scratch, uint32_t, most + 1, 1),
                           .start = HONE_RAW(scratch, uint32_t, most + 1, 1),
                           .stat = HONE_RAW(scratch, double, most + 1, q)};
        ok = ok && all[i]->code && all[i]->rows && all[i]->start && all[i]->stat;
    }
    if (p->kind == MEDIAN) {
        s->sum = HONE_RAW(scratch, double, n + 1, 2);
        s->middle = HONE_RAW(scratch, double, n, 1);
        s->rank = HONE_RAW(scratch, uint32_t, n, 1);
        s->deviation = HONE_RAW(scratch, double, most + 1, 1);
        ok = ok && s->sum && s->middle && s->rank && s->deviation;
    }
    if (!ok)
        return hone_no_memory(error);
    s->left = s->total + q, s->right = s->total + 2 * q;
    return forest_lanes_open(s, n, scratch, error);
}

/* ---- scores ---- */

double forest_score(const problem *p, const double *t)
{
    const double w = t[0];
    double sum = 0;
    switch (p->kind) {
    case MOMENT:
        return t[1] * t[1] / w;
    case COUNTS:
        for (int64_t k = 1; k <= p->classes; k++)
            sum += t[k] * t[k];
        return sum / w;
    case LOGS:
        for (int64_t k = 1; k <= p->classes; k++)
            sum += forest_x_log_x(p->x_log_x, t[k]);
        return sum - forest_x_log_x(p->x_log_x, w);
    case RATE:
        return t[1] > 0 ? t[1] * forest_log2(t[1] / w) : -INFINITY;
    case MEDIAN: /* needs rows: forest_deviations */
        break;
    }
    return 0;
}

/* ---- groups ---- */

static void add(const search *s, double *stat, int64_t i)
{
    stat[0] += s->cell[2 * i];
    if (s->p->kind == COUNTS || s->p->kind == LOGS)
        stat[1 + s->label[i]] += s->cell[2 * i];
    else
        stat[1] += s->cell[2 * i + 1];
}

static uint32_t code_at(const panel *x, const feature_codes *f, int32_t j, uint32_t row,
                        bool coarse)
{
    if (!coarse && f->fine >= 0)
        return x->fine[(int64_t)row * x->fine_stride + f->fine];
    const uint32_t c = x->coarse[(int64_t)row * x->coarse_stride + j];
    return c == (uint32_t)f->bins ? CODE_MISSING : c;
}

static void sort_keys(search *s, int64_t m)
{
    uint64_t *a = s->key, *b = s->spare;
    if (m <= 64) {
        for (int64_t i = 1; i < m; i++) {
            const uint64_t v = a[i];
            int64_t k = i;
            for (; k > 0 && a[k - 1] > v; k--)
                a[k] = a[k - 1];
            a[k] = v;
        }
        return;
    }
    for (int shift = 32; shift < 48; shift += 8) {
        memset(s->bucket, 0, 256 * sizeof *s->bucket);
        for (int64_t i = 0; i < m; i++)
            s->bucket[a[i] >> shift & 255]++;
        uint32_t at = 0;
        for (int k = 0; k < 256; k++) {
            const uint32_t size = s->bucket[k];
            s->bucket[k] = at;
            at += size;
        }
        for (int64_t i = 0; i < m; i++)
            b[s->bucket[a[i] >> shift & 255]++] = a[i];
        uint64_t *t = a;
        a = b, b = t;
    }
}

static void group_sorted(search *s, const feature_codes *f, int32_t j, bool coarse)
{
    const int64_t q = s->p->width;
    groups *g = &s->by_code;
    for (int64_t i = 0; i < s->m; i++)
        s->key[i] = (uint64_t)code_at(s->p->panel, f, j, s->row[i], coarse) << 32 | (uint64_t)i;
    sort_keys(s, s->m);
    g->n = 0;
    for (int64_t i = 0; i < s->m; i++) {
        const uint32_t code = (uint32_t)(s->key[i] >> 32);
        if (!i || code != g->code[g->n - 1]) {
            g->code[g->n] = code;
            g->start[g->n] = (uint32_t)i;
            g->rows[g->n] = 0;
            memset(g->stat + g->n * q, 0, (size_t)q * sizeof *g->stat);
            g->n++;
        }
        g->rows[g->n - 1]++;
        s->sequence[i] = (uint32_t)s->key[i];
        add(s, g->stat + (g->n - 1) * q, s->sequence[i]);
    }
}

static void group_bins(search *s, const feature_codes *f, int32_t j)
{
    const int64_t q = s->p->width, bins = f->bins;
    const uint8_t *code = s->p->panel->coarse + j;
    const int64_t stride = s->p->panel->coarse_stride;
    groups *g = &s->by_code;
    memset(s->bins, 0, (size_t)((bins + 1) * q) * sizeof *s->bins);
    memset(s->bin_rows, 0, (size_t)(bins + 1) * sizeof *s->bin_rows);
    const bool counts = s->p->kind == COUNTS || s->p->kind == LOGS;
    for (int64_t i = 0; i < s->m; i++) {
        const int64_t c = code[s->row[i] * stride];
        double *stat = s->bins + c * q;
        s->bin_rows[c]++;
        stat[0] += s->cell[2 * i];
        if (counts)
            stat[1 + s->label[i]] += s->cell[2 * i];
        else
            stat[1] += s->cell[2 * i + 1];
    }
    g->n = 0;
    for (int64_t c = 0; c <= bins; c++) {
        if (!s->bin_rows[c])
            continue;
        g->code[g->n] = c == bins ? CODE_MISSING : (uint32_t)c;
        g->rows[g->n] = s->bin_rows[c];
        memcpy(g->stat + g->n * q, s->bins + c * q, (size_t)q * sizeof *g->stat);
        g->n++;
    }
}

/* ---- passes over groups ---- */

/* Where the best boundary of one pass is: groups [0, at] go left. */
typedef struct boundary {
    int64_t at;
    double score;
} boundary;

static void add_group(search *s, const groups *g, int64_t i)
{
    const int64_t q = s->p->width;
    for (int64_t k = 0; k < q; k++) {
        s->left[k] += g->stat[i * q + k];
        s->right[k] = s->total[k] - s->left[k];
    }
}

/* Of the boundary between s->left and s->right; like the kernels, with one division. */
static double boundary_score(const search *s)
{
    const double *l = s->left, *r = s->right;
    const int64_t classes = s->p->classes;
    double a = 0, b = 0;
    switch (s->p->kind) {
    case MOMENT:
        return forest_moment_score(s, l[0], l[1]);
    case COUNTS:
        for (int64_t k = 1; k <= classes; k++)
            a += l[k] * l[k], b += r[k] * r[k];
        return (a * r[0] + b * l[0]) / (l[0] * r[0]);
    default:
        return forest_score(s->p, l) + forest_score(s->p, r);
    }
}

/* The best boundary after one of the groups [first, last). */
static boundary scan(search *s, const groups *g, int64_t first, int64_t last)
{
    const problem *p = s->p;
    boundary best = {-1, -INFINITY};
    int64_t rows = 0;
    if (p->kind == MEDIAN)
        forest_deviations(s, g);
    memset(s->left, 0, (size_t)p->width * sizeof *s->left);
    for (int64_t i = 0; i < last; i++) {
        add_group(s, g, i);
        rows += g->rows[i];
        if (i < first || rows < p->min_leaf || s->left[0] < s->min_leaf_weight)
            continue;
        if (s->m - rows < p->min_leaf || s->right[0] < s->min_leaf_weight)
            break;
        const double score = p->kind == MEDIAN ? -s->deviation[i] : boundary_score(s);
        if (score > best.score)
            best = (boundary){i, score};
    }
    return best;
}

static void copy_group(search *s, int64_t from, int64_t to)
{
    const groups *a = &s->by_code;
    groups *b = &s->ordered;
    const int64_t q = s->p->width;
    b->code[to] = a->code[from], b->rows[to] = a->rows[from], b->start[to] = a->start[from];
    memcpy(b->stat + to * q, a->stat + from * q, (size_t)q * sizeof *b->stat);
}

/* The same groups, what is missing before the values. */
static void put_missing_first(search *s)
{
    const int64_t n = s->by_code.n;
    s->ordered.n = n;
    copy_group(s, n - 1, 0);
    for (int64_t i = 1; i < n; i++)
        copy_group(s, i - 1, i);
}

static bool better(const split *best, double score)
{
    return score > -INFINITY && (!best->found || score > best->score);
}

static void scan_numeric(search *s, int32_t j, bool coarse, split *best)
{
    const groups *g = &s->by_code;
    const bool missing = g->code[g->n - 1] == CODE_MISSING;
    for (int left = 0; left < (missing && g->n > 2 ? 2 : 1); left++) {
        if (left)
            put_missing_first(s);
        const groups *way = left ? &s->ordered : g;
        const boundary b = scan(s, way, left, g->n - 1);
        if (better(best, b.score))
            *best = (split){.found = true,
                            .score = b.score,
                            .feature = j,
                            .coarse = coarse,
                            .cut = way->code[b.at],
                            .above = way->code[b.at + 1],
                            .missing_left = left,
                            .saw_missing = missing};
    }
}

/* ---- categories ---- */

/* Groups by s->mean ascending, equal means by code: a merge sort of their numbers in s->key. */
static void order_groups(search *s)
{
    const groups *from = &s->by_code;
    uint64_t *a = s->key, *b = s->spare;
    for (int64_t i = 0; i < from->n; i++)
        a[i] = (uint64_t)i;
    for (int64_t half = 1; half < from->n; half *= 2) {
        for (int64_t first = 0; first < from->n; first += 2 * half) {
            const int64_t mid = first + half < from->n ? first + half : from->n;
            const int64_t end = mid + half < from->n ? mid + half : from->n;
            int64_t x = first, y = mid;
            for (int64_t k = first; k < end; k++)
                b[k] = y == end || (x < mid && s->mean[a[x]] <= s->mean[a[y]]) ? a[x++] : a[y++];
        }
        uint64_t *t = a;
        a = b, b = t;
    }
    s->ordered.n = from->n;
    for (int64_t i = 0; i < from->n; i++) {
        const int64_t k = (int64_t)a[i];
        copy_group(s, k, i);
    }
}

static void take_categories(search *s, int32_t j, int64_t last, double score, split *best)
{
    *best = (split){.found = true, .score = score, .feature = j, .level = s->best_level};
    for (int64_t i = 0; i < s->ordered.n; i++) {
        const uint32_t code = s->ordered.code[i];
        if (code == CODE_MISSING)
            best->saw_missing = true, best->missing_left = i <= last;
        else
            best->level[best->n_seen++] = (uint16_t)code;
        if (i == last)
            best->n_left = best->n_seen;
    }
}

/* Orders the groups by component `k` of their statistic and scans. */
static void scan_categories(search *s, int32_t j, int64_t k, split *best)
{
    const int64_t q = s->p->width;
    for (int64_t i = 0; i < s->by_code.n; i++)
        s->mean[i] = s->by_code.stat[i * q + k] / s->by_code.stat[i * q];
    order_groups(s);
    const boundary b = scan(s, &s->ordered, 0, s->ordered.n - 1);
    if (better(best, b.score))
        take_categories(s, j, b.at, b.score, best);
}

static void try_categories(search *s, int32_t j, split *best)
{
    const problem *p = s->p;
    if (p->kind != COUNTS && p->kind != LOGS) {
        scan_categories(s, j, 1, best);
        return;
    }
    if (p->classes == 2) {
        scan_categories(s, j, 2, best);
        return;
    }
    double below = INFINITY;
    for (int64_t done = 0, last = 0; done < MOST; done++) {
        int64_t next = 0; /* the next class by (weight descending, number) */
        for (int64_t k = 1; k <= p->classes; k++)
            if (s->total[k] > 0 && (s->total[k] < below || (s->total[k] == below && k > last)) &&
                (!next || s->total[k] > s->total[next]))
                next = k;
        if (!next)
            break;
        scan_categories(s, j, next, best);
        below = s->total[next], last = next;
    }
}

/* ---- one random cut (extremely randomised trees; Geurts, Ernst and Wehenkel, 2006) ---- */

/* What a feature's values in the node span; their codes are left in s->code. */
typedef struct span {
    uint32_t low, high;
    bool missing;
} span;

static span span_of(search *s, const feature_codes *f, int32_t j)
{
    const panel *x = s->p->panel;
    const bool exact = f->bins == f->codes;
    uint32_t low = CODE_MISSING, high = 0, most = 0;
    for (int64_t i = 0; i < s->m; i++) {
        const uint32_t c = code_at(x, f, j, s->row[i], exact), held = c == CODE_MISSING ? 0 : c;
        s->code[i] = c;
        low = c < low ? c : low;
        high = held > high ? held : high;
        most = c > most ? c : most;
    }
    return (span){low, high, most == CODE_MISSING};
}

/* Weight and moment of codes up to `at`, from votes. */
static int64_t sum_votes(const search *s, uint32_t at, uint32_t also, double *stat)
{
    uint32_t rows = 0, weight = 0, moment = 0;
    for (int64_t i = 0; i < s->m; i++) {
        const uint32_t left = (s->code[i] <= at) | (s->code[i] == also), v = s->vote[i] & -left;
        rows += left, weight += v >> 16, moment += v & WORD_WEIGHT;
    }
    stat[0] = weight, stat[1] = moment;
    return rows;
}

/* Two groups: codes up to `at`, and what is missing if it goes left; all others. */
static void group_sides(search *s, uint32_t at, bool missing_left)
{
    const int64_t q = s->p->width;
    const uint32_t also = missing_left ? CODE_MISSING : at;
    groups *g = &s->by_code;
    uint32_t left = 0, right = (uint32_t)s->m;
    g->n = 2;
    if (s->vote && s->total[0] < 0x1p32) {
        left = (uint32_t)sum_votes(s, at, also, g->stat);
    } else {
        forest_make_cells(s);
        memset(g->stat, 0, (size_t)(2 * q) * sizeof *g->stat);
        for (int64_t i = 0; i < s->m; i++) {
            const bool side = s->code[i] > at && s->code[i] != also;
            add(s, g->stat + side * q, i);
            s->sequence[side ? --right : left++] = (uint32_t)i;
        }
    }
    g->rows[0] = left, g->rows[1] = (uint32_t)s->m - left;
    g->start[0] = 0, g->start[1] = left;
}

/* The score of Gini between the same sides, for weights whose squares add up exactly: what scan
 * says, from one pass over the rows instead of several over the classes. */
static double score_counts(search *s, uint32_t at, uint32_t also)
{
    const problem *p = s->p;
    double *in = s->left, weight = 0, squares = 0, shared = 0, all = 0;
    int64_t rows = 0;
    memset(in, 0, (size_t)p->width * sizeof *in);
    for (int64_t i = 0; i < s->m; i++) {
        const int left = (s->code[i] <= at) | (s->code[i] == also); /* no branch: it is random */
        const int64_t k = 1 + s->label[i];
        const double w = left * s->cell[2 * i];
        squares += w * (2 * in[k] + w);
        shared += w * s->total[k];
        in[k] += w;
        weight += w;
        rows += left;
    }
    if (!forest_may_be_side(s, rows, weight))
        return -INFINITY;
    for (int64_t k = 1; k <= p->classes; k++)
        all += s->total[k] * s->total[k];
    return forest_counts_score(s, all, weight, squares, shared);
}

static double score_sides(search *s, uint32_t at, bool missing_left)
{
    if (s->p->kind == COUNTS && s->total[0] < EXACT_SQUARES) {
        forest_make_cells(s);
        return score_counts(s, at, missing_left ? CODE_MISSING : at);
    }
    group_sides(s, at, missing_left);
    return scan(s, &s->by_code, 0, 1).score;
}

uint32_t forest_cut_at(const feature_codes *f, double u, uint32_t low, uint32_t high, double *value)
{
    const double cut = f->low[low] * (1 - u) + f->high[high] * u;
    const uint32_t guess = forest_guess_cut(u, low, high);
    const bool up = f->low[guess] <= cut;
    *(up ? &low : &high) = guess;
    for (uint32_t step = 1; step < high - low; step *= 2) { /* from the guess, in growing steps */
        const uint32_t next = up ? low + step : high - step;
        const bool left = f->low[next] <= cut;
        *(left ? &low : &high) = next;
        if (left != up)
            break;
    }
    while (low + 1 < high) {
        const uint32_t middle = low + (high - low) / 2;
        *(f->low[middle] <= cut ? &low : &high) = middle;
    }
    *value = cut;
    return low;
}

/* False: constant. */
static bool random_numeric(search *s, int32_t j, split *best)
{
    const feature_codes *f = &s->p->panel->feature[j];
    const span of = span_of(s, f, j);
    const bool values = of.low < of.high;
    if (of.low == CODE_MISSING || (!values && !of.missing))
        return false;
    hone_stream r = hone_stream_of(s->path, 1, (uint64_t)j);
    const bool missing_left = of.missing && (hone_next(&r) >> 63) && values;
    double value = 0;
    const uint32_t at =
        values ? forest_cut_at(f, hone_uniform(&r), of.low, of.high, &value) : of.low;
    const double score = score_sides(s, at, missing_left);
    if (better(best, score))
        *best = (split){.found = true,
                        .score = score,
                        .feature = j,
                        .cut = at,
                        .above = values ? at + 1 : CODE_MISSING,
                        .threshold =
                            values ? forest_between(s->p, value, f->high[at], f->low[at + 1]) : 0,
                        .random = true,
                        .missing_left = missing_left,
                        .saw_missing = of.missing};
    return true;
}

static void random_categories(search *s, int32_t j, split *best)
{
    hone_stream r = hone_stream_of(s->path, 1, (uint64_t)j);
    const int64_t n = s->by_code.n;
    int64_t left = 0;
    for (int64_t i = 0; i < n; i++) {
        s->mean[i] = hone_next(&r) >> 63 ? 1 : 0;
        left += s->mean[i] == 0;
    }
    if (left == 0 || left == n) {
        const int64_t other = (int64_t)hone_below(&r, (uint64_t)n);
        s->mean[other] = 1 - s->mean[other];
        left = left ? n - 1 : 1;
    }
    order_groups(s);
    const boundary b = scan(s, &s->ordered, left - 1, left);
    if (better(best, b.score))
        take_categories(s, j, left - 1, b.score, best);
}

/* ---- a feature ---- */

void forest_make_cells(search *s)
{
    for (int64_t i = 0; i < s->m && !s->cell; i++) {
        s->spare_cell[2 * i] = s->vote[i] >> 16;
        s->spare_cell[2 * i + 1] = s->vote[i] & WORD_WEIGHT;
    }
    s->cell = s->cell ? s->cell : s->spare_cell;
}

bool forest_try_values(search *s, int32_t j, split *best)
{
    forest_make_cells(s);
    group_sorted(s, &s->p->panel->feature[j], j, false);
    if (s->by_code.n < 2)
        return false;
    scan_numeric(s, j, false, best);
    return true;
}

bool forest_try_feature(search *s, int32_t j, split *best)
{
    const problem *p = s->p;
    const feature_codes *f = &p->panel->feature[j];
    const bool random = p->params->splitter == SPLIT_RANDOM;
    if (random && !f->levels)
        return random_numeric(s, j, best);
    forest_make_cells(s);
    const bool exact = f->bins == f->codes;
    const bool few = exact && f->bins <= 4 * s->m;
    const bool bins =
        f->bins && p->kind != MEDIAN && (few || (s->m > SORT_MOST && (exact || !f->levels)));
    if (bins)
        group_bins(s, f, j);
    else
        group_sorted(s, f, j, exact);
    if (s->by_code.n < 2)
        return bins && !exact && forest_try_values(s, j, best);
    if (random)
        random_categories(s, j, best);
    else if (f->levels)
        try_categories(s, j, best);
    else
        scan_numeric(s, j, bins && !exact, best);
    return true;
}
