#ifndef HONE_SVM_WORKING_H
#define HONE_SVM_WORKING_H

#include "solve.h"

/* Working sets (see solve.h), from p->alpha and a p->g that belongs to it. */
hone_status solve_working(problem *p, hone_arena *scratch, hone_error *error);

#endif
