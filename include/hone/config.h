/** hone/config.h - a configuration: the model's name and its hyperparameters. */
#ifndef HONE_CONFIG_H
#define HONE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hone/data.h"
#include "hone/error.h"

typedef struct hone_config hone_config;
struct hone_algorithm;

HONE_BEGIN

/** A configuration without keys; every hyperparameter has its default.
 *
 * @return HONE_NO_MEMORY
 */
HONE_API hone_status hone_config_new(hone_config **config, hone_error *error);

/** Adds a module of the program's own to what this configuration may name: it is looked up before
 * the built-in ones. `algorithm` must outlive the configuration and every model made with it.
 *
 * @return HONE_UNSUPPORTED  it was built against another version, or a table of it is broken
 *                           (path: algorithm.<name>:<row>)
 */
HONE_API hone_status hone_config_use(hone_config *config, const struct hone_algorithm *algorithm,
                                     hone_error *error);

/** Sets keys from a JSON object: {"model": "svm", "svm:C": 10, "kernel": "rbf"}.
 *
 * @param text    `length` bytes of UTF-8; duplicates, more than 4,096 keys, nesting, NaN and text
 *                above 1 MiB are refused
 * @return HONE_BAD_CONFIG  path: config, config:<line>:<column> or config.<key>; the configuration
 *                          is unchanged
 *
 * Rules: `<model>:<name>` or plain `<name>` when the chosen model has it, not both; `prep:<name>`
 * for preprocessing. A key of another model is inactive. A key that no model knows is refused with
 * the nearest known one. 10.0 is an integer, 10.5 is not; true, "true" and "True" are booleans;
 * null means the word "none" where there is one.
 */
HONE_API hone_status hone_config_parse(hone_config *config, const char *text, size_t length,
                                       hone_error *error);

/** Sets one key; the last value counts. Text is taken by the row's kind ("10" is a number). */
HONE_API hone_status hone_config_set_text(hone_config *config, const char *key, const char *value,
                                          hone_error *error);
HONE_API hone_status hone_config_set_integer(hone_config *config, const char *key, int64_t value,
                                             hone_error *error);
HONE_API hone_status hone_config_set_real(hone_config *config, const char *key, double value,
                                          hone_error *error);
HONE_API hone_status hone_config_set_bool(hone_config *config, const char *key, bool value,
                                          hone_error *error);
HONE_API hone_status hone_config_set_none(hone_config *config, const char *key, hone_error *error);

/** Canonical JSON for a task: sorted keys, defaults filled in, inactive ones left out.
 *
 * @param text    receives a string that the caller frees with hone_text_free
 * @return HONE_BAD_CONFIG  no model, a conflict between two keys, a value that is not legal for
 *                          this task
 */
HONE_API hone_status hone_config_json(const hone_config *config, hone_task task, char **text,
                                      hone_error *error);

/** A hash of the canonical JSON (64 bits). */
HONE_API hone_status hone_config_hash(const hone_config *config, hone_task task, uint64_t *hash,
                                      hone_error *error);

/** The only task that the configuration's model and a metric fit (NULL: its default): what decides
 * for a target that could be either. 0: both tasks fit, or none, or there is no such model or
 * metric. */
HONE_API hone_task hone_config_task(const hone_config *config, const char *metric);

HONE_API hone_status hone_config_copy(const hone_config *config, hone_config **copy,
                                      hone_error *error);
HONE_API void hone_config_free(hone_config *config);

/** Frees a string that Hone handed out. */
HONE_API void hone_text_free(char *text);

HONE_END

#endif
