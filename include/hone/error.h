/** hone/error.h - how a call says that it failed, and why. */
#ifndef HONE_ERROR_H
#define HONE_ERROR_H

#ifdef __cplusplus
#define HONE_BEGIN extern "C" {
#define HONE_END }
#else
#define HONE_BEGIN
#define HONE_END
#endif

#if defined(__GNUC__)
#define HONE_API __attribute__((visibility("default")))
#define HONE_PRINTF(text, first) __attribute__((format(printf, text, first)))
#define HONE_CHECKED __attribute__((warn_unused_result))
#else
#define HONE_API
#define HONE_PRINTF(text, first)
#define HONE_CHECKED
#endif

/* The only list of status codes: the enum, the names and the texts come from it. Append only. */
#define HONE_STATUS_LIST(X)                                                                        \
    X(OK, 0, "success")                                                                            \
    X(BAD_ARGUMENT, 1, "the call broke its contract")                                              \
    X(BAD_CONFIG, 2, "a hyperparameter is unknown, inactive or out of range")                      \
    X(BAD_DATA, 3, "the data has a wrong shape or a value that is not allowed")                    \
    X(UNSUPPORTED, 4, "this algorithm cannot do what was asked")                                   \
    X(NO_MEMORY, 5, "an allocation failed, or the memory cap was reached")                         \
    X(IO, 6, "a file could not be read or written")                                                \
    X(CORRUPT, 7, "a model file is damaged or of a newer version")                                 \
    X(STOPPED, 8, "the caller asked to stop")                                                      \
    X(INTERNAL, 9, "a bug in Hone")

typedef enum hone_status {
#define X(name, number, text) HONE_##name = number,
    HONE_STATUS_LIST(X)
#undef X
} hone_status;

/** What went wrong. Owned by the caller, usually on the stack; may be NULL everywhere. Written on
 * failure only. */
typedef struct hone_error {
    hone_status status;
    char path[96];     /**< where: "config.knn:n_neighbors", "data.x[3,7]", "model.state.mean" */
    char message[384]; /**< why, and what would be right; one sentence, no newline */
} hone_error;

HONE_BEGIN

/** Fills `error` when there is one and returns `status`, so that `return hone_fail(...)` reads
 * well. */
HONE_API HONE_PRINTF(4, 5) hone_status
    hone_fail(hone_error *error, hone_status status, const char *path, const char *format, ...);

/** Name ("BAD_CONFIG") of a status; never NULL, never freed. */
HONE_API const char *hone_status_name(hone_status status);

/** One sentence about a status; never NULL, never freed. */
HONE_API const char *hone_status_text(hone_status status);

HONE_END

/** Returns from the calling function when `call` did not succeed. For functions that own nothing.
 */
#define HONE_TRY(call)                                                                             \
    do {                                                                                           \
        const hone_status try_status = (call);                                                     \
        if (try_status != HONE_OK)                                                                 \
            return try_status;                                                                     \
    } while (0)

#endif
