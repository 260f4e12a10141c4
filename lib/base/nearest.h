/* The name that somebody meant. */
#ifndef HONE_BASE_NEAREST_H
#define HONE_BASE_NEAREST_H

#include <stddef.h>

/* Edits between two names (insert, delete, replace, swap neighbours), each 2, a change of case 1;
 * names are looked at up to 64 bytes. */
int hone_edit_distance(const char *a, size_t a_length, const char *b, size_t b_length);

#endif
