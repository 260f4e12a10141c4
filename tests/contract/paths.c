/* One model whatever kernels the CPU has: modules that promise it give the same bits on every
 * instruction set, the others the same predictions to the tolerance of their solver. */
#include "contract.h"

/* Modules whose models are the same bits. */
static const char *const exact[] = {"honest", "knn", "random_forest", NULL};
/* Of the largest score: where solvers stop depends on the last bits. */
static const double most = 1e-3;

static bool is_exact(const hone_algorithm *a)
{
    for (int k = 0; exact[k]; k++)
        if (!strcmp(exact[k], a->name))
            return true;
    return false;
}

static double difference(const double *a, const double *b, int64_t n)
{
    double apart = 0, scale = 0;
    for (int64_t i = 0; i < n; i++) {
        apart = fmax(apart, fabs(a[i] - b[i]));
        scale = fmax(scale, fabs(a[i]));
    }
    return apart > 0 ? apart / scale : 0;
}

static bool holds_for(stage *s, const hone_algorithm *a, hone_task task, view v)
{
    static const char *const names[] = {"auto", "portable", "avx2", "avx512"};
    hone_dataset *d = dataset_of(s, problem_hard(s, task, 400, 9, 5), v);
    const int64_t n = hone_dataset_rows(d);
    outcome first = {0};
    for (int isa = HONE_ISA_PORTABLE; isa <= HONE_ISA_AVX512; isa++) {
        hone_options o = with_threads(2);
        o.isa = (hone_isa)isa;
        const outcome now = train(s, a, "", d, 3, &o);
        if (now.status == HONE_BAD_ARGUMENT && isa > HONE_ISA_PORTABLE)
            continue; /* not on this CPU */
        REQUIRE(!now.status, "%s: %s: %s", names[isa], now.error.path, now.error.message);
        if (isa == HONE_ISA_PORTABLE)
            first = now;
        const double apart = difference(scores_of(s, first.model, d), scores_of(s, now.model, d),
                                        n * hone_model_outputs(now.model));
        if (apart > 0)
            printf("%s, task %d, %s: scores differ by %.2g of the largest\n", a->name, (int)task,
                   names[isa], apart);
        REQUIRE(!is_exact(a) || same_outcome(s, &first, &now), "task %d, %s: %.17g, not %.17g",
                (int)task, names[isa], now.loss, first.loss);
        REQUIRE(apart <= most, "task %d, %s: apart by %g", (int)task, names[isa], apart);
    }
    return true;
}

static bool holds(stage *s, const hone_algorithm *a)
{
    EACH_TASK(task, a)
    if (!holds_for(s, a, task, PLAIN) ||
        (a->takes & HONE_TAKES_SPARSE && !holds_for(s, a, task, SPARSE)))
        return false;
    return true;
}

int main(int argc, char **argv)
{
    return contract_main(argc, argv, &(contract){.holds = holds, .broken = broken_paths});
}
