#include "hone/hone.h"

const char *hone_version(void)
{
    return HONE_VERSION;
}
