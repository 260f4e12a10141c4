/* One meaning for all modules: holes, categories, levels that training did not know and class
 * weights are taken by each, as they are or prepared; sparse rows are taken, or made dense.
 * These are the cells of docs/capabilities.md. */
#include "contract.h"

enum { ROWS = 240, COLS = 3, LEVELS = 12 };

/* Column 0 is a category that says most about the target, with `more` levels beyond LEVELS in
 * every tenth row; column 1 has holes. */
static hone_dataset *table(stage *s, hone_task task, bool holes, int more)
{
    double *x = stage_memory(s, ROWS * COLS * sizeof *x), *y = stage_memory(s, ROWS * sizeof *y);
    bool *levels = stage_memory(s, COLS * sizeof *levels);
    dice d = {5};
    levels[0] = true;
    for (int64_t i = 0; i < ROWS; i++) {
        const double level = (double)dice_below(&d, LEVELS);
        x[i * COLS] = more && i % 10 == 0 ? LEVELS + (double)(i % more) : level;
        for (int64_t j = 1; j < COLS; j++)
            x[i * COLS + j] = (float)dice_normal(&d);
        if (holes && i % 7 == 0)
            x[i * COLS + 1] = (double)NAN;
        y[i] = task == HONE_CLASSIFICATION ? (double)(level < LEVELS / 2)
                                           : (level < LEVELS / 2 ? 10 : 0) + dice_normal(&d);
    }
    const hone_dataset_options o = {.size = sizeof o, .task = task, .categorical = levels};
    hone_dataset *data = NULL;
    if (hone_dataset_dense(x, HONE_F64, ROWS, COLS, COLS, 1,
                           (hone_vector){.values = y, .dtype = HONE_F64}, &o, &data, NULL))
        return NULL;
    return stage_own(s, data);
}

/* The category carries the target, so whoever lost it does no better than the constant answer. */
static bool learns(stage *s, const hone_algorithm *a, hone_task task, const char *settings,
                   bool holes)
{
    hone_dataset *d = table(s, task, holes, 0), *strange = table(s, task, true, 3);
    REQUIRE(d && strange, "no dataset");
    hone_options o = with_threads(2);
    o.validation = HONE_VALIDATE_NONE;
    const outcome t = train(s, a, settings, d, 1, &o);
    REQUIRE(!t.status, "%s, task %d, %s: %s: %s", holes ? "holes" : "categories", (int)task,
            settings, t.error.path, t.error.message);
    REQUIRE(task == HONE_CLASSIFICATION ? t.loss < -0.75 : t.loss < 4.5,
            "%s, task %d, %s: the loss is %g", holes ? "holes" : "categories", (int)task, settings,
            t.loss);
    const int64_t cells = ROWS * hone_model_outputs(t.model);
    double *score = stage_memory(s, (size_t)cells * sizeof *score);
    hone_error e = {0};
    REQUIRE(!hone_model_predict(t.model, strange, HONE_SCORES, NULL, score, &e),
            "unknown levels and holes: %s: %s", e.path, e.message);
    for (int64_t i = 0; i < cells; i++)
        REQUIRE(isfinite(score[i]), "unknown levels and holes: score %lld is %g", (long long)i,
                score[i]);
    return true;
}

static bool has(const hone_algorithm *a, const char *name)
{
    for (const hone_param *p = a->params; p->name; p++)
        if (!strcmp(p->name, name))
            return true;
    return false;
}

/* Rows of a class weigh rows / (classes * rows of the class). */
static void weigh_classes(stage *s, problem *p, int64_t classes)
{
    double *count = stage_memory(s, (size_t)classes * sizeof *count);
    p->weight = stage_memory(s, (size_t)p->rows * sizeof *p->weight);
    for (int64_t i = 0; i < p->rows; i++)
        count[(int64_t)p->y[i]]++;
    for (int64_t i = 0; i < p->rows; i++)
        p->weight[i] = (double)p->rows / ((double)classes * count[(int64_t)p->y[i]]);
}

