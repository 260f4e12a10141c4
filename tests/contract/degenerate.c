/* Data at the edge: each gives a finite loss and finite predictions, or the documented refusal. */
#include "contract.h"

#include <float.h>

typedef void change(problem *p);

static void as_it_is(problem *p)
{
    (void)p;
}

static void one_class(problem *p)
{
    for (int64_t i = 0; i < p->rows; i++)
        p->y[i] = 2;
}

static void one_row_a_class(problem *p)
{
    for (int64_t i = 0; i < p->rows; i++)
        p->y[i] = (double)i;
}

static void constant_column(problem *p)
{
    for (int64_t i = 0; i < p->rows; i++)
        p->x[i * p->cols] = 7;
}

static void constant_columns(problem *p)
{
    for (int64_t i = 0; i < p->rows * p->cols; i++)
        p->x[i] = -3;
}

static void duplicate_rows(problem *p)
{
    for (int64_t i = 1; i < p->rows; i++) {
        memcpy(p->x + i * p->cols, p->x + i % 2 * p->cols, (size_t)p->cols * sizeof(double));
        p->y[i] = p->y[i % 2];
    }
}

static void contradictions(problem *p)
{
    for (int64_t i = 1; i < p->rows; i++)
        memcpy(p->x + i * p->cols, p->x, (size_t)p->cols * sizeof(double));
}

static void huge(problem *p)
{
    for (int64_t i = 0; i < p->rows * p->cols; i++)
        p->x[i] *= 1e30;
}

static void one_huge(problem *p)
{
    p->x[p->cols + 1] = 1e30;
}

static void enormous(problem *p)
{
    for (int64_t i = 0; i < p->rows * p->cols; i++)
        p->x[i] *= DBL_MAX / 128;
}

static void tiny(problem *p)
{
    for (int64_t i = 0; i < p->rows * p->cols; i++)
        p->x[i] *= 1e-300;
}

static void huge_target(problem *p)
{
    for (int64_t i = 0; i < p->rows && p->task == HONE_REGRESSION; i++)
        p->y[i] *= 1e149;
}

static void holes(problem *p)
{
    for (int64_t i = 0; i < p->rows; i++)
        p->x[i * p->cols + i % p->cols] = NAN;
}

static void empty_column(problem *p)
{
    for (int64_t i = 0; i < p->rows; i++)
        p->x[i * p->cols] = NAN;
}

static void nothing_but_holes(problem *p)
{
    for (int64_t i = 0; i < p->rows * p->cols; i++)
        p->x[i] = NAN;
}

typedef struct edge {
    const char *name;
    int64_t rows, cols;
    change *make;
} edge;

static const edge edges[] = {
    {"two rows", 2, 3, as_it_is},
    {"one column", 30, 1, as_it_is},
    {"more columns than rows", 12, 60, as_it_is},
    {"one class", 24, 3, one_class},
    {"one row a class", 12, 3, one_row_a_class},
    {"a constant column", 24, 3, constant_column},
    {"constant columns", 24, 3, constant_columns},
    {"duplicate rows", 24, 3, duplicate_rows},
    {"equal rows of other classes", 24, 3, contradictions},
    {"values of 1e30", 24, 3, huge},
    {"one value of 1e30", 24, 3, one_huge},
    {"values near the largest double", 24, 3, enormous},
    {"values of 1e-300", 24, 3, tiny},
    {"targets of 1e149", 24, 3, huge_target},
    {"missing values", 24, 3, holes},
    {"a column that is missing", 24, 3, empty_column},
    {"nothing but missing values", 24, 3, nothing_but_holes},
};

static bool gives_finite_answers(stage *s, const hone_algorithm *a, hone_task task, const edge *e,
                                 hone_validation validation)
{
    problem *p = problem_easy(s, task, e->rows, e->cols, 6);
    e->make(p);
    hone_options o = with_threads(2);
    o.validation = validation;
    hone_dataset *d = dataset_of(s, p, PLAIN);
    const outcome t = train(s, a, "", d, 1, &o);
    REQUIRE(!t.status, "%s, task %d: %s: %s", e->name, (int)task, t.error.path, t.error.message);
    REQUIRE(isfinite(t.loss), "%s, task %d: the loss is not finite", e->name, (int)task);
    const double *score = scores_of(s, t.model, d);
    for (int64_t i = 0; i < e->rows * hone_model_outputs(t.model); i++)
        REQUIRE(isfinite(score[i]), "%s, task %d: a finite score, row %d", e->name, (int)task,
                (int)(i / hone_model_outputs(t.model)));
    return true;
}

