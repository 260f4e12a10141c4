/* Kernels of growing a tree for two classes and small whole weights: weight and moment of a row
 * share a word, its vote, and one addition moves both.
 *
 * sorted: keys code << 16 | weight << 8 | moment; equal keys need no order.
 * binned: one histogram of votes per feature.
 * Scores are guessed in floats, all lanes at once; boundaries with about the best guess of all
 * lanes are judged again in doubles. d = v W - V w is an integer of 31 bits, so a guess is off by
 * less than 2^-21 of itself and the best boundary is always judged: the answer has the same bits
 * as that of the plain kernels.
 */
#include <string.h>
#ifdef HONE_HAVE_AVX2
#include <immintrin.h>
#endif

#include "lanes.h"
#include "network.h"

/* Vectors are passed between inlined functions only: no call depends on the ABI. */
#pragma GCC diagnostic ignored "-Wpsabi"

typedef uint32_t octet_vote __attribute__((vector_size(32)));
typedef float octet_guess __attribute__((vector_size(32)));

enum { AHEAD = 16, STEPS = 8 /* that are looked through together */ };

static const float NO_BOUNDARY = -1, CLOSE = 1 - 0x1p-19F;

/* ---- filling ---- */

/* Codes become signed, so that all rows after the last are larger. */
ALWAYS void fill_keys(lanes *s)
{
    int32_t tail[SORT_MOST], *const to = s->key;
    const int64_t m = s->m;
    for (int64_t i = 0; i < m; i++)
        tail[i] = (int32_t)((s->vote[i] >> 16) << 8 | (s->vote[i] & 255));
    for (int l = 0; l < LANES; l++) {
        const uint8_t *const coarse = s->coarse[l];
        const uint16_t *const fine = s->fine[l];
        if (l >= s->used)
            for (int64_t i = 0; i < m; i++)
                to[i * LANES + l] = 0;
        else if (coarse)
            for (int64_t i = 0; i < m; i++)
                to[i * LANES + l] =
                    (coarse[s->row[i] * s->coarse_stride] - CODE_MIDDLE) * 65536 + tail[i];
        else
            for (int64_t i = 0; i < m; i++)
                to[i * LANES + l] =
                    (fine[s->row[i] * s->fine_stride] - CODE_MIDDLE) * 65536 + tail[i];
    }
}

ALWAYS void fill_tally(lanes *s, const int used)
{
    memset(s->tally, 0, (size_t)(s->bins * LANES) * sizeof *s->tally);
    /* copies: a write to the tally could be to *s */
    const uint8_t *const first = s->coarse[0];
    const uint32_t *const row = s->row, *const vote = s->vote;
    const int64_t m = s->m, stride = s->coarse_stride;
    uint32_t *const tally = s->tally;
    int64_t column[LANES];
    for (int l = 0; l < used; l++)
        column[l] = s->coarse[l] - first;
    for (int64_t i = 0; i < m; i++) {
        const uint8_t *code = first + row[i] * stride;
        const uint32_t v = vote[i];
        __builtin_prefetch(first + row[i + AHEAD < m ? i + AHEAD : i] * stride);
        for (int l = 0; l < used; l++)
            tally[code[column[l]] * LANES + l] += v;
    }
}

static void fill_used(lanes *s)
{
    switch (s->used) {
    case 1:
        fill_tally(s, 1);
        return;
    case 2:
        fill_tally(s, 2);
        return;
    case 3:
        fill_tally(s, 3);
        return;
    case 4:
        fill_tally(s, 4);
        return;
    case 5:
        fill_tally(s, 5);
        return;
    case 6:
        fill_tally(s, 6);
        return;
    case 7:
        fill_tally(s, 7);
        return;
    default:
        fill_tally(s, LANES);
    }
}

/* ---- scanning ---- */

ALWAYS octet_guess larger(octet_guess a, octet_guess b)
{
    const octet_key more = a > b;
    return (octet_guess)(((octet_key)a & more) | ((octet_key)b & ~more));
}

/* After steps [0, steps): votes so far into `tally`, scores into `guess`; from step `first` on. The
 * best of each lane. */
