#include "smo.h"

/* Pairs between two looks at the clock. */
enum { POLL = 1024 };

static void put_bit(uint16_t *of, int64_t v, bool value)
{
    const unsigned bit = 1U << v % 16;
    of[v / 16] = (uint16_t)(value ? of[v / 16] | bit : of[v / 16] & ~bit);
}

void smo_set_ends(smo *s, int64_t v, bool still)
{
    const bool other = s->other_up && s->sign[v] < 0;
    const bool up = !still && smo_up(s->sign[v], s->alpha[v], s->bound[v]);
    const bool low = !still && smo_low(s->sign[v], s->alpha[v], s->bound[v]);
    put_bit(s->up, v, up && !other);
    put_bit(s->low, v, low && !other);
    if (s->other_up) {
        put_bit(s->other_up, v, up && other);
        put_bit(s->other_low, v, low && other);
    }
}

static bool is_even(const float *diagonal, int64_t q)
{
    int64_t v = 1;
    while (v < q && diagonal[v] == diagonal[0])
        v++;
    return v == q;
}

/* Moves y_v a_v by `delta` (signed); lands on a bound exactly when `room` was all there was. */
static void shift(smo *s, int64_t v, double delta, bool whole_room)
{
    const bool rises = (s->sign[v] > 0) == (delta > 0);
    if (whole_room)
        s->alpha[v] = rises ? s->bound[v] : 0;
    else
        s->alpha[v] = fmin(fmax(s->alpha[v] + s->sign[v] * delta, 0), s->bound[v]);
    smo_set_ends(s, v, false);
}

/* How far the variable may go. */
static double room_up(const smo *s, int64_t v)
{
    return s->sign[v] > 0 ? s->bound[v] - s->alpha[v] : s->alpha[v];
}

static double room_down(const smo *s, int64_t v)
{
    return s->sign[v] > 0 ? s->alpha[v] : s->bound[v] - s->alpha[v];
}

static double move_pair(smo *s, int64_t i, int64_t j, const float *ki)
{
    const double kij = (double)ki[j];
    const double curve = (double)s->diagonal[i] + (double)s->diagonal[j] - 2 * kij;
    const double wanted = (s->f[j] - s->f[i]) / fmax(curve, s->tiny);
    const double up = room_up(s, i), down = room_down(s, j);
    const double delta = fmin(wanted, fmin(up, down));
    shift(s, i, delta, delta == up);
    shift(s, j, -delta, delta == down);
    return delta;
}

/* Moves the slopes; gives the ends of the sign whose gap is larger, `part` of both. `rest`: of
 * y = -1, with nu. */
static smo_ends move_slopes(const smo *s, const smo *rest, double delta, const float *ki,
                            const float *kj, hone_isa isa, const smo **part)
{
    void (*move)(const smo *, double, const float *, const float *, smo_ends *) =
        HONE_PICK(isa, svm_move);
    smo_ends ends, other;
    *part = s;
    move(s, delta, ki, kj, &ends);
    if (!s->other_up)
        return ends;
    move(rest, 0, ki, kj, &other);
    if (!(other.most - other.least > ends.most - ends.least))
        return ends;
    *part = rest;
    return other;
}

/* After every POLL pairs. */
static bool stops(const smo *s, effort *spent)
{
    effort_add(spent, POLL * s->q);
    return effort_stopping(spent) != HONE_GO;
}

int64_t smo_solve(smo *s, double least, double share, int64_t most, effort *spent, hone_isa isa)
{
    int64_t (*partner)(const smo *, double, const float *, float) = HONE_PICK(isa, svm_partner);
    s->even = is_even(s->diagonal, s->q);
    smo rest = *s;
    rest.up = s->other_up, rest.low = s->other_low;
    const smo *part;
    smo_ends ends = move_slopes(s, &rest, 0, s->diagonal, s->diagonal, isa, &part);
    const double enough = fmax(least, share * (ends.most - ends.least));
    int64_t pairs = 0;
    s->lacks = false;
    while (ends.most - ends.least >= enough && pairs < most) {
        const float *ki = smo_row(s, ends.i);
        const int64_t j = ki ? partner(part, ends.least, ki, s->diagonal[ends.i]) : -1;
        if ((ki && j < 0) || (pairs % POLL == POLL - 1 && stops(s, spent)))
            break;
        const float *kj = j < 0 ? NULL : smo_row(s, j);
        s->lacks = !kj;
        if (s->lacks)
            break;
        const double delta = move_pair(s, ends.i, j, ki);
        ends = move_slopes(s, &rest, delta, ki, kj, isa, &part);
        pairs++;
    }
    effort_add(spent, pairs % POLL * s->q);
    s->gap = ends.most - ends.least;
    return pairs;
}
