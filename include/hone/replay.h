/** hone/replay.h - trains again what a file says was trained, and compares. */
#ifndef HONE_REPLAY_H
#define HONE_REPLAY_H

#include <stddef.h>
#include <stdint.h>

#include "hone/train.h"

struct hone_algorithm;

typedef enum hone_verdict {
    HONE_REPLAY_SAME = 1,  /**< the loss has the same bits, or it fails as it did */
    HONE_REPLAY_CLOSE,     /**< a warm start: within the tolerance of a cold one */
    HONE_REPLAY_DIFFERENT, /**< `differs` says what is not as it was, if anything is */
    HONE_REPLAY_SKIPPED    /**< cannot be trained again; `differs` says why */
} hone_verdict;

/** One record of the file and what became of it. */
typedef struct hone_replay_record {
    int64_t line; /**< of the file; 0: the file is a model */
    hone_verdict verdict;
    double recorded, loss; /**< NaN: none */
    const char *differs;   /**< data, build or kernels that are not those of the record; "" */
} hone_replay_record;

/** {.size = sizeof(hone_replay_options)} is the default; 0 and NULL always mean "not given". */
typedef struct hone_replay_options {
    size_t size;
    double tolerance; /**< of a warm start, relative to the loss, at least 1; 0: 1e-3 */
    const struct hone_algorithm *const *algorithms; /**< NULL-terminated, besides the built-in */
    int threads;
    const int32_t *cancel;
    bool (*poll)(void *context);
    void (*record)(void *context, const hone_replay_record *record); /**< on the calling thread */
    void *context;
    /** Before the first training: `what` is not as it was for the records of lines first .. last
     * (0: the file is a model) that are to be trained; once for each stretch that differs alike. */
    void (*differs)(void *context, int64_t first, int64_t last, const char *what);
} hone_replay_options;

typedef struct hone_replayed {
    size_t size;
    int64_t same, close, different, skipped;
} hone_replayed;

HONE_BEGIN

/** Reads a table as it was read for the trainings that a file records: what `options` leave open
 * (target, weight, categorical columns, columns to drop, tokens of missing cells, delimiter, task,
 * ...) is as the file says, where a table was read from a file then.
 *
 * @param file     a model file, a journal of hone_tune, or a file of results
 * @param table    the name of the table's file
 * @param options  may be NULL; what is given there wins
 * @param dataset  freed by the caller
 * @return as hone_dataset_read; HONE_IO, HONE_CORRUPT (path: the file and line);
 *         HONE_BAD_ARGUMENT path options.target: neither says what the target is
 */
HONE_API hone_status hone_replay_read(const char *file, const char *table,
                                      const hone_read_options *options, hone_dataset **dataset,
                                      hone_error *error);

/** Replays a model file, a journal of hone_tune, or a file of results (hone_result_json, one a
 * line): each configuration is trained again on `dataset` with the options of its record. A record
 * that ended by a deadline, cancel or memory, or in a race, cannot be replayed and is skipped; so
 * is one whose validation rows are not in the record.
 *
 * @param dataset   the table of the record, with its validation rows if it had them
 * @param options   may be NULL
 * @param replayed  `size` set by the caller
 * @return HONE_IO, HONE_CORRUPT (path: the file and line), HONE_STOPPED, HONE_NO_MEMORY
 *
 * Cost: that of the trainings; they share what the dataset remembers.
 */
HONE_API hone_status hone_replay(const char *file, hone_dataset *dataset,
                                 const hone_replay_options *options, hone_replayed *replayed,
                                 hone_error *error);

HONE_END

#endif
