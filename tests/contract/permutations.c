/* On a problem that has one sensible answer, the order of rows and columns does not matter. */
#include "contract.h"

typedef struct orders {
    int64_t *row, *col;
} orders;

static int64_t *shuffled(stage *s, int64_t n, uint64_t seed)
{
    int64_t *order = stage_memory(s, (size_t)n * sizeof *order);
    dice d = {seed};
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    for (int64_t i = n - 1; i > 0 && seed; i--) {
        const int64_t j = dice_below(&d, i + 1), t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
    return order;
}

/* Sorted by target: what a module that trusts the first rows falls for. */
static int64_t *sorted(stage *s, const problem *p)
{
    int64_t *order = shuffled(s, p->rows, 0);
    for (int64_t i = 1; i < p->rows; i++)
        for (int64_t k = i; k > 0 && p->y[order[k]] < p->y[order[k - 1]]; k--) {
            const int64_t t = order[k];
            order[k] = order[k - 1];
            order[k - 1] = t;
        }
    return order;
}

static const problem *permuted(stage *s, const problem *p, const orders *o)
{
    problem *q = problem_empty(s, p->task, p->rows, p->cols);
    for (int64_t i = 0; i < p->rows; i++) {
        q->y[i] = p->y[o->row[i]];
        for (int64_t j = 0; j < p->cols; j++)
            q->x[i * p->cols + j] = p->x[o->row[i] * p->cols + o->col[j]];
    }
    return q;
}

/* Rows of the held-out set that are answered wrongly, or the error's share of the spread. */
static double mistakes(stage *s, const hone_algorithm *a, const problem *p, const orders *o)
{
    const int64_t n = 150;
    hone_options options = with_threads(1);
    options.validation = HONE_VALIDATE_NONE;
    const outcome t = train(s, a, "", dataset_of(s, permuted(s, p, o), PLAIN), 1, &options);
    if (t.status)
        return INFINITY;
    const problem *fresh = problem_easy(s, p->task, n, p->cols, 77);
    const orders columns = {shuffled(s, n, 0), o->col};
    hone_dataset *d = dataset_of(s, permuted(s, fresh, &columns), PLAIN);
    double *out = stage_memory(s, (size_t)n * sizeof *out), wrong = 0;
    if (hone_model_predict(t.model, d, HONE_LABELS, NULL, out, NULL))
        return INFINITY;
    for (int64_t i = 0; i < n; i++)
        wrong += p->task == HONE_CLASSIFICATION ? out[i] != fresh->y[i]
                                                : (out[i] - fresh->y[i]) * (out[i] - fresh->y[i]);
    return p->task == HONE_CLASSIFICATION ? wrong / (double)n
                                          : sqrt(wrong / (double)n) / loss_of_constant(fresh);
}

static bool holds(stage *s, const hone_algorithm *a)
{
    EACH_TASK(task, a)
    {
        const problem *p = problem_easy(s, task, 300, 5, 21);
        int64_t *rows = shuffled(s, p->rows, 0), *cols = shuffled(s, p->cols, 0);
        const orders all[] = {{rows, cols},
                              {shuffled(s, p->rows, 5), cols},
                              {sorted(s, p), cols},
                              {rows, shuffled(s, p->cols, 9)}};
        const double first = mistakes(s, a, p, &all[0]);
        for (int k = 0; k < 4; k++) {
            const double now = mistakes(s, a, p, &all[k]);
            REQUIRE(fabs(now - first) <= (task == HONE_CLASSIFICATION ? 0.02 : 0.1),
                    "order %d of task %d: %g wrong, %g before", k, (int)task, now, first);
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    return contract_main(argc, argv, &(contract){.holds = holds, .broken = broken_permutations});
}
