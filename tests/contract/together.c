/* Eight trainings at once on one dataset give what they give alone, and eight threads predict with
 * one model. */
#include "contract.h"

#include <pthread.h>

enum { AT_ONCE = 8, ROWS = 64, TIMES = 20 };

typedef struct worker {
    stage *own; /* a stage is of one thread */
    const hone_algorithm *a;
    hone_dataset *dataset;
    uint64_t seed;
    outcome result;
    const hone_model *model;
    double score[ROWS * 3];
    hone_status status;
} worker;

static void *learn(void *arg)
{
    worker *w = arg;
    const hone_options o = with_threads(1 + (int)w->seed % 2);
    w->result = train(w->own, w->a, "", w->dataset, w->seed / 2, &o);
    return NULL;
}

static void *answer(void *arg)
{
    worker *w = arg;
    for (int k = 0; k < TIMES && !w->status; k++)
        w->status = hone_model_predict(w->model, w->dataset, HONE_SCORES, NULL, w->score, NULL);
    return NULL;
}

static bool at_once(worker *w, void *(*body)(void *))
{
    pthread_t thread[AT_ONCE];
    for (int k = 0; k < AT_ONCE; k++)
        if (pthread_create(&thread[k], NULL, body, &w[k]))
            return false;
    for (int k = 0; k < AT_ONCE; k++)
        pthread_join(thread[k], NULL);
    return true;
}

static bool compare(stage *s, worker *w, const problem *p, hone_dataset *shared)
{
    REQUIRE(at_once(w, learn), "no threads");
    for (int k = 0; k < AT_ONCE; k++) {
        REQUIRE(!w[k].result.status, "training %d: %s: %s", k, w[k].result.error.path,
                w[k].result.error.message);
        const hone_options o = with_threads(1);
        const outcome alone = train(s, w->a, "", dataset_of(s, p, PLAIN), w[k].seed / 2, &o);
        REQUIRE(same_outcome(s, &w[k].result, &alone), "training %d at once: %.17g, alone %.17g", k,
                w[k].result.loss, alone.loss);
        w[k].model = w[0].result.model;
    }
    REQUIRE(at_once(w, answer), "no threads");
    const double *alone = scores_of(s, w[0].model, shared);
    for (int k = 0; k < AT_ONCE; k++)
        REQUIRE(!w[k].status &&
                    same_bits(alone, w[k].score, p->rows * hone_model_outputs(w[0].model)),
                "predictions of thread %d", k);
    return true;
}

static bool holds(stage *s, const hone_algorithm *a)
{
    EACH_TASK(task, a)
    for (int round = 0; round < (s->thorough ? 20 : 2); round++) {
        const problem *p = problem_hard(s, task, ROWS, 4, 3);
        hone_dataset *shared = dataset_of(s, p, PLAIN);
        worker *w = stage_memory(s, AT_ONCE * sizeof *w);
        for (int k = 0; k < AT_ONCE; k++)
            w[k] = (worker){.own = stage_within(s), .a = a, .dataset = shared, .seed = (uint64_t)k};
        if (!compare(s, w, p, shared))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    return contract_main(argc, argv,
                         &(contract){.holds = holds, .broken = broken_together, .seconds = 240});
}
