// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"

#include <xxhash.h>

uint64_t fet_hash(const void *data, size_t bytes)
{
    return XXH3_64bits(data, bytes);
}

uint64_t fet_hash_combine(uint64_t hash, uint64_t more)
{
    return XXH3_64bits_withSeed(&more, sizeof more, hash);
}
