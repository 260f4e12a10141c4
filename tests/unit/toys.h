/* Two small modules for tests of the call: one that learns, one that takes its time. */
#ifndef HONE_TESTS_TOYS_H
#define HONE_TESTS_TOYS_H

#include "hone/algorithm.h"

/* Nearest class centroid; a line through the first column when regressing. `limit` above the number
 * of rows is adjusted; two of three rows are out of bag. */
extern const hone_algorithm toy_centroid;

/* The class shares after `steps` steps of a millisecond and 1,000 operations each. A limit keeps
 * what there is from step `first` on. */
extern const hone_algorithm toy_slow;

#endif
