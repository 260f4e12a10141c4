/* Kernels of random cuts: eight features of a node side by side, one pass over the rows for their
 * codes and one for what their cuts have on the left. Everything that is added is an integer: the
 * same bits on every instruction set.
 */
#include "lanes.h"

/* Vectors are passed between inlined functions only: no call depends on the ABI. */
#pragma GCC diagnostic ignored "-Wpsabi"

typedef double quad __attribute__((vector_size(32)));
typedef int64_t quad_mask __attribute__((vector_size(32)));
typedef uint32_t octet_sum __attribute__((vector_size(32)));
typedef int32_t octet_mask __attribute__((vector_size(32)));
typedef uint16_t four_codes __attribute__((vector_size(8)));
typedef int16_t four_masks __attribute__((vector_size(8)));
typedef uint16_t eight_codes __attribute__((vector_size(16)));
typedef int16_t eight_masks __attribute__((vector_size(16)));
typedef uint64_t octet_word __attribute__((vector_size(64)));
typedef int64_t octet_word_mask __attribute__((vector_size(64)));

enum { BLOCK = 128 /* rows whose codes stay in the nearest cache */ };

/* Codes of rows [first, last) in lane `l`. */
ALWAYS void fill_codes(const lanes *s, int l, int64_t first, int64_t last)
{
    /* copies: a write to a code could be to *s */
    const uint32_t *const row = s->row;
    uint16_t *const code = s->code + l;
    if (s->coarse[l]) {
        const uint8_t *const column = s->coarse[l];
        const int64_t stride = s->coarse_stride;
        for (int64_t i = first; i < last; i++)
            code[i * LANES] = column[row[i] * stride];
    } else {
        const uint16_t *const column = s->fine[l];
        const int64_t stride = s->fine_stride;
        for (int64_t i = first; i < last; i++)
            code[i * LANES] = column[row[i] * stride];
    }
}

/* The same in all lanes that read their codes from `mark`. */
ALWAYS void fill_marks(const lanes *s, const uint64_t *mark, int64_t first, int64_t last)
{
    eight_codes *const code = (eight_codes *)s->code;
    octet_word bit;
    eight_codes others;
    for (int l = 0; l < LANES; l++) {
        const bool own = l < s->used && s->mark[l] == mark;
        bit[l] = own ? 1ULL << s->bit[l] : 0;
        others[l] = own ? 0 : UINT16_MAX;
    }
    for (int64_t i = first; i < last; i++) {
        const octet_word_mask in = (octet_word_mask)((mark[i] & bit) != 0);
        const eight_masks one = __builtin_convertvector(in, eight_masks) & 1;
        code[i] = (code[i] & others) | (eight_codes)one;
    }
}

ALWAYS bool is_first_of(const lanes *s, int l)
{
    for (int k = 0; k < l; k++)
        if (s->mark[k] == s->mark[l])
            return false;
    return true;
}

ALWAYS void fill(const lanes *s, int64_t first, int64_t last)
{
    for (int l = 0; l < s->used; l++)
        if (!s->mark[l])
            fill_codes(s, l, first, last);
        else if (is_first_of(s, l))
            fill_marks(s, s->mark[l], first, last);
}

void HONE_KERNEL(forest_cuts_span)(lanes *s)
{
    const int64_t m = s->m;
    for (int64_t first = 0; first < m; first += BLOCK)
        fill(s, first, first + BLOCK < m ? first + BLOCK : m);
    const eight_codes *code = (const eight_codes *)s->code;
    eight_codes low = code[0], high = code[0];
    for (int64_t i = 1; i < m; i++) {
        const eight_codes below = (eight_codes)(code[i] < low),
                          above = (eight_codes)(code[i] > high);
        low = (code[i] & below) | (low & ~below);
        high = (code[i] & above) | (high & ~above);
    }
    for (int l = 0; l < LANES; l++)
        s->low[l] = low[l], s->high[l] = high[l];
}

/* Rows in votes. */
static inline void sum_votes(lanes *s)
{
    const eight_codes *code = (const eight_codes *)s->code;
    const uint32_t *vote = s->vote;
    eight_codes cut;
    octet_sum weight = {0}, moment = {0};
    octet_mask rows = {0};
    for (int l = 0; l < LANES; l++)
        cut[l] = (uint16_t)s->cut[l];
    for (int64_t i = 0; i < s->m; i++) {
        const eight_masks left = (eight_masks)(code[i] <= cut);
        const octet_mask in = __builtin_convertvector(left, octet_mask);
        rows -= in;
        weight += (vote[i] >> 16) & (octet_sum)in;
        moment += (vote[i] & WORD_WEIGHT) & (octet_sum)in;
    }
    for (int l = 0; l < LANES; l++)
        s->left_rows[l] = rows[l], s->left_weight[l] = weight[l], s->left_moment[l] = moment[l];
}

/* Rows in cells, lanes [first, first + 4). Sum of squares: (L + w)^2 - L^2. */
ALWAYS void sum_cells(lanes *s, const int first, const bool counts)
{
    /* copies: a write to a count could be to *s */
    const double *const cell = s->cell, *const total = s->total;
    const int32_t *const label = s->label;
    const uint16_t *const code = s->code + first;
    quad *const count = (quad *)s->count;
    const uint32_t *c = s->cut + first;
    const four_codes cut = {(uint16_t)c[0], (uint16_t)c[1], (uint16_t)c[2], (uint16_t)c[3]};
    quad weight = {0}, moment = {0}, share = {0};
    quad_mask rows = {0};
    for (int64_t i = 0; i < s->m; i++) {
        const four_masks left = (four_masks)(*(const four_codes *)(code + i * LANES) <= cut);
        const quad_mask in = __builtin_convertvector(left, quad_mask);
        const quad w = (quad)((quad_mask)(cell[2 * i] + (quad){0}) & in);
        rows -= in;
        weight += w;
        if (counts) {
            quad *so_far = count + label[i];
            moment += w * (2 * *so_far + w);
            share += w * total[label[i]];
            *so_far += w;
        } else {
            moment += (quad)((quad_mask)(cell[2 * i + 1] + (quad){0}) & in);
        }
    }
    for (int64_t i = 0; counts && i < s->m; i++)
        count[label[i]] = (quad){0};
    for (int l = 0; l < 4; l++) {
        s->left_rows[first + l] = (double)rows[l];
        s->left_weight[first + l] = weight[l];
        s->left_moment[first + l] = moment[l];
        s->left_share[first + l] = share[l];
    }
}

void HONE_KERNEL(forest_cuts_sums)(lanes *s)
{
    if (s->vote) {
        sum_votes(s);
        return;
    }
    for (int first = 0; first < s->used; first += 4)
        if (s->label)
            sum_cells(s, first, true);
        else
            sum_cells(s, first, false);
}
