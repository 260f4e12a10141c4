/* The search space as a list: what a search may turn, each with at most one condition besides its
 * model. Emitting, sampling and checking the space walk this list. */
#ifndef HONE_CORE_KNOBS_H
#define HONE_CORE_KNOBS_H

#include "core/config.h"
#include "hone/space.h"

typedef struct hone_knob {
    const char *key;                 /* svm:C, svm:gamma_mode, prep:scale */
    const hone_algorithm *algorithm; /* NULL: preprocessing, of every model without `unless` */
    const hone_param *row;
    const char *const *words;  /* what it may be, NULL-terminated; NULL: a number */
    const char *word;          /* default */
    double number;             /* default, within row->tune */
    bool whole;                /* an integer */
    int64_t when;              /* knob it depends on; -1: none */
    const char *const *values; /* of that knob, under which this one is there */
    unsigned unless;           /* HONE_TAKES_ of a model under which preprocessing has no effect */
} hone_knob;

typedef struct hone_knobs {
    hone_task task;
    const hone_algorithm *const *own; /* modules of the program */
    const hone_algorithm **model;
    int64_t models;
    hone_knob *knob;
    int64_t count;
} hone_knobs;

/* In `arena`.
 *
 * @return HONE_BAD_ARGUMENT (options.task), HONE_BAD_CONFIG (an unknown model), HONE_UNSUPPORTED
 * (no model is left for the task or dataset), HONE_NO_MEMORY */
hone_status hone_knobs_of(const hone_space_options *options, hone_arena *arena, hone_knobs *knobs,
                          hone_error *error);

/* Whether knob k is there under model `a`, its condition aside. */
bool hone_knob_of_model(const hone_knob *knob, const hone_algorithm *a);

#endif
