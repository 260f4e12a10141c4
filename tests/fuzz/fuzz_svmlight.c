/* Any bytes as svmlight text; the first byte chooses the options. */
#include "fuzz_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    fuzz_read(data + 1, size - 1,
              (hone_read_options){.format = HONE_SVMLIGHT,
                                  .zero_based = data[0] % 3,
                                  .features = data[0] & 8 ? 100 : 0});
    return 0;
}
