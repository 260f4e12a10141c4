/* Metrics: one table of names; natural value, and the loss that turns it so that smaller is better.
 */
#ifndef HONE_CORE_METRICS_H
#define HONE_CORE_METRICS_H

#include "hone/algorithm.h"

typedef enum hone_needs {
    HONE_NEEDS_LABELS,
    HONE_NEEDS_SCORES,
    HONE_NEEDS_PROBABILITIES
} hone_needs;

typedef struct hone_tally hone_tally;

/* The rows that are judged. */
typedef struct hone_judged {
    int64_t rows, outputs;
    const double *score;     /* rows x outputs */
    const int32_t *label;    /* classification; -1: a class that the model does not know */
    const double *target;    /* regression */
    const double *weight;    /* or NULL */
    const int32_t *said;     /* classification: the class with the largest score */
    const hone_tally *tally; /* and counts of it */
} hone_judged;

/* Fills `said` and `tally` from the scores and brings weights of any size near 1, in `arena`;
 * false: no memory. */
bool hone_judged_say(hone_judged *judged, hone_arena *arena);

typedef struct hone_metric {
    const char *name;
    hone_task task;
    hone_needs needs;
    bool greater_is_better;
    const char *help;
    /* Finite always; `undefined` is set when the metric is not defined on these rows and the worst
     * finite value was taken. */
    double (*value)(const hone_judged *judged, hone_arena *scratch, bool *undefined,
                    bool *no_memory);
} hone_metric;

extern const hone_metric hone_metrics[]; /* ends with {0} */

/* BAD_ARGUMENT path options.metric, listing those of the task. `name` NULL: the task's default. */
hone_status hone_metric_find(const char *name, hone_task task, const hone_metric **metric,
                             hone_error *error);
double hone_metric_loss(const hone_metric *metric, double value);

/* Class with the largest score of each row, ties to the lower. */
int32_t hone_argmax(const double *score, int64_t outputs);

#endif
