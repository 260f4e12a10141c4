/* Quantiles by selection are those of sorting. */
#include <string.h>

#include "core/prep/columns.h"
#include "near.h"

/* Orders that are hard for selection: sorted both ways, organ pipes, ties, a comb, noise. */
static double hard_order(int order, int64_t i, int64_t n)
{
    const uint64_t noise = ((uint64_t)i + 1) * UINT64_C(0x9E3779B97F4A7C15);
    const double orders[] = {(double)i,
                             (double)-i,
                             (double)(i < n / 2 ? i : n - i),
                             3,
                             (double)(i % 2),
                             (double)(i % 8 * n + i / 8),
                             (double)(noise >> 11)};
    return orders[order];
}

static void selection_gives_the_quantiles_of_sorting(void **state)
{
    (void)state;
    enum { MOST = 20000 };
    static double values[MOST], sorted[MOST];
    static const double qs[] = {0, 0.25, 0.5, 0.75, 0.9, 1};
    for (int order = 0; order < 7; order++)
        for (int64_t n = 1; n < MOST; n = n < 60 ? n + 1 : n * 3 / 2)
            for (size_t k = 0; k < sizeof qs / sizeof *qs; k++) {
                for (int64_t i = 0; i < n; i++)
                    values[i] = sorted[i] = hard_order(order, i, n);
                hone_sort_values(sorted, n);
                const double q = hone_quantile_of(values, n, qs[k]);
                assert_near(q, hone_sorted_quantile(sorted, n, qs[k]), 0);
                hone_sort_values(values, n);
                assert_memory_equal(values, sorted, (size_t)n * sizeof *values);
            }
}

/* The order that hone_part_at likes least (McIlroy, 1999): values are made up while its rounds are
 * played on numbers of cells, so that each round's nine candidates are the least values yet. */
static void worst_order(double *value, int64_t n)
{
    enum { ROUNDS = 70 };
    int64_t at[4000], low = 0;
    double next = 0;
    for (int64_t i = 0; i < n; i++)
        at[i] = i, value[i] = INFINITY;
    for (int round = 0; round < ROUNDS; round++) {
        const int64_t step = (n - 1 - low) / 8;
        for (int c = 0; c < 9; c++)
            if (isinf(value[at[low + c * step]]))
                value[at[low + c * step]] = next++;
        double p[9];
        for (int c = 0; c < 9; c++)
            p[c] = value[at[low + c * step]];
        for (int c = 0; c < 9; c++) /* a median of medians: of few values, sorting will do */
            for (int k = c % 3 ? c : 9; k < 9 && k % 3; k--)
                if (p[k] < p[k - 1]) {
                    const double moved = p[k];
                    p[k] = p[k - 1], p[k - 1] = moved;
                }
        const double a = p[1], b = p[4], c = p[7];
        const double pivot = fmax(fmin(a, b), fmin(fmax(a, b), c));
        int64_t i = low, j = n - 1;
        while (i <= j) {
            while (value[at[i]] < pivot)
                i++;
            while (value[at[j]] > pivot)
                j--;
            if (i <= j) {
                const int64_t moved = at[i];
                at[i++] = at[j], at[j--] = moved;
            }
        }
        low = i;
    }
    for (int64_t i = 0; i < n; i++)
        if (isinf(value[i]))
            value[i] = next + (double)(i * 7919 % n);
}

static void the_worst_order_has_its_quantiles_too(void **state)
{
    (void)state;
    enum { MOST = 4000 };
    static double worst[MOST], values[MOST], sorted[MOST];
    for (int64_t n = 1500; n <= MOST; n += 500) {
        worst_order(worst, n);
        memcpy(sorted, worst, sizeof worst);
        hone_sort_values(sorted, n);
        for (int k = 0; k <= 20; k++) {
            memcpy(values, worst, sizeof worst);
            assert_near(hone_quantile_of(values, n, k / 20.0),
                        hone_sorted_quantile(sorted, n, k / 20.0), 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selection_gives_the_quantiles_of_sorting),
        cmocka_unit_test(the_worst_order_has_its_quantiles_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
