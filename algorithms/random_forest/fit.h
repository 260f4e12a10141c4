/* Between the files that make and use a whole forest. */
#ifndef HONE_RANDOM_FOREST_FIT_H
#define HONE_RANDOM_FOREST_FIT_H

#include "cut.h"

enum { CHUNK = 8 /* full trees that are grown and shared together */ };

/* What the table cannot say as integers: counts from amounts, weights and targets as integers. */
hone_status forest_problem(const hone_fit_job *job, const forest_params *params, hone_arena *arena,
                           problem *out, hone_error *error);
/* @param gain_shift  of the problem */
void forest_limits(const forest_params *params, int64_t rows, int gain_shift, limits *out);

/* Counts above what the data have: named, used as the most there is. */
hone_status forest_adjust(const hone_fit_job *job, const forest_params *params, hone_error *error);

/* Draws of one bootstrap; 0: every row once. */
int64_t forest_draws(const forest_params *params, int64_t rows);

hone_status forest_fit(const hone_fit_job *job, void *state, hone_error *error);

/* The key of what belongs to chunk `number` of trees that are grown so far. */
#define FOREST_KEY(number, reach)                                                                  \
    ((const int64_t[HONE_KEY]){number, (reach).depth, (reach).min_split})

/* The trees of chunk `number`, of all trials that differ in `selects` alone. */
hone_status forest_shared_trees(hone_shared *shared, int64_t number, reach to, const tree **out,
                                hone_error *error);
bool forest_shared_ready(const hone_shared *shared, int64_t number, reach to);
/* Shared trees of a chunk in the form of trees that lost nothing, in job->scratch. */
hone_status forest_cut_whole(const hone_fit_job *job, const tree *full, cut_tree *out,
                             hone_error *error);
/* The state of s->n_trees trees. */
hone_status forest_assemble(const hone_fit_job *job, forest_state *s, const cut_tree *trees,
                            hone_error *error);
int64_t forest_bound(const hone_fit_job *job);
double forest_growth(const hone_fit_job *job, const void *state, double times);

/* Packed nodes for the walk. */
hone_status forest_prepare(const hone_shape *shape, const void *params, void *state,
                           hone_arena *keep, hone_error *error);
hone_status forest_predict(const hone_predict_job *job, hone_error *error);
/* Scores of validation rows from where they end in the full trees; `done` false: not at hand. */
hone_status forest_predict_ends(const hone_predict_job *job, bool *done, hone_error *error);

hone_status forest_permutation_importances(const hone_output_job *job, double *out,
                                           hone_error *error);

extern const hone_output forest_outputs[];

#endif
