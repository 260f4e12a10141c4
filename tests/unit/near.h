/* cmocka with its prerequisites, and the comparison of doubles that it lacks. */
#ifndef HONE_TESTS_NEAR_H
#define HONE_TESTS_NEAR_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* |a - b| <= tolerance; equal infinities are near. */
#define assert_near(a, b, tolerance)                                                               \
    do {                                                                                           \
        const double near_a = (a), near_b = (b), near_t = (tolerance);                             \
        if (!(near_a == near_b || fabs(near_a - near_b) <= near_t))                                \
            fail_msg("%s is %.17g, expected %.17g +- %g", #a, near_a, near_b, near_t);             \
    } while (0)

#endif
