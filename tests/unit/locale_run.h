/* Runs a whole test program in the locale that HONE_TEST_LOCALE names: nothing may change. */
#ifndef TESTS_LOCALE_RUN_H
#define TESTS_LOCALE_RUN_H

#include <locale.h>
#include <stdbool.h>
#include <stdlib.h>

/* False: the locale is not there, and the run is to be skipped. */
static inline bool locale_run(void)
{
    const char *name = getenv("HONE_TEST_LOCALE");
    return !name || setlocale(LC_ALL, name) != NULL;
}

enum { SKIPPED = 77 };

#endif
