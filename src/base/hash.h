// SPDX-License-Identifier: Apache-2.0
/* 64-bit hashes (XXH3), for keys of kernels, genomes and graphs. The value is stable across runs and machines of one byte order. */
#ifndef FET_BASE_HASH_H
#define FET_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t fet_hash(const void *data, size_t bytes);
uint64_t fet_hash_combine(uint64_t hash, uint64_t more);

#endif
