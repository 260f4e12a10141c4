/* The gradient's changes. Kernel rows are computed in blocks of columns when they are needed, and
 * kept while there is room and a variable of theirs is off its bounds. A linear kernel with few
 * entries a row needs none: its gradient is a product of the data with one vector of coefficients.
 */
#ifndef HONE_SVM_ROWS_H
#define HONE_SVM_ROWS_H

#include "select.h"
#include "solve.h"

/* Most rows of one update. */
enum { ROWS_MOST = 1024 };

typedef struct rows {
    const problem *p;
    hone_arena *arena;
    int64_t entries;           /* of all points: the work of a row */
    int64_t width;             /* floats of a row */
    int64_t room, ready, used; /* slots: at most, with memory, taken */
    int64_t hand, clock;       /* of the second-chance replacement */
    int64_t *slot_of;          /* n: slot of a row, or -1 */
    int64_t *owner, *last;     /* per slot: its row, the clock of its last use */
    bool *touched;             /* per slot: used since the hand passed */
    float **data;              /* per slot */
    wish *idle;                /* slots whose rows are the likeliest not to be asked for again */
    int64_t idle_count;
    hone_queries queries; /* rows to compute */
    int64_t computed;     /* rows, for the log */
    double *base, *w;     /* linear: g = base + X w; else NULL */
    whole all;            /* all values are at hand; value = NULL: they are not */
} rows;

/* `all`: values of all rows, or NULL. */
bool rows_open(rows *r, const problem *p, const whole *all, hone_arena *arena);

/* What is in p->g counts from now on. */
void rows_begin(rows *r);

/* p->g += sum of weight[i] K(row[i], .), rows ascending, any number of them; `done`: of how many,
 * when the run stops meanwhile. */
hone_status rows_update(rows *r, double *g, const int64_t *row, const double *weight, int64_t count,
                        int64_t *done, hone_error *error);

#endif
