#include "core/solution.h"

#include <string.h>

#include "base/hash.h"
#include "core/params.h"
#include "core/state.h"

typedef struct solution {
    const hone_algorithm *algorithm;
    void *params, *state;
} solution;

static hone_status build(const hone_fit_job *job, const int64_t key[HONE_KEY], void *object,
                         hone_error *error)
{
    (void)key;
    const hone_fitted *f = job->params;
    const hone_algorithm *a = f->algorithm;
    solution *s = object;
    s->algorithm = a;
    s->params = hone_arena_alloc(job->keep, 1, 1, a->params_size);
    s->state = hone_arena_alloc(job->keep, 1, 1, a->state_size);
    if (!s->params || !s->state)
        return hone_no_memory(error);
    memcpy(s->params, f->params, a->params_size);
    return hone_state_copy(a->state, &f->shape, f->state, job->keep, s->state, error);
}

static const hone_recipe SOLUTION = {"core.solution/1", HONE_OF_TABLE, sizeof(solution), build};

/* All that a solution depends on but for hyperparameters and seed. */
static uint64_t identity_of(const hone_shared *s, const hone_trial *t)
{
    const uint64_t rows_and_labels[] = {s->identity.rows, t->labels_id};
    return hone_hash(hone_hash_text(0, t->algorithm->name), rows_and_labels,
                     sizeof rows_and_labels);
}

/* Modules of one name may come from two plugins; only its own tables can read a solution. */
static double distance(const void *context, const void *object)
{
    const hone_trial *t = context;
    const solution *s = object;
    if (s->algorithm != t->algorithm)
        return INFINITY;
    double sum = 0;
    for (const hone_param *p = t->algorithm->params; p->name; p++)
        if (hone_param_applies(p, t->shape.task))
            sum += hone_param_distance(p, t->params, s->params);
    return sum;
}

hone_status hone_solution_find(hone_shared *shared, hone_trial *t, hone_error *error)
{
    const void *found;
    HONE_TRY(
        hone_derive_nearest(shared, &SOLUTION, identity_of(shared, t), distance, t, &found, error));
    if (!found)
        return HONE_OK;
    const solution *s = found;
    t->warm_params = s->params, t->warm_state = s->state;
    t->warm_same_rows = true;
    return HONE_OK;
}

hone_status hone_solution_leave(hone_shared *shared, const hone_trial *t, const hone_fitted *f,
                                hone_error *error)
{
    const int64_t key[HONE_KEY] = {
        (int64_t)hone_params_identity(t->algorithm, f->params, t->shape.task, 0, true)};
    const void *left;
    if (hone_stopping(t->run) != HONE_GO) /* one that was cut short helps nobody */
        return HONE_OK;
    const hone_status status =
        hone_derive_as(shared, &SOLUTION, identity_of(shared, t), key, f, &left, error);
    return status == HONE_STOPPED ? HONE_OK : status; /* the fit is whole all the same */
}
