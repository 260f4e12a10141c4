/* Equal seeds give equal models. Of 20 seeds either all give one model, or at least ten differ: a
 * module is random or it is not. The split is the same for all. */
#include "contract.h"

enum { SEEDS = 20, ENOUGH = 10 };

static bool holds_for(stage *s, const hone_algorithm *a, hone_task task)
{
    const uint64_t split_seed = 1;
    hone_options o = with_threads(1);
    o.split_seed = &split_seed;
    const problem *p = problem_hard(s, task, 90, 4, 3);
    const double *score[SEEDS];
    int different = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        hone_dataset *d = dataset_of(s, p, PLAIN);
        const outcome one = train(s, a, "", d, seed, &o);
        REQUIRE(!one.status, "%s: %s", one.error.path, one.error.message);
        if (seed < 3) {
            const outcome two = train(s, a, "", d, seed, &o);
            REQUIRE(same_outcome(s, &one, &two), "seed %d: %.17g, then %.17g", (int)seed, one.loss,
                    two.loss);
        }
        score[seed] = scores_of(s, one.model, d);
        bool known = false;
        for (uint64_t k = 0; k < seed; k++)
            known |= same_bits(score[k], score[seed], p->rows * hone_model_outputs(one.model));
        different += !known;
    }
    REQUIRE(different == 1 || different >= ENOUGH, "%d models of %d seeds", different, SEEDS);
    return true;
}

static bool holds(stage *s, const hone_algorithm *a)
{
    EACH_TASK(task, a)
    if (!holds_for(s, a, task))
        return false;
    return true;
}

int main(int argc, char **argv)
{
    return contract_main(argc, argv, &(contract){.holds = holds, .broken = broken_seeds});
}
