// SPDX-License-Identifier: Apache-2.0
#include "estimate/known.h"

#include "base/alloc.h"

enum { FIRST_SLOTS = 64 };

static uint32_t *slot_of(uint32_t *slots, size_t n_slots, const fet_estimate_sample *items, const fet_kernel_key *key)
{
    size_t at = fet_kernel_key_hash(key) & (n_slots - 1);
    while (slots[at] && !fet_kernel_key_equal(&items[slots[at] - 1].key, key)) at = (at + 1) & (n_slots - 1);
    return &slots[at];
}

static fet_status more_slots(fet_known *known)
{
    uint32_t *slots = NULL;
    size_t n_slots = known->n_slots ? 2 * known->n_slots : FIRST_SLOTS;
    FET_TRY(fet_alloc_zeroed(n_slots, sizeof *slots, "a table of kernels", &slots));
    for (uint32_t i = 0; i < known->n; i++) *slot_of(slots, n_slots, known->items, &known->items[i].key) = i + 1;
    fet_free(known->slots);
    known->slots = slots;
    known->n_slots = n_slots;
    return FET_OK;
}

fet_status fet_known_add(fet_known *known, const fet_estimate_sample *sample)
{
    if (2 * (known->n + 1) > known->n_slots) FET_TRY(more_slots(known));
    FET_TRY(fet_grow(&known->items, &known->capacity, known->n + 1, sizeof *known->items));
    uint32_t *slot = slot_of(known->slots, known->n_slots, known->items, &sample->key);
    char text[FET_KERNEL_KEY_TEXT_BYTES];
    if (*slot) return fet_fail(FET_ERROR_EXISTS, "kernel \"%s\" is there twice", fet_kernel_key_print(&sample->key, text, sizeof text));
    known->items[known->n++] = *sample;
    *slot = (uint32_t)known->n;
    return FET_OK;
}

const fet_estimate_sample *fet_known_find(const fet_known *known, const fet_kernel_key *key)
{
    if (known->n == 0) return NULL;
    uint32_t found = *slot_of(known->slots, known->n_slots, known->items, key);
    return found ? &known->items[found - 1] : NULL;
}

void fet_known_clear(fet_known *known)
{
    fet_free(known->items);
    fet_free(known->slots);
    *known = (fet_known){.n = 0};
}
