/* The number of threads changes no bit of loss or file. */
#include "contract.h"

static bool holds_for(stage *s, const hone_algorithm *a, hone_task task, int64_t rows, int64_t cols)
{
    static const int counts[] = {1, 2, 3, 7};
    outcome first = {0};
    for (int k = 0; k < 4; k++) {
        hone_dataset *d = dataset_of(s, problem_hard(s, task, rows, cols, 5), PLAIN);
        const hone_options o = with_threads(counts[k]);
        const outcome now = train(s, a, "", d, 3, &o);
        REQUIRE(!now.status, "%s: %s", now.error.path, now.error.message);
        if (!k)
            first = now;
        REQUIRE(same_outcome(s, &first, &now), "task %d, %d rows, %d threads: %.17g, not %.17g",
                (int)task, (int)rows, counts[k], now.loss, first.loss);
    }
    return true;
}

static bool holds(stage *s, const hone_algorithm *a)
{
    EACH_TASK(task, a)
    if (!holds_for(s, a, task, 400, 6) || !holds_for(s, a, task, 90, 130) ||
        (s->thorough && !holds_for(s, a, task, 3000, 20)))
        return false;
    return true;
}

int main(int argc, char **argv)
{
    return contract_main(argc, argv, &(contract){.holds = holds, .broken = broken_threads});
}
