/* Pairs on a whole problem, and on ever fewer of its rows: those whose variables are at bounds that
 * they will hardly leave are left out, and what is left, kernel values too, is gathered into a
 * smaller problem. After Joachims (1999) and LIBSVM, which leave values where they are. */
#ifndef HONE_SVM_PAIRS_H
#define HONE_SVM_PAIRS_H

#include "smo.h"
#include "solve.h"

typedef struct pairs {
    problem *p;
    whole all; /* its kernel values; value = NULL: made as they are asked for, on all rows */
    smo s;
    int64_t least; /* rows from which on it is worth while to look for fewer */
    int64_t most;  /* rows of p that there is room for: a part may grow up to it */
    hone_arena *scratch;
    struct pairs *less; /* NULL until it was needed */
    problem part;       /* what that works on, */
    int64_t *row;       /* rows of p, ascending, */
    double *began;      /* with this alpha */
    hone_panel_room room;
    hone_panels panels;
    double *weight;   /* n: change of y alpha */
    int64_t *changed; /* n */
} pairs;

/* Room for problems like `p`. `s.K` is the caller's where `all` is NULL. */
hone_status pairs_open(pairs *a, problem *p, const whole *all, int64_t least, hone_arena *scratch,
                       hone_error *error);
/* From p->alpha and the p->g that belongs to it; ends early at a row that could not be made
 * (s.lacks). */
hone_status pairs_run(pairs *a, hone_error *error);

#endif
