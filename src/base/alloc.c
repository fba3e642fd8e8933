// SPDX-License-Identifier: Apache-2.0
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

static _Atomic uint64_t calls;
static _Atomic uint64_t failing_call = UINT64_MAX;

static bool injected_failure(void)
{
    return atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed) == atomic_load_explicit(&failing_call, memory_order_relaxed);
}

uint64_t fet_alloc_fail_after(uint64_t n)
{
    atomic_store(&failing_call, n);
    return atomic_exchange(&calls, 0);
}

void *fet_malloc(size_t bytes)
{
    return injected_failure() || bytes > PTRDIFF_MAX ? NULL : malloc(bytes ? bytes : 1);
}

void *fet_calloc(size_t count, size_t item_bytes)
{
    size_t bytes = 0;
    if (injected_failure() || !fet_multiply_checked(count, item_bytes, &bytes) || bytes > PTRDIFF_MAX) return NULL;
    return count && item_bytes ? calloc(count, item_bytes) : calloc(1, 1);
}

void *fet_realloc(void *pointer, size_t bytes)
{
    return injected_failure() || bytes > PTRDIFF_MAX ? NULL : realloc(pointer, bytes ? bytes : 1);
}

void *fet_aligned_malloc(size_t alignment, size_t bytes)
{
    if (injected_failure()) return NULL;
    size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    return rounded < bytes || rounded > PTRDIFF_MAX ? NULL : aligned_alloc(alignment, rounded ? rounded : alignment);
}

void *fet_large_malloc(size_t bytes)
{
    if (bytes < 2 * HUGE_PAGE) return fet_aligned_malloc(64, bytes);
    void *data = fet_aligned_malloc(HUGE_PAGE, bytes);
    if (data) (void)madvise(data, (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE); /* a hint: without it, small pages */
    return data;
}

char *fet_strdup(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = fet_malloc(bytes);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

void fet_free(void *pointer)
{
    free(pointer);
}

fet_status fet_alloc_zeroed(size_t count, size_t item_bytes, const char *what, void *out_pointer)
{
    void *pointer = fet_calloc(count, item_bytes);
    if (!pointer) return fet_fail(FET_ERROR_NOMEM, "no memory for %s (%zu items of %zu bytes)", what, count, item_bytes);
    memcpy(out_pointer, &pointer, sizeof pointer);
    return FET_OK;
}

fet_status fet_strdup_checked(const char *text, char **out_text)
{
    char *copy = fet_strdup(text);
    if (!copy) return fet_fail(FET_ERROR_NOMEM, "no memory for a text of %zu bytes", strlen(text) + 1);
    *out_text = copy;
    return FET_OK;
}

bool fet_multiply_checked(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

fet_status fet_grow(void *data_pointer, size_t *capacity, size_t needed, size_t item_bytes)
{
    if (needed <= *capacity) return FET_OK;
    size_t wanted = *capacity > SIZE_MAX / 2 ? needed : *capacity * 2;
    if (wanted < needed) wanted = needed;
    if (wanted < 8) wanted = 8;
    size_t bytes = 0;
    void *data = NULL;
    memcpy(&data, data_pointer, sizeof data);
    void *grown = fet_multiply_checked(wanted, item_bytes, &bytes) ? fet_realloc(data, bytes) : NULL;
    if (!grown) return fet_fail(FET_ERROR_NOMEM, "no memory to grow an array to %zu items of %zu bytes", wanted, item_bytes);
    memcpy(data_pointer, &grown, sizeof grown);
    *capacity = wanted;
    return FET_OK;
}
