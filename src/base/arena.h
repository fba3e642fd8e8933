// SPDX-License-Identifier: Apache-2.0
/*
 * A region of memory whose pieces die together: a graph with all its nodes, attributes and strings, or one request.
 * fet_arena_reset keeps the blocks, so deriving thousands of candidates a second touches the heap only for the first.
 * Built with -DFET_ARENA_DEBUG each piece is a malloc of its own, so that AddressSanitizer sees overruns. Thread-compatible.
 */
#ifndef FET_BASE_ARENA_H
#define FET_BASE_ARENA_H

#include "base/alloc.h"

typedef struct fet_arena fet_arena;

FET_MUST_CHECK fet_status fet_arena_create(fet_arena **out_arena);
void fet_arena_destroy(fet_arena *arena);
FET_DEFINE_AUTO(fet_arena);

/* Frees every piece at once; the memory stays with the arena for the next ones. */
void fet_arena_reset(fet_arena *arena);

/* Uninitialised / zeroed memory, 16-byte aligned; NULL when there is none (nothing recorded). */
void *fet_arena_alloc(fet_arena *arena, size_t bytes);
void *fet_arena_zalloc(fet_arena *arena, size_t count, size_t item_bytes);
void *fet_arena_copy(fet_arena *arena, const void *data, size_t bytes);
char *fet_arena_strdup(fet_arena *arena, const char *text);
char *fet_arena_printf(fet_arena *arena, const char *format, ...) FET_PRINTF(2, 3);

/* Bytes handed out since creation or reset. */
size_t fet_arena_used_bytes(const fet_arena *arena);

/* `return fet_arena_full();` after a NULL: records NOMEM. */
FET_MUST_CHECK fet_status fet_arena_full(void);
#define fet_arena_full() fet_failed_(FET_ERROR_NOMEM, (fet_arena_full)())

#endif
