/* LIBSVM's text, parsed: what the file says, in the file's order of classes. */
#ifndef HONE_INTEROP_LIBSVM_H
#define HONE_INTEROP_LIBSVM_H

#include "base/arena.h"

typedef struct hone_libsvm {
    const char *formulation, *kernel; /* Hone's names */
    bool classes;
    double degree, gamma, coef0;
    int64_t degree_line, gamma_line, coef0_line; /* 0: not in the file */
    int64_t k, pairs, vectors, coefs;            /* k: classes, or 2 when regressing */
    double *rho, *prob_a, *prob_b;               /* pairs; NULL: not there */
    int64_t *label, *count;                      /* k */
    double *coef;                                /* vectors x coefs */
    int64_t *start, entries;                     /* vectors + 1 */
    int32_t *column;                             /* zero-based, ascending within a vector */
    double *value;                               /* within float32 but for a linear kernel */
    int64_t columns;                             /* largest index of the file */
} hone_libsvm;

/* Everything lives in `arena`. CORRUPT (path libsvm:<line>), UNSUPPORTED, NO_MEMORY. */
hone_status hone_libsvm_parse(const char *text, size_t size, hone_arena *arena, hone_libsvm *file,
                              hone_error *error);

#endif