static double largest_gap(const double *a, const double *b, int64_t n)
{
    double gap = 0;
    for (int64_t i = 0; i < n; i++)
        gap = fmax(gap, fabs(a[i] - b[i]));
    return gap;
}

/* A rare class: balanced gives other scores, and those of rows that weigh as much. */
static bool balances(stage *s, const hone_algorithm *a)
{
    problem *p = problem_hard(s, HONE_CLASSIFICATION, 400, 3, 3);
    for (int64_t i = 0; i < p->rows; i++)
        p->y[i] = p->y[i] == 0 && i % 3 == 0;
    hone_dataset *d = dataset_of(s, p, PLAIN);
    hone_options o = with_threads(1);
    o.validation = HONE_VALIDATE_NONE;
    const outcome plain = train(s, a, "", d, 1, &o);
    const outcome balanced = train(s, a, "\"class_weight\":\"balanced\"", d, 1, &o);
    weigh_classes(s, p, 2);
    const outcome weighed =
        a->takes & HONE_TAKES_WEIGHTS ? train(s, a, "", dataset_of(s, p, PLAIN), 1, &o) : balanced;
    REQUIRE(!plain.status && !balanced.status && !weighed.status, "class_weight: %s%s%s",
            plain.error.message, balanced.error.message, weighed.error.message);
    const int64_t cells = p->rows * hone_model_outputs(plain.model);
    const double *none = scores_of(s, plain.model, d), *equal = scores_of(s, balanced.model, d);
    REQUIRE(!same_bits(none, equal, cells), "balanced changes nothing");
    const double far = largest_gap(none, equal, cells),
                 gap = largest_gap(scores_of(s, weighed.model, d), equal, cells);
    REQUIRE(gap <= 1e-3 * far, "balanced is not what weights of rows make: %g apart, of %g", gap,
            far);
    return true;
}

/* A module that takes no sparse rows learns from dense ones, to the bit. */
static bool sparse(stage *s, const hone_algorithm *a, hone_task task, const char *settings,
                   unsigned takes)
{
    const problem *p = problem_easy(s, task, 80, 3, 2);
    const hone_options o = with_threads(1);
    hone_dataset *rows = dataset_of(s, p, SPARSE), *dense = dataset_of(s, p, PLAIN);
    const outcome t = train(s, a, settings, rows, 1, &o);
    REQUIRE(!t.status, "sparse rows, %s: %s: %s", settings, t.error.path, t.error.message);
    if (takes & HONE_TAKES_SPARSE)
        return true;
    const outcome own = train(s, a, settings, dense, 1, &o);
    REQUIRE(!own.status && own.loss == t.loss, "sparse rows made dense, %s: %.17g, not %.17g",
            settings, t.loss, own.loss);
    REQUIRE(same_bits(scores_of(s, own.model, dense), scores_of(s, t.model, rows),
                      p->rows * hone_model_outputs(t.model)),
            "scores of sparse rows, %s", settings);
    return true;
}

static bool tables_are_taken(stage *s, const hone_algorithm *a, const char *settings,
                             unsigned takes)
{
    EACH_TASK(task, a)
    if (!learns(s, a, task, settings, false) || !learns(s, a, task, settings, true) ||
        !sparse(s, a, task, settings, takes))
        return false;
    return true;
}

/* Choices that change what is taken. */
static bool choices_hold(stage *s, const hone_algorithm *a)
{
    for (const hone_param *p = a->params; p->name; p++)
        for (int k = 0; p->takes && p->choices[k]; k++) {
            char settings[128];
            snprintf(settings, sizeof settings, "\"%s\":\"%s\"", p->name, p->choices[k]);
            if (p->takes[k] && !tables_are_taken(s, a, settings, p->takes[k]))
                return false;
        }
    return true;
}

static bool holds(stage *s, const hone_algorithm *a)
{
    if (!tables_are_taken(s, a, "", a->takes) || !choices_hold(s, a))
        return false;
    return !(a->tasks & HONE_CLASSIFICATION) || !has(a, "class_weight") || balances(s, a);
}

int main(int argc, char **argv)
{
    return contract_main(argc, argv, &(contract){.holds = holds, .broken = broken_capabilities});
}
