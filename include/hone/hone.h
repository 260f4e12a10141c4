/** hone/hone.h - one train() for tabular machine learning. */
#ifndef HONE_H
#define HONE_H

#include "hone/arrow.h"
#include "hone/config.h"
#include "hone/data.h"
#include "hone/dataset.h"
#include "hone/error.h"
#include "hone/estimate.h"
#include "hone/interop.h"
#include "hone/model.h"
#include "hone/replay.h"
#include "hone/space.h"
#include "hone/train.h"
#include "hone/tune.h"

HONE_BEGIN

/** "0.1.0"; never freed. */
HONE_API const char *hone_version(void);

HONE_END

#endif
