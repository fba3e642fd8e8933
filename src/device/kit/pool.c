// SPDX-License-Identifier: Apache-2.0
/* What networks contain: a hash over keys, in the order in which they were met. */
#include "device/kit/pool.h"

#include <stdio.h>

const char *fet_kit_family_print(const fet_kernel_key *key, char text[FET_KIT_FAMILY_BYTES])
{
    char name[FET_KERNEL_KEY_TEXT_BYTES];
    bool plain = key->flags & FET_KERNEL_PLAIN_SRC && key->op != FET_OP_CAST;
    bool conv = key->op == FET_OP_CONV, depthwise = conv && key->group > 1 && key->group == key->ic;
    fet_kernel_key_print(key, name, sizeof name);
    name[strcspn(name, " ")] = '\0';
    if (key->kh && !plain)
        snprintf(text, FET_KIT_FAMILY_BYTES, "%.20s %ux%u%s", depthwise ? "depthwise" : name, key->kh, key->kw,
                 key->group > 1 && !depthwise ? " grouped" : "");
    else snprintf(text, FET_KIT_FAMILY_BYTES, "%.32s%s", name, plain ? " plain" : "");
    return text;
}

fet_status fet_kit_pool_create(const fet_fusion_rules *rules, fet_dtype precision, fet_kit_pool **out_pool)
{
    fet_auto(fet_kit_pool) pool = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *pool, "a pool of kernels", &pool));
    FET_TRY(fet_arena_create(&pool->arena));
    pool->rules = rules;
    pool->precision = precision;
    *out_pool = fet_take(pool);
    return FET_OK;
}

void fet_kit_pool_destroy(fet_kit_pool *pool)
{
    if (!pool) return;
    fet_kit_set_clear(&pool->set);
    fet_arena_destroy(pool->arena);
    fet_free(pool);
}

void fet_kit_set_clear(fet_kit_set *set)
{
    fet_free(set->items);
    fet_free(set->slots);
    *set = (fet_kit_set){0};
}

static uint32_t *slot_of(const fet_kit_set *set, const fet_kernel_key *key)
{
    size_t at = fet_kernel_key_hash(key) & (set->n_slots - 1);
    while (set->slots[at] && !fet_kernel_key_equal(&set->items[set->slots[at] - 1].key, key)) at = (at + 1) & (set->n_slots - 1);
    return &set->slots[at];
}

fet_status fet_kit_set_add(fet_kit_set *set, const fet_kernel_key *key, fet_kit_item **out_item)
{
    if (2 * ((size_t)set->n + 1) > set->n_slots) {
        size_t n_slots = set->n_slots ? 2 * set->n_slots : 1024;
        uint32_t *slots = NULL;
        FET_TRY(fet_alloc_zeroed(n_slots, sizeof *slots, "a set of kernels", &slots));
        fet_free(set->slots);
        set->slots = slots, set->n_slots = n_slots;
        for (uint32_t i = 0; i < set->n; i++) *slot_of(set, &set->items[i].key) = i + 1;
    }
    uint32_t *slot = slot_of(set, key);
    if (!*slot) {
        FET_TRY(fet_grow(&set->items, &set->capacity, (size_t)set->n + 1, sizeof *set->items));
        set->items[set->n++] = (fet_kit_item){.key = *key, .reason = FET_KIT_NETWORK};
        *slot = set->n;
    }
    *out_item = &set->items[*slot - 1];
    return FET_OK;
}

uint32_t fet_kit_pool_count(const fet_kit_pool *pool)
{
    return pool->set.n;
}

fet_status fet_kit_pool_add_key(fet_kit_pool *pool, const fet_kernel_key *key)
{
    fet_kit_item *item = NULL;
    FET_TRY(fet_kit_set_add(&pool->set, key, &item));
    item->reason = FET_KIT_ASKED;
    return FET_OK;
}

static fet_status add_split(fet_kit_pool *pool, const fet_graph *graph, bool asked)
{
    fet_kernels kernels;
    FET_TRY(fet_kernels_split(graph, pool->rules, pool->precision, pool->arena, &kernels));
    for (uint32_t k = 0; k < kernels.count; k++) {
        fet_kit_item *item = NULL;
        FET_TRY(fet_kit_set_add(&pool->set, &kernels.items[k].key, &item));
        item->count++;
        if (asked) item->reason = FET_KIT_ASKED;
    }
    return FET_OK;
}

fet_status fet_kit_pool_add_graph(fet_kit_pool *pool, const fet_graph *graph)
{
    fet_arena_reset(pool->arena);
    return add_split(pool, graph, false);
}

fet_status fet_kit_pool_add_space(fet_kit_pool *pool, const fet_space *space, uint32_t n_networks, uint32_t n_whole, uint64_t seed)
{
    fet_rng rng;
    fet_rng_init(&rng, seed, 1, FET_RNG_SAMPLE);
    for (uint32_t i = 0; i < n_networks; i++) {
        fet_genome genome;
        fet_auto(fet_graph) graph = NULL; /* goes before the arena is reset */
        if (i == 0) fet_space_base_genome(space, &genome);
        else fet_space_sample(space, &rng, &genome);
        fet_arena_reset(pool->arena);
        FET_TRY(fet_space_derive(space, &genome, pool->arena, &graph));
        FET_TRY(add_split(pool, graph, i < n_whole));
    }
    return FET_OK;
}
