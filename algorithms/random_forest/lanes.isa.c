/* Kernels of growing a tree.
 *
 * sorted: keys code << 8 | row go through Batcher's odd-even merge sort (1968), whose comparators
 * are minima and maxima of whole runs; keys differ, so every network gives the same order.
 * binned: one histogram per feature, filled in one pass over the rows.
 * counted: a histogram of classes by bin, lanes are classes.
 * Then prefix sums and scores, all lanes at once: O(steps) divisions of vectors. Everything that is
 * added is an integer in a double; nothing is fused: the same bits on every instruction set.
 * part: no branch depends on where a row goes.
 */
#include <string.h>
#ifdef HONE_HAVE_AVX2
#include <immintrin.h>
#endif

#include "lanes.h"
#include "network.h"

/* Vectors are passed between inlined functions only: no call depends on the ABI. */
#pragma GCC diagnostic ignored "-Wpsabi"

typedef double quad __attribute__((vector_size(32)));
typedef double pair __attribute__((vector_size(16)));
typedef int64_t quad_mask __attribute__((vector_size(32)));
typedef double octet __attribute__((vector_size(64)));
typedef int64_t octet_mask __attribute__((vector_size(64)));
typedef int32_t octet_count __attribute__((vector_size(32)));

enum { AHEAD = 16 };

/* ---- sorting ---- */

ALWAYS void fill_keys(lanes *s, const int width)
{
    for (int l = 0; l < width; l++) {
        int32_t *key = s->key + l;
        if (l >= s->used) { /* one code: no boundary */
            for (int64_t i = 0; i < s->m; i++)
                key[i * width] = 0;
        } else if (s->coarse[l]) {
            for (int64_t i = 0; i < s->m; i++)
                key[i * width] =
                    (int32_t)(s->coarse[l][s->row[i] * s->coarse_stride] << 8 | (int32_t)i);
        } else {
            for (int64_t i = 0; i < s->m; i++)
                key[i * width] =
                    (int32_t)(s->fine[l][s->row[i] * s->fine_stride] << 8 | (int32_t)i);
        }
    }
}

/* A boundary must not part rows of equal code. */
ALWAYS void bar_equal(lanes *s, const int width)
{
    for (int64_t i = 0; i < (s->m - 1) * width; i++)
        s->barred[i] = (s->key[i] ^ s->key[i + width]) < 256 ? NAN : 0.0;
}

/* sum of squares on the left: (L + w)^2 - L^2; on the right: - 2 T w + that. */
ALWAYS void spread_counts(lanes *s, const int width)
{
    for (int64_t i = 0; i < s->m; i++)
        for (int64_t l = 0; l < width; l++) {
            const int64_t r = s->key[i * width + l] & 255, at = i * width + l;
            const int64_t k = s->label[r];
            const double w = s->cell[2 * r];
            double *left = s->count + l * s->classes + k;
            s->a[at] = w;
            s->b[at] = w * (2 * *left + w);
            s->c[at] = w * s->total[k];
            *left += w;
        }
    for (int64_t i = 0; i < s->m; i++)
        for (int64_t l = 0; l < width; l++)
            s->count[l * s->classes + s->label[i]] = 0;
}

/* ---- scanning ---- */

/* The best boundary of four lanes so far. */
typedef struct best_quad {
    quad score;
    quad_mask at;
} best_quad;

ALWAYS void keep_better(best_quad *best, quad score, quad_mask ok, int64_t i)
{
    ok &= score > best->score; /* never when NaN */
    best->score = (quad)(((quad_mask)score & ok) | ((quad_mask)best->score & ~ok));
    best->at = ((quad_mask){i, i, i, i} & ok) | (best->at & ~ok);
}

static const best_quad NOTHING = {{-INFINITY, -INFINITY, -INFINITY, -INFINITY}, {-1, -1, -1, -1}};

/* Classes are counted. Sorted rows [0, last): after each from `first` on a boundary may be. */
ALWAYS void scan_counts(lanes *s, int64_t first, int64_t last, const int width)
{
    const double tw = s->weight, ts = s->moment, least = s->min_weight;
    for (int q = 0; q < width / 4; q++) {
        quad w = {0}, v = {0}, u = {0};
        best_quad best = NOTHING;
        for (int64_t i = 0; i < last; i++) {
            const int64_t k = i * width + q * 4;
            w += *(const quad *)(s->a + k);
            v += *(const quad *)(s->b + k);
            u += *(const quad *)(s->c + k);
            if (i < first)
                continue;
            const quad right = tw - w;
            const quad score =
                (v * right + (ts - 2 * u + v) * w) / (w * right) + *(const quad *)(s->barred + k);
            keep_better(&best, score, (w >= least) & (right >= least), i);
        }
        memcpy(s->score + q * 4, &best.score, sizeof best.score);
        memcpy(s->at + q * 4, &best.at, sizeof best.at);
    }
}

