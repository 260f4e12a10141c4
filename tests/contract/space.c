/* Every configuration that the space of a dataset gives lies in that space and trains to a finite
 * loss, on data of every awkward shape: a trial without a loss ends a search. Short: 120 samples a
 * module and task; --long: 10,000. */
#include "stage.h"

/* ---- data of 8 to 200 rows ---- */

static void plain(problem *p)
{
    (void)p;
}

static void row_a_class(problem *p)
{
    for (int64_t i = 0; i < p->rows && p->task == HONE_CLASSIFICATION; i++)
        p->y[i] = (double)i;
}

static void one_answer(problem *p)
{
    for (int64_t i = 0; i < p->rows; i++)
        p->y[i] = 1;
}

static void two_classes(problem *p)
{
    for (int64_t i = 0; i < p->rows && p->task == HONE_CLASSIFICATION; i++)
        p->y[i] = fmin(p->y[i], 1);
}

static void same_columns(problem *p)
{
    for (int64_t i = 0; i < p->rows; i++)
        for (int64_t j = 0; j < p->cols; j += 2)
            p->x[i * p->cols + j] = 3;
}

/* One column without a value, holes in the others. */
static void holes(problem *p)
{
    for (int64_t i = 0; i < p->rows; i++)
        for (int64_t j = 0; j < p->cols; j++)
            if (j == 0 || (i + j) % 5 == 0)
                p->x[i * p->cols + j] = NAN;
}

static void giants(problem *p)
{
    for (int64_t i = 0; i < p->rows; i++)
        p->x[i * p->cols + i % p->cols] = i % 2 ? 1e30 : -1e30;
}

static void dwarfs(problem *p)
{
    for (int64_t i = 0; i < p->rows * p->cols; i++)
        p->x[i] *= 1e-300;
    for (int64_t i = 0; i < p->rows && p->task == HONE_REGRESSION; i++)
        p->y[i] *= 1e-200;
}

static void zero_rows(problem *p)
{
    for (int64_t i = 0; i < p->rows; i++)
        for (int64_t j = 0; j < p->cols; j++)
            p->x[i * p->cols + j] *= i % 3 && j % 2;
}

/* Columns 0, 2, .. become levels, some rare and some missing; column 1 has holes. */
static void levels(problem *p)
{
    for (int64_t i = 0; i < p->rows; i++)
        for (int64_t j = 0; j < p->cols; j++) {
            double *v = &p->x[i * p->cols + j];
            *v = (i + j) % 11 == 0 ? NAN : j % 2 ? *v : floor(fabs(*v) * 1.5);
        }
}

static void uneven_weights(problem *p)
{
    for (int64_t i = 0; i < p->rows; i++)
        p->weight[i] = i % 7 ? 0.5 + (double)(i % 3) : 0;
}

typedef struct shape {
    const char *name;
    int64_t rows, cols;
    void (*make)(problem *p);
    view v;
    bool categories, weights;
} shape;

static const shape shapes[] = {
    {"plain", 120, 4, two_classes, PLAIN, false, false},
    {"categories with holes", 150, 5, levels, PLAIN, true, false},
    {"sparse rows of zeros", 200, 6, zero_rows, SPARSE, false, false},
    {"one row a class", 8, 3, row_a_class, PLAIN, false, false},
    {"one class", 20, 3, one_answer, PLAIN, false, false},
    {"one column", 60, 1, plain, PLAIN, false, false},
    {"more columns than rows", 15, 40, plain, FLOATS, false, false},
    {"constant columns", 30, 4, same_columns, PLAIN, false, false},
    {"a missing column", 40, 3, holes, PLAIN, false, false},
    {"values of 1e30", 25, 3, giants, PLAIN, false, false},
    {"values of 1e-300", 25, 3, dwarfs, PLAIN, false, false},
    {"weights, some zero", 50, 3, plain, BY_COLUMN, false, true},
};

enum { SHAPES = sizeof shapes / sizeof *shapes, TASKS = 2, WORK = 1000000 };

