/* Configurations and trainings that must succeed. Include after cmocka.h. */
#ifndef HONE_TESTS_CALL_H
#define HONE_TESTS_CALL_H

#include <string.h>

#include "hone/hone.h"

/* `modules`: besides the built-in ones, NULL-terminated; or NULL. */
static inline hone_config *config_with(const struct hone_algorithm *const *modules,
                                       const char *json)
{
    hone_config *c = NULL;
    hone_error error = {0};
    hone_status status = hone_config_new(&c, &error);
    for (int i = 0; !status && modules && modules[i]; i++)
        status = hone_config_use(c, modules[i], &error);
    if (status || hone_config_parse(c, json, strlen(json), &error))
        fail_msg("%s: %s", error.path, error.message);
    return c;
}

/* Takes the configuration. */
static inline hone_result *train_well(hone_dataset *d, hone_config *c, uint64_t seed,
                                      const hone_options *options)
{
    hone_result *r = NULL;
    hone_error error = {0};
    if (hone_train_full(c, d, seed, options, &r, &error))
        fail_msg("%s: %s", error.path, error.message);
    hone_config_free(c);
    return r;
}

#endif