/* One row: nothing can be held out. */
static bool one_row(stage *s, const hone_algorithm *a, hone_task task)
{
    static const edge single = {"one row", 1, 3, as_it_is};
    hone_dataset *d = dataset_of(s, problem_easy(s, task, 1, 3, 6), PLAIN);
    const outcome t = train(s, a, "", d, 1, NULL);
    REQUIRE(t.status == HONE_BAD_DATA && *t.error.message, "one row with a holdout: %s",
            hone_status_name(t.status));
    return gives_finite_answers(s, a, task, &single, HONE_VALIDATE_NONE);
}

static bool is_refused(stage *s, const problem *p, const char *path)
{
    hone_error error = {0};
    REQUIRE(!dataset_with(s, p, PLAIN, (hone_dataset_options){0}, &error), "%s is taken", path);
    REQUIRE(error.status == HONE_BAD_DATA && strstr(error.path, path) && *error.message,
            "%s: %s at %s: %s", path, hone_status_name(error.status), error.path, error.message);
    return true;
}

static bool hopeless_data_are_refused(stage *s, hone_task task)
{
    problem *p = problem_easy(s, task, 24, 3, 6);
    p->x[3 * 5 + 1] = INFINITY;
    if (!is_refused(s, p, "data.x[5,1]"))
        return false;
    p->x[3 * 5 + 1] = 0;
    p->y[7] = NAN;
    if (!is_refused(s, p, "data.y[7]"))
        return false;
    return is_refused(s, problem_empty(s, task, 0, 3), "data");
}

static bool wrong_columns_are_refused(stage *s, const hone_algorithm *a, hone_task task)
{
    const hone_options o = with_threads(1);
    hone_dataset *d = dataset_of(s, problem_easy(s, task, 24, 3, 6), PLAIN);
    const outcome t = train(s, a, "", d, 1, &o);
    REQUIRE(!t.status, "%s: %s", t.error.path, t.error.message);
    for (int64_t cols = 1; cols <= 5; cols += 2) {
        double out[24 * 3] = {0};
        hone_error error = {0};
        hone_dataset *other = dataset_of(s, problem_easy(s, task, 24, cols, 6), PLAIN);
        const hone_status status =
            hone_model_predict(t.model, other, HONE_SCORES, NULL, out, &error);
        REQUIRE(status == (cols < 3 ? HONE_BAD_DATA : HONE_OK) || cols > 3, "%d columns for 3: %s",
                (int)cols, hone_status_name(status));
        REQUIRE(!status || (status == HONE_BAD_DATA && *error.path && *error.message),
                "%d columns for 3: %s", (int)cols, hone_status_name(status));
        const hone_status array = hone_model_predict_dense(t.model, out, HONE_F64, 2, cols, cols, 1,
                                                           HONE_SCORES, NULL, out + 30, &error);
        REQUIRE((array == HONE_OK) == (cols == 3) && (!array || array == HONE_BAD_DATA),
                "an array of %d columns for 3: %s", (int)cols, hone_status_name(array));
    }
    return true;
}

static bool holds(stage *s, const hone_algorithm *a)
{
    EACH_TASK(task, a)
    {
        for (size_t k = 0; k < sizeof edges / sizeof *edges; k++)
            if (!gives_finite_answers(s, a, task, &edges[k], HONE_VALIDATE_AUTO) ||
                !gives_finite_answers(s, a, task, &edges[k], HONE_VALIDATE_NONE))
                return false;
        if (!one_row(s, a, task) || !hopeless_data_are_refused(s, task) ||
            !wrong_columns_are_refused(s, a, task))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    return contract_main(argc, argv, &(contract){.holds = holds, .broken = broken_degenerate});
}
