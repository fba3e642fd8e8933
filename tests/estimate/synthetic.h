// SPDX-License-Identifier: Apache-2.0
/* A device whose latencies are a formula: a roofline with units of 16 x 4 channels, slower for wide rows, and a little noise. */
#ifndef FET_TESTS_ESTIMATE_SYNTHETIC_H
#define FET_TESTS_ESTIMATE_SYNTHETIC_H

#include "base/rng.h"
#include "estimate/estimate.h"
#include "estimate/kernel_features.h"

#include <math.h>

static inline fet_kernel_key synthetic_conv(uint32_t ic, uint32_t oc, uint32_t size, uint16_t k, uint32_t group)
{
    fet_kernel_key key;
    memset(&key, 0, sizeof key);
    key.op = FET_OP_CONV;
    key.precision = FET_DTYPE_S8;
    key.flags = FET_KERNEL_BIAS;
    key.n = 1, key.ic = ic, key.oc = oc, key.group = group;
    key.ih = key.iw = key.oh = key.ow = size;
    key.kh = key.kw = k, key.sh = key.sw = key.dh = key.dw = 1;
    key.pad_top = key.pad_left = key.pad_bottom = key.pad_right = k / 2;
    return key;
}

static inline double synthetic_ms(const fet_kernel_key *key)
{
    fet_workload w = fet_workload_of(key);
    double rounded = w.pixels * w.window * ceil(w.outputs / 16) * 16 * (w.sums_inputs ? ceil(w.inputs / 4) * 4 : 1);
    return (0.0005 + fmax(rounded * 3e-9, w.bytes * 2e-8)) * (1 + 0.3 * (key->ow % 8 ? 1 : 0) + 0.002 * key->ow);
}

/* n different kernels of the first `families` of: dense, pointwise, depthwise. noise: relative, a standard deviation. */
static inline void synthetic_fill(uint64_t seed, uint32_t families, double noise, fet_estimate_sample *samples, size_t n)
{
    static const uint16_t windows[] = {3, 5};
    fet_rng rng;
    fet_rng_init(&rng, seed, 0, FET_RNG_TEST);
    for (size_t i = 0; i < n;) {
        uint32_t family = (uint32_t)(i % families), c = 1 + fet_rng_below(&rng, 128), size = 4 + fet_rng_below(&rng, 53);
        fet_kernel_key key = family == 0   ? synthetic_conv(c, 1 + fet_rng_below(&rng, 128), size, windows[fet_rng_below(&rng, 2)], 1)
                             : family == 1 ? synthetic_conv(c, 1 + fet_rng_below(&rng, 256), size, 1, 1)
                                           : synthetic_conv(c + 1, c + 1, size, windows[fet_rng_below(&rng, 2)], c + 1);
        bool there = false;
        for (size_t j = 0; j < i && !there; j++) there = fet_kernel_key_equal(&samples[j].key, &key);
        if (there) continue;
        samples[i].key = key;
        samples[i].latency_ms = synthetic_ms(&key) * exp(noise * fet_rng_normal(&rng));
        samples[i].spread = 0.01;
        i++;
    }
}

#endif
