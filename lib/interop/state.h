/* Members of a fitted model by name: exporters read the tables of a module, never its structs. */
#ifndef HONE_INTEROP_STATE_H
#define HONE_INTEROP_STATE_H

#include "core/model.h"

/* What a member of the state holds; {0}: the module has no such member. */
typedef struct hone_member {
    const void *values;
    hone_dtype dtype;
    int64_t rows, cols;
} hone_member;

hone_member hone_member_of(const hone_field *fields, const hone_shape *shape, const void *state,
                           const char *name);
/* The same of a model's algorithm. */
hone_member hone_model_member(const hone_model *model, const char *name);
/* Element k as a number. */
double hone_member_at(const hone_member *member, int64_t k);
/* A count or number of the state. */
double hone_model_number(const hone_model *model, const char *name);

/* A hyperparameter: a choice as its text. NULL: there is none of this name, or it is no choice. */
const char *hone_model_choice(const hone_model *model, const char *name);
/* A hyperparameter as a number; booleans are 0 and 1. NaN: there is none. */
double hone_model_param(const hone_model *model, const char *name);

/* The fitted step of a model's preprocessing, and the shape it takes; NULL: it has none. */
const void *hone_model_step(const hone_model *model, const hone_transform *transform,
                            const hone_shape **in);

/* Filling a state that is empty: a count or number, then arrays whose lengths the counts say. NULL:
 * no memory. The names must be in the table. */
void hone_fitted_set(hone_fitted *fitted, const char *name, double value);
void *hone_fitted_array(hone_fitted *fitted, const char *name);

#endif
