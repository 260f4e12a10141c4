/* Which variables to work on next. */
#ifndef HONE_SVM_SELECT_H
#define HONE_SVM_SELECT_H

#include <stdint.h>

/* A variable and how much it wants to move: the smaller the key the more. */
typedef struct wish {
    double key;
    int64_t variable;
} wish;

/* Puts the `k` smallest of `n` wishes, ties to the lower variable, in front; in linear expected
 * time (quickselect with keyed random pivots), in no promised order. */
void select_least(wish *wishes, int64_t n, int64_t k);

#endif
