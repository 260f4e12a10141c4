/* Distances between the rows that a split holds out and its training rows, which judge every model
 * of that split: a support vector is a training row. */
#ifndef HONE_SVM_HELD_H
#define HONE_SVM_HELD_H

#include "kernel.h"

typedef struct held {
    int64_t queries, stride;
    int64_t *query; /* rows of the table */
    float *value;   /* queries x stride: distances or inner products, by training row */
} held;

/* Those of the rows of `job`; NULL where they take too much memory, where rows are so short that
 * measuring support vectors is quicker, and for rows that the split did not hold out. */
hone_status held_find(const hone_predict_job *job, const kernel *k, const hone_panels *vectors,
                      const held **found, hone_error *error);

/* Squared norms summed in double: they are the same on every machine. */
void held_norms(const hone_panels *panels, float *norm);

#endif
