/* Powers in float against those in double, on every instruction set of this CPU. */
#include <float.h>
#include <string.h>

#include "tests/unit/near.h"
#include "toolbox/power.h"
#include "toolbox/random.h"

enum { N = 1 << 14 };

static const double powers[] = {0.05, 1 / 3.0, 0.7, 1, 1.0001, 1.5, 2.45, 3, 4, 7.7, 20};
enum { POWERS = sizeof powers / sizeof *powers };

static hone_isa best_isa(void)
{
    hone_isa best;
    assert_int_equal(hone_isa_of(HONE_ISA_AUTO, &best, NULL), HONE_OK);
    return best;
}

/* Of all sizes, with whole powers of two and their neighbours. */
static void draw(float *x, hone_stream *s)
{
    for (int i = 0; i < N; i++) {
        const double exponent = floor(hone_uniform(s) * 240) - 125;
        x[i] = (float)ldexp(1 + (i % 4 ? hone_uniform(s) : 0), (int)exponent);
        if (i % 8 == 4)
            x[i] = nextafterf(x[i], i % 16 == 4 ? 0 : INFINITY);
    }
}

static void powers_are_off_by_a_few_roundings_of_themselves(void **state)
{
    (void)state;
    static float x[N], y[N];
    hone_stream s = hone_stream_of(1, 2, 3);
    draw(x, &s);
    for (int isa = HONE_ISA_PORTABLE; isa <= (int)best_isa(); isa++)
        for (int j = 0; j < 3 * POWERS; j++) {
            const double p = powers[j / 3], most = (2 * p + 4) * 0x1p-24;
            const int before = j % 3 == 1 ? 32 : 0, after = j % 3 == 2 ? 32 : 0;
            const hone_power power = hone_power_of(p, before, after);
            int64_t judged = 0;
            memcpy(y, x, sizeof y);
            HONE_PICK((hone_isa)isa, hone_power_kernel)(y, N, &power);
            for (int i = 0; i < N; i++) {
                const double want = ldexp(pow(ldexp((double)x[i], -before), p), after);
                if (want < 0x1p-124 || want > 0x1p126)
                    continue;
                judged++;
                if (fabs((double)y[i] - want) > most * want)
                    fail_msg("isa %d: %a^%g is %a, expected %a", isa, (double)x[i], p, (double)y[i],
                             want);
            }
            assert_true(judged > N / 32);
        }
}

static void what_is_too_small_counts_as_the_least(void **state)
{
    (void)state;
    const float small[16] = {0, FLT_TRUE_MIN, 0x1p-140f, 0x1p-127f, 0x1p-126f, 0x1p-100f, 0x1p-60f};
    for (int isa = HONE_ISA_PORTABLE; isa <= (int)best_isa(); isa++)
        for (int j = 0; j < POWERS; j++) {
            const hone_power power = hone_power_of(powers[j], 0, 0);
            float y[16];
            memcpy(y, small, sizeof y);
            HONE_PICK((hone_isa)isa, hone_power_kernel)(y, 16, &power);
            for (int i = 0; i < 16; i++) {
                const double least = fmax(pow((double)small[i], powers[j]), 0x1p-126);
                const double most = pow(fmax((double)small[i], 0x1p-126), powers[j]);
                assert_true((double)y[i] >= fmin(least, 0x1p-126));
                assert_true((double)y[i] <= 1.00001 * fmax(most, 0x1p-124));
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(powers_are_off_by_a_few_roundings_of_themselves),
        cmocka_unit_test(what_is_too_small_counts_as_the_least),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
