#include "core/version.h"
#include "hone/hone.h"

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

#ifdef __aarch64__
#define MACHINE "aarch64"
#else
#define MACHINE "x86-64"
#endif

const char hone_build[] = HONE_VERSION ", " COMPILER ", " MACHINE;

const char *hone_version(void)
{
    return HONE_VERSION;
}
