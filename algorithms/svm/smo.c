#include "smo.h"

/* Least curvature of a pair, as in LIBSVM. */
#define TINY 1e-12

/* Pairs between two looks at the clock. */
enum { POLL = 1024 };

static void set_ends(smo *s, int64_t v)
{
    s->up[v] = smo_up(s->sign[v], s->alpha[v], s->bound[v]) ? 0 : INFINITY;
    s->low[v] = smo_low(s->sign[v], s->alpha[v], s->bound[v]) ? 0 : -INFINITY;
}

/* Moves y_v a_v by `delta` (signed); lands on a bound exactly when `room` was all there was. */
static void shift(smo *s, int64_t v, double delta, bool whole_room)
{
    const bool rises = (s->sign[v] > 0) == (delta > 0);
    if (whole_room)
        s->alpha[v] = rises ? s->bound[v] : 0;
    else
        s->alpha[v] = fmin(fmax(s->alpha[v] + s->sign[v] * delta, 0), s->bound[v]);
    set_ends(s, v);
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

static double move_pair(smo *s, int64_t i, int64_t j)
{
    const double kij = (double)s->K[i * s->stride + j];
    const double curve = (double)s->diagonal[i] + (double)s->diagonal[j] - 2 * kij;
    const double wanted = (s->f[j] - s->f[i]) / (curve > TINY ? curve : TINY);
    const double up = room_up(s, i), down = room_down(s, j);
    const double delta = fmin(wanted, fmin(up, down));
    shift(s, i, delta, delta == up);
    shift(s, j, -delta, delta == down);
    return delta;
}

int64_t smo_solve(smo *s, double least, double share, int64_t most, const hone_run *run,
                  hone_isa isa)
{
    void (*move)(const smo *, double, const float *, const float *, smo_ends *) =
        HONE_PICK(isa, svm_move);
    int64_t (*partner)(const smo *, double, const float *, float) = HONE_PICK(isa, svm_partner);
    smo_ends ends;
    move(s, 0, s->K, s->K, &ends);
    const double enough = fmax(least, share * (ends.most - ends.least));
    int64_t pairs = 0;
    while (ends.most - ends.least >= enough && pairs < most) {
        const float *ki = s->K + ends.i * s->stride;
        const int64_t j = partner(s, ends.least, ki, s->diagonal[ends.i]);
        if (j < 0 || (pairs % POLL == POLL - 1 && hone_stopping(run) != HONE_GO))
            break;
        const double delta = move_pair(s, ends.i, j);
        move(s, delta, ki, s->K + j * s->stride, &ends);
        pairs++;
    }
    s->gap = ends.most - ends.least;
    return pairs;
}
