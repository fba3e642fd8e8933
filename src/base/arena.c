// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ALIGNMENT = 16, FIRST_BLOCK_BYTES = 16 * 1024, LARGEST_DOUBLED_BYTES = 1024 * 1024 };

typedef struct block {
    struct block *next;
    size_t capacity;
    size_t used;
    _Alignas(ALIGNMENT) unsigned char bytes[];
} block;

struct fet_arena {
    block *first;   /* filled in order of the list */
    block *current; /* blocks after it are empty */
    size_t used_bytes;
};

fet_status fet_arena_create(fet_arena **out_arena)
{
    return fet_alloc_zeroed(1, sizeof(fet_arena), "an arena", out_arena);
}

void fet_arena_destroy(fet_arena *arena)
{
    if (!arena) return;
    for (block *b = arena->first, *next; b; b = next) {
        next = b->next;
        fet_free(b);
    }
    fet_free(arena);
}

void fet_arena_reset(fet_arena *arena)
{
#ifdef FET_ARENA_DEBUG
    for (block *b = arena->first, *next; b; b = next) {
        next = b->next;
        fet_free(b);
    }
    arena->first = NULL;
#endif
    for (block *b = arena->first; b; b = b->next) b->used = 0;
    arena->current = arena->first;
    arena->used_bytes = 0;
}

/* Appends an empty block of at least `bytes` after the current one. */
static block *add_block(fet_arena *arena, size_t bytes)
{
#ifdef FET_ARENA_DEBUG
    size_t capacity = bytes;
#else
    size_t capacity = arena->current ? arena->current->capacity * 2 : FIRST_BLOCK_BYTES;
    if (capacity > LARGEST_DOUBLED_BYTES) capacity = LARGEST_DOUBLED_BYTES;
    if (capacity < bytes) capacity = bytes;
#endif
    if (capacity > SIZE_MAX - sizeof(block)) return NULL;
    block *b = fet_malloc(sizeof(block) + capacity);
    if (!b) return NULL;
    b->capacity = capacity;
    b->used = 0;
    if (arena->current) {
        b->next = arena->current->next;
        arena->current->next = b;
    } else {
        b->next = arena->first;
        arena->first = b;
    }
    arena->current = b;
    return b;
}

void *fet_arena_alloc(fet_arena *arena, size_t bytes)
{
    if (bytes > SIZE_MAX - ALIGNMENT) return NULL;
#ifdef FET_ARENA_DEBUG
    size_t rounded = bytes ? bytes : 1; /* exact, so that one byte too far is seen */
#else
    size_t rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
#endif
    block *b = arena->current;
    while (b && b->capacity - b->used < rounded && b->next && b->next->used == 0) b = arena->current = b->next;
    if (!b || b->capacity - b->used < rounded) b = add_block(arena, rounded);
    if (!b) return NULL;
    void *piece = b->bytes + b->used;
    b->used += rounded;
    arena->used_bytes += rounded;
    return piece;
}

void *fet_arena_zalloc(fet_arena *arena, size_t count, size_t item_bytes)
{
    size_t bytes = 0;
    if (!fet_multiply_checked(count, item_bytes, &bytes)) return NULL;
    void *piece = fet_arena_alloc(arena, bytes);
    return piece ? memset(piece, 0, bytes) : NULL;
}

void *fet_arena_copy(fet_arena *arena, const void *data, size_t bytes)
{
    void *piece = fet_arena_alloc(arena, bytes);
    return piece && bytes ? memcpy(piece, data, bytes) : piece;
}

char *fet_arena_strdup(fet_arena *arena, const char *text)
{
    return fet_arena_copy(arena, text, strlen(text) + 1);
}

char *fet_arena_printf(fet_arena *arena, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    char *text = length < 0 ? NULL : fet_arena_alloc(arena, (size_t)length + 1);
    if (text) vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(arguments);
    return text;
}

size_t fet_arena_used_bytes(const fet_arena *arena)
{
    return arena->used_bytes;
}

fet_status(fet_arena_full)(void)
{
    return fet_fail(FET_ERROR_NOMEM, "no memory");
}
