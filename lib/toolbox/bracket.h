/* What lies within given bounds, for several columns side by side. */
#ifndef HONE_TOOLBOX_BRACKET_H
#define HONE_TOOLBOX_BRACKET_H

#include "toolbox/isa.h"

enum { HONE_BRACKETS = 16 };

typedef struct hone_bracket {
    double low[HONE_BRACKETS], high[HONE_BRACKETS];
    int64_t here[HONE_BRACKETS]; /* cells that are not missing; of those: */
    int64_t less[HONE_BRACKETS], at_low[HONE_BRACKETS], at_high[HONE_BRACKETS];
    int64_t count[HONE_BRACKETS]; /* between low and high, without them */
    int64_t room;
    double *inside; /* HONE_BRACKETS x room: those */
} hone_bracket;

/* Takes `rows` rows of HONE_BRACKETS cells; each column has room for one more than so many. */
HONE_DECLARE(void, hone_bracket_take, (hone_bracket * b, const double *cells, int64_t rows));
/* Adds such rows to sums and magnitudes of HONE_BRACKETS columns; NaN makes a sum NaN. */
HONE_DECLARE(void, hone_bracket_add,
             (double *sum, double *most, const double *cells, int64_t rows));

#endif