/* Of eight rows of the node. */
ALWAYS octet of_rows(const double *table, octet_key row, const bool few)
{
#ifdef HONE_HAVE_AVX512
    if (few)
        return (octet)_mm512_permutex2var_pd(
            _mm512_load_pd(table), _mm512_cvtepi32_epi64((__m256i)row), _mm512_load_pd(table + 8));
#endif
    (void)few;
    return (octet){table[row[0]], table[row[1]], table[row[2]], table[row[3]],
                   table[row[4]], table[row[5]], table[row[6]], table[row[7]]};
}

/* The same for moments, which wait by row of the node in `a` and `b`. */
ALWAYS void scan_moments(lanes *s, int64_t first, int64_t last, const bool few)
{
    const double tw = s->weight, ts = s->moment, least = s->min_weight;
    octet w = {0}, v = {0}, best;
    octet_mask at;
    for (int l = 0; l < LANES; l++)
        best[l] = -INFINITY, at[l] = -1;
    for (int64_t i = 0; i < last; i++) {
        const octet_key *key = (const octet_key *)(s->key + i * LANES);
        const octet_key row = key[0] & 255;
        w += of_rows(s->a, row, few), v += of_rows(s->b, row, few);
        if (i < first)
            continue;
        const octet right = tw - w, d = v * tw - ts * w, score = d * d / (w * right);
        const octet_key differ = (key[0] ^ key[1]) > 255;
        const octet_mask ok = __builtin_convertvector(differ, octet_mask) & (w >= least) &
                              (right >= least) & (score > best);
        best = (octet)(((octet_mask)score & ok) | ((octet_mask)best & ~ok));
        at = (i & ok) | (at & ~ok);
    }
    memcpy(s->score, &best, sizeof best);
    memcpy(s->at, &at, sizeof at);
}

ALWAYS void tell_codes(lanes *s, const int width)
{
    const int32_t *last = s->key + (s->m - 1) * width;
    for (int l = 0; l < width; l++) {
        s->varies[l] = s->key[l] >> 8 != last[l] >> 8;
        if (s->at[l] < 0)
            continue;
        const int32_t *key = s->key + s->at[l] * width + l;
        s->cut[l] = (uint32_t)key[0] >> 8, s->above[l] = (uint32_t)key[width] >> 8;
    }
}

ALWAYS void sorted_counts(lanes *s, const int width)
{
    fill_keys(s, width);
    if (width == LANES && s->m <= FEW_ROWS)
        sort_few(s->key, s->m);
    else
        sort_rows(s->key, s->m, width);
    bar_equal(s, width);
    spread_counts(s, width);
    scan_counts(s, (int64_t)s->min_rows - 1, s->m - (int64_t)s->min_rows, width);
    tell_codes(s, width);
}

static void sorted_moments(lanes *s)
{
    const int64_t first = (int64_t)s->min_rows - 1, last = s->m - (int64_t)s->min_rows;
    fill_keys(s, LANES);
    for (int64_t i = 0; i < s->m; i++)
        s->a[i] = s->cell[2 * i], s->b[i] = s->cell[2 * i + 1];
    if (s->m <= FEW_ROWS) {
        sort_few(s->key, s->m);
        scan_moments(s, first, last, true);
    } else {
        sort_rows(s->key, s->m, LANES);
        scan_moments(s, first, last, false);
    }
    tell_codes(s, LANES);
}

void HONE_KERNEL(forest_lanes_sorted)(lanes *s)
{
    if (!s->label)
        sorted_moments(s);
    else if (s->width == 4)
        sorted_counts(s, 4);
    else
        sorted_counts(s, LANES);
}

/* ---- bins ---- */