static hone_dataset *make(stage *s, const hone_algorithm *a, hone_task task, const shape *sh)
{
    problem *p = problem_hard(s, task, sh->rows, sh->cols, 17);
    if (sh->weights && a->takes & HONE_TAKES_WEIGHTS) {
        p->weight = stage_memory(s, (size_t)p->rows * sizeof *p->weight);
        uneven_weights(p);
    }
    sh->make(p);
    bool categorical[8] = {false};
    for (int64_t j = 0; j < 8; j += 2)
        categorical[j] = true;
    const hone_dataset_options o = {.categorical = sh->categories ? categorical : NULL};
    hone_error error = {0};
    hone_dataset *d = dataset_with(s, p, sh->v, o, &error);
    if (!d) {
        fprintf(stderr, "%s: %s: %s\n", sh->name, error.path, error.message);
        abort();
    }
    return d;
}

/* ---- samples ---- */

static void drop_config(void *c)
{
    hone_config_free(c);
}

static void drop_result(void *r)
{
    hone_result_free(r);
}

static void drop_text(void *text)
{
    hone_text_free(text);
}

/* How sample `k` is trained: at full or a tenth of the budget, held out or in folds, with and
 * without a loss that it must beat. */
static hone_options options_of(int64_t k, const double *cutoff)
{
    hone_options o = with_threads(1);
    o.work_limit = WORK;
    o.budget = k % 3 == 2 ? 0.1 : 1;
    o.validation = k % 5 == 3 ? HONE_VALIDATE_FOLDS : HONE_VALIDATE_AUTO;
    o.folds = k % 5 == 3 ? 3 : 0;
    o.cutoff = k % 4 == 1 ? cutoff : NULL;
    o.keep_model = k % 4 == 2;
    return o;
}

static bool sample_holds(stage *s, const hone_algorithm *a, hone_dataset *d, const char *name,
                         int64_t k)
{
    const char *const models[] = {a->name, NULL};
    const hone_algorithm *const more[] = {a, NULL};
    const hone_space_options space = {
        .size = sizeof space, .dataset = d, .models = models, .algorithms = more};
    const uint64_t number = (uint64_t)k;
    const hone_task task = hone_dataset_task(d);
    hone_error e = {0};
    hone_config *c = NULL;
    REQUIRE(!hone_space_sample(&space, 5, number, &c, &e), "sample %d: %s", (int)k, e.message);
    stage_keep(s, c, drop_config);
    char *json = NULL;
    REQUIRE(!hone_config_json(c, task, &json, &e), "sample %d: %s", (int)k, e.message);
    stage_keep(s, json, drop_text);
    REQUIRE(!hone_space_check(&space, c, &e), "sample %d, %s: %s: %s; %s", (int)k, name, e.path,
            e.message, json);
    const double cutoff = -0.2;
    const hone_options o = options_of(k, &cutoff);
    hone_result *r = NULL;
    const hone_status status = hone_train_full(c, d, number, &o, &r, &e);
    REQUIRE(!status, "sample %d, %s, task %d: %s: %s; %s", (int)k, name, (int)task, e.path,
            e.message, json);
    stage_keep(s, r, drop_result);
    REQUIRE(isfinite(hone_result_loss(r)), "sample %d, %s, task %d: loss %g; %s", (int)k, name,
            (int)task, hone_result_loss(r), json);
    return true;
}

/* The samples first, first + SHAPES * TASKS, ... */
static bool holds_on(stage *s, const hone_algorithm *a, hone_task task, const shape *sh,
                     int64_t first, int64_t samples)
{
    hone_dataset *d = make(s, a, task, sh);
    stage *own = stage_within(s);
    for (int64_t k = first; k < samples; k += SHAPES * TASKS) {
        if (!sample_holds(own, a, d, sh->name, k)) {
            memcpy(s->reason, own->reason, sizeof s->reason);
            return false;
        }
        stage_clear(own);
    }
    return true;
}

static bool holds(stage *s, const hone_algorithm *a)
{
    const int64_t samples = s->thorough ? 20000 : 240;
    int64_t first = 0;
    for (size_t k = 0; k < SHAPES; k++)
        for (int t = 0; t < TASKS; t++, first++) {
            hone_task task = t ? HONE_REGRESSION : HONE_CLASSIFICATION;
            if (!(a->tasks & task))
                task = a->tasks & HONE_REGRESSION ? HONE_REGRESSION : HONE_CLASSIFICATION;
            if (!holds_on(s, a, task, &shapes[k], first, samples))
                return false;
        }
    return true;
}

int main(int argc, char **argv)
{
    return contract_main(argc, argv,
                         &(contract){.holds = holds, .broken = broken_space, .seconds = 900});
}
