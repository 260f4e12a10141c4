/* Any bytes as .npy or .npz; the first byte chooses. */
#include "fuzz_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const unsigned o = data[0];
    const bool zip = o & 1;
    fuzz_read(data + 1, size - 1,
              (hone_read_options){.format = zip ? HONE_NPZ : HONE_NPY,
                                  .target = !zip && (o & 2) ? "-1" : NULL,
                                  .weight = !zip && (o & 4) ? "0" : NULL,
                                  .drop = o & 8 ? "x1" : NULL,
                                  .categorical = o & 16 ? "x0" : NULL});
    return 0;
}
