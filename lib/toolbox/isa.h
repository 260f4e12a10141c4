/* Kernels for several instruction sets from one body.
 *
 * A file `x.isa.c` is compiled once per set with HONE_ISA_SUFFIX defined; its functions are named
 * HONE_KERNEL(name). The caller picks with HONE_PICK(run->isa, name), which names all of them.
 * Kernels may use GCC vector types and intrinsics under HONE_HAVE_AVX2 / HONE_HAVE_AVX512; the
 * portable body is the reference and the test oracle.
 */
#ifndef HONE_TOOLBOX_ISA_H
#define HONE_TOOLBOX_ISA_H

#include "hone/algorithm.h"
#include "hone/train.h"

#define HONE_GLUE_(a, b) a##_##b
#define HONE_GLUE(a, b) HONE_GLUE_(a, b)
#ifdef HONE_ISA_SUFFIX
#define HONE_KERNEL(name) HONE_GLUE(name, HONE_ISA_SUFFIX)
#endif

#if defined(__x86_64__)
#define HONE_PICK(isa, name)                                                                       \
    ((isa) == HONE_ISA_AVX512 ? name##_avx512                                                      \
     : (isa) == HONE_ISA_AVX2 ? name##_avx2                                                        \
                              : name##_portable)
/* Declares `name` for every set: HONE_DECLARE(void, hone_exp, (float *x, int64_t n)) */
#define HONE_DECLARE(type, name, arguments)                                                        \
    type name##_portable arguments;                                                                \
    type name##_avx2 arguments;                                                                    \
    type name##_avx512 arguments
#else
#define HONE_PICK(isa, name) ((void)(isa), name##_portable)
#define HONE_DECLARE(type, name, arguments) type name##_portable arguments
#endif

/* The set of this run, for modules. */
hone_isa hone_run_isa(const hone_run *run);

/* `wanted`, or the best of this CPU when HONE_ISA_AUTO; BAD_ARGUMENT when the CPU lacks it. */
hone_status hone_isa_of(hone_isa wanted, hone_isa *isa, hone_error *error);

#endif
