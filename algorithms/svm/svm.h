/* What the files of this module share: the hyperparameters and the state. */
#ifndef HONE_SVM_H
#define HONE_SVM_H

#include "hone/algorithm.h"

enum { SVM_LINEAR, SVM_POLY, SVM_RBF, SVM_SIGMOID, SVM_LAPLACIAN };
enum { SVM_SCALE, SVM_AUTO };
enum { SVM_FORMULATION_C, SVM_FORMULATION_NU };
enum { SVM_ONE_VS_ONE, SVM_ONE_VS_REST };
enum { SVM_UNWEIGHTED, SVM_BALANCED };
enum { SVM_HINGE, SVM_SQUARED_HINGE };

/* Kernel rows that one fit keeps: at most this many bytes, and what trials may share. */
#define SVM_ROW_BYTES (INT64_C(1) << 30)

typedef struct svm_params {
    double C, coef0, epsilon, nu, tol;
    hone_amount gamma;
    int64_t degree, max_iter;
    int kernel, formulation, class_weight, multi_class, loss;
    bool shrinking, probability;
} svm_params;

/* Support vectors stand once, ordered by class. A vector of class a has n_coefs = classes - 1
 * coefficients, as in LIBSVM: towards class b in column b if b < a, else b - 1. One against the
 * rest has a column and a "pair" for each class. A linear kernel keeps one plane a pair in place of
 * the vectors themselves, and with the squared hinge there are no support vectors either. */
typedef struct svm_state {
    int64_t n_sv, n_dense, n_sparse, n_entries; /* dense + sparse = all, and one of them 0 */
    int64_t n_planes, n_sparse_planes, n_plane_entries; /* so are these: all pairs */
    int64_t n_coefs, n_pairs, n_sigmoids, n_turns, n_rows, iterations, converged;
    double gap, objective; /* certificate: the worst pair's KKT gap, the sum of dual objectives */
    double gamma;          /* as used */
    double unit;           /* vectors = (value - centre) / unit */
    float *vectors;        /* n_dense x d */
    int64_t *sparse_start; /* n_sparse + 1: or their entries */
    int32_t *sparse_column;
    float *sparse_value;
    double *plane;        /* n_planes x d: w of each pair */
    int64_t *plane_start; /* n_sparse_planes + 1: or its entries */
    int32_t *plane_column;
    double *plane_value;
    double *centre;                /* d */
    int64_t *support;              /* n_sv: rows of the training data */
    int64_t *class_start;          /* outputs + 1: the vectors of a class */
    double *coef;                  /* n_sv x n_coefs */
    double *intercept;             /* n_pairs, in the order (0, 1), (0, 2), .., (1, 2), .. */
    double *sigmoid_a, *sigmoid_b; /* n_sigmoids = n_pairs when probabilities were asked for */
    int64_t *turn; /* n_turns = 0: of classes with equal votes the lower wins; else the one whose
                      turn is lower, as in a file of LIBSVM with its classes in another order */
    struct svm_prepared *prepared; /* panels of the vectors, or sparse planes by column */
    bool shares; /* fitted on all rows of the split at hand: set by fit alone, never loaded */
} svm_state;

/* The power of two at or below the largest size of n numbers; 1 where all are 0. */
static inline double svm_unit(const double *v, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs(v[i]));
    return most > 0 ? ldexp(1, ilogb(most)) : 1;
}

/* Whether each of `classes` has a problem of its own; two classes are one pair either way. */
static inline bool svm_against_rest(const svm_params *p, int64_t classes)
{
    return p->multi_class == SVM_ONE_VS_REST && classes > 2;
}

#endif
