/* The record of a model: everything about it that is not bulk numbers, as one JSON object. */
#ifndef HONE_CORE_RECORD_H
#define HONE_CORE_RECORD_H

#include "core/model.h"

/* Writes the record of a model whose other members are set; `training` is embedded as it is. The
 * text lives in the model's memory. */
hone_status hone_record_write(hone_model *model, const char *training, hone_error *error);

#endif