ALWAYS void fill_bins(lanes *s, const bool rows, const bool pack, const int width)
{
    if (pack)
        memset(s->packed, 0, (size_t)(s->bins * width) * sizeof(uint64_t));
    else
        memset(s->pairs, 0, (size_t)(s->bins * width * 2) * sizeof(double));
    if (rows)
        memset(s->c, 0, (size_t)(s->bins * width) * sizeof(double));
    /* copies: a write to a bin could be to *s */
    const uint8_t *const first = s->coarse[0];
    const uint32_t *const row = s->row;
    const double *const from = s->cell;
    const int64_t m = s->m, stride = s->coarse_stride;
    uint64_t *const packed = s->packed;
    double *const pairs = s->pairs, *const counts = s->c;
    int64_t column[LANES];
    for (int l = 0; l < width; l++)
        column[l] = s->coarse[l] - first;
    for (int64_t i = 0; i < m; i++) {
        const uint8_t *code = first + row[i] * stride;
        const pair cell = *(const pair *)(from + 2 * i);
        const uint64_t both =
            pack ? (uint64_t)(int64_t)cell[0] << 32 | (uint32_t)(int64_t)cell[1] : 0;
        __builtin_prefetch(first + row[i + AHEAD < m ? i + AHEAD : i] * stride);
        for (int l = 0; l < width; l++) {
            const int64_t k = code[column[l]] * width + l;
            if (pack)
                packed[k] += both;
            else
                *(pair *)(pairs + 2 * k) += cell;
            if (rows)
                counts[k] += 1;
        }
    }
}

/* Adds integers below 2^52: as doubles they are the bits of 2^52 + n, less 2^52. */
ALWAYS void add_integers(quad *to, quad_mask n)
{
    const quad zero = {0x1p52, 0x1p52, 0x1p52, 0x1p52};
    *to += (quad)(n | (quad_mask)zero) - zero;
}

ALWAYS bool is_empty(const lanes *s, int64_t k, const bool pack)
{
    return pack ? s->packed[k] == 0 : s->pairs[2 * k] == 0;
}

/* An empty bin repeats the score before it, and 0 / 0 at either end never wins. */
ALWAYS void scan_bins(lanes *s, const bool rows, const bool pack, const int width)
{
    const double tw = s->weight, ts = s->moment, least = s->min_weight, m = (double)s->m;
    for (int q = 0; q < width / 4; q++) {
        quad w = {0}, v = {0}, u = {0};
        best_quad best = NOTHING;
        for (int64_t i = 0; i < s->bins - 1; i++) {
            const int64_t k = i * width + q * 4;
            if (pack) {
                const quad_mask both = *(const quad_mask *)(s->packed + k);
                add_integers(&w, both >> 32);
                add_integers(&v, both & UINT32_MAX);
            } else {
                const quad one = *(const quad *)(s->pairs + 2 * k);
                const quad two = *(const quad *)(s->pairs + 2 * k + 4);
                w += __builtin_shufflevector(one, two, 0, 2, 4, 6);
                v += __builtin_shufflevector(one, two, 1, 3, 5, 7);
            }
            const quad right = tw - w;
            const quad d = v * tw - ts * w;
            quad_mask ok = (w >= least) & (right >= least);
            if (rows) {
                u += *(const quad *)(s->c + k);
                ok &= (u >= s->min_rows) & (m - u >= s->min_rows);
            }
            keep_better(&best, d * d / (w * right), ok, i);
        }
        memcpy(s->score + q * 4, &best.score, sizeof best.score);
        memcpy(s->at + q * 4, &best.at, sizeof best.at);
    }
    for (int l = 0; l < width; l++) {
        int64_t next = s->at[l] + 1;
        while (next < s->bins && is_empty(s, next * width + l, pack))
            next++;
        s->varies[l] = s->at[l] >= 0;
        s->cut[l] = (uint32_t)s->at[l], s->above[l] = (uint32_t)next;
    }
}

ALWAYS void binned(lanes *s, const int width)
{
    if (s->min_rows > 1) {
        fill_bins(s, true, false, width);
        scan_bins(s, true, false, width);
    } else if (s->pack) {
        fill_bins(s, false, true, width);
        scan_bins(s, false, true, width);
    } else {
        fill_bins(s, false, false, width);
        scan_bins(s, false, false, width);
    }
}

void HONE_KERNEL(forest_lanes_binned)(lanes *s)
{
    if (s->width == 4)
        binned(s, 4);
    else
        binned(s, LANES);
}

/* ---- classes by bin ---- */

static inline void fill_classes(lanes *s)
{
    const uint8_t *code = s->coarse[0];
    memset(s->by_class, 0, (size_t)(s->bins * s->stride) * sizeof *s->by_class);
    memset(s->in, 0, (size_t)s->bins * sizeof *s->in);
    for (int64_t i = 0; i < s->m; i++) {
        const int64_t c = code[s->row[i] * s->coarse_stride];
        s->by_class[c * s->stride + s->label[i]] += (int32_t)s->cell[2 * i];
        s->in[c]++;
    }
}

ALWAYS double sum_of(const octet *v)
{
    const octet x = *v;
    return ((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7]));
}

