// SPDX-License-Identifier: Apache-2.0
/*
 * The one door to the heap. Tests make the n-th allocation fail (fet_alloc_fail_after) to prove that every create, load and save
 * cleans up after itself. Thread-safe.
 */
#ifndef FET_BASE_ALLOC_H
#define FET_BASE_ALLOC_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All return NULL when there is no memory, without recording an error. Sizes of 0 give a pointer that may be freed. */
void *fet_malloc(size_t bytes);
void *fet_calloc(size_t count, size_t item_bytes);
void *fet_realloc(void *pointer, size_t bytes);
void *fet_aligned_malloc(size_t alignment, size_t bytes); /* alignment: a power of two */
/* For what may be large, as weights are: from a few megabytes on in pages of 2 MB where the kernel has them, for where such a buffer is
 * written and read but once or twice, page faults take most of its time. Of any content; aligned to 64 bytes, a cache line and the widest
 * vector register, at least. */
void *fet_large_malloc(size_t bytes);
char *fet_strdup(const char *text);
void fet_free(void *pointer); /* frees what any of the above gave; NULL is fine */

/* The same, with the error recorded: NOMEM naming `what`, a short noun for the user. */
FET_MUST_CHECK fet_status fet_alloc_zeroed(size_t count, size_t item_bytes, const char *what, void *out_pointer);
FET_MUST_CHECK fet_status fet_strdup_checked(const char *text, char **out_text);

/* *out = a * b; false when it does not fit. For every size that comes from a file. */
bool fet_multiply_checked(size_t a, size_t b, size_t *out);

/* Grows *data (of item_bytes items) so that `needed` items fit; doubles, so appending is amortised O(1). */
FET_MUST_CHECK fet_status fet_grow(void *data_pointer, size_t *capacity, size_t needed, size_t item_bytes);

/* Fault injection: the (n+1)-th allocation from now fails, once; SIZE_MAX switches it off. Returns how many calls were made since the last
 * setting. */
uint64_t fet_alloc_fail_after(uint64_t n);

#endif
