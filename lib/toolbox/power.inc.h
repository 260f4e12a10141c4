/* hone_raised: power.h for one `vector` of floats, of which `integer` has the lanes as int32_t and
 * `natural` as uint32_t. */

typedef union power_lanes {
    vector v;
    integer i;
} power_lanes;

/* Added to an integer below 2^22 in size it makes the bits of 1.5 * 2^23 plus that integer. */
#define POWER_BITS 0x4b400000
#define POWER_SHIFT 12582912.0f

/* Polynomials of Cephes (Moshier): log(1 + t) for 1 + t between the roots of 1/2 and 2, and 2^r for
 * |r| <= 1/2. */
static inline __attribute__((always_inline)) vector power_log2(vector t)
{
    vector y = t * 7.0376836292e-2f - 1.1514610310e-1f;
    y = y * t + 1.1676998740e-1f;
    y = y * t - 1.2420140846e-1f;
    y = y * t + 1.4249322787e-1f;
    y = y * t - 1.6668057665e-1f;
    y = y * t + 2.0000714765e-1f;
    y = y * t - 2.4999993993e-1f;
    y = y * t + 3.3333331174e-1f;
    const vector square = t * t;
    return (t + (y * t * square - square * 0.5f)) * 1.44269504f;
}

static inline __attribute__((always_inline)) vector power_exp2(vector r)
{
    vector y = r * 1.535336188319500e-4f + 1.339887440266574e-3f;
    y = y * r + 9.618437357674640e-3f;
    y = y * r + 5.550332471162809e-2f;
    y = y * r + 2.402264791363012e-1f;
    y = y * r + 6.931472028550421e-1f;
    return y * r + 1.0f;
}

static inline __attribute__((always_inline)) vector hone_raised(vector x, const hone_power *p)
{
    power_lanes at = {.v = x};
    const integer above = at.i - 0x3f3504f3; /* the bits of the root of 1/2 */
    power_lanes exponent = {.i = (above >> 23) + (POWER_BITS - p->before)};
    at.i -= above & -0x800000;
    exponent.v -= POWER_SHIFT;
    const vector large = exponent.v * p->head; /* exact */
    const vector small = power_log2(at.v - 1.0f) * p->whole + exponent.v * p->tail;
    power_lanes whole = {.v = (large + small) + POWER_SHIFT};
    const vector part = power_exp2((large - (whole.v - POWER_SHIFT)) + small);
    integer up = whole.i + (125 - POWER_BITS + p->after); /* above the least exponent */
    up &= ~(up >> 31);
    whole.i = (integer)((natural)(up + 2) * 0x800000u); /* beyond 2^127 it is anything */
    return part * whole.v;
}
