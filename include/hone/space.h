/** hone/space.h - the search space and the reference, both from the tables. */
#ifndef HONE_SPACE_H
#define HONE_SPACE_H

#include "hone/config.h"
#include "hone/dataset.h"
#include "hone/error.h"

struct hone_algorithm;

/** {.size = sizeof(hone_space_options)} is the default. */
typedef struct hone_space_options {
    size_t size;
    hone_task task;              /**< needed without a dataset */
    const hone_dataset *dataset; /**< leaves out what does not apply to it */
    const char *const *models;   /**< NULL-terminated; NULL: all of the catalog */
    const struct hone_algorithm *const *algorithms; /**< NULL-terminated, besides the built-in */
    bool no_preprocessing;                          /**< without prep: */
} hone_space_options;

HONE_BEGIN

/** The space as ConfigSpace JSON (format_version 0.4); freed with hone_text_free. */
HONE_API hone_status hone_space_json(const hone_space_options *options, char **json,
                                     hone_error *error);

/** Sample `number` of the space under `seed`: the same configuration for the same arguments. */
HONE_API hone_status hone_space_sample(const hone_space_options *options, uint64_t seed,
                                       uint64_t number, hone_config **config, hone_error *error);

/** Whether a configuration lies in the space (tuned ranges, active keys only). */
HONE_API hone_status hone_space_check(const hone_space_options *options, const hone_config *config,
                                      hone_error *error);

/** Every model and hyperparameter, range, default, condition and help as JSON: the source of help
 * texts, reference page and Python classes. `algorithms`: as in the options of a space; NULL: the
 * built-in alone. Freed with hone_text_free. */
HONE_API hone_status hone_reference_json(const struct hone_algorithm *const *algorithms,
                                         char **json, hone_error *error);

/** Checks the tables of a module: names, offsets inside the structs, defaults inside ranges, order
 * of conditions, rules of state arrays. */
HONE_API hone_status hone_algorithm_check(const struct hone_algorithm *algorithm,
                                          hone_error *error);

HONE_END

#endif
