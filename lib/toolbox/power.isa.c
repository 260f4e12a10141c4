#include "toolbox/power.h"

#if defined(HONE_HAVE_AVX512)
typedef float vector __attribute__((vector_size(64)));
typedef int32_t integer __attribute__((vector_size(64)));
typedef uint32_t natural __attribute__((vector_size(64)));
#elif defined(HONE_HAVE_AVX2)
typedef float vector __attribute__((vector_size(32)));
typedef int32_t integer __attribute__((vector_size(32)));
typedef uint32_t natural __attribute__((vector_size(32)));
#else
typedef float vector;
typedef int32_t integer;
typedef uint32_t natural;
#endif

#include "toolbox/power.inc.h"

void HONE_KERNEL(hone_power_kernel)(float *x, int64_t n, const hone_power *power)
{
    for (int64_t i = 0; i < n; i += (int64_t)(sizeof(vector) / sizeof *x)) {
        vector v;
        memcpy(&v, x + i, sizeof v);
        v = hone_raised(v, power);
        memcpy(x + i, &v, sizeof v);
    }
}
