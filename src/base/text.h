// SPDX-License-Identifier: Apache-2.0
/* Small helpers on names, for messages that help. Thread-safe. */
#ifndef FET_BASE_TEXT_H
#define FET_BASE_TEXT_H

#include <stddef.h>

/* Insertions, deletions, replacements of one byte and swaps of two neighbours that turn a into b; names longer than 63 bytes are compared
 * by their first 63. */
size_t fet_text_distance(const char *a, const char *b);
/* The nearest of n names, for "did you mean"; NULL when none is near (more than a third of the word would have to change). */
const char *fet_text_nearest(const char *word, const char *const *names, size_t n);

#endif
