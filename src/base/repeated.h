// SPDX-License-Identifier: Apache-2.0
/*
 * A large array that says the same again and again, and takes the memory of one period: the same pages, mapped one behind the other. For
 * made-up weights of hundreds of megabytes that are read once; to fill such memory takes a second where the machine is a virtual one.
 */
#ifndef FET_BASE_REPEATED_H
#define FET_BASE_REPEATED_H

#include <stddef.h>

enum { FET_REPEATED_PERIOD = 4 << 20 /* bytes */ };

/* `bytes` of zeros; what is written into the first period is there in every other. NULL, with no error recorded, where the system has no
 * room for it or nothing of the kind. */
void *fet_repeated_map(size_t bytes);
void fet_repeated_unmap(void *data, size_t bytes); /* of as many bytes as it was made with; NULL is fine */

#endif
