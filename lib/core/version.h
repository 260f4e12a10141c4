/* Which build this is: results are promised to be the same bits within one. */
#ifndef HONE_CORE_VERSION_H
#define HONE_CORE_VERSION_H

extern const char hone_build[];

#endif
