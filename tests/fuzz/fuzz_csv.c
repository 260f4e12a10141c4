/* Any bytes as CSV; the first byte chooses the options. Seeds: tests/data/same, tests/data/hostile.
 */
#include "fuzz_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const unsigned o = data[0];
    fuzz_read(data + 1, size - 1,
              (hone_read_options){.format = HONE_CSV,
                                  .target = o & 1 ? "-1" : NULL,
                                  .weight = o & 2 ? "0" : NULL,
                                  .no_header = o & 4,
                                  .delimiter = o & 8 ? ';' : 0,
                                  .decimal = (o & 24) == 24 ? ',' : 0,
                                  .categorical = o & 32 ? "a" : NULL,
                                  .drop = o & 64 ? "b" : NULL});
    return 0;
}
