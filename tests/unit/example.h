/* Tables of examples/data, for tests that look at real data. Include after cmocka.h. */
#ifndef HONE_TEST_EXAMPLE_H
#define HONE_TEST_EXAMPLE_H

#include <stdio.h>
#include <stdlib.h>

#include "hone/hone.h"

static inline hone_dataset *example_table(const char *name, const char *target, hone_task task)
{
    char file[512];
    const hone_read_options options = {.size = sizeof options,
                                       .target = target,
                                       .dataset = {.size = sizeof options.dataset, .task = task}};
    hone_dataset *d = NULL;
    hone_error error;
    snprintf(file, sizeof file, "%s/../../examples/data/%s.csv.gz", getenv("HONE_TEST_DATA"), name);
    if (hone_dataset_read(file, &options, &d, &error))
        fail_msg("%s: %s", error.path, error.message);
    return d;
}

#endif
