/* The record of a model: everything about it that is not bulk numbers, as one JSON object. */
#ifndef HONE_CORE_RECORD_H
#define HONE_CORE_RECORD_H

#include "core/model.h"

/* Writes the record of a model whose other members are set; `training` is embedded as it is. The
 * text lives in the model's memory. */
hone_status hone_record_write(hone_model *model, const char *training, hone_error *error);

/* Fills a model from the text of its record, but for what the state sections hold: pipeline.state
 * and `fitted`.
 *
 * @param more      modules besides the catalog
 * @param resolved  algorithm, params and preprocessing; lives in the model's memory
 * @param seed      of the fit
 * @return HONE_CORRUPT path <path>:record...; HONE_UNSUPPORTED: a module that is not in this build;
 *         HONE_NO_MEMORY: more than `most` bytes would be needed, before they are asked for */
hone_status hone_record_read(hone_model *model, const char *text, size_t length,
                             const hone_algorithm *const *more, int64_t most, const char *path,
                             hone_resolved *resolved, uint64_t *seed, hone_error *error);

/* Whether a text of JSON is one object; the same limits. */
hone_status hone_record_check(const char *text, size_t length, int64_t most, const char *path,
                              hone_error *error);

#endif
