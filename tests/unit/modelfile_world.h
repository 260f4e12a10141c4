/* Bytes of model files in tests. */
#ifndef HONE_TESTS_MODELFILE_WORLD_H
#define HONE_TESTS_MODELFILE_WORLD_H

#include "toy.h"

typedef struct bytes {
    char *at;
    size_t size;
} bytes;

bytes bytes_of(const hone_model *m);
/* Module k under a task on data of a kind; NULL: not possible. */
hone_model *model_of(int k, hone_task task, int kind, hone_dataset **d);
/* Every toy under both tasks on data of three kinds. */
void for_all_models(void (*body)(const hone_model *m, hone_dataset *d));
/* The model of bytes that must be one. */
hone_model *loaded(bytes b);

#endif
