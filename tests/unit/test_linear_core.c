/* The core of linear models: kernels against plain sums, derivatives against finite differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

#include "core/trial.h"
#include "dense.h"
#include "toolbox/linalg.h"
#include "toolbox/linear/columns.h"
#include "toolbox/linear/pass.h"
#include "toolbox/linear/sparse.h"
#include "toolbox/linear/tile.h"
#include "toolbox/random.h"

/* ---- kernels ---- */

enum { ROWS = 61, WIDE = 48, ODD = 43 };

static void near_to(double got, double want, double size, double within, const char *what)
{
    if (!(fabs(got - want) <= within * (size + 1)))
        fail_msg("%s: %.17g is not %.17g", what, got, want);
}

/* Sizes around every edge of the register blocks. */
#define PRODUCTS_AGREE(type, t, within)                                                            \
    static void products_agree_##t(hone_isa isa)                                                   \
    {                                                                                              \
        static type a[ROWS * WIDE], b[ROWS * WIDE], z[ROWS * WIDE], w[WIDE * WIDE];                \
        static double c[WIDE * WIDE];                                                              \
        hone_stream s = hone_stream_of(3, 1, 4);                                                   \
        for (int k = 0; k < ROWS * WIDE; k++)                                                      \
            a[k] = (type)(hone_uniform(&s) - 0.5), b[k] = (type)(hone_uniform(&s) - 0.5);          \
        for (int k = 0; k < WIDE * WIDE; k++)                                                      \
            w[k] = (type)(hone_uniform(&s) - 0.5);                                                 \
        for (int rows = 1; rows <= ROWS; rows += 15)                                               \
            for (int m = 1; m <= ODD; m += m < 9 ? 1 : 17)                                         \
                for (int n = 8; n <= WIDE; n += 8)                                                 \
                    for (int lower = 0; lower < 2; lower++) {                                      \
                        for (int k = 0; k < WIDE * WIDE; k++)                                      \
                            c[k] = k;                                                              \
                        HONE_PICK(isa, hone_tile_atb_##t)                                          \
                        (rows, m, a, WIDE, n, b, WIDE, c, WIDE, lower);                            \
                        for (int i = 0; i < m; i++)                                                \
                            for (int j = 0; j < n && (!lower || j <= i); j++) {                    \
                                double sum = i * WIDE + j;                                         \
                                for (int r = 0; r < rows; r++)                                     \
                                    sum += (double)a[r * WIDE + i] * (double)b[r * WIDE + j];      \
                                near_to(c[i * WIDE + j], sum, sum, within, "atb");                 \
                            }                                                                      \
                        HONE_PICK(isa, hone_tile_forward_##t)(rows, m, a, WIDE, n, w, z);          \
                        for (int r = 0; r < rows; r++)                                             \
                            for (int j = 0; j < n; j++) {                                          \
                                double sum = 0;                                                    \
                                for (int i = 0; i < m; i++)                                        \
                                    sum += (double)a[r * WIDE + i] * (double)w[i * n + j];         \
                                near_to((double)z[r * n + j], sum, 0, within, "forward");          \
                            }                                                                      \
                    }                                                                              \
        for (int rows = 1; rows <= ROWS; rows += 3)                                                \
            for (int d = 8; d <= WIDE; d += 8) {                                                   \
                for (int j = 0; j < d; j++)                                                        \
                    c[j] = j;                                                                      \
                HONE_PICK(isa, hone_tile_dot_##t)(rows, d, a, WIDE, w, z);                         \
                HONE_PICK(isa, hone_tile_back_##t)(rows, d, a, WIDE, b, c);                        \
                for (int r = 0; r < rows; r++) {                                                   \
                    double sum = 0;                                                                \
                    for (int j = 0; j < d; j++)                                                    \
                        sum += (double)a[r * WIDE + j] * (double)w[j];                             \
                    near_to((double)z[r], sum, 0, within, "dot");                                  \
                }                                                                                  \
                for (int j = 0; j < d; j++) {                                                      \
                    double sum = j;                                                                \
                    for (int r = 0; r < rows; r++)                                                 \
                        sum += (double)a[r * WIDE + j] * (double)b[r];                             \
                    near_to(c[j], sum, 0, within, "back");                                         \
                }                                                                                  \
                HONE_PICK(isa, hone_tile_scale_##t)(rows, d, a, WIDE, b, 3, z, WIDE);              \
                for (int r = 0; r < rows && r * 3 < ROWS * WIDE; r++)                              \
                    for (int j = 0; j < d; j++)                                                    \
                        near_to((double)z[r * WIDE + j],                                           \
                                (double)b[r * 3] * (double)a[r * WIDE + j], 0, within, "scale");   \
            }                                                                                      \
    }
PRODUCTS_AGREE(float, f32, 1e-5)
PRODUCTS_AGREE(double, f64, 1e-12)

static void losses_of(double z, double y, double *out)
{
    const double m = z * y, gap = 1 - m;
    out[0] = m > 0 ? log1p(exp(-m)) : -m + log1p(exp(m));
    out[1] = m > 0 ? -y * exp(-m) / (1 + exp(-m)) : -y / (1 + exp(m));
    out[2] = exp(-fabs(m)) / (1 + exp(-fabs(m))) / (1 + exp(-fabs(m)));
    out[3] = gap > 0 ? gap * gap : 0, out[4] = gap > 0 ? -2 * gap * y : 0, out[5] = gap > 0 ? 2 : 0;
    out[6] = (z - y) * (z - y) / 2, out[7] = z - y, out[8] = 1;
}

/* Margins from tiny to far beyond where exp overflows. */
#define LOSSES_AGREE(type, t, within)                                                              \
    static void losses_agree_##t(hone_isa isa)                                                     \
    {                                                                                              \
        typedef double loss(int64_t, const type *, const type *, const type *, type *, type *);    \
        loss *const all[] = {HONE_PICK(isa, hone_tile_logistic_##t),                               \
                             HONE_PICK(isa, hone_tile_hinge_##t),                                  \
                             HONE_PICK(isa, hone_tile_squared_##t)};                               \
        for (int l = 0; l < 3; l++)                                                                \
            for (int k = -60; k <= 60; k++) {                                                      \
                type z[8] = {0}, y[8] = {0}, s[8] = {0}, r[8], h[8];                               \
                double want[9];                                                                    \
                z[3] = (type)((k < 0 ? -1 : 1) * pow(1.3, abs(k) - 35));                           \
                y[3] = k % 2 ? 1 : -1, s[3] = (type)0.7;                                           \
                losses_of((double)z[3], (double)y[3], want);                                       \
                const double got = all[l](4, z, y, s, r, h), weight = (double)s[3];                \
                const double *const v = want + 3 * l;                                              \
                near_to(got, weight *v[0], fabs(v[0]), within, "loss");                            \
                near_to((double)r[3], weight *v[1], fabs(v[1]), within, "slope");                  \
                near_to((double)h[3], weight *v[2], fabs(v[2]), within, "curvature");              \
            }                                                                                      \
    }
LOSSES_AGREE(float, f32, 2e-6)
LOSSES_AGREE(double, f64, 2e-15)

#define SOFTMAX_AGREES(type, t, within)                                                            \
    static void softmax_agrees_##t(hone_isa isa)                                                   \
    {                                                                                              \
        hone_stream stream = hone_stream_of(5, 1, 4);                                              \
        for (int k = 2; k <= 40; k++) {                                                            \
            const int kp = (int)hone_lanes(k);                                                     \
            type z[40], r[40], s[1] = {(type)0.3};                                                 \
            double plain[40], sum = 0, top = -1e9;                                                 \
            const int32_t label[1] = {(int32_t)hone_below(&stream, (uint64_t)k)};                  \
            for (int l = 0; l < k; l++) {                                                          \
                z[l] = (type)((hone_uniform(&stream) - 0.5) * (k % 3 ? 6 : 600));                  \
                top = fmax(top, (double)z[l]);                                                     \
            }                                                                                      \
            for (int l = 0; l < k; l++)                                                            \
                sum += plain[l] = exp((double)z[l] - top);                                         \
            const double want = 0.3 * (log(sum) + top - (double)z[label[0]]);                      \
            const double got = HONE_PICK(isa, hone_tile_softmax_##t)(1, k, kp, z, label, s, r);    \
            near_to(got, want, want, within, "softmax loss");                                      \
            for (int l = 0; l < kp; l++) {                                                         \
                const double p = l < k ? plain[l] / sum : 0;                                       \
                near_to((double)z[l], p, 0, within, "probability");                                \
                near_to((double)r[l], 0.3 * (p - (l == label[0])), 0, within, "softmax slope");    \
            }                                                                                      \
            type bent[40];                                                                         \
            double mean = 0;                                                                       \
            for (int l = 0; l < kp; l++)                                                           \
                mean += (double)z[l] * (double)r[l];                                               \
            HONE_PICK(isa, hone_tile_bend_##t)(1, kp, z, s, r, bent);                              \
            for (int l = 0; l < kp; l++)                                                           \
                near_to((double)bent[l], 0.3 * (double)z[l] * ((double)r[l] - mean), 0, within,    \
                        "curvature times a vector");                                               \
        }                                                                                          \
    }
SOFTMAX_AGREES(float, f32, 1e-6)
SOFTMAX_AGREES(double, f64, 1e-14)

/* Predictions: up to 9 rows of margins, some far beyond where exp overflows. */
static void probabilities_agree(hone_isa isa)
{
    hone_stream s = hone_stream_of(6, 1, 4);
    for (int rows = 1; rows <= 9; rows++) {
        double z[9 * 8], margin[9 * 8], two[18];
        for (int i = 0; i < 9 * 8; i++)
            z[i] = margin[i] = (hone_uniform(&s) - 0.5) * (i % 3 ? 6 : 4000);
        HONE_PICK(isa, hone_tile_odds)(rows, z, two);
        for (int i = 0; i < rows; i++) {
            const double e = exp(-fabs(z[i])), most = 1 / (1 + e), least = e / (1 + e);
            near_to(two[2 * i + 1], z[i] > 0 ? most : least, 0, 2e-15, "odds");
            near_to(two[2 * i], z[i] > 0 ? least : most, 0, 2e-15, "odds against");
        }
        HONE_PICK(isa, hone_tile_likely)(rows, 5, 8, z);
        for (int i = 0; i < rows; i++) {
            double top = -1e9, sum = 0;
            for (int l = 0; l < 5; l++)
                top = fmax(top, margin[8 * i + l]);
            for (int l = 0; l < 5; l++)
                sum += exp(margin[8 * i + l] - top);
            for (int l = 0; l < 8; l++)
                near_to(z[8 * i + l], l < 5 ? exp(margin[8 * i + l] - top) / sum : 0, 0, 1e-14,
                        "probability alone");
        }
    }
}

/* Rows read as they lie, of floats or doubles, give the bits of a tile of the same numbers. */
static void rows_agree_with_tiles(hone_isa isa, bool floats)
{
    static float x[ROWS * ODD], taken[ROWS * WIDE], entered[ROWS * WIDE];
    static double wide[ROWS * WIDE], shift[WIDE], inverse[WIDE];
    static double x_f64[ROWS * ODD];
    const void *row[ROWS];
    hone_stream s = hone_stream_of(9, 1, 4);
    for (int d = 1; d <= ODD; d += d < 9 ? 1 : 17) {
        const int stride = (int)hone_lanes(d + 1);
        double a[4][WIDE] = {{0}}, b[4][WIDE] = {{0}};
        memset(wide, 0, sizeof wide);
        for (int i = 0; i < ROWS; i++) {
            const int at = (ROWS - 1 - i) * ODD;
            row[i] = floats ? (const void *)(x + at) : (const void *)(x_f64 + at);
            for (int j = 0; j < d; j++) {
                const double v = 5 * hone_uniform(&s);
                x[at + j] = (float)v, x_f64[at + j] = v;
                wide[i * stride + j] = floats ? (double)x[at + j] : v;
            }
        }
        memset(shift, 0, sizeof shift), memset(inverse, 0, sizeof inverse);
        for (int j = 0; j < d; j++)
            shift[j] = hone_uniform(&s), inverse[j] = 1 + hone_uniform(&s);
        HONE_PICK(isa, hone_tile_measure)(ROWS, stride, wide, shift, a[0], a[1], a[2], a[3]);
        HONE_PICK(isa, hone_tile_measure_rows)
        (floats, ROWS, d, row, shift, b[0], b[1], b[2], b[3]);
        for (int k = 0; k < 4; k++)
            assert_memory_equal(a[k], b[k], (size_t)d * sizeof(double));
        HONE_PICK(isa, hone_tile_enter_f32)(ROWS, stride, wide, shift, inverse, entered);
        HONE_PICK(isa, hone_tile_take)(floats, ROWS, d, row, shift, inverse, d + 1, taken, stride);
        for (int i = 0; i < ROWS; i++)
            entered[i * stride + d] = 1;
        assert_memory_equal(taken, entered, (size_t)(ROWS * stride) * sizeof(float));
    }
}

static void every_kernel_agrees_with_plain_sums(void **state)
{
    (void)state;
    for (hone_isa isa = HONE_ISA_PORTABLE; isa <= HONE_ISA_AVX512; isa++) {
        hone_isa got;
        if (hone_isa_of(isa, &got, NULL))
            continue;
        products_agree_f32(isa), products_agree_f64(isa);
        losses_agree_f32(isa), losses_agree_f64(isa);
        softmax_agrees_f32(isa), softmax_agrees_f64(isa);
        probabilities_agree(isa);
        rows_agree_with_tiles(isa, true), rows_agree_with_tiles(isa, false);
    }
}

/* ---- derivatives ---- */

enum { N = 300, D = 7, K = 3, LEVELS = 4, MOST = 128 };

typedef struct problem {
    hone_simple_run run;
    hone_arena *arena;
    hone_design design;
    hone_rows_loss rows;
    hone_fit_job job;
    int64_t all;
    double values[N * D], y[N], weight[N];
    int32_t label[N];
    int64_t row_start[N + 1];
    int32_t column[N * D];
} problem;

static const int32_t CODED[D] = {0, 0, LEVELS, 0, 0, LEVELS, 0};
static const int64_t FIRST[D + 1] = {0, 1, 2, 6, 7, 8, 12, 13};

/* Rarely another value than the first of these, for a dense column that becomes marks. */
static const double TWO[2] = {0, -3};

/* Rows of D columns: dense, dense with two one-hot columns, sparse, or dense with two columns of
 * two values. */
static void open_problem(problem *p, hone_loss loss, hone_layout layout, bool codes, bool two,
                         bool intercept)
{
    hone_stream s = hone_stream_of(11, loss, codes);
    memset(p, 0, sizeof *p);
    double total = 0;
    int64_t count = 0;
    for (int64_t i = 0; i < N; i++) {
        for (int64_t j = 0; j < D; j++) {
            const double v = 4 * hone_uniform(&s) + (double)j;
            if (layout == HONE_CSR) {
                if (hone_below(&s, 3) == 0)
                    p->values[count] = v, p->column[count++] = (int32_t)j;
            } else if (two && CODED[j]) {
                p->values[i * D + j] = TWO[hone_below(&s, 8) == 0] + (double)(j == 5);
            } else {
                p->values[i * D + j] =
                    codes && CODED[j] ? (double)hone_below(&s, LEVELS) : v * pow(10, (double)j - 3);
            }
        }
        p->row_start[i + 1] = count;
        p->label[i] = (int32_t)hone_below(&s, K);
        p->y[i] = loss == HONE_SQUARED ? 3 * hone_uniform(&s) : p->label[i] ? 1 : -1;
        total += p->weight[i] = 0.1 + hone_uniform(&s);
    }
    for (int64_t i = 0; i < N; i++)
        p->weight[i] /= total;
    const hone_run *run = hone_run_simple(&p->run, 2);
    p->arena = hone_arena_open(NULL);
    hone_matrix x = {.values = p->values,
                     .layout = layout,
                     .dtype = HONE_F64,
                     .rows = N,
                     .cols = codes ? FIRST[D] : D,
                     .stored_cols = D,
                     .row_stride = D,
                     .col_stride = 1,
                     .levels = codes ? CODED : NULL,
                     .first = codes ? FIRST : NULL,
                     .row_start = p->row_start,
                     .column = p->column};
    p->job = (hone_fit_job){.x = x, .run = run, .keep = p->arena, .scratch = p->arena};
    assert_int_equal(hone_design_build(&p->job, intercept, &p->design, NULL), HONE_OK);
    if (two) /* without an intercept a usual value that is not 0 stays a number */
        assert_int_equal(p->design.size - p->design.base, intercept ? 2 : 1);
    p->rows = (hone_rows_loss){.x = x,
                               .design = &p->design,
                               .loss = loss,
                               .outputs = loss == HONE_SOFTMAX ? K : 1,
                               .label = loss == HONE_SOFTMAX ? p->label : NULL,
                               .y = loss == HONE_SOFTMAX ? NULL : p->y,
                               .weight = p->weight,
                               .run = run};
    p->all = p->design.size * p->rows.outputs;
    assert_in_range(p->all, 1, MOST);
}

static void random_point(const problem *p, uint64_t seed, double *v)
{
    hone_stream s = hone_stream_of(seed, 8, 8);
    for (int64_t i = 0; i < p->all; i++)
        v[i] = hone_uniform(&s) - 0.5;
}

static hone_pass *pass_of(problem *p, hone_curvature most)
{
    hone_pass *pass = hone_pass_open(&p->rows, most, p->arena);
    assert_non_null(pass);
    return pass;
}

/* (f(v + e) - f(v - e)) / 2e of the loss, and of the gradient, against what a pass says. */
static void check_dense(problem *p)
{
    static double h[MOST * (MOST + 16)];
    double v[MOST], g[MOST], above[MOST], below[MOST], a, b, loss;
    hone_pass *pass = pass_of(p, HONE_FULL);
    const int64_t ld = hone_pass_stride(pass);
    random_point(p, 5, v);
    assert_int_equal(hone_pass_run(pass, v, true, HONE_FULL, &loss, g, h, NULL), HONE_OK);
    for (int64_t i = 0; i < p->all; i++) {
        const double step = 1e-5, at = v[i];
        v[i] = at + step;
        assert_int_equal(hone_pass_run(pass, v, true, HONE_SLOPE, &a, above, NULL, NULL), HONE_OK);
        v[i] = at - step;
        assert_int_equal(hone_pass_run(pass, v, true, HONE_SLOPE, &b, below, NULL, NULL), HONE_OK);
        v[i] = at;
        near_to(g[i], (a - b) / (2 * step), 0, 1e-9, "gradient");
        /* The slope of the squared hinge has kinks: rows within a step of one count half. */
        const double kinks = p->rows.loss == HONE_SQUARED_HINGE ? 2e-2 : 1e-8;
        for (int64_t j = 0; j <= i; j++)
            near_to(h[i * ld + j], (above[j] - below[j]) / (2 * step), 0, kinks, "Hessian");
    }
    double f32[MOST], loss_f32;
    assert_int_equal(hone_pass_run(pass, v, false, HONE_SLOPE, &loss_f32, f32, NULL, NULL),
                     HONE_OK);
    near_to(loss_f32, loss, loss, 1e-6, "loss in float");
    for (int64_t i = 0; i < p->all; i++)
        near_to(f32[i], g[i], 0, 1e-5, "gradient in float");
}

/* Products with the Hessian, and its blocks within outputs, against the whole Hessian. */
static void check_products(problem *p)
{
    static double h[MOST * (MOST + 16)], within[MOST * (MOST + 16)];
    double v[MOST], d[MOST], g[MOST], out[MOST], loss;
    random_point(p, 5, v), random_point(p, 6, d);
    hone_pass *full = pass_of(p, HONE_FULL), *kept = pass_of(p, HONE_WITHIN_OUTPUTS);
    assert_true(hone_pass_keep(kept, p->arena));
    assert_int_equal(hone_pass_run(full, v, true, HONE_FULL, &loss, g, h, NULL), HONE_OK);
    assert_int_equal(hone_pass_run(kept, v, true, HONE_WITHIN_OUTPUTS, &loss, out, within, NULL),
                     HONE_OK);
    const int64_t ld = hone_pass_stride(full), size = p->design.size;
    for (int64_t i = 0; i < p->all; i++)
        for (int64_t j = 0; j <= i % size; j++)
            near_to(within[i * hone_pass_stride(kept) + j], h[i * ld + i / size * size + j], 0,
                    1e-12, "block");
    assert_int_equal(hone_pass_product(kept, d, out, NULL), HONE_OK);
    for (int64_t i = 0; i < p->all; i++) {
        double sum = 0;
        for (int64_t j = 0; j < p->all; j++)
            sum += (j <= i ? h[i * ld + j] : h[j * ld + i]) * d[j];
        near_to(out[i], sum, 0, 1e-5, "product");
    }
}

static void check_sparse(problem *p)
{
    double v[MOST], d[MOST], g[MOST], above[MOST], below[MOST], out[MOST], want[MOST], a, b, loss;
    hone_columns columns = {0};
    assert_int_equal(hone_columns_build(&p->job, &p->design, &columns, NULL), HONE_OK);
    hone_sparse *sparse = hone_sparse_open(&p->rows, &columns, p->arena);
    assert_non_null(sparse);
    random_point(p, 5, v), random_point(p, 6, d);
    const double step = 1e-5;
    for (int sign = -1; sign <= 1; sign += 2) {
        for (int64_t i = 0; i < p->all; i++)
            out[i] = v[i] + sign * step * d[i];
        assert_int_equal(hone_sparse_slope(sparse, out, &a, sign < 0 ? below : above, NULL),
                         HONE_OK);
    }
    assert_int_equal(hone_sparse_slope(sparse, v, &loss, g, NULL), HONE_OK);
    assert_int_equal(hone_sparse_product(sparse, d, out, NULL), HONE_OK);
    for (int64_t i = 0; i < p->all; i++)
        near_to(out[i], (above[i] - below[i]) / (2 * step), 0,
                p->rows.loss == HONE_SQUARED_HINGE ? 2e-2 : 1e-8, "sparse product");
    for (int64_t i = 0; i < p->all; i++) {
        const double at = v[i];
        v[i] = at + step;
        assert_int_equal(hone_sparse_slope(sparse, v, &a, want, NULL), HONE_OK);
        v[i] = at - step;
        assert_int_equal(hone_sparse_slope(sparse, v, &b, want, NULL), HONE_OK);
        v[i] = at;
        near_to(g[i], (a - b) / (2 * step), 0, 1e-9, "sparse gradient");
    }
}

static void derivatives_are_limits_of_differences(void **state)
{
    (void)state;
    static problem p;
    for (hone_loss loss = HONE_LOGISTIC; loss <= HONE_SQUARED_HINGE; loss++)
        for (int kind = 0; kind < 8; kind++) {
            open_problem(&p, loss, kind / 2 == 2 ? HONE_CSR : HONE_DENSE, kind / 2 == 1,
                         kind / 2 == 3, kind % 2);
            check_dense(&p);
            check_products(&p);
            if (kind / 2 == 2)
                check_sparse(&p);
            hone_arena_close(p.arena);
        }
}

static void no_sample_without_its_share_of_weight(hone_rows_loss *rows, double *weight,
                                                  hone_arena *keep)
{
    for (int64_t i = 0; i < rows->x.rows; i++)
        weight[i] = i / HONE_TILE % 4 ? 1.0 / (double)rows->x.rows : 1e-9;
    rows->weight = weight;
    assert_int_equal(hone_pass_sample(hone_pass_open(rows, HONE_FULL, keep), rows->x.rows / 4), 0);
}

/* Loss and gradient are those of all rows. */
static void a_thin_hessian_is_that_of_the_sample(hone_rows_loss *rows, const double *weight,
                                                 const double *v, double loss, const double *g,
                                                 const double *h, hone_arena *keep)
{
    const int64_t size = rows->design->size;
    double got_loss, got_g[8], got_h[64];
    rows->weight = weight;
    hone_pass *pass = hone_pass_open(rows, HONE_FULL, keep);
    const int64_t ld = hone_pass_stride(pass);
    hone_pass_thin(pass, rows->x.rows / 4);
    assert_true(hone_pass_is_thin(pass));
    assert_int_equal(hone_pass_run(pass, v, true, HONE_FULL, &got_loss, got_g, got_h, NULL),
                     HONE_OK);
    assert_true(got_loss == loss);
    assert_memory_equal(got_g, g, (size_t)size * sizeof *g);
    for (int64_t i = 0; i < size; i++)
        for (int64_t j = 0; j <= i; j++)
            near_to(got_h[i * ld + j], h[i * ld + j], 0, 1e-14, "Hessian of some rows");
    hone_pass_thin(pass, 0);
    assert_false(hone_pass_is_thin(pass));
}

/* Tiles are 256 rows: with 12 of them in one chunk every fourth is the rows 0.., 1024.., 2048.. */
static void a_sample_is_the_mean_over_its_tiles(void **state)
{
    (void)state;
    enum { ALL = 12 * HONE_TILE, WIDTH = 3 };
    static double x[ALL * WIDTH], y[ALL], weight[ALL], part[ALL];
    static hone_fit_job job;
    hone_simple_run storage;
    hone_stream s = hone_stream_of(2, 3, 4);
    double share = 0;
    for (int64_t i = 0; i < ALL; i++) {
        for (int64_t j = 0; j < WIDTH; j++)
            x[i * WIDTH + j] = hone_uniform(&s);
        y[i] = hone_below(&s, 2) ? 1 : -1, weight[i] = (0.5 + hone_uniform(&s)) / ALL;
        share += part[i] = i / HONE_TILE % 4 ? 1e-300 : weight[i];
    }
    job = (hone_fit_job){.run = hone_run_simple(&storage, 2), .keep = hone_arena_open(NULL)};
    job.scratch = job.keep;
    job.x = dense_of(HONE_F64, x, ALL, WIDTH);
    hone_design design;
    assert_int_equal(hone_design_build(&job, true, &design, NULL), HONE_OK);
    hone_rows_loss rows = {.x = job.x,
                           .design = &design,
                           .loss = HONE_LOGISTIC,
                           .outputs = 1,
                           .y = y,
                           .weight = weight,
                           .run = job.run};
    const double v[WIDTH + 1] = {0.3, -0.2, 0.5, 0.1};
    double loss[3], g[3][WIDTH + 1], h[3][64];
    hone_pass *pass = hone_pass_open(&rows, HONE_FULL, job.keep);
    assert_int_equal(hone_pass_sample(pass, ALL / 2), 0);
    assert_int_equal(hone_pass_sample(pass, ALL / 4), ALL / 4);
    for (int k = 0; k < 3; k++) { /* the sample, all rows, only the rows of the sample */
        if (k == 2) {
            for (int64_t i = 0; i < ALL; i++)
                part[i] /= share;
            rows.weight = part;
            pass = hone_pass_open(&rows, HONE_FULL, job.keep);
            assert_int_equal(hone_pass_sample(pass, ALL / 4), ALL / 4);
            hone_pass_sample(pass, 0);
        }
        assert_int_equal(hone_pass_run(pass, v, true, HONE_FULL, &loss[k], g[k], h[k], NULL),
                         HONE_OK);
        hone_pass_sample(pass, 0);
    }
    const int64_t ld = hone_pass_stride(pass);
    assert_true(fabs(loss[0] - loss[1]) > 1e-6);
    near_to(loss[0], loss[2], 0, 1e-14, "loss");
    for (int64_t i = 0; i <= WIDTH; i++) {
        near_to(g[0][i], g[2][i], 0, 1e-14, "gradient");
        for (int64_t j = 0; j <= i; j++)
            near_to(h[0][i * ld + j], h[2][i * ld + j], 0, 1e-14, "Hessian");
    }
    a_thin_hessian_is_that_of_the_sample(&rows, weight, v, loss[1], g[1], h[0], job.keep);
    no_sample_without_its_share_of_weight(&rows, weight, job.keep);
    hone_arena_close(job.keep);
}

/* ---- factors at once ---- */

enum { CALLERS = 8, FACTORS = 20000, ORDER = 15 };

typedef struct caller {
    const hone_run *run;
    const double *a, *right;
    int wrong;
} caller;

static void *factor(void *context)
{
    caller *c = context;
    for (int k = 0; k < FACTORS; k++) {
        double l[ORDER * ORDER];
        int64_t pivot;
        hone_error error;
        memcpy(l, c->a, sizeof l);
        c->wrong += hone_cholesky(c->run, l, ORDER, &pivot, &error) != HONE_OK || pivot >= 0 ||
                    memcmp(l, c->right, sizeof l) != 0;
    }
    return NULL;
}

/* Threads of a host that train at the same time: OpenBLAS itself gives some of them wrong sums. */
static void factors_at_once_are_those_alone(void **state)
{
    (void)state;
    double a[ORDER * ORDER], right[ORDER * ORDER];
    for (int i = 0; i < ORDER; i++)
        for (int j = 0; j < ORDER; j++)
            a[i * ORDER + j] = (i == j) * ORDER + 1.0 / (1 + i + j);
    const hone_run run = {.threads = 1};
    int64_t pivot;
    hone_error error;
    memcpy(right, a, sizeof a);
    assert_int_equal(hone_cholesky(&run, right, ORDER, &pivot, &error), HONE_OK);
    pthread_t thread[CALLERS];
    caller c[CALLERS];
    for (int k = 0; k < CALLERS; k++) {
        c[k] = (caller){&run, a, right, 0};
        assert_int_equal(pthread_create(&thread[k], NULL, factor, &c[k]), 0);
    }
    for (int k = 0; k < CALLERS; k++)
        pthread_join(thread[k], NULL);
    for (int k = 0; k < CALLERS; k++)
        assert_int_equal(c[k].wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_agrees_with_plain_sums),
        cmocka_unit_test(a_sample_is_the_mean_over_its_tiles),
        cmocka_unit_test(derivatives_are_limits_of_differences),
        cmocka_unit_test(factors_at_once_are_those_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
