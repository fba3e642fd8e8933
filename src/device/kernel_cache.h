// SPDX-License-Identifier: Apache-2.0
/*
 * Costs of kernels that were computed, for a search asks for the same ones again and again: direct-mapped, one probe, the later kernel of
 * two that meet stays. Thread-compatible.
 */
#ifndef FET_DEVICE_KERNEL_CACHE_H
#define FET_DEVICE_KERNEL_CACHE_H

#include "kernel/kernel.h"

typedef struct fet_kernel_cache fet_kernel_cache;

/* Of 2^bits kernels, 1 to 20. */
FET_MUST_CHECK fet_status fet_kernel_cache_create(uint32_t bits, fet_kernel_cache **out_cache);
void fet_kernel_cache_destroy(fet_kernel_cache *cache);

/* False: it is not there. */
bool fet_kernel_cache_find(const fet_kernel_cache *cache, const fet_kernel_key *key, double *out_latency_ms, double *out_spread);
/* latency_ms above 0. */
void fet_kernel_cache_keep(fet_kernel_cache *cache, const fet_kernel_key *key, double latency_ms, double spread);

#endif
