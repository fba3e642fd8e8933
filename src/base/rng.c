// SPDX-License-Identifier: Apache-2.0
#include "base/rng.h"

#include <math.h>

/* Constants of Philox 4x32 (Random123). */
enum { ROUNDS = 10 };
static const uint32_t M0 = 0xD2511F53u, M1 = 0xCD9E8D57u, W0 = 0x9E3779B9u, W1 = 0xBB67AE85u;

static void philox(const uint32_t key_in[2], const uint32_t counter[4], uint32_t out[4])
{
    uint32_t k0 = key_in[0], k1 = key_in[1];
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t p0 = (uint64_t)M0 * c0, p1 = (uint64_t)M1 * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += W0;
        k1 += W1;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

void fet_rng_init(fet_rng *rng, uint64_t seed, uint64_t trial, fet_rng_purpose purpose)
{
    /* The seed is the key; trial and purpose fill the upper counter words, which leaves 2^32 blocks to each stream. */
    *rng = (fet_rng){
        .key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
        .counter = {0, (uint32_t)purpose, (uint32_t)trial, (uint32_t)(trial >> 32)},
    };
}

uint32_t fet_rng_u32(fet_rng *rng)
{
    if (rng->n_left == 0) {
        philox(rng->key, rng->counter, rng->block);
        rng->counter[0]++;
        rng->n_left = 4;
    }
    return rng->block[4 - rng->n_left--];
}

uint64_t fet_rng_u64(fet_rng *rng)
{
    uint64_t high = fet_rng_u32(rng);
    return high << 32 | fet_rng_u32(rng);
}

double fet_rng_uniform(fet_rng *rng)
{
    return (double)(fet_rng_u64(rng) >> 11) * 0x1.0p-53;
}

double fet_rng_normal(fet_rng *rng)
{
    /* Box-Muller; 1 - u is in (0, 1], so the logarithm is finite. */
    double radius = sqrt(-2.0 * log(1.0 - fet_rng_uniform(rng)));
    return radius * cos(6.283185307179586 * fet_rng_uniform(rng));
}

uint32_t fet_rng_below(fet_rng *rng, uint32_t n)
{
    /* Lemire 2019: multiply and reject the biased remainder. */
    uint64_t product = (uint64_t)fet_rng_u32(rng) * n;
    if ((uint32_t)product < n) {
        uint32_t threshold = (uint32_t)(-n) % n;
        while ((uint32_t)product < threshold) product = (uint64_t)fet_rng_u32(rng) * n;
    }
    return (uint32_t)(product >> 32);
}

void fet_rng_shuffle(fet_rng *rng, uint32_t *items, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = fet_rng_below(rng, (uint32_t)i);
        uint32_t item = items[i - 1];
        items[i - 1] = items[j];
        items[j] = item;
    }
}
