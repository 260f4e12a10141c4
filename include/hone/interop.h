/** hone/interop.h - models leave and enter: ONNX out, LIBSVM text both ways; files of them. */
#ifndef HONE_INTEROP_H
#define HONE_INTEROP_H

#include <stddef.h>

#include "hone/error.h"
#include "hone/model.h"

HONE_BEGIN

/** A model as an ONNX file in memory: IR 8, opset 17, ai.onnx.ml 3, no external data.
 *
 * Inputs are raw rows: `X` (double, rows x columns) when the columns have no names, else one input
 * of rows x 1 per column: numbers as double with NaN for missing, categories that were texts as
 * string with "" for missing. Preprocessing stands in the graph. Outputs: `label` and
 * `probabilities` (double, rows x classes), `scores` or `votes`; `prediction` when regressing; with
 * an underscore behind where a column has that name.
 *
 * @param bytes  freed with hone_text_free
 * @return HONE_UNSUPPORTED (path: what cannot be expressed, by name; or more than 2 GiB),
 *         HONE_NO_MEMORY
 *
 * Threads: any number of calls at once on one model.
 */
HONE_API hone_status hone_model_to_onnx(const hone_model *model, char **bytes, size_t *size,
                                        hone_error *error);

/** An svm model as LIBSVM's text format, numbers that read back as the same double.
 *
 * @param text  zero-terminated, freed with hone_text_free
 * @return HONE_UNSUPPORTED (path: another model, preprocessing, a kernel that LIBSVM has not, class
 *         names that are no integers, one class), HONE_NO_MEMORY
 */
HONE_API hone_status hone_model_to_libsvm(const hone_model *model, char **text, size_t *size,
                                          hone_error *error);

/** LIBSVM's text (C-SVC, nu-SVC, epsilon-SVR, nu-SVR) as a model. The text is not trusted.
 *
 * Classes ascend in the model; of classes with equal votes the first of the file wins, as in
 * LIBSVM. Index k of the file is column k - 1; support vectors are kept in float32.
 *
 * @param columns  of the rows to predict, memory grows with it; 0: the largest index of the file,
 *                 which then must not exceed its bytes (or 65536, where that is more)
 * @return HONE_CORRUPT (path: libsvm:<line>), HONE_UNSUPPORTED (one-class, precomputed, a value
 *         that svm does not take; path: libsvm:<line>), HONE_BAD_ARGUMENT, HONE_NO_MEMORY
 */
HONE_API hone_status hone_model_from_libsvm(const char *text, size_t size, int64_t columns,
                                            hone_model **model, hone_error *error);

/** Writes a file, durably and whole or not at all: at any time, also after a crash, the name holds
 * nothing, the old or the new content. What is there keeps its permissions; what a symbolic link
 * leads to is replaced, not the link. A device or a pipe is written to; where nobody reads a pipe,
 * the signal SIGPIPE ends a process that does not ignore it.
 *
 * @param bytes  `size` of them
 * @return HONE_IO (path: the file), HONE_NO_MEMORY
 */
HONE_API hone_status hone_file_save(const char *file, const void *bytes, size_t size,
                                    hone_error *error);

HONE_END

#endif