/* Moves the classes of a bin to the left; sums of their weights, and of squares on both sides. */
ALWAYS void move_bin(lanes *s, int64_t bin, double *weight, double *a, double *b)
{
    const int32_t *row = s->by_class + bin * s->stride;
    octet squares = {0}, others = {0}, sum = {0};
    for (int64_t k = 0; k < s->stride; k += 8) {
        octet_count *left = (octet_count *)(s->left + k);
        *left += *(const octet_count *)(row + k);
        const octet l = __builtin_convertvector(*left, octet);
        const octet r = *(const octet *)(s->total + k) - l;
        squares += l * l, others += r * r, sum += l;
    }
    *weight = sum_of(&sum), *a = sum_of(&squares), *b = sum_of(&others);
}

void HONE_KERNEL(forest_lanes_counted)(lanes *s)
{
    double best = -INFINITY;
    int64_t rows = 0, at = -1;
    const int64_t min_rows = (int64_t)s->min_rows;
    fill_classes(s);
    memset(s->left, 0, (size_t)s->stride * sizeof *s->left);
    for (int64_t i = 0; i < s->bins - 1; i++) {
        if (!s->in[i])
            continue;
        double weight, a, b;
        move_bin(s, i, &weight, &a, &b);
        rows += s->in[i];
        const double right = s->weight - weight;
        if (rows < min_rows || s->m - rows < min_rows || weight < s->min_weight ||
            right < s->min_weight)
            continue;
        const double score = (a * right + b * weight) / (weight * right);
        if (score > best)
            best = score, at = i;
    }
    int64_t next = at + 1;
    while (next < s->bins && !s->in[next])
        next++;
    s->score[0] = best, s->at[0] = at, s->varies[0] = at >= 0;
    s->cut[0] = (uint32_t)at, s->above[0] = (uint32_t)next;
}

/* ---- parting ---- */

ALWAYS int64_t part(parting *p, const bool fine, const bool set, const bool edges,
                    const bool labels, const bool votes)
{
    /* copies: a write to a row could be to *p */
    uint32_t *const row = p->row, *const spare_row = p->spare_row, *const edge = p->edge;
    uint32_t *const vote = p->vote, *const spare_vote = p->spare_vote;
    double *const cell = p->cell, *const spare_cell = p->spare_cell;
    int32_t *const label = p->label, *const spare_label = p->spare_label;
    const uint8_t *const coarse = p->coarse, *const to_left = p->left;
    const uint16_t *const exact = p->fine;
    const int64_t m = p->m, stride = p->stride;
    const uint32_t cut = p->cut, also = p->also, above = p->above;
    int64_t left = 0, near = 0;
    for (int64_t i = 0; i < m; i++) {
        const uint32_t r = row[i];
        const int64_t ahead = row[i + AHEAD < m ? i + AHEAD : i] * stride;
        __builtin_prefetch(fine ? (const void *)(exact + ahead) : coarse + ahead);
        const uint32_t code = fine ? exact[r * stride] : coarse[r * stride];
        const int64_t goes = set ? to_left[code] : (code <= cut) | (code == also);
        const int64_t right = i - left;
        row[left] = r, spare_row[right] = r;
        if (edges) {
            edge[near] = r;
            near += (code == cut) | (code == above);
        }
        if (votes) {
            const uint32_t v = vote[i];
            vote[left] = v, spare_vote[right] = v;
        } else {
            const pair both = *(const pair *)(cell + 2 * i);
            *(pair *)(cell + 2 * left) = both, *(pair *)(spare_cell + 2 * right) = both;
        }
        if (labels) {
            const int32_t k = label[i];
            label[left] = k, spare_label[right] = k;
        }
        left += goes;
    }
    p->edges = near;
    const size_t right = (size_t)(m - left);
    memcpy(row + left, spare_row, right * sizeof *row);
    if (votes)
        memcpy(vote + left, spare_vote, right * sizeof *vote);
    else
        memcpy(cell + 2 * left, spare_cell, 2 * right * sizeof *cell);
    if (labels)
        memcpy(label + left, spare_label, right * sizeof *label);
    return left;
}

ALWAYS int64_t part_codes(parting *p, const bool fine, const bool set, const bool edges)
{
    if (p->vote)
        return part(p, fine, set, edges, false, true);
    return p->label ? part(p, fine, set, edges, true, false)
                    : part(p, fine, set, edges, false, false);
}

int64_t HONE_KERNEL(forest_part)(parting *p)
{
    if (p->left)
        return p->fine ? part_codes(p, true, true, false) : part_codes(p, false, true, false);
    if (p->edge)
        return part_codes(p, false, false, true);
    return p->fine ? part_codes(p, true, false, false) : part_codes(p, false, false, false);
}
