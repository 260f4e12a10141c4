/* Which kernels this CPU takes. */
#include "toolbox/isa.h"

static hone_isa best(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return HONE_ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return HONE_ISA_AVX2;
#endif
    return HONE_ISA_PORTABLE;
}

hone_status hone_isa_of(hone_isa wanted, hone_isa *isa, hone_error *error)
{
    *isa = best();
    if (wanted == HONE_ISA_AUTO)
        return HONE_OK;
    if (wanted < HONE_ISA_AUTO || wanted > *isa)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.isa",
                         "this CPU does not run instruction set %d; the best here is %d", wanted,
                         *isa);
    *isa = wanted;
    return HONE_OK;
}
