// SPDX-License-Identifier: Apache-2.0
#include "device/kernel_cache.h"

#include "base/alloc.h"

typedef struct entry {
    fet_kernel_key key;
    double latency_ms; /* 0: empty */
    double spread;
} entry;

struct fet_kernel_cache {
    entry *entries;
    uint32_t bits;
};

fet_status fet_kernel_cache_create(uint32_t bits, fet_kernel_cache **out_cache)
{
    fet_kernel_cache *cache = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *cache, "a cache of kernels", &cache));
    cache->bits = bits;
    fet_status status = fet_alloc_zeroed((size_t)1 << bits, sizeof *cache->entries, "a cache of kernels", &cache->entries);
    if (status == FET_OK) *out_cache = cache;
    else fet_kernel_cache_destroy(cache);
    return status;
}

void fet_kernel_cache_destroy(fet_kernel_cache *cache)
{
    if (!cache) return;
    fet_free(cache->entries);
    fet_free(cache);
}

static entry *place_of(const fet_kernel_cache *cache, const fet_kernel_key *key)
{
    return &cache->entries[fet_kernel_key_hash(key) >> (64 - cache->bits)];
}

bool fet_kernel_cache_find(const fet_kernel_cache *cache, const fet_kernel_key *key, double *out_latency_ms, double *out_spread)
{
    const entry *e = place_of(cache, key);
    if (!(e->latency_ms > 0) || !fet_kernel_key_equal(&e->key, key)) return false;
    *out_latency_ms = e->latency_ms;
    *out_spread = e->spread;
    return true;
}

void fet_kernel_cache_keep(fet_kernel_cache *cache, const fet_kernel_key *key, double latency_ms, double spread)
{
    *place_of(cache, key) = (entry){.key = *key, .latency_ms = latency_ms, .spread = spread};
}
