/* Small problems with a known answer, and the datasets that show them. */
#include "stage.h"

/* ---- random numbers ---- */

static uint64_t roll(dice *d)
{
    uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

double dice_uniform(dice *d)
{
    return (double)(roll(d) >> 11) * 0x1p-53;
}

/* Irwin and Hall: twelve uniforms, which is normal enough. */
double dice_normal(dice *d)
{
    double sum = -6;
    for (int k = 0; k < 12; k++)
        sum += dice_uniform(d);
    return sum;
}

int64_t dice_below(dice *d, int64_t n)
{
    return (int64_t)(dice_uniform(d) * (double)n);
}

/* ---- problems ---- */

problem *problem_empty(stage *s, hone_task task, int64_t rows, int64_t cols)
{
    problem *p = stage_memory(s, sizeof *p);
    *p = (problem){.rows = rows, .cols = cols, .task = task};
    p->x = stage_memory(s, (size_t)(rows * cols) * sizeof(double));
    p->y = stage_memory(s, (size_t)rows * sizeof(double));
    return p;
}

/* To a 64th, so that float32 holds it. */
static double coarse(double v)
{
    return round(v * 64) / 64;
}

enum { CLASSES = 3 };

/* Column j of class k stands at 0, 4 or 8; two classes differ in every column. */
static void fill(problem *p, double noise, uint64_t seed)
{
    dice d = {seed * 2654435761u + 99};
    const bool classes = p->task == HONE_CLASSIFICATION;
    for (int64_t i = 0; i < p->rows; i++) {
        const int64_t k = i % CLASSES;
        double sum = 0;
        for (int64_t j = 0; j < p->cols; j++) {
            const double v = coarse(dice_normal(&d) * (classes ? 0.5 + noise : 1) +
                                    (classes ? 4 * (double)((k + j) % CLASSES) : 0));
            p->x[i * p->cols + j] = v;
            sum += v * (double)(j % 4 - 1) * 2;
            sum += j % 4 == 1 ? v : 0;
        }
        p->y[i] = classes ? (double)k : coarse(sum + (0.1 + noise / 4) * dice_normal(&d));
        if (classes && noise > 0 && dice_uniform(&d) < noise / 20)
            p->y[i] = (double)dice_below(&d, CLASSES);
    }
}

problem *problem_easy(stage *s, hone_task task, int64_t rows, int64_t cols, uint64_t seed)
{
    problem *p = problem_empty(s, task, rows, cols);
    fill(p, 0, seed);
    return p;
}

problem *problem_hard(stage *s, hone_task task, int64_t rows, int64_t cols, uint64_t seed)
{
    problem *p = problem_empty(s, task, rows, cols);
    fill(p, 3, seed);
    return p;
}

double loss_of_constant(const problem *p)
{
    double mean = 0, square = 0, count[64] = {0}, most = 0;
    for (int64_t i = 0; i < p->rows; i++) {
        mean += p->y[i] / (double)p->rows;
        if (p->task == HONE_CLASSIFICATION)
            most = fmax(most, count[(int64_t)p->y[i] % 64] += 1);
    }
    for (int64_t i = 0; i < p->rows; i++)
        square += (p->y[i] - mean) * (p->y[i] - mean) / (double)p->rows;
    return p->task == HONE_CLASSIFICATION ? -most / (double)p->rows : sqrt(square);
}

/* ---- datasets ---- */

static void drop_dataset(void *d)
{
    hone_dataset_free(d);
}

hone_dataset *stage_own(stage *s, hone_dataset *d)
{
    if (d)
        stage_keep(s, d, drop_dataset);
    return d;
}

static hone_dataset *dense_of(stage *s, const problem *p, view v, hone_vector y,
                              const hone_dataset_options *o, hone_error *error)
{
    const int64_t n = p->rows, d = p->cols;
    const int64_t gap = v == SPREAD ? 3 : 1;
    const int64_t col_stride = v == BY_COLUMN ? n : gap;
    const int64_t row_stride = v == BY_COLUMN ? 1 : gap * d + (v == SPREAD ? 5 : 0);
    const size_t cells = (size_t)(n * row_stride + d * col_stride + 1);
    double *wide = stage_memory(s, cells * sizeof *wide);
    float *narrow = v == FLOATS ? stage_memory(s, cells * sizeof *narrow) : NULL;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < d; j++) {
            const int64_t at = i * row_stride + j * col_stride;
            wide[at] = p->x[i * d + j];
            if (narrow)
                narrow[at] = (float)p->x[i * d + j];
        }
    hone_dataset *data = NULL;
    if (hone_dataset_dense(narrow ? (const void *)narrow : wide, narrow ? HONE_F32 : HONE_F64, n, d,
                           row_stride, col_stride, y, o, &data, error))
        return NULL;
    return stage_own(s, data);
}

static hone_dataset *sparse_of(stage *s, const problem *p, hone_vector y,
                               const hone_dataset_options *o, hone_error *error)
{
    const size_t cells = (size_t)(p->rows * p->cols);
    double *value = stage_memory(s, cells * sizeof *value);
    int32_t *column = stage_memory(s, cells * sizeof *column);
    int64_t *start = stage_memory(s, ((size_t)p->rows + 1) * sizeof *start);
    int64_t at = 0;
    for (int64_t i = 0; i < p->rows; i++) {
        for (int64_t j = 0; j < p->cols; j++)
            if (p->x[i * p->cols + j] != 0)
                column[at] = (int32_t)j, value[at++] = p->x[i * p->cols + j];
        start[i + 1] = at;
    }
    hone_dataset *data = NULL;
    if (hone_dataset_csr(value, HONE_F64, start, HONE_I64, column, HONE_I32, p->rows, p->cols, y, o,
                         &data, error))
        return NULL;
    return stage_own(s, data);
}

hone_dataset *dataset_with(stage *s, const problem *p, view v, hone_dataset_options o,
                           hone_error *error)
{
    o.size = sizeof o;
    o.task = p->task;
    if (p->weight)
        o.weight = (hone_vector){.values = p->weight, .dtype = HONE_F64};
    const hone_vector y = {.values = p->y, .dtype = HONE_F64};
    return v == SPARSE ? sparse_of(s, p, y, &o, error) : dense_of(s, p, v, y, &o, error);
}

hone_dataset *dataset_of(stage *s, const problem *p, view v)
{
    hone_error error = {0};
    hone_dataset *d = dataset_with(s, p, v, (hone_dataset_options){0}, &error);
    if (!d) {
        fprintf(stderr, "dataset: %s: %s\n", error.path, error.message);
        abort();
    }
    return d;
}
