/* What the runner and the helpers know about a stage. */
#ifndef TESTS_STAGE_H
#define TESTS_STAGE_H

#include "contract.h"

/* Something that a stage owns, newest first. */
typedef struct prop {
    struct prop *next;
    void *thing;
    void (*drop)(void *thing);
} prop;

stage *stage_open(bool thorough);
void stage_close(stage *s);
void stage_keep(stage *s, void *thing, void (*drop)(void *thing));

#endif
