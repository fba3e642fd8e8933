// SPDX-License-Identifier: Apache-2.0
/*
 * Counter-based random numbers (Philox 4x32-10, Salmon et al. 2011): a stream is a pure function of its key (seed, trial, purpose),
 * so nothing depends on the order in which workers happen to run. Copy the struct to fork a stream. Thread-compatible.
 */
#ifndef FET_BASE_RNG_H
#define FET_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* What a stream is for; two purposes of one trial never share numbers. Append only: the values are part of what a seed means. */
typedef enum fet_rng_purpose {
    FET_RNG_SPLIT = 1,
    FET_RNG_INIT = 2,
    FET_RNG_SHUFFLE = 3,
    FET_RNG_AUGMENT = 4,
    FET_RNG_SEARCH = 5,
    FET_RNG_SAMPLE = 6,
    FET_RNG_CALIBRATE = 7,
    FET_RNG_TEST = 8,
    FET_RNG_BOOTSTRAP = 9,
    FET_RNG_MIX = 10,
} fet_rng_purpose;

typedef struct fet_rng {
    uint32_t key[2];
    uint32_t counter[4];
    uint32_t block[4];
    uint32_t n_left; /* numbers of `block` not handed out yet */
} fet_rng;

void fet_rng_init(fet_rng *rng, uint64_t seed, uint64_t trial, fet_rng_purpose purpose);
uint32_t fet_rng_u32(fet_rng *rng);
uint64_t fet_rng_u64(fet_rng *rng);
double fet_rng_uniform(fet_rng *rng);             /* in [0, 1) */
double fet_rng_normal(fet_rng *rng);              /* mean 0, variance 1 */
uint32_t fet_rng_below(fet_rng *rng, uint32_t n); /* in [0, n), unbiased; n >= 1 */
void fet_rng_shuffle(fet_rng *rng, uint32_t *items, size_t n);

#endif
