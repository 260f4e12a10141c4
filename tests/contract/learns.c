/* Learns what can be separated, and beats the answer that looks at no column. */
#include "contract.h"

static bool beats_constant(stage *s, const hone_algorithm *a, hone_task task)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        const problem *p = problem_hard(s, task, 160, 2 + (int64_t)seed % 5, seed);
        const outcome o = train(s, a, "", dataset_of(s, p, PLAIN), seed, NULL);
        REQUIRE(!o.status, "%s: %s", o.error.path, o.error.message);
        const double constant = loss_of_constant(p);
        const double wanted = task == HONE_CLASSIFICATION ? constant - 0.02 : constant * 0.95;
        REQUIRE(o.loss < wanted, "random problem %d of task %d: %g, the constant model: %g",
                (int)seed, (int)task, o.loss, constant);
    }
    return true;
}

static bool holds(stage *s, const hone_algorithm *a)
{
    EACH_TASK(task, a)
    {
        const problem *p = problem_easy(s, task, 240, 4, 1);
        const outcome o = train(s, a, "", dataset_of(s, p, PLAIN), 1, NULL);
        REQUIRE(!o.status, "%s: %s", o.error.path, o.error.message);
        const double wanted = task == HONE_CLASSIFICATION ? -0.95 : 0.6 * loss_of_constant(p);
        REQUIRE(o.loss <= wanted, "separable problem of task %d: %g", (int)task, o.loss);
        if (!beats_constant(s, a, task))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    return contract_main(argc, argv, &(contract){.holds = holds, .broken = broken_learns});
}
