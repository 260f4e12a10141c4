/* An ONNX graph under construction.
 *
 * Nodes are written in the order of their making, values are named by the writer; protobuf's wire
 * format needs five helpers (onnx.c). A failure (memory, 2 GiB) sticks: build without checking, ask
 * hone_onnx_finish. A name that could not be made is "".
 */
#ifndef HONE_INTEROP_ONNX_H
#define HONE_INTEROP_ONNX_H

#include "base/text.h"
#include "core/model.h"

/* Element types of ONNX. */
enum { ONNX_FLOAT = 1, ONNX_INT64 = 7, ONNX_STRING = 8, ONNX_DOUBLE = 11 };

typedef struct hone_onnx {
    hone_arena *arena; /* of names */
    hone_text node, nodes, tensors, inputs, outputs, piece;
    hone_text names; /* of the inputs, each with its zero */
    int64_t lead;    /* underscores before the graph's own names: more than any input begins with */
    int64_t values;  /* named so far */
    bool failed;
} hone_onnx;

/* A graph input of rows x cols, and an output of rows x cols (cols 0: rows). Inputs come before
 * everything else; an output whose name an input has gets underscores behind it. */
void hone_onnx_input(hone_onnx *g, const char *name, int type, int64_t cols);
void hone_onnx_output(hone_onnx *g, const char *value, const char *name, int type, int64_t cols);

/* Constants. Dimensions of 0 rows: a vector of `cols`; of both 0, or a count of 0: a scalar. */
const char *hone_onnx_doubles(hone_onnx *g, const double *values, int64_t rows, int64_t cols);
const char *hone_onnx_integers(hone_onnx *g, const int64_t *values, int64_t count);
const char *hone_onnx_texts(hone_onnx *g, const char *const *texts, int64_t count);
const char *hone_onnx_number(hone_onnx *g, double value);

/* A node: begin, inputs, attributes, end. `ml`: of the domain ai.onnx.ml. */
void hone_onnx_begin(hone_onnx *g, const char *op, bool ml);
void hone_onnx_in(hone_onnx *g, const char *value);
void hone_onnx_int(hone_onnx *g, const char *name, int64_t value);
void hone_onnx_string(hone_onnx *g, const char *name, const char *value);
void hone_onnx_ints(hone_onnx *g, const char *name, const int64_t *values, int64_t count);
void hone_onnx_strings(hone_onnx *g, const char *name, const char *const *values, int64_t count);
void hone_onnx_tensor(hone_onnx *g, const char *name, const double *values, int64_t count);
/* The value that the node gives; of several, the last: those before it are named by hone_onnx_out.
 */
const char *hone_onnx_out(hone_onnx *g);
const char *hone_onnx_end(hone_onnx *g);

/* A node without attributes; `b` may be NULL. */
const char *hone_onnx_call(hone_onnx *g, const char *op, const char *a, const char *b);
/* `yes` where the condition holds, else `no`. */
const char *hone_onnx_where(hone_onnx *g, const char *condition, const char *yes, const char *no);
/* Values of another type; slices picked by a value of indices, which takes the place of the axis;
 * an axis of length 1 put in; sums over an axis, which stays with length 1. */
const char *hone_onnx_cast(hone_onnx *g, const char *value, int type);
const char *hone_onnx_gather(hone_onnx *g, const char *value, const char *index, int64_t axis);
const char *hone_onnx_unsqueeze(hone_onnx *g, const char *value, int64_t axis);
const char *hone_onnx_sum(hone_onnx *g, const char *value, int64_t axis);
/* Columns picked; columns side by side. */
const char *hone_onnx_columns(hone_onnx *g, const char *value, const int64_t *column,
                              int64_t count);
const char *hone_onnx_beside(hone_onnx *g, const char *const *values, int64_t count);

/* The file; frees the graph in every case. */
hone_status hone_onnx_finish(hone_onnx *g, const char *name, char **bytes, size_t *size,
                             hone_error *error);

/* Distances between rows of `x` (rows x d) and `points` (n x d): rows x n, sums in double over
 * ascending columns, a few nodes a column and no table larger than the result. */
typedef enum hone_onnx_gap { GAP_SUM, GAP_LARGEST, GAP_POWERS, GAP_DIFFER } hone_onnx_gap;
/* `power`: of GAP_POWERS. NULL: no memory. */
const char *hone_onnx_gaps(hone_onnx *g, const char *x, const double *points, int64_t n, int64_t d,
                           hone_onnx_gap gap, double power);

/* ---- parts of a model ---- */

/* Declares the inputs and gives the rows as the algorithm takes them: rows x features, double. A
 * category that the algorithm takes as it is has its code; an unknown level is L, missing L + 1. */
hone_status hone_onnx_rows(hone_onnx *g, const hone_model *model, const char **x,
                           hone_error *error);

/* Scores of rows `x`, rows x outputs, in the sense of the algorithm, of which ties go to the lower
 * class; `what`: the name under which they leave the graph when classifying. */
typedef struct hone_onnx_scores {
    const char *value, *what;
    int64_t cols;
    const char *winner; /* what the label is the largest of; NULL: `value` */
} hone_onnx_scores;
typedef hone_status (*hone_onnx_writer)(hone_onnx *g, const hone_model *model, const char *x,
                                        hone_onnx_scores *scores, hone_error *error);
hone_status hone_onnx_forest(hone_onnx *g, const hone_model *model, const char *x,
                             hone_onnx_scores *scores, hone_error *error);
hone_status hone_onnx_knn(hone_onnx *g, const hone_model *model, const char *x,
                          hone_onnx_scores *scores, hone_error *error);
hone_status hone_onnx_linear(hone_onnx *g, const hone_model *model, const char *x,
                             hone_onnx_scores *scores, hone_error *error);
hone_status hone_onnx_svm(hone_onnx *g, const hone_model *model, const char *x,
                          hone_onnx_scores *scores, hone_error *error);

#endif
