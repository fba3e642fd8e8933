// SPDX-License-Identifier: Apache-2.0
/* Private to the kit: a set of kernels in the order in which they came, each once. */
#ifndef FET_DEVICE_KIT_POOL_H
#define FET_DEVICE_KIT_POOL_H

#include "device/kit/plan.h"

#include <string.h>

typedef struct fet_kit_set {
    fet_kit_item *items;
    uint32_t n;
    size_t capacity;
    uint32_t *slots; /* 1 + index, 0: free; a power of two, at most half full */
    size_t n_slots;
} fet_kit_set;

struct fet_kit_pool {
    const fet_fusion_rules *rules;
    fet_dtype precision;
    fet_arena *arena; /* of one network at a time */
    fet_kit_set set;
};

/* The item of a key, new or not; it moves when more are added. */
FET_MUST_CHECK fet_status fet_kit_set_add(fet_kit_set *set, const fet_kernel_key *key, fet_kit_item **out_item);
void fet_kit_set_clear(fet_kit_set *set);

#endif
