/* A row of weight 2 is the row twice, and of weight 0 no row, where the module says so. Others
 * refuse weights or take them; the sum of the weights never decides. */
#include "contract.h"

enum { FRESH = 200 };

/* Pairs of equal rows. `lies`: the second of each has another target, and the weights are 2 and 0,
 * so that the sums over rows that know no weights (means, variances) stay what they are. */
static problem *pairs(stage *s, hone_task task, bool lies)
{
    const problem *p = problem_easy(s, task, 80, 3, 8);
    problem *q = problem_empty(s, task, 2 * p->rows, p->cols);
    q->weight = lies ? stage_memory(s, (size_t)q->rows * sizeof(double)) : NULL;
    for (int64_t i = 0; i < q->rows; i++) {
        memcpy(q->x + i * p->cols, p->x + i / 2 * p->cols, (size_t)p->cols * sizeof(double));
        q->y[i] = p->y[i / 2];
        if (lies && i % 2)
            q->y[i] = task == HONE_CLASSIFICATION ? p->y[(i / 2 + 1) % p->rows] : q->y[i] + 5;
        if (lies)
            q->weight[i] = i % 2 ? 0 : 2;
    }
    return q;
}

static bool weights_count(stage *s, const hone_algorithm *a, hone_task task)
{
    hone_options o = with_threads(1);
    o.validation = HONE_VALIDATE_NONE;
    const char *settings = task == HONE_CLASSIFICATION ? "" : "\"prep:target\":\"none\"";
    hone_dataset *lies = dataset_of(s, pairs(s, task, true), PLAIN);
    const outcome weighted = train(s, a, settings, lies, 1, &o);
    hone_dataset *plain = dataset_of(s, pairs(s, task, false), PLAIN);
    const outcome twice = train(s, a, settings, plain, 1, &o);
    REQUIRE(!weighted.status && !twice.status, "%s%s: %s%s", weighted.error.path, twice.error.path,
            weighted.error.message, twice.error.message);
    hone_dataset *fresh = dataset_of(s, problem_easy(s, task, FRESH, 3, 9), PLAIN);
    double one[FRESH], two[FRESH], wrong = 0, size = 0;
    REQUIRE(!hone_model_predict(weighted.model, fresh, HONE_LABELS, NULL, one, NULL) &&
                !hone_model_predict(twice.model, fresh, HONE_LABELS, NULL, two, NULL),
            "labels");
    for (int i = 0; i < FRESH; i++) {
        const double apart = fabs(one[i] - two[i]);
        wrong = fmax(wrong, apart), size = fmax(size, fabs(two[i]));
    }
    REQUIRE(wrong <= (task == HONE_CLASSIFICATION ? 0 : 1e-2 * size),
            "weights and copies, task %d: %g apart, of %g", (int)task, wrong, size);
    return true;
}

static bool holds(stage *s, const hone_algorithm *a)
{
    EACH_TASK(task, a)
    {
        problem *p = problem_easy(s, task, 60, 3, 8);
        p->weight = stage_memory(s, (size_t)p->rows * sizeof(double));
        for (int64_t i = 0; i < p->rows; i++)
            p->weight[i] = 0.25 + (double)(i % 3);
        const outcome o = train(s, a, "", dataset_of(s, p, PLAIN), 1, NULL);
        if (!(a->takes & HONE_TAKES_WEIGHTS)) {
            REQUIRE(o.status == HONE_UNSUPPORTED && *o.error.message, "weights: %s",
                    hone_status_name(o.status));
            continue;
        }
        REQUIRE(!o.status && isfinite(o.loss), "%s: %s", o.error.path, o.error.message);
        if (a->takes & HONE_WEIGHTS_COUNT && !weights_count(s, a, task))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    return contract_main(argc, argv, &(contract){.holds = holds, .broken = broken_weights});
}
