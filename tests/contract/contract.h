/* A contract is a promise that every module keeps: a function that says whether one does. It sees
 * the public headers alone, and meets modules through the catalog or as plug-ins.
 *
 * Each case runs in a process of its own, so that a crash, a hang or a leak is an answer too. For
 * each contract there are twins in tests/broken: modules with one defect, which must not pass.
 */
#ifndef TESTS_CONTRACT_H
#define TESTS_CONTRACT_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hone/algorithm.h"
#include "hone/hone.h"

#include "../broken/broken.h"

/* Whatever a contract makes lives until its case ends. */
typedef struct stage {
    bool thorough;      /* the long form is asked for */
    char directory[64]; /* of this case alone, removed with what is in it */
    char reason[768];   /* why the contract is broken */
    struct prop *props;
} stage;

typedef struct contract {
    bool (*holds)(stage *s, const hone_algorithm *a);
    const twin *broken; /* ends with {0} */
    int seconds;        /* of CPU time that a case may take; 0: 60 */
} contract;

/* Runs a contract over the catalog, the honest module and its twins. Arguments: --long, and names
 * of modules to run alone. */
int contract_main(int argc, char **argv, const contract *c);

/* CPU seconds within which a run has to end once it is told to. */
#define PATIENCE (SANITIZED ? 1.0 : 0.1)

/* Gives up the case with a reason. */
#define REQUIRE(condition, ...)                                                                    \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return stage_refuse(s, __FILE__, __LINE__, #condition, "" __VA_ARGS__);                \
    } while (0)
HONE_PRINTF(5, 6)
bool stage_refuse(stage *s, const char *file, int line, const char *what, const char *format, ...);

void stage_clear(stage *s);                 /* drops what it owns */
void *stage_memory(stage *s, size_t bytes); /* zeroed; ends the case when there is none */
const char *stage_path(stage *s, const char *name);
stage *stage_within(stage *s);    /* ends with this one; another thread may use it */
int stage_files(const stage *s);  /* files in its directory */
void stage_sweep(const stage *s); /* removes them */

/* ---- problems ---- */

typedef struct problem {
    int64_t rows, cols;
    hone_task task;
    double *x;      /* row-major; float32 holds every value */
    double *y;      /* class numbers, or amounts */
    double *weight; /* NULL: none */
} problem;

typedef struct dice {
    uint64_t state;
} dice;
double dice_uniform(dice *d); /* in [0, 1) */
double dice_normal(dice *d);
int64_t dice_below(dice *d, int64_t n);

/* Three well separated classes, or a plane with little noise. */
problem *problem_easy(stage *s, hone_task task, int64_t rows, int64_t cols, uint64_t seed);
/* The same with `noise` of that size on every value and, for that share of the rows, another class:
 * a problem that takes work. */
problem *problem_hard(stage *s, hone_task task, int64_t rows, int64_t cols, uint64_t seed);
problem *problem_empty(stage *s, hone_task task, int64_t rows, int64_t cols);

typedef enum view { PLAIN, FLOATS, BY_COLUMN, SPREAD, SPARSE, VIEWS } view;

hone_dataset *dataset_of(stage *s, const problem *p, view v);
/* With options of the caller's; NULL with `error` filled when it is refused. */
hone_dataset *dataset_with(stage *s, const problem *p, view v, hone_dataset_options o,
                           hone_error *error);
hone_dataset *stage_own(stage *s, hone_dataset *d); /* freed with the stage; NULL is fine */

/* ---- trainings ---- */

typedef struct outcome {
    hone_status status;
    hone_error error;
    hone_end end;
    double loss;
    const hone_result *result;
    const hone_model *model;
} outcome;

/* The module's configuration with `settings` ("" or "\"C\":2,..."); NULL: refused, see *error. */
hone_config *config_of(stage *s, const hone_algorithm *a, const char *settings, hone_error *error);
outcome train(stage *s, const hone_algorithm *a, const char *settings, hone_dataset *d,
              uint64_t seed, const hone_options *options);
/* {threads, keep_model} */
hone_options with_threads(int threads);

/* Scores of every row. */
double *scores_of(stage *s, const hone_model *m, hone_dataset *d);
/* Hash of a model's file but for its `run` part; "" when it cannot be saved. */
const char *hash_of(stage *s, const hone_model *m);
bool same_bits(const double *a, const double *b, int64_t n);
/* Same status, loss and file. */
bool same_outcome(stage *s, const outcome *a, const outcome *b);

/* The loss of the answer that looks at no column: shares of classes, mean. */
double loss_of_constant(const problem *p);

/* `EACH_TASK(task, a)` is a loop over the tasks of a module. */
#define EACH_TASK(task, a)                                                                         \
    for (hone_task task = HONE_CLASSIFICATION; task <= HONE_REGRESSION; task++)                    \
        if (!((a)->tasks & task))                                                                  \
            continue;                                                                              \
        else

#endif
