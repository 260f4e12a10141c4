/* Variables of a problem gathered for the pair solver. */
#ifndef HONE_SVM_SUBPROBLEM_H
#define HONE_SVM_SUBPROBLEM_H

#include "smo.h"
#include "solve.h"

/* Floats between rows of q values that spread over cache sets. */
static inline int64_t subproblem_stride(int64_t q)
{
    const int64_t panels = hone_panel_count(q);
    return (panels % 2 ? panels : panels + 1) * HONE_LANES;
}

/* Room for `q` variables, `apart` for nu, without K; false: no memory. */
static inline bool subproblem_make(smo *s, int64_t q, bool apart, hone_arena *arena)
{
    const int64_t pad = hone_panel_count(q) * HONE_LANES;
    *s = (smo){.q = pad};
    s->diagonal = HONE_NEW(arena, float, pad, 1);
    s->f = HONE_NEW(arena, double, pad, 1);
    s->alpha = HONE_NEW(arena, double, pad, 1);
    s->bound = HONE_NEW(arena, double, pad, 1);
    s->sign = HONE_NEW(arena, signed char, pad, 1);
    s->up = HONE_NEW(arena, uint16_t, hone_panel_count(q), 1);
    s->low = HONE_NEW(arena, uint16_t, hone_panel_count(q), 1);
    s->other_up = apart ? HONE_NEW(arena, uint16_t, hone_panel_count(q), 1) : NULL;
    s->other_low = apart ? HONE_NEW(arena, uint16_t, hone_panel_count(q), 1) : NULL;
    if (apart && (!s->other_up || !s->other_low))
        return false;
    return s->diagonal && s->f && s->alpha && s->bound && s->sign && s->up && s->low;
}

/* Variable `v` of the problem becomes variable `at`; K is the caller's. */
static inline void subproblem_load(smo *s, int64_t at, const problem *p, int64_t v)
{
    const double alpha = p->alpha[v], bound = p->bound[v];
    s->tiny = SMO_TINY / p->kernel->scale;
    s->f[at] = slope(p, v);
    s->alpha[at] = alpha;
    s->bound[at] = bound;
    s->sign[at] = p->sign[v];
    s->diagonal[at] = kernel_self(p->kernel, p->panels, row_of(p, v));
    smo_set_ends(s, at, false);
}

/* What lies beyond `q` variables never moves. */
static inline void subproblem_pad(smo *s, int64_t q)
{
    for (int64_t v = q; v < s->q; v++) {
        s->f[v] = 0;
        s->diagonal[v] = s->diagonal[0];
        smo_set_ends(s, v, true);
    }
}

#endif
