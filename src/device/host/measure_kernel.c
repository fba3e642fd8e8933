// SPDX-License-Identifier: Apache-2.0
/*
 * One kernel, as it runs inside a network: its weights and activations are not in the first-level cache, for other layers have run since.
 * So several copies of it, each with memory of its own, run in turns, as many as fill half of the second-level cache, at most 16. Measured
 * against whole networks (bench/network_sum), one copy run again and again came out 7% too fast where all weights of a network fit into
 * that cache. Where they do not, a network is slower still, and no figure of a kernel alone can say it. The turns also average over places
 * in memory: with one copy, now and then a whole process saw a small kernel 15% slower for where its buffers happened to lie
 * (bench/kernel_repeat).
 */
#include "device/host/measure.h"
#include "device/host/target.h"
#include "engine/executor.h"

#include <stdio.h>
#include <unistd.h>

enum { MAX_COPIES = 16, MIN_COPIES = 2, USUAL_CACHE_BYTES = 1 << 20 };

/* What is so many times the second-level cache has driven itself out of it before it runs again: one copy is enough, and two take seconds
 * to make. */
#define GIANT 4.0

typedef struct turns {
    fet_kernel_runner *copies[MAX_COPIES];
    int n;
} turns;

static fet_status run_turns(void *context)
{
    turns *t = context;
    for (int i = 0; i < t->n; i++) FET_TRY(fet_kernel_runner_run(t->copies[i]));
    return FET_OK;
}

static double round_up(double value, double unit)
{
    return unit * (double)(uint64_t)((value + unit - 1) / unit);
}

/* Bytes of weights and activations that one copy touches; weights are stored in blocks of the parallelism factors. */
static double footprint(const fet_kernel_key *key)
{
    fet_host_target target;
    const fet_device_options here = {.precision = (fet_dtype)key->precision, .isa = "auto"};
    double item = (double)fet_dtype_bytes((fet_dtype)key->precision), weights = 0;
    if (fet_host_target_find(&here, &target) != FET_OK) target.parallelism = (fet_parallelism){1, 1};
    if (key->op == FET_OP_CONV || key->op == FET_OP_CONV_TRANSPOSE || key->op == FET_OP_GEMM || key->op == FET_OP_MATMUL) {
        double ic = key->group > 1 ? (double)key->ic / key->group : round_up(key->ic, target.parallelism.in_channels);
        weights = ic * round_up(key->oc, target.parallelism.out_channels) * (key->kh ? key->kh : 1) * (key->kw ? key->kw : 1);
    }
    double src = (double)key->ic * key->ih * key->iw, dst = (double)key->oc * key->oh * key->ow;
    return item * (weights + key->n * (src + dst));
}

static int copies_wanted(const fet_kernel_key *key)
{
    long cache = sysconf(_SC_LEVEL2_CACHE_SIZE);
    double bytes = footprint(key), room = cache > 0 ? (double)cache : USUAL_CACHE_BYTES, n = 0.5 * room / (bytes + 64);
    if (bytes > GIANT * room) return 1;
    return n < MIN_COPIES ? MIN_COPIES : n > MAX_COPIES ? MAX_COPIES : (int)n;
}

static fet_status measure(const fet_kernel_key *key, const fet_sampler_options *options, turns *t, fet_samples *out_samples)
{
    fet_samples samples;
    int wanted = copies_wanted(key);
    for (; t->n < wanted; t->n++) FET_TRY(fet_kernel_runner_create(key, &t->copies[t->n]));
    FET_TRY(fet_sampler_measure(run_turns, t, options, &samples));
    samples.latency_ms /= t->n;
    samples.median_ms /= t->n;
    samples.minimum_ms /= t->n;
    *out_samples = samples;
    return FET_OK;
}

fet_status fet_host_measure_kernel(const fet_kernel_key *key, const fet_sampler_options *options, fet_samples *out_samples,
                                   char *implementation, size_t bytes)
{
    turns t = {.n = 0};
    fet_status status = measure(key, options, &t, out_samples);
    if (status == FET_OK) {
        const char *name = fet_kernel_runner_implementation(t.copies[0]);
        snprintf(implementation, bytes, "%s", name[0] ? name : "own");
    }
    for (int i = 0; i < t.n; i++) fet_kernel_runner_destroy(t.copies[i]);
    return status;
}
