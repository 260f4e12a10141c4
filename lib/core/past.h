/* What files say of earlier trainings: models, journals of searches, lines of results. */
#ifndef HONE_CORE_PAST_H
#define HONE_CORE_PAST_H

#include "base/arena.h"
#include "core/training.h"

/* One training as its record has it. Texts live in the arena of the reading. */
typedef struct hone_past {
    int64_t line;        /* of the file; 0: a model */
    const char *skipped; /* why it cannot be trained again; NULL: it can */
    const char *config;  /* JSON */
    const char *reading; /* how the table was read, JSON; NULL: not said */
    const char *status;  /* name of the status that it failed with; NULL: it has a loss */
    double loss;
    uint64_t seed, split_seed, data, valid;
    const char *build, *kernels; /* NULL: not said */
    bool warm;
    double cutoff;        /* NaN: none */
    hone_options options; /* what the record says; split_seed and cutoff are set when it is used */
} hone_past;

typedef struct hone_pasts {
    hone_past *past;
    int64_t count, room;
} hone_pasts;

/* Reads a file; `pasts->past` is freed with hone_free, after a failure too. */
hone_status hone_past_read(const char *file, hone_arena *arena, hone_pasts *pasts,
                           hone_error *error);

#endif
