/* Bytes as a file, through hone_dataset_read. */
#ifndef HONE_FUZZ_READ_H
#define HONE_FUZZ_READ_H

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hone/hone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads `size` bytes with one thread and with three: both are refused alike or give one table. */
static void fuzz_read(const uint8_t *data, size_t size, hone_read_options options)
{
    char path[64];
    const int file = memfd_create("input", MFD_CLOEXEC);
    if (file < 0 || write(file, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    options.size = sizeof options;
    options.max_bytes = INT64_C(256) << 20;
    uint64_t fingerprint[2] = {0};
    hone_error error[2] = {0};
    for (int k = 0; k < 2; k++) {
        hone_dataset *d = NULL;
        char *json = NULL;
        options.dataset.threads = k ? 3 : 1;
        if (hone_dataset_read(path, &options, &d, &error[k]) != HONE_OK)
            continue;
        fingerprint[k] = hone_dataset_fingerprint(d);
        if (hone_dataset_describe(d, &json, NULL) != HONE_OK)
            abort();
        hone_text_free(json);
        hone_dataset_free(d);
    }
    close(file);
    if (fingerprint[0] != fingerprint[1] || error[0].status != error[1].status)
        abort();
}

#endif
