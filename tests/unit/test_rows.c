/* Products with dense rows and the look for cells that are no numbers, against plain loops. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "tests/unit/near.h"
#include "toolbox/random.h"
#include "toolbox/rows.h"

enum { ROWS = 11, COLS = 40, STRIDE = 43 };

static float F[ROWS * STRIDE];
static double D[ROWS * STRIDE], W[COLS];

static hone_isa best_isa(void)
{
    hone_isa best;
    assert_int_equal(hone_isa_of(HONE_ISA_AUTO, &best, NULL), HONE_OK);
    return best;
}

static hone_matrix table(hone_dtype dtype, int64_t cols, const int64_t *row)
{
    return (hone_matrix){.values = dtype == HONE_F64 ? (const void *)D : F,
                         .dtype = dtype,
                         .rows = ROWS,
                         .cols = cols,
                         .stored_cols = cols,
                         .row_stride = STRIDE,
                         .col_stride = 1,
                         .row = row};
}

static void draw(void)
{
    hone_stream s = hone_stream_of(3, 2, 1);
    for (int i = 0; i < ROWS * STRIDE; i++)
        D[i] = (double)(F[i] = (float)(hone_uniform(&s) * (i % 3 ? 1 : 1e6)));
    for (int j = 0; j < COLS; j++)
        W[j] = hone_uniform(&s) - 0.5;
}

static void rows_times_a_vector_have_the_bits_of_one_row_on_every_path(void **state)
{
    (void)state;
    static const int64_t order[ROWS] = {4, 0, 4, 10, 9, 8, 3, 2, 1, 5, 7};
    draw();
    for (int isa = HONE_ISA_PORTABLE; isa <= (int)best_isa(); isa++)
        for (int k = 0; k < 4; k++)
            for (int64_t cols = 1; cols <= COLS; cols++) {
                const hone_matrix x =
                    table(k & 1 ? HONE_F32 : HONE_F64, cols, k & 2 ? order : NULL);
                double out[3 * ROWS];
                hone_rows_dot((hone_isa)isa, &x, 1, ROWS - 1, W, out, 3);
                for (int64_t i = 1; i < ROWS; i++) {
                    double sum = 0, size = 0;
                    for (int64_t j = 0; j < cols; j++) {
                        const double term = D[(k & 2 ? order[i] : i) * STRIDE + j] * W[j];
                        sum += term, size += fabs(term);
                    }
                    assert_true(out[3 * (i - 1)] == hone_row_dot(&x, i, W));
                    assert_true(fabs(out[3 * (i - 1)] - sum) <= 1e-14 * size);
                }
            }
}

static void one_cell_that_is_no_number_is_found_wherever_it_lies(void **state)
{
    (void)state;
    static const double odd[] = {NAN, INFINITY, -INFINITY};
    for (int isa = HONE_ISA_PORTABLE; isa <= (int)best_isa(); isa++)
        for (int k = 0; k < 4; k++) {
            draw();
            const int64_t cols = 19, step = 1 + (k >> 1);
            hone_matrix x = table(k & 1 ? HONE_F32 : HONE_F64, cols, NULL);
            x.col_stride = step;
            F[2] = FLT_MAX, D[2] = DBL_MAX, F[STRIDE] = FLT_MIN / 4, D[STRIDE] = DBL_MIN / 4;
            assert_true(hone_rows_finite((hone_isa)isa, &x));
            for (int64_t c = 0; c < ROWS * cols; c++) {
                const int64_t at = c / cols * STRIDE + c % cols * step;
                const float f = F[at];
                const double d = D[at];
                F[at] = (float)(D[at] = odd[c % 3]);
                assert_false(hone_rows_finite((hone_isa)isa, &x));
                F[at] = f, D[at] = d;
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_times_a_vector_have_the_bits_of_one_row_on_every_path),
        cmocka_unit_test(one_cell_that_is_no_number_is_found_wherever_it_lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