ALWAYS octet_guess guess_scores(lanes *s, int64_t first, int64_t steps, const bool keys)
{
    const octet_key none = (octet_key)(octet_guess){-1, -1, -1, -1, -1, -1, -1, -1};
    const uint32_t tw = (uint32_t)s->weight, tv = (uint32_t)s->moment;
    const int32_t least = s->least;
    octet_vote sum = {0};
    octet_guess best = (octet_guess)none;
    for (int64_t i = 0; i < steps; i++) {
        octet_vote *tally = (octet_vote *)(s->tally + i * LANES);
        octet_key differ = {0};
        if (keys) {
            const octet_key *key = (const octet_key *)(s->key + i * LANES);
            const octet_vote x = (octet_vote)key[0];
            sum += (x & 0xff00) << 8 | (x & 255);
            differ = (octet_key)((x ^ (octet_vote)key[1]) >> 16) != 0;
        } else {
            sum += *tally;
        }
        const octet_vote w = sum >> 16, v = sum & 65535, right = tw - w;
        const octet_guess d = __builtin_convertvector((octet_key)(v * tw - tv * w), octet_guess);
        const octet_guess of = __builtin_convertvector((octet_key)w, octet_guess) *
                               __builtin_convertvector((octet_key)right, octet_guess);
        octet_key ok = ((octet_key)w >= least) & ((octet_key)right >= least);
        if (keys)
            ok = i < first ? (octet_key){0} : ok & differ;
        const octet_guess guess = (octet_guess)(((octet_key)(d * d / of) & ok) | (none & ~ok));
        *tally = sum;
        *(octet_guess *)(s->guess + i * LANES) = guess;
        best = larger(guess, best);
    }
    return best;
}

static void judge(lanes *s, int64_t i, int l)
{
    const uint32_t sum = s->tally[i * LANES + l];
    const double w = sum >> 16, v = sum & 65535;
    const double d = v * s->weight - s->moment * w, score = d * d / (w * (s->weight - w));
    if (score > s->score[l])
        s->score[l] = score, s->at[l] = i;
}

ALWAYS void judge_steps(lanes *s, int64_t first, int64_t end, float least)
{
    octet_key any = {0};
    for (int64_t i = first; i < end; i++)
        any |= *(const octet_guess *)(s->guess + i * LANES) >= least;
    uint64_t half[4];
    memcpy(half, &any, sizeof half);
    if (!(half[0] | half[1] | half[2] | half[3]))
        return;
    for (int64_t i = first; i < end; i++)
        for (int l = 0; l < LANES; l++)
            if (s->guess[i * LANES + l] >= least)
                judge(s, i, l);
}

/* Lanes that are not close to the best of all have no answer. */
ALWAYS void scan(lanes *s, int64_t first, int64_t steps, const bool keys)
{
    const octet_guess best = guess_scores(s, first, steps, keys);
    float most = NO_BOUNDARY;
    for (int l = 0; l < LANES; l++) {
        s->score[l] = -INFINITY, s->at[l] = -1;
        s->varies[l] = best[l] > NO_BOUNDARY;
        most = best[l] > most ? best[l] : most;
    }
    if (most > NO_BOUNDARY)
        for (int64_t i = 0; i < steps; i += STEPS)
            judge_steps(s, i, i + STEPS < steps ? i + STEPS : steps, most * CLOSE);
}

/* ---- the kernels ---- */

void HONE_KERNEL(forest_votes_sorted)(lanes *s)
{
    const int64_t m = s->m, least = (int64_t)s->min_rows;
    fill_keys(s);
    if (m <= FEW_ROWS)
        sort_few(s->key, m);
    else
        sort_rows(s->key, m, LANES);
    scan(s, least - 1, m - least, true);
    for (int l = 0; l < s->used; l++) {
        const int32_t *key = s->key + l;
        s->varies[l] = key[0] >> 16 != key[(m - 1) * LANES] >> 16;
        if (s->at[l] < 0)
            continue;
        s->cut[l] = (uint32_t)((key[s->at[l] * LANES] >> 16) + CODE_MIDDLE);
        s->above[l] = (uint32_t)((key[(s->at[l] + 1) * LANES] >> 16) + CODE_MIDDLE);
    }
}

void HONE_KERNEL(forest_votes_binned)(lanes *s)
{
    fill_used(s);
    scan(s, 0, s->bins - 1, false);
    for (int l = 0; l < s->used; l++) {
        if (s->at[l] < 0)
            continue;
        /* the votes so far change at the next bin that has rows; the last bin was not scanned */
        int64_t next = s->at[l] + 1;
        while (next < s->bins - 1 && s->tally[next * LANES + l] == s->tally[s->at[l] * LANES + l])
            next++;
        s->cut[l] = (uint32_t)s->at[l], s->above[l] = (uint32_t)next;
    }
}
