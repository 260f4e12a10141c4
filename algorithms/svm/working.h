#ifndef HONE_SVM_WORKING_H
#define HONE_SVM_WORKING_H

#include "solve.h"

/* Variables of a set at most. */
enum { WORKING_WIDEST = 3072 };

/* Working sets (see solve.h). `working_run` starts from p->alpha and a p->g that belongs to it;
 * kernel rows stay from run to run. `all`: kernel values of all rows;
 * NULL: computed when they are needed. */
hone_status working_open(struct working **w, problem *p, const whole *all, hone_arena *scratch,
                         hone_error *error);
/* Whether the gradient is a product with one vector: without kernel rows. */
bool working_is_linear(const struct working *w);
/* p->g from a p->alpha that is not 0; not `done` when the run stops before. */
hone_status working_start(struct working *w, bool *done, hone_error *error);
hone_status working_run(struct working *w, hone_error *error);

#endif
