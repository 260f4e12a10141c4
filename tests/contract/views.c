/* The same numbers give the same answer, however they lie in memory. Strides, order and float64 of
 * float32 values: bit for bit. Sparse: up to the tolerance of a solver. */
#include "contract.h"

static problem *with_zeros(stage *s, hone_task task)
{
    problem *p = problem_easy(s, task, 150, 7, 11);
    for (int64_t i = 0; i < p->rows * p->cols; i++)
        if (i * 7 % 5 < 2)
            p->x[i] = 0;
    return p;
}

static bool same_when_dense(stage *s, const hone_algorithm *a, const problem *p)
{
    const hone_options o = with_threads(2);
    hone_dataset *plain = dataset_of(s, p, PLAIN);
    const outcome first = train(s, a, "", plain, 1, &o);
    REQUIRE(!first.status, "%s: %s", first.error.path, first.error.message);
    const double *score = scores_of(s, first.model, plain);
    for (view v = FLOATS; v <= SPREAD; v++) {
        hone_dataset *d = dataset_of(s, p, v);
        const outcome now = train(s, a, "", d, 1, &o);
        REQUIRE(same_outcome(s, &first, &now), "view %d of task %d: %.17g, not %.17g", (int)v,
                (int)p->task, now.loss, first.loss);
        REQUIRE(same_bits(score, scores_of(s, first.model, d),
                          p->rows * hone_model_outputs(first.model)),
                "predictions of view %d", (int)v);
    }
    return true;
}

static bool near_when_sparse(stage *s, const hone_algorithm *a, const problem *p)
{
    const char *settings = p->task == HONE_REGRESSION
                               ? "\"prep:scale\":\"none\",\"prep:target\":\"none\""
                               : "\"prep:scale\":\"none\"";
    const hone_options o = with_threads(1);
    hone_dataset *dense = dataset_of(s, p, PLAIN), *sparse = dataset_of(s, p, SPARSE);
    const outcome x = train(s, a, settings, dense, 1, &o), y = train(s, a, settings, sparse, 1, &o);
    REQUIRE(!x.status, "%s: %s", x.error.path, x.error.message);
    REQUIRE(!y.status, "sparse data: %s: %s", y.error.path, y.error.message);
    const int64_t cells = p->rows * hone_model_outputs(x.model);
    const double *one = scores_of(s, x.model, dense), *two = scores_of(s, y.model, sparse);
    REQUIRE(a->takes & HONE_TAKES_SPARSE || same_bits(one, two, cells),
            "sparse data made dense give other scores");
    double size = 0, apart = 0;
    for (int64_t i = 0; i < cells; i++) {
        size = fmax(size, fabs(one[i]));
        apart = fmax(apart, fabs(one[i] - two[i]));
    }
    REQUIRE(apart <= 2e-2 * (size + 1e-3), "sparse and dense scores are %g apart, of %g", apart,
            size);
    return true;
}

static bool holds(stage *s, const hone_algorithm *a)
{
    EACH_TASK(task, a)
    if (!same_when_dense(s, a, problem_hard(s, task, 150, 5, 7)) ||
        !near_when_sparse(s, a, with_zeros(s, task)))
        return false;
    return true;
}

int main(int argc, char **argv)
{
    return contract_main(argc, argv, &(contract){.holds = holds, .broken = broken_views});
}
