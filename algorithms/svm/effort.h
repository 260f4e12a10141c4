/* The work of one problem. Outside of blocks it counts at once; a problem inside a block may do
 * what the limit leaves when the blocks begin, and counts when all of them have ended: whichever
 * thread is first, the same problems end at the same places. */
#ifndef HONE_SVM_EFFORT_H
#define HONE_SVM_EFFORT_H

#include "hone/algorithm.h"

typedef struct effort {
    const hone_run *run;
    bool inside;        /* of a block: start none */
    int64_t done, most; /* inside: operations so far, and where to stop */
} effort;

static inline void effort_add(effort *e, int64_t operations)
{
    if (e->inside)
        e->done += operations;
    else
        hone_work(e->run, operations);
}

static inline hone_stop effort_stopping(const effort *e)
{
    const hone_stop stop = hone_stopping(e->run);
    return stop == HONE_GO && e->inside && e->done >= e->most ? HONE_FINISH : stop;
}

#endif
